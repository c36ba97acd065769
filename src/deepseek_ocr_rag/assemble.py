"""Pages become a document: what can only be seen across pages is decided here.

Engines read page by page. Looking at all pages tells running heads and feet from text, gives headings levels that mean
the same on every page, and links the tables and paragraphs that a page break cut in two. Blocks are relabelled and
linked, never dropped, merged, moved or rewritten; whoever shows the text decides what to do with the links.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from math import inf

from .document import Block, BlockKind, Document, Heading, Page, Table
from .geometry import Box, bounding_box

FURNITURE_ZONE = 0.08
"""Running heads and feet have their middle in this share of the page's height, at the top or at the bottom."""

LABELLED_ZONE = 0.15
"""What an engine calls a running head or foot has its middle within this distance of an edge, or is text."""

FURNITURE_LENGTH = 120
"""Longer blocks are never taken for running heads or feet."""

SAME_SIZE = 0.94
"""Headings whose letters are at least this share of a larger heading's are of one size; scans are noisy."""

_CAN_BE_FURNITURE = frozenset(
    {BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.OTHER, BlockKind.FOOTNOTE}
)
_ROMAN = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?i:page|seite|pagina|página|pág|p|s)\b\.?\s*)?(?:\d{1,4}|ROMAN|第\s*\d{1,4}\s*[页頁])"
    r"(?:\s*(?:/|(?i:of|von|sur|de|di))\s*\d{1,4})?\W*".replace("ROMAN", _ROMAN.lower())
)
_CONTINUED = re.compile(r"contin|\bcont[.'’]?d?\b|fortsetzung|\(suite|seguito|続|续|續|계속", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;…。！？：；｡।؟۔։።။៖]['\"”’»)\]）」』】]*\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInfo:
    """What is known of a document before its pages are read; the fields are those of :class:`Document`."""

    id: str
    source: str
    file_name: str
    total_pages: int
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
    What the engine itself labelled so on two pages counts everywhere in the margins.
    """
    labelled = Counter(_plain(block) for page in pages for block in page.blocks if block.kind.is_furniture)
    seen: defaultdict[tuple[BlockKind, str], set[int]] = defaultdict(set)
    for page in pages:
        for block in page.blocks:
            if zone := _margin(block):
                seen[zone, _folded(block)].add(page.number)
    half = len(pages) / 2 if len(pages) >= 3 else inf

    def marked(block: Block) -> Block:
        if block.kind.is_furniture:
            return block if _is_near_edge(block) else _as_text(block)
        zone = _margin(block)
        if zone is None:
            return block
        repeats = len(seen[zone, _folded(block)])
        enough = half if block.kind.is_heading else min(3, half)
        if repeats >= enough or labelled[_plain(block)] > 1 or _PAGE_NUMBER.fullmatch(block.text.strip()):
            return replace(block, kind=zone)
        return block

    return tuple(_with_some_text(page) for page in _rewrite(pages, marked))


def _with_some_text(page: Page) -> Page:
    """Nothing but running heads and feet on a page: then they are its text, unless they are mere page numbers."""
    said = [block for block in page.blocks if block.text.strip()]
    if not all(block.kind.is_furniture and not _PAGE_NUMBER.fullmatch(block.text.strip()) for block in said):
        return page
    return replace(page, blocks=tuple(_as_text(block) for block in page.blocks))


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


def _folded(block: Block) -> str:
    return _plain(block) if block.kind.is_heading else re.sub(r"\d+", "#", _plain(block))


# Heading levels

_NUMBERED = (
    (
        re.compile(
            r"(?:part|teil|partie|parte)\s+(?:\d{1,2}|[IVXLC]+)\b|第\s*[一二三四五六七八九十百\d]+\s*[部篇编編]", re.I
        ),
        0,
    ),
    (
        re.compile(
            r"(?:chapter|kapitel|chapitre|cap[ií]tulo|appendix|anhang|annexe?)\s+(?:\d{1,3}|[A-Z]|[IVXLC]+)\b", re.I
        ),
        1,
    ),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*章"), 1),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*[节節]"), 2),
    (re.compile(r"第\s*[一二三四五六七八九十百\d]+\s*[条條]"), 3),
    (re.compile(r"§+\s*\d+"), 2),
)
"""Words and signs that number a heading, and the depth that they stand for; looked up in this order."""

_DECIMAL = re.compile(r"([A-Z]|\d{1,3})((?:\.\d{1,3}){0,5})([.)]?)(?:\s+\S|\s*\Z|(?<=[.)])[^\W\d])")
_ROMAN_NUMBER = re.compile(rf"({_ROMAN})([.)]?)\s+\S")


def _level(pages: Sequence[Page]) -> tuple[Page, ...]:
    """Give every heading a level for the whole document: 1 is the top and no level is left out."""
    blocks = [block for page in pages for block in page.blocks if block.kind.is_heading]
    depths = _depths(blocks)
    titles = [block for block in blocks if block.kind is BlockKind.TITLE]
    title = titles[0] if len(titles) == 1 else None
    used = sorted({depth for block, depth in zip(blocks, depths, strict=True) if block is not title})
    rank = {depth: number for number, depth in enumerate(used, start=2 if title else 1)}
    levels = iter([1 if block is title else rank[depth] for block, depth in zip(blocks, depths, strict=True)])
    return _rewrite(pages, lambda block: replace(block, level=next(levels)) if block.kind.is_heading else block)


def _depths(blocks: Sequence[Block]) -> list[int]:
    """The depth of each heading: by its number, else as numbered headings of its looks have it, else by its looks.

    A heading's looks are the rank of its size, or the level that the engine gave where no size is known.
    """
    sizes = _size_ranks(block.font_size for block in blocks)
    looks = [
        ("size", sizes[block.font_size]) if block.font_size > 0 else ("level", _own_level(block)) for block in blocks
    ]
    numbers = _numbered_depths([" ".join(block.text.split()) for block in blocks])
    known: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for look, number in zip(looks, numbers, strict=True):
        if number is not None:
            known[look][number] += 1
    by_look = dict(_depths_of_looks(sorted(set(looks)), known))
    return [by_look[look] if number is None else number for look, number in zip(looks, numbers, strict=True)]


def _depths_of_looks(
    looks: Sequence[tuple[str, int]], known: Mapping[tuple[str, int], Counter[int]]
) -> Iterator[tuple[tuple[str, int], int]]:
    """Settle what unnumbered headings of each look are, so that larger ones are never deeper than their neighbours.

    Sizes follow the commonest number; an engine's levels are flat, so there the shallowest number counts.
    """
    for kind in ("size", "level"):
        ordered = [look for look in looks if look[0] == kind]
        settled: dict[tuple[str, int], int] = {}
        for look in ordered:
            if look in known:
                settled[look] = min(known[look]) if kind == "level" else known[look].most_common(1)[0][0]
        first = next((at for at, look in enumerate(ordered) if look in settled), None)
        depth = settled[ordered[first]] - first - 1 if first is not None else 0
        # Under the last numbered look every further one is a level deeper; between two, none is deeper than the lower.
        deepest = list(accumulate((settled.get(look, inf) for look in reversed(ordered)), min))[::-1]
        for look, limit in zip(ordered, deepest, strict=True):
            depth = settled[look] if look in settled else depth + (limit > depth)
            yield look, depth


def _own_level(block: Block) -> int:
    return block.level if block.level > 0 else 1 if block.kind is BlockKind.TITLE else 2


def _size_ranks(sizes: Iterable[float]) -> dict[float, int]:
    """Rank letter sizes from the largest, 0, down; sizes within 6 % of a rank's largest share it."""
    ranks: dict[float, int] = {}
    largest, rank = 0.0, -1
    for size in sorted({size for size in sizes if size > 0}, reverse=True):
        if rank < 0 or size < largest * SAME_SIZE:
            largest, rank = size, rank + 1
        ranks[size] = rank
    return ranks


def _numbered_depths(texts: Sequence[str]) -> list[int | None]:
    """The depth that each heading's own number tells, or None."""
    romans = (_ROMAN_NUMBER.match(text) for text in texts)
    has_romans = any(len(roman.group(1)) > 1 for roman in romans if roman)
    return [_numbered_depth(text, has_romans=has_romans) for text in texts]


def _numbered_depth(text: str, *, has_romans: bool) -> int | None:
    for pattern, depth in _NUMBERED:
        if pattern.match(text):
            return depth
    roman = _ROMAN_NUMBER.match(text)
    # L numbers a twelfth subsection more often than a fiftieth section; "I" without a point is a word.
    if has_romans and roman and (len(roman.group(1)) > 1 or (roman.group(1) != "L" and roman.group(2))):
        return 1
    match = _DECIMAL.match(text)
    if match is None:
        return None
    first, further, mark = match.groups()
    if first.isalpha() and not further and not mark:
        return None  # "A long way" begins with a word, "A. Methods" with a number
    return 1 + further.count(".") + (1 if first.isalpha() and has_romans else 0)


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
