"""Where each line of a block stands, told by the words of the page's text layer.

A model says where a block is, not where its lines are; a born-digital page says where every word is, but not which
words belong together. Here the two meet: the block's text is aligned with the words inside its boxes, and words that
follow each other on one visual line become a :class:`Line`. Both sides are compared as bare letters and digits, so
that accents, ligatures, quotes, dashes and punctuation do not matter. Equal tokens are the anchors; what lies between
two anchors is aligned letter by letter, which rejoins words that were hyphenated over a line break. A block whose
text the page does not bear out keeps its own box and gets no lines: no evidence is better than wrong evidence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, compress, islice, pairwise
from operator import eq, ne
from typing import NamedTuple

from .document import Block, BlockKind, Line, LineSource
from .folding import Tokens, fold, is_mark, token_columns, word_tokens
from .geometry import Box, visual_rows
from .linewords import LineWords, few_digits
from .recognition import Word, Words
from .tables import with_cell_boxes

MARGIN = 0.006
"""How far over a block's box a word's middle may lie, in fractions of the page: the model is off by about 5/1000."""

ENOUGH = 0.6
"""Share of a block's letters that must be found among the words before the words' places are believed."""

MAX_COMPARISONS = 200_000_000
"""Tokens times tokens beyond which nothing is aligned: an honest page stays far under it, memory is 1 bit each."""

_CELL_BORDER = re.compile(r"(?<!\\)\||\n")


class _Matches(NamedTuple):
    """What of the block's text is on the page, column by column; ascending in the text, and apart.

    Characters ``[starts[at], ends[at])`` are (part of) the page's word number ``words[at]``, and have ``letters[at]``
    letters in common with it.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    letters: Sequence[int]
    words: Sequence[int]


_NONE = _Matches((), (), (), ())


class _Said(NamedTuple):
    """Tokens of the page, and the number of the word that each is of."""

    folded: list[str]
    words: list[int]

    def part(self, first: int, last: int) -> _Said:
        """The tokens number ``[first, last)``."""
        return _Said(self.folded[first:last], self.words[first:last])


def align_blocks(
    blocks: tuple[Block, ...], *, words: Sequence[Word], source: LineSource = "text_layer"
) -> tuple[Block, ...]:
    """Give blocks their lines, and these their words, from the words of the page.

    Only blocks with boxes and without lines are touched, and only where at least :data:`ENOUGH` of their letters are
    found. The lines are ascending and do not overlap; in a table none reaches over a cell's border, and the cells get
    the boxes around their lines. A word that is hyphenated over two lines has a part on each.

    Args:
        blocks: The blocks of one page.
        words: The words of the same page in the order of its text layer, or of OCR.
        source: Where the words come from.

    Returns:
        The same blocks in the same order, some with ``lines`` of that source.
    """
    if not any(_wants_lines(block) for block in blocks):
        return blocks
    page = _PageWords(Words.of(words))
    return tuple(_align(block, page, source) if _wants_lines(block) else block for block in blocks)


def _wants_lines(block: Block) -> bool:
    return bool(block.boxes and block.text and not block.lines)


def _align(block: Block, page: _PageWords, source: LineSource) -> Block:
    text, ours = block.text, token_columns(block.text)
    columns = page.columns(block.boxes)
    letters = _letters_on_page(ours, text)
    matches = _match(ours, page.said(list(chain.from_iterable(columns))), text)
    if sum(matches.letters) < 0.95 * letters:
        # A text layer need not be in reading order; rows of a table often are not.
        by_sight = _match(ours, page.said(page.by_sight(columns)), text)
        matches = max(matches, by_sight, key=lambda found: sum(found.letters))
    borders = [found.start() for found in _CELL_BORDER.finditer(text)] if block.kind is BlockKind.TABLE else []
    if borders:
        # A word that reaches over a border is two cells written without a space: it belongs to neither.
        cells, last_cells = _cells(matches.starts, borders), _cells(matches.ends, borders)
        matches = _Matches(*(list(compress(column, map(eq, cells, last_cells))) for column in matches))
    if not matches.words or sum(matches.letters) < ENOUGH * letters:
        return block
    rows = _rows(text, matches, page, columns, borders)
    lines = tuple(_line(page.sides(words), bounds, source) for words, bounds in rows)
    return replace(block, lines=lines, table=block.table and with_cell_boxes(block.table, text, lines))


def _letters_on_page(ours: Tokens, text: str) -> int:
    """How many letters of the text the page may have: the name of a LaTeX command is not on it."""
    if "\\" not in text:
        return sum(map(len, ours.folded))
    return sum(
        [len(folded) for folded, start in zip(ours.folded, ours.starts, strict=True) if text[start - 1 : start] != "\\"]
    )


def _cells(places: Iterable[int], borders: Sequence[int]) -> list[int]:
    """The numbers of the cells that characters are in."""
    return [bisect_left(borders, place) for place in places]


# --- words ------------------------------------------------------------------------------------------------------------


class _PageWords:
    """The words of a page, by their numbers: their tokens, and where they stand."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._tokens = list(map(word_tokens, words.texts))
        self._sides = words.sides.tolist()
        self.lefts, self.tops, self.rights, self.bottoms = (self._sides[side::4] for side in range(4))

    def columns(self, boxes: Sequence[Box]) -> list[list[int]]:
        """The words with letters whose middle lies in one of the boxes, box by box, in the text layer's order."""
        found: set[int] = set()
        columns = []
        for box in boxes:
            inside = [at for at in self._words.inside(box, margin=MARGIN) if self._tokens[at] and at not in found]
            columns.append(inside)
            found.update(inside)
        return columns

    def by_sight(self, columns: Sequence[Sequence[int]]) -> list[int]:
        """The words line by line from the top and from left to right, whatever their order in the file."""
        return [
            column[at]
            for column in columns
            for row in visual_rows([self._words.box(word) for word in column])
            for at in row
        ]

    def said(self, spots: list[int]) -> _Said:
        """The tokens of words."""
        heard = [self._tokens[word] for word in spots]
        folded = list(chain.from_iterable(heard))
        if len(folded) == len(spots):  # each has one, as none has less
            return _Said(folded, spots)
        return _Said(folded, [word for word, own in zip(spots, heard, strict=True) for _ in own])

    def sides(self, words: Sequence[int]) -> list[float]:
        """Left, top, right and bottom of each of some words, one's four after the other's."""
        first, last = words[0], words[-1] + 1
        if words == list(range(first, last)):  # in the order of the page, as nearly always
            return self._sides[4 * first : 4 * last]
        return list(chain.from_iterable(self._sides[4 * word : 4 * word + 4] for word in words))

    def is_beside(self, word: int, last: int) -> bool:
        """Whether a word stands on the same visual line as the one before it in the text, and not before that."""
        top, bottom, last_top, last_bottom = self.tops[word], self.bottoms[word], self.tops[last], self.bottoms[last]
        lowest = min(bottom - top, last_bottom - last_top)
        both = min(bottom, last_bottom) - max(top, last_top)
        shared = max(0.0, both) / lowest if lowest > 0 else float(both >= 0)
        if self.lefts[word] > (self.lefts[last] + self.rights[last]) / 2:
            return shared > 0.2  # to the right of it: a superscript shares little of the line's height
        return shared > 0.5 and (top + bottom) / 2 - (last_top + last_bottom) / 2 <= 0.25 * lowest


# --- matching ---------------------------------------------------------------------------------------------------------


def _match(ours: Tokens, said: _Said, text: str) -> _Matches:
    """Align tokens with words."""
    if len(ours.folded) * len(said.folded) > MAX_COMPARISONS:
        return _NONE
    lengths = list(map(len, ours.folded))
    if ours.folded == said.folded:
        return _Matches(ours.starts, ours.ends, lengths, said.words)
    from rapidfuzz.distance import LCSseq

    found: list[_Matches] = []
    after_token = after_said = 0
    for anchor in LCSseq.editops(ours.folded, said.folded).as_matching_blocks():
        left, unsaid = ours.part(after_token, anchor.a), said.part(after_said, anchor.b)
        if left.folded and unsaid.folded:
            found.append(_match_letters(left, unsaid, text))
        after_token, after_said = anchor.a + anchor.size, anchor.b + anchor.size
        same = slice(anchor.a, after_token)
        found.append(_Matches(ours.starts[same], ours.ends[same], lengths[same], said.words[anchor.b : after_said]))
    return _Matches(*(list(chain.from_iterable(column)) for column in zip(*found, strict=True)))


def _match_letters(ours: Tokens, said: _Said, text: str) -> _Matches:
    """Align what no equal token explains letter by letter: hyphenation, other word breaks, single wrong letters."""
    from rapidfuzz.distance import LCSseq

    spans = zip(ours.starts, ours.ends, strict=True)
    letters = [(letter, at) for start, end in spans for at in range(start, end) for letter in fold(text[at])]
    heard = [(letter, place) for place, folded in enumerate(said.folded) for letter in folded]
    if len(letters) * len(heard) > MAX_COMPARISONS:
        return _NONE
    places: dict[int, list[int]] = {}
    seen, there = "".join(letter for letter, _ in letters), "".join(letter for letter, _ in heard)
    for run in LCSseq.editops(seen, there).as_matching_blocks():
        for step in range(run.size):
            places.setdefault(heard[run.b + step][1], []).append(letters[run.a + step][1])
    matches: list[tuple[int, int, int, int]] = []
    free = 0
    for place, found in places.items():
        start, end, length = found[0], found[-1] + 1, len(said.folded[place])
        # Scattered letters are chance. One letter alone is, too: where it is right, it is an equal token.
        if len(found) > 1 and len(found) >= ENOUGH * length and end - start <= 1.5 * length + 1 and free < end:
            # A character that folds to two letters may be claimed by two words: the first keeps it.
            matches.append((max(start, free), end, len(found), said.words[place]))
            free = end
    return _Matches(*zip(*matches, strict=True)) if matches else _NONE


# --- lines ------------------------------------------------------------------------------------------------------------


def _rows(
    text: str, matches: _Matches, page: _PageWords, columns: Sequence[Sequence[int]], borders: Sequence[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """The words that stand on one visual line, and in the same cell and column; where each begins and ends."""
    cells = _cells(matches.starts, borders) if borders else []
    # A word that is several tokens, as ``high-quality`` is, has one place in each cell that it is in.
    keys = list(zip(matches.words, cells, strict=True)) if borders else matches.words
    is_new = _is_new(keys)
    words, starts = list(compress(matches.words, is_new)), list(compress(matches.starts, is_new))
    ends = list(compress(matches.ends, [*is_new[1:], True]))
    begins = {0}
    if borders:
        begins.update(_changes(list(compress(cells, is_new))))
    if len(columns) > 1:
        column_of = {word: at for at, column in enumerate(columns) for word in column}
        begins.update(_changes([column_of[word] for word in words]))
    changes = {*_changes([page.tops[word] for word in words]), *_changes([page.bottoms[word] for word in words])}
    begins.update([at for at in changes if at and not page.is_beside(words[at], words[at - 1])])
    bounds = _with_punctuation(text, starts, ends)
    for first, last in pairwise((*sorted(begins), len(words))):
        yield words[first:last], bounds[2 * first : 2 * last]


def _line(sides: Sequence[float], bounds: Sequence[int], source: LineSource) -> Line:
    """A line of words, each with four sides and two bounds."""
    box = Box.ordered(min(sides[::4]), min(sides[1::4]), max(sides[2::4]), max(sides[3::4]))
    return Line(start=bounds[0], end=bounds[-1], box=box, source=source, words=LineWords(bounds, few_digits(sides)))


def _is_new(values: Sequence[object]) -> list[bool]:
    """Of each value, whether it is not the one before."""
    return [True, *map(ne, values, islice(values, 1, None))]


def _changes(values: Sequence[object]) -> Iterable[int]:
    """The places of the values that are new."""
    return compress(range(len(values)), _is_new(values))


def _with_punctuation(text: str, starts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Start and end of each word in turn, widened by the marks that stand at it without a space.

    Marks between two words go with the first; cell borders stay outside.
    """
    bounds = [*starts, *ends]
    bounds[::2], bounds[1::2] = starts, ends
    bounds[0] = _before(text, starts[0], 0)
    bounds[-1] = _behind(text, ends[-1], len(text))
    for at, (end, start) in enumerate(zip(ends, islice(starts, 1, None), strict=False)):
        if text[end:start] != " ":
            bounds[2 * at + 1] = behind = _behind(text, end, start)
            bounds[2 * at + 2] = _before(text, start, behind)
    return bounds


def _before(text: str, start: int, floor: int) -> int:
    """Where the marks right before a word begin."""
    while start > floor and is_mark(text[start - 1]):
        start -= 1
    return start


def _behind(text: str, end: int, ceiling: int) -> int:
    """Where the marks right behind a word end."""
    while end < ceiling and is_mark(text[end]):
        end += 1
    return end
