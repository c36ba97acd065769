"""Paragraphs, list items and tables that pages, columns and figures cut in two are linked, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.joins import joined, joined_within
from deepseek_ocr_rag.assembly.joints import Words
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Page, Table
from deepseek_ocr_rag.geometry import Box, QuarterTurn, inverse_turn
from deepseek_ocr_rag.tables import table_markdown

WIDE = Box(left=0.1, top=0.2, right=0.9, bottom=0.8)


def block(kind: str, text: str, box: Box | None = WIDE, *, name: str = "", size: float = 0.0, label: str = "") -> Block:
    boxes = (box,) if box else ()
    return Block(
        id=name or text, kind=BlockKind(kind), text=text, page_number=1, boxes=boxes, font_size=size, label=label
    )


def table(rows: Sequence[Sequence[str]], *, header_rows: int = 1, box: Box | None = WIDE, cells: bool = False) -> Block:
    step = 0.8 / len(rows[0])
    made = tuple(
        Cell(
            row=row,
            column=column,
            text=text,
            is_header=row < header_rows,
            box=Box(left=0.1 + step * column, top=0.5, right=0.08 + step * (column + 1), bottom=0.52)
            if cells
            else None,
        )
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    grid = Table(rows=len(rows), columns=len(rows[0]), cells=made, header_rows=header_rows)
    return replace(block("table", table_markdown(grid), box, name="table"), table=grid)


def page(number: int, *blocks: Block, status: str = "ok") -> Page:
    made = tuple(replace(item, id=f"{number}/{item.id}", page_number=number) for item in blocks)
    return Page(number=number, label="", width=595, height=842, status=status, blocks=made)  # type: ignore[arg-type]


def links(*pages: Page) -> list[tuple[str, str, str]]:
    """What continues what, and how; checks that both ends agree."""
    blocks = {item.id: item for one in pages for item in one.blocks}
    for item in blocks.values():
        assert not item.continued_by or blocks[item.continued_by].continues == item.id
        assert not item.continues or blocks[item.continues].continued_by == item.id
    return [(item.continues, item.id, item.joint) for item in blocks.values() if item.continues]


def across(before: Sequence[Block], after: Sequence[Block], known: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    return links(*joined(page(1, *before), page(2, *after), known))


END = block("paragraph", "a sentence of so many words that it fills most of a line, as they do, that", name="end")
REST = block("paragraph", "goes on here.", name="rest")
FOOT, HEAD = block("page_footer", "7"), block("page_header", "The book")
FIGURE, CAPTION, NOTE = block("figure", ""), block("caption", "Figure 1"), block("footnote", "1 a note")


def test_a_paragraph_goes_on_over_a_page_break() -> None:
    assert across([END, FOOT], [HEAD, REST]) == [("1/end", "2/rest", "space")]


def test_notes_figures_and_tables_may_stand_between() -> None:
    before, after = [END, table([["a", "b"]]), NOTE, FOOT], [HEAD, FIGURE, CAPTION, REST]
    assert [link[:2] for link in across(before, after)] == [("1/end", "2/rest")]
    small = block("paragraph", "printed by nobody, for nobody", size=7)
    assert len(across([replace(END, font_size=10.0), small], [replace(REST, font_size=10.0)])) == 1


@pytest.mark.parametrize("kind", ["heading", "title", "formula", "code", "other"])
def test_headings_and_formulas_may_not(kind: str) -> None:
    assert across([END, block(kind, "x = y")], [REST]) == []
    assert across([END], [block(kind, "x = y"), REST]) == []


def test_hyphens_are_undone_on_evidence() -> None:
    before, after = [replace(END, text=f"{END.text} all repre-")], [block("paragraph", "sentations are")]
    assert across(before, after, ["representations"])[0][2] == "hyphen"
    assert across(before, after, ["repre-sentations"])[0][2] == "none"
    assert across(before, after)[0][2] == "none"


def test_list_items_go_on() -> None:
    item = block("list_item", f"• {END.text}")
    assert len(across([item], [REST])) == 1
    assert len(across([item], [block("list_item", "goes on")])) == 1
    assert across([item], [block("list_item", "• another")]) == []


def test_letters_of_another_size_are_another_text() -> None:
    assert across([replace(END, font_size=12.0)], [replace(REST, font_size=8.0)]) == []
    assert len(across([replace(END, font_size=12.0)], [replace(REST, font_size=11.5)])) == 1


@pytest.mark.parametrize("status", ["failed", "truncated", "looped"])
def test_nothing_goes_on_from_a_page_that_was_not_read_to_its_end(status: str) -> None:
    pages = joined(page(1, END, status=status), page(2, REST), ())
    assert links(*pages) == []


def test_nothing_goes_on_over_a_missing_page() -> None:
    assert links(*joined(page(1, END), page(3, REST), ())) == []
    assert links(*joined(page(1, END), page(2, REST, status="failed"), ())) == []


def test_a_block_is_linked_once() -> None:
    first, second = joined(page(1, END), page(2, REST), ())
    assert joined(first, second, ()) == (first, second)


@pytest.mark.parametrize(
    ("end", "begin"),
    [
        ("Source: own calculation", "things fell again"),
        ("Dr. Ann Lee, MD", "cc: Bob May"),
        ("total amount", "net of tax"),
        ("Kind regards", "von Hagen, Peter"),
        ("a poem line without an end", "another poem line"),
    ],
)
def test_short_lines_do_not_go_on(end: str, begin: str) -> None:
    assert across([block("paragraph", end)], [block("paragraph", begin)]) == []


def test_short_feet_do_not_stand_between() -> None:
    foot = block("paragraph", "Report of ACME Ltd - confidential", Box(left=0.1, top=0.95, right=0.9, bottom=0.97))
    assert across([END, foot], [REST])[0][:2] == ("1/end", "2/rest")


def test_list_items_without_marks_are_apart() -> None:
    first = block("list_item", END.text)
    assert across([first], [block("list_item", "pears")]) == []
    assert len(across([first], [REST])) == 1


# Columns and figures of one page

LEFT, RIGHT = Box(left=0.1, top=0.6, right=0.48, bottom=0.9), Box(left=0.52, top=0.1, right=0.9, bottom=0.3)
LONG = "a paragraph that is long enough to be one, at the end of its column and"


def within(*blocks: Block) -> list[tuple[str, str, str]]:
    made = joined_within(page(1, *blocks), ())
    assert joined_within(made, ()) == made
    return links(made)


def test_a_paragraph_goes_on_in_the_next_column() -> None:
    note = block("footnote", "1 a note", Box(left=0.1, top=0.92, right=0.48, bottom=0.95))
    assert len(within(block("paragraph", LONG, LEFT), note, block("paragraph", "goes on", RIGHT))) == 1


def test_a_paragraph_goes_on_behind_a_figure() -> None:
    assert len(within(block("paragraph", LONG), FIGURE, CAPTION, REST)) == 1
    assert len(within(block("paragraph", LONG, None), replace(FIGURE, boxes=()), replace(REST, boxes=()))) == 1


def test_what_stands_beside_a_column_that_goes_on_is_no_part_of_it() -> None:
    first, aside = Box(left=0.1, top=0.1, right=0.48, bottom=0.4), Box(left=0.52, top=0.1, right=0.9, bottom=0.2)
    below = replace(REST, boxes=(Box(left=0.1, top=0.41, right=0.48, bottom=0.8),))
    quote = block("paragraph", "quote of the day", aside)
    assert within(block("paragraph", LONG, first), quote, below) == []
    assert len(within(block("paragraph", LONG, first), quote)) == 1


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_pages_on_their_side_have_their_columns_too(turn: QuarterTurn) -> None:
    def turned(*blocks: Block) -> int:
        back = inverse_turn(turn)
        made = [replace(item, boxes=tuple(box.turned(back) for box in item.boxes)) for item in blocks]
        return len(links(joined_within(replace(page(1, *made), turn=turn), ())))

    below = Box(left=0.1, top=0.91, right=0.48, bottom=0.95)
    assert turned(block("paragraph", LONG, LEFT), block("paragraph", "goes on", below)) == 0
    assert turned(block("paragraph", LONG, LEFT), block("paragraph", "goes on", RIGHT)) == 1


def test_paragraphs_below_each_other_are_two() -> None:
    below = Box(left=0.1, top=0.91, right=0.48, bottom=0.95)
    assert within(block("paragraph", LONG, LEFT), block("paragraph", "goes on", below)) == []
    assert within(block("paragraph", LONG, None), block("paragraph", "goes on", None)) == []


def test_short_texts_side_by_side_are_a_form() -> None:
    assert within(block("paragraph", "Name of", LEFT), block("paragraph", "applicant", RIGHT)) == []


def test_a_column_and_a_page_make_a_chain() -> None:
    right = block("paragraph", f"goes on, {LONG}", RIGHT)
    first = joined_within(page(1, block("paragraph", LONG, LEFT), right), ())
    assert len(links(*joined(first, page(2, REST), ()))) == 2


# Tables

TITLES, ONE, TWO = ["Year", "Sales"], ["2001", "5"], ["2002", "6"]


def test_a_table_goes_on_over_sixteen_pages() -> None:
    pages = [page(1, table([TITLES, ONE]))]
    pages += [page(number, table([TWO, ONE, TWO], header_rows=0)) for number in range(2, 17)]
    for at in range(15):
        pages[at], pages[at + 1] = joined(pages[at], pages[at + 1], ())
    found = links(*pages)
    assert found == [(f"{number - 1}/table", f"{number}/table", "space") for number in range(2, 17)]
    tables = [one.blocks[0].table for one in pages]
    assert [made.header_rows for made in tables if made] == [1] + [0] * 15
    assert not any(made.repeats_header for made in tables if made)
    assert sum(made.rows for made in tables if made) == 2 + 15 * 3


@pytest.mark.parametrize("header_rows", [0, 1])
def test_a_header_that_is_said_again_is_marked(header_rows: int) -> None:
    again = table([["YEAR", "Sales "], TWO], header_rows=header_rows)
    _, after = joined(page(1, table([TITLES, ONE])), page(2, HEAD, again), ())
    made = after.blocks[1].table
    assert made is not None
    assert (made.repeats_header, made.header_rows, made.cells[0].is_header) == (True, 1, True)
    assert after.blocks[1].text == again.text


def test_rows_of_the_middle_are_no_header() -> None:
    pages = [page(1, table([TITLES, ONE])), *(page(at, table([ONE, TWO], header_rows=0)) for at in (2, 3))]
    for at in range(2):
        pages[at], pages[at + 1] = joined(pages[at], pages[at + 1], ())
    assert [item.table.repeats_header for one in pages for item in one.blocks if item.table] == [False] * 3


def caption(text: str, kind: str = "caption") -> Block:
    return block(kind, text, name=f"c {text}")


MORE, NOT_HEADED = table([TITLES, TWO]), table([TWO, ONE], header_rows=0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([table([TITLES, ONE]), NOTE, FOOT], [HEAD, caption("Table 1 (continued)"), MORE]),
        ([table([TITLES, ONE]), caption("(continued on next page)", "paragraph")], [MORE]),
        ([caption("Table 1. Sales"), table([TITLES, ONE])], [caption("Table 1. Sales"), MORE]),
        ([caption("Table 1. Sales"), table([TITLES, ONE])], [caption("Table 1, cont'd", "paragraph"), NOT_HEADED]),
        ([table([TITLES, ONE])], [NOT_HEADED, caption("Table 1. Sales")]),
        ([table([TITLES, ONE]), caption("Table 1. Sales")], [MORE]),
        ([table([TITLES, ONE], box=None)], [replace(NOT_HEADED, boxes=())]),
        ([table([TITLES, ONE], cells=True)], [table([TWO, ONE], header_rows=0, cells=True)]),
    ],
)
def test_tables_that_go_on(before: list[Block], after: list[Block]) -> None:
    assert [link[1] for link in across(before, after)] == ["2/table"]


NUMBERS = [["Bern", "5"], ["Paris", "6"], ["Rome", "7"]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([table([TITLES, ONE])], [table([[*TITLES, "x"], [*TWO, "y"]])]),
        ([table([TITLES, ONE])], [block("paragraph", "Between."), MORE]),
        ([table([TITLES, ONE]), block("paragraph", "After.")], [MORE]),
        ([table([TITLES, ONE])], [caption("Table 2"), MORE]),
        ([caption("Table 1. Sales"), table([TITLES, ONE])], [caption("Table 2. Costs"), MORE]),
        ([caption("Table 1. Sales"), table([TITLES, ONE])], [caption("Table 2 (continued)"), MORE]),
        ([table([TITLES, ONE]), caption("Table 1. Sales")], [NOT_HEADED]),
        ([table([TITLES, ONE])], [table([["City", "People"], TWO])]),
        ([table([TITLES, ONE], header_rows=0)], [table([["City", "People"], TWO])]),
        ([table([TITLES, ONE])], [replace(MORE, boxes=(Box(left=0.4, top=0.1, right=0.6, bottom=0.9),))]),
        ([replace(table([TITLES, ONE]), boxes=(Box(left=0.1, top=0.1, right=0.9, bottom=0.3),))], [MORE]),
        ([table([TITLES, ONE])], [replace(MORE, boxes=(Box(left=0.1, top=0.7, right=0.9, bottom=0.9),))]),
        ([table(NUMBERS, header_rows=0)], [table([row[::-1] for row in NUMBERS], header_rows=0)]),
        ([table([TITLES, ONE])], [block("table", "Year Sales 2002 6")]),
        ([table([TITLES, ONE])], []),
    ],
)
def test_tables_that_do_not(before: list[Block], after: list[Block]) -> None:
    assert across(before, after) == []


def test_columns_have_to_stand_at_the_same_places() -> None:
    one, other = (
        table([["a", "b", "c"]] * 3, header_rows=0, cells=True),
        table([["d", "e", "f"]] * 3, header_rows=0, cells=True),
    )
    assert other.table is not None
    shifted = tuple(
        replace(cell, box=Box(left=0.1 + 0.05 * cell.column, top=0.5, right=0.13 + 0.05 * cell.column, bottom=0.52))
        for cell in other.table.cells
    )
    assert len(across([one], [other])) == 1
    assert across([one], [replace(other, table=replace(other.table, cells=shifted))]) == []


# What holds for every page

BLOCKS = st.builds(
    block,
    st.sampled_from([str(kind) for kind in BlockKind]),
    st.sampled_from(["goes on", "goes on and on " * 6, "Ends.", "", "hy-", "phen", "Table 1 continued", "没有"]),
    st.sampled_from([WIDE, LEFT, RIGHT, None]),
    name=st.text("abc", min_size=1, max_size=2),
    size=st.sampled_from([0.0, 7.0, 10.0]),
)
TABLES = st.lists(st.lists(st.sampled_from(["a", "1", ""]), min_size=2, max_size=2), min_size=1, max_size=3).map(table)


@settings(deadline=None)
@given(st.lists(st.lists(BLOCKS | TABLES, max_size=6, unique_by=lambda item: item.id), max_size=4))
def test_links_agree_and_nothing_else_changes(given_pages: list[list[Block]]) -> None:
    before = [page(number, *blocks) for number, blocks in enumerate(given_pages, start=1)]
    known = Words()
    for one in before:
        known.see(one)
    pages = [joined_within(one, known) for one in before]
    for at, _ in enumerate(pairwise(pages)):
        pages[at], pages[at + 1] = joined(pages[at], pages[at + 1], known)
    links(*pages)
    places = {item.id: at for at, item in enumerate(item for one in pages for item in one.blocks)}
    for one, was in zip(pages, before, strict=True):
        for item, old in zip(one.blocks, was.blocks, strict=True):
            assert not item.continues or places[item.continues] < places[item.id]
            assert replace(item, continues="", continued_by="", joint="space", table=old.table) == old
