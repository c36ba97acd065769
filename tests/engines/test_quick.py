"""The embedded engine without its layout model: what geometry makes of drawn pages, and when the model is asked."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag import LocalEngine, ReadOptions, read
from deepseek_ocr_rag.engines.embedded.judge import needs_model
from deepseek_ocr_rag.engines.embedded.quick import quick_regions, sketch
from deepseek_ocr_rag.engines.embedded.rules import find_grids
from deepseek_ocr_rag.engines.embedded.textlayer import glance, inspect_layer, read_pieces
from deepseek_ocr_rag.recognition import Region

WORDS = "Between April and March the programme collected 686 water samples at thirty stations along the river."
BODY = "\n".join([WORDS[:48], WORDS[48:]] * 6)


def column(page: pymupdf.Page, left: float, top: float, text: str, **options: object) -> None:
    assert page.insert_textbox((left, top, left + 240, top + 400), text, fontsize=10, **options) > 0


def regions(page: pymupdf.Page) -> list[Region]:
    pieces = read_pieces(page)
    return quick_regions(page, sketch(page, pieces, page.get_bboxlog()), pieces)


def asks(page: pymupdf.Page) -> bool:
    pieces, report = read_pieces(page), inspect_layer(page)
    return needs_model(sketch(page, pieces, report.drawn), report, pieces)


def paper() -> pymupdf.Page:
    """A title, and two columns with a heading each."""
    page = pymupdf.open().new_page()
    page.insert_text((100, 70), "The Water of the River and of its Lakes", fontsize=20)
    for left, name in ((60, "one"), (320, "two")):
        page.insert_text((left, 110), f"Part {name}", fontname="hebo", fontsize=12)
        column(page, left, 125, BODY.replace("April", f"April{name}"))
    return page


def ruled(page: pymupdf.Page, rows: list[list[str]], *, across: int = 3) -> None:
    """A table with all its rules; those between columns begin under a first row that has one cell."""
    for number, row in enumerate(rows):
        for at, text in enumerate(row):
            page.insert_text((105 + 100 * at, 615 + 20 * number), text, fontsize=9)
    for number in range(len(rows) + 1):
        page.draw_line((100, 600 + 20 * number), (100 + 100 * across, 600 + 20 * number))
    for at in range(across + 1):
        is_inner = 0 < at < across and len(rows[0]) == 1
        page.draw_line((100 + 100 * at, 620 if is_inner else 600), (100 + 100 * at, 600 + 20 * len(rows)))


def test_columns_are_read_one_after_the_other_and_headings_are_known() -> None:
    found = regions(paper())
    assert [region.text for region in found if region.label == "section-header"] == [
        "The Water of the River and of its Lakes",
        "Part one",
        "Part two",
    ]
    text = " ".join(region.text for region in found)
    assert text.rindex("Aprilone") < text.index("Part two") < text.index("Apriltwo")


def test_every_word_has_its_box_and_its_line() -> None:
    page = paper()
    found = regions(page)
    words = [region.text[word.start : word.end] for region in found for line in region.lines for word in line.words]
    assert sorted(words) == sorted(piece.text for piece in read_pieces(page))
    first = found[0].lines[0]
    assert first.box.left == pytest.approx(100 / page.rect.width, abs=0.002)
    assert first.source == "text_layer"


def test_a_ruled_table_is_one_with_its_merged_cell() -> None:
    page = paper()
    ruled(page, [["Samples of the year"], ["Station", "pH", "mg"], ["North", "7.1", "3"], ["South", "6.9", "4"]])
    (table,) = [region.table for region in regions(page) if region.table]
    assert (table.rows, table.columns) == (4, 3)
    assert (table.cells[0].text, table.cells[0].column_span) == ("Samples of the year", 3)
    assert [cell.text for cell in table.cells[-3:]] == ["South", "6.9", "4"]


def test_a_frame_around_text_and_a_lone_rule_are_no_tables() -> None:
    page = paper()
    page.draw_rect((50, 90, 560, 500))
    page.draw_line((60, 400), (500, 400))
    assert not [region for region in regions(page) if region.table]
    assert find_grids(page, page.get_bboxlog()) == []


def test_very_many_strokes_are_not_looked_at() -> None:
    page = pymupdf.open().new_page()
    shape = page.new_shape()
    for at in range(1600):
        shape.draw_line((10, 10 + at / 3), (500, 10 + at / 3))
        shape.finish()
    shape.commit()
    assert find_grids(page, page.get_bboxlog()) == []


def test_lists_captions_and_program_text_are_known() -> None:
    page = pymupdf.open().new_page()
    page.insert_text((72, 100), "• the first\n• the second", fontname="tiro", fontsize=10)
    page.insert_text((72, 200), "Figure 3. Where the samples are from.", fontsize=10)
    page.insert_text((72, 300), "def f(x):\n    return x", fontname="cour", fontsize=10)
    labels = {region.label: region.text for region in regions(page)}
    assert labels["caption"].startswith("Figure 3.")
    assert labels["code"].splitlines()[1].startswith("    ")


def test_bold_names_of_fields_are_no_headings() -> None:
    page = pymupdf.open().new_page()
    for number, (name, value) in enumerate([("Visibility", "10 miles"), ("Wind", "calm"), ("Ceiling", "none")]):
        page.insert_text((72, 100 + 40 * number), name, fontname="hebo", fontsize=10)
        page.insert_text((150, 100 + 40 * number), value, fontsize=10)
    column(page, 72, 300, BODY)
    assert not [region for region in regions(page) if region.label == "section-header"]


def test_a_plain_page_needs_no_model_and_others_do() -> None:
    assert not asks(paper())
    with_table = paper()
    ruled(with_table, [["Station", "pH", "mg"], ["North", "7.1", "3"], ["South", "6.9", "4"]])
    assert not asks(with_table)
    open_table = paper()
    for number in range(5):
        for at, text in enumerate(("North", "7.1", "3", "good")):
            open_table.insert_text((60 + 120 * at, 650 + 15 * number), text, fontsize=10)
    assert asks(open_table)
    chart = paper()
    for at in range(40):
        chart.draw_rect((100 + 8 * at, 740 - 3 * at, 105 + 8 * at, 760), fill=(0, 0, 1))
    assert asks(chart)
    assert asks(pymupdf.open().new_page())


def test_a_glance_says_what_a_close_look_says_and_leaves_the_rest_to_it() -> None:
    page = paper()
    report, pieces = glance(page) or pytest.fail("a plain page")
    close = inspect_layer(page)
    assert (report.verdict, report.turn, report.characters) == (close.verdict, close.turn, close.characters)
    assert pieces == read_pieces(page)
    for options in ({"render_mode": 3}, {"fill_opacity": 0}, {"rotate": 90}):
        other = paper()
        other.insert_text((72, 700), "more of it, in another way", **options)
        assert glance(other) is None
    assert glance(pymupdf.open().new_page()) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 500), st.floats(20, 780), st.sampled_from(["word", "two words", "1.", "• a", "x" * 30]),
            st.sampled_from([6, 10, 10, 18]), st.sampled_from(["helv", "hebo", "cour"]),
        ),
        max_size=25,
    ),
    st.lists(st.tuples(st.floats(0, 590), st.floats(0, 780), st.floats(0, 300), st.floats(0, 300)), max_size=8),
)  # fmt: skip
def test_no_word_is_lost_or_doubled(
    texts: list[tuple[float, float, str, float, str]], boxes: list[tuple[float, float, float, float]]
) -> None:
    page = pymupdf.open().new_page()
    for x, y, text, size, font in texts:
        page.insert_text((x, y), text, fontsize=size, fontname=font)
    for x, y, width, height in boxes:
        page.draw_rect((x, y, x + max(width, 1), y + max(height, 1)))
    found = regions(page)
    said = sorted("".join(piece.text for piece in read_pieces(page)))
    heard = ["".join(cell.text for cell in region.table.cells) if region.table else region.text for region in found]
    assert sorted("".join("".join(heard).split())) == said


def test_the_engine_says_how_each_page_was_read(tmp_path: Path) -> None:
    document = paper().parent
    page = document.new_page()
    page.insert_text((72, 100), "Few words.")
    document.save(tmp_path / "two.pdf")
    engines = {}
    for quality in ("best", "auto", "fast"):
        (found,) = read(tmp_path / "two.pdf", ReadOptions(engine=LocalEngine(quality=quality, ocr="none"), workers=1))
        engines[quality] = [each.engine for each in found.pages]
        assert [each.status for each in found.pages] == ["ok", "ok"]
    assert engines == {
        "best": ["local/text-layer", "local/text-layer"],
        "auto": ["local/text-layer-fast", "local/text-layer"],
        "fast": ["local/text-layer-fast", "local/text-layer-fast"],
    }


def test_quality_is_part_of_the_fingerprint() -> None:
    assert len({LocalEngine(quality=quality).fingerprint for quality in ("best", "auto", "fast")}) == 3
