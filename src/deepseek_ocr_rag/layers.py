"""The words of a page's text layer, thousands at once: where they stand on the page, and which way they run.

A library gives rows: four sides in points, the word, and the numbers of its block and line. All arithmetic is on whole
columns of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, compress
from typing import Any

import numpy as np

from .geometry import QuarterTurn
from .recognition import Words

Row = Sequence[Any]
"""``x0, y0, x1, y1, text, block, line``, and whatever follows."""

Numbers = np.ndarray[Any, Any]
Frame = tuple[float, float, float, float]
"""Left, top, right and bottom of the page in the rows' points, before it is turned."""

EDGE = 0.08
STAMP_CHARACTERS = 120
"""Fewer characters away from the edges may be a stamp: then it takes a closer look to believe the layer."""

FORWARD = 0.9
"""Share of the steps from word to word that lead to the right, where a page plainly reads that way."""

HEARD = 0.6
"""Share of the characters that stand in lines of several words, which alone tell a direction."""

STEPS = 20

PICTURE_SHARE = 0.6
"""A page is a scan if pictures cover this share of it."""

DRAWN = 20
"""A page with more strokes than this is not a scan alone: print turned into curves is sharp at any size."""


class Rows:
    """The rows of one page."""

    def __init__(self, rows: Sequence[Row], frame: Frame) -> None:
        self._rows, self._frame = rows, frame

    def words(self, rotation: QuarterTurn) -> Words:
        """The words whose middle is on the page, with their boxes on the page as displayed, which is turned so."""
        if not self._rows:
            return Words()
        kept = _turned(np.clip(self._sides[self._on_page], 0.0, 1.0), rotation)
        texts = compress((row[4] for row in self._rows), self._on_page.tolist())
        # To a millionth of the page, as they are written: what comes out of the cache is what was put in.
        return Words(texts, array("d", (np.rint(kept * 1e6) / 1e6).tobytes()))

    def read_forward(self) -> bool:
        """Whether the words, before the page is turned, plainly read from left to right, and are more than a stamp."""
        if len(self._rows) <= STEPS:
            return False
        letters = np.array([len(row[4]) for row in self._rows])
        if letters[_inside(self._sides, EDGE)].sum() < STAMP_CHARACTERS:
            return False
        lines = np.array([row[5] << 32 | row[6] for row in self._rows])
        together = lines[1:] == lines[:-1]
        left, top, right, bottom = self._frame
        middles = (self._sides[:, :2] + self._sides[:, 2:]) * (right - left, bottom - top)
        across, down = np.diff(middles, axis=0).T
        forward = together & (across > np.abs(down))
        if forward.sum() < max(STEPS, FORWARD * together.sum()):
            return False
        heard = np.zeros(len(self._rows), dtype=bool)
        heard[1:] |= forward
        heard[:-1] |= forward
        return bool(letters[heard].sum() >= HEARD * letters[self._on_page].sum())

    @cached_property
    def _sides(self) -> Numbers:
        """Left, top, right and bottom as fractions of the page before it is turned; not clamped to it."""
        left, top, right, bottom = self._frame
        corners = np.fromiter(chain.from_iterable(row[:4] for row in self._rows), dtype=float).reshape(-1, 4)
        sides = (corners - (left, top, left, top)) / np.maximum((right - left, bottom - top) * 2, 1e-6)
        sides = np.nan_to_num(sides, nan=0.0, posinf=2.0, neginf=-1.0)
        first, second = sides[:, :2], sides[:, 2:]
        ordered: Numbers = np.concatenate((np.minimum(first, second), np.maximum(first, second)), axis=1)
        return ordered

    @cached_property
    def _on_page(self) -> Numbers:
        return _inside(self._sides, 0.0)


def _inside(sides: Numbers, margin: float) -> Numbers:
    middles = (sides[:, :2] + sides[:, 2:]) / 2
    return np.asarray(((middles >= margin) & (middles <= 1 - margin)).all(axis=1))


def _turned(sides: Numbers, degrees: QuarterTurn) -> Numbers:
    """As :meth:`.Box.turned`."""
    left, top, right, bottom = sides.T
    columns = {
        0: (left, top, right, bottom),
        90: (1 - bottom, left, 1 - top, right),
        180: (1 - right, 1 - bottom, 1 - left, 1 - top),
        270: (top, 1 - right, bottom, 1 - left),
    }[degrees]
    return np.ascontiguousarray(np.stack(columns, axis=1))
