"""The model's resolution modes, what a picture costs of its context, and which mode a page needs: facts and arithmetic.

Sources: the paper's table of modes (vision tokens); ``config.py`` and ``process/image_process.py`` of
deepseek-ai/DeepSeek-OCR at e4ac34e and of deepseek-ai/DeepSeek-OCR-2 at 2f3699e. Servers are wired to Gundam: they
always tile pictures over 640 pixels, so a client chooses a mode by the size of what it sends. They stretch a picture to
its grid of tiles, so that more than about 1280 x 1920 pixels buys nothing; what needs more is cut and read in parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Mode = Literal["tiny", "small", "base", "large", "gundam"]
Resolution = Literal["auto", "tiny", "small", "base", "large", "gundam"]

LEGIBLE = 14.0
"""Pixels of font size that the model reads well: 7 pt in the official PDF script, which renders at 144 dpi."""

COARSE = 10.0
"""With fewer pixels of font size (5 pt there), a page is worth the requests that reading it in parts costs."""

ENOUGH = 0.85
"""Share of the pixels wanted at which a page is cut no further: twice as many requests for a bit more do not pay."""

DENSE = 18_000
"""Characters whose answer fills the 8192 tokens of the context, less the picture's and what boxes and tables take."""

GUNDAM_SHORT, GUNDAM_LONG = 1280, 1920
"""Pixels that two by three tiles show."""

STRIP_SHORT = 640
"""Pixels that the short side of a strip (a screenshot, a receipt) keeps where nothing is known of its text."""

STRIP = 3.0
"""How many times as long as wide a strip is."""

STRIP_MARGIN = 1.5
"""How much larger than legible a strip is drawn whose text is judged by its ink: its parts have text of many sizes."""

MOST_TILES = 16
LONGEST = 16_000
"""No page is drawn with more pixels than this along a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeFacts:
    """One row of the paper's table: the pixels of the mode's square view, and the vision tokens that it costs."""

    side: int
    tokens: int
    tile_side: int = 0
    tile_tokens: int = 0


MODES: Mapping[Mode, ModeFacts] = MappingProxyType(
    {
        "tiny": ModeFacts(side=512, tokens=64),
        "small": ModeFacts(side=640, tokens=100),
        "base": ModeFacts(side=1024, tokens=256),
        "large": ModeFacts(side=1280, tokens=400),
        "gundam": ModeFacts(side=1024, tokens=256, tile_side=640, tile_tokens=100),
    }
)


def vision_tokens(mode: Mode, tiles: int = 0) -> int:
    """Vision tokens of a picture as the paper counts them; only Gundam has tiles."""
    row = MODES[mode]
    return row.tokens + tiles * row.tile_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Vision:
    """How a model family sees a picture: a square global view, and for larger pictures a grid of square tiles."""

    base_side: int = 1024
    tile_side: int
    fewest_tiles: int = 2
    most_tiles: int = 6
    ends_rows: bool
    """Whether each row of tokens is ended by one more."""


V1 = Vision(tile_side=640, ends_rows=True)
"""DeepSeek-OCR."""

V2 = Vision(tile_side=768, ends_rows=False)
"""DeepSeek-OCR-2: 144 tokens a tile, 256 and a separator for the global view."""

PATCH = 64
"""Pixels along a side of what becomes one token: patches of 16, compressed by 4."""


def tile_grid(width: int, height: int, vision: Vision = V1) -> tuple[int, int]:
    """Columns and rows of tiles that the family's own preprocessing cuts a picture into; ``(0, 0)`` where it has none.

    The grid whose shape is closest to the picture's; of grids equally close a larger one, if the picture has more
    than half of its pixels.
    """
    if max(width, height) <= vision.tile_side:
        return 0, 0
    aspect, area = width / max(1, height), width * height
    best, distance = (1, 1), math.inf
    for grid in _grids(vision):
        off = abs(aspect - grid[0] / grid[1])
        closer = off < distance
        if closer or (off == distance and area > 0.5 * vision.tile_side**2 * grid[0] * grid[1]):
            best, distance = grid, off
    return best


def image_tokens(width: int, height: int, *, vision: Vision = V1) -> int:
    """Tokens of the context that a picture of this size takes on a server that tiles (A4 at 144 dpi: 903)."""
    columns, rows = tile_grid(width, height, vision)
    view, tile = math.ceil(vision.base_side / PATCH), math.ceil(vision.tile_side / PATCH)
    row_end = int(vision.ends_rows)
    separator = 1
    whole = view * (view + row_end) + separator
    return whole + (rows * tile * (columns * tile + row_end) if columns else 0)


def _grids(vision: Vision) -> list[tuple[int, int]]:
    numbers = range(1, vision.most_tiles + 1)
    grids = [(i, j) for i in numbers for j in numbers if vision.fewest_tiles <= i * j <= vision.most_tiles]
    return sorted(grids, key=lambda grid: grid[0] * grid[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at an upright page tells, for :func:`plan`."""

    width: float
    """In any unit, as ``height``: only their ratio counts."""
    height: float
    text_height: float = 0.0
    """Font size of the smallest ordinary text as a fraction of the page's height; 0 is unknown."""
    is_estimate: bool = False
    """Whether ``text_height`` is judged by the ink: then nothing smaller than ``base`` is chosen for it."""
    characters: int = 0
    """Characters of a text layer that can be believed; 0 is unknown."""
    pixels: int = 0
    """Pixels of the longer side of the picture or scan that the page is: no more can be had of it. 0 is no limit."""

    @property
    def long(self) -> float:
        """The longer side, never 0."""
        return max(self.width, self.height, 1e-9)

    @property
    def short(self) -> float:
        """The shorter side, never 0."""
        return max(min(self.width, self.height), 1e-3 * self.long)

    @property
    def needed(self) -> float:
        """Pixels of the longer side at which the page's text is legible; where it is unknown, for strips only."""
        strip = STRIP_SHORT * self.long / self.short
        if self.text_height <= 0:
            return strip
        needed = LEGIBLE / self.text_height * self.long / max(self.height, self.short)
        is_rough = self.is_estimate and self.long > STRIP * self.short
        return max(needed, min(strip, STRIP_MARGIN * needed)) if is_rough else needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a page is drawn, whether it is cut into tiles, and why, in a short English sentence."""

    mode: Mode
    long_side: int
    columns: int = 1
    rows: int = 1
    reason: str

    @property
    def is_tiled(self) -> bool:
        """Whether the page is read in parts."""
        return self.columns * self.rows > 1


def gundam_side(look: Look, *, max_side: int = 0) -> int:
    """Pixels of the longer side at which the page fills what Gundam can use, upright or lying."""
    return int(_filled(look, 1, 1, max_side))


def plan(look: Look, *, resolution: Resolution = "auto", max_side: int = 0, parts: int = 1) -> Plan:
    """Decide how a page is drawn.

    Args:
        look: What is known of the page, turned upright.
        resolution: ``auto`` is the smallest mode that shows the smallest text, and tiles where none does or where the
            answer would be too long. Another one is taken as it is, without tiles.
        max_side: Pixels that no side of a picture that is sent may exceed; 0 is none.
        parts: The page is cut into at least so many tiles.
    """
    sides: dict[Mode, int] = {mode: row.side for mode, row in MODES.items()} | {"gundam": gundam_side(look)}
    limit = min(look.pixels or LONGEST, max_side or LONGEST, LONGEST)
    if resolution != "auto" and parts == 1:
        side = max(1, min(sides[resolution], limit))
        reason = f"{resolution}, {_size(look, side)}{_limit(look, side)}: as asked"
        return Plan(mode=resolution, long_side=side, reason=reason)
    largest = min(sides["gundam"], limit)
    least = sides["base"] if look.is_estimate else 0
    needed = max(look.needed, least if look.text_height > 0 else sides["gundam"])
    wanted = min(look.needed, look.pixels or LONGEST, LONGEST)
    needed_parts = math.ceil(look.characters / DENSE)
    if max(parts, needed_parts) > 1 or wanted * COARSE / LEGIBLE > largest:
        return _tiled(look, wanted=wanted, parts=max(parts, needed_parts), max_side=max_side)
    mode: Mode = next((mode for mode, side in sides.items() if side >= needed), "gundam")
    side = max(1, min(sides[mode], limit))
    return Plan(mode=mode, long_side=side, reason=f"{mode}, {_size(look, side)}{_limit(look, side)}: {_why(look)}")


def _tiled(look: Look, *, wanted: float, parts: int, max_side: int) -> Plan:
    """The fewest tiles that show the text, each one a picture for Gundam; rows rather than columns, which cut lines."""
    numbers = range(1, MOST_TILES + 1)
    grids = [(i, j) for i in numbers for j in numbers if max(2, min(parts, MOST_TILES)) <= i * j <= MOST_TILES]
    shown = {grid: _filled(look, *grid, max_side) for grid in grids}
    most = max(shown.values())
    enough = [grid for grid in grids if shown[grid] >= min(ENOUGH * wanted, most)]
    columns, rows = min(enough, key=lambda grid: (grid[0] * grid[1], grid[0]))
    side = max(1, int(min(shown[columns, rows], look.pixels or LONGEST, LONGEST)))
    is_long = parts > 1 and look.characters > DENSE
    why = f"{look.characters} characters are too many for one answer" if is_long else _why(look)
    reason = f"gundam, {_size(look, side)} in {columns}x{rows} tiles{_limit(look, side)}: {why}"
    return Plan(mode="gundam", long_side=side, columns=columns, rows=rows, reason=reason)


def _filled(look: Look, columns: int, rows: int, max_side: int) -> float:
    """Pixels of the page's longer side at which each tile fills what Gundam can use."""
    width, height = look.width / look.long, look.height / look.long
    width, height = max(width, 1e-3) / columns, max(height, 1e-3) / rows
    bound = max_side or LONGEST
    short, long = min(GUNDAM_SHORT, bound), min(GUNDAM_LONG, bound)
    return max(1.0, min(short / width, long / height), min(long / width, short / height))


def _size(look: Look, side: int) -> str:
    scale = side / look.long
    return f"{max(1, round(look.width * scale))}x{max(1, round(look.height * scale))} px"


def _limit(look: Look, side: int) -> str:
    return " (all that the picture has)" if look.pixels and side >= look.pixels else ""


def _why(look: Look) -> str:
    if look.text_height <= 0:
        return "the size of its text is unknown"
    return f"its smallest text is {100 * look.text_height:.2g} % of the page's height"
