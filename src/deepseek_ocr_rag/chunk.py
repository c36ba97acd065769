"""A document becomes chunks: along headings and tables, under a budget of tokens that is never exceeded.

What is embedded is the chunk's text under the path of its headings, and that is what is counted, by counting it: the
tokens of parts do not add up to the tokens of the whole.

A chunk does not carry boxes of its own. It says which characters of which block it shows (anchors), and the boxes
follow from the lines of those blocks, however the text was split, merged or repeated.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from .document import Block, BlockKind, Document
from .geometry import Box
from .pack import Packer, Placed, write
from .split import Group, Keep, Part, Splitter
from .tokens import TokenCounter, Tokenizer, token_counter

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "deepseek-ocr-rag")
"""Ids of chunks, pages and documents are uuid5 in here: vector stores want UUIDs, and re-ingestion the same ones."""

SMALLEST_BUDGET = 16
PATH_LENGTH = 256
"""Longest section path; search engines do not index longer keywords."""

WHOLE_PAGE = Box(left=0, top=0, right=1, bottom=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Characters ``[start, end)`` of the block's text stand in the chunk's text from ``chunk_start`` on.

    ``repeated`` marks the header of a table that is said again above rows which are far from it.
    """

    block_id: str
    page_number: int
    start: int
    end: int
    chunk_start: int
    repeated: bool = False

    @property
    def chunk_end(self) -> int:
        """Where the characters end in the chunk."""
        return self.chunk_start + self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRegion:
    """Characters ``[start, end)`` of the chunk's text stand in ``box``: a line, or a block where lines are unknown."""

    page_number: int
    box: Box
    start: int
    end: int


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

    @property
    def section_path(self) -> str:
        """The headings in one line of at most 256 characters, shortened at the front."""
        return _section_path(self.headings)

    @property
    def embedded_text(self) -> str:
        """What is embedded: the text under its section path, in the words of LlamaIndex's metadata template."""
        return _lead(self.headings) + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOptions:
    """How to cut.

    Args:
        max_tokens: The hard budget for ``embedded_text``, at least 16.
        counter: A vocabulary's name, a tokenizer or a function that counts; None for cl100k_base.
        merge: Whether small blocks under the same heading share a chunk.

    Raises:
        ValueError: If the budget is too small or the vocabulary unknown.
    """

    max_tokens: int = 512
    counter: Tokenizer | None = None
    merge: bool = True

    def __post_init__(self) -> None:
        if self.max_tokens < SMALLEST_BUDGET:
            raise ValueError(f"max_tokens is {self.max_tokens}; give a chunk at least {SMALLEST_BUDGET} tokens.")
        token_counter(self.counter)

    @property
    def token_counter(self) -> TokenCounter:
        """The counter to use."""
        return token_counter(self.counter)


def chunk_document(document: Document, options: ChunkOptions | None = None) -> Iterator[Chunk]:
    """Cut a document into chunks, in reading order.

    Promises that no chunk's ``embedded_text`` is over the budget; that every character of every block is in a chunk,
    but for running heads and feet, white space at cuts, and the header that a table's continuation says again; and
    that the same document and options give the same chunks with the same ids.

    Raises:
        ValueError: If not even one character fits the budget, which only a strange counter can bring about.
    """
    options = options or ChunkOptions()
    counter = options.token_counter
    splitter = Splitter(counter)
    index = 0
    for whole in _sections(document):
        section = whole.shortened(counter, options.max_tokens // 2)
        packer = Packer(splitter=splitter, budget=options.max_tokens, lead=_lead(section.headings))
        groups = list(splitter.groups(section.blocks, room=packer.room))
        for bundle in [groups] if options.merge else _one_by_one(groups):
            for parts, tokens in packer.pack(bundle):
                yield _chunk(_Draft(document.id, index, section, counter.name), parts, tokens)
                index += 1


def locate(block: Block, start: int, end: int, *, at: int) -> Iterator[ChunkRegion]:
    """Where characters ``[start, end)`` of a block stand on the page, when they stand from ``at`` on in a text.

    One region for each line that has some of them; where no line is known for any, one for each box of the block; and
    the whole page for a block without boxes.
    """
    found = False
    for line in block.lines:
        first, last = max(line.start, start), min(line.end, end)
        if first < last:
            found = True
            moved = at - start
            yield ChunkRegion(page_number=block.page_number, box=line.box, start=first + moved, end=last + moved)
    if not found:
        for box in block.boxes or (WHOLE_PAGE,):
            yield ChunkRegion(page_number=block.page_number, box=box, start=at, end=at + end - start)


def content_id(*facts: object) -> str:
    """A UUID that depends on nothing but the facts."""
    digest = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
    return str(uuid.uuid5(NAMESPACE, digest))


# Sections and their paths


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Blocks under one heading; the heading, and headings above it with nothing between, come first."""

    headings: tuple[str, ...]
    level: int
    blocks: tuple[Block, ...]

    def shortened(self, count: TokenCounter, limit: int) -> _Section:
        """The section with its headings shortened until they leave the text the larger part of the budget."""
        shown = self.headings
        while shown and count(_lead(shown)) > limit:
            names = shown[1:] if shown[0] == "…" else shown
            last = names[-1]
            if len(names) > 1:
                shown = ("…", *names[1:])
            else:
                shown = ("…", last[: len(last) // 2].rstrip("… ") + "…") if len(last) > 8 else ()
        return replace(self, headings=shown)


def _sections(document: Document) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    blocks: list[Block] = []
    for block in document.blocks():
        if block.kind.is_furniture or not block.text.strip():
            continue
        if block.kind.is_heading:
            if blocks and not blocks[-1].kind.is_heading:
                yield _section(path, blocks)
                blocks = []
            level = max(1, block.level)
            path = [*(entry for entry in path if entry[0] < level), (level, " ".join(block.text.split()))]
        blocks.append(block)
    if blocks:
        yield _section(path, blocks)


def _section(path: Sequence[tuple[int, str]], blocks: Sequence[Block]) -> _Section:
    return _Section(headings=tuple(text for _, text in path), level=path[-1][0] if path else 0, blocks=tuple(blocks))


def _section_path(headings: Sequence[str]) -> str:
    path, names = " > ".join(headings), list(headings)
    while len(path) > PATH_LENGTH and len(names) > 1:
        names = names[1:]
        path = " > ".join(["…", *names])
    return path if len(path) <= PATH_LENGTH else path[: PATH_LENGTH - 1] + "…"


def _lead(headings: Sequence[str]) -> str:
    return f"section_path: {_section_path(headings)}\n\n" if headings else ""


def _one_by_one(groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    """Each group alone, but headings with the group that they stand over."""
    begin = 0
    for at, group in enumerate(groups):
        if group[-1].keep is not Keep.ALWAYS or at == len(groups) - 1:
            yield groups[begin : at + 1]
            begin = at + 1


# Writing


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is known of a chunk before its text is."""

    document_id: str
    index: int
    section: _Section
    unit: str
    """The name of the token counter: the same text cut by another counter is another chunk."""


def _chunk(draft: _Draft, parts: Sequence[Part], tokens: int) -> Chunk:
    text, placed = write(parts)
    shown = _merged(placed, text)
    anchors = tuple(anchor for _, anchor in shown)
    places = tuple((at.block_id, at.start, at.end, at.chunk_start, at.repeated) for at in anchors)
    regions = (locate(block, anchor.start, anchor.end, at=anchor.chunk_start) for block, anchor in shown)
    return Chunk(
        id=content_id(draft.document_id, draft.unit, places, text),
        document_id=draft.document_id,
        index=draft.index,
        text=text,
        kind=_dominant_kind(shown),
        headings=draft.section.headings,
        section_level=draft.section.level,
        anchors=anchors,
        regions=tuple(chain.from_iterable(regions)),
        token_count=tokens,
    )


def _merged(placed: Sequence[Placed], text: str) -> list[tuple[Block, Anchor]]:
    """The anchors of the parts; neighbours that stand in the chunk just as in their block, such as rows, are one."""
    merged: list[tuple[Block, Anchor]] = []
    for one in placed:
        block, anchor = one.part.block, _anchor(one)
        if merged and merged[-1][0] is block and merged[-1][1].repeated == one.repeated:
            last = merged[-1][1]
            if block.text[last.end : anchor.start] == text[last.chunk_end : anchor.chunk_start]:
                merged[-1] = block, replace(last, end=anchor.end)
                continue
        merged.append((block, anchor))
    return merged


def _anchor(placed: Placed) -> Anchor:
    part = placed.part
    return Anchor(
        block_id=part.block.id,
        page_number=part.block.page_number,
        start=part.start,
        end=part.end,
        chunk_start=placed.at,
        repeated=placed.repeated,
    )


def _dominant_kind(shown: Sequence[tuple[Block, Anchor]]) -> BlockKind:
    sizes: Counter[BlockKind] = Counter()
    for block, anchor in shown:
        sizes[block.kind] += anchor.end - anchor.start
    kinds = [kind for kind in sizes if not kind.is_heading] or list(sizes)
    return max(kinds, key=lambda kind: sizes[kind])
