"""The header rows of a table that marks none, told by what its cells say.

DeepSeek-OCR writes every cell as ``<td>``, and a picture has no ``<th>`` at all. What tells a header is the contrast
between a label and the column under it: words over numbers, a word over values of another kind. A row of data taken for
a header is worse than a header that is not seen, so one label that looks like a value of its column, or is missing, is
enough to leave the table as it is, and one column alone tells a header only by a word that columns are called by; what
is found is marked as guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from .document import Cell, Table

__all__ = ["MAX_HEADER_ROWS", "with_header", "without_guess"]

MAX_HEADER_ROWS = 4
"""Headers with more rows than this are not looked for."""

ENOUGH = 0.5
"""Evidence that is asked for, by column: 1 for words over numbers, half for words over values of another kind."""

_LONGEST_LABEL = 160
_MOST_ROWS = 200
"""Rows at the top that are looked at: what is not told by so many is not told by more."""
_READ = 80
"""Characters of a cell that tell its kind."""

_LATEX = re.compile(r"\\[A-Za-z]+|\\[()]|[\\{}^$]")
_LEADING = re.compile(r"[\s<>≤≥=~≈±+\-−–—(\[$€£¥#]*")
_YEAR = re.compile(r"(?:FY ?)?(?:1[89]|20)\d\d(?: ?[-/–] ?\d{2,4})?[A-Za-z*†]?")
_NOTHING = re.compile(
    r"[\s._\-−–—…/]*|n\.?/?[ad]\.?|b\.?d\.?l\.?|none|nil|null|absent|missing|unknown|pending|trace|closed|free|tb[acd]"
    r"|not (?:detected|available|applicable|known|tested)|(?-i:(?=[ivx]{2})x{0,3}(?:ix|iv|v?i{0,3}))",
    re.IGNORECASE,
)
"""What stands in the place of a number, small Roman ones too: it is no label, and does not tell what a column holds."""

_HEAD = re.compile(
    r"\b(?:amount|numbers?|count|total|sum|price|cost|fee|value|rate|ratio|share|percent(?:age)?|score|points|rank|quantity"
    r"|qty|size|pages?|population|sales|revenue|income|mean|average|median|frequency|result|balance|temperature|weight|mass"
    r"|length|height|width|volume|area|age|speed|dates?|year|month|time"
    r"|betrag|anzahl|preis|wert|menge|summe|anteil|seite|jahr|datum|montant|nombre|prix|valeur|quantité|année"
    r"|cantidad|precio|importe|valor|número|fecha|año|prezzo|importo|quantità|valore)"
    r"(?:\s*[(\[,/].*|\s(?:of|in|per|de|en)\s.*)?$"
    r"|[(\[] ?(?:°? ?[CFK]|[kmµμn]?[gmsVAWLl]|[ck]m|[mk]?mol|min|hours?|h|days?|years?|yrs?|[kMG]?(?:Hz|Pa|B|W)|bar|ppm"
    r"|EUR|USD|GBP|CHF)[)\]]$"
    r"|[%‰€$£¥]|金额|金額|数量|數量|价格|價格|人数|人口|比例|合计|数值|得分|人數|割合|금액|수량|가격|인구|비율|العدد|المبلغ|السعر",
    re.IGNORECASE,
)
"""Words at the end of what columns of numbers are called, as in "unit price (EUR)". A table's only such column is told
from a value in a form by them."""

Kind = Literal["nothing", "number", "year", "measure", "words"]
"""What a cell says. A ``measure`` begins with a number and goes on with more words than that: ``12 months``."""


@dataclass(frozen=True, slots=True)
class _Column:
    """What a column's labels (from the top) and its values are."""

    label: str
    values: tuple[str, ...]
    labels: tuple[str, ...]
    """All that stands above the values; ``label`` is the last of it."""


def with_header(table: Table, *, bold_rows: int = 0) -> Table:
    """The table with its header rows, if none are marked and the cells tell them: then ``header_is_guessed``.

    ``bold_rows`` says how many rows at the top are in bold letters while others are not, which is evidence enough.
    Texts, places and the number of rows stay as they are.
    """
    rows = _header_rows(table, bold_rows) if table.rows > 1 and not table.header_rows else 0
    return _headed(table, rows, is_guessed=True) if rows else table


def without_guess(table: Table) -> Table:
    """The table without the header rows that were guessed, as a part that goes on without a header has none."""
    return _headed(table, 0, is_guessed=False) if table.header_is_guessed else table


def _headed(table: Table, rows: int, *, is_guessed: bool) -> Table:
    cells = tuple(replace(cell, is_header=cell.row < rows) for cell in table.cells)
    return replace(table, cells=cells, header_rows=rows, header_is_guessed=is_guessed)


def _header_rows(table: Table, bold_rows: int) -> int:
    """The smallest number of rows that is a header, and the rows below it that say what is in its columns."""
    grid = _grid(table)
    most = min(MAX_HEADER_ROWS, table.rows - 1)
    found = _closed(table, bold_rows) if 0 < bold_rows <= most else 0
    if not 0 < found <= most:
        found = _closed(table, 1)
        while found <= most and not _is_header(grid, found):
            found = _closed(table, found + 1)
    while found < most and _goes_on(grid, found) and (bold_rows or _is_header(grid, _closed(table, found + 1))):
        found = _closed(table, found + 1)
    return found if found <= most else 0


def _closed(table: Table, rows: int) -> int:
    """``rows`` and those that cells of them hang down to."""
    for cell in table.cells:
        if cell.row >= rows:
            break
        rows = max(rows, cell.row + cell.row_span)
    return rows


def _grid(table: Table) -> list[list[Cell | None]]:
    """The cell that covers each place of the rows that are looked at."""
    grid: list[list[Cell | None]] = [[None] * table.columns for _ in range(min(table.rows, _MOST_ROWS))]
    for cell in table.cells:
        for row in grid[cell.row : cell.row + cell.row_span]:
            row[cell.column : cell.column + cell.column_span] = [cell] * cell.column_span
    return grid


def _is_header(grid: Sequence[Sequence[Cell | None]], rows: int) -> bool:
    """Whether the first ``rows`` rows are labels of what stands below them."""
    if rows >= len(grid):
        return False
    columns = [_column(grid, rows, at) for at in range(len(grid[0]))]
    filled = [column for column in columns if column.values]
    if not all(column.label for column in filled[1:]) or not any(column.label for column in filled):
        return False
    told = [_evidence(column) for column in filled if column.label]
    if min(told) < 0:
        return False
    if told.count(0) > len(told) - 2 and not any(_is_typical(column.label) for column in filled[1:]):
        return False
    if len(filled) > 2 and len({column.labels for column in filled[1:]}) == 1:
        return False
    # The names of the rows stand in the first column: as words under a word they say little.
    counted = told[1:] if filled[0].label and told[0] < 1 else told
    few = len(grid) - rows < 3 or len(filled) < 3
    return bool(counted) and sum(counted) >= len(counted) * (1 if few else ENOUGH)


def _column(grid: Sequence[Sequence[Cell | None]], rows: int, at: int) -> _Column:
    labels = [cell.text for row in grid[:rows] if (cell := row[at]) and cell.column_span < max(2, len(row))]
    values = (
        cell.text
        for number, row in enumerate(grid[rows:], rows)
        if (cell := row[at]) and cell.row == number and cell.column == at and cell.column_span < max(2, len(row))
    )
    said = [text for text in labels if kind_of(text) != "nothing"]
    label = " ".join(said[-2:] if said and said[-1].startswith("(") else said[-1:])  # "mAP" over "(0.75)" is one label
    return _Column(label, tuple(text for text in values if kind_of(text) != "nothing"), tuple(said))


def _evidence(column: _Column) -> float:
    """How much a column says for its label being one: 1, a half, nothing, or -1 where it is a value like the others."""
    label, kinds = kind_of(column.label), [kind_of(text) for text in column.values]
    numbers = sum(kind in ("number", "year") for kind in kinds)
    measures = sum(kind == "measure" for kind in kinds)
    if len(column.label) > _LONGEST_LABEL or column.label.endswith((":", "：")) or label == "number":
        return -1
    if label == "year":
        return 1 if numbers >= 0.6 * len(kinds) and kinds.count("year") < 0.5 * numbers else -1
    if column.label.casefold() in {text.casefold() for text in column.values}:
        return -1
    if label == "measure":
        return 1 if numbers >= 0.6 * len(kinds) else -1 if measures else 0
    if numbers + measures >= 0.6 * len(kinds):
        return 1
    return 0.5 if _is_of_another_kind(column) else 0


def _is_typical(label: str) -> bool:
    """Whether a label is what columns of numbers are called, also in LaTeX."""
    return _HEAD.search(" ".join(_LATEX.sub(" ", label).split())) is not None


def _is_of_another_kind(column: _Column) -> bool:
    """Whether words under a word are values: marks, few of them said again and again, codes, or much longer ones."""
    label, values = column.label, column.values
    if all(len(text) <= 2 for text in values):
        return len(label) > 2
    if len(values) < 3:
        return False
    most = 0.8 * len(values)
    coded = sum(any(map(str.isdecimal, text)) for text in values) >= most and not any(map(str.isdecimal, label))
    capital = sum(text.isupper() for text in values) >= most and not label.isupper()
    lengths = sorted(map(len, values))
    long = lengths[len(lengths) // 2] >= max(24, 3 * len(label))
    return coded or capital or long or len({text.casefold() for text in values}) <= 0.5 * len(values)


def _goes_on(grid: Sequence[Sequence[Cell | None]], row: int) -> bool:
    """Whether a row under header rows belongs to them: words where numbers follow, in the columns of one label."""
    cells = [(at, cell) for at, cell in enumerate(grid[row]) if cell and cell.row == row and cell.column == at]
    said = [(at, cell) for at, cell in cells if kind_of(cell.text) != "nothing"]
    if not said or any(kind_of(cell.text) == "number" for _, cell in said):
        return False
    above = grid[row - 1]
    grouped = [at for at, _ in said if (over := above[at]) and 1 < over.column_span < len(above)]
    stub = grid[row][0]
    unnamed = stub is None or stub.row < row or kind_of(stub.text) == "nothing"
    told = [_evidence(column) for at, _ in said if (column := _column(grid, row + 1, at)).values]
    return bool(told) and ((bool(grouped) and max(told) > 0) or (unnamed and max(told) == 1))


def kind_of(text: str) -> Kind:
    """What a cell says, as far as its letters and digits tell."""
    return _kind_of(text[:_READ])


@lru_cache(maxsize=8192)
def _kind_of(text: str) -> Kind:
    plain = _LATEX.sub(" ", text).strip()
    if _NOTHING.fullmatch(plain):
        return "nothing"
    if _YEAR.fullmatch(plain):
        return "year"
    value = plain[_LEADING.match(plain).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    if not value[:1].isdecimal():
        return "words"
    digits, letters = sum(map(str.isdecimal, value)), sum(map(str.isalpha, value))
    return "number" if digits > letters else "measure"
