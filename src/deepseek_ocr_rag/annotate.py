"""A cited document as a PDF with real highlight annotations, for any viewer.

What can be is appended to the file's own bytes, which stay as they are: its signatures still cover what they covered,
and nothing of it is rewritten. Damaged PDFs, which MuPDF had to repair, and files of other types are written anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cite import Citation
from .errors import CitationError, CorruptSource, PageFailed, SourceTooLarge
from .geometry import Box, Point, QuarterTurn, displayed_corners, inverse_turn
from .reopen import STRONG, aired, mupdf, no_such_page, readable, resolved
from .source import Source

if TYPE_CHECKING:
    from .paging import OpenFile

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
    cited = {region.page_number for citation in wanted for region in citation.regions}
    with (
        resolved(source_path, wanted) as found,
        _beside(output, source_path) as folder,
        tempfile.TemporaryDirectory() as workspace,  # where names are such as MuPDF can open
    ):
        copy = Path(shutil.copyfile(found.path, Path(workspace, "copy")))
        with mupdf(found.name) as pymupdf, _as_pdf(found, copy, pymupdf, password, cited) as document:
            for citation in wanted:
                for region in citation.regions:
                    if not 1 <= region.page_number <= document.page_count:
                        raise no_such_page(source_path, region.page_number, document.page_count)
                    if region.boxes:
                        _annotate(document[region.page_number - 1], citation, region.boxes, pymupdf)
            saved = _save(document, copy, pymupdf)
            _check(saved, document.page_count, pymupdf, password=password, name=found.name)
        Path(shutil.copyfile(saved, folder / "copy")).replace(output)
    return output


@contextmanager
def _beside(output: Path, source_path: Path) -> Iterator[Path]:
    """A folder of our own on the output's disk, so that what is ready there can be renamed to it."""
    try:
        if output.exists() and output.samefile(source_path):
            said = "would be overwritten by its annotated copy."
            raise CitationError(said, source=str(source_path), hint="Pass another output path.")
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".deepseek-ocr-rag-") as folder:
            yield Path(folder)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise CitationError(
            f"cannot be written ({getattr(error, 'strerror', None) or error}).",
            source=str(output),
            hint="Check that the folder exists and is writable, and that the disk has room.",
        ) from error


def _save(document: Any, copy: Path, pymupdf: Any) -> Path:
    """Append what is new to the copy that the document was opened from, or write all of it to another file."""
    # The key of an encrypted PDF is made of its id: with a new one, nobody could open the copy.
    how = {"encryption": pymupdf.PDF_ENCRYPT_KEEP, "no_new_id": True}
    try:
        if document.name != str(copy) or not document.can_save_incrementally():
            whole = copy.with_name("whole")
            document.save(str(whole), **how)
            return whole
        if document.is_dirty:
            document.save(str(copy), incremental=True, **how)
    except pymupdf.mupdf.FzErrorSystem as error:
        raise OSError(str(error)) from error
    return copy


def _check(saved: Path, pages: int, pymupdf: Any, *, password: str, name: str) -> None:
    """Make sure that what was written opens as the source did, before it takes an older copy's place."""
    with pymupdf.open(saved, filetype="pdf") as document:
        if (document.needs_pass and not document.authenticate(password)) or document.page_count != pages:
            hint = "Open it in a viewer, save it anew, and annotate that."
            raise CorruptSource("cannot be annotated: its copy does not open.", source=name, hint=hint)


@contextmanager
def _as_pdf(found: Source, copy: Path, pymupdf: Any, password: str, cited: Container[int]) -> Iterator[Any]:
    """The copy of the file as a PDF of MuPDF's that can be annotated."""
    from .mupdf import MuPdfFile
    from .paging import open_file

    with closing(open_file(copy, media_type=found.media_type, name=found.name, password=password)) as file:
        if isinstance(file, MuPdfFile):
            yield file.document
        else:
            with closing(_pictures_as_pdf(file, found.media_type, cited, pymupdf)) as document:
                yield document


def _pictures_as_pdf(file: OpenFile, media_type: str, cited: Container[int], pymupdf: Any) -> Any:
    """A PDF with a page for each picture, upright, its longer side as long as an A4 page's.

    Of a picture that cannot be read the page is empty, so that the others keep their numbers; not if it is cited.
    """
    from .pixels import encode

    document = pymupdf.open()
    for number in range(1, file.facts.page_count + 1):
        try:
            page = file.page(number)
        except (PageFailed, SourceTooLarge):
            if number in cited:
                raise
            document.new_page()
            continue
        picture = page.picture(long_side=int(max(page.width, page.height)))
        scale = _A4_POINTS / max(picture.size)
        sheet = document.new_page(width=picture.width * scale, height=picture.height * scale)
        wanted = "image/jpeg" if media_type == "image/jpeg" else "image/png"
        sheet.insert_image(sheet.rect, stream=encode(picture, media_type=wanted, quality=92))
    return document


def _annotate(page: Any, citation: Citation, boxes: Sequence[Box], pymupdf: Any) -> None:
    """Add one highlight annotation with a quad for each line."""
    turn: QuarterTurn = page.rotation
    page.set_rotation(turn)  # one of 45 degrees is none to PDFium and to PyMuPDF, and 90 to what draws annotations
    width, height = (page.rect.height, page.rect.width) if turn % 180 else (page.rect.width, page.rect.height)
    quads = [pymupdf.Quad(*_corners(box, turn, width=width, height=height)) for box in boxes]
    annotation = page.add_highlight_annot(quads=quads)
    if annotation is None:  # PyMuPDF swallows the reason
        raise RuntimeError(f"page {page.number + 1} takes no annotations")
    annotation.set_colors(stroke=[value / 255 for value in STRONG])
    annotation.set_info(title="deepseek-ocr-rag", subject=citation.status, content=readable(citation.quote))
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


def _corners(box: Box, turn: QuarterTurn, *, width: float, height: float) -> tuple[Point, ...]:
    """The corners of a box and its air in PyMuPDF's frame of annotations.

    That is the page unrotated, UserUnit and CropBox applied. PyMuPDF's rotation matrix is not asked: it is wrong for
    pages with a UserUnit.
    """
    box = aired(box.turned(inverse_turn(turn)), width=width, height=height)
    return displayed_corners(*box.to_size(width=width, height=height), turn)
