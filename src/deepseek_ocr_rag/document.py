"""What a document is once it is read: pages of blocks, and what each block knows of its place.

Everything here is frozen and made of plain values, so that a document can be stored, compared and sent to another
process; ``to_dict`` and ``from_dict`` are inverse to each other. Numbers in documents have the ranges that are written
here; reading a document and the published schema hold to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from .geometry import Box, PdfView, QuarterTurn
from .linewords import NO_WORDS, LineWord, LineWords
from .markdown import written
from .ranges import Range
from .sequence import in_sequence
from .serial import from_dict, to_dict
from .usage import Usage

LineSource = Literal["text_layer", "ocr", "ink", "model"]
"""Where a line's box comes from: the PDF's text, OCR, the ink on the picture, or the model's answer."""

PageStatus = Literal["ok", "retried", "truncated", "looped", "empty", "suspect", "fallback", "failed"]
"""How reading a page went. ``empty`` is a blank page; ``failed`` has no text and a warning that says why."""


SCHEMA = "deepseek-ocr-rag/document/2"
"""The format of documents as JSON. The number is another one where older programs would read a document wrongly."""

_FORMATS = re.compile(r"deepseek-ocr-rag/document/[12](?:\.([0-9]+))?")
"""What is read: 1 had objects for the words of lines, which are rows of six numbers since."""

MAX_PLACES = 100_000
"""Rows times columns of the largest grid that is read; a model's answer of 8192 tokens cannot fill a tenth of it."""

_Number = Annotated[int, Range(1)]
_Count = Annotated[int, Range(0)]
_Size = Annotated[float, Range(0)]
_Places = Annotated[int, Range(0, MAX_PLACES)]

Joint = Literal["space", "none", "hyphen"]
"""Between a text and its continuation: a space, nothing (Chinese, a word with a hyphen of its own), or nothing and the
hyphen before it goes, since the document has the word in one piece elsewhere."""


class BlockKind(StrEnum):
    """What a block is, whatever the engine called it."""

    TITLE = "title"
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    FIGURE = "figure"
    FORMULA = "formula"
    CODE = "code"
    CAPTION = "caption"
    FOOTNOTE = "footnote"
    PAGE_HEADER = "page_header"
    PAGE_FOOTER = "page_footer"
    OTHER = "other"

    @property
    def is_heading(self) -> bool:
        """Whether blocks of this kind open a section."""
        return self in _HEADINGS

    @property
    def is_furniture(self) -> bool:
        """Whether blocks of this kind are running heads and feet: kept, but not part of the text."""
        return self in _FURNITURE


_HEADINGS = (BlockKind.TITLE, BlockKind.HEADING)
_FURNITURE = (BlockKind.PAGE_HEADER, BlockKind.PAGE_FOOTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Characters ``[start, end)`` of the block's text stand in ``box``."""

    start: _Count
    end: _Count
    box: Box
    source: LineSource
    words: Annotated[Sequence[LineWord], LineWords] = NO_WORDS
    """Where its words stand, as far as they are known: ascending, apart, and within the line's characters."""

    def __post_init__(self) -> None:
        if type(self.words) is not LineWords:
            object.__setattr__(self, "words", LineWords.of(self.words))

    def cut(self, start: int, end: int, *, moved: int = 0) -> Line:
        """What of the line is within ``[start, end)``, with ``moved`` added to all places; boxes stay whole.

        Where that is nothing, the line is empty.
        """
        first = max(self.start, start)
        last = max(first, min(self.end, end))
        words = LineWords.of(self.words).cut(first, last, moved=moved)
        return Line(start=first + moved, end=last + moved, box=self.box, source=self.source, words=words)

    def turned(self, degrees: QuarterTurn) -> Line:
        """The line after the page is turned clockwise by a quarter turn or several."""
        return replace(self, box=self.box.turned(degrees), words=LineWords.of(self.words).turned(degrees))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table; ``row`` and ``column`` count from 0. ``box`` is None where nobody knows it."""

    row: _Count
    column: _Count
    text: str
    row_span: _Number = 1
    column_span: _Number = 1
    is_header: bool = False
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A grid of ``rows`` x ``columns``; cells in row-major order, each at its top left place.

    Of two cells at the same place the last one counts, and none outside of the grid.
    """

    rows: _Places
    columns: _Places
    cells: tuple[Cell, ...]
    header_rows: _Places = 0
    header_is_guessed: bool = False
    """True where nothing marks the header rows, and what stands in them and below says that they are one."""
    repeats_header: bool = False
    """True for a table's continuation on the next page whose header rows say again what the first part said."""

    def check(self) -> None:
        """Raise ValueError for a grid that is larger than any table, which its reader's memory would have to hold."""
        if self.rows * self.columns > MAX_PLACES:
            raise ValueError(f"{self.rows} x {self.columns} places are more than {MAX_PLACES}")

    def turned(self, degrees: QuarterTurn) -> Table:
        """The table after the page is turned clockwise: other boxes, the same grid."""
        return replace(
            self, cells=tuple(replace(cell, box=cell.box and cell.box.turned(degrees)) for cell in self.cells)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, heading, table and so on, on one page, in reading order.

    ``text`` is what the page says (a table's is its markdown, a heading's has no ``#``); ``boxes`` has more than one
    where the block wraps over columns; ``lines`` say which characters stand where and do not overlap.
    """

    id: str
    kind: BlockKind
    text: str
    page_number: _Number
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    level: _Count = 0
    """Depth of a title or heading (1 is the top) or of a list item (0 is the outermost)."""
    label: str = ""
    """The engine's own word for the kind."""
    font_size: _Size = 0.0
    """Median height of the letters in points, 0 where unknown."""
    is_bold: bool = False
    """Whether all of the text is in bold letters, as far as the engine can tell."""
    table: Table | None = None
    continues: str = ""
    """Id of the block on an earlier page or column that this one goes on from, or empty."""
    continued_by: str = ""
    """Id of the block that goes on from this one: ``continues`` seen from the other end."""
    joint: Joint = "space"
    """How this block's text is joined to that of the block that it continues."""
    belongs_to: str = ""
    """For a caption: id of the table or figure that it is of. For a footnote: id of the block that refers to it."""
    section: str = ""
    """Id of the heading that this block stands under; a heading's is the one above it. Empty before the first."""
    image: str = ""
    """Path or address of the figure's picture, where figures were saved; never the picture itself."""

    def turned(self, degrees: QuarterTurn) -> Block:
        """The block after the page is turned clockwise by a quarter turn or several."""
        if degrees == 0:
            return self
        return replace(
            self,
            boxes=tuple(box.turned(degrees) for box in self.boxes),
            lines=tuple(line.turned(degrees) for line in self.lines),
            table=self.table and self.table.turned(degrees),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as displayed. ``width`` and ``height`` are points for documents, pixels for pictures."""

    number: _Number
    label: str
    width: _Size
    height: _Size
    status: PageStatus = "ok"
    engine: str = ""
    trust: float | None = None
    """Of the page's own words (text layer, else OCR where wanted) and a model's answer, the share that each has of the
    other, whichever is less; None where there is nothing to compare with. See :mod:`.trust`."""
    blocks: tuple[Block, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    turn: QuarterTurn = 0
    """The clockwise turn by which the page's text stands upright, where it was turned to be read."""
    history: tuple[str, ...] = ()
    """How the page was read: at which resolution and why, what was tried, what came of it and what was kept."""
    view: PdfView | None = None
    """What the page displays of a PDF's own coordinates; None where the file is none."""

    @property
    def markdown(self) -> str:
        """The page as markdown, without running heads and feet; what goes on from another page stands by itself."""
        return "".join(fragment.text for fragment in written(in_sequence(self.blocks)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineEntry:
    """A bookmark that the file itself brings along; ``level`` 1 is the top, ``page_number`` counts from 1."""

    level: int
    title: str
    page_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading that stands on a page."""

    block_id: str
    page_number: _Number
    level: _Count
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole document. ``id`` is ``sha256:`` and the hash of the file's bytes."""

    id: str
    source: str
    file_name: str
    total_pages: _Count
    pages: tuple[Page, ...]
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title that stands on its pages, else the one that the file gives itself, else nothing."""
        titles = (block.text for block in self.blocks() if block.kind is BlockKind.TITLE)
        return " ".join(next(titles, self.metadata.get("title", "")).split())

    @property
    def usage(self) -> Usage:
        """What reading all pages cost."""
        return sum((page.usage for page in self.pages), Usage())

    @property
    def markdown(self) -> str:
        """All pages as one text in markdown, without running heads and feet, joined where a page break cuts."""
        return "".join(fragment.text for fragment in written(in_sequence(self.blocks())))

    def blocks(self) -> Iterator[Block]:
        """All blocks, page by page, running heads and feet included; see :func:`.sequence.in_sequence`."""
        for page in self.pages:
            yield from page.blocks

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON-ready values, the version of their format first; :mod:`.schema` describes them."""
        return {"schema": SCHEMA, **to_dict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Document:
        """The inverse of :meth:`to_dict`; takes what older versions wrote, too.

        Versions: a file of ``deepseek-ocr-rag/document/2`` has the fields that :mod:`.schema` describes, and no others;
        so has one of ``.../1``, whose words of lines are objects. One of ``.../2.x`` is written by a newer program, in
        a way that this one reads rightly: fields that it does not know are ignored. Any other number is refused.

        Raises:
            ValueError: If a field is missing, unknown, or of the wrong type or size, or the format is not known. The
                message says which, as ``pages[0].blocks[3].boxes``.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"not a Document: {type(data).__name__}")  # noqa: TRY004 - whatever is read, one error
        version = data.get("schema", SCHEMA)
        known = _FORMATS.fullmatch(version) if isinstance(version, str) else None
        if known is None:
            raise ValueError(f"{version!r:.100} cannot be read, only {SCHEMA!r}: install a newer deepseek-ocr-rag")
        own = {name: value for name, value in data.items() if name != "schema"}
        return from_dict(cls, own, ignores_unknown=(known[1] or "").strip("0") != "")
