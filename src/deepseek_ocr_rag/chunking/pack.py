"""Parts fill chunks, in order and under a budget that is never exceeded.

Sums of the parts' costs say where a chunk ends. Before it goes it is priced exactly, and parts that do not fit after
all go to the next chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..document import BlockKind
from .parts import Grain, Grid, Group, Keep, Part, Shown
from .refine import Refiner, sentences_of

CAPTION_SHARE = 8
"""A caption is said again with every part of its table if it takes at most this part of the budget."""

REST_SHARE = 8
"""What is left of a text that was cut is a chunk of its own, unless it is smaller than this part of the budget."""

_NOT_WORDS = frozenset({BlockKind.TABLE, BlockKind.CODE})
_SAID_AGAIN = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.FOOTNOTE, BlockKind.OTHER})
"""What an overlap may consist of; rows of a table come with their header, and half a formula says nothing."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The parts of a chunk, what it shows of them and again, and its exact number of tokens, lead included."""

    parts: list[Part]
    shown: list[Shown]
    tokens: int


@dataclass(slots=True, kw_only=True)
class Packer:
    """Fills chunks with the groups of one section."""

    refiner: Refiner
    budget: int
    lead: str = ""
    """What is embedded before the text of every chunk."""
    lead_cost: int = 0
    overlap: int = 0
    """Tokens of a chunk's end that the next one may say again."""

    _current: list[Part] = field(default_factory=list, init=False)
    _used: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._used = self.lead_cost

    def pack(self, groups: Iterable[Group]) -> Iterator[Packed]:
        """Chunks of groups that have prices, and of nothing else.

        Raises:
            ValueError: If not one character fits the budget.
        """
        for group in groups:
            yield from self.push(group)
        yield from self.end()

    @property
    def open(self) -> Sequence[Part]:
        """The parts of the chunk that is not full yet."""
        return self._current

    def end(self) -> Iterator[Packed]:
        """The last chunks; what comes then begins anew."""
        while _own(self._current):
            packed, self._current = self._close(self._current, is_last=True)
            yield packed
        self._current, self._used = [], self.lead_cost

    def push(self, group: Group) -> Iterator[Packed]:
        """The chunks that are full with one more group.

        Raises:
            ValueError: If not one character fits the budget.
        """
        queue = deque([group])
        while queue:
            group = queue.popleft()
            current, used = self._current, self._used
            cost = 2 * self.budget if self._is_to_close() else self._cost(group, after=current)
            if used + cost <= self.budget or self._just_fits(current, group, used + cost):
                current.extend(group)
                self._used += cost
            elif smaller := self._smaller(current, group, used):
                queue.extendleft(reversed(smaller))
            elif current and _own(current):
                packed, left = self._close(current, is_last=False)
                queue.extendleft(reversed([*((part,) for part in left), group]))
                yield packed
                self._current = self._overlap(packed)
                self._used = self.lead_cost + sum(part.cost for part in self._current)
            elif current:  # what was said before leaves no room for it
                queue.appendleft(group)
                self._current, self._used = [], self.lead_cost
            else:
                packed, left = self._close(list(group), is_last=False)
                queue.extendleft(reversed([(part,) for part in left]))
                yield packed

    def _is_to_close(self) -> bool:
        """Whether the chunk ends with the rest of what was cut up, and is large enough."""
        last = self._current[-1] if self._current else None
        return (
            last is not None
            and last.closes
            and not last.keep
            and self._used - self.lead_cost > self.budget // REST_SHARE
        )

    def _just_fits(self, current: list[Part], group: Group, cost: int) -> bool:
        """Whether parts fit whose costs are a little over the budget, since the newlines after the last one go."""
        is_near = self.refiner.tally.adds_up and cost <= self.budget + 2
        return is_near and self._total(self._arrange([*current, *group])) <= self.budget

    def _smaller(self, current: Sequence[Part], group: Group, used: int) -> list[Group]:
        """The group in smaller groups; empty where it should begin the next chunk as it is, or cannot be cut."""
        part, fills = group[0], not all(part.keep is Keep.ALWAYS for part in _own(current))
        if self.lead_cost + self._cost(group, after=()) <= self.budget:
            if fills:
                is_within = part.grain is Grain.WORDS is current[-1].grain and part.kind not in _NOT_WORDS
                return self.refiner.halves_of_words(part) if is_within and len(group) == 1 else []
            return self._under_headings(current, group, used) if len(current) == len(_own(current)) else []
        if fills and (part.kind is not BlockKind.CODE or self.budget - used < self.budget // 4):
            return []
        return self.refiner.finer(group, self.budget) or self._cut(current, part, used, at_end=fills)

    def _under_headings(self, current: Sequence[Part], group: Group, used: int) -> list[Group]:
        """What would fit alone is cut, so that its headings are not left alone."""
        return (self.refiner.finer(group, self.budget) or self._cut(current, group[0], used)) if current else []

    def _cut(self, current: Sequence[Part], part: Part, used: int, *, at_end: bool = False) -> list[Group]:
        if not part.is_exact and part.grain is not Grain.WORDS:  # it was only thought to be too long
            self.refiner.tally.price([part], part.tail)
            return [(part,)]
        room = self.budget - used - self._cost((part,), after=current) + part.cost
        return [(piece,) for piece in self.refiner.cut(part, room, at_end=at_end) or ()]

    def _close(self, parts: list[Part], *, is_last: bool) -> tuple[Packed, list[Part]]:
        """Settle a chunk: what it has, and the parts that go to the next one."""
        left: list[Part] = []
        while not is_last and any(part.keep < parts[-1].keep for part in _own(parts)):
            left.insert(0, parts.pop())
        if not is_last and parts[-1].keep is Keep.ALWAYS and parts[-1].grid and len(_own(parts)) > 1:
            left.insert(0, parts.pop())  # rather a heading alone than a table's rows without their header
        while (tokens := self._total(shown := self._arrange(parts))) > self.budget:
            if parts[0].is_overlap:
                del parts[0]
                continue
            last = parts.pop()
            pieces = None
            if all(part.keep is Keep.ALWAYS for part in parts):
                pieces = self.refiner.cut(last, max(1, last.cost - (tokens - self.budget)))
            if pieces is None and not parts:
                pieces = self.refiner.halves(last)
            if pieces:
                parts.append(pieces[0])
                left.insert(0, pieces[1])
            elif parts:
                left.insert(0, last)
            elif barer := self.refiner.barer(last):
                parts.append(barer)
            else:
                raise ValueError(f"not one character fits {self.budget} tokens as they are counted. Raise max_tokens.")
        return Packed(parts, shown, tokens), left

    def _total(self, shown: Sequence[Shown]) -> int:
        return self.refiner.tally.total(shown, lead=self.lead, lead_cost=self.lead_cost)

    def _cost(self, group: Group, *, after: Sequence[Part]) -> int:
        """What a group adds to a chunk, a table's repeated header included."""
        if len(group) == 1 and group[0].grid is None:
            return group[0].cost
        total, before = 0, after[-1] if after else None
        for part in group:
            total += part.cost
            if part.grid is not None:
                total += sum(header.cost for header in self._said_again(part, before))
            before = part
        return total

    def _arrange(self, parts: Sequence[Part]) -> list[Shown]:
        """The parts with what has to be said again before them."""
        shown: list[Shown] = []
        own = {part.text for part in parts if part.kind is BlockKind.CAPTION}
        before: Part | None = None
        for part in parts:
            glue = part.glue
            if part.grid is not None:
                for header in self._said_again(part, before):
                    if header.kind is BlockKind.CAPTION and header.text in own:
                        continue
                    shown.append(Shown(header, header.glue, is_repeated=True))
                    glue = "\n\n" if header.kind is BlockKind.CAPTION else "\n"
            shown.append(Shown(part, glue, is_repeated=False))
            before = part
        return shown

    # What is said again

    def _said_again(self, part: Part, before: Part | None) -> Sequence[Part]:
        """What a part of a table needs above it, since what stands before is not of that table."""
        grid = part.grid
        if grid is None or (before is not None and before.grid is grid):
            return ()
        if part.grain is Grain.BLOCK and part.is_header:
            return ()
        key = (self.budget, self.lead_cost)
        if key not in grid.said:
            grid.said[key] = tuple(self._headers(grid))
        return [header for header in grid.said[key] if header.kind is BlockKind.CAPTION or not part.is_header]

    def _headers(self, grid: Grid) -> Iterator[Part]:
        """Copies of a table's caption and header, if they leave room enough for rows."""
        tally, room = self.refiner.tally, self.budget - self.lead_cost
        if grid.caption is not None:
            caption = replace(grid.caption, keep=Keep.NO, glue="\n\n")
            tally.price([caption], "\n\n")
            if caption.cost <= self.budget // CAPTION_SHARE:
                yield caption
        if grid.header is not None:
            header = replace(grid.header)
            tally.price([header], "\n")
            if header.cost <= room // 2:
                yield header

    def _overlap(self, packed: Packed) -> list[Part]:
        """The last whole sentences of a chunk, as far as the next one may say them again."""
        room, found = self.overlap, list[Part]()
        for part in reversed(packed.parts if room else ()):
            if part.is_overlap or part.kind not in _SAID_AGAIN or part.grain is Grain.WORDS:
                break
            pieces = sentences_of(part) if part.grain < Grain.SENTENCE else [replace(part)]
            self.refiner.tally.price(pieces, part.tail)
            for piece in reversed(pieces):
                room -= piece.cost
                if room < 0:
                    return found
                piece.is_overlap, piece.keep, piece.closes = True, Keep.NO, False
                found.insert(0, piece)
        return found


def _own(parts: Sequence[Part]) -> Sequence[Part]:
    """The parts that no chunk has shown before."""
    return [part for part in parts if not part.is_overlap] if parts and parts[0].is_overlap else parts
