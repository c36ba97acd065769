"""What travels along the street before there are blocks: a page's picture, and what an engine read in it."""

from __future__ import annotations

import reprlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq, le
from typing import Literal, overload

from .document import Line, OutlineEntry, PageStatus, Table
from .geometry import WHOLE_PAGE, Box, Frame, PdfView, QuarterTurn, turned_sides
from .modes import Resolution
from .prompts import Task
from .usage import Usage

OcrEngine = Literal["auto", "rapidocr", "tesseract", "none"]
Quality = Literal["auto", "fast", "best"]

Renderer = Literal["mupdf", "pdfium"]
"""The library that draws documents and reads their text layer."""

LineEvidence = Literal["auto", "ocr", "ink", "none"]
"""What tells where lines stand that neither the engine nor the text layer places: the ink (``auto``, ``ink``), the
offline OCR and then the ink, or nothing."""

SuspectPages = Literal["keep", "fill", "reread"]
"""What is done about a page whose own words do not bear out a model's answer: the answer is kept, what it lacks is put
in from those words, or the model is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of the page's text layer."""

    text: str
    box: Box


class Words(Sequence[Word]):
    """The words of a page, which may be thousands: kept as texts and numbers, and made one by one when asked for.

    Attributes:
        texts: What they say.
        sides: Left, top, right and bottom of each, one word's after the other's, as fractions of the page.
    """

    __slots__ = ("_by_height", "sides", "texts")

    def __init__(self, texts: Iterable[str] = (), sides: Iterable[float] = ()) -> None:
        """Keep words; raises ValueError if they have no four sides each, or these are not ordered inside the page."""
        self.texts = tuple(texts)
        self.sides = array("d", sides)
        self._by_height: tuple[list[int], list[float], list[float]] | None = None
        if len(self.sides) != 4 * len(self.texts):
            raise ValueError(f"{len(self.texts)} words have {len(self.sides)} sides of boxes, and not four each")
        is_ordered = all(all(map(le, self.sides[side::4], self.sides[side + 2 :: 4])) for side in (0, 1))
        if not (is_ordered and min(self.sides, default=0) >= 0 and max(self.sides, default=0) <= 1):
            raise ValueError("a word's box is not ordered inside the page")

    @classmethod
    def of(cls, words: Iterable[Word]) -> Words:
        """These words; as they are where they are kept so."""
        if isinstance(words, cls):
            return words
        listed = list(words)
        return cls((word.text for word in listed), (side for word in listed for side in word.box.as_tuple()))

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, at: int) -> Word: ...
    @overload
    def __getitem__(self, at: slice) -> Words: ...
    def __getitem__(self, at: int | slice) -> Word | Words:
        if isinstance(at, slice):
            return self.only(range(*at.indices(len(self))))
        return Word(text=self.texts[at], box=self.box(at % len(self.texts)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Words):
            return self.texts == other.texts and self.sides == other.sides
        return isinstance(other, Sequence) and len(other) == len(self) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash((self.texts, tuple(self.sides)))

    def __repr__(self) -> str:
        return f"Words({len(self)}: {reprlib.repr(' '.join(self.texts))})"

    def __reduce__(self) -> tuple[object, ...]:
        return Words, (self.texts, self.sides)

    def box(self, at: int) -> Box:
        """Where a word stands; the place is not negative."""
        left, top, right, bottom = self.sides[4 * at : 4 * at + 4]
        return Box.ordered(left, top, right, bottom)

    def only(self, places: Sequence[int]) -> Words:
        """The words at these places, in that order."""
        sides = self.sides
        return Words([self.texts[at] for at in places], [side for at in places for side in sides[4 * at : 4 * at + 4]])

    def inside(self, box: Box, *, margin: float = 0.0) -> list[int]:
        """The places of the words whose middle lies in a box, or beside it by a margin, ascending."""
        if self._by_height is None:
            ends = ((self.sides[side::4], self.sides[side + 2 :: 4]) for side in (0, 1))
            xs, ys = ([(a + b) / 2 for a, b in zip(*both, strict=True)] for both in ends)
            order = sorted(range(len(ys)), key=ys.__getitem__)
            self._by_height = order, [ys[at] for at in order], xs
        order, heights, xs = self._by_height
        low, high = bisect_left(heights, box.top - margin), bisect_right(heights, box.bottom + margin)
        first, last = box.left - margin, box.right + margin
        return sorted([at for at in order[low:high] if first <= xs[at] <= last])

    def turned(self, degrees: QuarterTurn) -> Words:
        """The words of the page when it is turned clockwise."""
        return Words(self.texts, turned_sides(self.sides, degrees)) if degrees else self

    def to_json(self) -> dict[str, object]:
        """Texts, and sides in millionths of the page: short, and quick to read again."""
        return {"texts": list(self.texts), "sides": [round(side * _MILLION) for side in self.sides]}

    @classmethod
    def from_json(cls, data: object) -> Words:
        """The words of :meth:`to_json`.

        Raises:
            ValueError: If the data is neither, or a box is not one on the page.
        """
        if not isinstance(data, Mapping) or data.keys() != {"texts", "sides"}:
            raise ValueError("words are texts and sides")
        texts, sides = data["texts"], data["sides"]
        if not isinstance(texts, list) or set(map(type, texts)) - {str}:
            raise ValueError("the texts of words are strings")
        if not isinstance(sides, list) or set(map(type, sides)) - {int}:
            raise ValueError("the sides of words are whole numbers")
        return cls(texts, (side / _MILLION for side in sides))


_MILLION = 1_000_000


def turned_words(words: Iterable[Word], degrees: QuarterTurn) -> Words:
    """The words of the page when it is turned clockwise."""
    return Words.of(words).turned(degrees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A labelled piece of the page as an engine gave it, before it becomes a typed block.

    ``text`` may hold the engine's markup (HTML tables, ``#``). ``lines`` index into ``text`` and are given by engines
    that know them (the embedded one), as is ``table``. ``start`` and ``end`` are the region's characters in the raw
    answer of a model.
    """

    label: str
    text: str
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    table: Table | None = None
    level: int = 0
    font_size: float = 0.0
    is_bold: bool = False
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """The picture that an engine wants of a page."""

    resolution: Resolution = "auto"
    """The model's mode; ``auto`` is the smallest that shows the page's smallest text, with tiles for huge pages."""
    parts: int = 1
    """The page is cut into at least so many tiles, to be read one by one."""
    long_side: int = 0
    """Pixels of the longer side instead, whatever the resolution; 0 leaves it to that."""
    max_side: int = 0
    """No side of a picture that is sent may be longer (the server's limit, in pixels); 0 is none."""
    upright: bool = True
    """Whether pages that lie on their side or stand on their head are turned: the model cannot."""
    media_type: Literal["image/jpeg", "image/png"] = "image/jpeg"
    quality: int = 80
    """Of JPEGs that are made here; a scan's own is sent as it is where it has the size that is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRequest:
    """What the embedded engine is to do with a page while it is open."""

    ocr: OcrEngine = "auto"
    language: str = "eng"
    dpi: int = 150
    force_ocr: bool = False
    threads: int = 1
    quality: Quality = "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """What is to be found on a page that a model has read, to tell where its lines stand."""

    boxes: tuple[Box, ...] = ()
    """Places on the upright page in which ink is looked for; what is found has one :class:`Inked` for each."""
    turn: QuarterTurn = 0
    """The upright page is the displayed one turned clockwise by this much."""
    ocr: LocalRequest | None = None
    """Read the page's picture with the offline OCR, too; None does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InkRow:
    """A row of ink, as high as it is: a line of text, most likely.

    All are fractions of the upright page. Rows may slant: ``top`` and ``bottom`` are where it would stand at the page's
    left edge.
    """

    left: float
    right: float
    top: float
    bottom: float
    gaps: tuple[float, ...] = ()
    """Columns without ink, from left to right: where the first begins, where it ends, where the second begins..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inked:
    """The rows of ink in one place, from top to bottom, and the heights of the horizontal rules between them."""

    rows: tuple[InkRow, ...] = ()
    rules: tuple[float, ...] = ()
    slope: float = 0.0
    """By how much rows fall from the page's left edge to its right one, as a fraction of its height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Everything that one visit to a page is to bring back."""

    image: ImageRequest | None = None
    words: bool = False
    local: LocalRequest | None = None
    crop: Box | None = None
    """Only this part of the page as displayed, in the picture; words and regions are of the whole page."""
    evidence: EvidenceRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """What opening a document tells."""

    page_count: int
    title: str = ""
    outline: tuple[OutlineEntry, ...] = ()
    """The file's own bookmarks, in their order."""
    is_repaired: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PageImage:
    """A page as displayed, as far as the :class:`PageRequest` asked for it.

    ``width`` and ``height`` are the picture's pixels (0 without one); ``page_width`` and ``page_height`` are points
    for documents and pixels for pictures; ``rotation`` is the /Rotate that is already applied, 0 for pictures.
    """

    page_number: int
    page_width: float
    page_height: float
    label: str = ""
    rotation: QuarterTurn = 0
    data: bytes = b""
    media_type: str = ""
    width: int = 0
    height: int = 0
    turn: QuarterTurn = 0
    """The picture is the displayed page turned clockwise by this much, so that its text stands upright."""
    tiles: tuple[Box, ...] = ()
    """Parts of the picture to be read one by one, overlapping where no gap was found; none is the whole picture."""
    resolution: str = ""
    """The mode that was chosen, its size in pixels, and why."""
    words: Words = field(default_factory=Words)
    is_blank: bool = False
    regions: tuple[Region, ...] | None = None
    engine: str = ""
    """Who made ``regions``: ``local/text-layer`` (or ``-fast``), ``local/rapidocr`` or ``local/tesseract``."""
    inked: tuple[Inked, ...] = ()
    """What was found in each of the boxes of an :class:`EvidenceRequest`."""
    read: Words = field(default_factory=Words)
    """The words that OCR read for an :class:`EvidenceRequest`, on the page as displayed."""
    warnings: tuple[str, ...] = ()
    source: str = ""
    """The file that the page is of, for messages."""
    view: PdfView | None = None
    """As in :class:`.Page`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a model answered about a part of the page, raw.

    It is a part of the page's text, or ``retells`` the table that lies in its frame.
    """

    text: str
    frame: Frame
    task: Task = "markdown"
    repeats_from: int | None = None
    """Where the answer begins to say the same for ever: what follows is not on the page."""
    retells: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What an engine read on one page: the raw answer of a model, or ready regions.

    Boxes of ``regions`` are on the page as its :class:`PageImage` shows it, upright. A model counts in the picture that
    it was sent: ``frame`` says where that lies on the upright page. A page that was read in parts has ``pieces``, in
    reading order, and no ``text``.
    """

    page_number: int
    engine: str
    text: str = ""
    regions: tuple[Region, ...] | None = None
    frame: Frame = WHOLE_PAGE
    pieces: tuple[Piece, ...] = ()
    repeats_from: int | None = None
    """As in :class:`Piece`, for ``text``."""
    task: Task | None = None
    """What ``text`` answers, where that is not the task that was asked for."""
    model: str = ""
    prompt: str = ""
    finish_reason: str = ""
    status: PageStatus = "ok"
    usage: Usage = field(default_factory=Usage)
    attempts: int = 1
    warnings: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    """What was tried, in order, for people."""
