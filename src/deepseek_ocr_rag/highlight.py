"""A citation shown on its page: as a picture, as a clipping, or as real annotations in a PDF.

Pages are opened by the module that opened them for reading, so that a box means here what it meant there. The quote's
lines are strong and their surroundings pale, both as ink on paper would be, so that the text stays legible. The file
must be the one that was read: a citation that carries its hash is never drawn on another. MuPDF is not thread-safe,
so one page is drawn at a time.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cite import Citation
from .errors import CitationError, CorruptSource, EncryptedSource, PageOutOfRange, SourceChanged
from .geometry import Box, QuarterTurn, bounding_box, inverse_turn
from .sniff import SUFFIXES
from .source import Source, SourceOptions, resolve

if TYPE_CHECKING:
    from PIL import Image

    from .paging import OpenFile, OpenPage

_STRONG, _PALE, _EDGE = (255, 219, 77), (255, 249, 214), (226, 148, 0)
_PICTURE_INCHES = 11.69  # a picture says nothing reliable about its size; its longer side counts as an A4 page's
_A4_POINTS = 841.89
_MUPDF_LOCK = threading.Lock()
_NO_LIMIT = SourceOptions(max_bytes=1 << 62)  # the file has been read before, under the limits of that time


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
    if f"sha256:{digest}" != citation.document_id:
        raise SourceChanged(
            "is not the file that was read: its hash differs from the citation's document_id.",
            source=str(source_path),
            hint="Pass the original file, or read this one anew and cite from that.",
        )


def highlight_page(
    source_path: Path, citation: Citation, *, page_number: int | None = None, dpi: int = 110, password: str = ""
) -> bytes:
    """Draw a cited page as displayed, the quote's lines in strong and its context in pale yellow.

    Args:
        source_path: The file that was read: PDF, picture, EPUB, XPS, office document.
        citation: What to show.
        page_number: Counted from 1; None takes the citation's first page, or its context's where the quote has none.
        dpi: Resolution; a picture is taken for an A4 page and is never enlarged.
        password: Of an encrypted document.

    Returns:
        The bytes of a PNG.

    Raises:
        CitationError: If the citation has no page; SourceChanged if the file is another.
        SourceError: If the file or page cannot be opened.
    """
    number = page_number or _first_page(citation, source_path)
    with _opened(source_path, [citation], password=password) as file:
        return _png(_drawn(_page(file, number, source_path), citation, dpi=dpi))


def crop(
    source_path: Path, citation: Citation, *, page_number: int | None = None, dpi: int = 150, password: str = ""
) -> bytes:
    """Cut the cited lines of one page out, highlighted and with a margin; arguments as for :func:`highlight_page`.

    Raises:
        CitationError: If the citation has no boxes on that page; SourceChanged if the file is another.
        SourceError: If the file or page cannot be opened.
    """
    number = page_number or _first_page(citation, source_path)
    area = bounding_box(_boxes(citation, number))
    if area is None:
        hint = "Use highlight_page to show the whole page."
        raise CitationError(
            "the citation has no lines to cut out.", source=str(source_path), page_number=number, hint=hint
        )
    with _opened(source_path, [citation], password=password) as file:
        picture = _drawn(_page(file, number, source_path), citation, dpi=dpi)
    margin = 0.02
    wider = Box.from_fractions(area.left - margin, area.top - margin, area.right + margin, area.bottom + margin)
    left, top, right, bottom = (round(side) for side in wider.to_size(width=picture.width, height=picture.height))
    return _png(picture.crop((left, top, max(right, left + 1), max(bottom, top + 1))))


def annotate_pdf(source_path: Path, citations: Iterable[Citation], output: Path, *, password: str = "") -> Path:
    """Write a copy of the document as PDF in which the quotes are highlighted for any viewer.

    Each citation is one annotation a page, with the quote in its note. Files of other types are converted to PDF
    first. An encrypted PDF stays encrypted as it was. The copy appears at once and whole, or not at all.

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
    with (
        _resolved(source_path, wanted) as found,
        _mupdf(found.name) as pymupdf,
        _as_pdf(found, pymupdf, password) as document,
    ):
        for citation in wanted:
            for region in citation.regions:
                if not 1 <= region.page_number <= document.page_count:
                    raise _no_such_page(source_path, region.page_number, document.page_count)
                if region.boxes:
                    _annotate(document[region.page_number - 1], citation, region.boxes, pymupdf)
        _save(document, output, encryption=pymupdf.PDF_ENCRYPT_KEEP)
    return output


@contextmanager
def _resolved(source_path: Path, citations: Sequence[Citation]) -> Iterator[Source]:
    """The file as something that MuPDF or Pillow opens, once it is known to be the one that was read."""
    for citation in {citation.document_id: citation for citation in citations}.values():
        check_unchanged(source_path, citation)
    with tempfile.TemporaryDirectory() as workspace:
        yield resolve(Path(source_path), workspace=Path(workspace), options=_NO_LIMIT)


@contextmanager
def _mupdf(name: str) -> Iterator[Any]:
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
def _opened(source_path: Path, citations: Sequence[Citation], *, password: str) -> Iterator[OpenFile]:
    with _resolved(source_path, citations) as found, _mupdf(found.name):
        from .paging import open_file

        with closing(open_file(found.path, media_type=found.media_type, name=found.name, password=password)) as file:
            yield file


def _page(file: OpenFile, number: int, source_path: Path) -> OpenPage:
    if not 1 <= number <= file.facts.page_count:
        raise _no_such_page(source_path, number, file.facts.page_count)
    return file.page(number)


def _no_such_page(source_path: Path, number: int, total: int) -> PageOutOfRange:
    return PageOutOfRange(
        "there is no such page.", source=str(source_path), page_number=number, hint=f"It has pages 1 to {total}."
    )


def _first_page(citation: Citation, source_path: Path) -> int:
    for region in (*citation.regions, *citation.context):
        return region.page_number
    raise CitationError(
        f"the citation ({citation.status}) has no page.",
        source=str(source_path),
        hint="Pass page_number to choose one.",
    )


def _boxes(citation: Citation, number: int) -> list[Box]:
    return [box for region in citation.regions if region.page_number == number for box in region.boxes]


def _drawn(page: OpenPage, citation: Citation, *, dpi: int) -> Image.Image:
    """The page's picture with the highlights; they are multiplied, so black stays black, and edged for dark pages."""
    from PIL import Image, ImageChops, ImageDraw

    inches = _PICTURE_INCHES if page.mupdf is None else max(page.width, page.height) / 72
    picture = page.picture(long_side=max(1, round(inches * dpi))).convert("RGB")
    layer = Image.new("RGB", picture.size, "white")
    strong = [_pixels(box, picture.size) for box in _boxes(citation, page.number)]
    pale = [box for region in citation.context if region.page_number == page.number for box in region.boxes]
    pen = ImageDraw.Draw(layer)
    for box in pale:
        pen.rectangle(_pixels(box, picture.size), fill=_PALE)
    for area in strong:
        pen.rectangle(area, fill=_STRONG)
    drawn = ImageChops.multiply(picture, layer)
    pen = ImageDraw.Draw(drawn)
    for left, _, right, bottom in strong:
        pen.line((left, bottom, right, bottom), fill=_EDGE, width=max(1, dpi // 100))
    return drawn


def _aired(box: Box, *, width: float, height: float) -> Box:
    """The box with a little air around it, a share of the line's height, on a page of that size in any unit."""
    air = min(0.12 * min(box.width * width, box.height * height), max(width, height) / 300)
    x, y = air / width, air / height
    return Box.from_fractions(box.left - x, box.top - y, box.right + x, box.bottom + y)


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The first and last pixels of a box and its air."""
    width, height = size
    left, top, right, bottom = _aired(box, width=width, height=height).to_size(width=width, height=height)
    last_x, last_y = width - 1, height - 1
    return min(last_x, int(left)), min(last_y, int(top)), min(last_x, int(right)), min(last_y, int(bottom))


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@contextmanager
def _as_pdf(found: Source, pymupdf: Any, password: str) -> Iterator[Any]:
    """The document as a PDF of MuPDF's that can be annotated."""
    if found.media_type.startswith("image/") and found.media_type != "image/svg+xml":
        document = _pictures_as_pdf(found, pymupdf)
    else:
        document = pymupdf.open(found.path, filetype=SUFFIXES[found.media_type][1:])
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
    annotation.set_colors(stroke=[value / 255 for value in _STRONG])
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
    red, green, blue = (value / 255 for value in _STRONG)
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
    box = _aired(box.turned(inverse_turn(turn)), width=width, height=height)
    left, top, right, bottom = box.to_size(width=width, height=height)
    clockwise = [(left, top), (right, top), (right, bottom), (left, bottom)]
    first = -turn // 90 % 4
    upper_left, upper_right, lower_right, lower_left = clockwise[first:] + clockwise[:first]
    return [upper_left, upper_right, lower_left, lower_right]


def _save(document: Any, output: Path, *, encryption: int) -> None:
    """Write beside the output and rename, so that nobody ever sees half a file."""
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            document.save(file, encryption=encryption)
        temporary.replace(output)
    except OSError as error:
        raise CitationError(
            f"cannot be written ({error.strerror or error}).",
            source=str(output),
            hint="Check that the folder exists and is writable.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
