"""How many requests may be under way at once, found out from what becomes of them; and how many go out a minute. Pure.

A server does not say how many pages it reads at once. So the number grows as long as more under way are more answered:
doubled each round at first, one more a round later. Where more under way is only more waiting, it goes back to what was
served. Refusals count by how they go with the load: those that get no rarer with less under way are not our doing, and
slow nothing down. Time is handed in, so that all of this can be tested without any.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

Ending = Literal["answered", "refused", "lost", "neutral"]
"""What became of a request: an answer; 429 or 5xx; none in time, or a broken connection; an error that says nothing of
the server's load."""

START = 16
"""Requests under way at first: a small server has them wait for a minute at most, a large one doubles them in one."""

LEAST_GAIN = 0.25
"""How much of what more requests under way should bring must be seen, or they were for nothing."""

CLEARLY_MORE = 1.2
"""Times as many under way, from which on what they bring can be told from chance."""

TOGETHER = 0.02
"""Of the time that an answer takes, the gap between two answers that came together."""

HEADROOM = 1.1
"""Times what is served, so that the server never waits for us."""

CUT = 0.7
"""What is left of the number after requests were lost."""

RECENT, FEWEST = 16, 8
MOSTLY = 0.75
"""Of the requests sent last, the share of refusals at which the server takes no more than it has."""

FIRST_HOLD, LONGEST_HOLD = 8, 64
"""Rounds without growth after a growth that did not pay."""

FIRST_REST, LONGEST_REST = 0.5, 30.0
"""Seconds in which nothing is sent after all was refused; doubled while nothing is answered."""


@dataclass(slots=True, eq=False)
class Sent:
    """A request that is under way."""

    at: float
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What was seen in a round: as many answers as requests were allowed when it began."""

    rate: float
    """Answers a second."""
    load: float
    """Requests under way that were answered, on average."""
    refused: float
    """Of all that ended, the share that was refused."""


class Pace:
    """The number of requests that may be under way.

    Args:
        most: The highest number.
        patience: Seconds after which a request is given up; what waits for half of it is too much under way.
    """

    def __init__(self, *, most: int, patience: float = math.inf) -> None:
        self._most = most
        self._patience = patience
        self._level = float(min(START, most))
        self._is_fast = True
        self._hold = 0
        self._next_hold = FIRST_HOLD
        self._recent: deque[Sent] = deque(maxlen=RECENT + 4 * most)
        self._rest = self._refusing = self._latency = 0.0
        self._answer_at = -math.inf
        self._known: _Round | None = None
        self._cut_at = -math.inf
        self.in_flight = 0
        self.resting_until = -math.inf
        """Nothing is to be sent before."""
        self._began = self._busy = self._last_at = 0.0
        self._size = self._peak = self._answers = self._refusals = 0

    @property
    def level(self) -> int:
        """How many may be under way now; at least 1."""
        return max(1, min(self._most, int(self._level)))

    def may_send(self, now: float) -> bool:
        """Whether one more may go out."""
        return self.in_flight < self.level and now >= self.resting_until

    def sent(self, now: float) -> Sent:
        """A request goes out; hand the result to :meth:`ended`."""
        if self.in_flight == 0:
            self._begin_round(now)  # what was before it is no measure: nobody asked for anything
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        self._recent.append(Sent(now))
        return self._recent[-1]

    def ended(self, sent: Sent, ending: Ending, now: float, *, retry_after: float = 0.0) -> None:
        """A request has come to an end; ``retry_after`` is what the server asks for with a refusal, in seconds."""
        self.in_flight -= 1
        if ending == "answered":
            self._answered(now - sent.at, now)
        elif ending == "refused":
            sent.is_refused = True
            self._refused(sent, now, retry_after)
        elif ending == "lost" and sent.at > self._cut_at:  # those that were under way together are lost once
            self._cut_at = now
            self._slow_down(self._level * CUT)

    # --- what endings mean --------------------------------------------------------------------------------------------

    def _answered(self, seconds: float, now: float) -> None:
        self._rest = 0.0
        if self._is_round_over(now):
            self._end_round()
        self._answers += 1
        self._busy += seconds
        self._latency += (seconds - self._latency) / 8 if self._latency else seconds
        self._last_at = self._answer_at = now
        elapsed = now - self._began
        if self._peak >= 0.9 * self._size:  # what was not made use of is no measure: rendering may be what all wait for
            if not self._hold:
                self._level = min(float(self._most), self._level + (1.0 if self._is_fast else 1.0 / self._level))
            if elapsed > 0 and self._answers >= min(4, self._size):
                self._level = min(self._level, max(1.0, self._answers / elapsed * self._patience / 2))

    def _is_round_over(self, now: float) -> bool:
        """Whether enough answers are there to measure; those that came together are counted together."""
        if self._answers < self._size or self._last_at <= self._began:
            return False
        gap = TOGETHER * self._busy / self._answers
        return now - self._last_at > gap or self._answers >= 2 * self._size

    def _refused(self, sent: Sent, now: float, retry_after: float) -> None:
        self._refusals += 1
        self._refusing += (now - sent.at - self._refusing) / 4
        # Judged are those sent so long ago that a refusal would be here: refusals come sooner than answers.
        fates = [one.is_refused for one in self._recent if now - one.at > 4 * self._refusing][-RECENT:]
        if len(fates) < FEWEST or sum(fates) < MOSTLY * len(fates):
            return
        # Nearly all are refused but those that are under way or were just served: these are what the server takes.
        served = self._known.load if self._known and now - self._answer_at < 2 * self._latency else 0.0
        self._level = min(self._level, max(1.0, self.in_flight, served))
        if self.in_flight:
            self._stop_growing()
        else:
            self._is_fast, self._hold, self._next_hold = True, 0, FIRST_HOLD
            self._rest = min(LONGEST_REST, max(FIRST_REST, self._rest * 2))
            self.resting_until = max(self.resting_until, now + max(self._rest, retry_after))

    def _begin_round(self, now: float) -> None:
        self._began = self._last_at = now
        self._size = self.level
        self._peak = self.in_flight
        self._answers = self._refusals = 0
        self._busy = 0.0

    def _end_round(self) -> None:
        elapsed = self._last_at - self._began
        found = _Round(
            rate=self._answers / elapsed,
            load=self._busy / elapsed,
            refused=self._refusals / (self._answers + self._refusals),
        )
        known = self._known
        if known is None or _is_less(found, known):
            self._known = found
        elif self._is_refused_more(known):
            self._slow_down(found.load)
        elif found.load < CLEARLY_MORE * known.load:
            self._known = _blended(known, found)
        elif found.rate / known.rate - 1 < LEAST_GAIN * (found.load / known.load - 1):
            # What is served now, as long as each was served when fewer were under way.
            self._slow_down(HEADROOM * known.load * found.rate / known.rate + 1)
        else:
            self._known, self._next_hold = found, FIRST_HOLD
        self._hold = max(0, self._hold - 1)
        self._begin_round(self._last_at)

    def _is_refused_more(self, known: _Round) -> bool:
        """Whether clearly more is refused than with less under way, by three deviations of chance."""
        count = self._answers + self._refusals
        share = max(known.refused, 0.05)
        return self._refusals > count * share + 3 * math.sqrt(count * share * (1 - share))

    def _slow_down(self, level: float) -> None:
        self._level = max(1.0, min(self._level, level))
        self._stop_growing()

    def _stop_growing(self) -> None:
        self._is_fast = False
        if not self._hold:
            self._hold, self._next_hold = self._next_hold + 1, min(LONGEST_HOLD, self._next_hold * 2)


def _is_less(found: _Round, known: _Round) -> bool:
    """Whether fewer were under way, and so the measure for more is another one."""
    return found.load * CLEARLY_MORE < known.load


def _blended(known: _Round, found: _Round) -> _Round:
    """What is known of a load, as it is by and by."""
    return _Round(
        rate=known.rate + (found.rate - known.rate) / 4,
        load=known.load + (found.load - known.load) / 4,
        refused=known.refused + (found.refused - known.refused) / 4,
    )


class Spacing:
    """An even flow of so much a minute, to be asked before each request.

    In no minute goes out more than that and one request.

    Args:
        per_minute: Requests, or tokens; 0 is no limit.
    """

    def __init__(self, per_minute: float) -> None:
        self._seconds = 60.0 / per_minute if per_minute else 0.0
        self._free_at = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until the next one may go out; 0 is now."""
        return max(0.0, self._free_at - now)

    def take(self, amount: float, now: float) -> None:
        """One goes out, and is so much of the flow."""
        self._free_at = max(self._free_at, now) + amount * self._seconds

    def correct(self, amount: float) -> None:
        """It was so much more, or less, than was thought."""
        self._free_at += amount * self._seconds
