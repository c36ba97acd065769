"""Whether the table at the top of a page is the rest of the table at the foot of the page before.

It is where the columns fit and nothing speaks against it: a caption with another number, another header, text between
the two, room left under the first, a row of totals, the keys of another record. A header that is said again is the best
sign, and is marked, so that it is not read as a row of the body. Without boxes nothing shows that columns fit: then two
tables are one only where the header or "continued" says so, or where rows that have no header go on under one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from rapidfuzz import fuzz

from ..captions import TABLE_NAMES, TABLE_SIGNS, captions_of
from ..document import Block, BlockKind, Page, Table
from ..geometry import bounding_box
from ..headrows import without_guess

SAME_WIDTH = 0.1
"""Tables go on as wide as they were, to this share of the page; left and right pages have different margins."""

SAME_EDGE = 0.03
"""Columns fit whose left edges, right edges or middles are no further apart, seen from the table's own edge."""

HALF_WAY = 0.5
"""A table that is cut reaches beyond this share of the page's height, and its rest begins above it."""

SAME_WORD = 85.0
"""Words of a header are the same from this similarity on, in percent: scans are noisy."""

SAME_KEYS = 0.8
"""Tables whose first columns have this share in common are two records, not two halves."""

_LEAST_VALUES = 3
"""Cells that a column has at least, to be said to hold numbers or none."""

_CONTINUED = re.compile(
    r"contin|\bcont[.'’]?d?\b|fortsetzung|forts\.|\(suite|seguito|segue|vervolg|続|续|續|계속", re.IGNORECASE
)
_LONGEST_NOTE = 200
_NUMBERED = re.compile(
    rf"\b(?:{TABLE_NAMES}|exhibit)(?!\w)\s*([A-Z]{{0,2}}[.-]?\d+(?:[.–-]\d+)*|[IVXLC]+\b)"
    rf"|[{TABLE_SIGNS}]\s*(\d+(?:[.–-]\d+)*)",
    re.IGNORECASE,
)
_NOTED = re.compile(r"[(\[（][^()\[\]（）]{0,30}[)\]）]")
_TOTAL = re.compile(
    r"(?:grand |in )?(?:total|sum|summe|gesamt|insgesamt|somme|totale|合计|合計|总计|總計|합계|итого|المجموع)[:：.]?"
)
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l"})
"""Letters that scans take for each other; "rn" for "m" comes on top."""
_NUMERIC = re.compile(r"[-+−–(]?\s?[$€£¥]?\s?\d[\d\s.,:/%)+-]*[%)]?\s?[$€£¥]?")


def table_going_on(before: Page, after: Page, opening: Mapping[str, Table]) -> tuple[int, int, Table] | None:
    """The places of the two blocks, and the second's table with ``repeats_header`` as it is; or None.

    Args:
        before: A page.
        after: The page after it.
        opening: For the block that goes on already, by its id: the table whose header its rows stand under.
    """
    last, following = _last(before.blocks), _first(after.blocks)
    if last is None or following is None:
        return None
    one, other = before.blocks[last], after.blocks[following]
    if one.table is None or other.table is None or one.id == other.id or one.continued_by or other.continues:
        return None
    if one.table.columns != other.table.columns or not _fit(one, before, other, after):
        return None
    is_told = any(map(_says_continued, (*before.blocks[last + 1 :], *after.blocks[:following])))
    rest = _rest(one, other, one.table, other.table, opening=opening.get(one.id, one.table), is_told=is_told)
    if rest is None or not _captions_agree(before.blocks, last, after.blocks, following, repeats=rest.repeats_header):
        return None
    return last, following, rest


def _rest(one: Block, other: Block, mine: Table, theirs: Table, *, opening: Table, is_told: bool) -> Table | None:
    """The second table as it goes on from the first, if what both say allows it; ``is_told`` where a note says so."""
    repeats = _says_header_again(one, opening, theirs)
    rest = _with_header(theirs, max(1, opening.header_rows)) if repeats else theirs
    if not repeats and _is_data(mine, theirs):
        rest = without_guess(theirs)
    if not repeats and (_is_headed(rest) or not _are_alike(mine, rest)):
        return None
    is_known = bool(one.boxes and other.boxes) or repeats or bool(one.continues) or _is_headed(mine)
    if not is_told and (not is_known or _is_closed(mine) or _has_same_keys(mine, rest)):
        return None
    return rest


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


def _says_header_again(one: Block, first: Table, other: Table) -> bool:
    """Whether a table begins with the first one's header rows; its first row only where ``other`` has it as a header.

    A row of data that two tables begin with would be lost as a header said again.
    """
    if one.continues and not first.repeats_header and not first.header_rows:
        return False  # rows from the middle of a table
    rows = max(1, first.header_rows)
    if other.rows < rows or (other.header_rows > rows and not other.header_is_guessed):
        return False
    if not first.header_rows and not other.header_rows:
        return False
    header, again = _top(first, rows), _top(other, rows)
    if header.keys() != again.keys() or not any(header.values()):
        return False
    return all(_is_same(text, again[place]) for place, text in header.items())


def _top(table: Table, rows: int) -> dict[tuple[int, int], str]:
    return {(cell.row, cell.column): cell.text for cell in table.cells if cell.row < rows}


def _is_same(one: str, other: str) -> bool:
    """Whether two cells of headers say the same, "(continued)" and faults of scans aside; numbers are to be equal."""
    mine, theirs = (_NOTED.sub(_unless_continued, text).casefold().split() for text in (one, other))
    if len(mine) != len(theirs):
        return False
    return all(map(_is_same_word, mine, theirs))


def _is_same_word(one: str, other: str) -> bool:
    mine, theirs = (word.translate(_ALIKE).replace("rn", "m") for word in (one, other))
    has_digits = any(map(str.isdecimal, one + other))
    return mine == theirs or (not has_digits and fuzz.ratio(mine, theirs) >= SAME_WORD)


def _unless_continued(match: re.Match[str]) -> str:
    return "" if _CONTINUED.search(match[0]) else match[0]


def _is_data(one: Table, other: Table) -> bool:
    """Whether what is guessed to be the header of ``other`` says in a column what the rows of ``one`` say there."""
    said = {(cell.column, _plain(cell.text)) for cell in one.cells if cell.row >= one.header_rows and cell.text.strip()}
    labels = ((cell.column, _plain(cell.text)) for cell in other.cells if cell.row < other.header_rows)
    return other.header_is_guessed and any(label in said for label in labels)


def _is_closed(table: Table) -> bool:
    """Whether the last row says that it is the sum of the others."""
    first = next((cell for cell in table.cells if cell.row == table.rows - 1 and cell.text.strip()), None)
    return table.rows > 1 and first is not None and _TOTAL.fullmatch(_plain(first.text)) is not None


def _has_same_keys(one: Table, other: Table) -> bool:
    """Whether the first columns say the same: forms or reports of one kind, each about something else."""
    mine, theirs = _keys(one), _keys(other)
    if min(len(set(mine)), len(set(theirs))) < 2 or len(set(theirs)) < len(theirs):
        return False
    return len(set(mine) & set(theirs)) >= SAME_KEYS * len(theirs)


def _keys(table: Table) -> list[str]:
    return [
        _plain(cell.text)
        for cell in table.cells
        if cell.column == 0 and cell.row >= table.header_rows and cell.text.strip()
    ]


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
