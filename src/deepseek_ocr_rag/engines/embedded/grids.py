"""A table's words into cells: by the grid that the layout model found, or as whoever calls knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...document import Cell, Line, LineSource, Table
from ...headrows import with_header
from ...tables import escaped, table_markdown_spans
from .lines import Row, ToBox, line_of, rows_of
from .piece import Piece

Place = tuple[int, int, int, int]
"""Row and column where a cell begins, and behind which it ends."""


def places_of(group: Any, pieces: Sequence[Piece]) -> list[tuple[Place, Piece]]:
    """The cell of each word of a layout group, by the grid that the model found; none where it found none."""
    grid = group.get("table_grid")
    if grid is None or not pieces:
        return []
    left, top = group["group_bbox"][:2]
    columns = [left + edge for edge in grid.v_lines]
    rows = [top + edge for edge in grid.h_lines]
    return _places(group, pieces, columns=columns, rows=rows)


def table_of_places(
    places: Sequence[tuple[Place, Piece]], *, to_box: ToBox, source: LineSource
) -> tuple[Table, str, tuple[Line, ...]] | None:
    """The table of words whose cells are known, its markdown and the lines of that, or None where it is none.

    A table has two rows and two columns at least. No line reaches over the border of a cell.
    """
    cells = _resolve(places)
    table = _table(cells, to_box) if cells else None
    if table is None:
        return None
    text, spans = table_markdown_spans(table)
    held = [rows_of(pieces) for _, pieces in sorted(cells.items())]
    lines = (line for index, start, _ in spans for line in _cell_lines(held[index], start, to_box, source))
    return table, text, tuple(lines)


def _cell_lines(rows: Sequence[Row], at: int, to_box: ToBox, source: LineSource) -> Iterator[Line]:
    for row in rows:
        text, line = line_of(row, [escaped(piece.text) for piece in row], at=at, to_box=to_box, source=source)
        yield line
        at += len(text) + 1


def _places(
    group: Any, pieces: Sequence[Piece], *, columns: Sequence[float], rows: Sequence[float]
) -> list[tuple[Place, Piece]]:
    """Where each word belongs: the grid slot under its middle, or the cell of its text segment that spans it."""
    segments = []
    for cell in group.get("table_cells") or ():
        if cell.bbox_idx < len(group["bboxes"]):
            spans = (int(cell.row_start), int(cell.col_start), int(cell.row_end), int(cell.col_end))
            segments.append((group["bboxes"][cell.bbox_idx], spans))
    found: list[tuple[Place, Piece]] = []
    for piece in pieces:
        x, y = piece.middle
        row, column = sum(edge <= y for edge in rows), sum(edge <= x for edge in columns)
        slot = (row, column, row + 1, column + 1)
        # The model sometimes joins the text of two rows or columns into one segment; the grid is right then.
        holding = (p for (x0, y0, x1, y1), p in segments if x0 <= x <= x1 and y0 <= y <= y1 and _within(slot, p))
        found.append((next(holding, slot), piece))
    return found


def _within(slot: Place, place: Place) -> bool:
    return place[0] <= slot[0] and place[1] <= slot[1] and slot[2] <= place[2] and slot[3] <= place[3]


def _resolve(places: Sequence[tuple[Place, Piece]]) -> dict[Place, list[Piece]]:
    """Let a cell span only slots that no other cell uses; cells that would overlap fall back to single slots."""
    cells: dict[Place, list[Piece]] = {}
    for place, piece in places:
        cells.setdefault(place, []).append(piece)
    starts = {place[:2] for place in cells}
    owner: dict[tuple[int, int], Place] = {}
    resolved: dict[Place, list[Piece]] = {}
    for place, pieces in sorted(cells.items()):
        row, column, row_end, column_end = place
        slots = [(r, c) for r in range(row, row_end) for c in range(column, column_end)]
        alone = slots and not any(slot in owner or (slot in starts and slot != place[:2]) for slot in slots)
        final = place if alone else owner.get((row, column), (row, column, row + 1, column + 1))
        for slot in slots if alone else [(row, column)]:
            owner[slot] = final
        resolved.setdefault(final, []).extend(pieces)
    return resolved


def _table(cells: dict[Place, list[Piece]], to_box: ToBox) -> Table | None:
    used_rows = _used((place[0], place[2]) for place in cells)
    used_columns = _used((place[1], place[3]) for place in cells)
    if len(used_rows) < 2 or len(used_columns) < 2:
        return None
    built: list[Cell] = []
    for (row, column, row_end, column_end), pieces in sorted(cells.items()):
        text = " ".join(piece.text for line in rows_of(pieces) for piece in line)
        first_row, first_column = used_rows[row], used_columns[column]
        built.append(
            Cell(
                row=first_row,
                column=first_column,
                text=text,
                row_span=max(1, sum(row <= used < row_end for used in used_rows)),
                column_span=max(1, sum(column <= used < column_end for used in used_columns)),
                box=to_box(pieces),
            )
        )
    table = Table(rows=len(used_rows), columns=len(used_columns), cells=tuple(built))
    return with_header(table, bold_rows=int(_is_bold_first(cells, min(used_rows))))


def _used(spans: Iterable[tuple[int, int]]) -> dict[int, int]:
    """New numbers for the grid lines at which some cell begins; empty rows and columns fall out."""
    return {old: new for new, old in enumerate(sorted({start for start, _ in spans}))}


def _is_bold_first(cells: dict[Place, list[Piece]], first_row: int) -> bool:
    """Whether the first row is in bold letters and the table as a whole is not."""
    bold = [(place[0] == first_row, piece.bold) for place, pieces in cells.items() for piece in pieces]
    return all(is_bold for is_first, is_bold in bold if is_first) and not all(is_bold for _, is_bold in bold)
