"""The stand-in as a server on loopback: Starlette behind uvicorn, in a thread of its own.

with StandIn(rules="vllm", faults=Faults(rate=0.3, seed=1)) as server:
    client = OpenAI(base_url=server.url, api_key="any")
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Path

from .faults import Fault, Faults, Plan
from .grammar import Form
from .host import ClientLeft, Entry, Host, Turning, broken_reply, unless_left
from .predictions import Predictions
from .reading import Eyes, Reader
from .rules import Rules
from .wire import (
    Answer,
    Call,
    CutResponse,
    Refusal,
    Route,
    chat_completion,
    chat_events,
    ollama_lines,
    ollama_message,
    parse_chat,
    parse_ollama,
    refused,
)

Parse = Callable[[object], Call]
Reply = Callable[[Call, Answer], Response]

START_SECONDS = 30.0


class StandIn(Host):
    """A DeepSeek-OCR server on 127.0.0.1 that reads for real; a context manager.

    Args:
        rules: Whose rules hold: a name of :data:`.rules.RULES`, or one's own; by default nothing is refused.
        faults: What goes wrong: :class:`.faults.Faults`, or a function of the request's number and the picture's hash.
        form: In which form is answered; ``stripped`` whatever the request says, ``plain`` never with boxes.
        frame: In what boxes are counted; ``padded_square`` as old builds of llama.cpp.
        reader: Reads instead of the embedded engine, for tests that have to be quick.
        key: The only key that is accepted where the rules want one; any by default.
        latency: Seconds that every answer takes at least.
        workers: Processes that read at most.

    Attributes:
        url: The address for OpenAI's clients, ``…/v1``; ``root`` is the same without, for Ollama's and Replicate's.
    """

    def __init__(
        self,
        *,
        rules: str | Rules = Rules(),  # noqa: B008 - frozen
        faults: Faults | Plan | None = None,
        form: Form = "tagged",
        frame: Turning = "per_axis",
        reader: Reader | None = None,
        key: str = "",
        latency: float = 0.0,
        workers: int = 2,
    ) -> None:
        super().__init__(rules=rules, faults=faults, form=form, frame=frame, key=key, latency=latency)
        self.eyes = Eyes(reader, workers=workers)
        self.root = ""
        self._predictions = Predictions(self)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for OpenAI's clients."""
        return f"{self.root}/v1"

    def __enter__(self) -> Self:
        config = uvicorn.Config(self._app(), port=0, log_config=None, log_level="critical", access_log=False, ws="none")
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run, name="standin", daemon=True)
        self._thread.start()
        until = time.monotonic() + START_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the stand-in did not start")
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self.closing.set)
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the stand-in did not stop")

    def _app(self) -> Starlette:
        paths = [
            *self._predictions.paths(),
            Path("/api/chat", self._ollama, methods=["POST"]),
            Path("/api/tags", self._tags),
            Path("/{prefix:path}chat/completions", self._chat, methods=["POST"]),
            Path("/{prefix:path}models", self._models),
        ]
        handlers = {Refusal: _refused, ClientLeft: _left}
        return Starlette(routes=paths, lifespan=self._lifespan, exception_handlers=handlers)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        self._loop, self.closing = asyncio.get_running_loop(), asyncio.Event()
        async with self.eyes:
            yield
            await self._predictions.aclose()

    async def _chat(self, request: Request) -> Response:
        return await self._exchange(request, "chat", parse_chat, _chat_reply)

    async def _ollama(self, request: Request) -> Response:
        return await self._exchange(request, "ollama", parse_ollama, _ollama_reply)

    async def _exchange(self, request: Request, route: Route, parse: Parse, reply: Reply) -> Response:
        body = await self.receive(request, route)
        with self.entry(route) as entry:
            self.check_access(request)
            return await unless_left(request, self._respond(parse(body), entry, reply))

    async def _respond(self, call: Call, entry: Entry, reply: Reply) -> Response:
        picture, fault = self.look(call, entry)
        broken = broken_reply(fault, call.route, entry)
        if broken is not None:
            return broken
        response = reply(call, await self.answer(call, picture, fault, entry))
        return CutResponse(response) if _cuts(fault) else response

    async def _models(self, request: Request) -> Response:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "standin"} for name in self._names()]
        return await self._listed(request, "chat", {"object": "list", "data": models})

    async def _tags(self, request: Request) -> Response:
        return await self._listed(request, "ollama", {"models": [{"name": n, "model": n} for n in self._names()]})

    async def _listed(self, request: Request, route: Route, listing: object) -> Response:
        await self.receive(request, route)
        self.check_access(request)
        return JSONResponse(listing)

    def _names(self) -> tuple[str, ...]:
        return self.rules.models or ("deepseek-ocr",)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(request.state.route, error)


async def _left(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it


def _cuts(fault: Fault | None) -> bool:
    return fault is not None and fault.kind == "cut"


def _chat_reply(call: Call, answer: Answer) -> Response:
    if not call.streams:
        return JSONResponse(chat_completion(answer))
    options = call.body.get("stream_options") or {}
    events = chat_events(answer, with_usage=bool(options.get("include_usage")))
    return Response(b"".join(events), media_type="text/event-stream")


def _ollama_reply(call: Call, answer: Answer) -> Response:
    if not call.streams:
        return JSONResponse(ollama_message(answer))
    return Response(b"".join(ollama_lines(answer)), media_type="application/x-ndjson")
