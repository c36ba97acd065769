"""From a quote to the words of the page that say it.

The quote is looked for in a passage, that is text of which every character knows its place: a chunk, the metadata
that a vector store gave back, or a whole document. What is found is cited in the source's own words, with the boxes
in which those characters stand, one a line, on as many pages as they do. A highlight in the wrong place is worse
than none, so a quote that is not found has no boxes, and one that fits in several places says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from .anchors import BoxSource, Chunk, ChunkRegion, is_whole_page
from .document import Document
from .fitting import SHORT
from .geometry import Box
from .landing import Place, Spot, coarser, precision_of, source_of, spots, standing
from .metadata import Precision
from .passage import BLOCK_BREAK, Passage, as_passage
from .quotes import QuoteMatch, find_quote
from .serial import from_dict as read_dict
from .serial import to_dict

Status = Literal["verified", "repaired", "partial", "ambiguous", "not_found"]
"""The source says it letter for letter (after folding); nearly so; only a part of it, or with other words among its
own; in several places; nowhere."""

Scope = Literal["passage", "pages", "document"]
"""Where a quote was found: in the passage itself, on its pages or the ones beside them, elsewhere in the document."""

AROUND = 32
"""Characters of ``prefix`` and of ``suffix``, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationRegion:
    """Boxes on one page, one a line where lines are known, in reading order. No boxes: only the page is known."""

    page_number: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a quote stands.

    ``quote`` is the source's own text, pieces of an elided quote joined by " … "; ``start`` and ``end`` are its
    characters in the passage's text, and in that of ``Passage.from_document`` where ``scope`` says that the passage
    does not have it. ``regions`` are empty unless the place is known; ``context`` is the surrounding chunk or block, to
    be shown in a paler tone. ``score`` is 0 to 1.

    ``precision`` says what the boxes are, and the coarsest where they differ: "word" for words whose places are known;
    "line" for lines, whole or cut where the quote begins and ends, by estimate; "cell" for a table cell's lines; "row"
    and "block" for all of those. "page" and "none" have no boxes. ``box_source`` says what they were seen in.
    """

    document_id: str
    source: str
    chunk_id: str
    quote: str
    status: Status
    score: float
    precision: Precision
    regions: tuple[CitationRegion, ...]
    start: int
    end: int
    context: tuple[CitationRegion, ...] = ()
    box_source: BoxSource = ""
    prefix: str = ""
    """What stands before the quote, up to 32 characters; with ``suffix`` it tells the place from others in the text."""
    suffix: str = ""
    scope: Scope = "passage"

    @property
    def page_number(self) -> int:
        """The first cited page, counted from 1, or 0."""
        return self.regions[0].page_number if self.regions else 0

    def to_dict(self) -> dict[str, Any]:
        """The citation as JSON-ready values; a box is ``[left, top, right, bottom]``."""
        return {**to_dict(self), "page_number": self.page_number}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Citation:
        """The inverse of :meth:`to_dict`.

        Raises:
            ValueError: If a field is missing, unknown or of the wrong type; the message says which.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"not a Citation: {type(data).__name__}")  # noqa: TRY004 - whatever is read, one error
        return read_dict(cls, {name: value for name, value in data.items() if name != "page_number"})


def locate(
    quote: str, where: Passage | Chunk | Document, *, hint_page: int | None = None, document: Document | None = None
) -> Citation:
    """Find the words that say ``quote``; never raises on any text.

    The quote may leave out words as "...", "…" or "[…]". A quote under 20 characters must occur verbatim, as whole
    words and once; longer ones may differ as OCR and re-typing do, but every number in them must be in the source. A
    word in the place of another, a "not" more or less, or four words in a row that only one of them has, are no
    misreadings: such a quote is "partial" at best, and what was made up has no boxes.

    Args:
        quote: What is said to stand there.
        where: The text that should have it; the metadata of a vector store makes a ``Passage.from_metadata``.
        hint_page: Decides between places that fit equally well.
        document: The document that ``where`` is a part of, for finer boxes. A quote that ``where`` does not have, or
            only a part of, is looked for on its pages and those beside them, and, unless it is there word for word,
            everywhere; ``scope`` says so.

    Raises:
        UnknownChunk: If ``where`` is not of ``document``.
    """
    if isinstance(where, Document):
        passage = _whole(_Same(where)).passage
        return _citation(passage, _matched(quote, passage, hint_page))
    passage = as_passage(where, document)
    match = _matched(quote, passage, hint_page)
    if document is None:
        return _citation(passage, match)
    scope: Scope = "passage"
    if match is None or _is_cut_off(match, passage.text):
        scope, match = _found_around(quote, match, passage, document, hint_page)
    if scope == "passage":
        return _refined(_citation(passage, match), passage, match, document) if match else _citation(passage, None)
    citation = _citation(_whole(_Same(document)).passage, match)
    return replace(citation, chunk_id=passage.chunk_id, source=citation.source or passage.source, scope=scope)


def _found_around(
    quote: str, match: QuoteMatch | None, passage: Passage, document: Document, hint_page: int | None
) -> tuple[Scope, QuoteMatch | None]:
    """The match of a quote on the pages beside, or elsewhere, if it is better than the passage's own."""
    whole = _whole(_Same(document))
    near = whole.pages_beside({region.page_number for region in passage.regions} or {hint_page})
    scope: Scope = "passage"
    scopes: tuple[tuple[Scope, Place], ...] = (("pages", near), ("document", (0, len(whole.passage.text))))
    for wider, within in scopes:
        found = _matched(quote, whole.passage, hint_page, within=within)
        if found and (match is None or _is_better(found, match, is_near=wider == "pages")):
            scope, match = wider, found
        if match and match.score == 1:
            break
    return scope, match


def _is_better(found: QuoteMatch, match: QuoteMatch, *, is_near: bool) -> bool:
    """Whether a match is better than one that is closer; far away it must say more, not only say it more alike."""
    more = (found.is_complete, found.score == 1) > (match.is_complete, match.score == 1)
    return found.is_unique and (more or (is_near and found.score > match.score))


def _matched(quote: str, passage: Passage, hint_page: int | None, *, within: Place | None = None) -> QuoteMatch | None:
    """The quote's places in a passage or in a stretch of it."""
    first, last = within or (0, len(passage.text))
    hinted = [region for region in passage.regions if region.page_number == hint_page] if hint_page else []

    def preferred(place: Place) -> bool:
        return bool(standing(hinted, [(place[0] + first, place[1] + first)]))

    match = find_quote(quote, passage.text[first:last], preferred=preferred if hinted else None)
    return match and replace(match, places=tuple((start + first, end + first) for start, end in match.places))


def _is_cut_off(match: QuoteMatch, text: str) -> bool:
    """Whether more of the quote may stand before or after the text."""
    at_an_end = not text[: match.places[0][0]].strip() or not text[match.places[-1][1] :].strip()
    return match.is_unique and (not match.is_complete or (match.score < 1 and at_an_end))


# With the document at hand


class _Same:
    """A document by its identity; its values, of which there are many, are not compared."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.document is other.document

    def __hash__(self) -> int:
        return id(self.document)


class _Whole:
    """A document's passage, and which of its characters are of which page, without running heads and feet."""

    def __init__(self, document: Document) -> None:
        self.passage = Passage.from_document(document)
        furniture = sum(len(block.text) + len(BLOCK_BREAK) for block in document.blocks() if block.kind.is_furniture)
        end = len(self.passage.text) - furniture
        self._pages: dict[int, Place] = {}
        for region in self.passage.regions:
            if region.start <= end:
                first, last = self._pages.get(region.page_number, (region.start, region.end))
                self._pages[region.page_number] = min(first, region.start), max(last, region.end)

    def pages_beside(self, numbers: Iterable[int | None]) -> Place:
        """The characters of some pages, and of those before and after them."""
        wanted = {number + by for number in numbers if number is not None for by in (-1, 0, 1)}
        spans = [span for number, span in self._pages.items() if number in wanted]
        return min((span[0] for span in spans), default=0), max((span[1] for span in spans), default=0)


@lru_cache(maxsize=2)
def _whole(same: _Same) -> _Whole:
    return _Whole(same.document)


def _refined(citation: Citation, passage: Passage, match: QuoteMatch, document: Document) -> Citation:
    """The citation with the boxes that the document knows, where it surely says the same and they are finer."""
    if passage.is_placed or citation.precision == "word" or not (match.is_unique or citation.regions):
        return citation
    whole = _whole(_Same(document))
    shown = [spot.region for spot in spots(passage, match.places)]
    pages = {region.page_number for region in shown}
    near = whole.pages_beside(pages) if pages else (0, len(whole.passage.text))
    places: list[Place] = []
    if not pages and match.size < SHORT:
        return citation
    for start, end in match.places:
        found = _matched_beside(passage.text[start:end], whole.passage, near, shown)
        if found is None:
            return citation
        places += found.places
    finer = spots(whole.passage, places)
    precision = precision_of(finer)
    if coarser(precision, citation.precision) or not all(_is_among(spot.region, shown) for spot in finer if shown):
        return citation
    return replace(
        citation,
        regions=_by_page(finer),
        precision=precision,
        box_source=source_of(finer),
        context=citation.context or _context(_surroundings(whole.passage, places)),
    )


def _matched_beside(text: str, whole: Passage, near: Place, shown: Sequence[ChunkRegion]) -> QuoteMatch | None:
    """Where the document says what was found in a passage: once, or once where the passage's own boxes are."""

    def is_there(place: Place) -> bool:
        there = standing(whole.regions, [(place[0] + near[0], place[1] + near[0])])
        return any(_is_among(one, shown) for one in there)

    match = find_quote(text, whole.text[near[0] : near[1]], preferred=is_there)
    if match is None or match.score < 1 or not match.is_unique:
        return None
    return replace(match, places=tuple((start + near[0], end + near[0]) for start, end in match.places))


def _is_among(region: ChunkRegion, shown: Sequence[ChunkRegion]) -> bool:
    """Whether a region shares some of the page with one of the others."""
    same_page = (one for one in shown if one.page_number == region.page_number)
    return any(one.box.intersection(region.box) > 0 for one in same_page)


# Citations


def _citation(passage: Passage, match: QuoteMatch | None) -> Citation:
    if match is None:
        return cite_places(passage, (), status="not_found", score=0.0)
    if not match.is_unique:
        # A short phrase that occurs all over the text points nowhere; a whole sentence said twice is true at either.
        return cite_places(passage, match.places, status="ambiguous", score=match.score, show=match.size >= SHORT)
    status: Status = "verified" if match.score == 1 else "repaired" if match.is_complete else "partial"
    return cite_places(passage, match.places, status=status, score=match.score)


def cite_places(
    passage: Passage, places: Sequence[Place], *, status: Status = "verified", score: float = 1.0, show: bool = True
) -> Citation:
    """The citation of characters of a passage, which are a quote of it by themselves."""
    found = spots(passage, places) if show else []
    start, end = (places[0][0], places[-1][1]) if places else (0, 0)
    return Citation(
        document_id=passage.document_id,
        source=passage.source,
        chunk_id=passage.chunk_id,
        quote=" … ".join(passage.text[first:last] for first, last in places),
        status=status,
        score=round(score, 4),
        precision=precision_of(found),
        regions=_by_page(found),
        start=start,
        end=end,
        context=_context(_surroundings(passage, places)),
        box_source=source_of(found),
        prefix=passage.text[max(0, start - AROUND) : start] if places else "",
        suffix=passage.text[end : end + AROUND] if places else "",
    )


def _surroundings(passage: Passage, places: Sequence[Place]) -> Sequence[ChunkRegion]:
    """The whole chunk; in a document, the blocks that the places touch."""
    if passage.is_chunk:
        return passage.regions
    blocks = []
    for start, end in places:
        before, after = passage.text.rfind(BLOCK_BREAK, 0, start), passage.text.find(BLOCK_BREAK, end)
        blocks.append((before + 1, after if after >= 0 else len(passage.text)))
    return standing(passage.regions, blocks)


def _by_page(found: Iterable[Spot]) -> tuple[CitationRegion, ...]:
    """Boxes by page in reading order, each once."""
    pages: dict[int, dict[Box, None]] = {}
    for spot in found:
        pages.setdefault(spot.region.page_number, {}).update(dict.fromkeys(spot.boxes))
    return tuple(CitationRegion(page_number=number, boxes=tuple(boxes)) for number, boxes in pages.items())


def _context(regions: Iterable[ChunkRegion]) -> tuple[CitationRegion, ...]:
    """The boxes of whole regions, without those that say no more than the page."""
    pages: dict[int, dict[Box, None]] = {}
    for region in regions:
        found = pages.setdefault(region.page_number, {})
        if not is_whole_page(region.box):
            found[region.box] = None
    return tuple(CitationRegion(page_number=number, boxes=tuple(found)) for number, found in pages.items())
