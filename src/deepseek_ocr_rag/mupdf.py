"""Documents by MuPDF, inside the worker process.

A page is interpreted once, into a display list; the picture, the words and what else is asked of it are taken from
that. MuPDF is not thread-safe and may hang or crash on hostile files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image
from pymupdf import mupdf

from .errors import CorruptSource, EncryptedSource, PageFailed
from .facts import LONGEST_OUTLINE, check_size, complaint, outline, printable
from .geometry import PAGE_BOX, Box, PdfView, QuarterTurn, inverse_turn
from .layers import DRAWN, PICTURE_SHARE, Rows
from .limits import Limits
from .modes import LONGEST
from .recognition import DocumentFacts, Words

MUPDF_ERRORS = (mupdf.FzErrorBase, RuntimeError, ValueError, IndexError)


LONGEST_COMPLAINT = 200

EDGE = 0.5
"""Points by which a scan may miss the edges of its page."""

COLOURED = 0.01
"""By how much a colour's parts differ before it is one."""

_FILETYPES = {
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/oxps": "xps",
    "application/vnd.comicbook+zip": "cbz",
    "image/svg+xml": "svg",
    "application/x-fictionbook+xml": "fb2",
    "application/x-mobipocket-ebook": "mobi",
}


class MuPdfFile:
    """A PDF, or anything else that MuPDF lays out, turned into a PDF when opened; ``document`` is MuPDF's."""

    def __init__(self, path: Path, *, media_type: str, name: str, password: str, limits: Limits) -> None:
        self._path, self.name, self.limits = path, name, limits
        self._facts: DocumentFacts | None = None
        try:
            document = pymupdf.open(path, filetype=_FILETYPES.get(media_type, "pdf"))
            if document.needs_pass and not document.authenticate(password):
                raise EncryptedSource(
                    "wrong password." if password else "the file is encrypted.",
                    source=name,
                    hint="Pass its password, for example password='...'.",
                )
            if document.page_count == 0:
                raise CorruptSource("no pages.", source=name, hint="Open it in a viewer and save it anew.")
            self._rotations: dict[int, int] = {}  # as written in the file: reading a page sets its own to 0
            self._is_pdf = document.is_pdf
            self._original = document
            self.document = document if document.is_pdf else pymupdf.open("pdf", document.convert_to_pdf())
        except MUPDF_ERRORS as error:
            raise self._corrupt(error) from error

    @property
    def facts(self) -> DocumentFacts:
        """What the file says of itself; looked up when first asked for, since bookmarks may be many."""
        if self._facts is None:
            try:
                self._facts = _facts(self._original)
            except MUPDF_ERRORS as error:
                raise self._corrupt(error) from error
        return self._facts

    def page(self, number: int) -> MuPdfPage:
        """Open page ``number``, counted from 1."""
        pymupdf.TOOLS.reset_mupdf_warnings()  # what is said from now on is about this page
        try:
            rotation = self._rotations.setdefault(number, self.document[number - 1].rotation)
            return MuPdfPage(self, number, rotation=rotation)
        except MUPDF_ERRORS as error:
            raise PageFailed(
                f"cannot be opened ({complaint(error, path=self._path, name=self.name)}).",
                source=self.name,
                page_number=number,
                hint="The page is damaged; repair the file (for example with qpdf) and read it again.",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._original.close()
        if self.document is not self._original:
            self.document.close()

    @property
    def is_pdf(self) -> bool:
        """Whether the pages have a user space that the file's own viewers know."""
        return bool(self._is_pdf)

    def _corrupt(self, error: BaseException) -> CorruptSource:
        return CorruptSource(
            f"cannot be opened ({complaint(error, path=self._path, name=self.name)}).",
            source=self.name,
            hint="Check that it is a whole, undamaged document.",
        )


class MuPdfPage:
    """A PDF page, read with rotation 0 and turned by us.

    MuPDF's own ``remove_rotation`` disagrees with its pictures where the page has a CropBox (2.0, measured).
    """

    is_picture = False

    def __init__(self, file: MuPdfFile, number: int, *, rotation: int) -> None:
        self._file = file
        self.number = number
        page = file.document[number - 1]
        turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
        self.rotation: QuarterTurn = turns.get(rotation, 0)
        self.label: str = _label(page)
        if page.rotation:
            page.set_rotation(0)
        self._rect = page.rect  # PyMuPDF computes it at each look
        sides = self._rect.width, self._rect.height
        self.width, self.height = sides[::-1] if self.rotation % 180 else sides
        self.view: PdfView | None = _view(page, self.rotation) if file.is_pdf else None
        self._page = page

    @property
    def mupdf(self) -> Any:
        """The MuPDF page, rotation not applied."""
        return self._page

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """Draw the page as displayed, or a part of it, its longer side ``long_side`` pixels; grey where it is grey.

        Raises:
            SourceTooLarge: If that is more pixels than the limits allow.
        """
        limit = min(long_side, LONGEST)
        width, height = self.width * part.width, self.height * part.height
        zoom = limit / max(width, height, 1e-6)
        check_size(width * zoom, height * zoom, limits=self._file.limits, name=self._file.name, page_number=self.number)
        rect = self._rect
        x0, y0, x1, y1 = part.turned(inverse_turn(self.rotation)).to_size(width=rect.width, height=rect.height)
        clip = pymupdf.Rect(rect.x0 + x0, rect.y0 + y0, rect.x0 + x1, rect.y0 + y1) if part != PAGE_BOX else None
        pixels = self._list.get_pixmap(
            matrix=pymupdf.Matrix(zoom, zoom).prerotate(self.rotation),
            colorspace=pymupdf.csGRAY if self._is_grey else pymupdf.csRGB,
            clip=clip,
        )
        size = (pixels.width, pixels.height)
        # Pillow keeps a grey buffer as it is, which must then outlive MuPDF's pixels, and copies one of colours.
        mode, data = ("L", pixels.samples) if self._is_grey else ("RGB", pixels.samples_mv)
        drawn = Image.frombuffer(mode, size, data, "raw", mode, pixels.stride, 1)
        # A part begins and ends within pixels, which MuPDF draws whole: one more than there may be.
        return drawn if max(size) <= limit else drawn.crop((0, 0, min(size[0], limit), min(size[1], limit)))

    def jpeg(self) -> bytes | None:
        """The JPEG that alone is to be seen on the page, from edge to edge; None where there is no such."""
        seen = [kind for kind, _ in self._page.get_bboxlog() if kind != "ignore-text"]
        if seen != ["fill-image"] or self.rotation:
            return None
        for image in self._page.get_image_info(xrefs=True):
            across, leans, slants, down, *_ = image["transform"]
            is_upright = across > 0 < down and abs(leans) + abs(slants) < EDGE
            fills = all(abs(one - other) <= EDGE for one, other in zip(image["bbox"], self._rect, strict=True))
            if is_upright and fills and image["xref"]:
                found = self._file.document.extract_image(image["xref"])
                return bytes(found["image"]) if found.get("ext") == "jpeg" else None
        return None

    def trouble(self) -> str:
        """What MuPDF first had to say against the page since it was opened, or nothing."""
        said = pymupdf.TOOLS.mupdf_warnings(reset=0).splitlines()
        first = next((line for line in said if not line.startswith("...")), "")  # "repeated": of the page before
        return printable(first)[:LONGEST_COMPLAINT]

    def words(self) -> Words:
        """Words of the text layer, visible or not, with their boxes on the page as displayed."""
        return self._rows.words(self.rotation)

    def plain_turn(self) -> QuarterTurn | None:
        """The clockwise turn after which a text layer reads upright that is plainly all there and visible, or None."""
        seen = self._seen
        if seen.hidden or seen.picture_share(self._rect) >= PICTURE_SHARE:
            return None
        return inverse_turn(self.rotation) if self._rows.read_forward() else None

    def lines(self) -> Iterator[Sequence[tuple[float, str]]]:
        """The text layer's lines, each with its pieces of one font size in points."""
        text = pymupdf.TextPage(self._list.get_textpage(flags=0))
        for block in text.extractDICT()["blocks"]:
            for line in block.get("lines", ()):
                yield [(float(span["size"]), span["text"]) for span in line["spans"]]

    def pixels(self) -> int:
        """Pixels of the longer side of the scan that the page is; 0 where it is drawn and has no such limit."""
        drawn = [kind for kind, _ in self._page.get_bboxlog() if kind in ("fill-path", "stroke-path", "fill-shade")]
        if len(drawn) > DRAWN:
            return 0
        covered, density = 0.0, 0.0
        for image in self._page.get_image_info():
            x0, y0, x1, y1 = image["bbox"]
            area = abs((x1 - x0) * (y1 - y0))
            share = area / max(1.0, self._rect.width * self._rect.height)
            covered += share
            if share > 0.1:
                density = max(density, (image["width"] * image["height"] / area) ** 0.5)
        return round(density * max(self.width, self.height)) if covered >= PICTURE_SHARE else 0

    def turned_upright(self, turn: QuarterTurn) -> Any:
        """A MuPDF page whose frame is the displayed page turned clockwise by ``turn``.

        Text and drawings stay text and drawings. Without any turn it is the page itself.
        """
        degrees = (self.rotation + turn) % 360
        if degrees == 0:
            return self._page
        document = self._file.document
        if self._page.first_annot or self._page.first_widget:
            document.bake()  # notes and form fields are visible, but a copied page would leave them behind
            self._page = document[self.number - 1]
        rect = self._page.rect
        width, height = (rect.height, rect.width) if degrees % 180 else (rect.width, rect.height)
        copy = pymupdf.open().new_page(width=width, height=height)
        copy.show_pdf_page(copy.rect, document, self.number - 1, rotate=-degrees)
        return copy

    @cached_property
    def _list(self) -> Any:
        return self._page.get_displaylist()

    @cached_property
    def _rows(self) -> Rows:
        """Words in points; the text page is made of the display list, which is four times as fast as of the page."""
        text = pymupdf.TextPage(self._list.get_textpage(flags=pymupdf.TEXTFLAGS_WORDS))
        return Rows(text.extractWORDS(), tuple(self._rect))

    @cached_property
    def _is_grey(self) -> bool:
        """Whether nothing on the page has a colour; a picture with a colour space for it counts as coloured."""
        found = mupdf.ll_fz_new_test_device_outparams()
        test = mupdf.ll_fz_new_test_device_outparams_fn(COLOURED, 0, None, found)
        self._run(mupdf.FzDevice(test))
        return not found.is_color

    @cached_property
    def _seen(self) -> _Seen:
        seen = _Seen()
        self._run(seen)
        return seen

    def _run(self, device: Any) -> None:
        everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
        mupdf.fz_run_display_list(self._list.this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
        mupdf.fz_close_device(device)


class _Seen(mupdf.FzDevice2):  # type: ignore[misc] # PyMuPDF has no types
    """Notes where pictures lie, and pieces of text that are not drawn; of all else MuPDF does not even tell Python."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Any] = []
        self.hidden = 0
        self.use_virtual_fill_image()
        self.use_virtual_fill_image_mask()
        self.use_virtual_ignore_text()

    def fill_image(self, _context: Any, _image: Any, matrix: Any, *_: Any) -> None:
        self.pictures.append(pymupdf.Rect(0, 0, 1, 1) * _matrix(matrix))

    def fill_image_mask(self, _context: Any, _image: Any, matrix: Any, *_: Any) -> None:
        self.pictures.append(pymupdf.Rect(0, 0, 1, 1) * _matrix(matrix))

    def ignore_text(self, *_: Any) -> None:
        self.hidden += 1

    def picture_share(self, rect: Any) -> float:
        """Share of the page under pictures, those on each other counting twice."""
        common = [picture & rect for picture in self.pictures]
        area = sum(abs(each.width * each.height) for each in common if not each.is_empty)
        return float(area / max(1.0, abs(rect.width * rect.height)))


def _matrix(matrix: Any) -> Any:
    return pymupdf.Matrix(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _facts(document: Any) -> DocumentFacts:
    entries: list[tuple[int, str, int]] = []
    with suppress(*MUPDF_ERRORS, AssertionError):  # a broken tree of bookmarks is none
        entries = [(entry[0], entry[1], entry[2]) for entry in document.get_toc(simple=True)[:LONGEST_OUTLINE]]
    return DocumentFacts(
        page_count=document.page_count,
        title=printable((document.metadata or {}).get("title") or ""),
        outline=tuple(outline(entries, page_count=document.page_count)),
        is_repaired=bool(document.is_repaired),
    )


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
    except MUPDF_ERRORS:
        return ""
