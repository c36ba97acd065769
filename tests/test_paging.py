"""Frames: whatever MediaBox, CropBox, /Rotate, UserUnit and EXIF say, words and ink stand at the same place."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw

from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, SourceTooLarge
from deepseek_ocr_rag.geometry import Box, Frame
from deepseek_ocr_rag.mupdf import MuPdfPage
from deepseek_ocr_rag.paging import is_blank, open_file

PDF = "application/pdf"


def ink(picture: Image.Image) -> Box:
    dark = np.asarray(picture.convert("L")) < 128
    rows, columns = np.where(dark.any(axis=1))[0], np.where(dark.any(axis=0))[0]
    corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return Box.from_size([float(c) for c in corners], width=picture.width, height=picture.height)


def one_word(path: Path, *, rotate: int, crop: bool, media: bool, user_unit: bool) -> None:
    document = pymupdf.open()
    page = document.new_page(width=400, height=600)
    page.insert_text((100, 450), "HELLO", fontsize=20)
    for wanted, key, value in [
        (media, "MediaBox", "[50 -100 450 500]"),
        (crop, "CropBox", "[60 80 360 460]"),
        (user_unit, "UserUnit", "2"),
        (rotate, "Rotate", str(rotate)),
    ]:
        if wanted:
            document.xref_set_key(page.xref, key, value)
    document.save(path)


@pytest.mark.parametrize(
    ("rotate", "crop", "media", "user_unit"), list(product((0, 90, 180, 270), *[(False, True)] * 3))
)
def test_words_stand_on_their_ink(tmp_path: Path, rotate: int, crop: bool, media: bool, user_unit: bool) -> None:
    path = tmp_path / "word.pdf"
    one_word(path, rotate=rotate, crop=crop, media=media, user_unit=user_unit)
    for _ in range(2):  # reading a page must not change what the next visit sees
        page = open_file(path, media_type=PDF, name="word.pdf").page(1)
        picture = page.picture(long_side=800)
        assert picture.width / picture.height == pytest.approx(page.width / page.height, rel=0.01)
        (word,) = page.words()
        text, box = word.text, word.box
        assert text == "HELLO"
        assert box.covers(ink(picture)) > 0.9
        assert page.view is not None
        x0, y0, x1, y1 = page.view.to_user_space(box)
        # Where it was written: on a base line at 150, with capitals that are three quarters of 20 high.
        assert (x0, x1) == pytest.approx((100, 166), abs=4)
        assert y0 < 150
        assert 165 < y1 < y0 + 30
        assert page.view.from_user_space((x1, y0, x0, y1)).as_tuple() == pytest.approx(box.as_tuple())
        assert page.view.user_unit == (2 if user_unit else 1)


def test_what_is_no_pdf_has_no_user_space(tmp_path: Path) -> None:
    Image.new("L", (40, 40), "white").save(tmp_path / "a.png")
    assert open_file(tmp_path / "a.png", media_type="image/png", name="a.png").page(1).view is None
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"></svg>')
    assert open_file(tmp_path / "a.svg", media_type="image/svg+xml", name="a.svg").page(1).view is None


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [False, True])
def test_a_part_of_a_page_is_that_part_of_its_picture(tmp_path: Path, rotate: int, crop: bool) -> None:
    path = tmp_path / "word.pdf"
    one_word(path, rotate=rotate, crop=crop, media=True, user_unit=False)
    page = open_file(path, media_type=PDF, name="word.pdf").page(1)
    (found,) = page.words()
    word = found.box
    around = Box.from_fractions(word.left - 0.1, word.top - 0.1, word.right + 0.1, word.bottom + 0.1)
    part = page.picture(long_side=500, part=around)
    assert max(part.size) == pytest.approx(500, abs=2)
    on_page = Frame.from_box(around).place(ink(part))
    assert on_page.as_tuple() == pytest.approx(ink(page.picture(long_side=1500)).as_tuple(), abs=0.01)


def test_a_part_of_a_picture_is_not_enlarged(tmp_path: Path) -> None:
    page = open_file(picture_file(tmp_path / "p.png"), media_type="image/png", name="p").page(1)
    corner = page.picture(long_side=1000, part=Box(left=0, top=0, right=0.5, bottom=0.5))
    assert corner.size == (150, 100)
    assert ink(corner).as_tuple() == pytest.approx((10 / 150, 0.1, 61 / 150, 0.41), abs=0.01)
    assert page.picture(long_side=75, part=Box(left=0, top=0, right=0.5, bottom=0.5)).size == (75, 50)


def test_a_turned_page_keeps_its_text_and_notes(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=400, height=600)
    page.insert_text((100, 450), "HELLO", fontsize=20)
    page.add_freetext_annot(pymupdf.Rect(100, 100, 300, 140), "A NOTE")
    document.save(tmp_path / "note.pdf")
    opened = open_file(tmp_path / "note.pdf", media_type=PDF, name="note.pdf").page(1)
    assert isinstance(opened, MuPdfPage)
    upright = opened.turned_upright(90)
    assert (upright.rect.width, upright.rect.height) == (600, 400)
    assert set(upright.get_text().split()) == {"HELLO", "A", "NOTE"}


def picture_file(path: Path, *, orientation: int = 0, **options: object) -> Path:
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).rectangle((10, 10, 60, 40), fill="black")
    exif = Image.Exif()
    if orientation:
        exif[274] = orientation
    image.save(path, exif=exif, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "top left"), (3, "bottom right"), (6, "top right"), (8, "bottom left")],
)
def test_pictures_are_upright_by_their_exif_orientation(tmp_path: Path, orientation: int, corner: str) -> None:
    page = open_file(picture_file(tmp_path / "p.jpg", orientation=orientation), media_type="image/jpeg", name="p").page(
        1
    )
    x, y = ink(page.picture(long_side=1000)).center
    assert f"{'top' if y < 0.5 else 'bottom'} {'left' if x < 0.5 else 'right'}" == corner


def test_every_frame_of_a_tiff_is_a_page_and_of_a_gif_the_first(tmp_path: Path) -> None:
    frames = [Image.new("L", (100, 80), shade) for shade in (0, 100, 200)]
    frames[0].save(tmp_path / "f.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "f.gif", save_all=True, append_images=frames[1:])
    tiff = open_file(tmp_path / "f.tif", media_type="image/tiff", name="f.tif")
    assert tiff.facts.page_count == 3
    assert tiff.page(3).picture(long_side=100).getpixel((5, 5)) == 200
    tiff.close()
    gif = open_file(tmp_path / "f.gif", media_type="image/gif", name="f.gif")
    assert gif.facts.page_count == 1
    assert "only the first" in gif.facts.warnings[0]
    gif.close()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_any_mode_becomes_dark_ink_on_white(tmp_path: Path, mode: str) -> None:
    base = Image.new("L", (120, 90), 255)
    ImageDraw.Draw(base).rectangle((20, 20, 50, 40), fill=0)
    image = base.convert(mode) if mode != "I;16" else Image.fromarray(np.asarray(base).astype(np.uint16) * 200)
    image.save(tmp_path / "m.tif")
    page = open_file(tmp_path / "m.tif", media_type="image/tiff", name="m.tif").page(1)
    picture = page.picture(long_side=500)
    assert picture.mode in ("L", "RGB")
    assert ink(picture).as_tuple() == pytest.approx((20 / 120, 20 / 90, 51 / 120, 41 / 90), abs=0.02)


def test_transparency_is_shown_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "t.png")
    assert is_blank(open_file(tmp_path / "t.png", media_type="image/png", name="t.png").page(1))


def test_a_lone_page_number_is_not_blank_and_scanner_noise_is(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page().insert_text((300, 820), "7", fontsize=8)
    document.save(tmp_path / "number.pdf")
    assert not is_blank(open_file(tmp_path / "number.pdf", media_type=PDF, name="n").page(1))
    noise = np.random.default_rng(7).normal(240, 6, (1754, 1240)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert is_blank(open_file(tmp_path / "noise.png", media_type="image/png", name="n").page(1))


def test_passwords(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page()
    document.save(tmp_path / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="sesame", owner_pw="owner")
    with pytest.raises(EncryptedSource, match=r"locked\.pdf: the file is encrypted\..*password="):
        open_file(tmp_path / "locked.pdf", media_type=PDF, name="locked.pdf")
    with pytest.raises(EncryptedSource, match="wrong password"):
        open_file(tmp_path / "locked.pdf", media_type=PDF, name="locked.pdf", password="open")
    assert open_file(tmp_path / "locked.pdf", media_type=PDF, name="x", password="sesame").facts.page_count == 1


@pytest.mark.parametrize("media_type", [PDF, "image/png", "image/tiff", "application/epub+zip"])
def test_junk_is_an_error_that_names_the_file(tmp_path: Path, media_type: str) -> None:
    (tmp_path / "junk").write_bytes(b"%PDF-1.7\njunk" * 9)
    with pytest.raises(CorruptSource, match=r"^junk\.x: "):
        open_file(tmp_path / "junk", media_type=media_type, name="junk.x")


def test_a_truncated_picture_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:3000])
    with pytest.raises(CorruptSource, match=r"cut\.jpg: not a readable picture"):
        open_file(tmp_path / "cut.jpg", media_type="image/jpeg", name="cut.jpg")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    head = io.BytesIO()
    Image.new("1", (1, 1)).save(head, "BMP")
    data = bytearray(head.getvalue())
    data[18:26] = (90_000).to_bytes(4, "little") * 2
    (tmp_path / "bomb.bmp").write_bytes(data)
    with pytest.raises(SourceTooLarge, match="90000 x 90000"):
        open_file(tmp_path / "bomb.bmp", media_type="image/bmp", name="bomb.bmp")
