"""Where quoted characters stand: boxes a line, how exact they are, and what they were seen in.

Of a line, the words that are cited, known or estimated; of a table, the cell or the row; else the block. What the boxes
are is said as it is: the coarsest of them names all.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from .anchors import BoxSource, ChunkRegion, is_whole_page
from .geometry import Box
from .metadata import Precision
from .narrow import line_strip, says
from .passage import Passage
from .plaintext import CJK

Place = tuple[int, int]
"""Characters ``[start, end)`` of a passage."""

_COARSENESS: tuple[Precision, ...] = ("word", "line", "cell", "row", "block", "page", "none")
_WEAKNESS: tuple[BoxSource, ...] = ("text_layer", "ocr", "model", "ink", "block", "")
_CJK = re.compile(f"[{CJK}]")
_BORDER = re.compile(r"(?<!\\)\||\n")
_RULE = re.compile(r"\|(?:\s*:?-{3,}:?\s*\|)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A region in which cited characters stand, and the boxes of those; none where only the page is known."""

    region: ChunkRegion
    boxes: tuple[Box, ...]
    precision: Precision
    source: BoxSource


def spots(passage: Passage, places: Sequence[Place]) -> list[Spot]:
    """Where characters of the places stand, in the order of the regions; what has no letters only where nothing has."""
    parts = {at: cut for at, cut in enumerate(_cut(passage.regions, places)) if cut}
    saying = [at for at, cut in parts.items() if any(says(passage.text, *part) for part in cut)]
    return [_spot(passage, at, parts[at]) for at in saying or parts]


def standing(regions: Sequence[ChunkRegion], places: Sequence[Place]) -> list[ChunkRegion]:
    """The regions in which characters of the places stand."""
    return [region for region, cut in zip(regions, _cut(regions, places), strict=True) if cut]


def _cut(regions: Iterable[ChunkRegion], places: Sequence[Place]) -> Iterator[list[Place]]:
    """The places as far as they are in each region."""
    ordered = sorted(places)
    ends = list(accumulate((end for _, end in ordered), max))
    for region in regions:
        first, last = bisect_right(ends, region.start), bisect_left(ordered, (region.end,))
        cut = ((max(start, region.start), min(end, region.end)) for start, end in ordered[first:last])
        yield [(start, end) for start, end in cut if start < end]


def precision_of(found: Sequence[Spot]) -> Precision:
    """The coarsest; a spot without a place says nothing of the others."""
    placed = [spot.precision for spot in found if spot.boxes]
    return max(placed, key=_COARSENESS.index, default="page" if found else "none")


def source_of(found: Sequence[Spot]) -> BoxSource:
    """What the weakest of the boxes was seen in; empty where that is not known of all."""
    return max((spot.source for spot in found if spot.boxes), key=_WEAKNESS.index, default="")


def coarser(one: Precision, other: Precision) -> bool:
    """Whether the first is coarser."""
    return _COARSENESS.index(one) > _COARSENESS.index(other)


def _spot(passage: Passage, index: int, parts: Sequence[Place]) -> Spot:
    region = passage.regions[index]
    source = region.source
    if is_whole_page(region.box) or passage.precision == "page":
        return Spot(region=region, boxes=(), precision="page", source="")
    is_line = passage.precision == "line" or bool(region.words) or source not in ("", "block")
    in_table = passage.text.startswith("|", passage.text.rfind("\n", 0, region.start) + 1)
    if in_table and _BORDER.search(passage.text, region.start, region.end):
        return _row_spot(passage, index, parts, is_line=is_line)
    if not is_line and (_is_shared(passage, index) or not is_one_line(region, passage.text)):
        return Spot(region=region, boxes=(region.box,), precision="cell" if in_table else "block", source="block")
    boxes, is_known = _line_boxes(passage, index, parts)
    if not source and region.is_approximate:
        source = "ink"
    precision: Precision = "word" if is_known else "cell" if in_table else "line"
    return Spot(region=region, boxes=boxes, precision=precision, source=source)


def _is_shared(passage: Passage, index: int) -> bool:
    """Whether the region beside says that the same characters stand in it: nobody knows in which of them."""
    region = passage.regions[index]
    beside = (passage.regions[at] for at in (index - 1, index + 1) if 0 <= at < len(passage.regions))
    return any(other.start < region.end and region.start < other.end for other in beside)


# Lines


def _line_boxes(passage: Passage, index: int, parts: Sequence[Place]) -> tuple[tuple[Box, ...], bool]:
    """The boxes of parts of a line, and whether all are of known words."""
    region = passage.regions[index]
    if parts[0][0] <= region.start and parts[0][1] >= region.end and not region.words:
        return (region.box,), False
    text = passage.text[region.start : region.end]
    beside = _neighbour(passage, index, -1), _neighbour(passage, index, 1)
    strip = line_strip(text, region.box, region.words, at=region.start, beside=beside)
    found = [strip.part(start - region.start, end - region.start) for start, end in parts]
    return tuple(box for box, _ in found), all(is_known for _, is_known in found)


def _neighbour(passage: Passage, index: int, step: int) -> Box | None:
    """The box of the next or the last region, if it is on the same page."""
    other = index + step
    if not 0 <= other < len(passage.regions):
        return None
    region = passage.regions[other]
    return region.box if region.page_number == passage.regions[index].page_number else None


def is_one_line(region: ChunkRegion, text: str) -> bool:
    """Whether the box is as thin as one line of so many characters would be, lying or standing (a page on its side).

    Lines are about 1.2 times as high as letters are, and Latin letters half as wide, CJK ones as wide: of ``k``
    lines, height / width is about 2.4 k² / letters, times the page's width / height, which nobody passes here. 2.1
    lies between one line on a wide page (1.4) and two on a tall one (2.8).
    """
    said = text[region.start : region.end]
    letters = len(said) + len(_CJK.findall(said))
    thin, long = sorted((region.box.height, region.box.width))
    return thin * letters <= 2.1 * 2.4 * long


# Tables


def _row_spot(passage: Passage, index: int, parts: Sequence[Place], *, is_line: bool) -> Spot:
    """The rows that are cited, of a region that holds whole rows of a table; known words, where all are.

    Rows of which nothing is known are taken to be of one height, as the bands of chunks are. Metadata's regions may be
    joined over rows that the text leaves out, so nothing is counted in them.
    """
    region = passage.regions[index]
    source = region.source
    if region.words:
        boxes, is_known = _line_boxes(passage, index, parts)
        if is_known:
            return Spot(region=region, boxes=boxes, precision="word", source=source)
    rows = list(_rows(passage.text, region))
    if len(rows) <= 1:
        return Spot(region=region, boxes=(region.box,), precision="row", source=source if is_line else "block")
    whole = Spot(region=region, boxes=(region.box,), precision="block", source="block")
    cited = [at for at, row in enumerate(rows) if any(row[0] < end and start < row[1] for start, end in parts)]
    if passage.precision is not None or not cited or not passage.text.startswith("|", region.start):
        return whole
    height, top = region.box.height / len(rows), region.box.top
    bottom = min(region.box.bottom, top + (cited[-1] + 1) * height)
    band = replace(region.box, top=min(bottom, top + cited[0] * height), bottom=bottom)
    return replace(whole, boxes=(band,), precision="row")


def _rows(text: str, region: ChunkRegion) -> Iterator[Place]:
    """The rows of a table in markdown; the rule under its header is none."""
    start = region.start
    for line in text[region.start : region.end].split("\n"):
        if line.strip() and not _RULE.fullmatch(line.strip()):
            yield start, start + len(line)
        start += len(line) + 1
