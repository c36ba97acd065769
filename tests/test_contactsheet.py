"""The sheet shows every citation's evidence, of the right file, and nothing where nothing is known."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pymupdf
import pytest
from PIL import Image, ImageChops

from deepseek_ocr_rag.cite import CitationRegion
from deepseek_ocr_rag.contactsheet import MOST_CITATIONS, contact_sheet
from deepseek_ocr_rag.errors import CitationError, PageOutOfRange, SourceChanged
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.paging import PictureFile, PicturePage

from .citing import cite

LINE = Box(left=0.1, top=0.1, right=0.6, bottom=0.12)
GREEN, AMBER, RED = (46, 125, 50), (178, 106, 0), (176, 0, 32)


def make_pdf(path: Path, *, colour: tuple[float, float, float] = (0, 0, 0), pages: int = 1) -> Path:
    """Pages that have a bar of that colour where LINE is; the printed numbers are i, ii, iii."""
    with pymupdf.open() as document:
        for _ in range(pages):
            page = document.new_page(width=400, height=600)
            page.draw_rect(pymupdf.Rect(60, 62, 220, 70), fill=colour, color=None)
        document.set_page_labels([{"startpage": 0, "prefix": "", "style": "r", "firstpagenum": 1}])
        document.save(path)
    return path


def id_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def yellow(picture: Image.Image) -> Image.Image:
    red, green, blue = picture.split()
    return ImageChops.subtract(ImageChops.darker(red, green), blue).point(lambda value: 255 * (value > 100))


def coloured(picture: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Where pixels are nearly of that colour."""
    channels = [
        channel.point(lambda value, wanted=wanted: 255 * (abs(value - wanted) < 40))
        for channel, wanted in zip(picture.split(), colour, strict=True)
    ]
    return ImageChops.darker(ImageChops.darker(channels[0], channels[1]), channels[2])


def stripes(picture: Image.Image) -> list[tuple[int, int, int]]:
    """The colours of the tiles' stripes, from top to bottom."""
    found: list[tuple[int, int, int]] = []
    before = None
    for y in range(picture.height):
        pixel = picture.getpixel((2, y))
        assert isinstance(pixel, tuple)
        if pixel != before and pixel in (GREEN, AMBER, RED):
            found.append(pixel)
        before = pixel
    return found


def test_each_citation_is_a_tile_with_its_evidence_and_how_sure_it_is(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf", pages=2)
    citations = [cite(LINE), cite(LINE, page=2, status="ambiguous"), cite(regions=(), status="not_found", quote="")]
    picture = opened(contact_sheet(source, citations))
    assert picture.width == 1000
    assert stripes(picture) == [GREEN, AMBER, RED]
    first = opened(contact_sheet(source, citations[:1]))
    last = opened(contact_sheet(source, citations[2:]))
    assert yellow(first).getbbox() is not None
    assert yellow(last).getbbox() is None  # nothing is highlighted that is not known
    assert last.height < first.height < 400  # the line and what is around it, not the page


def test_the_evidence_is_the_cited_line_with_its_surroundings(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    bar = coloured(opened(contact_sheet(source, [cite(LINE)])), (0, 0, 0)).crop((20, 80, 1000, 400)).getbbox()
    assert bar is not None
    assert bar[2] - bar[0] == pytest.approx(160 * 110 / 72, abs=4)
    block = CitationRegion(page_number=1, boxes=(Box(left=0.1, top=0.05, right=0.9, bottom=0.3),))
    sheets = [opened(contact_sheet(source, [cite(LINE, context=context)])) for context in ((), (block,))]
    widths = []
    for picture in sheets:
        frame = coloured(picture, (0xBB, 0xBB, 0xBB)).crop((0, 70, 1000, picture.height - 4)).getbbox()
        assert frame is not None
        widths.append(frame[2] - frame[0])
    assert widths[1] > 1.5 * widths[0]  # as wide as the text around it


def test_citations_of_several_files_are_shown_in_their_order(tmp_path: Path) -> None:
    red = make_pdf(tmp_path / "red.pdf", colour=(0.8, 0, 0))
    blue = make_pdf(tmp_path / "blue.pdf", colour=(0, 0, 0.8))
    of_red, of_blue = (cite(LINE, document_id=id_of(path)) for path in (red, blue))
    files = {id_of(red): red, id_of(blue): blue}
    picture = opened(contact_sheet(files, [of_red, of_blue, of_red], labels=["1", "2", "1b"]))
    reds = coloured(picture, (204, 0, 0))
    under_yellow = ImageChops.subtract(picture.getchannel("B"), ImageChops.lighter(*picture.split()[:2]))
    blues = under_yellow.point(lambda value: 255 * (value > 40)).getbbox()
    assert blues is not None
    above, below = reds.crop((0, 0, 1000, blues[1])).getbbox(), reds.crop((0, blues[3], 1000, picture.height)).getbbox()
    assert above is not None
    assert below is not None
    with pytest.raises(CitationError, match="no file is given for document sha256:"):
        contact_sheet({id_of(red): red}, [of_red, of_blue])


def test_another_file_is_refused(tmp_path: Path) -> None:
    source, other = make_pdf(tmp_path / "source.pdf"), make_pdf(tmp_path / "other.pdf", pages=2)
    mine, foreign = (cite(LINE, document_id=id_of(path)) for path in (source, other))
    assert contact_sheet(source, [mine]).startswith(b"\x89PNG")
    with pytest.raises(SourceChanged, match=r"source\.pdf.*original"):
        contact_sheet(source, [mine, foreign])
    with pytest.raises(SourceChanged, match=r"other\.pdf"):
        contact_sheet({mine.document_id: source, foreign.document_id: source.rename(other)}, [foreign])
    with pytest.raises(PageOutOfRange, match="1 to 1"):
        contact_sheet(other, [cite(LINE, page=7)])


def test_a_citation_of_a_page_alone_shows_it_small(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    picture = opened(contact_sheet(source, [cite(precision="page")]))
    assert yellow(picture).getbbox() is None
    assert 320 < picture.height < 460
    context = CitationRegion(page_number=1, boxes=(LINE,))
    nowhere = opened(contact_sheet(source, [cite(regions=(), status="not_found", context=(context,))]))
    assert nowhere.height > 320


def test_a_quote_over_pages_shows_each_up_to_four(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf", pages=9)
    heights = []
    for pages in (1, 2, 4, 9):
        regions = tuple(CitationRegion(page_number=number, boxes=(LINE,)) for number in range(1, pages + 1))
        heights.append(opened(contact_sheet(source, [cite(regions=regions)])).height)
    assert heights[1] - heights[0] == pytest.approx((heights[2] - heights[1]) / 2, abs=2)
    assert abs(heights[3] - heights[2]) < 30


def test_a_long_sheet_gets_columns(tmp_path: Path) -> None:
    source = make_pdf(tmp_path / "source.pdf")
    tall = Box(left=0.1, top=0.05, right=0.6, bottom=0.95)
    picture = opened(contact_sheet(source, [cite(tall) for _ in range(14)]))
    assert picture.width == 2000
    assert picture.height <= 6000
    for citations in ([], [cite(LINE)] * (MOST_CITATIONS + 1)):
        with pytest.raises(CitationError, match="1 to 100 citations"):
            contact_sheet(source, citations)
    with pytest.raises(CitationError, match="2 labels for 1"):
        contact_sheet(source, [cite(LINE)], labels=["a", "b"])


def test_hostile_names_labels_and_quotes_are_only_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "<img src=x><style>*{font-size:90px}\u202e\x07 報告 تقرير" + "y" * 100
    source = make_pdf(tmp_path / f"{name}.pdf")
    plain = make_pdf(tmp_path / "plain.pdf")
    hostile = cite(precision="page", quote="</p><h1>" + "long \x00" * 50_000)
    picture = opened(contact_sheet(source, [hostile], labels=["</b><h1>" * 999]))
    assert picture.height < opened(contact_sheet(plain, [cite(precision="page")])).height + 160
    assert capfd.readouterr() == ("", "")


def test_each_page_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("L", (200, 300), 255) for _ in range(3)]
    source = tmp_path / "fax.tif"
    frames[0].save(source, save_all=True, append_images=frames[1:])
    page, numbers = PictureFile.page, []

    def counted(self: PictureFile, number: int) -> PicturePage:
        numbers.append(number)
        return page(self, number)

    monkeypatch.setattr(PictureFile, "page", counted)
    several = cite(regions=tuple(CitationRegion(page_number=number, boxes=(LINE,)) for number in (1, 2, 3)))
    contact_sheet(source, [several, cite(LINE, page=2), several])
    assert numbers == [1, 2, 3]


def test_many_citations_over_pages_show_fewer_pages_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_pdf(tmp_path / "source.pdf", pages=4)
    four = cite(regions=tuple(CitationRegion(page_number=number, boxes=(LINE,)) for number in (1, 2, 3, 4)))
    monkeypatch.setattr("deepseek_ocr_rag.contactsheet._MOST_PICTURES", 5)
    heights = [opened(contact_sheet(source, [one] * 3)).height for one in (cite(LINE), four)]
    assert abs(heights[1] - heights[0]) < 30
    assert opened(contact_sheet(source, [four])).height > heights[0] / 3 * 1.8
