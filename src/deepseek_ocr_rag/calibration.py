"""A page that we draw ourselves, so that a server's answer to it tells what the server does to answers.

Every word, cell and box of the page is known. Text stands near all four edges of a page far from square, so that
the frames that servers count boxes in differ by a tenth of the page; most words stand on it once, so that a word tells
its line.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .document import Cell, Table
from .geometry import Box
from .recognition import PageImage

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH, HEIGHT = 1000, 1414
"""Pixels: the shape of A4, and no more of them than the model sees in its Gundam mode."""

_LEFT, _RIGHT = 56, 944
_TEXTS: tuple[tuple[str, int, int, int, str], ...] = (
    # text, size of its letters in pixels, x, y, "l" or "r" for the side of the text that stands at x
    ("Calibration page", 46, _LEFT, 56, "l"),
    ("Harbour office, pier 63", 24, _RIGHT, 52, "r"),
    ("closed on Sundays", 24, _RIGHT, 84, "r"),
    ("1. Where the water was measured", 32, _LEFT, 168, "l"),
    ("Every morning a small crew rows across the bay and lowers a brass", 24, _LEFT, 222, "l"),
    ("bottle into the current. Each sample is sealed, labelled with its hour,", 24, _LEFT, 256, "l"),
    ("and carried ashore before breakfast. Nine places lie between an old", 24, _LEFT, 290, "l"),
    ("lighthouse and the mouth of the river, roughly 1280 metres apart.", 24, _LEFT, 324, "l"),
    ("2. What the laboratory found", 32, _LEFT, 394, "l"),
    ("Table 1. Depth, salt and warmth at five stations", 24, _LEFT, 448, "l"),
    ("3. How far the weight sank", 32, _LEFT, 806, "l"),
    ("Longer bars in our diagram mean", 24, 540, 868, "l"),
    ("darker and colder layers, where", 24, 540, 902, "l"),
    ("herring gather during summer", 24, 540, 936, "l"),
    ("while plankton drifts past unseen", 24, 540, 970, "l"),
    ("and nobody hears any engine.", 24, 540, 1004, "l"),
    ("Figure 1. Soundings of 1987", 24, _LEFT, 1128, "l"),
    ("Whoever copies these numbers should quote both tables and say which", 24, _LEFT, 1206, "l"),
    ("edition was used; errors were last corrected in October 2025.", 24, _LEFT, 1240, "l"),
    ("Signed: Ingrid Holm, keeper", 24, _LEFT, 1336, "l"),
    ("Copy 604, printed by hand", 24, _RIGHT, 1336, "r"),
)
_CELLS = (
    ("Station", "Metres", "Salinity", "Celsius"),
    ("Alder", "12.5", "31.8", "9.4"),
    ("Birch", "27.0", "33.2", "8.7"),
    ("Cedar", "46.3", "34.6", "7.1"),
    ("Hazel", "58.9", "34.9", "6.5"),
    ("Maple", "74.2", "35.4", "5.8"),
)
_COLUMN_EDGES = (_LEFT, 310, 520, 732, _RIGHT)
_TABLE_TOP, _ROW_HEIGHT = 488, 46
_FIGURE = (_LEFT, 868, 480, 1112)
_BARS = (36, 74, 118, 156, 198)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """A line of text that stands on the page, with the box of its ink."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a page shows. ``width`` and ``height`` are the picture's pixels."""

    width: int
    height: int
    lines: tuple[KnownLine, ...]
    table: Table | None = None
    figure: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The drawn page, and the truth about it."""

    page: PageImage
    truth: Truth


def calibration_page(*, media_type: Literal["image/jpeg", "image/png"] = "image/jpeg") -> Calibration:
    """Draw the page: the same at every call, RGB, without words that an engine could take instead of reading it."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    lines = tuple(_draw_lines(picture, draw))
    table = _draw_table(draw)
    figure = _draw_figure(draw)
    buffer = io.BytesIO()
    if media_type == "image/png":
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=92)
    page = PageImage(
        page_number=1,
        page_width=WIDTH,
        page_height=HEIGHT,
        data=buffer.getvalue(),
        media_type=media_type,
        width=WIDTH,
        height=HEIGHT,
        source="calibration page",
    )
    return Calibration(page=page, truth=Truth(width=WIDTH, height=HEIGHT, lines=lines, table=table, figure=figure))


def _draw_lines(picture: Image.Image, draw: ImageDraw.ImageDraw) -> Iterator[KnownLine]:
    from PIL import ImageChops

    for text, size, x, y, side in _TEXTS:
        room = _write(draw, text, (x, y), size=size, anchor=f"{side}a")
        ink = ImageChops.invert(picture.crop(room).convert("L")).getbbox() or (0, 0, 0, 0)
        corners = (room[0] + ink[0], room[1] + ink[1], room[0] + ink[2], room[1] + ink[3])
        yield KnownLine(text=text, box=Box.from_size(corners, width=WIDTH, height=HEIGHT))


def _write(
    draw: ImageDraw.ImageDraw, text: str, at: tuple[int, int], *, size: int, anchor: str
) -> tuple[int, int, int, int]:
    """Write with the typeface that Pillow brings along; returns the room that it takes, in pixels."""
    from PIL import ImageFont

    font = ImageFont.load_default(size=size)
    draw.text(at, text, fill="black", font=font, anchor=anchor)
    left, top, right, bottom = draw.textbbox(at, text, font=font, anchor=anchor)
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _draw_table(draw: ImageDraw.ImageDraw) -> Table:
    cells: list[Cell] = []
    for row, texts in enumerate(_CELLS):
        top = _TABLE_TOP + row * _ROW_HEIGHT
        for column, text in enumerate(texts):
            left, right = _COLUMN_EDGES[column : column + 2]
            corners = (left, top, right, top + _ROW_HEIGHT)
            draw.rectangle(corners, outline="black", width=2)
            _write(draw, text, (left + 16, top + _ROW_HEIGHT // 2), size=24, anchor="lm")
            box = Box.from_size(corners, width=WIDTH, height=HEIGHT)
            cells.append(Cell(row=row, column=column, text=text, is_header=row == 0, box=box))
    return Table(rows=len(_CELLS), columns=len(_CELLS[0]), cells=tuple(cells), header_rows=1)


def _draw_figure(draw: ImageDraw.ImageDraw) -> Box:
    """Bars on two axes, without words: where those belong is a matter of taste."""
    left, top, right, bottom = _FIGURE
    step = (right - left) // len(_BARS)
    for number, height in enumerate(_BARS):
        start = left + 20 + number * step
        draw.rectangle((start, bottom - height, start + step - 24, bottom), fill=(70, 90 + 24 * number, 150))
    draw.line((left, top, left, bottom, right, bottom), fill="black", width=3)
    return Box.from_size(_FIGURE, width=WIDTH, height=HEIGHT)
