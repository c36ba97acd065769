"""One HTTP request and its answer, with what can go wrong put into words.

The answer is bounded in size and in time, redirects are not followed (a key would travel along), and every failure is a
:class:`Trouble`: those on the way are raised by :func:`exchange`, those that the server tells by its status are made by
:func:`refusal`, because a wire may know better what a status means.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .completion import Reply, seconds_to_wait
from .connection import CONNECT_SECONDS, shown, transport_problem
from .question import Trouble, TroubleKind

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""An answer is 8192 tokens at most, under 200 kB; what is far beyond is not an answer."""

_MOVED = "The server redirects; set base_url to the address that it redirects to (https instead of http, perhaps)."
_ADDRESS = "Check base_url (most servers want it to end in /v1) and model."
_BUSY = "Check that the server is up and can take more requests (max_in_flight, timeout), then run again."
_HINTS = {
    402: "Top up the account of this API key, or use another server.",
    404: _ADDRESS,
    405: _ADDRESS,
    410: _ADDRESS,
    413: "Send a smaller picture, or one of a lower quality.",
    429: "Ask for fewer pages at a time, or wait.",
}
_SPENT = (b"insufficient_quota", b"insufficient balance", b"exceeded your current quota", b"billing")
_FOR_EVERY_PAGE = (401, 402, 403, 404, 405, 407, 410)


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    timeout: float,  # noqa: ASYNC109 - it becomes a deadline here, and words for the message
) -> Reply:
    """Send a request and read the answer to its end, whatever its status is.

    Args:
        client: An open client; it may be used by others at the same time.
        method: ``GET`` or ``POST``.
        url: Where to; its query is not shown in messages.
        headers: What is sent beside the client's own.
        content: The body.
        timeout: Seconds from sending to the last byte of the answer.

    Raises:
        Trouble: ``unreachable`` when the way there or back broke or took too long (``is_connected`` says whether there
            was anybody), ``rejected`` when the answer is over 16 MiB or the request is none that HTTP can carry,
            ``misconfigured`` when the address is none.
    """
    import httpx

    try:
        async with (
            asyncio.timeout(timeout),
            client.stream(
                method,
                url,
                headers=dict(headers),
                content=content or None,
                follow_redirects=False,
                timeout=httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            ) as response,
        ):
            return await _read(response, url, secrets=_secrets(headers))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        problem = f"the request cannot be sent to {shown(url)}"
        raise Trouble("misconfigured", problem, hint="Check base_url.") from error
    except httpx.LocalProtocolError as error:
        problem = f"the request cannot be sent to {shown(url)}"
        raise Trouble("rejected", problem, hint="Check base_url, model and options.") from error
    except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
        problem = f"{transport_problem(error, timeout)} ({shown(url)})"
        hint = f"Check that {shown(url)} is up and can take more requests (max_in_flight, timeout), then run again."
        is_connected = not isinstance(error, httpx.ConnectError)
        raise Trouble("unreachable", problem, hint=hint, is_connected=is_connected) from error


def bearer(key: str, *, key_hint: str) -> dict[str, str]:
    """The header that carries a key; none for an empty key.

    Raises:
        Trouble: ``misconfigured`` when no header can hold the key; the HTTP library's own message would show it.
    """
    if not key:
        return {}
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Trouble("misconfigured", "the API key has characters that no key has", hint=key_hint)
    return {"Authorization": f"Bearer {key}"}


def refusal(
    reply: Reply, *, url: str, key_hint: str, secret: str = "", hints: Mapping[int, str] | None = None
) -> Trouble:
    """What a status other than success means for the page and the run. The result is to be raised.

    Args:
        reply: The answer; its status is not 2xx.
        url: Where it came from.
        key_hint: What to do about a key that is missing or refused: where to set it.
        secret: The key, to be blotted out of what the server says.
        hints: What to do by status, before the usual hints.

    Returns:
        ``misconfigured`` for redirects and what holds for every page (401, 402, 403, 404, a 429 about money ...),
        ``too_large`` for 413, ``limited`` for 429, ``busy`` for 408, 425 and 5xx, ``rejected`` for all others.
    """
    usual = _HINTS | dict.fromkeys((401, 403), key_hint)
    status = 402 if _is_spent(reply) else reply.status
    own = (hints or {}).get(status)
    redirects = 300 <= reply.status < 400
    other = _BUSY if reply.may_pass else "Check base_url, model and options."
    hint = own or (_MOVED if redirects else usual.get(status, other))
    problem = f"the server at {shown(url)} answered {reply.status} with {reply.excerpt(secret=secret)}"
    return Trouble(_kind(reply), problem, hint=hint, retry_after=reply.retry_after)


def _is_spent(reply: Reply) -> bool:
    """Whether a 429 is about money: waiting does not help then."""
    return reply.status == 429 and any(word in reply.body[:4096].lower() for word in _SPENT)


def _kind(reply: Reply) -> TroubleKind:
    if reply.status == 429:
        return "misconfigured" if _is_spent(reply) else "limited"
    if reply.may_pass:
        return "busy"
    if reply.status == 413:
        return "too_large"
    return "misconfigured" if 300 <= reply.status < 400 or reply.status in _FOR_EVERY_PAGE else "rejected"


def _secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The key or login that is sent, as it is sent and, of a login, as people write it."""
    kind, _, sent = headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return (sent,)
    try:
        login = base64.b64decode(sent).decode()
    except (binascii.Error, UnicodeDecodeError):
        return (sent,)
    return sent, login, login.partition(":")[2]


async def _read(response: httpx.Response, url: str, *, secrets: tuple[str, ...]) -> Reply:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            problem = f"the answer from {shown(url)} is over {MAX_ANSWER_BYTES // 2**20} MiB"
            raise Trouble("rejected", problem, hint="Check base_url: this is no server of the model.")
    return Reply(
        status=response.status_code,
        body=bytes(body),
        content_type=response.headers.get("content-type", ""),
        retry_after=seconds_to_wait(response.headers.get("retry-after", "")),
        secrets=secrets,
    )
