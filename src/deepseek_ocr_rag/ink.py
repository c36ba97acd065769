"""Lines of text on a picture, found by the ink alone, without reading any.

In narrow upright strips of a page, text makes runs of rows with ink, about as high as its capitals; lying strips of the
same page have few, which tells which way lines run. It costs milliseconds and knows nothing of scripts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    Pixels = np.ndarray[Any, Any]

WIDE_SHARE = 0.3
"""The smaller lines are those that this share of the ink is in: their height depends on their letters."""

CAPITALS = 0.72
"""Height of a line's ink as a share of its font size. Measured on 63 pages of known font size: 0.74 in the middle, nine
of ten within 0.67 and 0.95."""

WORD = 6
"""Heights of a line after which there is a gap between letters or words at the latest; rules have none."""

DARK = 100
"""A page of which most is under this shade is dark, with light letters."""

SHADE = 32
"""By how much ink is darker than the paper around it."""

FEWEST_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """Rows of ink in a strip of a picture, in pixels; ``ink`` is the width that has any."""

    top: int
    bottom: int
    left: int
    right: int
    ink: float

    @property
    def height(self) -> int:
        """Rows of ink."""
        return self.bottom - self.top


def quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The value that this share of the weight does not exceed; 0 for none."""
    order = sorted(zip(values, weights, strict=True))
    left = share * sum(weights)
    for value, weight in order:
        left -= weight
        if left <= 0:
            return value
    return order[-1][0] if order else 0.0


def find_ink(picture: Image.Image, *, page_size: tuple[float, float] | None = None) -> Pixels:
    """Which pixels are darker than the paper around them; of a dark picture, lighter.

    ``page_size`` is that of the whole page in pixels, where the picture is a part of it.
    """
    import numpy as np
    from PIL import ImageFilter

    grey = picture.convert("L")
    size = page_size or grey.size
    radius = max(3, min(max(size) // 60, min(size) // 40))
    is_light = 2 * sum(grey.histogram()[:DARK]) < grey.width * grey.height
    shades = np.asarray(grey).astype(np.int16)
    around = np.asarray(grey.filter(ImageFilter.BoxBlur(radius))).astype(np.int16)
    darker: Pixels = (around - shades if is_light else shades - around) > SHADE
    return darker


def without_specks(picture: Image.Image) -> Image.Image:
    """The picture in grey, each pixel the middle one of three by three: Pillow's median filter, but far faster."""
    import numpy as np
    from PIL import Image

    edged = np.pad(np.asarray(picture.convert("L")), 1, mode="edge")
    low, middle, high = _sorted(edged[:-2], edged[1:-1], edged[2:])
    # Of nine, the middle one is that of the highest low, the middle middle and the lowest high of three columns.
    lowest = _sorted(*_columns(low))[2]
    central = _sorted(*_columns(middle))[1]
    highest = _sorted(*_columns(high))[0]
    return Image.fromarray(_sorted(lowest, central, highest)[1])


def _columns(rows: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    return rows[:, :-2], rows[:, 1:-1], rows[:, 2:]


def _sorted(one: Pixels, two: Pixels, three: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Three arrays, sorted pixel by pixel."""
    import numpy as np

    low, high = np.minimum(one, two), np.maximum(one, two)
    middle = np.minimum(high, three)
    return np.minimum(low, middle), np.maximum(low, middle), np.maximum(high, three)


def find_lines(ink: Pixels, width: int) -> Iterator[Line]:
    """Runs of rows with ink that look like text, in upright strips of about this width."""
    import numpy as np

    tallest = min(max(ink.shape) / 12, min(ink.shape) / 8)
    strips = min(max(2, round(ink.shape[1] / width)), ink.shape[1])
    edges = np.linspace(0, ink.shape[1], strips + 1).astype(int)
    for left, right in itertools.pairwise(edges.tolist()):
        strip = ink[:, left:right]
        has_ink = np.concatenate(([False], strip.mean(axis=1) > 0.02, [False])).astype(np.int8)
        steps = np.diff(has_ink)
        for top, bottom in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            run = strip[top:bottom]
            if 4 <= bottom - top <= tallest and _is_text(run):
                yield Line(int(top), int(bottom), left, right, float(run.any(axis=0).sum()))


def _is_text(run: Pixels) -> bool:
    """Whether rows of ink look like a line of text: no specks, no rule, no picture."""
    import numpy as np

    height, width = run.shape
    columns: Pixels = np.asarray(run.any(axis=0))
    gaps = int((columns[:-1] & ~columns[1:]).sum())
    return bool(columns.mean() >= 0.35 and 0.06 <= run.mean() <= 0.6 and gaps * WORD * height >= width)


def share_across(across: Sequence[Line], down: Sequence[Line]) -> float:
    """Share of the lines that run across the page rather than down it; a half where there are hardly any."""
    lying, standing = sum(line.ink for line in across), sum(line.ink for line in down)
    few = len(across) + len(down) < FEWEST_LINES
    return 0.5 if few else lying / (lying + standing)


def font_size(lines: Sequence[Line]) -> float:
    """Font size of the smaller lines in pixels; 0 where there are too few to tell."""
    if len(lines) < FEWEST_LINES:
        return 0.0
    heights, weights = [float(line.height) for line in lines], [line.ink for line in lines]
    return quantile(heights, weights, WIDE_SHARE) / CAPITALS
