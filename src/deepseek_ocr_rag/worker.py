"""The worker process: framed requests in, pages out, one open document at a time.

Started by :data:`.render.BOOT`. It imports nothing of the user's program, so that scripts need no main guard, and it
can be killed when a page hangs or crashes MuPDF: that costs the page alone. A frame is two big-endian lengths (header,
payload), a JSON header and raw bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .errors import DeepSeekOCRError, PageFailed
from .geometry import Box
from .modes import Look, Plan, plan
from .recognition import DocumentFacts, EvidenceRequest, ImageRequest, PageImage, PageRequest, Region, Word, Words
from .serial import from_dict, to_dict

if TYPE_CHECKING:
    from PIL import Image

    from .measure import Measured
    from .paging import OpenPage

FRAME = struct.Struct(">IQ")
MAX_HEADER = 1 << 28
MAX_PAYLOAD = 1 << 30

CROP_DPI = 300
"""A part of a drawn page gets no more pixels than this for an inch of paper."""

CUT_SIDE = 800
"""Pixels of a tile's side in which gaps between lines are looked for."""

EVIDENCE_DPI = 150
EVIDENCE_SIDES = (1200, 2600)
"""Rows of ink are looked for at 150 dpi; the longer side of the picture has so many pixels at least and at most."""

Message = dict[str, object]


def pack(header: Message, payload: bytes = b"") -> bytes:
    """Put a message into a frame."""
    data = json.dumps(header, separators=(",", ":")).encode()
    return FRAME.pack(len(data), len(payload)) + data + payload


def main() -> None:
    """Serve requests from standard input until it ends."""
    # Libraries print; only frames may reach the pipe, so standard output is moved away before they load.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server = Server()
    while (header := read_message(sys.stdin.buffer)) is not None:
        try:
            reply, payload = server.answer(header)
        except DeepSeekOCRError as error:
            reply, payload = _error(error), b""
        except Exception as error:  # noqa: BLE001 - whatever a hostile page does to a library is that page's error
            number = header.get("page_number")
            failed = PageFailed(
                f"could not be read ({type(error).__name__}: {str(error)[:200]}).",
                source=str(header.get("name", "")),
                page_number=number if isinstance(number, int) else None,
                hint="The page may be damaged; the other pages are not affected.",
            )
            reply, payload = _error(failed), b""
        out.write(pack(reply, payload))
        out.flush()


def read_message(stream: BinaryIO) -> Message | None:
    """Read one request, or None at the end of the stream."""
    head = stream.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    size, _ = FRAME.unpack(head)
    message = json.loads(stream.read(size))
    return message if isinstance(message, dict) else None


class Server:
    """Answers ``open`` and ``page`` requests; keeps the last document open."""

    def __init__(self) -> None:
        _import_alone()
        import pymupdf

        from .paging import OpenFile

        pymupdf.TOOLS.mupdf_display_errors(False)
        pymupdf.TOOLS.mupdf_display_warnings(False)
        self._key: tuple[object, ...] = ()
        self._file: OpenFile | None = None

    def answer(self, header: Message) -> tuple[Message, bytes]:
        """Do what one request asks; the reply's payload is the page's picture."""
        facts = self._open(header)
        if header["do"] == "open":
            return {"facts": to_dict(facts)}, b""
        request = from_dict(PageRequest, _mapping(header["request"]))
        page = self._visit(int(str(header["page_number"])), request, name=str(header["name"]))
        described = to_dict(page)
        del described["data"]  # travels as the payload
        return {"page": described}, page.data

    def _open(self, header: Message) -> DocumentFacts:
        from .paging import open_file

        key = tuple(header[name] for name in ("path", "media_type", "password"))
        if self._file is None or key != self._key:
            if self._file is not None:
                self._file.close()
            self._file, self._key = None, ()
            path, media_type, password = (str(part) for part in key)
            self._file = open_file(Path(path), media_type=media_type, name=str(header["name"]), password=password)
            self._key = key
        return self._file.facts

    def _visit(self, number: int, request: PageRequest, *, name: str) -> PageImage:
        from .paging import displayed_words

        assert self._file is not None  # noqa: S101 - _open ran before; tells the type checker
        page = self._file.page(number)
        visited = PageImage(
            page_number=number,
            page_width=page.width,
            page_height=page.height,
            label=page.label,
            rotation=page.rotation,
            view=page.view,
            source=name,
        )
        if request.image is not None:
            visited = _with_picture(visited, page, request.image, request.crop)
        if request.words:
            words = (Word(text=text, box=box) for text, box in displayed_words(page))
            visited = replace(visited, words=Words.of(words))
        if request.local is not None:
            from .engines.embedded.reading import read_page

            try:
                reading = read_page(page, request.local)
            except DeepSeekOCRError as error:
                raise type(error)(error.message, source=name, page_number=number, hint=error.hint) from error
            visited = replace(
                visited,
                regions=reading.regions,
                engine=reading.engine,
                is_blank=reading.is_blank,
                warnings=reading.warnings,
            )
        return visited if request.evidence is None else _with_evidence(visited, page, request.evidence)


def _import_alone() -> None:
    """Import PyMuPDF without its layout model and its markdown writer, which take longer than all the rest.

    PyMuPDF loads them wherever they are installed, and does without where they are not, which is what it is told here.
    The embedded engine imports the model afterwards; nobody here wants the writer.
    """
    if "pymupdf" in sys.modules:
        return
    extras = dict.fromkeys(("pymupdf.layout", "pymupdf4llm"))
    sys.modules.update(extras)  # type: ignore[arg-type] # None makes an import of it an ImportError
    try:
        import pymupdf  # noqa: F401
    finally:
        for name in extras:
            del sys.modules[name]


def _with_picture(visited: PageImage, page: OpenPage, wish: ImageRequest, crop: Box | None) -> PageImage:
    from .paging import is_blank
    from .pixels import encode

    if is_blank(page):
        return replace(visited, is_blank=True)
    if crop is not None:
        planned, drawn = _draw_part(page, wish, crop)
    else:
        planned, drawn, seen = _draw_upright(page, wish)
        visited = replace(visited, turn=seen.turn, warnings=(*visited.warnings, *seen.warnings))
    drawn, tiles = _cut(drawn, planned, max_side=wish.max_side)
    return replace(
        visited,
        # A grey JPEG would be 3 % smaller, and there are hosts that document RGB.
        data=encode(drawn.convert("RGB"), media_type=wish.media_type, quality=wish.quality),
        media_type=wish.media_type,
        width=drawn.width,
        height=drawn.height,
        tiles=tiles,
        resolution=planned.reason,
    )


def _with_evidence(visited: PageImage, page: OpenPage, wish: EvidenceRequest) -> PageImage:
    """Rows of ink on the page's picture, turned upright; and by option what OCR reads, which may fail by itself."""
    from .inkrows import find_rows

    if wish.ocr is not None:
        from .engines.embedded.reading import read_page

        try:
            reading = read_page(page, wish.ocr)
            visited = replace(visited, read=Words.of(_words_read(reading.regions)), engine=reading.engine)
        except DeepSeekOCRError as error:
            visited = replace(visited, warnings=(*visited.warnings, f"OCR could not place its lines: {error.message}"))
    aspect = max(page.width, page.height) / max(1.0, min(page.width, page.height))
    side = max(page.width, page.height) / 72 * EVIDENCE_DPI if page.mupdf is not None else EVIDENCE_SIDES[1]
    picture = page.picture(
        long_side=round(min(max(side, EVIDENCE_SIDES[0]), EVIDENCE_SIDES[1] * max(1.0, aspect / 1.5)))
    )
    upright = picture.rotate(-wish.turn, expand=True) if wish.turn else picture
    return replace(visited, turn=wish.turn, inked=find_rows(upright, wish.boxes))


def _words_read(regions: Iterable[Region]) -> Iterator[Word]:
    """The words of regions; a line of which no words are known is one."""
    for region in regions:
        for line in region.lines:
            for part in line.words or (line,):
                yield Word(text=region.text[part.start : part.end], box=part.box)


def _draw_part(page: OpenPage, wish: ImageRequest, crop: Box) -> tuple[Plan, Image.Image]:
    """A part of the page as displayed, in no more pixels than are in it."""
    from .measure import original_pixels

    look = Look(width=page.width * crop.width, height=page.height * crop.height)
    longer = max(page.width, page.height)
    whole = original_pixels(page) or CROP_DPI / 72 * longer
    look = replace(look, pixels=max(1, round(whole * look.long / longer)))
    fixed = "gundam" if wish.resolution == "auto" else wish.resolution  # a part is not cut again
    planned = _planned(look, replace(wish, resolution=fixed))
    return planned, page.picture(long_side=planned.long_side, part=crop)


def _draw_upright(page: OpenPage, wish: ImageRequest) -> tuple[Plan, Image.Image, Measured]:
    from .measure import measure

    seen = measure(page, upright=wish.upright)
    planned = _planned(seen.look, wish)
    if seen.picture is not None and max(seen.picture.size) >= planned.long_side:
        return planned, _scaled(seen.picture, planned.long_side / max(seen.picture.size)), seen
    drawn = page.picture(long_side=planned.long_side)
    return planned, drawn.rotate(-seen.turn, expand=True) if seen.turn else drawn, seen


def _planned(look: Look, wish: ImageRequest) -> Plan:
    if not wish.long_side:
        return plan(look, resolution=wish.resolution, max_side=wish.max_side, parts=wish.parts)
    side = min(limit for limit in (wish.long_side, wish.max_side, look.pixels) if limit)
    limited = " (all that there is)" if side == look.pixels < wish.long_side else ""
    return Plan(mode="gundam", long_side=side, reason=f"{side} px along the longer side{limited}: as asked")


def _cut(drawn: Image.Image, planned: Plan, *, max_side: int) -> tuple[Image.Image, tuple[Box, ...]]:
    """Where the picture is to be cut; it is made smaller where a tile, with what it overlaps, is over the limit."""
    import numpy as np

    from .cutting import cut

    if not planned.is_tiled:
        return drawn, ()
    small = drawn.convert("L")
    small.thumbnail((CUT_SIDE * planned.columns, CUT_SIDE * planned.rows))
    tiles = cut(np.asarray(small), columns=planned.columns, rows=planned.rows)
    longest = max(max(tile.width * drawn.width, tile.height * drawn.height) for tile in tiles)
    return (_scaled(drawn, (max_side - 1) / longest) if 0 < max_side < longest else drawn), tiles


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    from PIL.Image import Resampling

    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Resampling.LANCZOS)


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a mapping")
    return value


def _error(error: DeepSeekOCRError) -> Message:
    return {
        "error": type(error).__name__,
        "message": error.message,
        "source": error.source,
        "page_number": error.page_number,
        "hint": error.hint,
    }
