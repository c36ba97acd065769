"""Visits to pages: a scan's own JPEG is sent where it is all that the page shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.paging import open_file
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest
from deepseek_ocr_rag.visit import visit

SIZE = (600, 800)
REQUEST = PageRequest(image=ImageRequest(resolution="base", upright=False))


def scan(size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    """Grey stripes as a JPEG."""
    shades = np.full((size[1], size[0]), 255, dtype=np.uint8)
    for top in range(40, size[1] - 40, 40):
        shades[top : top + 12, 60:-60] = 20
    out = io.BytesIO()
    Image.fromarray(shades).save(out, "JPEG", **options)
    return out.getvalue()


def visited(path: Path, media_type: str = "application/pdf") -> PageImage:
    file = open_file(path, media_type=media_type, name=path.name, limits=Limits())
    try:
        return visit(file.page(1), REQUEST, name=path.name)
    finally:
        file.close()


def pdf(path: Path, data: bytes, change: Callable[[Any], object]) -> Path:
    document = pymupdf.open()
    page = document.new_page(width=300, height=400)
    page.insert_image(page.rect, stream=data)
    change(page)
    document.save(path)
    return path


def test_a_page_that_is_a_jpeg_is_sent_as_it_is(tmp_path: Path) -> None:
    data = scan(quality=60)
    found = visited(pdf(tmp_path / "scan.pdf", data, lambda page: page.insert_text((50, 50), "x", render_mode=3)))
    assert (found.data, found.width, found.height) == (data, *SIZE)


def inverted(page: Any) -> None:
    [(xref, *_)] = page.get_images()
    page.parent.xref_set_key(xref, "Decode", "[1 0]")


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.insert_text((50, 60), "A stamp"),
        lambda page: page.add_freetext_annot((100, 100, 200, 200), "A note"),
        lambda page: page.set_rotation(90),
        lambda page: page.set_cropbox(pymupdf.Rect(20, 20, 280, 380)),
        inverted,
    ],
    ids=["text", "note", "turned", "cut", "inverted"],
)
def test_what_else_a_page_shows_is_not_lost(tmp_path: Path, change: Callable[[Any], object]) -> None:
    data = scan(quality=60)
    found = visited(pdf(tmp_path / "scan.pdf", data, change))
    assert found.data
    assert found.data != data


def test_a_picture_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "scan.jpg").write_bytes(scan())
    assert visited(tmp_path / "scan.jpg", "image/jpeg").data == scan()


@pytest.mark.parametrize("kind", ["place", "comment", "large"])
def test_a_picture_with_more_than_its_pixels_is_not(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x9286] = "taken at home"
    more: dict[str, dict[str, Any]] = {"place": {"exif": exif}, "comment": {"comment": b"by Anna"}, "large": {}}
    (tmp_path / "scan.jpg").write_bytes(scan((1200, 1600) if kind == "large" else SIZE, **more[kind]))
    found = visited(tmp_path / "scan.jpg", "image/jpeg")
    assert max(found.width, found.height) == (1024 if kind == "large" else SIZE[1])
    assert b"taken at home" not in found.data
    assert b"Anna" not in found.data
