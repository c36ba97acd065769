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
from itertools import zip_longest
from typing import NamedTuple

from .document import Block, BlockKind, Line, LineSource
from .folding import Token, fold, is_mark, tokens, word_tokens
from .geometry import Box, visual_rows
from .linewords import DIGITS, LineWords
from .recognition import Word, Words
from .tables import with_cell_boxes

MARGIN = 0.006
"""How far over a block's box a word's middle may lie, in fractions of the page: the model is off by about 5/1000."""

ENOUGH = 0.6
"""Share of a block's letters that must be found among the words before the words' places are believed."""

MAX_COMPARISONS = 200_000_000
"""Tokens times tokens beyond which nothing is aligned: an honest page stays far under it, memory is 1 bit each."""

_CELL_BORDER = re.compile(r"(?<!\\)\||\n")


class _Match(NamedTuple):
    """Characters ``[start, end)`` of the block's text are (part of) the page's word number ``word``."""

    start: int
    end: int
    letters: int
    word: int


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
    ours, text = tokens(block.text), block.text
    columns = page.columns(block.boxes)
    spots = [word for column in columns for word in column]
    # The name of a LaTeX command is not on the page.
    letters = sum([len(token.folded) for token in ours if text[max(0, token.start - 1)] != "\\"])
    matches = _match(ours, page.said(spots), text)
    if _letters(matches) < 0.95 * letters:
        # A text layer need not be in reading order; rows of a table often are not.
        matches = max(matches, _match(ours, page.said(page.by_sight(columns)), text), key=_letters)
    borders = [found.start() for found in _CELL_BORDER.finditer(text)] if block.kind is BlockKind.TABLE else []
    if borders:
        # A word that reaches over a border is two cells written without a space: it belongs to neither.
        matches = [match for match in matches if bisect_left(borders, match.start) == bisect_left(borders, match.end)]
    if not matches or _letters(matches) < ENOUGH * letters:
        return block
    runs = list(_runs(matches, page, columns, borders))
    lines = tuple(_lines(text, runs, page, source))
    return replace(block, lines=lines, table=block.table and with_cell_boxes(block.table, text, lines))


# --- words ------------------------------------------------------------------------------------------------------------


class _Rounded(dict[float, float]):
    """Sides of words in few digits; all words of a line have two of them in common."""

    def __missing__(self, side: float) -> float:
        self[side] = rounded = round(side, DIGITS)
        return rounded


class _PageWords:
    """The words of a page, by their numbers: their tokens, and where they stand."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._tokens = list(map(word_tokens, words.texts))
        self.rounded = _Rounded()
        self.lefts, self.tops, self.rights, self.bottoms = (words.sides[side::4].tolist() for side in range(4))

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

    def said(self, spots: Iterable[int]) -> list[tuple[str, int]]:
        """The tokens of words, with the words' numbers."""
        return [(folded, word) for word in spots for folded in self._tokens[word]]

    def around(self, words: Sequence[int]) -> Box:
        """The smallest box that holds some words."""
        return Box.ordered(
            min([self.lefts[word] for word in words]),
            min([self.tops[word] for word in words]),
            max([self.rights[word] for word in words]),
            max([self.bottoms[word] for word in words]),
        )

    def is_beside(self, word: int, last: int) -> bool:
        """Whether a word stands on the same visual line as the one before it in the text, and not before that."""
        top, bottom, last_top, last_bottom = self.tops[word], self.bottoms[word], self.tops[last], self.bottoms[last]
        if top == last_top and bottom == last_bottom:
            return True
        lowest = min(bottom - top, last_bottom - last_top)
        both = min(bottom, last_bottom) - max(top, last_top)
        shared = max(0.0, both) / lowest if lowest > 0 else float(both >= 0)
        if self.lefts[word] > (self.lefts[last] + self.rights[last]) / 2:
            return shared > 0.2  # to the right of it: a superscript shares little of the line's height
        return shared > 0.5 and (top + bottom) / 2 - (last_top + last_bottom) / 2 <= 0.25 * lowest


# --- matching ---------------------------------------------------------------------------------------------------------


def _match(ours: Sequence[Token], said: Sequence[tuple[str, int]], text: str) -> list[_Match]:
    """Align tokens with words; the matches ascend in the text and do not overlap."""
    from rapidfuzz.distance import LCSseq

    if len(ours) * len(said) > MAX_COMPARISONS:
        return []
    one, other = [token.folded for token in ours], [folded for folded, _ in said]
    if one == other:
        return _pairs(ours, said)
    matches: list[_Match] = []
    after_token = after_said = 0
    for anchor in LCSseq.editops(one, other).as_matching_blocks():
        matches += _match_letters(ours[after_token : anchor.a], said[after_said : anchor.b], text)
        after_token, after_said = anchor.a + anchor.size, anchor.b + anchor.size
        matches += _pairs(ours[anchor.a : after_token], said[anchor.b : after_said])
    return matches


def _pairs(ours: Sequence[Token], said: Sequence[tuple[str, int]]) -> list[_Match]:
    """Tokens with the same ones of the page."""
    return [_Match(start, end, len(folded), word) for (folded, start, end), (_, word) in zip(ours, said, strict=True)]


def _match_letters(ours: Sequence[Token], said: Sequence[tuple[str, int]], text: str) -> list[_Match]:
    """Align what no equal token explains letter by letter: hyphenation, other word breaks, single wrong letters."""
    from rapidfuzz.distance import LCSseq

    if not ours or not said:
        return []
    letters = [(letter, at) for token in ours for at in range(token.start, token.end) for letter in fold(text[at])]
    heard = [(letter, place) for place, (folded, _) in enumerate(said) for letter in folded]
    if len(letters) * len(heard) > MAX_COMPARISONS:
        return []
    places: dict[int, list[int]] = {}
    seen, there = "".join(letter for letter, _ in letters), "".join(letter for letter, _ in heard)
    for run in LCSseq.editops(seen, there).as_matching_blocks():
        for step in range(run.size):
            places.setdefault(heard[run.b + step][1], []).append(letters[run.a + step][1])
    matches = []
    for place, found in places.items():
        folded, word = said[place]
        start, end = found[0], found[-1] + 1
        # Scattered letters are chance. One letter alone is, too: where it is right, it is an equal token.
        if len(found) > 1 and len(found) >= ENOUGH * len(folded) and end - start <= 1.5 * len(folded) + 1:
            matches.append(_Match(start, end, len(found), word))
    return _without_overlaps(matches)


def _without_overlaps(matches: list[_Match]) -> list[_Match]:
    """One character that folds to two letters may be claimed by two words: the first keeps it."""
    kept: list[_Match] = []
    for match in matches:
        start = max(match.start, kept[-1].end) if kept else match.start
        if start < match.end:
            kept.append(match._replace(start=start))
    return kept


def _letters(matches: Sequence[_Match]) -> int:
    return sum([match.letters for match in matches])


# --- lines ------------------------------------------------------------------------------------------------------------


def _runs(
    matches: Sequence[_Match], page: _PageWords, columns: Sequence[Sequence[int]], borders: Sequence[int]
) -> Iterator[list[_Match]]:
    """Matches that stand on one visual line, and in the same cell."""
    column_of = {word: at for at, column in enumerate(columns) for word in column} if len(columns) > 1 else {}
    run: list[_Match] = []
    for match in matches:
        if run:
            last = run[-1]
            is_same = column_of.get(last.word) == column_of.get(match.word) and (
                not borders or bisect_left(borders, last.start) == bisect_left(borders, match.start)
            )
            if not (is_same and page.is_beside(match.word, last.word)):
                yield run
                run = []
        run.append(match)
    if run:
        yield run


def _lines(text: str, runs: Sequence[Sequence[_Match]], page: _PageWords, source: LineSource) -> Iterator[Line]:
    floor = 0
    for run, following in zip_longest(runs, runs[1:]):
        ceiling = following[0].start if following else len(text)
        start, end = _with_punctuation(text, run[0].start, run[-1].end, floor=floor, ceiling=ceiling)
        box = page.around([match.word for match in run])
        yield Line(start=start, end=end, box=box, source=source, words=_line_words(text, run, page, start, end))
        floor = end


def _line_words(text: str, run: Sequence[_Match], page: _PageWords, start: int, end: int) -> LineWords:
    """Which characters of a line each of the page's words stands for; marks between two words go with the first."""
    words: list[tuple[int, int, int]] = []
    for first, last, _, word in run:
        if words and words[-1][2] == word:
            words[-1] = words[-1][0], last, word
        else:
            words.append((first, last, word))
    spans: list[int] = []
    sides: list[float] = []
    for (first, last, word), following in zip_longest(words, words[1:]):
        begin, start = _with_punctuation(text, first, last, floor=start, ceiling=following[0] if following else end)
        spans += (begin, start)
        sides += (page.lefts[word], page.tops[word], page.rights[word], page.bottoms[word])
    return LineWords(spans, map(page.rounded.__getitem__, sides))


def _with_punctuation(text: str, start: int, end: int, *, floor: int, ceiling: int) -> tuple[int, int]:
    """Widen a span by the marks that stand at the words without a space; cell borders stay outside."""
    while start > floor and is_mark(text[start - 1]):
        start -= 1
    while end < ceiling and is_mark(text[end]):
        end += 1
    return start, end
