"""A document behind the retrievers of LlamaIndex and LangChain, for the demo: read by their readers, found by BM25.

The frameworks are optional and heavy, so they are imported only here and only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .document import Document
from .engines import Engine
from .options import ReadOptions
from .prompts import Task
from .recognition import PageImage, PageRequest, Recognition
from .records import records
from .retrieve import Hit, WordIndex

BEST = 4
"""Texts that a search gives back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """Something that can be asked; ``ids`` are those of the texts that it has."""

    name: str
    ids: tuple[str, ...]
    search: Callable[[str], list[Hit]]


class Memory:
    """Passes pages on to an engine, and answers from memory when they are read again: OCR is paid for once.

    For one document, and to be closed by whoever reads it last.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[int, Recognition] = {}
        self.is_complete = False
        """To be set when the document has been read."""

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._engine.name

    @property
    def fingerprint(self) -> str:
        """The engine's fingerprint."""
        return self._engine.fingerprint

    @property
    def request(self) -> PageRequest:
        """What the engine needs, or, from memory, the words that lines are found with."""
        wanted = self._engine.request
        return replace(wanted, image=None, local=None) if self.is_complete else wanted

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """Read a page, or remember it; a page that nobody had to read was blank."""
        if not self.is_complete:
            self._known[page.page_number] = await self._engine.recognize(page, task=task)
        blank = Recognition(page_number=page.page_number, engine="none", regions=(), status="empty")
        return self._known.get(page.page_number, blank)

    async def aclose(self) -> None:
        """Close the engine; it opens again when it is used again."""
        await self._engine.aclose()


def core_searcher(document: Document) -> Searcher:
    """The document's chunks, with no framework."""
    found = list(records(document, "chunk"))
    index = WordIndex([_shown(record.text, record.metadata["section_path"]) for record in found])

    def search(question: str) -> list[Hit]:
        places = index.search(question, limit=BEST)
        return [Hit(text=found[at].text, metadata=found[at].metadata, score=score) for at, score in places]

    return Searcher(name="this package alone", ids=tuple(record.id for record in found), search=search)


def llama_index_searcher(path: Path, options: ReadOptions) -> Searcher:
    """The file behind a retriever of LlamaIndex.

    Raises:
        ModuleNotFoundError: If LlamaIndex or our reader for it is not installed.
    """
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
    from llama_index.readers.deepseek_ocr import DeepSeekOCRReader
    from pydantic import SecretStr

    pages = list(options.pages) if isinstance(options.pages, tuple) else options.pages
    password = SecretStr(options.password)
    reader = DeepSeekOCRReader(mode="chunk", engine=options.engine, pages=pages, password=password)
    nodes = reader.load_data(path)
    index = WordIndex([node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes])

    class Bm25Retriever(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            places = index.search(query_bundle.query_str, limit=BEST)
            return [NodeWithScore(node=nodes[at], score=score) for at, score in places]

    retriever = Bm25Retriever()

    def search(question: str) -> list[Hit]:
        found = retriever.retrieve(question)
        return [Hit(text=hit.node.get_content(), metadata=hit.metadata, score=hit.score or 0.0) for hit in found]

    return Searcher(name="LlamaIndex", ids=tuple(node.node_id for node in nodes), search=search)


def langchain_searcher(path: Path, options: ReadOptions) -> Searcher:
    """The file behind a retriever of LangChain.

    Raises:
        ModuleNotFoundError: If LangChain or our loader for it is not installed.
    """
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document as Found
    from langchain_core.retrievers import BaseRetriever
    from langchain_deepseek_ocr import DeepSeekOCRLoader

    loader = DeepSeekOCRLoader(
        path, mode="chunk", engine=options.engine, pages=options.pages, password=options.password
    )
    documents = loader.load()
    index = WordIndex([_shown(found.page_content, found.metadata["section_path"]) for found in documents])

    class Bm25Retriever(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Found]:
            del run_manager
            places = index.search(query, limit=BEST)
            return [
                documents[at].model_copy(update={"metadata": documents[at].metadata | {"score": score}})
                for at, score in places
            ]

    retriever = Bm25Retriever()

    def search(question: str) -> list[Hit]:
        found = retriever.invoke(question)
        return [Hit(text=hit.page_content, metadata=hit.metadata, score=hit.metadata["score"]) for hit in found]

    return Searcher(name="LangChain", ids=tuple(str(found.id) for found in documents), search=search)


def installed_searchers(path: Path, options: ReadOptions, *, missing: Callable[[str], None]) -> Iterator[Searcher]:
    """The frameworks that are installed; ``missing`` is told the package that is needed for each other one."""
    makers: Sequence[tuple[str, Callable[[Path, ReadOptions], Searcher]]] = (
        ("llama-index-readers-deepseek-ocr", llama_index_searcher),
        ("langchain-deepseek-ocr", langchain_searcher),
    )
    for package, make in makers:
        try:
            yield make(path, options)
        except ModuleNotFoundError:
            missing(package)


def _shown(text: str, section_path: object) -> str:
    """What an embedder would be shown."""
    return f"section_path: {section_path}\n\n{text}" if section_path else text
