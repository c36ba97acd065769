"""Whether the table at the top of a page is the rest of the table at the foot of the page before.

It is where the columns fit and nothing speaks against it: a caption with another number, another header, text between
the two, room left under the first. A header that is said again is the best sign, and is marked, so that it is not read
as a row of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from ..captions import captions_of
from ..document import Block, BlockKind, Page, Table
from ..geometry import bounding_box

SAME_WIDTH = 0.1
"""Tables go on as wide as they were, to this share of the page; left and right pages have different margins."""

SAME_EDGE = 0.03
"""Columns fit whose left edges, right edges or middles are no further apart, seen from the table's own edge."""

HALF_WAY = 0.5
"""A table that is cut reaches beyond this share of the page's height, and its rest begins above it."""

_LEAST_VALUES = 3
"""Cells that a column has at least, to be said to hold numbers or none."""

_CONTINUED = re.compile(
    r"contin|\bcont[.'’]?d?\b|fortsetzung|forts\.|\(suite|seguito|segue|vervolg|続|续|續|계속", re.IGNORECASE
)
_LONGEST_NOTE = 200
_NUMBERED = re.compile(
    r"\b(?:table|tab|tabelle|tableau|tabla|tabella|tabela|exhibit)\b\.?\s*([A-Z]{0,2}[.-]?\d+(?:[.–-]\d+)*|[IVXLC]+\b)"
    r"|[表표]\s*(\d+(?:[.–-]\d+)*)",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"[-+−–(]?\s?[$€£¥]?\s?\d[\d\s.,:/%)+-]*[%)]?\s?[$€£¥]?")


def table_going_on(before: Page, after: Page) -> tuple[int, int, Table] | None:
    """The places of the two blocks, and the second's table with ``repeats_header`` as it is; or None."""
    last, following = _last(before.blocks), _first(after.blocks)
    if last is None or following is None:
        return None
    one, other = before.blocks[last], after.blocks[following]
    if one.table is None or other.table is None or one.id == other.id or one.continued_by or other.continues:
        return None
    if one.table.columns != other.table.columns or not _fit(one, before, other, after):
        return None
    repeats = _says_header_again(one, other.table)
    if not repeats and (_is_headed(other.table) or not _are_alike(one.table, other.table)):
        return None
    if not _captions_agree(before.blocks, last, after.blocks, following, repeats=repeats):
        return None
    return last, following, _with_header(other.table, max(1, one.table.header_rows)) if repeats else other.table


def _last(blocks: Sequence[Block]) -> int | None:
    """The table that ends a page but for notes, captions and "continued on the next page"."""
    for at, block in _shown(reversed(list(enumerate(blocks)))):
        if block.kind is BlockKind.TABLE:
            return at
        if block.kind not in (BlockKind.FOOTNOTE, BlockKind.CAPTION) and not _says_continued(block):
            return None
    return None


def _first(blocks: Sequence[Block]) -> int | None:
    """The table that begins a page but for its caption, which has to be one that may stand above a rest."""
    for at, block in _shown(enumerate(blocks)):
        if block.kind is BlockKind.TABLE:
            return at
        if block.kind is not BlockKind.CAPTION and not _says_continued(block):
            return None
    return None


def _shown(blocks: Iterable[tuple[int, Block]]) -> Iterator[tuple[int, Block]]:
    return ((at, block) for at, block in blocks if block.text.strip() and not block.kind.is_furniture)


def _says_continued(block: Block) -> bool:
    is_text = block.kind in (BlockKind.CAPTION, BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.OTHER)
    return is_text and len(block.text) <= _LONGEST_NOTE and _CONTINUED.search(block.text) is not None


def _captions_agree(
    before: Sequence[Block], last: int, after: Sequence[Block], following: int, *, repeats: bool
) -> bool:
    """Whether the captions of the two can be of one table.

    Above the rest stands the caption again, "continued", or none; a caption under the first part ends it, unless the
    header comes again; a first one under the rest may be that of both.
    """
    (mine, is_below), (theirs, is_under) = _caption(before, last), _caption(after, following)
    above = [block for block in after[:following] if block.kind is BlockKind.CAPTION and block.text.strip()]
    if any(_says_continued(block) for block in after[:following]) and _numbers(mine, theirs) != "other":
        return True
    if theirs is not None and not (is_under and mine is None):
        return _numbers(mine, theirs) == "same"
    return not above and (repeats or mine is None or not is_below)


def _caption(blocks: Sequence[Block], at: int) -> tuple[Block | None, bool]:
    """The caption of a table, and whether it stands below it."""
    body = [place for place, block in enumerate(blocks) if not block.kind.is_furniture]
    found = captions_of([blocks[place] for place in body]).get(body.index(at))
    return (None, False) if found is None else (blocks[body[found]], body[found] > at)


def _numbers(mine: Block | None, theirs: Block | None) -> str:
    """Whether two captions have the ``same`` number, an ``other`` one, or ``none`` to compare."""
    if mine is None or theirs is None:
        return "none"
    one, other = (_NUMBERED.search(block.text[:_LONGEST_NOTE]) for block in (mine, theirs))
    if one and other:
        return "same" if (one[1] or one[2]).casefold() == (other[1] or other[2]).casefold() else "other"
    return "same" if _plain(mine.text) == _plain(theirs.text) else "none"


def _fit(one: Block, before: Page, other: Block, after: Page) -> bool:
    """Whether the places and the columns of both fit, as far as they are known."""
    first, second = bounding_box(one.boxes), bounding_box(other.boxes)
    if first is None or second is None:
        return True
    first, second = first.turned(before.turn), second.turned(after.turn)
    if first.bottom < HALF_WAY or second.top > HALF_WAY or abs(first.width - second.width) >= SAME_WIDTH:
        return False
    columns, theirs = _columns(one, before), _columns(other, after)
    both = [(mine, theirs[column]) for column, mine in columns.items() if column in theirs]
    fitting = sum(any(abs(a - b) < SAME_EDGE for a, b in zip(mine, yours, strict=True)) for mine, yours in both)
    return fitting >= 0.6 * len(both)


def _columns(block: Block, page: Page) -> dict[int, tuple[float, float, float]]:
    """Left, middle and right of each column, as most of its cells have them, seen from the table's left edge."""
    cells: dict[int, list[tuple[float, float, float]]] = {}
    for cell in block.table.cells if block.table else ():
        if cell.box is not None and cell.column_span == 1 and cell.text.strip():
            box = cell.box.turned(page.turn)
            cells.setdefault(cell.column, []).append((box.left, box.center[0], box.right))
    whole = bounding_box(block.boxes)
    edge = whole.turned(page.turn).left if whole else 0.0
    return {
        column: (
            median(place[0] for place in places) - edge,
            median(place[1] for place in places) - edge,
            median(place[2] for place in places) - edge,
        )
        for column, places in cells.items()
    }


def _is_headed(table: Table) -> bool:
    """Whether the table has header rows that hold something."""
    return any(cell.row < table.header_rows and cell.text.strip() for cell in table.cells)


def _says_header_again(one: Block, other: Table) -> bool:
    """Whether a table begins with the first one's header rows (its first row, where none is marked)."""
    first = one.table
    if first is None or (one.continues and not first.repeats_header and not first.header_rows):
        return False  # rows from the middle of a table
    rows = max(1, first.header_rows)
    if other.rows < rows or (other.header_rows > rows and not other.header_is_guessed):
        return False
    header = _top(first, rows)
    return header == _top(other, rows) and any(text for _, _, text in header)


def _top(table: Table, rows: int) -> list[tuple[int, int, str]]:
    return [(cell.row, cell.column, _plain(cell.text)) for cell in table.cells if cell.row < rows]


def _with_header(table: Table, rows: int) -> Table:
    """The table whose first rows say the header again, marked so."""
    cells = tuple(replace(cell, is_header=True) if cell.row < rows else cell for cell in table.cells)
    return replace(table, cells=cells, header_rows=rows, repeats_header=True)


def _are_alike(one: Table, other: Table) -> bool:
    """Whether columns of numbers stay columns of numbers."""
    first, second = _numeric_shares(one), _numeric_shares(other)
    both = [(first[column], second[column]) for column in first if column in second]
    return sum(abs(mine - theirs) > 0.7 for mine, theirs in both) <= len(both) / 3


def _numeric_shares(table: Table) -> dict[int, float]:
    values: dict[int, list[bool]] = {}
    for cell in table.cells:
        if cell.row >= table.header_rows and cell.text.strip():
            values.setdefault(cell.column, []).append(_NUMERIC.fullmatch(cell.text.strip()[:60]) is not None)
    return {column: sum(found) / len(found) for column, found in values.items() if len(found) >= _LEAST_VALUES}


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
