"""Where a piece of a quote stands in a text, letter for letter or nearly so.

Where it does not occur as it is, short seeds vote for the few stretches that may hold it, RapidFuzz finds it there, and
its ends move to the words that fit best. All work is bounded: no scorer sees the whole text, because RapidFuzz takes
seconds for long repetitive ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from .numerals import has_whole_numerals, says_numbers
from .plaintext import PlainText, is_in_word, word_around
from .wording import WORD, Span, compared, turns

SHORT = 20
"""Folded characters under which a quote must occur as it is: half of such words fit anywhere."""
_MARGIN = 0.05
"""A place that scores less than this above another has not won."""
_MOST_PLACES, _MOST_WINDOWS, _MOST_SEEDS, _MOST_HITS = 50, 4, 40, 2000
_LETTER = re.compile(r"[^\W\d_]")

Placing = Callable[[int, int], bool]
"""Whether characters ``[start, end)`` of the folded text are where the quote should be."""


def verbatim(piece: str, plain: PlainText, preferred: Placing | None) -> tuple[Span, ...]:
    """Where the piece occurs as whole words; else, a long one, in words of which it has a part."""
    text, size = plain.text, len(piece)
    starts = list(_occurrences(piece, text, most=_MOST_HITS))
    spans = [
        Span(start=start, end=start + size, score=1.0, size=size, places=((start, start + size),))
        for start in starts
        if not (is_in_word(text, start) or is_in_word(text, start + size))
        and has_whole_numerals(text, start, start + size)
    ]
    within = (_within(piece, plain, start) for start in (() if spans else starts[:_MOST_PLACES]))
    return _narrowed(spans or [span for span in within if span], preferred)[:_MOST_PLACES]


def _within(piece: str, plain: PlainText, start: int) -> Span | None:
    """The whole words of which a piece that begins at ``start`` is a part, or None where it is a part of a number.

    "able" of "unable" says something else, and so may the "120" of "3 120", which may be two numbers.
    """
    text, end = plain.text, start + len(piece)
    at_seam = bool(plain.seams & {start, end}) and _LETTER.search(piece) is not None
    first, last = word_around(text, start, end)
    is_whole = has_whole_numerals(text, *((first, last) if at_seam else (start, end)))
    if not is_whole or not (at_seam or len(piece) >= SHORT):
        return None
    return Span(
        start=first,
        end=last,
        score=len(piece) / (last - first),
        size=len(piece),
        places=((first, last),),
        is_faithful=not (at_seam or turns(text[first:start], text[end:last])),
    )


def beside(piece: str, text: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Where the piece fits right after the spans of the one before it, if it does."""
    reach = len(piece) * 3 // 5
    return _fitting(piece, text, [(span.end - SHORT, span.end + len(piece) + reach) for span in spans[:_MOST_WINDOWS]])


def anywhere(piece: str, text: str, preferred: Placing | None) -> tuple[Span, ...]:
    """Where the piece fits best, and places too close to it to call, in the order of the text."""
    return _narrowed(_fitting(piece, text, _windows(piece, text, preferred)), preferred)


def _narrowed(spans: Sequence[Span], preferred: Placing | None) -> tuple[Span, ...]:
    """The preferred places, if there are any."""
    there = (span for span in spans if preferred and len(spans) > 1 and preferred(span.start, span.end))
    return tuple(there) or tuple(spans)


def _fitting(piece: str, text: str, windows: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """The best place that is good enough, and those too close to it to call, by place in the text."""
    threshold = 0.85 if len(piece) < 60 else 0.75
    fits = [fit for start, end in windows if (fit := _best_in(piece, text, start, end)) and fit[2] >= threshold]
    kept: list[tuple[int, int, float]] = []
    for start, end, score in sorted(fits, key=lambda fit: -fit[2]):
        apart = all(end <= other[0] or start >= other[1] for other in kept)
        close = not kept or score > kept[0][2] - _MARGIN
        if apart and close and has_whole_numerals(text, start, end) and says_numbers(piece, text[start:end]):
            kept.append((start, end, score))
    spans = [span for start, end, _ in sorted(kept) if (span := compared(piece, text, start, end))]
    return tuple([span for span in spans if span.is_faithful] or spans)


def _windows(piece: str, text: str, preferred: Placing | None) -> list[tuple[int, int]]:
    """The few stretches of text in which most short bits of the piece occur at about their distances."""
    size = 6 if len(piece) >= 60 else 4
    step = max(2 if size == 4 else 6, len(piece) // _MOST_SEEDS)
    seeds: dict[str, list[int]] = {}
    for at in range(0, len(piece) - size + 1, step):
        seeds.setdefault(piece[at : at + size], []).append(at)
    rarest = sorted((count, seed) for seed in seeds if (count := text.count(seed)))
    width = len(piece) // 4
    votes: Counter[int] = Counter()
    budget = _MOST_HITS
    for _, seed in rarest:
        for place in _occurrences(seed, text, most=budget):
            votes.update((place - at) // width for at in seeds[seed])
            budget -= 1
    ranked = sorted(votes, key=lambda first: -votes[first] - votes[first + 1])
    there = [at for at in ranked if preferred and preferred(max(0, at * width), (at + 5) * width)]
    reach = len(piece) * 3 // 5
    return [
        (max(0, first * width - reach), (first + 2) * width + len(piece) + reach)
        for first in dict.fromkeys([*_apart(there), *_apart(ranked)])
    ]


def _occurrences(piece: str, text: str, *, most: int) -> Iterator[int]:
    """Where the piece begins in the text."""
    start = text.find(piece)
    while start >= 0 and most > 0:
        yield start
        most -= 1
        start = text.find(piece, start + 1)


def _apart(ranked: Sequence[int]) -> list[int]:
    """The first few of which none is close to another."""
    chosen: list[int] = []
    for first in ranked:
        if all(abs(first - other) > 2 for other in chosen):
            chosen.append(first)
        if len(chosen) == _MOST_WINDOWS:
            break
    return chosen


def _best_in(piece: str, text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """Where in ``text[start:end]`` the piece fits best, from word to word: RapidFuzz finds it, then each end moves."""
    from rapidfuzz import fuzz, process

    start = max(0, start)
    window = text[start:end]
    found = fuzz.partial_ratio_alignment(piece, window, score_cutoff=50)
    if found is None:
        return None
    words = [match.span() for match in WORD.finditer(window)]
    left, right, score = found.dest_start, found.dest_end, 0.0
    reach = len(piece) * 3 // 5
    for _ in range(2):
        lefts = [word[0] for word in reversed(words) if word[0] < right and abs(word[0] - found.dest_start) <= reach]
        best = process.extractOne(piece, [window[at:right] for at in lefts], scorer=fuzz.ratio)
        left = lefts[best[2]] if best else left
        rights = [word[1] for word in words if word[1] > left and abs(word[1] - found.dest_end) <= reach]
        best = process.extractOne(piece, [window[left:at] for at in rights], scorer=fuzz.ratio)
        right, score = (rights[best[2]], best[1] / 100) if best else (right, 0.0)
    return start + left, start + right, score
