"""What a page shows, measured inside the worker: the size of its text, how much there is, and which way up it stands.

The text layer tells all of it where it can be believed. Of pictures, lines are found by the ink alone. Which way they
run is clear of pages of prose, and a few of them are read to tell up from down; columns of a table look like lines that
run down the page, so that some are read either way. Doubt leaves a page as it is, and nothing that goes wrong here
costs the page.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from .engines.embedded.ocr import RapidOcr, Reader, Tesseract, find_reader, rapidocr_installed
from .errors import EngineUnavailable
from .geometry import QuarterTurn
from .ink import CAPITALS, Line, find_ink, find_lines, font_size, quantile, share_across
from .modes import LONGEST, STRIP_SHORT, Look, gundam_side
from .paging import OpenPage, is_blank

Pixels = np.ndarray[Any, Any]

SMALL_SHARE = 0.1
"""The smallest ordinary text is that which a tenth of the characters is not larger than: no lone footnote mark."""

FINE_SHARE = 0.02
SMALL_LINE = 40
"""Of what stands in lines, as footnotes do, this share is enough, and at least so many characters."""

LINE_WORDS, LINE_CHARACTERS = 3, 12
"""A line has so much of one size: what has less is marks, subscripts, labels."""

STRAY = 0.25
"""Characters of less than this share of the middle size are not for reading: hidden labels of charts, mostly."""

STRIP = 120
"""Pixels of a strip's width: about a dozen letters, so that slanting and neighbouring columns hardly matter."""

SAMPLE_STRIP = 180

CLEAR = 0.75
"""Share of the lines that run one way at which it is no longer a question."""

SAMPLES = 3
SURE, LIKELY, APART = 0.92, 0.85, 0.1
"""Confidence of lines that stand upright; that of lines worth turning a page for, and how much better it must be."""

SIGNS = 5
UPRIGHT_SIGNS = 0.65
"""Confidence of signs one by one: 0.76 of a column of Japanese, 0.44 of Chinese lines on their side."""

LENGTH = 12
"""Heights of a line that are read of it."""

LETTERS = 12
"""Letters that must be read before a page is turned, several of one kind in a row counting once: digits that stand on
each other in a column are read well from the side, and so is the same letter of many lines."""

FAINT = 7.0
"""Pixels of a line's ink below which lines are lost, so that what is found says little: then one looks closer."""

LARGEST_LOOK = 16_000_000
"""Pixels of the largest picture that is looked at."""

NO_READER = (
    "Its text seems to run down the page, and no OCR engine is installed that could tell which way up it stands."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found. ``look`` and ``picture`` are of the page after ``turn``, clockwise from how it is displayed."""

    look: Look
    turn: QuarterTurn = 0
    picture: Image.Image | None = None
    """RGB or grey, filling what Gundam can use, where one had to be drawn."""
    is_blank: bool = False
    """Whether that picture shows no ink. Nothing else is looked for then, and nothing is said where none was drawn."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _View:
    """A page as it is looked at: the picture, its ink, and the lines that run across the page or down it."""

    picture: Image.Image
    ink: Pixels
    across: Sequence[Line]
    down: Sequence[Line]

    @property
    def share(self) -> float:
        return share_across(self.across, self.down)

    def font_size(self, turn: QuarterTurn = 0) -> float:
        """Font size in pixels; a table's columns of digits are no lines, though there may be more of them."""
        return font_size(self.down if turn % 180 or self.share <= 1 - CLEAR else self.across)


def measure(page: OpenPage, *, upright: bool, sizes: bool = True) -> Measured:
    """Look at a page.

    Args:
        page: The page.
        upright: Whether it may be turned.
        sizes: Whether the size and amount of its text are wanted. Where a text layer tells how it stands, it costs
            less to leave them out.
    """
    turn = _layer_turn(page)
    if turn is not None:
        turn = turn if upright else 0
        look = _look(page, turn)
        if not sizes:
            return Measured(look=look, turn=turn)
        size, characters = _layer_text(page)
        return Measured(look=replace(look, text_height=size / max(look.height, 1.0), characters=characters), turn=turn)
    look = replace(_look(page, 0), pixels=page.pixels())
    shown = _shown(page, look, _viewing_side(look))
    if is_blank(page, shown):
        return Measured(look=look, is_blank=True)
    seen = _view(shown)
    if 0 < seen.font_size() * CAPITALS < FAINT:
        seen = _view(_shown(page, look, 2 * _viewing_side(look)))
    turn, notes = _safe_turn(seen.picture, seen.ink, seen.share) if upright else (0, ())
    picture = seen.picture.rotate(-turn, expand=True) if turn else seen.picture
    size = seen.font_size(turn) / picture.height
    turned = replace(_look(page, turn), pixels=look.pixels, text_height=size, is_estimate=True)
    return Measured(look=turned, turn=turn, picture=picture, warnings=notes)


def _layer_turn(page: OpenPage) -> QuarterTurn | None:
    """The clockwise turn after which the page reads upright, by a text layer that can be believed, or None."""
    plain = page.plain_turn()
    if plain is not None or page.mupdf is None:
        return plain
    from .engines.embedded.textlayer import inspect_layer

    layer = inspect_layer(page.mupdf)
    believed = layer.verdict in ("text", "garbage")  # glyphs without Unicode still have a size and a direction
    return _quarter(layer.turn - page.rotation) if believed else None


def _viewing_side(look: Look) -> int:
    """Pixels of the longer side that Gundam can use; of a strip more, as its width has to show letters."""
    return round(max(gundam_side(look), STRIP_SHORT * look.long / look.short))


def _shown(page: OpenPage, look: Look, side: int) -> Image.Image:
    largest = math.sqrt(LARGEST_LOOK * look.long / look.short)
    return page.picture(long_side=max(1, int(min(side, look.pixels or LONGEST, LONGEST, largest))))


def _view(picture: Image.Image) -> _View:
    ink = find_ink(picture)
    return _View(picture, ink, list(find_lines(ink, STRIP)), list(find_lines(ink.T, STRIP)))


def _look(page: OpenPage, turn: QuarterTurn) -> Look:
    return Look(width=page.height, height=page.width) if turn % 180 else Look(width=page.width, height=page.height)


def _layer_text(page: OpenPage) -> tuple[float, int]:
    """Font size of the smallest ordinary text in points, and how many characters there are.

    Ideographs count threefold: each costs the model about a token, of which other scripts need one for four characters.
    """
    spans: list[tuple[float, int, int]] = []
    lines: list[tuple[float, int]] = []
    for line in page.lines():
        parts = [(size, text) for size, text in line if text.strip()]
        spans += [(size, len("".join(text.split())), _ideographs(text)) for size, text in parts]
        for size in {size for size, _ in parts}:
            words = " ".join(text for other, text in parts if other == size).split()
            length, dense = sum(map(len, words)), any(map(_ideographs, words))
            if length >= LINE_CHARACTERS and (len(words) >= LINE_WORDS or dense):
                lines.append((size, length))
    counts = [count for _, count, _ in spans]
    middle = quantile([size for size, _, _ in spans], counts, 0.5)
    whole = [(size, count) for size, count, _ in spans if size >= STRAY * middle]
    smallest = _small(whole, SMALL_SHARE)
    printed = [(size, count) for size, count in lines if size >= STRAY * middle]
    total = sum(count for _, count in printed)
    if total >= SMALL_LINE:
        smallest = min(smallest, _small(printed, max(FINE_SHARE, SMALL_LINE / total)))
    return smallest, sum(counts) + 2 * sum(ideographs for _, _, ideographs in spans)


def _small(sizes: Sequence[tuple[float, int]], share: float) -> float:
    return quantile([size for size, _ in sizes], [count for _, count in sizes], share)


def _ideographs(text: str) -> int:
    return 0 if text.isascii() else sum(char >= "\u2e80" for char in text)


def _safe_turn(picture: Image.Image, ink: Pixels, share: float) -> tuple[QuarterTurn, tuple[str, ...]]:
    """The turn that makes the page read upright, and what the user should know."""
    try:
        reader = _reader()
        if reader is None:
            return 0, (NO_READER,) if share <= 1 - CLEAR else ()
        return _turn(reader, picture, ink, share), ()
    except Exception as error:  # noqa: BLE001 - models and programs of others: whatever they raise, the page is read
        return 0, (f"Its orientation could not be checked ({type(error).__name__}).",)


def _reader() -> Reader | None:
    if rapidocr_installed():
        return find_reader("auto", language="eng", threads=1)
    try:
        return Tesseract("eng")
    except EngineUnavailable:
        return None


def _turn(reader: Reader, picture: Image.Image, ink: Pixels, share: float) -> QuarterTurn:
    """The turn by which the page reads best. It is laid on its side only where that is clearly better than not to."""
    if not isinstance(reader, RapidOcr):
        guess = reader.turn(picture)
        return guess if (guess % 180 == 90) == (share < 0.5) else 0
    upright = _way(reader, _samples(picture, ink, sideways=False), sideways=False)
    lying = _way(reader, _samples(picture, ink, sideways=True), sideways=True) if share < CLEAR else _Way(None, 0.0)
    if lying.turn is not None and lying.score >= upright.score + APART:
        return lying.turn
    if upright.turn is not None and upright.score >= lying.score:
        return upright.turn
    # Askew, little text, numbers alone, or a script that the recognizer does not know: the detector finds other lines.
    crops, sideways = reader.sample(picture)
    found = _way(reader, [crop[:, : LENGTH * len(crop)] for crop in crops[:SAMPLES]], sideways=sideways)
    if sideways and found.score < upright.score + APART:
        return 0
    return found.turn or 0


def _samples(picture: Image.Image, ink: Pixels, *, sideways: bool) -> list[Pixels]:
    """A few pieces of lines of middling height, cut out; those of a page on its side come turned by 270 degrees."""
    pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]
    if sideways:
        pixels, ink = np.rot90(pixels), np.rot90(ink)
    lines = list(find_lines(ink, SAMPLE_STRIP))
    middle = quantile([line.height for line in lines], [line.ink for line in lines], 0.5)
    alike = [line for line in lines if 0.6 * middle <= line.height <= 1.6 * middle]
    best = sorted(alike, key=lambda line: -line.ink)[:SAMPLES]
    return [
        np.ascontiguousarray(pixels[max(0, line.top - 3) : line.bottom + 3, line.left : line.right]) for line in best
    ]


@dataclass(frozen=True, slots=True)
class _Way:
    """The turn by which some lines read best, None for doubt, and the confidence in it; 0 of too little."""

    turn: QuarterTurn | None
    score: float


def _way(reader: RapidOcr, crops: Sequence[Pixels], *, sideways: bool) -> _Way:
    as_cut, over = _reading(reader, crops), (0.0, "")
    if as_cut[0] < SURE or _letters(as_cut[1]) < LETTERS:
        over = _reading(reader, [crop[::-1, ::-1] for crop in crops])
    (score, text), (other, _) = (as_cut, over) if as_cut[0] >= over[0] else (over, as_cut)
    if score < LIKELY or score - other < APART or _letters(text) < LETTERS:
        return _Way(None, score if _signs(text) >= LETTERS // 2 else 0.0)
    if not sideways:
        return _Way(0 if score == as_cut[0] else 180, score)
    if score == as_cut[0] and _is_written_downwards(reader, crops, text):
        return _Way(0, score)
    return _Way(270 if score == as_cut[0] else 90, score)


def _letters(text: str) -> int:
    return sum(char.isalpha() for char, _ in itertools.groupby(text))


def _signs(text: str) -> int:
    return sum(1 for _ in itertools.groupby(text))


def _reading(reader: RapidOcr, crops: Sequence[Pixels]) -> tuple[float, str]:
    """Mean confidence of reading these lines, by their length, and their letters."""
    read = [(text, score) for text, score in reader.read_lines(crops) if text.strip()]
    total = sum(len(text) for text, _ in read)
    mean = sum(score * len(text) for text, score in read) / total if total else 0.0
    return mean, "".join(char for text, _ in read for char in text if char.isalnum())


def _is_written_downwards(reader: RapidOcr, crops: Sequence[Pixels], text: str) -> bool:
    """Whether these are columns of Chinese or Japanese, whose signs stand upright on the page one by one.

    The recognizer reads columns that were turned by 270 degrees as well as lines, but no lone sign that lies on its
    other side.
    """
    if _ideographs(text) < 0.5 * len(text):
        return False
    signs: list[Pixels] = []
    for crop in crops[:SAMPLES]:
        column = np.rot90(crop, -1)
        side = column.shape[1]
        places = range(0, column.shape[0] - side + 1, side)
        signs += [np.ascontiguousarray(column[at : at + side]) for at in places[:SIGNS]]
    return _reading(reader, signs)[0] >= UPRIGHT_SIGNS


def _quarter(degrees: int) -> QuarterTurn:
    turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
    return turns.get(degrees % 360, 0)
