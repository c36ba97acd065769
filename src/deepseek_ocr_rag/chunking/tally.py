"""What parts cost in tokens, each character counted about once.

Counting is most of the work of cutting a document. Where a counter adds up (see ``TokenCounter.adds_up``), a part is
counted once, together with the newlines that follow it or the space before it, and a chunk costs what its parts do:
only its last part, which nothing follows any more, is looked at again, and of that the last word. For other counters
the sum is a guess, and the finished text is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..document import BlockKind
from ..tokens import LONGEST_ENCODED, TokenCounter
from .parts import Part, Shown, first_body, written

_REACH = 48
"""Characters at either end of a part among which its first and last words are looked for."""
_WORD = re.compile(rf"\S{{1,{_REACH}}}(?= \S)")
_ENDING = re.compile(r"[A-Za-z0-9][!-/:-@\[-`{-~]{0,4}\Z")
"""A letter or digit and the marks after it: newlines join those marks, and nothing before them."""

UNCOUNTED = 5
"""Characters for each token of a budget beyond which a text is cut at its sentences, and a table at its rows, before
anything is counted; prose has four or five. Should it fit after all, the pieces come together again."""
_UNCOUNTED_WHOLE = 32
"""The same for what is whole or nothing: a length that no budget holds."""
WHOLE = frozenset({BlockKind.CODE, BlockKind.FORMULA})
"""Kinds that are whole while they fit."""


class Tally:
    """Prices parts and adds them up.

    Args:
        counter: How tokens are counted.
    """

    def __init__(self, counter: TokenCounter) -> None:
        self.count: Callable[[str], int] = counter.counting
        self.adds_up = counter.adds_up
        self.overhead = counter.overhead
        self._joining = counter.joining
        self._saved = lru_cache(maxsize=4096)(self._difference)

    def price(self, parts: Sequence[Part], tail: str = "", *, budget: int = 0) -> None:
        """Count parts that follow each other.

        Args:
            parts: The parts; the first stands after its own glue.
            tail: The newlines that come after the last, or nothing.
            budget: If given, what is far over it is not counted, since it will be cut.
        """
        count, last = self.count, len(parts) - 1
        limit = budget * UNCOUNTED if self.adds_up else 0
        for at, part in enumerate(parts):
            after = tail if at == last else parts[at + 1].glue
            part.tail = "" if after == " " else after
            part.lead = " " if part.glue == " " else ""
            if limit and part.end - part.start > limit and not self._is_whole(part, budget):
                part.cost = part.end - part.start
                continue
            part.cost = max(1, count(part.lead + part.body + part.tail) - self.overhead)
            part.is_exact = True

    @staticmethod
    def _is_whole(part: Part, budget: int) -> bool:
        return part.kind in WHOLE and part.end - part.start <= budget * _UNCOUNTED_WHOLE

    def total(self, shown: Sequence[Shown], *, lead: str, lead_cost: int) -> int:
        """The exact number of tokens of ``lead`` (nothing, or what ends with a newline) and the parts under it."""
        if not self.adds_up or not self._are_apart(shown):
            return self.count(lead + written(shown))
        total, before = lead_cost, ""
        following = [*[one.glue for one in shown[1:]], ""]
        for (part, _, _), after in zip(shown, following, strict=True):
            tail = "" if after == " " else after
            if part.tail == tail and part.lead == before and part.is_exact and not part.before:
                total += part.cost
            else:
                total += self._in_place(part, before, tail, first=part is shown[0].part)
            before = " " if after == " " else ""
        return total

    def _are_apart(self, shown: Sequence[Shown]) -> bool:
        """Whether there is white space between all parts, and no token goes over the places where they meet."""
        length = sum([one.part.end - one.part.start for one in shown])
        if length > LONGEST_ENCODED or not all(one.glue for one in shown[1:]):
            return False
        return not self._joining or not any(self._joins(one.part) for one in shown)

    def _joins(self, part: Part) -> bool:
        """Whether its first sign may be one token with a newline before it."""
        return part.text.startswith(self._joining, part.start) or part.before.lstrip().startswith(self._joining)

    def _in_place(self, part: Part, lead: str, tail: str, *, first: bool) -> int:
        """What a part costs after ``lead`` and before ``tail``, where that is not what it was priced with."""
        if not part.is_exact or (first and part.before):
            return self.count(lead + (first_body(part) if first else part.body) + tail)
        begin = _first_word(part) if lead != part.lead else ""
        end = _last_word(part) if tail != part.tail else ""
        if self._joining and end.startswith(self._joining):
            end = ""
        if (lead != part.lead and not begin) or (tail != part.tail and not end):
            return self.count(lead + part.body + tail)
        return part.cost + self._saved((part.lead + begin, lead + begin)) + self._saved((end + part.tail, end + tail))

    def _difference(self, texts: tuple[str, str]) -> int:
        before, after = texts
        return self.count(after) - self.count(before) if before != after else 0


def _first_word(part: Part) -> str:
    """The part's text up to a place where tokens add up; empty if none is near."""
    match = _WORD.match(part.text, part.start, part.end)
    return match[0] if match and not part.before else ""


def _last_word(part: Part) -> str:
    """The part's text from a place on where tokens add up; empty if none is near."""
    end = part.text[max(part.start, part.end - _REACH) : part.end]
    if not part.after and (match := _ENDING.search(end)):
        return match[0]
    space, line = end.rfind(" "), end.rfind("\n")
    if part.after or end[max(space, line) + 1].isspace():
        return ""
    if line > space:
        return end[line + 1 :]
    return end[space:] if space > 0 and not end[space - 1].isspace() else ""
