"""Tables that came apart: the HTML stands elsewhere than the table's place, or a server took the marks of the cells.

The model often leaves the region ``table`` empty and writes the HTML into the ``table_caption`` after it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from .geometry import Box
from .hypertext import strip_tags, take_caption
from .recognition import Region
from .tables import parse_html_table

TABLE = re.compile(r"<table\b.*?(?:</table\s*>|\Z)", re.IGNORECASE | re.DOTALL)
"""A table in HTML, closed or not."""


def fused_tables(regions: Iterable[Region]) -> tuple[Region, ...]:
    """The regions whose HTML table has lost its cells, each with the boxes of the table, where they are known.

    The model often leaves the region of the table empty and writes the HTML into the caption after it: then the region
    is the caption's, its boxes are those of the empty one.
    """
    return tuple(replace(region, boxes=boxes) for _, region, boxes in fused(regions) if boxes)


def fused(regions: Iterable[Region]) -> Iterator[tuple[int, Region, tuple[Box, ...]]]:
    """Number, region and boxes of each table that has lost its cells."""
    for index, (region, place) in enumerate(_with_places(regions)):
        if fused_table(region.text):
            yield index, region, place.boxes


def fused_table(text: str) -> tuple[int, int, str] | None:
    """Start, end and words of the first table in ``text`` that has lost its cells."""
    for match in TABLE.finditer(text):
        html = take_caption(match.group())[1]
        words = strip_tags(html)
        if not parse_html_table(html) and any(map(str.isalnum, words)):
            return *match.span(), words
    return None


def _with_places(regions: Iterable[Region]) -> Iterator[tuple[Region, Region]]:
    """Each region with that which gives the HTML table in it its place: the empty table before it, or itself."""
    empty: deque[Region] = deque()
    for region in regions:
        place = region
        if region.label == "table" and not region.text:
            empty.append(region)
        elif region.label != "table" and TABLE.search(region.text):
            place = empty.popleft() if empty else region
        else:
            empty.clear()
        yield region, place


def married(regions: Sequence[Region]) -> Iterator[Region]:
    """Regions in which HTML stands in the empty table that it belongs to, and the caption before it for itself."""
    pairs = list(_with_places(regions))
    taken = {id(place) for region, place in pairs if place is not region}
    for region, place in pairs:
        if place is region:
            yield from () if id(region) in taken else (region,)
            continue
        *_, last = tables = list(TABLE.finditer(region.text))
        start, end = tables[0].start(), last.end()
        for text, owner in (
            (region.text[:start], region),
            (region.text[start:end], place),
            (region.text[end:], region),
        ):
            if text.strip():
                yield replace(owner, text=text.strip(), start=region.start, end=region.end)
