"""Damage that loses nothing, or may have lost something, is said where it is found."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from deepseek_ocr_rag import Document, read
from deepseek_ocr_rag.options import ReadOptions

from .test_pages import INK, Typist, pdf


def taken(path: Path) -> Document:
    return next(read(path, ReadOptions(engine=Typist(), workers=1, lines="none", fallback="none")))


def png(*, checksum: int) -> bytes:
    """A picture of lines whose data ends in another checksum."""
    rows = b"".join(b"\0" + (b"\0" if row % 4 else b"\xff") * 32 for row in range(32))
    data = zlib.compress(rows)[:-4] + struct.pack(">I", checksum)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def test_a_picture_that_is_all_there_is_read_and_its_damage_told(tmp_path: Path) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(png(checksum=1))
    [page] = taken(path).pages
    assert page.status == "ok"
    assert any("data is damaged" in warning for warning in page.warnings)


def test_a_blank_page_that_could_not_be_drawn_says_so(tmp_path: Path) -> None:
    path = tmp_path / "blank.pdf"
    lost = zlib.compress(INK * 30)[:20]
    made = pdf(b" ", lost).replace(b"<</Length 20>>", b"<</Length 20/Filter/FlateDecode>>")
    path.write_bytes(made)
    written, damaged = taken(path).pages
    assert (written.status, damaged.status) == ("empty", "empty")
    assert any("its content may be lost" in warning for warning in damaged.warnings)


def test_a_picture_of_frames_without_a_first_one(tmp_path: Path) -> None:
    """Formats in which the whole picture is no frame that could be sought, as layered ones."""
    path = tmp_path / "two.gif"
    frames = [Image.linear_gradient("L").resize((40, 40)), Image.new("L", (40, 40), 255)]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    path.write_bytes(made.getvalue())
    [page] = taken(path).pages
    assert page.status == "ok"
    assert any("only the first is read" in warning for warning in page.warnings)
