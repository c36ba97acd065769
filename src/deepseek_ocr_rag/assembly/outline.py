"""A file's own outline (bookmarks) and the blocks of a page that its entries name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from ..document import Block, BlockKind, OutlineEntry
from .numbering import number_of, without_number

SIMILAR = 85.0
"""A block says an entry from this similarity on, in percent: of letters and digits, in one case."""

MOST_BLOCKS = 3
"""An entry may stand in this many blocks, one after the other: "Chapter 1", "The title"."""

MOST_ENTRIES = 512
"""Entries looked for on one page; more are no outline but a list of everything on it."""

LONGEST = 200
"""Characters of a title, as of headings."""

MOST_PLACES = 512
"""Places on a page that are weighed for one entry, the most similar first."""

_CAN_BE_NAMED = frozenset(
    {BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER}
)


def named_blocks(entries: Sequence[OutlineEntry], blocks: Sequence[Block]) -> Mapping[int, OutlineEntry]:
    """Which blocks of a page say an entry that points at it: places in ``blocks`` and their entries.

    Each block and each entry counts once, the most similar first; of two that are alike, headings come before text.
    """
    rows = [row for first in range(len(blocks)) for row in _rows(blocks, first)]
    said = [_Said.of(" ".join(blocks[at].text for at in row)) for row in rows]
    letters = [words.letters for words in said]
    numbered = {at: words.bare for at, words in enumerate(said) if words.number}
    candidates = []
    for place, entry in enumerate(entries[:MOST_ENTRIES]):
        title = _Said.of(entry.title[:LONGEST])
        near = _similar(title.letters, letters) | _similar(title.bare, letters if title.number else numbered)
        for at in sorted(near):
            alike = title.likeness(said[at])
            if alike >= SIMILAR:
                plain = sum(not blocks[each].kind.is_heading for each in rows[at])
                candidates.append((-alike, plain, place, rows[at]))
    named: dict[int, OutlineEntry] = {}
    used: set[int] = set()
    for _, _, place, row in sorted(candidates):
        if place not in used and not any(at in named for at in row):
            used.add(place)
            named.update(dict.fromkeys(row, entries[place]))
    return named


def _similar(title: str, texts: Sequence[str] | Mapping[int, str]) -> set[int]:
    """Which texts are similar to a title; all of them are compared in one call, which a page of hostile text needs."""
    found = process.extract(title, texts, scorer=fuzz.ratio, score_cutoff=SIMILAR, limit=MOST_PLACES)
    return {at for _, _, at in found}


def _rows(blocks: Sequence[Block], first: int) -> list[tuple[int, ...]]:
    """The rows of up to three blocks, furniture aside, that begin at a block and could be a title."""
    row: list[int] = []
    found = []
    for at in range(first, len(blocks)):
        if blocks[at].kind.is_furniture and row:
            continue
        if blocks[at].kind not in _CAN_BE_NAMED or len(row) == MOST_BLOCKS or len(blocks[at].text) > LONGEST:
            break
        row.append(at)
        found.append(tuple(row))
    return found


@dataclass(frozen=True, slots=True)
class _Said:
    """A title in a form to compare: its letters, those without the number, and the number."""

    letters: str
    bare: str
    number: str

    @classmethod
    def of(cls, text: str) -> _Said:
        words = " ".join(text.split())
        number = number_of(words)
        return cls(_letters(words), _letters(without_number(words)), number.text if number else "")

    def likeness(self, other: _Said) -> float:
        """In percent; the number in front may be missing in one of the two, but not differ."""
        alike = fuzz.ratio(self.letters, other.letters, score_cutoff=SIMILAR)
        if self.number != other.number and self.number and other.number:
            return alike
        if not (self.number or other.number) or not (self.bare and other.bare):
            return alike
        # With its number it is a better match.
        return max(alike, fuzz.ratio(self.bare, other.bare, score_cutoff=SIMILAR + 1) - 1)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
