from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Page, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.wholes import whole_table, whole_tables

HEADER = ["Name", "Count"]


def table(rows: Sequence[Sequence[str]], *, headers: int = 0, **fields: bool) -> Table:
    cells = tuple(
        Cell(row=row, column=column, text=text, is_header=row < headers)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    return Table(rows=len(rows), columns=len(rows[0]), cells=cells, header_rows=headers, **fields)


def block(page: int, name: str, made: Table | None, **fields: str) -> Block:
    return Block(id=name, kind=BlockKind.TABLE, text="x", page_number=page, table=made, **fields)


def document(*blocks: Block) -> Document:
    numbers = sorted({item.page_number for item in blocks})
    pages = tuple(
        Page(
            number=number,
            label=str(number),
            width=1,
            height=1,
            blocks=tuple(item for item in blocks if item.page_number == number),
        )
        for number in numbers
    )
    return Document(id="sha256:0", source="a.pdf", file_name="a.pdf", total_pages=len(pages), pages=pages)


def texts(made: Table) -> list[str]:
    return [cell.text for cell in made.cells]


def test_parts_are_one_table_with_its_header_once() -> None:
    caption = Block(id="c", kind=BlockKind.CAPTION, text="Table 1", page_number=1, belongs_to="a")
    again = Block(id="d", kind=BlockKind.CAPTION, text="Table 1, continued", page_number=2, belongs_to="b")
    parts = [
        block(1, "a", table([HEADER, ["x", "1"]], headers=1)),
        block(2, "b", table([HEADER, ["y", "2"], ["z", "3"]], headers=1, repeats_header=True), continues="a"),
        block(3, "e", table([["w", "4"]]), continues="b"),
    ]
    [whole] = whole_tables(document(caption, parts[0], again, parts[1], parts[2]))
    assert texts(whole.table) == [*HEADER, "x", "1", "y", "2", "z", "3", "w", "4"]
    assert (whole.table.rows, whole.table.columns, whole.table.header_rows) == (5, 2, 1)
    assert [cell.row for cell in whole.table.cells] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [cell.is_header for cell in whole.table.cells] == [True] * 2 + [False] * 8
    assert whole.row_pages == (1, 1, 2, 2, 3)
    assert whole.parts == tuple(parts)
    assert whole.captions == (caption, again)
    assert not whole.table.repeats_header


def test_a_table_on_one_page_is_whole() -> None:
    alone = block(1, "a", table([HEADER, ["x", "1"]], headers=1))
    [whole] = whole_tables(document(alone))
    assert (whole.table, whole.parts, whole.row_pages) == (alone.table, (alone,), (1, 1))


def test_tables_begin_in_order_and_other_text_may_stand_between_the_parts() -> None:
    first, between = block(1, "a", table([["1"]])), block(2, "b", table([["2"]]))
    rest = block(2, "c", table([["3"]]), continues="a")
    found = [texts(whole.table) for whole in whole_tables(document(first, between, rest))]
    assert found == [["1", "3"], ["2"]]


def test_a_guessed_header_of_a_part_that_goes_on_is_a_row_of_the_body() -> None:
    first = block(1, "a", table([HEADER, ["x", "1"]], headers=1))
    rest = block(2, "b", table([["Sum", "of"], ["y", "2"]], headers=1, header_is_guessed=True), continues="a")
    [whole] = whole_tables(document(first, rest))
    assert whole.table.rows == 4
    assert [cell.text for cell in whole.table.cells if cell.is_header] == HEADER


def test_spans_and_boxes_move_with_their_rows() -> None:
    box = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    cells = (
        Cell(row=0, column=0, text="a", row_span=2, box=box),
        *(Cell(row=row, column=1, text=str(row)) for row in (0, 1)),
    )
    parts = [block(number, str(number), Table(rows=2, columns=2, cells=cells)) for number in (1, 2)]
    whole = whole_table(parts)
    assert [(cell.row, cell.row_span, cell.box) for cell in whole.table.cells if cell.text == "a"] == [
        (0, 2, box),
        (2, 2, box),
    ]


def test_a_part_counts_the_header_that_it_repeats_itself() -> None:
    first = block(1, "a", table([HEADER, ["kg", "m"], ["x", "1"]], headers=2))
    rest = block(2, "b", table([HEADER, ["y", "2"], ["z", "3"]], headers=1, repeats_header=True), continues="a")
    [whole] = whole_tables(document(first, rest))
    assert texts(whole.table) == [*HEADER, "kg", "m", "x", "1", "y", "2", "z", "3"]


def test_cells_do_not_reach_into_the_next_part() -> None:
    cells = (Cell(row=0, column=0, text="a", row_span=3), Cell(row=1, column=0, text="nowhere"))
    parts = [block(1, "a", Table(rows=1, columns=1, cells=cells)), block(2, "b", table([["b"]]), continues="a")]
    whole = whole_table(parts)
    assert [(cell.row, cell.text, cell.row_span) for cell in whole.table.cells] == [(0, "a", 1), (1, "b", 1)]


def test_a_part_with_other_columns_and_links_in_a_circle_lose_nothing() -> None:
    one = block(1, "a", table([["1"]]), continues="c")
    two = block(2, "b", table([["2", "3"]]), continues="a")
    three = block(3, "c", table([["4", "5"]]), continues="b")
    found = [texts(whole.table) for whole in whole_tables(document(one, two, three))]
    assert found == [["1"], ["2", "3", "4", "5"]]


def test_a_table_without_a_grid_is_left_out_and_no_part_of_one() -> None:
    assert list(whole_tables(document(block(1, "a", None)))) == []
    with pytest.raises(ValueError, match="as many columns"):
        whole_table([block(1, "a", None)])
    with pytest.raises(ValueError, match="as many columns"):
        whole_table([])


@st.composite
def chains(draw: st.DrawFn) -> list[Block]:
    """Parts of one table, with and without a repeated header, some of them nothing but that."""
    columns, headers = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    words = iter(range(1_000))
    header = [[f"h{row}{column}" for column in range(columns)] for row in range(headers)]
    parts: list[Block] = []
    for number in range(draw(st.integers(1, 4))):
        repeats = bool(number and headers) and draw(st.booleans())
        rows = [[f"w{next(words)}" for _ in range(columns)] for _ in range(draw(st.integers(not repeats, 3)))]
        shown = header if repeats or not number else []
        made = table([*shown, *rows] or [["-"] * columns], headers=len(shown), repeats_header=repeats)
        parts.append(block(number + 1, f"t{number}", made, continues=parts[-1].id if parts else ""))
    return parts


@given(chains())
def test_rows_are_the_sum_and_every_text_is_kept(parts: list[Block]) -> None:
    [whole] = whole_tables(document(*parts))
    tables = [part.table for part in parts if part.table]
    headers = tables[0].header_rows
    repeated = sum(headers for made in tables if made.repeats_header)
    assert whole.table.rows == sum(made.rows for made in tables) - repeated == len(whole.row_parts)
    kept = [cell.text for made in tables for cell in made.cells if not made.repeats_header or cell.row >= headers]
    assert texts(whole.table) == kept
    for cell in whole.table.cells:
        part = tables[whole.row_parts[cell.row]]
        assert cell.text in texts(part)
    assert list(whole.row_pages) == sorted(whole.row_pages)
