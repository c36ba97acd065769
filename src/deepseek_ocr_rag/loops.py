"""Where a model's answer begins to say the same for ever.

The model is known to fall into loops: one letter, one line, one table row or one block with its tag, until the limit of
tokens; often the boxes or the numbers of a list go on while the words stay. Two tests look at the end of the answer.
*Periodic*: its end repeats with one period, boxes (and, more strictly judged, counters) aside. *Drifting*: for a long
stretch hardly any run of characters is new, though the period changes, as it does where a server forbids repeated
n-grams. Forms, tables and tables of contents repeat themselves too, so either needs evidence, and far more of it where
the answer ended by itself. Work is linear in the answer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .marks import END_MARKS

_LONGEST_PERIOD = 1_500
_TAIL = 12_000
"""Characters of the end in which periods are looked for; a period found there is followed back as far as it goes."""
_GRAM = 20
"""Characters whose repetition counts as saying the same again, for the drifting kind."""
_DRIFT_TAIL = 150_000

_END_MARKS = (*END_MARKS, "</table>", "</center>", "\ufffd")
_CHANGING = re.compile(
    r"\[\[ ?[0-9][-0-9., ]{0,60}\]{0,2}|\[[0-9]{1,4}(?:, ?[0-9]{1,4}){3}\]"  # boxes
    r"|\[{1,2}[0-9, ]*\Z"  # a box that the end of the answer cuts off
    r"|(?P<number>[0-9]+)"
)
_UNSEEN = re.compile(
    r"<\|ref\|>[a-z_]{2,24}<\|/ref\|>|<\|det\|>[a-z_]{2,24}(?= ?\0)|<\|/?[a-z]{1,12}\|>|^[a-z_]{2,24}(?=\0)"
    r"|</?[a-z]{1,12}\b[^<>]{0,80}>",
    re.MULTILINE,
)
_BLOCK = re.compile(
    r"<\|det\|>(?:[a-z_]{2,24} ?)?\[{1,2} ?[0-9]{1,4}(?:, ?[0-9]{1,4}){3}\]"
    r"|\n[a-z_]{2,24}\[\[ ?[0-9]{1,4}(?:, ?[0-9]{1,4}){3}\]"
)
"""The tag of a block with its box; other brackets are citations, intervals and vectors, as often as one likes."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_CELL = re.compile(r"<t[dh]\b|\|")
_SPACE = re.compile(r"[ \t]")


_Needs = tuple[tuple[float, int, int], ...]
"""Evidence of which any is enough: repetitions, visible letters and characters of the answer, each at least so many."""

# An answer that is cut amid a hundred empty cells may still be a table; a whole page may hold a hundred equal rows.
_PERIODIC: dict[bool, _Needs] = {
    False: ((3, 400, 0), (40, 250, 0), (40, 0, 1_200)),
    True: ((150, 2_000, 0), (400, 0, 20_000)),
}
# One block at one place cannot be on a page several times, nor a phrase within a line some thirty times. What is
# said four times is repeated three times, but for the line's end that the last one lacks.
_STUCK: dict[bool, _Needs] = {False: ((3, 60, 0), (6, 0, 0)), True: ((2.9, 60, 0), (12, 0, 0))}
_PHRASE: _Needs = ((30, 400, 0),)
_COUNTING: dict[bool, _Needs] = {
    False: ((40, 600, 0), (80, 0, 2_500)),
    True: ((300, 4_000, 0), (1_000, 0, 30_000)),
}
_DRIFTING: dict[bool, _Needs] = {
    False: ((8, 500, 0), (10, 0, 1_000)),
    True: ((150, 8_000, 0), (400, 0, 30_000)),
}


def find_loop(text: str, *, is_whole: bool) -> int | None:
    """The character of ``text`` from which on it only says again what it has said, or None.

    What is said first stays before that place: cut there, the answer loses repetitions only, and boxes and numbers that
    only count on. ``is_whole`` tells that the answer ended by itself; then only what no page can hold is a loop.
    """
    end = _end(text)
    changing = list(_changing(text, end))
    plain = _View.of(text, end, [place for place, is_counter in changing if not is_counter])
    counted = _View.of(text, end, [place for place, _ in changing])
    found = [
        place
        for place in (
            _periodic(_View(text[:end], [0], [0]), lambda unit: _STUCK[is_whole] if _BLOCK.search(unit * 2) else ()),
            _periodic(plain, lambda unit: _PERIODIC[is_whole] + (_PHRASE if _is_phrase(unit) else ())),
            _periodic(counted, lambda _: _COUNTING[is_whole]) if len(counted.starts) > len(plain.starts) else None,
            _drifting(plain, _DRIFTING[is_whole]),
        )
        if place is not None
    ]
    return min(found, default=None)


def _end(text: str) -> int:
    """Where the answer ends but for marks that may follow a loop."""
    end = len(text)
    while True:
        mark = next((mark for mark in _END_MARKS if text.endswith(mark, 0, end)), "")
        shorter = end - len(mark)
        while shorter and text[shorter - 1].isspace():
            shorter -= 1
        if shorter == end:
            return end
        end = shorter


@dataclass(slots=True)
class _View:
    """An answer in which each box, and on wish each number that only counts on, is one NUL."""

    text: str
    starts: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, text: str, end: int, places: Iterable[tuple[int, int]]) -> _View:
        """The answer up to ``end`` with a NUL at each of the places."""
        parts: list[str] = []
        view = cls("", [0], [0])
        at = length = 0
        for start, stop in places:
            parts += (text[at:start], "\0")
            length += start - at + 1
            at = stop
            view.starts.append(length)
            view.sources.append(at)
        view.text = "".join([*parts, text[at:end]])
        return view

    def source(self, place: int) -> int:
        """The character of the answer that stands at ``place`` of the view."""
        part = bisect_right(self.starts, place) - 1
        return self.sources[part] + place - self.starts[part]


def _changing(text: str, end: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """The boxes of an answer, and (those are counters) the numbers that go on by one step in the same words."""
    last: dict[tuple[str, str], tuple[int, int]] = {}
    before = 0
    for match in _CHANGING.finditer(text, 0, end):
        start, stop = match.span()
        if match["number"] is None:
            yield (start, stop), False
        elif stop == end:
            yield (start, stop), True  # the number itself may be cut
        elif stop - start <= 9:
            value = int(match.group())
            words = text[max(before, start - 8) : start], text[stop : stop + 1]
            previous, step = last.get(words, (value, 0))
            last[words] = value, value - previous
            if value - previous == step != 0:
                yield (start, stop), True
        before = stop


def _letters(text: str) -> int:
    """How many letters of a piece of a view can be seen on the page."""
    return sum(map(str.isalpha, _UNSEEN.sub("", text)))


def _is_enough(needs: _Needs, repeats: float, letters: float, size: int) -> bool:
    return any(repeats >= times and letters >= seen and size >= long for times, seen, long in needs)


def _is_phrase(unit: str) -> bool:
    """Whether what repeats is three words or more within a line: neither cells, nor leaders, nor lines or blocks."""
    return len(_WORD.findall(unit)) >= 3 and not _CELL.search(unit) and not {"\n", "\0"} & set(unit)


def _periodic(view: _View, needs: Callable[[str], _Needs]) -> int | None:
    """The place from which on the end repeats itself with one period, if ``needs`` of what repeats are met."""
    text = view.text
    # Whatever is enough is longer than a gram, of which the last one then stands a period before, too.
    reach = max(0, len(text) - _LONGEST_PERIOD - _GRAM)
    if text.find(text[-_GRAM:], reach, len(text) - 1) < 0:
        return None
    tail = text[-_TAIL:][::-1]
    runs = _runs(tail)
    tried = 0
    for period in range(1, min(_LONGEST_PERIOD, len(tail) - 1) + 1):
        size = runs[period]
        if size < 2 * period or (tried and period % tried == 0):
            continue
        tried = tried or period
        if size == len(tail) - period:
            size = _followed_back(text, period)
        place = len(text) - size
        unit = text[place - period : place]
        letters = _letters(unit) / period * size
        if _is_enough(needs(unit), size / period, letters, view.source(len(text)) - view.source(place)):
            return view.source(_boundary(text, place, period))
    return None


def _runs(text: str) -> list[int]:
    """The z-function up to the longest period: how far ``text`` shifted by each period agrees with itself."""
    runs = [len(text)]
    left = right = 0
    last = len(text)
    for at in range(1, min(_LONGEST_PERIOD + 1, last)):
        run = min(right - at, runs[at - left]) if at < right else 0
        # The next character alone tells nearly all places that it goes on no further there.
        if right <= at + run < last and text[at + run] == text[run]:
            run = _common(text, at, run)
            left, right = at, at + run
        runs.append(run)
    return runs


def _common(text: str, at: int, known: int) -> int:
    """How many characters from ``at`` on are those of the beginning, where ``known`` of them are."""
    step = 16
    while text[known : known + step] == text[at + known : at + known + step] and at + known + step <= len(text):
        known += step
        step *= 2
    while step:
        if at + known + step <= len(text) and text[known : known + step] == text[at + known : at + known + step]:
            known += step
        else:
            step //= 2
    return known


def _followed_back(text: str, period: int) -> int:
    """How many characters at the end of ``text`` equal those a period before."""
    return _common(text[::-1], period, 0)


def _boundary(text: str, place: int, reach: int) -> int:
    """The end of the line, row, cell or word at ``place``, if it is within ``reach``; before a tag, not within it."""
    line, line_end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    if place - line < reach and place < line_end and not _UNSEEN.sub("", text[line:line_end]).strip("\0 "):
        return line
    for mark in ("\n", "</tr>", "</td>"):
        found = text.find(mark, max(0, place - len(mark) + 1), place + reach)
        if found >= 0:
            return found + len(mark.strip())
    space = _SPACE.search(text, place, place + reach)
    return space.start() if space else place


def _drifting(view: _View, needs: _Needs) -> int | None:
    text = view.text[-_DRIFT_TAIL:]
    place = _last_news(text, _worn_from(text))
    rest = text[place:]
    distinct = len({rest[at : at + _GRAM] for at in range(len(rest) - _GRAM + 1)})
    if not distinct or len(_CELL.findall(rest)) * 60 > len(rest):
        return None  # cells are often equal, in any order
    if not _is_enough(needs, len(rest) / distinct, _letters(rest), len(rest)):
        return None
    place += len(view.text) - len(text)
    return view.source(_boundary(view.text, place, 100)) if place < len(view.text) else None


def _worn_from(text: str) -> int:
    """Where the stretch at the end begins in which most has been said when one reads from the end."""
    seen: set[str] = set()
    score = best = 0
    start = len(text)
    for at in range(len(text) - _GRAM, -1, -1):
        gram = text[at : at + _GRAM]
        if gram in seen:
            score += 1
            if score > best:
                best, start = score, at
        else:
            seen.add(gram)
            score -= 2
            if score < best - 2 * _LONGEST_PERIOD:
                break
    return start


def _last_news(text: str, start: int) -> int:
    """From where on, after ``start``, less than one gram in six is new."""
    seen: set[str] = set()
    score = lowest = 0
    place = start
    for at in range(start, len(text) - _GRAM + 1):
        gram = text[at : at + _GRAM]
        if gram in seen:
            score += 1
        else:
            seen.add(gram)
            score -= 5
        if score < lowest:
            lowest, place = score, at + _GRAM
    return place
