"""Requests of all calls that share an engine wait here for their turn: so many under way, and so many a minute.

The rules are :mod:`.pacing`'s; here are the line, the lock and the timer. Calls may come from event loops in several
threads, as each synchronous reading has its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .pacing import Ending, Pace, Sent, Spacing

FIRST_ANSWER = 1000
"""Tokens that an answer is taken to have before there is one."""


@dataclass(slots=True, eq=False)
class Turn:
    """A request that may go out, and what its sender tells of its end."""

    sent: Sent
    question: int
    tokens: float
    """Of question and answer, as they were estimated."""
    waited: float = 0.0
    """Seconds in line."""
    ending: Ending = "neutral"
    retry_after: float = 0.0
    spent: int = 0
    """Tokens, where the server told."""


@dataclass(slots=True, eq=False)
class _Waiting:
    tokens: int
    loop: asyncio.AbstractEventLoop
    turn: asyncio.Future[Turn] = field(init=False)

    def __post_init__(self) -> None:
        self.turn = self.loop.create_future()


class Turns:
    """The line before a server.

    Args:
        most: Requests under way at once, at most.
        patience: Seconds after which a request is given up.
        requests_per_minute: No more go out; 0 is no limit.
        tokens_per_minute: No more are spent, but for the last request; 0 is no limit.
        clock: What tells the time.
    """

    def __init__(
        self,
        *,
        most: int,
        patience: float,
        requests_per_minute: float = 0.0,
        tokens_per_minute: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pace = Pace(most=most, patience=patience)
        self._most = most
        self._requests = Spacing(requests_per_minute)
        self._tokens = Spacing(tokens_per_minute)
        self._clock = clock
        self._line: deque[_Waiting] = deque()
        self._answer = float(FIRST_ANSWER)
        self._pages = 0
        self._timer: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()

    @property
    def places(self) -> int:
        """Pages that there is use for now: those that may be under way, and those that sit out a refusal."""
        sitting_out = self._pages - self._pace.in_flight - len(self._line)
        return min(self._most, self._pace.level + max(0, sitting_out))

    @asynccontextmanager
    async def page(self) -> AsyncGenerator[None]:
        """While a page is being read, whatever is asked for it."""
        with self._lock:
            self._pages += 1
        try:
            yield
        finally:
            with self._lock:
                self._pages -= 1

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncGenerator[Turn]:
        """Wait until a request may go out, and tell of its end.

        Args:
            tokens: What the question has; the answer is estimated.
        """
        began = self._clock()
        turn = await self._wait(_Waiting(tokens, asyncio.get_running_loop()))
        turn.waited = self._clock() - began
        try:
            yield turn
        finally:
            self._end(turn)

    async def _wait(self, waiting: _Waiting) -> Turn:
        with self._lock:
            self._line.append(waiting)
            self._admit()
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            with self._lock:
                if waiting in self._line:
                    self._line.remove(waiting)
                elif waiting.turn.done() and not waiting.turn.cancelled():
                    self._end(waiting.turn.result())
                self._timer = None  # it may have been set in a loop that is ending
                self._admit()
            raise

    def _end(self, turn: Turn) -> None:
        with self._lock:
            now = self._clock()
            self._pace.ended(turn.sent, turn.ending, now, retry_after=turn.retry_after)
            if turn.spent:
                self._tokens.correct(turn.spent - turn.tokens)
                self._answer += (turn.spent - turn.question - self._answer) / 8
            elif turn.ending != "answered":
                self._tokens.correct(-turn.tokens)
            self._admit()

    def _admit(self) -> None:
        """Let those at the head of the line go, as many as may; hold the lock."""
        while self._line:
            now = self._clock()
            head = self._line[0]
            if not self._pace.may_send(now):
                if self._pace.in_flight < self._pace.level:
                    self._wake(head.loop, self._pace.resting_until - now)
                return
            seconds = max(self._requests.wait(now), self._tokens.wait(now))
            if seconds > 0:
                self._wake(head.loop, seconds)
                return
            self._line.popleft()
            tokens = head.tokens + self._answer
            self._requests.take(1, now)
            self._tokens.take(tokens, now)
            turn = Turn(self._pace.sent(now), head.tokens, tokens)
            try:
                head.loop.call_soon_threadsafe(self._hand_over, head, turn)
            except RuntimeError:  # its loop is gone, and it with it
                self._pace.ended(turn.sent, "neutral", now)

    def _hand_over(self, waiting: _Waiting, turn: Turn) -> None:
        if waiting.turn.done():  # cancelled meanwhile
            self._end(turn)
        else:
            waiting.turn.set_result(turn)

    def _wake(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        if self._timer is not None and not self._timer.is_closed():
            return
        try:
            loop.call_soon_threadsafe(loop.call_later, max(0.001, seconds), self._look_again)
            self._timer = loop
        except RuntimeError:  # its loop is gone
            self._timer = None

    def _look_again(self) -> None:
        with self._lock:
            self._timer = None
            self._admit()
