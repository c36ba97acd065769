"""A document becomes chunks: along headings and tables, under a budget of tokens that is never exceeded.

What is embedded is the chunk's text under the path of its headings, and that is what the budget is for. One street for
all texts: blocks or markdown become parts (``split``, ``passages``), parts come in sections (``sections``), are priced
(``tally``), fill chunks (``pack``) and where they must are cut (``refine``, ``breaks``); here they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from typing import Literal, get_args

from .anchors import Chunk, Cut, Role, anchored, content_id, dominant_kind, span_of
from .chunking.pack import Packed, Packer
from .chunking.parts import Group, Keep, Part, groups_of
from .chunking.passages import passages
from .chunking.refine import Refiner
from .chunking.sections import Outline, lead, shorter
from .chunking.split import Splitter
from .chunking.tally import Tally
from .document import Block, Document, Page
from .sequence import Sequencer
from .tokens import TokenCounter, Tokenizer, token_counter

SMALLEST_BUDGET = 16

READ_AHEAD = 2048
"""Groups of parts that are counted at once where all of them are there: the encoder's tables stay in the processor's
cache meanwhile, which makes all of cutting a fifth faster."""

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
    intake = _Intake(by_page=options.strategy == "page")
    groups = chain.from_iterable((*map(intake.push, document.pages), intake.end()))
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
    cuts = PageCuts(document_id, options or ChunkOptions())
    for page in pages:
        yield from map(Cut.located, cuts.push(page))
    yield from map(Cut.located, cuts.end())


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


class PageCuts:
    """Cuts pages that come one by one.

    Args:
        document_id: The document's id.
        options: How to cut.
    """

    def __init__(self, document_id: str, options: ChunkOptions) -> None:
        self._intake = _Intake(by_page=options.strategy == "page")
        self._cutter = _Cutter(document_id, options)

    def push(self, page: Page) -> list[Cut]:
        """The chunks that are full with one more page."""
        return list(self._cutter.push(self._intake.push(page)))

    def end(self) -> list[Cut]:
        """The last chunks."""
        return [*self._cutter.push(self._intake.end()), *self._cutter.end()]

    def open_pages(self) -> set[int]:
        """The numbers of the pages of which something is in no chunk yet."""
        blocks = chain(self._intake.waiting(), (part.block for part in self._cutter.waiting()))
        return {block.page_number for block in blocks if block is not None}


class _Intake:
    """Makes groups of pages; those of a page stay on it, or what goes on over its end is joined."""

    def __init__(self, *, by_page: bool) -> None:
        self._by_page = by_page
        self._order = Sequencer()
        self._splitter = Splitter()

    def push(self, page: Page) -> list[Group]:
        groups = self._splitter.push(chain.from_iterable(map(self._order.push, page.blocks)))
        return groups + self.end() if self._by_page else groups

    def end(self) -> list[Group]:
        return self._splitter.push(self._order.end()) + self._splitter.end()

    def waiting(self) -> Iterator[Block]:
        return chain(self._order.waiting, self._splitter.pending)


def chunk_groups(
    groups: Iterable[Group], *, document_id: str, options: ChunkOptions, ahead: int = READ_AHEAD
) -> Iterator[Chunk]:
    """Cut parts into chunks, whatever they were made of: what the functions above have in common."""
    cutter, source = _Cutter(document_id, options), iter(groups)
    while batch := list(islice(source, ahead)):
        yield from map(Cut.located, cutter.push(batch))
    yield from map(Cut.located, cutter.end())


# Sections to chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """What stands under one heading: its headings, and what fills its chunks, and the children of these."""

    headings: tuple[str, ...]
    level: int
    packer: Packer
    children: Packer | None


class _Cutter:
    """Makes the chunks of one document, and numbers them."""

    def __init__(self, document_id: str, options: ChunkOptions) -> None:
        counter = options.token_counter
        self._document_id = document_id
        self._options = options
        self._unit = counter.name
        self._tally = Tally(counter)
        self._refiner = Refiner(self._tally)
        self._budget = options.parent_tokens if options.strategy == "parent_child" else options.max_tokens
        self._outline = Outline(by_page=options.strategy == "page")
        self._unpriced: list[Group] = []
        self._opening: list[Group] = []
        """Headings and what else wants to stand with what follows it."""
        self._section: _Section | None = None
        self._index = 0

    def push(self, groups: Iterable[Group]) -> Iterator[Cut]:
        """The chunks that are full with these groups; a group has its price when it is known what follows it."""
        known = [*self._unpriced, *groups]
        self._unpriced = known[-1:]
        for group, following in pairwise(known):
            self._refiner.price(group, following, self._budget)
        return chain.from_iterable(map(self._take, known[:-1]))

    def end(self) -> Iterator[Cut]:
        """The last chunks."""
        for group in self._unpriced:
            self._refiner.price(group, None, self._budget)
            yield from self._take(group)
        yield from self._end_section()

    def waiting(self) -> Iterator[Part]:
        """The parts that are in no chunk yet."""
        groups = chain.from_iterable((*self._unpriced, *self._opening))
        return chain(groups, self._section.packer.open if self._section else ())

    def _take(self, group: Group) -> Iterator[Cut]:
        if self._outline.begins_with(group):
            yield from self._end_section()
        self._outline.enter(group)
        self._opening.append(group)
        by_block = self._options.strategy == "block"
        if not (group[0].title or (by_block and group[-1].keep is Keep.ALWAYS)):
            yield from self._pack()

    def _end_section(self) -> Iterator[Cut]:
        if self._opening:
            yield from self._pack()
        section, self._section = self._section, None
        if section is not None:
            for packed in section.packer.end():
                yield from self._cuts(section, packed)

    def _pack(self) -> Iterator[Cut]:
        section = self._section = self._section or self._begun()
        groups, self._opening = self._opening, []
        if self._options.strategy == "block":
            packs = (section.packer.pack(one) for one in _one_by_one(groups))
        else:
            packs = (section.packer.push(group) for group in groups)
        for packed in chain.from_iterable(packs):
            yield from self._cuts(section, packed)

    def _begun(self) -> _Section:
        options, (headings, cost) = self._options, self._affordable(self._outline.headings)
        budget, above = options.max_tokens, lead(headings)
        small = Packer(refiner=self._refiner, budget=budget, lead=above, lead_cost=cost, overlap=options.overlap)
        if self._budget == budget:
            return _Section(headings=headings, level=self._outline.level, packer=small, children=None)
        large = replace(small, budget=self._budget, overlap=0)
        return _Section(headings=headings, level=self._outline.level, packer=large, children=small)

    def _cuts(self, section: _Section, packed: Packed) -> Iterator[Cut]:
        """A chunk, and those that it is cut into."""
        whole = self._cut(section, packed, role="parent" if section.children else "")
        yield whole
        for inner in section.children.pack(groups_of(packed.parts)) if section.children else ():
            yield self._cut(section, inner, role="child", parent_id=whole.chunk.id)

    def _affordable(self, headings: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """Headings, shortened until they leave the text the larger part of the budget, and what they cost."""
        while headings:
            cost = self._tally.count(lead(headings))
            if cost <= self._options.max_tokens // 2:
                return headings, cost
            headings = shorter(headings)
        return (), self._tally.overhead

    def _cut(self, section: _Section, packed: Packed, *, role: Role = "", parent_id: str = "") -> Cut:
        text, shown = anchored(packed.shown)
        anchors = tuple(anchor for _, anchor in shown)
        places = [
            (at.block_id, at.start, at.end, at.chunk_start, at.repeated, *(("overlap",) if at.overlap else ()))
            for at in anchors
        ]
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        facts = (self._document_id, self._unit, *places, digest)
        start, end = (-1, -1) if packed.parts[0].block else span_of(packed.parts)
        self._index += 1
        chunk = Chunk(
            id=content_id(*facts, role) if role == "parent" else content_id(*facts),
            document_id=self._document_id,
            index=self._index - 1,
            text=text,
            kind=dominant_kind(packed.shown),
            headings=section.headings,
            section_level=section.level,
            anchors=anchors,
            regions=(),
            token_count=packed.tokens,
            parent_id=parent_id,
            role=role,
            start=start,
            end=end,
        )
        return Cut(chunk, tuple(block for block, _ in shown))


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
