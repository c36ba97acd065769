"""Blocks become parts: pieces of a block's text that a chunk is built of, and that can be cut further where they must.

A part knows its characters in the block, the markdown around them and what it costs in tokens. Paragraphs are one part
until they are cut, at the end of a sentence, else at a space, else between two visible characters; tables are a part
for their header and one for each row, and a row that is too long is cut between cells. Parts that should be read
together (a table and its caption, a paragraph and its end on the next page) come as one group.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise

from .document import Block, BlockKind, markdown_parts
from .tables import header_range, row_ranges, table_markdown_spans

_SENTENCE_END = re.compile(
    r"[.!?…؟۔։]+[\"'”’»)\]]*(?=\s{1,4}[^\s\da-z])"  # "Fig. 3" and "e.g. this" go on
    r"|[。！？｡।॥።។…]+[\"'”’」』）】]*"
)
_LINE_END = re.compile(r"[^\n](?=\n)")
_SAMPLE = 8
"""Characters per token that are looked at to guess how many fit; more than any script needs."""

DEEPEST_INDENT = 16
"""Deeper lines of code lose their indentation where a chunk begins with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced(Block):
    """Code in fences of its own, which each piece of it is written between instead of the usual ones."""

    fences: tuple[str, str]


class Keep(IntEnum):
    """How much a part wants the next one in its chunk."""

    NO = 0
    WHERE_IT_FITS = 1
    ALWAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Characters ``[start, end)`` of a block, never blank, as a chunk shows them: ``before`` + text + ``after``."""

    block: Block
    start: int
    end: int
    glue: str
    """What stands between this part and the one before it in the chunk."""
    before: str = ""
    after: str = ""
    cost: int = 0
    """Tokens of glue and text; a guess for texts of many chunks."""
    keep: Keep = Keep.NO
    header: Part | None = None
    """For a table's row: the header to say again where the row does not follow it or another row of its table."""
    cells: tuple[int, ...] = ()
    """For a table's row: where it may be cut between cells."""

    @property
    def text(self) -> str:
        """The block's characters."""
        return self.block.text[self.start : self.end]


Group = tuple[Part, ...]


@dataclass(slots=True)
class Splitter:
    """Makes parts of blocks and smaller parts of parts, for one document and one way of counting."""

    count: Callable[[str], int]
    _headers: dict[str, Part | None] = field(default_factory=dict)

    def groups(self, blocks: Sequence[Block], *, room: int) -> Iterator[Group]:
        """The parts of consecutive blocks of a section, grouped as they should stay together.

        Args:
            blocks: Blocks with text, without furniture.
            room: Tokens that a chunk has for them; a table's header that takes more than half is not repeated.
        """
        before: Block | None = None
        for bundle in _bundles(_chains(blocks)):
            parts: list[Part] = []
            for chain in bundle:
                if parts:
                    parts[-1] = replace(parts[-1], keep=max(parts[-1].keep, Keep.WHERE_IT_FITS))
                listed = before is not None and before.kind is chain[0].kind is BlockKind.LIST_ITEM
                parts += self._chain_parts(chain, glue="\n" if listed else "\n\n", room=room)
                before = chain[-1]
            if parts:
                yield tuple(parts)

    def cut(self, part: Part, room: int, *, at_sentence: bool = False) -> tuple[Part, Part] | None:
        """Cut a part in two, of which the first costs at most ``room``.

        Returns:
            The two, or None if there is no place for the cut: no end of a sentence, if that was asked for, or not one
            visible character that fits.
        """
        text = part.block.text
        sample = text[part.start : min(part.end, part.start + _SAMPLE * max(1, room))]
        tokens = part.cost if len(sample) == part.end - part.start else self.count(sample)
        size = min(part.end - part.start - 1, max(1, len(sample) * room // max(1, tokens)))
        while size > 0 and room > 0:
            place = _place_to_cut(part, size, at_sentence=at_sentence)
            if place is None:
                return None
            head = self._slice(part, part.start, place)
            if head.cost <= room:
                return replace(head, keep=Keep.NO), self._rest(part, head)
            size = min(head.end - part.start - 1, size * room // head.cost)
        return None

    def halves(self, part: Part) -> tuple[Part, Part] | None:
        """Cut a part in about the middle, whatever the halves cost; None for a single visible character."""
        length = part.end - part.start
        size = max(length // 2, _indent(part) + 1)
        place = _place_to_cut(part, size, at_sentence=False) if size < length else None
        if place is None:
            return None
        head = self._slice(part, part.start, place)
        return replace(head, keep=Keep.NO), self._rest(part, head)

    def barer(self, part: Part) -> Part | None:
        """The part without the header said again, else its indentation, else the markdown around it, else None."""
        if part.header is not None:
            return replace(part, header=None)
        if indent := _indent(part):
            return self._priced(replace(part, start=part.start + indent))
        return self._priced(replace(part, before="", after="")) if part.before or part.after else None

    def cells(self, row: Part) -> tuple[Part, ...]:
        """The cells of a table's row, as parts of their own; the row itself if it has but one."""
        text, edges = row.block.text, [row.start, *row.cells, row.end]
        spans = [_trim(text, start, end) for start, end in pairwise(edges)]
        whole = replace(row, cells=(), keep=Keep.NO)
        return tuple(
            self._priced(replace(whole, start=start, end=end, glue=" " if start > row.start else row.glue))
            for start, end in spans
            if start < end
        )

    def _chain_parts(self, chain: Sequence[Block], *, glue: str, room: int) -> list[Part]:
        if _has_grid(chain[0]):
            return self._table_parts(chain, glue=glue, room=room)
        parts: list[Part] = []
        for block in chain:
            before, start, after = _around(block)
            start, end = _trim(block.text, start, len(block.text), is_code=block.kind is BlockKind.CODE)
            if start < end:
                keep = Keep.ALWAYS if block.kind.is_heading else Keep.NO
                part = Part(block=block, start=start, end=end, glue=" " if parts else glue, before=before, after=after)
                parts.append(self._priced(replace(part, keep=keep)))
        return parts

    def _table_parts(self, chain: Sequence[Block], *, glue: str, room: int) -> list[Part]:
        """Header and rows of a table that may go on over pages; the header of a continuation is written once."""
        header = self._headers.get(chain[0].continues)
        parts: list[Part] = []
        for block in chain:
            table = block.table
            assert table is not None  # noqa: S101 - chains of tables have grids
            ranges = row_ranges(table)
            own = ranges[max(1, table.header_rows) :]
            if not parts and (header is None or table.repeats_header):
                start, end = header_range(table)
                top = self._priced(Part(block=block, start=start, end=end, glue=glue, keep=Keep.ALWAYS))
                header = top if top.cost <= room // 2 else None
                parts.append(top)
                ranges = own
            elif table.repeats_header:
                ranges = own
            self._headers[block.id] = header
            parts += self._rows(block, ranges, header)
        return parts

    def _rows(self, block: Block, ranges: Sequence[tuple[int, int]], header: Part | None) -> Iterator[Part]:
        assert block.table is not None  # noqa: S101 - see above
        begins = sorted(start for _, start, _ in table_markdown_spans(block.table)[1])
        for start, end in ranges:
            inside = begins[bisect_right(begins, start) : bisect_left(begins, end)]
            pipes = sorted({block.text.rfind("|", start, begin) for begin in inside} - {-1, start})
            yield self._priced(Part(block=block, start=start, end=end, glue="\n", header=header, cells=tuple(pipes)))

    def _priced(self, part: Part) -> Part:
        return replace(part, cost=max(1, self.count(part.glue + part.before + part.text + part.after)))

    def _slice(self, part: Part, start: int, end: int) -> Part:
        start, end = _trim(part.block.text, start, end, is_code=part.block.kind is BlockKind.CODE)
        return self._priced(replace(part, start=start, end=end, cells=()))

    def _rest(self, part: Part, head: Part) -> Part:
        """What is left of a part after its head; priced exactly once it is small enough for that to matter."""
        text, is_code = part.block.text, part.block.kind is BlockKind.CODE
        start, end = _trim(text, head.end, part.end, is_code=is_code)
        glue = text[head.end : start]
        rest = replace(part, start=start, glue=glue if len(glue) <= 2 else " ", before=part.before if is_code else "")
        if end - start > 4 * _SAMPLE * head.cost:
            return replace(rest, cost=max(1, part.cost - head.cost), cells=())
        return self._priced(replace(rest, cells=()))


def _around(block: Block) -> tuple[str, int, str]:
    return (block.fences[0], 0, block.fences[1]) if isinstance(block, Fenced) else markdown_parts(block)


def _indent(part: Part) -> int:
    """Characters of white space that the part begins with."""
    text = part.text
    return len(text) - len(text.lstrip())


def _has_grid(block: Block) -> bool:
    """Whether the block's text is the markdown of its table; a table that the model fused into one text is not."""
    if block.kind is not BlockKind.TABLE or block.table is None or not block.table.rows:
        return False
    return table_markdown_spans(block.table)[0] == block.text


def _chains(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks that go on from the one right before them, joined; all others alone."""
    chains: list[list[Block]] = []
    for block in blocks:
        last = chains[-1][-1] if chains else None
        joins = last is not None and block.continues == last.id and block.kind is last.kind
        if joins and last is not None and not block.kind.is_heading and _has_grid(block) == _has_grid(last):
            chains[-1].append(block)
        else:
            chains.append([block])
    return chains


def _bundles(chains: Sequence[list[Block]]) -> Iterator[Sequence[list[Block]]]:
    """Tables and figures with the captions right above and below them; all others alone.

    A caption between two tables goes with the one above, unless that one has a caption above it already.
    """
    at = 0
    while at < len(chains):
        begin = at
        at += _captions(chains, at)
        if not _is_shown(chains, at):
            at = max(at, begin + 1)
            yield from ([chain] for chain in chains[begin:at])
            continue
        has_caption = at > begin
        below = _captions(chains, at + 1)
        if below and _is_shown(chains, at + 1 + below) and (has_caption or below > 1):
            below -= 1
        at += 1 + below
        yield chains[begin:at]


def _captions(chains: Sequence[list[Block]], at: int) -> int:
    """How many captions stand in a row from here."""
    end = at
    while end < len(chains) and chains[end][0].kind is BlockKind.CAPTION:
        end += 1
    return end - at


def _is_shown(chains: Sequence[list[Block]], at: int) -> bool:
    return at < len(chains) and chains[at][0].kind in (BlockKind.TABLE, BlockKind.FIGURE)


def _trim(text: str, start: int, end: int, *, is_code: bool = False) -> tuple[int, int]:
    """Leave white space out at both ends, but for the indentation of a line of code that is not absurdly deep."""
    first = start
    while first < end and text[first].isspace():
        first += 1
    while first < end and text[end - 1].isspace():
        end -= 1
    line = max(start, first - DEEPEST_INDENT, text.rfind("\n", max(0, first - DEEPEST_INDENT), first) + 1)
    begins_line = line == 0 or text[line - 1] == "\n"
    return (line if is_code and begins_line else first), end


def _place_to_cut(part: Part, size: int, *, at_sentence: bool) -> int | None:
    """The best place among the first ``size`` characters of a part, which are not all of it."""
    text, start, limit = part.block.text, part.start, part.start + size
    ends = (_LINE_END, _SENTENCE_END) if part.block.kind is BlockKind.CODE else (_SENTENCE_END, _LINE_END)
    # Rather a word cut short than a chunk that is nearly empty.
    least = start + (0 if at_sentence or size < 200 else size // 4)
    for pattern in ends[:1] if at_sentence else ends:
        places = (match.end() for match in pattern.finditer(text, start, min(part.end, limit + 6)))
        last = max((place for place in places if least < place <= limit), default=None)
        if last is not None and text[start:last].strip():
            return last
    if at_sentence:
        return None
    space = next((at for at in range(limit, least, -1) if text[at].isspace()), None)
    if space is not None and text[start:space].strip():
        return space
    # After an indentation, the only break may be before a character that is too long: budgets are hard.
    breaks = (visible_break(text, limit, start), limit)
    return next((place for place in breaks if text[start:place].strip()), None)


def visible_break(text: str, limit: int, start: int) -> int:
    """The last place in ``(start, limit]`` that is not inside of a visible character.

    Where one character is longer than that, or absurdly long, it is ``limit`` itself: budgets are hard.
    """
    for at in range(limit, max(start, limit - 64), -1):
        if not _is_inside_character(text, at):
            return at
    return limit


def _is_inside_character(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if "\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff":
        flags = at
        while flags > max(0, at - 64) and "\U0001f1e6" <= text[flags - 1] <= "\U0001f1ff":
            flags -= 1
        return (at - flags) % 2 == 1
    return (
        unicodedata.category(after).startswith("M")
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\u1160" <= after <= "\u11ff"  # vowels and finals of decomposed Korean
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or (before, after) == ("\r", "\n")
    )
