"""Pages become a document: what can only be seen across pages is decided here.

Engines read page by page. Looking at all pages tells running heads and feet from text, gives headings levels that mean
the same on every page, and links the tables and paragraphs that a page break cut in two. Blocks are relabelled and
linked, never dropped, merged, moved or rewritten; whoever shows the text decides what to do with the links.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf

from .document import Block, BlockKind, Document, Heading, OutlineEntry, Page, Table
from .geometry import Box, bounding_box
from .headings import ROMAN, headed

FURNITURE_ZONE = 0.08
"""Running heads and feet have their middle in this share of the page's height, at the top or at the bottom."""

LABELLED_ZONE = 0.15
"""What an engine calls a running head or foot has its middle within this distance of an edge, or is text."""

FURNITURE_LENGTH = 120
"""Longer blocks are never taken for running heads or feet."""

_CAN_BE_FURNITURE = frozenset(
    {BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER, BlockKind.FOOTNOTE}
)
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?i:page|seite|pagina|página|pág|p|s)\b\.?\s*)?(?:\d{1,4}|ROMAN|第\s*\d{1,4}\s*[页頁])"
    r"(?:\s*(?:/|(?i:of|von|sur|de|di))\s*\d{1,4})?\W*".replace("ROMAN", ROMAN.lower())
)
_CONTINUED = re.compile(r"contin|\bcont[.'’]?d?\b|fortsetzung|\(suite|seguito|続|续|續|계속", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;…。！？：；｡।؟۔։።။៖]['\"”’»)\]）」』】]*\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInfo:
    """What is known of a document before its pages are read; as in :class:`Document`."""

    id: str
    source: str
    file_name: str
    total_pages: int
    outline: tuple[OutlineEntry, ...] = ()
    """The file's own bookmarks."""
    metadata: Mapping[str, str] = field(default_factory=dict)


def assemble(pages: Iterable[Page], *, info: DocumentInfo) -> Document:
    """Join pages, in reading order, to a document.

    Promises that pages and blocks come out as they went in, but for the kind of running heads and feet, the level of
    headings, ``continues``, and ``repeats_header`` of tables.
    """
    joined = _join(_level(_mark_furniture(tuple(pages))))
    headings = tuple(
        Heading(block_id=block.id, page_number=block.page_number, level=block.level, text=" ".join(block.text.split()))
        for page in joined
        for block in page.blocks
        if block.kind.is_heading and block.text.strip()
    )
    return Document(
        id=info.id,
        source=info.source,
        file_name=info.file_name,
        total_pages=info.total_pages,
        pages=joined,
        headings=headings,
        metadata=info.metadata,
    )


def _rewrite(pages: Sequence[Page], change: Callable[[Block], Block]) -> tuple[Page, ...]:
    return tuple(replace(page, blocks=tuple(change(block) for block in page.blocks)) for page in pages)


# Running heads and feet


def _mark_furniture(pages: Sequence[Page]) -> tuple[Page, ...]:
    """Label short texts in the margins that come back on other pages, and page numbers standing alone.

    A heading has to say the same, digits included, on half of the pages: chapters may begin at the top of a page.
    What the engine itself labelled so on two pages counts everywhere in the margins. Labelled on one page only it is
    text: layout models take the sender of a letter, a date or a total for running heads, and nothing may be lost.
    """
    labelled = Counter(_plain(block) for page in pages for block in page.blocks if block.kind.is_furniture)
    heads = Counter(_digitless(block) for page in pages for block in page.blocks if block.kind.is_furniture)
    seen: defaultdict[tuple[BlockKind, str], set[int]] = defaultdict(set)
    for page in pages:
        for block in page.blocks:
            if zone := _margin(block):
                seen[zone, _folded(block)].add(page.number)
    half = len(pages) / 2 if len(pages) >= 3 else inf

    def marked(block: Block) -> Block:
        if block.kind.is_furniture:
            repeated = heads[_digitless(block)] > 1 or _PAGE_NUMBER.fullmatch(block.text.strip())
            return block if repeated and _is_near_edge(block) else _as_text(block)
        zone = _margin(block)
        if zone is None:
            return block
        repeats = len(seen[zone, _folded(block)])
        enough = half if block.kind.is_heading else min(3, half)
        if repeats >= enough or labelled[_plain(block)] > 1 or _PAGE_NUMBER.fullmatch(block.text.strip()):
            return replace(block, kind=zone)
        return block

    return tuple(_with_some_text(page, was) for page, was in zip(_rewrite(pages, marked), pages, strict=True))


def _with_some_text(page: Page, was: Page) -> Page:
    """Nothing but running heads and feet on a page: then they are its text, unless they are mere page numbers."""
    said = [block for block in page.blocks if block.text.strip()]
    if not all(block.kind.is_furniture and not _PAGE_NUMBER.fullmatch(block.text.strip()) for block in said):
        return page
    return replace(page, blocks=tuple(_as_text(block) for block in was.blocks))


def _as_text(block: Block) -> Block:
    return replace(block, kind=BlockKind.PARAGRAPH) if block.kind.is_furniture else block


def _is_near_edge(block: Block) -> bool:
    """Whether an engine's word that a block is furniture can be true: any edge, since pages may lie on their side."""
    box = bounding_box(block.boxes)
    return box is None or min(*box.center, 1 - box.center[0], 1 - box.center[1]) < LABELLED_ZONE


def _margin(block: Block) -> BlockKind | None:
    """Which kind of furniture the block would be by its place and length, or None."""
    box = bounding_box(block.boxes)
    if box is None or block.kind not in _CAN_BE_FURNITURE or not 0 < len(block.text.strip()) < FURNITURE_LENGTH:
        return None
    middle = box.center[1]
    if middle < FURNITURE_ZONE:
        return BlockKind.PAGE_HEADER
    return BlockKind.PAGE_FOOTER if middle > 1 - FURNITURE_ZONE else None


def _plain(block: Block) -> str:
    return " ".join(block.text.split()).casefold()


def _digitless(block: Block) -> str:
    return re.sub(r"\d+", "#", _plain(block))


def _folded(block: Block) -> str:
    return _plain(block) if block.kind.is_heading else re.sub(r"\d+", "#", _plain(block))


# Headings


def _level(pages: Sequence[Page]) -> tuple[Page, ...]:
    """Give every heading a level for the whole document, and the document's title its kind."""
    found = iter(headed([block for page in pages for block in page.blocks]))
    return _rewrite(pages, lambda block: next(found) if block.kind.is_heading else block)


# Tables and paragraphs over a page break


def _join(pages: Sequence[Page]) -> tuple[Page, ...]:
    """Link the first table or paragraph of a page to the last one of the page before, where it goes on."""
    changed: dict[int, Block] = {}  # by object: nothing but the engine makes the ids of blocks unique
    for before, after in pairwise(pages):
        if after.number != before.number + 1:
            continue
        last = next(reversed(_text_blocks(before, footnotes=False)), None)
        if last is None:
            continue
        last = changed.get(id(last), last)
        following = _first_of(after, last.kind)
        if following is None or following.continues:
            continue
        continued = _continued(last, following)
        if continued is not None:
            changed[id(following)] = continued
    return _rewrite(pages, lambda block: changed.get(id(block), block)) if changed else tuple(pages)


def _text_blocks(page: Page, *, footnotes: bool) -> list[Block]:
    return [
        block
        for block in page.blocks
        if block.text.strip() and not block.kind.is_furniture and (footnotes or block.kind is not BlockKind.FOOTNOTE)
    ]


def _first_of(page: Page, kind: BlockKind) -> Block | None:
    """The page's first block if it is of that kind; above a table, captions that say "continued" do not count."""
    for block in _text_blocks(page, footnotes=True):
        if kind is BlockKind.TABLE and block.kind is BlockKind.CAPTION and _CONTINUED.search(block.text):
            continue
        return block if block.kind is kind else None
    return None


def _continued(last: Block, following: Block) -> Block | None:
    """``following`` linked to ``last`` if it goes on from there, else None."""
    if last.kind is BlockKind.PARAGRAPH:
        goes_on = not _SENTENCE_END.search(last.text) and following.text.lstrip()[:1].islower()
        return replace(following, continues=last.id) if goes_on else None
    if last.kind is not BlockKind.TABLE or last.table is None or following.table is None:
        return None
    if last.table.columns != following.table.columns or not _same_width(last.boxes, following.boxes):
        return None
    table = replace(following.table, repeats_header=_repeats_header(last.table, following.table))
    return replace(following, continues=last.id, table=table)


def _same_width(first: Sequence[Box], second: Sequence[Box]) -> bool:
    """Whether both are about as wide, or one of them is unknown. Left and right pages have different margins."""
    one, other = bounding_box(first), bounding_box(second)
    if one is None or other is None:
        return True
    return abs(one.width - other.width) < 0.1


def _repeats_header(first: Table, second: Table) -> bool:
    """Whether the second table begins with the first one's header rows (its first row, where none is marked)."""
    rows = max(1, first.header_rows)
    if max(1, second.header_rows) != rows:
        return False
    header, again = _top(first, rows), _top(second, rows)
    return header == again and any(text for _, _, text in header)


def _top(table: Table, rows: int) -> list[tuple[int, int, str]]:
    return [(cell.row, cell.column, " ".join(cell.text.split()).casefold()) for cell in table.cells if cell.row < rows]
