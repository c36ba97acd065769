from __future__ import annotations

import asyncio
import gzip
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.completion import Reply
from deepseek_ocr_rag.engines.exchange import MAX_ANSWER_BYTES, bearer, exchange, refusal
from deepseek_ocr_rag.engines.question import Trouble

KEY = "sk-very-secret-0123456789"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def answer(status: str = "200 OK", body: bytes = b"{}", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A server's address; its connections are closed, and their tasks gone, when the block ends."""
    tasks: list[asyncio.Task[None]] = []

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(cast("asyncio.Task[None]", asyncio.current_task()))
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ask(serve: Serve, *, method: str = "POST", timeout: float = 5.0, content: bytes = b"hello") -> Reply:
    async def run() -> Reply:
        async with listening(serve) as server, httpx.AsyncClient() as client:
            url = f"{server}/v1/x?token=hidden"
            headers = {"Authorization": f"Bearer {KEY}"}
            return await exchange(client, method, url, headers=headers, content=content, timeout=timeout)

    return asyncio.run(run())


def always(raw: bytes, requests: list[bytes] | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if requests is not None:
            requests.append(request)
        writer.write(raw)
        await writer.drain()

    return serve


def test_an_answer_comes_back_whole_whatever_its_status() -> None:
    requests: list[bytes] = []
    headers = ("Content-Type: text/plain", "Retry-After: 7")
    reply = ask(always(answer("429 Slow", "zu viel ß".encode(), *headers), requests))
    assert reply == Reply(status=429, body="zu viel ß".encode(), content_type="text/plain", retry_after=7.0)
    [request] = requests
    assert request.startswith(b"POST /v1/x?token=hidden HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\nhello")
    assert f"Authorization: Bearer {KEY}".encode() in request


def test_a_get_has_no_body() -> None:
    requests: list[bytes] = []
    ask(always(answer(), requests), method="GET", content=b"")
    assert requests[0].startswith(b"GET ")
    assert b"content-length" not in requests[0].lower()


def test_redirects_are_not_followed() -> None:
    requests: list[bytes] = []
    reply = ask(always(answer("307 Moved", b"", "Location: /v1/elsewhere"), requests))
    assert reply.status == 307
    assert len(requests) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_body_is_given_up(packed: bool) -> None:
    part = bytes(1 << 20)
    sent = gzip.compress(part * 32) if packed else part

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        coding = b"Content-Encoding: gzip\r\n" if packed else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(f"{len(sent):x}\r\n".encode() + sent + b"\r\n")
            await writer.drain()

    with pytest.raises(Trouble) as caught:
        ask(serve)
    assert caught.value.kind == "rejected"
    assert f"over {MAX_ANSWER_BYTES >> 20} MiB" in caught.value.problem


def test_a_body_that_trickles_is_given_up_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(Trouble) as caught:
        ask(serve, timeout=0.2)
    assert caught.value.kind == "unreachable"
    assert "did not answer within 0.2 s" in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        answer("200 OK", b"not gzip", "Content-Encoding: gzip"),
    ],
    ids=["nothing", "cut", "not http", "not gzip"],
)
def test_a_broken_answer_is_unreachable(raw: bytes) -> None:
    with pytest.raises(Trouble) as caught:
        ask(always(raw))
    assert caught.value.kind == "unreachable"
    assert caught.value.is_connected
    assert "http://127.0.0.1:" in caught.value.problem
    assert "hidden" not in caught.value.problem + caught.value.hint


@pytest.mark.parametrize("url", ["ftp://host/x", "no address", "http://", "http://[::1", "http://x:port/"])
def test_what_is_no_address(url: str) -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client:
            await exchange(client, "GET", url, headers={}, timeout=2.0)

    with pytest.raises(Trouble) as caught:
        asyncio.run(run())
    assert caught.value.kind == "misconfigured"


def test_a_header_that_cannot_be_sent() -> None:
    async def run() -> None:
        async with listening(always(answer())) as server, httpx.AsyncClient() as client:
            await exchange(client, "GET", server, headers={"X": "a\nb"}, timeout=2.0)

    with pytest.raises(Trouble) as caught:
        asyncio.run(run())
    assert caught.value.kind == "rejected"
    assert "cannot be sent" in caught.value.problem


def test_nobody_listens() -> None:
    async def run() -> None:
        async with listening(always(b"")) as server:
            pass
        async with httpx.AsyncClient() as client:
            await exchange(client, "GET", server, headers={}, timeout=2.0)

    with pytest.raises(Trouble) as caught:
        asyncio.run(run())
    assert caught.value.kind == "unreachable"
    assert "cannot be reached" in caught.value.problem
    assert not caught.value.is_connected


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (f"Bearer {KEY}", KEY),
        ("Basic dXNlcjpwYXNzIHdvcmQ=", "dXNlcjpwYXNzIHdvcmQ="),
        ("Basic dXNlcjpwYXNzIHdvcmQ=", "user:pass word"),
        ("Basic dXNlcjpwYXNzIHdvcmQ=", "pass word"),
        ("Basic dXNlcjpwYXNz", "user:pass"),
    ],
)
def test_what_is_sent_to_get_in_is_blotted_where_the_server_echoes_it(sent: str, echoed: str) -> None:
    async def run() -> Reply:
        body = f'{{"error": "bad login {echoed}"}}'.encode()
        async with listening(always(answer("401 No", body))) as server, httpx.AsyncClient() as client:
            return await exchange(client, "GET", server, headers={"Authorization": sent}, timeout=5.0)

    reply = asyncio.run(run())
    assert reply.excerpt() == "'bad login ***'"
    assert echoed not in repr(reply).replace(repr(reply.body), "")


@pytest.mark.parametrize("secret", ["a", "sk-abc", "none"])
def test_what_is_too_short_for_a_secret_is_a_word_like_others(secret: str) -> None:
    body = b'{"error": "a model like sk-abc is none of ours"}'
    assert Reply(status=400, body=body, secrets=(secret,)).excerpt(secret=secret) == (
        "'a model like sk-abc is none of ours'"
    )


def test_being_cancelled_is_no_trouble() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(60)

    async def run() -> None:
        async with listening(serve) as server, httpx.AsyncClient() as client:
            await asyncio.wait_for(exchange(client, "GET", server, headers={}, timeout=30.0), 0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (307, "misconfigured", "redirects"),
        (304, "misconfigured", "redirects"),
        (400, "rejected", "model"),
        (401, "misconfigured", "Set THE_KEY."),
        (402, "misconfigured", "Top up"),
        (403, "misconfigured", "Set THE_KEY."),
        (404, "misconfigured", "base_url"),
        (405, "misconfigured", "base_url"),
        (413, "too_large", "smaller"),
        (422, "rejected", "mine"),
        (429, "limited", "fewer"),
        (500, "busy", ""),
        (599, "busy", ""),
    ],
)
def test_what_a_status_means(status: int, kind: str, hint: str) -> None:
    body = f'{{"error": {{"message": "key {KEY} is odd"}}}}'.encode()
    reply = Reply(status=status, body=body, retry_after=3.0)
    trouble = refusal(
        reply, url="https://host/v1/chat?sig=hidden", key_hint="Set THE_KEY.", secret=KEY, hints={422: "mine"}
    )
    assert trouble.kind == kind
    assert hint in trouble.hint
    assert trouble.hint
    assert trouble.retry_after == 3.0
    assert trouble.problem == f"the server at https://host/v1/chat answered {status} with 'key *** is odd'"


def test_no_money_is_not_waited_for() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    trouble = refusal(Reply(status=429, body=body), url="http://h", key_hint="k")
    assert trouble.kind == "misconfigured"
    assert "Top up" in trouble.hint


@given(st.integers(100, 999), st.binary(max_size=200))
def test_any_refusal_can_be_worded(status: int, body: bytes) -> None:
    trouble = refusal(Reply(status=status, body=body), url="http://h", key_hint="k")
    assert trouble.problem.isprintable()
    assert trouble.hint


def test_keys() -> None:
    assert bearer("", key_hint="Set it.") == {}
    assert bearer(KEY, key_hint="Set it.") == {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}é", f"Bearer {KEY}", f"{KEY}\0"])
def test_a_key_that_no_header_can_hold_is_not_shown(key: str) -> None:
    with pytest.raises(Trouble) as caught:
        bearer(key, key_hint="Set it.")
    assert (caught.value.kind, caught.value.hint) == ("misconfigured", "Set it.")
    assert KEY not in "".join(traceback.format_exception_only(caught.value))
