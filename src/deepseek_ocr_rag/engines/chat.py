"""Any server that speaks OpenAI's ``/chat/completions``: vLLM, SGLang, Ollama, llama.cpp, LM Studio and the hosts.

A page's picture goes out as a data URL beside the prompt, and the model's raw text comes back untouched: reading its
grammar is not this module's work. What can be told from the answer's envelope is told here: whether it was cut off,
what it cost, whether another attempt makes sense. The API key is looked up when a request is made and stays out of
messages, fingerprints and ``repr``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from ..document import PageStatus, Usage
from ..errors import EngineRejected, EngineUnavailable
from ..prompts import PROMPTS, Task
from ..recognition import ImageRequest, PageImage, PageRequest, Recognition
from .completion import Answer, Reply, seconds_to_wait
from .connection import Pool, Secret, delay, endpoint, shown, transport_problem

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = "DEEPSEEK_OCR_API_KEY"
"""The environment variable that the key is read from where none is given."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""An answer is 8192 tokens at most, under 200 kB; what is far beyond is not an answer."""

_MOVED = "The server redirects; set base_url to the address that it redirects to (https instead of http, perhaps)."
_HINTS = {
    **dict.fromkeys((301, 302, 303, 307, 308), _MOVED),
    401: f"Set {KEY_VARIABLE}, or pass api_key=..., to a key that is valid for this server.",
    402: "Top up the account of this API key, or use another server.",
    403: f"Check that the key in {KEY_VARIABLE} (or api_key=...) may use this model on this server.",
    404: "Check base_url (most servers want it to end in /v1) and model.",
    413: "Send a smaller picture: ChatOptions(image=ImageRequest(long_side=1024)), or a lower quality.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """How a chat server is asked. The defaults suit DeepSeek-OCR on vLLM and most hosts."""

    prompt: str | None = None
    """Sent instead of the task's own prompt, whatever the task."""
    max_tokens: int | None = None
    """Longest answer; None lets the server use what the prompt leaves of its context."""
    temperature: float = 0.0
    timeout: float = 300.0
    """Seconds for one attempt, from sending to the last byte of the answer."""
    image: ImageRequest = field(default_factory=ImageRequest)
    image_first: bool = True
    """llama.cpp gives boxes only where the picture precedes the prompt."""
    extra_body: Mapping[str, object] = field(default_factory=lambda: {"skip_special_tokens": False})
    """Fields merged into the request. Without the default one, vLLM and SGLang destroy the cells of tables."""
    max_attempts: int = 3
    backoff: float = 1.0
    """Seconds before the second attempt; each further wait is twice as long."""
    max_in_flight: int = 16
    """Pages that are asked for at the same time."""


class ChatEngine:
    """Reads pages with a model behind an OpenAI-style chat endpoint.

    The object can be pickled, and used again, in another event loop too, after :meth:`aclose`. A key sent to an
    ``http://`` address travels in clear text: use ``https://`` for anything but your own machine.

    Args:
        base_url: The server's address up to, or with, ``/chat/completions``, such as ``http://localhost:8000/v1``.
        model: The model's name on that server.
        api_key: The key; without one, the environment variable ``DEEPSEEK_OCR_API_KEY`` is read at each request, and
            where that is not set either, none is sent.
        options: Everything else.

    Raises:
        ValueError: If ``base_url`` is no http(s) address or a number in ``options`` is out of range.
        TypeError: If ``options.extra_body`` is not JSON.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "deepseek-ocr",
        api_key: str | None = None,
        options: ChatOptions | None = None,
    ) -> None:
        self.options = options or ChatOptions()
        if min(self.options.max_attempts, self.options.max_in_flight) < 1 or self.options.timeout <= 0:
            raise ValueError("max_attempts and max_in_flight must be at least 1, timeout must be positive")
        self.model = model
        self._url, self._login = endpoint(base_url)
        self._key = Secret(api_key)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._fingerprint = self._digest()

    def __repr__(self) -> str:
        return f"ChatEngine({shown(self._url)!r}, model={self.model!r})"

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_pools": {}}

    @property
    def name(self) -> str:
        """``chat``."""
        return "chat"

    @property
    def fingerprint(self) -> str:
        """Server, model, and a hash of everything else that is sent but the key."""
        return self._fingerprint

    @property
    def max_in_flight(self) -> int:
        """How many pages may be on their way to the server at once."""
        return self.options.max_in_flight

    @property
    def request(self) -> PageRequest:
        """The picture, and the text layer's words to find lines with."""
        return PageRequest(image=self.options.image, words=True)

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """Ask the model to read one page.

        Returns:
            The raw answer. ``status`` is ``truncated`` where the model hit its limit, ``suspect`` where it said
            nothing about a page that is not blank or was stopped by a filter.

        Raises:
            EngineUnavailable: When the server did not answer in all attempts.
            EngineRejected: When it refused, or what came back is no chat completion.
        """
        call = _Call(page=page, prompt=self.options.prompt if self.options.prompt is not None else PROMPTS[task])
        if not page.data:
            raise call.rejected("there is no picture of the page to send", hint="Render it as engine.request asks.")
        pool = self._open_pool()
        client = await pool.idle.get()
        try:
            return await self._ask(call, pool, client)
        finally:
            pool.idle.put_nowait(client)

    async def aclose(self) -> None:
        """Close this event loop's connections. The engine can be used again afterwards."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await asyncio.gather(*(client.aclose() for client in pool.clients))

    # --- one page -----------------------------------------------------------------------------------------------------

    async def _ask(self, call: _Call, pool: Pool, client: httpx.AsyncClient) -> Recognition:
        """Send until there is an answer, a refusal or no attempt left."""
        import httpx

        extras = bool(self.options.extra_body) and pool.takes_extras
        sent = tries = 0
        while True:
            sent, tries = sent + 1, tries + 1
            wait, cause = 0.0, None
            try:
                reply = await self._post(call, client, extras=extras)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
                raise call.rejected(f"the request cannot be sent to {shown(self._url)}") from error
            except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
                problem = f"{transport_problem(error, self.options.timeout)} ({shown(self._url)})"
                cause = error
            else:
                if reply.status == 200:
                    # Only success proves that the extra fields were to blame, and not this page's picture.
                    pool.takes_extras = pool.takes_extras and (extras or not self.options.extra_body)
                    return self._recognition(call, reply, sent, extras=extras)
                if reply.status in (400, 422) and extras:
                    extras, tries = False, tries - 1
                    continue
                problem = f"the server at {shown(self._url)} answered {reply.status} with {self._excerpt(reply)}"
                wait = reply.retry_after
                if not reply.may_pass:
                    raise call.rejected(problem, hint=_HINTS.get(reply.status, "Check base_url, model and options."))
            if tries >= self.options.max_attempts:
                raise call.unavailable(f"{problem}, {sent} times", shown(self._url)) from cause
            await asyncio.sleep(delay(tries, self.options.backoff, wait))

    async def _post(self, call: _Call, client: httpx.AsyncClient, *, extras: bool) -> Reply:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if authorization := self._authorization(call):
            headers["Authorization"] = authorization
        content = json.dumps(self._payload(call, extras=extras)).encode()
        body = bytearray()
        async with (
            asyncio.timeout(self.options.timeout),
            client.stream("POST", self._url, content=content, headers=headers) as response,
        ):
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise call.rejected(f"the answer is over {MAX_ANSWER_BYTES // 2**20} MiB; this is no chat server")
            return Reply(
                status=response.status_code,
                body=bytes(body),
                content_type=response.headers.get("content-type", ""),
                retry_after=seconds_to_wait(response.headers.get("retry-after", "")),
            )

    def _payload(self, call: _Call, *, extras: bool) -> dict[str, object]:
        encoded = base64.b64encode(call.page.data).decode("ascii")
        url = f"data:{call.page.media_type or 'image/jpeg'};base64,{encoded}"
        parts: list[dict[str, object]] = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": call.prompt},
        ]
        content = parts if self.options.image_first else parts[::-1]
        payload: dict[str, object] = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": self.options.temperature,
        }
        if self.options.max_tokens is not None:
            payload["max_tokens"] = self.options.max_tokens
        return payload | dict(self.options.extra_body) if extras else payload

    def _current_key(self) -> str:
        """The key as given, or as the environment has it now; a login in the address goes before the environment."""
        if self._key.reveal() or self._login.reveal():
            return self._key.reveal().strip()
        return os.environ.get(KEY_VARIABLE, "").strip()

    def _authorization(self, call: _Call) -> str:
        key = self._current_key()
        if not key:
            return self._login.reveal()
        if not key.isascii() or not key.isprintable():
            # Left to the HTTP library, its error message would show the key.
            raise call.rejected(
                "the API key has characters that no key has", hint=f"Set {KEY_VARIABLE} or api_key=... again."
            )
        return f"Bearer {key}"

    # --- the answer ---------------------------------------------------------------------------------------------------

    def _recognition(self, call: _Call, reply: Reply, sent: int, *, extras: bool) -> Recognition:
        try:
            answer = Answer.parse(reply.body)
        except (ValueError, RecursionError) as error:
            problem = f"the server at {shown(self._url)} sent no chat completion but {self._excerpt(reply)}"
            hint = "Check base_url: it must be the address of the API (most end in /v1), not of a web page."
            raise call.rejected(problem, hint=hint) from error
        warnings: list[str] = []
        status: PageStatus = "ok"
        if answer.finish_reason == "length":
            status = "truncated"
            warnings.append("the model's answer was cut off at its length limit; the end of the page is missing")
        elif not answer.text.strip():
            status = "empty" if call.page.is_blank else "suspect"
            warnings += [] if call.page.is_blank else ["the model's answer is empty although the page is not blank"]
        elif answer.finish_reason == "content_filter":
            status = "suspect"
            warnings.append("the server's content filter stopped the model's answer")
        if self.options.extra_body and not extras:
            names = ", ".join(sorted(self.options.extra_body))
            warnings.append(f"the server refuses the request fields {names}; tables may have lost their cells")
        return Recognition(
            page_number=call.page.page_number,
            engine=self.name,
            text=answer.text,
            model=answer.model or self.model,
            prompt=call.prompt,
            finish_reason=answer.finish_reason,
            status=status,
            usage=Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens, requests=sent),
            attempts=sent,
            warnings=tuple(warnings),
        )

    def _excerpt(self, reply: Reply) -> str:
        return reply.excerpt(secret=self._current_key())

    def _open_pool(self) -> Pool:
        """This event loop's connections; those of loops that are gone cannot be closed any more and are forgotten."""
        loop = asyncio.get_running_loop()
        for gone in [known for known in self._pools if known.is_closed()]:
            del self._pools[gone]
        if loop not in self._pools:
            self._pools[loop] = Pool.open(slots=self.options.max_in_flight, timeout=self.options.timeout)
        return self._pools[loop]

    def _digest(self) -> str:
        options = self.options
        facts = {
            "prompt": options.prompt if options.prompt is not None else dict(PROMPTS),
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
            "image": asdict(options.image),
            "image_first": options.image_first,
            "extra_body": dict(options.extra_body),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
        return f"chat {shown(self._url)} {self.model} {options.image.long_side}px {digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One page and what is asked about it; it makes the errors, so that each names the page."""

    page: PageImage
    prompt: str

    def rejected(self, problem: str, *, hint: str = "Check base_url, model and options.") -> EngineRejected:
        return EngineRejected(f"{problem}.", source=self.page.source, page_number=self.page.page_number, hint=hint)

    def unavailable(self, problem: str, server: str) -> EngineUnavailable:
        hint = f"Check that {server} is up and can take more requests (max_in_flight, timeout), then run again."
        return EngineUnavailable(f"{problem}.", source=self.page.source, page_number=self.page.page_number, hint=hint)
