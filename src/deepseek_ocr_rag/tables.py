"""Tables in and out: the model's HTML and markdown's pipes into a :class:`Table`, and back.

The HTML of a model is cut off, badly nested and holds text that only looks like tags, so a small scanner reads it:
eight tag names decide the grid, other HTML tags are dropped, everything else is text and is kept. Work is linear in
the input: spans are clamped, rows and columns in which no cell begins are closed up, and a grid of more than
``MAX_PLACES`` places is refused.

Markdown needs a header row, so a table without ``header_rows`` is written with its first row above the ``|---|`` line.
"""

from __future__ import annotations

import html as entities
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .document import MAX_PLACES, Cell, Line, Table
from .geometry import bounding_box
from .hypertext import GRID_TAGS, clean, separator, strip_tags, take_caption, tokens, unescape

__all__ = [
    "MAX_PLACES",
    "MAX_SPAN",
    "escaped",
    "full_rows",
    "header_range",
    "is_rule_line",
    "parse_html_table",
    "parse_pipe_table",
    "row_ranges",
    "strip_tags",
    "table_html",
    "table_markdown",
    "table_markdown_spans",
    "table_rows",
    "take_caption",
    "unescape",
    "with_cell_boxes",
]

MAX_SPAN = 1000  # larger colspans and rowspans are clamped, as browsers do with colspan

_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_GRID = re.compile(r"</?tr\b|<td\s{0,8}>|</td", re.IGNORECASE)
_CELL = re.compile(r"<t[dhr]\b", re.IGNORECASE)
_SPAN = re.compile(r"\b(row|col)span\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_PIPE = re.compile(r"(?<!\\)\|")
_FRAMED = re.compile(r"\|[^|]*\|.*\|")
_BREAK = re.compile(r"<br\s{0,8}/?>", re.IGNORECASE)


def parse_html_table(html: str) -> Table | None:
    """Read the one table of ``html``, however broken; what stands before ``<table`` and in ``<caption>`` is not read.

    Unclosed tags are closed, a table inside a cell becomes that cell's text, text between cells joins the cell before
    it. Leading rows of ``<th>`` alone (or in ``<thead>``) are header rows. None when there is no cell (a server that
    strips special tokens takes plain ``<tr>`` and ``<td>`` away: the cells left then hold what is not theirs), or the
    grid is larger than ``MAX_PLACES``.
    """
    if not _GRID.search(html) or sum(1 for _ in _CELL.finditer(html)) > MAX_PLACES:
        return None
    opening = _TABLE.search(html)
    draft = _Draft()
    draft.read(take_caption(html[opening.start() :] if opening else html)[1])
    return _place(draft.rows) if any(cell.is_tagged for row in draft.rows for cell in row) else None


def parse_pipe_table(text: str) -> Table | None:
    r"""Read a markdown table; None when ``text`` is not one from its first line to its last.

    A header row and its ``|---|`` line are usual; without the line every row must begin and end with a pipe. A header
    row of empty cells is markdown's way to have none. ``\|`` is a pipe and ``<br>`` a newline within a cell.
    """
    lines = [line.strip() for line in text.strip().split("\n")]
    if len(lines) > MAX_PLACES or not all("|" in line for line in lines):
        return None
    ruled = next((at for at in (1, 0) if at < len(lines) and is_rule_line(lines[at])), None)
    if ruled is None and (len(lines) < 2 or not all(_FRAMED.fullmatch(line) for line in lines)):
        return None
    grid = [_pipe_cells(line) for at, line in enumerate(lines) if at != ruled]
    if ruled == 1 and len(grid) > 1 and not any(grid[0]):
        ruled, grid = None, grid[1:]
    columns = max((len(row) for row in grid), default=0)
    if not columns or len(grid) * columns > MAX_PLACES:
        return None
    cells = tuple(
        Cell(row=row, column=column, text=content, is_header=ruled == 1 and row == 0)
        for row, contents in enumerate(grid)
        for column, content in enumerate(contents)
    )
    return Table(rows=len(grid), columns=columns, cells=cells, header_rows=1 if ruled == 1 else 0)


def table_markdown(table: Table) -> str:
    r"""The table in pipes; a spanning cell is written once, top left; ``|`` becomes ``\|``, newlines ``<br>``."""
    return _write(table)[0]


def table_markdown_spans(table: Table) -> tuple[str, tuple[tuple[int, int, int], ...]]:
    """The markdown, and ``(cell_index, start, end)`` for the characters of each cell's (escaped) text in it.

    Spans ascend and do not overlap; empty cells have empty spans.
    """
    markdown, spans, _ = _write(table)
    return markdown, tuple(spans)


def row_ranges(table: Table) -> tuple[tuple[int, int], ...]:
    """Where each row of the grid stands in :func:`table_markdown`, without its newline; header rows first."""
    return tuple(_write(table)[2])


def header_range(table: Table) -> tuple[int, int]:
    """Where the header stands in :func:`table_markdown`: header rows and ``|---|`` line, without the last newline.

    Without header rows that is the first row, as markdown has it; body rows are
    ``row_ranges(table)[max(1, table.header_rows):]``.
    """
    rows = _write(table)[2]
    if not rows:
        return 0, 0
    rule_end = rows[0][1] + len("\n|") + len("---|") * table.columns
    return 0, max(rule_end, rows[min(len(rows), max(1, table.header_rows)) - 1][1])


def table_rows(table: Table) -> list[list[str]]:
    """The grid of plain texts; a spanning cell's text stands at its top left place, covered places are empty."""
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        if cell.row < table.rows and cell.column < table.columns:
            grid[cell.row][cell.column] = cell.text
    return grid


def full_rows(table: Table) -> list[list[Cell]]:
    """The cells that begin in each row, with an empty cell for each place that none covers.

    Engines leave out cells without text; in HTML the ones behind them would move up.
    """
    rows: list[list[Cell]] = [[] for _ in range(table.rows)]
    busy_until = [0] * table.columns
    starts = {(cell.row, cell.column): cell for cell in table.cells}
    for row, at in ((row, at) for row in range(table.rows) for at in range(table.columns)):
        cell = starts.get((row, at))
        if cell is None and busy_until[at] <= row:
            cell = Cell(row=row, column=at, text="", is_header=row < table.header_rows)
        if cell is not None:
            rows[row].append(cell)
            end = min(table.columns, at + cell.column_span)
            busy_until[at:end] = [row + cell.row_span] * (end - at)
    return rows


def table_html(table: Table) -> str:
    """The table as escaped HTML with ``rowspan`` and ``colspan``."""
    rows: list[list[str]] = []
    for cells in full_rows(table):
        rows.append([])
        for cell in cells:
            name = "th" if cell.is_header else "td"
            spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
            spans += f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
            text = entities.escape(cell.text).replace("\n", "<br>")
            rows[-1].append(f"<{name}{spans}>{text}</{name}>")
    return "<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</table>"


def with_cell_boxes(table: Table, text: str, lines: Sequence[Line]) -> Table:
    """The table with the boxes of cells that ``lines`` show, where ``text``, its markdown, is what they name.

    A cell's box is the one around its lines; a cell that has one, or no line, stays as it is. Lines must ascend.
    """
    markdown, spans = table_markdown_spans(table)
    if markdown != text or not lines:
        return table
    starts, boxes = [line.start for line in lines], {}
    for index, start, end in spans:
        own = lines[bisect_left(starts, start) : bisect_left(starts, end)]
        boxes[index] = table.cells[index].box or bounding_box(line.box for line in own if line.end <= end)
    cells = tuple(replace(cell, box=boxes.get(at, cell.box)) for at, cell in enumerate(table.cells))
    return replace(table, cells=cells)


def _write(table: Table) -> tuple[str, list[tuple[int, int, int]], list[tuple[int, int]]]:
    """The markdown, the spans of its cells and the ranges of its rows."""
    indices = {(cell.row, cell.column): index for index, cell in enumerate(table.cells)}
    lines: list[str] = []
    spans: list[tuple[int, int, int]] = []
    ranges: list[tuple[int, int]] = []
    at = 0
    for row in range(table.rows):
        line = "|"
        for column in range(table.columns):
            index = indices.get((row, column))
            content = "" if index is None else escaped(table.cells[index].text)
            if index is not None:
                start = at + len(line) + 1
                spans.append((index, start, start + len(content)))
            line += f" {content} |"
        lines.append(line)
        ranges.append((at, at + len(line)))
        at += len(line) + 1
        if row == 0:
            lines.append("|" + "---|" * table.columns)
            at += len(lines[-1]) + 1
    return "\n".join(lines), spans, ranges


def escaped(text: str) -> str:
    """The text of a cell as :func:`table_markdown` writes it."""
    return text.replace("|", "\\|").replace("\r", "").replace("\n", "<br>")


def is_rule_line(line: str) -> bool:
    """Whether a line is the ``|---|:-:|`` one."""
    parts = [part.strip() for part in line.strip("| \t").split("|")]
    return all(part and not part.strip(":").strip("-") and "-" in part for part in parts)


def _pipe_cells(line: str) -> list[str]:
    inner = line.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [clean(_BREAK.sub("\n", part.replace("\\|", "|"))) for part in _PIPE.split(inner)]


@dataclass(slots=True)
class _DraftCell:
    is_tagged: bool
    is_header: bool
    row_span: int
    column_span: int
    column: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """Rows of cells as the tags come by. ``nesting`` counts tables that are open inside a cell."""

    rows: list[list[_DraftCell]] = field(default_factory=list)
    in_cell: bool = False
    in_row: bool = False
    in_head: bool = False
    nesting: int = 0

    def read(self, html: str) -> None:
        for text, name, closes, attributes in tokens(html):
            if name:
                self.add_tag(name, closes=closes, attributes=attributes)
            else:
                self.add_text(text)

    def add_text(self, text: str) -> None:
        """Keep text where it stands; between cells it joins the last one, before the first it opens one."""
        if self.in_cell:
            self.rows[-1][-1].parts.append(text)
        elif text.strip():
            if not self.rows or not self.rows[-1]:
                self.open_cell()
                self.in_cell = False
            self.rows[-1][-1].parts.append(f" {text}")

    def add_tag(self, name: str, *, closes: bool, attributes: str) -> None:
        if name == "table":
            self.add_table(closes=closes)
        elif name not in GRID_TAGS or name == "br" or self.nesting:
            if self.in_cell:
                self.rows[-1][-1].parts.append(separator(name))
        elif name in ("td", "th"):
            self.in_cell = False
            if not closes:
                self.open_cell(name, attributes)
        elif name == "tr":
            self.in_cell, self.in_row = False, not closes
            if not closes:
                self.rows.append([])
        else:
            self.in_cell, self.in_row, self.in_head = False, False, name == "thead" and not closes

    def add_table(self, *, closes: bool) -> None:
        """A table within an open cell is that cell's text; one that follows goes on with this one's rows."""
        if self.in_cell and not closes:
            self.nesting += 1
        elif self.nesting:
            self.nesting -= 1
        elif closes:
            self.in_row = False
        self.in_cell = self.in_cell and self.in_row
        if self.in_cell:
            self.rows[-1][-1].parts.append("\n")

    def open_cell(self, name: str = "", attributes: str = "") -> None:
        spans = {axis.lower(): min(MAX_SPAN, max(1, int(count))) for axis, count in _SPAN.findall(attributes)}
        if not self.rows or (not self.in_row and self.rows[-1]):
            self.rows.append([])
        is_header = name == "th" or (self.in_head and bool(name))
        self.rows[-1].append(_DraftCell(bool(name), is_header, spans.get("row", 1), spans.get("col", 1)))
        self.in_cell = self.in_row = True


def _place(rows: list[list[_DraftCell]]) -> Table | None:
    """Give each cell its place in the grid, as browsers do, except that cells never overlap."""
    busy_until: list[int] = []  # by column: the first row that a cell from above leaves free
    work = 0
    for row, drafts in enumerate(rows):
        at = 0
        for draft in drafts:
            column = next((c for c in range(at, len(busy_until)) if busy_until[c] <= row), max(at, len(busy_until)))
            span = _free_run(busy_until, row, column, draft.column_span)
            busy_until.extend([0] * (column + span - len(busy_until)))
            busy_until[column : column + span] = [row + draft.row_span] * span
            draft.column, draft.column_span = column, span
            work += column + span - at
            at = column + span
            if work > 5 * MAX_PLACES:
                return None
    return _closed_up(rows)


def _free_run(busy_until: list[int], row: int, column: int, wanted: int) -> int:
    """How many columns from ``column`` on are free in ``row``, up to ``wanted``; past the last column all are."""
    taken = (at for at in range(column + 1, min(column + wanted, len(busy_until))) if busy_until[at] > row)
    return next(taken, column + wanted) - column


def _closed_up(rows: list[list[_DraftCell]]) -> Table | None:
    """Drop rows and columns in which no cell begins: they hold nothing, and huge spans end where the grid does."""
    row_starts = [row for row, drafts in enumerate(rows) if drafts]
    column_starts = sorted({draft.column for drafts in rows for draft in drafts})
    if len(row_starts) * len(column_starts) > MAX_PLACES:
        return None
    cells: list[Cell] = []
    for at, draft in ((row, draft) for row in row_starts for draft in rows[row]):
        row, down = _shrink(row_starts, at, draft.row_span)
        column, across = _shrink(column_starts, draft.column, draft.column_span)
        text, header = clean("".join(draft.parts)), draft.is_header
        cells.append(Cell(row=row, column=column, text=text, row_span=down, column_span=across, is_header=header))
    body = min((cell.row for cell in cells if not cell.is_header), default=1)  # nothing but headers: the first row is
    return Table(rows=len(row_starts), columns=len(column_starts), cells=tuple(cells), header_rows=body)


def _shrink(starts: list[int], at: int, span: int) -> tuple[int, int]:
    first = bisect_left(starts, at)
    return first, bisect_left(starts, at + span) - first
