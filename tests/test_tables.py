from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Cell, Line, Table
from deepseek_ocr_rag.geometry import Box, bounding_box
from deepseek_ocr_rag.tables import (
    MAX_PLACES,
    header_range,
    parse_html_table,
    parse_pipe_table,
    row_ranges,
    strip_tags,
    table_html,
    table_markdown,
    table_markdown_spans,
    table_rows,
    take_caption,
    unescape,
    with_cell_boxes,
)

FIXTURE = (Path(__file__).parent / "fixtures" / "tables.md").read_text(encoding="utf-8")
PARTS = [part.strip("\n") for part in re.split(r"^\.\n", FIXTURE, flags=re.MULTILINE)]
TRIPLES = list(zip(PARTS[0:-1:3], PARTS[1::3], PARTS[2::3], strict=True))


@pytest.mark.parametrize(("source", "expected"), [pytest.param(*rest, id=title) for title, *rest in TRIPLES])
def test_fixture(source: str, expected: str) -> None:
    table = parse_html_table(source) if "<table" in source else parse_pipe_table(source)
    found = "none"
    if table is not None:
        found = f"{table.rows}x{table.columns} headers {table.header_rows}\n{table_markdown(table)}"
    assert found == expected


def test_fixtures_are_found() -> None:
    assert len(TRIPLES) == 17


def test_cells_know_spans_and_headers() -> None:
    table = parse_html_table('<table><tr><th colspan="2">h</th></tr><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c')
    assert table is not None
    assert table.cells == (
        Cell(row=0, column=0, text="h", column_span=2, is_header=True),
        Cell(row=1, column=0, text="a", row_span=2),
        Cell(row=1, column=1, text="b"),
        Cell(row=2, column=1, text="c"),
    )
    assert table_rows(table) == [["h", ""], ["a", "b"], ["", "c"]]


def test_a_wide_cell_stops_at_one_that_hangs_down() -> None:
    table = parse_html_table(
        '<table><tr><td>a</td><td rowspan="2">b</td><td>c</td></tr><tr><td colspan="3">d</td><td>e</td></tr></table>'
    )
    assert table is not None
    assert table_rows(table) == [["a", "b", "c"], ["d", "", "e"]]


def test_ranges_cut_the_markdown_into_header_and_rows() -> None:
    table = parse_html_table("<table><tr><th>a</th></tr><tr><td>b|</td></tr><tr><td>c</td></tr></table>")
    assert table is not None
    markdown = table_markdown(table)
    assert [markdown[start:end] for start, end in row_ranges(table)] == ["| a |", "| b\\| |", "| c |"]
    assert markdown[slice(*header_range(table))] == "| a |\n|---|"


def test_header_range_covers_all_header_rows() -> None:
    table = parse_html_table("<table><tr><th>a</th></tr><tr><th>b</th></tr><tr><td>c</td></tr></table>")
    assert table is not None
    assert table_markdown(table)[slice(*header_range(table))] == "| a |\n|---|\n| b |"


def test_a_table_without_rows_is_empty() -> None:
    empty = Table(rows=0, columns=0, cells=())
    assert (table_markdown(empty), header_range(empty), row_ranges(empty)) == ("", (0, 0), ())


def test_entities() -> None:
    assert unescape("&amp;lt; &#x41; &copy=2 &nosuch; AT&T; &amp;amp;") == "< A &copy=2 &nosuch; AT&T; &"


@pytest.mark.parametrize(
    "html",
    [
        "<table>ab12</table>",
        '<table>a<td rowspan="2">b</table>',
        "<table><th>a</th><th>b</th>12</table>",
        "<table></table>",
        "",
    ],
)
def test_a_table_whose_plain_cells_are_stripped_has_no_grid(html: str) -> None:
    assert parse_html_table(html) is None


@pytest.mark.parametrize("html", ["<table><td>a</td><td>b</td></table>", "<td>a<td>b", "<tr><th>a</th><th>b"])
def test_a_single_kind_of_plain_tag_is_enough(html: str) -> None:
    table = parse_html_table(html)
    assert table is not None
    assert table_rows(table) == [["a", "b"]]


def test_a_cut_tag_is_no_text_and_words_after_a_smaller_sign_are() -> None:
    assert strip_tags("<td>a</t") == strip_tags("<td>a<td rowsp") == strip_tags('<td>a<td rowspan="2') == "a"
    assert strip_tags("<td>a <table of it") == "a <table of it"


def test_strip_tags_keeps_the_text() -> None:
    assert strip_tags("<p>a<b>b</b></p><td>c</td><td>d</td> 1<2 <x>") == "ab\nc d 1<2 <x>"


def test_caption_is_taken_out() -> None:
    assert take_caption("<table><caption>A <i>b</i></caption><tr>") == ("A b", "<table><tr>")
    assert take_caption("<table><caption>A<tr>") == ("A", "<table><tr>")
    assert take_caption("<table><tr>") == ("", "<table><tr>")


@pytest.mark.parametrize(
    "html",
    [
        "<table>" + "<tr><td rowspan=60000 colspan=1000>x" * 20_000,
        "<table><tr>" + "<td colspan=1000>x" * 20_000,
        "<table>" + "<tr>" + "<td>" * 1000 + "<tr><td>" * 1000,
        "<table>" + "".join(f"<tr><td colspan={n}>a<td>b" for n in range(1, 1000)),
    ],
)
def test_a_grid_that_is_too_large_is_refused(html: str) -> None:
    assert parse_html_table(html) is None


@pytest.mark.parametrize(
    "piece", ["<table>", "<td>", "<", "<a ", "</", "<caption>", "<td><table><tr>", "|", "| -", "&amp;", "<td a=", "\\|"]
)
def test_hostile_repetition_is_read_in_linear_time(piece: str) -> None:
    parse_html_table(piece * 10_000)
    parse_pipe_table(piece * 10_000)
    strip_tags(piece * 10_000)


def test_a_large_pipe_grid_is_refused() -> None:
    row = "|" * 1000
    assert parse_pipe_table("\n".join([row, "|" + "-|" * 999, *[row] * (MAX_PLACES // 999 + 1)])) is None


texts = st.text(st.sampled_from("ab1 .|\\-\n<>&#é中"), max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Tables of single cells with clean texts, as the parsers make them."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    headers = draw(st.integers(0, max(0, rows - 1)))
    cells = tuple(
        Cell(
            row=row,
            column=column,
            text="\n".join(filter(None, (" ".join(line.split()) for line in draw(texts).split("\n")))),
            is_header=row < headers,
        )
        for row in range(rows)
        for column in range(columns)
    )
    return Table(rows=rows, columns=columns, cells=cells, header_rows=headers)


@given(tables())
def test_html_goes_round(table: Table) -> None:
    assert parse_html_table(table_html(table)) == table


def test_places_without_a_cell_do_not_move_the_cells_behind_them() -> None:
    cells = (
        Cell(row=0, column=1, text="a"),
        Cell(row=1, column=0, text="b", row_span=2),
        Cell(row=2, column=2, text="c"),
    )
    table = Table(rows=3, columns=3, cells=cells)
    again = parse_html_table(table_html(table))
    assert again is not None
    assert [cell for cell in again.cells if cell.text] == list(cells)
    assert table_rows(again) == table_rows(table)


def test_cells_get_the_boxes_around_their_lines() -> None:
    table = parse_html_table("<table><tr><td>ab<br>cd</td><td>e</td></tr><tr><td>f</td><td></td></tr></table>")
    assert table is not None
    text, spans = table_markdown_spans(table)
    boxes = [Box(left=0.1, top=top, right=0.2, bottom=top + 0.1) for top in (0.1, 0.3, 0.5)]
    start = spans[0][1]
    lines = [
        Line(start=start, end=start + 2, box=boxes[0], source="text_layer"),
        Line(start=start + 6, end=start + 8, box=boxes[1], source="text_layer"),
        Line(start=spans[2][1], end=spans[2][2], box=boxes[2], source="text_layer"),
    ]
    boxed = with_cell_boxes(table, text, lines)
    assert [cell.box for cell in boxed.cells] == [bounding_box(boxes[:2]), None, boxes[2], None]
    assert [replace(cell, box=None) for cell in boxed.cells] == list(table.cells)
    assert with_cell_boxes(table, text + " ", lines) == with_cell_boxes(table, text, []) == table
    assert with_cell_boxes(boxed, text, [replace(lines[0], box=boxes[2])]).cells[0].box == boxed.cells[0].box


@given(tables())
def test_pipes_go_round(table: Table) -> None:
    again = parse_pipe_table(table_markdown(table))
    rows = table_rows(table)
    expected = rows if len(rows) == 1 or any(rows[0]) else rows[1:]  # a header of empty cells is no header
    assert again is not None
    assert table_rows(again) == expected


@given(tables())
def test_spans_stand_where_the_cells_texts_are(table: Table) -> None:
    markdown, spans = table_markdown_spans(table)
    at = 0
    for index, start, end in spans:
        assert at <= start <= end <= len(markdown)
        assert markdown[start:end] == table.cells[index].text.replace("|", "\\|").replace("\n", "<br>")
        at = end
    assert len(spans) == len(table.cells)
    assert [markdown[start:end] for start, end in row_ranges(table)] == [
        line for at, line in enumerate(markdown.split("\n")) if at != 1
    ]


fragments = st.sampled_from(
    [
        "<table>",
        "</table>",
        "<tr>",
        "</tr>",
        "<td>",
        "</td>",
        "<th>",
        "<thead>",
        "</thead>",
        "<br>",
        "<b>",
        "</b>",
        "<t",
    ]
    + ['<td colspan="3">', "<td rowspan=2>", "<th rowspan='9999' colspan='0'>", "<", "&lt;", "\n", " | "]
    + [f"w{number} " for number in range(9)]
)


@given(st.lists(fragments, max_size=40))
def test_any_html_gives_a_sound_grid_and_loses_no_word(parts: list[str]) -> None:
    html = "<table><tr><td>" + "".join(parts)
    table = parse_html_table(html)
    assert table is not None
    places = [
        (row, column)
        for cell in table.cells
        for row in range(cell.row, cell.row + cell.row_span)
        for column in range(cell.column, cell.column + cell.column_span)
    ]
    assert len(places) == len(set(places))
    assert all(row < table.rows and column < table.columns for row, column in places)
    assert list(table.cells) == sorted(table.cells, key=lambda cell: (cell.row, cell.column))
    words = re.findall(r"w\d", html)
    assert re.findall(r"w\d", " ".join(cell.text for cell in table.cells)) == words
    assert re.findall(r"w\d", table_markdown(table)) == words
    assert re.findall(r"w\d", strip_tags(html)) == words


@given(st.text(st.sampled_from("|-: ab\\\n"), max_size=60))
def test_any_text_is_a_pipe_table_or_not(text: str) -> None:
    table = parse_pipe_table(text)
    if table is not None:
        assert 0 < table.rows * table.columns <= MAX_PLACES
