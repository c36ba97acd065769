"""Characters and whole numerals as they are compared, so that no part of a number passes for another.

"0" is not "0.04", "234" is not "1,234", "5" is neither "-5" nor "12.5", "10" is not "10²": a numeral is compared with
all that belongs to it. Only what groups its thousands is a matter of style. Where it is unclear whether a sign belongs
to a numeral, it does: a quote that is not found does less harm than a wrong one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

_LOOKALIKES = str.maketrans("‘’‚‛′´`“”„‟″«»‹›‐‑‒–—―−⁻﹣⁄", "'''''''" + '"' * 7 + "''" + "-" * 9 + "/")
_SPACES = " \u00a0\u2007\u2009\u202f"

GROUPED = (
    rf"(?<![\d.,])[1-9]\d{{0,2}}(?P<separator>[,'’{_SPACES}]|&(?:nbsp|thinsp);)\d{{3}}"
    r"(?:(?P=separator)\d{3}){0,5}(?!\d|(?P=separator)\d)"
)
"""A number with thousands separators; a pattern that is also right in ``re.VERBOSE``. Of two groups or more, in case
of "12,34,567" none is taken for thousands."""

NUMERAL = (
    r"(?:(?<![\w)\]%.'-])-[$€£¥]?(?=\.?\d))?"  # a sign, not the dash of a range or a compound
    r"(?:(?<![\w.])\.(?=\d))?"  # .5
    r"(?:\d{1,3}[ ](?=\d{1,2}/\d{1,2}(?![\d/])))?"  # 1 1/2
    r"\d+(?:[.,/:]\d+)*(?:e[-+]?\d+(?!\w))?(?:\^\{?[-+]?\d+)?"  # decimals, times, dates, powers
)
"""A whole numeral in lower-case text in which thousands are not grouped and dashes are hyphens."""

_NUMERAL = re.compile(NUMERAL)
_SIGN = re.compile(r"-[$€£¥]?\.?\d")
_NO_DIGIT = re.compile(r"&\w+;|\D")
_GROUP_SPACE = re.compile(rf"(?<=\d)[{_SPACES}](?=\d{{3}})")
_REFERENCE = re.compile(
    r"\[\d{1,4}(?:[-, ]{1,2}\d{1,4}){0,20}\]"
    r"|(?<=[^\W\d_][.,;:!?])\d{1,3}(?!\S)"  # the mark of a footnote after a sentence
)
_REACH = 60
"""Characters around a place in which a numeral over it is looked for; between digits any number of them will do."""


@lru_cache(maxsize=4096)
def fold_cluster(cluster: str) -> str:
    """Fold one character, letter with accents, or HTML entity."""
    text = unicodedata.normalize("NFKC", html.unescape(cluster).translate(_LOOKALIKES))
    return " ".join(text.casefold().translate(_LOOKALIKES).split()) or " "


def ungrouped(number: str) -> str:
    """The digits of a number that ``GROUPED`` matches."""
    return _NO_DIGIT.sub("", number)


def with_groups_apart(text: str) -> str:
    """The text with "12 345" on two lines, as two numbers, which a row of a table may mean by it."""
    return _GROUP_SPACE.sub("\n", text)


def joint(before: str, mark: str, after: str) -> str:
    """What must stand between characters ``before`` and ``after``, lest two numerals become one where marks fall.

    ``mark`` is the markup between them, or the odd digit itself (as in "10²" and "1½").
    """
    mark = html.unescape(mark)
    if not before.isdecimal() or not mark or mark.isdecimal():
        return ""
    if mark.startswith("<sup") or unicodedata.decomposition(mark[:1]).startswith("<super>"):
        return "^" if after.isdigit() or after in ("-", "−", "⁻", "–") else ""
    is_invisible = unicodedata.category(mark[0]).startswith("C")
    return " " if after.isdigit() and not is_invisible else ""


def numeral_over(text: str, position: int) -> tuple[int, int] | None:
    """The numeral that ``position`` would cut in two, or None."""
    for match in _NUMERAL.finditer(text, max(0, position - _REACH), position + _REACH):
        if match.start() < position < match.end():
            return match.span()
    return None


def has_whole_numerals(text: str, start: int, end: int) -> bool:
    """Whether no numeral stands half in ``text[start:end]``, and no dash at its start would pass for a sign there."""
    if numeral_over(text, start) or numeral_over(text, end):
        return False
    if any(text[max(0, at - 1) : at + 1].isnumeric() and 0 < at < len(text) for at in (start, end)):
        return False
    return not _SIGN.match(text, start) or _NUMERAL.match(text, start) is not None


def numerals(text: str) -> list[str]:
    """The numerals of the text, in order, as they are compared."""
    return [re.sub(r"[{$€£¥]", "", numeral) for numeral in _NUMERAL.findall(text)]


def says_numbers(quote: str, text: str) -> bool:
    """Whether both have the same numerals in the same order.

    The quote may leave out references such as "[12]" and the marks of footnotes. Chinese numerals are compared one by
    one, by their values.
    """
    said = numerals(quote)
    is_same = said == numerals(text) or said == numerals(_REFERENCE.sub(" ", text))
    return is_same and _ideographs(quote) == _ideographs(text)


def _ideographs(text: str) -> list[float]:
    return [unicodedata.numeric(char) for char in text if char.isnumeric() and not char.isdecimal()]
