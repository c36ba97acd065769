"""The loader: files, folders, globs, URLs or bytes in, LangChain documents out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import IO, Any, Literal, TypeGuard

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from deepseek_ocr_rag import Failure, Input, Progress, ReadOptions

from .settings import ReadSettings


@dataclass(eq=False)
class DeepSeekOCRLoader(ReadSettings, BaseLoader):
    """Loads PDFs, pictures and office files; takes the settings of :class:`ReadSettings`, and these.

    Args:
        file_path: A path, URL, bytes, binary file, folder, glob, or several of those.
        fs: An fsspec file system that paths are read from.
        allow_urls: Whether http and https inputs are fetched.
        on_error: What to do about a file that cannot be read: ``raise``, or ``skip``. None raises for a single file
            and skips in folders, globs and lists; ``failures`` then lists what was skipped.

    Examples:
        ``DeepSeekOCRLoader("report.pdf", mode="chunk").load()``
        ``DeepSeekOCRLoader("scan.pdf", provider="novita").load()``
    """

    file_path: Input | Iterable[Input] = field(repr=False)
    fs: Any = field(default=None, kw_only=True, repr=False)
    allow_urls: bool = field(default=False, kw_only=True)
    on_error: Literal["raise", "skip"] | None = field(default=None, kw_only=True)
    failures: list[Failure] = field(default_factory=list, init=False, repr=False)
    """The files that the last run skipped."""

    def __post_init__(self) -> None:
        """Keep what an iterator gives, and where a binary file stands, so that the loader can load again."""
        super().__post_init__()
        self.read_options(on_error=self.on_error)
        self._start = self.file_path.tell() if _can_seek(self.file_path) else None
        if isinstance(self.file_path, Iterator) and not hasattr(self.file_path, "read"):
            self.file_path = list(self.file_path)

    def lazy_load(self) -> Iterator[Document]:
        """Read on and on; closing the generator stops all work.

        Raises:
            SourceError: If a file cannot be read; ``on_error`` says whether.
            PageFailed: If a page cannot be read and ``failed_pages`` is ``raise``.
            OutputError: If a page was not read to its end, or came back empty, and ``failed_pages`` is ``raise``.
            EngineMisconfigured: If address, key or model of the server are wrong, so that it can read no page.
        """
        with self.told() as report, closing(self.stream(self.file_path, self._begin(report))) as found:
            yield from found

    async def alazy_load(self) -> AsyncIterator[Document]:
        """Like :meth:`lazy_load`, without blocking the event loop."""
        async with self.atold() as report, aclosing(self.astream(self.file_path, self._begin(report))) as found:
            async for document in found:
                yield document

    def _begin(self, report: Callable[[Progress], None]) -> ReadOptions:
        self.failures = []
        if self._start is not None and _can_seek(self.file_path):
            self.file_path.seek(self._start)
        return self.read_options(
            fs=self.fs,
            allow_urls=self.allow_urls,
            on_error=self.on_error,
            on_failure=self.failures.append,
            progress=report,
        )


def _can_seek(given: object) -> TypeGuard[IO[bytes]]:
    return bool(hasattr(given, "seekable") and given.seekable())
