"""Which rows and cells of a table stand in which rows of the ink that was found in its place. Pure.

A table's rows are told apart by rules, by their number, or by the larger gaps between them; its cells by the columns
without ink. What is not clear is left out: cells first, then rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median_high

from .document import Block, Line, Table
from .geometry import Box
from .recognition import Inked, InkRow
from .tables import row_ranges, table_markdown_spans, with_cell_boxes

CLEAR = 1.3
"""By how much the gaps that part rows or columns are wider than all others."""

COLUMN = 0.7
"""Heights of a row's ink that a gap between columns is wide at least; words are a third of it apart."""

Gap = tuple[float, float]


def table_lines(block: Block, inked: Inked, *, shape: float) -> Block:
    """The table with a line for each cell, or for each row where cells cannot be told apart; none where rows cannot.

    Args:
        block: A table with one box.
        inked: What was found in it.
        shape: The upright page's height divided by its width.
    """
    table = block.table
    if table is None or table_markdown_spans(table)[0] != block.text:
        return block
    # What stands beside several rows is in the middle between them, a row of ink of its own or joined to a wrong one.
    if any(cell.row_span > 1 for cell in table.cells):
        return block
    cells = _filled_cells(table)
    groups = _groups(inked, len(cells))
    if groups is None:
        return block
    ranges = row_ranges(table)
    lines: list[Line] = []
    for (row, own), bands in zip(sorted(cells.items()), groups, strict=True):
        top, bottom = min(band.top for band in bands), max(band.bottom for band in bands)
        parts = _parts(bands, len(own), shape)
        whole = (min(band.left for band in bands), max(band.right for band in bands))
        spans = own if parts else [ranges[row]]
        lines += [
            Line(start=start, end=end, box=placed(part, (top, bottom), inked.slope), source="ink")
            for (start, end), part in zip(spans, parts or [whole], strict=True)
        ]
    return replace(block, lines=tuple(lines), table=with_cell_boxes(table, block.text, lines))


def _filled_cells(table: Table) -> dict[int, list[tuple[int, int]]]:
    """The characters of the cells that have some, by their row."""
    found: dict[int, list[tuple[int, int]]] = {}
    for index, start, end in table_markdown_spans(table)[1]:
        if start < end:
            found.setdefault(table.cells[index].row, []).append((start, end))
    return found


def _groups(inked: Inked, count: int) -> list[list[InkRow]] | None:
    """The bands of ink of each of ``count`` rows; None where they cannot be told apart."""
    bands = list(inked.rows)
    if not count or len(bands) < count:
        return None
    if len(bands) == count:
        return [[band] for band in bands]
    ruled = _cut(bands, [rule for rule in inked.rules if bands[0].bottom <= rule <= bands[-1].top])
    if len(ruled) == count:
        return ruled
    gaps = [other.top - one.bottom for one, other in pairwise(bands)]
    order = sorted(range(len(gaps)), key=lambda at: -gaps[at])
    chosen, others = order[: count - 1], order[count - 1 :]
    if chosen and gaps[chosen[-1]] >= CLEAR * max(0.0, gaps[others[0]]) and gaps[chosen[-1]] > 0:
        return _cut(bands, [(bands[at].bottom + bands[at + 1].top) / 2 for at in chosen])
    return None


def _cut(bands: Sequence[InkRow], heights: Sequence[float]) -> list[list[InkRow]]:
    """Bands in runs that no height lies between."""
    runs: list[list[InkRow]] = []
    for at, band in enumerate(bands):
        middle = (band.top + band.bottom) / 2
        before = (bands[at - 1].top + bands[at - 1].bottom) / 2 if at else 0.0
        if not at or any(before < height <= middle for height in heights):
            runs.append([])
        runs[-1].append(band)
    return runs


def _parts(bands: Sequence[InkRow], count: int, shape: float) -> list[Gap]:
    """Left and right of each of ``count`` cells; nothing where they cannot be told apart."""
    left, right = min(band.left for band in bands), max(band.right for band in bands)
    common = [(left, right)]
    for band in bands:
        own = [(left, band.left), *gaps_of(band), (band.right, right)]
        common = [
            (max(one[0], other[0]), min(one[1], other[1]))
            for one in common
            for other in own
            if max(one[0], other[0]) < min(one[1], other[1])
        ]
    inner = [gap for gap in common if gap[0] > left and gap[1] < right]
    least = COLUMN * median_high(band.bottom - band.top for band in bands) * shape
    return cut_at_gaps((left, right), inner, count, clear=CLEAR, least=least)


# What lines of text need, too


def gaps_of(row: InkRow) -> list[Gap]:
    """Left and right of each gap in a row."""
    return list(zip(row.gaps[::2], row.gaps[1::2], strict=True))


def cut_at_gaps(sides: Gap, gaps: Sequence[Gap], count: int, *, clear: float, least: float = 0.0) -> list[Gap]:
    """What is between two sides, cut at the ``count - 1`` widest gaps.

    Nothing where one of these is not ``clear`` times as wide as all others, and ``least`` wide.
    """
    widest = sorted(gaps, key=lambda gap: gap[0] - gap[1])
    chosen, others = widest[: count - 1], widest[count - 1 :]
    if len(chosen) < count - 1:
        return []
    least = max([least, *(clear * (right - left) for left, right in others[:1])])
    if any(right - left < least for left, right in chosen):
        return []
    edges = [sides[0], *(side for gap in sorted(chosen) for side in gap), sides[1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


def placed(part: Gap, heights: Gap, slope: float) -> Box:
    """A part of a row, which slants, as a box on the page."""
    falls = slope * part[0], slope * part[1]
    return Box.from_fractions(part[0], heights[0] + min(falls), part[1], heights[1] + max(falls))
