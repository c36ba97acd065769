"""Formats of other programs: exact shapes, right units, and nothing lost but what rounding loses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.cite import CitationRegion
from deepseek_ocr_rag.document import Page
from deepseek_ocr_rag.geometry import Box, PdfView
from deepseek_ocr_rag.viewers import (
    to_azure,
    to_coco,
    to_docling_provenance,
    to_grid,
    to_hocr,
    to_model_grid,
    to_pixels,
    to_textract,
    united,
)

from ..citing import cite as cite_by_hand

LINE, NEXT = Box(left=0.1, top=0.2, right=0.9, bottom=0.25), Box(left=0.1, top=0.25, right=0.4, bottom=0.3)
PICTURE = Page(number=1, label="1", width=1000, height=2000)
SHEET = Page(number=1, label="1", width=720, height=1440, view=PdfView(left=9, bottom=9, right=729, top=1449))


def test_pixels_are_those_that_a_line_touches(cite: Any) -> None:
    assert to_pixels(cite(LINE, NEXT), [PICTURE]) == [
        {"page_number": 1, "width": 1000, "height": 2000, "rects": [[100, 400, 900, 500], [100, 500, 400, 600]]}
    ]
    half = to_pixels(cite(Box(left=0.1234, top=0.2, right=0.1236, bottom=0.2)), [PICTURE], scale=0.5)
    assert half == [{"page_number": 1, "width": 500, "height": 1000, "rects": [[61, 200, 62, 201]]}]
    assert to_pixels(cite(Box(left=1, top=1, right=1, bottom=1)), [PICTURE])[0]["rects"] == [[999, 1999, 1000, 2000]]


def test_hocr_and_coco(cite: Any) -> None:
    assert to_hocr(cite(LINE), [SHEET], scale=100 / 72) == [{"page_number": 1, "title": "bbox 100 400 900 500"}]
    first, second = to_coco(cite(LINE, NEXT), [PICTURE])
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [100, 400, 800, 100],
        "area": 80_000,
        "segmentation": [[100, 400, 900, 400, 900, 500, 100, 500]],
        "iscrowd": 0,
    }
    assert second["id"] == 2


def test_grids(cite: Any) -> None:
    assert to_grid(cite(LINE)) == [{"page_number": 1, "rects": [[100, 200, 900, 250]]}]
    assert to_model_grid(cite(Box(left=0, top=0.5, right=1, bottom=1))) == [
        {"page_number": 1, "rects": [[0, 500, 999, 999]]}
    ]


def test_azure_has_inches_for_pdfs_and_pixels_for_pictures(cite: Any) -> None:
    inches = [1, 4, 9, 4, 9, 5, 1, 5]
    assert to_azure(cite(LINE), [SHEET]) == [{"pageNumber": 1, "polygon": inches}]
    assert to_azure(cite(LINE), [PICTURE])[0]["polygon"] == [100, 400, 900, 400, 900, 500, 100, 500]
    office = Page(number=1, label="1", width=720, height=1440)
    assert to_azure(cite(LINE), [office], unit="inch")[0]["polygon"] == inches


def test_textract(cite: Any) -> None:
    (found,) = to_textract(cite(LINE, page=4))
    assert found["Page"] == 4
    assert found["Geometry"]["BoundingBox"] == {"Width": 0.8, "Height": 0.05, "Left": 0.1, "Top": 0.2}
    assert found["Geometry"]["Polygon"][2] == {"X": 0.9, "Y": 0.25}


@pytest.mark.parametrize("number", range(1, 11))
def test_docling_reads_its_provenance(odd: Any, cite: Any, number: int) -> None:
    types = pytest.importorskip("docling_core.types.doc")
    citation = cite(LINE, page=number)
    page = odd.document.pages[number - 1]
    for origin in ("BOTTOMLEFT", "TOPLEFT"):
        (made,) = to_docling_provenance(citation, odd.document, coord_origin=origin)
        item = types.ProvenanceItem.model_validate(made)
        box = item.bbox.to_top_left_origin(page.height)
        fractions = Box.from_size((box.l, box.t, box.r, box.b), width=page.width, height=page.height)
        assert fractions.as_tuple() == pytest.approx(LINE.as_tuple(), abs=1e-4)
        assert (item.page_no, tuple(item.charspan)) == (number, (7, 25))
    raised = types.ProvenanceItem.model_validate(to_docling_provenance(citation, odd.document)[0])
    assert raised.bbox.t > raised.bbox.b


def test_a_block_for_all_lines_of_a_page(cite: Any) -> None:
    citation = cite(
        regions=(
            CitationRegion(page_number=1, boxes=(LINE, NEXT)),
            CitationRegion(page_number=2, boxes=(NEXT,)),
            CitationRegion(page_number=3),
        )
    )
    assert united(citation).regions == (
        CitationRegion(page_number=1, boxes=(Box(left=0.1, top=0.2, right=0.9, bottom=0.3),)),
        CitationRegion(page_number=2, boxes=(NEXT,)),
        CitationRegion(page_number=3),
    )


def test_no_items_where_only_the_page_is_known(cite: Any) -> None:
    for citation in (cite(), cite(regions=(), status="not_found")):
        for make in (to_pixels, to_hocr, to_coco, to_docling_provenance, to_azure):
            assert make(citation, [PICTURE]) == []
        assert to_grid(citation) == to_textract(citation) == []


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.floats(10, 5000),
    st.floats(10, 5000),
    st.sampled_from([0.25, 1.0, 150 / 72]),
)
def test_there_and_back(sides: list[float], width: float, height: float, scale: float) -> None:
    box = Box.from_fractions(*sides)
    citation = cite_by_hand(box, page=1)
    page = Page(number=1, label="1", width=width, height=height)
    (found,) = to_pixels(citation, [page], scale=scale)
    left, top, right, bottom = found["rects"][0]
    assert 0 <= left < right <= found["width"]
    assert 0 <= top < bottom <= found["height"]
    pixel = 1.001 / min(found["width"], found["height"])
    again = Box.from_size((left, top, right, bottom), width=found["width"], height=found["height"])
    assert again.as_tuple() == pytest.approx(box.as_tuple(), abs=pixel)
    x, y, across, down = to_coco(citation, [page], scale=scale)[0]["bbox"]
    coco = Box.from_size((x, y, x + across, y + down), width=found["width"], height=found["height"])
    assert coco.as_tuple() == pytest.approx(box.as_tuple(), abs=1e-3)
    grid = Box.from_size(to_grid(citation)[0]["rects"][0], width=1000, height=1000)
    assert grid.as_tuple() == pytest.approx(box.as_tuple(), abs=0.00051)
    polygon = to_azure(citation, [page])[0]["polygon"]
    azure = Box.from_size((*polygon[:2], *polygon[4:6]), width=width, height=height)
    assert azure.as_tuple() == pytest.approx(box.as_tuple(), abs=1e-5)
