"""What all formats start from: the boxes of a citation, page by page, with the page's size where that is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..anchors import content_id
from ..cite import Citation, CitationRegion
from ..document import Document, Page
from ..geometry import Box, bounding_box

Json = dict[str, Any]
"""An object of JSON-ready values."""

Pages = Document | Iterable[Page]
"""The pages that a citation may be on: the document, or as many of its pages as are at hand.

Where no document is at hand a page can be made of its size alone: ``Page(number=7, label="7", width=612, height=792)``.
"""

_POINT_DIGITS = 3
_FRACTION_DIGITS = 6


def united(citation: Citation) -> Citation:
    """The citation with one box a page, around all of its lines, for viewers that are to show one block."""
    regions = []
    for region in citation.regions:
        whole = bounding_box(region.boxes)
        regions.append(CitationRegion(page_number=region.page_number, boxes=(whole,) if whole else ()))
    return replace(citation, regions=tuple(regions))


def boxed(citation: Citation) -> Iterator[tuple[int, tuple[Box, ...]]]:
    """Page numbers and boxes of the pages on which a citation has any."""
    return ((region.page_number, region.boxes) for region in citation.regions if region.boxes)


def paged(citation: Citation, pages: Pages) -> Iterator[tuple[Page, tuple[Box, ...]]]:
    """Pages and boxes of the pages on which a citation has any, as far as the pages are given and have a size."""
    given = pages.pages if isinstance(pages, Document) else pages
    known = {page.number: page for page in given}
    for number, boxes in boxed(citation):
        page = known.get(number)
        if page is not None and page.width > 0 and page.height > 0:
            yield page, boxes


def citation_id(citation: Citation) -> str:
    """A UUID that is always the same for the same quote at the same place."""
    return content_id("citation", citation.document_id, citation.chunk_id, citation.quote, citation.regions)


def points(values: Iterable[float]) -> list[float]:
    """Lengths in points, pixels or inches, without digits that nobody can see."""
    return [round(value, _POINT_DIGITS) for value in values]


def fractions(values: Iterable[float]) -> list[float]:
    """Fractions of a page, without digits that nobody can see."""
    return [round(value, _FRACTION_DIGITS) for value in values]


def picture_size(page: Page, scale: float) -> tuple[int, int]:
    """The size of a page's picture in pixels, ``scale`` pixels for each point (or pixel, of a picture) of the page."""
    return max(1, round(page.width * scale)), max(1, round(page.height * scale))


def pixels(box: Box, page: Page, scale: float) -> tuple[int, int, int, int]:
    """``left, top, right, bottom`` of the pixels that a box touches, right and bottom exclusive; one pixel at least."""
    width, height = picture_size(page, scale)
    left, top, right, bottom = box.to_size(width=width, height=height)
    first_x, first_y = min(width - 1, _floor(left)), min(height - 1, _floor(top))
    return first_x, first_y, max(first_x + 1, _ceil(right)), max(first_y + 1, _ceil(bottom))


def clockwise(box: tuple[float, float, float, float]) -> list[float]:
    """``x, y`` of the four corners of ``left, top, right, bottom``, clockwise from the upper left."""
    left, top, right, bottom = box
    return [left, top, right, top, right, bottom, left, bottom]


_HAIR = 1e-6
"""Of a pixel: what floating point numbers may be off, so that 30.000000001 does not touch pixel 31."""


def _floor(value: float) -> int:
    return math.floor(value + _HAIR)


def _ceil(value: float) -> int:
    return math.ceil(value - _HAIR)
