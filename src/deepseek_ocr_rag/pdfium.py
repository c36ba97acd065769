"""PDFs by pdfium, inside the worker process, for those who cannot take PyMuPDF's licence.

It draws pages and reads words, which is what the engine of a server needs; PyMuPDF is not imported. What is laid out by
MuPDF (EPUB, XPS, SVG...) and the embedded engine are not to be had, nor is /UserUnit: such a page has its plain size.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .errors import CorruptSource, EncryptedSource, PageFailed, UnsupportedSource
from .facts import LONGEST_OUTLINE, check_size, complaint, outline, printable
from .geometry import PAGE_BOX, Box, PdfView, QuarterTurn, inverse_turn
from .layers import DRAWN, PICTURE_SHARE, Row, Rows
from .limits import Limits
from .modes import LONGEST
from .recognition import DocumentFacts, Words

PLAIN = 0.6
"""Share of the words that run one way where a page plainly does."""

FEWEST_WORDS = 20

SOFT_HYPHEN = 2
"""pdfium's own sign for a hyphen at the end of a line."""

_INSTALL = 'Run: pip install "deepseek-ocr-rag[pdfium]"'


class PdfiumFile:
    """A PDF."""

    def __init__(self, path: Path, *, media_type: str, name: str, password: str, limits: Limits) -> None:
        self._path, self.name, self.limits = path, name, limits
        if media_type != "application/pdf":
            raise UnsupportedSource(
                f"pdfium reads PDFs and pictures only, and this is {media_type}.",
                source=name,
                hint="Leave renderer=... away, so that PyMuPDF reads it.",
            )
        try:
            import pypdfium2
        except ImportError as error:
            raise UnsupportedSource("pdfium is not installed.", source=name, hint=_INSTALL) from error
        self._error: type[Exception] = pypdfium2.PdfiumError
        try:
            self._document = pypdfium2.PdfDocument(path, password=password or None)
            self._page_count = len(self._document)
            self._document.init_forms()  # fields are drawn as well
        except (self._error, OSError, ValueError) as error:
            raise self._refusal(error, password) from error
        if self._page_count == 0:
            raise CorruptSource("no pages.", source=name, hint="Open it in a viewer and save it anew.")

    @property
    def facts(self) -> DocumentFacts:
        """What the file says of itself."""
        entries: list[tuple[int, str, int]] = []
        with suppress(self._error, ValueError, RecursionError):  # a broken tree of bookmarks is none
            entries.extend(self._bookmarks())
        title = self._document.get_metadata_value("Title") or ""
        return DocumentFacts(
            page_count=self._page_count,
            title=printable(title),
            outline=tuple(outline(entries, page_count=self._page_count)),
        )

    def page(self, number: int) -> PdfiumPage:
        """Open page ``number``, counted from 1."""
        try:
            return PdfiumPage(self, number, self._document[number - 1], self._label(number))
        except (self._error, ValueError, IndexError) as error:
            raise PageFailed(
                f"cannot be opened ({complaint(error, path=self._path, name=self.name)}).",
                source=self.name,
                page_number=number,
                hint="The page is damaged; repair the file (for example with qpdf) and read it again.",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._document.close()

    def _bookmarks(self) -> Iterator[tuple[int, str, int]]:
        for count, entry in enumerate(self._document.get_toc(), 1):
            target = entry.get_dest()
            index = target.get_index() if target is not None else None
            yield entry.level + 1, entry.get_title() or "", -1 if index is None else index + 1
            if count == LONGEST_OUTLINE:
                return

    def _label(self, number: int) -> str:
        try:
            return str(self._document.get_page_label(number - 1) or "")
        except (self._error, ValueError):
            return ""

    def _refusal(self, error: Exception, password: str) -> CorruptSource | EncryptedSource:
        from pypdfium2.raw import FPDF_ERR_PASSWORD

        if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
            said = "wrong password." if password else "the file is encrypted."
            return EncryptedSource(said, source=self.name, hint="Pass its password, for example password='...'.")
        said = complaint(error, path=self._path, name=self.name)
        return CorruptSource(
            f"cannot be opened ({said}).", source=self.name, hint="Check that it is a whole, undamaged document."
        )


class PdfiumPage:
    """A page of a PDF as displayed."""

    is_picture = False
    mupdf = None

    def __init__(self, file: PdfiumFile, number: int, page: Any, label: str) -> None:
        self._file, self._page = file, page
        self.number, self.label = number, label
        self.width, self.height = (float(side) for side in page.get_size())
        turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
        self.rotation: QuarterTurn = turns.get(page.get_rotation(), 0)
        media, crop = page.get_mediabox(), page.get_cropbox()
        left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
        right, top = min(media[2], crop[2]), min(media[3], crop[3])
        self.view: PdfView | None = PdfView(left=left, bottom=bottom, right=right, top=top, rotation=self.rotation)

    def picture(self, *, long_side: int, part: Box = PAGE_BOX) -> Image.Image:
        """Draw the page as displayed, or a part of it, its longer side ``long_side`` pixels; grey where it is grey.

        Raises:
            SourceTooLarge: If that is more pixels than the limits allow.
        """
        limit = min(long_side, LONGEST)
        width, height = self.width * part.width, self.height * part.height
        zoom = limit / max(width, height, 1e-6)
        check_size(width * zoom, height * zoom, limits=self._file.limits, name=self._file.name, page_number=self.number)
        left, right = part.left * self.width, (1 - part.right) * self.width
        top, bottom = part.top * self.height, (1 - part.bottom) * self.height
        bitmap = self._page.render(scale=zoom, crop=(left, bottom, right, top), rev_byteorder=True)
        sides = (math.ceil(width * zoom - 1e-3), math.ceil(height * zoom - 1e-3))
        whole: Image.Image = bitmap.to_pil()
        drawn = whole.convert("RGB").crop((0, 0, min(sides[0], limit), min(sides[1], limit)))
        bitmap.close()
        pixels = np.asarray(drawn)
        red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
        is_grey = np.array_equal(red, green) and np.array_equal(green, blue)
        return drawn.getchannel(0) if is_grey else drawn

    def jpeg(self) -> bytes | None:
        """None: a scan is drawn like any page."""
        return None

    def trouble(self) -> str:
        """Nothing: pdfium keeps silent about what it cannot draw."""
        return ""

    def words(self) -> Words:
        """Words of the text layer, visible or not, with their boxes on the page as displayed."""
        return self._rows.words(self.rotation)

    def plain_turn(self) -> QuarterTurn | None:
        """The clockwise turn after which a text layer reads upright that is plainly all there, or None."""
        if self._share(self._images) >= PICTURE_SHARE:
            return None
        if self._rows.read_forward():
            return inverse_turn(self.rotation)
        ways = Counter(round(math.degrees(self._angle(row[7])) / 90) % 4 for row in self._found)
        if ways.total() < FEWEST_WORDS:
            return None
        ((quarters, count),) = ways.most_common(1)
        turns: dict[int, QuarterTurn] = {0: 0, 90: 90, 180: 180, 270: 270}
        # pdfium's angles grow counter-clockwise, as PDF's do.
        return turns[(90 * quarters - self.rotation) % 360] if count >= PLAIN * ways.total() else None

    def lines(self) -> Iterator[Sequence[tuple[float, str]]]:
        """The text layer's lines, each with its words and their font size in points."""
        lines: dict[int, list[tuple[float, str]]] = {}
        for row in self._found:
            lines.setdefault(row[6], []).append((self._font_size(row[7]), f"{row[4]} "))
        yield from lines.values()

    def pixels(self) -> int:
        """Pixels of the longer side of the scan that the page is; 0 where it is drawn and has no such limit."""
        from pypdfium2.raw import FPDF_PAGEOBJ_PATH, FPDF_PAGEOBJ_SHADING

        drawn = self._page.get_objects(filter=[FPDF_PAGEOBJ_PATH, FPDF_PAGEOBJ_SHADING])
        if sum(1 for _ in zip(drawn, range(DRAWN + 1), strict=False)) > DRAWN:
            return 0
        density = 0.0
        for image in self._images:
            if self._share([image]) > 0.1:
                width, height = image.get_px_size()
                density = max(density, (width * height / self._area(image)) ** 0.5)
        return round(density * max(self.width, self.height)) if self._share(self._images) >= PICTURE_SHARE else 0

    @cached_property
    def _images(self) -> list[Any]:
        from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

        return list(self._page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE]))

    def _share(self, images: Sequence[Any]) -> float:
        return sum(map(self._area, images)) / max(1.0, self.width * self.height)

    def _area(self, image: Any) -> float:
        left, bottom, right, top = image.get_bounds()
        return abs(float((right - left) * (top - bottom)))

    @cached_property
    def _text(self) -> Any:
        # It is read as the page stands: what is turned would come in another order.
        self._page.set_rotation(0)
        try:
            return self._page.get_textpage()
        finally:
            self._page.set_rotation(self.rotation)

    @cached_property
    def _rows(self) -> Rows:
        assert self.view is not None  # noqa: S101 - every PDF page has one; tells the type checker
        frame = (0.0, 0.0, self.view.right - self.view.left, self.view.top - self.view.bottom)
        return Rows(self._found, frame)

    @cached_property
    def _found(self) -> list[Row]:
        """Words in points from the top left of the page before it is turned, and the place of their first character."""
        assert self.view is not None  # noqa: S101
        found: list[Row] = []
        for line, (text, box, first) in self._pieces():
            left, right = box[0] - self.view.left, box[1] - self.view.left
            found.append((left, self.view.top - box[3], right, self.view.top - box[2], text, 0, line, first))
        return found

    def _pieces(self) -> Iterator[tuple[int, tuple[str, tuple[float, float, float, float], int]]]:
        """Words with their sides (left, right, bottom, top) in user space, after the number of their line."""
        from pypdfium2.raw import FS_RECTF, FPDFText_GetLooseCharBox, FPDFText_GetUnicode

        text, count, box = self._text.raw, self._text.count_chars(), FS_RECTF()
        place = ctypes.byref(box)
        line, word, first = 0, "", 0
        boxes: list[tuple[float, float, float, float]] = []
        for index in range(count + 1):
            code = FPDFText_GetUnicode(text, index) if index < count else ord("\n")
            letter = "-" if code == SOFT_HYPHEN else chr(code) if code <= sys.maxunicode else "\ufffd"
            if not letter.isspace() and code:
                if FPDFText_GetLooseCharBox(text, index, place):
                    first = first if word else index
                    word += letter
                    boxes.append((box.left, box.right, box.bottom, box.top))
                continue
            if word:
                lefts, rights, bottoms, tops = zip(*boxes, strict=True)
                yield line, (word, (min(lefts), max(rights), min(bottoms), max(tops)), first)
            word, boxes = "", []
            line += letter == "\n"

    def _angle(self, index: int) -> float:
        from pypdfium2.raw import FPDFText_GetCharAngle

        return float(max(0.0, FPDFText_GetCharAngle(self._text, index)))  # -1 says that there is none

    def _font_size(self, index: int) -> float:
        from pypdfium2.raw import FS_MATRIX, FPDFText_GetFontSize, FPDFText_GetMatrix

        matrix = FS_MATRIX()
        size = float(FPDFText_GetFontSize(self._text, index))
        is_scaled = FPDFText_GetMatrix(self._text, index, ctypes.byref(matrix))
        return size * math.hypot(matrix.c, matrix.d) if is_scaled else size
