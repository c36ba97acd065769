"""Citations for components that show pages: React, Streamlit, EmbedPDF, and what speaks W3C's or IIIF's standards.

One rectangle a line; see :func:`.places.united` for one a page. Where only the page is cited there is nothing to draw:
lists are empty, and ``citation.page_number`` says where to go.
"""

from __future__ import annotations

from typing import Literal

from ..cite import Citation
from ..document import Page
from ..geometry import Box, bounding_box
from .places import Json, Pages, boxed, citation_id, fractions, paged, pixels, points

Unit = Literal["pixel", "percent"]

HIGHLIGHT_COLOR = "#ffd400"

_EMBEDPDF_HIGHLIGHT = 9
_MEDIA_FRAGMENTS = "http://www.w3.org/TR/media-frags/"
_PDF_FRAGMENTS = "http://tools.ietf.org/rfc/rfc3778"
"""By which name the annotation model knows them; RFC 8118 is their present form."""


def to_react_pdf_highlighter(citation: Citation, *, comment: str = "") -> list[Json]:
    """Highlights of react-pdf-highlighter (and -extended, -plus), one a page.

    Coordinates are fractions: of a page of width 1 and height 1, so that the page's size is not needed. ``id`` depends
    on nothing but the citation.
    """
    name = citation_id(citation)
    found = []
    for number, boxes in boxed(citation):
        position = {
            "boundingRect": _scaled(bounding_box(boxes) or boxes[0], number),
            "rects": [_scaled(box, number) for box in boxes],
            "pageNumber": number,
        }
        found.append(
            {
                "id": f"{name}-{number}",
                "type": "text",
                "content": {"text": citation.quote},
                "comment": {"text": comment, "emoji": ""},
                "position": position,
            }
        )
    return found


def to_embedpdf(citation: Citation, pages: Pages, *, color: str = HIGHLIGHT_COLOR, opacity: float = 0.5) -> list[Json]:
    """Highlight annotations of EmbedPDF, one a page; ``pageIndex`` counts from 0.

    From the upper left of the page as displayed, in the points of PDFium, which knows no UserUnit.
    """
    name = citation_id(citation)
    found = []
    for page, boxes in paged(citation, pages):
        found.append(
            {
                "type": _EMBEDPDF_HIGHLIGHT,
                "id": f"{name}-{page.number}",
                "pageIndex": page.number - 1,
                "rect": _embedded(bounding_box(boxes) or boxes[0], page),
                "segmentRects": [_embedded(box, page) for box in boxes],
                "strokeColor": color,
                "opacity": opacity,
                "contents": citation.quote,
            }
        )
    return found


def to_streamlit(citation: Citation, pages: Pages, *, color: str = HIGHLIGHT_COLOR) -> list[Json]:
    """``annotations`` for streamlit-pdf-viewer, one a line: ``page`` from 1, the rest in points of the displayed page.

    For its ``scroll_to_annotation``, which counts from 1, the first is 1; without any, use ``scroll_to_page``.
    """
    name = citation_id(citation)
    found: list[Json] = []
    for page, boxes in paged(citation, pages):
        for box in boxes:
            left, top, right, bottom = box.to_size(width=page.width, height=page.height)
            x, y, width, height = points((left, top, right - left, bottom - top))
            place = {"page": page.number, "x": x, "y": y, "width": width, "height": height}
            found.append({**place, "color": color, "id": f"{name}-{len(found) + 1}"})
    return found


def to_web_annotation(
    citation: Citation, pages: Pages, *, source: str, unit: Unit = "pixel", scale: float = 1.0
) -> Json:
    """A W3C Web Annotation with one target a line.

    Each target has a ``FragmentSelector`` for its page, refined by the line's ``xywh`` there; the first one has a
    ``TextQuoteSelector``, too. If ``source`` has a ``{page}`` in it, it is the address of a picture of each page, and
    the ``xywh`` stands alone. Where only the page is cited, or nothing is, so it is in the one target.

    Args:
        citation: What to annotate.
        pages: Pages that are not among them are taken to be cited as a whole.
        source: The document's address, or of its pages' pictures with ``{page}`` for the page's number.
        unit: Pixels, which all readers understand, or ``xywh=percent:``, which needs no picture of a known size.
        scale: Pixels of the pages' pictures for each point of the page, or each pixel of a page that is a picture.
    """
    known = {page.number: page for page, _ in paged(citation, pages)}
    targets = [
        _target(source, number, _xywh(box, page, unit, scale))
        for number, boxes in boxed(citation)
        if (page := known.get(number)) is not None
        for box in boxes
    ]
    targets += [
        _target(source, region.page_number, "") for region in citation.regions if region.page_number not in known
    ]
    if not targets:
        address = citation.document_id or citation.source if "{page}" in source else source
        targets = [{"type": "SpecificResource", "source": address}]
    if citation.quote:
        targets[0].setdefault("selector", []).append(
            {
                "type": "TextQuoteSelector",
                "exact": citation.quote,
                "prefix": citation.prefix,
                "suffix": citation.suffix,
            }
        )
    return {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "id": f"urn:uuid:{citation_id(citation)}",
        "type": "Annotation",
        "motivation": "highlighting",
        "target": targets[0] if len(targets) == 1 else targets,
    }


def to_iiif(citation: Citation, pages: Pages, *, canvas: str, scale: float = 1.0) -> list[str]:
    """Parts of IIIF canvases, one a line: ``https://…/canvas/7#xywh=x,y,w,h``.

    Args:
        citation: What to show.
        pages: The canvases' pages.
        canvas: The canvases' address, with ``{page}`` for the page's number.
        scale: Units of the canvas for each point of the page, or each pixel of a page that is a picture.
    """
    return [
        f"{_on(canvas, page.number)}#{_xywh(box, page, 'pixel', scale)}"
        for page, boxes in paged(citation, pages)
        for box in boxes
    ]


def to_iiif_image(citation: Citation, *, image: str, size: str = "max") -> list[str]:
    """Addresses of the lines' pictures on a IIIF image server: ``https://…/7/pct:x,y,w,h/max/0/default.jpg``.

    Args:
        citation: What to show.
        image: The base address of the pages' pictures, with ``{page}`` for the page's number.
        size: The server's size parameter, such as ``max`` or ``800,``.
    """
    return [
        f"{_on(image, number)}/pct:{_percent(box)}/{size}/0/default.jpg"
        for number, boxes in boxed(citation)
        for box in boxes
    ]


def _scaled(box: Box, number: int) -> Json:
    x1, y1, x2, y2 = fractions(box.as_tuple())
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "width": 1, "height": 1, "pageNumber": number}


def _embedded(box: Box, page: Page) -> Json:
    unit = page.view.user_unit if page.view is not None and page.view.user_unit > 0 else 1.0
    left, top, right, bottom = box.to_size(width=page.width / unit, height=page.height / unit)
    x, y, width, height = points((left, top, right - left, bottom - top))
    return {"origin": {"x": x, "y": y}, "size": {"width": width, "height": height}}


def _target(source: str, number: int, xywh: str) -> Json:
    made: Json = {"type": "SpecificResource", "source": _on(source, number)}
    place = {"type": "FragmentSelector", "conformsTo": _MEDIA_FRAGMENTS, "value": xywh}
    if "{page}" in source:
        return {**made, "selector": [place]} if xywh else made
    page: Json = {"type": "FragmentSelector", "conformsTo": _PDF_FRAGMENTS, "value": f"page={number}"}
    return {**made, "selector": [{**page, "refinedBy": place} if xywh else page]}


def _on(address: str, number: int) -> str:
    return address.replace("{page}", str(number))


def _xywh(box: Box, page: Page, unit: Unit, scale: float) -> str:
    if unit == "percent":
        return f"xywh=percent:{_percent(box)}"
    left, top, right, bottom = pixels(box, page, scale)
    return f"xywh={left},{top},{right - left},{bottom - top}"


def _percent(box: Box) -> str:
    values = (box.left, box.top, box.width, box.height)
    return ",".join(f"{round(100 * value, 4):.4f}".rstrip("0").rstrip(".") for value in values)
