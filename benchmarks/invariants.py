"""What must hold for the chunks of any document and any markdown, checked from outside: by the characters alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from deepseek_ocr_rag import Block, Chunk, ChunkOptions, Document, chunk_document, token_counter
from deepseek_ocr_rag.chunk import chunk_markdown, chunk_pages
from deepseek_ocr_rag.sequence import in_sequence
from deepseek_ocr_rag.tables import header_range

_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n")


def violations(document: Document, options: ChunkOptions) -> Iterator[str]:
    """A line for each promise that the document's chunks break."""
    chunks = list(chunk_document(document, options))
    lazily = list(chunk_pages(iter(document.pages), document_id=document.id, options=options))
    if chunks != lazily:
        yield "chunks differ when pages come one by one"
    if len({chunk.id for chunk in chunks}) != len(chunks):
        yield "two chunks share an id"
    blocks = {block.id: block for block in document.blocks()}
    if len(blocks) != sum(1 for _ in document.blocks()):
        yield "two blocks share an id"
    parents = {chunk.id: chunk for chunk in chunks if chunk.role == "parent"}
    for chunk in chunks:
        for line in (
            *_sizes(chunk, options),
            *_anchors(chunk, blocks),
            *_headers(chunk, blocks),
            *_parents(chunk, parents),
            *_within_parent(chunk, parents, blocks),
        ):
            yield f"chunk {chunk.index}: {line}"
    texts = [page.blocks for page in document.pages] if options.strategy == "page" else [document.blocks()]
    read = [block for text in texts for block in in_sequence(text)]
    for role in ("parent", "child") if options.strategy == "parent_child" else ("",):
        yield from _coverage([chunk for chunk in chunks if chunk.role == role], read)


def markdown_violations(text: str, options: ChunkOptions) -> Iterator[str]:
    """A line for each promise that the chunks of a markdown break."""
    chunks = list(chunk_markdown(text, options))
    if chunks != list(chunk_markdown(text, options)):
        yield "a second run gives other chunks"
    if len({chunk.id for chunk in chunks}) != len(chunks):
        yield "two chunks share an id"
    parents = {chunk.id: chunk for chunk in chunks if chunk.role == "parent"}
    for chunk in chunks:
        for line in (*_sizes(chunk, options), *_places(chunk, text), *_parents(chunk, parents)):
            yield f"chunk {chunk.index}: {line}"
    for role in ("parent", "child") if options.strategy == "parent_child" else ("",):
        end = int(text.startswith("\ufeff"))
        for chunk in (chunk for chunk in chunks if chunk.role == role):
            if chunk.start < end:
                yield f"chunk {chunk.index}: begins before the one before it ends"
            if text[end : chunk.start].strip():
                yield f"chunk {chunk.index}: {text[end : chunk.start][:40]!r} before it is in no chunk"
            end = chunk.end
        if text[end:].strip():
            yield f"{text[end:][:40]!r} is in no chunk"


def _places(chunk: Chunk, text: str) -> Iterator[str]:
    """What a chunk says of its places in a markdown."""
    if not 0 <= chunk.start < chunk.end <= len(text):
        yield f"is said to be from {chunk.start} to {chunk.end}"
    end = chunk.start
    for at, anchor in enumerate(chunk.anchors):
        shown = chunk.text[anchor.chunk_start : anchor.chunk_end]
        if not shown.strip() or shown != text[anchor.start : anchor.end]:
            yield f"shows {shown[:40]!r} where the text says something else"
        if anchor.is_own:
            if not end <= anchor.start < anchor.end <= chunk.end:
                yield f"shows characters from {anchor.start} on out of order, or from outside its place"
            end = anchor.end
        if anchor.repeated and not _is_header_of(text, anchor.end, chunk.anchors[at + 1].start):
            yield f"says {shown[:40]!r} again over rows of another table"


def _is_header_of(text: str, end: int, start: int) -> bool:
    """Whether a header that ends at ``end`` and a row at ``start`` stand in one table."""
    between = text[end:start].lower()
    if "<table" in text[:end].lower() and "</t" in text[:end].lower()[-8:]:
        return start >= end and between.count("</table") <= between.count("<table")
    return start >= end and not _EMPTY_LINE.search(between)


def _sizes(chunk: Chunk, options: ChunkOptions) -> Iterator[str]:
    budget = options.parent_tokens if chunk.role == "parent" else options.max_tokens
    tokens = token_counter(options.counter)(chunk.embedded_text)
    if tokens > budget:
        yield f"{tokens} tokens of {budget}"
    if tokens != chunk.token_count:
        yield f"says {chunk.token_count} tokens and has {tokens}"
    if not chunk.text.strip():
        yield "is empty"


def _anchors(chunk: Chunk, blocks: dict[str, Block]) -> Iterator[str]:
    end = 0
    for anchor in chunk.anchors:
        shown = chunk.text[anchor.chunk_start : anchor.chunk_end]
        if not shown or shown != blocks[anchor.block_id].text[anchor.start : anchor.end]:
            yield f"shows {shown[:40]!r} where {anchor.block_id} says something else"
        if anchor.chunk_start < end:
            yield "has anchors that overlap"
        end = anchor.chunk_end
    if not chunk.regions:
        yield "has no region"
    places = [(anchor.page_number, anchor.chunk_start, anchor.chunk_end) for anchor in chunk.anchors]
    for region in chunk.regions:
        if not any(
            page == region.page_number and start <= region.start < region.end <= end for page, start, end in places
        ):
            yield "has a region of characters that it does not show"


def _headers(chunk: Chunk, blocks: dict[str, Block]) -> Iterator[str]:
    """A header that is said again stands over rows of its table, or of what goes on from it."""
    for at, anchor in enumerate(chunk.anchors):
        if not anchor.repeated or blocks[anchor.block_id].table is None:
            continue
        row = next((other for other in chunk.anchors[at + 1 :] if not other.repeated), None)
        block = blocks[row.block_id] if row else None
        while block and block.id != anchor.block_id:
            block = blocks.get(block.continues)
        if block is None:
            yield f"says the header of {anchor.block_id} again over {row.block_id if row else 'nothing'}"


def _parents(chunk: Chunk, parents: dict[str, Chunk]) -> Iterator[str]:
    if chunk.role != "child":
        return
    if chunk.parent_id not in parents:
        yield "has a parent that did not come before it"
    elif chunk.start >= 0:
        parent = parents[chunk.parent_id]
        if not parent.start <= chunk.start < chunk.end <= parent.end:
            yield f"is from {chunk.start} to {chunk.end}, its parent from {parent.start} to {parent.end}"


def _within_parent(chunk: Chunk, parents: dict[str, Chunk], blocks: dict[str, Block]) -> Iterator[str]:
    """A child's own characters are its parent's own."""
    if chunk.role != "child" or chunk.parent_id not in parents:
        return
    shown: defaultdict[str, set[int]] = defaultdict(set)
    for anchor in parents[chunk.parent_id].anchors:
        if anchor.is_own:
            shown[anchor.block_id].update(range(anchor.start, anchor.end))
    for anchor in chunk.anchors:
        text = blocks[anchor.block_id].text
        strange = set(range(anchor.start, anchor.end)) - shown[anchor.block_id] if anchor.is_own else set[int]()
        if any(not text[at].isspace() for at in strange):
            yield f"shows characters of {anchor.block_id} that its parent does not"


def _coverage(chunks: Sequence[Chunk], blocks: Sequence[Block]) -> Iterator[str]:
    """Every visible character is shown once, in order, beside what is said again."""
    rank = {block.id: at for at, block in enumerate(blocks)}
    shown: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    last = (-1, 0)
    for chunk in chunks:
        for anchor in chunk.anchors:
            if anchor.repeated or anchor.overlap:
                continue
            place = (rank[anchor.block_id], anchor.start)
            if place < last:
                yield f"{anchor.block_id} comes too late"
            last = (rank[anchor.block_id], anchor.end)
            shown[anchor.block_id].append((anchor.start, anchor.end))
    joints = {block.continues: block.joint for block in blocks if block.continues}
    for block in blocks:
        if block.kind.is_furniture:
            if shown[block.id]:
                yield f"{block.id} is a running head or foot and is shown"
            continue
        missing = _missing(block, shown[block.id], hyphen=joints.get(block.id) == "hyphen")
        if missing:
            yield f"{block.id} is not shown from {missing[0]} on: {block.text[missing[0] : missing[0] + 40]!r}"


def _missing(block: Block, shown: Sequence[tuple[int, int]], *, hyphen: bool) -> list[int]:
    """The visible characters that no chunk shows and should."""
    excepted: set[int] = set()
    if block.table is not None and block.continues:
        start, end = header_range(block.table)
        excepted = set(range(start, end) if block.table.repeats_header else range(block.text.find("\n") + 1, end))
    if hyphen:
        excepted.add(len(block.text.rstrip()) - 1)
    for start, end in shown:
        excepted.update(range(start, end))
    bullet = len(block.text) - len(block.text.lstrip("•◦▪▫‣·●○■□◆➢➤✓ "))
    return [
        at
        for at, character in enumerate(block.text)
        if not character.isspace() and at not in excepted and not (block.kind == "list_item" and at < bullet)
    ]
