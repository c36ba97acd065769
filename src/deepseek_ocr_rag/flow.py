"""Work side by side, results in order; and asynchronous generators for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    jobs: AsyncIterator[T], work: Callable[[T], Awaitable[R]], *, window: int
) -> AsyncGenerator[tuple[T, R]]:
    """Do jobs side by side, ``window`` at most, and give their results in the order of the jobs."""

    async def run(job: T) -> R:
        return await work(job)

    under_way: deque[tuple[T, asyncio.Task[R]]] = deque()
    try:
        async for job in jobs:
            under_way.append((job, asyncio.create_task(run(job))))
            if len(under_way) >= window:
                first, task = under_way.popleft()
                yield first, await task
        while under_way:
            first, task = under_way.popleft()
            yield first, await task
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


def iterate(make: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
    """Drain an asynchronous generator from synchronous code, on an event loop in another thread.

    Works inside a running loop and inside a notebook; closing it early closes the asynchronous generator.
    """
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        source = make()
        coming = portal.start_task_soon(_next_item, source)
        try:
            while (item := coming.result()) is not None:
                yield item[0]
                coming = portal.start_task_soon(_next_item, source)
        finally:
            coming.cancel()  # Ctrl-C may have come while it was under way
            portal.call(_close, source)


async def _close(source: AsyncGenerator[T]) -> None:
    """Close a generator whose last step may still be on its way out."""
    while getattr(source, "ag_running", False):  # noqa: ASYNC110 - a generator has no event for it
        await asyncio.sleep(0.01)
    await source.aclose()


async def _next_item(source: AsyncGenerator[T]) -> tuple[T] | None:
    """The next item in a tuple, or None at the end: StopAsyncIteration does not travel between threads."""
    try:
        return (await anext(source),)
    except StopAsyncIteration:
        return None
