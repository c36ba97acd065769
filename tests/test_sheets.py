from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Cell, Table
from deepseek_ocr_rag.sheets import table_csv
from deepseek_ocr_rag.tables import parse_html_table, table_rows


def table(*rows: tuple[str, ...]) -> Table:
    cells = tuple(
        Cell(row=row, column=column, text=text) for row, texts in enumerate(rows) for column, text in enumerate(texts)
    )
    return Table(rows=len(rows), columns=len(rows[0]), cells=cells)


def test_cells_are_quoted_as_the_standard_has_it() -> None:
    made = table(("a", 'b "c", d'), ("e\nf", ""))
    assert table_csv(made) == 'a,"b ""c"", d"\r\n"e\nf",\r\n'
    assert table_csv(made, delimiter=";") == 'a;"b ""c"", d"\r\n"e\nf";\r\n'


def test_a_spanning_cell_stands_once() -> None:
    made = parse_html_table("<table><tr><td colspan=2>a</td></tr><tr><td>b</td><td>c</td></tr></table>")
    assert made is not None
    assert table_csv(made) == "a,\r\nb,c\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "＝1",
        "-a",
        "\ufeff=1",
        "\x00=1",
        "\u200b=1",
        "\u2060 @x",
        "﹦1",
    ],
)
def test_what_a_spreadsheet_would_calculate_is_text(text: str) -> None:
    assert next(csv.reader(io.StringIO(table_csv(table((text,)))))) == [f"'{text}"]
    assert next(csv.reader(io.StringIO(table_csv(table((text,)), is_safe=False)))) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "+3.5%",
        "- 0.1024",
        "-1,234.50",
        "-1.2e-5",
        "-€ 5",
        "-3 €",
        "1-2",
        "a=b",
        "−5",
        "-",
        "--",
        "—",
        " - ",
        "\ufeff-",
    ],
)
def test_signed_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert next(csv.reader(io.StringIO(table_csv(table((text,)))))) == [text]


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\x00\r")), st.text("=+-@'\",;1 \n")), min_size=1))
def test_every_text_comes_back(rows: list[tuple[str, str]]) -> None:
    made = table(*rows)
    assert list(csv.reader(io.StringIO(table_csv(made, is_safe=False), newline=""))) == table_rows(made)
    safe = csv.reader(io.StringIO(table_csv(made), newline=""))
    for read, said in zip(safe, table_rows(made), strict=True):
        assert all(one in (other, f"'{other}") for one, other in zip(read, said, strict=True))
