"""The routes: the page, the library, page pictures and files, and the chat.

Everything is asked for by an id, a hash or a random word; no path and no address ever comes from outside.
"""

from __future__ import annotations

import asyncio
import json
import logging
import mimetypes
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from deepseek_ocr_rag import DeepSeekOCRError
from deepseek_ocr_rag.options import server_of

from . import fetch_pdfjs, minilm
from .chat import Chat
from .cited import sheet
from .events import Event, stream
from .library import Library, RefusedError
from .pictures import Pictures
from .security import Guard
from .settings import SAMPLE, SUGGESTIONS, Settings
from .store import Entry, Store, plain

logger = logging.getLogger("citation_chat")

STATIC = Path(__file__).with_name("static")

Beginning = Callable[[Library], Coroutine[Any, Any, None]]
"""What is done with the library when the app begins."""

_DOCUMENT = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INLINE = ("application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif")
"""Types that are shown; of others, a browser may run what is in them, so they are saved."""

_LARGEST_BODY = 64 << 10
"""Bytes of a question with all that belongs to it."""

# Python's table comes from the system, and some do not know these; with nosniff, browsers then refuse the files.
for _type, _suffix in (("text/javascript", ".mjs"), ("text/javascript", ".js"), ("application/wasm", ".wasm")):
    mimetypes.add_type(_type, _suffix)


def create_app(settings: Settings, *, begin: Beginning | None = None) -> Starlette:
    """The app; its tasks begin and end with the server's lifespan, ``begin`` among them."""
    settings.vendor.mkdir(parents=True, exist_ok=True)
    site = _Site(settings, begin)
    routes = [
        Route("/", site.page),
        Route("/api/state", site.state),
        Route("/api/events", site.events),
        Route("/api/docs", site.documents),
        Route("/api/docs", site.upload, methods=["POST"]),
        Route("/api/docs/{id}", site.remove, methods=["DELETE"]),
        Route("/api/docs/{id}/file", site.file),
        Route("/api/docs/{id}/pages/{n:int}.webp", site.picture),
        Route("/api/docs/{id}/pages/{n:int}.json", site.sheet),
        Route("/api/chat", site.chat, methods=["POST"]),
        Route("/api/conversations", site.conversations),
        Route("/api/conversations/{id}", site.conversation),
        Route("/api/conversations/{id}", site.forget, methods=["DELETE"]),
        Route("/api/citations/{id}/{n:int}", site.citation),
        Mount("/vendor/pdfjs", StaticFiles(directory=settings.vendor)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=settings.hosts)],
        exception_handlers={HTTPException: _told, DeepSeekOCRError: site.failed},
        lifespan=site.lifespan,
    )


class _Site:
    def __init__(self, settings: Settings, begin: Beginning | None) -> None:
        self._settings, self._begin = settings, begin
        self._store: Store
        self._pictures: Pictures
        self._library: Library
        self._chat: Chat
        self._by_meaning = settings.use_vectors and minilm.is_installed()

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open what the app needs, and let it read in the background."""
        settings = self._settings
        settings.data.mkdir(parents=True, exist_ok=True)
        embed = await asyncio.to_thread(minilm.MiniLM) if self._by_meaning else None
        self._store = Store(settings.data)
        try:
            async with Pictures(self._store.files, settings.data / "pages") as self._pictures:
                self._library = Library(settings, self._store, self._pictures, embed=embed)
                self._chat = Chat(settings, self._store, self._library, embed=embed)
                # Not asyncio's group: what stops worker processes is shielded from anyio's way of cancelling alone.
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._library.run)
                    tasks.start_soon(self._take_in)
                    yield
                    tasks.cancel_scope.cancel()
        finally:
            self._store.close()

    async def _take_in(self) -> None:
        try:
            if self._begin is not None:
                await self._begin(self._library)
        except Exception:  # must not take the app along
            logger.exception("what was to be taken in at the start was not")

    async def page(self, _: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def state(self, _: Request) -> Response:
        """Everything that the page needs to begin."""
        settings = self._settings
        server = server_of(settings.read)
        return JSONResponse(
            {
                "documents": self._library.state(),
                "conversations": self._store.conversations(),
                "pdfjs": fetch_pdfjs.is_there(settings.vendor),
                "meaning": self._by_meaning,
                "vectors": self._vectors(),
                "llm": settings.llm.model if settings.llm else "",
                "reader": server.provider if server else "",
                "sample": SAMPLE,
                "suggestions": list(SUGGESTIONS),
            }
        )

    async def events(self, _: Request) -> Response:
        return stream(self._happenings())

    async def _happenings(self) -> AsyncGenerator[Event]:
        async with aclosing(self._library.hub.listen()) as events:
            yield "library", {"documents": self._library.state(), "vectors": self._vectors()}
            async for event in events:
                yield event

    def _vectors(self) -> dict[str, int]:
        done, total = self._store.progress()
        return {"done": done, "total": total if self._by_meaning else 0}

    async def documents(self, _: Request) -> Response:
        return JSONResponse(self._library.state())

    async def upload(self, request: Request) -> Response:
        """The body is the file; its name stands in the query."""
        name = request.query_params.get("name", "")
        size = request.headers.get("content-length", "0")
        if size.isdecimal() and int(size[:20]) > self._settings.max_bytes:  # what is longer than it says is met below
            raise HTTPException(422, f"It is larger than {self._settings.max_bytes >> 20} MB.")
        try:
            entry, is_new = await self._library.take(name, request.stream())
        except RefusedError as error:
            raise HTTPException(422, str(error)) from error
        return JSONResponse({"document": entry.to_dict(), "is_new": is_new}, status_code=202 if is_new else 200)

    async def remove(self, request: Request) -> Response:
        self._library.remove(self._entry(request).id)
        return Response(status_code=204)

    async def file(self, request: Request) -> Response:
        """The file that pages are drawn from, in ranges where they are asked for."""
        entry = self._entry(request)
        media_type = entry.media_type if entry.media_type in _INLINE else "application/octet-stream"
        shown = "inline" if entry.media_type in _INLINE else "attachment"
        headers = {"Cache-Control": "private, max-age=3600"}
        path = self._store.files / entry.shown
        return FileResponse(
            path, media_type=media_type, filename=entry.name, content_disposition_type=shown, headers=headers
        )

    async def picture(self, request: Request) -> Response:
        entry, number = self._entry(request), request.path_params["n"]
        if not 1 <= number <= max(entry.pages, 1):
            raise HTTPException(404, "There is no such page.")
        wanted = request.query_params.get("w", "1600")
        width = int(wanted) if re.fullmatch(r"[0-9]{1,5}", wanted) else 1600
        data = await self._pictures.page(entry, number, width=width)
        return Response(data, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})

    async def sheet(self, request: Request) -> Response:
        opened = await self._library.open(self._entry(request).id)
        pages = opened.document.pages if opened else ()
        for page in pages:
            if page.number == request.path_params["n"]:
                return JSONResponse(sheet(page))
        raise HTTPException(404, "There is no such page.")

    async def chat(self, request: Request) -> Response:
        asked = await _asked(request)
        question, within = asked.get("question"), asked.get("documents", [])
        if not isinstance(question, str) or not question.strip():
            raise HTTPException(422, "Ask something.")
        if len(question) > self._settings.max_question:
            raise HTTPException(422, f"At most {self._settings.max_question} characters.")
        if not isinstance(within, list) or not all(isinstance(one, str) for one in within):
            raise HTTPException(422, "documents is a list of ids.")
        conversation = asked.get("conversation")
        if conversation is not None and not (isinstance(conversation, str) and _WORD.fullmatch(conversation)):
            raise HTTPException(422, "There is no such conversation.")
        return stream(self._chat.answer(plain(question).strip(), conversation=conversation, within=within))

    async def conversations(self, _: Request) -> Response:
        return JSONResponse(self._store.conversations())

    async def conversation(self, request: Request) -> Response:
        messages = self._store.messages(_word(request))
        if not messages:
            raise HTTPException(404, "There is no such conversation.")
        return JSONResponse(
            [{"id": one.id, "role": one.role, "text": one.text, "citations": one.citations} for one in messages]
        )

    async def forget(self, request: Request) -> Response:
        self._store.forget(_word(request))
        return Response(status_code=204)

    async def citation(self, request: Request) -> Response:
        """One citation of one answer: what a shared address leads to."""
        message = self._store.message(_word(request))
        for citation in message.citations if message else ():
            if citation["index"] == request.path_params["n"]:
                return JSONResponse(citation)
        raise HTTPException(404, "There is no such citation.")

    async def failed(self, _: Request, error: Exception) -> Response:
        """A page or file that cannot be shown."""
        assert isinstance(error, DeepSeekOCRError)  # noqa: S101 - what it is registered for; tells the type checker
        return JSONResponse({"error": self._library.explained(error)}, status_code=422)

    def _entry(self, request: Request) -> Entry:
        key = request.path_params["id"]
        entry = self._store.entry(key) if _DOCUMENT.fullmatch(key) else None
        if entry is None:
            raise HTTPException(404, "There is no such document.")
        return entry


def _word(request: Request) -> str:
    key: str = request.path_params["id"]
    if not _WORD.fullmatch(key):
        raise HTTPException(404, "There is no such thing.")
    return key


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object in the body, if it is one and not too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise HTTPException(413, "That is too long.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise HTTPException(422, "The body is not an object.")
    return value


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for; tells the type checker
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
