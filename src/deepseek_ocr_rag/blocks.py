"""Regions into typed blocks: one table says what an engine's label means, markup becomes structure.

A model's region holds markdown and HTML, so its text is taken apart: tables, headings, list items, code and formulas
become blocks of their own that share the region's boxes. A region that comes with ``lines`` (the embedded engine's)
holds what the page says and nothing else: its characters are only ever cut at the ends, so that every line still tells
the truth about the characters that it names.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from .document import Block, BlockKind, Line, Table
from .hypertext import strip_tags, take_caption
from .marks import TASKS_OF_NAMES
from .markup import (
    Part,
    has_split_words,
    is_item,
    page_text,
    rejoined,
    split_markdown,
    table_part,
    take_heading,
    without_fences,
    without_marks,
    without_wrapper,
    words_of,
)
from .pieces import page_regions
from .prompts import Task
from .recognition import Recognition, Region
from .tables import parse_html_table, table_markdown_spans

_LABELS: Mapping[BlockKind, tuple[str, ...]] = MappingProxyType(
    {
        BlockKind.TITLE: ("title", "doc_title"),
        BlockKind.HEADING: ("sub_title", "subtitle", "section_header", "paragraph_title", "heading"),
        BlockKind.PARAGRAPH: ("text", "paragraph", "abstract", "reference", "content", "aside_text"),
        BlockKind.LIST_ITEM: ("list_item", "list"),
        BlockKind.TABLE: ("table", "table_fallback"),
        BlockKind.FIGURE: ("image", "figure", "picture", "chart", "seal"),
        BlockKind.FORMULA: ("equation", "formula", "display_formula", "formula_number"),
        BlockKind.CODE: ("code", "algorithm"),
        BlockKind.CAPTION: (
            *("caption", "image_caption", "figure_caption", "figure_title", "chart_title", "chart_caption"),
            *("table_caption", "table_title"),
        ),
        BlockKind.FOOTNOTE: ("footnote", "table_footnote", "image_footnote", "page_footnote"),
        BlockKind.PAGE_HEADER: ("page_header", "header"),
        BlockKind.PAGE_FOOTER: ("page_footer", "footer", "page_number", "number"),
    }
)
KINDS: Mapping[str, BlockKind] = MappingProxyType({label: kind for kind, labels in _LABELS.items() for label in labels})
"""What the labels of DeepSeek-OCR (1 and 2), PyMuPDF layout and CDLA models mean, in lower case with underscores."""

_HASHES = re.compile(r"(#{1,6})[ \t]+(?=\S)")
_TABLE_TAG = re.compile(r"<(/?)table\s{0,8}(?:>|\Z)|<table\s[^<>=]{0,80}=[^<>]{0,400}(?:>|\Z)", re.IGNORECASE)
_CAPTION_TAG = re.compile(r"</?caption\b[^<>]{0,200}>", re.IGNORECASE)
_CLOSER = re.compile(r"</t[rdh]>", re.IGNORECASE)
_ROW_TAG = re.compile(r"<t[rd](?:\s[^<>]{0,200})?>", re.IGNORECASE)
_STRAY_TAG = re.compile(
    r"</?(?:center|table|thead|tbody|tfoot|tr|td|th)(?:\s{0,8}|\s[^<>=]{0,80}=[^<>]{0,200})>", re.IGNORECASE
)
_BREAK = re.compile(r"<br\s{0,4}/?>", re.IGNORECASE)

_SPLIT = (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.TABLE)

_FUSED = (
    "no cells (the marks are lost), so the text is kept in one piece; ask the server with skip_special_tokens=false"
)
_GRIDLESS = "no grid, so the text is kept line by line"


@lru_cache(maxsize=1024)
def kind_of(label: str) -> BlockKind:
    """What an engine's label stands for; case, ``-``, ``_`` and blanks do not matter, unknown labels are paragraphs."""
    return KINDS.get("_".join(label.lower().replace("-", " ").replace("_", " ").split()), BlockKind.PARAGRAPH)


def build_blocks(recognition: Recognition, *, task: Task = "markdown") -> tuple[tuple[Block, ...], tuple[str, ...]]:
    """Turn what an engine read on a page into blocks in reading order; returns ``(blocks, warnings)``.

    Regions are taken where the engine gives them, else its answer is parsed. Every visible character of a region is
    in a block, and no mark of the model's grammar (``<|``, ``|>``, ``[[12, 34``) is in the text of one. Regions with a
    place but no text are kept if they are figures or tables. ``word- word`` is joined where the rest of the answer has
    the word in one piece. The warnings name how many tables are empty, or have text but no grid.
    """
    if recognition.regions is None:
        read = page_regions(recognition, task=task)
        regions, warnings = _mended(read.regions), list(read.warnings)
    else:
        regions, warnings = recognition.regions, []
    maker = _Maker(recognition.page_number, has_names=(recognition.task or task) in TASKS_OF_NAMES)
    for region, place in _married(regions):
        maker.add_region(region, place)
    warnings += _told_of_tables(maker.blocks, without_grid=_FUSED if recognition.regions is None else _GRIDLESS)
    if maker.bare:
        warnings.append(f"{maker.bare} regions of the page have a place but no text")
    return tuple(maker.blocks), tuple(warnings)


def _told_of_tables(blocks: Iterable[Block], *, without_grid: str) -> Iterator[str]:
    """Warnings that name how many tables have lost their grid, and how many are empty."""
    tables = [block for block in blocks if block.kind is BlockKind.TABLE]
    gridless = sum(bool(block.text) and block.table is None for block in tables)
    empty = sum(not any(cell.text for cell in block.table.cells) if block.table else not block.text for block in tables)
    for count, what in ((gridless, without_grid), (empty, "no text in any cell")):
        if count:
            yield f"{count} table{'s' * (count > 1)} of the page {'have' if count > 1 else 'has'} {what}"


def _mended(regions: Sequence[Region]) -> Sequence[Region]:
    """A model's regions without a fence around the whole answer, and with the words joined that it shows joined."""
    if len(regions) == 1 and not regions[0].boxes:
        regions = [replace(regions[0], text=without_wrapper(regions[0].text))]
    split = {at for at, region in enumerate(regions) if has_split_words(region.text)}
    if not split:
        return regions
    known = words_of("\n".join([region.text for region in regions]))
    return [
        replace(region, text=rejoined(region.text, known)) if at in split else region
        for at, region in enumerate(regions)
    ]


def _married(regions: Iterable[Region]) -> Iterator[tuple[Region, Region]]:
    """Each region with the one that gives the HTML tables in it their place: itself, as a rule.

    The model often leaves ``table`` empty and writes the HTML into the ``table_caption`` after it; then the place is
    the empty region's, which is not a block of its own. Several empty tables go to as many texts with HTML.
    """
    empty: deque[Region] = deque()
    for region in regions:
        is_table = kind_of(region.label) is BlockKind.TABLE
        if is_table and not region.text.strip() and region.table is None:
            empty.append(region)
        elif empty and not is_table and not region.lines and _has_table(region.text):
            yield region, empty.popleft()
        else:
            yield from ((bare, bare) for bare in empty)
            empty.clear()
            yield region, region
    yield from ((bare, bare) for bare in empty)


def _has_table(text: str) -> bool:
    """Whether there is a table in HTML; prose about HTML opens cells and closes none."""
    if "<" not in text:
        return False
    return bool(_TABLE_TAG.search(text) or (_ROW_TAG.search(text) and _CLOSER.search(text)))


@dataclass(slots=True)
class _Maker:
    """Blocks of a page as they come, numbered."""

    page_number: int
    has_names: bool
    blocks: list[Block] = field(default_factory=list)
    bare: int = 0

    def add_region(self, region: Region, place: Region) -> None:
        kind = kind_of(region.label)
        if region.table is not None:
            self.add_given_table(region, region.table)
        elif region.lines:
            self.add_lined(region, kind)
        elif not _has_table(region.text):
            self.add_marked_up(region, kind, region.text)
        else:
            around = BlockKind.CAPTION if kind is BlockKind.TABLE else kind
            for text, is_table in _segments(_with_table_tag(region.text)):
                if is_table:
                    self.add_html_table(region, place, text)
                elif text.strip():
                    self.add_marked_up(region, around, text)

    def add(self, region: Region, part: Part, *, lines: tuple[Line, ...] = ()) -> None:
        """Number and keep a block, if it says or shows anything."""
        kind, text, level, table = part
        if kind not in (BlockKind.FIGURE, BlockKind.TABLE):
            self.bare += not text and bool(region.boxes)
        if text or kind in (BlockKind.FIGURE, BlockKind.TABLE):
            block = Block(
                id=f"p{self.page_number}-b{len(self.blocks) + 1}",
                kind=kind,
                text=text,
                page_number=self.page_number,
                boxes=region.boxes,
                lines=lines,
                level=level,
                label=region.label,
                font_size=region.font_size,
                is_bold=region.is_bold,
                table=table,
            )
            self.blocks.append(block)

    def add_given_table(self, region: Region, table: Table) -> None:
        """A table that the engine read itself, with the lines of its markdown; else its cells' boxes become these."""
        text, spans = table_markdown_spans(table)
        if region.text == text and any(line.start < line.end for line in region.lines):
            self.add(region, Part(BlockKind.TABLE, text, 0, table), lines=_moved(region.lines, 0, len(text)))
            return
        source = region.lines[0].source if region.lines else "text_layer"
        lines = tuple(
            Line(start=start, end=end, box=box, source=source)
            for index, start, end in spans
            if (box := table.cells[index].box) is not None and start < end
        )
        self.add(region, Part(BlockKind.TABLE, text, 0, table), lines=lines)

    def add_lined(self, region: Region, kind: BlockKind) -> None:
        """A region whose lines name its characters: the ends are trimmed and the lines move along."""
        text = region.text
        start = len(text) - len(text.lstrip())
        hashes = _HASHES.match(text, start) if kind.is_heading else None
        start = hashes.end() if hashes else start
        if kind is BlockKind.PARAGRAPH and is_item(text[start : start + 40]):
            kind = BlockKind.LIST_ITEM
        lines = _moved(region.lines, start, len(text.rstrip()))
        level = _level(kind, region, len(hashes[1]) if hashes else 0)
        self.add(region, Part(kind, text[start:].rstrip(), level), lines=lines)

    def add_html_table(self, region: Region, place: Region, html: str) -> None:
        caption, html = take_caption(html)
        if caption:
            self.add(region, Part(BlockKind.CAPTION, without_marks(caption)))
        html = _CAPTION_TAG.sub(" ", html)
        table = parse_html_table(html)
        part = table_part(table) if table else Part(BlockKind.TABLE, without_marks(strip_tags(html)))
        self.add(place, part)

    def add_marked_up(self, region: Region, kind: BlockKind, text: str) -> None:
        """A text with markup but without HTML tables."""
        if "<" in text and kind is not BlockKind.CODE:
            text = _BREAK.sub("\n", _STRAY_TAG.sub(" ", text))
        text = text.strip()
        if kind.is_heading and text:
            heading, hashes, text = take_heading(text)
            self.add(region, Part(kind, page_text(heading), _level(kind, region, hashes)))
            kind = BlockKind.PARAGRAPH
            if not text:
                return
        if self.has_names and region.boxes and region.label == "text":
            self.add(region, Part(BlockKind.LIST_ITEM if is_item(text) else kind, page_text(text)))
        elif not text or not (kind in _SPLIT or (kind is BlockKind.CAPTION and "|" in text)):
            text = without_marks(without_fences(text)) if kind is BlockKind.CODE else page_text(text)
            self.add(region, Part(kind, text, _level(kind, region, 0)))
        else:
            self.add_parts(region, kind, list(split_markdown(text, is_region=bool(region.label))))

    def add_parts(self, region: Region, kind: BlockKind, parts: list[Part]) -> None:
        """Parts of a region of that kind: the plain text among them is of its kind, beside a table its caption."""
        plain = {BlockKind.PARAGRAPH}
        if kind is BlockKind.TABLE and not any(part.table for part in parts):
            parts = [Part(kind, "\n".join(part.text for part in parts))]
        elif kind in (BlockKind.TABLE, BlockKind.CAPTION):
            kind = BlockKind.CAPTION
            plain.add(BlockKind.LIST_ITEM)
        for part in parts:
            self.add(region, part._replace(kind=kind) if part.kind in plain else part)


def _moved(lines: Iterable[Line], start: int, end: int) -> tuple[Line, ...]:
    """The lines within ``[start, end)``, counted from ``start``; what overlaps the line before is cut."""
    moved: list[Line] = []
    for line in lines:
        first = max(line.start, start, moved[-1].end + start if moved else start)
        last = min(line.end, end)
        if first < last:
            moved.append(line.cut(first, last, moved=-start))
    return tuple(moved)


def _level(kind: BlockKind, region: Region, hashes: int) -> int:
    if kind is BlockKind.HEADING:
        return region.level or hashes or 2
    if kind is BlockKind.LIST_ITEM:
        return region.level
    return 1 if kind is BlockKind.TITLE else 0


def _with_table_tag(text: str) -> str:
    """A text with rows of a table whose ``<table>`` is missing, with it."""
    row, opening = _ROW_TAG.search(text), _TABLE_TAG.search(text)
    if row and (opening is None or opening[1] or row.start() < opening.start()):
        return f"{text[: row.start()]}<table>{text[row.start() :]}"
    return text


def _segments(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a text into ``(piece, is_table)``; a table that is not closed goes on to its last ``</table>`` or the end."""
    at = depth = last = 0
    for tag in _TABLE_TAG.finditer(text):
        if not tag[1]:
            if not depth:
                yield text[at : tag.start()], False
                at = last = tag.start()
            depth += 1
        elif depth:
            depth, last = depth - 1, tag.end()
            if not depth:
                yield text[at:last], True
                at = last
    if depth and last > at:
        yield text[at:last], True
        at, depth = last, 0
    yield text[at:], depth > 0
