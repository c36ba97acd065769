"""Whether one text goes on in another, and what stands between the two: a blank, nothing, or a hyphen to be undone.

Where a sentence is cut, lower case tells. Without it (a noun in German, Chinese, Arabic, Thai) the last line does: the
last line of a paragraph is seldom full. In doubt nothing is joined, and no hyphen is undone without a witness.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence

from ..document import Block, BlockKind, Joint, Line, Page
from ..markdown import HYPHENS
from ..syntax import BULLETS

MOST_WORDS = 200_000
"""Words that are remembered; then those go that were not seen again for as many."""

_SOFT_HYPHEN = "\u00ad"
_REFERENCE = (
    r"(?:\\\(\s?(?:\{\})?\^\{?[^\\{}\n]{1,16}\}?\s?\\\)|\$(?:\{\})?\^\{?[^$\n]{1,16}\$|<sup>[^<>\n]{1,16}</sup>"
    r"|[¹²³⁰⁴-⁹]{1,4}|\[[\d,;–\- ]{1,16}\]|\d{1,3})"
)
_SENTENCE_END = re.compile(rf"[.!?:;…。！？：；｡।؟۔։።។៖།]['\"”’»›)\]）」』】]{{0,4}}\s?{_REFERENCE}?\s*\Z")
_SOFT_END = re.compile(r"[;；]\s*\Z|\b(?:e\.\s?g|i\.\s?e|cf|vs|ca|approx|vgl|bzw|z\.\s?B|d\.\s?h)\.\s*\Z")
"""What looks like the end of a sentence, and is none if lower case follows."""

_TAIL = 60
"""Characters at the end in which a sentence's end is looked for."""

_OPENING = re.compile(
    rf"[{BULLETS}]|[-–—*]\s|[(（]?(?:\d{{1,3}}|[A-Za-z]|[ivxIVX]{{1,5}})[.)）](?:\s|\Z)|\[\d{{1,3}}\]|\d{{1,3}}[、．]|§"
    r"|(?:fig(?:ure|\.)|tab(?:le|elle|\.)|abb(?:ildung|\.)|[图圖図表])\s?\d|第\s?\w{1,5}\s?[章节節条條]",
    re.IGNORECASE,
)
"""How a new paragraph, list item or caption begins, whatever the case of its letters."""

_QUOTES = "\"'“”„‚‘’«»‹›([（「『"
_LINKING = re.compile(
    r"(?:[,，、،]|\b(?:mr|mrs|ms|prof|figs?)\.|\b(?:a|an|the|of|and|or|in|on|to|for|with|by|from|at|as|is|are|was|were|that|which|und|oder|der|die|das|den|dem"
    r"|des|ein|eine|einer|mit|von|für|de|la|le|les|du|et|ou|el|los|las|y|o|del|di|il))\s*\Z",
    re.IGNORECASE,
)
"""What no paragraph ends with."""

_SUSPENDED = frozenset(
    {"and", "or", "nor", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e", "en", "eller", "ja", "и"}
)
"""After "short-": the hyphen stands for what "short- and long-term" share."""

_WORD = re.compile(r"(?<![\w\u2010-])[^\W\d_]{1,40}(?:[-\u2010][^\W\d_]{1,40}){0,3}(?![\w\u2010\u00ad-])")
_LAST_WORD = re.compile(r"(?:[^\W\d_]{1,40}[-\u2010]){0,3}[^\W\d_]{1,40}\Z")
_FIRST_WORD = re.compile(r"[^\W\d_]{1,40}(?:[-\u2010][^\W\d_]{1,40}){0,3}")
_CJK = re.compile(r"[\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")
_HANGUL = re.compile(r"[\u1100-\u11ff\uac00-\ud7af]")

_LETTER = re.compile(r"[^\W\d_]")
_LEAST_PER_LINE = 20
"""Characters that a line of prose holds at least, on average, where nothing else tells it from other things."""

_FULL, _JUSTIFIED = 0.06, 0.025
"""A line is full if no more than this share of the column's width is left; the second, where case speaks against it."""


class Words:
    """The words that a document has in one piece, hyphenated ones too: the evidence for undoing hyphens.

    Remembers the latest :data:`MOST_WORDS` to twice as many; case does not matter.
    """

    def __init__(self) -> None:
        self._latest: set[str] = set()
        self._before: set[str] = set()

    def see(self, page: Page) -> None:
        """Remember the words of the page's text."""
        said = "\n".join([block.text for block in page.blocks if _has_words(block)])
        tokens = set(_plain(said).split())
        self._latest.update(_WORD.findall("\n".join(tokens - self._latest)))
        if len(self._latest) > MOST_WORDS:
            self._before, self._latest = self._latest, set()

    def __contains__(self, word: object) -> bool:
        if not isinstance(word, str):
            return False
        plain = _plain(word)
        return plain in self._latest or plain in self._before


def joint(before: str, after: str, known: Container[str]) -> Joint:
    """What stands between a text and its continuation; ``known`` holds the words seen in one piece.

    A hyphen at the end is only undone where the word is known without it and not known with it.
    """
    before, after = before.rstrip(), after.lstrip()
    if not before or not after:
        return "space"
    last, first = before[-1], after[0]
    if last in HYPHENS and before[-2:-1].isalnum() and first.isalnum():
        return _hyphen(before, after, known)
    if last in "/—–" and not before[-2:-1].isspace():
        return "none"
    if _CJK.match(last) or _CJK.match(first) or (_SPACELESS.match(last) and _SPACELESS.match(first)):
        return "none"
    if _HANGUL.match(last) and _HANGUL.match(first):  # lines break within words, and words are apart
        return "none" if _word(_LAST_WORD.search(before)) + _word(_FIRST_WORD.match(after)) in known else "space"
    return "space"


def goes_on(before: Block, after: Block) -> bool:
    """Whether the sentence in ``before`` goes on in ``after``, by their texts and lines, wherever they stand."""
    end, begin = before.text.rstrip()[-_TAIL:], after.text.lstrip()
    if not _LETTER.search(end) or _OPENING.match(begin):
        return False
    first = begin.lstrip(_QUOTES)[:1]
    if first.islower():
        return _SENTENCE_END.search(end) is None or _SOFT_END.search(end) is not None
    is_linked = _LINKING.search(end) is not None
    if _SENTENCE_END.search(end) and not is_linked:
        return False
    if end[-1] in HYPHENS and end[-2:-1].isalpha() and first.isalnum():
        return True
    return first.isalnum() and after.kind is before.kind and _lines_go_on(before, after, first, is_linked=is_linked)


def _lines_go_on(before: Block, after: Block, first: str, *, is_linked: bool) -> bool:
    """Whether the last line is as full as lines within a paragraph are; a comma or "of the" must do without lines."""
    if not before.lines or _is_indented(after):
        return is_linked and not before.lines
    if not (first.isupper() or first.isdigit()):
        return _is_full(before, _FULL)
    if len(before.text.rstrip()) < _LEAST_PER_LINE * len(before.lines):
        return False  # a column of a form
    return _is_full(before, _JUSTIFIED) or (is_linked and _is_full(before, 3 * _FULL))


def begins_anew(text: str) -> bool:
    """Whether a text begins with the mark of a list item, a section or a caption."""
    return _OPENING.match(text.lstrip()) is not None


def _has_words(block: Block) -> bool:
    return block.kind not in (BlockKind.CODE, BlockKind.FORMULA) and not block.kind.is_furniture


def _plain(text: str) -> str:
    return text.casefold().replace("\u2010", "-").replace(_SOFT_HYPHEN, "")


def _word(match: re.Match[str] | None) -> str:
    return match.group() if match else ""


def _hyphen(before: str, after: str, known: Container[str]) -> Joint:
    if before[-1] == _SOFT_HYPHEN:
        return "hyphen"
    left, right = _word(_LAST_WORD.search(before[:-1])), _word(_FIRST_WORD.match(after))
    is_capital = (left + right).isupper()
    if right.casefold() in _SUSPENDED:
        return "space"
    if not left or not right:
        return "none"  # "COVID-19"
    is_word = left + right in known and f"{left}-{right}" not in known
    return "hyphen" if is_word and (is_capital or not right[:1].isupper()) else "none"


def _is_full(block: Block, left_over: float) -> bool:
    """Whether the last of several lines is full, to that share of the column's width."""
    lines = _column(block.lines)
    if len(lines) < 2:
        return False
    boxes = [line.box for line in lines]
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    if boxes[-1].height > boxes[-1].width:
        return False  # lines from top to bottom
    missing = boxes[-1].left - left if _is_right_to_left(block.text) else right - boxes[-1].right
    return missing <= left_over * (right - left)


def _is_indented(block: Block) -> bool:
    """Whether the first line begins further in than the second, as new paragraphs do."""
    if len(block.lines) < 2:
        return False
    first, second = block.lines[0].box, block.lines[1].box
    return (second.right - first.right if _is_right_to_left(block.text) else first.left - second.left) > 0.008


def _column(lines: Sequence[Line]) -> list[Line]:
    """The lines of the column in which the last one stands."""
    if not lines:
        return []
    last = lines[-1].box
    return [line for line in lines if line.box.left < last.right and last.left < line.box.right]


def _is_right_to_left(text: str) -> bool:
    first = next((char for char in text[:200] if char.isalpha()), "")
    return bool(first) and unicodedata.bidirectional(first) in ("R", "AL")
