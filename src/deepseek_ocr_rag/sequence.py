"""The order in which a document is read, where that is not the order in which its blocks stand on the pages.

A paragraph that runs on over a page break is interrupted by footnotes at the foot of its page, by figures and tables at
the head of the next one. Who reads on skips them and comes back; so does everything here that makes text of blocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .joining import can_join

if TYPE_CHECKING:
    from .document import Block

LONGEST_WAIT = 256
"""Blocks that are skipped at most to find a continuation; more are between the two in nobody's document."""


class Sequencer:
    """Puts blocks that come one by one into the order of :func:`in_sequence`."""

    def __init__(self) -> None:
        self._ahead: deque[Block] = deque()
        self._skipped: list[Block] = []
        self._last: Block | None = None
        """The block whose continuation is looked for, if it is."""

    @property
    def waiting(self) -> Iterator[Block]:
        """The blocks that have come and are not in order yet."""
        yield from self._skipped
        yield from self._ahead

    def push(self, block: Block) -> Iterator[Block]:
        """Those that are in order with this one."""
        self._ahead.append(block)
        return self._ordered()

    def end(self) -> Iterator[Block]:
        """The others: no more will come."""
        yield from self._ordered()
        while self._last is not None:
            self._give_up()
            yield from self._ordered()

    def _ordered(self) -> Iterator[Block]:
        while self._ahead:
            block = self._ahead.popleft()
            last = self._last
            if last is None or (block.id == last.continued_by and can_join(last, block)):
                yield block
                self._last = block if block.continued_by else None
            else:
                self._skipped.append(block)
                if block.id == last.continued_by:
                    self._last = None
            if self._last is None or len(self._skipped) > LONGEST_WAIT:
                self._give_up()

    def _give_up(self) -> None:
        """Go back to what was skipped."""
        self._last = None
        if self._skipped:
            self._ahead.extendleft(reversed(self._skipped))
            self._skipped = []


def in_sequence(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, as they are read: what stands between a block and its continuation comes after both.

    A continuation that cannot be written in one piece with its block, such as a table with other columns, stays where
    it is.

    Lazy: looks ahead only while a continuation (``continued_by``) is missing.
    """
    order = Sequencer()
    for block in blocks:
        yield from order.push(block)
    yield from order.end()
