"""What blocks have, in the terms of docling-core: boxes, cells, pictures, markers of list items, formulas."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .document import Block, Cell, Page, Table
from .geometry import PAGE_BOX, Box
from .joining import repeated_rows
from .markdown import Fragment
from .syntax import item_marker

if TYPE_CHECKING:
    from docling_core.types.doc import BoundingBox, ImageRef, TableCell, TableData

Chain = tuple[Block, ...]
"""Blocks that are one item."""

MAX_PLACES = 1_000_000
"""Rows times columns of the largest table that docling-core takes."""


_MATH = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_SIGN = re.compile(r"(?<!\\)(?:\$|\\[\[\]()])")
_NUMBER_AT_THE_END = re.compile(r"(?:\(|\\tag\{)([\w.\-–′']{1,16})[)}]\Z")
_NO_TEXT = re.compile(r"[\ud800-\udfff]")


def fits(chain: Chain) -> bool:
    """Whether there is a grid, and one that docling-core takes."""
    tables = [block.table for block in chain if block.table is not None]
    rows, columns = sum(table.rows for table in tables), max((table.columns for table in tables), default=0)
    return len(tables) == len(chain) and min(rows, columns) > 0 and rows * columns <= MAX_PLACES


def table_data(chain: Chain, page: Page | None) -> TableData:
    """The rows of all parts as one grid; with boxes of cells where the page is given that all of it stands on."""
    from docling_core.types.doc import TableData

    cells: list[TableCell] = []
    rows = columns = 0
    for at, table in enumerate(block.table for block in chain):
        if table is None:
            continue
        header = table.header_rows if at == 0 else 0
        repeated = repeated_rows(table) if at else 0
        for cell in _placed(table):
            if repeated <= cell.row:
                place = rows - repeated + cell.row, min(cell.row_span, table.rows - cell.row)
                cells.append(_cell(cell, place, is_header=cell.row < header, page=page))
        rows, columns = rows + table.rows - repeated, max(columns, table.columns)
    return TableData(table_cells=cells, num_rows=rows, num_cols=columns)


def _placed(table: Table) -> list[Cell]:
    """The cells within the grid, the last of those at one place, and none wider than the grid."""
    found = {
        (cell.row, cell.column): cell
        for cell in table.cells
        if 0 <= cell.row < table.rows and 0 <= cell.column < table.columns
    }
    return [replace(cell, column_span=min(cell.column_span, table.columns - cell.column)) for cell in found.values()]


def _cell(cell: Cell, place: tuple[int, int], *, is_header: bool, page: Page | None) -> TableCell:
    """A cell, where its row and the number of rows that it spans are another than in its own table."""
    from docling_core.types.doc import TableCell

    row, row_span = place
    return TableCell(
        bbox=page_box(cell.box, page, from_top=True) if cell.box is not None and page is not None else None,
        row_span=row_span,
        col_span=cell.column_span,
        start_row_offset_idx=row,
        end_row_offset_idx=row + row_span,
        start_col_offset_idx=cell.column,
        end_col_offset_idx=cell.column + cell.column_span,
        text=valid_text(cell.text),
        column_header=is_header,
        row_header=cell.is_header and not is_header,
    )


def page_box(box: Box, page: Page, *, from_top: bool = False) -> BoundingBox:
    """The box in the units of the page, from its bottom left corner or its top left one."""
    from docling_core.types.doc import BoundingBox, CoordOrigin

    left, top, right, bottom = box.to_size(width=page.width, height=page.height)
    if from_top:
        return BoundingBox(l=left, t=top, r=right, b=bottom, coord_origin=CoordOrigin.TOPLEFT)
    height = page.height
    return BoundingBox(l=left, t=height - top, r=right, b=height - bottom, coord_origin=CoordOrigin.BOTTOMLEFT)


def picture_reference(block: Block, page: Page | None) -> ImageRef | None:
    """A reference to the figure's picture as large as the figure on the page, at 72 dots per inch."""
    from docling_core.types.doc import ImageRef, Size
    from pydantic import AnyUrl

    kind = mimetypes.guess_type(block.image)[0] or ""
    if page is None or not kind.startswith("image/") or block.image.startswith("file:"):
        return None
    box = block.boxes[0] if block.boxes else PAGE_BOX
    path = valid_text(block.image)
    return ImageRef(
        mimetype=kind,
        dpi=72,
        size=Size(width=box.width * page.width, height=box.height * page.height),
        uri=AnyUrl(path) if "://" in path else Path(path),
    )


def list_marker(text: str) -> tuple[str, int]:
    """A list item's marker, and where its words begin; a marker alone is words."""
    marker = item_marker(text)
    return (marker.text, marker.start) if marker.start < len(text) else ("", 0)


def formula_of(block: Block) -> list[Fragment]:
    r"""The formula without the signs that tell it from text, which Docling writes itself.

    A number behind it, as in ``$$ E $$ (3)``, becomes its ``\tag``. Nothing where it is not one formula.
    """
    text = block.text.strip()
    start = block.text.index(text)
    number = _NUMBER_AT_THE_END.search(text)
    for opening, closing in _MATH:
        for found in (None, number):
            said = text[: found.start()].rstrip() if found else text
            inner = said[len(opening) : -len(closing)]
            words = inner.strip()
            if said != f"{opening}{inner}{closing}" or not words or _SIGN.search(inner):
                continue
            formula = Fragment(words, block, start + text.index(words, len(opening)))
            if found is None:
                return [formula]
            if "\\tag" not in words:
                tag = Fragment(found[1], block, start + found.start(1))
                return [formula, Fragment(" \\tag{"), tag, Fragment("}")]
    return [] if _SIGN.search(text) else [Fragment(text, block, start)]


def valid_text(text: str) -> str:
    """The text without halves of characters, which pydantic refuses; nothing moves."""
    return _NO_TEXT.sub("\ufffd", text)


def origin_hash(name: str) -> int:
    """Docling's hash of a file, the last 64 bits of the SHA-256 of its bytes."""
    digest = name.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return int(digest[-16:], 16)
