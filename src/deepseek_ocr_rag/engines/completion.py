"""What a chat server's answer says, read from its bytes: pure, and never trusting what it reads.

Servers answer with chat completions, with errors in several shapes, with a proxy's web page or with nothing. This
module tells them apart and words them for a message; the driver in :mod:`.chat` decides what to do next.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

EXCERPT_CHARS = 200

SHORTEST_SECRET = 8
"""Characters: what is shorter is no secret to speak of, and may stand in any sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str = ""
    retry_after: float = 0.0
    """Seconds that the server asks to wait."""
    secrets: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """What the request was authorized with, in all forms in which a server may echo it."""

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (408, 425, 429) or self.status >= 500

    def excerpt(self, *, secret: str = "") -> str:
        """What came back, in a few words; ``secret`` and :attr:`secrets` are blotted out where a server echoes them."""
        text = self._blotted(self.body[:65536].decode("utf-8", errors="replace"), secret)
        start = text[:4096].lstrip().lower()
        if "html" in self.content_type or start.startswith(("<!doctype html", "<html")):
            title = _between(text, "<title>", "</title>")
            return f"an HTML page titled {_short(title)!r}" if title else "an HTML page"
        said = self._blotted(_error_message(text), secret)  # JSON may have hidden them behind escapes
        return repr(_short(said or text)) if text.strip() else "an empty body"

    def _blotted(self, text: str, secret: str) -> str:
        # The longest first: a password is a part of its login.
        for known in sorted({secret, *self.secrets}, key=len, reverse=True):
            if len(known) >= SHORTEST_SECRET:
                text = text.replace(known, "***")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The parts of a chat completion that are of use."""

    text: str
    finish_reason: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def parse(cls, body: bytes) -> Answer:
        """Read a chat completion, or an answer of Ollama's own route.

        Raises:
            ValueError: If it is none.
            RecursionError: If it is nested absurdly deep.
        """
        data = json.loads(body)
        if _member(data, "choices") is None and isinstance(_member(data, "message"), dict):
            return cls(
                text=_content(_member(data, "message")),
                finish_reason=_text(_member(data, "done_reason")),
                model=_text(_member(data, "model")),
                input_tokens=_count(_member(data, "prompt_eval_count")),
                output_tokens=_count(_member(data, "eval_count")),
            )
        choice = _first(_member(data, "choices"))
        message = _member(choice, "message")
        usage = _member(data, "usage")
        return cls(
            text=_content(message),
            finish_reason=_text(_member(choice, "finish_reason")),
            model=_text(_member(data, "model")),
            input_tokens=_count(_member(usage, "prompt_tokens")),
            output_tokens=_count(_member(usage, "completion_tokens")),
        )


def seconds_to_wait(retry_after: str, *, now: datetime | None = None) -> float:
    """A ``Retry-After`` header in seconds, 0 where it is absent, in the past or nonsense."""
    value = retry_after.strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, IndexError, OverflowError):
            return 0.0
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _text(value: object) -> str:
    """A string that can be encoded: JSON may smuggle in half surrogates, which no file or socket takes later."""
    return value.encode("utf-8", errors="replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0


def _content(message: object) -> str:
    """A message's text; some servers send it in parts, and null for an empty answer."""
    content = message.get("content") if isinstance(message, dict) else 0
    if content is None or isinstance(content, str):
        return _text(content)
    if isinstance(content, list):
        return "".join(_text(_member(part, "text")) for part in content)
    raise ValueError("no message with text in the answer")


def _error_message(text: str) -> str:
    """The message in an error of the shapes that servers use, or nothing."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    error = _member(data, "error")
    candidates = (_member(error, "message"), error, _member(data, "message"), _member(data, "detail"))
    return next((value for value in candidates if isinstance(value, str)), "")


def _between(text: str, start: str, end: str) -> str:
    lower = text.lower()
    found = lower.find(start)
    stop = lower.find(end, found + len(start))
    # Lower-casing can change the length of a text; then the places would be off by a little, and the title too.
    return text[found + len(start) : stop].strip() if 0 <= found < stop else ""


def _short(text: str) -> str:
    line = "".join(char for char in " ".join(text[: 4 * EXCERPT_CHARS].split()) if char.isprintable())
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "…"
