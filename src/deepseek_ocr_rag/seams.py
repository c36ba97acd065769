"""What two texts both say: whether one says all of the other, and where the end of one is the beginning of the next.

The texts are readings of one page by a model that saw parts of it, so they differ by misread characters, and a line
that a picture's edge cuts may be misread altogether or end within a word. Work is bounded for texts of any length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from .hypertext import strip_tags

_WINDOW = 400
"""Words at the end of one text and at the beginning of the next in which their overlap is looked for."""
_LONGEST = 5_000
"""Words of the longest texts that are compared word by word."""
_MOST_LETTERS = 100_000
"""Letters of the longest texts that are compared letter by letter: an answer of 8192 tokens has 40,000."""
_FEW = 12
"""Words of a line: so many are compared letter by letter."""
_LOOSE = 30
"""Most words of a line that is cut in its middle."""
_MISREAD = 65
"""Letters of 100 that a cut line shares with a whole one at least; texts of the same language share fifty."""
_SAME_ROW = 90
"""Letters of 100 that two readings of one table row share; rows of one table often share eighty."""

_ROW = re.compile(r"<tr\b[^<]*(?:<(?!tr\b|/table\b)[^<]*)*", re.IGNORECASE)
_WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W_\u2e80-\u9fff\uac00-\ud7af]+")
_TAG = re.compile(r"<[^<>]{0,200}>")
_ROW_ENDS = ("</table>", "</tr>", "</td>")


@lru_cache(maxsize=128)
def plain(text: str) -> str:
    """Letters and digits only, in lower case, without HTML; kept, since each region meets many others."""
    return "".join(filter(str.isalnum, strip_tags(text).casefold()))


def is_said_in(text: str, other: str, *, cuts: tuple[bool, bool] | None) -> bool:
    """Whether ``other`` says all that ``text`` does.

    Args:
        text: The one that could go.
        other: The one that would stay.
        cuts: None for letter by letter. Otherwise some words may be misread, and all of a line at the beginning or the
            end of ``text``, if the edge of its picture cuts it there.
    """
    small, large = plain(text), plain(other)
    if len(small) < 4 and len(large) > 2 * len(small) + 2:
        return False  # a lone number is in many a text
    if not small or small in large:
        return bool(small) or text.strip() in other
    if cuts is None:
        return False
    few, many = _WORD.findall(text.casefold()), _WORD.findall(other.casefold())
    if len(few) <= _FEW:
        return _is_alike(small, large, least=_MISREAD if any(cuts) else 85)
    return max(len(few), len(many)) <= _LONGEST and _misses_little(few, many, cuts)


def _misses_little(few: Sequence[str], many: Sequence[str], cuts: tuple[bool, bool]) -> bool:
    """Whether hardly one word in seven is missing, and no four in a row, but for misread lines at cut ends."""
    lost = {op.src_pos for op in LCSseq.editops(few, many) if op.tag == "delete"}
    first = max((at + 1 for at in lost if cuts[0] and at < _LOOSE), default=0)
    last = min((at for at in lost if cuts[1] and at >= len(few) - _LOOSE), default=len(few))
    inner = {at for at in lost if first <= at < last}
    if last - first < 6 or len(inner) > 0.15 * (last - first) or any({at + 1, at + 2, at + 3} <= inner for at in inner):
        return False
    ends = ("".join(end) for end in (few[:first], few[last:]))
    return all(_is_alike(end, "".join(many), least=_MISREAD) for end in ends if end)


def _is_alike(text: str, other: str, *, least: float) -> bool:
    """Whether ``other`` holds something like ``text``, with ``least`` of 100 letters."""
    return bool(other) and len(other) <= 10 * _WINDOW and fuzz.partial_ratio(text, other) >= least


@dataclass(frozen=True, slots=True)
class Seam:
    """Two texts as one, and what each of them says alone; None where that cannot be told."""

    text: str
    above: str | None
    below: str | None
    is_staggered: bool
    """Whether the first text begins before what both say and the second ends after it."""


_Unit = tuple[str, int, int]
"""A word or row: what it says, and its characters ``[start, end)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How much of two texts, one below the other, should be the same, as far as their boxes tell."""

    share: float
    """The height that both have, as a share of their heights together."""
    cuts: int = 0
    """How many of the two meet the edge of their picture there; a row that is cut is in the box but often unread."""


def find_seam(above: str, below: str, *, is_placed: bool = True, overlap: Overlap | None = None) -> Seam | None:
    """Where the end of one text and the beginning of another say the same; None if nowhere, or not surely.

    Beside the longest run of words that both say, what is left over of either must be a reading of what the other says
    there, or be short; then it is kept. Two tables overlap by rows that are read alike; where rows repeat, so that
    several overlaps would do, ``overlap`` decides, and where it leaves a choice, the fewest rows go. ``is_placed``
    tells that the texts are known to meet in one place; without, more words must agree.
    """
    rows = above.rstrip().lower().endswith(_ROW_ENDS) and below.lstrip().lower().startswith("<table")
    if is_placed and not rows and "<table" in (above + below).lower():
        return None
    ours, theirs = _units(above, is_end=True, rows=rows), _units(below, is_end=False, rows=rows)
    a, b = [unit[0] for unit in ours], [unit[0] for unit in theirs]
    if not any(a) and not any(b):
        return None
    i, j, size = _shared_rows(a, b, overlap) if rows else _longest_run(a, b)
    if not size:
        return None
    # What stands before the run in the second text is what the first says before it, and the other way round.
    is_head_known = _is_reading_of(b[:j], a[max(0, i - j - 2) : i], is_end=True)
    is_tail_known = _is_reading_of(a[i + size :], b[j + size : j + len(a) - i + 2], is_end=False)
    letters = len("".join(a[i : i + size] + b[:j] * is_head_known + a[i + size :] * is_tail_known))
    loose = (0 if is_head_known else j) + (0 if is_tail_known else len(a) - i - size)
    is_exact = j <= 1 and len(a) - i - size <= 1 and not loose
    if letters < (5 if is_placed else 15) or loose > min(size, _LOOSE) or not (is_exact or size >= 3):
        return None
    end, last = ours[i + size - 1][2], j + size - 1
    head = "" if is_head_known else below[theirs[0][1] : theirs[j][1]]
    tail = "" if is_tail_known else above[end : ours[-1][2]]
    return Seam(
        text=above[: ours[i][1]] + head + above[ours[i][1] : end] + tail + below[theirs[last][2] :],
        above=above[: ours[max(0, i - j)][1]] if is_head_known else None,
        below=below[theirs[min(len(b) - 1, last + len(a) - i - size)][2] :] if is_tail_known else None,
        is_staggered=bool((i or head) and (tail or last + 1 < len(b))),
    )


@lru_cache(maxsize=32)
def _units(text: str, *, is_end: bool, rows: bool) -> Sequence[_Unit]:
    """The last or the first rows or words of a text."""
    part = slice(-_WINDOW, None) if is_end else slice(_WINDOW)
    if rows:
        return [(plain(match.group()), *match.span()) for match in list(_ROW.finditer(text))[part]]
    words = _TAG.sub(lambda match: " " * len(match.group()), text)
    return [(match.group().casefold(), *match.span()) for match in list(_WORD.finditer(words))[part]]


def _shared_rows(a: Sequence[str], b: Sequence[str], overlap: Overlap | None) -> tuple[int, int, int]:
    """Where the rows at the end of one table are those at the beginning of the next, and how many; 0 if none surely."""
    found: list[tuple[float, int]] = []
    for count in range(1, min(len(a), len(b)) + 1):
        expected, cuts = (overlap.share * (len(a) + len(b)), overlap.cuts) if overlap else (count, 0)
        is_expected = expected - 0.6 - cuts <= count <= expected + 0.4
        score = _likeness(a[-count:], b[:count], least=75 if overlap and is_expected else 85)
        if score:
            found.append((score if is_expected else score - 5, count))
    if found:
        best = max(found)[0]
        size = count = min(count for score, count in found if score >= best - 0.5)
        while size > 1 and fuzz.ratio(a[len(a) - count + size - 1], b[size - 1]) < _MISREAD:
            size -= 1  # the first table is read worst at its end
        return len(a) - count, 0, size
    # A row that one reading has left out: the rest of the run must say where on the page it is.
    i, j, size = _longest_run(a, b)
    is_unique = any(a.count(row) == b.count(row) == 1 for row in a[i : i + size])
    return i, j, size if is_unique else 0


def _likeness(rows: Sequence[str], others: Sequence[str], *, least: float) -> float:
    """How many letters of 100 two readings of the same rows share; 0 if they share fewer than ``least``.

    Of four rows and more the first and the last may be misread, as they may be cut; one or two must be more alike.
    """
    alike = [100.0 if row == other else fuzz.ratio(row, other) for row, other in zip(rows, others, strict=True)]
    if len(alike) > 3:
        alike = [ratio for at, ratio in enumerate(alike) if 0 < at < len(alike) - 1 or ratio >= _SAME_ROW]
    mean = sum(alike) / len(alike)
    return mean if min(alike) >= 50 and mean >= least + 5 * (len(alike) < 3) else 0.0


def _longest_run(a: Sequence[str], b: Sequence[str]) -> tuple[int, int, int]:
    """Where both say the same longest, and how long.

    Of short runs it is one that leaves as much of the end of ``a`` as of the beginning of ``b``, and little of either:
    either is read worst at its edge, and goes.
    """
    places: dict[str, list[int]] = {}
    for j, word in enumerate(b):
        places.setdefault(word, []).append(j)
    best = -1.0 * (len(a) + len(b)), 0, 0, 0
    sizes: dict[int, int] = {}
    for i, word in enumerate(a):
        sizes = {j: sizes.get(j - 1, 0) + 1 for j in places.get(word, ())}
        for j, size in sizes.items():
            head, tail = j - size + 1, len(a) - i - 1
            best = max(best, (size - abs(head - tail) / 4 - (head + tail) / 16, i - size + 1, head, size))
    return best[1:]


def _is_reading_of(words: Sequence[str], others: Sequence[str], *, is_end: bool) -> bool:
    """Whether some words at an edge are said, perhaps misread or cut, at the end or else the beginning of others."""
    said, meant = "".join(words), "".join(others)
    if len(words) <= 1 and (meant.endswith(said) if is_end else meant.startswith(said)):
        return True
    if len(words) <= _LOOSE:
        return _is_alike(said, meant, least=_MISREAD)
    return LCSseq.similarity(words, others) >= 0.7 * len(words)


def repeated_rows(text: str) -> int:
    """How many rows a text of table rows has, if any two of them are the same; otherwise 0."""
    rows = [row.strip() for row in _ROW.findall(text)]
    return len(rows) if len(set(rows)) < len(rows) else 0


def is_retold(text: str, told: str) -> bool:
    """Whether a text, both as :func:`plain`, says nearly all letters of another in their order, and not much else."""
    is_comparable = len(told) <= 2 * len(text) + 40 and max(len(text), len(told)) <= _MOST_LETTERS
    return is_comparable and LCSseq.similarity(text, told) >= 0.8 * len(text)
