"""What a chunk is, and how its characters are known to stand on the page.

A chunk does not carry boxes of its own. It says which characters of which block it shows (anchors), and the boxes
follow from the lines of those blocks, however the text was split, merged or repeated.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from .chunking.parts import Part, Shown
from .chunking.sections import lead, section_path
from .document import Block, BlockKind, Line
from .geometry import PAGE_BOX, Box
from .linewords import NO_WORDS, LineWord, LineWords

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "deepseek-ocr-rag")
"""Ids of chunks, pages and documents are uuid5 in here: vector stores want UUIDs, and re-ingestion the same ones."""

_NEARLY_ALL = 0.98
"""A box over more of the page than this says no more than the page."""
_VISIBLE = re.compile(r"\S")
_NEWLINE = re.compile(r"\n")

Role = Literal["", "parent", "child"]

BoxSource = Literal["text_layer", "ocr", "ink", "model", "block", ""]
"""What a box was seen in: the PDF's own text, OCR, the ink on the picture, the model's answer; the whole block's box or
a share of it; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Characters ``[start, end)`` of the block's text stand in the chunk's text from ``chunk_start`` on.

    ``repeated`` marks the header or caption of a table that is said again above rows which are far from it;
    ``overlap`` the end of the chunk before. In chunks of markdown there are no blocks and pages: ``block_id`` is
    empty, ``page_number`` 0, and ``start`` and ``end`` count in the whole text.
    """

    block_id: str
    page_number: int
    start: int
    end: int
    chunk_start: int
    repeated: bool = False
    overlap: bool = False

    @property
    def chunk_end(self) -> int:
        """Where the characters end in the chunk."""
        return self.chunk_start + self.end - self.start

    @property
    def is_own(self) -> bool:
        """Whether no other chunk is the one for these characters."""
        return not (self.repeated or self.overlap)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRegion:
    """Characters ``[start, end)`` of the chunk's text stand in ``box``: a line, or a block where lines are unknown."""

    page_number: int
    box: Box
    start: int
    end: int
    is_approximate: bool = field(default=False, compare=False)
    """Whether the box is a guess, or holds text of the page that these characters are not."""
    words: Sequence[LineWord] = field(default=NO_WORDS, compare=False)
    """Where words of these characters stand, as far as that is known; counted in the chunk's text, too."""
    source: BoxSource = field(default="", compare=False)
    """What the box was seen in, as far as that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document to search for and to cite."""

    id: str
    document_id: str
    index: int
    text: str
    kind: BlockKind
    """The kind that most of the text is of; a heading only where there is nothing else."""
    headings: tuple[str, ...]
    """The headings above the text, outermost first. A leading ``…`` stands for some left out to keep the budget."""
    section_level: int
    """Level of the innermost heading, 0 where there is none."""
    anchors: tuple[Anchor, ...]
    regions: tuple[ChunkRegion, ...]
    token_count: int
    """Tokens of ``embedded_text``."""
    parent_id: str = ""
    """For a child: the id of the chunk that it lies in."""
    role: Role = ""
    start: int = -1
    """For a chunk of markdown: the characters ``[start, end)`` of it that the chunk is for; else -1."""
    end: int = -1

    @property
    def section_path(self) -> str:
        """The headings in one line of at most 256 characters, shortened at the front."""
        return section_path(self.headings)

    @property
    def embedded_text(self) -> str:
        """What is embedded: the text under its section path, in the words of LlamaIndex's metadata template."""
        return lead(self.headings) + self.text


class Cut(NamedTuple):
    """A chunk without its regions, and the block that each of its anchors is of; None in markdown from elsewhere."""

    chunk: Chunk
    blocks: tuple[Block | None, ...]

    def located(self) -> Chunk:
        """The chunk with its regions, which take longer to make than all else."""
        places = zip(self.chunk.anchors, self.blocks, strict=True)
        regions = (locate(block, at.start, at.end, at=at.chunk_start) for at, block in places if block)
        return replace(self.chunk, regions=tuple(chain.from_iterable(regions)))


def is_whole_page(box: Box) -> bool:
    """Whether a box says no more than the page, as those of text do of which no place is known."""
    return (box.right - box.left) * (box.bottom - box.top) > _NEARLY_ALL


def lines_showing(block: Block, start: int, end: int) -> Sequence[Line]:
    """The lines that have some of the characters ``[start, end)`` of a block.

    Lines are taken to be in order and not to overlap. Where they do, some may be missed.
    """
    lines = block.lines
    first = max(0, bisect_left(lines, start, key=_line_start) - 1) if start > 0 else 0
    last = bisect_left(lines, end, first, key=_line_start) if end < len(block.text) else len(lines)
    return [line for line in lines[first:last] if max(line.start, start) < min(line.end, end)]


def locate(block: Block, start: int, end: int, *, at: int) -> Iterator[ChunkRegion]:
    """Where characters ``[start, end)`` of a block stand on the page, when they stand from ``at`` on in a text.

    One region for each line that has some of them, with its words. Where no line is known for any, one for each of
    :func:`boxes_showing`, and the whole page for a block without boxes.
    """
    page_number, lines = block.page_number, lines_showing(block, start, end)
    for line in lines:
        first, last = max(line.start, start), min(line.end, end)
        yield ChunkRegion(
            page_number=page_number,
            box=line.box,
            start=first + at - start,
            end=last + at - start,
            is_approximate=line.source == "ink",
            words=LineWords.of(line.words).cut(first, last, moved=at - start),
            source=line.source,
        )
    if lines:
        return
    boxes, is_part = boxes_showing(block, start, end)
    for box in boxes or (PAGE_BOX,):
        yield ChunkRegion(
            page_number=page_number,
            box=box,
            start=at,
            end=at + end - start,
            is_approximate=is_part or not boxes,
            source="block" if boxes else "",
        )


def boxes_showing(block: Block, start: int, end: int) -> tuple[tuple[Box, ...], bool]:
    """The boxes of a block for characters ``[start, end)`` that no line is known for, and whether it says more.

    The band of a table's rows, if they are some of its rows; else all of the block's boxes.
    """
    is_part = bool(_VISIBLE.search(block.text, 0, start) or _VISIBLE.search(block.text, end))
    is_band = is_part and block.table and len(block.boxes) == 1
    return _band(block, start, end) if is_band else block.boxes, is_part


def _line_start(line: Line) -> int:
    return line.start


def _band(block: Block, start: int, end: int) -> tuple[Box, ...]:
    """About where some rows of a table stand in its box, taking all rows to be of one height."""
    table, box = block.table, block.boxes[0]
    if table is None or not block.text.startswith("|"):
        return block.boxes
    # Line 0 of the markdown is the first row, line 1 the rule under it.
    ends = _line_ends(block.text)
    first, last = (max(0, bisect_left(ends, place) - 1) for place in (start, max(start, end - 1)))
    if last >= table.rows:
        return block.boxes
    height = box.height / table.rows
    return (replace(box, top=box.top + first * height, bottom=min(box.bottom, box.top + (last + 1) * height)),)


@lru_cache(maxsize=8)
def _line_ends(text: str) -> Sequence[int]:
    """Where the newlines of a text stand; kept for a few texts, since chunks of a table come one after the other."""
    return [match.start() for match in _NEWLINE.finditer(text)]


def content_id(*facts: object) -> str:
    """A UUID that depends on nothing but the facts."""
    digest = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
    return str(uuid.uuid5(NAMESPACE, digest))


# Writing


def anchored(shown: Sequence[Shown]) -> tuple[str, list[tuple[Block | None, Anchor]]]:
    """The text of a chunk, and which characters of which blocks stand where in it.

    Neighbours that stand in the chunk just as in their block, such as rows, have one anchor.
    """
    last, begin = shown[0], shown[0].part.start
    pieces = [last.part.opening]
    length = len(pieces[0])
    anchors: list[tuple[Block | None, Anchor]] = []
    for one in shown[1:]:
        between = last.part.after + one.glue + one.part.before
        if not _goes_on(last, one, between):
            end = last.part.end
            anchors.append((last.part.block, _anchor(last, begin, length)))
            pieces += (last.part.text[begin:end], between)
            length += end - begin + len(between)
            begin = one.part.start
        last = one
    anchors.append((last.part.block, _anchor(last, begin, length)))
    pieces += (last.part.text[begin : last.part.end], last.part.after)
    return "".join(pieces), anchors


def _goes_on(last: Shown, shown: Shown, between: str) -> bool:
    """Whether two parts that stand in a chunk with ``between`` between them do so in one block."""
    part, before = shown.part, last.part
    return (
        part.start - before.end == len(between)
        and part.text is before.text
        and part.block is before.block
        and part.text.startswith(between, before.end)
        and last.is_repeated == shown.is_repeated
        and before.is_overlap == part.is_overlap
    )


def _anchor(last: Shown, start: int, chunk_start: int) -> Anchor:
    """The anchor that begins at ``start`` and ends with the part that was shown last."""
    part = last.part
    return Anchor(
        block_id=part.block.id if part.block else "",
        page_number=part.block.page_number if part.block else 0,
        start=start,
        end=part.end,
        chunk_start=chunk_start,
        repeated=last.is_repeated,
        overlap=part.is_overlap,
    )


def span_of(parts: Sequence[Part]) -> tuple[int, int]:
    """Where the parts of a markdown that a chunk is for stand in it, with what is written around them."""
    own = [part for part in parts if not part.is_overlap]
    return own[0].span[0], own[-1].span[1]


def dominant_kind(shown: Sequence[Shown]) -> BlockKind:
    """The kind that most of what is shown is of; a heading only where there is nothing else."""
    sizes: dict[BlockKind, int] = {}
    for part, _, _ in shown:
        sizes[part.kind] = sizes.get(part.kind, 0) + part.end - part.start
    kinds = [kind for kind in sizes if not kind.is_heading] or list(sizes)
    return max(kinds, key=sizes.__getitem__)
