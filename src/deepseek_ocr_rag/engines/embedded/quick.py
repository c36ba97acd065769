"""Structure of a page without the layout model: blocks by white space, headings by size and weight, ruled tables.

For people with very many PDFs that are text. Every word is in exactly one region, with its line and its box, as when
the model is asked; what a picture shows, tables without rules and formulas are text here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ...recognition import Region
from .layout import COLUMN_GAP, Frame, table_region, text_region
from .lines import LIST_MARK, Row, rows_of, runs_of, split_list
from .order import reading_order
from .piece import Piece
from .rules import Grid, find_grids
from .textlayer import Drawn

LARGER = 1.12
"""Headings are so much larger than the body's text, or bold where that is not."""

SAME_SIZE = 0.08
"""Lines of one paragraph have the same size up to this share."""

LEADING = 0.9
"""White between two lines of a paragraph, in sizes of their font, is not more."""

INDENT = (0.7, 4.0)
"""By how many sizes the first line of a paragraph is set in."""

LONGEST_HEADING = 160
BESIDE = 12.0
"""So many sizes from bold words, text belongs to them, so that they are no heading; the next column is farther."""

PICTURE = (0.01, 0.6)
"""Share of the page that a picture covers: less is an ornament, more is the paper."""

BULLETS = frozenset("•◦▪▫‣·●○■□◆➢➤✓–*-")

_CAPTION = re.compile(
    r"(?:Fig(?:ure|\.)?|Tab(?:le|\.)?|Abb(?:ildung|\.)?|Tabelle|Figura|Tableau|Scheme|Chart)\s?\d+[.:]?"
)


@dataclass(slots=True)
class Line:
    """A written line: its words, its box, and how it looks."""

    pieces: Row
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    block: int


@dataclass(slots=True)
class Group:
    """What becomes a region, or the items of a list."""

    label: str
    box: tuple[float, float, float, float]
    pieces: list[Piece]
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Sketch:
    """A page as geometry tells it: its groups in no order, and the size of its body's text."""

    groups: list[Group]
    lines: list[Line]
    grids: list[Grid]
    body: float


def sketch(page: Any, pieces: Sequence[Piece], drawn: Sequence[Drawn]) -> Sketch:
    """Group the words of an upright MuPDF page; ``drawn`` is its log of what is drawn where."""
    grids = find_grids(page, drawn)
    groups: list[Group] = []
    for grid in grids:
        held = [piece for piece in pieces if grid.holds(piece)]
        if len({(place[0], place[1]) for place, _ in grid.places(held)}) > 3:
            groups.append(Group("table", grid.box, held, grid))
    pictures = _pictures(page.rect, drawn)
    groups += pictures
    loose = _loose(pieces, groups) if groups else list(pieces)
    lines = _lines(loose)
    body = _body(lines)
    for block in _blocks(lines):
        label = _label(block, body)
        if label == "section-header" and block[0].size < LARGER * body and _is_a_label(block, lines):
            label = "text"
        groups.append(Group(label, _hull(block), [piece for line in block for piece in line.pieces]))
    return Sketch(groups, lines, grids, body)


def quick_regions(page: Any, found: Sketch, pieces: Sequence[Piece]) -> list[Region]:
    """The regions of a sketched page in reading order; boxes are fractions of that page."""
    words = {piece.text.lower().strip(".,;:!?()") for piece in pieces}
    rect = page.rect
    frame = Frame(rect.width, rect.height, "text_layer", words)
    order = reading_order([group.box for group in found.groups], gap=COLUMN_GAP * rect.width)
    return [region for at in order for region in _regions(found.groups[at], frame)]


def _regions(group: Group, frame: Frame) -> list[Region]:
    if group.label == "picture":
        return [Region(label="picture", text="", boxes=(frame.tilted(group.box),))]
    if group.grid is not None and (table := table_region(group.grid.places(group.pieces), group.pieces, frame)):
        return [table]
    label = "text" if group.label == "table" else group.label
    rows = rows_of(group.pieces)
    if label == "text" and len(rows) > 1 and all(piece.mono for piece in group.pieces):
        return [text_region("code", rows, frame)]
    items = split_list(rows) if label == "list-item" else runs_of(rows)
    return [text_region(label, item, frame) for item in items]


def _loose(pieces: Sequence[Piece], groups: Sequence[Group]) -> list[Piece]:
    """The words that stand in no table."""
    held = {id(piece) for group in groups for piece in group.pieces}
    return [piece for piece in pieces if id(piece) not in held]


def _pictures(rect: Any, drawn: Iterable[Drawn]) -> list[Group]:
    """Where pictures lie, each once; their words are read as text."""
    area = abs(rect.width * rect.height) or 1.0
    found: dict[tuple[int, ...], Group] = {}
    for kind, box in drawn:
        if kind not in ("fill-image", "fill-imgmask"):
            continue
        x0, y0 = max(box[0], rect.x0), max(box[1], rect.y0)
        x1, y1 = min(box[2], rect.x1), min(box[3], rect.y1)
        if x0 < x1 and y0 < y1 and PICTURE[0] <= (x1 - x0) * (y1 - y0) / area <= PICTURE[1]:
            found.setdefault((round(x0), round(y0), round(x1), round(y1)), Group("picture", (x0, y0, x1, y1), []))
    return list(found.values())


def _lines(pieces: Sequence[Piece]) -> list[Line]:
    written: dict[int, Row] = {}
    for piece in pieces:
        written.setdefault(piece.line, []).append(piece)
    return [
        Line(
            row,
            min([piece.x0 for piece in row]),
            min([piece.y0 for piece in row]),
            max([piece.x1 for piece in row]),
            max([piece.y1 for piece in row]),
            sorted([piece.size for piece in row])[len(row) // 2],
            5 * sum([piece.bold for piece in row]) >= 4 * len(row),
            row[0].block,
        )
        for row in written.values()
    ]


def _body(lines: Iterable[Line]) -> float:
    """The size that most letters have."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(2 * line.size) / 2] += sum([len(piece.text) for piece in line.pieces])
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _blocks(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines that belong together: paragraphs, headings, lists."""
    blocks: list[list[Line]] = []
    for line in lines:
        if blocks and _goes_on(blocks[-1], line):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [part for block in blocks for part in _paragraphs(block)]


def _goes_on(block: Sequence[Line], line: Line) -> bool:
    last = block[-1]
    if line.block != last.block or line.bold != last.bold or abs(line.size - last.size) > SAME_SIZE * last.size:
        return line.block == last.block and _is_beside(last, line)
    if _is_beside(last, line):
        return True
    white = line.y0 - last.y1
    return -0.5 * line.size <= white <= LEADING * line.size and line.x0 < last.x1 and last.x0 < line.x1


def _is_beside(one: Line, other: Line) -> bool:
    """Whether two lines stand on one level, close to each other: a number and its heading, a raised mark."""
    common = min(one.y1, other.y1) - max(one.y0, other.y0)
    level = common > 0.5 * min(one.y1 - one.y0, other.y1 - other.y0)
    return level and max(other.x0 - one.x1, one.x0 - other.x1) < 4 * max(one.size, other.size)


def _paragraphs(block: list[Line]) -> list[list[Line]]:
    """Cut a block before lines that are set in as first lines are."""
    if len(block) < 3:
        return [block]
    left = min([line.x0 for line in block])
    parts = [[block[0]]]
    for before, line in pairwise(block):
        inset = (line.x0 - left) / (line.size or 1.0)
        was_set_in = before.x0 - left > 0.4 * line.size
        if INDENT[0] <= inset <= INDENT[1] and not was_set_in and line.y0 >= before.y1 - 0.5 * line.size:
            parts.append([])
        parts[-1].append(line)
    return parts


def _label(block: Sequence[Line], body: float) -> str:
    first = block[0].pieces[0].text
    text = " ".join([piece.text for line in block[:2] for piece in line.pieces[:40]])
    if len(block) < 8 and _CAPTION.match(text):
        return "caption"
    if first[0] in BULLETS and (LIST_MARK.match(first) or first[0] not in "-–*"):
        return "list-item"
    if len(block) <= 4 and len(text) <= LONGEST_HEADING and _stands_out(block, body) and _says_something(text):
        return "section-header"
    marked = [line for line in block if LIST_MARK.match(line.pieces[0].text)]
    return "list-item" if len(marked) > 1 and marked[0] is block[0] else "text"


def _stands_out(block: Sequence[Line], body: float) -> bool:
    size = max([line.size for line in block])
    if size >= LARGER * body:
        return True
    return size >= 0.95 * body and all(line.bold for line in block)


def _is_a_label(block: Sequence[Line], lines: Iterable[Line]) -> bool:
    """Whether bold words have text beside them, as the names of a form's fields and a table's cells have."""
    x0, y0, x1, y1 = _hull(block)
    reach = BESIDE * block[0].size
    return any(
        y0 < (line.y0 + line.y1) / 2 < y1 and (0 <= line.x0 - x1 < reach or 0 <= x0 - line.x1 < reach) for line in lines
    )


def _says_something(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return letters > 2 and 2 * letters > len(text.replace(" ", "")) and not text.rstrip().endswith((",", ";"))


def _hull(block: Sequence[Line]) -> tuple[float, float, float, float]:
    return (
        min([line.x0 for line in block]),
        min([line.y0 for line in block]),
        max([line.x1 for line in block]),
        max([line.y1 for line in block]),
    )
