"""Blocks of a document become parts, in groups that are read together.

A paragraph and what continues it on the next page, a table with its caption, a figure with its caption and footnote:
each is a group. Blocks come one by one and go as soon as what follows them is known, so that the chunks of a document's
beginning need not wait for its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ..document import Block, BlockKind
from ..markdown import markdown_parts
from ..tables import is_rule_line
from .ahead import Ahead
from .breaks import trim
from .parts import Grid, Group, Keep, Part
from .sections import title_of

LONGEST_CHAIN = 16
"""Blocks that are kept together at most: those of a longer table or paragraph need not wait for its end."""

MOST_TABLES = 64
"""Tables that may still go on: what continues one follows it in the order of reading, or nearly."""

Chain = list[Block]
"""A block and those that continue it, one right after the other."""


class Splitter:
    """Makes groups of parts of the blocks of one document; knows the headers of its tables."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}
        self._before: Block | None = None
        self._pending: list[Block] = []

    def push(self, blocks: Iterable[Block]) -> list[Group]:
        """The groups that are known with these blocks.

        Args:
            blocks: What follows in the order of reading; furniture and blank ones are left out.
        """
        self._pending += _shown(blocks)
        return self._known(is_end=False)

    def end(self) -> list[Group]:
        """The groups of what is left: nothing follows, and what comes after has nothing to do with it."""
        groups = self._known(is_end=True)
        self._before = None
        return groups

    @property
    def pending(self) -> Sequence[Block]:
        """The blocks that are in no group yet."""
        return self._pending

    def _known(self, *, is_end: bool) -> list[Group]:
        """The groups of pending blocks; those that more blocks may change are made again when these are there."""
        groups: list[Group] = []
        taken = 0
        source = self._pending if is_end else _unfinished(self._pending)
        with suppress(_MoreToCome):
            for bundle in _bundles(Ahead(_chains(Ahead(source)))):
                groups += self._group(bundle)
                taken += sum(map(len, bundle))
        del self._pending[:taken]
        return groups

    def _group(self, bundle: list[Chain]) -> Iterator[Group]:
        """The parts of a bundle, if it says anything."""
        parts: list[Part] = []
        for chain in bundle:
            # A figure that is only a picture has its place, since its caption is no other one's.
            said = [block for block in chain if block.text.strip()]
            if not said:
                continue
            listed = self._before is not None and self._before.kind is said[0].kind is BlockKind.LIST_ITEM
            parts += self._chain_parts(said, glue="\n" if listed else "\n\n")
            self._before = said[-1]
        if len(parts) > 1:
            _keep_together(parts)
        if parts:
            yield tuple(parts)

    def _chain_parts(self, chain: Chain, *, glue: str) -> list[Part]:
        parts: list[Part] = []
        for block in chain:
            if parts and not has_grid(block):
                glue = _joined(parts, block)
            elif parts:
                glue = "\n"
            parts += self._table_parts(block, glue) if has_grid(block) else _text_parts(block, glue)
        return parts

    def _table_parts(self, block: Block, glue: str) -> Iterator[Part]:
        """A table's rows as one part, with its header unless the part before it on another page has said that."""
        lines, table = _line_ends(block.text), block.table
        assert table is not None  # noqa: S101 - it has a grid
        header_end = lines[min(len(lines) - 1, max(1, table.header_rows))]
        grid = self._grids.get(block.continues)
        spans = [(0, len(block.text))]
        if grid is None:
            header = Part(block.text, 0, header_end, block.kind, block, keep=Keep.ALWAYS)
            grid = Grid(header=header)
        elif table.repeats_header:
            spans = [(header_end + 1, len(block.text))]
        else:  # the line under the first row says nothing where a header stands above it
            spans = [(0, lines[0]), (lines[1] + 1, len(block.text))]
        self._grids[block.id] = grid
        if len(self._grids) > MOST_TABLES:
            del self._grids[next(iter(self._grids))]
        for start, end in spans:
            if start < end:
                yield Part(block.text, start, end, block.kind, block, glue, grid=grid)
                glue = "\n"


class _MoreToCome(Exception):
    """What comes next is not known yet."""


def _unfinished(blocks: Iterable[Block]) -> Iterator[Block]:
    yield from blocks
    raise _MoreToCome


def _shown(blocks: Iterable[Block]) -> Iterator[Block]:
    return (
        block
        for block in blocks
        if not block.kind.is_furniture and (block.kind is BlockKind.FIGURE or block.text.strip())
    )


def has_grid(block: Block) -> bool:
    """Whether the block's text is the markdown of its table; a table that the model fused into one text is not."""
    if block.kind is not BlockKind.TABLE or block.table is None or not block.text.startswith("|"):
        return False
    lines = block.text.split("\n", 2)
    return len(lines) > 1 and is_rule_line(lines[1]) and block.text.count("\n") == block.table.rows


def _line_ends(text: str) -> list[int]:
    ends, at = [], text.find("\n")
    while at >= 0:
        ends.append(at)
        at = text.find("\n", at + 1)
    return [*ends, len(text)]


def _text_parts(block: Block, glue: str) -> Iterator[Part]:
    before, start, after = markdown_parts(block)
    start, end = trim(block.text, start, len(block.text), is_code=block.kind is BlockKind.CODE)
    if start < end:
        heads = block.kind.is_heading
        yield Part(
            block.text,
            start,
            end,
            block.kind,
            block,
            glue,
            before,
            after,
            keep=Keep.ALWAYS if heads else Keep.NO,
            title=title_of(block.text) if heads else "",
            level=max(1, block.level),
        )


def _joined(parts: Sequence[Part], block: Block) -> str:
    """The glue between a block and its continuation; the hyphen that was only there to break a word goes."""
    last = parts[-1]
    if block.joint == "hyphen" and _ends_with_hyphen(last):
        last.end -= 1
    return " " if block.joint == "space" else ""


def _ends_with_hyphen(part: Part) -> bool:
    """Whether there is a hyphen after the beginning of a word."""
    place = part.end - 1
    return place > part.start and part.text[place] in "-\u2010\u00ad" and not part.text[place - 1].isspace()


def _keep_together(parts: Sequence[Part]) -> None:
    """Make all but the last part want the next one, and tell the table of its caption."""
    caption = next((part for part in parts if part.kind is BlockKind.CAPTION), None)
    for part in parts:
        if part is not parts[-1]:
            part.keep = max(part.keep, Keep.WHERE_IT_FITS)
        if part.grid is not None and part.is_header:  # what comes later must not change what was cut by then
            part.grid.caption = caption


def _chains(blocks: Ahead[Block]) -> Iterator[Chain]:
    while block := blocks.peek():
        chain = [blocks.take()]
        while (block := blocks.peek()) and _continues(block, chain[-1]) and len(chain) < LONGEST_CHAIN:
            chain.append(blocks.take())
        yield chain


def _continues(block: Block, last: Block) -> bool:
    joins = block.continues == last.id and block.kind is last.kind and not block.kind.is_heading
    return joins and has_grid(block) == has_grid(last)


def _bundles(chains: Ahead[Chain]) -> Iterator[list[Chain]]:
    """Tables and figures with the captions and footnotes right above and below them; all others alone."""
    while chains.peek():
        above = _captions(chains, 0)
        shown = chains.peek(above)
        if not _is_shown(shown):
            yield from ([chains.take()] for _ in range(max(1, above)))
            continue
        strangers = _strangers(chains, 0, above, shown)
        yield from ([chains.take()] for _ in range(strangers))
        count = above - strangers + 1
        below = _below(chains, count, shown, has_caption=count > 1)
        yield [chains.take() for _ in range(count + below)]


def _below(chains: Ahead[Chain], at: int, shown: Chain | None, *, has_caption: bool) -> int:
    """How many captions and footnotes from a place on belong to the table or figure before it.

    A caption between two of them goes with the one above, unless that one has a caption above it already, or the
    document says otherwise.
    """
    ids = {block.id for block in shown or ()}
    found = 0
    while found < LONGEST_CHAIN and (chain := chains.peek(at + found)):
        kind, owner = chain[0].kind, _owner(chain)
        is_caption = kind is BlockKind.CAPTION and (not owner or owner in ids)
        if not is_caption and not (kind is BlockKind.FOOTNOTE and owner in ids):
            break
        if not owner and (has_caption or found) and _is_shown(chains.peek(at + found + 1)):
            break
        found += 1
    return found


def _strangers(chains: Ahead[Chain], begin: int, end: int, shown: Chain | None) -> int:
    """How many of the captions above a table or figure are of another one, as the document says."""
    ids = {block.id for block in shown or ()}
    owners = [_owner(chains.peek(at)) for at in range(begin, end)]
    return next((at + 1 for at in reversed(range(len(owners))) if owners[at] and owners[at] not in ids), 0)


def _owner(chain: Chain | None) -> str:
    return chain[0].belongs_to if chain else ""


def _captions(chains: Ahead[Chain], at: int) -> int:
    """How many captions stand in a row from here; more than a few are a list of figures."""
    end = at
    while end - at < LONGEST_CHAIN and (chain := chains.peek(end)) and chain[0].kind is BlockKind.CAPTION:
        end += 1
    return end - at


def _is_shown(chain: Chain | None) -> bool:
    return chain is not None and chain[0].kind in (BlockKind.TABLE, BlockKind.FIGURE)
