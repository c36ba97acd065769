"""Bold print: what the embedded engine tells of it, from the words of a page to its regions."""

from __future__ import annotations

import pymupdf

from deepseek_ocr_rag.engines.embedded.layout import find_regions
from deepseek_ocr_rag.engines.embedded.lines import is_bold
from deepseek_ocr_rag.engines.embedded.textlayer import Piece, read_pieces


def piece(text: str, *, bold: bool) -> Piece:
    return Piece(text=text, x0=0, y0=0, x1=9, y1=9, size=10, line=1, block=1, bold=bold)


def test_a_text_is_bold_where_its_letters_are() -> None:
    assert is_bold([piece("Heading", bold=True), piece("-", bold=False), piece("x", bold=False)])
    assert not is_bold([piece("Run-in", bold=True), piece("and the sentence", bold=False)])
    assert not is_bold([piece("--", bold=True)])


def test_words_and_regions_tell_the_weight() -> None:
    with pymupdf.open() as pdf:
        page = pdf.new_page()
        page.insert_text((72, 100), "The heading of all", fontname="hebo", fontsize=18)
        for row in range(8):
            page.insert_text((72, 140 + 14 * row), "Words of a paragraph that goes on and on here.", fontname="helv")
        pieces = read_pieces(page)
        regions = find_regions(page, pieces, source="text_layer")
    assert {word.bold for word in pieces[:4]} == {True}
    assert {word.bold for word in pieces[4:]} == {False}
    assert {region.text: region.is_bold for region in regions}["The heading of all"]
    assert not regions[-1].is_bold
