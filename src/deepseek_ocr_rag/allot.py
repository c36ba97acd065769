"""Which characters of a block stand in which row of the ink that was found in its place. Pure.

A model says what a block says and where it is, not where its lines break. The rows of ink say how wide each line is,
and characters have usual widths: the breaks are put where the words between them are as wide as the rows, all rows
weighed together, so that an error in one does not move the next. What does not fit is not believed: text that is
missing, columns side by side, a picture among the lines. Such a block keeps its own box and gets no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from statistics import median_high

from .document import Block, BlockKind, Line
from .geometry import Box, bounding_box
from .gridrows import cut_at_gaps, gaps_of, placed, table_lines
from .linewords import LineWord
from .narrow import advances
from .recognition import Inked, InkRow
from .rowfill import Rows, fill_rows

__all__ = ["ink_lines", "wants_ink"]

ABOVE, BELOW = 0.08, 0.03
"""The room around a row, measured by its height, up to the middle between two rows: fonts leave more over it."""

STACKED = 0.6
"""The room under the ink of scripts that stack letters: few lines have the deepest stack."""

TALL, LOW, HANGING = 0.72, 0.48, 0.21
"""Heights over the line of tall letters and of low ones, and the depth of those that hang under it, in ems."""

INK_HEIGHT = 0.9
"""Height of a line's ink in ems, from its tallest letters to its lowest."""

LEAST, MOST = 0.7, 1.4
"""How wide all rows may be, measured by the text that is to fill them."""
LEAST_ALONE, MOST_ALONE = 0.5, 2.0
"""The same for a single row, which may have low letters only, or capitals only."""

LEAST_FOREIGN, MOST_FOREIGN = 0.3, 3.0
"""The same for scripts whose letters are stacked or joined, so that their widths and heights say little."""

UNEVEN = 2.0
"""Rows of one text are not so many times higher than others."""

MISFIT = 0.11
"""How far the text may be off the rows' widths in the middle (root of the mean square), measured by the widest."""

CLEAR = 1.2
"""By how much gaps between words are wider than those within words."""

ASKEW = 0.4
"""Ems by which a word may be off its usual width, beside three tenths of it."""

MOST_TEXT = 100_000

_WORD = re.compile(r"\S+")


def wants_ink(block: Block) -> bool:
    """Whether a block says what is printed in its place, and not where its lines are."""
    unprinted = block.kind in (BlockKind.FIGURE, BlockKind.FORMULA)
    return bool(block.boxes and block.text.strip() and not block.lines) and not unprinted


def ink_lines(blocks: Sequence[Block], inked: Mapping[Box, Inked], *, shape: float) -> tuple[Block, ...]:
    """Give blocks without lines those that the ink in their boxes shows, where it is plausible that they are theirs.

    Blocks that follow each other and share their boxes, as the parts of one region do, share the rows.

    Args:
        blocks: The blocks of one page, upright, as their boxes.
        inked: What was found in the boxes.
        shape: The upright page's height divided by its width.

    Returns:
        The same blocks in the same order, some with ``lines`` of source ``ink``: ascending, apart, over all visible
        characters (of a table over those of its cells, or of its rows).
    """
    found: list[Block] = []
    for boxes, together in groupby(blocks, key=lambda block: block.boxes):
        group = list(together)
        known = [inked[box] for box in boxes if box in inked]
        complete = bool(boxes) and len(known) == len(boxes) and all(map(wants_ink, group))
        found += _lined(group, known, shape) if complete else group
    return tuple(found)


def _lined(group: list[Block], inked: Sequence[Inked], shape: float) -> list[Block]:
    if any(block.kind is BlockKind.TABLE for block in group):
        return [table_lines(group[0], inked[0], shape=shape)] if len(group) == len(inked) == 1 else group
    rows = [_Row(row, place) for place in inked for row in place.rows]
    text = "\n".join(block.text for block in group)
    if not rows or len(text) > MOST_TEXT or not _is_one_column(inked, shape):
        return group
    starts = list(accumulate((len(block.text) + 1 for block in group), initial=0))
    em = _em(rows, shape)
    spans = _allotted(text, rows, em=em, forced=starts[1:-1], keeps_lines=group[0].kind is BlockKind.CODE)
    if spans is None:
        return group
    rows = [_full(row, text[start:end]) for row, (start, end) in zip(rows, spans, strict=True)]
    lines = [_line(text, span, row, box) for span, row, box in zip(spans, rows, _boxes(rows), strict=True)]
    return [
        replace(block, lines=tuple(_moved(line, start) for line in lines if start <= line.start < after))
        for block, start, after in zip(group, starts, starts[1:], strict=False)
    ]


def _moved(line: Line, start: int) -> Line:
    words = tuple(LineWord.at(word.start - start, word.end - start, word.box) for word in line.words)
    return replace(line, start=line.start - start, end=line.end - start, words=words)


# --- rows -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A row and the place that it was found in."""

    ink: InkRow
    place: Inked

    @property
    def width(self) -> float:
        return self.ink.right - self.ink.left


def _em(rows: Sequence[_Row], shape: float) -> float:
    """An em as a fraction of the page's width, by the height of the rows."""
    height = median_high(row.ink.bottom - row.ink.top for row in rows)
    return max(1e-6, height / INK_HEIGHT * shape)


def _full(row: _Row, text: str) -> _Row:
    """The row as high as letters of all kinds would make it: its own may have none that are tall, or that hang."""
    if _is_foreign(text):
        return replace(row, ink=replace(row.ink, bottom=row.ink.bottom + STACKED * (row.ink.bottom - row.ink.top)))
    letters = [char for char in text if char.isalnum()]
    if not letters or sum(char < "\u0250" for char in letters) < 0.8 * len(letters):
        return row
    is_tall = any(not char.islower() or char in "bdfhijklt\u00df" or char > "\u00bf" for char in letters)
    hangs = any(char in "gjpqy,;()[]Q\u00e7" for char in text)
    em = (row.ink.bottom - row.ink.top) / ((TALL if is_tall else LOW) + (HANGING if hangs else 0.0))
    top = row.ink.top - (0.0 if is_tall else (TALL - LOW) * em)
    return replace(row, ink=replace(row.ink, top=top, bottom=row.ink.bottom + (0.0 if hangs else HANGING * em)))


def _boxes(rows: Sequence[_Row]) -> Iterator[Box]:
    """The box of each row, with the room around it, as it stands on the page."""
    for at, row in enumerate(rows):
        ink, height = row.ink, row.ink.bottom - row.ink.top
        above, below = ABOVE * height, BELOW * height
        if at and rows[at - 1].place is row.place:
            above = min(above, (ink.top - rows[at - 1].ink.bottom) / 2)
        if at + 1 < len(rows) and rows[at + 1].place is row.place:
            below = min(below, (rows[at + 1].ink.top - ink.bottom) / 2)
        top, bottom = ink.top - above, ink.bottom + below
        yield placed((ink.left, ink.right), (top, max(top, bottom)), row.place.slope)


def _is_one_column(inked: Sequence[Inked], shape: float) -> bool:
    """Whether no wide gap runs down through most of the rows, as between columns."""
    for place in inked:
        if len(place.rows) < 3:
            continue
        em = _em([_Row(row, place) for row in place.rows], shape)
        edges: list[tuple[float, int]] = []
        for row in place.rows:
            for left, right in gaps_of(row):
                if right - left > 1.2 * em:
                    edges += [(left, 1), (right, -1)]
        most = max(accumulate(step for _, step in sorted(edges)), default=0)
        if most > 0.6 * len(place.rows):
            return False
    return True


# --- text into rows ---------------------------------------------------------------------------------------------------


def _allotted(
    text: str, rows: Sequence[_Row], *, em: float, forced: Sequence[int], keeps_lines: bool
) -> list[tuple[int, int]] | None:
    """The characters of each row, or None where they do not fit."""
    visible = list(_WORD.finditer(text))
    if not visible:
        return None
    first, last = visible[0].start(), visible[-1].end()
    ems = list(accumulate(advances(text), initial=0.0))
    total = ems[last] - ems[first]
    widths = [row.width for row in rows]
    share = sum(widths) / (total * em) if total else 0.0
    least, most = (LEAST, MOST) if len(rows) > 1 else (LEAST_ALONE, MOST_ALONE)
    if _is_foreign(text[:1000]):
        least, most = LEAST_FOREIGN, MOST_FOREIGN
    if not least <= share <= most or _is_uneven(rows):
        return None
    if len(rows) == 1:
        return [(first, last)] if not forced else None
    gaps = [[right - left for left, right in gaps_of(row.ink)] for row in rows]
    room = Rows(text, (first, last), ems=ems, widths=widths, gaps=gaps)
    printed = [(found.start(), found.end()) for found in re.finditer(r"[^\s][^\n]*", text)]
    if len(printed) == len(rows) and (keeps_lines or len(printed) > 1):
        spans = [(start, start + len(text[start:end].rstrip())) for start, end in printed]
        if keeps_lines or room.misfit(spans) <= MISFIT:
            return spans
    if keeps_lines:
        return None
    filled = fill_rows(text, (first, last), room, forced=forced)
    return filled if filled and room.misfit(filled) <= MISFIT else None


def _is_foreign(text: str) -> bool:
    """Whether most letters are of scripts from Hebrew to Khmer."""
    letters = [char for char in text if char.isalpha()]
    return sum("\u0590" <= char <= "\u1cff" for char in letters) * 2 > len(letters)


def _is_uneven(rows: Sequence[_Row]) -> bool:
    widest = max(row.width for row in rows)
    heights = sorted(row.ink.bottom - row.ink.top for row in rows if row.width > 0.3 * widest)
    low, high = heights[len(heights) // 10], heights[-1 - len(heights) // 10]
    return high > UNEVEN * low


# --- words ------------------------------------------------------------------------------------------------------------


def _line(text: str, span: tuple[int, int], row: _Row, box: Box) -> Line:
    words = tuple(_words(text, span, row, box))
    around = bounding_box(word.box for word in words)
    return Line(start=span[0], end=span[1], box=around or box, source="ink", words=words)


def _words(text: str, span: tuple[int, int], row: _Row, box: Box) -> Iterator[LineWord]:
    """The row's words, where as many gaps as they need are clearly wider than all others and the parts fit them."""
    found = list(_WORD.finditer(text, *span))
    parts = cut_at_gaps((row.ink.left, row.ink.right), gaps_of(row.ink), len(found), clear=CLEAR)
    if not parts or _is_foreign(text[span[0] : span[1]]):
        return
    natural = [sum(advances(word.group())) for word in found]
    scale = sum(right - left for left, right in parts) / (sum(natural) or 1.0)
    for (left, right), ems in zip(parts, natural, strict=True):
        if abs(right - left - ems * scale) > ASKEW * scale + 0.3 * ems * scale:
            return
    # Rows slant, so that a word is a little higher or lower than the middle of its row; its box is not.
    slant = row.place.slope
    low, high = min(row.ink.left * slant, row.ink.right * slant), max(row.ink.left * slant, row.ink.right * slant)
    top, bottom = box.top - low, box.bottom - high
    for word, (left, right) in zip(found, parts, strict=True):
        fall = slant * (left + right) / 2
        yield LineWord.at(word.start(), word.end(), Box.from_fractions(left, top + fall, right, bottom + fall))
