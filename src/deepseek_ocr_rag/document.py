"""What a document is once it is read: pages of blocks, and what each block knows of its place.

Everything here is frozen and made of plain values, so that a document can be stored, compared and sent to another
process; ``to_dict`` and ``from_dict`` are inverse to each other.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .geometry import Box, QuarterTurn
from .markdown import BULLETS, block_markdown, markdown_parts, picture_markdown, written
from .sequence import in_sequence
from .usage import Usage

__all__ = [
    "BULLETS",
    "SCHEMA",
    "Block",
    "BlockKind",
    "Cell",
    "Document",
    "Heading",
    "Joint",
    "Line",
    "LineSource",
    "OutlineEntry",
    "Page",
    "PageStatus",
    "Table",
    "block_markdown",
    "from_dict",
    "markdown_parts",
    "picture_markdown",
    "to_dict",
]

LineSource = Literal["text_layer", "ocr", "ink", "model"]
"""Where a line's box comes from: the PDF's text, OCR, the ink on the picture, or the model's answer."""

PageStatus = Literal["ok", "retried", "truncated", "looped", "empty", "suspect", "fallback", "failed"]
"""How reading a page went. ``empty`` is a blank page; ``failed`` has no text and a warning that says why."""


SCHEMA = "deepseek-ocr-rag/document/1"
"""The format of documents as JSON. The number is another one where older programs would read a document wrongly."""

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
        return self in (BlockKind.TITLE, BlockKind.HEADING)

    @property
    def is_furniture(self) -> bool:
        """Whether blocks of this kind are running heads and feet: kept, but not part of the text."""
        return self in (BlockKind.PAGE_HEADER, BlockKind.PAGE_FOOTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Characters ``[start, end)`` of the block's text stand in ``box``."""

    start: int
    end: int
    box: Box
    source: LineSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table; ``row`` and ``column`` count from 0. ``box`` is None where nobody knows it."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    is_header: bool = False
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A grid of ``rows`` x ``columns``; cells in row-major order, each at its top left place."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    header_rows: int = 0
    header_is_guessed: bool = False
    """True where nothing marks the header rows, and what stands in them and below says that they are one."""
    repeats_header: bool = False
    """True for a table's continuation on the next page whose header rows say again what the first part said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, heading, table and so on, on one page, in reading order.

    ``text`` is what the page says (a table's is its markdown, a heading's has no ``#``); ``boxes`` has more than one
    where the block wraps over columns; ``lines`` say which characters stand where and do not overlap.
    """

    id: str
    kind: BlockKind
    text: str
    page_number: int
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    level: int = 0
    """Depth of a title or heading (1 is the top) or of a list item (0 is the outermost)."""
    label: str = ""
    """The engine's own word for the kind."""
    font_size: float = 0.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as displayed. ``width`` and ``height`` are points for documents, pixels for pictures."""

    number: int
    label: str
    width: float
    height: float
    status: PageStatus = "ok"
    engine: str = ""
    trust: float | None = None
    blocks: tuple[Block, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    turn: QuarterTurn = 0
    """The clockwise turn by which the page's text stands upright, where it was turned to be read."""
    history: tuple[str, ...] = ()
    """How the page was read: at which resolution and why, what was tried, what came of it and what was kept."""

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
    page_number: int
    level: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole document. ``id`` is ``sha256:`` and the hash of the file's bytes."""

    id: str
    source: str
    file_name: str
    total_pages: int
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

        Raises:
            ValueError: If a field is missing, unknown or of the wrong type, or the format is not known.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"not a Document: {type(data).__name__}")  # noqa: TRY004 - whatever is read, one error
        written_as = data.get("schema", SCHEMA)
        if written_as != SCHEMA and not str(written_as).startswith(f"{SCHEMA}."):
            raise ValueError(f"{written_as!r} cannot be read, only {SCHEMA!r}: install a newer deepseek-ocr-rag")
        return from_dict(cls, {name: value for name, value in data.items() if name != "schema"})


T = TypeVar("T")


def to_dict(value: Any) -> Any:
    """Turn dataclasses, tuples and mappings of this module into JSON-ready values; boxes become four numbers."""
    if isinstance(value, Box):
        return list(value.as_tuple())
    if is_dataclass(value):
        return {item.name: to_dict(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple | list):
        return [to_dict(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_dict(item) for key, item in value.items()}
    return value.value if isinstance(value, StrEnum) else value


def from_dict(kind: type[T], data: Mapping[str, Any]) -> T:
    """Rebuild a dataclass of this module from :func:`to_dict`'s values.

    Raises:
        ValueError: If a field is missing or of the wrong type.
    """
    try:
        built = _build(kind, data)
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error
    assert isinstance(built, kind)  # noqa: S101 - _build returns what it is asked for; this tells the type checker
    return built


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if kind is Box:
        return Box(left=value[0], top=value[1], right=value[2], bottom=value[3])
    if origin is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if origin in (types.UnionType, Union):
        return None if value is None else _build(get_args(kind)[0], value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return _plain(kind, value)


def _plain(kind: Any, value: Any) -> Any:
    """Check a leaf: wrong types must not slip into a document that somebody else's program wrote."""
    if get_origin(kind) is Literal:
        accepted = value in get_args(kind)
    elif kind is float:
        accepted = isinstance(value, int | float)
    else:
        accepted = isinstance(value, get_origin(kind) or kind)
    if not accepted:
        raise TypeError(f"{value!r} is not a {kind}")
    return value
