"""Citations name the lines of the quote, on all its pages, and nothing else."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import Anchor, ChunkRegion
from deepseek_ocr_rag.chunk import chunk_document
from deepseek_ocr_rag.cite import Citation, CitationRegion, locate
from deepseek_ocr_rag.document import Block, BlockKind, Document, Line, LineWord, Page
from deepseek_ocr_rag.errors import UnknownChunk
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.metadata import chunk_metadata, page_metadata
from deepseek_ocr_rag.passage import Passage

FIRST = """The reservoir was lowered in spring so that the old spillway could be inspected. Divers found that two of the
seven gates no longer closed and that the concrete below them had been washed out over a length of nine metres."""
SECOND = """The repair was put out to tender in autumn. Three companies answered, of which one withdrew its offer after
the first visit to the site because access by road was considered too dangerous in winter."""
LINE_HEIGHT = 0.02


def make_block(text: str, *, page: int, top: float, wrap: int = 60, kind: BlockKind = BlockKind.PARAGRAPH) -> Block:
    """A block with a box for each wrapped line, as an engine with a text layer gives it."""
    rows = textwrap.wrap(text, wrap)
    lines, start = [], 0
    for number, row in enumerate(rows):
        y = top + number * LINE_HEIGHT
        box = Box(left=0.1, top=y, right=0.1 + 0.9 * len(row) / 90, bottom=y + 0.015)
        lines.append(Line(start=start, end=start + len(row), box=box, source="text_layer"))
        start += len(row) + 1
    return Block(id=f"p{page}-{top}", kind=kind, text="\n".join(rows), page_number=page, lines=tuple(lines))


def make_document(*pages: tuple[Block, ...]) -> Document:
    return Document(
        id="sha256:" + "0" * 64,
        source="/reports/dam.pdf",
        file_name="dam.pdf",
        total_pages=len(pages),
        pages=tuple(
            Page(number=number, label=str(number), width=595, height=842, blocks=blocks)
            for number, blocks in enumerate(pages, 1)
        ),
    )


FOOT = Block(
    id="foot",
    kind=BlockKind.PAGE_FOOTER,
    text="Confidential draft of the agency",
    page_number=1,
    boxes=(Box(left=0.1, top=0.95, right=0.5, bottom=0.97),),
)
DOCUMENT = make_document((make_block(FIRST, page=1, top=0.8), FOOT), (make_block(SECOND, page=2, top=0.1),))


def lines_of(citation: Citation) -> list[tuple[int, int]]:
    """Page and place (first line of the block is 0) of each cited line."""
    tops = {1: 0.8, 2: 0.1}
    return [
        (region.page_number, round((box.top - tops[region.page_number]) / LINE_HEIGHT))
        for region in citation.regions
        for box in region.boxes
    ]


def test_a_quote_gets_the_lines_in_which_it_stands() -> None:
    citation = locate("Divers found that two of the seven gates no longer closed", DOCUMENT)
    assert citation.status == "verified"
    assert citation.precision == "line"
    assert citation.quote == "Divers found that two of the seven gates\nno longer closed"
    assert Passage.from_document(DOCUMENT).text[citation.start : citation.end] == citation.quote
    assert lines_of(citation) == [(1, 1), (1, 2)]
    assert citation.page_number == 1
    assert (citation.document_id, citation.source, citation.chunk_id) == (DOCUMENT.id, "/reports/dam.pdf", "")
    assert [len(region.boxes) for region in citation.context] == [4]  # the paragraph
    assert (citation.box_source, citation.scope) == ("text_layer", "passage")
    assert (citation.prefix, citation.suffix[:15]) == ("ld spillway\ncould be inspected. ", " and that the c")
    assert len(citation.suffix) == 32


def test_a_quote_over_two_pages_skips_the_running_foot() -> None:
    citation = locate("over a length of nine metres. The repair was put out to tender", DOCUMENT)
    assert citation.status == "verified"
    assert [region.page_number for region in citation.regions] == [1, 2]
    assert lines_of(citation) == [(1, 3), (2, 0)]
    assert [region.page_number for region in citation.context] == [1, 2]


def test_an_elided_quote_leaves_out_the_lines_between() -> None:
    citation = locate("The reservoir was lowered in spring [...] a length of nine metres.", DOCUMENT)
    assert citation.status == "verified"
    assert lines_of(citation) == [(1, 0), (1, 3)]
    assert citation.quote == "The reservoir was lowered in spring … a length of nine metres."


def test_a_misread_quote_is_repaired_with_the_source_s_words() -> None:
    citation = locate("Thrce companies answcred, of which onc withdrew its offer", DOCUMENT)
    assert citation.status == "repaired"
    assert citation.quote.replace("\n", " ") == "Three companies answered, of which one withdrew its offer"
    assert 0.75 < citation.score < 1


def test_half_a_quote_is_partial_and_less_is_not_found() -> None:
    good, bad = "Three companies answered, of which one withdrew", "and the lowest bidder won the contract"
    assert locate(f"{good} ... {bad}", DOCUMENT).status == "partial"
    citation = locate(f"{good} ... {bad}, it was announced by the mayor of the city", DOCUMENT)
    assert (citation.status, citation.regions, citation.quote, citation.precision) == ("not_found", (), "", "none")
    assert (citation.score, citation.start, citation.end, citation.page_number) == (0.0, 0, 0, 0)
    assert (citation.prefix, citation.suffix, citation.box_source, citation.context != ()) == ("", "", "", False)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "   ",
        "…",
        "The mayor opened the new bridge in the presence of the minister.",
        "eight gates no longer closed 7",
    ],
)
def test_negatives_have_no_regions(quote: str) -> None:
    for where in (DOCUMENT, Passage.from_document(DOCUMENT), *chunk_document(DOCUMENT)):
        citation = locate(quote, where)
        assert citation.status == "not_found"
        assert citation.regions == ()


def test_the_hinted_page_decides_a_tie() -> None:
    same = "This page is left blank on purpose by the printer."
    document = make_document((make_block(same, page=1, top=0.8),), (make_block(same, page=2, top=0.1),))
    tie = locate(same, document)
    assert tie.status == "ambiguous"
    assert tie.page_number == 1
    for page in (1, 2):
        citation = locate(same, document, hint_page=page)
        assert (citation.status, citation.page_number) == ("verified", page)
    assert locate(same, document, hint_page=7).status == "ambiguous"


def test_a_short_phrase_that_occurs_twice_points_nowhere() -> None:
    document = make_document((make_block("One gate was open. Another gate was shut.", page=1, top=0.8),))
    citation = locate("gate was", document)
    assert (citation.status, citation.regions, citation.precision) == ("ambiguous", (), "none")


def test_chunks_cite_within_themselves_and_show_themselves_as_context() -> None:
    chunks = list(chunk_document(DOCUMENT))
    citation = locate("Divers found that two of the seven gates", chunks[0])
    assert citation.status == "verified"
    assert citation.chunk_id == chunks[0].id
    assert citation.document_id == DOCUMENT.id
    assert chunks[0].text[citation.start : citation.end] == citation.quote
    assert lines_of(citation) == [(1, 1), (1, 2)][: len(lines_of(citation))]
    assert {region.page_number for region in citation.context} == {region.page_number for region in chunks[0].regions}
    assert locate("Divers found", Passage.from_chunk(chunks[0], source="dam.pdf")).source == "dam.pdf"


def test_precision_says_what_the_boxes_are() -> None:
    box = Box(left=0.1, top=0.2, right=0.9, bottom=0.4)
    block = Block(id="b", kind=BlockKind.PARAGRAPH, text=FIRST, page_number=1, boxes=(box,))
    citation = locate("Divers found that two of the", make_document((block,)))
    assert (citation.precision, citation.regions) == ("block", (CitationRegion(page_number=1, boxes=(box,)),))
    nowhere = Block(id="b", kind=BlockKind.PARAGRAPH, text=FIRST, page_number=1)
    citation = locate("Divers found that two of the", make_document((nowhere,)))
    assert (citation.precision, citation.regions) == ("page", (CitationRegion(page_number=1),))
    assert citation.page_number == 1
    citation = locate("Divers found that two of the", Passage(text=FIRST, regions=()))
    assert (citation.status, citation.precision, citation.regions) == ("verified", "none", ())


@pytest.mark.parametrize(
    ("text", "box", "precision"),
    [
        (
            "A line of about eighty characters as it stands in many reports and letters today",
            (0.1, 0.1, 0.9, 0.116),
            "line",
        ),
        (
            "A line of about eighty characters as it stands in many reports and letters today",
            (0.1, 0.1, 0.5, 0.13),
            "block",
        ),
        ("Short heading over one line", (0.1, 0.1, 0.45, 0.125), "line"),
        ("这是一行大约三十个汉字组成的文本它只占一行而已不会更多了吧", (0.1, 0.1, 0.9, 0.122), "line"),
        ("这是一行大约三十个汉字组成的文本它只占一行而已不会更多了吧", (0.1, 0.1, 0.5, 0.145), "block"),
    ],
)
def test_boxes_higher_than_a_line_are_not_called_lines(text: str, box: tuple[float, ...], precision: str) -> None:
    region = ChunkRegion(page_number=1, box=Box.from_fractions(*box), start=0, end=len(text))
    assert locate(text, Passage(text=text, regions=(region,))).precision == precision


def test_a_box_is_cited_once_however_many_ranges_stand_in_it() -> None:
    box = Box(left=0.1, top=0.1, right=0.5, bottom=0.12)
    regions = tuple(ChunkRegion(page_number=3, box=box, start=at, end=at + 10) for at in (0, 10, 20))
    citation = locate(
        "several words in one and the same", Passage(text="several words in one and the same", regions=regions)
    )
    assert citation.regions == (CitationRegion(page_number=3, boxes=(box,)),)


def test_what_a_vector_store_gives_back_is_enough() -> None:
    chunk = next(chunk_document(DOCUMENT))
    metadata = chunk_metadata(DOCUMENT, chunk)
    direct, stored = (
        locate("Divers found that two of the seven gates no longer closed", where)
        for where in (chunk, Passage.from_metadata(chunk.text, metadata))
    )
    assert (stored.status, stored.precision, stored.quote) == ("verified", "line", direct.quote)
    assert (stored.document_id, stored.source, stored.chunk_id) == (DOCUMENT.id, "/reports/dam.pdf", chunk.id)
    assert lines_of(stored) == lines_of(direct)
    for ours, theirs in zip(stored.regions[0].boxes, direct.regions[0].boxes, strict=True):
        assert ours.as_tuple() == pytest.approx(theirs.as_tuple(), abs=1e-4)


def test_metadata_with_joined_regions_promises_no_lines() -> None:
    chunk = next(chunk_document(DOCUMENT))
    quote = "Divers found that two of the seven gates no longer closed"
    outcomes = []
    for size in (4096, 60, 40, 10):
        metadata = chunk_metadata(DOCUMENT, chunk, max_region_bytes=size)
        citation = locate(quote, Passage.from_metadata(chunk.text, metadata))
        assert citation.status == "verified"
        outcomes.append(metadata["regions_precision"])
        assert citation.precision == metadata["regions_precision"]
        assert bool(citation.regions and citation.regions[0].boxes) == (citation.precision in ("line", "block"))
    assert outcomes[0] == "line"
    assert outcomes[-1] == "none"


def test_a_block_without_a_place_does_not_hide_the_lines_of_the_others() -> None:
    title = Block(id="t", kind=BlockKind.HEADING, text="The dam in the valley", page_number=2, level=1)
    boxed = Block(
        id="b",
        kind=BlockKind.PARAGRAPH,
        text=FIRST,
        page_number=2,
        boxes=(Box(left=0.1, top=0.5, right=0.9, bottom=0.8),),
    )
    document = make_document((), (title, make_block(SECOND, page=2, top=0.1), boxed))
    (chunk,) = chunk_document(document)
    stored = Passage.from_metadata(chunk.text, chunk_metadata(document, chunk))
    for where in (chunk, stored):
        citation = locate("Three companies answered, of which one withdrew its offer", where)
        assert (citation.status, citation.precision, lines_of(citation)) == ("verified", "line", [(2, 0), (2, 1)])
        citation = locate("Divers found that two of the seven gates", where)
        assert (citation.precision, [len(region.boxes) for region in citation.regions]) == ("block", [1])
        citation = locate("The dam in the valley", where)
        assert (citation.precision, citation.regions) == ("page", (CitationRegion(page_number=2),))


def test_page_records_cite_the_page_where_nothing_else_is_known() -> None:
    page = DOCUMENT.pages[1]
    metadata = page_metadata(DOCUMENT, page, max_region_bytes=2)
    citation = locate("Three companies answered, of which one", Passage.from_metadata(page.markdown, metadata))
    assert (citation.status, citation.precision, citation.page_number) == ("verified", "page", 2)
    assert citation.regions == (CitationRegion(page_number=2),)
    whole = page_metadata(DOCUMENT, page)
    citation = locate("Three companies answered, of which one", Passage.from_metadata(page.markdown, whole))
    assert (citation.precision, lines_of(citation)[0]) == ("line", (2, 0))


def test_foreign_metadata_is_refused_and_missing_metadata_is_not() -> None:
    with pytest.raises(UnknownChunk):
        Passage.from_metadata(FIRST, {"regions": "[[1,2"})
    citation = locate("Divers found that two of the", Passage.from_metadata(FIRST, {}))
    assert (citation.status, citation.precision, citation.page_number) == ("verified", "none", 0)
    odd = {"regions": None, "page_number": float("nan"), "page_end_number": "x"}
    assert locate("Divers found that two of the", Passage.from_metadata(FIRST, odd)).regions == ()


def test_to_dict_is_json_and_comes_back() -> None:
    citation = locate("Divers found that two of the", DOCUMENT)
    data = json.loads(json.dumps(citation.to_dict()))
    assert Citation.from_dict(data) == citation
    old = {name: value for name, value in data.items() if name not in ("box_source", "prefix", "suffix", "scope")}
    assert Citation.from_dict(old).regions == citation.regions
    wrongs: list[Any] = [
        [],
        None,
        {},
        data | {"precision": "atom"},
        data | {"regions": [{"page_number": 1, "boxes": [[1]]}]},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="Citation"):
            Citation.from_dict(wrong)
    assert data["page_number"] == 1
    assert data["status"] == "verified"
    assert data["regions"][0]["boxes"][0] == list(citation.regions[0].boxes[0].as_tuple())


@given(st.integers(0, len(FIRST.split()) - 1), st.integers(4, 30), st.integers(20, 90))
@settings(max_examples=60, deadline=None)
def test_cited_lines_are_exactly_those_with_characters_of_the_quote(first: int, count: int, wrap: int) -> None:
    words = FIRST.split()[first : first + count]
    block = make_block(FIRST, page=1, top=0.0, wrap=wrap)
    citation = locate(" ".join(words), make_document((block,)))
    if len(" ".join(words)) < 20:
        return
    assert citation.status == "verified"
    assert citation.quote.split() == words
    said = [line.box for line in block.lines if line.start < citation.end and citation.start < line.end]
    boxes = [box for region in citation.regions for box in region.boxes]
    assert [(box.top, box.bottom) for box in boxes] == [(box.top, box.bottom) for box in said]
    assert all(line.left <= box.left < box.right <= line.right for line, box in zip(said, boxes, strict=True))
    assert all(line.right == box.right for line, box in zip(said[:-1], boxes[:-1], strict=True))
    assert all(line.left == box.left for line, box in zip(said[1:], boxes[1:], strict=True))


@given(st.text(max_size=200), st.text(max_size=400), st.none() | st.integers(-1, 3))
@settings(max_examples=100, deadline=None)
def test_locate_never_raises(quote: str, text: str, hint: int | None) -> None:
    box = Box(left=0, top=0, right=0.5, bottom=0.5)
    region = ChunkRegion(page_number=1, box=box, start=0, end=len(text))
    citation = locate(quote, Passage(text=text, regions=(region,)), hint_page=hint)
    assert 0 <= citation.score <= 1
    assert (citation.status == "not_found") <= (citation.regions == ())


# Words, cells and rows


def with_words(block: Block) -> Block:
    """The block with the places of its words, as an engine with a text layer gives them; each lower than its line."""
    lines = []
    for line in block.lines:
        found = re.finditer(r"\S+", block.text[line.start : line.end])
        each = line.box.width / (line.end - line.start)
        words = [
            LineWord(
                start=line.start + word.start(),
                end=line.start + word.end(),
                box=replace(
                    line.box,
                    left=line.box.left + each * word.start(),
                    right=min(line.box.right, line.box.left + each * word.end()),
                    top=line.box.top + 0.001,
                ),
            )
            for word in found
        ]
        lines.append(replace(line, words=tuple(words)))
    return replace(block, lines=tuple(lines))


WORDED = make_document(
    (with_words(make_block(FIRST, page=1, top=0.8)), FOOT), (with_words(make_block(SECOND, page=2, top=0.1)),)
)


def words_cited(citation: Citation, document: Document) -> list[str]:
    """The words whose middle a box holds."""
    return [
        block.text[word.start : word.end]
        for region in citation.regions
        for block in document.pages[region.page_number - 1].blocks
        for line in block.lines
        for word in line.words
        if any(box.holds_center_of(word.box) for box in region.boxes)
    ]


def test_known_words_are_covered_and_no_others() -> None:
    quote = "two of the seven gates no longer closed"
    for where in (WORDED, next(chunk_document(WORDED))):
        citation = locate(quote, where)
        assert (citation.precision, words_cited(citation, WORDED)) == ("word", quote.split())
        ends = [(box.left, box.right) for box in citation.regions[0].boxes]
        assert ends[0] == pytest.approx((0.1 + 0.01 * 38, 0.1 + 0.01 * 60))  # "two of the seven gates"
        assert citation.regions[0].boxes[0].top == pytest.approx(0.8 + LINE_HEIGHT + 0.001)
    assert locate(quote, WORDED).box_source == "text_layer"


def test_metadata_knows_lines_which_are_cut_about_there() -> None:
    chunk = next(chunk_document(WORDED))
    citation = locate("two of the seven gates", Passage.from_metadata(chunk.text, chunk_metadata(WORDED, chunk)))
    assert (citation.precision, citation.box_source) == ("line", "")
    ((box,),) = (region.boxes for region in citation.regions)
    assert [box.left, box.right] == pytest.approx([0.48, 0.7], abs=0.03)


def test_a_chunk_that_ends_within_a_line_has_what_it_shows_of_it() -> None:
    block = make_block(FIRST, page=1, top=0.1)
    end = block.text.index("two of the")
    anchor = Anchor(block_id=block.id, page_number=1, start=0, end=end, chunk_start=0)
    document = make_document((block,))
    made = next(chunk_document(document))
    chunk = replace(made, text=block.text[:end], anchors=(anchor,))
    stored = Passage.from_metadata(chunk.text, chunk_metadata(document, chunk))
    for passage in (stored, Passage.from_chunk(chunk, document=document)):
        assert passage.regions[-1].box.right < block.lines[1].box.right - 0.1
        citation = locate("could be inspected. Divers found that", passage)
        assert citation.regions[0].boxes[-1].right == pytest.approx(passage.regions[-1].box.right, abs=1e-3)


ROWS = (("Station", "Level", "Flow"), ("Upper weir", "412.7 metres", "1,305"), ("Lower weir", "398.2 metres", "1,298"))


def make_table(*, has_cells: bool) -> Block:
    """A table of three rows; with the boxes of its cells' lines, or with its own alone."""
    written = ["| " + " | ".join(row) + " |" for row in ROWS]
    text = "\n".join((written[0], "|---|---|---|", *written[1:]))
    lines, at = [], 0
    for down, row in enumerate(ROWS):
        for across, cell in enumerate(row):
            at = text.index(cell, at)
            left, top = 0.1 + 0.25 * across, 0.3 + 0.03 * down
            box = Box.from_fractions(left, top, left + 0.01 * len(cell), top + 0.02)
            lines.append(Line(start=at, end=at + len(cell), box=box, source="ocr"))
            at += len(cell)
    return Block(
        id="table",
        kind=BlockKind.TABLE,
        text=text,
        page_number=1,
        boxes=(Box(left=0.1, top=0.3, right=0.8, bottom=0.39),),
        lines=tuple(lines) if has_cells else (),
    )


def test_cells_are_called_cells() -> None:
    document = make_document((make_table(has_cells=True),))
    chunk = next(chunk_document(document))
    for where in (document, chunk, Passage.from_metadata(chunk.text, chunk_metadata(document, chunk))):
        citation = locate("Lower weir | 398.2 metres", where)
        assert citation.precision == "cell"
        assert [box.left for box in citation.regions[0].boxes] == pytest.approx([0.1, 0.35])
        assert {round(box.top, 3) for box in citation.regions[0].boxes} == {0.36}
    assert locate("Lower weir | 398.2 metres", document).box_source == "ocr"


def test_rows_of_a_table_without_cells_are_bands_of_it() -> None:
    document = make_document((make_table(has_cells=False),))
    chunk = next(chunk_document(document))
    stored = Passage.from_metadata(chunk.text, chunk_metadata(document, chunk))
    for citation in (
        locate("Lower weir | 398.2 metres", document),
        locate("Lower weir | 398.2 metres", chunk),
        locate("Lower weir | 398.2 metres", stored, document=document),
    ):
        assert (citation.precision, citation.box_source) == ("row", "block")
        assert citation.regions[0].boxes[0].as_tuple() == pytest.approx((0.1, 0.36, 0.8, 0.39), abs=1e-3)
    alone = locate("Lower weir | 398.2 metres", stored)
    assert (alone.precision, alone.box_source) == ("block", "block")


# With the document at hand


def test_the_document_makes_boxes_finer() -> None:
    chunk = next(chunk_document(WORDED))
    quote = "two of the seven gates no longer closed"
    for size in (4096, 60, 2):
        stored = Passage.from_metadata(chunk.text, chunk_metadata(WORDED, chunk, max_region_bytes=size))
        citation = locate(quote, stored, document=WORDED)
        assert (citation.precision, citation.box_source, citation.scope) == ("word", "text_layer", "passage")
        assert words_cited(citation, WORDED) == quote.split()
        assert chunk.text[citation.start : citation.end] == citation.quote
        assert citation.chunk_id == chunk.id
        assert citation.context


def test_a_sentence_said_twice_is_refined_where_the_passage_has_it() -> None:
    same = "This page is left blank on purpose by the printer."
    document = make_document(
        (with_words(make_block(same, page=1, top=0.8)),), (with_words(make_block(same, page=2, top=0.1)),)
    )
    region = ChunkRegion(page_number=2, box=Box(left=0.1, top=0.1, right=0.9, bottom=0.2), start=0, end=len(same))
    citation = locate(same, Passage(text=same, regions=(region,), document_id=document.id), document=document)
    assert (citation.status, citation.precision, citation.page_number) == ("verified", "word", 2)
    nowhere = locate(same, Passage(text=same, regions=(), document_id=document.id), document=document)
    assert (nowhere.status, nowhere.precision, nowhere.regions) == ("verified", "none", ())


def make_book() -> Document:
    """Six pages, of which each says something of its own."""
    return make_document(
        *(
            (
                with_words(
                    make_block(f"{name} was the name of the ship that came {number} days late.", page=number, top=0.1)
                ),
            )
            for number, name in enumerate(("Aurora", "Borealis", "Cassandra", "Demeter", "Esperanza", "Fortuna"), 1)
        )
    )


@pytest.mark.parametrize(
    ("quote", "page", "scope"),
    [
        ("Borealis was the name of the ship", 2, "passage"),
        ("Cassandra was the name of the ship", 3, "pages"),
        ("Fortuna was the name of the ship that came 6 days", 6, "document"),
        ("Fortuma was the nane of the ship that came 6 days", 6, "document"),
    ],
)
def test_what_a_chunk_does_not_say_is_looked_for_around_it(quote: str, page: int, scope: str) -> None:
    book = make_book()
    second = book.pages[1]
    stored = Passage.from_metadata(second.markdown, page_metadata(book, second) | {"chunk_id": "c2"})
    citation = locate(quote, stored, document=book)
    assert (citation.page_number, citation.scope, citation.chunk_id) == (page, scope, "c2")
    assert citation.precision == "word"
    text = stored.text if scope == "passage" else Passage.from_document(book).text
    assert text[citation.start : citation.end] == citation.quote
    assert (scope == "passage") or locate(quote, stored).status == "not_found"


@pytest.mark.parametrize("first", ["The weather was fine.", "The deposit shall be returned to the landlord in time."])
def test_the_very_words_win_over_like_ones_nearby(first: str) -> None:
    quote = "The deposit shall be returned to the tenant within the agreed period."
    like = quote.replace("tenant", "landlord")
    texts = [first, like, "Other text.", "More of it.", "And more.", quote]
    document = make_document(
        *((with_words(make_block(text, page=number, top=0.1)),) for number, text in enumerate(texts, 1))
    )
    stored = Passage.from_metadata(first, page_metadata(document, document.pages[0]))
    citation = locate(quote, stored, document=document)
    assert (citation.status, citation.scope, citation.page_number) == ("verified", "document", 6)
    citation = locate(quote.replace("agreed", "agrccd"), stored, document=document)
    assert (citation.status, citation.scope, citation.page_number) == ("repaired", "document", 6)


def test_a_hint_counts_on_any_page() -> None:
    same = "This page is left blank on purpose by the printer."
    document = make_document(*((make_block(same, page=number, top=0.1),) for number in range(1, 71)))
    for quote in (same, same.replace("printer", "prlnter")):
        citation = locate(quote, document, hint_page=66)
        assert (citation.page_number, citation.status) == (66, "verified" if quote == same else "repaired")


def test_other_words_are_partial_and_what_was_made_up_has_no_boxes() -> None:
    citation = locate("Divers found that none of the seven gates no longer closed", DOCUMENT)
    assert citation.status == "partial"
    quote = "Three companies answered, of which one withdrew its offer after the first visit to the site"
    citation = locate(f"{quote}. The minister resigned over it.", DOCUMENT)
    assert (citation.status, citation.quote.replace("\n", " ")) == ("partial", quote)


def test_a_quote_over_the_end_of_a_chunk_has_both_halves() -> None:
    chunk = next(chunk_document(WORDED))
    end = chunk.text.index("two of the")
    cut = Passage(text=chunk.text[:end], regions=chunk.regions[:1], document_id=WORDED.id, chunk_id="first")
    quote = "Divers found that two of the seven gates no longer closed"
    assert locate(quote, cut).status == "not_found"
    for said in (quote, "could be inspected ... two of the seven gates no longer"):
        citation = locate(said, cut, document=WORDED)
        assert (citation.status, citation.scope, citation.chunk_id) == ("verified", "pages", "first")
    assert locate("could be inspected. Divers ... and was eaten up", cut, document=WORDED).status == "partial"


def test_what_is_nowhere_has_no_boxes_with_a_document_either() -> None:
    chunk = next(chunk_document(WORDED))
    citation = locate("The mayor opened the new bridge in the presence of the minister.", chunk, document=WORDED)
    assert (citation.status, citation.regions, citation.chunk_id) == ("not_found", (), chunk.id)
    short = locate("gate was", Passage(text="One gate was, one gate was not.", regions=()), document=WORDED)
    assert (short.status, short.regions) == ("ambiguous", ())


def test_another_document_is_refused() -> None:
    chunk = next(chunk_document(WORDED))
    other = replace(make_book(), id="sha256:" + "1" * 64)
    for where in (chunk, Passage.from_chunk(chunk)):
        with pytest.raises(UnknownChunk, match="not of this document"):
            locate("Divers found that two of the", where, document=other)


BOXES = st.tuples(*[st.floats(0, 1)] * 4).map(lambda sides: Box.from_fractions(*sides))


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    """Any text with lines and words anywhere."""
    text = draw(st.text(alphabet="ab1 |\n.-水م", min_size=1, max_size=60))
    place = st.integers(0, 70)
    words = st.builds(LineWord, start=place, end=place, box=BOXES)
    regions = st.builds(
        ChunkRegion,
        page_number=st.integers(1, 3),
        box=BOXES,
        start=place,
        end=place,
        words=st.lists(words, max_size=3).map(tuple),
        source=st.sampled_from(("", "ocr", "block")),
    )
    return Passage(
        text=text,
        regions=tuple(draw(st.lists(regions, max_size=4))),
        precision=draw(st.sampled_from((None, "line", "block", "page"))),
        is_placed=draw(st.booleans()),
    )


@given(passages(), st.text(max_size=80), st.integers(0, 60), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_boxes_are_within_those_of_the_passage(passage: Passage, quote: str, start: int, size: int) -> None:
    for said in (quote, passage.text[start : start + size]):
        for document in (None, DOCUMENT):
            citation = locate(said, passage, document=document)
            assert Citation.from_dict(citation.to_dict()) == citation
            if document:
                continue
            for region in citation.regions:
                own = [one.box for one in passage.regions if one.page_number == region.page_number]
                assert all(any(one.union(box) == one for one in own) for box in region.boxes)
            assert any(region.boxes for region in citation.regions) == (citation.precision not in ("page", "none"))


@given(st.integers(0, 30), st.integers(4, 12), st.integers(0, 3), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_longer_quote_covers_more(first: int, count: int, before: int, after: int, has_words: bool) -> None:
    document = WORDED if has_words else DOCUMENT
    words = (FIRST + " " + SECOND).split()
    less, more = (
        locate(" ".join(words[start:end]), document)
        for start, end in ((first, first + count), (max(0, first - before), first + count + after))
    )
    if less.status != "verified" or more.status != "verified":
        return
    wide = {(region.page_number, box.bottom): box for region in more.regions for box in region.boxes}
    for region in less.regions:
        for box in region.boxes:
            over = wide[region.page_number, box.bottom]
            assert over.left <= box.left + 1e-9
            assert over.right >= box.right - 1e-9
