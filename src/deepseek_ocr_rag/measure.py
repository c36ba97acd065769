"""What a page shows, measured inside the worker: the size of its text, how much there is, and which way up it stands.

The text layer tells all of it where it can be believed. Of pictures, lines are found by the ink alone: in narrow
upright strips of the page, text makes runs of rows with ink, about as high as its capitals; lying strips of the same
page have few. So which way lines run costs milliseconds, and only a few of them are read, to tell up from down. Doubt
leaves a page as it is, and nothing that goes wrong here costs the page.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from .engines.embedded.ocr import RapidOcr, Reader, Tesseract, find_reader, rapidocr_installed
from .engines.embedded.textlayer import LayerReport, inspect_layer
from .errors import EngineUnavailable
from .geometry import QuarterTurn
from .modes import Look, gundam_side
from .paging import OpenPage

Pixels = np.ndarray[Any, Any]

SMALL_SHARE = 0.1
"""The smallest ordinary text is that which a tenth of the characters is not larger than: no lone footnote mark."""

STRAY = 0.25
"""Characters of less than this share of the middle size are not for reading: hidden labels of charts, mostly."""

WIDE_SHARE = 0.3
"""The same for lines of ink, whose height depends on their letters."""

CAPITALS = 0.72
"""Height of a line's ink as a share of its font size. Measured on 63 pages of known font size: 0.74 in the middle, nine
of ten within 0.67 and 0.95."""

STRIP = 120
"""Pixels of a strip's width: about a dozen letters, so that slanting and neighbouring columns hardly matter."""

SAMPLE_STRIP = 180

WORD = 6
"""Heights of a line after which there is a gap between letters or words at the latest; rules have none."""

SHADE = 32
"""By how much ink is darker than the paper around it."""

FEWEST_LINES = 8
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
"""Letters that must be read before a page is turned."""

NO_READER = (
    "Its text seems to run down the page, and no OCR engine is installed that could tell which way up it stands."
)

PICTURE_SHARE = 0.6
"""A page is a scan if pictures cover this share of it."""

DRAWN = 20
"""A page with more strokes than this is not a scan alone: print turned into curves is sharp at any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found. ``look`` and ``picture`` are of the page after ``turn``, clockwise from how it is displayed."""

    look: Look
    turn: QuarterTurn = 0
    picture: Image.Image | None = None
    """RGB or grey, filling what Gundam can use, where one had to be drawn."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """Rows of ink in a strip of a picture, in pixels; ``ink`` is the width that has any."""

    top: int
    bottom: int
    left: int
    right: int
    ink: float

    @property
    def height(self) -> int:
        return self.bottom - self.top


def measure(page: OpenPage, *, upright: bool) -> Measured:
    """Look at a page that is not blank; ``upright`` is whether it may be turned."""
    layer = inspect_layer(page.mupdf) if page.mupdf is not None else LayerReport("none")
    if layer.verdict in ("text", "garbage"):  # glyphs without Unicode still have a size and a direction
        turn = _quarter(layer.turn - page.rotation) if upright else 0
        size, characters = _layer_text(page.mupdf)
        look = _look(page, turn)
        return Measured(look=replace(look, text_height=size / max(look.height, 1.0), characters=characters), turn=turn)
    look = replace(_look(page, 0), pixels=original_pixels(page))
    picture = page.picture(long_side=min(gundam_side(look), look.pixels or gundam_side(look)))
    ink = _ink(picture)
    across, down = list(_lines(ink, STRIP)), list(_lines(ink.T, STRIP))
    turn, notes = _safe_turn(picture, ink, _share(across, down)) if upright else (0, ())
    height = picture.width if turn % 180 else picture.height
    lines = across if _share(across, down) >= 0.5 else down
    if turn:
        picture = picture.rotate(-turn, expand=True)
    size = _font_size(lines) / height
    turned = replace(_look(page, turn), pixels=look.pixels, text_height=size, is_estimate=True)
    return Measured(look=turned, turn=turn, picture=picture, warnings=notes)


def original_pixels(page: OpenPage) -> int:
    """Pixels of the longer side of the picture or scan that a page is; 0 where it is drawn and has no such limit."""
    if page.mupdf is None:
        return int(max(page.width, page.height))
    rect = page.mupdf.rect
    drawn = [kind for kind, _ in page.mupdf.get_bboxlog() if kind in ("fill-path", "stroke-path", "fill-shade")]
    if len(drawn) > DRAWN:
        return 0
    covered, density = 0.0, 0.0
    for image in page.mupdf.get_image_info():
        x0, y0, x1, y1 = image["bbox"]
        area = abs((x1 - x0) * (y1 - y0))
        share = area / max(1.0, rect.width * rect.height)
        covered += share
        if share > 0.1:
            density = max(density, math.sqrt(image["width"] * image["height"] / area))
    return round(density * max(page.width, page.height)) if covered >= PICTURE_SHARE else 0


def _look(page: OpenPage, turn: QuarterTurn) -> Look:
    return Look(width=page.height, height=page.width) if turn % 180 else Look(width=page.width, height=page.height)


def _layer_text(page: Any) -> tuple[float, int]:
    """Font size of the smallest ordinary text in points, and how many characters there are.

    Ideographs count threefold: each costs the model about a token, of which other scripts need one for four characters.
    """
    spans = [
        (float(span["size"]), len(text), sum(char >= "\u2e80" for char in text))
        for block in page.get_text("dict", flags=0)["blocks"]
        for line in block.get("lines", ())
        for span in line["spans"]
        if (text := "".join(span["text"].split()))
    ]
    sizes, counts = [size for size, _, _ in spans], [count for _, count, _ in spans]
    middle = _quantile(sizes, counts, 0.5)
    kept = [(size, count) for size, count, _ in spans if size >= STRAY * middle]
    smallest = _quantile([size for size, _ in kept], [count for _, count in kept], SMALL_SHARE)
    return smallest, sum(counts) + 2 * sum(ideographs for _, _, ideographs in spans)


def _quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The value that this share of the weight does not exceed; 0 for none."""
    order = sorted(zip(values, weights, strict=True))
    left = share * sum(weights)
    for value, weight in order:
        left -= weight
        if left <= 0:
            return value
    return order[-1][0] if order else 0.0


def _ink(picture: Image.Image) -> Pixels:
    """Which pixels are darker than the paper around them; of a dark page, lighter."""
    grey = picture.convert("L")
    shades = np.asarray(grey).astype(np.int16)
    around = np.asarray(grey.filter(ImageFilter.BoxBlur(max(3, max(grey.size) // 60)))).astype(np.int16)
    darker: Pixels = (around - shades if np.median(shades) > 100 else shades - around) > SHADE
    return darker


def _lines(ink: Pixels, width: int) -> Iterator[_Line]:
    """Runs of rows with ink that look like text, in upright strips of about this width."""
    tallest = max(ink.shape) / 12
    edges = np.linspace(0, ink.shape[1], max(2, round(ink.shape[1] / width)) + 1).astype(int)
    for left, right in itertools.pairwise(edges.tolist()):
        strip = ink[:, left:right]
        has_ink = np.concatenate(([False], strip.mean(axis=1) > 0.02, [False])).astype(np.int8)
        steps = np.diff(has_ink)
        for top, bottom in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            run = strip[top:bottom]
            if 4 <= bottom - top <= tallest and _is_text(run):
                yield _Line(int(top), int(bottom), left, right, float(run.any(axis=0).sum()))


def _is_text(run: Pixels) -> bool:
    """Whether rows of ink look like a line of text: no specks, no rule, no picture."""
    height, width = run.shape
    columns: Pixels = np.asarray(run.any(axis=0))
    gaps = int((columns[:-1] & ~columns[1:]).sum())
    return bool(columns.mean() >= 0.35 and 0.06 <= run.mean() <= 0.6 and gaps * WORD * height >= width)


def _share(across: Sequence[_Line], down: Sequence[_Line]) -> float:
    """Share of the lines that run across the page rather than down it; a half where there are hardly any."""
    lying, standing = sum(line.ink for line in across), sum(line.ink for line in down)
    few = len(across) + len(down) < FEWEST_LINES
    return 0.5 if few else lying / (lying + standing)


def _font_size(lines: Sequence[_Line]) -> float:
    """Font size of the smaller lines in pixels; 0 where there are too few to tell."""
    if len(lines) < FEWEST_LINES:
        return 0.0
    heights, weights = [float(line.height) for line in lines], [line.ink for line in lines]
    return _quantile(heights, weights, WIDE_SHARE) / CAPITALS


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
    sideways = share < 0.5
    if not isinstance(reader, RapidOcr):
        guess = reader.turn(picture)
        return guess if (guess % 180 == 90) == sideways else 0
    turn = _better_way(reader, _samples(picture, ink, sideways), sideways)
    if turn is None:  # askew, little text, or a script that the recognizer does not know
        crops, sideways = reader.sample(picture)
        turn = _better_way(reader, [crop[:, : LENGTH * len(crop)] for crop in crops[:SAMPLES]], sideways)
    return turn or 0


def _samples(picture: Image.Image, ink: Pixels, sideways: bool) -> list[Pixels]:
    """A few pieces of lines of middling height, cut out; those of a page on its side come turned by 270 degrees."""
    pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]
    if sideways:
        pixels, ink = np.rot90(pixels), np.rot90(ink)
    lines = list(_lines(ink, SAMPLE_STRIP))
    middle = _quantile([line.height for line in lines], [line.ink for line in lines], 0.5)
    alike = [line for line in lines if 0.6 * middle <= line.height <= 1.6 * middle]
    best = sorted(alike, key=lambda line: -line.ink)[:SAMPLES]
    return [
        np.ascontiguousarray(pixels[max(0, line.top - 3) : line.bottom + 3, line.left : line.right]) for line in best
    ]


def _better_way(reader: RapidOcr, crops: Sequence[Pixels], sideways: bool) -> QuarterTurn | None:
    """The turn by which these lines read best; None for doubt."""
    as_cut, over = _reading(reader, crops), (0.0, "")
    if as_cut[0] < SURE or len(as_cut[1]) < LETTERS:
        over = _reading(reader, [crop[::-1, ::-1] for crop in crops])
    (score, text), (other, _) = (as_cut, over) if as_cut[0] >= over[0] else (over, as_cut)
    if score < LIKELY or score - other < APART or len(text) < LETTERS:
        return None
    if not sideways:
        return 0 if score == as_cut[0] else 180
    if score == as_cut[0] and _is_written_downwards(reader, crops, text):
        return 0
    return 270 if score == as_cut[0] else 90


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
    if sum(char >= "\u2e80" for char in text) < 0.5 * len(text):
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
