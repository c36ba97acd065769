"""The worker process: framed requests in, pages out, one open document at a time.

Started as ``python -P -m deepseek_ocr_rag.worker``. It imports nothing of the user's program, so that scripts need no
main guard, and it can be killed when a page hangs or crashes MuPDF: that costs the page alone. A frame is two
big-endian lengths (header, payload), a JSON header and raw bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from .document import from_dict, to_dict
from .errors import DeepSeekOCRError, PageFailed
from .recognition import DocumentFacts, ImageRequest, PageImage, PageRequest, Word

FRAME = struct.Struct(">IQ")
MAX_HEADER = 1 << 28
MAX_PAYLOAD = 1 << 30

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
            source=name,
        )
        if request.image is not None:
            visited = _with_picture(visited, page, request.image)
        if request.words:
            words = tuple(Word(text=text, box=box) for text, box in displayed_words(page))
            visited = replace(visited, words=words)
        if request.local is not None:
            from .engines.embedded import read_page

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
        return visited


def _with_picture(visited: PageImage, page: object, wish: ImageRequest) -> PageImage:
    from .paging import MuPdfPage, PicturePage, encode, is_blank

    assert isinstance(page, MuPdfPage | PicturePage)  # noqa: S101 - there are two kinds of pages
    if is_blank(page):
        return replace(visited, is_blank=True)
    picture = page.picture(long_side=wish.long_side)
    data = encode(picture, media_type=wish.media_type, quality=wish.quality)
    return replace(visited, data=data, media_type=wish.media_type, width=picture.width, height=picture.height)


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


if __name__ == "__main__":
    main()
