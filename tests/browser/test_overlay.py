"""Ten pages whose coordinates are odd, in one file: in a real browser our boxes lie over the ink.

Geometry is asserted, never a picture: where the browser put the boxes, against where the ink is on the canvas. What is
quoted is blue, so that its ink can be told from the rest of the page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageChops

from deepseek_ocr_rag import Box, Citation, Page, ReadOptions, locate, read
from deepseek_ocr_rag.annotate import annotate_pdf
from deepseek_ocr_rag.geometry import PdfView, bounding_box
from deepseek_ocr_rag.paging import open_file

FRAMES = {
    "plain": {},
    "media offset": {"MediaBox": "[50 -100 450 500]"},
    "crop": {"CropBox": "[60 80 360 560]"},
    "rotate 90": {"Rotate": "90"},
    "rotate 180": {"Rotate": "180"},
    "rotate 270": {"Rotate": "270"},
    "user unit": {"UserUnit": "2"},
    "crop rotated": {"CropBox": "[60 80 360 560]", "Rotate": "90"},
    "crop rotated with user unit": {"CropBox": "[60 80 360 560]", "Rotate": "270", "UserUnit": "2"},
    "crop larger than media": {"MediaBox": "[0 0 340 600]", "CropBox": "[-40 -60 340 700]"},
}
LINES = [
    ("0 g", "The harbour of {town} was rebuilt after the storm,"),
    ("0 g", "and most of the old quays were given up for good."),
    ("0 0 .8 rg", "The lanterns of {town} now mark a long northern"),
    ("0 0 .8 rg", "breakwater, and each is lit by its own keeper."),
    ("0 g", "Ships from the islands reach {town} on Tuesdays, and"),
    ("0 g", "nobody is known to have waited longer than a week."),
]
QUOTE = "The lanterns of {town} now mark a long northern breakwater, and each is lit by its own keeper."
TOWNS = ("Ashford", "Bergen", "Cork", "Delft", "Esbjerg", "Faro", "Gdansk", "Haifa", "Izmir", "Jaffa")


def make_pdf(path: Path) -> Path:
    """A page for each frame, written by hand: text at the same place in user space, whatever is displayed of it."""
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(FRAMES)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(FRAMES)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for at, (town, frame) in enumerate(zip(TOWNS, FRAMES.values(), strict=True)):
        lines = "".join(f"{colour} ({text.format(town=town)}) Tj T*\n" for colour, text in LINES)
        content = f"BT /F1 10 Tf 15 TL 80 350 Td\n{lines}ET\n".encode()
        boxes = " ".join(f"/{key} {value}" for key, value in ({"MediaBox": "[0 0 400 600]"} | frame).items())
        page = f"<</Type/Page/Parent 2 0 R/Contents {5 + 2 * at} 0 R/Resources<</Font<</F1 3 0 R>>>> {boxes}>>"
        objects += [page.encode(), b"<</Length %d>>stream\n%sendstream" % (len(content), content)]
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(offsets) + 1
    out += b"xref\n0 %d\n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, table, size, len(out))
    path.write_bytes(out)
    return path


@dataclass(frozen=True, kw_only=True)
class Case:
    path: Path
    citation: Citation
    view: PdfView

    @property
    def number(self) -> int:
        return self.citation.page_number

    @property
    def boxes(self) -> tuple[Box, ...]:
        return self.citation.regions[0].boxes


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """The PDF read as a user does, and a quote located on each page."""
    path = make_pdf(tmp_path_factory.mktemp("frames") / "frames.pdf")
    with closing(read(path, ReadOptions(workers=1))) as documents:
        document = next(documents)
    return {
        name: _case(path, locate(QUOTE.format(town=town), document), page)
        for name, town, page in zip(FRAMES, TOWNS, document.pages, strict=True)
    }


def _case(path: Path, citation: Citation, page: Page) -> Case:
    assert (citation.status, citation.page_number) == ("verified", page.number)
    assert citation.precision in ("word", "line")
    assert page.view is not None
    return Case(path=path, citation=citation, view=page.view)


def picture_of(path: Path, number: int) -> tuple[bytes, float, float]:
    with closing(open_file(path, media_type="application/pdf", name=path.name)) as file:
        page, out = file.page(number), io.BytesIO()
        page.picture(long_side=900).save(out, "PNG")
        return out.getvalue(), page.width, page.height


class Tab:
    """A browser's page that shows one wish after the other; nothing may be refused by the content policy."""

    def __init__(self, page: Any, site: Any) -> None:
        self.page, self.site = page, site
        self.refused: list[str] = []
        page.on("console", lambda said: self.refused.append(said.text) if "Content Security" in said.text else None)

    def show(self, wish: dict[str, Any]) -> None:
        self.site.ask(wish)
        self.page.goto(f"{self.site.url}/overlay.html")
        self.page.locator("body[data-state]").wait_for(timeout=20_000)
        assert self.page.locator("body").get_attribute("data-state") == "ready"
        assert self.refused == []

    def measured(self, name: str) -> Box:
        """Where the script found pixels of that kind, as fractions of the canvas."""
        return Box.from_fractions(*json.loads(self.page.locator("#page").get_attribute(f"data-{name}")))

    def overlay(self) -> Box:
        """The boxes as the browser placed them, all together, as fractions of the picture or canvas under them."""
        rects = self.page.evaluate(
            """() => [...document.querySelectorAll("#page img, #page canvas, .box")].map((one) => {
                const { left, top, right, bottom } = one.getBoundingClientRect();
                return [left, top, right, bottom];
            })"""
        )
        (left, top, right, bottom), *boxes = rects
        placed = [
            Box.from_size((x0 - left, y0 - top, x1 - left, y1 - top), width=right - left, height=bottom - top)
            for x0, y0, x1, y1 in boxes
        ]
        return bounding_box(placed) or pytest.fail("no boxes")


@pytest.fixture(scope="module")
def tab(browser: Any, site: Any) -> Iterator[Tab]:
    """On a screen of two device pixels to a CSS pixel, where a canvas and its overlay part if either forgets it."""
    context = browser.new_context(device_scale_factor=2, viewport={"width": 1300, "height": 1300})
    yield Tab(context.new_page(), site)
    context.close()


def assert_over(outer: Box, ink: Box, *, view: PdfView) -> None:
    """Whether ``outer`` covers the ink to a third of a point and stays in the white around its lines, 6 points wide."""
    width, height = view.right - view.left, view.top - view.bottom
    if view.rotation % 180:
        width, height = height, width
    gaps = (
        (ink.left - outer.left) * width,
        (ink.top - outer.top) * height,
        (outer.right - ink.right) * width,
        (outer.bottom - ink.bottom) * height,
    )
    assert all(-0.35 <= gap <= 6 for gap in gaps), gaps


@pytest.fixture
def pdfjs(site: Any) -> None:
    if site.find("pdfjs/pdf.min.mjs") is None:
        pytest.skip("PDF.js is not here: the start command of examples/citation_chat fetches it")


@pytest.mark.parametrize("name", FRAMES)
def test_boxes_lie_over_the_ink_of_the_page_picture(name: str, cases: dict[str, Case], tab: Tab) -> None:
    case = cases[name]
    tab.site.files["page.png"], width, height = picture_of(case.path, case.number)
    tab.show({"picture": "page.png", "width": width, "height": height, "boxes": [box.as_tuple() for box in case.boxes]})
    assert_over(tab.overlay(), tab.measured("ink"), view=case.view)


@pytest.mark.usefixtures("pdfjs")
@pytest.mark.parametrize("name", FRAMES)
def test_boxes_lie_over_the_ink_that_pdfjs_draws(name: str, cases: dict[str, Case], tab: Tab) -> None:
    case = cases[name]
    tab.site.files["page.pdf"] = case.path.read_bytes()
    together = bounding_box(case.boxes)
    assert together is not None
    boxes = [box.as_tuple() for box in case.boxes]
    tab.show(
        {
            "pdf": "page.pdf",
            "page": case.number,
            "scale": 1.3,
            "boxes": boxes,
            "user_space": case.view.to_user_space(together),
        }
    )
    assert_over(tab.overlay(), tab.measured("ink"), view=case.view)
    assert tab.measured("viewport").iou(together) > 0.99


@pytest.mark.usefixtures("pdfjs")
@pytest.mark.parametrize("name", FRAMES)
def test_pdfjs_draws_the_annotation_around_the_ink(name: str, cases: dict[str, Case], tab: Tab, tmp_path: Path) -> None:
    case = cases[name]
    output = annotate_pdf(case.path, [case.citation], tmp_path / "annotated.pdf")
    tab.site.files["page.pdf"] = output.read_bytes()
    tab.show({"pdf": "page.pdf", "page": case.number, "scale": 1.3, "boxes": []})
    assert_over(tab.measured("yellow"), tab.measured("ink"), view=case.view)


@pytest.mark.parametrize("name", FRAMES)
def test_pdfium_draws_the_annotation_around_the_ink(name: str, cases: dict[str, Case], tmp_path: Path) -> None:
    pdfium = pytest.importorskip("pypdfium2", reason="a second renderer, not among our dependencies")
    case = cases[name]
    output = annotate_pdf(case.path, [case.citation], tmp_path / "annotated.pdf")
    with closing(pdfium.PdfDocument(output)) as document:
        picture = document[case.number - 1].render(scale=3).to_pil().convert("RGB")
    red, green, blue = picture.split()
    ink = ImageChops.subtract(blue, ImageChops.lighter(red, green))
    yellow = ImageChops.subtract(ImageChops.darker(red, green), blue)
    placed = [
        Box.from_size(
            mask.point(lambda value: 255 * (value > 40)).getbbox() or (0, 0, 0, 0), width=mask.width, height=mask.height
        )
        for mask in (yellow, ink)
    ]
    assert_over(*placed, view=case.view)
