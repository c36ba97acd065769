"""Words of a page that an answer lacks, gathered to places: lines that stand under each other. Pure.

A word that was misread alone is no place, and neither are a running head, a page number or the numbers of lines, which
models leave out on purpose, nor what is written in a picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise

from .document import BlockKind
from .evidence import Comparison
from .geometry import Box, bounding_box, visual_rows

EDGE = 0.12
"""Running heads and feet stand within this share of the page from its edges."""

HEAD_WORDS = 24
"""A running head or foot has no more words."""

HOLE = 2
"""So many words in a row that the answer has may stand in a line that it lacks: it has them from elsewhere."""

GAP = 3.0
"""Words farther apart than so many letters are not of one line."""

LEADING = 2.4
"""Lines farther apart than so many times their height are not of one place."""

LEAST = 3
"""Fewer words are no place, and often only read in another way."""

MOST = 64
"""Places of a page at most: the largest."""

DENSITY = 0.5
"""At least this share of the words of a place are lost."""


@dataclass(slots=True)
class Place:
    """Lines of words, as their numbers, from the top; ``tokens`` are those that the answer lacks."""

    lines: list[list[int]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    words: float = 0.0


def lost_tokens(page: Comparison) -> set[int]:
    """Tokens of the page that the answer lacks and ought to have: not those in its pictures and formulas."""
    if 0 not in page.found_heard:
        return set()
    excused = {
        at
        for number, block in enumerate(page.blocks)
        if block.kind in (BlockKind.FIGURE, BlockKind.FORMULA)
        for at in page.inside[number]
    }
    return {at for at, found in enumerate(page.found_heard) if not found and not page.excused[at] and at not in excused}


def lost_places(page: Comparison, lost: set[int]) -> list[Place]:
    """The places of lost tokens, from the top."""
    # A word alone is no place, and a page of nothing else would take long.
    if sum(map(page.heard.weight, lost)) < LEAST:
        return []
    of_word: dict[int, list[int]] = {}
    for at in sorted(lost):
        of_word.setdefault(page.heard.owner(at), []).append(at)
    boxes = {word: page.words.box(word) for word in page.heard.words}
    places: list[Place] = []
    for line in _lost_lines(page, of_word, boxes):
        box = bounding_box(boxes[word] for word in line)
        if box is None:
            continue
        place = next((place for place in islice(reversed(places), MOST) if _goes_on(place, box)), None)
        if place is None:
            place = Place()
            places.append(place)
        place.lines.append(line)
        place.boxes.append(box)
        place.tokens += [at for word in line for at in of_word.get(word, ())]
    for place in places:
        place.words = sum(map(page.heard.weight, place.tokens))
    places = [place for place in places if place.words >= LEAST]
    largest = sorted(places, key=lambda place: place.words, reverse=True)[:MOST]
    dense = [place for place in largest if _is_dense(page, place, boxes)]
    return sorted(dense, key=lambda place: (place.boxes[0].top, place.boxes[0].left))


def is_furniture(page: Comparison, place: Place) -> bool:
    """Whether a place is a running head or foot, a stamp at the page's edge, or a column of numbers of lines."""
    box = bounding_box(place.boxes)
    if box is None or place.words > HEAD_WORDS:
        return box is not None and _is_numbering(page, place)
    at_edge = box.bottom < EDGE or box.top > 1 - EDGE or box.right < EDGE or box.left > 1 - EDGE
    return at_edge or _is_numbering(page, place)


def _is_numbering(page: Comparison, place: Place) -> bool:
    """One number a line, each of them larger than the one above."""
    numbers = [page.words.texts[line[0]].strip(".)") for line in place.lines if len(line) == 1]
    if len(numbers) < len(place.lines) or not all(text.isascii() and text.isdigit() for text in numbers):
        return False
    values = [int(text[:9]) for text in numbers]
    return all(one < other for one, other in pairwise(values))


def _lost_lines(page: Comparison, lost: Collection[int], boxes: Mapping[int, Box]) -> Iterator[list[int]]:
    """Stretches of a line, from a lost word to a lost word, with short holes."""
    with_tokens = list(boxes)
    for row in visual_rows(list(boxes.values())):
        stretch: list[int] = []
        hole: list[int] = []
        for word in (with_tokens[place] for place in row):
            if stretch and (len(hole) > HOLE or _is_apart(page, boxes, (hole or stretch)[-1], word)):
                yield stretch
                stretch, hole = [], []
            if word in lost:
                stretch += [*hole, word]
                hole = []
            elif stretch:
                hole.append(word)
        if stretch:
            yield stretch


def _is_apart(page: Comparison, boxes: Mapping[int, Box], one: int, other: int) -> bool:
    letter = max(boxes[word].width / max(1, len(page.words.texts[word])) for word in (one, other))
    return boxes[other].left - boxes[one].right > GAP * letter


def _goes_on(place: Place, box: Box) -> bool:
    last = place.boxes[-1]
    shared = min(last.right, box.right) - max(last.left, box.left)
    down = box.center[1] - last.center[1]
    return shared > 0 and down <= LEADING * max(last.height, box.height)


def _is_dense(page: Comparison, place: Place, boxes: Mapping[int, Box]) -> bool:
    box = bounding_box(place.boxes)
    if box is None:
        return False
    lost = set(map(page.heard.owner, place.tokens))
    here = [word for word in page.words.inside(box) if word in boxes]
    return len(lost) >= DENSITY * len(here)
