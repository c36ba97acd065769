"""Headings of a whole document: which is the title, and how deep each of the others is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from .document import Block, BlockKind

SAME_SIZE = 0.94
"""Headings whose letters are at least this share of a larger heading's are of one size; scans are noisy."""

TITLE_SIZE = 0.85
"""A first heading is the title where no other has letters of more than this share of its size."""

ROMAN = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Roman numbers up to 89, upper case."""

_NUMBERED = (
    (
        re.compile(
            r"(?:part|teil|partie|parte)\s+(?:\d{1,2}|[IVXLC]+)\b|第\s*[一二三四五六七八九十百\d]+\s*[部篇编編]", re.I
        ),
        0,
    ),
    (
        re.compile(
            r"(?:chapter|kapitel|chapitre|cap[ií]tulo|appendix|anhang|annexe?)\s+(?:\d{1,3}|[A-Z]|[IVXLC]+)\b", re.I
        ),
        1,
    ),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*章"), 1),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*[节節]"), 2),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*[条條]"), 3),
    (re.compile(r"§+\s*\d+"), 2),
)
"""Words and signs that number a heading, and the depth that they stand for; looked up in this order."""

_DECIMAL = re.compile(r"([A-Z]|\d{1,3})((?:\.\d{1,3}){0,5})([.)]?)(?:\s+\S|\s*\Z|(?<=[.)])[^\W\d])")
_ROMAN_NUMBER = re.compile(rf"({ROMAN})([.)]?)\s+\S")


def headed(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The headings among a document's blocks, with levels: 1 is the top and no level is left out.

    The title, where there is one, is alone at level 1.
    """
    headings = _with_title([block for block in blocks if block.kind.is_heading])
    depths = _depths(headings)
    titles = [block for block in headings if block.kind is BlockKind.TITLE]
    title = titles[0] if len(titles) == 1 else None
    used = sorted({depth for block, depth in zip(headings, depths, strict=True) if block is not title})
    rank = {depth: number for number, depth in enumerate(used, start=2 if title else 1)}
    return tuple(
        replace(block, level=1 if block is title else rank[depth])
        for block, depth in zip(headings, depths, strict=True)
    )


def _with_title(headings: list[Block]) -> list[Block]:
    """Know the title where the engine called it a heading: first on page 1, not numbered, clearly the largest."""
    if not headings or any(block.kind is BlockKind.TITLE for block in headings):
        return headings
    first, *others = headings
    largest = max((block.font_size for block in others), default=0.0)
    stands_out = first.font_size * TITLE_SIZE > largest > 0
    if first.page_number != 1 or not stands_out or _numbered_depths([first.text]) != [None]:
        return headings
    return [replace(first, kind=BlockKind.TITLE), *others]


def _depths(blocks: Sequence[Block]) -> list[int]:
    """The depth of each heading: by its number, else as numbered headings of its looks have it, else by its looks.

    A heading's looks are the rank of its size, or the level that the engine gave where no size is known.
    """
    sizes = _size_ranks(block.font_size for block in blocks)
    looks = [
        ("size", sizes[block.font_size]) if block.font_size > 0 else ("level", _own_level(block)) for block in blocks
    ]
    numbers = _numbered_depths([" ".join(block.text.split()) for block in blocks])
    known: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for look, number in zip(looks, numbers, strict=True):
        if number is not None:
            known[look][number] += 1
    by_look = dict(_depths_of_looks(sorted(set(looks)), known))
    return [by_look[look] if number is None else number for look, number in zip(looks, numbers, strict=True)]


def _depths_of_looks(
    looks: Sequence[tuple[str, int]], known: Mapping[tuple[str, int], Counter[int]]
) -> Iterator[tuple[tuple[str, int], int]]:
    """Settle what unnumbered headings of each look are, so that larger ones are never deeper than their neighbours.

    Sizes follow the commonest number; an engine's levels are flat, so there the shallowest number counts.
    """
    for kind in ("size", "level"):
        ordered = [look for look in looks if look[0] == kind]
        settled: dict[tuple[str, int], int] = {}
        for look in ordered:
            if look in known:
                settled[look] = min(known[look]) if kind == "level" else known[look].most_common(1)[0][0]
        first = next((at for at, look in enumerate(ordered) if look in settled), None)
        depth = settled[ordered[first]] - first - 1 if first is not None else 0
        # Under the last numbered look every further one is a level deeper; between two, none is deeper than the lower.
        deepest = list(accumulate((settled.get(look, inf) for look in reversed(ordered)), min))[::-1]
        for look, limit in zip(ordered, deepest, strict=True):
            depth = settled[look] if look in settled else depth + (limit > depth)
            yield look, depth


def _own_level(block: Block) -> int:
    return block.level if block.level > 0 else 1 if block.kind is BlockKind.TITLE else 2


def _size_ranks(sizes: Iterable[float]) -> dict[float, int]:
    """Rank letter sizes from the largest, 0, down; sizes within 6 % of a rank's largest share it."""
    ranks: dict[float, int] = {}
    largest, rank = 0.0, -1
    for size in sorted({size for size in sizes if size > 0}, reverse=True):
        if rank < 0 or size < largest * SAME_SIZE:
            largest, rank = size, rank + 1
        ranks[size] = rank
    return ranks


def _numbered_depths(texts: Sequence[str]) -> list[int | None]:
    """The depth that each heading's own number tells, or None."""
    romans = (_ROMAN_NUMBER.match(text) for text in texts)
    has_romans = any(len(roman.group(1)) > 1 for roman in romans if roman)
    return [_numbered_depth(text, has_romans=has_romans) for text in texts]


def _numbered_depth(text: str, *, has_romans: bool) -> int | None:
    for pattern, depth in _NUMBERED:
        if pattern.match(text):
            return depth
    roman = _ROMAN_NUMBER.match(text)
    # L numbers a twelfth subsection more often than a fiftieth section; "I" without a point is a word.
    if has_romans and roman and (len(roman.group(1)) > 1 or (roman.group(1) != "L" and roman.group(2))):
        return 1
    match = _DECIMAL.match(text)
    if match is None:
        return None
    first, further, mark = match.groups()
    if first.isalpha() and not further and not mark:
        return None  # "A long way" begins with a word, "A. Methods" with a number
    return 1 + further.count(".") + (1 if first.isalpha() and has_romans else 0)
