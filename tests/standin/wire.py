"""The shapes of requests and replies: OpenAI's chat completions, Ollama's own route, and errors as each writes them."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

Route = Literal["chat", "ollama", "replicate"]


class Refusal(Exception):
    """The request is not answered: an HTTP status and what is said."""

    def __init__(self, status: int, message: str, *, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request for one reading, whatever route it came by."""

    route: Route
    model: str
    prompt: str
    images: tuple[bytes, ...] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    is_image_first: bool = True
    roles: tuple[str, ...] = ("user",)
    max_tokens: int | None = None
    temperature: float = 0.0
    guard: str = ""
    """The settings against loops, whatever they are called."""
    keeps_special_tokens: bool | None = None
    wants_end_mark: bool = False
    context: int = 0
    streams: bool = False
    mode: str = ""
    """Replicate's ``resolution_size``."""

    @property
    def settings(self) -> str:
        """What may change the model's answer about the same picture."""
        return repr((self.prompt, self.temperature, self.guard, self.mode))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said; ``text`` is None where the server forgot it."""

    text: str | None
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    number: int
    created: int = field(default_factory=lambda: int(time.time()))


def parse_chat(data: object) -> Call:
    """A chat completion request; only the last user message counts, but the pictures of all do."""
    body, messages = _messages(data)
    asked = [_parts(message) for message in messages if message.get("role") == "user"]
    parts = asked[-1] if asked else []
    kinds = [part.get("type") for part in parts]
    texts = [str(part.get("text", "")) for part in parts if part.get("type") == "text"]
    images = [_address(part) for each in asked for part in each if part.get("type") == "image_url"]
    guard = (body.get("vllm_xargs"), body.get("custom_params"), body.get("repetition_penalty"))
    kept = body.get("skip_special_tokens")
    return Call(
        route="chat",
        model=str(body.get("model", "")),
        prompt="\n".join(texts),
        images=tuple(data_of(url) for url in images),
        body=body,
        is_image_first=kinds[:1] == ["image_url"],
        roles=tuple(str(message.get("role", "")) for message in messages),
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        temperature=float(body.get("temperature") or 0.0),
        guard=json.dumps(guard, sort_keys=True) if any(guard) else "",
        keeps_special_tokens=None if kept is None else not kept,
        wants_end_mark=bool(body.get("include_stop_str_in_output")),
        streams=bool(body.get("stream")),
    )


def _messages(body: object) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise Refusal(400, "messages must be a list of messages.", field="messages")
    return body, messages


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Refusal(400, "content must be text or a list of parts.", field="messages")
    for part in content:
        if part.get("type") not in ("text", "image_url"):
            raise Refusal(400, f"Unknown part type: {part.get('type')}.", field="messages")
    return content


def _address(part: Mapping[str, Any]) -> str:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise Refusal(400, "image_url has no url.", field="messages")
    return url


def data_of(url: str) -> bytes:
    """The bytes of a ``data:`` address.

    Raises:
        Refusal: If it is none; a server on loopback fetches nothing.
    """
    head, _, encoded = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise Refusal(400, f"Failed to fetch the image from {head[:80]!r}: give it as data:image/...;base64.")
    return _decoded(encoded)


def _decoded(encoded: object) -> bytes:
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "The image is not valid base64.") from error


def parse_ollama(data: object) -> Call:
    """A request of Ollama's ``/api/chat``; pictures come before the text there."""
    body, messages = _messages(data)
    asked = [message for message in messages if message.get("role") == "user"]
    images = [image for message in asked for image in message.get("images") or ()]
    options = body.get("options") or {}
    guard = {name: options[name] for name in ("repeat_last_n", "repeat_penalty") if name in options}
    limit = options.get("num_predict")
    return Call(
        route="ollama",
        model=str(body.get("model", "")),
        prompt=str(asked[-1].get("content", "")) if asked else "",
        images=tuple(_decoded(image) for image in images),
        body=body,
        roles=tuple(str(message.get("role", "")) for message in messages),
        max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        temperature=float(options.get("temperature") or 0.0),
        guard=json.dumps(guard, sort_keys=True) if guard else "",
        context=int(options.get("num_ctx") or 0),
        streams=bool(body.get("stream", True)),
    )


def chat_completion(answer: Answer) -> dict[str, Any]:
    """A whole chat completion."""
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return {**_chat_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}


def chat_events(answer: Answer, *, with_usage: bool) -> Iterator[bytes]:
    """The same as server-sent events."""
    head = _chat_head(answer, "chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces(answer.text or "")]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]})
    if with_usage:
        yield _event({**head, "choices": [], "usage": _usage(answer)})
    yield b"data: [DONE]\n\n"


def pieces(text: str, size: int = 40) -> Iterator[str]:
    """A text as it is streamed."""
    return (text[at : at + size] for at in range(0, len(text), size))


def _event(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def _chat_head(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer.number}", "object": kind, "created": answer.created, "model": answer.model}


def _usage(answer: Answer) -> dict[str, int]:
    total = answer.prompt_tokens + answer.completion_tokens
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": total,
    }


def ollama_message(answer: Answer) -> dict[str, Any]:
    """A whole answer of Ollama's."""
    return {**_ollama_piece(answer, answer.text), **_ollama_end(answer)}


def ollama_lines(answer: Answer) -> Iterator[bytes]:
    """The same, line by line."""
    for piece in pieces(answer.text or ""):
        yield json.dumps({**_ollama_piece(answer, piece), "done": False}).encode() + b"\n"
    yield json.dumps({**_ollama_piece(answer, ""), **_ollama_end(answer)}).encode() + b"\n"


def _ollama_piece(answer: Answer, text: str | None) -> dict[str, Any]:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(answer.created))
    return {"model": answer.model, "created_at": created, "message": {"role": "assistant", "content": text}}


def _ollama_end(answer: Answer) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": answer.finish_reason,
        "total_duration": 1_000_000,
        "load_duration": 1_000,
        "prompt_eval_count": answer.prompt_tokens,
        "prompt_eval_duration": 1_000,
        "eval_count": answer.completion_tokens,
        "eval_duration": 1_000,
    }


def refused(route: Route, refusal: Refusal) -> Response:
    """An error as the route writes it."""
    if route == "ollama":
        return JSONResponse({"error": refusal.message}, status_code=refusal.status)
    if route == "replicate":
        titles = {401: "Unauthenticated", 404: "Not found", 422: "Input validation failed"}
        title = titles.get(refusal.status, "Request failed")
        problem = {"title": title, "detail": refusal.message, "status": refusal.status}
        return JSONResponse(problem, status_code=refusal.status, media_type="application/problem+json")
    kind = "authentication_error" if refusal.status == 401 else "invalid_request_error"
    error = {"message": refusal.message, "type": kind, "param": refusal.field or None, "code": refusal.code or None}
    return JSONResponse({"error": error}, status_code=refusal.status)


class CutResponse(Response):
    """Another response, whose connection breaks off in the middle of its body."""

    def __init__(self, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        self.raw_headers = whole.raw_headers
        self.body = whole.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half; returning without the rest makes uvicorn close the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
