"""Work side by side, results in order; and asynchronous generators for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import atexit
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


FEWEST_AHEAD = 64
WINDOWS_AHEAD = 8
"""Jobs that may be begun and not given yet: enough that a slow one does not stall those after it, and no more."""


async def in_order(
    jobs: AsyncGenerator[T], work: Callable[[T], Awaitable[R]], *, window: int | Callable[[], int], ahead: int = 0
) -> AsyncGenerator[tuple[T, R]]:
    """Do jobs side by side, ``window`` at most, and give their results in the order of the jobs, each when it is done.

    Results that are done wait behind a slow one while others are worked on. Jobs are taken ahead only while the first
    result is not there yet; ``jobs`` is closed at the end.

    Args:
        jobs: What is to be done.
        work: Does one.
        window: How many are worked on at once, or what tells so each time that one could be begun.
        ahead: How many may be begun and not given yet, worked on or done; 0 is eight windows, and 64 at least.
    """
    line = _Line(work)
    coming: asyncio.Task[tuple[T] | None] | None = line.watched(_next_item(jobs))
    try:
        while coming is not None or line.begun:
            line.changed.clear()
            while line.begun and line.begun[0][1].done():
                job, task = line.begun.popleft()
                yield job, task.result()
            size = max(1, window if isinstance(window, int) else window())
            has_room = line.running < size and len(line.begun) < (ahead or max(FEWEST_AHEAD, WINDOWS_AHEAD * size))
            if coming is not None and coming.done() and has_room:
                found = coming.result()
                coming = line.watched(_next_item(jobs)) if found is not None else None
                if found is not None:
                    line.begin(found[0])
            elif coming is not None or line.begun:
                await line.changed.wait()
    finally:
        unfinished = [task for _, task in line.begun] + ([coming] if coming is not None else [])
        for left in unfinished:
            left.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await jobs.aclose()


class _Line(Generic[T, R]):
    """The jobs that are begun and not given yet, in order."""

    def __init__(self, work: Callable[[T], Awaitable[R]]) -> None:
        self.begun: deque[tuple[T, asyncio.Task[R]]] = deque()
        self.running = 0
        self.changed = asyncio.Event()
        self._work = work

    def begin(self, job: T) -> None:
        self.running += 1
        task = self.watched(_run(self._work, job))
        task.add_done_callback(self._ended)
        self.begun.append((job, task))

    def watched(self, coming: Coroutine[object, None, S]) -> asyncio.Task[S]:
        """A task that tells of its end."""
        task = asyncio.create_task(coming)
        task.add_done_callback(lambda _: self.changed.set())
        return task

    def _ended(self, _: object) -> None:
        self.running -= 1


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
