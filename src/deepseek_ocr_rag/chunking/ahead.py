"""An iterator that can be looked ahead in, so that what comes next can decide what becomes of what is here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Items to be taken one by one; takes no more from the source than was asked for.

    Args:
        source: Where the items come from.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._source: Iterator[T] = iter(source)
        self._waiting: deque[T] = deque()

    def peek(self, at: int = 0) -> T | None:
        """The item that is taken after ``at`` others; None where there are no more."""
        while len(self._waiting) <= at:
            for item in self._source:
                self._waiting.append(item)
                break
            else:
                return None
        return self._waiting[at]

    def take(self) -> T:
        """The next item.

        Raises:
            StopIteration: If there is none.
        """
        return self._waiting.popleft() if self._waiting else next(self._source)
