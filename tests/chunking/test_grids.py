"""Tables in chunks: whose header and caption is said again, and what of them is kept in memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

from deepseek_ocr_rag.anchors import Chunk
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document, chunk_markdown, chunk_pages
from deepseek_ocr_rag.chunking import split
from deepseek_ocr_rag.document import Block, BlockKind, Document, Page
from deepseek_ocr_rag.tables import parse_pipe_table
from deepseek_ocr_rag.tokens import TokenCounter

WORDS = TokenCounter("words", lambda text: len(text.split()))


def table(name: str, rows: int, **fields: object) -> Block:
    text = "| a | b |\n|---|---|\n" + "\n".join(f"| {name}{row} | w{row} |" for row in range(rows))
    made = Block(id=name, kind=BlockKind.TABLE, text=text, page_number=1, table=parse_pipe_table(text))
    return replace(made, **fields)  # type: ignore[arg-type]


def text(kind: BlockKind, words: str, **fields: object) -> Block:
    return replace(Block(id=words, kind=kind, text=words, page_number=1), **fields)  # type: ignore[arg-type]


def page(number: int, *blocks: Block) -> Page:
    made = tuple(replace(block, page_number=number) for block in blocks)
    return Page(number=number, label="", width=1, height=1, blocks=made)


def cut(*blocks: Block, max_tokens: int) -> list[Chunk]:
    document = Document(id="d", source="", file_name="", total_pages=1, pages=(page(1, *blocks),))
    return list(chunk_document(document, ChunkOptions(max_tokens=max_tokens, counter=WORDS)))


def test_the_caption_of_a_picture_is_not_that_of_the_table_beside_it() -> None:
    figure, caption = text(BlockKind.FIGURE, "", id="f", image="cat.png"), text(BlockKind.CAPTION, "Figure 1: a cat.")
    for blocks in ([figure, caption, table("t", 12)], [table("t", 12), figure, caption]):
        chunks = cut(*blocks, max_tokens=40)
        assert sum("Figure 1" in chunk.text for chunk in chunks) == 1
        assert not any(anchor.repeated for chunk in chunks for anchor in chunk.anchors if anchor.block_id == caption.id)
    own = text(BlockKind.CAPTION, "Table 1: rows.")
    chunks = cut(figure, caption, own, table("t", 12), max_tokens=40)
    assert sum("Table 1" in chunk.text for chunk in chunks) == len(chunks) - ("Table 1" not in chunks[0].text) > 1


def test_a_picture_between_items_does_not_part_them() -> None:
    items = [text(BlockKind.LIST_ITEM, name) for name in ("one", "two")]
    (chunk,) = cut(items[0], text(BlockKind.FIGURE, "", id="f"), items[1], max_tokens=40)
    assert chunk.text == "- one\n- two"


def test_a_figure_goes_on_after_a_part_of_it_that_says_nothing() -> None:
    blank = text(BlockKind.FIGURE, "", id="f", continued_by="g")
    (chunk,) = cut(blank, text(BlockKind.FIGURE, "Words in it.", id="g", continues="f"), max_tokens=40)
    assert chunk.text == "Words in it."


def test_a_header_does_not_end_a_chunk_whose_rows_are_in_the_next() -> None:
    for words in range(1, 30):
        header = f"| {' '.join(f'h{number}' for number in range(words))} | b |\n|---|---|"
        body = "\n".join(f"| {' '.join(f'c{row}{number}' for number in range(9))} | {row} |" for row in range(4))
        for max_tokens in (16, 20, 24, 32):
            options = ChunkOptions(max_tokens=max_tokens, counter=WORDS)
            chunks = list(chunk_markdown(f"## Some heading\n\n{header}\n{body}", options))
            alone = [chunk for chunk in chunks if chunk.text.endswith("|---|---|")]
            assert all(chunk.text.startswith("|") for chunk in alone), "it fills a chunk without its heading"


def test_a_caption_at_the_end_of_a_long_table_changes_nothing_that_was_cut_by_then() -> None:
    names = [f"t{number}" for number in range(40)]
    parts = [
        table(name, 3, continues=names[number - 1] if number else "", continued_by=names[number + 1 : number + 2] or "")
        for number, name in enumerate(names)
    ]
    parts = [replace(part, continued_by=part.continued_by[0] if part.continued_by else "") for part in parts]
    pages = [page(number, part) for number, part in enumerate(parts, start=1)]
    pages.append(page(len(pages) + 1, text(BlockKind.CAPTION, "Table 1.")))
    options = ChunkOptions(max_tokens=24, counter=WORDS)
    document = Document(id="d", source="", file_name="", total_pages=len(pages), pages=tuple(pages))
    assert list(chunk_document(document, options)) == list(chunk_pages(pages, document_id="d", options=options))


def test_a_large_chunk_may_have_very_many_rows() -> None:
    markdown = "| a | b |\n|---|---|\n" + "| x | y |\n" * 20_000
    assert len(list(chunk_markdown(markdown, ChunkOptions(max_tokens=80_000)))) > 1


class Kept(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


def test_tables_that_are_over_are_forgotten() -> None:
    watched: list[weakref.ref[Kept]] = []

    def pages() -> Iterator[Page]:
        for number in range(1, 4 * split.MOST_TABLES):
            made = table(f"t{number}x", 4)
            kept = Kept(made.text)
            watched.append(weakref.ref(kept))
            yield page(number, replace(made, text=kept))

    alive = 0
    chunks = chunk_pages(pages(), document_id="d", options=ChunkOptions(max_tokens=24, counter=WORDS))
    for number, _ in enumerate(chunks):
        if number % 50 == 0:
            gc.collect()
            alive = max(alive, sum(ref() is not None for ref in watched))
    assert alive <= split.MOST_TABLES + 16
