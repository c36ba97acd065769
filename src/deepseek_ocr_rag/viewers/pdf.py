"""Citations in the coordinates of PDFs: the file's own, in which annotations and links are written, and points.

User space has its origin anywhere, y runs up, and neither CropBox nor /Rotate nor UserUnit are applied; a page tells
what it shows of it (``Page.view``). Pages of files that are no PDFs have no user space and are left out, as are pages
that are not among ``pages`` and those of which only the page is cited.
"""

from __future__ import annotations

import math
from typing import Literal
from urllib.parse import quote as percent_encoded

from ..cite import Citation
from ..document import Page
from ..geometry import Box, PdfView, bounding_box, displayed_corners
from .places import Json, Pages, paged, points

Origin = Literal["top-left", "bottom-left"]

_ELISION = " … "
"""What :func:`..cite.locate` writes between the pieces of a quote."""


def to_pdfjs(citation: Citation, pages: Pages) -> list[Json]:
    """For PDF.js: ``[{"pageNumber": 7, "rects": [[x0, y0, x1, y1], ...]}]`` in user space, one rectangle a line.

    To be given to ``viewport.convertToViewportPoint(x0, y0)`` and ``(x1, y1)``. What they return is not in order: take
    the smaller and the larger x and y. (``convertToViewportRectangle``, which older releases have, is gone from 6.5.)
    Also what pdf-lib, pikepdf and pypdf take as ``/Rect``.
    """
    return [
        {"pageNumber": page.number, "rects": [points(view.to_user_space(box)) for box in boxes]}
        for page, view, boxes in _viewed(citation, pages)
    ]


def to_pdf_points(citation: Citation, pages: Pages, *, origin: Origin = "top-left", rotated: bool = True) -> list[Json]:
    """Points of the page: ``[{"page_number": 7, "width": 612.0, "height": 792.0, "rects": [[x0, y0, x1, y1]]}]``.

    Points are 1/72 inch (UserUnit applied) from a corner of the visible page (CropBox); of pictures, pixels. With
    ``rotated=False`` the page is as it would be without its /Rotate, which is where PyMuPDF has words and annotations;
    pages that are no PDF's have none. From the top left ``y0`` is the upper edge, from the bottom left the lower one.
    """
    found = []
    for page, boxes in paged(citation, pages):
        width, height, placed = page.width, page.height, boxes
        if not rotated and page.view is not None and page.view.rotation:
            placed = tuple(_unrotated(box, page.view) for box in boxes)
            width, height = (height, width) if page.view.rotation % 180 else (width, height)
        rects = [points(_from(origin, box.to_size(width=width, height=height), height)) for box in placed]
        found.append({"page_number": page.number, "width": width, "height": height, "rects": rects})
    return found


def to_quad_points(citation: Citation, pages: Pages) -> list[Json]:
    """For highlight annotations: ``[{"page_number": 7, "quad_points": [x, y, ...]}]``, eight numbers a line.

    In user space; corners in the order that viewers expect, which is not the specification's: upper left, upper right,
    lower left, lower right of the line as displayed.
    """
    return [
        {"page_number": page.number, "quad_points": points(number for box in boxes for number in _quad(box, view))}
        for page, view, boxes in _viewed(citation, pages)
    ]


def to_pdfjs_fragment(citation: Citation, pages: Pages, *, search: bool = False) -> str:
    """For a link into PDF.js's own viewer: ``#page=7&zoom=FitR,x0,y0,x1,y1``, the first cited page's lines in view.

    That viewer shows the place but marks nothing; with ``search`` it marks the quote where the PDF's text has it, which
    a scan's does not. Without boxes only ``#page=7``, and "" without a page.
    """
    fragment = _page_fragment(citation)
    for page, view, boxes in _viewed(citation, pages):
        if page.number == citation.page_number:
            x0, y0, x1, y1 = view.to_user_space(bounding_box(boxes) or boxes[0])
            fragment += f"&zoom=FitR,{math.floor(x0)},{math.floor(y0)},{math.ceil(x1)},{math.ceil(y1)}"
    if search and fragment and citation.quote:
        longest = " ".join(max(citation.quote.split(_ELISION), key=len).split())
        fragment += f"&search={percent_encoded(longest, safe='', errors='replace')}&phrase=true"
    return fragment


def to_pdf_fragment(citation: Citation, pages: Pages) -> str:
    """For a link as RFC 8118 has it: ``#page=7&viewrect=left,top,width,height&highlight=left,right,top,bottom``.

    In points from the upper left of the page as displayed, whole ones for the highlight, of which there is one around
    all lines of the first cited page. Adobe's viewers mark it; browsers go to the page. Without boxes, or for a page
    that is not among ``pages``, only ``#page=7``; "" without a page.
    """
    fragment = _page_fragment(citation)
    for page, boxes in paged(citation, pages):
        if page.number == citation.page_number:
            box = bounding_box(boxes) or boxes[0]
            left, top, right, bottom = box.to_size(width=page.width, height=page.height)
            view = ",".join(f"{value:g}" for value in points((left, top, right - left, bottom - top)))
            marked = math.floor(left), math.ceil(right), math.floor(top), math.ceil(bottom)
            fragment += f"&viewrect={view}&highlight={','.join(map(str, marked))}"
    return fragment


def _viewed(citation: Citation, pages: Pages) -> list[tuple[Page, PdfView, tuple[Box, ...]]]:
    return [(page, page.view, boxes) for page, boxes in paged(citation, pages) if page.view is not None]


def _page_fragment(citation: Citation) -> str:
    return f"#page={citation.page_number}" if citation.page_number else ""


def _unrotated(box: Box, view: PdfView) -> Box:
    flat = PdfView(left=view.left, bottom=view.bottom, right=view.right, top=view.top)
    return flat.from_user_space(view.to_user_space(box))


def _from(
    origin: Origin, corners: tuple[float, float, float, float], height: float
) -> tuple[float, float, float, float]:
    left, top, right, bottom = corners
    return corners if origin == "top-left" else (left, height - bottom, right, height - top)


def _quad(box: Box, view: PdfView) -> list[float]:
    """The corners in user space."""
    left, bottom, right, top = view.to_user_space(box)
    return [number for corner in displayed_corners(left, top, right, bottom, view.rotation) for number in corner]
