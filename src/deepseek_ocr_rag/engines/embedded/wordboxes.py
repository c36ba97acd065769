"""Where the words of an OCR line stand: what the recognizer knows of it, made exact by the ink.

RapidOCR's recognizer says at which of its columns it saw each character; a word's edges follow from these to about a
fifth of the line's height. The white between words on the picture is exact, so edges move to it. The detector's lines
have margins of all sizes; the ink says how large the letters are and on which line they stand, and so how far their
font reaches. Where the ink is not clear, all stays as the recognizer says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .piece import Piece

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[Any, Any]

ASCENT, DESCENT = 0.89, 0.22
"""How far the box of a font reaches over and under the line, in its sizes: the middle of 40 PDFs."""

TALL, SMALL, DEEP, COMMA = 0.70, 0.47, 0.21, 0.13
"""How far letters with and without ascenders reach over the line, and letters and commas under it."""

BEARING = 0.03
"""White that belongs to a letter at either side, in sizes of the font."""

_TALL = frozenset("bdfhiklt()[]{}|/!?&%$#@\"'" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789")
_DEEP = frozenset("gjpqy()[]{}|")
_ZEROS = re.compile(r"(?:(?<=\d)|(?<=\d[.,]))(?:[oO]+(?=\d)|[oO]{2,}(?!\w))")


@dataclass(frozen=True, slots=True)
class Strip:
    """A detected line as an upright rectangle of pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    quad: Any = None
    """The line's own four corners, which a skewed scan needs."""

    @property
    def is_tall(self) -> bool:
        """Whether the line goes down the page."""
        return self.y1 - self.y0 > 1.5 * (self.x1 - self.x0)

    @property
    def length(self) -> float:
        """Of its longer side."""
        return max(self.x1 - self.x0, self.y1 - self.y0)


def pieces_of(text: str, strip: Strip, found: Sequence[Any], line: int) -> list[Piece]:
    """The words of one line, with their own boxes where RapidOCR places its characters, else a share of the line."""
    words = text.split()
    height = strip.y1 - strip.y0
    own = _own_boxes(words, found)
    boxes = own or _shares(words, text, strip)
    return [
        Piece(
            text=with_zeros(word),
            x0=box.x0,
            y0=strip.y0 if height < 3 * (box.y1 - box.y0) else box.y0,
            x1=box.x1,
            y1=strip.y1,
            size=height,
            line=line,
            block=line,
            is_placed=bool(own),
        )
        for word, box in zip(words, boxes, strict=True)
    ]


def with_zeros(word: str) -> str:
    """A word with zeros for the letters o that RapidOCR reads in numbers: ``1,5oo``, ``2o07``.

    One o at the end stays: it may be the sign for degrees.
    """
    return _ZEROS.sub(lambda found: "0" * len(found[0]), word)


def _own_boxes(words: Sequence[str], found: Sequence[Any]) -> list[Strip]:
    """The boxes of words from those of the parts that RapidOCR places, which are words, their parts or characters.

    Empty where the parts are not those of the words: RapidOCR leaves out lines, and the next line's are in their place.
    """
    parts = [(str(part), strip_of(quad)) for part, _, quad in found]
    if "".join(part for part, _ in parts) != "".join(words):
        return []
    boxes: list[Strip] = []
    at = 0
    for word in words:
        held: list[Strip] = []
        size = 0
        while size < len(word):
            size, at = size + len(parts[at][0]), at + 1
            held.append(parts[at - 1][1])
        if size > len(word):
            return []
        boxes.append(Strip(min(b.x0 for b in held), min(b.y0 for b in held), max(b.x1 for b in held), held[0].y1))
    return boxes


def _shares(words: list[str], text: str, strip: Strip) -> list[Strip]:
    boxes, at, step = [], 0, (strip.x1 - strip.x0) / max(1, len(text))
    for word in words:
        start = text.index(word, at)
        at = start + len(word)
        boxes.append(Strip(strip.x0 + start * step, strip.y0, strip.x0 + at * step, strip.y1))
    return boxes


def strip_of(quad: Any) -> Strip:
    """The rectangle around four corners."""
    xs, ys = [float(point[0]) for point in quad], [float(point[1]) for point in quad]
    return Strip(min(xs), min(ys), max(xs), max(ys), quad)


# The ink


def sharpened(pieces: list[Piece], gray: Pixels) -> list[Piece]:
    """The words of one line of a picture, moved to the ink; all as they are where it is not clear."""
    if not pieces or not all(piece.is_placed for piece in pieces):
        return pieces
    strip = Strip(min(p.x0 for p in pieces), pieces[0].y0, max(p.x1 for p in pieces), pieces[0].y1)
    if strip.is_tall or not all(_is_known(char) for piece in pieces for char in piece.text):
        return pieces
    margin = 0.3 * (strip.y1 - strip.y0)
    left, top = max(0, int(strip.x0 - margin)), max(0, int(strip.y0 - margin))
    ink = _ink(gray[top : int(strip.y1 + margin) + 1, left : int(strip.x1 + margin) + 1])
    if ink is None:
        return pieces
    high, low, size = _rows(ink, "".join(piece.text for piece in pieces))
    if not _is_plausible(strip, top + high, top + low):
        return pieces
    columns = ink[max(0, round(high)) : round(low)].sum(axis=0) > 0
    edges = _edges([(piece.x0 - left, piece.x1 - left) for piece in pieces], columns, size)
    return [
        replace(piece, x0=left + x0, x1=left + x1, y0=max(0.0, top + high), y1=min(float(len(gray)), top + low))
        for piece, (x0, x1) in zip(pieces, edges, strict=True)
    ]


def _is_known(char: str) -> bool:
    """Whether the letters' heights are known: Latin ones and their marks."""
    return char < "\u0250" or "\u2010" <= char <= "\u2044"


def _ink(pixels: Pixels) -> Pixels | None:
    """Which pixels of a line are ink, on light paper or dark; None where it is too pale to tell."""
    import numpy as np

    if pixels.shape[0] < 8 or pixels.shape[1] < 8:
        return None
    contrast = np.abs(pixels.astype(np.int16) - int(np.median(pixels)))
    most = float(np.percentile(contrast, 99))
    return contrast > 0.4 * most if most >= 48 else None


def _rows(ink: Pixels, text: str) -> tuple[float, float, float]:
    """From which row to which a line's font reaches, and its size in pixels; the line is about in the middle of it.

    White above and below shows the ends of the letters. Where there is none, since the next line's letters hang into
    this one's, most of the ink does: that between the heads of the small letters and the line.
    """
    profile = ink.sum(axis=1)
    quarter = len(profile) // 4
    core = quarter + int(profile[quarter : len(profile) - quarter].argmax())
    letters = set(text)
    top, bottom = _run(profile, core, 1)
    over = TALL if letters & _TALL else SMALL
    under = DEEP if letters & _DEEP else COMMA if letters & {",", ";"} else 0.0
    if top == 0 or bottom == len(profile):
        top, bottom = _run(profile, core, 0.3 * float(profile[core]))
        over, under = SMALL if 2 * sum(map(str.islower, text)) > len(text) else TALL, 0.0
    size = (bottom - top) / (over + under)
    line = bottom - under * size
    return line - ASCENT * size, line + DESCENT * size, size


def _run(profile: Pixels, core: int, least: float) -> tuple[int, int]:
    """The rows around one that have so much ink, or more."""
    top, bottom = core, core + 1
    while top > 0 and profile[top - 1] >= least:
        top -= 1
    while bottom < len(profile) and profile[bottom] >= least:
        bottom += 1
    return top, bottom


def _is_plausible(strip: Strip, top: float, bottom: float) -> bool:
    """Whether rows found are about those that the detector saw."""
    shared = min(strip.y1, bottom) - max(strip.y0, top)
    return shared > 0.6 * max(strip.y1 - strip.y0, bottom - top)


def _edges(guesses: Sequence[tuple[float, float]], columns: Pixels, size: float) -> list[tuple[float, float]]:
    """The words' edges, moved to the white between them that is nearest and widest."""
    import numpy as np

    changes = np.flatnonzero(np.diff(columns.astype(np.int8), prepend=1, append=1))
    whites = [(int(start), int(end)) for start, end in zip(changes[::2], changes[1::2], strict=True)]
    edges = [list(guess) for guess in guesses]
    for number in range(len(edges) + 1):
        last = guesses[number - 1][1] if number else guesses[0][0]
        following = guesses[number][0] if number < len(edges) else last
        middle = (last + following) / 2
        white = _white(whites, middle, size)
        if white is None:
            continue
        if number:
            edges[number - 1][1] = white[0] + BEARING * size
        if number < len(edges):
            edges[number][0] = white[1] - BEARING * size
    return [(left, right) if left < right else guess for (left, right), guess in zip(edges, guesses, strict=True)]


def _white(whites: Sequence[tuple[int, int]], middle: float, size: float) -> tuple[int, int] | None:
    """The white columns that part two words about there."""
    best, found = 0.08 * size, None
    for start, end in whites:
        if start <= middle + 0.6 * size and end >= middle - 0.6 * size:
            away = max(0.0, start - middle, middle - end)
            merit = min(end - start, 0.35 * size) - 0.5 * away
            if merit > best:
                best, found = merit, (start, end)
    return found
