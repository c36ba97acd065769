"""What a page shows: the size of its text, with and without a layer, and which way up it stands."""

from __future__ import annotations

import importlib.util
import random
import shutil
from pathlib import Path

import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from deepseek_ocr_rag import measure as measuring
from deepseek_ocr_rag.measure import Measured, measure
from deepseek_ocr_rag.modes import plan
from deepseek_ocr_rag.paging import PicturePage, open_file

PROSE = (
    "The harbour was quiet that morning, and nobody on the pier remembered when the last ship had come in. "
    "A clerk counted barrels, wrote the number down, and counted them again before breakfast was called. "
)

needs_rapidocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="the OCR engine is not installed"
)


def letter(path: Path, *, size: float = 11, rotate: int = 0, extra: str = "") -> Path:
    """An A4 page of prose; ``extra`` is a small line at its foot."""
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_textbox(pymupdf.Rect(60, 60, 535, 760), PROSE * 6, fontsize=size)
    if extra:
        page.insert_text((60, 800), extra, fontsize=1)
    page.set_rotation(rotate)
    document.save(path)
    return path


def looked_at(path: Path, *, upright: bool = True) -> Measured:
    return measure(open_file(path, media_type="application/pdf", name=path.name).page(1), upright=upright)


def scan(path: Path, *, turned: int = 0, long_side: int = 1400) -> PicturePage:
    """The same page as a picture, turned clockwise."""
    drawn = open_file(path, media_type="application/pdf", name="x").page(1).picture(long_side=long_side)
    return PicturePage(drawn.convert("L").rotate(-turned, expand=True), 1)


@pytest.mark.parametrize("size", [7, 11, 16])
def test_a_text_layer_tells_its_font_size_and_length(tmp_path: Path, size: float) -> None:
    found = looked_at(letter(tmp_path / "a.pdf", size=size))
    assert found.look.text_height * 842 == pytest.approx(size, rel=0.02)
    assert 500 < found.look.characters < 1200
    assert (found.turn, found.picture, found.look.is_estimate, found.look.pixels) == (0, None, False, 0)


def test_a_few_tiny_letters_are_not_the_ordinary_text(tmp_path: Path) -> None:
    found = looked_at(letter(tmp_path / "a.pdf", size=12, extra="labels of a chart " * 20))
    assert found.look.text_height * 842 == pytest.approx(12, rel=0.02)


def test_small_print_in_lines_is_ordinary_text_though_it_is_little_of_the_page(tmp_path: Path) -> None:
    def smallest(notes: list[str], name: str) -> float:
        document = pymupdf.open()
        page = document.new_page(width=595, height=842)
        for number in range(40):
            page.insert_text((50, 50 + number * 16), PROSE[:70], fontsize=12)
        for number, note in enumerate(notes):
            page.insert_text((50, 760 + number * 6), note, fontsize=4)
        document.save(tmp_path / name)
        return looked_at(tmp_path / name).look.text_height * 842

    assert smallest(["Conditions that apply to every passenger of the line."] * 3, "notes.pdf") == pytest.approx(4)
    assert smallest(["12", "7 b", "net"] * 5, "marks.pdf") == pytest.approx(12)  # marks and labels are no lines
    assert smallest(["See page 4 of it."], "one.pdf") == pytest.approx(12)


def test_short_lines_of_a_slide_count_as_before(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=842, height=595)
    page.insert_text((50, 100), "The harbour and its ships in the last two hundred years", fontsize=30)
    for number in range(6):
        page.insert_text((50, 150 + number * 30), "Barrels counted", fontsize=12)
    document.save(tmp_path / "slide.pdf")
    assert looked_at(tmp_path / "slide.pdf").look.text_height * 595 == pytest.approx(12)


def test_ideographs_count_for_what_they_cost(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page().insert_textbox(pymupdf.Rect(50, 50, 550, 800), "港口很安静。" * 60, fontname="china-s")
    document.save(tmp_path / "c.pdf")
    assert looked_at(tmp_path / "c.pdf").look.characters == 3 * 360


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_text_layer_tells_which_way_up_the_page_is(tmp_path: Path, rotate: int) -> None:
    path = letter(tmp_path / "a.pdf", rotate=rotate)
    found = looked_at(path)
    assert found.turn == (360 - rotate) % 360
    assert (found.look.width, found.look.height) == (595, 842)
    as_it_is = looked_at(path, upright=False)
    assert (as_it_is.turn, as_it_is.look.height) == (0, 595 if rotate % 180 else 842)


@pytest.mark.parametrize(("size", "low", "high"), [(8, 6, 11), (11, 8, 14), (18, 14, 24)])
def test_ink_tells_about_the_font_size(tmp_path: Path, size: float, low: float, high: float) -> None:
    found = measure(scan(letter(tmp_path / "a.pdf", size=size), long_side=1800), upright=False)
    assert low < found.look.text_height * 842 < high
    assert found.look.is_estimate
    assert found.look.pixels == 1800
    assert found.picture is not None


def test_pictures_without_lines_of_text_have_no_font_size() -> None:
    photo = Image.effect_noise((900, 700), 60)
    table = Image.new("L", (900, 700), 255)
    for at in range(20, 690, 30):
        ImageDraw.Draw(table).line((10, at, 890, at), fill=0, width=5)
    for picture in (photo, table):
        assert measure(PicturePage(picture, 1), upright=False).look.text_height == 0


@needs_rapidocr
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_scans_are_turned_upright(tmp_path: Path, turned: int) -> None:
    page = scan(letter(tmp_path / "a.pdf"), turned=turned)
    found = measure(page, upright=True)
    assert found.turn == (360 - turned) % 360
    assert found.picture is not None
    assert found.picture.height > found.picture.width
    assert found.look.text_height * 842 == pytest.approx(11, rel=0.3)
    assert measure(page, upright=False).turn == 0


@needs_rapidocr
@pytest.mark.parametrize("turned", [0, 180])
def test_slanting_lines_are_read_as_well(tmp_path: Path, turned: int) -> None:
    straight = scan(letter(tmp_path / "a.pdf")).picture(long_side=1400)
    askew = PicturePage(straight.rotate(3 - turned, fillcolor=255), 1)
    assert measure(askew, upright=True).turn == (360 - turned) % 360


FONT = ImageFont.load_default(20)


def table(*, labels: bool, text: bool = False) -> Image.Image:
    """An upright page of numbers in aligned columns, whose digits stand on each other."""
    picture = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((100, 40), "Table 4. Results by year and region, in millions", fill=0, font=FONT)
    chance = random.Random(1)
    for number in range(47):
        top = 100 + number * 34
        if text and number < 14:
            draw.text(
                (80, top), "The table below shows how the figures have developed over the years.", fill=0, font=FONT
            )
            continue
        if labels:
            draw.text((80, top), ("France", "Germany", "Italy", "Netherlands")[number % 4], fill=0, font=FONT)
        for column in range(8):
            draw.text((340 + column * 100, top), f"{chance.random() * 100:.2f}", fill=0, font=FONT)
    return picture


@needs_rapidocr
@pytest.mark.parametrize(("labels", "text"), [(False, False), (True, False), (True, True)])
def test_upright_tables_of_numbers_are_not_laid_on_their_side(labels: bool, text: bool) -> None:
    found = measure(PicturePage(table(labels=labels, text=text), 1), upright=True)
    assert found.turn == 0
    assert found.look.text_height * 1754 == pytest.approx(20, rel=0.25)


@needs_rapidocr
@pytest.mark.parametrize("turned", [90, 180, 270])
def test_tables_with_text_that_lie_on_their_side_are_turned(turned: int) -> None:
    lying = table(labels=True, text=True).rotate(-turned, expand=True)
    assert measure(PicturePage(lying, 1), upright=True).turn == 360 - turned


@needs_rapidocr
@pytest.mark.parametrize("turned", [0, 90, 270])
def test_equal_letters_that_stand_on_each_other_are_no_text(turned: int) -> None:
    picture = Image.new("L", (1240, 1754), 255)
    for number in range(40):
        ImageDraw.Draw(picture).text((100, 80 + number * 40), PROSE[:64], fill=0, font=ImageFont.load_default(26))
    page = PicturePage(picture.rotate(-turned, expand=True), 1)
    assert measure(page, upright=True).turn == (360 - turned) % 360


@pytest.mark.parametrize(("width", "height", "size"), [(600, 12_000, 20), (1080, 9000, 32), (600, 3000, 20)])
def test_long_strips_are_looked_at_closely_enough(width: int, height: int, size: int) -> None:
    picture = Image.new("L", (width, height), 255)
    for top in range(20, height - 60, size * 3 // 2):
        line = f"Item number {top}   price 3.99 total"
        ImageDraw.Draw(picture).text((20, top), line, fill=0, font=ImageFont.load_default(size))
    found = measure(PicturePage(picture, 1), upright=False)
    assert found.look.text_height * height == pytest.approx(size, rel=0.3)
    planned = plan(found.look)
    assert planned.is_tiled
    assert planned.long_side / height * size > 16


def test_faint_lines_are_looked_at_again() -> None:
    picture = Image.new("L", (3600, 5000), 255)
    for top in range(100, 4900, 19):
        ImageDraw.Draw(picture).text((100, top), PROSE * 2, fill=0, font=ImageFont.load_default(11))
    found = measure(PicturePage(picture, 1), upright=False)
    assert found.look.text_height * 5000 == pytest.approx(11, rel=0.3)  # at Gundam's size lines run together: 27


@pytest.mark.parametrize(("width", "height"), [(3, 14_400), (14_400, 3), (1, 1)])
def test_slivers_are_measured_without_a_word(width: int, height: int) -> None:
    found = measure(PicturePage(Image.effect_noise((width, height), 90), 1), upright=False)
    assert found.look.text_height == 0


@needs_rapidocr
def test_columns_of_japanese_stay_as_they_are(shared_data: Path) -> None:
    path = next((shared_data / "scanned").rglob("jpn-vert.jpeg"))
    assert measure(open_file(path, media_type="image/jpeg", name="j").page(1), upright=True).turn == 0


@needs_rapidocr
def test_scans_of_the_collection_are_turned_upright(shared_data: Path) -> None:
    for degrees in (90, 180, 270):
        path = next((shared_data / "scanned").rglob(f"ocr_test_rotated_{degrees}.pdf"))
        assert looked_at(path).turn == degrees


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract is not installed")
@pytest.mark.parametrize("turned", [0, 270])
def test_tesseract_tells_where_rapidocr_is_not_installed(
    tmp_path: Path, turned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "rapidocr_installed", lambda: False)
    assert measure(scan(letter(tmp_path / "a.pdf"), turned=turned), upright=True).turn == (360 - turned) % 360


def test_without_any_ocr_the_page_stays_and_the_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "rapidocr_installed", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    lying = measure(scan(letter(tmp_path / "a.pdf"), turned=90), upright=True)
    assert lying.turn == 0
    assert "no OCR engine is installed" in lying.warnings[0]
    assert measure(scan(tmp_path / "a.pdf"), upright=True).warnings == ()


def test_a_failure_of_the_check_costs_a_warning_and_not_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("model file is damaged")

    monkeypatch.setattr(measuring, "_reader", broken)
    found = measure(scan(letter(tmp_path / "a.pdf"), turned=90), upright=True)
    assert found.turn == 0
    assert found.warnings == ("Its orientation could not be checked (RuntimeError).",)
    assert found.look.text_height > 0


def scanned_pdf(path: Path, *, pixels: int, strokes: int = 0) -> Path:
    picture = Image.new("L", (pixels * 595 // 842, pixels), 255)
    draw = ImageDraw.Draw(picture)
    for top in range(pixels // 20, pixels - pixels // 10, pixels // 30):
        draw.text((pixels // 20, top), PROSE, fill=0, font=ImageFont.load_default(pixels // 60))
    picture.save(path.with_suffix(".png"))
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_image(page.rect, filename=path.with_suffix(".png"))
    for at in range(strokes):
        page.draw_line((0, at * 3), (50, at * 3))
    document.save(path)
    return path


def test_a_scan_has_the_pixels_of_its_picture(tmp_path: Path) -> None:
    def pixels(path: Path) -> int:
        return open_file(path, media_type="application/pdf", name="x").page(1).pixels()

    assert pixels(scanned_pdf(tmp_path / "s.pdf", pixels=900)) == pytest.approx(900, abs=5)
    assert pixels(scanned_pdf(tmp_path / "d.pdf", pixels=900, strokes=40)) == 0
    assert pixels(letter(tmp_path / "l.pdf")) == 0
    found = looked_at(tmp_path / "s.pdf", upright=False)
    assert found.picture is not None
    assert max(found.picture.size) == pytest.approx(900, abs=5)
