"""What is too large for a chunk becomes smaller parts: rows of a table, sentences, cells, and at last words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from ..document import BlockKind
from .breaks import ends_sentence, glue_of, lines, pieces, place_to_cut, sentences, trim
from .parts import Grain, Group, Keep, Part
from .tally import WHOLE, Tally

_SAMPLE = 8
"""Characters per token that are looked at to guess how many fit; more than any script needs."""
_PIECES = 8
"""Words are put into chunks in pieces of about this part of a budget, to be counted together."""
_PIPE = re.compile(r"(?<!\\)\|")
_HTML_CELL = re.compile(r"(?=<t[dh]\b)", re.IGNORECASE)
_HTML_ROW = re.compile(r"</tr\s{0,8}>", re.IGNORECASE)


class Refiner:
    """Makes smaller parts of parts, and prices them.

    Args:
        tally: What tells prices.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self._known: dict[Part, list[Group]] = {}

    def price(self, group: Group, following: Group | None, budget: int) -> None:
        """Price a group; far over the budget that is a guess, and its smaller groups are ready.

        Args:
            group: The group.
            following: The one after it, if there is one.
            budget: The budget of the chunks that it is for.
        """
        self.tally.price(group, following[0].glue if following else "", budget=budget)
        self._refine_ahead(group, budget)

    def _refine_ahead(self, group: Group, budget: int) -> None:
        """Have the smaller groups of one that was not counted, and of those again: no chunk will hold it whole."""
        if not all(part.is_exact for part in group):
            smaller = self._finer(group, budget)
            for one in smaller:
                self._refine_ahead(one, budget)
            self._known[group[0]] = smaller

    def finer(self, group: Group, budget: int) -> list[Group]:
        """The group as smaller groups: its parts' rows or lines, sentences, cells or words; empty if there are none.

        Args:
            group: The group.
            budget: Tokens of a chunk; words come in pieces of a small part of it.
        """
        known = self._known.pop(group[0], None)
        return self._finer(group, budget) if known is None else known

    def _finer(self, group: Group, budget: int) -> list[Group]:
        tail = group[-1].tail
        parts = [piece for part in group for piece in _pieces_of(part, budget)]
        while len(parts) == len(group) == 1 and parts[0].grain > group[0].grain:
            group[0].grain = parts[0].grain  # all of it is one line, or one sentence
            parts = _pieces_of(group[0], budget)
        if len(parts) == 1:
            return []
        self.tally.price(parts, tail, budget=budget)
        is_as_before = len(parts) == len(group)  # such as a sentence over a page break: its halves part
        return [(part,) for part in parts] if is_as_before else list(_grouped(parts))

    def halves_of_words(self, part: Part) -> list[Group]:
        """A piece of words as two; empty for a single one."""
        spans = list(pieces(part.text, part.start, part.end, (part.end - part.start) // 2))
        if len(spans) == 1:
            return []
        parts = _slices(part, spans, Grain.WORDS)
        self.tally.price(parts, part.tail)
        return [(piece,) for piece in parts]

    def cut(self, part: Part, room: int, *, at_end: bool = False) -> tuple[Part, Part] | None:
        """Cut a part in two, of which the first costs at most ``room``.

        Returns:
            The two, or None if there is no place for the cut: no end of a sentence, or in code of a line, if that was
            asked for, or not one visible character that fits.
        """
        part, text = self._with_short_fences(part, room), part.text
        sample = text[part.start : min(part.end, part.start + _SAMPLE * max(1, room))]
        tokens = part.cost if part.is_exact and len(sample) == part.end - part.start else self.tally.count(sample)
        size = min(part.end - part.start - 1, max(1, len(sample) * room // max(1, tokens)))
        while size > 0 and room > 0:
            place = _place(part, size, at_end=at_end)
            if place is None:
                return None
            head = self._head(part, place)
            if head.cost <= room:
                return head, self._rest(part, head)
            size = min(head.end - part.start - 1, size * room // head.cost)
        return None

    def halves(self, part: Part) -> tuple[Part, Part] | None:
        """Cut a part in about the middle, whatever the halves cost; None for a single visible character."""
        length = part.end - part.start
        size = max(length // 2, _indent(part) + 1)
        place = _place(part, size) if size < length else None
        if place is None:
            return None
        head = self._head(part, place)
        return head, self._rest(part, head)

    def barer(self, part: Part) -> Part | None:
        """The part without the header said again, else its indentation, else the markdown around it, else None."""
        if part.grid is not None and not part.is_header:
            return replace(part, grid=None)
        if indent := _indent(part):
            return self._priced(replace(part, start=part.start + indent))
        return self._priced(replace(part, before="", after="")) if part.before or part.after else None

    def _with_short_fences(self, part: Part, room: int) -> Part:
        """Fences that would take more than a quarter of every piece are a part of the code itself."""
        if part.begin < 0 or part.finish < 0:
            return part  # a piece, or fences of our own
        if self.tally.count(part.before + part.after) <= room // 4:
            return part
        start, end = part.span
        whole = replace(part, start=start, end=end, before="", after="", begin=-1, finish=-1)
        whole.is_exact = False
        return whole

    def _priced(self, part: Part) -> Part:
        self.tally.price([part], part.tail)
        return part

    def _head(self, part: Part, place: int) -> Part:
        is_code = part.kind is BlockKind.CODE
        start, end = trim(part.text, part.start, place, is_code=is_code)
        head = replace(part, start=start, end=end, keep=Keep.NO, grain=Grain.WORDS, tail="")
        head.after, head.finish = part.after if is_code else "", -1
        return self._priced(head)

    def _rest(self, part: Part, head: Part) -> Part:
        """What is left of a part after its head; counted once it is small enough for that to matter.

        There is always something, since a part ends with what can be seen, and the place of a cut is before its end.
        """
        is_code = part.kind is BlockKind.CODE
        start, end = trim(part.text, head.end, part.end, is_code=is_code)
        glue = glue_of(part.text[head.end : start])
        before = part.before if is_code else ""
        rest = replace(part, start=start, end=end, glue=glue, before=before, begin=-1)
        rest.grain, rest.is_exact = Grain.WORDS, False
        if end - start <= 4 * _SAMPLE * head.cost:
            return self._priced(rest)
        rest.cost = end - start  # surely too much
        return rest


def _pieces_of(part: Part, budget: int) -> list[Part]:
    """The next smaller pieces of a part; the part itself where there are none that can be told beforehand."""
    if part.grain is Grain.WORDS or part.kind in WHOLE or part.title:
        return [part]
    if part.grid is not None:
        return list(_rows(part)) if part.grain is Grain.BLOCK else _cells(part)
    if part.grain is Grain.BLOCK:
        return _slices(part, list(lines(part.text, part.start, part.end)), Grain.LINE)
    if part.grain is Grain.LINE:
        return sentences_of(part)
    size = budget // _PIECES * 4
    return _slices(part, list(pieces(part.text, part.start, part.end, size)), Grain.WORDS)


def _place(part: Part, size: int, *, at_end: bool = False) -> int | None:
    span, is_code = (part.start, part.end), part.kind is BlockKind.CODE
    return place_to_cut(part.text, span, part.start + size, is_code=is_code, at_end=at_end)


def sentences_of(part: Part) -> list[Part]:
    """The sentences of a part, without prices."""
    return _slices(part, list(sentences(part.text, part.start, part.end)), Grain.SENTENCE)


def _slices(part: Part, spans: list[tuple[int, int]], grain: Grain) -> list[Part]:
    gaps = [part.text[end:start] for (_, end), (start, _) in pairwise(spans)]
    slices = [
        part.slice(start, end, glue=glue_of(gap), grain=grain)
        for (start, end), gap in zip(spans, ["", *gaps], strict=True)
    ]
    slices[-1].closes = part.closes or grain is not Grain.WORDS
    return slices


def _grouped(parts: list[Part]) -> Iterator[Group]:
    """Parts alone, but for the two halves of a sentence that goes on over a page break."""
    group: list[Part] = []
    for part in parts:
        if group and not _goes_on(group[-1], part):
            yield tuple(group)
            group = []
        group.append(part)
    yield tuple(group)


def _goes_on(part: Part, after: Part) -> bool:
    is_joint = part.block is not after.block and after.glue in ("", " ")
    return is_joint and not ends_sentence(part.text, part.start, part.end)


def _indent(part: Part) -> int:
    """Characters of white space that the part begins with."""
    text = part.text[part.start : part.end]
    return len(text) - len(text.lstrip())


# Tables


def _rows(part: Part) -> Iterator[Part]:
    """The header of a table, if the part has it, and its rows."""
    assert part.grid is not None  # noqa: S101 - it is a table
    at, header = part.start, part.grid.header
    if header is not None and part.is_header:
        top = part.slice(header.start, header.end, glue="\n", grain=Grain.SENTENCE)
        top.keep = Keep.ALWAYS
        yield top
        at = header.end
    for start, end in _row_spans(part, at):
        row = part.slice(start, end, glue=glue_of(part.text[at:start]) or "\n", grain=Grain.SENTENCE)
        at = end
        yield row


def _row_spans(part: Part, at: int) -> Iterator[tuple[int, int]]:
    """Where the rows stand: lines of markdown, or of HTML what ends with a row."""
    while at < part.end:
        if part.grid is not None and part.grid.is_html:
            match = _HTML_ROW.search(part.text, at, part.end)
            end = match.end() if match and _HTML_ROW.search(part.text, match.end(), part.end) else part.end
        else:
            end = part.text.find("\n", at, part.end)
            end = part.end if end < 0 else end
        first, last = trim(part.text, at, end)
        if first < last:
            yield first, last
        at = end + 1 if part.text[end : end + 1] == "\n" else end


def _cells(row: Part) -> list[Part]:
    """The cells of a table's row, as parts of their own; the row itself if it has but one."""
    assert row.grid is not None  # noqa: S101 - it is a row
    pattern = _HTML_CELL if row.grid.is_html else _PIPE
    edges = [match.start() for match in pattern.finditer(row.text, row.start + 1, row.end)]
    if not row.grid.is_html:
        edges = edges[:-1]
    spans = [trim(row.text, start, end) for start, end in pairwise([row.start, *edges, row.end])]
    cells = [row.slice(start, end, glue=" ", grain=Grain.WORDS) for start, end in spans if start < end]
    for cell in cells:
        cell.keep = Keep.NO
    return cells
