"""Where a quote stands in a text.

A quote comes from a model or a person: wrapped anew, with other dashes, an ellipsis, a word misread. Both sides are
folded first, with a map back to the source's characters (``plaintext``). A folded quote that occurs verbatim is
settled; otherwise its pieces are looked for, each as it is, or where it fits (``fitting``) and says the same
(``wording``). A wrong place is worse than none: there are thresholds by length, and the quote's numbers must be the
source's, whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .fitting import SHORT, Placing, anywhere, beside, verbatim
from .numerals import numeral_over, with_groups_apart
from .plaintext import PlainText, plain_text
from .wording import MANY_WORDS, Span

OnPage = Callable[[tuple[int, int]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteMatch:
    """Places of a quote's pieces, ``[start, end)`` in the text's own characters, in order and apart."""

    places: tuple[tuple[int, int], ...]
    score: float
    """0 to 1 over the whole quote, its missing pieces counted as 0; 1 is verbatim but for folding."""
    is_complete: bool
    """False where a part is missing, half of the characters at most, or the text may say something else there."""
    is_unique: bool
    """False where the quote fits equally well elsewhere."""
    size: int
    """Folded characters that were found."""


def find_quote(quote: str, text: str, *, preferred: OnPage | None = None) -> QuoteMatch | None:
    """Find a quote, which may leave out words as "...", "…" or "[…]", or None.

    A quote under 20 characters must occur verbatim as whole words, in one piece; longer ones may differ as OCR and
    re-typing do. Numbers must be the same, but for the separators of their thousands. A word changed for another, a
    "not" more or less, and four words in a row that only one of them has, make it incomplete. ``preferred`` tells
    which of several places, that fit equally well, count.
    """
    plain = plain_text(text)
    matches = [_match(said, text, plain, preferred) for said in dict.fromkeys((quote, with_groups_apart(quote)))]
    return max(filter(None, matches), key=lambda match: (match.is_complete, match.score), default=None)


def _match(quote: str, text: str, plain: PlainText, preferred: OnPage | None) -> QuoteMatch | None:
    there = (lambda start, end: preferred(plain.source(start, min(end, len(plain.text))))) if preferred else None
    finds = _search(quote, plain, there)
    pairs = list(zip(finds, _in_order(finds), strict=True))
    chosen = [span for _, span in pairs if span]
    found = sum(span.size for span in chosen)
    total = sum(len(find.piece) for find in finds)
    if not found or found * 2 < total or (len(finds) > 1 and found < SHORT):
        return None
    missed = _left_out(pairs, plain.text)
    places = [plain.source(*place) for span in chosen for place in span.places]
    return QuoteMatch(
        places=tuple(_merged(text, places)),
        score=sum(span.size * span.score for span in chosen) / (total + missed),
        is_complete=found == total and not missed and all(span.is_faithful for span in chosen),
        is_unique=any(find.decided for find in finds),
        size=found,
    )


# --- Searching: pieces of the quote in the folded text --------------------------------------------------------------

_PIECE = 600
"""Longest piece that is compared at once."""
_OVERLAP = 20
"""Folded characters by which neighbouring pieces may overlap, because inexact ends are."""
_MAX_PIECES, _MAX_SEARCHES = 200, 12
_NEAR = 3000
"""Folded characters, about a page, within which a piece that fits in many places must follow its neighbour."""

_ELISION = re.compile(r"[\[(]\s?(?:\.{3,}|…)\s?[\])]|\.{3,}|…|(?:\. ){2,}\.")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Find:
    """A piece of the quote and the places where it fits equally well, in the order of the text."""

    piece: str
    goes_on: bool
    """Whether the quote leaves out nothing between the piece before and this one."""
    spans: tuple[Span, ...]

    @property
    def decided(self) -> bool:
        return len(self.spans) == 1

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """How good an anchor for the other pieces it is."""
        return bool(self.spans), self.decided, len(self.piece)

    def may_be(self, first: Span, second: Span) -> bool:
        """Whether the spans, one of them this piece's, follow each other, and near if there was a choice."""
        overlap = 0 if first.score == second.score == 1 else _OVERLAP
        return second.start >= first.end - overlap and (self.decided or second.start - first.end < _NEAR)


def _search(quote: str, plain: PlainText, preferred: Placing | None) -> list[_Find]:
    """Look for the whole quote as it is, then for its pieces: as they are, after the piece before, and anywhere."""
    whole = plain_text(quote).text.strip(" \"'")
    if not _WORD.search(whole):
        return []
    if spans := verbatim(whole, plain, preferred):
        return [_Find(whole, False, spans)]
    finds: list[_Find] = []
    searches = 0
    for piece, goes_on in _pieces(quote):
        is_asked = len(finds) < _MAX_PIECES
        spans = verbatim(piece, plain, preferred) if is_asked else ()
        if not spans and is_asked and len(piece) >= SHORT:
            spans = beside(piece, plain.text, finds[-1].spans) if goes_on else ()
            if not spans and searches < _MAX_SEARCHES:
                spans, searches = anywhere(piece, plain.text, preferred), searches + 1
        finds.append(_Find(piece, goes_on, spans))
    return finds


def _pieces(quote: str) -> list[tuple[str, bool]]:
    """Fold and cut a quote at its elisions, and between words where it is long; with whether it goes on there."""
    pieces: list[tuple[str, bool]] = []
    for part in _ELISION.split(quote):
        words, goes_on = plain_text(part).text.strip(" \"'"), False
        while words:
            cut = len(words) if len(words) <= _PIECE else words.rfind(" ", 1, _PIECE) + 1 or _PIECE
            cut = (numeral_over(words, cut) or (cut, 0))[0] or cut
            if _WORD.search(words[:cut]):
                pieces.append((words[:cut].strip(), goes_on))
                goes_on = True
            words = words[cut:]
    return pieces


def _left_out(pairs: Sequence[tuple[_Find, Span | None]], text: str) -> int:
    """Characters, a piece's at most, that the text has between pieces where the quote leaves out nothing."""
    missed = 0
    for (_, first), (find, second) in pairwise(pairs):
        if first and second and find.goes_on:
            between = text[first.end : min(second.start, first.end + _PIECE)]
            missed += len(between) if len(_WORD.findall(between)) >= MANY_WORDS else 0
    return missed


def _in_order(finds: Sequence[_Find]) -> list[Span | None]:
    """Choose a place for each piece: first the longest that has only one, then its neighbours before and after it."""
    chosen: list[Span | None] = [None] * len(finds)
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
