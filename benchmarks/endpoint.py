"""A server that answers at once, or after so long, as a process of its own: what the client is measured against.

    with Endpoint(answers, latency=1.5, slots=32, refused=0.2) as endpoint:
        read(path, ReadOptions(base_url=endpoint.url, model="deepseek-ai/DeepSeek-OCR"))
        print(endpoint.stats())

It speaks just enough HTTP to cost next to nothing. An answer is chosen by the checksum of the picture that comes in.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import subprocess
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

FAULTS = ("refused", "broken", "stalled", "nonsense")

PLAIN = "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 900]]<|/det|>\nNothing to read here.\n"
"""The answer to a picture that nobody announced."""


def key_of(picture: bytes) -> str:
    """What a picture is known by."""
    return str(zlib.crc32(base64.b64encode(picture)))


class Endpoint:
    """The server's process; a context manager.

    Args:
        answers: What is answered to which picture, by :func:`key_of`.
        latency: Seconds that an answer takes.
        slots: Requests that are served at once, the others wait; 0 is all.
        faults: The shares of requests that are ``refused`` (a 429 at once, whatever the load), ``broken`` (the
            connection ends within the answer), ``stalled`` (no answer ever), and answered with ``nonsense``.
    """

    def __init__(
        self, answers: Mapping[str, str] | None = None, *, latency: float = 0.0, slots: int = 0, **faults: float
    ) -> None:
        self._answers = dict(answers or {})
        self._options = {"latency": latency, "slots": slots, **faults}
        self.url = ""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="endpoint-")
        path = Path(self._folder.name) / "answers.json"
        path.write_text(json.dumps(self._answers), encoding="utf-8")
        options = [f"--{name}={value}" for name, value in self._options.items()]
        self._process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, __file__, str(path), *options], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    def stats(self) -> dict[str, float]:
        """Requests, those refused, bytes that came in, the most in flight at once, and pages told apart, so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as reply:
            found: dict[str, float] = json.load(reply)
        return found


class Server:
    """What all connections share."""

    def __init__(self, answers: Mapping[str, str], *, latency: float, slots: int, faults: Mapping[str, float]) -> None:
        self.answers = {key: _reply(_completion(text)) for key, text in answers.items()}
        self.plain = _reply(_completion(PLAIN))
        self.refusal = _reply({"error": {"message": "Rate limit reached"}}, status="429 Too Many Requests")
        self.latency, self.faults = latency, faults
        self.places = asyncio.Semaphore(slots) if slots else None
        self.dice = random.Random(7)  # noqa: S311 - a stand-in
        self.counts = {"requests": 0, "refused": 0, "bytes": 0, "in_flight": 0, "most_in_flight": 0, "known": 0}

    async def answer(self, body: bytes) -> tuple[bytes, bool]:
        """The reply to a request's body, when it is due, and whether the connection closes after it."""
        counts = self.counts
        counts["requests"] += 1
        counts["bytes"] += len(body)
        counts["in_flight"] += 1
        counts["most_in_flight"] = max(counts["most_in_flight"], counts["in_flight"])
        try:
            fault = self._fault()
            if fault == "refused":
                counts["refused"] += 1
                return self.refusal, False
            if self.latency:
                await self._work()
            if fault:
                return await self._spoiled(fault)
            start = body.find(b"base64,") + len(b"base64,")
            found = self.answers.get(str(zlib.crc32(body[start : body.find(b'"', start)])))
            counts["known"] += found is not None
            return found or self.plain, False
        finally:
            counts["in_flight"] -= 1

    def _fault(self) -> str:
        """What goes wrong with this request, if anything."""
        roll = self.dice.random()
        for name, share in self.faults.items():
            roll -= share
            if roll < 0:
                return name
        return ""

    async def _spoiled(self, fault: str) -> tuple[bytes, bool]:
        if fault == "stalled":
            await asyncio.sleep(3600)
        if fault == "broken":
            return self.plain[: len(self.plain) // 2], True
        return _reply(["no completion"]), False

    async def _work(self) -> None:
        if self.places is None:
            await asyncio.sleep(self.latency)
            return
        async with self.places:
            await asyncio.sleep(self.latency)


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, each with its length."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._held: list[bytes] = []
        self._size = 0
        self._whole = 0
        self._head = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of a request has come."""
        self._held.append(data)
        self._size += len(data)
        if not self._whole:
            joined = b"".join(self._held)
            self._held = [joined]
            end = joined.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = joined[:end].lower()
            length = self._head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._whole = end + 4 + int(length or 0)
        if self._size >= self._whole:
            body = b"".join(self._held)[len(self._head) + 4 : self._whole]
            self._held, self._size, self._whole = [], 0, 0
            self._task = asyncio.get_running_loop().create_task(self._respond(body))

    async def _respond(self, body: bytes) -> None:
        if self._head.startswith(b"get"):
            self._transport.write(_reply(self._server.counts))
            return
        reply, closes = await self._server.answer(body)
        if not self._transport.is_closing():
            self._transport.write(reply)
            if closes:
                self._transport.close()


def _completion(text: str) -> dict[str, object]:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 280, "completion_tokens": len(text) // 3, "total_tokens": 280 + len(text) // 3}
    return {"id": "1", "object": "chat.completion", "model": "deepseek-ocr", "choices": [message], "usage": usage}


def _reply(content: object, *, status: str = "200 OK") -> bytes:
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def serve(server: Server) -> None:
    """Serve for ever; the port is the first line printed."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=512)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("answers", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--slots", type=int, default=0)
    for fault in FAULTS:
        parser.add_argument(f"--{fault}", type=float, default=0.0)
    args = parser.parse_args()
    faults = {fault: getattr(args, fault) for fault in FAULTS}
    answers = json.loads(args.answers.read_text(encoding="utf-8"))
    made = Server(answers, latency=args.latency, slots=args.slots, faults=faults)
    asyncio.run(serve(made))


if __name__ == "__main__":
    main()
