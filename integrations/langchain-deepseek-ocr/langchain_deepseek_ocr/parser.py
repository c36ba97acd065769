"""The blob parser: for loaders that know where files are, such as LangChain's own."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from deepseek_ocr_rag import Input, Progress, ReadOptions

from .settings import ReadSettings


@dataclass(kw_only=True, eq=False)
class DeepSeekOCRBlobParser(ReadSettings, BaseBlobParser):
    """Parses PDFs, pictures and office files; takes the settings of :class:`ReadSettings`.

    A blob's metadata is added to that of its documents, and its ``source`` is theirs.

    Examples:
        ``DeepSeekOCRBlobParser(mode="chunk").parse(Blob.from_path("report.pdf"))``
    """

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Read a blob; closing the generator stops all work.

        Raises:
            SourceError: If the blob cannot be read.
            PageFailed: If a page cannot be read and ``failed_pages`` is ``raise``.
            OutputError: If a page was not read to its end, or came back empty, and ``failed_pages`` is ``raise``.
            EngineMisconfigured: If address, key or model of the server are wrong, so that it can read no page.
        """
        with self.told() as report, closing(self.stream(_input(blob), self._options(report))) as found:
            for document in found:
                yield _of_blob(document, blob)

    async def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """Like :meth:`lazy_parse`, without blocking the event loop."""
        async with self.atold() as report, aclosing(self.astream(_input(blob), self._options(report))) as found:
            async for document in found:
                yield _of_blob(document, blob)

    def _options(self, report: Callable[[Progress], None]) -> ReadOptions:
        return self.read_options(on_error="raise", progress=report)


def _of_blob(document: Document, blob: Blob) -> Document:
    """The document with what is known of its blob."""
    added = {key: value for key, value in blob.metadata.items() if key not in document.metadata}
    document.metadata |= ({"source": blob.source} if blob.source else {}) | added
    return document


class _NamedBytes(io.BytesIO):
    """Bytes that say where they came from."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def _input(blob: Blob) -> Input:
    if blob.data is None and blob.path is not None:
        return str(blob.path)
    return _NamedBytes(blob.as_bytes(), str(blob.path)) if blob.path else blob.as_bytes()
