"""From some characters of a line to the part of its box in which they stand.

Known words say it to the letter. Where there are none, or not for all letters, the line is cut in proportion to how
wide its characters are in common typefaces: on average a hundredth of the line off. That needs to know which way the
text runs, which no box says of itself: words do, and the lines before and after. A line of which it stays unsure is
not cut, since half a line is worse than all of it where it is the wrong half.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal

from .document import Block, BlockKind, Line
from .geometry import Box, bounding_box
from .linewords import LineWord, LineWords

Flow = Literal["right", "left", "down", "up"]
"""Where the text of a line goes on, on the page as displayed."""

_EMS = {
    0.19: "'’‘",
    0.26: ".,",
    0.28: "ijlI!:;|/\\",
    0.31: " \u00a0\t\n",
    0.33: "ft()[]-`",
    0.39: 'rsJ"“”*',
    0.45: "cez?",
    0.5: "agovxyk{}_•°",
    0.56: "bdhnpqu0123456789$+=<>~–L€£¥#",
    0.61: "PFTZS",
    0.67: "ABEKVXY&",
    0.72: "CDGHNRUOQw",
    0.86: "mM%W@—…",
}
"""Widths in ems: medians over the fonts of 217 PDFs, which a Times and a Helvetica agree on within a tenth."""
_WIDTHS = {char: width for width, chars in _EMS.items() for char in chars}
_OF_CATEGORY = {"Lu": 0.67, "Mn": 0.0, "Me": 0.0, "Cf": 0.0, "Cc": 0.0}
_OTHER = 0.53

_MARKUP = re.compile(r"\\[()\[\]]|\\[A-Za-z]{1,20}\s?|\*\*|</?(?:sup|sub|b|i|u|em|strong|br)\s?/?>")
_BEGINS_LATEX = re.compile(r"\\[(\[A-Za-z]")
_SYMBOL = 0.6

_SURE_EMS = 4.0
"""Ems of text from which on the shape of its box tells whether it lies or stands; pages are 0.5 to 2 times as high as
wide, a line is 1.2 ems high."""
_NEAR = 1.5
"""Heights of a line within which the next one is a neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A line of text: its characters, its box, the words of it that are known (counted in ``text``), and its flow."""

    text: str
    box: Box
    words: Sequence[LineWord] = ()
    flow: Flow | None = None

    def part(self, start: int, end: int) -> tuple[Box, bool]:
        """The box of characters ``[start, end)``, and whether all their letters and digits are of known words.

        It lies within the line's box, and holds that of any fewer of these characters, unless those are known and some
        of these are not. The whole line, where it cannot be cut.
        """
        start, end = _trimmed(self.text, start, end)
        words = _sound(self.words, self.text)
        cited = [word for word in words if word.start < end and start < word.end]
        around = _known_box(cited, self.text, start, end)
        held = _within(around, self.box) if around else None
        if start >= end or self.flow is None:
            return held or self.box, held is not None
        knots = _knots(words, self)
        first, last = knots.begin(start), knots.finish(end)
        if last <= first:
            return held or self.box, held is not None
        return _cut(self.box, first, last, flow=self.flow, across=held or self.box), held is not None


def flow_of(strip: Strip, *, before: Box | None = None, after: Box | None = None) -> Flow | None:
    """Where the text of a line goes on, or None where that is not sure.

    Args:
        strip: The line; its flow is not asked for.
        before: The line that is read before it on the page.
        after: The line that is read after it.
    """
    words = _sound(strip.words, strip.text)
    if len(words) > 1:
        return _flow_of_words([word.box.center for word in words])
    script = _script(strip.text)
    ems = sum(advances(strip.text))
    if script is None:
        return None
    votes = [_vote(strip.box, other, sign) for other, sign in ((before, -1), (after, 1)) if other]
    if strip.box.width >= strip.box.height:
        if sum(votes) == -1:
            return None
        return script if sum(votes) >= 0 else _OPPOSITE[script]
    if ems < _SURE_EMS or not sum(votes):
        return None
    return "down" if (sum(votes) > 0) == (script == "right") else "up"


def shown_box(block: Block, lines: Sequence[Line], index: int, *, start: int, end: int) -> Box:
    """Where characters ``[start, end)`` of a block stand in one of its lines, ``lines[index]``; some of them do.

    All of the line for a table's, which may be a row, and for a model's, which may be a whole block.
    """
    line = lines[index]
    if (start <= line.start and line.end <= end) or block.kind is BlockKind.TABLE or line.source == "model":
        return line.box
    before, after = (lines[at].box if 0 <= at < len(lines) else None for at in (index - 1, index + 1))
    strip = line_strip(block.text[line.start : line.end], line.box, line.words, at=line.start, beside=(before, after))
    return strip.part(start - line.start, end - line.start)[0]


def line_strip(
    text: str, box: Box, words: Sequence[LineWord], *, at: int, beside: tuple[Box | None, Box | None]
) -> Strip:
    """The strip of a line that begins ``at`` a character, from which its words are counted, between two others."""
    strip = Strip(text=text, box=box, words=LineWords.of(words).moved(-at))
    return replace(strip, flow=flow_of(strip, before=beside[0], after=beside[1]))


def advances(text: str) -> list[float]:
    """About how wide each character is on the page, in ems; markup, which is not on it, has no width."""
    widths = [_width(char) for char in text]
    is_latex = False
    for mark in _MARKUP.finditer(text):
        is_latex = is_latex or bool(_BEGINS_LATEX.match(mark.group()))
        widths[mark.start() : mark.end()] = [0.0] * len(mark.group())
        if mark.group()[0] == "\\" and mark.group()[1].isalpha():
            widths[mark.start()] = _SYMBOL
    if is_latex:
        return [0.0 if char in "{}^_" else width for char, width in zip(text, widths, strict=True)]
    return widths


_OPPOSITE: dict[Flow, Flow] = {"right": "left", "left": "right", "down": "up", "up": "down"}


# Along a line


@dataclass(frozen=True, slots=True)
class _Knots:
    """Characters whose place along the line is known, 0 to 1: its ends, and where its words begin and end, in turn."""

    text: str
    ems: Sequence[float]
    places: Sequence[int]
    ways: Sequence[float]

    def begin(self, at: int) -> float:
        """Where a character that is not a space begins."""
        knot = min(bisect_right(self.places, at) - 1, len(self.places) - 2)
        begins_word = knot == 0 or knot % 2 == 1
        if begins_word and not says(self.text, self.places[knot], at):
            return self.ways[knot]
        return self._between(knot, at)

    def finish(self, at: int) -> float:
        """Where the character before ``at``, which is not a space, ends."""
        knot = max(1, bisect_left(self.places, at))
        ends_word = knot % 2 == 0 or knot == len(self.places) - 1
        if ends_word and not says(self.text, at, self.places[knot]):
            return self.ways[knot]
        return self._between(knot - 1, at)

    def _between(self, knot: int, at: int) -> float:
        first, last = self.places[knot], self.places[knot + 1]
        all_of_it = self.ems[last] - self.ems[first]
        share = (self.ems[at] - self.ems[first]) / all_of_it if all_of_it > 0 else float(at > first)
        return self.ways[knot] + (self.ways[knot + 1] - self.ways[knot]) * share


def _knots(words: Sequence[LineWord], strip: Strip) -> _Knots:
    first, last = _trimmed(strip.text, 0, len(strip.text))
    places, ways = [first], [0.0]
    for word in words:
        places += [min(max(first, word.start), last), min(max(first, word.end), last)]
        ways += _along(strip.box, word.box, strip.flow)
    ems = list(accumulate(advances(strip.text), initial=0.0))
    return _Knots(strip.text, ems, [*places, last], list(accumulate([*ways, 1.0], max)))


def _along(line: Box, word: Box, flow: Flow | None) -> tuple[float, float]:
    """Where a word begins and ends along a line, as a share of its length."""
    lies = flow in ("right", "left")
    low, size = (line.left, line.width) if lies else (line.top, line.height)
    near, far = (word.left, word.right) if lies else (word.top, word.bottom)
    shares = [min(1.0, max(0.0, (side - low) / size)) if size > 0 else 0.0 for side in (near, far)]
    return (shares[0], shares[1]) if flow in ("right", "down") else (1 - shares[1], 1 - shares[0])


def _cut(line: Box, first: float, last: float, *, flow: Flow, across: Box) -> Box:
    """The part of a line from ``first`` to ``last`` along it, as high as ``across``."""
    if flow in ("left", "up"):
        first, last = 1 - last, 1 - first
    if flow in ("right", "left"):
        left, right = (_on(line.left, line.right, share) for share in (first, last))
        return replace(across, left=left, right=right)
    top, bottom = (_on(line.top, line.bottom, share) for share in (first, last))
    return replace(across, top=top, bottom=bottom)


def _on(low: float, high: float, share: float) -> float:
    return high if share >= 1 else min(high, max(low, low + (high - low) * share))


# Words


def _sound(words: Sequence[LineWord], text: str) -> list[LineWord]:
    """The words that are in order, apart, and within the text: documents may come from anywhere."""
    sound: list[LineWord] = []
    for word in words:
        if (sound[-1].end if sound else 0) <= word.start < word.end <= len(text):
            sound.append(word)
    return sound


def _known_box(cited: Sequence[LineWord], text: str, start: int, end: int) -> Box | None:
    """The box around words, if nothing else of ``[start, end)`` is a letter or a digit."""
    edges = [start, *(edge for word in cited for edge in (word.start, word.end)), end]
    if any(says(text, gap, until) for gap, until in zip(edges[::2], edges[1::2], strict=True)):
        return None
    return bounding_box(word.box for word in cited)


def _within(box: Box, line: Box) -> Box | None:
    """What of a box is in the line's; None for nothing."""
    left, right = max(box.left, line.left), min(box.right, line.right)
    top, bottom = max(box.top, line.top), min(box.bottom, line.bottom)
    return Box(left=left, top=top, right=right, bottom=bottom) if left < right and top < bottom else None


def _flow_of_words(middles: Sequence[tuple[float, float]]) -> Flow | None:
    """The direction in which words follow each other, or None where they go to and fro."""
    across, down = ([here[axis] - last[axis] for last, here in pairwise(middles)] for axis in (0, 1))
    steps, flows = (across, _LYING) if abs(sum(across)) >= abs(sum(down)) else (down, _STANDING)
    if all(step > 0 for step in steps):
        return flows[0]
    return flows[1] if all(step < 0 for step in steps) else None


_LYING: tuple[Flow, Flow] = ("right", "left")
_STANDING: tuple[Flow, Flow] = ("down", "up")


# Text


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A range without the white space at its ends; an empty one within the text for nothing else."""
    start, end = max(0, start), min(len(text), end)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def says(text: str, start: int, end: int) -> bool:
    """Whether characters of a text are more than marks and spaces."""
    return any(char.isalnum() for char in text[start:end])


@lru_cache(maxsize=4096)
def _width(char: str) -> float:
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.east_asian_width(char) in ("W", "F"):
        return 1.0
    return _OF_CATEGORY.get(unicodedata.category(char), _OTHER)


def _script(text: str) -> Flow | None:
    """Where upright text goes on, by its letters; None for those of both directions."""
    if text.isascii():
        return "right"
    directions = {unicodedata.bidirectional(char) for char in text}
    if not directions & {"R", "AL"}:
        return "right"
    return None if "L" in directions else "left"


def _vote(box: Box, other: Box, sign: int) -> int:
    """Whether the next line (``sign`` 1) or the last (-1) lies as in text that is upright or turned clockwise.

    1 where it does: the next one is below, or to the left. -1 where it is the other way; 0 for what is no neighbour.
    """
    lies = box.width >= box.height
    beside = (box.left, box.right, other.left, other.right) if lies else (box.top, box.bottom, other.top, other.bottom)
    if min(beside[1], beside[3]) <= max(beside[0], beside[2]):
        return 0
    step = other.center[1] - box.center[1] if lies else box.center[0] - other.center[0]
    thick = box.height if lies else box.width
    if not 0.5 * thick < abs(step) <= (1 + _NEAR) * thick:
        return 0
    return sign if step > 0 else -sign
