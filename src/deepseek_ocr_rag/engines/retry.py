"""The ladder: given what happened so far with one picture, what to try next. Pure; the clock is the driver's.

Trouble on the way is met by the same question again, later, smaller, or without a field that the server refuses. An
answer that stops too early, repeats itself or says nothing is met by another question: at temperature 0 the same one
would get the same answer. Each rung says which faults it may heal; the order is from cheap to dear.

Sources: the official scripts' n-gram settings; deepseek-ai/DeepSeek-OCR issues 151, 160 and 194 for loops and lost
pages, 297 for what Free OCR still reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..prompts import Task
from .question import TroubleKind

Fault = Literal["truncated", "looped", "empty", "filtered"]
"""What may be wrong with an answer: cut off, repeating itself, saying nothing, stopped by a filter of the host."""

Outcome = Literal["ok"] | Fault | TroubleKind

FAULTS: tuple[Fault, ...] = ("truncated", "looped", "empty", "filtered")

RECAST = ("field", "too_long")
"""Trouble that the same question has no more once it is cast anew."""

LIMITED_BACKOFF, LONGEST_BACKOFF = 0.3, 30.0
"""Seconds before a question goes out again that a server had no room for; doubled each time, up to the longest."""

PASSING = ("busy", "unreachable", "garbled")
"""Trouble that may be over a moment later."""

LONGEST_WAIT = 60.0
"""Seconds between two attempts, whatever the server's Retry-After says."""

SHRINK = 0.75
"""By how much a picture is made smaller each time that the server finds it too large."""

MOST_SHRINKS = 4
MOST_RECASTS = 8
"""Extra fields of a request, and steps in which its answer is made shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What a page may cost before its best answer so far is taken."""

    max_attempts: int = 3
    """Times that one question is sent while the server is busy or cannot be reached. What it refuses because too much
    is asked (429) does not count: that waits until the deadline."""
    backoff: float = 1.0
    """Seconds before the second time; each further wait is twice as long, and the server's Retry-After comes on top."""
    max_requests: int = 12
    """Requests of one page, those for its halves and tiles included; each tile beyond the first brings its own."""
    deadline: float = 900.0
    """Seconds of one page; what is under way may still take ``timeout``."""
    ask_again: bool = True
    """Whether an answer that is cut off, repeats itself or says nothing is asked for again in other ways."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        if self.max_attempts < 1 or self.max_requests < 1 or self.deadline <= 0 or self.backoff < 0:
            raise ValueError(
                "max_attempts and max_requests must be at least 1, deadline positive, backoff not negative"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way to ask; the first one of a ladder is as the user wants it."""

    name: str
    heals: frozenset[Fault] = frozenset()
    guard: int = 0
    """Which of the model family's n-gram settings."""
    temperature: float | None = None
    long_side: int = 0
    """Pixels to scale the picture down to; 0 leaves it."""
    in_halves: bool = False
    task: Task | None = None


FIRST = Rung(name="as asked")
OTHER_GUARD = Rung(name="with another n-gram guard", heals=frozenset({"looped"}), guard=1)
WARMER = Rung(name="at temperature 0.2", heals=frozenset({"looped"}), guard=1, temperature=0.2)
SMALLER_SIDE = 1024
SMALLER = Rung(name=f"at {SMALLER_SIDE} pixels", heals=frozenset({"looped", "empty"}), guard=1, long_side=SMALLER_SIDE)
HALVES = Rung(name="in halves", heals=frozenset({"truncated", "looped", "empty", "filtered"}), in_halves=True)
QUARTERS = Rung(name="in quarters", heals=frozenset({"truncated"}), in_halves=True)
FREE_OCR = Rung(
    name="with Free OCR", heals=frozenset({"truncated", "looped", "empty", "filtered"}), guard=1, task="free_ocr"
)


def ladder(
    *, has_guard: bool, depth: int, free_ocr: bool, has_temperature: bool = True, in_parts: bool = True, side: int = 0
) -> tuple[Rung, ...]:
    """The rungs for a picture.

    Args:
        has_guard: Whether the server takes n-gram settings.
        has_temperature: Whether it takes a temperature.
        depth: How often the page was cut in half already; a quarter is not cut again.
        free_ocr: Whether the model family, the server and the task allow to fall back to Free OCR.
        in_parts: Whether halves of the picture can be asked about; half of a chart cannot.
        side: Pixels of the picture's longer side.
    """
    wanted = {
        FIRST: True,
        OTHER_GUARD: has_guard,
        WARMER: has_temperature and depth == 0,
        SMALLER: depth == 0 and side > SMALLER_SIDE,
        HALVES: in_parts and depth == 0,
        QUARTERS: in_parts and depth == 1,
        FREE_OCR: free_ocr,
    }
    return tuple(rung for rung, is_wanted in wanted.items() if is_wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One thing that was tried, and what came of it."""

    rung: int
    outcome: Outcome
    letters: int = 0
    """Letters and digits of the answer that count."""
    retry_after: float = 0.0
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Try rung number ``rung``, after ``wait`` seconds that the server asks for and a share of ``backoff`` on top."""

    rung: int = 0
    wait: float = 0.0
    backoff: float = 0.0
    shrinks: int = 0
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Take attempt number ``best``; None where there is no answer at all."""

    best: int | None = None


def next_move(
    attempts: Sequence[Attempt],
    rungs: Sequence[Rung],
    policy: RetryPolicy,
    *,
    requests_left: int,
    seconds_left: float,
) -> Ask | Stop:
    """What to do after ``attempts`` with one picture.

    Args:
        attempts: All of them, in order.
        rungs: The :func:`ladder`.
        policy: The limits.
        requests_left: What is left of the page's requests.
        seconds_left: What is left of the page's time.
    """
    over = requests_left <= 0 or seconds_left <= 0
    if not attempts:
        return Stop() if over else Ask()
    if over or attempts[-1].outcome in ("ok", "misconfigured"):
        return Stop(best=_best(attempts, rungs))
    same = _same_again(attempts, policy)
    higher = _next_rung(attempts, rungs) if policy.ask_again else None
    if same is None and higher is not None:
        same = replace(_again(attempts), rung=higher, wait=attempts[-1].retry_after)
    if same is None or min(LONGEST_WAIT, same.wait + same.backoff) >= seconds_left:
        return Stop(best=_best(attempts, rungs))
    return same


def _again(attempts: Sequence[Attempt]) -> Ask:
    """The last question, as the server wants it."""
    return Ask(
        rung=attempts[-1].rung,
        shrinks=sum(attempt.outcome == "too_large" for attempt in attempts),
        without=frozenset(attempt.field for attempt in attempts if attempt.field),
    )


def _same_again(attempts: Sequence[Attempt], policy: RetryPolicy) -> Ask | None:
    """The last question once more, where there is a chance that it is answered."""
    last, again = attempts[-1], _again(attempts)
    if last.outcome in RECAST and sum(attempt.outcome in RECAST for attempt in attempts) <= MOST_RECASTS:
        return again
    if last.outcome == "too_large" and again.shrinks <= MOST_SHRINKS:
        return again
    if last.outcome == "limited":
        backoff = min(LONGEST_BACKOFF, LIMITED_BACKOFF * 2.0 ** min(_limited_in_a_row(attempts) - 1, 16))
        return replace(again, wait=last.retry_after, backoff=backoff)
    if last.outcome in PASSING and _tries(attempts) < policy.max_attempts:
        return replace(again, wait=last.retry_after, backoff=policy.backoff * 2.0 ** min(_tries(attempts) - 1, 16))
    return None


def _limited_in_a_row(attempts: Sequence[Attempt]) -> int:
    return next((n for n, attempt in enumerate(reversed(attempts)) if attempt.outcome != "limited"), len(attempts))


def _tries(attempts: Sequence[Attempt]) -> int:
    """How often the last rung met trouble that may pass."""
    rung = attempts[-1].rung
    return sum(attempt.rung == rung and attempt.outcome in PASSING for attempt in attempts)


def _next_rung(attempts: Sequence[Attempt], rungs: Sequence[Rung]) -> int | None:
    """The next rung that may heal the fault of the last answer; without an answer there is nothing to heal."""
    faults = [attempt.outcome for attempt in attempts if attempt.outcome in FAULTS]
    if not faults:
        return None
    return next((at for at in range(attempts[-1].rung + 1, len(rungs)) if faults[-1] in rungs[at].heals), None)


def _best(attempts: Sequence[Attempt], rungs: Sequence[Rung]) -> int | None:
    """The answer that is whole, else the one that says most; one without boxes must say clearly more."""
    answers = [at for at, attempt in enumerate(attempts) if attempt.outcome in ("ok", *FAULTS)]
    if not answers:
        return None

    def worth(at: int) -> tuple[bool, float]:
        attempt = attempts[at]
        return attempt.outcome == "ok", attempt.letters * (0.8 if rungs[attempt.rung].task else 1.0)

    return max(answers, key=worth)
