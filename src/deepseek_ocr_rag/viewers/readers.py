"""Citations in the terms of other programs that read pages: OCR formats, cloud services, data sets, models' grids.

One item a line. What only cites a page has no items.
"""

from __future__ import annotations

from typing import Literal

from ..cite import Citation
from ..geometry import MODEL_GRID
from .places import Json, Pages, boxed, clockwise, fractions, paged, picture_size, pixels, points

CoordOrigin = Literal["BOTTOMLEFT", "TOPLEFT"]
Length = Literal["inch", "pixel"]


def to_pixels(citation: Citation, pages: Pages, *, scale: float = 1.0) -> list[Json]:
    """Pixels of the pages' pictures: ``[{"page_number": 7, "width": 1275, "height": 1650, "rects": [[l, t, r, b]]}]``.

    Whole pixels that a line touches; right and bottom are the first ones beyond. ``scale`` is pixels for each point of
    the page, 150 / 72 at 150 dpi; of a picture, for each of its own pixels.
    """
    found = []
    for page, boxes in paged(citation, pages):
        width, height = picture_size(page, scale)
        rects = [list(pixels(box, page, scale)) for box in boxes]
        found.append({"page_number": page.number, "width": width, "height": height, "rects": rects})
    return found


def to_hocr(citation: Citation, pages: Pages, *, scale: float = 1.0) -> list[Json]:
    """The ``title`` of hOCR elements: ``[{"page_number": 7, "title": "bbox 100 200 900 230"}]``.

    Pixels as :func:`to_pixels` has them.
    """
    return [
        {"page_number": page.number, "title": "bbox " + " ".join(map(str, pixels(box, page, scale)))}
        for page, boxes in paged(citation, pages)
        for box in boxes
    ]


def to_coco(citation: Citation, pages: Pages, *, scale: float = 1.0, category_id: int = 1) -> list[Json]:
    """Annotations of COCO, ``bbox`` is x, y, width, height in pixels; ``image_id`` is the page's number."""
    found: list[Json] = []
    for page, boxes in paged(citation, pages):
        width, height = picture_size(page, scale)
        for box in boxes:
            left, top, right, bottom = corners = box.to_size(width=width, height=height)
            found.append(
                {
                    "id": len(found) + 1,
                    "image_id": page.number,
                    "category_id": category_id,
                    "bbox": points((left, top, right - left, bottom - top)),
                    "area": points([(right - left) * (bottom - top)])[0],
                    "segmentation": [points(clockwise(corners))],
                    "iscrowd": 0,
                }
            )
    return found


def to_grid(citation: Citation, *, size: int = 1000) -> list[Json]:
    """``[{"page_number": 7, "rects": [[x0, y0, x1, y1]]}]`` as whole numbers of 0 to ``size`` along each side.

    1000 is what most vision models and MinerU use; 999 is DeepSeek-OCR's own (:data:`.geometry.MODEL_GRID`).
    """
    return [
        {"page_number": number, "rects": [[round(side * size) for side in box.as_tuple()] for box in boxes]}
        for number, boxes in boxed(citation)
    ]


def to_model_grid(citation: Citation) -> list[Json]:
    """:func:`to_grid` in DeepSeek-OCR's numbers, 0 to 999."""
    return to_grid(citation, size=MODEL_GRID)


def to_docling_provenance(citation: Citation, pages: Pages, *, coord_origin: CoordOrigin = "BOTTOMLEFT") -> list[Json]:
    """``ProvenanceItem`` of docling-core, one a line, in points of the displayed page, pixels of pictures.

    Docling's own pipeline has them from the bottom left, where ``t`` is larger than ``b``. ``charspan`` is the
    quote's place in the text that was cited from.
    """
    found = []
    for page, boxes in paged(citation, pages):
        for box in boxes:
            left, top, right, bottom = points(box.to_size(width=page.width, height=page.height))
            if coord_origin == "BOTTOMLEFT":
                top, bottom = points((page.height - top, page.height - bottom))
            bbox = {"l": left, "t": top, "r": right, "b": bottom, "coord_origin": coord_origin}
            found.append({"page_no": page.number, "bbox": bbox, "charspan": [citation.start, citation.end]})
    return found


def to_azure(citation: Citation, pages: Pages, *, unit: Length | None = None) -> list[Json]:
    """``boundingRegions`` of Azure Document Intelligence: ``[{"pageNumber": 7, "polygon": [x, y, ...]}]``.

    Four corners, clockwise from the upper left of the page as displayed. Inches for a PDF's pages and pixels for
    pictures, as Azure has it, unless ``unit`` says which the page is measured in: office documents need "inch".
    """
    found = []
    for page, boxes in paged(citation, pages):
        is_inch = unit == "inch" if unit is not None else page.view is not None
        divisor = 72 if is_inch else 1
        for box in boxes:
            corners = box.to_size(width=page.width / divisor, height=page.height / divisor)
            found.append({"pageNumber": page.number, "polygon": [round(value, 5) for value in clockwise(corners)]})
    return found


def to_textract(citation: Citation) -> list[Json]:
    """``Page`` and ``Geometry`` of Amazon Textract's blocks, in fractions of the page."""
    found = []
    for number, boxes in boxed(citation):
        for box in boxes:
            width, height, left, top = fractions((box.width, box.height, box.left, box.top))
            corners = fractions(clockwise(box.as_tuple()))
            polygon = [{"X": x, "Y": y} for x, y in zip(corners[::2], corners[1::2], strict=True)]
            bounding = {"Width": width, "Height": height, "Left": left, "Top": top}
            found.append(
                {"Page": number, "Geometry": {"BoundingBox": bounding, "Polygon": polygon, "RotationAngle": 0}}
            )
    return found
