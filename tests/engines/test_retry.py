from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.retry import (
    FAULTS,
    FIRST,
    FREE_OCR,
    HALVES,
    MOST_SHRINKS,
    OTHER_GUARD,
    PASSING,
    QUARTERS,
    SMALLER,
    WARMER,
    Ask,
    Attempt,
    Outcome,
    RetryPolicy,
    Stop,
    ladder,
    next_move,
)

POLICY = RetryPolicy()
RUNGS = ladder(has_guard=True, depth=0, free_ocr=True, side=1800)


def move(*outcomes: Outcome | Attempt, rungs: Any = RUNGS, policy: RetryPolicy = POLICY, **left: float) -> Ask | Stop:
    """What comes after outcomes of the first rung, or attempts."""
    attempts = [entry if isinstance(entry, Attempt) else Attempt(rung=0, outcome=entry) for entry in outcomes]
    limits: Any = {"requests_left": 12, "seconds_left": 900.0} | left
    return next_move(attempts, rungs, policy, **limits)


def climbed(*faults: Outcome, rungs: Any = RUNGS) -> list[str]:
    """The rungs that are tried when the answers have these faults in turn."""
    attempts: list[Attempt] = []
    names = []
    for fault in faults:
        step = next_move(attempts, rungs, POLICY, requests_left=12, seconds_left=900)
        if isinstance(step, Stop):
            break
        names.append(rungs[step.rung].name)
        attempts.append(Attempt(rung=step.rung, outcome=fault, letters=len(attempts)))
    return names


def test_it_begins_as_asked_and_ends_with_a_good_answer() -> None:
    assert move() == Ask(rung=0)
    assert move("ok") == Stop(best=0)
    assert move("truncated", Attempt(rung=4, outcome="ok")) == Stop(best=1)


def test_a_loop_climbs_all_rungs() -> None:
    names = [rung.name for rung in (FIRST, OTHER_GUARD, WARMER, SMALLER, HALVES, FREE_OCR)]
    assert climbed(*["looped"] * 9) == names
    assert climbed(*["looped"] * 9, rungs=ladder(has_guard=False, depth=0, free_ocr=True, side=1800)) == [
        name for name in names if name != OTHER_GUARD.name
    ]


def test_what_is_too_long_is_cut_in_halves_not_asked_for_again() -> None:
    assert climbed(*["truncated"] * 9) == [FIRST.name, HALVES.name, FREE_OCR.name]


def test_nothing_is_asked_for_in_a_smaller_picture_then_in_halves_then_without_layout() -> None:
    assert climbed(*["empty"] * 9) == [FIRST.name, SMALLER.name, HALVES.name, FREE_OCR.name]


def test_a_fault_that_changes_goes_on_from_where_it_is() -> None:
    assert climbed("looped", "truncated", "truncated", "empty")[:3] == [FIRST.name, OTHER_GUARD.name, HALVES.name]


def test_quarters_are_not_cut_again() -> None:
    assert [rung.name for rung in ladder(has_guard=True, depth=1, free_ocr=True)] == [
        rung.name for rung in (FIRST, OTHER_GUARD, QUARTERS, FREE_OCR)
    ]
    assert not any(rung.in_halves for rung in ladder(has_guard=True, depth=2, free_ocr=True))


@pytest.mark.parametrize("outcome", PASSING)
def test_passing_trouble_is_met_with_the_same_question_and_longer_waits(outcome: Outcome) -> None:
    assert move(outcome) == Ask(backoff=1.0)
    assert move(outcome, outcome) == Ask(backoff=2.0)
    assert move(outcome, outcome, outcome) == Stop()
    assert move(Attempt(rung=0, outcome=outcome, retry_after=7)) == Ask(wait=7, backoff=1.0)


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    assert move(Attempt(rung=0, outcome="busy", retry_after=20), seconds_left=10.0) == Stop()


def test_trouble_on_a_higher_rung_does_not_end_the_climb() -> None:
    looped = Attempt(rung=0, outcome="looped", letters=90)
    busy = Attempt(rung=1, outcome="busy")
    assert move(looped, busy) == Ask(rung=1, backoff=1.0)
    assert move(looped, busy, busy, busy) == Ask(rung=2)
    assert move(looped, Attempt(rung=1, outcome="rejected")) == Ask(rung=2)


def test_too_large_is_made_smaller_until_it_fits_or_makes_no_sense() -> None:
    for shrinks in range(1, MOST_SHRINKS + 1):
        assert move(*["too_large"] * shrinks) == Ask(shrinks=shrinks)
    assert move(*["too_large"] * (MOST_SHRINKS + 1)) == Stop()


def test_refused_fields_are_left_out_and_stay_out() -> None:
    whitelist = Attempt(rung=0, outcome="field", field="a.b")
    assert move(whitelist) == Ask(without=frozenset({"a.b"}))
    both = frozenset({"a.b", "c"})
    assert move(whitelist, Attempt(rung=0, outcome="field", field="c")) == Ask(without=both)
    assert move(whitelist, Attempt(rung=0, outcome="field", field="c"), "looped") == Ask(rung=1, without=both)


@pytest.mark.parametrize("outcome", ["rejected", "misconfigured"])
def test_refusals_end_it(outcome: Outcome) -> None:
    assert move(outcome) == Stop()


def test_a_wrong_key_on_the_way_keeps_the_answer_that_there_is() -> None:
    assert move("truncated", Attempt(rung=4, outcome="misconfigured")) == Stop(best=0)


def test_the_best_partial_answer_is_kept() -> None:
    answers = [
        Attempt(rung=0, outcome="looped", letters=500),
        Attempt(rung=1, outcome="looped", letters=800),
        Attempt(rung=5, outcome="truncated", letters=900),  # without boxes: it must say clearly more
    ]
    assert move(*answers, requests_left=0) == Stop(best=1)
    assert move(*answers[:2], Attempt(rung=5, outcome="truncated", letters=1100), requests_left=0) == Stop(best=2)


@pytest.mark.parametrize("left", [{"requests_left": 0}, {"seconds_left": 0.0}])
def test_the_budget_ends_it(left: dict[str, float]) -> None:
    assert move("looped", **left) == Stop(best=0)
    assert move("busy", **left) == Stop()


def test_asking_again_can_be_forbidden() -> None:
    assert move("looped", policy=RetryPolicy(ask_again=False)) == Stop(best=0)
    assert isinstance(move("busy", policy=RetryPolicy(ask_again=False)), Ask)


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"max_requests": 0}, {"deadline": 0}, {"backoff": -1}])
def test_limits_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        RetryPolicy(**wrong)


@given(
    outcomes=st.lists(st.sampled_from(["ok", *FAULTS, *PASSING, "too_large", "field", "rejected", "misconfigured"])),
    guard=st.booleans(),
    depth=st.integers(0, 2),
)
def test_it_always_ends_and_never_goes_down(outcomes: list[Outcome], guard: bool, depth: int) -> None:
    rungs = ladder(has_guard=guard, depth=depth, free_ocr=True)
    attempts: list[Attempt] = []
    for number, outcome in enumerate(outcomes):
        step = next_move(attempts, rungs, POLICY, requests_left=12 - number, seconds_left=900)
        if isinstance(step, Stop):
            answered = [at for at, attempt in enumerate(attempts) if attempt.outcome in ("ok", *FAULTS)]
            assert step.best in answered if answered else step.best is None
            return
        assert step.rung >= max((attempt.rung for attempt in attempts), default=0)
        attempts.append(
            Attempt(rung=step.rung, outcome=outcome, letters=number, field=f"f{number}" * (outcome == "field"))
        )
    assert len(attempts) <= 12
