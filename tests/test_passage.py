"""What a store gave back, cited: the very line where the text is the one that was stored, and else the page."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.chunk import chunk_document
from deepseek_ocr_rag.cite import locate
from deepseek_ocr_rag.document import Block, BlockKind, Document, Line, Page
from deepseek_ocr_rag.errors import UnknownChunk
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.metadata import chunk_metadata, parse_regions
from deepseek_ocr_rag.passage import Passage

SAID = ("The reservoir was lowered in spring.", "Divers found two broken gates there.", "The repair was put to tender.")


def block(name: str, kind: BlockKind, *said: str, top: float, level: int = 0) -> Block:
    lines, start = [], 0
    for number, words in enumerate(said):
        box = Box(left=0.1, top=top + number / 50, right=0.6, bottom=top + number / 50 + 0.015)
        lines.append(Line(start=start, end=start + len(words), box=box, source="text_layer"))
        start += len(words) + 1
    return Block(id=name, kind=kind, text="\n".join(said), page_number=4, lines=tuple(lines), level=level)


DAM = block("h", BlockKind.HEADING, "The dam", top=0.05, level=1)
PAGE = Page(number=4, label="4", width=595, height=842, blocks=(DAM, block("p", BlockKind.PARAGRAPH, *SAID, top=0.1)))
DOCUMENT = Document(id="sha256:0", source="/a.pdf", file_name="a.pdf", total_pages=9, pages=(PAGE,))
(CHUNK,) = chunk_document(DOCUMENT)
METADATA = chunk_metadata(DOCUMENT, CHUNK)


def cited(text: str, *, document: Document | None = None) -> tuple[str, list[float]]:
    """What the boxes of the second line are, and where."""
    citation = locate(SAID[1], Passage.from_metadata(text, METADATA), document=document)
    assert (citation.status, citation.page_number, citation.quote) == ("verified", 4, SAID[1])
    return citation.precision, [round(box.top, 3) for region in citation.regions for box in region.boxes]


@pytest.mark.parametrize(
    "text", [CHUNK.text, CHUNK.embedded_text, f"file_name: a.pdf\nsection_path: The dam\n\n{CHUNK.text}"]
)
def test_the_line_is_cited_also_under_the_path_that_was_embedded(text: str) -> None:
    assert cited(text) == ("line", [0.12])
    assert cited(text, document=DOCUMENT) == ("line", [0.12])


@pytest.mark.parametrize(
    "text", [f"Annual report 2019\n{CHUNK.text}", CHUNK.text.replace("\n", "\r\n"), CHUNK.text[9:]]
)
def test_a_text_that_is_another_has_its_page_and_with_the_document_its_line(text: str) -> None:
    assert cited(text) == ("page", [])
    assert cited(text, document=DOCUMENT) == ("line", [0.12])


@pytest.mark.parametrize("rows", ["[[4,0,0,9,9,5,5]]", "[[4,0,0,9,9,7,5]]"])
def test_regions_of_no_characters_are_refused(rows: str) -> None:
    with pytest.raises(UnknownChunk, match="impossible"):
        Passage.from_metadata(CHUNK.text, {"regions": rows, "regions_precision": "line"})


def test_metadata_has_the_regions_of_the_chunk() -> None:
    regions = Passage.from_chunk(CHUNK, document=DOCUMENT).regions
    assert [(one.start, one.end) for one in regions] == [(one.start, one.end) for one in CHUNK.regions]
    rows = parse_regions(str(METADATA["regions"]))
    assert [(one.page_number, one.box.to_ints(), one.start, one.end) for one in rows] == [
        (one.page_number, one.box.to_ints(), one.start, one.end) for one in regions
    ]
