"""What page and column breaks cut in two and can be written in one piece again, and what is then said once.

Whoever orders, writes or exports blocks asks here, so that all of them agree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Block, Table

FLOWING = frozenset({"paragraph", "list_item", "footnote", "caption", "other"})
"""Kinds that may be parts of one text: engines call the rest of a list item on the next page a paragraph."""

_JOINED = FLOWING | {"title", "heading", "table", "code"}
_RULE = re.compile(r"[^\n]*\n\|(?:---\|)+(?=\n|\Z)")
_NOT_A_ROW = re.compile(r"(?:\A|\n)(?!\|)")


def can_join(first: Block, second: Block) -> bool:
    """Whether a block that goes on from another can be written in one piece with it."""
    if not (first.text.strip() and second.text.strip()):
        return False
    if second.kind != first.kind and not {second.kind, first.kind} <= FLOWING:
        return False
    if second.kind != "table":
        return second.kind in _JOINED
    if first.table is None or second.table is None or first.table.columns != second.table.columns:
        return False
    return all(_RULE.match(one.text) and not _NOT_A_ROW.search(one.text) for one in (first, second))


def repeated_rows(table: Table) -> int:
    """How many rows at the head of a table's continuation say again what the first part said; by its own header."""
    return min(table.rows, max(1, table.header_rows)) if table.repeats_header else 0
