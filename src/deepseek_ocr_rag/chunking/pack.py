"""Parts fill chunks under a budget that is counted, not added up.

Counting is most of the work of cutting a document, and tokens of parts do not add up to the tokens of the whole. So
sums of the parts' costs guess where a chunk ends, one count of the finished text decides, and parts that do not fit
after all go to the next chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .split import Group, Keep, Part, Splitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A part's characters stand in the chunk's text from ``at`` on; ``repeated`` for a header said again."""

    part: Part
    at: int
    repeated: bool


@dataclass(slots=True, kw_only=True)
class Packer:
    """Fills chunks with the parts of one section, in order."""

    splitter: Splitter
    budget: int
    lead: str = ""
    """What is embedded before the text of every chunk."""
    spent: int = field(init=False)

    def __post_init__(self) -> None:
        self.spent = self.splitter.count(self.lead) if self.lead else 0

    @property
    def room(self) -> int:
        """Tokens that the lead leaves for text."""
        return self.budget - self.spent

    def pack(self, groups: Sequence[Group]) -> Iterator[tuple[list[Part], int]]:
        """The parts of each chunk, and its exact number of tokens, lead included.

        Raises:
            ValueError: If not one character fits the budget.
        """
        queue = deque(groups)
        current: list[Part] = []
        used = self.spent
        while queue:
            group = queue.popleft()
            cost = _cost(group, after=current)
            if used + cost <= self.budget:
                current.extend(group)
                used += cost
                continue
            smaller = None if self._belongs_alone(current, group) else self._smaller(current, group, used)
            if smaller:
                queue.extendleft(reversed(smaller))
                continue
            parts, left, tokens = self._close(current or list(group), is_last=False)
            yield parts, tokens
            queue.extendleft(reversed([*((part,) for part in left), *([group] if current else [])]))
            current, used = [], self.spent
        while current:
            current, left, tokens = self._close(current, is_last=True)
            yield current, tokens
            current = left

    def _belongs_alone(self, current: Sequence[Part], group: Group) -> bool:
        """Whether a group that does not fit any more begins the next chunk rather than being cut to fill this one."""
        if all(part.keep is Keep.ALWAYS for part in current):
            return False
        return self.spent + _cost(group, after=()) <= self.budget or any(part.cells or part.header for part in group)

    def _smaller(self, current: Sequence[Part], group: Group, used: int) -> list[Group]:
        """The group in smaller groups, the first of which fits; empty where it should not or cannot be cut."""
        if len(group) > 1:
            return [(part,) for part in group]
        part = group[0]
        if part.cells:
            return [(cell,) for cell in self.splitter.cells(part)]
        room = self.budget - used - _cost(group, after=current) + part.cost
        fills = not all(before.keep is Keep.ALWAYS for before in current)
        if fills and room < self.budget // 4:
            return []
        pieces = self.splitter.cut(part, room, at_sentence=fills)
        return [(piece,) for piece in pieces or ()]

    def _close(self, parts: list[Part], *, is_last: bool) -> tuple[list[Part], list[Part], int]:
        """Settle a chunk: the parts that stay, those that go to the next one, and the exact number of tokens."""
        left: list[Part] = []
        while not is_last and any(part.keep < parts[-1].keep for part in parts):
            left.insert(0, parts.pop())
        while (tokens := self.splitter.count(self.lead + write(parts)[0])) > self.budget:
            last = parts.pop()
            pieces = None
            if all(part.keep is Keep.ALWAYS for part in parts):
                pieces = self.splitter.cut(last, max(1, last.cost - (tokens - self.budget)))
            if pieces is None and not parts:
                pieces = self.splitter.halves(last)
            if pieces:
                parts.append(pieces[0])
                left.insert(0, pieces[1])
            elif parts:
                left.insert(0, last)
            elif barer := self.splitter.barer(last):
                parts.append(barer)
            else:
                raise ValueError(f"not one character fits {self.budget} tokens as they are counted. Raise max_tokens.")
        return parts, left, tokens


def _cost(group: Sequence[Part], *, after: Sequence[Part]) -> int:
    """What a group adds to a chunk, a table's repeated header included; a guess, since tokens do not add up."""
    total, before = 0, after[-1] if after else None
    for part in group:
        total += part.cost
        if _wants_header(part, before) and part.header:
            total += part.header.cost
        before = part
    return total


def _wants_header(part: Part, before: Part | None) -> bool:
    """Whether the header of the part's table has to be said again, since what stands before is not of that table."""
    return part.header is not None and part.header not in ((before, before.header) if before else ())


def write(parts: Sequence[Part]) -> tuple[str, list[Placed]]:
    """The text that parts make together, and where each part stands in it."""
    pieces: list[str] = []
    placed: list[Placed] = []
    length = 0
    before: Part | None = None
    for part in parts:
        header = part.header if _wants_header(part, before) else None
        for shown in (header, part) if header else (part,):
            glue = "" if not pieces else "\n" if header is not None and shown is part else shown.glue
            prefix = glue + (shown.before if pieces else shown.before.lstrip())
            placed.append(Placed(part=shown, at=length + len(prefix), repeated=shown is header))
            pieces += (prefix, shown.text, shown.after)
            length += len(prefix) + len(shown.text) + len(shown.after)
        before = part
    return "".join(pieces), placed
