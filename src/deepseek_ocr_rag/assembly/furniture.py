"""Running heads and feet, page numbers and watermarks: told from the text by what the pages around say.

Models have no labels for them and write them as plain text; layout models have, and use them for dates and totals too.
So neither is believed: furniture is what comes back on other pages in the same place, or a number that counts pages.
Blocks only change their kind; nothing is dropped, moved or rewritten.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from ..document import Block, BlockKind, Page
from ..geometry import Box, QuarterTurn, bounding_box
from .folios import Folio, countings, folio_alone, folios, printed_label

REACH = 8
"""Pages on each side that a page is compared with; as many are to be seen before it is settled."""

FURNITURE_ZONE = 0.08
"""Running heads and feet have their middle in this share of the page's height, at the top or at the bottom."""

LABELLED_ZONE = 0.15
"""With more evidence than coming back (an engine's label, the same height, a page number) it may be this share."""

FARTHEST = 0.25
"""An engine's label on a page number that fits those of the pages around may be right within this share."""

SIDE_ZONE = 0.06
"""What runs along the side of a page has its middle in this share of the width, and is no wider."""

FURNITURE_LENGTH = 120
"""Longer blocks have to be the same on most pages, digits included."""

SAME_HEIGHT = 0.012
"""Blocks whose middles are no further apart stand at the same height of their pages."""

UNREADABLE = 2.0
"""Letters of less points are not for readers: tags of the program that made the file."""

_STAMP_AREA, _STAMP_LENGTH, _STAMP_PAGES, _STAMP_SHARE = 0.03, 40, 4, 0.8
"""A watermark is a few large letters, at the same place of at least so many pages and nearly all."""

_LONGEST = 600
"""Longer blocks are text."""

_MOST_REMEMBERED = 64
"""Texts that are remembered of a page at most; no margin holds more."""

_CAN_BE_FURNITURE = frozenset(
    {BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER, BlockKind.FOOTNOTE}
)
_DIGITS = re.compile(r"\d+")


_Place = Literal["outmost", "near", "far", "end", "stamp"]
"""In the margin; close to it; within reach of a wide one; first or last on a page without places; large, anywhere."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A text that may be furniture by its place; ``plain`` is in lower case, ``folded`` has ``#`` for numbers too."""

    text: str
    plain: str
    folded: str
    zone: BlockKind
    place: _Place
    height: float
    is_labelled: bool


@dataclass(frozen=True, slots=True)
class _Margin:
    """What is remembered of a page."""

    number: int
    said: tuple[_Said, ...]
    folios: tuple[Folio, ...]


class Margins:
    """Tells running heads and feet from text, page by page, remembering the margins of the pages around.

    ``see`` is called for each page in order, and some pages (:data:`REACH`) before ``settled`` is asked about it, or as
    many as there are. The same calls give the same pages.
    """

    def __init__(self) -> None:
        self._pages: deque[_Margin] = deque(maxlen=2 * REACH + 1)

    def see(self, page: Page) -> None:
        """Remember what stands in the page's margins."""
        said = [item for item in _all_said(page) if item]
        if len(said) > _MOST_REMEMBERED:
            half = _MOST_REMEMBERED // 2
            said = said[:half] + said[-half:]
        found = tuple(folio for item in said for folio in folios(item.text))
        self._pages.append(_Margin(page.number, tuple(said), found))

    def settled(self, page: Page) -> Page:
        """The page with its furniture marked, false furniture made text, and the page number that is printed on it.

        ``label`` only changes where it says no more than the page's place, which is where the file does not say.
        A page that would be left without any text keeps its furniture as text, but for page numbers.
        """
        judge = _Judge([near for near in self._pages if abs(near.number - page.number) <= REACH], page.number)
        judged = tuple(judge.judged(block, said) for block, said in zip(page.blocks, _all_said(page), strict=True))
        blocks = _with_some_text(judged, page.blocks)
        label = page.label
        if label in ("", str(page.number)):
            own = [folio for block in blocks if block.kind.is_furniture for folio in folios(block.text)]
            label = printed_label(page.number, own, judge.countings) or label
        return replace(page, blocks=blocks, label=label)


class _Judge:
    """What the pages around a page say of the texts in its margins."""

    def __init__(self, near: Sequence[_Margin], number: int) -> None:
        self.number = number
        self.half = len(near) / 2 if len(near) >= 3 else inf
        self.stamped = max(_STAMP_PAGES, len(near) * _STAMP_SHARE)
        self.pages_with: Counter[tuple[BlockKind, str]] = Counter()
        self.labelled: Counter[str] = Counter()
        self.heights: defaultdict[str, list[float]] = defaultdict(list)
        for margin in near:
            self.pages_with.update({(said.zone, text) for said in margin.said for text in (said.plain, said.folded)})
            self.labelled.update(
                {text for said in margin.said if said.is_labelled for text in (said.plain, said.folded)}
            )
            for said in margin.said:
                self.heights[said.plain].append(said.height)
        self.countings = countings(
            ((margin.number, margin.folios) for margin in near), enough=3 if len(near) > 3 else 2
        )
        self.has_number = any(number in pages for pages in self.countings.values())

    def judged(self, block: Block, said: _Said | None) -> Block:
        """The block, of another kind where it is furniture or is none."""
        if block.kind.is_furniture:
            is_true = said is not None and self.is_true(said)
            return block if is_true else replace(block, kind=BlockKind.PARAGRAPH)
        if said and (_is_unreadable(block) or self.is_furniture(said, is_heading=block.kind.is_heading)):
            return replace(block, kind=said.zone)
        return block

    def is_true(self, said: _Said) -> bool:
        """Whether an engine's word that a text is furniture is to be believed.

        Said of a text on one page only it is not: layout models take the sender of a letter, a date or a total for
        running heads, and nothing may be lost.
        """
        if said.place == "far":
            return self.counts(said)
        again = self.labelled[said.folded] > 1 or self.pages_with[said.zone, said.folded] >= 3
        return again or folio_alone(said.text) is not None or self.counts(said)

    def is_furniture(self, said: _Said, *, is_heading: bool) -> bool:
        """Whether what no engine calls so is furniture."""
        if folio_alone(said.text):
            # Place and looks must do where no neighbour counts along, but not beside a number that does.
            return self.counts(said) or (said.place == "outmost" and not self.has_number and not said.text.isupper())
        if said.place == "stamp":
            return self.at_this_height(said) >= self.stamped
        if len(said.plain) > FURNITURE_LENGTH:
            return self.pages_with[said.zone, said.plain] >= max(3, self.half)
        if said.place == "near":
            enough = 2 if self.labelled[said.plain] > 1 else inf if is_heading else max(3, self.half)
            return self.at_this_height(said) >= enough
        if said.place == "outmost" and self.labelled[said.plain] > 1:
            return True
        return self.comes_back(said, is_heading=is_heading)

    def comes_back(self, said: _Said, *, is_heading: bool) -> bool:
        """Whether enough pages around say it; of headings half, digits included, since chapters begin at the top."""
        if is_heading:
            return self.pages_with[said.zone, said.plain] >= max(3, self.half)
        if sum(map(str.isalpha, said.folded)) < 2:
            return False
        enough = 3 if said.place == "end" else min(3, self.half)
        return self.pages_with[said.zone, said.folded] >= enough or (said.place == "outmost" and self.counts(said))

    def at_this_height(self, said: _Said) -> int:
        """On how many pages the same text stands at this height."""
        return sum(abs(height - said.height) < SAME_HEIGHT for height in self.heights[said.plain])

    def counts(self, said: _Said) -> bool:
        """Whether the text has a number that grows with the pages."""
        return any(folio.offset(self.number) in self.countings for folio in folios(said.text))


def _all_said(page: Page) -> list[_Said | None]:
    """For each block what it says as furniture, or None where its place or length forbids it."""
    ends = [at for at, block in enumerate(page.blocks) if block.text.strip()]
    zones = {ends[0]: BlockKind.PAGE_HEADER, ends[-1]: BlockKind.PAGE_FOOTER} if len(ends) > 1 else {}
    return [_said(block, page.turn, zones.get(at)) for at, block in enumerate(page.blocks)]


def _said(block: Block, turn: QuarterTurn, end: BlockKind | None) -> _Said | None:
    """What a block says as furniture; ``end`` is the kind that its place in the reading order would make it."""
    is_labelled = block.kind.is_furniture
    text = " ".join(block.text[: 2 * _LONGEST].split())
    if not 0 < len(text) <= _LONGEST or not (is_labelled or block.kind in _CAN_BE_FURNITURE):
        return None
    box = bounding_box(block.boxes)
    zone: BlockKind | None
    place: _Place | None
    if box is None:
        zone, place, height = block.kind if is_labelled else end, "end", 0.0
    else:
        box = box.turned(turn)
        height = box.center[1]
        zone = BlockKind.PAGE_HEADER if height < 0.5 else BlockKind.PAGE_FOOTER
        place = "outmost" if _is_unreadable(block) else _place(box, len(text), is_labelled=is_labelled)
    if zone is None or place is None:
        return None
    plain = text.casefold()
    return _Said(text, plain, _DIGITS.sub("#", plain), zone, place, height, is_labelled)


def _place(box: Box, length: int, *, is_labelled: bool) -> _Place | None:
    """Where on the upright page a text of that length is, if that is a place for furniture.

    Labels may be right at any edge: pages lie on their side.
    """
    across, down = (min(middle, 1 - middle) for middle in box.center)
    if down < FURNITURE_ZONE or (across < SIDE_ZONE and box.width < SIDE_ZONE):
        return "outmost"
    if down < LABELLED_ZONE or (is_labelled and across < LABELLED_ZONE):
        return "near"
    if is_labelled and down < FARTHEST:
        return "far"
    return "stamp" if box.area >= _STAMP_AREA and length <= _STAMP_LENGTH else None


def _is_unreadable(block: Block) -> bool:
    return 0 < block.font_size < UNREADABLE and bool(block.boxes)


def _with_some_text(blocks: tuple[Block, ...], before: tuple[Block, ...]) -> tuple[Block, ...]:
    """Nothing but running heads and feet on a page: then they are its text, unless they are mere page numbers."""
    said = [block for block in blocks if block.text.strip()]
    if not all(block.kind.is_furniture and not folio_alone(block.text) for block in said):
        return blocks
    return tuple(replace(block, kind=BlockKind.PARAGRAPH) if block.kind.is_furniture else block for block in before)
