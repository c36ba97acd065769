"""One question to a model and what may come of it: what every way of sending has in common.

A wire (OpenAI's chat route, Ollama's own, Replicate's predictions) sends a :class:`Question` once and gives a
:class:`Response`, or raises :class:`Trouble`. Whether to ask again, and how, is decided in :mod:`.retry`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from ..prompts import Task
from ..usage import Usage

TroubleKind = Literal[
    "unreachable", "busy", "limited", "garbled", "too_large", "too_long", "field", "rejected", "misconfigured"
]
"""Why there is no answer.

``unreachable``: the network or a stall; ``busy``: 5xx; ``limited``: 429, more was asked than is allowed; ``garbled``:
success, but no answer in it (a proxy's web page); ``too_large``: 413; ``too_long``: more tokens were wanted than the
server has room for; ``field``: perhaps an extra field of the request, which may go without it; ``rejected``: this page,
for good; ``misconfigured``: every page, until the user mends it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The n-gram guard against loops: no ``size`` tokens twice within the last ``window`` ones."""

    size: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded picture and its size in pixels."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about a picture, once."""

    picture: Picture
    task: Task
    prompt: str
    """The whole prompt; empty where the wire knows tasks only."""
    reference: str = ""
    max_tokens: int
    temperature: float = 0.0
    guard: Guard | None = None
    tokens: int = 0
    """Of picture and prompt, roughly."""
    without: frozenset[str] = frozenset()
    """Extra fields of the request to leave out, because the server refused them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the model said. ``finish_reason`` is ``stop``, ``length``, or the server's own word."""

    text: str
    finish_reason: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()
    """What the user should know, such as fields that the server refuses."""


@dataclass(eq=False)
class Trouble(Exception):
    """There is no answer. ``problem`` says what happened, ``hint`` what to do about it, never with a secret in them."""

    kind: TroubleKind
    problem: str
    _: KW_ONLY
    hint: str = ""
    retry_after: float = 0.0
    """Seconds that the server asks to wait."""
    field: str = ""
    """The extra field that was refused."""
    is_named: bool = False
    """Whether the server named that field; else it is a guess."""
    room: int = 0
    """Tokens of the server's context, where it says so."""
    is_connected: bool = True
    """Whether there was anybody to talk to."""


Send = Callable[[Question], Awaitable[Response]]
"""One exchange with a server.

Raises:
    Trouble: If there is no answer.
"""
