"""One coordinate frame, and the doors in and out of it.

Inside the package a box is four fractions of the page *as displayed*: CropBox, /Rotate and EXIF orientation
applied, origin at the top left, x to the right, y down. It is the one frame in which PDF.js, PDFium, MuPDF,
browsers and pictures agree. Points, pixels and the model's 0-999 grid exist only in the constructors and
converters below.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

QuarterTurn = Literal[0, 90, 180, 270]

MODEL_GRID = 999
"""DeepSeek-OCR counts 0..999 along each axis of the image (run_dpsk_ocr_pdf.py divides by 999)."""

METADATA_GRID = 10_000
"""Integers in metadata are 1/10000 of the page: 0.06 pt on A4, far under a hairline."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Box:
    """A rectangle as fractions of the displayed page, ``0 <= left <= right <= 1``, origin top left.

    Raises:
        ValueError: If the corners are not ordered inside the page. Outside data goes through the ``from_*``
            constructors, which sort and clamp.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left <= self.right <= 1 and 0 <= self.top <= self.bottom <= 1):
            raise ValueError(f"box is not ordered inside the page: {self.as_tuple()}")

    @classmethod
    def ordered(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """A box of sides that come from boxes, or were compared: they are not looked at again, which takes longest."""
        box = _new(cls)
        _set_left(box, left)
        _set_top(box, top)
        _set_right(box, right)
        _set_bottom(box, bottom)
        return box

    @classmethod
    def from_fractions(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Make a box from any two opposite corners, sorted and clamped to the page."""
        if 0 <= x0 <= x1 <= 1 and 0 <= y0 <= y1 <= 1:
            return cls.ordered(x0, y0, x1, y1)
        left, right = sorted((_clamp(x0), _clamp(x1)))
        top, bottom = sorted((_clamp(y0), _clamp(y1)))
        return cls.ordered(left, top, right, bottom)

    @classmethod
    def from_size(cls, corners: Iterable[float], *, width: float, height: float) -> Box:
        """Make a box from ``x0, y0, x1, y1`` in pixels or points of a page of that width and height."""
        x0, y0, x1, y1 = corners
        return cls.from_fractions(x0 / width, y0 / height, x1 / width, y1 / height)

    @classmethod
    def from_model_grid(cls, corners: Iterable[float]) -> Box:
        """Make a box from the model's ``x1, y1, x2, y2``, 0..999 per axis."""
        return cls.from_size(corners, width=MODEL_GRID, height=MODEL_GRID)

    @classmethod
    def from_ints(cls, corners: Iterable[int]) -> Box:
        """Make a box from the 1/10000 integers that metadata carries."""
        return cls.from_size(corners, width=METADATA_GRID, height=METADATA_GRID)

    @property
    def width(self) -> float:
        """Width as a fraction of the page's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height as a fraction of the page's height."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area as a fraction of the page."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """The middle, ``(x, y)``."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def as_tuple(self) -> tuple[float, float, float, float]:
        """``(left, top, right, bottom)``."""
        return self.left, self.top, self.right, self.bottom

    def to_ints(self) -> tuple[int, int, int, int]:
        """The box in 1/10000 of the page, rounded to the nearest integer."""
        return (
            round(self.left * METADATA_GRID),
            round(self.top * METADATA_GRID),
            round(self.right * METADATA_GRID),
            round(self.bottom * METADATA_GRID),
        )

    def to_size(self, *, width: float, height: float) -> tuple[float, float, float, float]:
        """The box in pixels or points of a page of that width and height."""
        return self.left * width, self.top * height, self.right * width, self.bottom * height

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box.ordered(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersection(self, other: Box) -> float:
        """The area that both share, as a fraction of the page."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        shared = self.intersection(other)
        whole = self.area + other.area - shared
        return shared / whole if whole > 0 else 0.0

    def shared_height(self, other: Box) -> float:
        """How much of the lower of two boxes lies at the same height as the other, 0 to 1."""
        shared = min(self.bottom, other.bottom) - max(self.top, other.top)
        lowest = min(self.height, other.height)
        return max(0.0, shared) / lowest if lowest > 0 else float(shared >= 0)

    def covers(self, other: Box) -> float:
        """The share of ``other``'s area that lies in this box, 0 to 1."""
        return self.intersection(other) / other.area if other.area > 0 else 0.0

    def holds_center_of(self, other: Box) -> bool:
        """Whether the middle of ``other`` lies in this box."""
        x, y = other.center
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def turned(self, degrees: QuarterTurn) -> Box:
        """The box after the page is turned clockwise by a quarter turn or several."""
        if degrees == 0:
            return self
        left, top, right, bottom = self.as_tuple()
        if degrees == 90:
            return Box.from_fractions(1 - bottom, left, 1 - top, right)
        if degrees == 180:
            return Box.from_fractions(1 - right, 1 - bottom, 1 - left, 1 - top)
        if degrees == 270:
            return Box.from_fractions(top, 1 - right, bottom, 1 - left)
        return self


_new = object.__new__
_set_left, _set_top, _set_right, _set_bottom = (
    getattr(Box, side).__set__ for side in ("left", "top", "right", "bottom")
)


def turned_sides(sides: Sequence[float], degrees: QuarterTurn) -> Sequence[float]:
    """The sides of boxes, one's four after the other's, after the page is turned clockwise; see :meth:`Box.turned`."""
    if degrees == 0:
        return sides
    turned = list(sides)
    for at, (side, is_opposite) in enumerate(_TURNED[degrees]):
        turned[at::4] = [1 - value for value in sides[side::4]] if is_opposite else sides[side::4]
    return turned


_TURNED: Mapping[int, tuple[tuple[int, bool], ...]] = MappingProxyType(
    {
        90: ((3, True), (0, False), (1, True), (2, False)),
        180: ((2, True), (3, True), (0, True), (1, True)),
        270: ((1, False), (2, True), (3, False), (0, True)),
    }
)
"""Where each side of a turned box comes from, and whether it is counted from the opposite edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfView:
    """What of a PDF's user space a page displays, and how: the way from our boxes to the file's own coordinates.

    The visible part (CropBox within MediaBox) is ``left`` to ``right`` and ``bottom`` to ``top``, in user space, whose
    y runs up; it is turned clockwise by ``rotation`` (/Rotate) and ``user_unit`` times larger than 1/72 inch.
    """

    left: float
    bottom: float
    right: float
    top: float
    rotation: QuarterTurn = 0
    user_unit: float = 1.0

    def to_user_space(self, box: Box) -> tuple[float, float, float, float]:
        """A box as ``(x0, y0, x1, y1)`` in user space, ``x0 <= x1`` and ``y0 <= y1``."""
        seen = box.turned(inverse_turn(self.rotation))
        width, height = self.right - self.left, self.top - self.bottom
        return (
            self.left + seen.left * width,
            self.top - seen.bottom * height,
            self.left + seen.right * width,
            self.top - seen.top * height,
        )

    def from_user_space(self, corners: Iterable[float]) -> Box:
        """The box of any two opposite corners ``x0, y0, x1, y1`` in user space, as far as it is visible."""
        x0, y0, x1, y1 = corners
        width, height = (self.right - self.left) or 1.0, (self.top - self.bottom) or 1.0
        seen = Box.from_fractions(
            (x0 - self.left) / width, (self.top - y0) / height, (x1 - self.left) / width, (self.top - y1) / height
        )
        return seen.turned(self.rotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a picture that a model saw lies on the page, in fractions of the page; it may reach beyond the page.

    The model counts in fractions of what it was shown: the whole page as a rule, a half or a tile of it, or the page
    padded to a square.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    @classmethod
    def from_box(cls, box: Box) -> Frame:
        """The frame of a part of the page."""
        return cls(left=box.left, top=box.top, right=box.right, bottom=box.bottom)

    @classmethod
    def padded_square(cls, width: float, height: float) -> Frame:
        """The frame of a page of that size in the middle of the smallest square around it (old llama.cpp builds)."""
        side = max(width, height)
        across, down = (side - width) / 2 / width, (side - height) / 2 / height
        return cls(left=-across, top=-down, right=1 + across, bottom=1 + down)

    def place(self, box: Box) -> Box:
        """A box in fractions of this frame as a box on the page, clamped to it."""
        width, height = self.right - self.left, self.bottom - self.top
        return Box.from_fractions(
            self.left + box.left * width,
            self.top + box.top * height,
            self.left + box.right * width,
            self.top + box.bottom * height,
        )

    def within(self, outer: Frame) -> Frame:
        """This frame, where it is counted in fractions of ``outer``, in fractions of the page."""
        width, height = outer.right - outer.left, outer.bottom - outer.top
        return Frame(
            left=outer.left + self.left * width,
            top=outer.top + self.top * height,
            right=outer.left + self.right * width,
            bottom=outer.top + self.bottom * height,
        )


SAME_ROW = 0.5
"""Boxes that share more than this of the lower one's height stand on one line."""

PAGE_BOX = Box(left=0, top=0, right=1, bottom=1)
"""All of a page, where no smaller place is known."""

WHOLE_PAGE = Frame()
"""The frame of boxes that are counted on the page itself."""


def visual_rows(boxes: Sequence[Box]) -> list[list[int]]:
    """The places of boxes in the sequence, line by line as they are seen: from the top, each from left to right."""
    middles = [(box.top + box.bottom) / 2 for box in boxes]
    rows: list[list[int]] = []
    for at in sorted(range(len(boxes)), key=middles.__getitem__):
        if rows and boxes[rows[-1][0]].shared_height(boxes[at]) > SAME_ROW:
            rows[-1].append(at)
        else:
            rows.append([at])
    return [sorted(row, key=lambda at: boxes[at].left) for row in rows]


def bounding_box(boxes: Iterable[Box]) -> Box | None:
    """The smallest box that holds all, or None for none."""
    found = list(boxes)
    if len(found) < 2:
        return found[0] if found else None
    left, top, right, bottom = zip(*(box.as_tuple() for box in found), strict=True)
    return Box.ordered(min(left), min(top), max(right), max(bottom))


Point = tuple[float, float]


def displayed_corners(
    left: float, top: float, right: float, bottom: float, turn: QuarterTurn
) -> tuple[Point, Point, Point, Point]:
    """The corners of a rectangle on a page that is displayed turned clockwise by ``turn``.

    Given and returned in the frame of the page before it is turned, whichever way its y runs: upper left, upper right,
    lower left and lower right as displayed, which is the order of a highlight's QuadPoints.
    """
    clockwise = [(left, top), (right, top), (right, bottom), (left, bottom)]
    first = -turn // 90 % 4
    upper_left, upper_right, lower_right, lower_left = clockwise[first:] + clockwise[:first]
    return upper_left, upper_right, lower_left, lower_right


def inverse_turn(degrees: QuarterTurn) -> QuarterTurn:
    """The quarter turn that undoes ``degrees``."""
    turns: dict[QuarterTurn, QuarterTurn] = {0: 0, 90: 270, 180: 180, 270: 90}
    return turns[degrees]


def _clamp(value: float) -> float:
    """Bring a fraction into the page; NaN, for which no comparison holds, becomes 0."""
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, value))
