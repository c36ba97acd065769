"""What of a quote a text says, word by word, where it does not say it letter for letter.

A high score proves little: "shall not be liable" is nearly "shall be liable", and a clause that was made up may stand
beside a true one. So the words are compared in turn. What neither has of the other at length is left out, and a word
changed for another, a prefix that turns it, or a "not" more or less is never taken for a misprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from .numerals import NUMERAL
from .plaintext import CJK

MANY_WORDS = 4
"""So many words in a row, that only the quote or only the text has, are no misreading."""
_ALIKE = 50
"""Per cent over which two words are alike, so that one may be a misreading of the other."""
_STEM = 4
"""Letters of a word that a prefix may turn: "the" in "inthe" is no such word."""

_MARKS = (
    "\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u1000-\u109f\u1780-\u17d3"
)
"""Scripts, or parts of them, whose vowels are marks beside the letters."""
WORD = re.compile(rf"{NUMERAL}[^\W{CJK}]*|[{CJK}]|(?:[^\W{CJK}]|[{_MARKS}])+|[^\w\s]")
"""A word, a numeral, or a mark of folded text."""
_SAYS = re.compile(r"\w")

_NEGATION = re.compile(
    r"\b(?:not?|cannot|never|none|nor|neither|nobody|nothing|without|nicht|nichts|nie|niemals|kein\w{0,2}|ohne|weder"
    r"|pas|jamais|aucune?|sans|sin|nunca|ning[uú]na?|não|non|senza|nessun[oa]?|niet|geen|zonder|не|нет|без)\b"
    r"|n't\b|[不没沒未無无非勿]"
)
_UN = {"un", "in", "im", "il", "ir"}
_TURNING = _UN | {"non", "dis", "mis", "de", "ex", "over", "under", "out"}
"""What makes another word of a word by standing before it; two of them make opposites, as of "crease"."""
_TURNED = {"n't", "'t", "less", "los"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters ``[start, end)`` of a folded text that fit a piece of a quote."""

    start: int
    end: int
    score: float
    """How alike they are, 0 to 1, without what neither has of the other."""
    size: int
    """Characters of the piece that are there."""
    places: tuple[tuple[int, int], ...]
    """The span without what the piece does not say at all."""
    is_faithful: bool = True
    """False where it may say something else."""


def turns(before: str, after: str) -> bool:
    """Whether a word means something else with these letters before and after it."""
    return before in _TURNING or after in _TURNED


@dataclass(frozen=True, slots=True)
class _Run:
    """Words ``[start, end)`` of the piece and those of the text in their place; or one of them none."""

    said: tuple[int, int]
    read: tuple[int, int]
    fits: bool

    @property
    def sizes(self) -> tuple[int, int]:
        """Words of the piece and of the text."""
        return self.said[1] - self.said[0], self.read[1] - self.read[0]

    def joined(self, other: _Run) -> _Run:
        """Both and what is between them."""
        return _Run((self.said[0], other.said[1]), (self.read[0], other.read[1]), self.fits)


def compared(piece: str, text: str, start: int, end: int) -> Span | None:
    """The span without what was made up, or left out at length; None where nothing is left."""
    from rapidfuzz import fuzz

    span = text[start:end]
    said, read = ([word.span() for word in WORD.finditer(one) if _SAYS.search(word.group())] for one in (piece, span))
    runs = _runs([piece[slice(*word)] for word in said], [span[slice(*word)] for word in read])
    cuts = [run for run in runs if not run.fits and max(run.sizes) >= MANY_WORDS]
    is_changed = any(not run.fits and _is_other_word(said[slice(*run.said)], read[slice(*run.read)]) for run in runs)
    ours = _outside([run.said for run in cuts], said, len(piece))
    theirs = _outside([run.read for run in cuts], read, len(span))
    if not ours or not theirs:
        return None
    kept = " ".join(piece[slice(*part)] for part in ours)
    return Span(
        start=start + theirs[0][0],
        end=start + theirs[-1][1],
        score=fuzz.ratio(kept, " ".join(span[slice(*part)] for part in theirs)) / 100,
        size=sum(last - first for first, last in ours),
        places=tuple((start + first, start + last) for first, last in theirs),
        is_faithful=not (cuts or is_changed) and len(_NEGATION.findall(piece)) == len(_NEGATION.findall(span)),
    )


def _is_other_word(said: Sequence[tuple[int, int]], read: Sequence[tuple[int, int]]) -> bool:
    """Whether words that do not fit stand for each other; of so few letters a misprint leaves too little to tell."""
    sizes = sorted(sum(end - start for start, end in words) for words in (said, read))
    return sizes[0] > 2 and sizes[1] > 3


def _runs(said: Sequence[str], read: Sequence[str]) -> list[_Run]:
    """The words of both in turn: such as fit, and such as do not.

    Words that fit between others that do not, and are fewer than half of those, do so by chance: "the", "of".
    """
    runs: list[_Run] = []
    for run in _steps(said, read):
        if runs and runs[-1].fits == run.fits:
            runs[-1] = runs[-1].joined(run)
        else:
            runs.append(run)
        while len(runs) > 2 and not runs[-1].fits and runs[-2].sizes[0] * 2 < runs[-3].sizes[0] + runs[-1].sizes[0]:
            runs[-3:] = [runs[-3].joined(runs[-1])]
    return runs


def _steps(said: Sequence[str], read: Sequence[str]) -> Iterator[_Run]:
    """Runs of the same words, and those between: word by word, or at once where they are not as many.

    Begins and ends with a run that does not fit, though it may be empty.
    """
    from rapidfuzz import fuzz
    from rapidfuzz.distance import Levenshtein

    yield _Run((0, 0), (0, 0), False)
    ours = theirs = 0
    ends = len(said), len(read)
    steps = Levenshtein.opcodes(said, read)
    same = [(one.src_start, one.dest_start, one.src_end, one.dest_end) for one in steps if one.tag == "equal"]
    for first, at, last, until in (*same, (*ends, *ends)):
        if first - ours == at - theirs:
            for one, other in zip(range(ours, first), range(theirs, at), strict=True):
                yield _Run((one, one + 1), (other, other + 1), _are_alike(said[one], read[other]))
        else:
            fits = fuzz.ratio("".join(said[ours:first]), "".join(read[theirs:at])) > _ALIKE
            yield _Run((ours, first), (theirs, at), fits)
        if first < last:
            yield _Run((first, last), (at, until), True)
        ours, theirs = last, until
    yield _Run((ours, ours), (theirs, theirs), False)


def _are_alike(one: str, other: str) -> bool:
    """Whether a word may be a misreading of another; a prefix that turns its meaning is none."""
    from rapidfuzz import fuzz

    end = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one[::-1], other[::-1], strict=False)))
    heads = {one[: len(one) - end], other[: len(other) - end]}
    is_turned = end >= _STEM and heads <= _TURNING | {""} and not heads <= _UN
    return fuzz.ratio(one, other) > _ALIKE and not is_turned


def _outside(cuts: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """What is left of a text of this size without some of its words, whose places are given."""
    edges = [0]
    for first, last in cuts:
        edges += [words[first - 1][1] if first else 0, words[last][0] if last < len(words) else size]
    edges.append(size)
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
