from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Cell, Table
from deepseek_ocr_rag.headrows import MAX_HEADER_ROWS, with_header, without_guess
from deepseek_ocr_rag.tables import parse_html_table, table_markdown

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


def table(text: str) -> Table:
    """Rows are lines, cells are split at ``|``; ``text*2`` is a cell over two columns."""
    html = ""
    for line in text.strip().split("\n"):
        html += "<tr>"
        for part in line.split("|"):
            said, _, span = part.strip().partition("*")
            html += f"<td colspan={span}>{said}</td>" if span else f"<td>{said}</td>"
    made = parse_html_table(f"<table>{html}</table>")
    assert made is not None
    return made


HEADED = {
    "words over numbers": (1, "Model | Size | Score\na | 12 | 0.5\nb | 7 | 0.25\nc | 9 | 0.125"),
    "the corner is empty": (1, " | Mass (kg) | Length\na | 12 | 5 cm\nb | 7 | 6 cm"),
    "years over amounts": (1, "Region | 2019 | 2020\nNorth | 1,200 | 1,300\nSouth | 900 | 950\nWest | 100 | 105"),
    "groups and what is in them": (
        2,
        "Item | Male*2 | Female*2\n | % | CI | % | CI\na | 1 | 2 | 3 | 4\nb | 5 | 6 | 7 | 8",
    ),
    "a title over all columns": (2, "Results*3\nName | Count | Sum\na | 1 | 2\nb | 3 | 4\nc | 5 | 6"),
    "units below": (2, "Name | Mass | Length\n | kg | m\na | 1 | 2\nb | 3 | 4\nc | 5 | 6"),
    "words over the same few words": (
        1,
        "Test | Run | Passed\nt1 | fast | yes\nt2 | fast | no\nt3 | slow | yes\nt4 | slow | no",
    ),
    "brackets below": (
        2,
        "# | By | | mAP\n | | all | (0.75)\n6 | OTSL | 0.9 | 0.88\n4 | HTML | 0.8 | 0.85\n2 | OTSL | 0.9 | 0.7",
    ),
    "LaTeX": (1, r" | \( \Delta G_{193K} \) | \( k^{2} \)" "\nAnMe | -14 | 94\nTMA | -6 | 2.3\nTME | -7 | 0.12"),
    "ranges under a label with a number": (
        1,
        "Variable | 95% CI | p\nSex | 31.5 to 47.1 | 0.01\nAge | 92.6 to 95.0 | 0.3",
    ),
    "a typical name over the only numbers": (1, "Item | Unit price (EUR)\nTea | 2\nMilk | 1\nJuice | 3"),
    "a unit over the only numbers": (
        1,
        r"Anthracene | Half of them ( \( ^\circ \) C)" "\nAnMe | 165\nAnEt | 170\nAnPr | -8.4",
    ),
    "numbers in both columns": (1, "Year | Visits\n2019 | 100\n2020 | 110\n2021 | 200"),
}
BARE = {
    "rows from the middle of a table": "07/17/2015 | Boeing | 65\n07/18/2015 | Safeway | 113\n08/01/2015 | Oakley | 7",
    "numbers alone": "0.47 | 0.40 | 0.03\n0.60 | 0.07 | 0.60\n0.55 | 0.56 | 0.52",
    "names and values": "Name: | Anna Smith\nBorn: | 1970\nPhone: | 555 1234\nRoom: | 12",
    "a first row that says what others say": "yes | fast | 12\nyes | slow | 13\nno | fast | 14\nno | slow | 15",
    "a label is missing": "Name | | Sum\na | 1 | 2\nb | 3 | 4\nc | 5 | 6",
    "words over other words": "Anna likes | green tea\nBerta wants | milk\nCleo drinks | water",
    "sections": "AFRICA*3\nAlgeria | 33 003 | 33 461\nAngola | 15 421 | 15 977\nBenin | 7 000 | 7 100",
    "years over years": "Founded | 1950\nClosed | 1960\nOpened | 1970",
    "one row": "Name | Count | Sum",
    "a form": "Name | Ann\nAge | 37\nHeight | 172\nWeight | 60",
    "a form with a company": "Name | Price Brothers\nAge | 37\nHeight | 172\nWeight | 60",
    "a form with a doctor": "Name | Ann Lee (PhD)\nAge | 37\nHeight | 172\nWeight | 60",
    "an invoice's data": "Invoice | No.\nDate | 2024-01-02\nAmount | 500\nDue | 2024-02-02",
    "opening hours": "Monday | closed\nTuesday | 9-17\nWednesday | 9-17\nThursday | 9-17",
    "prices": "Coffee | free\nTea | 2.50\nMilk | 1.20\nJuice | 3.00",
    "nothing was found": "Lead | ND | ND\nZinc | 0.5 | 0.7\nIron | 1.2 | 1.4\nTin | 0.1 | .2",
    "nobody was there": "Ann | absent | absent\nBob | 7 | 3\nCid | 9 | 4\nDan | 4 | 2",
    "the same word twice": "Ann | ill | ill\nBob | 7 | 3\nCid | 9 | 4\nDan | 4 | 2",
    "a contract": "Term | until cancelled\nRate | 3.5%\nFee | 20\nCap | 400",
    "a data sheet": "Material | steel\nLength | 12 mm\nWidth | 30 mm\nMass | 4 kg",
    "a data sheet with a name": "Model | X200\nLength | 12\nWidth | 30\nMass | 4",
    "contents": "Preface | iii\nChapter 1 | 1\nChapter 2 | 20\nChapter 3 | 50",
}


@pytest.mark.parametrize(("rows", "text"), [pytest.param(*case, id=name) for name, case in HEADED.items()])
def test_a_header_is_found(rows: int, text: str) -> None:
    bare = table(text)
    made = with_header(bare)
    assert (made.header_rows, made.header_is_guessed) == (rows, True)
    assert all(cell.is_header == (cell.row < rows) for cell in made.cells)
    assert without_guess(made) == bare


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in BARE.items()])
def test_a_row_of_data_is_no_header(text: str) -> None:
    assert with_header(table(text)) == table(text)


def test_bold_letters_are_enough() -> None:
    words = table("Name | Place\nAnna | Rome\nBerta | Oslo")
    assert with_header(words).header_rows == 0
    assert with_header(words, bold_rows=1).header_rows == 1


def test_what_is_marked_is_not_guessed() -> None:
    marked = parse_html_table("<table><tr><th>1</th><th>2</th></tr><tr><td>a</td><td>b</td></tr></table>")
    assert marked is not None
    assert with_header(marked) is marked
    assert without_guess(marked) is marked


texts = st.sampled_from(
    ["", "-", "a", "Name", "12", "3.5 kg", "2019", "yes", "x:", "95% CI", "long " * 40, "\\( x^2 \\)"]
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Tables with spans and places that no cell covers."""
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    html = ""
    for _ in range(rows):
        html += "<tr>"
        for _ in range(draw(st.integers(0, columns))):
            html += f"<td rowspan={draw(st.integers(1, 3))} colspan={draw(st.integers(1, 3))}>{draw(texts)}</td>"
    made = parse_html_table(f"<table>{html}</table>")
    return made or Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text=""),))


@given(tables(), st.integers(0, 3))
def test_a_guess_changes_nothing_but_the_marks(bare: Table, bold_rows: int) -> None:
    made = with_header(bare, bold_rows=bold_rows)
    assert made.header_rows <= min(MAX_HEADER_ROWS, bare.rows - 1)
    assert made.header_is_guessed == bool(made.header_rows)
    assert table_markdown(made) == table_markdown(bare)
    assert [replace(cell, is_header=False) for cell in made.cells] == list(bare.cells)
    assert all(cell.row + cell.row_span <= made.header_rows for cell in made.cells if cell.is_header)
    assert without_guess(made) == bare


@pytest.mark.skipif(not DATA.is_dir(), reason="the tables with known headers are not there")
def test_headers_of_published_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("tables_benchmark", ROOT / "benchmarks" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    monkeypatch.setattr("sys.argv", ["tables.py", str(DATA)])
    assert benchmark.main() == 0
    assert "29 tables" in capsys.readouterr().out
