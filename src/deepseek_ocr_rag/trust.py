"""Whether a page's words bear out what a model answered, and what to say where they do not. Pure.

A model leaves out text, makes text up and misreads digits, and says so nowhere. A born-digital page has its words
beside it, a scan has OCR's. Both readings write some things in their own way: formulas, pictures, running heads and
marks are expected to differ, and a text layer may itself be garbled, so that only losses, additions and numbers beyond
measured floors are a reason to suspect a page. Where nothing can be told, nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress

from .document import Block, BlockKind, LineSource
from .doubled import drawn_once
from .evidence import Comparison
from .geometry import Box, bounding_box
from .lostwords import Place, is_furniture, lost_places, lost_tokens
from .recognition import Inked, Word, Words
from .testimony import is_gibberish, letters_profile, likeness

LEAST_WORDS = 12
"""Fewer words than these are a stamp or a page number: no evidence of what the page says."""

LOST_WORDS = 12
"""Words of one place that the answer lacks, from which on the page is suspect."""

ADDED_WORDS = 8
"""Words in a row that the page does not have, from which on it is suspect."""

NOISY = 0.06
"""With more of the words alike, but not the same, one of both readings is too poor to judge digits by."""

MOST_WORDS = 20_000
"""More words than these are not on any page that people read; comparing them would take long."""

POOR = 0.25
"""With more of them, it is no evidence at all: letters apart, or OCR that guessed."""

FOREIGN = 0.7
"""Letters distributed less alike than this are not those of one language: glyphs that stand for others."""

STRANGE = 0.3
"""Of words that are evidence, the answer has more than this share, unless it is about something else."""

ENOUGH_LETTERS = 40
"""Fewer letters do not tell how they are distributed."""

SEEN = 0.2
"""Where a block's place has fewer letters than this share of the block's, the page's words say nothing on it."""

BRIDGE = 2
"""So many words in a row that the page has may stand among those that it has not: it has them from elsewhere."""

_SOURCES = {"text_layer": "text layer", "ocr": "OCR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LostLine:
    """A line of the page's words, with those between them that the answer has."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRegion:
    """A place on the page whose words the answer lacks; ``words`` of them, in lines from the top."""

    lines: tuple[LostLine, ...]
    words: float
    after: str = ""
    """Id of the block that says what stands before it in the order of the page's words, or empty."""

    @property
    def text(self) -> str:
        """Its lines as one text."""
        return " ".join(line.text for line in self.lines)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """One box a line."""
        return tuple(line.box for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Characters ``[start, end)`` of a block's text that the page does not have: ``words`` of them."""

    block_id: str
    start: int
    end: int
    text: str
    words: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedNumber:
    """A number at characters ``[start, end)`` of a block's text, and what stands in its place on the page."""

    block_id: str
    start: int
    end: int
    text: str
    evidence: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far a page's words and an answer agree; shares are 0 to 1, of letters.

    What cannot be judged (formulas, text in pictures, running heads) counts on neither side.
    """

    coverage: float
    """How much of the page's text the answer has."""
    support: float
    """How much of the answer's text the page has."""
    digits: float
    """How many of the answer's numbers the page has; 1 where the answer has none."""
    lost: tuple[LostRegion, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    changed: tuple[ChangedNumber, ...] = ()
    source: LineSource = "text_layer"


def page_evidence(
    blocks: tuple[Block, ...], words: Sequence[Word], *, source: LineSource = "text_layer"
) -> Trust | None:
    """Compare an answer with the words of its page.

    Args:
        blocks: The blocks of one page, read by a model.
        words: The words of the same page in the same frame, in the order of its text layer, or of OCR.
        source: Where the words come from.

    Returns:
        What they have in common and what not, or None where the words are no evidence: hardly any, or a text layer
        whose letters are not those of the answer's language.
    """
    if len(words) > MOST_WORDS:
        return None
    page = Comparison(blocks, drawn_once(Words.of(words)))
    if not _has_evidence(page):
        return None
    answer = cache(lambda: letters_profile(page.said.folded))
    lost = lost_tokens(page)
    if sum(page.found_heard) < STRANGE * len(page.heard) and _is_foreign(page, range(len(page.heard)), answer):
        return None
    if _noise(page) > POOR:
        return None
    places, ignored = [], set[int]()
    for place in lost_places(page, lost):
        if is_furniture(page, place) or _is_foreign(page, place.tokens, answer):
            ignored.update(place.tokens)
        else:
            places.append(place)
    said, heard = page.said, page.heard
    judged = _judged(page, ignored)
    wrong = [at for at in compress(range(len(said)), judged) if page.found_said[at] != 1]
    numbers = [at for at in compress(range(len(said)), map(str.isdigit, said.folded)) if judged[at]]
    lacking = sum([heard.sizes[at] for at in lost - ignored])
    return Trust(
        coverage=_share(lacking, of=lacking + sum(compress(heard.sizes, page.found_heard))),
        support=_share(sum([said.sizes[at] for at in wrong]), of=sum(compress(said.sizes, judged))),
        digits=_share(sum([page.found_said[at] != 1 for at in numbers]), of=len(numbers)),
        lost=tuple(_lost(page, place) for place in places),
        unsupported=tuple(_unsupported(page, wrong)),
        changed=() if _noise(page) > NOISY else tuple(_changed(page, judged)),
        source=source,
    )


def verdict(trust: Trust | None) -> tuple[str, ...]:
    """Reasons to suspect a page, for people: empty where there are none, or no evidence."""
    if trust is None:
        return ()
    source = _SOURCES.get(trust.source, trust.source)
    reasons = [
        f"The page's {source} has {region.words:.0f} words that the answer lacks, {_where(region)}: "
        f'"{_short(region.text)}"'
        for region in suspicious(trust)
    ]
    reasons += [
        f'The answer has {span.words:.0f} words that the page\'s {source} lacks: "{_short(span.text)}"'
        for span in trust.unsupported
        if span.words >= ADDED_WORDS
    ]
    reasons += [
        f'The answer says "{number.text}" where the page\'s {source} has "{number.evidence}"'
        for number in trust.changed
    ]
    return tuple(reasons)


def without_hidden(words: Sequence[Word], inked: Mapping[Box, Inked]) -> Sequence[Word]:
    """The words without those that nobody sees: in places where no row of ink stands at the height of the text.

    A text layer may hold more than the page shows, white on white or drawn without ink; a reader of the page rightly
    leaves that out.
    """
    hidden = [
        box
        for box, found in inked.items()
        if not any(row.top <= box.center[1] - found.slope * box.center[0] <= row.bottom for row in found.rows)
    ]
    return tuple(word for word in words if not any(box.holds_center_of(word.box) for box in hidden))


def suspicious(trust: Trust) -> tuple[LostRegion, ...]:
    """The lost regions that make a page suspect."""
    return tuple(region for region in trust.lost if region.words >= LOST_WORDS)


# --- from the comparison ----------------------------------------------------------------------------------------------


def _has_evidence(page: Comparison) -> bool:
    """Whether the page has as many words as it takes to judge an answer."""
    words = 0.0
    for at in range(len(page.heard)):
        words += page.heard.weight(at)
        if words >= LEAST_WORDS:
            return True
    return False


def _share(lacking: int, *, of: int) -> float:
    """The share that is not lacking; nothing lacks nothing."""
    return (of - lacking) / of if of else 1.0


def _is_foreign(page: Comparison, heard: Iterable[int], answer: Callable[[], Counter[str]]) -> bool:
    """Whether tokens of the page are of other letters than the answer: glyphs without meaning, or another script."""
    profile = letters_profile(page.heard.folded[at] for at in heard)
    if profile.total() < ENOUGH_LETTERS:
        return False
    return is_gibberish(profile) or (answer().total() >= ENOUGH_LETTERS and likeness(answer(), profile) < FOREIGN)


def _noise(page: Comparison) -> float:
    """The share of tokens that both have, of either side, that are alike only."""
    return page.tolerated / max(1, page.tolerated + 2 * page.exact)


def _judged(page: Comparison, ignored: set[int]) -> bytearray:
    """1 for each of the answer's tokens that the page's words can bear out."""
    judged = bytearray(page.said.is_literal)
    for number in range(len(page.blocks)):
        if _is_blind(page, number, ignored):
            tokens = page.said.of_block(number)
            judged[tokens.start : tokens.stop] = bytes(len(tokens))
    return judged


def _is_blind(page: Comparison, number: int, ignored: set[int]) -> bool:
    """Whether the page's words say nothing on a block: pictures, and places with hardly any words."""
    block = page.blocks[number]
    if block.kind is BlockKind.FIGURE:
        return True
    if not block.boxes:
        return False
    inside = page.inside[number]
    here = [at for at in inside if at not in ignored] if ignored else inside
    return page.heard.letters(here) < SEEN * page.said.letters(page.said.of_block(number))


def _lost(page: Comparison, place: Place) -> LostRegion:
    lines = (
        LostLine(text=" ".join(page.words.texts[word] for word in line), box=box)
        for line, box in zip(place.lines, place.boxes, strict=True)
    )
    first = min(place.tokens)
    before = next((page.partner[at] for at in range(first - 1, -1, -1) if page.partner[at] >= 0), -1)
    after = page.blocks[page.said.owner(before)].id if before >= 0 else ""
    return LostRegion(lines=tuple(lines), words=place.words, after=after)


def _unsupported(page: Comparison, wrong: Sequence[int]) -> Iterator[Unsupported]:
    """Stretches of a block's tokens that are not found, with short holes; of the wrong ones, numbers only differ."""
    run: list[int] = []
    for at in wrong:
        if page.found_said[at]:
            continue
        if run and (at - run[-1] > BRIDGE + 1 or page.said.owner(run[-1]) != page.said.owner(at)):
            yield _stretch(page, run)
            run = []
        run.append(at)
    if run:
        yield _stretch(page, run)


def _stretch(page: Comparison, run: Sequence[int]) -> Unsupported:
    block = page.blocks[page.said.owner(run[0])]
    start, end = page.said.token(run[0]).start, page.said.token(run[-1]).end
    return Unsupported(
        block_id=block.id,
        start=start,
        end=end,
        text=block.text[start:end],
        words=sum(map(page.said.weight, run)),
    )


def _changed(page: Comparison, judged: bytearray) -> Iterator[ChangedNumber]:
    for differing in page.differing:
        if judged[differing.said]:
            token, word = page.said.token(differing.said), page.words[page.heard.owner(differing.heard)]
            block = page.blocks[page.said.owner(differing.said)]
            text = block.text[token.start : token.end]
            yield ChangedNumber(
                block_id=block.id, start=token.start, end=token.end, text=text, evidence=word.text, box=word.box
            )


# --- in words ---------------------------------------------------------------------------------------------------------


def _where(region: LostRegion) -> str:
    box = bounding_box(region.boxes)
    middle = box.center[1] if box else 0.5
    return "near the top" if middle < 0.25 else "near the foot" if middle > 0.75 else "in the middle"


def _short(text: str, most: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"
