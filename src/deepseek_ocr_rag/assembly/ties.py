"""What captions and footnotes belong to: the table or figure, and the block that refers to the note.

A footnote is known by its mark, and belongs to the block that shows the same mark raised, in brackets, or right behind
a word. Text at the foot of a page is only made a footnote where both ends are found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..captions import captions_of
from ..document import Block, BlockKind, Page
from ..geometry import bounding_box

SMALLER = 0.92
"""Footnotes are set in letters of at most this share of the usual ones."""

CLOSE = 0.05
"""A caption is no further than this share of the page's height from what it is of."""

LOWER_HALF = 0.5
"""Footnotes begin below this share of the page's height."""

_MOST_SHOWN, _MOST_BLOCKS = 200, 1000
"""Tables and figures of a page among which the nearest is looked for; blocks of a page on which notes are."""

_RAISED = re.compile(
    r"(?:\\\(|\$)\s?(?:\{\})?\^\s?\{?\s?([^\\{}$\n]{1,12}?)\s?\}?\s?(?:\\\)|\$)|<sup>\s?([^<>\n]{1,12}?)\s?</sup>"
    r"|([⁰¹²³⁴-⁹]{1,3})|\[\^?(\d{1,3}|\*)\]"
)
_BEGINS_RAISED = re.compile(r"[\\$<⁰¹²³⁴-⁹\[]")
_PLAIN = re.compile(r"(\d(?:(?<=[^\W\d_]{2}\d)|(?<=[.,;:!?)\]”\"'’»]\d))\d?)(?![\d\w%°]|[.,:]\d)")
_SIGN = re.compile(r"([*†‡§¶‖](?<=[^\s*†‡§].)[*†‡§¶‖]{0,2})(?![\w*])")
"""What a pattern begins with is searched for many times as fast as it is tried at every character; so what stands
before a mark is looked at behind its first sign."""

_OWN_PLAIN = re.compile(r"(\d{1,2})(?:[).]\s|\s(?=\S)|(?=[^\W\d_]))|([*†‡§¶‖]{1,3})(?=\s?\S)")
_BRACKETED = re.compile(r"\s*\[(\d{1,3})\]")
_NO_LIST = re.compile(r"\s*(?:\d{1,2}\)?\s|[*†‡§¶‖])")
"""How notes begin that show no raised mark; numbered paragraphs have a full stop."""

_POWER = re.compile(r"(?:\A|[\W\d_])(?:[kcdmµ]m|ft|yd|mi|[A-Za-z])\s?\Z")
"""A unit or a variable, of which a raised 2 or 3 is a power."""

_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_TEXT = (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM)
_SHOWN = (BlockKind.TABLE, BlockKind.FIGURE)


class _Mark(NamedTuple):
    name: str
    is_raised: bool


def tied(page: Page) -> Page:
    """The page with ``belongs_to`` of its captions and footnotes, as far as it can be told.

    A text becomes a footnote where it begins with a mark that a block above refers to, stands under everything in its
    column or under the table that refers to it, and is smaller than the text, as far as sizes are known.
    """
    blocks = list(page.blocks)
    for caption, owner in _owners(page.blocks):
        blocks[caption] = replace(blocks[caption], belongs_to=page.blocks[owner].id)
    marked = [at for at, block in enumerate(blocks) if _may_be_note(page, block)]
    references = _references(page.blocks) if marked else {}
    for at, block in enumerate(page.blocks):
        if block.kind is BlockKind.FOOTNOTE:
            owner_at = _referring(page.blocks, at, references)
            owner_at = _shown_above(page.blocks, at) if owner_at is None else owner_at
            if owner_at is not None:
                blocks[at] = replace(blocks[at], belongs_to=page.blocks[owner_at].id)
    if len(blocks) <= _MOST_BLOCKS:
        _find_notes(page, blocks, marked, references)
    return replace(page, blocks=tuple(blocks))


def _may_be_note(page: Page, block: Block) -> bool:
    """Whether a block has the mark of a note and a place for one: most pages need not be searched for references."""
    own = _own_mark(block.text) if block.kind in _TEXT or block.kind is BlockKind.FOOTNOTE else None
    if own is None or own.is_raised or block.kind is BlockKind.FOOTNOTE:
        return own is not None
    box = bounding_box(block.boxes)
    return box is not None and box.turned(page.turn).top > LOWER_HALF


def _find_notes(page: Page, blocks: list[Block], marked: Sequence[int], references: Mapping[_Mark, list[int]]) -> None:
    """Make footnotes of the marked texts that are: from the foot up, since a note may stand on another."""
    for at in reversed(marked):
        found = _referring(page.blocks, at, references) if blocks[at].kind in _TEXT else None
        if found is not None and _is_note(page, blocks, at, found, references):
            blocks[at] = replace(blocks[at], kind=BlockKind.FOOTNOTE, level=0, belongs_to=page.blocks[found].id)


def _owners(blocks: Sequence[Block]) -> Iterator[tuple[int, int]]:
    """Captions and what they are of, as places: the first of figures in a row, a neighbour, or the nearest."""
    body = [at for at, block in enumerate(blocks) if not block.kind.is_furniture]
    found: dict[int, int] = {}
    for shown, caption in captions_of([blocks[at] for at in body]).items():
        found.setdefault(body[caption], body[shown])
    yield from found.items()
    shown_at = [at for at in body if blocks[at].kind in _SHOWN][:_MOST_SHOWN]
    for place, at in enumerate(body):
        if blocks[at].kind is not BlockKind.CAPTION or at in found:
            continue
        beside = [near for near in body[max(0, place - 1) : place + 2] if blocks[near].kind in _SHOWN]
        owner = beside[0] if beside else _nearest(blocks, at, shown_at)
        if owner is not None:
            yield at, owner


def _nearest(blocks: Sequence[Block], at: int, shown_at: Sequence[int]) -> int | None:
    """The table or figure close above or below a caption, wherever the engine had it in its order."""
    mine = bounding_box(blocks[at].boxes)
    gaps: list[tuple[float, int]] = []
    for place in shown_at:
        box = bounding_box(blocks[place].boxes)
        if mine and box and box.left < mine.right and mine.left < box.right:
            gap = max(mine.top - box.bottom, box.top - mine.bottom)
            if -CLOSE < gap < CLOSE:
                gaps.append((gap, place))
    return min(gaps)[1] if gaps else None


def _references(blocks: Sequence[Block]) -> Mapping[_Mark, list[int]]:
    """The marks that a page's blocks show, each with the places of the blocks, once for each time."""
    found: defaultdict[_Mark, list[int]] = defaultdict(list)
    for at, block in enumerate(blocks):
        if block.kind.is_furniture or block.kind in (BlockKind.FOOTNOTE, BlockKind.CODE, BlockKind.FORMULA):
            continue
        own = _own_mark(block.text) if block.kind in _TEXT else None
        for mark in _marks(block.text):
            if own is not None and mark.name == own.name:
                own = None  # its own mark is none that it refers to
                continue
            if len(found[mark]) < _MOST_SHOWN:
                found[mark].append(at)
    return found


def _marks(text: str) -> Iterator[_Mark]:
    for raised in _raised(text):
        written = next(group for group in raised.groups() if group).translate(_DIGITS)
        if written in ("2", "3") and _POWER.search(text[max(0, raised.start() - 5) : raised.start()]):
            continue
        for name in re.split(r"[,;\s]+", written):
            if name.strip("()"):
                yield _Mark(name.strip("()"), is_raised=True)
    for match in (*_PLAIN.finditer(text), *_SIGN.finditer(text)):
        before = text[max(0, match.start() - 2) : match.start()]
        if not before[-1:].isupper() and not before[0].isdigit():  # "CO2", "DB2", "1.2"
            yield _Mark(match[1], is_raised=False)


def _raised(text: str) -> Iterator[re.Match[str]]:
    """All that is raised, as ``finditer`` finds it."""
    start = _BEGINS_RAISED.search(text)
    while start:
        raised = _RAISED.match(text, start.start())
        if raised:
            yield raised
        start = _BEGINS_RAISED.search(text, (raised or start).end())


def _own_mark(text: str) -> _Mark | None:
    """The mark that a note begins with."""
    start = text.lstrip()[:60]
    if raised := _RAISED.match(start):
        written = next(group for group in raised.groups() if group)
        return _Mark(written.translate(_DIGITS).strip("() "), is_raised=True)
    plain = _OWN_PLAIN.match(start)
    return _Mark(plain[1] or plain[2], is_raised=False) if plain else None


def _referring(blocks: Sequence[Block], at: int, references: Mapping[_Mark, list[int]]) -> int | None:
    """The place of the block that refers to a note: raised marks count more, and what stands before it."""
    own = _own_mark(blocks[at].text)
    if own is None:
        return None
    for is_raised in (True, False):
        places = [place for place in references.get(_Mark(own.name, is_raised), ()) if place != at]
        if places:
            return next((place for place in reversed(places) if place < at), places[0])
    return None


def _shown_above(blocks: Sequence[Block], at: int) -> int | None:
    """The table or figure that the engine says a note is of, where nothing refers to the note."""
    label = blocks[at].label.lower()
    kinds = [kind for kind, name in ((BlockKind.TABLE, "table"), (BlockKind.FIGURE, "image")) if name in label]
    return next((place for place in reversed(range(at)) if blocks[place].kind in kinds), None)


def _is_note(page: Page, blocks: Sequence[Block], at: int, found: int, references: Mapping[_Mark, list[int]]) -> bool:
    """Whether a text that begins with a mark, to which the block at ``found`` refers, is a footnote."""
    block, own = blocks[at], _own_mark(blocks[at].text)
    if own is None or found > at:
        return False
    if own.is_raised and _is_under_table(page.blocks, at, found):
        return True
    if _is_listed(blocks, at, found):
        return False
    usual = max((other.font_size for other in blocks if other.kind in _TEXT and len(other.text) > 80), default=0.0)
    if block.font_size > 0 and usual > 0:
        is_told = block.font_size <= usual * SMALLER
    else:
        shown = references.get(_Mark(own.name, is_raised=True), ())
        is_told = len(shown) == 1 and (own.is_raised or _NO_LIST.match(block.text) is not None)
    return is_told and _is_at_foot(page, blocks, at)


def _is_listed(blocks: Sequence[Block], at: int, found: int) -> bool:
    """Whether a text with a number in brackets is of a list of literature: beside the next one, or below a heading."""
    mine = _BRACKETED.match(blocks[at].text)
    if mine is None:
        return False
    beside = [_BRACKETED.match(block.text) for block in (*blocks[max(0, at - 1) : at], *blocks[at + 1 : at + 2])]
    is_in_row = any(other and abs(int(other[1]) - int(mine[1])) == 1 for other in beside)
    return is_in_row or any(block.kind.is_heading for block in blocks[found:at])


def _is_under_table(blocks: Sequence[Block], at: int, table: int) -> bool:
    """Whether nothing but other notes stands between a text and the table that refers to it."""
    between = blocks[table + 1 : at]
    return blocks[table].kind is BlockKind.TABLE and all(
        block.kind is BlockKind.FOOTNOTE or (block.kind in _TEXT and _own_mark(block.text)) for block in between
    )


def _is_at_foot(page: Page, blocks: Sequence[Block], at: int) -> bool:
    """Whether nothing but notes and running feet stands below a text in its column, in the lower half of the page."""
    mine = bounding_box(blocks[at].boxes)
    if mine is None:
        return False
    mine = mine.turned(page.turn)
    for place, block in enumerate(blocks):
        box = bounding_box(block.boxes)
        if place == at or box is None or block.kind.is_furniture or block.kind is BlockKind.FOOTNOTE:
            continue
        box = box.turned(page.turn)
        if box.center[1] > mine.center[1] and box.left < mine.right and mine.left < box.right:
            return False
    return mine.top > LOWER_HALF
