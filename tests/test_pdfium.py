"""pdfium in MuPDF's place: the same pages, pictures and words, and PyMuPDF is not even imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, EngineUnavailable, UnsupportedSource
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.measure import measure
from deepseek_ocr_rag.paging import OpenPage, is_blank, open_file
from deepseek_ocr_rag.recognition import ImageRequest, LocalRequest, PageRequest
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import Source

pytest.importorskip("pypdfium2")

PDF = "application/pdf"
PROSE = "The harbour was quiet that morning, and nobody on the pier remembered when the last ship had come in. "


def made(path: Path, *, rotate: int = 0, is_cropped: bool = False, colour: tuple[float, ...] = (0,)) -> Path:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_textbox(pymupdf.Rect(80, 150, 500, 700), PROSE * 25, fontsize=11, color=colour)
    if is_cropped:
        page.set_cropbox(pymupdf.Rect(40, 100, 560, 780))
    page.set_rotation(rotate)
    document.set_metadata({"title": "A harbour"})
    document.set_toc([[1, "Quiet", 1], [2, "Ships", 1]])
    document.set_page_labels([{"startpage": 0, "prefix": "A-", "firstpagenum": 7, "style": "D"}])
    document.save(path)
    return path


def both(path: Path) -> tuple[OpenPage, OpenPage]:
    return (
        open_file(path, media_type=PDF, name=path.name).page(1),
        open_file(path, media_type=PDF, name=path.name, renderer="pdfium").page(1),
    )


@pytest.mark.parametrize(("rotate", "is_cropped"), list(product((0, 90, 180, 270), (False, True))))
def test_pages_are_the_same_by_either(tmp_path: Path, rotate: int, is_cropped: bool) -> None:
    ours, theirs = both(made(tmp_path / "a.pdf", rotate=rotate, is_cropped=is_cropped))
    assert (theirs.width, theirs.height) == pytest.approx((ours.width, ours.height), abs=0.01)
    assert (theirs.rotation, theirs.label, theirs.view) == (ours.rotation, ours.label, ours.view)
    assert theirs.plain_turn() == ours.plain_turn() == (360 - rotate) % 360
    words, others = ours.words(), theirs.words()
    assert others.texts == words.texts
    for word, other in zip(words, others, strict=True):
        sides = other.box.to_size(width=ours.width, height=ours.height)
        # Fonts that are not in the file have other heights in either library: 1.4 points here, and none of a paper's.
        assert sides == pytest.approx(word.box.to_size(width=ours.width, height=ours.height), abs=1.5)


@pytest.mark.parametrize(("rotate", "is_cropped"), list(product((0, 90, 180, 270), (False, True))))
def test_pictures_are_the_same_by_either(tmp_path: Path, rotate: int, is_cropped: bool) -> None:
    ours, theirs = both(made(tmp_path / "a.pdf", rotate=rotate, is_cropped=is_cropped))
    for part in (Box(left=0, top=0, right=1, bottom=1), Box(left=0.2, top=0.25, right=0.7, bottom=0.65)):
        picture, other = (page.picture(long_side=700, part=part) for page in (ours, theirs))
        # Parts begin and end within pixels, of which either library has its own way.
        assert other.size == (picture.size if part.area == 1 else pytest.approx(picture.size, abs=1))
        assert other.mode == picture.mode == "L"
        shown, others = (np.asarray(each.crop((0, 0, 490, 490))).astype(float) for each in (picture, other))
        shifts = [(down, across) for down in (0, -1, 1) for across in (0, -1, 1)][: 1 if part.area == 1 else 9]
        assert shown.std() > 15
        assert min(abs(np.roll(shown, shift, axis=(0, 1)) - others).mean() for shift in shifts) < 0.4 * shown.std()


def test_the_size_of_text_is_the_same_by_either(tmp_path: Path) -> None:
    ours, theirs = (measure(page, upright=True).look for page in both(made(tmp_path / "a.pdf")))
    assert theirs.text_height == pytest.approx(ours.text_height, rel=0.01)
    assert theirs.characters == pytest.approx(ours.characters, rel=0.01)


def test_colours_stay_and_a_blank_page_is_blank(tmp_path: Path) -> None:
    for page in both(made(tmp_path / "a.pdf", colour=(1, 0, 0))):
        assert page.picture(long_side=500).mode == "RGB"
        assert not is_blank(page)
    document = pymupdf.open()
    document.new_page()
    document.save(tmp_path / "blank.pdf")
    assert all(map(is_blank, both(tmp_path / "blank.pdf")))


def test_a_scan_has_the_pixels_that_it_has(tmp_path: Path) -> None:
    Image.effect_noise((600, 800), 60).save(tmp_path / "scan.png")
    document = pymupdf.open()
    page = document.new_page(width=300, height=400)
    page.insert_image(page.rect, filename=tmp_path / "scan.png")
    document.save(tmp_path / "scan.pdf")
    assert [page.pixels() for page in both(tmp_path / "scan.pdf")] == [800, 800]
    assert [page.pixels() for page in both(made(tmp_path / "a.pdf"))] == [0, 0]


def test_what_the_file_says_of_itself_is_the_same_by_either(tmp_path: Path) -> None:
    path = made(tmp_path / "a.pdf")
    ours, theirs = (open_file(path, media_type=PDF, name="a", renderer=one).facts for one in ("mupdf", "pdfium"))
    assert theirs == ours
    assert [(entry.level, entry.title) for entry in theirs.outline] == [(1, "Quiet"), (2, "Ships")]


def test_what_cannot_be_read_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page()
    document.save(tmp_path / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="sesame", owner_pw="owner")

    def opened(name: str, *, media_type: str = PDF, password: str = "") -> int:
        path = tmp_path / name
        file = open_file(path, media_type=media_type, name="my file", password=password, renderer="pdfium")
        return file.facts.page_count

    with pytest.raises(EncryptedSource, match=r"^my file: the file is encrypted\..*password="):
        opened("locked.pdf")
    with pytest.raises(EncryptedSource, match="wrong password"):
        opened("locked.pdf", password="open")
    assert opened("locked.pdf", password="sesame") == 1
    (tmp_path / "junk.pdf").write_bytes(b"%PDF-1.7\njunk" * 9)
    with pytest.raises(CorruptSource, match=r"^my file: cannot be opened \(((?!junk\.pdf).)*\)"):
        opened("junk.pdf")
    with pytest.raises(UnsupportedSource, match=r"^my file: pdfium reads PDFs and pictures only.*renderer="):
        opened("book.epub", media_type="application/epub+zip")


def test_a_pool_of_pdfium_reads_pages_and_says_what_it_cannot(tmp_path: Path) -> None:
    path = made(tmp_path / "a.pdf")
    source = Source(name="a.pdf", file_name="a.pdf", path=path, media_type=PDF, sha256="0" * 64)

    async def work() -> None:
        async with WorkerPool(size=1, limits=Limits(), renderer="pdfium") as pool:
            page = await pool.visit(source, 1, PageRequest(image=ImageRequest(resolution="base"), words=True))
            assert (page.width, page.height) == (724, 1024)
            assert page.words.texts[:3] == ("The", "harbour", "was")
            with pytest.raises(EngineUnavailable, match=r"a\.pdf, page 1: .*PyMuPDF.*renderer="):
                await pool.visit(source, 1, PageRequest(local=LocalRequest()))

    asyncio.run(work())


def test_pymupdf_is_not_imported(tmp_path: Path) -> None:
    script = """
import sys
from deepseek_ocr_rag.worker import Server, Setup
server = Server(Setup(renderer="pdfium"))
address = {"path": sys.argv[1], "media_type": "application/pdf", "name": "a", "password": ""}
wish = {"image": {}, "words": True}
reply, data = server.answer({"do": "page", "page_number": 1, "request": wish, **address})
assert data and reply["texts"][0] == "The"
assert "pymupdf" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script, str(made(tmp_path / "a.pdf"))], check=True)
