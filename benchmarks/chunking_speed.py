"""How fast markdown is cut, beside tiktoken's own pass over the same text and beside other chunkers.

    python benchmarks/chunking_speed.py ../shared/data

The text is all markdown below the folder, said again until there is enough of it. Time is CPU time of one process, the
best of three for tiktoken and us; a peer is measured once, on 10 MB or, where it is slow, on 1 MB. Peers that are not
installed are named and left out.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from deepseek_ocr_rag.chunk import chunk_markdown
from deepseek_ocr_rag.tokens import token_counter

MB = 1_000_000
BUDGET = 512
Cut = Callable[[str], int]


def main(folder: Path) -> None:
    """Print a table of sizes, then one of peers."""
    seed = corpus(folder)
    ours(seed)  # what is loaded once is not measured
    encoder = token_counter("cl100k_base").counting.encoder  # type: ignore[attr-defined]
    print(f"{len(seed.encode()) / MB:.2f} MB of markdown, said again; {BUDGET} tokens, cl100k_base, one core, CPU time")
    print(f"{'':34}{'MB':>6}{'chunks':>9}{'MB/s':>8}{'tiktoken':>10}{'ratio':>7}")
    speeds: dict[int, float] = {}
    for size in (1, 10, 50):
        text = grown(seed, size * MB)
        own, _ = timed(lambda text=text: len(encoder.encode_ordinary(text)), text, times=3)  # type: ignore[misc]
        mine, chunks = timed(ours, text, times=3)
        speeds[size] = own
        row("deepseek_ocr_rag.chunk_markdown", size, chunks, mine, own)
    for name, package, size, make in PEERS:
        if not all(importlib.util.find_spec(part) for part in package.split()):
            print(f"{name:34}not installed ({package})")
            continue
        mine, chunks = timed(make(encoder), grown(seed, size * MB), times=1)
        row(name, size, chunks, mine, speeds[size])


def row(name: str, size: int, chunks: int, mine: float, own: float) -> None:
    """Print a line of the table."""
    print(f"{name:34}{size:>6}{chunks:>9}{mine:>8.2f}{own:>10.2f}{mine / own:>7.2f}", flush=True)


def corpus(folder: Path) -> str:
    """All markdown files below a folder, largest first, so that the text has headings, lists and tables."""
    files = sorted(folder.rglob("*.md"), key=lambda path: (-path.stat().st_size, path.name))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    if not texts:
        raise SystemExit(f"{folder} has no markdown in it.")
    return "\n\n".join(texts) + "\n\n"


def grown(seed: str, size: int) -> str:
    """The text as often as it takes to have that many bytes, and no more of it."""
    encoded = (seed * (size // len(seed.encode()) + 1)).encode()[:size]
    return encoded.decode("utf-8", "ignore")


def timed(cut: Cut, text: str, *, times: int) -> tuple[float, int]:
    """MB/s at best, and the number of what was made."""
    best, made = float("inf"), 0
    for _ in range(times):
        start = time.process_time()
        made = cut(text)
        best = min(best, time.process_time() - start)
    return len(text.encode()) / MB / best, made


def ours(text: str) -> int:
    """Our chunks, as many as there are."""
    return count(chunk_markdown(text))


def count(items: Iterable[object]) -> int:
    """How many items there are."""
    return sum(1 for _ in items)


def langchain(encoder: object) -> Cut:
    """MarkdownHeaderTextSplitter, then RecursiveCharacterTextSplitter counting with the same encoder."""
    from langchain_text_splitters import MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter

    headers = MarkdownHeaderTextSplitter([("#" * level, f"h{level}") for level in range(1, 7)], strip_headers=False)
    encode = encoder.encode_ordinary  # type: ignore[attr-defined]
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=BUDGET, chunk_overlap=0, length_function=lambda text: len(encode(text))
    )
    return lambda text: len(splitter.split_documents(headers.split_text(text)))


def chonkie(encoder: object) -> Cut:
    """RecursiveChunker with the encoder itself; a name would be looked up on the network."""
    from chonkie import RecursiveChunker

    chunker = RecursiveChunker(tokenizer=encoder, chunk_size=BUDGET)
    return lambda text: len(chunker.chunk(text))


def llama_index(encoder: object) -> Cut:
    """MarkdownNodeParser, then SentenceSplitter."""
    from llama_index.core import Document
    from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter

    encode = encoder.encode_ordinary  # type: ignore[attr-defined]
    headers, sentences = MarkdownNodeParser(), SentenceSplitter(chunk_size=BUDGET, chunk_overlap=0, tokenizer=encode)
    return lambda text: len(sentences(headers([Document(text=text)])))


def docling(encoder: object) -> Cut:
    """HybridChunker over a document whose texts are the markdown's paragraphs: its own parser is not timed."""
    from docling_core.transforms.chunker.hybrid_chunker import HybridChunker
    from docling_core.transforms.chunker.tokenizer.openai import OpenAITokenizer
    from docling_core.types.doc.document import DoclingDocument
    from docling_core.types.doc.labels import DocItemLabel

    chunker = HybridChunker(tokenizer=OpenAITokenizer(tokenizer=encoder, max_tokens=BUDGET))

    def items(text: str) -> Iterator[object]:
        document = DoclingDocument(name="text")
        for paragraph in text.split("\n\n"):
            if paragraph.startswith("#"):
                document.add_heading(paragraph.lstrip("# "))
            elif paragraph.strip():
                document.add_text(DocItemLabel.TEXT, paragraph)
        yield from chunker.chunk(document)

    return lambda text: count(items(text))


PEERS = (
    ("LangChain header + recursive", "langchain_text_splitters", 10, langchain),
    ("Chonkie recursive", "chonkie", 10, chonkie),
    ("LlamaIndex markdown + sentence", "llama_index nltk", 1, llama_index),
    ("Docling hybrid", "docling_core semchunk", 1, docling),
)

if __name__ == "__main__":
    token_counter()("the vocabulary is loaded")
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
