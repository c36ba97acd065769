"""The splitter: pages and files that the loader gave, cut into chunks that know their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document

from deepseek_ocr_rag import rechunk

from .chunking import ChunkSettings


@dataclass(kw_only=True)
class DeepSeekOCRTextSplitter(ChunkSettings, BaseDocumentTransformer):
    """Cuts documents along headings and tables; each chunk's ``regions`` are those of its own characters.

    Takes the settings of :class:`ChunkSettings`, and has the methods of LangChain's own text splitters. A loader in
    mode ``chunk`` does the same with more knowledge: headings of earlier pages, captions, tables over page breaks.
    Documents of other loaders are cut as well; their chunks have a section path, but no boxes. Ids depend on text and
    metadata alone, so documents that say the same under the same metadata have chunks of the same ids.

    Args:
        add_start_index: Whether metadata has ``start_index``: where in its document the text begins that a chunk is
            for, after what it says again of the chunk before.

    Raises:
        ValueError: If the settings do not fit together, or the vocabulary is unknown.
        TypeError: If the tokenizer is none.
    """

    add_start_index: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        self.chunk_options()

    def split_text(self, text: str) -> list[str]:
        """The texts of a markdown's chunks, in order; parents come before their children."""
        return [excerpt.text for excerpt in rechunk(text, {}, self.chunk_options())]

    def create_documents(
        self, texts: Iterable[str], metadatas: Iterable[Mapping[str, Any]] | None = None
    ) -> list[Document]:
        """The chunks of all texts, in order.

        Args:
            texts: Markdown.
            metadatas: The metadata of each.

        Raises:
            ValueError: If there are not as many of these as of those.
        """
        if metadatas is None:
            return self.split_documents(map(Document, texts))
        pairs = zip(texts, metadatas, strict=True)
        return self.split_documents(Document(text, metadata=dict(metadata)) for text, metadata in pairs)

    def split_documents(self, documents: Iterable[Document]) -> list[Document]:
        """The chunks of all documents, in order.

        Raises:
            UnknownChunk: If a document's ``regions`` are not as the loader made them.
        """
        return [chunk for document in documents for chunk in self._chunks(document)]

    def transform_documents(
        self,
        documents: Sequence[Document],
        **kwargs: Any,  # noqa: ARG002 - the base class has them
    ) -> list[Document]:
        """What :meth:`split_documents` gives, under the name that LangChain's transformers have for it."""
        return self.split_documents(documents)

    def _chunks(self, document: Document) -> Iterator[Document]:
        for excerpt in rechunk(document.page_content, document.metadata, self.chunk_options()):
            start = {"start_index": excerpt.start} if self.add_start_index else {}
            yield Document(excerpt.text, id=excerpt.id, metadata=excerpt.metadata | start)
