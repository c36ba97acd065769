"""Open files as pages, inside the worker process: MuPDF or pdfium for documents, Pillow for pictures.

All kinds of pages answer the same questions (size as displayed, picture, blank or not), so that nothing after this
module asks what kind of file it was. Libraries may hang or crash on hostile files: documents are read by
:mod:`deepseek_ocr_rag.worker` only; drawing a highlight on a file that was read before may do without.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from PIL import Image, ImageOps

from .errors import CorruptSource, PageFailed
from .facts import check_size, complaint
from .geometry import PAGE_BOX, Box, PdfView, QuarterTurn
from .limits import Limits
from .modes import LONGEST
from .pixels import flattened, register_heif
from .recognition import DocumentFacts, Renderer, Words

MAX_SIDE = LONGEST
"""No page is rendered with more pixels than this along a side."""

BLANK_SIDE = 585
"""Pixels of the longer side of the picture that tells a blank page: 50 dpi of an A4 page, which average a scanner's
noise away and still show a lone page number."""

SHADE = 32
"""By how much ink differs from the paper."""

SPECKS = 2
"""So many pixels of ink are none."""

CLEARLY = 50
"""With so many pixels of ink on a picture that is smaller still, a page is not blank without a closer look."""

DEFAULTS = Limits()

_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, TypeError, EOFError, MemoryError)


class OpenPage(Protocol):
    """A page as displayed. Sizes are points for documents, pixels for pictures."""

    number: int
    width: float
    height: float
    label: str
    rotation: QuarterTurn
    view: PdfView | None
    is_picture: bool

    @property
    def mupdf(self) -> Any:
        """The MuPDF page, rotation not applied, or None where it is not one of MuPDF's."""

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """Draw the page as displayed, or a part of it, RGB or grey.

        The longer side has ``long_side`` pixels, or fewer for a picture that has no more.
        """

    def jpeg(self) -> bytes | None:
        """The JPEG that the page as displayed is, from edge to edge; None where it is none, or more than that."""

    def trouble(self) -> str:
        """What the library had to say against the page while it was opened and drawn, or nothing."""

    def words(self) -> Words:
        """Words of the page's text layer, visible or not, with their boxes on the page as displayed."""

    def plain_turn(self) -> QuarterTurn | None:
        """The clockwise turn after which the page reads upright, where its text layer tells that plainly, or None."""

    def lines(self) -> Iterator[Sequence[tuple[float, str]]]:
        """The text layer's lines, each with its pieces of one font size in points."""

    def pixels(self) -> int:
        """Pixels of the longer side of the picture or scan that a page is; 0 of one that is drawn."""


class OpenFile(Protocol):
    """A file with pages."""

    @property
    def facts(self) -> DocumentFacts:
        """What the file says of itself."""

    def page(self, number: int) -> OpenPage:
        """Open page ``number``, counted from 1."""

    def close(self) -> None:
        """Let go of the file."""


def open_file(
    path: Path,
    *,
    media_type: str,
    name: str,
    password: str = "",
    limits: Limits = DEFAULTS,
    renderer: Renderer = "mupdf",
) -> OpenFile:
    """Open a document or picture.

    Raises:
        EncryptedSource: If it needs a password, or another one.
        CorruptSource: If it cannot be opened or has no pages.
        UnsupportedSource: If it is a document that the renderer does not read.
    """
    if media_type.startswith("image/") and media_type != "image/svg+xml":
        return PictureFile(path, name=name, limits=limits)
    if renderer == "pdfium":
        from .pdfium import PdfiumFile

        return PdfiumFile(path, media_type=media_type, name=name, password=password, limits=limits)
    from .mupdf import MuPdfFile

    return MuPdfFile(path, media_type=media_type, name=name, password=password, limits=limits)


class PictureFile:
    """A picture; a TIFF has a page for each frame, other animated formats show their first frame."""

    def __init__(self, path: Path, *, name: str, limits: Limits = DEFAULTS) -> None:
        self._path, self._name, self._limits = path, name, limits
        register_heif()
        Image.MAX_IMAGE_PIXELS = None  # our own check below names the file and is an error, not a warning
        try:
            with warnings.catch_warnings(), ExitStack() as opened:
                warnings.simplefilter("ignore")  # malformed EXIF and the like; the picture itself is checked
                self._image = opened.enter_context(Image.open(path))
                check_size(*self._image.size, limits=limits, name=name)
                frames = int(getattr(self._image, "n_frames", 1))
                damage = self._load()
                opened.pop_all()  # stays open until close(), but for a picture that is refused
        except _PILLOW_ERRORS as error:
            raise CorruptSource(
                f"not a readable picture ({complaint(error, path=self._path, name=self._name)}).",
                source=name,
                hint="Check that the file is whole, or convert it to PNG.",
            ) from error
        is_tiff = self._image.format == "TIFF"
        notes = damage
        if frames > 1 and not is_tiff:
            notes += (f"{self._image.format} with {frames} frames: only the first is read.",)
        self._facts = DocumentFacts(page_count=frames if is_tiff else 1, warnings=notes)

    @property
    def facts(self) -> DocumentFacts:
        """How many frames there are, and which of them are read."""
        return self._facts

    def page(self, number: int) -> PicturePage:
        """Open frame ``number``, counted from 1, upright by its EXIF or TIFF orientation."""
        try:
            if self._facts.page_count > 1:  # a PSD's one picture is no frame
                self._image.seek(number - 1)
                check_size(*self._image.size, limits=self._limits, name=self._name, page_number=number)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                upright = flattened(ImageOps.exif_transpose(self._image))
        except _PILLOW_ERRORS as error:
            raise PageFailed(
                f"frame cannot be read ({complaint(error, path=self._path, name=self._name)}).",
                source=self._name,
                page_number=number,
                hint="Check that the file is whole, or convert it to PNG.",
            ) from error
        return PicturePage(upright, number, self._path if self._is_jpeg else None)

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()

    @property
    def _is_jpeg(self) -> bool:
        return self._image.format == "JPEG" and not self._facts.warnings

    def _load(self) -> tuple[str, ...]:
        """Decode the picture; what is to be said if that ended in an error and yet came to the picture's end."""
        try:
            self._image.load()
        except OSError as error:
            self._image.load()  # raises again where data is missing
            return (f"The picture's data is damaged ({complaint(error, path=self._path, name=self._name)}).",)
        return ()


class PicturePage:
    """A picture as displayed."""

    label = ""
    rotation: QuarterTurn = 0
    view: PdfView | None = None
    is_picture = True
    mupdf = None

    def __init__(self, image: Image.Image, number: int, path: Path | None = None) -> None:
        self.number = number
        self._image = image
        self._path = path
        self.width, self.height = (float(side) for side in image.size)

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """The picture or a part of it, scaled down to ``long_side`` pixels where it is larger."""
        box = part.to_size(width=self.width, height=self.height)
        scale = min(1.0, long_side / max(box[2] - box[0], box[3] - box[1], 1.0))
        if scale == 1.0 and part == PAGE_BOX:
            return self._image
        width, height = (max(1, round(side * scale)) for side in (box[2] - box[0], box[3] - box[1]))
        return self._image.resize((width, height), Image.Resampling.LANCZOS, box=box)

    def jpeg(self) -> bytes | None:
        """The file's bytes, where it is a JPEG."""
        return self._path.read_bytes() if self._path else None

    def trouble(self) -> str:
        """Nothing: damage is an error, or said of the whole file."""
        return ""

    def words(self) -> Words:
        """None: a picture has no text layer."""
        return Words()

    def plain_turn(self) -> QuarterTurn | None:
        """None, for the same reason."""
        return None

    def lines(self) -> Iterator[Sequence[tuple[float, str]]]:
        """None, for the same reason."""
        return iter(())

    def pixels(self) -> int:
        """All that it has."""
        return int(max(self.width, self.height))


def is_blank(page: OpenPage, drawn: Image.Image | None = None) -> bool:
    """Whether the displayed page has no ink: one shade all over, up to the noise of a scan.

    Args:
        page: The page.
        drawn: The whole page as it was drawn already, turned or not: it tells without another drawing, mostly.
    """
    if drawn is not None and _inked(drawn.reduce(max(1, -(-max(drawn.size) // BLANK_SIDE)))) > CLEARLY:
        return False
    # A long strip is looked at more closely, or its lines would be averaged away.
    aspect = max(page.width, page.height) / max(1.0, min(page.width, page.height))
    return _inked(page.picture(long_side=round(min(MAX_SIDE, BLANK_SIDE * max(1.0, aspect / 1.5))))) <= SPECKS


def _inked(picture: Image.Image) -> int:
    """Pixels of another shade than the paper's."""
    counts = picture.convert("L").histogram()
    paper = bisect_right(list(accumulate(counts)), sum(counts) // 2)
    return sum(counts[: max(0, paper - SHADE)]) + sum(counts[paper + SHADE + 1 :])
