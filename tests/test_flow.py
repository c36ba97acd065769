"""Order, bounds and clean endings of work that is done side by side."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.flow import in_order, iterate


async def numbers(count: int) -> AsyncGenerator[int]:
    for number in range(count):
        yield number


@settings(max_examples=60, deadline=None)
@given(
    delays=st.lists(st.integers(0, 9), max_size=40),
    windows=st.lists(st.integers(0, 6), min_size=1, max_size=9),
    ahead=st.integers(0, 12),
)
def test_results_come_in_order_each_once_and_never_too_many_at_once(
    delays: list[int], windows: list[int], ahead: int
) -> None:
    """Whatever takes how long, and however the window changes meanwhile."""
    running, begun, given_ = 0, list[int](), list[tuple[int, int]]()
    asked = 0

    def window() -> int:
        nonlocal asked
        asked += 1
        return windows[asked % len(windows)]

    async def work(index: int) -> int:
        nonlocal running
        running += 1
        begun.append(index)
        assert running <= max(1, *windows)
        if ahead:
            assert len(begun) - len(given_) <= ahead
        for _ in range(delays[index]):
            await asyncio.sleep(0)
        running -= 1
        return index * 10

    async def main() -> None:
        async for pair in in_order(numbers(len(delays)), work, window=window, ahead=ahead):
            given_.append(pair)

    asyncio.run(main())
    assert begun == list(range(len(delays)))
    assert given_ == [(index, index * 10) for index in begun]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 30), window=st.integers(1, 5), taken=st.integers(0, 30), slow=st.integers(0, 30))
def test_closing_at_any_time_cancels_all(count: int, window: int, taken: int, slow: int) -> None:
    open_ = set[int]()

    async def work(index: int) -> int:
        open_.add(index)
        try:
            await asyncio.sleep(60 if index == slow else 0)
        finally:
            open_.remove(index)
        return index

    async def main() -> None:
        before = asyncio.all_tasks()
        results = in_order(numbers(count), work, window=window)
        found = [index async for index, _ in _first(results, min(taken, slow, count))]
        assert found == list(range(min(taken, slow, count)))
        await results.aclose()
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(main(), 5))
    assert not open_


async def _first(results: AsyncGenerator[tuple[int, int]], count: int) -> AsyncGenerator[tuple[int, int]]:
    for _ in range(count):
        yield await anext(results)


@pytest.mark.parametrize(("ahead", "done_meanwhile"), [(0, 64), (10, 10), (5, 5)])
def test_a_slow_head_does_not_stall_the_rest_but_what_waits_behind_it_is_bounded(
    ahead: int, done_meanwhile: int
) -> None:
    done = []
    release = asyncio.Event()

    async def work(index: int) -> int:
        if index == 0:
            await release.wait()
        done.append(index)
        return index

    async def main() -> list[int]:
        results = in_order(numbers(200), work, window=4, ahead=ahead)
        first = asyncio.create_task(anext(results))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert done == list(range(1, done_meanwhile))
        release.set()
        return [(await first)[0], *[index async for index, _ in results]]

    assert asyncio.run(main()) == list(range(200))


def test_closing_early_cancels_what_is_under_way() -> None:
    cancelled = []

    async def work(index: int) -> int:
        if index == 0:
            await asyncio.sleep(0.05)  # until the window is full
            return 0
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(index)
            raise
        return index

    async def main() -> None:
        results = in_order(numbers(9), work, window=4)
        assert await anext(results) == (0, 0)
        await asyncio.sleep(0)
        await results.aclose()

    asyncio.run(main())
    assert cancelled == [1, 2, 3]


def test_an_error_reaches_the_caller_and_stops_the_rest() -> None:
    async def work(index: int) -> int:
        if index == 2:
            raise ValueError("two")
        return index

    async def main() -> None:
        async for _ in in_order(numbers(9), work, window=3):
            pass

    with pytest.raises(ValueError, match="two"):
        asyncio.run(main())


def test_a_result_is_given_when_it_is_done_even_if_the_next_job_is_not_there() -> None:
    """Inputs may come from a queue that waits for the last result."""
    answered = asyncio.Event()

    async def jobs() -> AsyncGenerator[int]:
        yield 1
        await answered.wait()
        yield 2

    async def work(index: int) -> int:
        return index

    async def main() -> list[int]:
        found = []
        async for _, result in in_order(jobs(), work, window=8):
            found.append(result)
            answered.set()
        return found

    assert asyncio.run(asyncio.wait_for(main(), 5)) == [1, 2]


def test_a_generator_left_open_does_not_keep_the_program_alive(tmp_path: Path) -> None:
    script = """
from deepseek_ocr_rag.flow import iterate
async def numbers():
    for number in range(9):
        yield number
items = iterate(numbers)
print(next(items))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_an_asynchronous_generator_for_synchronous_callers() -> None:
    assert list(iterate(lambda: numbers(4))) == [0, 1, 2, 3]


def test_it_works_inside_a_running_loop() -> None:
    async def main() -> list[int]:
        return list(iterate(lambda: numbers(3)))

    assert asyncio.run(main()) == [0, 1, 2]


def test_closing_the_iterator_closes_the_generator_and_ends_the_thread() -> None:
    closed = threading.Event()
    before = threading.active_count()

    async def endless() -> AsyncGenerator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.set()

    items = iterate(endless)
    assert next(items) == 1
    items.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_errors_pass_through() -> None:
    async def failing() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("broken")

    items = iterate(failing)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_an_interrupt_while_waiting_closes_the_generator() -> None:
    """Ctrl-C reaches the main thread while the next item is under way in the other one."""
    closed = threading.Event()

    async def slow() -> AsyncGenerator[int]:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
            yield 1
        finally:
            closed.set()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            next(iterate(slow))
    finally:
        signal.signal(signal.SIGINT, before)
    assert closed.is_set()
