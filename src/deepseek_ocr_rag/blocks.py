"""Regions into typed blocks: one table says what an engine's label means, markup becomes structure.

A model's region holds markdown and HTML, so its text is taken apart: tables, headings, list items, code and formulas
become blocks of their own that share the region's boxes. A region that comes with ``lines`` (the embedded engine's)
holds what the page says and nothing else: its characters are only ever cut at the ends, so that every line still tells
the truth about the characters that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from .document import BULLETS, Block, BlockKind, Line, Table
from .grounding import parse
from .prompts import Task
from .recognition import Recognition, Region
from .tables import (
    is_rule_line,
    parse_html_table,
    parse_pipe_table,
    strip_tags,
    table_markdown,
    table_markdown_spans,
    take_caption,
    unescape,
)

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
            *("caption", "image_caption", "figure_caption", "figure_title", "chart_title"),
            *("table_caption", "table_title"),
        ),
        BlockKind.FOOTNOTE: ("footnote", "table_footnote", "image_footnote"),
        BlockKind.PAGE_HEADER: ("page_header", "header"),
        BlockKind.PAGE_FOOTER: ("page_footer", "footer", "page_number", "number"),
    }
)
KINDS: Mapping[str, BlockKind] = MappingProxyType({label: kind for kind, labels in _LABELS.items() for label in labels})
"""What the labels of DeepSeek-OCR (1 and 2), PyMuPDF layout and CDLA models mean, in lower case with underscores."""

_HASHES = re.compile(r"(#{1,6})[ \t]+(?=\S)")
_MARKER = re.compile(
    rf"[ \t]*(?:[-*+][ \t]|[{BULLETS}]|\(?\d{{1,3}}[.)][ \t]|\d{{1,3}}[．、]|\([A-Za-z]\)[ \t]|\([ivx]{{1,4}}\)[ \t])"
)
_INTERRUPTING = re.compile(rf"[ \t]*(?:[-*+][ \t]|[{BULLETS}]|\(?1[.)][ \t])")
_FENCE = re.compile(r"[ \t]*`{3,}[ \t]*(?:[A-Za-z+#-]{0,16}[ \t]*)?")
_FENCE_END = re.compile(r"[ \t]*`{3,}[ \t]*")
_THEMATIC_BREAK = re.compile(r"[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*")
_FRAMED = re.compile(r"[ \t]*\|[^|]*\|.*\|[ \t]*")
_TABLE_TAG = re.compile(r"<(/?)table\b[^<>]*(?:>|\Z)", re.IGNORECASE)
_STRAY_TAG = re.compile(r"</?(?:center|table|thead|tbody|tr|td|th)>", re.IGNORECASE)
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}

_FUSED = (
    "a table of the answer has no cells (its marks are lost), so its text is kept in one piece;"
    " ask the server with skip_special_tokens=false"
)


def kind_of(label: str) -> BlockKind:
    """What an engine's label stands for; case, ``-``, ``_`` and blanks do not matter, unknown labels are paragraphs."""
    return KINDS.get("_".join(label.lower().replace("-", " ").replace("_", " ").split()), BlockKind.PARAGRAPH)


def build_blocks(recognition: Recognition, *, task: Task = "markdown") -> tuple[tuple[Block, ...], tuple[str, ...]]:
    """Turn what an engine read on a page into blocks in reading order; returns ``(blocks, warnings)``.

    Regions are taken where the engine gives them, else its answer is parsed. Every visible character of a region is
    in a block. Regions with a place but no text are kept if they are figures or tables.
    """
    if recognition.regions is None:
        parsed = parse(recognition.text, task=task)
        regions, warnings = parsed.regions, list(parsed.warnings)
    else:
        regions, warnings = recognition.regions, []
    drafts = [draft for region, place in _married(regions) for draft in _drafts(region, place)]
    is_fused = any(draft.kind is BlockKind.TABLE and draft.text and draft.table is None for draft in drafts)
    if is_fused and recognition.regions is None:
        warnings.append(_FUSED)
    bare = sum(bool(draft.boxes) and not draft.text and draft.kind is not BlockKind.FIGURE for draft in drafts)
    if bare:
        warnings.append(f"{bare} regions of the page have a place but no text")
    kept = [draft for draft in drafts if draft.text or draft.kind in (BlockKind.FIGURE, BlockKind.TABLE)]
    number = recognition.page_number
    blocks = (
        replace(draft, id=f"p{number}-b{ordinal}", page_number=number) for ordinal, draft in enumerate(kept, start=1)
    )
    return tuple(blocks), tuple(warnings)


def _draft(region: Region, kind: BlockKind, text: str) -> Block:
    """A block that :func:`build_blocks` has still to number."""
    return Block(
        id="",
        kind=kind,
        text=text,
        page_number=0,
        boxes=region.boxes,
        label=region.label,
        font_size=region.font_size,
    )


def _married(regions: Iterable[Region]) -> Iterator[tuple[Region, Region]]:
    """Each region with the one that gives the HTML tables in it their place: itself, as a rule.

    The model often leaves ``table`` empty and writes the HTML into the ``table_caption`` after it; then the place is
    the empty region's, which is not a block of its own.
    """
    empty: Region | None = None
    for region in regions:
        is_table = kind_of(region.label) is BlockKind.TABLE
        if empty is not None and (is_table or region.lines or not _TABLE_TAG.search(region.text)):
            yield empty, empty
            empty = None
        if is_table and not region.text.strip() and region.table is None:
            empty = region
        else:
            yield region, empty or region
            empty = None
    if empty is not None:
        yield empty, empty


def _drafts(region: Region, place: Region) -> Iterator[Block]:
    kind = kind_of(region.label)
    if region.table is not None:
        yield _given_table(region, region.table)
    elif region.lines:
        yield _lined(region, kind)
    elif _TABLE_TAG.search(region.text) is None:
        yield from _marked_up(region, kind, region.text)
    else:
        around = BlockKind.CAPTION if kind is BlockKind.TABLE else kind
        for text, is_table in _segments(region.text):
            if is_table:
                yield from _html_table(region, place, text)
            elif text.strip():
                yield from _marked_up(region, around, text)


def _given_table(region: Region, table: Table) -> Block:
    """A table that the engine read itself: its cells' boxes become the lines of its markdown."""
    text, spans = table_markdown_spans(table)
    source = region.lines[0].source if region.lines else "text_layer"
    lines = tuple(
        Line(start=start, end=end, box=box, source=source)
        for index, start, end in spans
        if (box := table.cells[index].box) is not None and start < end
    )
    return replace(_draft(region, BlockKind.TABLE, text), lines=lines, table=table)


def _lined(region: Region, kind: BlockKind) -> Block:
    """A region whose lines name its characters: the ends are trimmed and the lines move along."""
    text = region.text
    start = len(text) - len(text.lstrip())
    hashes = _HASHES.match(text, start) if kind.is_heading else None
    start = hashes.end() if hashes else start
    if kind is BlockKind.PARAGRAPH and _MARKER.match(text, start):
        kind = BlockKind.LIST_ITEM
    lines = _moved(region.lines, start, len(text.rstrip()))
    return replace(_draft(region, kind, text[start:].rstrip()), lines=lines, level=_level(kind, region, hashes))


def _moved(lines: Iterable[Line], start: int, end: int) -> tuple[Line, ...]:
    """The lines within ``[start, end)``, counted from ``start``; what overlaps the line before is cut."""
    moved: list[Line] = []
    for line in lines:
        first = max(line.start, start, moved[-1].end + start if moved else start)
        last = min(line.end, end)
        if first < last:
            moved.append(replace(line, start=first - start, end=last - start))
    return tuple(moved)


def _level(kind: BlockKind, region: Region, hashes: re.Match[str] | None) -> int:
    if kind is BlockKind.HEADING:
        return region.level or (len(hashes[1]) if hashes else 2)
    if kind is BlockKind.LIST_ITEM:
        return region.level
    return 1 if kind is BlockKind.TITLE else 0


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


def _html_table(region: Region, place: Region, html: str) -> Iterator[Block]:
    caption, html = take_caption(html)
    if caption:
        yield _draft(region, BlockKind.CAPTION, caption)
    table = parse_html_table(html) if "<tr" in html.lower() else None  # no rows: the few cells left mean nothing
    yield replace(_draft(place, BlockKind.TABLE, table_markdown(table) if table else strip_tags(html)), table=table)


def _marked_up(region: Region, kind: BlockKind, text: str) -> Iterator[Block]:
    """A text with markup but without HTML tables."""
    text = _STRAY_TAG.sub(" ", text).strip()
    if kind in (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM) and text:
        for block in _Splitter(region, text.split("\n")).split():
            is_item = kind is BlockKind.LIST_ITEM and block.kind is BlockKind.PARAGRAPH
            yield replace(block, kind=kind) if is_item else block
        return
    hashes = _HASHES.match(text) if kind.is_heading else None
    table = parse_pipe_table(text) if kind is BlockKind.TABLE else None
    if table is not None:
        text = table_markdown(table)
    elif kind is BlockKind.CODE:
        text = "\n".join(line for line in text.split("\n") if not _FENCE.fullmatch(line))
    else:
        text = unescape(text[hashes.end() if hashes else 0 :])
    yield replace(_draft(region, kind, text), level=_level(kind, region, hashes), table=table)


@dataclass(slots=True)
class _Splitter:
    """Markdown, line by line, into blocks. Each ``take`` method consumes lines from ``at`` on or leaves them alone."""

    region: Region
    lines: list[str]
    at: int = 0
    held: list[str] = field(default_factory=list)
    held_kind: BlockKind = BlockKind.PARAGRAPH
    held_level: int = 0

    def split(self) -> Iterator[Block]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or _THEMATIC_BREAK.fullmatch(line):
                yield from self.flush()
                self.at += 1
                continue
            taken = self.take_code(line) or self.take_heading(line) or self.take_formula(line) or self.take_table(line)
            if taken:
                yield from self.flush()
                yield taken
                continue
            if self.starts_item(line):
                yield from self.flush()
                self.held_kind = BlockKind.LIST_ITEM
                self.held_level = min(6, (len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())) // 2)
            self.held.append(line)
            self.at += 1
        yield from self.flush()

    def flush(self) -> Iterator[Block]:
        text = "\n".join(self.held).strip()
        if text:
            yield replace(_draft(self.region, self.held_kind, unescape(text)), level=self.held_level)
        self.held, self.held_kind, self.held_level = [], BlockKind.PARAGRAPH, 0

    def starts_item(self, line: str) -> bool:
        """Within a paragraph only a bullet or number 1 starts a list: a wrapped line may well begin with ``2008.``."""
        in_paragraph = bool(self.held) and self.held_kind is BlockKind.PARAGRAPH
        return bool((_INTERRUPTING if in_paragraph else _MARKER).match(line))

    def take_code(self, line: str) -> Block | None:
        """A fence to the next one or the end. One word after it is the language, anything longer is kept."""
        if not line.lstrip().startswith("```") or "`" in line.strip().lstrip("`"):
            return None
        first = [] if _FENCE.fullmatch(line) else [line.strip().lstrip("`")]
        start = end = self.at + 1
        while end < len(self.lines) and not _FENCE_END.fullmatch(self.lines[end]):
            end += 1
        self.at = end + 1
        return _draft(self.region, BlockKind.CODE, "\n".join([*first, *self.lines[start:end]]).strip("\n"))

    def take_heading(self, line: str) -> Block | None:
        hashes = _HASHES.match(line)
        if hashes is None:
            return None
        self.at += 1
        level = len(hashes[1])
        kind = BlockKind.TITLE if level == 1 else BlockKind.HEADING
        return replace(_draft(self.region, kind, unescape(line[hashes.end() :].strip())), level=level)

    def take_formula(self, line: str) -> Block | None:
        closer = _FORMULA_ENDS.get(line.strip()[:2])
        if closer is None or (closer in line.strip()[2:] and not line.rstrip().endswith(closer)):
            return None
        start, is_open = self.at, not line.strip()[2:].endswith(closer)
        self.at += 1
        while is_open and self.at < len(self.lines) and self.lines[self.at].strip():
            is_open = not self.lines[self.at].rstrip().endswith(closer)
            self.at += 1
        return _draft(self.region, BlockKind.FORMULA, unescape("\n".join(self.lines[start : self.at]).strip()))

    def take_table(self, line: str) -> Block | None:
        """Lines with pipes: a header with its rule, a rule alone, or at least two rows framed by pipes."""
        is_ruled = "|" in line and any("|" in rule and is_rule_line(rule) for rule in self.lines[self.at : self.at + 2])
        start = self.at
        end = start
        while end < len(self.lines) and ("|" in self.lines[end] if is_ruled else _FRAMED.fullmatch(self.lines[end])):
            end += 1
        if end - start < 2:
            return None
        self.at = end
        text = "\n".join(self.lines[start:end])
        table = parse_pipe_table(text)
        if table is None:
            return _draft(self.region, BlockKind.PARAGRAPH, unescape(text.strip()))
        return replace(_draft(self.region, BlockKind.TABLE, table_markdown(table)), table=table)
