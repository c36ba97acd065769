"""Whether a page needs the layout model, or is plain enough for geometry: what ``quality="auto"`` goes by.

The model is asked where geometry is known to fail: drawings and pictures with words in them, tables that have no ruled
grid, formulas, text on text, and pages with hardly any words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .piece import Piece
from .quick import Line, Sketch
from .rules import SHORTEST, THIN
from .textlayer import Drawn, LayerReport

SHAPES = 30
"""More drawn shapes than this, other than rules and a table's, are a chart or a diagram."""

FORMULA_SHARE = 0.02
FEW_WORDS = 40
RULES = 3
"""So many rules of one width, one under the other, are a table without borders down the page."""

TABLE_ROWS, TABLE_COLUMNS = 4, 3
"""So many levels on which so many lines stand side by side are a table without rules, or many columns."""

FULLEST_CELL = 8
"""More lines in a cell say that rows of the table have no rule between them."""


def needs_model(found: Sketch, report: LayerReport, pieces: Sequence[Piece]) -> bool:
    """Whether the layout model sees more on this page than geometry can tell."""
    if len(pieces) < FEW_WORDS or report.formula > FORMULA_SHARE * report.characters:
        return True
    loose = [box for kind, box in report.drawn if kind.endswith("path") or kind == "fill-shade"]
    loose = [box for box in loose if not any(_is_within(box, grid.box) for grid in found.grids)]
    return (
        sum(min(box[2] - box[0], box[3] - box[1]) > THIN for box in loose) > SHAPES
        or _has_open_table(loose)
        or _has_columns(found.lines)
        or _has_full_cells(found)
        or _has_words_in_pictures(report.drawn, found, pieces)
        or _overlap(found)
    )


def _is_within(box: Sequence[float], outer: Sequence[float]) -> bool:
    return (
        outer[0] - THIN <= box[0]
        and box[2] <= outer[2] + THIN
        and outer[1] - THIN <= box[1]
        and box[3] <= outer[3] + THIN
    )


def _has_open_table(boxes: Iterable[Sequence[float]]) -> bool:
    spans = Counter(
        (round(box[0] / 4), round(box[2] / 4))
        for box in boxes
        if box[3] - box[1] <= THIN and box[2] - box[0] > 5 * SHORTEST
    )
    return any(count >= RULES for count in spans.values())


def _has_columns(lines: Sequence[Line]) -> bool:
    levels: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.y0 + line.y1):
        middle = (line.y0 + line.y1) / 2
        if levels and levels[-1][0].y0 < middle < levels[-1][0].y1:
            levels[-1].append(line)
        else:
            levels.append([line])
    return sum(len(level) >= TABLE_COLUMNS for level in levels) >= TABLE_ROWS


def _has_full_cells(found: Sketch) -> bool:
    for group in found.groups:
        if group.grid is not None:
            lines: dict[object, set[int]] = {}
            for place, piece in group.grid.places(group.pieces):
                lines.setdefault(place, set()).add(piece.line)
            if sum(len(numbers) > FULLEST_CELL for numbers in lines.values()) > 1:
                return True
    return False


def _has_words_in_pictures(drawn: Iterable[Drawn], found: Sketch, pieces: Sequence[Piece]) -> bool:
    boxes = [group.box for group in found.groups if group.label == "picture"]
    boxes += [box for kind, box in drawn if kind == "fill-shade"]
    for x0, y0, x1, y1 in boxes:
        if sum(x0 <= piece.middle[0] <= x1 and y0 <= piece.middle[1] <= y1 for piece in pieces) > 2:
            return True
    return False


def _overlap(found: Sketch) -> bool:
    """Whether blocks of text lie on each other, so that white space does not tell their order."""
    boxes = sorted(group.box for group in found.groups if group.pieces and group.grid is None)
    for at, (_, y0, x1, y1) in enumerate(boxes):
        for left, top, right, bottom in boxes[at + 1 :]:
            if left >= x1:
                break
            width, height = min(x1, right) - left, min(y1, bottom) - max(y0, top)
            if width > 0 and height > 0 and width * height > 0.25 * (right - left) * (bottom - top):
                return True
    return False
