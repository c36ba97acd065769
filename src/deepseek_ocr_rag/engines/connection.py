"""How an engine gets to its server: the address, the login, a few connections, and what the server refused so far."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    import httpx

CONNECTIONS_PER_CLIENT = 2
"""httpx looks at every connection of a pool on every request, and a pool costs next to nothing."""

CONNECT_SECONDS = 15.0

_KEY_ENDINGS = ("key", "token", "secret", "password", "signature", "credential")
_KEY_NAMES = ("auth", "code", "pass", "pwd", "sig")


@dataclass(slots=True, kw_only=True)
class Learned:
    """What a server turned out to refuse, for the rest of the run."""

    refused: set[str] = field(default_factory=set)
    """Extra fields of the request, by their dotted names."""
    ends_marked: bool = False
    """Whether it was seen to mark the end of whole answers: one without the mark is cut off."""
    context: int = 0
    """Tokens of its context, where that is shorter than the model's; 0 is not."""
    refused_side: int = 0
    refused_bytes: int = 0
    """The smallest longer side in pixels, and the fewest bytes, of pictures that it found too large; 0 is none."""
    taken_side: int = 0
    """The longer side that it took instead."""


@dataclass(slots=True, kw_only=True)
class Pool:
    """The connections of one event loop, and what was learned over them."""

    clients: list[httpx.AsyncClient]
    idle: asyncio.LifoQueue[httpx.AsyncClient]
    """One entry per page that may be in flight; the last one used comes first, for its connection is still warm."""
    learned: Learned = field(default_factory=Learned)

    @classmethod
    def open(cls, *, slots: int, timeout: float) -> Pool:
        """Connections for ``slots`` pages at a time; a request may take ``timeout`` seconds."""
        import httpx

        context = httpx.create_ssl_context()  # made once: it costs tens of milliseconds
        clients = [
            httpx.AsyncClient(
                verify=context,
                timeout=httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
                limits=httpx.Limits(max_connections=CONNECTIONS_PER_CLIENT),
            )
            for _ in range(-(-slots // CONNECTIONS_PER_CLIENT))
        ]
        idle: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
        for slot in range(slots):
            idle.put_nowait(clients[slot % len(clients)])
        return cls(clients=clients, idle=idle)


class Secret:
    """A value that shows itself only when asked."""

    __slots__ = ("_value",)

    def __init__(self, value: str | None) -> None:
        self._value = value or ""

    def __repr__(self) -> str:
        return "***" if self._value else "(none)"

    def reveal(self) -> str:
        """The value, or an empty string for none."""
        return self._value


def endpoint(base_url: str, *, path: str = "/chat/completions") -> tuple[str, Secret]:
    """The address to post to, and the login that was written into it: the HTTP library would log it with the URL.

    Args:
        base_url: The server's address, up to or with ``path``.
        path: The route on it.

    Raises:
        ValueError: If it is no http(s) address, or has a key in its query, which the HTTP library would log.
    """
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("base_url must be an address such as http://localhost:8000/v1")
    keys = [name for name, _ in parse_qsl(parts.query) if _names_key(name)]
    if keys:
        raise ValueError(f"base_url has a key in its query ({keys[0]}=...), which would be logged: pass api_key=...")
    route = parts.path.rstrip("/")
    if not route.endswith(path):
        route += path
    login, _, host = parts.netloc.rpartition("@")
    encoded = base64.b64encode(unquote(login).encode()).decode("ascii")
    return urlunsplit((parts.scheme, host, route, parts.query, "")), Secret(f"Basic {encoded}" if login else None)


def _names_key(name: str) -> bool:
    plain = name.lower().rstrip("s")
    return plain.endswith(_KEY_ENDINGS) or plain in _KEY_NAMES


def shown(url: str) -> str:
    """An address for messages: without its query, which may hold a token."""
    return url.partition("?")[0]


def transport_problem(error: Exception, timeout: float) -> str:
    """What went wrong on the way, in words; the HTTP library's own messages are often empty."""
    import httpx

    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"the server cannot be reached: {error or type(error).__name__}"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return f"the server did not answer within {timeout:g} s"
    return f"the connection broke: {error or type(error).__name__}"
