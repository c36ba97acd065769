"""A cited document as a PDF with real highlight annotations, for any viewer.

What can be is appended to the file's own bytes, which stay as they are: its signatures still cover what they covered,
and nothing of it is rewritten. Damaged PDFs, which MuPDF had to repair, and files of other types are written anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .cite import Citation
from .errors import CitationError, CorruptSource, EncryptedSource
from .geometry import Box, QuarterTurn, inverse_turn
from .reopen import STRONG, aired, mupdf, no_such_page, resolved
from .sniff import SUFFIXES
from .source import Source

_A4_POINTS = 841.89


def annotate_pdf(source_path: Path, citations: Iterable[Citation], output: Path, *, password: str = "") -> Path:
    """Write a copy of the document as PDF in which the quotes are highlighted for any viewer.

    Each citation is one annotation a page, with the quote in its note. The copy of a sound PDF begins with that PDF's
    own bytes, and the annotations are appended. Files of other types are converted to PDF first. An encrypted PDF stays
    encrypted as it was. The copy appears at once and whole, or not at all.

    Returns:
        ``output``.

    Raises:
        CitationError: If ``output`` is the source itself or cannot be written; SourceChanged if the file is another.
        SourceError: If the file cannot be opened or does not have a cited page.
    """
    source_path, output, wanted = Path(source_path), Path(output), list(citations)
    if output.exists() and source_path.exists() and output.samefile(source_path):
        said = "would be overwritten by its annotated copy."
        raise CitationError(said, source=str(source_path), hint="Pass another output path.")
    with resolved(source_path, wanted) as found, _beside(output) as folder:
        copy = Path(shutil.copyfile(found.path, folder / "copy"))
        with mupdf(found.name) as pymupdf, _as_pdf(found, copy, pymupdf, password) as document:
            for citation in wanted:
                for region in citation.regions:
                    if not 1 <= region.page_number <= document.page_count:
                        raise no_such_page(source_path, region.page_number, document.page_count)
                    if region.boxes:
                        _annotate(document[region.page_number - 1], citation, region.boxes, pymupdf)
            saved = _save(document, copy, pymupdf)
        saved.replace(output)
    return output


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A folder of our own on the output's disk, so that what is ready there can be renamed to it."""
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".deepseek-ocr-rag-") as folder:
            yield Path(folder)
    except OSError as error:
        raise CitationError(
            f"cannot be written ({error.strerror or error}).",
            source=str(output),
            hint="Check that the folder exists and is writable, and that the disk has room.",
        ) from error


def _save(document: Any, copy: Path, pymupdf: Any) -> Path:
    """Append what is new to the copy that the document was opened from, or write all of it to another file."""
    keep = pymupdf.PDF_ENCRYPT_KEEP
    whole = copy.with_name("whole")
    try:
        if document.name != str(copy) or not document.can_save_incrementally():
            document.save(str(whole), encryption=keep)
            return whole
        if document.is_dirty:
            document.save(str(copy), incremental=True, encryption=keep)
    except pymupdf.mupdf.FzErrorSystem as error:
        raise OSError(str(error)) from error
    return copy


@contextmanager
def _as_pdf(found: Source, copy: Path, pymupdf: Any, password: str) -> Iterator[Any]:
    """The copy of the file as a PDF of MuPDF's that can be annotated."""
    if found.media_type.startswith("image/") and found.media_type != "image/svg+xml":
        document = _pictures_as_pdf(found, pymupdf)
    else:
        document = pymupdf.open(copy, filetype=SUFFIXES[found.media_type][1:])
    if document.needs_pass and not document.authenticate(password):
        said = "wrong password." if password else "the file is encrypted."
        raise EncryptedSource(said, source=found.name, hint="Pass its password.")
    if document.page_count == 0:
        raise CorruptSource("no pages.", source=found.name, hint="Open it in a viewer and save it anew.")
    if not document.is_pdf:
        document = pymupdf.open("pdf", document.convert_to_pdf())
    with closing(document):
        yield document


def _pictures_as_pdf(found: Source, pymupdf: Any) -> Any:
    """A PDF with a page for each picture, upright, its longer side as long as an A4 page's."""
    from .paging import open_file
    from .pixels import encode

    document = pymupdf.open()
    with closing(open_file(found.path, media_type=found.media_type, name=found.name)) as file:
        for number in range(1, file.facts.page_count + 1):
            page = file.page(number)
            picture = page.picture(long_side=int(max(page.width, page.height)))
            scale = _A4_POINTS / max(picture.size)
            sheet = document.new_page(width=picture.width * scale, height=picture.height * scale)
            media_type = "image/jpeg" if found.media_type == "image/jpeg" else "image/png"
            sheet.insert_image(sheet.rect, stream=encode(picture, media_type=media_type, quality=92))
    return document


def _annotate(page: Any, citation: Citation, boxes: Sequence[Box], pymupdf: Any) -> None:
    """Add one highlight annotation with a quad for each line."""
    turn: QuarterTurn = page.rotation
    width, height = (page.rect.height, page.rect.width) if turn % 180 else (page.rect.width, page.rect.height)
    quads = [pymupdf.Quad(*_corners(box, turn, width=width, height=height)) for box in boxes]
    annotation = page.add_highlight_annot(quads=quads)
    if annotation is None:  # PyMuPDF swallows the reason
        raise RuntimeError(f"page {page.number + 1} takes no annotations")
    annotation.set_colors(stroke=[value / 255 for value in STRONG])
    note = "".join(letter for letter in citation.quote if letter.isprintable() or letter in "\n\t")
    annotation.set_info(title="deepseek-ocr-rag", subject=citation.status, content=note)
    annotation.update()
    _straighten(page.parent, annotation.xref)


def _straighten(document: Any, xref: int) -> None:
    """Draw the annotation's quads as rectangles.

    MuPDF draws their ends as arcs that reach out by a quarter of the height: pleasant for a line, but for the box of
    a whole block far into the next column.
    """
    corners = [float(number) for number in document.xref_get_key(xref, "QuadPoints")[1].strip("[]").split()]
    red, green, blue = (value / 255 for value in STRONG)
    drawing = [f"/H gs {red:.3f} {green:.3f} {blue:.3f} rg"]
    for at in range(0, len(corners), 8):
        xs, ys = corners[at : at + 8 : 2], corners[at + 1 : at + 8 : 2]
        drawing.append(f"{min(xs):.3f} {min(ys):.3f} {max(xs) - min(xs):.3f} {max(ys) - min(ys):.3f} re")
    appearance = int(document.xref_get_key(xref, "AP/N")[1].split()[0])
    document.update_stream(appearance, "\n".join([*drawing, "f"]).encode())


def _corners(box: Box, turn: QuarterTurn, *, width: float, height: float) -> list[tuple[float, float]]:
    """The corners of a box and its air in PyMuPDF's frame of annotations.

    That is the page unrotated, UserUnit and CropBox applied. Their order is upper left, upper right, lower left and
    lower right of the *displayed* line. PyMuPDF's rotation matrix is not asked: it is wrong for pages with a UserUnit.
    """
    box = aired(box.turned(inverse_turn(turn)), width=width, height=height)
    left, top, right, bottom = box.to_size(width=width, height=height)
    clockwise = [(left, top), (right, top), (right, bottom), (left, bottom)]
    first = -turn // 90 % 4
    upper_left, upper_right, lower_right, lower_left = clockwise[first:] + clockwise[:first]
    return [upper_left, upper_right, lower_left, lower_right]
