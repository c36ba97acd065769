"""Running heads, feet, page numbers and watermarks are told from text by the pages around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly.furniture import REACH, Margins
from deepseek_ocr_rag.document import Block, BlockKind, Page
from deepseek_ocr_rag.geometry import Box


def band(at: float, *, left: float = 0.1, right: float = 0.9, height: float = 0.03) -> Box:
    return Box(left=left, top=at, right=right, bottom=at + height)


TOP, HIGH, MIDDLE, LOW, BOTTOM = band(0.03), band(0.09), band(0.5), band(0.88), band(0.95)


def block(kind: str, text: str, box: Box | None = MIDDLE, *, size: float = 0.0) -> Block:
    boxes = (box,) if box else ()
    return Block(id=text, kind=BlockKind(kind), text=text, page_number=1, boxes=boxes, font_size=size)


TEXT = block("paragraph", "Text.")


def settle(*pages: Sequence[Block], first: int = 1, turn: int = 0, reach: int = REACH) -> list[Page]:
    made = [
        Page(number=number, label=str(number), width=595, height=842, turn=turn, blocks=tuple(blocks))  # type: ignore[arg-type]
        for number, blocks in enumerate(pages, start=first)
    ]
    margins, seen, settled = Margins(), 0, []
    for at, page in enumerate(made):
        for ahead in made[seen : at + 1 + reach]:
            margins.see(ahead)
            seen += 1
        settled.append(margins.settled(page))
    return settled


def kinds(pages: list[Page]) -> list[list[str]]:
    return [[str(item.kind) for item in page.blocks] for page in pages]


def test_texts_that_come_back_in_the_margins_are_furniture() -> None:
    pages = [
        [block("paragraph", f"Report 2024, page {at}", TOP), TEXT, block("paragraph", "Confidential", BOTTOM)]
        for at in range(4)
    ]
    assert kinds(settle(*pages)) == [["page_header", "paragraph", "page_footer"]] * 4


def test_heads_of_left_and_right_pages_alternate() -> None:
    pages = [[block("paragraph", "The book" if at % 2 else "A chapter", TOP), TEXT] for at in range(9)]
    assert kinds(settle(*pages)) == [["page_header", "paragraph"]] * 9


def test_heads_of_a_chapter_come_back_on_three_pages() -> None:
    pages = [[TEXT] for _ in range(40)]
    for at in (3, 4, 5, 20, 30, 39):
        pages[at] = [block("paragraph", "Methods", TOP), TEXT]
    assert [page.number for page in settle(*pages) if page.blocks[0].kind is BlockKind.PAGE_HEADER] == [4, 5, 6]


@pytest.mark.parametrize("text", ["7", "- 7 -", "Page 7 of 12", "xiv", "Seite 3", "7/12", "第 7 页", "p. 7"])
def test_page_numbers_standing_alone_are_furniture(text: str) -> None:
    assert kinds(settle([TEXT, block("paragraph", text, BOTTOM)])) == [["paragraph", "page_footer"]]


@pytest.mark.parametrize("text", ["Civil", "7 apples", "Ill", "2024 was a good year", "12.5", "XIV", "x" * 130])
def test_other_texts_in_the_margin_are_not(text: str) -> None:
    assert kinds(settle([TEXT, block("paragraph", text, BOTTOM)])) == [["paragraph", "paragraph"]]


def test_a_number_beside_the_page_number_is_text() -> None:
    total = [[TEXT, block("paragraph", "42", BOTTOM), block("paragraph", str(at), BOTTOM)] for at in range(3, 7)]
    assert kinds(settle(*total)) == [["paragraph", "paragraph", "page_footer"]] * 4


def test_page_numbers_far_from_the_edge_have_to_count() -> None:
    counting = [[TEXT, block("paragraph", str(at), LOW)] for at in range(11, 15)]
    assert kinds(settle(*counting)) == [["paragraph", "page_footer"]] * 4
    odd = [[TEXT, block("paragraph", str(at * at), LOW)] for at in range(11, 15)]
    assert kinds(settle(*odd)) == [["paragraph", "paragraph"]] * 4


def test_numbers_of_a_table_that_happen_to_stand_in_the_margin_are_text() -> None:
    pages = [[TEXT, block("paragraph", f"{at},{at * 7 % 10}00", BOTTOM)] for at in range(5)]
    assert kinds(settle(*pages)) == [["paragraph", "paragraph"]] * 5


def test_headings_at_the_top_of_pages_are_not_eaten() -> None:
    chapters = [[block("heading", f"Chapter {at}", TOP), TEXT] for at in range(1, 6)]
    assert kinds(settle(*chapters)) == [["heading", "paragraph"]] * 5
    book = [[block("heading", "The book", TOP), TEXT] for _ in range(5)]
    assert kinds(settle(*book)) == [["page_header", "paragraph"]] * 5
    slides = [[block("heading", "Results" if at < 3 else f"Slide {'abcdefg'[at]}", TOP), TEXT] for at in range(7)]
    assert kinds(settle(*slides)) == [["heading", "paragraph"]] * 7


def test_what_is_labelled_twice_is_furniture_at_the_same_height() -> None:
    labelled, heading = block("page_header", "The book", HIGH), block("heading", "The book", HIGH)
    title, inside = block("title", "The book", band(0.12)), block("heading", "The book")
    made = kinds(settle([title, TEXT], [labelled, TEXT], [labelled, TEXT], [heading, TEXT], [inside, TEXT]))
    assert [page[0] for page in made] == ["title", "page_header", "page_header", "page_header", "heading"]


def test_a_heading_that_two_pages_say_is_one() -> None:
    labelled, heading = block("page_header", "The book", TOP), block("heading", "The book", TOP)
    made = kinds(settle([labelled, TEXT], [heading, TEXT], [TEXT]))
    assert [page[0] for page in made] == ["paragraph", "heading", "paragraph"]


def test_a_label_that_stands_on_one_page_only_is_text() -> None:
    invoice = [block("page_header", "Invoice no. 2024-0815", TOP), TEXT, block("page_footer", "7", BOTTOM)]
    assert kinds(settle(invoice)) == [["paragraph", "paragraph", "page_footer"]]


def test_a_label_far_from_every_edge_is_believed_of_numbers_that_count_only() -> None:
    assert kinds(settle([block("page_header", "In the middle"), TEXT])) == [["paragraph", "paragraph"]]
    far = [[TEXT, block("page_footer", str(at), band(0.8))] for at in range(1, 5)]
    assert kinds(settle(*far)) == [["paragraph", "page_footer"]] * 4
    assert kinds(settle(far[2])) == [["paragraph", "paragraph"]]


def test_heads_that_differ_but_count_are_furniture() -> None:
    pages = [[block("page_header", f"{at} {name}", TOP), TEXT] for at, name in enumerate("abcde", start=41)]
    assert kinds(settle(*pages)) == [["page_header", "paragraph"]] * 5


def test_a_page_is_never_left_without_its_only_text() -> None:
    pages = settle([block("page_header", "All that is here", TOP)], [block("page_footer", "7", BOTTOM)])
    assert kinds(pages) == [["paragraph"], ["page_footer"]]


def test_long_feet_have_to_be_the_same_on_most_pages() -> None:
    imprint = "This document is the property of nobody and may be given to everybody who asks for it. " * 2
    always = [[TEXT, block("paragraph", imprint, BOTTOM)] for _ in range(4)]
    assert kinds(settle(*always)) == [["paragraph", "page_footer"]] * 4
    changing = [[TEXT, block("paragraph", f"{imprint} {at}", BOTTOM)] for at in range(4)]
    assert kinds(settle(*changing)) == [["paragraph", "paragraph"]] * 4


def test_blocks_without_a_place_are_furniture_at_the_ends_of_three_pages() -> None:
    inner = [block("paragraph", f"{word} is one.", None) for word in ("This", "That")]
    pages = [
        [block("paragraph", f"Report, page {at}", None), *inner, block("paragraph", str(at), None)] for at in (1, 2, 3)
    ]
    assert kinds(settle(*pages)) == [["page_header", "paragraph", "paragraph", "page_footer"]] * 3
    assert kinds(settle(*pages[:2]))[0][0] == "paragraph"


def unplaced(*texts: str, pages: Sequence[int] = (1, 5, 9)) -> list[list[Block]]:
    """Pages as a model answers without boxes, the same but for the numbers."""
    return [[block("paragraph", text.format(at, at * 5), None) for text in texts] for at in pages]


@pytest.mark.parametrize(
    "texts",
    [
        ("Dear Customer,", "Your balance is {} EUR.", "Kind regards, John"),
        ("Invoice", "Work for client {}.", "Total due: {}00 EUR"),
        ("Patient record", "Patient {} came.", "Warning: do not give penicillin"),
        ("Case {}", "Some words.", "The patient was given {1} mg of the drug for {0} days and was healed."),
        ("Item {}", "Some words.", "Decision: accepted."),
        ("A. Yes.", "Q. And did you see him at {}?", "A. No."),
        ("Line one", "Line two of verse {}", "Nevermore."),
    ],
)
@pytest.mark.parametrize("pages", [(1, 5, 9), (3, 4, 5, 6)])
def test_what_comes_back_at_the_ends_of_pages_without_places_is_text(texts: tuple[str, ...], pages: list[int]) -> None:
    assert {kind for page in kinds(settle(*unplaced(*texts, pages=pages))) for kind in page} == {"paragraph"}


def test_headings_and_list_items_that_end_pages_without_places_are_text() -> None:
    pages = [
        [block("heading", "Exercises", None), block("paragraph", f"Do {at}.", None), block("list_item", "- None", None)]
        for at in range(6)
    ]
    assert kinds(settle(*pages)) == [["heading", "paragraph", "list_item"]] * 6


def test_page_numbers_tell_running_heads_without_places() -> None:
    beside = unplaced("Annual Report 2024", "{}", "Text {}.", "More of it.", pages=range(3, 9))
    assert kinds(settle(*beside)) == [["page_header", "page_header", "paragraph", "paragraph"]] * 6
    foot = unplaced("Text {}.", "© 2024 ACME", "{}", pages=range(3, 9))
    assert kinds(settle(*foot)) == [["paragraph", "page_footer", "page_footer"]] * 6
    apart = unplaced("The Book of Tea", "Text {}.", "{}", pages=range(3, 9))
    assert kinds(settle(*apart)) == [["page_header", "paragraph", "page_footer"]] * 6
    long = unplaced(
        "Text {}.", "More of the text that is as long as a sentence of prose, and ends with {}", pages=(3, 4, 5)
    )
    assert kinds(settle(*long)) == [["paragraph", "paragraph"]] * 3


@pytest.mark.parametrize("box", [TOP, BOTTOM])
@pytest.mark.parametrize(
    "text",
    [
        "Total due: {1}13 EUR",
        "Carried forward: {1}11.00",
        "Question {0} ({1} points)",
        "March {0}, 1916",
        "{0} March 1916",
        "Certificate No. {0}",
        "Invoice 2024-00{0}",
        "Fact: {1} % of users agree",
        "{0} Ibid., p. {1}.",
        "{0}. Amendment",
        "Article {0}",
        "Signature:",
        "The history of tea, part {2}",
    ],
)
def test_numbers_other_than_the_pages_own_are_text(text: str, box: Box) -> None:
    pages = [[TEXT, block("paragraph", text.format(at, at * 5, "I" * (at - 2)), box)] for at in range(3, 6)]
    assert kinds(settle(*pages)) == [["paragraph", "paragraph"]] * 3
    assert [page.label for page in settle(*pages)] == ["1", "2", "3"]


def test_numbered_headings_that_advance_with_the_pages_are_text() -> None:
    names = ["Scope", "Terms", "Duties", "Payment", "Law"]
    heads = [[block("paragraph", f"{at} {name}", TOP), TEXT] for at, name in enumerate(names, start=1)]
    assert kinds(settle(*heads)) == [["paragraph", "paragraph"]] * 5
    clauses = [
        [TEXT, block("paragraph", f"{at} The buyer shall pay on time in {name}.", BOTTOM)]
        for at, name in enumerate(["Rome", "Oslo", "Bonn", "Bern", "Nice"], start=7)
    ]
    assert kinds(settle(*clauses)) == [["paragraph", "paragraph"]] * 5


def test_a_number_inside_that_counts_is_enough() -> None:
    frames = [[TEXT, block("paragraph", f"Jkt 250001 Frm {at:05} Fmt 4703", BOTTOM)] for at in range(86, 90)]
    assert kinds(settle(*frames)) == [["paragraph", "page_footer"]] * 4
    of_all = [[block("paragraph", f"Page {at} of 4 | ACME", TOP), TEXT] for at in range(1, 5)]
    assert kinds(settle(*of_all)) == [["page_header", "paragraph"]] * 4


def test_heads_close_to_the_margin_stand_alone_at_one_height() -> None:
    numbered = [[block("paragraph", f"Annual Report {at}", HIGH), TEXT] for at in range(3, 15)]
    made = settle(*numbered)
    assert kinds(made) == [["page_header", "paragraph"]] * 12
    assert [page.label for page in made] == [str(at) for at in range(3, 15)]
    headings = [[block("heading", "Annual Report", HIGH), TEXT]] * 6
    assert kinds(settle(*headings)) == [["page_header", "paragraph"]] * 6
    form = [
        [block("paragraph", "Blood group:", HIGH), block("paragraph", "Sex", band(0.12, right=0.2)), value, TEXT]
        for value in (block("paragraph", name, band(0.12, left=0.3)) for name in ("Ann", "Bob", "Cid", "Dan"))
    ]
    assert kinds(settle(*form)) == [["paragraph"] * 4] * 4


def test_two_pages_are_enough_beside_a_page_number() -> None:
    pages = [
        [block("paragraph", "ACME Ltd - Confidential", TOP), TEXT, block("paragraph", f"Page {at} of 2", BOTTOM)]
        for at in (1, 2)
    ]
    assert kinds(settle(*pages)) == [["page_header", "paragraph", "page_footer"]] * 2
    assert kinds(settle(*(page[:2] for page in pages))) == [["paragraph", "paragraph"]] * 2


def test_watermarks_are_large_and_on_every_page() -> None:
    stamp = block("paragraph", "DRAFT", band(0.4, height=0.2))
    answer = block("paragraph", "Yes", band(0.4, height=0.05))
    assert kinds(settle(*[[TEXT, answer]] * 5)) == [["paragraph", "paragraph"]] * 5
    assert kinds(settle(*[[TEXT, stamp]] * 5)) == [["paragraph", "page_footer"]] * 5
    assert kinds(settle(*[[TEXT, stamp]] * 3)) == [["paragraph", "paragraph"]] * 3
    label = block("paragraph", "Name:", band(0.4))
    assert kinds(settle(*[[label, TEXT]] * 5)) == [["paragraph", "paragraph"]] * 5


def test_what_runs_along_the_side_and_what_nobody_can_read_is_furniture() -> None:
    side = block("paragraph", "Downloaded from example.org", Box(left=0.02, top=0.2, right=0.04, bottom=0.8))
    assert kinds(settle(*[[side, TEXT]] * 3)) == [["page_footer", "paragraph"]] * 3
    tag = block("paragraph", "_538fe5b4-e482", band(0.4, left=0.91, right=0.93), size=0.7)
    assert kinds(settle([tag, TEXT])) == [["page_header", "paragraph"]]


def test_pages_on_their_side_have_their_margins_at_the_sides() -> None:
    turned = Box(left=0.03, top=0.1, right=0.06, bottom=0.9)
    head = [[block("paragraph", "The book", turned.turned(180)), TEXT] for _ in range(4)]
    upright = settle(*head, turn=270)
    assert kinds(upright) == [["page_header", "paragraph"]] * 4


def test_labels_are_read_from_numbers_that_count() -> None:
    roman = [[TEXT, block("page_footer", text, BOTTOM)] for text in ("i", "ii", "iii")]
    arabic = [[block("page_header", f"{at} The book", TOP), TEXT] for at in (1, 2)]
    missing = [[TEXT], [block("page_header", "4 The book", TOP), TEXT], [TEXT]]
    labels = [page.label for page in settle(*roman, *arabic, *missing)]
    assert labels == ["i", "ii", "iii", "1", "2", "3", "4", "8"]


def test_numbers_standing_alone_beat_those_in_running_heads() -> None:
    head = "Journal of Tea, lesson {}"
    pages = [
        [block("paragraph", head.format(at), TOP), TEXT, block("paragraph", f"{at + 100}", BOTTOM)] for at in range(6)
    ]
    assert [page.label for page in settle(*pages)] == [str(at) for at in range(100, 106)]
    diary = [[block("paragraph", f"January {at}", TOP), TEXT] for at in range(12, 18)]
    assert [page.label for page in settle(*diary)] == ["1", "2", "3", "4", "5", "6"]


def test_an_excerpt_has_the_labels_that_are_printed() -> None:
    pages = [[TEXT, block("paragraph", text, BOTTOM)] for text in ("78", "79", "83", "84")]
    assert [page.label for page in settle(*pages)] == ["78", "79", "83", "84"]
    totals = [[TEXT, block("paragraph", text, BOTTOM)] for text in ("78", "79", "12", "40")]
    assert [page.label for page in settle(*totals)] == ["1", "2", "3", "4"]


def test_one_number_is_no_label_and_the_file_knows_better() -> None:
    assert settle([TEXT, block("page_footer", "77", BOTTOM)])[0].label == "1"
    page = Page(number=1, label="A1", width=1, height=1, blocks=(TEXT, block("page_footer", "3", BOTTOM)))
    margins = Margins()
    for number in (1, 2, 3):
        margins.see(replace(page, number=number, blocks=(TEXT, block("page_footer", str(number + 2), BOTTOM))))
    assert margins.settled(page).label == "A1"


def test_nothing_is_remembered_for_ever() -> None:
    margins = Margins()
    crowd = tuple(block("paragraph", f"word {at}", TOP) for at in range(500))
    for number in range(1, 60):
        margins.see(Page(number=number, label="", width=1, height=1, blocks=crowd))
    assert sum(len(page.said) for page in margins._pages) <= 64 * (2 * REACH + 1)


BLOCKS = st.builds(
    block,
    st.sampled_from([str(kind) for kind in BlockKind]),
    st.one_of(st.text("ab1iv \n", max_size=8), st.sampled_from(["7", "Page 3", "The book", "x" * 150])),
    st.sampled_from([TOP, HIGH, MIDDLE, BOTTOM, None]),
    size=st.sampled_from([0.0, 0.5, 10.0]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(BLOCKS, max_size=5), max_size=6))
def test_blocks_only_change_their_kind(pages: list[list[Block]]) -> None:
    for page, given_blocks in zip(settle(*pages), pages, strict=True):
        assert [
            replace(item, kind=was.kind) for item, was in zip(page.blocks, given_blocks, strict=True)
        ] == given_blocks
        for item, was in zip(page.blocks, given_blocks, strict=True):
            assert item.kind == was.kind or item.kind.is_furniture or was.kind.is_furniture
        said = [item for item in page.blocks if item.text.strip()]
        assert not said or any(not item.kind.is_furniture or len(item.text) < 12 for item in said)
