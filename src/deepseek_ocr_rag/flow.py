"""Work side by side, results in order; and asynchronous generators for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import atexit
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    jobs: AsyncGenerator[T], work: Callable[[T], Awaitable[R]], *, window: int
) -> AsyncGenerator[tuple[T, R]]:
    """Do jobs side by side, ``window`` at most, and give their results in the order of the jobs, each when it is done.

    Jobs are taken ahead only while the first result is not there yet; ``jobs`` is closed at the end.
    """
    under_way: deque[tuple[T, asyncio.Task[R]]] = deque()
    coming: asyncio.Task[tuple[T] | None] | None = asyncio.create_task(_next_item(jobs))
    try:
        while coming is not None or under_way:
            if under_way and (coming is None or len(under_way) >= window):
                await asyncio.wait({under_way[0][1]})
            elif coming is not None:
                await asyncio.wait({coming, *(task for _, task in list(under_way)[:1])}, return_when="FIRST_COMPLETED")
            if coming is not None and coming.done() and len(under_way) < window:
                found = coming.result()
                coming = asyncio.create_task(_next_item(jobs)) if found is not None else None
                if found is not None:
                    under_way.append((found[0], asyncio.create_task(_run(work, found[0]))))
            while under_way and under_way[0][1].done():
                job, task = under_way.popleft()
                yield job, task.result()
    finally:
        unfinished = [task for _, task in under_way] + ([coming] if coming is not None else [])
        for left in unfinished:
            left.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await jobs.aclose()


async def _run(work: Callable[[T], Awaitable[R]], job: T) -> R:
    return await work(job)


_open: WeakSet[Generator[Any]] = WeakSet()


def iterate(make: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
    """Drain an asynchronous generator from synchronous code, on an event loop in another thread.

    Works inside a running loop and inside a notebook; closing it early closes the asynchronous generator. One that a
    program leaves open is closed when the interpreter exits.
    """
    items = _drain(make)
    _open.add(items)
    return items


def _drain(make: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
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


@atexit.register
def _close_all() -> None:
    """Close what is still open while the loops' threads can still answer: they are frozen once finalization begins."""
    for items in list(_open):
        with suppress(ValueError):  # one that a thread is just stepping ends with its thread
            items.close()


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
