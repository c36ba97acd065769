"""A citation shown on its page: as a picture, or as a clipping of one.

The quote's lines are strong and their surroundings pale, both as ink on paper would be, so that the text stays legible.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from .cite import Citation
from .errors import CitationError
from .geometry import Box, bounding_box
from .reopen import STRONG, aired, opened, page_of

if TYPE_CHECKING:
    from PIL import Image

    from .paging import OpenPage

_PALE, _EDGE = (255, 249, 214), (226, 148, 0)
_PICTURE_INCHES = 11.69  # a picture says nothing reliable about its size; its longer side counts as an A4 page's


def highlight_page(
    source_path: Path, citation: Citation, *, page_number: int | None = None, dpi: int = 110, password: str = ""
) -> bytes:
    """Draw a cited page as displayed, the quote's lines in strong and its context in pale yellow.

    Args:
        source_path: The file that was read: PDF, picture, EPUB, XPS, office document.
        citation: What to show.
        page_number: Counted from 1; None takes the citation's first page, or its context's where the quote has none.
        dpi: Resolution; a picture is taken for an A4 page and is never enlarged.
        password: Of an encrypted document.

    Returns:
        The bytes of a PNG.

    Raises:
        CitationError: If the citation has no page; SourceChanged if the file is another.
        SourceError: If the file or page cannot be opened.
    """
    number = page_number or _first_page(citation, source_path)
    with opened(source_path, [citation], password=password) as file:
        return as_png(drawn_page(page_of(file, number, source_path), citation, dpi=dpi))


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
        picture = drawn_page(page_of(file, number, source_path), citation, dpi=dpi)
    margin = 0.02
    wider = Box.from_fractions(area.left - margin, area.top - margin, area.right + margin, area.bottom + margin)
    left, top, right, bottom = (round(side) for side in wider.to_size(width=picture.width, height=picture.height))
    return as_png(picture.crop((left, top, max(right, left + 1), max(bottom, top + 1))))


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


def drawn_page(page: OpenPage, citation: Citation, *, dpi: int) -> Image.Image:
    """The page's picture with the highlights; they are multiplied, so black stays black, and edged for dark pages."""
    from PIL import Image, ImageChops, ImageDraw

    inches = _PICTURE_INCHES if page.mupdf is None else max(page.width, page.height) / 72
    picture = page.picture(long_side=max(1, round(inches * dpi))).convert("RGB")
    layer = Image.new("RGB", picture.size, "white")
    strong = [_pixels(box, picture.size) for box in boxes_on(citation, page.number)]
    pale = [box for region in citation.context if region.page_number == page.number for box in region.boxes]
    pen = ImageDraw.Draw(layer)
    for box in pale:
        pen.rectangle(_pixels(box, picture.size), fill=_PALE)
    for area in strong:
        pen.rectangle(area, fill=STRONG)
    drawn = ImageChops.multiply(picture, layer)
    pen = ImageDraw.Draw(drawn)
    for left, _, right, bottom in strong:
        pen.line((left, bottom, right, bottom), fill=_EDGE, width=max(1, dpi // 100))
    return drawn


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The first and last pixels of a box and its air."""
    width, height = size
    left, top, right, bottom = aired(box, width=width, height=height).to_size(width=width, height=height)
    last_x, last_y = width - 1, height - 1
    return min(last_x, int(left)), min(last_y, int(top)), min(last_x, int(right)), min(last_y, int(bottom))


def as_png(picture: Image.Image) -> bytes:
    """The bytes of a PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
