"""Pages out of files, by worker processes that can be killed.

A pool keeps a few workers (:mod:`deepseek_ocr_rag.worker`), each with a few documents open, and gives a page to a
worker that has its document open where one is idle. A page over its time or its memory, or one that takes its worker
down, is an error of that page; the worker is replaced.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from array import array
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from . import errors
from .errors import DeepSeekOCRError, PageFailed
from .limits import Limits
from .recognition import DocumentFacts, PageImage, PageRequest, Renderer, Words
from .serial import from_dict, to_dict
from .source import Source
from .worker import FRAME, MOST_OPEN, Message, Setup, pack

START_SECONDS = 60.0

DYING_SECONDS = 2.0
"""A process whose pipe has ended is gone in no time."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy has no use for more here; on a machine of many cores their stacks would fill the worker's address space."""

FACTS_BYTES = 32 << 20
"""What a file says of itself may come to this, however little a page may."""

_LIMITS = Limits()

BOOT = """
import sys, types
package = types.ModuleType("deepseek_ocr_rag")
package.__path__ = [sys.argv[1]]
sys.modules["deepseek_ocr_rag"] = package
from deepseek_ocr_rag.worker import main
main()
"""
"""The worker's program: its modules without the package's root, which imports all that a worker has no use for."""


class WorkerPool:
    """Up to ``size`` workers; use as an asynchronous context manager.

    Args:
        size: How many worker processes at most. They start when first needed.
        limits: Seconds, memory, pixels and bytes of a page.
        renderer: The library that draws documents: ``mupdf``, or ``pdfium`` for PDFs alone.
    """

    def __init__(
        self,
        *,
        size: int,
        limits: Limits = _LIMITS,
        renderer: Renderer = "mupdf",
    ) -> None:
        self._setup = Setup(limits=limits, renderer=renderer)
        self._idle: list[_Worker] = []
        self._places = anyio.Semaphore(size)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            for worker in self._idle:
                stack.push_async_callback(worker.stop)
            self._idle.clear()

    async def open(self, source: Source, *, password: str = "") -> DocumentFacts:
        """Open a file and say what is in it.

        Raises:
            SourceError: If it cannot be opened.
        """
        header, _ = await self._ask(source, {"do": "open", **_address(source, password)})
        return from_dict(DocumentFacts, _mapping(header["facts"]))

    async def visit(self, source: Source, page_number: int, request: PageRequest, *, password: str = "") -> PageImage:
        """Bring back of one page what ``request`` asks for.

        Raises:
            SourceError: If the page cannot be opened, rendered or read in its time.
            EngineUnavailable: If the page needs an OCR engine that is not installed.
        """
        message = {
            "do": "page",
            "page_number": page_number,
            "request": to_dict(request),
            **_address(source, password),
        }
        header, payload = await self._ask(source, message)
        try:
            return visited(header, payload)
        except (ValueError, TypeError) as error:
            raise PageFailed(
                f"came back from its worker process as what no page is ({error}).",
                source=source.name,
                page_number=page_number,
                hint="The file may be hostile; the other pages are not affected.",
            ) from error

    async def _ask(self, source: Source, message: Message) -> tuple[Message, bytes]:
        async with self._places:
            worker = self._take(source.path)
            try:
                reply, data = await self._call(worker, message)
            except BaseException:
                await worker.stop()  # its pipe holds half an answer: never use it again
                raise
            if reply.get("retires"):
                await worker.stop()
            else:
                self._idle.append(worker)
        if "error" in reply:
            raise _rebuilt(reply)
        return reply, data

    def _take(self, path: Path) -> _Worker:
        """An idle worker that has the file open, or the one that has been idle for longest, or a new one."""
        worker = next((worker for worker in self._idle if path in worker.paths), None)
        if worker is None:
            worker = self._idle[0] if self._idle else _Worker(self._setup)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.opens(path)
        return worker

    async def _call(self, worker: _Worker, message: Message) -> tuple[Message, bytes]:
        number = message.get("page_number")
        place: dict[str, Any] = {"source": str(message["name"]), "page_number": number}
        seconds = self._setup.limits.page_seconds
        try:
            with anyio.fail_after(seconds + (0 if worker.is_started else START_SECONDS)):
                return await worker.call(message)
        except TimeoutError as error:
            raise PageFailed(
                f"took longer than {seconds:.0f} s and was given up.",
                hint="Raise page_seconds=..., or leave the page out with pages=...",
                **place,
            ) from error
        except (
            anyio.IncompleteRead,
            anyio.EndOfStream,
            anyio.BrokenResourceError,
            anyio.ClosedResourceError,
            OSError,
            ValueError,
        ) as error:
            why = await worker.last_words()
            raise PageFailed(
                f"made the worker process die{why.replace(str(message['path']), str(message['name']))}.",
                hint="The page may be damaged; the other pages are not affected.",
                **place,
            ) from error


class _Worker:
    """One child process and its two pipes."""

    def __init__(self, setup: Setup) -> None:
        self.paths: list[Path] = []
        self._setup = setup
        self._process: Process | None = None
        self._log: IO[bytes] | None = None
        self._reader: BufferedByteReceiveStream | None = None

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def opens(self, path: Path) -> None:
        """Note that the file is the last that it was asked about; it keeps a few open."""
        self.paths = [*(kept for kept in self.paths if kept != path), path][-MOST_OPEN:]

    async def call(self, message: Message) -> tuple[Message, bytes]:
        if self._process is None:
            await self._start()
        process, reader = self._process, self._reader
        if process is None or process.stdin is None or reader is None:
            raise anyio.ClosedResourceError
        await process.stdin.send(pack(message))
        header_size, payload_size = FRAME.unpack(await reader.receive_exactly(FRAME.size))
        if header_size + payload_size > self._most_bytes:
            raise anyio.BrokenResourceError
        header = json.loads(await reader.receive_exactly(header_size))
        payload = await reader.receive_exactly(payload_size) if payload_size else b""
        return _mapping(header), payload

    async def stop(self) -> None:
        """Kill the process and wait until it is gone, also when the caller is being cancelled."""
        process, self._process = self._process, None
        log, self._log = self._log, None
        try:
            if process is not None:
                with anyio.CancelScope(shield=True):
                    if process.returncode is None:
                        process.kill()
                    await process.aclose()
        finally:
            if log is not None:
                log.close()

    async def last_words(self) -> str:
        """Why the process died: the signal that ended it, or the end of what it wrote to its standard error."""
        if self._process is None or self._log is None:
            return ""
        with anyio.move_on_after(DYING_SECONDS):
            ended = await self._process.wait()
            if ended < 0:
                return f" ({_SIGNALS.get(-ended, f'signal {-ended}')})"
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 500))
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1]})" if lines else ""

    @property
    def _most_bytes(self) -> int:
        return max(self._setup.limits.max_page_bytes, FACTS_BYTES)

    async def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        setup = json.dumps(to_dict(replace(self._setup, parent=os.getpid())))
        # -P keeps the user's folder out of the module path: a file of theirs named json.py must not break us.
        self._process = await anyio.open_process(
            [sys.executable, "-P", "-c", BOOT, str(Path(__file__).parent), setup],
            stderr=self._log,
            env=ONE_THREAD | os.environ,
        )
        if self._process.stdout is not None:
            self._reader = BufferedByteReceiveStream(self._process.stdout)


def visited(header: Message, payload: bytes) -> PageImage:
    """The page of a worker's answer, which may be that of a file that took it over.

    Raises:
        ValueError: If it is none.
    """
    page, texts, size = _mapping(header.get("page")), header.get("texts"), header.get("picture")
    if not isinstance(size, int) or not 0 <= size <= len(payload):
        raise ValueError("a page's picture has a size")
    if not isinstance(texts, list) or not all(map(str.__instancecheck__, texts)):
        raise ValueError("a page's words have texts")
    data, sides = payload[:size], array("d")
    sides.frombytes(payload[size:])
    return replace(from_dict(PageImage, page | {"data": data}), words=Words(texts, sides))


def _address(source: Source, password: str) -> Message:
    return {
        "path": str(source.path),
        "media_type": source.media_type,
        "name": source.name,
        "password": password,
    }


def _rebuilt(reply: Mapping[str, object]) -> DeepSeekOCRError:
    """The worker's error as one of ours; a name that is none of ours is a plain page error."""
    kind = getattr(errors, str(reply["error"]), PageFailed)
    known = isinstance(kind, type) and issubclass(kind, DeepSeekOCRError)
    number = reply["page_number"]
    return (kind if known else PageFailed)(
        str(reply["message"]),
        source=str(reply["source"]),
        page_number=number if isinstance(number, int) else None,
        hint=str(reply["hint"]),
    )


_SIGNALS = {member.value: member.name for member in signal.Signals}


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a mapping")
    return value
