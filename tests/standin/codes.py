"""Pages of bar codes, for long runs: a reader of some milliseconds that still sees only what is in the picture.

Real reading takes about a second a page. A line of bars carries a number that survives JPEG, scaling and cropping, and
stands for a sentence. What is cut off is not read, and a page on its side says nothing, as with the model.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from deepseek_ocr_rag.document import Line
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.recognition import Region

BITS = 20
CHECK_BITS = 8
CELLS = BITS + CHECK_BITS + 2
"""A bar at each end, and between them the bits of the number and of its check sum."""
LARGEST = 2**BITS - 1
WORDS = ("amber", "birch", "cedar", "dune", "ember", "frost", "grove", "heath", "islet", "jetty")


def sentence(number: int) -> str:
    """What a line with this number says; no two say the same."""
    return f"Line {number} tells of {' '.join(WORDS[int(digit)] for digit in str(number))}."


def draw_codes(numbers: Sequence[int], *, width: int = 600, height: int = 800) -> Image.Image:
    """A page with a line for each number, from top to bottom."""
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for number, box in zip(numbers, places(len(numbers)), strict=True):
        left, top, right, bottom = box.to_size(width=width, height=height)
        cell = (right - left) / CELLS
        for at, is_black in enumerate(_bars(number)):
            if is_black:
                pen.rectangle((left + at * cell, top, left + (at + 1) * cell - 1, bottom), fill="black")
    return page


def places(count: int) -> list[Box]:
    """Where the lines of a page with so many stand."""
    step = 0.9 / max(count, 8)
    return [Box(left=0.1, top=0.05 + at * step, right=0.9, bottom=0.05 + (at + 0.5) * step) for at in range(count)]


def read_codes(data: bytes) -> tuple[Region, ...]:
    """The sentences of the lines that are in a picture, each a region; to be used as ``reader=``."""
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    height, width = grey.shape
    regions = []
    for top, bottom in _runs(grey.min(axis=1) < 128):
        if top == 0 or bottom == height:
            continue  # cut off
        columns = np.flatnonzero(grey[top:bottom].min(axis=0) < 128)
        left, right = int(columns[0]), int(columns[-1]) + 1
        numbers = {_number(grey[top + (bottom - top) * quarter // 4, left:right]) for quarter in (1, 2, 3)}
        number = numbers.pop()
        if number is not None and not numbers:  # bars stand upright: any row of pixels says the same
            box = Box.from_size((left, top, right, bottom), width=width, height=height)
            text = sentence(number)
            line = Line(start=0, end=len(text), box=box, source="ocr")
            regions.append(Region(label="text", text=text, boxes=(box,), lines=(line,)))
    return tuple(regions)


def _bars(number: int) -> list[bool]:
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is not in 0..{LARGEST}")
    whole = number << CHECK_BITS | _check(number)
    return [True, *(bool(whole >> at & 1) for at in range(BITS + CHECK_BITS)), True]


def _check(number: int) -> int:
    return (number * 2_654_435_761 >> 13) % (1 << CHECK_BITS)


def _runs(marks: np.ndarray) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marks.astype(np.int8), [0]))))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _number(row: np.ndarray) -> int | None:
    """The number that a row of pixels shows, or None where it is no code."""
    if len(row) < 2 * CELLS:
        return None
    middles = ((np.arange(CELLS) + 0.5) * len(row) / CELLS).astype(int)
    first, *bits, last = (bool(shade < 128) for shade in row[middles])
    number, check = divmod(sum(bit << at for at, bit in enumerate(bits)), 1 << CHECK_BITS)
    return number if first and last and check == _check(number) else None
