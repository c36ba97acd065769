"""Where text may be cut: after a sentence, at the end of a line, at a space, and never inside a visible character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

_STOPS = ".!?؟۔։"
_ENDINGS = "。！？｡।॥።။…។"
"""Marks that end a sentence whatever follows; after all others, a new one has to begin."""
_EMPHASIS = "*_"
_CLOSERS = "\"'”’»)]」』）】" + _EMPHASIS
_LAST_SIGNS = tuple(_STOPS + _ENDINGS + ":;")
_MARKS = re.compile(f"[{_STOPS}{_ENDINGS}]+[{re.escape(_CLOSERS)}]*")
_ENDING_ALONE = re.compile(f"[{_ENDINGS}]")
_BEGINNING = re.compile(r"\s{1,4}([^\sa-z])")  # "e.g. this" goes on
_SMALL_BEGINNING = re.compile(r"\s{1,4}([^\s\d])")  # "oct. 31" goes on, and what else is abbreviated in small letters
_INITIAL = re.compile(r"(?:\A|[^\w])\w\Z")
"""A letter alone before a full stop: in small letters nothing else tells "e.g. this" from the end of a sentence."""
_LAST_WORD = re.compile(r"(?<![\w.])[\w.]+\Z")
_LONGEST_ABBREVIATION = 12
_ABBREVIATION = re.compile(
    r"Dr|Mr|Mrs|Ms|Prof|St|Gen|Col|Capt|Lt|Rev|Hon|Sen|Rep|Gov|Nos?|Nr|[Ff]igs?|Eqs?|eq|Sec|[Vv]ol|Abs|vs|pp|cf|al|ca"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
    r"|e\.g|i\.e|z\.B|Ph\.D"
)
"""What a sentence goes on after, even with a capital; single capitals and rows of them (J. R. R., U.S.) are more."""
_BEFORE_NUMBERS = re.compile(
    r"nos?|nr|figs?|eqs?|sec|ch|vol|pp?|art|par|abs|tab|ver|ca|al|cf|vs"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|\d+",
    re.IGNORECASE,
)
"""What a number may go on after."""
_CASED = 2_000
"""Characters that are looked at to know whether a text has capitals at all."""
_LINE_END = re.compile(r"[^\n](?=\n)")
_SPACE = re.compile(r"\s+")

DEEPEST_INDENT = 16
"""Deeper lines of code lose their indentation where a chunk begins with them."""


SHORT_LINE = 60
"""Characters of a line that is shorter than what a page or an editor would break."""


def trim(text: str, start: int, end: int, *, is_code: bool = False) -> tuple[int, int]:
    """Leave white space out at both ends, but for the indentation of a line of code that is not absurdly deep."""
    first = min(start, end)
    while first < end and text[first].isspace():
        first += 1
    while first < end and text[end - 1].isspace():
        end -= 1
    return (_indented(text, start, first) if is_code else first), end


def _indented(text: str, start: int, first: int) -> int:
    """Where the indentation begins that stands before ``first``; ``first`` itself if that is too deep."""
    least = max(start, first - DEEPEST_INDENT)
    line = max(least, text.rfind("\n", least, first) + 1, text.rfind("\r", least, first) + 1)
    return line if line == 0 or text[line - 1] in "\r\n" else first


def glue_of(gap: str) -> str:
    """What is written for white space between two parts of a text: nothing, a space, or a newline or two."""
    if "\n" in gap:
        return "\n\n" if gap.count("\n") > 1 else "\n"
    return " " if gap else ""


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Where sentences end among characters ``[start, end)``; where there are no capitals, they begin without."""
    is_small = _has_no_capitals(text[start : min(end, start + _CASED)])
    beginning = _SMALL_BEGINNING if is_small else _BEGINNING
    for match in _MARKS.finditer(text, start, end):
        if _ENDING_ALONE.search(match[0]):
            yield match.end()
        elif (first := beginning.match(text, match.end(), end)) and not _goes_on(text, start, match, first[1]):
            is_initial = is_small and _INITIAL.search(text, max(start, match.start() - 2), match.start())
            if not is_initial:
                yield match.end()


def _goes_on(text: str, start: int, mark: re.Match[str], following: str) -> bool:
    """Whether a full stop is that of an abbreviation, or one before a number that belongs to the word."""
    return mark[0].rstrip(_EMPHASIS) == "." and _is_short(text, start, mark.start(), before_number=following.isdigit())


def _is_short(text: str, start: int, end: int, *, before_number: bool = False) -> bool:
    """Whether the last word of characters ``[start, end)`` is an abbreviation, before a full stop."""
    if text[max(start, end - 5) : end].isalpha() and end - start >= 5:
        return False  # at a glance: all are of four letters at most
    found = _LAST_WORD.search(text, max(start, end - _LONGEST_ABBREVIATION), end)
    if found is None:
        return False
    word = found[0].strip(_EMPHASIS)
    if before_number and _BEFORE_NUMBERS.fullmatch(word):
        return True
    is_initials = word.isupper() and all(len(letters) == 1 for letters in word.split("."))
    return is_initials or _ABBREVIATION.fullmatch(word) is not None


def _has_no_capitals(sample: str) -> bool:
    """Whether hardly a sentence of a text can begin with a capital."""
    enough = (len(sample) + 99) // 100
    capitals = sum(1 for _ in islice(filter(str.isupper, sample), enough))  # looks no further than that
    return capitals < enough and any(map(str.islower, sample))


def line_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Where lines with something in them end among characters ``[start, end)``."""
    return (match.end() for match in _LINE_END.finditer(text, start, end))


def lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines among characters ``[start, end)`` that were ended on purpose, and not because they were full.

    Those are lines that end with a sentence, and short ones.
    """
    begin = start
    at = text.find("\n", start, end)
    while at >= 0:
        if at - begin < SHORT_LINE or ends_sentence(text, begin, at):
            first, last = trim(text, start, at)
            if first < last:
                yield first, last
            start = at + 1
        begin = at + 1
        at = text.find("\n", begin, end)
    first, last = trim(text, start, end)
    if first < last:
        yield first, last


def pieces(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """The words among characters ``[start, end)``, as many together as are not much longer than ``size``."""
    while start < end:
        gap = _SPACE.search(text, min(start + size, end), end)
        stop = gap.start() if gap else end
        yield trim(text, start, stop) if text[stop - 1].isspace() else (start, stop)
        start = gap.end() if gap else end


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences among characters ``[start, end)``, without the white space between them."""
    for last in sentence_ends(text, start, end):
        if start < last < end:
            yield start, last
            start = last
            while start < end and text[start].isspace():
                start += 1
    if start < end:
        yield start, end


def ends_sentence(text: str, start: int, end: int) -> bool:
    """Whether the characters ``[start, end)`` end with a sentence, by their last signs."""
    last = text[max(start, end - 4) : end].rstrip(_CLOSERS)
    return last.endswith(_LAST_SIGNS) and not (text[end - 1] == "." and _is_short(text, start, end - 1))


def place_to_cut(text: str, span: tuple[int, int], limit: int, *, is_code: bool, at_end: bool = False) -> int | None:
    """The best place in ``(start, limit]`` to cut the characters of a span; None if only blanks would be before it.

    The end of a sentence, else of a line (code has those first), else a space, else between two visible characters.

    Args:
        text: The text.
        span: The characters of it.
        limit: Where the cut is at the latest; before the span's end.
        is_code: Whether they are code.
        at_end: Whether nothing but the end of a sentence, or in code of a line, will do.
    """
    start, end = span
    # Rather a word cut short than a chunk that is nearly empty.
    least = start + (0 if at_end or limit - start < 200 else (limit - start) // 4)
    ends = (line_ends, sentence_ends) if is_code else (sentence_ends, line_ends)
    for find in ends[:1] if at_end else ends:
        places = find(text, start, min(end, limit + 6))
        last = max((place for place in places if least < place <= limit), default=None)
        if last is not None and text[start:last].strip():
            return last
    if at_end:
        return None
    space = next((at for at in range(limit, least, -1) if text[at].isspace()), None)
    if space is not None and text[start:space].strip():
        return space
    # After an indentation, the only break may be before a character that is too long: budgets are hard.
    breaks = (visible_break(text, limit, start), limit)
    return next((place for place in breaks if text[start:place].strip()), None)


def visible_break(text: str, limit: int, start: int) -> int:
    """The last place in ``(start, limit]`` that is not inside of a visible character.

    Where one character is longer than that, or absurdly long, it is ``limit`` itself: budgets are hard.
    """
    for at in range(limit, max(start, limit - 64), -1):
        if not _is_inside_character(text, at):
            return at
    return limit


def _is_inside_character(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if "\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff":
        flags = at
        while flags > max(0, at - 64) and "\U0001f1e6" <= text[flags - 1] <= "\U0001f1ff":
            flags -= 1
        return (at - flags) % 2 == 1
    return (
        unicodedata.category(after).startswith("M")
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\u1160" <= after <= "\u11ff"  # vowels and finals of decomposed Korean
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or (before, after) == ("\r", "\n")
    )
