"""Where a quote stands in a text.

A quote comes from a model or a person: wrapped anew, with other dashes, an ellipsis, a word misread. Both sides are
folded first (case, Unicode forms, quotes, hyphens over line breaks, markdown and HTML marks), with a map back to the
source's characters. A folded quote that occurs verbatim is settled; otherwise short seeds vote for the few stretches
of text that may hold it, RapidFuzz finds it there, and its ends move to the words that fit best. A wrong place is
worse than none: there are thresholds by length, and the quote's numbers must be the source's, whole. All work is
bounded: no scorer sees the whole text, because RapidFuzz takes seconds for long repetitive ones.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .numerals import (
    GROUPED,
    NUMERAL,
    fold_cluster,
    has_whole_numerals,
    joint,
    numeral_over,
    says_numbers,
    ungrouped,
    with_groups_apart,
)
from .syntax import BULLETS

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that are written without spaces, as ranges of a regular expression's class."""

SHORT = 20
"""Folded characters under which a quote must occur as it is: half of such words fit anywhere."""

OnPage = Callable[[tuple[int, int]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteMatch:
    """Places of a quote's pieces, ``[start, end)`` in the text's own characters, in order and apart."""

    places: tuple[tuple[int, int], ...]
    score: float
    """0 to 1 over the whole quote, its missing pieces counted as 0; 1 is verbatim but for folding."""
    is_complete: bool
    """False where a piece is missing, half of the characters at most."""
    is_unique: bool
    """False where the quote fits equally well elsewhere."""
    size: int
    """Folded characters that were found."""


def find_quote(quote: str, text: str, *, preferred: OnPage | None = None) -> QuoteMatch | None:
    """Find a quote, which may leave out words as "...", "…" or "[…]", or None.

    A quote under 20 characters must occur verbatim as whole words, in one piece; longer ones may differ as OCR and
    re-typing do. Numbers must be the same, but for the separators of their thousands. ``preferred`` tells which of
    several places, that fit equally well, count.
    """
    folded = _fold(text)
    matches = [_match(said, text, folded, preferred) for said in dict.fromkeys((quote, with_groups_apart(quote)))]
    return max(filter(None, matches), key=lambda match: match.score, default=None)


def _match(quote: str, text: str, folded: _Folded, preferred: OnPage | None) -> QuoteMatch | None:
    finds = [_narrowed(find, folded, preferred) for find in _search(quote, folded.text)]
    pairs = list(zip(finds, _in_order(finds), strict=True))
    found = sum(len(find.piece) for find, span in pairs if span)
    total = sum(len(find.piece) for find in finds)
    if not found or found * 2 < total or (len(finds) > 1 and found < SHORT):
        return None
    places = [folded.source(span.start, span.end) for _, span in pairs if span]
    return QuoteMatch(
        places=tuple(_merged(text, places)),
        score=sum(len(find.piece) * span.score for find, span in pairs if span) / total,
        is_complete=found == total,
        is_unique=any(find.decided for find in finds),
        size=found,
    )


# --- Folding: what is compared, with the way back ------------------------------------------------------------------

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
  | (?P<number>{GROUPED})
  | (?P<gap>(?!\ [A-Za-z0-9])                                            # a lone space between words needs no mark
      (?: \n[ \t]{{0,12}}(?:[-+>]\s)? | [\s|{BULLETS}]
        | -{{3,}} | \#{{1,6}}(?=\s)
        | </?(?:br|p|div|center|table|caption|thead|tbody|tfoot|tr|td|th|ul|ol|li|h[1-6]|img|hr){_ATTRIBUTES}
      )+ )
  | (?P<fold>&(?:[a-zA-Z]{{2,8}}|\#\d{{1,7}}|\#x[0-9a-fA-F]{{1,6}}); | [\x00-\x7f]?[\u0300-\u036f]{{1,8}}
      | [^\x00-\x7f][\u0300-\u036f\u3099\u309a]{{0,8}})
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Folded:
    """Folded text; character ``i`` came from ``starts[i]`` of the source, and ended right after unless in ``ends``."""

    text: str
    starts: Sequence[int]
    ends: Mapping[int, int]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The source's characters of a folded span that is not empty."""
        return self.starts[start], self.ends.get(end - 1, self.starts[end - 1] + 1)


@lru_cache(maxsize=16)  # the same chunk or document is asked for many quotes
def _fold(text: str) -> _Folded:
    parts: list[str] = []
    starts: array[int] = array("Q")
    ends: dict[int, int] = {}
    position, last = 0, " "
    for match in (*_MARKS.finditer(text), None):
        start, end = match.span() if match else (len(text), len(text))
        if position < start:  # plain ASCII in between keeps its length
            position += last == " " and text[position] == " "
            parts.append(text[position:start].lower())
            starts.extend(range(position, start))
            last = parts[-1][-1:] or last
        position = end
        piece = _folded_mark(match, last) if match else ""
        if piece:
            ends.update((len(starts) + index, end) for index in range(len(piece)))
            starts.extend([start] * len(piece))
            parts.append(piece)
            last = piece[-1]
    return _Folded("".join(parts), starts, ends)


def _folded_mark(match: re.Match[str], last: str) -> str:
    """What stands for a mark after ``last``, the folded text's last character so far."""
    if match.lastgroup == "number":
        return ungrouped(match.group())
    if match.lastgroup == "drop":
        return joint(last, match.group(), match.string[match.end() : match.end() + 1])
    if match.lastgroup == "gap":
        between_cjk = _CJK_ONE.match(last) and _CJK_ONE.match(match.string, match.end())
        return "" if last == " " or between_cjk else " "
    piece = fold_cluster(match.group())
    if last == " ":
        return piece.lstrip()
    return joint(match.string[match.start() - 1 : match.start()], match.group(), piece[:1]) + piece


_CJK_ONE = re.compile(f"[{CJK}]")


# --- Searching: pieces of the quote in the folded text --------------------------------------------------------------

_PIECE = 600
"""Longest piece that is compared at once."""
_MARGIN = 0.05
"""A place that scores less than this above another has not won."""
_OVERLAP = 20
"""Folded characters by which neighbouring pieces may overlap, because inexact ends are."""
_MAX_PIECES, _MAX_INEXACT, _MAX_PLACES, _MAX_WINDOWS, _MAX_SEED_HITS = 200, 12, 50, 4, 2000
_NEAR = 3000
"""Folded characters, about a page, within which a piece that fits in many places must follow its neighbour."""

_ELISION = re.compile(r"[\[(]\s?(?:\.{3,}|…)\s?[\])]|\.{3,}|…|(?:\. ){2,}\.")
_WORD = re.compile(rf"{NUMERAL}[^\W{CJK}]*|[{CJK}]|[^\W{CJK}]+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class _Find:
    """A piece of the quote and the places where it fits equally well, in the order of the text."""

    piece: str
    spans: tuple[_Span, ...]

    @property
    def decided(self) -> bool:
        return len(self.spans) == 1

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """How good an anchor for the other pieces it is."""
        return bool(self.spans), self.decided, len(self.piece)

    def may_be(self, first: _Span, second: _Span) -> bool:
        """Whether the spans, one of them this piece's, follow each other, and near if there was a choice."""
        overlap = 0 if first.score == second.score == 1 else _OVERLAP
        return second.start >= first.end - overlap and (self.decided or second.start - first.end < _NEAR)


def _search(quote: str, text: str) -> list[_Find]:
    """Look for the whole quote as it is, then for its pieces."""
    whole = _fold(quote).text.strip(" \"'")
    if not re.search(r"\w", whole):
        return []
    exact = _exact(whole, text)
    if exact:
        return [_Find(whole, exact)]
    finds, inexact = [], 0
    for piece in _pieces(quote):
        spans = _exact(piece, text)
        if not spans and len(piece) >= SHORT and inexact < _MAX_INEXACT:
            spans, inexact = _inexact(piece, text), inexact + 1
        finds.append(_Find(piece, spans))
    return finds


def _pieces(quote: str) -> list[str]:
    """Fold and cut a quote at its elisions, and between words where it is long."""
    pieces: list[str] = []
    for part in _ELISION.split(quote):
        words = _fold(part).text.strip(" \"'")
        while words:
            cut = len(words) if len(words) <= _PIECE else words.rfind(" ", 1, _PIECE) + 1 or _PIECE
            cut = (numeral_over(words, cut) or (cut, 0))[0] or cut
            pieces.append(words[:cut].strip())
            words = words[cut:]
    return [piece for piece in pieces[:_MAX_PIECES] if re.search(r"\w", piece)]


def _exact(piece: str, text: str) -> tuple[_Span, ...]:
    """Where the piece occurs as whole words; a long one may also start or end inside a word, but not a number."""
    spans: list[_Span] = []
    start, budget = text.find(piece), _MAX_SEED_HITS
    while start >= 0 and len(spans) < _MAX_PLACES and budget > 0:
        end, budget = start + len(piece), budget - 1
        if has_whole_numerals(text, start, end):
            spans.append(_Span(start, end, 1.0))
        start = text.find(piece, start + 1)
    whole = tuple(span for span in spans if not _cuts(text, span.start) and not _cuts(text, span.end))
    return whole or (tuple(spans) if len(piece) >= SHORT else ())


def _cuts(text: str, position: int) -> bool:
    """Whether a word goes on over ``position``."""
    around = text[max(0, position - 1) : position + 1]
    return len(around) == 2 and around.isalnum() and not _CJK_ONE.search(around)


def _inexact(piece: str, text: str) -> tuple[_Span, ...]:
    """The best place that is good enough, and those too close to it to call, by place in the text."""
    threshold = 0.85 if len(piece) < 60 else 0.75
    spans = [span for start, end in _windows(piece, text) if (span := _best_in(piece, text, start, end))]
    spans = [span for span in spans if span.score >= threshold and has_whole_numerals(text, span.start, span.end)]
    good = [span for span in spans if says_numbers(piece, text[span.start : span.end])]
    kept: list[_Span] = []
    for span in sorted(good, key=lambda span: -span.score):
        apart = all(span.end <= other.start or span.start >= other.end for other in kept)
        if apart and (not kept or span.score > kept[0].score - _MARGIN):
            kept.append(span)
    return tuple(sorted(kept, key=lambda span: span.start))


def _windows(piece: str, text: str) -> list[tuple[int, int]]:
    """The few stretches of text in which most short bits of the piece occur at about their distances."""
    size = 6 if len(piece) >= 60 else 4
    seeds = [(piece[at : at + size], at) for at in range(0, len(piece) - size + 1, size if size == 6 else 2)]
    rarest = sorted((count, seed, at) for seed, at in seeds if (count := text.count(seed)))
    width = len(piece) // 4
    votes: Counter[int] = Counter()
    budget = _MAX_SEED_HITS
    for _, seed, at in rarest:
        place = text.find(seed)
        while place >= 0 and budget > 0:
            votes[(place - at) // width] += 1
            budget -= 1
            place = text.find(seed, place + 1)
    reach = len(piece) * 3 // 5
    windows: dict[int, tuple[int, int]] = {}
    for first in sorted(votes, key=lambda first: -votes[first] - votes[first + 1]):
        if not any(first + by in windows for by in (-2, -1, 1, 2)):
            start = first * width
            windows[first] = max(0, start - reach), start + 2 * width + len(piece) + reach
        if len(windows) == _MAX_WINDOWS:
            break
    return list(windows.values())


def _best_in(piece: str, text: str, start: int, end: int) -> _Span | None:
    """Where in ``text[start:end]`` the piece fits best, from word to word: RapidFuzz finds it, then each end moves."""
    from rapidfuzz import fuzz, process

    window = text[start:end]
    found = fuzz.partial_ratio_alignment(piece, window, score_cutoff=50)
    if found is None:
        return None
    words = [match.span() for match in _WORD.finditer(window)]
    left, right, score = found.dest_start, found.dest_end, 0.0
    reach = len(piece) * 3 // 5
    for _ in range(2):
        lefts = [word[0] for word in reversed(words) if word[0] < right and abs(word[0] - found.dest_start) <= reach]
        best = process.extractOne(piece, [window[at:right] for at in lefts], scorer=fuzz.ratio)
        left = lefts[best[2]] if best else left
        rights = [word[1] for word in words if word[1] > left and abs(word[1] - found.dest_end) <= reach]
        best = process.extractOne(piece, [window[left:at] for at in rights], scorer=fuzz.ratio)
        right, score = (rights[best[2]], best[1] / 100) if best else (right, 0.0)
    return _Span(start + left, start + right, score)


def _narrowed(find: _Find, folded: _Folded, preferred: OnPage | None) -> _Find:
    """Leave the preferred places, if there are any."""
    if find.decided or preferred is None:
        return find
    there = tuple(span for span in find.spans if preferred(folded.source(span.start, span.end)))
    return replace(find, spans=there) if there else find


def _in_order(finds: Sequence[_Find]) -> list[_Span | None]:
    """Choose a place for each piece: first the longest that has only one, then its neighbours before and after it."""
    chosen: list[_Span | None] = [None] * len(finds)
    if not any(find.spans for find in finds):
        return chosen
    anchor = max(range(len(finds)), key=lambda index: (finds[index].rank, -index))
    chosen[anchor] = here = there = finds[anchor].spans[0]
    for index in range(anchor + 1, len(finds)):
        chosen[index] = span = next((s for s in finds[index].spans if finds[index].may_be(here, s)), None)
        here = span or here
    for index in range(anchor - 1, -1, -1):
        chosen[index] = span = next((s for s in reversed(finds[index].spans) if finds[index].may_be(s, there)), None)
        there = span or there
    return chosen


def _merged(text: str, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join places between which nothing is left out."""
    merged: list[tuple[int, int]] = []
    for start, end in places:
        if merged and not any(character.isalnum() for character in text[merged[-1][1] : start]):
            start, end = merged[-1][0], max(end, merged.pop()[1])  # noqa: PLW2901
        merged.append((start, end))
    return merged
