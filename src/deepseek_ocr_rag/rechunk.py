"""Text that was read before becomes chunks: the markdown of a page or a file, cut again under a budget.

The splitters of frameworks are given a page's text and metadata, not the document that they came from. So the
markdown is taken apart into blocks again, the metadata's regions go with their characters, and then the chunker does
what it always does: headings, tables and the budget are treated alike, and every chunk knows its lines.

What a text does not say cannot be found out here: captions and footnotes are paragraphs, and headings on an earlier
page are not known, unless the metadata has their section path. Pictures of figures go from the text into the metadata
of the chunks that stand before and after them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from .chunk import SMALLEST_BUDGET, Chunk, ChunkOptions, ChunkRegion, chunk_document, content_id
from .document import Block, BlockKind, Document, Line, Page
from .geometry import bounding_box
from .metadata import chunk_metadata, parse_regions, written_images
from .passages import Passage, Pictures, Shown, passages
from .split import Fenced

_IDENTITY = ("doc_hash", "source", "file_path", "file_name", "page_label")
_OF_THE_WHOLE = ("source", "file_name", "doc_hash", "total_pages", "engine", "page_status")
"""Metadata that a piece has from the whole; the status is the worst of all pages that the whole has."""
_UNPLACED = {"regions": "[]", "regions_precision": "none", "x0": -1, "y0": -1, "x1": -1, "y1": -1}
_PAGELESS = {"page": -1, "page_number": -1, "page_end_number": -1, "page_label": ""}
_PRECISIONS = ("line", "block", "page", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A chunk that was cut from a record's text, of which it shows characters ``[start, end)``.

    ``id`` is a UUID that depends on content and on what the record's metadata says that it is of, so that pages of two
    files that say the same are told apart; a chunk that came back as it was has its own. ``metadata`` has all keys of
    a chunk's metadata in their order, then those of the record that are not ours. ``chunk_index`` counts within the
    record.
    """

    id: str
    text: str
    metadata: dict[str, Any]
    start: int
    end: int


def rechunk(text: str, metadata: Mapping[str, Any], options: ChunkOptions | None = None) -> Iterator[Excerpt]:
    """Cut a record's text into chunks.

    Args:
        text: The text of a :class:`Record`, or any markdown.
        metadata: Its metadata. Of text that somebody else read, place and pages are unknown, and stay so.
        options: How to cut. A chunk that fits its budget comes back as it is, id and all.

    Raises:
        UnknownChunk: If ``metadata["regions"]`` is not as this package wrote it.
        ValueError: If not even one character fits the budget.
    """
    options = options or ChunkOptions()
    whole = _Whole.of(text, metadata)
    if whole.is_chunk and options.token_counter(whole.lead + text) <= options.max_tokens:
        yield Excerpt(id=str(metadata["chunk_id"]), text=text, metadata=dict(metadata), start=0, end=len(text))
        return
    # Fences that would take more than a quarter of every chunk are a part of the code itself.
    found = list(
        passages(text, lambda fences: options.token_counter(fences) <= options.max_tokens // 4, whole.pictures)
    )
    pieces = [piece for piece in found if piece.kind is not BlockKind.FIGURE]
    shown = Shown(text, found)
    document = _document(whole, text, pieces)
    places = {_block_id(whole, at): piece for at, piece in enumerate(pieces)}
    left = options.max_tokens - (options.token_counter(whole.lead) if whole.lead else 0)
    # A path that takes more than half of the budget is left out; see the chunker, which shortens it there.
    path = whole.path if left >= max(SMALLEST_BUDGET, options.max_tokens // 2) else ""
    inner = replace(options, max_tokens=left) if path else options
    for cut in chunk_document(document, inner):
        chunk = _under(path, whole, cut, options)
        own = [(anchor, places[anchor.block_id]) for anchor in chunk.anchors if not anchor.repeated]
        start = min((piece.outer_start(anchor.start) for anchor, piece in own), default=0)
        end = max((piece.outer_end(anchor.end) for anchor, piece in own), default=len(text))
        # A chunk's pictures are not in its text: any piece of it may be what they belong to.
        images = whole.pictures.listed if whole.is_chunk else shown.beside(start, end)
        metadata_of_piece = whole.metadata_of(chunk, document) | {"images": written_images(images)}
        yield Excerpt(id=chunk.id, text=chunk.text, metadata=metadata_of_piece, start=start, end=end)


# What is known of the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """The record that is cut, as far as its metadata can be believed."""

    id: str
    """Of the text as what its metadata says that it is: others may say the same."""
    document_id: str
    is_chunk: bool
    first_page: int
    """0 where nobody knows."""
    last_page: int
    path: str
    level: int
    regions: Sequence[ChunkRegion]
    precision: str
    pictures: Pictures
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, text: str, metadata: Mapping[str, Any]) -> _Whole:
        regions = parse_regions(str(metadata.get("regions") or "[]"))
        if any(region.end > len(text) for region in regions):
            regions = ()  # the text is not the one that was read: its boxes would lie
        first, last, level = (_number(metadata, key) for key in ("page_number", "page_end_number", "section_level"))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        names = (str(metadata.get(key) or "") for key in _IDENTITY)
        precision = str(metadata.get("regions_precision")) if regions else "none"
        if precision not in _PRECISIONS or (precision == "none" and 0 < first == max(first, last)):
            precision = "page"
        return cls(
            id=content_id(metadata.get("chunk_id") or digest, *names, first, _number(metadata, "page")),
            document_id=str(metadata.get("doc_hash") or f"sha256:{digest}"),
            is_chunk=bool(metadata.get("chunk_id")) and metadata.get("element_type") not in ("page", "document"),
            first_page=first,
            last_page=max(first, last),
            path=str(metadata.get("section_path") or ""),
            level=level,
            regions=sorted(regions, key=lambda region: region.start),
            precision=precision,
            pictures=Pictures(metadata.get("images")),
            metadata=metadata,
        )

    @property
    def lead(self) -> str:
        """What is embedded above the text."""
        return f"section_path: {self.path}\n\n" if self.path else ""

    def metadata_of(self, chunk: Chunk, document: Document) -> dict[str, Any]:
        """A chunk's metadata: its own, what it has from the whole, and then whatever else the whole's says."""
        found: dict[str, Any] = dict(chunk_metadata(document, chunk))
        found |= {key: self.metadata[key] for key in _OF_THE_WHOLE if key in self.metadata}
        if self.precision == "none":
            found |= _UNPLACED
            label = self.metadata.get("page_label", "")
            known = {"page": self.first_page - 1, "page_number": self.first_page, "page_end_number": self.last_page}
            found |= {**known, "page_label": label} if self.first_page else _PAGELESS
        else:
            weaker = max(_PRECISIONS.index(self.precision), _PRECISIONS.index(found["regions_precision"]))
            found["regions_precision"] = _PRECISIONS[weaker]
        return found | {key: value for key, value in self.metadata.items() if key not in found}


def _number(metadata: Mapping[str, Any], key: str) -> int:
    """A positive number; stores may give it back as a float or a string."""
    try:
        return max(0, int(metadata.get(key) or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def _under(path: str, whole: _Whole, chunk: Chunk, options: ChunkOptions) -> Chunk:
    """The chunk under the path that the whole stands under, unless it has left that section."""
    if not path or not f" > {path}".endswith(f" > {chunk.section_path}" if chunk.headings else ""):
        return chunk
    placed = replace(chunk, headings=tuple(path.split(" > ")), section_level=whole.level)
    tokens = options.token_counter(placed.embedded_text)
    return replace(placed, token_count=tokens) if tokens <= options.max_tokens else chunk


# Pieces to a document


def _document(whole: _Whole, text: str, pieces: Sequence[Passage]) -> Document:
    """A document of which ``whole`` is the text, with blocks that know their lines."""
    blocks = _blocks(whole, text, pieces)
    label = str(whole.metadata.get("page_label") or "")
    pages = tuple(
        Page(
            number=number,
            label=label if label and number == whole.first_page else str(number),
            width=1,
            height=1,
            blocks=tuple(group),
        )
        for number, group in groupby(blocks, key=lambda block: block.page_number)
    )
    return Document(id=whole.document_id, source="", file_name="", total_pages=-1, pages=pages)


def _blocks(whole: _Whole, text: str, pieces: Sequence[Passage]) -> Iterator[Block]:
    """Blocks on pages that never go back: a block is on the page of its first region, or of the block before it."""
    waiting = list(reversed(whole.regions))
    near: list[ChunkRegion] = []
    page_number = max(1, whole.first_page)
    for at, piece in enumerate(pieces):
        while waiting and waiting[-1].start < piece.inner_end:
            near.append(waiting.pop())
        near = [region for region in near if region.end > piece.inner]
        page_number = max([page_number, *(region.page_number for region in near[:1])])
        lines = tuple(
            Line(
                start=max(0, region.start - piece.inner),
                end=min(region.end, piece.inner_end) - piece.inner,
                box=region.box,
                source="model",
            )
            for region in near
            if region.page_number == page_number
        )
        around = bounding_box(line.box for line in lines)
        fences = text[piece.start : piece.inner], text[piece.inner_end : piece.end]
        make = partial(Fenced, fences=fences) if piece.kind is BlockKind.CODE else Block
        yield make(
            id=_block_id(whole, at),
            kind=piece.kind,
            text=text[piece.inner : piece.inner_end],
            page_number=page_number,
            boxes=(around,) if around else (),
            lines=lines,
            level=piece.level,
            table=piece.table,
        )


def _block_id(whole: _Whole, at: int) -> str:
    return f"{whole.id}/{at}"
