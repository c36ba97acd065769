"""A citation shown on its page: as a picture, or as a clipping of one.

The quote's lines are strong and their surroundings pale, both as ink on paper would be, so that the text stays legible.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .cite import Citation
from .errors import CitationError
from .geometry import PAGE_BOX, Box, bounding_box
from .reopen import STRONG, aired, opened, page_of

if TYPE_CHECKING:
    from PIL import Image

    from .paging import OpenPage

_PALE, _EDGE = (255, 249, 214), (226, 148, 0)
_A4_INCHES = 8.27, 11.69
_MARGIN_INCHES = 0.25
_MOST_PIXELS = 40_000_000  # of what is drawn: a page is as large as a file says, and 3 GB were drawn of one


def highlight_page(
    source_path: Path, citation: Citation, *, page_number: int | None = None, dpi: int = 110, password: str = ""
) -> bytes:
    """Draw a cited page as displayed, the quote's lines in strong and its context in pale yellow.

    Args:
        source_path: The file that was read: PDF, picture, EPUB, XPS, office document.
        citation: What to show.
        page_number: Counted from 1; None takes the citation's first page, or its context's where the quote has none.
        dpi: Resolution, less for pages that would have more than 40 million pixels. A picture is taken for an A4 page,
            a long one for a strip as wide as that, and is never enlarged.
        password: Of an encrypted document.

    Returns:
        The bytes of a PNG.

    Raises:
        CitationError: If the citation has no page; SourceChanged if the file is another.
        SourceError: If the file or page cannot be opened.
    """
    number = page_number or _first_page(citation, source_path)
    with opened(source_path, [citation], password=password) as file:
        return as_png(drawn(page_of(file, number, source_path), citation, dpi=dpi))


def crop(
    source_path: Path, citation: Citation, *, page_number: int | None = None, dpi: int = 150, password: str = ""
) -> bytes:
    """Cut the cited lines of one page out, highlighted and with a margin; arguments as for :func:`highlight_page`.

    Raises:
        CitationError: If the citation has no boxes on that page; SourceChanged if the file is another.
        SourceError: If the file or page cannot be opened.
    """
    number = page_number or _first_page(citation, source_path)
    area = bounding_box(boxes_on(citation, number))
    if area is None:
        hint = "Use highlight_page to show the whole page."
        raise CitationError(
            "the citation has no lines to cut out.", source=str(source_path), page_number=number, hint=hint
        )
    with opened(source_path, [citation], password=password) as file:
        page = page_of(file, number, source_path)
        x, y = margins(page)
        part = Box.from_fractions(area.left - x, area.top - y, area.right + x, area.bottom + y)
        return as_png(drawn(page, citation, dpi=dpi, part=part))


def _first_page(citation: Citation, source_path: Path) -> int:
    for region in (*citation.regions, *citation.context):
        return region.page_number
    raise CitationError(
        f"the citation ({citation.status}) has no page.",
        source=str(source_path),
        hint="Pass page_number to choose one.",
    )


def boxes_on(citation: Citation, number: int) -> list[Box]:
    """The quote's boxes on that page, in reading order."""
    return [box for region in citation.regions if region.page_number == number for box in region.boxes]


def margins(page: OpenPage) -> tuple[float, float]:
    """What is shown beside and above lines: a fiftieth of the page, of a large one a quarter of an inch."""
    width, height = _inches(page)
    return min(0.02, _MARGIN_INCHES / width), min(0.02, _MARGIN_INCHES / height)


def _inches(page: OpenPage) -> tuple[float, float]:
    """A page's width and height. A picture says nothing reliable of its own: it covers an A4 page and no more."""
    if page.mupdf is not None:
        return page.width / 72, page.height / 72
    short, long = sorted((page.width, page.height))
    scale = max(_A4_INCHES[0] / short, _A4_INCHES[1] / long)
    return page.width * scale, page.height * scale


def drawn(page: OpenPage, citation: Citation, *, dpi: float, part: Box = PAGE_BOX) -> Image.Image:
    """The picture of a page or a part with the highlights.

    They are multiplied, so black stays black, and edged for dark pages.
    """
    from PIL import Image, ImageChops, ImageDraw

    width, height = (side * share for side, share in zip(_inches(page), (part.width, part.height), strict=True))
    dpi = min(dpi, math.sqrt(_MOST_PIXELS / (width * height)))
    picture = page.picture(long_side=max(1, round(max(width, height) * dpi)), part=part).convert("RGB")
    layer = Image.new("RGB", picture.size, "white")
    context = [box for region in citation.context if region.page_number == page.number for box in region.boxes]
    strong = _pixels(boxes_on(citation, page.number), part, picture.size)
    pen = ImageDraw.Draw(layer)
    for area in _pixels(context, part, picture.size):
        pen.rectangle(area, fill=_PALE)
    for area in strong:
        pen.rectangle(area, fill=STRONG)
    shown = ImageChops.multiply(picture, layer)
    pen = ImageDraw.Draw(shown)
    for left, _, right, bottom in strong:
        pen.line((left, bottom, right, bottom), fill=_EDGE, width=max(1, int(dpi) // 100))
    return shown


def _pixels(boxes: Sequence[Box], part: Box, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The first and last pixels of the boxes with their air, of those that reach into the part of the page."""
    width, height = size
    found = []
    for box in boxes:
        left, top, right, bottom = aired(box, width=width / part.width, height=height / part.height).as_tuple()
        if left <= part.right and right >= part.left and top <= part.bottom and bottom >= part.top:
            xs = [(x - part.left) / part.width for x in (left, right)]
            ys = [(y - part.top) / part.height for y in (top, bottom)]
            seen = Box.from_fractions(xs[0], ys[0], xs[1], ys[1]).to_size(width=width, height=height)
            x0, x1 = (min(width - 1, int(x)) for x in seen[::2])
            y0, y1 = (min(height - 1, int(y)) for y in seen[1::2])
            found.append((x0, y0, x1, y1))
    return found


def as_png(picture: Image.Image) -> bytes:
    """The bytes of a PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
