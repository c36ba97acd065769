"""A cited file opened again, and what pictures and annotations of it share.

The file must be the one that was read: a citation that carries its hash is never shown on another. Pages are opened by
the module that opened them for reading, so that a box means here what it meant there. MuPDF is not thread-safe, so one
file is open at a time.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cite import Citation
from .errors import CorruptSource, PageOutOfRange, SourceChanged
from .geometry import Box
from .limits import READ_BEFORE
from .source import Source, SourceOptions, resolve

if TYPE_CHECKING:
    from .paging import OpenFile, OpenPage

STRONG = (255, 219, 77)
"""The colour of what is quoted: the ink stays legible where it is multiplied with it."""

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"[^\S\n\t]")
_MUPDF_LOCK = threading.Lock()
_NO_LIMIT = SourceOptions(limits=READ_BEFORE)


def check_unchanged(source_path: Path, citation: Citation) -> None:
    """Make sure that the file is the one that the citation is about.

    An id that is no ``sha256:`` hash says nothing about the bytes and passes.

    Raises:
        SourceChanged: If the file has other bytes than the one that was read.
        CorruptSource: If the file cannot be read.
    """
    if not citation.document_id.startswith("sha256:"):
        return
    try:
        with Path(source_path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorruptSource(
            f"cannot be read ({error.strerror}).", source=str(source_path), hint="Check the path and its permissions."
        ) from error
    _compare(digest, citation, source_path)


def _compare(digest: str, citation: Citation, source_path: Path) -> None:
    if citation.document_id.startswith("sha256:") and f"sha256:{digest}" != citation.document_id:
        raise SourceChanged(
            "is not the file that was read: its hash differs from the citation's document_id.",
            source=str(source_path),
            hint="Pass the original file, or read this one anew and cite from that.",
        )


@contextmanager
def resolved(source_path: Path, citations: Sequence[Citation]) -> Iterator[Source]:
    """The file as something that MuPDF or Pillow opens, once it is known to be the one that was read."""
    with tempfile.TemporaryDirectory() as workspace:
        found = resolve(Path(source_path), workspace=Path(workspace), options=_NO_LIMIT)
        for citation in citations:
            _compare(found.sha256, citation, source_path)
        yield found


@contextmanager
def mupdf(name: str) -> Iterator[Any]:
    """PyMuPDF for one thread and silent; the settings are put back, and its errors become ours."""
    import pymupdf
    from PIL import Image

    tools = pymupdf.TOOLS
    with _MUPDF_LOCK:
        errors, complaints = tools.mupdf_display_errors(), tools.mupdf_display_warnings()
        verbose, most_pixels = pymupdf.g_exceptions_verbose, Image.MAX_IMAGE_PIXELS
        tools.mupdf_display_errors(False)
        tools.mupdf_display_warnings(False)
        pymupdf.g_exceptions_verbose = 0  # else errors that PyMuPDF swallows are printed
        try:
            yield pymupdf
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            said = str(error).strip().partition("\n")[0][:200]
            hint = "Check that it is a whole, undamaged document; qpdf repairs many PDFs."
            raise CorruptSource(f"cannot be shown ({said}).", source=name, hint=hint) from error
        finally:
            tools.mupdf_display_errors(errors)
            tools.mupdf_display_warnings(complaints)
            pymupdf.g_exceptions_verbose, Image.MAX_IMAGE_PIXELS = verbose, most_pixels


@contextmanager
def opened(source_path: Path, citations: Sequence[Citation], *, password: str) -> Iterator[OpenFile]:
    """The file with its pages, while MuPDF is this thread's."""
    with resolved(source_path, citations) as found, mupdf(found.name):
        from .paging import open_file

        with closing(open_file(found.path, media_type=found.media_type, name=found.name, password=password)) as file:
            yield file


def page_of(file: OpenFile, number: int, source_path: Path) -> OpenPage:
    """A page of the file; PageOutOfRange if it has no such page."""
    if not 1 <= number <= file.facts.page_count:
        raise no_such_page(source_path, number, file.facts.page_count)
    return file.page(number)


def no_such_page(source_path: Path, number: int, total: int) -> PageOutOfRange:
    """The error that names the file, the page and what pages there are."""
    return PageOutOfRange(
        "there is no such page.", source=str(source_path), page_number=number, hint=f"It has pages 1 to {total}."
    )


def readable(text: str) -> str:
    """Text for people: without control characters and what turns the direction of writing, any space as a plain one.

    What joins letters and keeps them apart stays, since scripts and emoji are spelled with it.
    """
    return _NO_TEXT.sub("", _SPACE.sub(" ", text))


def aired(box: Box, *, width: float, height: float) -> Box:
    """The box with a little air around it, a share of the line's height, on a page of that size in any unit."""
    air = min(0.12 * min(box.width * width, box.height * height), max(width, height) / 300)
    x, y = air / width, air / height
    return Box.from_fractions(box.left - x, box.top - y, box.right + x, box.bottom + y)
