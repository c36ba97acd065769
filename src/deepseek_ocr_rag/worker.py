"""The worker process: framed requests in, pages out, a few documents open.

Started by :data:`.render.BOOT`. It imports nothing of the user's program, so that scripts need no main guard, and it
can be killed when a page hangs or crashes MuPDF: that costs the page alone. A frame is two big-endian lengths (header,
payload), a JSON header and raw bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections import OrderedDict
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .confine import end_with, give_up_after, limit_memory, memory_in_use, memory_taken, return_memory, widen_pipe
from .errors import DeepSeekOCRError, PageFailed
from .facts import complaint
from .limits import Limits
from .recognition import PageImage, PageRequest, Renderer
from .serial import from_dict, to_dict
from .visit import visit

if TYPE_CHECKING:
    from .paging import OpenFile

FRAME = struct.Struct(">IQ")

MOST_OPEN = 8
"""Documents that are kept open, so that pages of several that are read side by side do not open them anew."""

GROWTH = 64 << 20
"""Bytes by which a worker may grow before it lets go of what it keeps beside the document that it is reading."""

FULL = 0.75
"""Share of its address space at which a worker is replaced, so that a page does not pay for those before it."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a worker is told when it starts."""

    limits: Limits = field(default_factory=Limits)
    renderer: Renderer = "mupdf"
    parent: int = 0
    """The process that started it, with which it ends; 0 is nobody."""


def pack(header: Message, payload: bytes = b"") -> bytes:
    """Put a message into a frame."""
    data = json.dumps(header, separators=(",", ":")).encode()
    return FRAME.pack(len(data), len(payload)) + data + payload


def main() -> None:
    """Serve requests from standard input until it ends."""
    setup = from_dict(Setup, json.loads(sys.argv[2])) if len(sys.argv) > 2 else Setup()
    if setup.parent:
        end_with(setup.parent)
    limit_memory(setup.limits.worker_memory)
    # Libraries print; only frames may reach the pipe, so standard output is moved away before they load.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    widen_pipe(out.fileno())
    server = Server(setup)
    while (header := read_message(sys.stdin.buffer)) is not None:
        give_up_after(setup.limits.page_seconds)
        frame = server.reply(header)
        out.write(frame)
        out.flush()
        give_up_after(0)


def read_message(stream: BinaryIO) -> Message | None:
    """Read one request, or None at the end of the stream."""
    head = stream.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    size, _ = FRAME.unpack(head)
    message = json.loads(stream.read(size))
    return message if isinstance(message, dict) else None


class Server:
    """Answers ``open`` and ``page`` requests; keeps the last documents open."""

    def __init__(self, setup: Setup | None = None) -> None:
        self._setup = setup or Setup()
        if self._setup.renderer == "mupdf":
            _import_alone()
        self._files: OrderedDict[tuple[str, ...], OpenFile] = OrderedDict()
        self._bound = 0

    def reply(self, header: Message) -> bytes:
        """The frame that answers one request, which may be about an error; it says when the worker had better end."""
        payload = b""
        try:
            answer, payload = self.answer(header)
        except DeepSeekOCRError as error:
            answer = _error(error)
        except Exception as error:  # noqa: BLE001 - whatever a hostile page does to a library is that page's error
            answer = _error(self._failed(header, *_account(error, header)))
        size, most = len(payload), self._setup.limits.max_page_bytes
        if header["do"] == "page" and size + sum(map(len, answer.get("texts", ()))) > most:
            what = f"came to {size} bytes and its words, which are more than {most}."
            answer = _error(self._failed(header, what, "Ask for a smaller picture, or raise max_page_bytes=..."))
            payload = b""
        if memory_taken() > FULL * self._setup.limits.worker_memory:
            answer["retires"] = True
        return pack(answer, payload)

    def answer(self, header: Message) -> tuple[Message, bytes]:
        """Do what one request asks; a page's picture and the sides of its words' boxes are the payload."""
        file = self._open(header)
        if header["do"] == "open":
            return {"facts": to_dict(file.facts)}, b""
        request = from_dict(PageRequest, _mapping(header["request"]))
        page = visit(file.page(int(str(header["page_number"]))), request, name=str(header["name"]))
        return described(page)

    def _open(self, header: Message) -> OpenFile:
        from .paging import open_file

        key = tuple(str(header[name]) for name in ("path", "media_type", "password"))
        if memory_in_use() > self._bound:
            self._let_go(key)
            self._bound = memory_in_use() + GROWTH
        file = self._files.pop(key, None)
        if file is None:
            if len(self._files) >= MOST_OPEN:
                self._files.popitem(last=False)[1].close()
            path, media_type, password = key
            file = open_file(
                Path(path),
                media_type=media_type,
                name=str(header["name"]),
                password=password,
                limits=self._setup.limits,
                renderer=self._setup.renderer,
            )
        self._files[key] = file
        return file

    def _let_go(self, key: tuple[str, ...]) -> None:
        """Close the documents: of a PDF, MuPDF keeps every object that it has seen. What was converted stays."""
        for other in list(self._files):
            if other != key or other[1] == "application/pdf":
                self._files.pop(other).close()
        if "pymupdf" in sys.modules:
            sys.modules["pymupdf"].TOOLS.store_shrink(100)
        return_memory()

    def _failed(self, header: Message, what: str, hint: str) -> PageFailed:
        number = header.get("page_number")
        place = number if isinstance(number, int) else None
        return PageFailed(what, source=str(header.get("name", "")), page_number=place, hint=hint)


def _account(error: Exception, header: Message) -> tuple[str, str]:
    """What went wrong and what to do, for an error that is none of ours; the file's path is nobody's business."""
    said = complaint(error, path=Path(str(header.get("path"))), name=str(header.get("name")))
    if isinstance(error, MemoryError) or "alloc" in said:  # malloc, bad_alloc
        hint = "Raise worker_memory=..., or leave the page out with pages=..."
        return "needs more memory than a worker process may take.", hint
    what = f"could not be read ({type(error).__name__}: {said})."
    return what, "The page may be damaged; the other pages are not affected."


def described(page: PageImage) -> tuple[Message, bytes]:
    """A page as a header and a payload: what is as it is by default is left out, and words are texts and numbers.

    The payload is the picture and then the words' sides, as doubles.
    """
    sides = page.words.sides.tobytes()
    told = {name: getattr(page, name) for name in _NAMES if getattr(page, name) != getattr(_USUAL, name)}
    return {"page": to_dict(told), "texts": list(page.words.texts), "picture": len(page.data)}, page.data + sides


_USUAL = PageImage(page_number=-1, page_width=-1, page_height=-1)
_NAMES = [item.name for item in fields(PageImage) if item.name not in ("data", "words")]


def _import_alone() -> None:
    """Import PyMuPDF without its layout model and its markdown writer, which take longer than all the rest.

    PyMuPDF loads them wherever they are installed, and does without where they are not, which is what it is told here.
    The embedded engine imports the model afterwards; nobody here wants the writer.
    """
    if "pymupdf" not in sys.modules:
        extras = dict.fromkeys(("pymupdf.layout", "pymupdf4llm"))
        sys.modules.update(extras)  # type: ignore[arg-type] # None makes an import of it an ImportError
        try:
            import pymupdf
        finally:
            for name in extras:
                del sys.modules[name]
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


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
