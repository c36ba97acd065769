"""Tables as their authors made them: the parts that page breaks cut them into, put together again.

Blocks stay on their pages, linked by ``continues``. Who wants the table itself, for a spreadsheet or a question to all
of its rows, gets one grid here that has its header once, and knows of every row on which page it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .document import Block, BlockKind, Cell, Document, Table
from .headrows import without_guess
from .joining import repeated_rows

__all__ = ["WholeTable", "whole_table", "whole_tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeTable:
    """A table with all of its parts."""

    table: Table
    """One grid; a cell's box is a place on the page of its row."""
    parts: tuple[Block, ...]
    """The blocks that it was made of, in order; one where no page break cuts it."""
    row_parts: tuple[int, ...]
    """For each row of ``table``, which of ``parts`` it stands in."""
    captions: tuple[Block, ...] = ()
    """The captions of all parts, in the order of their pages."""

    @property
    def row_pages(self) -> tuple[int, ...]:
        """For each row of ``table``, the number of its page."""
        return tuple(self.parts[part].page_number for part in self.row_parts)


def whole_tables(document: Document) -> Iterator[WholeTable]:
    """All tables of a document that have a grid, each once, in the order in which they begin.

    A part with another number of columns than the first begins a table of its own. Rows of parts are kept in order,
    without the header rows that a part repeats; no other text is left out.
    """
    blocks = list(document.blocks())
    tables = [block for block in blocks if block.table is not None]
    following = {block.continues: block for block in reversed(tables) if block.continues}
    captions: dict[str, list[Block]] = {}
    for block in blocks:
        if block.kind is BlockKind.CAPTION and block.belongs_to:
            captions.setdefault(block.belongs_to, []).append(block)
    taken: set[int] = set()
    for block in tables:
        if id(block) not in taken:
            chain = _chain(block, following, taken)
            whole = whole_table(chain)
            yield replace(whole, captions=tuple(said for part in chain for said in captions.get(part.id, ())))


def whole_table(parts: Sequence[Block]) -> WholeTable:
    """The table that blocks with tables of as many columns make, one below the other.

    Raises:
        ValueError: If there are no parts, a part has no table, or the numbers of columns differ.
    """
    tables = [part.table for part in parts if part.table is not None]
    if not tables or len(tables) < len(parts) or len({table.columns for table in tables}) > 1:
        raise ValueError("The parts of a table are blocks with tables of as many columns.")
    first = tables[0]
    cells: list[Cell] = []
    row_parts: list[int] = []
    for number, table in enumerate(tables):
        repeated = repeated_rows(table) if number else 0
        down = len(row_parts) - repeated
        own = without_guess(table).cells if number else table.cells
        cells += (
            replace(cell, row=cell.row + down, row_span=min(cell.row_span, table.rows - cell.row))
            for cell in own
            if repeated <= cell.row < table.rows
        )
        row_parts += [number] * (table.rows - repeated)
    whole = replace(first, rows=len(row_parts), cells=tuple(cells), repeats_header=False)
    return WholeTable(table=whole, parts=tuple(parts), row_parts=tuple(row_parts))


def _chain(first: Block, following: Mapping[str, Block], taken: set[int]) -> list[Block]:
    """A table and what goes on from it, as far as the columns are as many; each block is taken once."""
    chain: list[Block] = []
    block: Block | None = first
    while block and block.table and id(block) not in taken and _columns(block) == _columns(first):
        taken.add(id(block))
        chain.append(block)
        block = following.get(block.id)
    return chain


def _columns(block: Block) -> int:
    return block.table.columns if block.table else 0
