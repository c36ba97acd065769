"""Server-sent events: one hub that tells every open page what happens, and the way an event is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it is alive: proxies close silent ones."""

Event = tuple[str, dict[str, Any]]
"""A name, and what is told."""


class Hub:
    """Hands events to all who listen; one who does not keep up loses the oldest."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Event]] = set()

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Send an event to all; to be called on the event loop."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait((name, data))

    async def listen(self) -> AsyncGenerator[Event]:
        """Events from now on, for ever."""
        queue: asyncio.Queue[Event] = asyncio.Queue(maxsize=500)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)


def stream(events: AsyncGenerator[Event]) -> StreamingResponse:
    """A response that sends events as they come, with a heartbeat while there are none."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_written(events), media_type="text/event-stream", headers=headers)


async def _written(events: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    async with aclosing(events):
        upcoming = asyncio.ensure_future(anext(events))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT)
                if not done:
                    yield b": still here\n\n"
                    continue
                try:
                    name, data = upcoming.result()
                except StopAsyncIteration:
                    return
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
                upcoming = asyncio.ensure_future(anext(events))
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)
