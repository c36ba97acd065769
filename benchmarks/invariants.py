"""What must hold for the chunks of any document, checked from outside: by the characters alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deepseek_ocr_rag import Block, Chunk, ChunkOptions, Document, chunk_document, token_counter
from deepseek_ocr_rag.chunk import chunk_pages
from deepseek_ocr_rag.sequence import in_sequence
from deepseek_ocr_rag.tables import header_range


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
        for line in (*_sizes(chunk, options), *_anchors(chunk, blocks), *_parents(chunk, parents)):
            yield f"chunk {chunk.index}: {line}"
    texts = [page.blocks for page in document.pages] if options.strategy == "page" else [document.blocks()]
    read = [block for text in texts for block in in_sequence(text)]
    for role in ("parent", "child") if options.strategy == "parent_child" else ("",):
        yield from _coverage([chunk for chunk in chunks if chunk.role == role], read)


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


def _parents(chunk: Chunk, parents: dict[str, Chunk]) -> Iterator[str]:
    if chunk.role == "child" and chunk.parent_id not in parents:
        yield "has a parent that did not come before it"


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
