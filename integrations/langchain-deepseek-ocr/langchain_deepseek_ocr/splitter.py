"""The splitter: pages and files that the loader gave, cut into chunks that know their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document

from deepseek_ocr_rag import ChunkOptions, rechunk


@dataclass(kw_only=True)
class DeepSeekOCRTextSplitter(BaseDocumentTransformer):
    """Cuts documents along headings and tables; each chunk's ``regions`` are those of its own characters.

    A loader in mode ``chunk`` does the same with more knowledge: headings of earlier pages, captions, tables over page
    breaks. Documents of other loaders are cut as well; their chunks have a section path, but no boxes.

    Args:
        max_tokens: Hard budget of a chunk and its section path.
        tokenizer: Vocabulary that tokens are counted with.

    Raises:
        ValueError: If ``max_tokens`` is too small or the tokenizer unknown.
    """

    max_tokens: int = 512
    tokenizer: str = "cl100k_base"

    def __post_init__(self) -> None:
        """Check the options."""
        self._options()

    def transform_documents(
        self,
        documents: Sequence[Document],
        **kwargs: Any,  # noqa: ARG002 - the base class has them
    ) -> list[Document]:
        """The chunks of all documents, in order.

        Raises:
            UnknownChunk: If a document's ``regions`` are not as the loader made them.
        """
        return self.split_documents(documents)

    def split_documents(self, documents: Iterable[Document]) -> list[Document]:
        """The chunks of all documents, under the name that LangChain's text splitters have for it."""
        options = self._options()
        return [
            Document(excerpt.text, id=excerpt.id, metadata=excerpt.metadata)
            for document in documents
            for excerpt in rechunk(document.page_content, document.metadata, options)
        ]

    def _options(self) -> ChunkOptions:
        return ChunkOptions(max_tokens=self.max_tokens, counter=self.tokenizer)
