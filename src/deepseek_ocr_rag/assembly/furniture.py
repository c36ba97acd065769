"""Running heads and feet, page numbers and watermarks: told from the text by what the pages around say.

Models have no labels for them and write them as plain text; layout models have, and use them for dates and totals too.
So neither is believed: furniture is what comes back on other pages in the same place, or a number that counts pages.
What comes back has to be the same in all but one number that counts with the pages; other numbers are amounts, dates
and names, and belong to the text. Blocks only change their kind; nothing is dropped, moved or rewritten.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import inf

from ..document import Block, BlockKind, Page
from .folios import countings, folio_alone, folios, printed_label
from .margins import Said, all_said, is_unreadable

REACH = 8
"""Pages on each side that a page is compared with; as many are to be seen before it is settled."""

FURNITURE_LENGTH = 120
"""Longer blocks have to be the same on most pages, digits included."""

SAME_HEIGHT = 0.012
"""Blocks whose middles are no further apart stand at the same height of their pages."""

_STAMP_PAGES, _STAMP_SHARE = 4, 0.8
"""A watermark is at the same place of at least so many pages and of nearly all."""

_LONGEST_END = 60
"""Without a place, only a short line can be a running head."""

_SENTENCE = (".", "!", "?", ":", ";", ",", "。", "：", "；", "，")
"""What running heads do not end with, but the labels and sentences of forms and letters do."""


@dataclass(frozen=True, slots=True)
class _Margin:
    """What is remembered of a page."""

    number: int
    said: tuple[Said, ...]
    keys: frozenset[tuple[BlockKind, str]]
    """What is said in which margin; and by what an engine calls furniture."""
    labelled: frozenset[str]

    @classmethod
    def of(cls, page: Page, said: Sequence[Said | None]) -> _Margin:
        found = tuple(item for item in said if item)
        keys = frozenset((item.zone, key) for item in found for key in item.keys)
        return cls(page.number, found, keys, frozenset(key for item in found if item.is_labelled for key in item.keys))


class Margins:
    """Tells running heads and feet from text, page by page, remembering the margins of the pages around.

    ``see`` is called for each page in order, and some pages (:data:`REACH`) before ``settled`` is asked about it, once
    and in the same order, or as many as there are. The same calls give the same pages.
    """

    def __init__(self) -> None:
        self._pages: deque[_Margin] = deque(maxlen=2 * REACH + 1)
        self._said: deque[Sequence[Said | None]] = deque()
        """What each block says, of the pages that are not settled yet."""

    def see(self, page: Page) -> None:
        """Remember what stands in the page's margins."""
        said = all_said(page)
        self._said.append(said)
        self._pages.append(_Margin.of(page, said))

    def settled(self, page: Page) -> Page:
        """The page with its furniture marked, false furniture made text, and the page number that is printed on it.

        ``label`` only changes where it says no more than the page's place, which is where the file does not say.
        A page that would be left without any text keeps its furniture as text, but for page numbers.
        """
        judge = _Judge([near for near in self._pages if abs(near.number - page.number) <= REACH])
        said = self._said.popleft()
        judged = tuple(judge.judged(block, item) for block, item in zip(page.blocks, said, strict=True))
        blocks = _with_some_text(judged, page.blocks)
        label = page.label
        if label in ("", str(page.number)):
            own = [block.text for block in blocks if block.kind.is_furniture]
            own.sort(key=lambda text: folio_alone(text) is None)
            label = printed_label(page.number, [one for text in own for one in folios(text)], judge.labels()) or label
        return replace(page, blocks=blocks, label=label)


class _Judge:
    """What the pages around a page say of the texts in its margins."""

    def __init__(self, near: Sequence[_Margin]) -> None:
        self.near = near
        self.half = len(near) / 2 if len(near) >= 3 else inf
        self.stamped = max(_STAMP_PAGES, len(near) * _STAMP_SHARE)
        self.pages_with = Counter(chain.from_iterable(margin.keys for margin in near))
        self.labelled = Counter(chain.from_iterable(margin.labelled for margin in near))
        found = [(said.page, said.folios) for margin in near for said in margin.said]
        self.countings = countings(found, enough=3 if len(near) > 3 else 2)
        self.numbered = {number for pages in self.countings.values() for number in pages}

    @cached_property
    def heights(self) -> Mapping[str, Sequence[tuple[int, float]]]:
        """The pages that say something, and at which height."""
        heights: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for margin in self.near:
            for said in margin.said:
                for key in said.keys:
                    heights[key].append((said.page, said.height))
        return heights

    def judged(self, block: Block, said: Said | None) -> Block:
        """The block, of another kind where it is furniture or is none."""
        if block.kind.is_furniture:
            is_true = said is not None and self.is_true(said)
            return block if is_true else replace(block, kind=BlockKind.PARAGRAPH)
        if said and (is_unreadable(block) or self.is_furniture(said)):
            return replace(block, kind=said.zone)
        return block

    def is_true(self, said: Said) -> bool:
        """Whether an engine's word that a text is furniture is to be believed.

        Said of a text on one page only it is not: layout models take the sender of a letter, a date or a total for
        running heads, and nothing may be lost.
        """
        if said.place == "far":
            return self.counts(said)
        again = any(self.labelled[key] > 1 for key in said.keys) or self.comes_back(said) >= 3
        return again or said.is_folio or self.counts(said)

    def is_furniture(self, said: Said) -> bool:
        """Whether what no engine calls so is furniture."""
        if said.is_folio:
            return self.counts(said) or (said.place == "outmost" and self.is_likely_number(said))
        if said.text.endswith((":", "：")):
            return False  # the label of something to be filled in
        if said.place == "end":
            return self.is_running_end(said)
        if said.place == "stamp":
            return self.at_this_height(said) >= self.stamped
        if said.place == "near" and len(said.plain) <= FURNITURE_LENGTH:
            return self.is_running_near(said)
        return self.is_running(said)

    def is_likely_number(self, said: Said) -> bool:
        """Whether a page number that no neighbour counts along with is one by its looks.

        Place and looks must do then, but not beside a number that does count.
        """
        return said.page not in self.numbered and not said.text.isupper() and said.text not in ("l", "c")

    def is_running(self, said: Said) -> bool:
        """Whether enough pages have a text in the margin; of headings half, since chapters begin at the top."""
        if len(said.plain) <= FURNITURE_LENGTH and self.labelled[said.plain] > 1:
            return True
        if said.is_heading or len(said.plain) > FURNITURE_LENGTH:
            return self.pages_with[said.zone, said.plain] >= max(3, self.half)
        if sum(map(str.isalpha, said.plain)) < 2:
            return False
        few = len(self.near) <= 3 and said.page in self.numbered
        return self.comes_back(said) >= (2 if few else 3)

    def is_running_near(self, said: Said) -> bool:
        """The same close to the margin, where it has to stand at one height, and nothing beside it."""
        again = self.at_this_height(said)
        if self.labelled[said.plain] > 1:
            return again >= 2
        return not said.is_beside and again >= (self.stamped if said.is_heading else max(3, self.half))

    def is_running_end(self, said: Said) -> bool:
        """The same at the end of a page without places: only along with a page number, and for a short line."""
        if said.text.endswith(_SENTENCE) or len(said.text) > _LONGEST_END or sum(map(str.isalpha, said.plain)) < 2:
            return False
        if not said.is_heading and max((self.pages_with[said.zone, key] for key in said.keys[1:]), default=0) >= 3:
            return True
        enough = max(3, self.half) if said.is_heading else 3
        return said.page in self.numbered and self.pages_with[said.zone, said.plain] >= enough

    def comes_back(self, said: Said) -> int:
        """On how many pages a text stands in that margin, with one number that counts or none."""
        return max(self.pages_with[said.zone, key] for key in said.keys)

    def at_this_height(self, said: Said) -> int:
        """On how many pages it stands at this height."""
        return max(
            len({page for page, height in self.heights[key] if abs(height - said.height) < SAME_HEIGHT})
            for key in said.keys
        )

    def counts(self, said: Said) -> bool:
        """Whether the text has a number that grows with the pages."""
        return any(folio.offset(said.page) in self.countings for folio in said.folios)

    def labels(self) -> dict[tuple[str, int], list[int]]:
        """The countings of what is furniture: of numbers standing alone, where there are any."""
        furniture = [
            said
            for margin in self.near
            for said in margin.said
            if said.folios and (self.is_true(said) if said.is_labelled else self.is_furniture(said))
        ]
        enough = 3 if len(self.near) > 3 else 2
        alone = [(said.page, said.folios) for said in furniture if said.is_folio]
        known = countings(alone, enough=enough)
        taken = [(min(pages), max(pages)) for pages in known.values()]
        for counting, pages in countings(((said.page, said.folios) for said in furniture), enough=enough).items():
            if counting in known or not any(low <= page <= high for page in pages for low, high in taken):
                known[counting] = pages
        twos = {} if known else countings(alone, enough=2)  # an excerpt: 78, 79, 83, 84
        return twos if len(twos) > 1 else known


def _with_some_text(blocks: tuple[Block, ...], before: tuple[Block, ...]) -> tuple[Block, ...]:
    """Nothing but running heads and feet on a page: then they are its text, unless they are mere page numbers."""
    said = [block for block in blocks if block.text.strip()]
    if not all(block.kind.is_furniture and not folio_alone(block.text) for block in said):
        return blocks
    return tuple(replace(block, kind=BlockKind.PARAGRAPH) if block.kind.is_furniture else block for block in before)
