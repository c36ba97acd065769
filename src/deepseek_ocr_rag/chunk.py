"""A document becomes chunks: along headings and tables, under a budget of tokens that is never exceeded.

What is embedded is the chunk's text under the path of its headings, and that is what the budget is for. One street for
all texts: blocks or markdown become parts (``split``, ``passages``), parts come in sections (``sections``), are priced
(``tally``), fill chunks (``pack``) and where they must are cut (``refine``, ``breaks``); here they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, get_args

from .anchors import Anchor, Chunk, Role, content_id, locate
from .chunking.pack import Packed, Packer
from .chunking.parts import Group, Keep, Part, Shown, groups_of
from .chunking.passages import passages
from .chunking.refine import Refiner
from .chunking.sections import Section, lead, sections, shorter
from .chunking.split import Splitter
from .chunking.tally import Tally
from .document import Block, BlockKind, Document, Page
from .sequence import in_sequence
from .tokens import TokenCounter, Tokenizer, token_counter

SMALLEST_BUDGET = 16

READ_AHEAD = 2048
"""Groups of parts that are counted at once where all of them are there; see ``Refiner.priced``."""

Strategy = Literal["section", "page", "block", "parent_child"]
"""Where chunks end beside their budget: with their section; with their page, too; with every block; or with their
section, and then again, smaller, within each of those chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOptions:
    """How to cut.

    Args:
        max_tokens: The hard budget for ``embedded_text``, at least 16.
        overlap: Tokens of a chunk's end, in whole sentences, that the next one of its section says again; less than
            half of ``max_tokens``.
        strategy: Where chunks end beside their budget. ``parent_child`` gives chunks of up to ``parent_tokens``
            (``role`` "parent"), each followed by its text in chunks of up to ``max_tokens`` ("child").
        counter: A vocabulary's name, a tokenizer or a function that counts; None for cl100k_base.
        parent_tokens: The budget of a parent, more than ``max_tokens``.

    Raises:
        TypeError: If a budget is no whole number, or the counter cannot count.
        ValueError: If the budgets do not fit together, or the strategy or vocabulary is unknown.
    """

    max_tokens: int = 512
    overlap: int = 0
    strategy: Strategy = "section"
    counter: Tokenizer | None = None
    parent_tokens: int = 2048

    def __post_init__(self) -> None:
        for name in ("max_tokens", "overlap", "parent_tokens"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}; pass a whole number of tokens.")
        if self.max_tokens < SMALLEST_BUDGET:
            raise ValueError(f"max_tokens is {self.max_tokens}; give a chunk at least {SMALLEST_BUDGET} tokens.")
        if not 0 <= 2 * self.overlap < self.max_tokens:
            raise ValueError(f"overlap is {self.overlap}; it is 0 or more, and less than half of max_tokens.")
        if self.strategy not in get_args(Strategy):
            raise ValueError(f"strategy={self.strategy!r}: pass one of {', '.join(get_args(Strategy))}.")
        if self.parent_tokens < SMALLEST_BUDGET:
            raise ValueError(f"parent_tokens is {self.parent_tokens}; give a parent at least {SMALLEST_BUDGET} tokens.")
        if self.strategy == "parent_child" and self.parent_tokens <= self.max_tokens:
            raise ValueError(
                f"parent_tokens is {self.parent_tokens}; parents are larger than their children ({self.max_tokens})."
            )
        token_counter(self.counter)

    @property
    def token_counter(self) -> TokenCounter:
        """The counter to use."""
        return token_counter(self.counter)


def chunk_document(document: Document, options: ChunkOptions | None = None) -> Iterator[Chunk]:
    """Cut a document into chunks, in reading order.

    Promises that no chunk's ``embedded_text`` is over the budget; that every character of every block is in a chunk,
    but for running heads and feet, white space at cuts, the header that a table's continuation says again, and the
    hyphen of a word that a page break cut in two; and that the same document and options give the same chunks with
    the same ids. A parent comes before its children.

    Raises:
        ValueError: If not even one character fits the budget, which only a strange counter can bring about.
    """
    options = options or ChunkOptions()
    groups = _groups(document.pages, by_page=options.strategy == "page")
    return chunk_groups(groups, document_id=document.id, options=options)


def chunk_pages(pages: Iterable[Page], *, document_id: str, options: ChunkOptions | None = None) -> Iterator[Chunk]:
    """Cut pages into chunks as they come: those of :func:`chunk_document`, each as soon as it is full.

    Args:
        pages: In order.
        document_id: The document's id, which is part of the chunks' ids.
        options: How to cut.

    Raises:
        ValueError: As :func:`chunk_document` does.
    """
    options = options or ChunkOptions()
    groups = _groups(pages, by_page=options.strategy == "page")
    return chunk_groups(groups, document_id=document_id, options=options, ahead=1)


def chunk_markdown(text: str, options: ChunkOptions | None = None, *, document_id: str = "") -> Iterator[Chunk]:
    """Cut markdown from elsewhere into chunks, which say where in the text they are from and have no regions.

    Headings (with ``#`` or underlined), tables in pipes and HTML, lists, code and formulas are known as such. All is
    shown as it was written, with one or two newlines between blocks. It has no pages: by ``page`` is by ``section``.

    Args:
        text: The markdown.
        options: How to cut.
        document_id: What tells this text's chunks from those of others that say the same.

    Raises:
        TypeError: If the text is none, such as bytes.
        ValueError: As :func:`chunk_document` does.
    """
    if not isinstance(text, str):
        raise TypeError(f"cannot cut {type(text).__name__} as markdown: pass text.")
    return chunk_groups(passages(text), document_id=document_id, options=options or ChunkOptions())


# Sections to chunks


def chunk_groups(
    groups: Iterable[Group], *, document_id: str, options: ChunkOptions, ahead: int = READ_AHEAD
) -> Iterator[Chunk]:
    """Cut parts into chunks, whatever they were made of: what the functions above have in common."""
    yield from _Cutter(document_id, options).chunks(groups, ahead=ahead)


class _Cutter:
    """Makes the chunks of one document, and numbers them."""

    def __init__(self, document_id: str, options: ChunkOptions) -> None:
        counter = options.token_counter
        self._document_id = document_id
        self._options = options
        self._unit = counter.name
        self._tally = Tally(counter)
        self._refiner = Refiner(self._tally)
        self._index = 0

    def chunks(self, groups: Iterable[Group], *, ahead: int) -> Iterator[Chunk]:
        options = self._options
        budget = options.parent_tokens if options.strategy == "parent_child" else options.max_tokens
        priced = self._refiner.priced(groups, budget, ahead=ahead)
        for section in sections(priced, by_page=options.strategy == "page"):
            headings, cost = self._affordable(section.headings)
            packer = Packer(
                refiner=self._refiner, budget=budget, lead=lead(headings), lead_cost=cost, overlap=options.overlap
            )
            placed = replace(section, headings=headings)
            yield from self._families(placed, packer) if budget > options.max_tokens else self._plain(placed, packer)

    def _plain(self, section: Section, packer: Packer) -> Iterator[Chunk]:
        by_block = self._options.strategy == "block"
        for groups in _one_by_one(section.groups) if by_block else [section.groups]:
            for packed in packer.pack(groups):
                yield self._chunk(section, packed)

    def _families(self, section: Section, packer: Packer) -> Iterator[Chunk]:
        packer.overlap = 0
        small = replace(packer, budget=self._options.max_tokens, overlap=self._options.overlap)
        for packed in packer.pack(section.groups):
            parent = self._chunk(section, packed, role="parent")
            yield parent
            for inner in small.pack(groups_of(packed.parts)):
                yield self._chunk(section, inner, role="child", parent_id=parent.id)

    def _affordable(self, headings: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """Headings, shortened until they leave the text the larger part of the budget, and what they cost."""
        while headings:
            cost = self._tally.count(lead(headings))
            if cost <= self._options.max_tokens // 2:
                return headings, cost
            headings = shorter(headings)
        return (), self._tally.overhead

    def _chunk(self, section: Section, packed: Packed, *, role: Role = "", parent_id: str = "") -> Chunk:
        text, shown = _written(packed.shown)
        anchors = tuple(anchor for _, anchor in shown)
        places = [
            (at.block_id, at.start, at.end, at.chunk_start, at.repeated, *(("overlap",) if at.overlap else ()))
            for at in anchors
        ]
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        facts = (self._document_id, self._unit, *places, digest)
        regions = [locate(block, at.start, at.end, at=at.chunk_start) for block, at in shown if block]
        start, end = (-1, -1) if packed.parts[0].block else _span(packed.parts)
        self._index += 1
        return Chunk(
            id=content_id(*facts, role) if role == "parent" else content_id(*facts),
            document_id=self._document_id,
            index=self._index - 1,
            text=text,
            kind=_dominant_kind(packed.shown),
            headings=section.headings,
            section_level=section.level,
            anchors=anchors,
            regions=tuple(chain.from_iterable(regions)),
            token_count=packed.tokens,
            parent_id=parent_id,
            role=role,
            start=start,
            end=end,
        )


def _groups(pages: Iterable[Page], *, by_page: bool) -> Iterator[Group]:
    """The parts of a document's blocks; those of a page stay on it, or what goes on over its end is joined."""
    splitter = Splitter()
    if by_page:
        return chain.from_iterable(splitter.groups(in_sequence(page.blocks)) for page in pages)
    return splitter.groups(in_sequence(block for page in pages for block in page.blocks))


def _one_by_one(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Each group alone, but headings with the group that they stand over."""
    waiting: list[Group] = []
    for group in groups:
        waiting.append(group)
        if group[-1].keep is not Keep.ALWAYS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


# Writing


def _written(shown: list[Shown]) -> tuple[str, list[tuple[Block | None, Anchor]]]:
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


def _span(parts: list[Part]) -> tuple[int, int]:
    """Where the parts of a markdown that a chunk is for stand in it, with what is written around them."""
    own = [part for part in parts if not part.is_overlap]
    return own[0].span[0], own[-1].span[1]


def _dominant_kind(shown: list[Shown]) -> BlockKind:
    sizes: dict[BlockKind, int] = {}
    for part, _, _ in shown:
        sizes[part.kind] = sizes.get(part.kind, 0) + part.end - part.start
    kinds = [kind for kind in sizes if not kind.is_heading] or list(sizes)
    return max(kinds, key=sizes.__getitem__)
