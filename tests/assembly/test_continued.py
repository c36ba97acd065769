"""Tables over page breaks: what is one table, what are two, and that no row of data is taken for a header."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.assembly.joins import joined
from deepseek_ocr_rag.document import Block, BlockKind, Page, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.headrows import with_header
from deepseek_ocr_rag.tables import parse_html_table, table_markdown

WIDE = Box(left=0.1, top=0.2, right=0.9, bottom=0.8)


def grid(text: str, *, tag: str = "td") -> Table:
    """Rows are split at ``/``, cells at ``|``; a header is guessed as in what a model writes."""
    rows = [[cell.strip() for cell in row.split("|")] for row in text.split("/")]
    html = "".join(
        "<tr>" + "".join(f"<{name}>{cell}</{name}>" for cell in row) + "</tr>"
        for row, name in zip(rows, [tag, *["td"] * len(rows)], strict=False)
    )
    made = parse_html_table(f"<table>{html}</table>")
    assert made is not None
    return with_header(made)


def block(table: Table, *, boxes: bool = False) -> Block:
    boxed = (WIDE,) if boxes else ()
    return Block(id="table", kind=BlockKind.TABLE, text=table_markdown(table), page_number=1, boxes=boxed, table=table)


def page(number: int, *blocks: Block) -> Page:
    made = (_with_id(item, number, at) for at, item in enumerate(blocks))
    return Page(number=number, label="", width=595, height=842, blocks=tuple(made))


def _with_id(item: Block, number: int, at: int) -> Block:
    return Block(
        id=f"{number}-{at}", kind=item.kind, text=item.text, page_number=number, boxes=item.boxes, table=item.table
    )


def parts(*texts: str, boxes: bool = False, tag: str = "td") -> list[tuple[bool, int, bool]]:
    """For each table, one on a page: whether it goes on, how many header rows it has, whether they are said again."""
    pages = [page(number, block(grid(text, tag=tag), boxes=boxes)) for number, text in enumerate(texts, start=1)]
    opening: dict[str, Table] = {}
    for at in range(len(pages) - 1):
        pages[at], pages[at + 1] = joined(pages[at], pages[at + 1], (), opening)
        assert len(opening) <= 1
    blocks = [one.blocks[0] for one in pages]
    return [(bool(item.continues), item.table.header_rows, item.table.repeats_header) for item in blocks if item.table]


HEADED = "Name | Amount | Dept / Ann | 5 | X / Bob | 6 | Y / Cid | 7 | Z"
REST = "Dan | 5 | X / Eva | 6 | Y / Fay | 8 | Z"


@pytest.mark.parametrize("boxes", [False, True])
def test_a_row_of_data_that_two_tables_begin_with_is_no_header(boxes: bool) -> None:
    first, second = parts(
        "Country | Germany / City | Bonn / Job | cook", "Country | Germany / City | Cologne / Job | smith", boxes=boxes
    )
    assert (first, second) == ((False, 0, False), (False, 0, False))
    _, second = parts(
        "Germany | Bonn / France | Paris / Italy | Rome",
        "Germany | Bonn / Spain | Madrid / Austria | Graz",
        boxes=boxes,
    )
    assert second == (boxes, 0, False)


@pytest.mark.parametrize("boxes", [False, True])
def test_a_header_is_known_again_after_pages_without_one(boxes: bool) -> None:
    last = "Name | Amount | Dept / Gus | 9 | X"
    rest = [(True, 0, False), (True, 0, False), (True, 1, True)]
    assert parts(HEADED, REST, "Hal | 1 | Z / Ida | 2 | X", last, boxes=boxes) == [(False, 1, False), *rest]
    other = "Name | Rank | Dept / Gus | 9 | X / Jan | 4 | Y / Kai | 3 | Z"
    assert parts(HEADED, REST, other, boxes=boxes)[2] == (False, 1, False)


@pytest.mark.parametrize("again", ["Name", "NAME", "Narne", "Name (cont.)", "Name (Fortsetzung)"])
@pytest.mark.parametrize("boxes", [False, True])
def test_a_header_is_known_again_in_spite_of_noise(again: str, boxes: bool) -> None:
    assert parts(HEADED, f"{again} | Amount | Dept / {REST}", boxes=boxes)[1] == (True, 1, True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Year | Sales (EUR) / 2001 | 5 / 2002 | 6", "Year | Sales (USD) / 2003 | 5 / 2004 | 6"),
        ("Item | 2019 | 2020 / Rent | 5 | 6 / Food | 7 | 8", "Item | 2021 | 2022 / Fuel | 5 | 6 / Tea | 7 | 8"),
        ("Item | Male / Rent | 5 / Food | 7", "Item | Female / Fuel | 5 / Tea | 7"),
    ],
)
@pytest.mark.parametrize("boxes", [False, True])
def test_another_header_is_another_table(first: str, second: str, boxes: bool) -> None:
    assert parts(first, second, boxes=boxes, tag="th") == [(False, 1, False)] * 2


@pytest.mark.parametrize("boxes", [False, True])
def test_a_guess_that_says_what_the_rows_before_say_is_none(boxes: bool) -> None:
    first = "Metal | Inlet | Outlet / Tin | low | high / Zinc | 0.5 | 0.7 / Iron | 1.2 | 1.4 / Gold | 3 | 4"
    second = "Lead | low | high / Silver | 0.1 | 0.2 / Copper | 0.3 | 0.4 / Chrome | 3 | 4"
    assert grid(second).header_is_guessed
    assert parts(first, second, boxes=boxes) == [(False, 1, False), (True, 0, False)]


def test_without_boxes_rows_go_on_only_under_a_header() -> None:
    assert parts(HEADED, REST, "Gus | 5 | X / Hal | 6 | Y") == [(False, 1, False), (True, 0, False), (True, 0, False)]
    assert not parts("Rent | 500 / Food | 300 / Fuel | 90", "Apples | 12 / Pears | 7 / Plums | 3")[1][0]
    assert not parts("Name | City / Ann | Oslo / Bob | Rome", "Plant | Colour / Rose | Red / Iris | Blue")[1][0]
    note = Block(id="", kind=BlockKind.PARAGRAPH, text="(continued)", page_number=1)
    rent, fruit = block(grid("Rent | 500 / Food | 300 / Fuel | 90")), block(grid("Tea | 12 / Gas | 7 / Milk | 3"))
    _, after = joined(page(1, rent), page(2, note, fruit), ())
    assert after.blocks[1].continues == "1-0"


@pytest.mark.parametrize("boxes", [False, True])
def test_reports_of_one_kind_are_not_one_table(boxes: bool) -> None:
    forms = ("Name | Ann Lee / Born | 1970 / City | Oslo", "Name | Bob May / Born | 1981 / City | Bonn")
    assert not parts(*forms, boxes=boxes)[1][0]
    quarters = ("Region | Sales | Cost / North | 10 | 5 / South | 12 | 6",) * 2
    assert not parts(*quarters, boxes=boxes)[1][0]
    invoices = (
        "Item | Qty | Price / Work | 1 | 10 / Travel | 1 | 3 / Total | | 13",
        "Item | Qty | Price / Paint | 2 | 20 / Wood | 4 | 6 / Total | | 26",
    )
    assert not parts(*invoices, boxes=boxes)[1][0]
