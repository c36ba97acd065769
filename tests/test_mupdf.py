"""What MuPDF's display list tells of a page: colour, pictures, hidden text; and what it costs to be wrong about it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag.engines.embedded.textlayer import inspect_layer
from deepseek_ocr_rag.errors import CorruptSource, PageFailed, SourceTooLarge
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.mupdf import MuPdfPage
from deepseek_ocr_rag.paging import OpenFile, is_blank, open_file

PDF = "application/pdf"
PROSE = "The harbour was quiet that morning, and nobody on the pier remembered when the last ship had come in. "


def opened(path: Path, draw: Callable[[Any], object], *, limits: Limits | None = None) -> MuPdfPage:
    document = pymupdf.open()
    draw(document.new_page(width=600, height=800))
    document.save(path)
    page = open_file(path, media_type=PDF, name="a.pdf", limits=limits or Limits()).page(1)
    assert isinstance(page, MuPdfPage)
    return page


def text(page: Any, **options: Any) -> None:
    page.insert_textbox(pymupdf.Rect(60, 100, 540, 700), PROSE * 10, fontsize=12, **options)


def photo(page: Any, mode: str, rect: tuple[int, int, int, int] = (0, 0, 600, 800)) -> None:
    out = io.BytesIO()
    Image.new(mode, (60, 80), 90 if mode == "L" else (200, 90, 90)).save(out, "PNG")
    page.insert_image(pymupdf.Rect(rect), stream=out.getvalue())


@pytest.mark.parametrize(
    ("draw", "mode"),
    [
        (text, "L"),
        (lambda page: text(page, color=(0.4, 0.4, 0.4)), "L"),
        (lambda page: text(page, color=(0.9, 0.1, 0.1)), "RGB"),
        (lambda page: page.draw_rect((50, 50, 200, 200), fill=(0.2, 0.2, 0.9)), "RGB"),
        (lambda page: photo(page, "L", (0, 0, 300, 400)), "L"),
        (lambda page: photo(page, "RGB", (0, 0, 300, 400)), "RGB"),
    ],
    ids=["black", "grey", "red", "a blue square", "a grey picture", "a picture of colours"],
)
def test_a_page_without_colours_is_drawn_grey(tmp_path: Path, draw: Callable[[Any], object], mode: str) -> None:
    page = opened(tmp_path / "a.pdf", draw)
    drawn = page.picture(long_side=400)
    assert (drawn.mode, drawn.size) == (mode, (300, 400))
    assert not is_blank(page, drawn)


@pytest.mark.parametrize(
    ("draw", "turn"),
    [
        (text, 0),
        (lambda page: text(page, rotate=180), None),
        (lambda page: text(page, rotate=90), None),
        (lambda page: text(page, render_mode=3), None),
        (lambda page: (text(page), photo(page, "L")), None),
        (lambda page: (text(page), photo(page, "L", (0, 0, 300, 400))), 0),
        (lambda page: page.insert_text((250, 400), "CONFIDENTIAL"), None),
    ],
    ids=["text", "upside down", "on its side", "hidden", "under a scan", "beside a picture", "a stamp"],
)
def test_only_plain_text_goes_without_a_closer_look(
    tmp_path: Path, draw: Callable[[Any], object], turn: int | None
) -> None:
    page = opened(tmp_path / "a.pdf", draw)
    assert page.plain_turn() == turn
    if turn is not None:
        layer = inspect_layer(page.mupdf)
        assert (layer.verdict, layer.turn) == ("text", turn)


def test_words_are_those_of_the_page_itself(tmp_path: Path) -> None:
    def draw(page: Any) -> None:
        text(page)
        page.insert_text((-80, 60), "outside")
        page.add_freetext_annot((60, 720, 300, 760), "a note", fontsize=12)

    page = opened(tmp_path / "a.pdf", draw)
    rows = [row for row in page.mupdf.get_text("words") if row[4] != "outside"]
    assert list(page.words().texts) == [row[4] for row in rows]
    for word, row in zip(page.words(), rows, strict=True):
        assert word.box.to_size(width=600, height=800) == pytest.approx(row[:4], abs=1e-3)


def test_a_drawn_picture_tells_a_blank_page_as_another_drawing_would(tmp_path: Path) -> None:
    specks = opened(
        tmp_path / "specks.pdf", lambda page: page.draw_rect((100, 100, 101, 101), color=None, fill=(0, 0, 0))
    )
    nothing = opened(tmp_path / "nothing.pdf", lambda _: None)
    number = opened(tmp_path / "number.pdf", lambda page: page.insert_text((300, 780), "7", fontsize=8))
    for page, blank in ((specks, True), (nothing, True), (number, False)):
        assert is_blank(page) is is_blank(page, page.picture(long_side=1024)) is blank


def test_too_many_pixels_are_refused_before_they_are_drawn(tmp_path: Path) -> None:
    page = opened(tmp_path / "a.pdf", text, limits=Limits(max_pixels=1_000_000))
    assert page.picture(long_side=1100).size == (825, 1100)
    with pytest.raises(SourceTooLarge, match=r"a\.pdf, page 1: 1200 x 1600 pixels are more than 1000000\..*max_pixels"):
        page.picture(long_side=1600)


def test_errors_say_the_files_name_and_not_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret-folder.pdf"
    path.write_bytes(b"%PDF-1.7\njunk" * 9)
    with pytest.raises(CorruptSource) as refused:
        open_file(path, media_type=PDF, name="report.pdf")
    document = pymupdf.open()
    document.new_page()
    document.save(path)
    file: OpenFile = open_file(path, media_type=PDF, name="report.pdf")

    def failing(*_: object) -> None:
        raise RuntimeError(f"cannot read {path}")

    monkeypatch.setattr(pymupdf.Document, "__getitem__", failing)
    with pytest.raises(
        PageFailed, match=r"report\.pdf, page 1: cannot be opened \(cannot read report\.pdf\)"
    ) as failed:
        file.page(1)
    assert "secret" not in f"{refused.value} {failed.value}"
