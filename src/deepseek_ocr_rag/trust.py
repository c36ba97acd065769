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

from .document import Block, BlockKind, LineSource
from .evidence import Comparison
from .geometry import Box, bounding_box
from .lostwords import Place, is_furniture, lost_places, lost_tokens
from .recognition import Inked, Word, Words
from .testimony import is_gibberish, letters_profile, likeness, weight

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
    page = Comparison(blocks, _once(Words.of(words)))
    if not _has_evidence(page):
        return None
    answer = cache(lambda: letters_profile(token.folded for token in page.said))
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
    blind = {number for number in range(len(blocks)) if _is_blind(page, number, ignored)}
    judged = [at for at, token in enumerate(page.said) if not token.is_soft and token.block not in blind]
    expected = [at for at, found in enumerate(page.found_heard) if found or (at in lost and at not in ignored)]
    said, found_said = page.said, page.found_said
    return Trust(
        coverage=_share([(page.sizes[at], page.found_heard[at] > 0) for at in expected]),
        support=_share([(len(said[at].folded), found_said[at] == 1) for at in judged]),
        digits=_share([(1, found_said[at] == 1) for at in judged if said[at].folded.isdigit()]),
        lost=tuple(_lost(page, place) for place in places),
        unsupported=tuple(_unsupported(page, judged)),
        changed=() if _noise(page) > NOISY else tuple(_changed(page, set(judged))),
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
    for token in page.heard:
        words += weight(token)
        if words >= LEAST_WORDS:
            return True
    return False


def _once(words: Words) -> Words:
    """Words without those that are drawn a second time at the same place, as bold letters are in some files."""
    times, sides = Counter(words.texts), words.sides
    seen: dict[str, set[int]] = {}
    again: set[int] = set()
    for at, text in enumerate(words.texts):
        if times[text] < 2:
            continue
        x, y = (sides[4 * at] + sides[4 * at + 2]) * 125, (sides[4 * at + 1] + sides[4 * at + 3]) * 125
        row, next_row, column, next_column = 1000 * int(y), 1000 * int(y + 0.5), int(x), int(x + 0.5)
        places = {row + column, row + next_column, next_row + column, next_row + next_column}
        known = seen.setdefault(text, set())
        if len(places & known) >= 2:
            again.add(at)
        known |= places
    return words.only([at for at in range(len(words)) if at not in again]) if again else words


def _share(parts: Sequence[tuple[int, bool]]) -> float:
    """The share of letters that are found; nothing lacks nothing."""
    total = sum([letters for letters, _ in parts])
    return sum([letters for letters, is_found in parts if is_found]) / total if total else 1.0


def _is_foreign(page: Comparison, heard: Iterable[int], answer: Callable[[], Counter[str]]) -> bool:
    """Whether tokens of the page are of other letters than the answer: glyphs without meaning, or another script."""
    profile = letters_profile(page.heard[at].folded for at in heard)
    if profile.total() < ENOUGH_LETTERS:
        return False
    return is_gibberish(profile) or (answer().total() >= ENOUGH_LETTERS and likeness(answer(), profile) < FOREIGN)


def _noise(page: Comparison) -> float:
    """The share of tokens that both have, of either side, that are alike only."""
    return page.tolerated / max(1, page.tolerated + 2 * page.exact)


def _is_blind(page: Comparison, number: int, ignored: set[int]) -> bool:
    """Whether the page's words say nothing on a block: pictures, and places with hardly any words."""
    block = page.blocks[number]
    if block.kind is BlockKind.FIGURE:
        return True
    if not block.boxes:
        return False
    here = sum([page.sizes[at] for at in page.inside[number] if at not in ignored])
    return here < SEEN * page.letters[number]


def _lost(page: Comparison, place: Place) -> LostRegion:
    lines = (
        LostLine(text=" ".join(page.words.texts[word] for word in line), box=box)
        for line, box in zip(place.lines, place.boxes, strict=True)
    )
    first = min(place.tokens)
    before = next((page.partner[at] for at in range(first - 1, -1, -1) if page.partner[at] >= 0), -1)
    after = page.blocks[page.said[before].block].id if before >= 0 else ""
    return LostRegion(lines=tuple(lines), words=place.words, after=after)


def _unsupported(page: Comparison, judged: Sequence[int]) -> Iterator[Unsupported]:
    """Stretches of a block's tokens that are not found, with short holes."""
    if 0 not in page.found_said:
        return
    run: list[int] = []
    for at in judged:
        token = page.said[at]
        if run and (page.said[run[-1]].block != token.block or at - run[-1] > BRIDGE + 1):
            yield _stretch(page, run)
            run = []
        if not page.found_said[at]:
            run.append(at)
    if run:
        yield _stretch(page, run)


def _stretch(page: Comparison, run: Sequence[int]) -> Unsupported:
    first, last = page.said[run[0]], page.said[run[-1]]
    block = page.blocks[first.block]
    return Unsupported(
        block_id=block.id,
        start=first.start,
        end=last.end,
        text=block.text[first.start : last.end],
        words=sum(weight(page.said[at]) for at in run),
    )


def _changed(page: Comparison, judged: set[int]) -> Iterator[ChangedNumber]:
    for differing in page.differing:
        if differing.said in judged:
            token, word = page.said[differing.said], page.words[page.heard[differing.heard].word]
            block = page.blocks[token.block]
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
