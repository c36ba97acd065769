"""From a quote to the lines of the page that say it.

The quote is looked for in a passage, that is text of which every character knows its place: a chunk, the metadata
that a vector store gave back, or a whole document. What is found is cited in the source's own words, with the boxes
of the lines in which those characters stand, on as many pages as they do. A highlight in the wrong place is worse
than none, so a quote that is not found has no boxes, and one that fits in several places says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .anchors import Chunk, ChunkRegion, is_whole_page
from .anchors import locate as place_block
from .document import Document
from .geometry import PAGE_BOX, Box
from .metadata import Precision, parse_regions
from .quotes import CJK, SHORT, find_quote
from .serial import to_dict

Status = Literal["verified", "repaired", "partial", "ambiguous", "not_found"]
"""The source says it letter for letter (after folding); nearly so; only a part of it; in several places; nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationRegion:
    """Boxes on one page, one a line where lines are known, in reading order. No boxes: only the page is known."""

    page_number: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a quote stands.

    ``quote`` is the source's own text, pieces of an elided quote joined by " … "; ``start`` and ``end`` are its
    characters in the passage's text. ``regions`` are empty unless the place is known; ``context`` is the surrounding
    chunk or block, to be shown in a paler tone. ``precision`` says what the boxes are: lines of text or whole blocks;
    "page" and "none" have no boxes. ``score`` is 0 to 1.
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

    @property
    def page_number(self) -> int:
        """The first cited page, counted from 1, or 0."""
        return self.regions[0].page_number if self.regions else 0

    def to_dict(self) -> dict[str, Any]:
        """The citation as JSON-ready values; a box is ``[left, top, right, bottom]``."""
        return {**to_dict(self), "page_number": self.page_number}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Text of which characters ``[start, end)`` of each region stand in its box.

    ``precision`` says what the regions are at least: of "page" no boxes are shown, of "line" each is a line's, and else
    they are judged by their size. A region over the whole page says no more than the page. The context of a citation is
    the whole passage if ``is_chunk``, else the blocks around the quote.
    """

    text: str
    regions: tuple[ChunkRegion, ...]
    document_id: str = ""
    source: str = ""
    chunk_id: str = ""
    precision: Precision | None = None
    is_chunk: bool = True

    @classmethod
    def from_chunk(cls, chunk: Chunk, *, source: str = "") -> Passage:
        """The passage of a chunk."""
        return cls(
            text=chunk.text, regions=chunk.regions, document_id=chunk.document_id, source=source, chunk_id=chunk.id
        )

    @classmethod
    def from_metadata(cls, text: str, metadata: Mapping[str, object]) -> Passage:
        """The passage of what a vector store gave back: a chunk's text and its metadata.

        Splitters of the frameworks copy a text's metadata to each piece. Regions that reach beyond the text are of
        such a longer one and would lead to the wrong lines, so they are not used; the page is still known.

        Raises:
            UnknownChunk: If the metadata's regions are not ours.
        """
        regions = parse_regions(str(metadata.get("regions") or "[]"))
        if any(region.end > len(text) for region in regions):
            regions = ()
        first, last = metadata.get("page_number"), metadata.get("page_end_number")
        if not regions and first == last and isinstance(first, int | float) and 1 <= first < 2**31:
            regions = (ChunkRegion(page_number=int(first), box=PAGE_BOX, start=0, end=len(text)),)
        precisions: dict[object, Precision] = {"line": "line", "block": "block", "page": "page"}
        return cls(
            text=text,
            regions=regions,
            document_id=str(metadata.get("doc_hash") or ""),
            source=str(metadata.get("source") or ""),
            chunk_id=str(metadata.get("chunk_id") or ""),
            precision=precisions.get(metadata.get("regions_precision")) if regions else None,
            is_chunk=metadata.get("element_type") not in ("page", "document"),
        )

    @classmethod
    def from_document(cls, document: Document) -> Passage:
        """A passage over the whole document: its blocks in reading order, running heads and feet after all others."""
        texts: list[str] = []
        regions: list[ChunkRegion] = []
        position = 0
        for block in sorted(document.blocks(), key=lambda block: block.kind.is_furniture):
            if not block.text:
                continue
            regions.extend(place_block(block, 0, len(block.text), at=position))
            texts.append(block.text)
            position += len(block.text) + len(_BLOCK_BREAK)
        return cls(
            text=_BLOCK_BREAK.join(texts),
            regions=tuple(regions),
            document_id=document.id,
            source=document.source,
            is_chunk=False,
        )


def locate(quote: str, where: Passage | Chunk | Document, *, hint_page: int | None = None) -> Citation:
    """Find the lines that say ``quote``; never raises on any text.

    The quote may leave out words as "...", "…" or "[…]". ``hint_page`` decides between places that fit equally well.
    A quote under 20 characters must occur verbatim, as whole words and once; longer ones may differ as OCR and
    re-typing do, but every number in them must be in the source.
    """
    passage = _passage(where)
    hinted = [region for region in passage.regions if region.page_number == hint_page]
    match = find_quote(quote, passage.text, preferred=lambda place: bool(_standing(hinted, [place])))
    if match is None:
        return _cite(passage, (), status="not_found", score=0.0)
    if not match.is_unique:
        # A short phrase that occurs all over the text points nowhere; a whole sentence said twice is true at either.
        return _cite(passage, match.places, status="ambiguous", score=match.score, show=match.size >= SHORT)
    status: Status = "verified" if match.score == 1 else "repaired" if match.is_complete else "partial"
    return _cite(passage, match.places, status=status, score=match.score)


_BLOCK_BREAK = "\n\n"
_CJK = re.compile(f"[{CJK}]")


def _passage(where: Passage | Chunk | Document) -> Passage:
    if isinstance(where, Passage):
        return where
    return Passage.from_document(where) if isinstance(where, Document) else Passage.from_chunk(where)


def _cite(
    passage: Passage, places: Sequence[tuple[int, int]], *, status: Status, score: float, show: bool = True
) -> Citation:
    hit = _standing(passage.regions, places) if show else []
    return Citation(
        document_id=passage.document_id,
        source=passage.source,
        chunk_id=passage.chunk_id,
        quote=" … ".join(passage.text[start:end] for start, end in places),
        status=status,
        score=round(score, 4),
        precision=_precision(passage, hit),
        regions=_by_page(hit, boxes=passage.precision != "page"),
        start=places[0][0] if places else 0,
        end=places[-1][1] if places else 0,
        context=_by_page(_surroundings(passage, places)),
    )


def _standing(regions: Iterable[ChunkRegion], places: Sequence[tuple[int, int]]) -> list[ChunkRegion]:
    """The regions in which characters of the places stand."""
    return [region for region in regions if any(region.start < end and start < region.end for start, end in places)]


def _surroundings(passage: Passage, places: Sequence[tuple[int, int]]) -> Sequence[ChunkRegion]:
    """The whole chunk; in a document, the blocks that the places touch."""
    if passage.is_chunk:
        return passage.regions
    blocks = []
    for start, end in places:
        before, after = passage.text.rfind(_BLOCK_BREAK, 0, start), passage.text.find(_BLOCK_BREAK, end)
        blocks.append((before + 1, after if after >= 0 else len(passage.text)))
    return _standing(passage.regions, blocks)


def _by_page(regions: Iterable[ChunkRegion], *, boxes: bool = True) -> tuple[CitationRegion, ...]:
    """Boxes by page in reading order, each once, without those that say no more than the page."""
    pages: dict[int, dict[Box, None]] = {}
    for region in regions:
        found = pages.setdefault(region.page_number, {})
        if boxes and not is_whole_page(region.box):
            found[region.box] = None
    return tuple(CitationRegion(page_number=number, boxes=tuple(found)) for number, found in pages.items())


def _precision(passage: Passage, regions: Sequence[ChunkRegion]) -> Precision:
    placed = [region for region in regions if not is_whole_page(region.box)]
    if not placed or passage.precision == "page":
        return "page" if regions else "none"
    if passage.precision == "line":
        return "line"
    return "line" if all(_is_one_line(region, passage.text) for region in placed) else "block"


def _is_one_line(region: ChunkRegion, text: str) -> bool:
    """Whether the box is as thin as one line of so many characters would be, lying or standing (a page on its side).

    Lines are about 1.2 times as high as letters are, and Latin letters half as wide, CJK ones as wide: of ``k``
    lines, height / width is about 2.4 k² / letters, times the page's width / height, which nobody passes here. 2.1
    lies between one line on a wide page (1.4) and two on a tall one (2.8).
    """
    said = text[region.start : region.end]
    letters = len(said) + len(_CJK.findall(said))
    thin, long = sorted((region.box.height, region.box.width))
    return thin * letters <= 2.1 * 2.4 * long
