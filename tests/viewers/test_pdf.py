"""Coordinates of PDFs against PDFium's and MuPDF's own, on pages of every odd frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag.cite import CitationRegion
from deepseek_ocr_rag.document import Page
from deepseek_ocr_rag.geometry import Box, PdfView, QuarterTurn
from deepseek_ocr_rag.viewers import (
    to_embedpdf,
    to_pdf_fragment,
    to_pdf_points,
    to_pdfjs,
    to_pdfjs_fragment,
    to_quad_points,
    to_streamlit,
)

from ..citing import cite as cite_by_hand

PAGES = range(1, 11)
WHOLE = Page(number=1, label="1", width=400, height=600)
FLAT = Page(number=1, label="1", width=400, height=600, view=PdfView(left=0, bottom=0, right=400, top=600))
Corners = tuple[float, float, float, float]


def ink_of(picture: Image.Image) -> Box:
    pixels = picture.convert("L").point(lambda value: 255 * (value < 128)).getbbox()
    assert pixels is not None
    return Box.from_size(pixels, width=picture.width, height=picture.height)


def pdfium_page(odd: Any, number: int) -> tuple[Box, Corners, tuple[float, float]]:
    """Where PDFium paints the word on the displayed page, where it says that it is in user space, and its size."""
    pdfium = pytest.importorskip("pypdfium2", reason="a second renderer, not among our dependencies")
    document = pdfium.PdfDocument(odd.path)
    try:
        page = document[number - 1]
        text = page.get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars()) if text.get_text_range(at, 1).strip()]
        x0, y0, x1, y1 = zip(*boxes, strict=True)
        around = min(x0), min(y0), max(x1), max(y1)
        return ink_of(page.render(scale=4).to_pil()), around, (page.get_width(), page.get_height())
    finally:
        document.close()


def mupdf_page(odd: Any, number: int) -> tuple[Box, Corners]:
    """Where MuPDF paints the word, and where it has the word without the page's rotation, both in points."""
    with pymupdf.open(odd.path) as document:
        page = document[number - 1]
        pixels = page.get_pixmap(matrix=pymupdf.Matrix(4, 4), alpha=False)
        picture = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
        (word,) = page.get_text("words")
        return ink_of(picture), word[:4]


@pytest.mark.parametrize("number", PAGES)
def test_user_space_is_where_pdfium_has_the_characters(odd: Any, cite: Any, number: int) -> None:
    ink, around, _ = pdfium_page(odd, number)
    (found,) = to_pdfjs(cite(ink, page=number), odd.document)
    assert found["pageNumber"] == number
    assert found["rects"][0] == pytest.approx(around, abs=0.6)


@pytest.mark.parametrize("number", PAGES)
def test_points_are_where_mupdf_paints(odd: Any, cite: Any, number: int) -> None:
    ink, word = mupdf_page(odd, number)
    with pymupdf.open(odd.path) as document:
        width, height = document[number - 1].rect.br
    (found,) = to_pdf_points(cite(ink, page=number), odd.document)
    assert (found["width"], found["height"]) == pytest.approx((width, height), abs=0.01)
    assert found["rects"][0] == pytest.approx(ink.to_size(width=width, height=height), abs=0.01)
    (raised,) = to_pdf_points(cite(ink, page=number), odd.document, origin="bottom-left")
    left, top, right, bottom = found["rects"][0]
    assert raised["rects"][0] == pytest.approx((left, height - bottom, right, height - top), abs=0.01)
    (unrotated,) = to_pdf_points(cite(ink, page=number), odd.document, rotated=False)
    x0, y0, x1, y1 = unrotated["rects"][0]
    assert (x0, x1) == pytest.approx((word[0], word[2]), abs=5)
    assert word[1] < y0 < y1 < word[3]


@pytest.mark.parametrize("number", PAGES)
def test_viewers_of_points_have_their_own_pages(odd: Any, cite: Any, number: int) -> None:
    """EmbedPDF has PDFium's points, without UserUnit; streamlit-pdf-viewer has PDF.js's, with it."""
    ink, _, (width, height) = pdfium_page(odd, number)
    (embedded,) = to_embedpdf(cite(ink, page=number), odd.document)
    assert embedded["pageIndex"] == number - 1
    left, top, right, bottom = ink.to_size(width=width, height=height)
    assert embedded["rect"]["origin"] == {"x": pytest.approx(left, abs=0.01), "y": pytest.approx(top, abs=0.01)}
    size = {"width": pytest.approx(right - left, abs=0.01), "height": pytest.approx(bottom - top, abs=0.01)}
    assert embedded["rect"]["size"] == size
    assert embedded["segmentRects"] == [embedded["rect"]]
    (drawn,) = to_streamlit(cite(ink, page=number), odd.document)
    page = odd.document.pages[number - 1]
    assert (drawn["x"] / page.width, drawn["y"] / page.height) == pytest.approx((ink.left, ink.top), abs=1e-4)
    assert drawn["page"] == number


@pytest.mark.parametrize("number", PAGES)
def test_quads_begin_at_what_is_displayed_as_upper_left(odd: Any, cite: Any, number: int) -> None:
    ink, around, _ = pdfium_page(odd, number)
    (found,) = to_quad_points(cite(ink, ink, page=number), odd.document)
    assert len(found["quad_points"]) == 16
    numbers = found["quad_points"][:8]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    assert (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])) == pytest.approx(
        around, abs=0.6
    )
    view = odd.document.pages[number - 1].view
    seen = [view.from_user_space((*corner, *corner)).center for corner in corners]
    box = (ink.left, ink.top), (ink.right, ink.top), (ink.left, ink.bottom), (ink.right, ink.bottom)
    assert seen == [pytest.approx(corner, abs=1e-4) for corner in box]


@pytest.mark.parametrize("number", PAGES)
def test_a_link_shows_all_of_the_word(odd: Any, cite: Any, number: int) -> None:
    ink, (x0, y0, x1, y1), _ = pdfium_page(odd, number)
    fragment = to_pdfjs_fragment(cite(ink, page=number), odd.document)
    found = re.fullmatch(rf"#page={number}&zoom=FitR,(-?\d+),(-?\d+),(-?\d+),(-?\d+)", fragment)
    assert found
    left, bottom, right, top = map(int, found.groups())
    assert left <= x0 + 0.6
    assert bottom <= y0 + 0.6
    assert right >= x1 - 0.6
    assert top >= y1 - 0.6
    assert (right - left, top - bottom) == pytest.approx((x1 - x0, y1 - y0), abs=3)


def test_links_of_adobe_and_of_a_search(cite: Any) -> None:
    line, next_line = Box(left=0.1, top=0.2, right=0.9, bottom=0.22), Box(left=0.1, top=0.23, right=0.5, bottom=0.25)
    citation = cite(line, next_line, quote="costs €5 & more … in all of the years\nsince")
    assert to_pdf_fragment(citation, [FLAT]) == "#page=1&viewrect=40,120,320,30&highlight=40,360,120,150"
    linked = to_pdfjs_fragment(citation, [FLAT], search=True)
    assert linked.endswith("&search=in%20all%20of%20the%20years%20since&phrase=true")
    assert to_pdfjs_fragment(cite(line, quote="a\ud800&b"), [FLAT], search=True).endswith(
        "&search=a%3F%26b&phrase=true"
    )


@pytest.mark.parametrize("make", [to_pdfjs, to_quad_points, to_pdf_points, to_embedpdf, to_streamlit])
def test_nothing_is_drawn_where_nothing_is_known(cite: Any, make: Callable[..., Any]) -> None:
    box = Box(left=0.1, top=0.2, right=0.9, bottom=0.22)
    assert make(cite(), [FLAT]) == []
    assert make(cite(regions=(), status="not_found"), [FLAT]) == []
    assert make(cite(box, page=2), [FLAT]) == []
    assert make(cite(box), [Page(number=1, label="1", width=0, height=0, view=FLAT.view)]) == []


def test_pages_of_no_pdf_have_no_user_space_but_points(cite: Any) -> None:
    citation = cite(Box(left=0.1, top=0.2, right=0.9, bottom=0.3))
    assert to_pdfjs(citation, [WHOLE]) == to_quad_points(citation, [WHOLE]) == []
    assert to_pdfjs_fragment(citation, [WHOLE]) == "#page=1"
    assert to_pdf_points(citation, [WHOLE], rotated=False)[0]["rects"] == [[40, 120, 360, 180]]


def test_links_go_to_the_page_where_no_box_is_known(cite: Any) -> None:
    for make in (to_pdfjs_fragment, to_pdf_fragment):
        assert make(cite(page=3), [FLAT]) == "#page=3"
        assert make(cite(regions=()), [FLAT]) == ""


def test_lines_on_two_pages_are_two_pages(cite: Any) -> None:
    box = Box(left=0.1, top=0.9, right=0.9, bottom=0.95)
    regions = tuple(CitationRegion(page_number=number, boxes=(box,)) for number in (1, 2))
    pages = [
        FLAT,
        Page(number=2, label="ii", width=800, height=400, view=PdfView(left=0, bottom=0, right=800, top=400)),
    ]
    found = to_pdfjs(cite(regions=regions), pages)
    assert found == [
        {"pageNumber": 1, "rects": [[40, 30, 360, 60]]},
        {"pageNumber": 2, "rects": [[80, 20, 720, 40]]},
    ]


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(10, 2000), st.floats(10, 2000)),
    st.sampled_from([0, 90, 180, 270]),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_there_and_back(sides: list[float], frame: Corners, rotation: QuarterTurn, unit: float) -> None:

    left, bottom, width, height = frame
    view = PdfView(left=left, bottom=bottom, right=left + width, top=bottom + height, rotation=rotation, user_unit=unit)
    across, down = (height, width) if rotation % 180 else (width, height)
    page = Page(number=1, label="1", width=across * unit, height=down * unit, view=view)
    box = Box.from_fractions(*sides)
    citation = cite_by_hand(box, page=1)
    (rect,) = to_pdfjs(citation, [page])[0]["rects"]
    assert view.from_user_space(rect).as_tuple() == pytest.approx(box.as_tuple(), abs=2e-4)
    (flat,) = to_pdf_points(citation, [page], rotated=False)
    turned = Box.from_size(flat["rects"][0], width=flat["width"], height=flat["height"]).turned(rotation)
    assert turned.as_tuple() == pytest.approx(box.as_tuple(), abs=1e-3)
