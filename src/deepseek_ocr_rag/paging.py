"""Open files as pages, inside the worker process: MuPDF for documents, Pillow for pictures.

Both kinds of page answer the same questions (size as displayed, picture, blank or not), so that nothing after this
module asks what kind of file it was. MuPDF is not thread-safe and may hang or crash on hostile files: documents are
read by :mod:`deepseek_ocr_rag.worker` only; drawing a highlight on a file that was read before may do without.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pymupdf
from PIL import Image, ImageOps, ImageStat

from .errors import CorruptSource, EncryptedSource, PageFailed, SourceTooLarge
from .facts import document_facts
from .geometry import PAGE_BOX, Box, PdfView, QuarterTurn, inverse_turn
from .modes import LONGEST
from .pixels import flattened, register_heif
from .recognition import DocumentFacts

MAX_PIXELS = 178_956_970
"""Pillow's own bound against decompression bombs, kept as a hard limit."""

MAX_SIDE = LONGEST
"""No page is rendered with more pixels than this along a side."""

_MUPDF_ERRORS = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError)
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, TypeError, EOFError, MemoryError)


class OpenPage(Protocol):
    """A page as displayed. Sizes are points for documents, pixels for pictures."""

    number: int
    width: float
    height: float
    label: str
    rotation: QuarterTurn
    view: PdfView | None

    @property
    def mupdf(self) -> Any:
        """The MuPDF page, rotation not applied, or None for a picture."""

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """Draw the page as displayed, or a part of it, RGB or grey.

        The longer side has ``long_side`` pixels, or fewer for a picture that has no more.
        """


class OpenFile(Protocol):
    """A file with pages."""

    facts: DocumentFacts

    def page(self, number: int) -> OpenPage:
        """Open page ``number``, counted from 1."""

    def close(self) -> None:
        """Let go of the file."""


def open_file(path: Path, *, media_type: str, name: str, password: str = "") -> OpenFile:
    """Open a document or picture.

    Raises:
        EncryptedSource: If it needs a password, or another one.
        CorruptSource: If it cannot be opened or has no pages.
    """
    if media_type.startswith("image/") and media_type != "image/svg+xml":
        return PictureFile(path, name=name)
    return MuPdfFile(path, media_type=media_type, name=name, password=password)


class MuPdfFile:
    """A PDF, or anything else that MuPDF lays out, turned into a PDF when opened; ``document`` is MuPDF's."""

    def __init__(self, path: Path, *, media_type: str, name: str, password: str) -> None:
        self._name = name
        try:
            document = pymupdf.open(path, filetype=_FILETYPES.get(media_type, "pdf"))
            if document.needs_pass and not document.authenticate(password):
                raise EncryptedSource(
                    "wrong password." if password else "the file is encrypted.",
                    source=name,
                    hint="Pass its password, for example password='...'.",
                )
            self.facts = document_facts(document)
            if self.facts.page_count == 0:
                raise CorruptSource("no pages.", source=name, hint="Open it in a viewer and save it anew.")
            self._rotations: dict[int, int] = {}  # as written in the file: reading a page sets its own to 0
            self._is_pdf = document.is_pdf
            self.document = document if document.is_pdf else pymupdf.open("pdf", document.convert_to_pdf())
        except _MUPDF_ERRORS as error:
            raise CorruptSource(
                f"cannot be opened ({_first_line(error).replace(str(path), name)}).",
                source=name,
                hint="Check that it is a whole, undamaged document.",
            ) from error

    def page(self, number: int) -> MuPdfPage:
        """Open page ``number``, counted from 1."""
        try:
            rotation = self._rotations.setdefault(number, self.document[number - 1].rotation)
            return MuPdfPage(self.document, number, rotation=rotation, is_original=self._is_pdf)
        except _MUPDF_ERRORS as error:
            raise PageFailed(
                f"cannot be opened ({_first_line(error)}).",
                source=self._name,
                page_number=number,
                hint="The page is damaged; repair the file (for example with qpdf) and read it again.",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self.document.close()


class MuPdfPage:
    """A PDF page, read with rotation 0 and turned by us.

    MuPDF's own ``remove_rotation`` disagrees with its pictures where the page has a CropBox (2.0, measured).
    """

    def __init__(self, document: Any, number: int, *, rotation: int, is_original: bool = True) -> None:
        self.document = document
        self.number = number
        page = document[number - 1]
        turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
        self.rotation: QuarterTurn = turns.get(rotation, 0)
        self.label: str = _label(page)
        page.set_rotation(0)
        sides = page.rect.width, page.rect.height
        self.width, self.height = sides[::-1] if self.rotation % 180 else sides
        # What was converted to a PDF has no user space that its own viewers know.
        self.view: PdfView | None = _view(page, self.rotation) if is_original else None
        self._page = page

    @property
    def mupdf(self) -> Any:
        """The MuPDF page, rotation not applied."""
        return self._page

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """Draw the page as displayed, or a part of it, RGB, its longer side ``long_side`` pixels."""
        limit = min(long_side, MAX_SIDE)
        zoom = limit / max(self.width * part.width, self.height * part.height, 1e-6)
        matrix = pymupdf.Matrix(zoom, zoom).prerotate(self.rotation)
        rect = self._page.rect
        x0, y0, x1, y1 = part.turned(inverse_turn(self.rotation)).to_size(width=rect.width, height=rect.height)
        clip = pymupdf.Rect(rect.x0 + x0, rect.y0 + y0, rect.x0 + x1, rect.y0 + y1) if part != PAGE_BOX else None
        pixels = self._page.get_pixmap(matrix=matrix, alpha=False, colorspace=pymupdf.csRGB, clip=clip)
        drawn = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
        # A part begins and ends within pixels, which MuPDF draws whole: one more than there may be.
        return drawn.crop((0, 0, min(drawn.width, limit), min(drawn.height, limit)))

    def turned_upright(self, turn: QuarterTurn) -> Any:
        """A MuPDF page whose frame is the displayed page turned clockwise by ``turn``.

        Text and drawings stay text and drawings. Without any turn it is the page itself.
        """
        degrees = (self.rotation + turn) % 360
        if degrees == 0:
            return self._page
        if self._page.first_annot or self._page.first_widget:
            self.document.bake()  # notes and form fields are visible, but a copied page would leave them behind
            self._page = self.document[self.number - 1]
        rect = self._page.rect
        width, height = (rect.height, rect.width) if degrees % 180 else (rect.width, rect.height)
        copy = pymupdf.open().new_page(width=width, height=height)
        copy.show_pdf_page(copy.rect, self.document, self.number - 1, rotate=-degrees)
        return copy


class PictureFile:
    """A picture; a TIFF has a page for each frame, other animated formats show their first frame."""

    def __init__(self, path: Path, *, name: str) -> None:
        self._name = name
        register_heif()
        Image.MAX_IMAGE_PIXELS = None  # our own check below names the file and is an error, not a warning
        try:
            with warnings.catch_warnings(), ExitStack() as opened:
                warnings.simplefilter("ignore")  # malformed EXIF and the like; the picture itself is checked
                self._image = opened.enter_context(Image.open(path))
                self._check_size()
                frames = int(getattr(self._image, "n_frames", 1))
                self._image.load()
                opened.pop_all()  # stays open until close(), but for a picture that is refused
        except _PILLOW_ERRORS as error:
            raise CorruptSource(
                f"not a readable picture ({_first_line(error)}).",
                source=name,
                hint="Check that the file is whole, or convert it to PNG.",
            ) from error
        is_tiff = self._image.format == "TIFF"
        notes = (
            () if frames == 1 or is_tiff else (f"{self._image.format} with {frames} frames: only the first is read.",)
        )
        self.facts = DocumentFacts(page_count=frames if is_tiff else 1, warnings=notes)

    def page(self, number: int) -> PicturePage:
        """Open frame ``number``, counted from 1, upright by its EXIF or TIFF orientation."""
        try:
            self._image.seek(number - 1)
            self._check_size()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                upright = flattened(ImageOps.exif_transpose(self._image))
        except _PILLOW_ERRORS as error:
            raise PageFailed(
                f"frame cannot be read ({_first_line(error)}).",
                source=self._name,
                page_number=number,
                hint="Check that the file is whole, or convert it to PNG.",
            ) from error
        return PicturePage(upright, number)

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()

    def _check_size(self) -> None:
        width, height = self._image.size
        if width * height > MAX_PIXELS:
            raise SourceTooLarge(
                f"{width} x {height} pixels are more than {MAX_PIXELS}.",
                source=self._name,
                hint="Scale the picture down.",
            )


class PicturePage:
    """A picture as displayed."""

    label = ""
    rotation: QuarterTurn = 0
    view: PdfView | None = None
    mupdf = None

    def __init__(self, image: Image.Image, number: int) -> None:
        self.number = number
        self._image = image
        self.width, self.height = (float(side) for side in image.size)

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """The picture or a part of it, scaled down to ``long_side`` pixels where it is larger."""
        box = part.to_size(width=self.width, height=self.height)
        scale = min(1.0, long_side / max(box[2] - box[0], box[3] - box[1], 1.0))
        if scale == 1.0 and part == PAGE_BOX:
            return self._image
        width, height = (max(1, round(side * scale)) for side in (box[2] - box[0], box[3] - box[1]))
        return self._image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def _view(page: Any, rotation: QuarterTurn) -> PdfView:
    """What the page displays of its user space; PyMuPDF counts a CropBox down from the top of the MediaBox."""
    media, crop = page.mediabox, page.cropbox
    left, right = max(media.x0, crop.x0), min(media.x1, crop.x1)
    bottom, top = max(media.y0, media.y1 - crop.y1), min(media.y1, media.y1 - crop.y0)
    unit = page.rect.width / (right - left) if right > left else 1.0
    return PdfView(left=left, bottom=bottom, right=right, top=top, rotation=rotation, user_unit=round(unit, 6))


def _label(page: Any) -> str:
    """The page's printed label as the PDF has it; damaged label trees are common and cost the label only."""
    try:
        return str(page.get_label() or "")
    except _MUPDF_ERRORS:
        return ""


def is_blank(page: OpenPage) -> bool:
    """Whether the displayed page has no ink: one shade all over, up to the noise of a scan."""
    # 50 dpi of an A4 page: averages a scanner's noise away and still shows a lone page number.
    # A long strip is looked at more closely, or its lines would be averaged away too.
    aspect = max(page.width, page.height) / max(1.0, min(page.width, page.height))
    grey = page.picture(long_side=round(min(MAX_SIDE, 585 * max(1.0, aspect / 1.5)))).convert("L")
    middle = ImageStat.Stat(grey).median[0]
    histogram = grey.histogram()
    return sum(count for shade, count in enumerate(histogram) if abs(shade - middle) > 32) <= 2


def displayed_words(page: OpenPage) -> Iterator[tuple[str, Box]]:
    """Words of the page's text layer, visible or not, with their boxes on the page as displayed."""
    if page.mupdf is None:
        return
    rect = page.mupdf.rect
    for x0, y0, x1, y1, text, *_ in page.mupdf.get_text("words"):
        corners = (x0 - rect.x0, y0 - rect.y0, x1 - rect.x0, y1 - rect.y0)
        if 0 <= (corners[0] + corners[2]) / 2 <= rect.width and 0 <= (corners[1] + corners[3]) / 2 <= rect.height:
            yield text, Box.from_size(corners, width=rect.width, height=rect.height).turned(page.rotation)


_FILETYPES = {
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/oxps": "xps",
    "application/vnd.comicbook+zip": "cbz",
    "image/svg+xml": "svg",
    "application/x-fictionbook+xml": "fb2",
    "application/x-mobipocket-ebook": "mobi",
}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
