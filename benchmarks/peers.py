"""Other chunkers and ours behind one signature: a markdown text and a budget of tokens in, pieces of it out.

Each is used as its documentation shows it, with the same vocabulary (cl100k_base, from a copy of its ranks that is
installed, so that nothing is fetched) and no overlap. Whoever is not installed is left out, with a reason.

Where a piece stands in the text is what it says itself, or is searched for in order, blind to white space and to
characters that cannot be seen, since splitters drop and join those.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepseek_ocr_rag import ChunkOptions, token_counter
from deepseek_ocr_rag.chunk import chunk_markdown

VOCABULARY = "cl100k_base"
_ENDS = 40
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is embedded, and the characters ``[start, end)`` of the text that it is from; -1 where it does not say."""

    text: str
    start: int = -1
    end: int = -1


Chunker = Callable[[str, int], Sequence[Piece]]


def ours(text: str, budget: int) -> list[Piece]:
    """``chunk_markdown``."""
    chunks = chunk_markdown(text, ChunkOptions(max_tokens=budget, counter=VOCABULARY))
    return [Piece(chunk.embedded_text, chunk.start, chunk.end) for chunk in chunks]


def langchain(text: str, budget: int) -> list[Piece]:
    """RecursiveCharacterTextSplitter."""
    return [Piece(piece) for piece in _langchain_splitter(budget).split_text(text)]


def langchain_headers(text: str, budget: int) -> list[Piece]:
    """MarkdownHeaderTextSplitter, then RecursiveCharacterTextSplitter."""
    splitters = import_module("langchain_text_splitters")
    headers = [("#" * level, f"h{level}") for level in range(1, 7)]
    sections = splitters.MarkdownHeaderTextSplitter(headers, strip_headers=False).split_text(text)
    return [Piece(piece.page_content) for piece in _langchain_splitter(budget).split_documents(sections)]


def llama_index(text: str, budget: int) -> list[Piece]:
    """MarkdownNodeParser, then SentenceSplitter."""
    parsers, schema = import_module("llama_index.core.node_parser"), import_module("llama_index.core.schema")
    splitter = parsers.SentenceSplitter(chunk_size=budget, chunk_overlap=0, tokenizer=encoding().encode_ordinary)
    sections = parsers.MarkdownNodeParser().get_nodes_from_documents([schema.Document(text=text)])
    nodes = splitter.get_nodes_from_documents(sections)
    return [Piece(node.get_content(schema.MetadataMode.NONE)) for node in nodes]


def chonkie(text: str, budget: int) -> list[Piece]:
    """RecursiveChunker."""
    chunks = import_module("chonkie").RecursiveChunker(tokenizer=encoding(), chunk_size=budget).chunk(text)
    return [Piece(chunk.text, chunk.start_index, chunk.end_index) for chunk in chunks]


def docling(text: str, budget: int) -> list[Piece]:
    """HybridChunker, over a document of the text's paragraphs and headings, as Docling's markdown reader makes it."""
    hybrid = import_module("docling_core.transforms.chunker.hybrid_chunker")
    counting = import_module("docling_core.transforms.chunker.tokenizer.openai")
    types = import_module("docling_core.types.doc")
    document = types.DoclingDocument(name="text")
    for paragraph in filter(str.strip, _BLANK_LINE.split(text)):
        heading = re.fullmatch(r"\s*(#{1,6})[ \t]+([^\n]+?)\s*", paragraph)
        if heading:
            document.add_heading(heading[2], level=len(heading[1]))
        else:
            document.add_text(types.DocItemLabel.TEXT, " ".join(paragraph.split()))
    chunker = hybrid.HybridChunker(tokenizer=counting.OpenAITokenizer(tokenizer=encoding(), max_tokens=budget))
    return [Piece(chunk.text) for chunk in chunker.chunk(document)]


_ALL: tuple[tuple[str, str, Chunker], ...] = (
    ("ours", "deepseek_ocr_rag", ours),
    ("LangChain recursive", "langchain_text_splitters", langchain),
    ("LangChain headers + recursive", "langchain_text_splitters", langchain_headers),
    ("LlamaIndex markdown + sentence", "llama_index", llama_index),
    ("Chonkie recursive", "chonkie", chonkie),
    ("Docling hybrid", "docling_core", docling),
)


def chunkers() -> dict[str, Chunker]:
    """The chunkers that are installed here, ours first."""
    return {name: chunker for name, package, chunker in _ALL if find_spec(package)}


def left_out() -> dict[str, str]:
    """The others, and why."""
    missing = {name: f"{package} is not installed" for name, package, _ in _ALL if not find_spec(package)}
    return missing | {"PyMuPDF4LLM": "it chunks the pages of a PDF, and has no budget"}


@cache
def encoding() -> Any:
    """The vocabulary's encoding, which peers want as an object; its ranks are those that llama-index-core brings along.

    Raises:
        ModuleNotFoundError: If llama-index-core is not installed.
    """
    import tiktoken

    found = find_spec("llama_index.core") if find_spec("llama_index") else None
    if found is None or found.origin is None:
        raise ModuleNotFoundError("Install llama-index-core, whose copy of the vocabulary the peers are given.")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(found.origin).parent / "_static" / "tiktoken_cache")
    return tiktoken.get_encoding(VOCABULARY)


def _langchain_splitter(budget: int) -> Any:
    splitters = import_module("langchain_text_splitters")
    return splitters.RecursiveCharacterTextSplitter(
        chunk_size=budget, chunk_overlap=0, length_function=token_counter(VOCABULARY)
    )


class Locator:
    """Finds pieces in the text that they were cut from."""

    def __init__(self, text: str) -> None:
        self._places = [at for at, character in enumerate(text) if _is_seen(character)]
        self._seen = "".join(text[at] for at in self._places)

    def located(self, pieces: Sequence[Piece]) -> list[Piece]:
        """The pieces with their places; those that cannot be found are left out."""
        found: list[Piece] = []
        cursor = 0
        for piece in pieces:
            if piece.start >= 0:
                found.append(piece)
                continue
            seen = "".join(filter(_is_seen, piece.text))
            span = self._span(seen, cursor) if seen else None
            if span is not None:
                found.append(Piece(piece.text, self._places[span[0]], self._places[span[1] - 1] + 1))
                cursor = span[1]
        return found

    def _span(self, seen: str, cursor: int) -> tuple[int, int] | None:
        """The first place from the cursor on; of a piece that was changed, from its first characters to its last."""
        start = self._seen.find(seen, cursor)
        if start >= 0:
            return start, start + len(seen)
        start = self._seen.find(seen[:_ENDS], cursor)
        end = self._seen.find(seen[-_ENDS:], max(start, 0))
        return (start, end + len(seen[-_ENDS:])) if 0 <= start <= end <= start + 2 * len(seen) else None


def _is_seen(character: str) -> bool:
    return character.isprintable() and not character.isspace()
