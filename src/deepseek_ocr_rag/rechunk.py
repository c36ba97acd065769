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
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from .anchors import Anchor, Chunk, ChunkRegion, content_id
from .beside import Beside, Pictures
from .chunk import SMALLEST_BUDGET, ChunkOptions, chunk_groups
from .chunking.passages import passages
from .document import Block, BlockKind, Document, Line, Page
from .metadata import Known, chunk_metadata, whole_number, written_images
from .placing import PRECISIONS

_IDENTITY = ("doc_hash", "source", "file_path", "file_name", "page_label")
_OF_THE_WHOLE = ("source", "file_name", "doc_hash", "total_pages", "engine", "page_status")
"""Metadata that a piece has from the whole; the status is the worst of all pages that the whole has."""
_UNPLACED = {"regions": "[]", "regions_precision": "none", "x0": -1, "y0": -1, "x1": -1, "y1": -1}
_PAGELESS = {"page": -1, "page_number": -1, "page_end_number": -1, "page_label": ""}
_PERHAPS_THEIRS = ("page", "page_number", "page_end_number", "page_label")
"""Keys that others use, too: what they say is kept where we would say nothing."""
_NOTHING = ("", -1)


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
        options: How to cut. A chunk that fits its budget comes back as it is, id and all; so does a parent of whatever
            size, since its children are cut already.

    Raises:
        UnknownChunk: If ``metadata["regions"]`` is not as this package wrote it.
        ValueError: If not even one character fits the budget.
    """
    options = options or ChunkOptions()
    whole = _Whole.of(text, metadata)
    tokens = options.token_counter(whole.lead + text) if whole.is_chunk else 0
    if whole.is_parent or 0 < tokens <= options.max_tokens:
        known = {"token_count": tokens} if "token_count" in metadata else {}
        yield Excerpt(id=str(metadata["chunk_id"]), text=text, metadata={**metadata, **known}, start=0, end=len(text))
        return
    shown, pictures = whole.pictures.taken_out(text)
    groups = list(passages(shown))
    beside = Beside([part for group in groups for part in group], pictures)
    left = options.max_tokens - (options.token_counter(whole.lead) if whole.lead else 0)
    # A path that takes more than half of the budget is left out; see the chunker, which shortens it there.
    path = whole.path if left >= max(SMALLEST_BUDGET, options.max_tokens // 2) else ""
    inner = _beside_path(options, options.max_tokens - left) if path else options
    places = _Places(whole, shown)
    for cut in chunk_groups(groups, document_id=whole.id, options=inner):
        chunk = places.place(_under(path, whole, cut, options))
        # A chunk's pictures are not in its text: any piece of it may be what they belong to.
        images = whole.pictures.listed if whole.is_chunk else beside.images(cut.start, cut.end)
        made = whole.metadata_of(chunk, places.document, images=images)
        yield Excerpt(id=chunk.id, text=chunk.text, metadata=made, start=cut.start, end=cut.end)


def _beside_path(options: ChunkOptions, tokens: int) -> ChunkOptions:
    """The options for text under a path that takes so many tokens of every budget."""
    left = options.max_tokens - tokens
    return replace(
        options,
        max_tokens=left,
        parent_tokens=max(left, options.parent_tokens - tokens),
        overlap=min(options.overlap, (left - 1) // 2),
    )


# What is known of the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """The record that is cut, as far as its metadata can be believed."""

    id: str
    """Of the text as what its metadata says that it is: others may say the same."""
    document_id: str
    is_chunk: bool
    known: Known
    path: str
    level: int
    pictures: Pictures
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, text: str, metadata: Mapping[str, Any]) -> _Whole:
        known, page = Known.of(text, metadata), whole_number(metadata.get("page"))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        names = (str(metadata.get(key) or "") for key in _IDENTITY)
        return cls(
            id=content_id(metadata.get("chunk_id") or digest, *names, known.first_page, page),
            document_id=str(metadata.get("doc_hash") or f"sha256:{digest}"),
            is_chunk=bool(metadata.get("chunk_id")) and metadata.get("element_type") not in ("page", "document"),
            known=known,
            path=str(metadata.get("section_path") or ""),
            level=whole_number(metadata.get("section_level")),
            pictures=Pictures(metadata.get("images")),
            metadata=metadata,
        )

    @property
    def lead(self) -> str:
        """What is embedded above the text."""
        return f"section_path: {self.path}\n\n" if self.path else ""

    @property
    def is_parent(self) -> bool:
        """Whether it was cut into children already."""
        return self.is_chunk and self.metadata.get("chunk_role") == "parent"

    def metadata_of(self, chunk: Chunk, document: Document, *, images: Sequence[str]) -> dict[str, Any]:
        """A chunk's metadata: its own, what it has from the whole, and then whatever else the whole's says."""
        found: dict[str, Any] = dict(chunk_metadata(document, chunk))
        found |= {key: self.metadata[key] for key in _OF_THE_WHOLE if key in self.metadata}
        first, last = self.known.first_page, self.known.last_page
        if not self.known.regions:
            pages = {"page": first - 1, "page_number": first, "page_end_number": last}
            found |= _UNPLACED | (pages | {"page_label": self.metadata.get("page_label", "")} if first else _PAGELESS)
        else:
            both = (self.known.precision or "page", found["regions_precision"])
            found["regions_precision"] = max(both, key=PRECISIONS.index)
        found["images"] = written_images(images) if self.pictures.are_ours else self.metadata["images"]
        silent = [key for key in _PERHAPS_THEIRS if found[key] in _NOTHING and self.metadata.get(key) is not None]
        found |= {key: self.metadata[key] for key in silent}
        if not chunk.role:  # a child's pieces lead to its parent, unless they are a family of their own
            found["parent_id"] = self.metadata.get("parent_id") or ""
            found["chunk_role"] = "child" if self.metadata.get("chunk_role") == "child" else ""
        return found | {key: value for key, value in self.metadata.items() if key not in found}


def _under(path: str, whole: _Whole, chunk: Chunk, options: ChunkOptions) -> Chunk:
    """The chunk under the path that the whole stands under, unless it has left that section."""
    if not path or not f" > {path}".endswith(f" > {chunk.section_path}" if chunk.headings else ""):
        return chunk
    placed = replace(chunk, headings=tuple(path.split(" > ")), section_level=whole.level)
    tokens = options.token_counter(placed.embedded_text)
    budget = options.parent_tokens if chunk.role == "parent" else options.max_tokens
    return replace(placed, token_count=tokens) if tokens <= budget else chunk


# The places of its characters


class _Places:
    """Where the characters of a text stand: a document of which each page has all of it, and lines for its own part.

    Args:
        whole: What is known of the text.
        text: The text.
    """

    def __init__(self, whole: _Whole, text: str) -> None:
        self._regions = whole.known.regions
        self._starts = [region.start for region in whole.known.regions]
        self._ends = list(accumulate((region.end for region in whole.known.regions), max))
        self._page = max(1, whole.known.first_page)
        numbers = sorted({self._page, *(region.page_number for region in whole.known.regions)})
        label = str(whole.metadata.get("page_label") or "")
        self.document = Document(
            id=whole.document_id,
            source="",
            file_name="",
            total_pages=-1,
            pages=tuple(
                Page(
                    number=number,
                    label=label if label and number == whole.known.first_page else str(number),
                    width=1,
                    height=1,
                    blocks=(_page_block(text, number, whole.known.regions),),
                )
                for number in numbers
            ),
        )

    def place(self, chunk: Chunk) -> Chunk:
        """The chunk with anchors on its pages; text without lines is on those of what stands before and after it."""
        anchors: list[Anchor] = []
        for anchor in chunk.anchors:
            first = bisect_right(self._ends, anchor.start)
            last = bisect_left(self._starts, anchor.end)
            near = [region for region in self._regions[first:last] if region.end > anchor.start]
            beside = {self._page, *(region.page_number for region in self._regions[first : first + 1])}
            numbers = sorted({region.page_number for region in near} or beside)
            if anchor.is_own:
                self._page = max(self._page, numbers[-1])
            anchors += (replace(anchor, block_id=_block_id(number), page_number=number) for number in numbers)
        return replace(chunk, document_id=self.document.id, anchors=tuple(anchors))


def _page_block(text: str, number: int, regions: Sequence[ChunkRegion]) -> Block:
    lines = tuple(
        Line(start=region.start, end=region.end, box=region.box, source="model")
        for region in regions
        if region.page_number == number
    )
    return Block(id=_block_id(number), kind=BlockKind.OTHER, text=text, page_number=number, lines=lines)


def _block_id(page_number: int) -> str:
    return f"page {page_number}"
