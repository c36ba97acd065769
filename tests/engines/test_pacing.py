from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.pacing import LONGEST_REST, START, Ending, Pace, Sent, Spacing

Refuses = Callable[["Simulation"], bool]

WINDOW = 72
"""Pages that are at hand."""


@dataclass(eq=False)
class Simulation:
    """A server with so many slots, and pages that are asked for until all are answered; there is no clock."""

    pace: Pace
    slots: int = 32
    seconds: Callable[[], float] = lambda: 1.5
    refuses: Refuses = lambda _: False
    timeout: float = 300.0
    """Seconds after which the client gives up."""
    now: float = 0.0
    serving: int = 0
    queue: list[tuple[float, Sent]] = field(default_factory=list)
    answered: int = 0
    refused: int = 0
    lost: int = 0
    most: int = 0
    levels: list[int] = field(default_factory=list)

    def run(self, pages: int) -> float:
        """Seconds until all pages are answered."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._waiting = min(WINDOW, pages)
        self._coming = pages - self._waiting
        while self.answered < pages:
            while self._waiting and self.pace.may_send(self.now):
                self._waiting -= 1
                self._send()
            if self._waiting and self.pace.in_flight == 0 and not self._events:
                self._at(self.pace.resting_until, lambda: None)
            self.now, _, event = heapq.heappop(self._events)
            event()
            assert self.now < 1e5
            self.levels.append(self.pace.level)
        return self.now

    def _at(self, when: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(self.now, when), self._count, event))

    def _send(self) -> None:
        sent = self.pace.sent(self.now)
        self.most = max(self.most, self.pace.in_flight)
        assert self.pace.in_flight <= self.pace.level
        if self.refuses(self):
            self._at(self.now + 0.01, lambda: self._refuse(sent))
        else:
            self._at(self.now + 0.01, lambda: self._arrive(sent))

    def _refuse(self, sent: Sent) -> None:
        self.refused += 1
        self.pace.ended(sent, "refused", self.now)
        self._at(self.now + 0.3, self._again)

    def _again(self) -> None:
        self._waiting += 1

    def _arrive(self, sent: Sent) -> None:
        self.queue.append((self.now, sent))
        self._serve()

    def _serve(self) -> None:
        while self.queue and self.serving < self.slots:
            _, sent = self.queue.pop(0)
            if self.now - sent.at > self.timeout:
                self.lost += 1
                self.pace.ended(sent, "lost", self.now)
                self._again()
                continue
            self.serving += 1
            self._at(self.now + self.seconds(), lambda sent=sent: self._answer(sent))  # type: ignore[misc]

    def _answer(self, sent: Sent) -> None:
        self.serving -= 1
        self.answered += 1
        if self._coming:
            self._coming -= 1
            self._waiting += 1
        self.pace.ended(sent, "answered", self.now)
        self._serve()


def ideal(pages: int, slots: int = 32, seconds: float = 1.5) -> float:
    return pages / slots * seconds


@pytest.mark.parametrize("slots", [32, 48, 64])
def test_what_a_server_serves_at_once_is_found_at_once(slots: int) -> None:
    run = Simulation(Pace(most=64), slots=slots)
    assert run.run(slots * 31) <= 1.08 * ideal(slots * 31, slots)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_random_refusals_slow_nothing_down(seed: int, share: float) -> None:
    dice = random.Random(seed)
    run = Simulation(Pace(most=64), refuses=lambda _: dice.random() < share)
    assert run.run(1000) <= 1.15 * ideal(1000)


@pytest.mark.parametrize("limit", [1, 4, 12, 30])
def test_refusals_of_what_is_over_a_limit_make_it_stay_under_it(limit: int) -> None:
    run = Simulation(Pace(most=64), slots=limit, refuses=lambda run: run.pace.in_flight > limit)
    run.run(1000)
    assert run.refused < 0.3 * run.answered + 60
    assert sum(run.levels) / len(run.levels) < limit * 1.3 + 2
    assert run.now <= 1.2 * ideal(1000, limit)


@pytest.mark.parametrize(("slots", "seconds"), [(1, 5.0), (2, 20.0), (8, 4.0)])
def test_more_under_way_than_are_served_does_not_stay(slots: int, seconds: float) -> None:
    run = Simulation(Pace(most=64, patience=300.0), slots=slots, seconds=lambda: seconds)
    run.run(400)
    late = run.levels[len(run.levels) // 2 :]
    assert sum(late) / len(late) <= 2 * slots + 12
    assert run.lost == 0
    assert run.now <= 1.1 * ideal(400, slots, seconds) + seconds


def test_answers_of_all_lengths_do_not_keep_it_small() -> None:
    dice = random.Random(4)
    run = Simulation(Pace(most=64), slots=1000, seconds=lambda: dice.expovariate(0.5) + 0.2)
    run.run(3000)
    assert sum(run.levels[1000:]) / len(run.levels[1000:]) > 40


def test_a_server_that_refuses_all_is_asked_less_and_less_and_found_again() -> None:
    run = Simulation(Pace(most=64), refuses=lambda run: 30 < run.now < 630)
    run.run(2000)
    assert run.refused < 2000
    assert run.now < 630 + LONGEST_REST + ideal(2000) * 1.2


def test_a_retry_after_is_a_rest_where_all_is_refused() -> None:
    pace = Pace(most=64)
    for now in range(9):
        pace.ended(pace.sent(float(now)), "refused", float(now), retry_after=17.0)
    assert pace.resting_until == 8 + 17
    assert not pace.may_send(24.9)
    assert pace.may_send(25.0)


def test_what_is_lost_together_is_a_reason_to_slow_down_once() -> None:
    pace = Pace(most=64)
    sent = [pace.sent(0.0) for _ in range(START)]
    for one in sent[:5]:
        pace.ended(one, "lost", 300.0)
    assert pace.level == int(START * 0.7)
    pace.ended(sent[5], "neutral", 301.0)
    pace.ended(pace.sent(302.0), "lost", 602.0)
    assert pace.level == int(START * 0.7 * 0.7)


def test_what_is_not_made_use_of_does_not_grow() -> None:
    pace = Pace(most=64)
    now = 0.0
    for _ in range(500):
        ahead = [pace.sent(now) for _ in range(5)]
        now += 0.1
        for one in ahead:
            pace.ended(one, "answered", now)
    assert pace.level == START


def test_a_pause_of_the_client_is_no_slowness_of_the_server() -> None:
    pace = Pace(most=64, patience=60.0)
    now = 0.0
    for _ in range(20):
        sent = [pace.sent(now) for _ in range(pace.level)]
        now += 1.0
        for one in sent:
            pace.ended(one, "answered", now)
        now += 600.0
    assert pace.level == 64


@settings(max_examples=200, deadline=None)
@given(
    most=st.integers(1, 70),
    events=st.lists(
        st.tuples(
            st.sampled_from(["send", "answered", "refused", "lost", "neutral"]), st.integers(0, 99), st.floats(0, 400)
        ),
        max_size=300,
    ),
)
def test_whatever_happens_it_stays_within_its_bounds(most: int, events: list[tuple[str, int, float]]) -> None:
    pace, under_way, now = Pace(most=most, patience=300.0), list[Sent](), 0.0
    for what, which, seconds in events:
        now += seconds / 100
        if what == "send":
            if pace.may_send(now):
                under_way.append(pace.sent(now))
        elif under_way:
            ending: Ending = what  # type: ignore[assignment]
            pace.ended(under_way.pop(which % len(under_way)), ending, now, retry_after=seconds)
        assert 1 <= pace.level <= most
        assert pace.in_flight == len(under_way)
        assert math.isfinite(pace.resting_until) or pace.resting_until == -math.inf


@given(
    per_minute=st.integers(1, 900),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    amounts=st.lists(st.integers(1, 40), min_size=60, max_size=60),
)
def test_no_minute_has_more_than_is_allowed_and_one(per_minute: int, gaps: list[float], amounts: list[int]) -> None:
    spacing, now = Spacing(per_minute), 0.0
    out: list[tuple[float, int]] = []
    for gap, amount in zip(gaps, amounts, strict=False):
        now += gap
        now += spacing.wait(now)
        assert spacing.wait(now) <= 1e-6
        spacing.take(amount, now)
        out.append((now, amount))
    for start, _ in out:
        inside = [amount for at, amount in out if start <= at < start + 59.999]
        assert sum(inside[:-1]) <= per_minute * 1.001


def test_a_flow_is_even_and_corrected_and_none_is_no_limit() -> None:
    spacing = Spacing(60)
    spacing.take(3, 100.0)
    assert spacing.wait(101.0) == 2.0
    spacing.correct(-1)
    assert spacing.wait(101.0) == 1.0
    assert spacing.wait(200.0) == 0.0
    free = Spacing(0)
    free.take(5, 0.0)
    assert free.wait(0.0) == 0.0
