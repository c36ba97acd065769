"""Where the characters of a block stand on the page, however many lines it has."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import ChunkRegion, is_whole_page, lines_showing, locate
from deepseek_ocr_rag.document import Block, BlockKind, Line, LineWord, Table
from deepseek_ocr_rag.geometry import PAGE_BOX, Box

BOX = Box(left=0.1, top=0.2, right=0.9, bottom=0.8)


def line(start: int, end: int, *, number: int = 0) -> Line:
    top = (number % 900) / 1000
    return Line(start=start, end=end, box=replace(BOX, top=top, bottom=top + 0.001), source="text_layer")


def block(text: str, *lines: Line, boxes: tuple[Box, ...] = (BOX,), table: Table | None = None) -> Block:
    kind = BlockKind.TABLE if table else BlockKind.PARAGRAPH
    return Block(id="b", kind=kind, text=text, page_number=3, boxes=boxes, lines=lines, table=table)


def table_block(rows: int, *, said: int | None = None) -> Block:
    text = "\n".join(["| a |", "|---|", *(f"| {row} |" for row in range(1, rows if said is None else said))])
    return block(text, table=Table(rows=rows, columns=1, cells=(), header_rows=1))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=12), st.integers(0, 60), st.integers(0, 60))
def test_lines_are_those_with_some_of_the_characters(sizes: list[tuple[int, int]], start: int, size: int) -> None:
    edges = list(accumulate(length for pair in sizes for length in pair))
    lines = [line(*edges[at : at + 2], number=at) for at in range(0, len(edges), 2)]
    made, end = block("x" * 100, *lines), start + size
    touched = [one for one in lines if max(one.start, start) < min(one.end, end)]
    assert list(lines_showing(made, start, end)) == touched
    found = list(locate(made, start, end, at=7))
    if touched:
        assert [region.box for region in found] == [one.box for one in touched]
        assert [(region.start, region.end) for region in found] == [
            (max(one.start, start) + 7 - start, min(one.end, end) + 7 - start) for one in touched
        ]
    else:
        assert [region.box for region in found] == [BOX]


@given(
    st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=8), st.integers(0, 60), st.integers(0, 60)
)
def test_lines_that_overlap_or_are_out_of_order_do_no_harm(spans: list[tuple[int, int]], start: int, size: int) -> None:
    made = block("x" * 100, *(line(*span, number=at) for at, span in enumerate(spans)))
    for region in locate(made, start, start + size, at=7):
        assert region.page_number == 3
        assert 7 <= region.start <= region.end <= 7 + size


def test_few_lines_are_looked_at_however_many_there_are() -> None:
    looked = 0

    class Counted(Line):
        def __getattribute__(self, name: str) -> object:
            nonlocal looked
            looked += name in ("start", "end")
            return super().__getattribute__(name)

    lines = [Counted(start=at * 10, end=at * 10 + 9, box=BOX, source="text_layer") for at in range(4096)]
    made = block("x" * 40960, *lines)
    looked = 0
    (region,) = locate(made, 20_003, 20_006, at=0)
    assert (region.start, region.end) == (0, 3)
    assert looked < 100


TEXT = "The river rises in the north, and falls (slowly) to the sea; nobody knows why it does."


def lined(text: str, *, per_line: int = 3) -> Block:
    """A block of so many words a line, each word in a box of its own."""
    words = [
        LineWord.at(found.start(), found.end(), replace(BOX, left=found.start() / 200, right=found.end() / 200))
        for found in re.finditer(r"\S+", text)
    ]
    rows = [tuple(words[at : at + per_line]) for at in range(0, len(words), per_line)]
    lines = (replace(line(row[0].start, row[-1].end, number=at), words=row) for at, row in enumerate(rows))
    return block(text, *lines)


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.integers(0, 50))
def test_regions_have_the_words_of_their_characters(start: int, size: int, at: int) -> None:
    made, end = lined(TEXT), min(len(TEXT), start + size)
    chunk = " " * at + TEXT[start:end]
    shown = [word for each in made.lines for word in each.words if max(word.start, start) < min(word.end, end)]
    found = [(region, word) for region in locate(made, start, end, at=at) for word in region.words]
    assert [word.box for _, word in found] == [word.box for word in shown]
    last = at
    for (region, word), own in zip(found, shown, strict=True):
        assert max(region.start, last) <= word.start < word.end <= region.end
        assert chunk[word.start : word.end] == TEXT[max(own.start, start) : min(own.end, end)]
        last = word.end


def test_rows_of_a_table_without_lines_stand_in_their_band() -> None:
    made = table_block(4)
    for row, (top, bottom) in enumerate([(0.35, 0.5), (0.5, 0.65), (0.65, 0.8)], start=1):
        start = made.text.index(f"| {row} |")
        (region,) = locate(made, start, start + len("| 1 |"), at=0)
        assert (region.box.top, region.box.bottom) == pytest.approx((top, bottom))
        assert region.is_approximate
    (whole,) = locate(made, 0, len(made.text), at=0)
    assert whole == ChunkRegion(page_number=3, box=BOX, start=0, end=len(made.text))
    assert not whole.is_approximate


def test_a_table_that_says_more_rows_than_it_has_is_one_box() -> None:
    made = table_block(2, said=9)
    start = made.text.index("| 8 |")
    assert [region.box for region in locate(made, start, start + 5, at=0)] == [BOX]


@pytest.mark.parametrize(("text", "is_part"), [("  abc\n", False), ("abc d", True), ("d abc", True)])
def test_a_box_is_a_guess_where_other_text_stands_in_it(text: str, is_part: bool) -> None:
    start = text.index("abc")
    (region,) = locate(block(text), start, start + 3, at=0)
    assert region.is_approximate is is_part


def test_a_block_without_boxes_is_on_its_page() -> None:
    (region,) = locate(block("abc", boxes=()), 0, 3, at=0)
    assert region.box == PAGE_BOX
    assert region.is_approximate
    assert is_whole_page(region.box)
    assert not is_whole_page(BOX)
