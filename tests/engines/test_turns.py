from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any

import pytest

from deepseek_ocr_rag.engines.chat import ChatEngine
from deepseek_ocr_rag.engines.pacing import START
from deepseek_ocr_rag.engines.remote import ChatOptions
from deepseek_ocr_rag.engines.turns import FIRST_ANSWER, Turn, Turns


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Caller:
    """Sends requests when it is their turn, and holds them until they are released."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.under_way: list[tuple[Turn, asyncio.Event]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, count: int = 1, *, tokens: int = 100) -> None:
        self.tasks += [asyncio.create_task(self._send(tokens)) for _ in range(count)]

    async def _send(self, tokens: int) -> None:
        async with self.turns.turn(tokens) as turn:
            done = asyncio.Event()
            self.under_way.append((turn, done))
            await done.wait()
            turn.ending = "answered"

    def answer(self, *, spent: int = 0) -> None:
        turn, done = self.under_way.pop(0)
        turn.spent = spent
        done.set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def test_only_so_many_are_under_way_and_the_others_go_in_order() -> None:
    async def main() -> None:
        caller = Caller(Turns(most=3, patience=60))
        caller.send(7)
        await settle()
        assert len(caller.under_way) == 3
        first = caller.under_way[0]
        caller.answer()
        await settle()
        assert len(caller.under_way) == 3
        assert first not in caller.under_way
        await caller.close()

    asyncio.run(main())


def test_who_is_cancelled_in_line_or_under_way_leaves_the_place_to_others() -> None:
    async def main() -> None:
        turns = Turns(most=2, patience=60)
        caller = Caller(turns)
        caller.send(4)
        await settle()
        caller.tasks[0].cancel()  # under way
        caller.tasks[2].cancel()  # in line
        await settle()
        assert len(caller.under_way) == 3  # the first, the second, and the last one, which took the place
        await caller.close()
        again = Caller(turns)
        again.send(2)
        await settle()
        assert len(again.under_way) == 2
        await again.close()

    asyncio.run(main())


def test_requests_a_minute_go_out_evenly() -> None:
    async def main() -> None:
        clock = Clock()
        turns = Turns(most=9, patience=60, requests_per_minute=60, clock=clock)
        caller = Caller(turns)
        caller.send(3)
        await settle()
        assert len(caller.under_way) == 1
        clock.now = 0.9
        turns._look_again()
        await settle()
        assert len(caller.under_way) == 1
        clock.now = 1.0
        turns._look_again()
        await settle()
        assert len(caller.under_way) == 2
        assert caller.under_way[1][0].waited == 1.0
        await caller.close()

    asyncio.run(main())


def test_tokens_a_minute_are_estimated_and_corrected_by_what_was_spent() -> None:
    async def main() -> None:
        clock = Clock()
        turns = Turns(most=9, patience=60, tokens_per_minute=60_000, clock=clock)  # a thousand a second
        caller = Caller(turns)
        caller.send(2, tokens=500)
        await settle()
        assert len(caller.under_way) == 1  # and takes 500 + FIRST_ANSWER: 1.5 s
        assert FIRST_ANSWER == 1000
        caller.answer(spent=700)
        await settle()
        clock.now = 0.71
        turns._look_again()
        await settle()
        assert len(caller.under_way) == 1
        await caller.close()

    asyncio.run(main())


def test_a_timer_lets_those_go_that_wait_for_time() -> None:
    async def main() -> float:
        caller = Caller(Turns(most=9, patience=60, requests_per_minute=6000))
        caller.send(5)
        while len(caller.under_way) < 5:  # noqa: ASYNC110 - it is the timer that is looked at
            await asyncio.sleep(0.001)
        waited = [turn.waited for turn, _ in caller.under_way]
        await caller.close()
        assert waited == sorted(waited)
        return waited[-1]

    assert asyncio.run(asyncio.wait_for(main(), 10)) >= 0.03


def test_calls_in_several_threads_share_one_limit() -> None:
    turns = Turns(most=2, patience=60)
    running = most = done = 0
    lock = threading.Lock()

    async def one() -> None:
        nonlocal running, most, done
        async with turns.turn(1) as turn:
            with lock:
                running += 1
                most = max(most, running)
            await asyncio.sleep(0.001)
            with lock:
                running -= 1
                done += 1
            turn.ending = "answered"

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (done, most) == (80, 2)


def test_pages_that_sit_out_a_refusal_leave_room_for_others() -> None:
    async def main() -> None:
        turns = Turns(most=64, patience=60)
        assert turns.places == START
        async with turns.page(), turns.page():
            assert turns.places == START + 2
            async with turns.turn(1):
                assert turns.places == START + 1
        few = Turns(most=3, patience=60)
        async with few.page():
            assert few.places == 3

    asyncio.run(main())


def test_an_engine_shares_its_turns_and_can_be_pickled() -> None:
    engine = ChatEngine("http://localhost/v1", model="m", options=ChatOptions(max_in_flight=5))
    assert (engine.max_in_flight, engine.places) == (5, 5)
    assert pickle.loads(pickle.dumps(engine)).places == 5


@pytest.mark.parametrize("wrong", [{"requests_per_minute": -1}, {"tokens_per_minute": -1}])
def test_limits_are_not_negative(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="negative"):
        ChatOptions(**wrong)
