"""What a model said about a page, in one answer or in several, as the regions of one page.

A page that is too large, too full or that sent the model into a loop is read in parts (tiles, halves) whose pictures
may overlap. Each answer counts in its own picture, so its boxes are placed on the page first. Then neighbours meet:
what both show is kept once, and a paragraph or table that goes on over the cut becomes one region again, as far as
boxes and words prove it; where they prove nothing, both stay. Text is only left out where it is said a second time.
Tables whose cells a server has lost are taken from the answers of those who asked again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from itertools import groupby, product

from .document import Table
from .fused import TABLE, fused, fused_table, fused_tables, married
from .geometry import WHOLE_PAGE, Box, Frame, bounding_box
from .grounding import Form, parse
from .prompts import Task
from .recognition import Piece, Recognition, Region
from .seams import Overlap, find_seam, is_retold, is_said_in, plain, repeated_rows
from .tables import parse_html_table, parse_pipe_table, table_html

__all__ = ["PageRegions", "fused_tables", "page_regions"]

_MOST_COMPARISONS = 100_000
"""Pairs of boxes that are compared on a page, and twenties of letters: a newspaper in tiles needs a tenth of it."""
_OFF = 0.005
"""How far the model's boxes may be off, as a share of the page."""
_LONGEST = 40_000
"""Characters of the longest texts that are compared: more than there are in an answer of 8192 tokens."""

_COUNTED = re.compile(r"([0-9]{1,9}) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRegions:
    """The regions of a page in reading order, boxes on the upright page, the form of the answer, and what was mended.

    ``Region.start`` and ``end`` count characters of the raw answer that the region is from: of its own piece, and where
    two pieces were joined, of the first.
    """

    regions: tuple[Region, ...]
    warnings: tuple[str, ...] = ()
    form: Form = "plain"


def page_regions(recognition: Recognition, *, task: Task = "markdown") -> PageRegions:
    """Read a model's answers about a page; ``task`` is what was asked for where the recognition does not say.

    What follows the place from which an answer repeats itself is left out. An answer about the whole page gives just
    what :func:`.grounding.parse` finds in it.
    """
    tables = [piece for piece in recognition.pieces if piece.retells]
    parts = [piece for piece in recognition.pieces if not piece.retells]
    if recognition.text or not parts:
        asked = recognition.task or task
        whole = Piece(text=recognition.text, frame=recognition.frame, task=asked, repeats_from=recognition.repeats_from)
        parts.insert(0, whole)
    parsed = [parse(piece.text[: piece.repeats_from], task=piece.task) for piece in parts]
    warnings = [warning for answer in parsed for warning in answer.warnings]
    shown = [
        [_Shown(_placed(region, piece.frame), piece.frame) for region in (married(regions) if parts[1:] else regions)]
        for piece, regions in zip(parts, (answer.regions for answer in parsed), strict=True)
    ]
    merge = _Merge()
    for at, later in enumerate(parts):
        for before, earlier in enumerate(parts[:at]):
            merge.meet(shown[before], shown[at], earlier.frame, later.frame)
    if merge.comparisons <= 0:
        warnings.append("the parts of the page have too many regions to compare all, so some text may stand twice")
    kept = {id(item): item.region for items in shown for item in items if not item.is_dropped}
    regions = list(kept.values())
    warnings += _retold(regions, tables)
    forms = {answer.form for answer in parsed}
    form: Form = "tagged" if "tagged" in forms else "stripped" if "stripped" in forms else "plain"
    return PageRegions(regions=tuple(regions), warnings=_counted(warnings), form=form)


def _placed(region: Region, frame: Frame) -> Region:
    if frame == WHOLE_PAGE or not region.boxes:
        return region
    return replace(region, boxes=tuple(frame.place(box) for box in region.boxes))


def _counted(warnings: Iterable[str]) -> tuple[str, ...]:
    """The warnings of all answers, each once, numbers at their beginning added up."""
    totals: Counter[str] = Counter()
    for warning in warnings:
        match = _COUNTED.fullmatch(warning)
        totals[match[2] if match else warning] += int(match[1]) if match else 0
    return tuple(f"{total} {rest}" if total else rest for rest, total in totals.items())


# --- Parts of a page that meet ---------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Shown:
    """A region and the part of the page that its picture shows; one that was joined stands in the lists of both."""

    region: Region
    frame: Frame
    is_dropped: bool = False
    answered: int = 0
    """Letters that were dropped from the other answer because this region says them; it says each but once."""

    @property
    def is_comparable(self) -> bool:
        return not self.is_dropped and len(self.region.text) <= _LONGEST

    @property
    def box(self) -> Box:
        return bounding_box(self.region.boxes) or Box(left=0, top=0, right=0, bottom=0)

    def inside(self, zone: Box) -> float:
        """The share of the region that lies in ``zone``."""
        area = sum(box.area for box in self.region.boxes)
        return sum(box.intersection(zone) for box in self.region.boxes) / area if area else 0.0

    def gaps(self, other: Frame) -> tuple[float, float]:
        """How far its beginning and its end are from an edge of its picture beyond which ``other`` shows more."""
        own, box = self.frame, self.box
        left = box.left - own.left if own.left > other.left else 1.0
        right = own.right - box.right if own.right < other.right else 1.0
        top = box.top - own.top if own.top > other.top else 1.0
        bottom = own.bottom - box.bottom if own.bottom < other.bottom else 1.0
        return min(left, top), min(right, bottom)

    def cuts(self, other: Frame) -> tuple[bool, bool]:
        """Whether its beginning and its end are perhaps cut off."""
        begin, end = self.gaps(other)
        return begin <= _OFF, end <= _OFF


@dataclass(slots=True)
class _Merge:
    """Neighbours meet in pairs, and each region is dropped, joined or left alone."""

    comparisons: int = _MOST_COMPARISONS

    def meet(self, earlier: list[_Shown], later: list[_Shown], first: Frame, second: Frame) -> None:
        """Let the regions of two answers meet where their pictures overlap."""
        left, right = max(first.left, second.left, 0), min(first.right, second.right, 1)
        top, bottom = max(first.top, second.top, 0), min(first.bottom, second.bottom, 1)
        if left >= right or top >= bottom:
            return
        zone = Box(left=left, top=top, right=right, bottom=bottom)
        ours = [item for item in earlier if item.is_comparable and item.inside(zone)]
        theirs = [item for item in later if item.is_comparable and item.inside(zone)]
        for item in ours + theirs:
            item.answered = 0
        near = sorted(self._near(ours, theirs, zone), key=_distance)
        is_stacked = zone.width >= 0.5 * min(first.right - first.left, second.right - second.left)
        for one, other in _alive(near):
            _drop_second_saying(one, other, zone, is_exact=True)
        for slack in (-_OFF, _OFF):
            for one, other in _alive(near):
                _join(one, other, later, is_stacked=is_stacked, slack=slack)
            for one, other in _alive(near):
                _drop_second_saying(one, other, zone, is_exact=False)
        if is_stacked and first.top < second.top:
            _meet_unplaced(earlier, later, ours, theirs)

    def _near(self, ours: list[_Shown], theirs: list[_Shown], zone: Box) -> Iterator[tuple[_Shown, _Shown]]:
        """Pairs that stand in the same place, as far as both pictures show it."""
        for one, other in product(ours, theirs):
            self.comparisons -= len(one.region.boxes) * len(other.region.boxes)
            if self.comparisons <= 0:
                return
            if any(_overlap(a, b, zone) >= 0.5 for a in one.region.boxes for b in other.region.boxes):
                self.comparisons -= (len(one.region.text) + len(other.region.text)) // 20
                yield one, other


def _alive(pairs: Iterable[tuple[_Shown, _Shown]]) -> Iterator[tuple[_Shown, _Shown]]:
    """Those pairs of which neither has been dropped, or joined to what is too long, when its turn comes."""
    return ((one, other) for one, other in pairs if one is not other and one.is_comparable and other.is_comparable)


def _distance(pair: tuple[_Shown, _Shown]) -> float:
    (x, y), (u, v) = pair[0].box.center, pair[1].box.center
    return abs(x - u) + abs(y - v)


def _grown(box: Box) -> Box:
    """A box and as much around it as the model may be off."""
    return Box.from_fractions(box.left - _OFF, box.top - _OFF, box.right + _OFF, box.bottom + _OFF)


def _overlap(a: Box, b: Box, zone: Box) -> float:
    """How much of the smaller of two boxes the other covers within ``zone``."""
    a, b = _grown(a), _grown(b)
    smaller = min(a.intersection(zone), b.intersection(zone))
    left, right = max(a.left, b.left, zone.left), min(a.right, b.right, zone.right)
    top, bottom = max(a.top, b.top, zone.top), min(a.bottom, b.bottom, zone.bottom)
    return (right - left) * (bottom - top) / smaller if smaller and left < right and top < bottom else 0.0


def _drop_second_saying(one: _Shown, other: _Shown, zone: Box, *, is_exact: bool) -> None:
    """Drop one of two regions that say the same: the one that is cut off, or nearer to the edge of its picture.

    What was only read alike may go where all of it is in the other picture too, and a table with equal rows where its
    box says so too, as the same rows may stand above or below.
    """
    if not one.region.text.strip() and not other.region.text.strip():
        _merge_pictures(one, other)
        return
    pairs = [(other, one), (one, other)]
    if min(one.gaps(other.frame)) < min(other.gaps(one.frame)):
        pairs.reverse()
    for loser, winner in pairs:
        cuts = None if is_exact else loser.cuts(winner.frame)
        letters = winner.answered + len(plain(loser.region.text))
        if loser.answered or letters > 1.1 * len(plain(winner.region.text)) + 2:
            continue
        is_seen = loser.inside(winner.box) >= 0.25 and (is_exact or loser.inside(_grown(zone)) >= 0.9)
        rows = repeated_rows(loser.region.text) if is_seen else 0
        is_seen = is_seen and (not rows or loser.inside(winner.box) >= 1 - 0.5 / rows)
        if is_seen and is_said_in(loser.region.text, winner.region.text, cuts=cuts):
            loser.is_dropped, winner.answered = True, letters
            return


def _merge_pictures(one: _Shown, other: _Shown) -> None:
    """Two regions without text in one place are one picture, of which each may show a part."""
    if one.region.label == other.region.label:
        both = one.box.union(other.box)
        is_part = any(one.cuts(other.frame) + other.cuts(one.frame))
        larger = max(one, other, key=lambda item: item.box.area)
        one.region = replace(one.region, boxes=(both,) if is_part else larger.region.boxes)
        other.is_dropped = True


def _join(one: _Shown, other: _Shown, later: list[_Shown], *, is_stacked: bool, slack: float) -> None:
    """Join what goes on over the cut: in the same place ``one`` begins first, ``other`` ends last, and words agree."""
    a, b, first, second = one.box, other.box, one.frame, other.frame
    if is_stacked:
        goes_on = a.top <= b.top + slack and a.bottom <= b.bottom + slack and b.top + _OFF / 2 < a.bottom
        shared, smaller = min(a.right, b.right) - max(a.left, b.left), min(a.width, b.width)
    else:
        goes_on = a.left <= b.left + slack and a.right <= b.right + slack and b.left + _OFF / 2 < a.right
        shared, smaller = min(a.bottom, b.bottom) - max(a.top, b.top), min(a.height, b.height)
    if not goes_on or shared < 0.5 * smaller:
        return
    overlap = Overlap(
        share=max(0.0, a.bottom - b.top) / (a.height + b.height or 1.0),
        cuts=one.cuts(second)[1] + other.cuts(first)[0],
    )
    seam = find_seam(one.region.text, other.region.text, overlap=overlap if is_stacked else None)
    if seam and seam.is_staggered and other in later:
        boxes = tuple(dict.fromkeys(one.region.boxes + other.region.boxes))
        one.region = replace(one.region, text=seam.text, boxes=boxes)
        one.frame = Frame(
            left=min(first.left, second.left),
            top=min(first.top, second.top),
            right=max(first.right, second.right),
            bottom=max(first.bottom, second.bottom),
        )
        other.is_dropped = True
        later[later.index(other)] = one


def _meet_unplaced(earlier: list[_Shown], later: list[_Shown], ours: list[_Shown], theirs: list[_Shown]) -> None:
    """The end of one answer and the beginning of the next, where one of them has no boxes: words alone must tell."""
    last = next((item for item in reversed(earlier) if not item.is_dropped), None)
    first = next((item for item in later if not item.is_dropped), None)
    if not last or not first or last is first or (last.region.boxes and first.region.boxes):
        return
    before = [item for item in (ours if last.region.boxes else [last]) if item.is_comparable]
    after = [item for item in (theirs if first.region.boxes else [first]) if item.is_comparable]
    seam = find_seam(*("\n".join(item.region.text for item in items) for items in (before, after)), is_placed=False)
    if seam and not last.region.boxes and not first.region.boxes:
        last.region, first.is_dropped = replace(last.region, text=seam.text), True
        later[later.index(first)] = last
    elif seam and not first.region.boxes and seam.below is not None:
        first.region = replace(first.region, text=seam.below.strip())
        first.is_dropped = not first.region.text
    elif seam and first.region.boxes and seam.above is not None:
        last.region = replace(last.region, text=seam.above.strip())
        last.is_dropped = not last.region.text


# --- Tables that were asked for again --------------------------------------------------------------------------------


def _retold(regions: list[Region], pieces: Iterable[Piece]) -> Iterator[str]:
    """Put the tables of the answers in the place of those without cells; yields a warning for each that fits none."""
    for piece in pieces:
        frame, told = Box.from_fractions(*astuple(piece.frame)), _told(piece)
        asked = (number for number, _, boxes in fused(regions) if any(frame.covers(box) >= 0.5 for box in boxes))
        for number in asked:
            region = regions[number]
            found = fused_table(region.text)
            if found and is_retold(
                plain(found[2]), plain(" ".join(cell.text for table in told for cell in table.cells))
            ):
                start, end, _ = found
                html = "\n".join(map(table_html, told))
                regions[number] = replace(region, text=region.text[:start] + html + region.text[end:])
                break
        else:
            yield "1 tables that were asked for again came back unlike the page, so their first reading is kept"


def _told(piece: Piece) -> list[Table]:
    """The tables of an answer, in HTML or pipes."""
    found: list[Table | None] = []
    for region in parse(piece.text[: piece.repeats_from], task=piece.task).regions:
        found += [parse_html_table(match.group()) for match in TABLE.finditer(region.text)]
        runs = groupby(TABLE.sub("\n", region.text).split("\n"), key=lambda line: "|" in line)
        found += [parse_pipe_table("\n".join(lines)) for is_table, lines in runs if is_table]
    return [table for table in found if table is not None and len(table.cells) >= 2]
