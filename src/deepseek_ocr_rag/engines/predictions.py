"""Replicate's predictions: not a chat, but a task with a picture that is created, waited for, looked at and canceled.

A prediction goes on, and is paid for, after its client has gone. So each one has a deadline of the server's own
(``Cancel-After``), and is canceled when we stop waiting for it. Addresses are built here from the prediction's id;
those that an answer names are never followed, because the key would travel along.

Sources: Replicate's HTTP reference and its pages on deadlines (2025-10-16) and sync mode; the official client 1.0.7 for
what a model with or without a version is sent to; ``predict.py`` of lucataco/cog-deepseek-OCR at 21ae93c for the words
of the input. There, ``Free OCR`` falls through to the markdown prompt, so its answer may have boxes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import anyio

from ..modes import Resolution
from ..prompts import Task
from ..usage import Usage
from .bodies import body_bytes
from .completion import Reply
from .connection import shown
from .exchange import bearer, exchange, refusal
from .question import Question, Response, Trouble, TroubleKind

if TYPE_CHECKING:
    import httpx

KEY_HINT = "Set REPLICATE_API_TOKEN, or pass api_key=..., to a token from replicate.com/account/api-tokens."

TASK_TYPES: Mapping[Task, str] = MappingProxyType(
    {
        "markdown": "Convert to Markdown",
        "free_ocr": "Free OCR",
        "figure": "Parse Figure",
        "locate": "Locate Object by Reference",
    }
)
"""What the model on Replicate can be asked for; there are no prompts."""

RESOLUTION_SIZES: Mapping[Resolution, str] = MappingProxyType(
    {
        "auto": "Gundam (Recommended)",
        "gundam": "Gundam (Recommended)",
        "tiny": "Tiny",
        "small": "Small",
        "base": "Base",
        "large": "Large",
    }
)

SHORTEST_LIFE = 5
"""Seconds that Replicate takes as a deadline at least."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two looks at a prediction; each pause is half as long again as the one before."""

LOOK_SECONDS = 30.0
CANCEL_SECONDS = 5.0

CREATE_SECONDS = 5.0
"""How long the server may take to name a prediction that nobody waits for any more; unnamed, it cannot be canceled."""

MOST_MISSES = 4
"""Looks in a row that may fail; the prediction goes on meanwhile, and is paid for."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MODEL = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(:(?P<version>[\w.-]+))?|(?P<bare>[0-9a-f]{64})", re.ASCII)

_PASSING = ("memory", "cuda", "queue", "internal", "interrupted", "retry", "try again", "timed out", "unexpected")
_PICTURE = ("image", "picture", "size", "decode")
_MODEL_HINT = "Check model (owner/name:version, as on the model's page under Versions) and base_url."
_HINTS = {402: "Add credit at replicate.com/account/billing.", 404: _MODEL_HINT}


class ReplicateWire:
    """Asks the model on Replicate. Has no state; the client is lent for each question.

    Args:
        base_url: The API's address, ``https://api.replicate.com/v1``; without a path, ``/v1`` is added.
        model: ``owner/name:version``, a version alone, or ``owner/name`` for models that Replicate calls official.
        key: Gives the token; asked at each request.
        timeout: Seconds of one question, its waiting and looking included; the server cancels what is older.
        resolution: The model's mode; ``auto`` is Gundam.
        key_hint: What to do about a token that is missing or refused.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        key: Callable[[], str],
        timeout: float,
        resolution: Resolution = "auto",
        key_hint: str = KEY_HINT,
    ) -> None:
        found = _MODEL.fullmatch(model.strip())
        if found is None:
            raise ValueError("model must be owner/name:version, such as lucataco/deepseek-ocr:cb3b474f...")
        if resolution not in RESOLUTION_SIZES:
            raise ValueError(f"resolution must be one of {', '.join(RESOLUTION_SIZES)}")
        if not 0 < timeout < math.inf:
            raise ValueError("timeout must be positive")
        self._base = _address(base_url)
        self._version = found["version"] or found["bare"] or ""
        self._name = found["name"] or ""
        self._key = key
        self._timeout = timeout
        self._resolution = RESOLUTION_SIZES[resolution]
        self._key_hint = key_hint

    def __repr__(self) -> str:
        return f"ReplicateWire({self._base!r}, model={self.model!r})"

    @property
    def model(self) -> str:
        """The version that answers, or the model's name where no version is chosen."""
        return self._version or self._name

    async def send(self, client: httpx.AsyncClient, question: Question) -> Response:
        """Have one prediction made, and wait for its end.

        Raises:
            Trouble: If there is no answer: ``busy`` where the model failed for reasons that pass, ``rejected`` where it
                cannot read the picture, ``unreachable`` where it was not done in time, ``garbled`` where what came is
                no prediction, ``misconfigured`` where the token, the model or the task is wrong.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout
        prediction = await self._created(client, body_bytes(question, self._body))
        if not prediction.has_ended:
            prediction = await self._wait(client, prediction, deadline)
        return self._response(prediction)

    # --- one prediction -----------------------------------------------------------------------------------------------

    def _body(self, question: Question) -> dict[str, object]:
        task_type = TASK_TYPES.get(question.task)
        if task_type is None:
            problem = f"the model on Replicate cannot be asked for the task {question.task!r}"
            hint = f"It knows {', '.join(TASK_TYPES)}; use another provider for {question.task!r}."
            raise Trouble("misconfigured", problem, hint=hint)
        encoded = base64.b64encode(question.picture.data).decode("ascii")
        given = {
            "image": f"data:{question.picture.media_type};base64,{encoded}",
            "task_type": task_type,
            "resolution_size": self._resolution,
        }
        if question.task == "locate":
            if not question.reference.strip():  # the model would answer with an English sentence, as if read
                raise Trouble("rejected", "there is nothing to locate", hint="Pass reference='what to look for'.")
            given["reference_text"] = question.reference
        return {"version": self._version, "input": given} if self._version else {"input": given}

    async def _created(self, client: httpx.AsyncClient, content: bytes) -> _Prediction:
        """Create it; cancelled meanwhile, wait for its id, because there is no other way to cancel it."""
        creating = asyncio.create_task(self._create(client, content))
        try:
            await asyncio.wait({creating})
            return creating.result()
        except asyncio.CancelledError:
            try:
                with anyio.CancelScope(shield=True):
                    await asyncio.wait({creating}, timeout=CREATE_SECONDS)
                    await self._abandon(client, creating)
            finally:
                creating.cancel()
            raise

    async def _abandon(self, client: httpx.AsyncClient, creating: asyncio.Task[_Prediction]) -> None:
        """Cancel what was created, if anything was and is still running."""
        if not creating.done() or creating.cancelled() or creating.exception() is not None:
            return  # the deadline that it was created with ends it
        prediction = creating.result()
        if not prediction.has_ended and _ID.fullmatch(prediction.id):
            await self._cancel(client, f"{self._base}/predictions/{prediction.id}")

    async def _create(self, client: httpx.AsyncClient, content: bytes) -> _Prediction:
        # Nothing is preferred about waiting: a request that is held open keeps back the id, the only way to cancel.
        headers = {
            "Content-Type": "application/json",
            "Cancel-After": f"{max(SHORTEST_LIFE, math.ceil(self._timeout))}s",
        }
        url = f"{self._base}/predictions" if self._version else f"{self._base}/models/{self._name}/predictions"
        reply = await exchange(
            client, "POST", url, headers=headers | self._headers(), content=content, timeout=self._timeout
        )
        if not 200 <= reply.status < 300:
            raise self._refusal(reply, url)
        return self._read(reply, url)

    async def _wait(self, client: httpx.AsyncClient, prediction: _Prediction, deadline: float) -> _Prediction:
        """Look until it has ended; cancel it when we cannot or may not look any longer."""
        if not _ID.fullmatch(prediction.id):
            raise Trouble("rejected", f"{shown(self._base)} named a prediction as none is named", hint=_MODEL_HINT)
        url = f"{self._base}/predictions/{prediction.id}"
        try:
            return await self._look_until(client, url, prediction.id, deadline)
        except (Trouble, asyncio.CancelledError):
            await self._cancel(client, url)
            raise

    async def _look_until(self, client: httpx.AsyncClient, url: str, name: str, deadline: float) -> _Prediction:
        now = asyncio.get_running_loop().time
        pause, misses = FIRST_PAUSE, 0
        while True:
            await asyncio.sleep(max(0.0, min(pause, deadline - now())))
            left = deadline - now()
            if left <= 0:
                problem = f"the prediction was not done within {self._timeout:g} s ({url})"
                hint = "Raise timeout: a model that nobody used lately takes minutes to start."
                raise Trouble("unreachable", problem, hint=hint)
            pause = min(LONGEST_PAUSE, pause * 1.5)
            try:
                prediction = await self._look(client, url, name, timeout=min(left, LOOK_SECONDS))
            except Trouble as trouble:
                misses += 1
                if trouble.kind == "misconfigured" or misses > MOST_MISSES:
                    raise
                pause = max(pause, trouble.retry_after)
                continue
            misses = 0
            if prediction.has_ended:
                return prediction

    async def _look(
        self,
        client: httpx.AsyncClient,
        url: str,
        name: str,
        *,
        timeout: float,  # noqa: ASYNC109 - handed on to the exchange
    ) -> _Prediction:
        reply = await exchange(client, "GET", url, headers=self._headers(), timeout=timeout)
        if reply.status == 404:
            raise Trouble("busy", f"the prediction is gone ({url})", hint="Run again.")
        if not 200 <= reply.status < 300:
            raise self._refusal(reply, url)
        prediction = self._read(reply, url)
        if prediction.id != name:
            raise Trouble("garbled", f"{url} gave another prediction", hint="Check base_url.")
        return prediction

    async def _cancel(self, client: httpx.AsyncClient, url: str) -> None:
        """Ask the server to stop, also while we are being cancelled."""
        with anyio.CancelScope(shield=True):
            try:
                await exchange(client, "POST", f"{url}/cancel", headers=self._headers(), timeout=CANCEL_SECONDS)
            except Trouble:
                return  # the deadline that it was created with ends it

    # --- words --------------------------------------------------------------------------------------------------------

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json"} | bearer(self._key(), key_hint=self._key_hint)

    def _refusal(self, reply: Reply, url: str) -> Trouble:
        trouble = refusal(reply, url=url, key_hint=self._key_hint, secret=self._key(), hints=_HINTS)
        if reply.status == 422 and b"version" in reply.body[:2000].lower():
            return Trouble("misconfigured", trouble.problem, hint=_MODEL_HINT)
        return trouble

    def _read(self, reply: Reply, url: str) -> _Prediction:
        try:
            return _Prediction.parse(reply.body)
        except (ValueError, RecursionError) as error:
            problem = f"the server at {shown(url)} sent no prediction but {reply.excerpt(secret=self._key())}"
            raise Trouble("garbled", problem, hint="Check base_url: it must be the address of the API.") from error

    def _response(self, prediction: _Prediction) -> Response:
        if prediction.status != "succeeded":
            raise self._failure(prediction)
        text = _text(prediction.output)
        if text is None:
            raise Trouble("rejected", "the prediction's output is no text", hint=_MODEL_HINT)
        return Response(text=text, finish_reason="stop", model=self.model, usage=Usage(requests=1))

    def _failure(self, prediction: _Prediction) -> Trouble:
        if prediction.status != "failed":
            problem = f"the prediction was {prediction.status} before it was done"
            return Trouble("busy", problem, hint="Run again; raise timeout if the model takes long to start.")
        said = Reply(status=200, body=prediction.error.encode()).excerpt(secret=self._key())
        error = prediction.error.strip().lower()
        picture = any(word in error for word in _PICTURE) and not any(word in error for word in _PASSING)
        kind: TroubleKind = "rejected" if picture else "busy"
        hint = "Check that the page's picture is sound." if picture else "Run again, or send smaller pictures."
        return Trouble(kind, f"the prediction failed {f'with {said}' if error else 'without a reason'}", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prediction:
    """What Replicate says about a prediction, unchecked but for its shape."""

    id: str
    status: str
    output: object = None
    error: str = ""

    @property
    def has_ended(self) -> bool:
        return self.status in ("succeeded", "failed", "canceled", "aborted")

    @classmethod
    def parse(cls, body: bytes) -> _Prediction:
        """Read a prediction; a ValueError says that it is none."""
        data = json.loads(body)
        name, status = (data.get("id"), data.get("status")) if isinstance(data, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(status, str):
            raise ValueError("no prediction")  # noqa: TRY004 - about a document, not about an argument
        error = data.get("error")
        return cls(id=name, status=status, output=data.get("output"), error=_text(error) or "")


def _text(value: object) -> str | None:
    """A string, or the strings of a list together; no half surrogates, which no file or socket takes later."""
    parts = [""] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(parts, list):
        return None
    strings = [part for part in parts if isinstance(part, str)]
    return "".join(strings).encode(errors="replace").decode() if len(strings) == len(parts) else None


def _address(base_url: str) -> str:
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ValueError("base_url must be an address such as https://api.replicate.com/v1, without a login or query")
    path = parts.path.rstrip("/").removesuffix("/predictions") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
