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


def in_sequence(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, as they are read: what stands between a block and its continuation comes after both.

    A continuation that cannot be written in one piece with its block, such as a table with other columns, stays where
    it is.

    Lazy: looks ahead only while a continuation (``continued_by``) is missing.
    """
    source = iter(blocks)
    ahead: deque[Block] = deque()
    while block := ahead.popleft() if ahead else next(source, None):
        yield block
        skipped: list[Block] = []
        last, waiting = block, block.continued_by
        while waiting and len(skipped) <= LONGEST_WAIT:
            found = ahead.popleft() if ahead else next(source, None)
            if found is None:
                break
            if found.id == waiting and can_join(last, found):
                yield found
                last, waiting = found, found.continued_by
            else:
                skipped.append(found)
                waiting = "" if found.id == waiting else waiting
        ahead.extendleft(reversed(skipped))
