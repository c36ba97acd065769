from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import Chunk
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document, chunk_markdown, chunk_pages
from deepseek_ocr_rag.chunking.breaks import visible_break
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Line, Page, Table
from deepseek_ocr_rag.geometry import PAGE_BOX, Box
from deepseek_ocr_rag.tables import header_range, table_markdown
from deepseek_ocr_rag.tokens import TokenCounter, token_counter

WORDS = TokenCounter("words", lambda text: len(text.split()))
SQUARES = TokenCounter("squares", lambda text: (len(text) ** 2) // 40)


def words(text):
    return WORDS(text)


def block(kind, text, *, page=1, name="", **fields):
    return Block(id=name or f"{kind}-{page}-{hash(text)}", kind=BlockKind(kind), text=text, page_number=page, **fields)


def table(rows, *, header_rows=1, **fields):
    cells = tuple(
        Cell(row=row, column=column, text=text, is_header=row < header_rows)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    return Table(rows=len(rows), columns=len(rows[0]), cells=cells, header_rows=header_rows, **fields)


def table_block(rows, *, header_rows=1, repeats_header=False, **fields):
    made = table(rows, header_rows=header_rows, repeats_header=repeats_header)
    return block("table", table_markdown(made), table=made, **fields)


def document(*blocks, pages=0):
    last = max([pages, *(item.page_number for item in blocks)])
    made = tuple(
        Page(
            number=number,
            label=str(number),
            width=595,
            height=842,
            blocks=tuple(item for item in blocks if item.page_number == number),
        )
        for number in range(1, last + 1)
    )
    return Document(id="sha256:0", source="a.pdf", file_name="a.pdf", total_pages=last, pages=made)


def cut(*blocks, max_tokens=40, counter=WORDS, **options) -> list[Chunk]:
    return list(chunk_document(document(*blocks), ChunkOptions(max_tokens=max_tokens, counter=counter, **options)))


def number_words(count, start=0):
    return " ".join(f"w{number}" for number in range(start, start + count))


# What readers of chunks expect


def test_a_heading_opens_the_chunk_that_follows_it():
    chunks = cut(
        block("title", "Report", level=1),
        block("heading", "Results", level=2),
        block("paragraph", "All went well."),
        block("heading", "Outlook", level=2),
        block("paragraph", "It will go on."),
    )
    assert [chunk.text for chunk in chunks] == [
        "# Report\n\n## Results\n\nAll went well.",
        "## Outlook\n\nIt will go on.",
    ]
    assert [chunk.section_path for chunk in chunks] == ["Report > Results", "Report > Outlook"]
    assert [chunk.section_level for chunk in chunks] == [2, 2]
    assert [chunk.kind for chunk in chunks] == ["paragraph", "paragraph"]
    assert chunks[0].embedded_text == "section_path: Report > Results\n\n" + chunks[0].text
    assert [chunk.index for chunk in chunks] == [0, 1]


def test_text_before_any_heading_is_embedded_as_it_is():
    (chunk,) = cut(block("paragraph", "Alone."))
    assert chunk.embedded_text == "Alone."
    assert (chunk.headings, chunk.section_level) == ((), 0)


def test_a_last_heading_makes_a_chunk_of_its_own():
    chunks = cut(block("paragraph", "Text."), block("heading", "The end", level=1))
    assert [chunk.text for chunk in chunks] == ["Text.", "# The end"]
    assert chunks[1].kind == "heading"


def test_a_heading_is_not_left_alone_over_text_that_has_to_be_cut():
    chunks = cut(block("heading", "Long section", level=1), block("paragraph", number_words(100)), max_tokens=30)
    assert chunks[0].text.startswith("# Long section\n\nw0 w1")
    assert chunks[0].token_count == 30


def test_small_neighbours_share_a_chunk_unless_told_otherwise():
    blocks = [block("heading", "H", level=1)] + [block("paragraph", f"Paragraph {number}.") for number in range(3)]
    assert [chunk.text for chunk in cut(*blocks)] == ["# H\n\nParagraph 0.\n\nParagraph 1.\n\nParagraph 2."]
    assert [chunk.text for chunk in cut(*blocks, strategy="block")] == [
        "# H\n\nParagraph 0.",
        "Paragraph 1.",
        "Paragraph 2.",
    ]


def test_list_items_are_written_as_markdown_and_joined_by_lines():
    (chunk,) = cut(
        block("paragraph", "We need:"),
        block("list_item", "• apples"),
        block("list_item", "2 pears", level=1),
        block("list_item", "3. plums"),
        block("paragraph", "Thanks."),
    )
    assert chunk.text == "We need:\n\n- apples\n  - 2 pears\n3. plums\n\nThanks."
    assert [chunk.text[anchor.chunk_start : anchor.chunk_end] for anchor in chunk.anchors][1] == "apples"


def test_running_heads_and_empty_blocks_are_left_out():
    chunks = cut(
        block("page_header", "Head"), block("figure", ""), block("paragraph", "  "), block("paragraph", "Text")
    )
    assert [chunk.text for chunk in chunks] == ["Text"]


def test_nothing_makes_no_chunks():
    assert cut() == []
    assert cut(block("list_item", "•")) == []


SENTENCES = "One two three four five. Six seven eight nine ten."
ABBREVIATED = "See Fig. 3 for e.g. this and that and so on and on and on"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (f"{SENTENCES} And {number_words(20)}. The end.", SENTENCES),
        (number_words(30), number_words(16)),
        (f"{ABBREVIATED} and so on and on and on.", f"{ABBREVIATED} and"),
    ],
)
def test_long_text_is_cut_at_sentences_else_at_words(text, first):
    chunks = cut(block("paragraph", text), max_tokens=16)
    assert chunks[0].text == first
    assert " ".join(chunk.text for chunk in chunks) == text


def test_a_sentence_that_ends_without_a_space_is_an_end_too():
    text = "今天天气很好。" * 40
    chunks = cut(block("paragraph", text), max_tokens=30, counter="cl100k_base")
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(chunk.text.endswith("。") for chunk in chunks)


def test_code_stays_fenced_and_keeps_its_indentation():
    code = "def f():\n" + "\n".join(f"    x{number} = {number}" for number in range(40))
    chunks = cut(block("code", code), max_tokens=30)
    assert len(chunks) > 1
    for chunk in chunks:
        assert chunk.text.startswith("```\n")
        assert chunk.text.endswith("\n```")
    assert "\n".join(chunk.text[4:-4] for chunk in chunks) == code


def test_visible_characters_stay_whole():
    for visible in ("e\u0301", "👨\u200d👩\u200d👧", "👍🏽", "🇩🇪", "\u1112\u1161\u11ab", "ष्", "\ud83d\ude00", "\r\n"):
        text = "x" + visible * 3
        for limit in range(2, len(text)):
            place = visible_break(text, limit, 0)
            assert (place - 1) % len(visible) == 0, (visible, limit)
    assert visible_break("e" + "\u0301" * 500, 300, 0) == 300


def test_a_paragraph_over_a_page_break_is_joined_by_a_space():
    (chunk,) = cut(
        block("paragraph", "The sentence goes", page=1, name="a"),
        block("page_footer", "1", page=1),
        block("page_header", "Running head", page=2),
        block("paragraph", "on here.", page=2, name="b", continues="a"),
        block("paragraph", "Next.", page=2),
    )
    assert chunk.text == "The sentence goes on here.\n\nNext."
    assert [region.page_number for region in chunk.regions] == [1, 2, 2]


def test_a_wide_section_path_is_shortened_at_the_front():
    chunk = cut(*(block("heading", f"{'heading ' * 12}{level}", level=level) for level in range(1, 5)), max_tokens=500)[
        0
    ]
    assert len(chunk.section_path) <= 256
    assert chunk.section_path.startswith("… > heading")
    assert chunk.section_path.endswith("heading 4")
    assert len(chunk.headings) == 4


def test_a_path_that_eats_the_budget_is_shortened_for_its_chunks():
    long = " ".join(f"h{number}" for number in range(30))
    chunks = cut(
        block("heading", long, level=1), block("heading", "Short", level=2), block("paragraph", number_words(40))
    )
    assert {chunk.headings for chunk in chunks} == {("…", "Short")}
    deep = cut(block("heading", long, level=1), block("paragraph", number_words(40)))
    assert all(len(chunk.section_path.split()) <= 20 for chunk in deep)
    assert all(chunk.section_path.startswith("… > h0") for chunk in deep)


# Tables


ROWS = [["year", "sales"], *([f"{2000 + number}", f"sold {number}"] for number in range(20))]


def test_tables_are_cut_between_rows_under_a_repeated_header():
    made = table_block(ROWS, name="t")
    header = made.text[slice(*header_range(made.table))]
    chunks = cut(made, max_tokens=40)
    assert len(chunks) > 2
    assert all(chunk.text.startswith(header + "\n| 20") for chunk in chunks)
    assert [chunk.anchors[0].repeated for chunk in chunks] == [False] + [True] * (len(chunks) - 1)
    assert all(chunk.kind == "table" for chunk in chunks)
    rows = [line for chunk in chunks for line in chunk.text.split("\n")[2:]]
    assert rows == made.text.split("\n")[2:]


def test_a_table_starts_a_new_chunk_rather_than_being_cut_to_fill_one():
    chunks = cut(block("paragraph", number_words(20)), table_block(ROWS[:4]), max_tokens=40)
    assert [chunk.kind for chunk in chunks] == ["paragraph", "table"]
    long = cut(block("paragraph", number_words(20)), table_block(ROWS), max_tokens=40)
    assert long[0].kind == "paragraph"
    assert "|" not in long[0].text


def test_a_row_that_is_too_long_is_cut_between_cells():
    rows = [["a", "b", "c"], [number_words(12), number_words(12, 20), number_words(12, 40)], ["x", "y", "z"]]
    made = table_block(rows)
    chunks = cut(made, max_tokens=32)
    header = made.text[slice(*header_range(made.table))]
    assert [chunk.text.removeprefix(header + "\n") for chunk in chunks] == [
        "| " + number_words(12),
        "| " + number_words(12, 20),
        "| " + number_words(12, 40) + " |\n| x | y | z |",
    ]


def test_a_header_that_leaves_no_room_is_not_repeated():
    rows = [[number_words(30), number_words(30, 40)], ["a", "b"], ["c", "d"]]
    chunks = cut(table_block(rows), max_tokens=40)
    assert sum("w0" in chunk.text.split() for chunk in chunks) == 1
    assert chunks[-1].text.endswith("| c | d |")


def test_a_table_over_a_page_break_is_one_table():
    first = table_block(ROWS[:4], page=1, name="one")
    again = table_block([ROWS[0], *ROWS[4:8]], page=2, name="two", continues="one", repeats_header=True)
    bare = table_block(ROWS[8:10], page=3, name="three", continues="two", header_rows=0)
    (chunk,) = cut(first, again, bare, max_tokens=200)
    assert chunk.text == table_block(ROWS[:10]).text
    assert {region.page_number for region in chunk.regions} == {1, 2, 3}
    chunks = cut(first, again, bare, max_tokens=30)
    assert all(chunk.text.startswith("| year | sales |\n") for chunk in chunks)
    assert chunks[-1].anchors[0].block_id == "one"
    assert chunks[-1].anchors[0].repeated
    assert {region.page_number for region in chunks[-1].regions} == {1, 2, 3}
    assert [anchor.block_id for anchor in chunks[-1].anchors] == ["one", "two", "three", "three"]


def test_a_continuation_under_a_caption_of_its_own_has_the_header_of_the_table():
    first = table_block(ROWS[:3], page=1, name="one")
    rest = table_block(ROWS[3:6], page=2, name="two", continues="one", header_rows=0)
    chunks = cut(first, block("caption", "Table 1 (continued)", page=2), rest, max_tokens=200)
    assert chunks[0].text == "\n\n".join([first.text, "Table 1 (continued)", table_block([ROWS[0], *ROWS[3:6]]).text])


def test_a_fused_table_is_text():
    (chunk,) = cut(block("table", "year sales 2001 5"))
    assert (chunk.text, chunk.kind) == ("year sales 2001 5", "table")
    other = replace(table_block(ROWS[:3]), text="not its markdown")
    assert [chunk.text for chunk in cut(other)] == ["not its markdown"]


@pytest.mark.parametrize("above", [True, False])
def test_a_caption_stays_with_its_table(above):
    made, caption = table_block(ROWS[:4]), block("caption", "Table 1: what was sold")
    text = block("paragraph", number_words(22))
    chunks = cut(text, *([caption, made] if above else [made, caption]), max_tokens=45)
    assert len(chunks) == 2
    assert "Table 1" in chunks[1].text
    long = cut(text, *([caption, table_block(ROWS)] if above else [table_block(ROWS), caption]), max_tokens=45)
    tables = [chunk for chunk in long if chunk.kind == "table"]
    assert len(tables) > 2
    own = [anchor for chunk in tables for anchor in chunk.anchors if anchor.block_id == caption.id and anchor.is_own]
    assert len(own) == 1
    assert all(chunk.text.count("Table 1") == 1 for chunk in tables)
    assert all(chunk.text.startswith("Table 1: what was sold\n\n| year |") for chunk in tables[not above :][:-1])


def test_a_long_caption_is_not_said_again():
    chunks = cut(block("caption", "Table 1: " + number_words(8)), table_block(ROWS), max_tokens=45)
    assert len(chunks) > 2
    assert sum("Table 1" in chunk.text for chunk in chunks) == 1


def test_captions_between_figures_go_with_the_right_one():
    def figure(number):
        return [block("figure", f"Picture {number}"), block("caption", f"Figure {number}: " + number_words(10))]

    below = cut(*figure(1), *figure(2), max_tokens=24)
    assert [chunk.text.split()[1] for chunk in below] == ["1", "2"]
    above = cut(*reversed(figure(1)), *reversed(figure(2)), max_tokens=24)
    assert [chunk.text.split()[1] for chunk in above] == ["1:", "2:"]
    assert [chunk.text.split()[-1] for chunk in above] == ["1", "2"]


# Regions


def test_regions_are_the_lines_narrowed_to_what_is_shown():
    text = number_words(10) + " " + number_words(10, 10)
    middle = text.index("w10")
    boxes = [Box(left=0.1, top=0.1 * at, right=0.9, bottom=0.1 * at + 0.05) for at in (1, 2)]
    lines = (
        Line(start=0, end=middle - 1, box=boxes[0], source="text_layer"),
        Line(start=middle, end=len(text), box=boxes[1], source="text_layer"),
    )
    chunks = cut(block("paragraph", text, boxes=(boxes[0].union(boxes[1]),), lines=lines), max_tokens=16)
    first, second = chunks
    assert [(region.box, first.text[region.start : region.end]) for region in first.regions] == [
        (boxes[0], text[: middle - 1]),
        (boxes[1], number_words(6, 10)),
    ]
    assert [(region.box, second.text[region.start : region.end]) for region in second.regions] == [
        (boxes[1], number_words(4, 16))
    ]


def test_without_lines_regions_are_the_boxes_and_without_boxes_the_page():
    boxes = (Box(left=0, top=0, right=0.4, bottom=1), Box(left=0.6, top=0, right=1, bottom=1))
    (chunk,) = cut(block("heading", "Top", level=1), block("paragraph", "Two columns.", boxes=boxes))
    assert [(region.box, region.start, region.end) for region in chunk.regions] == [
        (PAGE_BOX, 2, 5),
        (boxes[0], 7, 19),
        (boxes[1], 7, 19),
    ]


# Options and ids


def test_rows_of_a_table_without_lines_stand_in_their_band_of_its_box():
    box = Box(left=0.1, top=0.2, right=0.9, bottom=0.6)
    rows = [["Year", "Sales"], *([str(2000 + year), "5 " * 8] for year in range(7))]
    whole, *_ = cut(table_block(rows, boxes=(box,)), max_tokens=400)
    assert [(region.box, region.is_approximate) for region in whole.regions] == [(box, False)]
    first, second, *_ = cut(table_block(rows, boxes=(box,)), max_tokens=40)
    assert first.regions[0].box.top == 0.2
    header, body = second.regions
    assert (header.box.top, round(header.box.bottom, 6)) == (0.2, 0.25)
    assert round(body.box.top, 6) == round(first.regions[-1].box.bottom, 6)
    assert all(region.is_approximate for region in second.regions)


def test_a_part_of_a_text_without_lines_says_that_its_box_is_not_its_own():
    box = Box(left=0.1, top=0.2, right=0.9, bottom=0.6)
    whole, *_ = cut(block("paragraph", number_words(30), boxes=(box,)))
    assert not whole.regions[0].is_approximate
    part, *_ = cut(block("paragraph", number_words(90), boxes=(box,)))
    assert part.regions[0].is_approximate


def test_ids_are_stable_and_differ_for_the_same_text():
    blocks = [block("heading", f"H{number}", level=1, name=f"h{number}") for number in range(2)]
    same = [block("paragraph", "Same text.", name=f"p{number}") for number in range(2)]
    first = cut(blocks[0], same[0], blocks[1], same[1], strategy="block")
    assert [chunk.id for chunk in first] == [
        chunk.id for chunk in cut(blocks[0], same[0], blocks[1], same[1], strategy="block")
    ]
    assert len({chunk.id for chunk in first}) == 2
    assert cut(same[0])[0].id != cut(same[0], counter="approx")[0].id
    assert cut(same[0])[0].id == cut(same[0], max_tokens=99)[0].id


def test_options_refuse_what_cannot_work():
    with pytest.raises(ValueError, match="16"):
        ChunkOptions(max_tokens=3)
    with pytest.raises(ValueError, match="cl100k_base"):
        ChunkOptions(counter="gpt2")
    with pytest.raises(ValueError, match="Raise max_tokens"):
        cut(block("paragraph", "text"), counter=lambda text: 1000)


def test_a_megabyte_without_a_space_is_cut():
    chunks = cut(block("paragraph", "abc" * 100_000 + "。" * 20_000), max_tokens=512, counter="cl100k_base")
    assert sum(len(chunk.text) for chunk in chunks) == 320_000
    assert max(chunk.token_count for chunk in chunks) <= 512
    assert min(chunk.token_count for chunk in chunks[:-2]) > 256


FAMILY = "👩\u200d👩\u200d👧"


@pytest.mark.parametrize("max_tokens", range(16, 25))
@pytest.mark.parametrize("before", [(), ("Title",), ("A long title of many words, in which a lot is said",)])
@pytest.mark.parametrize("text", [f" {FAMILY}", f"\t\u2003{FAMILY}", "\u2003" * 16 + "a", " 🏴" + "\u0301" * 40])
def test_indented_code_that_has_no_visible_break_is_cut_all_the_same(text, before, max_tokens):
    headings = [block("heading", words, level=1) for words in before]
    chunks = cut(*headings, block("code", text), max_tokens=max_tokens, counter="cl100k_base")
    assert max(chunk.token_count for chunk in chunks) <= max_tokens
    shown = "".join(chunk.text for chunk in chunks)
    assert all(shown.count(letter) >= text.count(letter) for letter in set("".join(text.split())))


# What holds for every document

STRATEGY = st.sampled_from(["section", "page", "block"])
ALPHABET = st.sampled_from(
    [*"abcXY 1.,;-|\n\t*#`", "é", "e\u0301", "。", "漢", "字", "👨\u200d👩\u200d👧", "؟", "  ", ". "]
)
TEXT = st.lists(st.one_of(ALPHABET, st.sampled_from(["word ", "another ", "end. "])), max_size=60).map("".join)
BOX = st.tuples(*[st.floats(0, 1)] * 4).map(lambda corners: Box.from_fractions(*corners))


@st.composite
def any_blocks(draw, number):
    kind = draw(st.sampled_from(list(BlockKind)))
    name = f"b{number}"
    boxes = tuple(draw(st.lists(BOX, max_size=2)))
    if kind is BlockKind.TABLE and draw(st.booleans()):
        columns = draw(st.integers(1, 3))
        rows = draw(st.lists(st.lists(TEXT, min_size=columns, max_size=columns), min_size=1, max_size=5))
        return table_block(rows, header_rows=draw(st.integers(0, 1)), name=name, boxes=boxes)
    text = draw(TEXT) * draw(st.sampled_from([1, 1, 1, 4]))
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    lines = tuple(Line(start=start, end=end, box=draw(BOX), source="ocr") for start, end in pairwise(places))
    return block(kind, text, name=name, level=draw(st.integers(0, 3)), boxes=boxes, lines=lines)


@st.composite
def any_document(draw):
    made, page = [], 1
    for number in range(draw(st.integers(0, 8))):
        item = draw(any_blocks(number))
        page += draw(st.integers(0, 1))
        if made and draw(st.integers(0, 2)) == 0:
            same = item.table and made[-1].table and item.table.columns == made[-1].table.columns
            again = same and item.text.split("\n")[0] == made[-1].text.split("\n")[0] and item.table.header_rows
            item = replace(
                item, continues=made[-1].id, table=item.table and replace(item.table, repeats_header=bool(again))
            )
        elif made and item.kind in (BlockKind.CAPTION, BlockKind.FOOTNOTE) and draw(st.booleans()):
            item = replace(item, belongs_to=made[-1].id)
        made.append(replace(item, page_number=page))
    return document(*made, pages=page)


def check(made: Document, options: ChunkOptions):
    chunks = list(chunk_document(made, options))
    blocks = {item.id: item for item in made.blocks()}
    assert chunks == list(chunk_document(made, options))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        assert chunk.text.strip()
        assert chunk.token_count == token_counter(options.counter)(chunk.embedded_text) <= options.max_tokens
        check_anchors(chunk, blocks)
        check_regions(chunk)
    check_coverage(chunks, blocks)
    return chunks


def check_anchors(chunk, blocks):
    assert chunk.anchors
    end = 0
    for anchor in chunk.anchors:
        source = blocks[anchor.block_id]
        assert anchor.page_number == source.page_number
        assert chunk.text[anchor.chunk_start : anchor.chunk_end] == source.text[anchor.start : anchor.end] != ""
        assert anchor.chunk_start >= end
        end = anchor.chunk_end


def check_regions(chunk):
    assert chunk.regions
    places = [(anchor.page_number, anchor.chunk_start, anchor.chunk_end) for anchor in chunk.anchors]
    for region in chunk.regions:
        assert 0 <= region.start < region.end <= len(chunk.text)
        assert any(
            page == region.page_number and start <= region.start and region.end <= end for page, start, end in places
        )


def check_coverage(chunks, blocks):
    """Every visible character is shown once and in order, but for what the docstring of chunk_document excepts."""
    shown = [
        (anchor.block_id, anchor.start, anchor.end) for chunk in chunks for anchor in chunk.anchors if anchor.is_own
    ]
    order = list(blocks)
    assert shown == sorted(shown, key=lambda item: (order.index(item[0]), item[1]))
    for item in blocks.values():
        places = [at for name, start, end in shown if name == item.id for at in range(start, end)]
        assert len(places) == len(set(places))
        visible = {at for at, character in enumerate(item.text) if not character.isspace()}
        excepted = visible if item.kind.is_furniture else set()
        if item.table and item.continues:
            excepted = set(range(*header_range(item.table))) if item.table.repeats_header else rule_of(item)
        assert not visible - set(places) - excepted
        assert not (item.kind.is_furniture and places)


def rule_of(item):
    """The characters of a table's |---| line, which its continuation does not need."""
    start = item.text.index("\n") + 1 if "\n" in item.text else 0
    return set(range(start, header_range(item.table)[1]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_document(), st.integers(16, 60), STRATEGY)
def test_promises_hold_when_words_are_counted(made, max_tokens, strategy):
    for chunk, after in pairwise(check(made, ChunkOptions(max_tokens=max_tokens, counter=words, strategy=strategy))):
        is_cut_heading = chunk.anchors[-1].block_id == after.anchors[0].block_id
        is_heading = chunk.kind in ("title", "heading") and strategy != "page"
        assert not is_heading or is_cut_heading or chunk.token_count > max_tokens // 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_document(), st.integers(24, 80), STRATEGY)
def test_promises_hold_when_tokens_are_counted(made, max_tokens, strategy):
    check(made, ChunkOptions(max_tokens=max_tokens, strategy=strategy))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_document(), st.integers(60, 200))
def test_promises_hold_for_a_counter_that_does_not_add_up(made, max_tokens):
    check(made, ChunkOptions(max_tokens=max_tokens, counter=SQUARES))


HARD = st.sampled_from(
    [
        *("a", "word ", " ", "\n", "\t", "\n    ", "    ", "\u2003", "\u3000", "`", "```\n", "|", "。", "한", "ก็"),
        *(FAMILY, "🏳\ufe0f\u200d🌈", "👍🏽", "🇩🇪", "\u200d", "\u0336", "e\u0301\u0302\u0323", "𝔘\u0336", "𒀀", "\ud83d"),
    ]
)
HARD_TEXT = st.lists(HARD, min_size=1, max_size=16).map("".join)


@st.composite
def hard_document(draw):
    kinds = st.sampled_from([BlockKind.CODE, BlockKind.CODE, *BlockKind])
    path = [
        block("heading", draw(HARD_TEXT) * draw(st.integers(1, 12)), level=level + 1, name=f"h{level}")
        for level in range(draw(st.integers(0, 3)))
    ]
    rest = [
        block(draw(kinds), draw(HARD_TEXT), level=draw(st.integers(0, 12)), name=f"b{number}")
        for number in range(draw(st.integers(1, 3)))
    ]
    return document(*path, *rest)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hard_document(), st.integers(16, 24), STRATEGY)
def test_promises_hold_for_the_smallest_budgets_and_the_longest_characters(made, max_tokens, strategy):
    check(made, ChunkOptions(max_tokens=max_tokens, strategy=strategy))


# Strategies, overlap, and what goes on over pages


def test_by_page_no_chunk_is_on_two_pages_and_the_section_goes_on():
    blocks = [
        block("heading", "H", level=1),
        block("paragraph", "It goes", name="a", continued_by="b"),
        block("paragraph", "on here.", page=2, name="b", continues="a"),
        block("paragraph", "Next.", page=2),
    ]
    assert [chunk.text for chunk in cut(*blocks, strategy="page")] == ["# H\n\nIt goes", "on here.\n\nNext."]
    assert {chunk.section_path for chunk in cut(*blocks, strategy="page")} == {"H"}
    assert [chunk.text for chunk in cut(*blocks)] == ["# H\n\nIt goes on here.\n\nNext."]


@pytest.mark.parametrize(
    ("joint", "first", "text"),
    [("space", "one", "one two"), ("none", "半", "半two"), ("hyphen", "mil-", "miltwo"), ("none", "well-", "well-two")],
)
def test_a_continuation_is_joined_as_it_says(joint, first, text):
    (chunk,) = cut(
        block("paragraph", first, name="a", continued_by="b"),
        block("footnote", "A note.", name="n"),
        block("paragraph", "two", page=2, name="b", continues="a", joint=joint),
        counter="cl100k_base",
    )
    assert chunk.text == f"{text}\n\nA note."
    assert [anchor.block_id for anchor in chunk.anchors] == ["a", "b", "n"]


def test_parents_come_before_their_children_which_lie_in_them():
    paragraphs = [block("paragraph", f"{number_words(12, 12 * number)}.", name=f"p{number}") for number in range(9)]
    table = table_block(ROWS, name="t")
    blocks = [block("heading", "H", level=1), *paragraphs, table, block("heading", "I", level=1)]
    chunks = cut(*blocks, strategy="parent_child", max_tokens=30, parent_tokens=100)
    assert chunks[0].role == "parent"
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    parents = {chunk.id: chunk for chunk in chunks if chunk.role == "parent"}
    last = None
    for chunk in chunks:
        assert chunk.token_count <= (100 if chunk.role == "parent" else 30)
        last = chunk if chunk.role == "parent" else last
        if chunk.role == "child":
            assert chunk.parent_id == last.id
            places = {
                (at.block_id, place) for at in parents[chunk.parent_id].anchors for place in range(at.start, at.end)
            }
            own = {(at.block_id, place) for at in chunk.anchors for place in range(at.start, at.end)}
            assert own <= places
    assert [chunk.role for chunk in chunks[-2:]] == ["parent", "child"]
    assert chunks[-1].text == chunks[-2].text == "# I"
    made = document(*blocks)
    for role in ("parent", "child"):
        check_coverage([chunk for chunk in chunks if chunk.role == role], {item.id: item for item in made.blocks()})


def test_an_overlap_is_whole_sentences_of_the_same_section_with_their_boxes():
    box = Box(left=0, top=0.5, right=1, bottom=0.6)
    text = "One two three four. Five six seven eight. Nine ten eleven twelve. Thirteen fourteen fifteen sixteen."
    lines = (Line(start=0, end=len(text), box=box, source="ocr"),)
    blocks = [
        block("paragraph", text, name="p", lines=lines),
        block("heading", "H", level=1),
        block("paragraph", "End."),
    ]
    chunks = cut(*blocks, max_tokens=16, overlap=5, counter=lambda text: len(text.split()) * 2)
    assert [chunk.text for chunk in chunks] == [
        "One two three four. Five six seven eight.",
        "Nine ten eleven twelve. Thirteen fourteen fifteen sixteen.",
        "# H\n\nEnd.",
    ]
    chunks = cut(*blocks, max_tokens=17, overlap=8, counter=lambda text: len(text.split()) * 2)
    assert [chunk.text for chunk in chunks] == [
        "One two three four. Five six seven eight.",
        "Five six seven eight. Nine ten eleven twelve.",
        "Nine ten eleven twelve. Thirteen fourteen fifteen sixteen.",
        "# H\n\nEnd.",
    ]
    overlap, own = chunks[1].anchors
    assert (overlap.overlap, overlap.is_own, own.overlap, own.is_own) == (True, False, False, True)
    assert chunks[1].text[overlap.chunk_start : overlap.chunk_end] == "Five six seven eight."
    assert [region.box for region in chunks[1].regions] == [box, box]


def test_a_caption_goes_with_what_the_document_says_that_it_is_of():
    def figure(number):
        return block("figure", f"Picture {number}", name=f"f{number}")

    def caption(number):
        return block("caption", f"Figure {number}: " + number_words(10), belongs_to=f"f{number}", name=f"c{number}")

    below = cut(figure(1), caption(1), figure(2), caption(2), max_tokens=24)
    assert [chunk.text.split()[1] for chunk in below] == ["1", "2"]
    note = block("footnote", "Taken in May.", belongs_to="f1")
    strange = cut(caption(2), figure(1), note, caption(1), max_tokens=24)
    assert ["Picture 1\n\nTaken in May." in chunk.text for chunk in strange] == [False, True]


@pytest.mark.parametrize("words_of_caption", [2, 6, 10, 50])
def test_children_keep_the_caption_of_a_figure_whose_text_was_cut(words_of_caption):
    figure = block("figure", number_words(270), name="f")
    caption = block("caption", "Figure 1: " + number_words(words_of_caption), belongs_to="f", name="c")
    for max_tokens in range(16, 60):
        chunks = cut(figure, caption, max_tokens=max_tokens, strategy="parent_child", parent_tokens=100)
        for role in ("parent", "child"):
            check_coverage([chunk for chunk in chunks if chunk.role == role], {"f": figure, "c": caption})


def test_a_long_figure_with_a_long_caption_fills_its_first_chunk():
    caption = block("caption", "Figure 1: " + number_words(40), belongs_to="f", name="c")
    chunks = cut(block("figure", number_words(60), name="f"), caption, max_tokens=30)
    assert chunks[0].text == number_words(30)


def test_chunks_come_before_later_pages_are_read():
    taken = []

    def pages():
        for number in range(1, 9):
            taken.append(number)
            text = f"{number_words(30, number * 30)}."
            yield Page(number=number, label="", width=1, height=1, blocks=(block("paragraph", text, page=number),))

    options = ChunkOptions(max_tokens=40, counter=WORDS)
    lazy = chunk_pages(pages(), document_id="sha256:0", options=options)
    assert taken == []
    first = next(lazy)
    assert len(taken) <= 4
    whole = Document(id="sha256:0", source="", file_name="", total_pages=8, pages=tuple(pages()))
    assert [first, *lazy] == list(chunk_document(whole, options))


@pytest.mark.parametrize(
    ("options", "words_"),
    [
        ({"overlap": 20, "max_tokens": 40}, "half"),
        ({"overlap": -1}, "0 or more"),
        ({"strategy": "pages"}, "parent_child"),
        ({"strategy": "parent_child", "parent_tokens": 512}, "larger"),
        ({"parent_tokens": -5}, "at least 16"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, words_):
    with pytest.raises(ValueError, match=words_):
        ChunkOptions(**options)


@pytest.mark.parametrize(
    "options", [{"max_tokens": "512"}, {"max_tokens": None}, {"max_tokens": 20.5}, {"overlap": True}]
)
def test_budgets_that_are_no_numbers_of_tokens_are_named(options):
    with pytest.raises(TypeError, match=f"{next(iter(options))} is .* whole number"):
        ChunkOptions(**options)


def test_bytes_are_no_markdown():
    with pytest.raises(TypeError, match="bytes"):
        chunk_markdown(b"# A")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_document(), st.integers(16, 60), st.integers(0, 7), st.sampled_from([WORDS, None]))
def test_promises_hold_for_parents_children_and_overlaps(made, max_tokens, overlap, counter):
    options = ChunkOptions(
        max_tokens=max_tokens, overlap=overlap, strategy="parent_child", parent_tokens=3 * max_tokens, counter=counter
    )
    chunks = list(chunk_document(made, options))
    blocks = {item.id: item for item in made.blocks()}
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        limit = max_tokens if chunk.role == "child" else 3 * max_tokens
        assert chunk.token_count == token_counter(counter)(chunk.embedded_text) <= limit
        check_anchors(chunk, blocks)
        check_regions(chunk)
    for role in ("parent", "child"):
        check_coverage([chunk for chunk in chunks if chunk.role == role], blocks)
