"""Documents as files: markdown, JSON, HTML, or JSON for Docling."""

from __future__ import annotations

import json
import os
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal

from .document import Block, Document
from .markdown import written
from .sequence import in_sequence
from .webpage import document_html

Format = Literal["md", "json", "html", "docling"]

SUFFIXES: Mapping[Format, str] = MappingProxyType(
    {"md": ".md", "json": ".json", "html": ".html", "docling": ".docling.json"}
)
"""What the names of files end with; a folder can hold all forms of a document."""

_UNSAFE = re.compile(r'[/\\:*?"<>|]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever its suffix."""

_LONGEST_STEM = 120
"""Bytes: file systems take names of 255."""


def document_markdown(document: Document, *, page_marks: bool = False) -> str:
    """The document as one text in markdown, without running heads and feet: ``document.markdown``.

    Paragraphs, list items and tables that go on over pages are in one piece.

    Args:
        document: What was read.
        page_marks: Whether to write ``<!-- page 3 -->``, a paragraph of its own, before the first block that begins on
            page 3. A mark never stands within a paragraph or table that goes on from the page before; where nothing
            else begins on a page, blank ones included, its mark comes before the next page's.
    """
    marks = [page.number for page in document.pages] if page_marks else ()
    return "".join(fragment.text for fragment in written(in_sequence(document.blocks()), marks=marks))


def exported(document: Document, form: Format, *, page_marks: bool = False) -> str:
    """The document in one of the forms; only markdown can have page marks, the others tell of pages anyway.

    Raises:
        ModuleNotFoundError: If docling-core is wanted and not installed.
    """
    if form == "md":
        return document_markdown(document, page_marks=page_marks)
    if form == "html":
        return document_html(document)
    if form == "json":
        return json.dumps(document.to_dict(), ensure_ascii=False, indent=1)
    from .docling import to_docling

    return json.dumps(to_docling(document).export_to_dict(), ensure_ascii=False, indent=1)


class OutputFolder:
    """A folder for one file of each document, called like it.

    Names are made safe: they never lead out of the folder, and two documents never get the same one, in any case of
    letters. A file of an earlier run is replaced, at once and whole.
    """

    def __init__(self, folder: Path, *, page_marks: bool = False) -> None:
        self.folder = folder
        self.page_marks = page_marks
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def write(self, document: Document, form: Format) -> Path:
        """Write a document and return the path. Links to pictures of figures lead from the folder to them.

        Raises:
            OSError: If it cannot be written.
        """
        path = self.folder / self._name(document.file_name, SUFFIXES[form])
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            shown = document if form == "json" else self._beside(document)
            text = exported(shown, form, page_marks=self.page_marks)
            temporary.write_bytes(text.encode("utf-8", "replace"))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    def _beside(self, document: Document) -> Document:
        """The document with the paths of its pictures as seen from the folder; absolute ones stay."""

        def moved(block: Block) -> Block:
            if not block.image or "://" in block.image or "\0" in block.image or PurePath(block.image).is_absolute():
                return block
            return replace(block, image=Path(os.path.relpath(block.image, self.folder)).as_posix())

        pages = (replace(page, blocks=tuple(moved(block) for block in page.blocks)) for page in document.pages)
        return replace(document, pages=tuple(pages))

    def _name(self, file_name: str, suffix: str) -> str:
        stem = "".join(char if char.isprintable() else "_" for char in PurePath(file_name).stem)
        stem = _UNSAFE.sub("_", stem).strip(". ")
        stem = stem.encode("utf-8", "replace")[:_LONGEST_STEM].decode("utf-8", "ignore").strip(". ") or "document"
        if _DEVICE.match(stem):
            stem = f"_{stem}"
        name, key = f"{stem}{suffix}", _folded(stem)
        while _folded(name) in self._taken:
            self._numbers[key] += 1
            name = f"{stem}-{self._numbers[key] + 1}{suffix}"
        self._taken.add(_folded(name))
        return name


def _folded(name: str) -> str:
    """What file systems make of a name that ignore case, or the ways in which an accent can be written."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
