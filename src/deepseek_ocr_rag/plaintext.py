"""A text as it is compared with quotes, and the way back to the source's characters.

Case, Unicode forms, quotes, dashes, hyphens over line breaks, markdown and HTML marks do not matter; the values of
numbers do. A loss in brackets, "(1,234)", and a minus apart from its number are signs, and "3·5" is 3.5.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .folding import stands_alone
from .numerals import GROUPED, fold_cluster, joint, ungrouped
from .syntax import BULLETS

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that are written without spaces, as ranges of a regular expression's class."""

_ACCENTS = "\u0300-\u036f\u3099\u309a\u1160-\u11ff"
"""What makes one character with the one before it; vowels of Hangul, too."""
_ATTRIBUTES = r"(?:\s[^<>]{0,200}=[^<>]{0,200})?\s?/?>"
_MARKS = re.compile(
    rf"""
    (?P<drop>
        (?<=[^\W\d_]) [-\u2010\u2011] \s* (?=[^\W\d_])   # inside a word, a line break after it or not
      | \u00ad (?:[ \t\r]*\n\s*)?
      | [*_`~\x00-\x08\x0e-\x1b\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+
      | </?(?:b|i|u|em|strong|sub|sup|span|a){_ATTRIBUTES}
      | \\(?=[!-/:-@\[-`{{-~])
    )
  | (?=[0-9(·\u066b\u066c\u2212])(?:
        (?P<code>(?<!\d)[0-9]{{1,8}}(?:-[0-9]{{1,8}}){{2,6}}(?!\d))        # 202-453-1: its end groups with nothing
      | (?P<number>{GROUPED})
      | (?P<loss>\((?=[$€£¥]?[0-9]{{1,3}}(?:[.,][0-9]{{1,3}}){{1,6}}%?\)))
      | (?P<point>(?<=\d)[·\u066b\u066c](?=\d))
      | (?P<minus>(?<![\d)]) (?<![\d)]\s) \u2212[ \u00a0\u2009\u202f](?=\d))
    )
  | (?P<gap>(?!\ [A-Za-z0-9])                                            # a lone space between words needs no mark
      (?: \n[ \t]{{0,12}}(?:[-+>]\s)? | [\s|{BULLETS}]
        | -{{3,}} | \#{{1,6}}(?=\s)
        | </?(?:br|p|div|center|table|caption|thead|tbody|tfoot|tr|td|th|ul|ol|li|h[1-6]|img|hr){_ATTRIBUTES}
      )+ )
  | (?P<fold>&(?:[a-zA-Z]{{2,8}}|\#\d{{1,7}}|\#x[0-9a-fA-F]{{1,6}}); | [\x00-\x7f]?[\u0300-\u036f]{{1,8}}
      | [\u4e00-\u9fff][{_ACCENTS}]{{1,8}} | [^\x00-\x7f\u4e00-\u9fff][{_ACCENTS}]{{0,8}})
    """,
    re.VERBOSE,
)
_IN_NUMBERS: Mapping[str, Callable[[str], str]] = {
    "code": str,
    "number": ungrouped,
    "loss": lambda _: "(-",
    "point": lambda mark: "" if mark == "\u066c" else ".",
    "minus": lambda _: "-",
}
_CJK_ONE = re.compile(f"[{CJK}]")
_AMOUNT = re.compile(r"\s?[$€£¥%]")
_NOT = re.compile(r"n't(?!\w)")
_LONGEST_WORD = 60


@dataclass(frozen=True, slots=True)
class PlainText:
    """Folded text; character ``i`` came from ``starts[i]`` of the source, and ended right after unless in ``ends``."""

    text: str
    starts: Sequence[int]
    ends: Mapping[int, int]
    seams: frozenset[int]
    """Where "3 120" was made one number, which may be two: nothing but a space says so."""

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The source's characters of a folded span that is not empty."""
        return self.starts[start], self.ends.get(end - 1, self.starts[end - 1] + 1)


@lru_cache(maxsize=16)  # the same chunk or document is asked for many quotes
def plain_text(text: str) -> PlainText:
    """The text as it is compared."""
    parts: list[str] = []
    starts: array[int] = array("Q")
    ends: dict[int, int] = {}
    seams: set[int] = set()
    position, last = 0, " "
    for match in (*_MARKS.finditer(text), None):
        start, end = match.span() if match else (len(text), len(text))
        if position < start:  # plain ASCII and Chinese in between keep their length
            position += last == " " and text[position] == " "
            parts.append(text[position:start].lower())
            starts.extend(range(position, start))
            last = parts[-1][-1:] or last
        position = end
        piece = _folded(match, last) if match else ""
        if match and match.lastgroup == "number" and _may_be_two(match):
            seams.add(len(starts) + match.group().index(" "))
        if piece:
            ends.update((len(starts) + index, end) for index in range(len(piece)))
            starts.extend([start] * len(piece))
            parts.append(piece)
            last = piece[-1]
    return PlainText("".join(parts), starts, ends, frozenset(seams))


def _folded(match: re.Match[str], last: str) -> str:
    """What stands for a mark after ``last``, the folded text's last character so far."""
    mark, after = match.group(), match.string[match.end() : match.end() + 1]
    kind = match.lastgroup or ""
    if kind in _IN_NUMBERS:
        return _IN_NUMBERS[kind](mark)
    if kind == "drop":
        return joint(last, mark, after)
    if kind == "gap":
        return "" if last == " " or (_CJK_ONE.match(last) and _CJK_ONE.match(after)) else " "
    piece = fold_cluster(mark)
    if last == " ":
        return piece.lstrip()
    return joint(match.string[match.start() - 1 : match.start()], mark, piece[:1]) + piece


def _may_be_two(number: re.Match[str]) -> bool:
    """Whether digits in groups may be two numbers: "Table 3 120 patients" as well as "3 120 patients"."""
    before = number.string[number.start() - 1 : number.start()]
    is_amount = before in ("$", "€", "£", "¥") or _AMOUNT.match(number.string, number.end())
    return number.group().count(" ") == 1 and not is_amount


def is_in_word(text: str, position: int) -> bool:
    """Whether a word goes on over ``position``; between characters that stand alone none does."""
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if after == " " or before == " ":
        return False
    if after == "'":
        return before == "n" and _NOT.match(text, position - 1) is not None
    is_of_word = before.isalnum() or _is_mark(before) or text.startswith("n't", position - 2)
    stand_alone = stands_alone(before) or stands_alone(after)
    return is_of_word and (_is_mark(after) or (after.isalnum() and not stand_alone))


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, from the start of the word in which it begins to the end of that in which it ends."""
    first = next((at for at in range(start, start - _LONGEST_WORD, -1) if not is_in_word(text, at)), start)
    last = next((at for at in range(end, end + _LONGEST_WORD) if not is_in_word(text, at)), end)
    return first, last
