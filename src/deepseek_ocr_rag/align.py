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
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from .document import Block, BlockKind, Line, LineSource, LineWord
from .folding import Token, fold, is_mark, tokens, word_tokens
from .geometry import Box, bounding_box, visual_rows
from .recognition import Word
from .tables import with_cell_boxes

MARGIN = 0.006
"""How far over a block's box a word's middle may lie, in fractions of the page: the model is off by about 5/1000."""

ENOUGH = 0.6
"""Share of a block's letters that must be found among the words before the words' places are believed."""

MAX_COMPARISONS = 200_000_000
"""Tokens times tokens beyond which nothing is aligned: an honest page stays far under it, memory is 1 bit each."""

_CELL_BORDER = re.compile(r"(?<!\\)\||\n")


@dataclass(frozen=True, slots=True)
class _Spot:
    """A word inside a block: its place in the text layer, which of the block's boxes it lies in, its tokens."""

    position: int
    column: int
    box: Box
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Match:
    """Characters ``[start, end)`` of the block's text are (part of) the word at ``spot``."""

    start: int
    end: int
    letters: int
    spot: _Spot


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
    page = _PageWords(words)
    return tuple(_align(block, page, source) if _wants_lines(block) else block for block in blocks)


def _wants_lines(block: Block) -> bool:
    return bool(block.boxes and block.text and not block.lines)


def _align(block: Block, page: _PageWords, source: LineSource) -> Block:
    ours = list(tokens(block.text))
    spots = page.inside(block.boxes)
    # The name of a LaTeX command is not on the page.
    letters = sum(len(token.folded) for token in ours if block.text[max(0, token.start - 1)] != "\\")
    matches = _match(ours, spots, block.text)
    if _letters(matches) < 0.95 * letters:
        # A text layer need not be in reading order; rows of a table often are not.
        matches = max(matches, _match(ours, _by_sight(spots), block.text), key=_letters)
    borders = [found.start() for found in _CELL_BORDER.finditer(block.text)] if block.kind is BlockKind.TABLE else []
    # A word that reaches over a border is two cells written without a space: it belongs to neither.
    matches = [match for match in matches if bisect_left(borders, match.start) == bisect_left(borders, match.end)]
    if not matches or _letters(matches) < ENOUGH * letters:
        return block
    lines = _lines(block.text, matches, borders, source)
    return replace(block, lines=lines, table=block.table and with_cell_boxes(block.table, block.text, lines))


# --- words ------------------------------------------------------------------------------------------------------------


class _PageWords:
    """The page's words, ordered by height so that a block need not look at all of them."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._order = sorted(range(len(words)), key=lambda position: words[position].box.center[1])
        self._heights = [words[position].box.center[1] for position in self._order]

    def inside(self, boxes: Sequence[Box]) -> list[_Spot]:
        """The words with letters whose middle lies in one of the boxes, box by box, in the text layer's order."""
        spots: dict[int, _Spot] = {}
        for column, box in enumerate(boxes):
            low = bisect_left(self._heights, box.top - MARGIN)
            high = bisect_right(self._heights, box.bottom + MARGIN)
            for position in sorted(self._order[low:high]):
                word = self._words[position]
                parts = word_tokens(word.text)
                if parts and box.left - MARGIN <= word.box.center[0] <= box.right + MARGIN:
                    spots.setdefault(position, _Spot(position, column, word.box, parts))
        return list(spots.values())


def _by_sight(spots: Sequence[_Spot]) -> list[_Spot]:
    """The words line by line from the top and from left to right, whatever their order in the file."""
    ordered: list[_Spot] = []
    for _, group in groupby(spots, key=attrgetter("column")):
        column = list(group)
        ordered += (column[at] for row in visual_rows([spot.box for spot in column]) for at in row)
    return ordered


# --- matching ---------------------------------------------------------------------------------------------------------


def _match(ours: Sequence[Token], spots: Sequence[_Spot], text: str) -> list[_Match]:
    """Align tokens with words; the matches ascend in the text and do not overlap."""
    from rapidfuzz.distance import LCSseq

    said = [(folded, spot) for spot in spots for folded in spot.tokens]
    if len(ours) * len(said) > MAX_COMPARISONS:
        return []
    matches: list[_Match] = []
    after_token = after_said = 0
    anchors = LCSseq.editops([token.folded for token in ours], [folded for folded, _ in said]).as_matching_blocks()
    for anchor in anchors:
        gap = ours[after_token : anchor.a], said[after_said : anchor.b]
        matches += _match_letters(*gap, text)
        after_token, after_said = anchor.a + anchor.size, anchor.b + anchor.size
        for token, (folded, spot) in zip(ours[anchor.a : after_token], said[anchor.b : after_said], strict=True):
            matches.append(_Match(token.start, token.end, len(folded), spot))
    return matches


def _match_letters(ours: Sequence[Token], said: Sequence[tuple[str, _Spot]], text: str) -> list[_Match]:
    """Align what no equal token explains letter by letter: hyphenation, other word breaks, single wrong letters."""
    from rapidfuzz.distance import LCSseq

    letters = [(letter, at) for token in ours for at in range(token.start, token.end) for letter in fold(text[at])]
    heard = [(letter, word) for word, (folded, _) in enumerate(said) for letter in folded]
    if not letters or not heard or len(letters) * len(heard) > MAX_COMPARISONS:
        return []
    places: dict[int, list[int]] = {}
    seen, there = "".join(letter for letter, _ in letters), "".join(letter for letter, _ in heard)
    for run in LCSseq.editops(seen, there).as_matching_blocks():
        for step in range(run.size):
            places.setdefault(heard[run.b + step][1], []).append(letters[run.a + step][1])
    matches = []
    for word, found in places.items():
        folded, spot = said[word]
        start, end = found[0], found[-1] + 1
        # Scattered letters are chance. One letter alone is, too: where it is right, it is an equal token.
        if len(found) > 1 and len(found) >= ENOUGH * len(folded) and end - start <= 1.5 * len(folded) + 1:
            matches.append(_Match(start, end, len(found), spot))
    return _without_overlaps(matches)


def _without_overlaps(matches: list[_Match]) -> list[_Match]:
    """One character that folds to two letters may be claimed by two words: the first keeps it."""
    kept: list[_Match] = []
    for match in matches:
        start = max(match.start, kept[-1].end) if kept else match.start
        if start < match.end:
            kept.append(replace(match, start=start))
    return kept


def _letters(matches: Sequence[_Match]) -> int:
    return sum(match.letters for match in matches)


# --- lines ------------------------------------------------------------------------------------------------------------


def _lines(text: str, matches: Sequence[_Match], borders: Sequence[int], source: LineSource) -> tuple[Line, ...]:
    runs: list[list[_Match]] = []
    for match in matches:
        if runs and _goes_on(runs[-1][-1], match, borders):
            runs[-1].append(match)
        else:
            runs.append([match])
    lines: list[Line] = []
    for number, run in enumerate(runs):
        floor = lines[-1].end if lines else 0
        ceiling = runs[number + 1][0].start if number + 1 < len(runs) else len(text)
        start, end = _with_punctuation(text, run[0].start, run[-1].end, floor=floor, ceiling=ceiling)
        box = bounding_box(match.spot.box for match in run)
        if box is not None:
            words = tuple(_line_words(text, run, start, end))
            lines.append(Line(start=start, end=end, box=box, source=source, words=words))
    return tuple(lines)


def _line_words(text: str, run: Sequence[_Match], start: int, end: int) -> Iterator[LineWord]:
    """Which characters of a line each of the page's words stands for; marks between two words go with the first."""
    words = [list(word) for _, word in groupby(run, key=attrgetter("spot.position"))]
    ceilings = [*(word[0].start for word in words[1:]), end]
    for word, ceiling in zip(words, ceilings, strict=True):
        first, last = _with_punctuation(text, word[0].start, word[-1].end, floor=start, ceiling=ceiling)
        yield LineWord.at(first, last, word[0].spot.box)
        start = last


def _goes_on(last: _Match, match: _Match, borders: Sequence[int]) -> bool:
    """Whether a word stands on the same visual line (and in the same cell) as the one before it in the text."""
    if last.spot.column != match.spot.column or bisect_left(borders, last.start) != bisect_left(borders, match.start):
        return False
    before, here = last.spot.box, match.spot.box
    shared = before.shared_height(here)
    if here.left > before.center[0]:
        return shared > 0.2  # to the right of it: a superscript shares little of the line's height
    lower = here.center[1] - before.center[1]
    return shared > 0.5 and lower <= 0.25 * min(before.height, here.height)


def _with_punctuation(text: str, start: int, end: int, *, floor: int, ceiling: int) -> tuple[int, int]:
    """Widen a span by the marks that stand at the words without a space; cell borders stay outside."""
    while start > floor and is_mark(text[start - 1]):
        start -= 1
    while end < ceiling and is_mark(text[end]):
        end += 1
    return start, end
