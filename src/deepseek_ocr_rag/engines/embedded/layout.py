"""Structure of a page: PyMuPDF's layout model names the pieces, we give each its words and lose none.

The model's boxes decide which words belong together and in which order; the words come from the text layer or from
OCR. Words that no box claims are kept as paragraphs of their own, where they stand in the reading order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymupdf

from ...document import LineSource
from ...geometry import Box, bounding_box
from ...recognition import Region
from .grids import Place, places_of, table_of_places
from .lines import Row, code_text, font_size, is_bold, rows_of, running_text, runs_of, split_list
from .model import layout_groups
from .order import reading_order
from .piece import Piece

COLUMN_GAP = 0.008
"""The narrowest gap between columns, as a share of the page's width: 5 pt on A4."""


@dataclass(slots=True)
class _Group:
    """A box of the layout model with the words that fell to it."""

    label: str
    box: tuple[float, float, float, float]
    raw: Any = None
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frame:
    """The upright page that the words were read from: its size in points, and where they come from.

    A scan is straightened before it is read; ``skew`` is by how many degrees its lines fall to the right on the page
    as displayed, so that boxes can be tilted back.
    """

    width: float
    height: float
    source: LineSource
    words: set[str]
    skew: float = 0.0

    def box(self, pieces: Iterable[Piece]) -> Box:
        """The box around words, as fractions of the upright page, tilted back word by word."""
        corners = [(p.x0, p.y0, p.x1, p.y1) for p in pieces]
        if len(corners) == 1:
            return self.tilted(corners[0])
        if not self.skew:
            x0, y0, x1, y1 = zip(*corners, strict=True)
            return self.tilted((min(x0), min(y0), max(x1), max(y1)))
        whole = bounding_box(self.tilted(each) for each in corners)
        assert whole is not None  # noqa: S101 - regions are made of words; tells the type checker
        return whole

    def tilted(self, corners: tuple[float, float, float, float]) -> Box:
        """A rectangle in points, as fractions of the upright page, moved to where it stands on the skewed scan."""
        x0, y0, x1, y1 = corners
        if self.skew:
            middle_x, middle_y = (x0 + x1) / 2 - self.width / 2, (y0 + y1) / 2 - self.height / 2
            cosine, sine = math.cos(math.radians(self.skew)), math.sin(math.radians(self.skew))
            right = self.width / 2 + middle_x * cosine - middle_y * sine - (x0 + x1) / 2
            down = self.height / 2 + middle_x * sine + middle_y * cosine - (y0 + y1) / 2
            x0, y0, x1, y1 = x0 + right, y0 + down, x1 + right, y1 + down
        left, top, right, bottom = x0 / self.width, y0 / self.height, x1 / self.width, y1 / self.height
        if 0.0 <= left <= right <= 1.0 and 0.0 <= top <= bottom <= 1.0:  # as a rule, and a page has thousands
            return Box(left=left, top=top, right=right, bottom=bottom)
        return Box.from_fractions(left, top, right, bottom)


def find_regions(page: Any, pieces: Sequence[Piece], *, source: LineSource, skew: float = 0.0) -> list[Region]:
    """Structure an upright MuPDF page whose words are ``pieces``; boxes are fractions of that page.

    Regions come in reading order; every piece is in exactly one of them.
    """
    words = {piece.text.lower().strip(".,;:!?()") for piece in pieces}
    frame = Frame(page.rect.width, page.rect.height, source, words, skew)
    groups = _groups(page)
    _hand_out(pieces, groups)
    regions: list[Region] = []
    for group in _in_order(groups, frame.width):
        regions += _regions_of(group, frame)
    return regions


def picture_page(width: float, height: float, pieces: Sequence[Piece], picture: bytes) -> Any:
    """A MuPDF page that shows a scan with its OCR words as an invisible layer, for the layout model to look at."""
    page = pymupdf.open().new_page(width=width, height=height)
    page.insert_image(page.rect, stream=picture)
    font = pymupdf.Font("helv")
    words = page.new_shape()  # written at once: each writing looks through all that was written before
    for piece in pieces:
        text = "".join(char if ord(char) < 256 else "x" for char in piece.text)
        size = max(1.0, piece.size * 0.85)
        stretch = (piece.x1 - piece.x0) / (font.text_length(text, fontsize=size) or 1.0)
        start = pymupdf.Point(piece.x0, piece.y1 - 0.2 * piece.size)
        words.insert_text(
            start, text, fontsize=size, render_mode=3, morph=(start, pymupdf.Matrix(max(stretch, 0.01), 1.0))
        )
    words.commit()
    return page


def _groups(page: Any) -> list[_Group]:
    groups = []
    for raw in layout_groups(page):
        x0, y0, x1, y1 = (float(edge) for edge in raw["group_bbox"][:4])
        groups.append(_Group(str(raw["class_name"]), (x0, y0, x1, y1), raw))
    return groups


def _hand_out(pieces: Sequence[Piece], groups: list[_Group]) -> None:
    """Give each word to the group whose text segment holds it, else to the smallest group around it, else to none.

    Words of none become paragraphs of their own at the end of ``groups``.
    """
    segments = [(box, group) for group in groups for box in group.raw.get("bboxes", ())]
    holders = _first_holders([box for box, _ in segments], pieces)
    by_area = sorted(groups, key=lambda group: (group.box[2] - group.box[0]) * (group.box[3] - group.box[1]))
    homeless: dict[int, list[Piece]] = {}
    for piece, holder in zip(pieces, holders, strict=True):
        group = segments[holder][1] if holder >= 0 else next((g for g in by_area if _holds(g.box, *piece.middle)), None)
        if group is None:
            homeless.setdefault(piece.block, []).append(piece)
        else:
            group.pieces.append(piece)
    for block in homeless.values():
        box = (min(p.x0 for p in block), min(p.y0 for p in block), max(p.x1 for p in block), max(p.y1 for p in block))
        groups.append(_Group("text", box, {}, block))


def _first_holders(boxes: Sequence[Sequence[float]], pieces: Sequence[Piece]) -> list[int]:
    """For each word the first box that holds its middle, or -1."""
    if not boxes:
        return [-1] * len(pieces)
    x, y = np.array([piece.middle for piece in pieces], dtype=float).reshape(-1, 2, 1).swapaxes(0, 1)
    x0, y0, x1, y1 = np.array([box[:4] for box in boxes], dtype=float).T
    inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
    found: list[int] = np.where(inside.any(axis=1), inside.argmax(axis=1), -1).tolist()
    return found


def _holds(box: tuple[float, float, float, float], x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _in_order(groups: list[_Group], width: float) -> list[_Group]:
    """Running heads first, running feet last, all else in reading order."""
    ends = {"page-header": 0, "page-footer": 2}
    order = reading_order([group.box for group in groups], gap=COLUMN_GAP * width)
    return sorted((groups[index] for index in order), key=lambda group: ends.get(group.label, 1))


def _regions_of(group: _Group, frame: Frame) -> list[Region]:
    """The regions of one group: a table, a list cut into its items, or one run of text."""
    if group.label == "picture":
        return [_picture(group, frame)]
    if not group.pieces:
        return []
    if group.label == "table" and (region := table_region(places_of(group.raw, group.pieces), group.pieces, frame)):
        return [region]
    rows = rows_of(group.pieces)
    label = "text" if group.label in ("table", "picture") else group.label
    if label == "text" and len(rows) > 1 and all(piece.mono for piece in group.pieces):
        return [text_region("code", rows, frame)]
    items = split_list(rows) if label == "list-item" else runs_of(rows)
    return [text_region(label, item, frame) for item in items]


def _picture(group: _Group, frame: Frame) -> Region:
    """A picture with the words inside it, which are as visible as any other."""
    box = frame.tilted(group.box)
    if not group.pieces:
        return Region(label=group.label, text="", boxes=(box,))
    region = text_region(group.label, rows_of(group.pieces), frame)
    return Region(label=group.label, text=region.text, boxes=(box,), lines=region.lines, font_size=region.font_size)


def table_region(places: Sequence[tuple[Place, Piece]], pieces: Sequence[Piece], frame: Frame) -> Region | None:
    """A table of words whose cells are known, or None where they are none."""
    found = table_of_places(places, to_box=frame.box, source=frame.source)
    if found is None:
        return None
    table, text, lines = found
    return Region(label="table", text=text, boxes=(frame.box(pieces),), lines=lines, table=table)


def text_region(label: str, rows: Sequence[Row], frame: Frame) -> Region:
    """A run of text, or code, with its lines and how it looks."""
    pieces = [piece for row in rows for piece in row]
    if label == "code":
        text, lines = code_text(rows, to_box=frame.box, source=frame.source)
    else:
        text, lines = running_text(rows, to_box=frame.box, source=frame.source, words=frame.words)
    return Region(
        label=label,
        text=text,
        boxes=(frame.box(pieces),),
        lines=tuple(lines),
        font_size=font_size(pieces),
        is_bold=is_bold(pieces),
    )
