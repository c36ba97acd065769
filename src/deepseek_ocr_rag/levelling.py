"""How far rows of ink slant, and ink with its rows made level. Runs inside the worker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[Any, Any]

MOST_TILT = 3.0
"""Degrees up to which rows are levelled."""


def slope_of(ink: Pixels) -> float:
    """Pixels by which rows fall for each pixel to the right: where bands of ink and of paper differ most."""
    import numpy as np

    width = 16
    columns = ink.shape[1] // width
    if not columns or not ink.any():
        return 0.0
    # Most of the page is none of the places that were asked for.
    strips = ink[:, : columns * width].reshape(ink.shape[0], columns, width).sum(axis=2).astype(np.float32)

    (inked,) = np.nonzero(strips.any(axis=0))
    strips, middles = np.ascontiguousarray(strips.T[inked]), width * (inked + 0.5)

    def contrast(degrees: float) -> float:
        steps = np.round(math.tan(math.radians(degrees)) * middles).astype(int)
        reach = int(np.abs(steps).max())
        profile = np.zeros(ink.shape[0] + 2 * reach, dtype=np.float32)
        for strip, step in zip(strips, steps.tolist(), strict=True):
            profile[reach - step : reach - step + ink.shape[0]] += strip
        return float(np.square(np.diff(profile)).sum())

    best, step = 0.0, MOST_TILT / 12
    candidates = [step * number for number in range(-12, 13)]
    while step > 0.02:
        best = max(candidates, key=contrast)
        step /= 3
        candidates = [best + step * number for number in (-2, -1, 0, 1, 2)]
    # A level page must not be tilted for a hair: it is the usual case.
    return math.tan(math.radians(best)) if contrast(best) > 1.05 * contrast(0.0) else 0.0


def levelled(ink: Pixels, slope: float) -> tuple[Pixels, int]:
    """Ink with its columns shifted so that rows are level, and how many rows were added above it."""
    import numpy as np

    height, width = ink.shape
    reach = math.ceil(abs(slope) * width)
    if not reach:
        return ink, 0
    found = np.zeros((height + 2 * reach, width), dtype=bool)
    steps = np.round(slope * np.arange(width)).astype(int)
    for step in np.unique(steps).tolist():
        (columns,) = np.nonzero(steps == step)  # in one run, since the steps ascend or descend
        first, last = int(columns[0]), int(columns[-1]) + 1
        found[reach - step : reach - step + height, first:last] = ink[:, first:last]
    return found, reach
