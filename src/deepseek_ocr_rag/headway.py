"""How far a run is: pages done, how fast, and how long it will take. Pure; time is handed in."""

from __future__ import annotations

from collections import deque

LATELY = 32
"""Pages over which the speed is measured."""

LONG_AGO = 60.0
"""Seconds after which a page says nothing of the speed any more, if there are others."""


class Headway:
    """Counts the pages of a run.

    Args:
        began: When it began, in seconds.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._lately: deque[float] = deque([began], maxlen=LATELY + 1)
        self._now = began
        self.done = 0
        self.known = 0
        """Pages of the files that were opened so far."""

    def page(self, now: float) -> None:
        """A page is done."""
        self.done += 1
        self._now = now
        self._lately.append(now)
        while len(self._lately) > 2 and now - self._lately[0] > LONG_AGO:
            self._lately.popleft()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return self._now - self._began

    @property
    def rate(self) -> float:
        """Pages a second, lately; 0 where there is nothing to measure."""
        elapsed = self._now - self._lately[0]
        return (len(self._lately) - 1) / elapsed if elapsed > 0 else 0.0

    def left(self, pages: int) -> float | None:
        """Seconds that so many pages will take; None where that is not known yet."""
        return pages / self.rate if self.rate else None
