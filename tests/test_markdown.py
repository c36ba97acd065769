"""What a page break cut in two is one text again, and every character of it is still known by its block."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Joint, Page, Table
from deepseek_ocr_rag.export import document_markdown
from deepseek_ocr_rag.markdown import HYPHENS, block_markdown, chains, joined, written
from deepseek_ocr_rag.placing import markdown_places
from deepseek_ocr_rag.sequence import in_sequence
from deepseek_ocr_rag.tables import parse_pipe_table, table_markdown, table_rows
from deepseek_ocr_rag.wholes import whole_tables


def block(name: str, kind: str, text: str, page: int = 1, **fields: object) -> Block:
    return Block(id=name, kind=BlockKind(kind), text=text, page_number=page, **fields)  # type: ignore[arg-type]


def table(name: str, rows: Sequence[Sequence[str]], page: int = 1, *, header: int = 1, **fields: object) -> Block:
    cells = tuple(
        Cell(row=row, column=column, text=text) for row, line in enumerate(rows) for column, text in enumerate(line)
    )
    repeats = bool(fields.pop("repeats", False))
    grid = Table(rows=len(rows), columns=len(rows[0]), cells=cells, header_rows=header, repeats_header=repeats)
    return block(name, "table", table_markdown(grid), page, table=grid, **fields)


def document(*blocks: Block, pages: int = 0) -> Document:
    last = max((one.page_number for one in blocks), default=0)
    made = tuple(
        Page(
            number=number,
            label=str(number),
            width=600,
            height=800,
            blocks=tuple(one for one in blocks if one.page_number == number),
        )
        for number in range(1, max(pages, last) + 1)
    )
    return Document(id="sha256:0", source="a", file_name="a", total_pages=len(made), pages=made)


@pytest.mark.parametrize(
    ("first", "joint", "second", "expected"),
    [
        ("The water runs", "space", "down hill.", "The water runs down hill."),
        ("The water runs ", "space", " down hill.", "The water runs down hill."),
        ("水は低き", "none", "に流れる。", "水は低きに流れる。"),
        ("a well-", "none", "known mill", "a well-known mill"),
        ("the mil-", "hyphen", "ler's wheel", "the miller's wheel"),
        ("the mil\xad ", "hyphen", "ler's wheel", "the miller's wheel"),
        ("the mil", "hyphen", "ler's wheel", "the miller's wheel"),
    ],
)
def test_a_paragraph_over_a_page_break_is_one(first: str, joint: Joint, second: str, expected: str) -> None:
    blocks = (
        block("p", "paragraph", first, continued_by="q"),
        block("f", "footnote", "1 A note."),
        block("n", "page_footer", "1"),
        block("h", "page_header", "Report", 2),
        block("q", "paragraph", second, 2, continues="p", joint=joint),
        block("r", "paragraph", "Next.", 2),
    )
    assert document(*blocks).markdown == f"{expected}\n\n1 A note.\n\nNext."
    # Files of before blocks knew what goes on from them are joined where nothing stands between.
    older = [replace(one, continued_by="") for one in blocks if one.kind is not BlockKind.FOOTNOTE]
    assert document(*older).markdown == f"{expected}\n\nNext."


def test_pages_stand_by_themselves() -> None:
    made = document(
        block("p", "paragraph", "The water", continued_by="q"),
        block("q", "paragraph", "runs", 2, continues="p", continued_by="s"),
        block("r", "footnote", "A note.", 2),
        block("s", "paragraph", "down.", 2, continues="q"),
    )
    assert [page.markdown for page in made.pages] == ["The water", "runs down.\n\nA note."]
    assert made.markdown == "The water runs down.\n\nA note."


def test_a_list_item_goes_on_without_a_new_bullet() -> None:
    made = document(
        block("p", "list_item", "• one that", level=1, continued_by="q"),
        block("q", "paragraph", "goes on", 2, continues="p", continued_by="r"),
        block("r", "list_item", "and on", 3, continues="q"),
        block("s", "list_item", "• two", 3),
    )
    assert made.markdown == "- one that goes on and on\n- two"


def test_code_goes_on_in_the_same_fence() -> None:
    made = document(
        block("p", "code", "if x:", continued_by="q"),
        block("q", "code", "    y = 1", 2, continues="p", joint="hyphen"),
    )
    assert made.markdown == "```\nif x:\n    y = 1\n```"


@pytest.mark.parametrize("header", [0, 1, 2])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_table_over_page_breaks_is_one(header: int, repeats: bool) -> None:
    rows = [[f"{row}|{column}\n" for column in "ab"] for row in range(8)]
    again = rows[: max(1, header)] if repeats else []
    own = header if repeats else 0
    made = document(
        table("t", rows[:3], header=header, continued_by="u"),
        block("c", "caption", "Table 1 (continued)", 2),
        table("u", [*again, *rows[3:5]], 2, header=own, repeats=repeats, continues="t", continued_by="v"),
        table("v", [*again, *rows[5:]], 3, header=own, repeats=repeats, continues="u"),
    )
    written_table, _, after = made.markdown.partition("\n\n")
    assert after == "Table 1 (continued)"
    found = parse_pipe_table(written_table)
    assert found is not None
    assert table_rows(found) == [[text.strip() for text in row] for row in rows]


def test_a_table_that_says_only_its_header_again_adds_nothing() -> None:
    made = document(
        table("t", [["a", "b"], ["1", "2"]], continued_by="u"),
        table("u", [["a", "b"]], 2, repeats=True, continues="t", continued_by="v"),
        table("v", [["a", "b"], ["3", "4"]], 3, repeats=True, continues="u"),
    )
    assert made.markdown == "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"


TABLE = table("t", [["a", "b"], ["1", "2"]], continued_by="u")


@pytest.mark.parametrize(
    "second",
    [
        table("u", [["a", "b", "c"], ["1", "2", "3"]], 2, repeats=True, continues="t"),  # another number of columns
        block("u", "table", "| 3 | 4 |", 2, continues="t"),  # no grid is known
        replace(table("u", [["3", "4"]], 2, continues="t"), text="3, 4"),  # the text is not the grid's
        replace(table("u", [["3", "4"]], 2, continues="t"), text="| 3 | 4 |\n|---|---|\nand a note"),
        block("u", "paragraph", "three, four", 2, continues="t"),
        table("u", [["3", "4"]], 2, continues="x"),
    ],
)
def test_what_does_not_fit_stands_alone(second: Block) -> None:
    made = document(TABLE, second)
    assert made.markdown == f"{TABLE.text}\n\n{block_markdown(second)}"


def test_a_figure_and_a_heading_are_not_parts_of_paragraphs() -> None:
    made = document(
        block("p", "paragraph", "one", continued_by="q"),
        block("q", "figure", "two", 2, continues="p", continued_by="r"),
        block("r", "heading", "three", 2, level=2, continues="q"),
    )
    assert made.markdown == "one\n\ntwo\n\n## three"


@pytest.mark.parametrize(
    "second",
    [
        table("u", [["a", "b", "c"], ["1", "2", "3"]], 2, continues="t"),
        block("u", "figure", "three, four", 2, continues="t"),
    ],
)
def test_what_is_not_written_in_one_piece_stays_where_it_is(second: Block) -> None:
    made = document(TABLE, block("n", "footnote", "A note."), block("h", "heading", "Two", 2, level=1), second)
    assert [one.id for one in in_sequence(made.blocks())] == ["t", "n", "h", "u"]


def test_a_tables_part_repeats_as_many_rows_as_it_has_in_its_own_header() -> None:
    made = document(
        table("t", [["a", "b"], ["kg", "m"], ["1", "2"]], header=2, continued_by="u"),
        table("u", [["a", "b"], ["3", "4"]], 2, repeats=True, continues="t"),
    )
    rows = table_rows(parse_pipe_table(made.markdown) or Table(rows=0, columns=0, cells=()))
    [whole] = whole_tables(made)
    assert rows == table_rows(whole.table) == [["a", "b"], ["kg", "m"], ["1", "2"], ["3", "4"]]


def test_what_is_blank_writes_nothing() -> None:
    made = document(
        block("a", "paragraph", "A"),
        block("b", "paragraph", " "),
        block("c", "heading", " \n", level=2),
        block("d", "list_item", "•"),
        block("e", "code", "\n"),
        block("f", "figure", " ", image="1.png"),
        block("z", "paragraph", "B"),
    )
    assert made.markdown == "A\n\n![Figure](1.png)\n\nB"


# Page marks


def test_marks_stand_before_what_begins_on_a_page_and_never_within() -> None:
    made = document(
        block("h", "page_header", "Report"),
        block("a", "paragraph", "Begins", continued_by="b"),
        block("f", "footnote", "A note."),
        block("b", "paragraph", "on.", 2, continues="a"),
        block("c", "heading", "Two", 2, level=1),
        table("t", [["a"], ["1"]], 2, continued_by="u"),
        table("u", [["a"], ["2"]], 3, repeats=True, continues="t", continued_by="v"),
        table("v", [["a"], ["3"]], 4, repeats=True, continues="u"),
        block("d", "paragraph", "Six.", 6),
        pages=7,
    )
    assert document_markdown(made, page_marks=True).split("\n\n") == [
        "<!-- page 1 -->",
        "Begins on.",
        "A note.",
        "<!-- page 2 -->",
        "# Two",
        "| a |\n|---|\n| 1 |\n| 2 |\n| 3 |",
        "<!-- page 3 -->",
        "<!-- page 4 -->",
        "<!-- page 5 -->",
        "<!-- page 6 -->",
        "Six.",
        "<!-- page 7 -->",
    ]
    assert document_markdown(made) == made.markdown
    assert "<!--" not in made.markdown


def test_nothing_read_is_nothing_written() -> None:
    assert document().markdown == ""
    assert document(pages=2).markdown == ""
    assert document_markdown(document(pages=2), page_marks=True) == "<!-- page 1 -->\n\n<!-- page 2 -->"


# Whatever the document


def linked(blocks: Sequence[Block], links: Sequence[tuple[int, int, Joint]]) -> Document:
    """A document in which some blocks go on from others, as assembly links them, or wrongly."""
    made = list(blocks)
    for first, second, joint in links:
        if first < len(made) and second < len(made) and first != second:
            made[second] = replace(made[second], continues=made[first].id, joint=joint)
            made[first] = replace(made[first], continued_by=made[second].id)
    return document(*made)


GRIDS = st.lists(st.lists(st.sampled_from(["", "a", "b|", "c\nd"]), min_size=2, max_size=2), min_size=1, max_size=3)
BLOCKS = st.builds(
    lambda kind, text, page, level, image: (kind, text, page, {"level": level, "image": image}),
    st.sampled_from([kind.value for kind in BlockKind]),
    st.text("ab •-1.\n|", max_size=12),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(["", "", "figs/1.jpg"]),
)
TABLES = st.tuples(GRIDS, st.integers(1, 4), st.integers(0, 2), st.booleans())
LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["space", "none", "hyphen"])))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    blocks = [block(f"b{at}", *args[:3], **args[3]) for at, args in enumerate(draw(st.lists(BLOCKS, max_size=6)))]
    for at, (rows, page, header, repeats) in enumerate(draw(st.lists(TABLES, max_size=4))):
        blocks.append(table(f"t{at}", rows, page, header=min(header, len(rows)), repeats=repeats))
    return linked(draw(st.permutations(blocks)), draw(LINKS))


@settings(deadline=None)
@given(documents())
def test_every_fragment_says_what_its_block_says(made: Document) -> None:
    text = made.markdown
    at = 0
    seen: dict[str, int] = {}
    for fragment in written(in_sequence(made.blocks())):
        assert text.startswith(fragment.text, at)
        at += len(fragment.text)
        if fragment.block is not None:
            end = fragment.start + len(fragment.text)
            said = fragment.block.text[fragment.start : end]
            assert (said.replace("\n", " ") if fragment.block.kind.is_heading else said) == fragment.text
            assert seen.get(fragment.block.id, 0) <= fragment.start
            seen[fragment.block.id] = end
    assert at == len(text)


@settings(deadline=None)
@given(documents())
def test_no_word_is_lost(made: Document) -> None:
    """But for bullets, hyphens at joints, rules, and headers that are said again."""
    shown: dict[str, str] = {}
    for fragment in written(in_sequence(made.blocks())):
        if fragment.block is not None:
            shown[fragment.block.id] = shown.get(fragment.block.id, "") + fragment.text
    for one in made.blocks():
        if one.kind.is_furniture:
            assert one.id not in shown
        elif one.kind is not BlockKind.TABLE:
            dropped = "".join(sorted(set(one.text) - set(shown.get(one.id, "")) - set(" \n")))
            assert set(dropped) <= {"•", *HYPHENS}
        elif one.table is not None and not (one.continues and one.table.repeats_header):
            rows = [line for at, line in enumerate(one.text.split("\n")) if at != 1]
            assert all(row in shown[one.id] for row in rows)


def bare(text: str) -> str:
    """Without what is written so that plain text stays plain."""
    return re.sub(r"[\\\s]", "", text)


@settings(deadline=None)
@given(documents())
def test_chains_have_every_block_once(made: Document) -> None:
    found = list(chains(in_sequence(made.blocks())))
    assert sorted(one.id for chain in found for one in chain) == sorted(one.id for one in made.blocks())
    for chain in found:
        assert all(after.continues == before.id for before, after in pairwise(chain))
        said = bare("".join(fragment.text for fragment in joined(chain)))
        assert said in bare(made.markdown) or chain[0].kind.is_furniture or chain[0].kind is BlockKind.LIST_ITEM


@settings(deadline=None)
@given(documents())
def test_text_and_places_agree(made: Document) -> None:
    for text, blocks in ((made.markdown, made.blocks()), *((page.markdown, page.blocks) for page in made.pages)):
        spans = [(one.start, one.end) for one in markdown_places(blocks)]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert [start for start, _ in spans] == sorted(start for start, _ in spans)


@settings(deadline=None)
@given(documents())
def test_marks_change_nothing_else(made: Document) -> None:
    numbers = [page.number for page in made.pages]
    fragments = list(written(in_sequence(made.blocks()), marks=numbers))
    own = [fragment for fragment in fragments if "<!-- page " not in fragment.text]
    # A mark ends a list, which is then indented anew.
    assert "".join(fragment.text for fragment in own).split() == made.markdown.split()
    marks = [fragment.text.strip() for fragment in fragments if "<!-- page " in fragment.text]
    assert marks == [f"<!-- page {number} -->" for number in numbers]
    for one, text in ((fragment.block, fragment.text) for fragment in fragments if fragment.block is not None):
        assert one is not None
        assert "<!--" not in text


def test_a_paragraph_over_many_pages_is_joined_once() -> None:
    blocks = [
        block(f"b{page}", "paragraph", f"w{page}", page, continues=f"b{page - 1}", continued_by=f"b{page + 1}")
        for page in range(1, 20_001)
    ]
    made = Document(
        id="sha256:0",
        source="a",
        file_name="a",
        total_pages=len(blocks),
        pages=tuple(Page(number=one.page_number, label="", width=1, height=1, blocks=(one,)) for one in blocks),
    )
    assert made.markdown == " ".join(one.text for one in blocks)
