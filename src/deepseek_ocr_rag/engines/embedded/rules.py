"""Tables by the lines that are drawn around their cells: no model, only geometry.

A grid is a set of rules that touch each other. A cell reaches as far as no rule stops it, so that merged cells are
merged. Whatever is drawn too often to be a table (charts, maps) is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .grids import Place
from .piece import Piece
from .textlayer import Drawn

THIN = 3.0
"""Points of the thickness up to which a filled rectangle is a rule."""

SHORTEST = 8.0
TOUCH = 3.0
"""Points by which rules may miss each other."""

MOST_PATHS = 1500
MOST_RULES = 400

Rule = tuple[float, float, float]
"""Where it stands on the other axis, and from where to where it runs along its own."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The rules of one table: the places of its rows' and columns' borders, and the rules themselves."""

    box: tuple[float, float, float, float]
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    across: Sequence[Rule]
    down: Sequence[Rule]

    def holds(self, piece: Piece) -> bool:
        """Whether a word stands in the table."""
        x, y = piece.middle
        return self.box[0] <= x <= self.box[2] and self.box[1] <= y <= self.box[3]

    def places(self, pieces: Sequence[Piece]) -> list[tuple[Place, Piece]]:
        """The cell of each word."""
        known: dict[tuple[int, int], Place] = {}
        placed = []
        for piece in pieces:
            x, y = piece.middle
            row, column = _slot(self.ys, y), _slot(self.xs, x)
            if (row, column) not in known:
                known[row, column] = self._cell(row, column)
            placed.append((known[row, column], piece))
        return placed

    def _cell(self, row: int, column: int) -> Place:
        """As far as no rule is in the way, first to the sides and then up and down."""
        y = (self.ys[row] + self.ys[row + 1]) / 2
        x = (self.xs[column] + self.xs[column + 1]) / 2
        left, right = _reach(self.xs, column, self.down, y)
        top, bottom = _reach(self.ys, row, self.across, x)
        return top, left, bottom, right


def find_grids(page: Any, drawn: Iterable[Drawn]) -> list[Grid]:
    """The grids that are drawn on a MuPDF page; ``drawn`` is its log of what is drawn where."""
    paths = [box for kind, box in drawn if kind in ("fill-path", "stroke-path")]
    frames = [box for box in paths if box[2] - box[0] > THIN and box[3] - box[1] > THIN]
    if len(paths) - len(frames) < 4 and not any(box[2] - box[0] > 60 and box[3] - box[1] > 20 for box in frames):
        return []
    if len(paths) > MOST_PATHS:
        return []
    across, down = _rules(page.get_cdrawings())
    if not 2 <= len(across) <= MOST_RULES or not 2 <= len(down) <= MOST_RULES:
        return []
    return [grid for grid in _grids(across, down) if len(grid.xs) > 2 and len(grid.ys) > 2]


def _rules(drawings: Iterable[dict[str, Any]]) -> tuple[list[Rule], list[Rule]]:
    """Lines across and down the page, each once."""
    across: set[Rule] = set()
    down: set[Rule] = set()
    for path in drawings:
        is_drawn = "s" in path["type"]
        for item in path["items"]:
            if item[0] == "l" and is_drawn:
                (x0, y0), (x1, y1) = item[1:3]
                _add(across, down, (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
            elif item[0] == "re":
                x0, y0, x1, y1 = item[1]
                if min(x1 - x0, y1 - y0) <= THIN:
                    _add(across, down, (x0, y0, x1, y1))
                elif is_drawn:
                    for edge in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
                        _add(across, down, edge)
    return sorted(across), sorted(down)


def _add(across: set[Rule], down: set[Rule], box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = box
    if y1 - y0 <= THIN and x1 - x0 >= SHORTEST:
        across.add((round((y0 + y1) / 2, 1), round(x0, 1), round(x1, 1)))
    elif x1 - x0 <= THIN and y1 - y0 >= SHORTEST:
        down.add((round((x0 + x1) / 2, 1), round(y0, 1), round(y1, 1)))


def _grids(across: list[Rule], down: list[Rule]) -> list[Grid]:
    """Rules that touch, directly or by others."""
    y, left, right = np.array(across).T[:, :, None]
    x, top, bottom = np.array(down).T
    touching = (left - TOUCH <= x) & (x <= right + TOUCH) & (top - TOUCH <= y) & (y <= bottom + TOUCH)
    grids = []
    rows_left = np.ones(len(across), dtype=bool)
    for first in range(len(across)):
        if not rows_left[first]:
            continue
        rows = np.zeros(len(across), dtype=bool)
        rows[first] = True
        columns = np.zeros(len(down), dtype=bool)
        while True:
            columns = touching[rows].any(axis=0)
            more = rows | touching[:, columns].any(axis=1)
            if (more == rows).all():
                break
            rows = more
        rows_left &= ~rows
        if columns.sum() > 1 and rows.sum() > 1:
            grids.append(
                _grid(
                    [r for r, is_in in zip(across, rows, strict=True) if is_in],
                    [r for r, is_in in zip(down, columns, strict=True) if is_in],
                )
            )
    return grids


def _grid(across: Sequence[Rule], down: Sequence[Rule]) -> Grid:
    left = min([rule[1] for rule in across] + [rule[0] for rule in down])
    right = max([rule[2] for rule in across] + [rule[0] for rule in down])
    top = min([rule[0] for rule in across] + [rule[1] for rule in down])
    bottom = max([rule[0] for rule in across] + [rule[2] for rule in down])
    xs = _merged([left, right, *(rule[0] for rule in down)])
    ys = _merged([top, bottom, *(rule[0] for rule in across)])
    return Grid((left, top, right, bottom), xs, ys, across, down)


def _merged(values: Iterable[float]) -> tuple[float, ...]:
    merged: list[float] = []
    for value in sorted(values):
        if not merged or value - merged[-1] > TOUCH:
            merged.append(value)
    return tuple(merged)


def _slot(edges: Sequence[float], value: float) -> int:
    """Between which edges a value lies."""
    return min(max(sum(edge <= value for edge in edges) - 1, 0), len(edges) - 2)


def _reach(edges: Sequence[float], slot: int, rules: Sequence[Rule], across: float) -> tuple[int, int]:
    """From which edge to which a cell reaches along one axis, seen from one of its slots."""
    first, last = slot, slot + 1
    while first > 0 and not _stops(rules, edges[first], across):
        first -= 1
    while last < len(edges) - 1 and not _stops(rules, edges[last], across):
        last += 1
    return first, last


def _stops(rules: Sequence[Rule], at: float, across: float) -> bool:
    return any(abs(rule[0] - at) <= TOUCH and rule[1] - TOUCH <= across <= rule[2] + TOUCH for rule in rules)
