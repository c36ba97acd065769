"""All citations of an answer in one picture: each with its evidence cut from the page, and a caption.

Captions are typeset by MuPDF, which carries fonts for most scripts and knows in which direction they run; a letter
that it has no form for is drawn as an empty box. File names and quotes are hostile: control characters go, the rest is
escaped and of bounded length. Captions are never scaled down: a long sheet gets more columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from .cite import Citation
from .errors import CitationError
from .geometry import PAGE_BOX, Box, bounding_box
from .highlight import as_png, boxes_on, drawn, margins
from .reopen import mupdf, opened, page_of, readable

if TYPE_CHECKING:
    from PIL import Image

    from .paging import OpenPage

MOST_CITATIONS = 100
"""On one sheet; an answer has far fewer, and each costs a drawn page."""

_WIDTH, _MARGIN = 1000, 20  # pixels of a column, and between its edge and what it shows
_INNER = _WIDTH - 2 * _MARGIN
_TALLEST = 640  # of a page's evidence; what is taller is scaled down
_WHOLE_PAGE = 320  # the height of a page that is shown because no lines are known
_COLUMN = 6000  # pixels of a column, which is as long as that or has one tile only
_MOST_PAGES = 4  # that are shown of one citation
_MOST_PICTURES = 100  # on a sheet, so that it stays under 100 megapixels
_DPI = 110
_RED = "#b00020"
_MARKS = {"verified": "#2e7d32", "repaired": "#2e7d32", "partial": "#b26a00", "ambiguous": "#b26a00"}
_CSS = "* {font-family: sans-serif; font-size: 19px;} p {margin: 0;} .small {font-size: 16px; color: #555;}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    place: int
    label: str
    citation: Citation
    most: int

    @property
    def cited(self) -> list[int]:
        """The pages to show: the quote's, else the first of its surroundings."""
        pages = [region.page_number for region in self.citation.regions or self.citation.context[:1]]
        return list(dict.fromkeys(pages))

    @property
    def shown(self) -> list[int]:
        """Those of them for which there is room."""
        return self.cited[: self.most]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What a page is called and what it says."""

    page: str
    picture: Image.Image


def contact_sheet(
    sources: Path | str | Mapping[str, Path],
    citations: Iterable[Citation],
    *,
    labels: Sequence[str] = (),
    password: str = "",
) -> bytes:
    """Draw the evidence of several citations, each under its label, file, page and status.

    A citation of which only the page is known shows that page small; one without a page says so. Of a citation over
    pages the first four are shown, or fewer, so that the sheet has at most 100 pictures; the caption counts the others.

    Args:
        sources: The file that was read, or files by ``document_id`` where citations are of several.
        citations: What to show, in this order; 100 at most.
        labels: What each is called, for example its marker in the answer; else 1, 2, 3 and so on.
        password: Of encrypted documents.

    Returns:
        The bytes of a PNG, 1000 pixels wide for each column; more than about 15 citations need a second one.

    Raises:
        CitationError: For none or too many citations, labels that are not as many, or a citation of which
            ``sources`` has no file; SourceChanged if a file is another than the one that was read.
        SourceError: If a file or page cannot be opened.
    """
    wanted = list(citations)
    if not 0 < len(wanted) <= MOST_CITATIONS:
        said = f"a sheet shows 1 to {MOST_CITATIONS} citations, not {len(wanted)}."
        raise CitationError(said, hint="Pass those of one answer.")
    if labels and len(labels) != len(wanted):
        said = f"{len(labels)} labels for {len(wanted)} citations."
        raise CitationError(said, hint="Pass one label for each, or none.")
    names = labels or [str(number) for number in range(1, len(wanted) + 1)]
    most = max(1, min(_MOST_PAGES, _MOST_PICTURES // len(wanted)))
    files: dict[Path, list[_Wish]] = {}
    for place, (citation, label) in enumerate(zip(wanted, names, strict=True)):
        wish = _Wish(place=place, label=label, citation=citation, most=most)
        files.setdefault(_file_of(citation, sources), []).append(wish)
    tiles: dict[int, Image.Image] = {}
    for path, wishes in files.items():
        tiles |= _tiles(path, wishes, password=password)
    return as_png(_in_columns([tiles[place] for place in sorted(tiles)]))


def _file_of(citation: Citation, sources: Path | str | Mapping[str, Path]) -> Path:
    if not isinstance(sources, Mapping):
        return Path(sources)
    if citation.document_id not in sources:
        said = f"no file is given for document {citation.document_id or '(without an id)'}."
        raise CitationError(said, source=citation.source, hint="Add its path to sources, under that id.")
    return Path(sources[citation.document_id])


def _tiles(path: Path, wishes: Sequence[_Wish], *, password: str) -> dict[int, Image.Image]:
    """The tiles of one file's citations by their places on the sheet."""
    evidence = _evidence(path, wishes, password=password)
    tiles = {}
    with mupdf(path.name):
        for wish in wishes:
            found = [evidence.pop((wish.place, number)) for number in wish.shown]
            caption = _caption(wish, path.name, [one.page for one in found])
            tiles[wish.place] = _tile(caption, [one.picture for one in found], wish.citation)
    return tiles


def _evidence(path: Path, wishes: Sequence[_Wish], *, password: str) -> dict[tuple[int, int], _Evidence]:
    """What is shown of one file, by the wishes' places and page numbers; each page is opened once, and alone."""
    by_page: dict[int, list[_Wish]] = {}
    for wish in wishes:
        for number in wish.shown:
            by_page.setdefault(number, []).append(wish)
    found = {}
    with opened(path, [wish.citation for wish in wishes], password=password) as file:
        for number, its_wishes in by_page.items():
            page = page_of(file, number, path)
            printed = page.label not in ("", str(number))
            name = f"{page.label} (no. {number} in the file)" if printed else str(number)
            for wish in its_wishes:
                found[wish.place, number] = _Evidence(page=name, picture=_picture(page, wish.citation))
    return found


def _picture(page: OpenPage, citation: Citation) -> Image.Image:
    """The lines with their surroundings, or all of the page where none are known."""
    lines = boxes_on(citation, page.number)
    picture = drawn(page, citation, dpi=_DPI, part=_with_surroundings(lines, citation, page) if lines else PAGE_BOX)
    picture.thumbnail((_INNER, _TALLEST if lines else _WHOLE_PAGE))
    return picture


def _with_surroundings(lines: Sequence[Box], citation: Citation, page: OpenPage) -> Box:
    """The lines' whole width of text and a line above and below, so that the quote is not torn out of its sentence."""
    area = bounding_box(lines) or PAGE_BOX
    context = [box for region in citation.context if region.page_number == page.number for box in region.boxes]
    beside = [box for box in context if box.top <= area.bottom and area.top <= box.bottom]
    wide = bounding_box([area, *beside]) or area
    x, y = margins(page)
    above = max(y, 1.2 * min(box.height for box in lines))
    return Box.from_fractions(wide.left - x, area.top - above, wide.right + x, area.bottom + above)


def _caption(wish: _Wish, name: str, pages: Sequence[str]) -> str:
    citation, cited = wish.citation, wish.cited
    more = f" and {len(cited) - len(pages)} more" if len(cited) > len(pages) else ""
    where = f"page{'s' * (len(cited) > 1)} {', '.join(pages)}{more}" if pages else "no page"
    status = citation.status.replace("_", " ")
    exactness = f", to the {citation.precision}" if any(region.boxes for region in citation.regions) else ""
    mark = _MARKS.get(citation.status, _RED)
    lines = [
        f"<p><b>[{_plain(wish.label, most=20)}]</b> {_plain(name, most=120)}, {_plain(where, most=200)}</p>",
        f'<p class="small"><span style="color: {mark}">{_plain(status + exactness, most=60)}</span>',
    ]
    if not exactness:
        quote = f"“{_plain(citation.quote, most=300)}” " if citation.quote.strip() else ""
        known = "Only the page is known." if citation.regions else "Its place is not known: nothing is highlighted."
        lines.append(f" · {quote}{known}")
    return "".join([*lines, "</p>"])


def _plain(text: str, *, most: int) -> str:
    """Text of bounded length for HTML: no control characters, and none that turn the direction of writing."""
    said = " ".join(readable(text[: 4 * most]).split())
    return escape(said if len(said) <= most else f"{said[: most // 2]}…{said[-most // 2 :]}")


def _typeset(markup: str) -> Image.Image:
    """HTML of our own making as a picture of a column's width, as high as its text."""
    import pymupdf
    from PIL import Image, ImageChops

    with pymupdf.open() as document:
        page = document.new_page(width=_INNER, height=400)
        page.insert_htmlbox(page.rect, markup, css=_CSS)
        pixels = page.get_pixmap(alpha=False, colorspace=pymupdf.csRGB)
        picture = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    written = ImageChops.invert(picture).getbbox()
    return picture.crop((0, 0, picture.width, written[3] if written else 1))


def _tile(markup: str, evidence: Sequence[Image.Image], citation: Citation) -> Image.Image:
    """The caption above the evidence, each picture in a thin frame, and a stripe that tells how sure it is."""
    from PIL import Image, ImageDraw

    caption = _typeset(markup)
    height = _MARGIN + caption.height + sum(picture.height + 12 for picture in evidence) + _MARGIN
    tile = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(tile)
    pen.rectangle((0, 6, 5, height - 7), fill=_MARKS.get(citation.status, _RED))
    tile.paste(caption, (_MARGIN, _MARGIN))
    top = _MARGIN + caption.height + 12
    for picture in evidence:
        pen.rectangle((_MARGIN - 1, top - 1, _MARGIN + picture.width, top + picture.height), outline="#bbb")
        tile.paste(picture, (_MARGIN, top))
        top += picture.height + 12
    pen.line((0, height - 1, _WIDTH, height - 1), fill="#ddd")
    return tile


def _in_columns(tiles: Sequence[Image.Image]) -> Image.Image:
    from PIL import Image

    columns = list(_columns(tiles))
    height = max(sum(tile.height for tile in column) for column in columns)
    sheet = Image.new("RGB", (_WIDTH * len(columns), height), "white")
    for number, column in enumerate(columns):
        top = 0
        for tile in column:
            sheet.paste(tile, (number * _WIDTH, top))
            top += tile.height
    return sheet


def _columns(tiles: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    column: list[Image.Image] = []
    for tile in tiles:
        if column and sum(other.height for other in column) + tile.height > _COLUMN:
            yield column
            column = []
        column.append(tile)
    yield column
