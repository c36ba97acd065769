"""Boxes are measured on pictures of the page: what is drawn must lie where the ink is, whatever the page's frame."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageChops, ImageDraw

from deepseek_ocr_rag.annotate import annotate_pdf
from deepseek_ocr_rag.cite import CitationRegion
from deepseek_ocr_rag.errors import (
    CitationError,
    CorruptSource,
    DeepSeekOCRError,
    EncryptedSource,
    PageOutOfRange,
    SourceChanged,
    UnsupportedSource,
)
from deepseek_ocr_rag.geometry import Box, Frame
from deepseek_ocr_rag.highlight import crop, highlight_page
from deepseek_ocr_rag.reopen import check_unchanged

from .citing import cite

Mask = Callable[[Image.Image], Image.Image]

FRAMES = [
    {"media": media, "crop": crop_box, "rotate": rotate, "unit": unit}
    for media, crop_box, rotate, unit in product(
        (None, "[50 -100 450 600]"), (None, "[60 80 360 560]"), (0, 90, 180, 270), (1, 2)
    )
]


def channel(picture: Image.Image, name: str, test: Callable[[int], bool]) -> Image.Image:
    return picture.convert("RGB").getchannel(name).point(lambda value: 255 * test(value))


def ink(picture: Image.Image) -> Image.Image:
    return picture.convert("L").point(lambda value: 255 * (value < 100))


def yellow(picture: Image.Image) -> Image.Image:
    """The strong tone: much red, little blue."""
    return ImageChops.multiply(
        channel(picture, "R", lambda value: value > 200), channel(picture, "B", lambda value: value < 120)
    )


def extent(picture: Image.Image, mask: Mask) -> Box:
    """Where the masked pixels are, as fractions of the picture."""
    pixels = mask(picture).getbbox()
    assert pixels is not None
    return Box.from_size(pixels, width=picture.width, height=picture.height)


def surrounds(outer: Box, inner: Box, *, by: float) -> bool:
    """Whether ``outer`` reaches over ``inner`` on each side, and not further than ``by``."""
    gaps = (
        inner.left - outer.left,
        inner.top - outer.top,
        outer.right - inner.right,
        outer.bottom - inner.bottom,
    )
    return all(0 < gap <= by for gap in gaps)


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def make_pdf(path: Path, *, media: str | None = None, crop: str | None = None, rotate: int = 0, unit: int = 1) -> Path:
    """One page with a line of bars, and a stroke in a corner that tells the directions apart."""
    document = pymupdf.open()
    page = document.new_page(width=400, height=600)
    for left in range(120, 240, 12):
        page.draw_rect(pymupdf.Rect(left, 200, left + 8, 214), fill=(0, 0, 0), color=None)
    keys = {"MediaBox": media, "CropBox": crop, "Rotate": rotate and str(rotate), "UserUnit": unit > 1 and str(unit)}
    for key, value in keys.items():
        if value:
            document.xref_set_key(page.xref, key, value)
    document.save(path)
    return path


def by_mupdf(path: Path, password: str = "", page: int = 0) -> Image.Image:
    with pymupdf.open(path) as document:
        document.authenticate(password)
        pixels = document[page].get_pixmap(dpi=150, alpha=False)
        return Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)


def by_pdfium(path: Path) -> Image.Image:
    pdfium = pytest.importorskip("pypdfium2", reason="a second renderer, not among our dependencies")
    document = pdfium.PdfDocument(path)
    try:
        picture: Image.Image = document[0].render(scale=150 / 72).to_pil().convert("RGB")
    finally:
        document.close()
    return picture


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: " ".join(f"{k}={v}" for k, v in frame.items() if v))
def test_highlights_surround_the_ink_in_every_page_frame(tmp_path: Path, frame: dict[str, Any]) -> None:
    source = make_pdf(tmp_path / "source.pdf", **frame)
    line = extent(by_mupdf(source), ink)
    picture = opened(highlight_page(source, cite(line), dpi=150))
    assert extent(picture, ink).iou(line) > 0.8  # the ink is still there
    assert surrounds(extent(picture, yellow), line, by=0.02)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_mupdf(output), yellow), line, by=0.03)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: " ".join(f"{k}={v}" for k, v in frame.items() if v))
def test_another_renderer_sees_the_annotation_around_the_ink(tmp_path: Path, frame: dict[str, Any]) -> None:
    source = make_pdf(tmp_path / "source.pdf", **frame)
    line = extent(by_pdfium(source), ink)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_pdfium(output), yellow), line, by=0.03)


@pytest.mark.parametrize("rotate", [45, -90, 450])
def test_rotations_that_are_no_quarter_turns_of_one_circle(tmp_path: Path, rotate: int) -> None:
    source = make_pdf(tmp_path / "source.pdf", rotate=rotate)
    line = extent(by_pdfium(source), ink)
    assert surrounds(extent(opened(highlight_page(source, cite(line))), yellow), line, by=0.03)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_pdfium(output), yellow), line, by=0.03)
    assert surrounds(extent(by_mupdf(output), yellow), line, by=0.03)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_quads_start_at_the_upper_left_of_the_displayed_line(tmp_path: Path, rotate: int) -> None:
    source = make_pdf(tmp_path / "source.pdf", rotate=rotate)
    output = annotate_pdf(source, [cite(Box(left=0.2, top=0.1, right=0.6, bottom=0.15))], tmp_path / "annotated.pdf")
    with pymupdf.open(output) as document:
        page = document[0]
        corners = [pymupdf.Point(point) * page.rotation_matrix for point in next(page.annots()).vertices]
    upper_left, upper_right, lower_left, lower_right = corners
    assert upper_left.x == pytest.approx(lower_left.x, abs=0.1)
    assert upper_left.x < upper_right.x
    assert upper_left.y == pytest.approx(upper_right.y, abs=0.1)
    assert lower_right.y > upper_right.y


def test_context_is_paler_than_the_quote_and_the_rest_stays_white(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    citation = cite(
        Box(left=0.1, top=0.5, right=0.9, bottom=0.52),
        context=(CitationRegion(page_number=1, boxes=(Box(left=0.1, top=0.4, right=0.9, bottom=0.6),)),),
    )
    picture = opened(highlight_page(source, citation))
    at = [picture.getpixel((picture.width // 2, int(picture.height * y))) for y in (0.2, 0.45, 0.51)]
    blues = [pixel[2] for pixel in at if isinstance(pixel, tuple)]
    assert at[0] == (255, 255, 255)
    assert 190 < blues[1] < 240
    assert blues[2] < 120


def test_a_citation_that_was_not_found_shows_its_context_only(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    whole = CitationRegion(page_number=1, boxes=(Box(left=0.1, top=0.1, right=0.9, bottom=0.9),))
    citation = cite(regions=(), status="not_found", context=(whole,))
    picture = opened(highlight_page(source, citation))
    assert yellow(picture).getbbox() is None
    with pytest.raises(CitationError, match="no lines"):
        crop(source, citation)
    with pytest.raises(CitationError, match=r"source\.pdf.*no page"):
        highlight_page(source, cite(regions=()))


def test_crop_shows_the_lines_with_a_margin(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    line = extent(by_mupdf(source), ink)
    picture = opened(crop(source, cite(line), dpi=150))
    full_width, full_height = 400 * 150 / 72, 600 * 150 / 72
    assert picture.width == pytest.approx((line.width + 0.04) * full_width, abs=2)
    assert picture.height == pytest.approx((line.height + 0.04) * full_height, abs=2)
    assert yellow(picture).getbbox() is not None
    corner = crop(source, cite(Box(left=1, top=1, right=1, bottom=1)))
    assert opened(corner).width >= 1


@pytest.mark.parametrize("rotate", [0, 90])
def test_a_clipping_is_that_part_of_the_page_and_shows_nothing_of_others(tmp_path: Path, rotate: int) -> None:
    source = make_pdf(tmp_path / "source.pdf", rotate=rotate)
    line = extent(by_mupdf(source), ink)
    far = CitationRegion(page_number=1, boxes=(Box(left=0.1, top=0.9, right=0.9, bottom=0.95),))
    picture = opened(crop(source, cite(line, context=(far,)), dpi=150))
    part = Box(left=line.left - 0.02, top=line.top - 0.02, right=line.right + 0.02, bottom=line.bottom + 0.02)
    assert Frame.from_box(part).place(extent(picture, ink)).iou(line) > 0.8
    assert surrounds(Frame.from_box(part).place(extent(picture, yellow)), line, by=0.02)
    assert picture.getpixel((picture.width // 2, picture.height - 1)) == (255, 255, 255)


def test_a_large_page_is_drawn_small_and_a_part_of_it_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "plan.pdf"
    with pymupdf.open() as document:
        document.new_page(width=14_400, height=14_400).draw_rect((1440, 1440, 1500, 1450), fill=(0, 0, 0))
        document.save(source)
    line = Box.from_size((1440, 1440, 1500, 1450), width=14_400, height=14_400)
    monkeypatch.setattr("deepseek_ocr_rag.highlight._MOST_PIXELS", 250_000)
    assert opened(highlight_page(source, cite(line))).size == (500, 500)
    picture = opened(crop(source, cite(line), dpi=144))
    assert picture.width == pytest.approx((60 + 36) * 144 / 72, abs=3)
    assert yellow(picture).getbbox() is not None


def test_long_pictures_are_as_wide_as_a_page(tmp_path: Path) -> None:
    picture = Image.new("L", (600, 12_000), 255)
    ImageDraw.Draw(picture).rectangle((50, 6000, 550, 6020), fill=0)
    source = tmp_path / "screen.png"
    picture.save(source)
    line = extent(picture, ink)
    assert opened(highlight_page(source, cite(line))).size == (600, 12_000)
    clipping = opened(crop(source, cite(line)))
    assert clipping.width > 500
    assert clipping.height < 80  # the line and a quarter of an inch, not a share of the whole picture


@pytest.mark.parametrize(
    ("suffix", "mode"), [("png", "RGB"), ("jpg", "RGB"), ("webp", "RGB"), ("bmp", "RGB"), ("png", "1")]
)
def test_pictures_are_highlighted_and_become_annotated_pdfs(tmp_path: Path, suffix: str, mode: str) -> None:
    picture = Image.new("RGB", (600, 800), "white")
    ImageDraw.Draw(picture).rectangle((100, 200, 300, 220), fill="black")
    source = tmp_path / f"scan.{suffix}"
    picture.convert(mode).save(source)
    line = extent(picture, ink)
    assert surrounds(extent(opened(highlight_page(source, cite(line))), yellow), line, by=0.02)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_mupdf(output), yellow), line, by=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(stored).rectangle((60, 40, 200, 60), fill="black")
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = tmp_path / "photo.jpg"
    stored.save(source, exif=exif, quality=95)
    plain = opened(highlight_page(source, cite(regions=(CitationRegion(page_number=1),))))
    line = extent(plain, ink)
    assert (plain.width < plain.height) == (orientation >= 5)
    assert surrounds(extent(opened(highlight_page(source, cite(line))), yellow), line, by=0.03)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_mupdf(output), yellow), line, by=0.03)


def test_frames_of_a_tiff_are_pages(tmp_path: Path) -> None:
    frames = [Image.new("L", (200, 300), 255) for _ in range(3)]
    ImageDraw.Draw(frames[2]).rectangle((40, 40, 90, 50), fill=0)
    source = tmp_path / "fax.tif"
    frames[0].save(source, save_all=True, append_images=frames[1:])
    line = extent(frames[2], ink)
    assert surrounds(extent(opened(highlight_page(source, cite(line, page=3))), yellow), line, by=0.03)
    output = annotate_pdf(source, [cite(line, page=3)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_mupdf(output, page=2), yellow), line, by=0.04)
    with pytest.raises(PageOutOfRange, match="1 to 3"):
        highlight_page(source, cite(line, page=4))


def test_other_documents_are_drawn_and_converted(tmp_path: Path) -> None:
    source = tmp_path / "drawing.svg"
    source.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">'
        '<rect x="30" y="50" width="90" height="9"/></svg>'
    )
    line = Box.from_size((30, 50, 120, 59), width=300, height=200)
    assert surrounds(extent(opened(highlight_page(source, cite(line))), yellow), line, by=0.03)
    output = annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    assert surrounds(extent(by_mupdf(output), yellow), line, by=0.05)


def test_one_annotation_a_citation_and_page_with_the_quote_in_its_note(tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    with pymupdf.open() as document:
        for _ in range(2):
            document.new_page()
        document.save(source)
    top, low = Box(left=0.1, top=0.1, right=0.9, bottom=0.12), Box(left=0.1, top=0.13, right=0.5, bottom=0.15)
    both = cite(
        quote="über\x00 zwei Seiten",
        regions=(
            CitationRegion(page_number=1, boxes=(top, low)),
            CitationRegion(page_number=2, boxes=(top,)),
        ),
    )
    page_only = cite(regions=(CitationRegion(page_number=2),))
    output = annotate_pdf(source, [both, cite(low, page=2), page_only], tmp_path / "annotated.pdf")
    with pymupdf.open(output) as document:
        found = [
            [(note.type[1], note.info["content"], len(note.vertices)) for note in page.annots()] for page in document
        ]
    assert found == [
        [("Highlight", "über zwei Seiten", 8)],
        [("Highlight", "über zwei Seiten", 4), ("Highlight", "what the page says", 4)],
    ]


def test_encrypted_documents_need_the_password_and_stay_encrypted(tmp_path: Path) -> None:
    source, output = tmp_path / "secret.pdf", tmp_path / "annotated.pdf"
    with pymupdf.open(make_pdf(tmp_path / "plain.pdf")) as document:
        line = extent(by_mupdf(tmp_path / "plain.pdf"), ink)
        document.save(source, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="open", owner_pw="own")
    for password in ("", "wrong"):
        with pytest.raises(EncryptedSource, match=r"secret\.pdf"):
            annotate_pdf(source, [cite(line)], output, password=password)
        with pytest.raises(EncryptedSource, match=r"secret\.pdf"):
            highlight_page(source, cite(line), password=password)
    assert not output.exists()
    assert surrounds(extent(opened(highlight_page(source, cite(line), password="open")), yellow), line, by=0.03)
    annotate_pdf(source, [cite(line)], output, password="open")
    with pymupdf.open(output) as document:
        assert document.needs_pass
    assert surrounds(extent(by_mupdf(output, "open"), yellow), line, by=0.03)


def test_the_file_must_be_the_one_that_was_read(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    line = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    good = cite(line, document_id="sha256:" + hashlib.sha256(source.read_bytes()).hexdigest())
    check_unchanged(source, good)
    assert highlight_page(source, good).startswith(b"\x89PNG")
    check_unchanged(source, cite(line, document_id="a name of the user's own"))
    with source.open("ab") as file:
        file.write(b"\n")
    for show in (highlight_page, crop, check_unchanged):
        with pytest.raises(SourceChanged, match=r"source\.pdf.*original"):
            show(source, good)
    with pytest.raises(SourceChanged):
        annotate_pdf(source, [cite(line), good], tmp_path / "annotated.pdf")
    with pytest.raises(CorruptSource, match="missing"):
        check_unchanged(tmp_path / "missing.pdf", good)


def test_the_source_is_never_overwritten_and_no_half_file_is_left(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    before = source.read_bytes()
    (tmp_path / "link.pdf").symlink_to(source)
    (tmp_path / "hard.pdf").hardlink_to(source)
    line = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    for output in (
        source,
        tmp_path / "link.pdf",
        tmp_path / "hard.pdf",
        tmp_path / ".." / tmp_path.name / "source.pdf",
    ):
        with pytest.raises(CitationError, match="overwritten"):
            annotate_pdf(source, [cite(line)], output)
    with pytest.raises(CitationError, match="cannot be written"):
        annotate_pdf(source, [cite(line)], tmp_path / "nowhere" / "out.pdf")
    with pytest.raises(PageOutOfRange, match="page 9"):
        annotate_pdf(source, [cite(line), cite(line, page=9)], tmp_path / "out.pdf")
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hard.pdf", "link.pdf", "source.pdf"]
    output = tmp_path / "out.pdf"
    output.write_bytes(b"an older one")
    assert annotate_pdf(source, [], output) == output
    assert by_mupdf(output).size == by_mupdf(source).size


def test_what_is_no_document_is_refused_by_name(tmp_path: Path) -> None:
    line = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    text, broken = tmp_path / "notes.txt", tmp_path / "broken.pdf"
    text.write_text("only text")
    broken.write_bytes(b"%PDF-1.7\n garbage")
    for path, error in ((text, UnsupportedSource), (broken, CorruptSource), (tmp_path / "none.pdf", CorruptSource)):
        with pytest.raises(error, match=path.name):
            highlight_page(path, cite(line))
        with pytest.raises(error, match=path.name):
            annotate_pdf(path, [cite(line)], tmp_path / "out.pdf")
    with pytest.raises(PageOutOfRange, match="page 2"):
        highlight_page(make_pdf(tmp_path / "one.pdf"), cite(line), page_number=2)


def test_nothing_is_printed_and_settings_are_put_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    data = source.read_bytes()
    source.write_bytes(data[: data.rindex(b"xref")] + b"trailer nonsense")  # repaired with complaints
    before = pymupdf.TOOLS.mupdf_display_errors(), pymupdf.TOOLS.mupdf_display_warnings(), Image.MAX_IMAGE_PIXELS
    line = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    highlight_page(source, cite(line))
    annotate_pdf(source, [cite(line)], tmp_path / "annotated.pdf")
    after = pymupdf.TOOLS.mupdf_display_errors(), pymupdf.TOOLS.mupdf_display_warnings(), Image.MAX_IMAGE_PIXELS
    assert after == before
    assert capfd.readouterr() == ("", "")


def test_hostile_documents_raise_our_errors_and_print_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = Path(__file__).parents[1].parent / "shared" / "data"
    table = data / "HOSTILE_DOCS.tsv"
    if not table.is_file():
        pytest.skip("the shared data is not here")
    rows = [row.split("\t") for row in table.read_text().splitlines()[1:]]
    small = [data / row[0] for row in rows if int(row[2]) < 1500 and not any(cell.startswith("E6") for cell in row)]
    assert len(small) > 30
    shown = 0
    for source in small:
        citation = cite(Box(left=0.1, top=0.1, right=0.2, bottom=0.2))
        try:
            highlight_page(source, citation, dpi=30)
            annotate_pdf(source, [citation], tmp_path / "out.pdf")
            shown += 1
        except DeepSeekOCRError as error:
            assert source.name in str(error)  # noqa: PT017 - either outcome is good
    assert shown > 30
    assert capfd.readouterr() == ("", "")


def test_threads_may_draw_at_once(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    line = extent(by_mupdf(source), ink)
    expected, drawn = highlight_page(source, cite(line)), []
    threads = [threading.Thread(target=lambda: drawn.append(highlight_page(source, cite(line)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 6
