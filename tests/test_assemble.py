import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.assemble import HEADINGS_AHEAD, MARGINS_AHEAD, DocumentInfo, assemble, assembled
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Heading, Line, OutlineEntry, Page, Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.tables import table_markdown

INFO = DocumentInfo(id="sha256:0", source="a.pdf", file_name="a.pdf", total_pages=9, metadata={"title": "A"})
TOP, MIDDLE, BOTTOM = (Box(left=0.1, top=at, right=0.9, bottom=at + 0.03) for at in (0.03, 0.5, 0.95))


def block(kind, text, *, box=MIDDLE, name="", **fields):
    return Block(id=name or text, kind=BlockKind(kind), text=text, page_number=1, boxes=(box,) if box else (), **fields)


def join(*pages, first=1) -> Document:
    made = [
        Page(
            number=number,
            label="",
            width=595,
            height=842,
            blocks=tuple(replace(item, page_number=number, id=f"{number}/{item.id}") for item in blocks),
        )
        for number, blocks in enumerate(pages, start=first)
    ]
    return assemble(iter(made), info=INFO)


def kinds(document):
    return [[str(item.kind) for item in page.blocks] for page in document.pages]


def table_block(rows, *, header_rows=1, name="table", **fields):
    cells = tuple(
        Cell(row=row, column=column, text=text, is_header=row < header_rows)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    made = Table(rows=len(rows), columns=len(rows[0]), cells=cells, header_rows=header_rows)
    return block("table", table_markdown(made), table=made, name=name, **fields)


# Running heads and feet


def test_texts_that_come_back_in_the_margins_are_furniture():
    document = join(
        *(
            [
                block("paragraph", f"Annual report 2024, page {number}", box=TOP),
                block("paragraph", f"Text {number}."),
                block("paragraph", "Confidential", box=BOTTOM),
            ]
            for number in range(4)
        )
    )
    assert kinds(document) == [["page_header", "paragraph", "page_footer"]] * 4


def test_three_pages_of_many_are_enough_and_two_are_not():
    pages = [[block("paragraph", f"Text {number}.")] for number in range(20)]
    for number in (3, 4, 5):
        pages[number].insert(0, block("paragraph", "Methods", box=TOP))
    for number in (9, 10):
        pages[number].insert(0, block("paragraph", "Results", box=TOP))
    document = join(*pages)
    assert [document.pages[number].blocks[0].kind for number in (3, 4, 5)] == ["page_header"] * 3
    assert [document.pages[number].blocks[0].kind for number in (9, 10)] == ["paragraph"] * 2


@pytest.mark.parametrize("number", ["7", "- 7 -", "Page 7 of 12", "xiv", "Seite 3", "7/12", "第 7 页", "p. 7"])
def test_page_numbers_standing_alone_are_furniture(number):
    assert kinds(join([block("paragraph", "Text."), block("paragraph", number, box=BOTTOM)])) == [
        ["paragraph", "page_footer"]
    ]


@pytest.mark.parametrize("text", ["Civil", "7 apples", "Ill", "2024 was a good year", "x" * 130])
def test_other_texts_in_the_margin_are_not(text):
    assert kinds(join([block("paragraph", text, box=BOTTOM)])) == [["paragraph"]]


def test_what_repeats_elsewhere_or_is_long_is_text():
    pages = [
        [
            block("paragraph", "Note", box=MIDDLE),
            block("paragraph", f"{name} " * 40, box=TOP),
            block("paragraph", name, box=None),
        ]
        for name in ("one", "two", "three", "four", "five")
    ]
    assert kinds(join(*pages)) == [["paragraph"] * 3] * 5


def test_headings_at_the_top_of_a_page_are_not_eaten():
    pages = [[block("heading", f"Chapter {number}", box=TOP), block("paragraph", "Text.")] for number in range(1, 6)]
    assert kinds(join(*pages)) == [["heading", "paragraph"]] * 5
    running = [[block("heading", "The book", box=TOP), block("paragraph", "Text.")] for _ in range(5)]
    assert kinds(join(*running)) == [["page_header", "paragraph"]] * 5
    slides = [
        [block("heading", "Results" if number < 3 else f"Slide {'abcdefg'[number]}", box=TOP)] for number in range(7)
    ]
    assert kinds(join(*slides)) == [["heading"]] * 7


def test_what_the_engine_labelled_twice_is_furniture_in_every_margin():
    labelled, heading, text = (block(kind, "The book", box=TOP) for kind in ("page_header", "heading", "paragraph"))
    inside = block("heading", "The book")
    pages = [[labelled], [labelled], [heading], [inside], [text], [], [], [], []]
    made = kinds(join(*([*page, block("paragraph", "Text.")] for page in pages)))
    assert [page[0] for page in made[2:5]] == ["page_header", "heading", "page_header"]
    once = kinds(join(*([*page, block("paragraph", "Text.")] for page in pages[1:4])))
    assert [page[0] for page in once] == ["paragraph", "heading", "heading"]


def test_labels_of_the_engine_stay():
    pages = [[block("page_header", f"Report, page {number}", box=TOP), block("table", "Cell")] for number in (1, 2)]
    assert kinds(join(*pages)) == [["page_header", "table"]] * 2


def test_a_label_that_stands_on_one_page_only_is_text():
    invoice = [block("page_header", "Invoice no. 2024-0815", box=TOP), block("paragraph", "Dear Sir,")]
    assert kinds(join([*invoice, block("page_footer", "7", box=BOTTOM)])) == [["paragraph", "paragraph", "page_footer"]]


def test_a_label_far_from_every_edge_is_not_believed():
    document = join([block("page_header", "In the middle"), block("paragraph", "text")])
    assert kinds(document) == [["paragraph", "paragraph"]]


def test_a_page_is_never_left_without_its_only_text():
    document = join([block("page_header", "All that is here", box=TOP)], [block("page_footer", "7", box=BOTTOM)])
    assert kinds(document) == [["paragraph"], ["page_footer"]]


# Heading levels


def levels(*headings):
    """The levels of headings given as (kind, text, size, level), one on each page."""
    pages = [
        [block(kind, text, font_size=size, level=level, name=str(number))]
        for number, (kind, text, size, level) in enumerate(headings)
    ]
    document = join(*pages)
    assert [heading.text for heading in document.headings] == [text for _, text, _, _ in headings]
    assert [heading.level for heading in document.headings] == [item.level for item in document.blocks()]
    return [heading.level for heading in document.headings]


def numbered(*texts, kind="heading", size=0.0, level=2):
    return levels(*((kind, text, size, level) for text in texts))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1 One", "1.1 Two", "1.1.1 Three", "2 Four", "2.1 Five"], [1, 2, 3, 1, 2]),
        (["1. One", "1.1. Two", "2) Three", "3.Four"], [1, 2, 1, 1]),
        (["I. One", "A. Two", "B. Three", "II. Four", "C. Five", "III. Six", "V. Seven"], [1, 2, 2, 1, 2, 1, 1]),
        (["A. One", "A.1 Two", "B. Three", "I think so"], [1, 2, 1, 1]),
        (["Part II Many", "Chapter 3 One", "3.1 Two", "Appendix A Three", "A.1 Four"], [1, 2, 3, 2, 3]),
        (["第一章 总则", "第一节 一般", "第二章 附则"], [1, 2, 1]),
        (["Chapter 1", "§ 4 Scope", "§ 5 Terms"], [1, 2, 2]),
        (["1 One", "1.1.1 Deep", "2 Two"], [1, 2, 1]),
        (["2024 in numbers", "A long way", "Civil engineering", "3D printing"], [1, 1, 1, 1]),
    ],
)
def test_numbers_tell_the_level(texts, expected):
    assert numbered(*texts) == expected


def test_numbers_win_over_what_the_engine_says():
    assert levels(("heading", "1 One", 0, 2), ("heading", "1.1 Two", 0, 1), ("heading", "2 Three", 0, 4)) == [1, 2, 1]


def test_unnumbered_headings_are_what_numbered_ones_of_their_size_are():
    assert levels(
        ("title", "The paper", 24, 1),
        ("heading", "Abstract", 14.1, 2),
        ("heading", "1 Introduction", 14, 2),
        ("heading", "1.1 Background", 12, 2),
        ("heading", "Setting", 12.2, 2),
        ("heading", "Small print", 9, 2),
        ("heading", "References", 13.8, 2),
    ) == [1, 2, 2, 3, 3, 4, 2]


def test_sizes_rank_headings_without_numbers_and_noise_is_one_size():
    assert levels(
        ("heading", "Top", 20.3, 1),
        ("heading", "Also top", 19.6, 3),
        ("heading", "Below", 14, 1),
        ("heading", "Also below", 13.4, 1),
    ) == [1, 1, 2, 2]


def test_without_sizes_the_engine_decides_and_levels_are_contiguous():
    assert levels(("title", "T", 0, 1), ("heading", "A", 0, 3), ("heading", "B", 0, 5), ("heading", "C", 0, 3)) == [
        1,
        2,
        3,
        2,
    ]
    assert levels(("heading", "A", 0, 4), ("heading", "B", 0, 0)) == [1, 1]


def test_many_titles_are_headings_and_one_is_above_all():
    assert levels(("title", "A", 0, 1), ("heading", "B", 0, 2), ("title", "C", 0, 1)) == [1, 2, 1]
    assert levels(("heading", "1 A", 0, 2), ("title", "B", 0, 2), ("heading", "1.1 C", 0, 2)) == [1, 1, 2]


def test_a_first_heading_with_the_largest_letters_is_the_title():
    document = join(
        [block("heading", "Report", font_size=21), block("heading", "1 Methods", font_size=14)],
        [block("heading", "1.1 Bottles", font_size=11), block("heading", "Annex A", font_size=14)],
    )
    assert [(item.kind, item.level) for item in document.blocks()] == [
        ("title", 1),
        ("heading", 2),
        ("heading", 3),
        ("heading", 2),
    ]
    numbered = join([block("heading", "1 Report", font_size=21), block("heading", "2 More", font_size=14)])
    assert kinds(numbered) == [["heading", "heading"]]


def test_the_outline_names_blocks_and_pages():
    document = join(
        [block("heading", "A\n  b", level=2)], [block("heading", " ", level=1), block("paragraph", "x")], first=4
    )
    assert document.headings == (Heading(block_id="4/A\n  b", page_number=4, level=1, text="A b"),)


# Page breaks


HEAD, ONE, TWO = ["Year", "Sales"], ["2001", "5"], ["2002", "6"]


def test_a_table_goes_on_over_page_breaks():
    document = join(
        [
            block("page_header", "Report", box=TOP),
            block("paragraph", "See below."),
            table_block([HEAD, ONE]),
            block("footnote", "1 A note."),
            block("page_footer", "1", box=BOTTOM),
        ],
        [
            block("page_header", "Report", box=TOP),
            block("caption", "Table 1 (continued)"),
            table_block([["YEAR", "Sales "], TWO]),
        ],
        [table_block([TWO, ONE], header_rows=0), block("paragraph", "After.")],
    )
    first, second, third = (item for item in document.blocks() if item.table)
    assert (first.continues, second.continues, third.continues) == ("", first.id, second.id)
    assert [item.table.repeats_header for item in (first, second, third)] == [False, True, False]
    assert second.text == table_block([["YEAR", "Sales "], TWO]).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([table_block([HEAD, ONE])], [table_block([[*HEAD, "x"], [*ONE, "y"]])]),
        ([table_block([HEAD, ONE])], [block("paragraph", "Between."), table_block([HEAD, TWO])]),
        ([table_block([HEAD, ONE]), block("paragraph", "After.")], [table_block([HEAD, TWO])]),
        ([table_block([HEAD, ONE])], [block("caption", "Table 2"), table_block([HEAD, TWO])]),
        ([table_block([HEAD, ONE])], [table_block([HEAD, TWO], box=Box(left=0.4, top=0, right=0.6, bottom=1))]),
        ([table_block([HEAD, ONE])], [block("table", "Year Sales 2002 6")]),
        ([table_block([HEAD, ONE])], []),
    ],
)
def test_other_tables_do_not(before, after):
    assert not any(item.continues for item in join(before, after).blocks())


def test_pages_that_do_not_follow_each_other_are_not_joined():
    pages = [
        Page(number=number, label="", width=1, height=1, blocks=(block("paragraph", "goes on and", name=str(number)),))
        for number in (1, 3)
    ]
    assert not any(item.continues for item in assemble(pages, info=INFO).blocks())


@pytest.mark.parametrize(
    ("end", "begin", "goes_on"),
    [
        ("a sentence that", "goes on", True),
        ("a sentence with a hy-", "phen", True),
        ("a sentence.", "another", False),
        ("he said “no.”", "and left", False),
        ("a sentence of words", "Ends differently", False),
        ("没有句号", "接着", False),
    ],
)
def test_a_paragraph_goes_on_over_a_page_break(end, begin, goes_on):
    end = f"Before it there are other words, as many as paragraphs have: {end}"
    document = join(
        [block("paragraph", end)],
        [block("page_header", "x", box=TOP), block("paragraph", begin), block("paragraph", "y")],
    )
    assert [item.continues for item in document.blocks()] == ["", "", f"1/{end}" if goes_on else "", ""]


def test_what_becomes_a_heading_continues_nothing():
    """A bold line behind a figure, which the engine calls a paragraph, and a full last line above it."""

    def lines(count, *, last=0.9):
        return tuple(
            Line(
                start=at,
                end=at + 1,
                box=Box(left=0.1, top=0.2 + 0.02 * at, right=0.9 if at < count - 1 else last, bottom=0.215 + 0.02 * at),
                source="text_layer",
            )
            for at in range(count)
        )

    prose = "Some text stands here that says what has to be said about it, in a sentence of some length. " * 2
    cut = prose + "and the results of this were such that all were glad with the outcome of the trial"
    places = (Box(left=0.1, top=0.05 + 0.1 * at, right=0.9, bottom=0.1 + 0.1 * at) for at in range(9))
    bold = {"font_size": 10.0, "is_bold": True}
    document = join(
        [
            block("heading", "Methods", box=next(places), **bold),
            block("paragraph", prose, box=next(places), font_size=10.0, name="a"),
            block("heading", "Data", box=next(places), **bold),
            block("paragraph", cut, box=next(places), font_size=10.0, lines=lines(4)),
            block("figure", "", box=next(places)),
            block("paragraph", "Results of the trial", box=next(places), lines=lines(1, last=0.4), **bold),
            block("paragraph", prose, box=next(places), font_size=10.0, name="b"),
        ]
    )
    assert "Results of the trial" in [heading.text for heading in document.headings]
    assert not any(item.continues or item.continued_by for item in document.blocks())


# What holds for every document


TEXTS = st.one_of(
    st.text("ab1.IVX §\n", max_size=12), st.sampled_from(["1 One", "1.1 Two", "goes on", "7", "Head", "continued"])
)
BLOCKS = st.builds(
    lambda kind, text, box, size, level: block(kind, text, box=box, font_size=size, level=level),
    st.sampled_from(list(BlockKind)),
    TEXTS,
    st.sampled_from([TOP, MIDDLE, BOTTOM, None]),
    st.one_of(st.just(0.0), st.floats(1, 40), st.just(1e300)),
    st.integers(0, 9),
)
TABLES = st.integers(1, 2).flatmap(
    lambda columns: st.lists(st.lists(TEXTS, min_size=columns, max_size=columns), min_size=1, max_size=3)
).map(table_block)  # fmt: skip


FIXED = (BlockKind.TABLE, BlockKind.FIGURE, BlockKind.FORMULA, BlockKind.CODE)
"""What no evidence on other pages makes another kind."""


def check_headings(document):
    """Levels begin at 1 and skip none, and every block knows the heading above it."""
    open_levels: list[tuple[int, str]] = []
    for item in document.blocks():
        if item.kind.is_heading:
            open_levels = [above for above in open_levels if above[0] < item.level]
            assert item.level <= (open_levels[-1][0] if open_levels else 0) + 1
        assert item.section == (open_levels[-1][1] if open_levels else "")
        if item.kind.is_heading:
            open_levels.append((item.level, item.id))
    assert [heading.block_id for heading in document.headings] == [
        item.id for item in document.blocks() if item.kind.is_heading and item.text.strip()
    ]


def check_links(document):
    """What goes on knows its continuation and the other way round; notes and captions are on the page of theirs."""
    known = {item.id: item for item in document.blocks()}
    for item in document.blocks():
        if item.continues and len(known) == sum(1 for _ in document.blocks()):
            before = known[item.continues]
            assert before.continued_by == item.id
            assert item.page_number - before.page_number in (0, 1)
        if item.belongs_to:
            assert known[item.belongs_to].page_number == item.page_number


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(BLOCKS, TABLES), max_size=5), max_size=6))
def test_nothing_is_lost_or_rewritten(pages):
    document = join(*pages)
    assert [page.number for page in document.pages] == list(range(1, len(pages) + 1))
    for page, given_blocks in zip(document.pages, pages, strict=True):
        assert [(item.text, item.boxes) for item in page.blocks] == [(item.text, item.boxes) for item in given_blocks]
        for item, was in zip(page.blocks, given_blocks, strict=True):
            assert (item.table is None) == (was.table is None)
            assert item.table is None or item.table.cells == was.table.cells or item.table.repeats_header
            assert (item.kind in FIXED) == (was.kind in FIXED)
    check_headings(document)
    check_links(document)
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


# Page by page


def report(number):
    """A page of a long report, as a model reads it: running heads are plain text, headings have no level."""
    chapter = (number - 1) // 6 + 1
    blocks = [
        block("paragraph", "Annual report", box=TOP),
        block("heading", f"{chapter} Chapter", level=2),
        block("heading", f"{chapter}.{number} Section", level=2),
        block("paragraph", f"On page {number} a sentence begins that"),
        block("paragraph", f"goes on over the break of page {number + 1} and"),
        block("paragraph", f"- {number + 2} -", box=BOTTOM),
    ]
    return Page(
        number=number,
        label=str(number),
        width=595,
        height=842,
        blocks=tuple(
            replace(item, page_number=number, id=f"p{number}-b{at}") for at, item in enumerate(blocks, start=1)
        ),
    )


def test_a_long_document_is_joined_while_it_is_read():
    taken = []

    def pages():
        for number in range(1, 121):
            taken.append(number)
            yield report(number)

    waits = []
    settled = []
    for page in assembled(pages()):
        settled.append(page)
        waits.append(len(taken) - len(settled))
    assert max(waits) == MARGINS_AHEAD + HEADINGS_AHEAD + 1
    document = assemble((report(number) for number in range(1, 121)), info=INFO)
    assert document.pages == tuple(settled)
    assert kinds(document)[70] == ["page_header", "heading", "heading", "paragraph", "paragraph", "page_footer"]
    assert [page.label for page in document.pages] == [str(number) for number in range(3, 123)]
    assert {block.level for block in document.blocks() if "Section" in block.text} == {2}
    check_headings(document)
    check_links(document)


def test_the_files_own_outline_makes_headings_of_what_it_names():
    page = [
        block("paragraph", "Introduction"),
        block("paragraph", "Some words about it."),
        block("paragraph", "Aims"),
        block("paragraph", "More words about it."),
    ]
    outline = (
        OutlineEntry(level=1, title="Introduction", page_number=1),
        OutlineEntry(level=2, title="Aims", page_number=1),
    )
    made = Page(number=1, label="", width=595, height=842, blocks=tuple(page))
    found = [
        (heading.text, heading.level) for heading in assemble([made], info=replace(INFO, outline=outline)).headings
    ]
    assert found == [("Introduction", 1), ("Aims", 2)]
    assert assemble([made], info=INFO).headings == ()
