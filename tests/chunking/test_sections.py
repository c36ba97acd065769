"""Which headings a chunk stands under."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document, chunk_markdown
from deepseek_ocr_rag.chunking.sections import shorter
from deepseek_ocr_rag.document import Block, BlockKind, Document, Page


def test_a_heading_without_text_goes_with_the_next_one() -> None:
    paths = [(chunk.text, chunk.headings) for chunk in chunk_markdown("# A\n# B\n## C\n\nx\n\n# E\n\ntext")]
    assert paths == [("# A\n# B\n## C\n\nx", ("B", "C")), ("# E\n\ntext", ("E",))]


@pytest.mark.parametrize("heading", ["…", "… …", "… and so on", "*…*"])
def test_a_heading_that_is_an_ellipsis_is_shortened_like_others(heading: str) -> None:
    for levels in (1, 2, 3):
        text = "\n".join(f"{'#' * level} {heading}" for level in range(1, levels + 1)) + "\n\nhello"
        chunks = list(chunk_markdown(text, ChunkOptions(max_tokens=16, counter="approx")))
        assert "".join(chunk.text for chunk in chunks).endswith("hello")


def test_shortening_comes_to_an_end() -> None:
    for headings in [("…",), ("…", "…"), ("…", "b" * 99), ("a", "b", "c"), ("a" * 99,)]:
        path: tuple[str, ...] = headings
        for _ in range(20):
            path = shorter(path) if path else path
        assert path == ()


def test_titles_in_documents_are_plain_words_as_well() -> None:
    blocks = (
        Block(id="h", kind=BlockKind.HEADING, text="**Results** of `x`", page_number=1, level=2),
        Block(id="p", kind=BlockKind.PARAGRAPH, text="Text.", page_number=1),
    )
    page = Page(number=1, label="1", width=1, height=1, blocks=blocks)
    document = Document(id="d", source="", file_name="", total_pages=1, pages=(page,))
    (chunk,) = chunk_document(document)
    assert chunk.headings == ("Results of x",)
    assert chunk.text == "## **Results** of `x`\n\nText."
