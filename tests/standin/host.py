"""The model on its host, whatever route a request came by: what is refused, what is answered, and what is noted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .faults import MODEL, Fault, Faults, Plan, spoil
from .grammar import END_MARK, Ask, Form, Frame, understand, upside_down, without_special_tokens, write
from .reading import Eyes, NotAPicture, Picture
from .rules import CHARACTERS, RULES, Rules, check_call, check_picture, image_tokens, room, text_tokens
from .wire import Answer, Call, Refusal, Route, refused

Turning = Literal["per_axis", "padded_square"]
T = TypeVar("T")


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in; ``body`` is None where it is no JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    key: str


@dataclass(slots=True, kw_only=True)
class Entry:
    """What became of one request for a reading."""

    number: int
    route: Route
    page: str = ""
    """Hash of the picture."""
    width: int = 0
    height: int = 0
    prompt: str = ""
    fault: str = ""
    status: int = 0
    finish_reason: str = ""
    answer: str | None = ""
    outcome: str = "open"
    """``answered``, ``failed``, ``refused: ...``, ``client left`` or, until then, ``open``."""

    def __str__(self) -> str:
        return (
            f"{self.number:4} {self.route:9} {self.page[:8]:8} {self.width}x{self.height} {self.prompt[:40]!r} "
            f"{self.fault or 'good'} {self.status} {self.finish_reason} {self.outcome}"
        )


class Host:
    """State and behaviour of the stand-in; ``rules``, ``faults``, ``form``, ``frame`` and ``key`` may be changed.

    ``requests`` lists what came in, ``log`` what became of each request for a reading, ``in_flight`` counts those that
    are not done and ``most_in_flight`` how many there ever were at once.
    """

    def __init__(
        self, *, rules: str | Rules, faults: Faults | Plan | None, form: Form, frame: Turning, key: str, latency: float
    ) -> None:
        self.rules = RULES[rules] if isinstance(rules, str) else rules
        self.faults = faults if isinstance(faults, Faults) else Faults(faults)
        self.form: Form = form
        self.frame: Turning = frame
        self.key = key
        self.latency = latency
        self.requests: list[Received] = []
        self.log: list[Entry] = []
        self.in_flight = self.most_in_flight = 0
        self.eyes: Eyes
        self.closing: asyncio.Event

    def clear(self) -> None:
        """Forget what came in; requests and readings are counted from 1 again."""
        self.requests.clear()
        self.log.clear()
        self.most_in_flight = self.in_flight

    async def receive(self, request: Request, route: Route) -> Any:
        """Note a request; its body, or None where that is no JSON.

        Raises:
            ClientLeft: If it did not come whole.
        """
        request.state.route = route  # for the handler of what is refused
        try:
            data = await request.body()
        except ClientDisconnect as error:
            raise ClientLeft from error
        try:
            body = json.loads(data) if data else None
        except ValueError:
            body = None
        received = Received(
            method=request.method,
            path=request.url.path,
            headers=dict(request.headers),
            body=body,
            key=key_of(request),
        )
        self.requests.append(received)
        return body

    def check_access(self, request: Request) -> None:
        """Check the route and the key.

        Raises:
            Refusal: As the provider refuses.
        """
        if request.state.route not in self.rules.routes:
            raise Refusal(404, "404 page not found")
        key = key_of(request)
        if self.rules.needs_key and (not key or (self.key and key != self.key)):
            raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")

    def open(self, route: Route) -> Entry:
        """A place in the log for a request for a reading, which is in flight until :meth:`close`."""
        entry = Entry(number=len(self.log) + 1, route=route)
        self.log.append(entry)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return entry

    def close(self, entry: Entry, error: BaseException | None = None) -> None:
        """The request is done; ``error`` is why without an answer."""
        self.in_flight -= 1
        if isinstance(error, Refusal):
            entry.status, entry.outcome = error.status, f"refused: {error.message}"
        elif error is not None:
            entry.outcome = "client left" if isinstance(error, ClientLeft | asyncio.CancelledError) else repr(error)

    @contextmanager
    def entry(self, route: Route) -> Iterator[Entry]:
        """The same for the length of a block."""
        entry = self.open(route)
        try:
            yield entry
        except BaseException as error:
            self.close(entry, error)
            raise
        self.close(entry)

    def look(self, call: Call, entry: Entry) -> tuple[Picture, Fault | None]:
        """Check a request, and draw what goes wrong with it.

        Raises:
            Refusal: As the provider refuses.
        """
        entry.prompt = call.prompt
        check_call(self.rules, call)
        try:
            picture = Picture.decode(call.images[0])
        except NotAPicture as error:
            raise Refusal(400, "cannot identify image file") from error
        entry.page, entry.width, entry.height = picture.digest, picture.width, picture.height
        check_picture(self.rules, picture)
        room(self.rules, call, self._prompt_tokens(call, picture))
        fault = self.faults.draw(entry.number, picture.digest, call.settings)
        entry.fault = fault.kind if fault else ""
        return picture, fault

    async def answer(self, call: Call, picture: Picture, fault: Fault | None, entry: Entry) -> Answer:
        """Read the picture and say it as the model would, or as a fault of the model makes it."""
        if fault is not None and fault.kind == "stall":
            await self.closing.wait()
            raise ClientLeft
        if fault is not None and fault.kind == "failed":
            raise Refusal(500, "CUDA out of memory.")
        await self.pause(self.latency + (fault.seconds if fault is not None and fault.kind == "slow" else 0.0))
        text = await self._text(call, picture)
        prompt_tokens = self._prompt_tokens(call, picture)
        limit = int(room(self.rules, call, prompt_tokens) * CHARACTERS)
        finish = "stop"
        if fault is not None and fault.kind in MODEL:
            good = text
            text, finish = spoil(good, fault.kind, limit=limit, key=picture.digest + call.settings)
            entry.fault = "" if text == good else fault.kind  # there are no tags to break in plain text
        if len(text) > limit:
            text, finish = text[:limit], "length"
        completion_tokens = text_tokens(text)
        if call.wants_end_mark and finish == "stop" and entry.fault != "truncated_stop":
            text += END_MARK
        text = without_special_tokens(text) if self._strips(call) else text
        if self.rules.fails_on_empty and not text.strip():
            raise Refusal(500, "generation failed: model returned empty output (response_tokens=0 and text is empty)")
        entry.status, entry.finish_reason, entry.outcome = 200, finish, "answered"
        entry.answer = None if entry.fault == "null" else text
        return Answer(
            text=entry.answer,
            finish_reason=finish,
            model=call.model,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            number=entry.number,
        )

    def _prompt_tokens(self, call: Call, picture: Picture) -> int:
        return image_tokens(picture.width, picture.height) + text_tokens(call.prompt)

    async def _text(self, call: Call, picture: Picture) -> str:
        sight = await self.eyes.read(picture)
        if sight.stands == "side":
            return ""
        form = self._form(call)
        ask = understand(call.prompt, form=form)
        if self.rules.needs_image_first and not call.is_image_first and ask.job in ("markdown", "layout", "ocr"):
            ask = Ask(job="free")
        regions = sight.regions if sight.stands == "upright" else upside_down(sight.regions)
        frame = Frame(width=picture.width, height=picture.height, is_padded=self.frame == "padded_square")
        return write(regions, ask, form=form, frame=frame)

    def _form(self, call: Call) -> Form:
        """What the family of the named model writes, unless another form is wanted; stripping comes later."""
        if self.form not in ("tagged", "stripped"):
            return self.form
        families: dict[str, Form] = {"ocr-2": "ocr2", "unlimited-ocr": "unlimited"}
        return next((form for name, form in families.items() if name in call.model.lower()), "tagged")

    def _strips(self, call: Call) -> bool:
        if self.form == "stripped" or self.rules.strips == "always":
            return True
        if self.rules.strips == "unless_kept":
            return call.keeps_special_tokens is not True
        return call.keeps_special_tokens is False

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)


def broken_reply(fault: Fault | None, route: Route, entry: Entry) -> Response | None:
    """The reply that a fault of the host makes instead of an answer, if it does."""
    response = _broken_reply(fault, route) if fault is not None else None
    if response is not None:
        entry.status, entry.outcome = response.status_code, "failed"
    return response


def _broken_reply(fault: Fault, route: Route) -> Response | None:
    html = "<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>{}</h1></body></html>"
    trouble = "The server had an error while processing your request."
    replies: dict[str, Callable[[], Response]] = {
        "429": lambda: refused(route, Refusal(429, "Rate limit exceeded.", code="rate_limit_exceeded")),
        "500": lambda: refused(route, Refusal(500, trouble)),
        "503": lambda: refused(route, Refusal(503, trouble)),
        "failed": lambda: refused(route, Refusal(500, trouble)),
        "html": lambda: HTMLResponse(html.format("Sign in to continue")),
        "html_502": lambda: HTMLResponse(html.format("502 Bad Gateway"), status_code=502),
        "bad_json": lambda: Response('{"id": "x", "choices": [{"mess', media_type="application/json"),
        "wrong_shape": lambda: JSONResponse({"ok": True, "result": []}),
    }
    response = replies[fault.kind]() if fault.kind in replies else None
    if response is not None and fault.kind == "429":
        response.headers["Retry-After"] = f"{fault.seconds:g}"
    return response


def key_of(request: Request) -> str:
    """The Bearer key, or nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def unless_left(request: Request, work: Awaitable[T]) -> T:
    """Do some work as long as the client waits for it.

    Raises:
        ClientLeft: If it does not.
    """
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientLeft
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
