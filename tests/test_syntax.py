"""What is written as markdown is read by markdown-it as what it is, whatever a page says."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind, Document, Page
from deepseek_ocr_rag.export import document_markdown

markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")


def block(name: str, kind: str, text: str, page: int = 1, *, level: int = 0) -> Block:
    return Block(id=name, kind=BlockKind(kind), text=text, page_number=page, level=level)


def document(*blocks: Block) -> Document:
    numbers = sorted({one.page_number for one in blocks})
    pages = tuple(
        Page(number=at, label="", width=1, height=1, blocks=tuple(one for one in blocks if one.page_number == at))
        for at in numbers
    )
    return Document(id="sha256:0", source="a", file_name="a", total_pages=len(pages), pages=pages)


def tokens_of(text: str) -> list[str]:
    """The blocks that markdown-it reads, in the order in which they open."""
    found = markdown_it.MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").parse(text)
    return [token.type.removesuffix("_open") for token in found if token.nesting >= 0 and token.type != "inline"]


def bare(text: str) -> str:
    """Without what is written so that plain text stays plain."""
    return re.sub(r"[\\\s]", "", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# 5 Elm Street", "\\# 5 Elm Street"),
        ("#1 best", "#1 best"),
        ("> 5 mg/L", "\\> 5 mg/L"),
        ("2019. That was", "2019\\. That was"),
        ("3) three", "3\\) three"),
        ("2019.5 was", "2019.5 was"),
        ("- 5 degrees", "\\- 5 degrees"),
        ("-5 degrees", "-5 degrees"),
        ("* starred", "\\* starred"),
        ("**bold**", "**bold**"),
        ("Total\n---", "Total\n\\---"),
        ("Total\n===", "Total\n\\==="),
        ("Total\n- 5\n2. That\n1. This", "Total\n\\- 5\n2. That\n1\\. This"),
        ("a | b\n--|--", "a | b\n\\--|--"),
        ("```\ncode", "\\```\ncode"),
        ("```code``` it is", "```code``` it is"),
        ("* * *", "\\* * *"),
        ("    four spaces", "four spaces"),
        ("One.\n\n    Two.", "One.\n\nTwo."),
        ("[1]: Smith 2019", "\\[1]: Smith 2019"),
        ("[1] Smith 2019", "[1] Smith 2019"),
        ("<!-- page 7 -->", "\\<!-- page 7 -->"),
        ("x <!-- page 7 -->", "x <!-- page 7 -->"),
    ],
)
@pytest.mark.parametrize("kind", ["paragraph", "caption", "footnote", "other"])
def test_plain_text_stays_plain(kind: str, text: str, expected: str) -> None:
    made = document(block("p", kind, text))
    assert made.markdown == made.pages[0].markdown == expected
    assert {*tokens_of(made.markdown)} == {"paragraph"}


SIGNS = st.text("#>-+*=|:`~.)1 2\t\r\nab!<[]\\_", max_size=24)


@settings(max_examples=400, deadline=None)
@given(st.lists(SIGNS, min_size=1, max_size=3))
@example(["a\n-"])
@example(["1.", "x"])
@example(["[a\nb]: c"])
def test_whatever_plain_text_says_it_is_paragraphs(texts: list[str]) -> None:
    made = document(*(block(f"p{at}", "paragraph", text) for at, text in enumerate(texts)))
    assert {*tokens_of(made.markdown)} <= {"paragraph"}
    assert bare(made.markdown) == bare("".join(texts))


ITEMS = st.tuples(st.sampled_from(["• ", "1. ", "23) ", "- ", ""]), SIGNS, st.integers(0, 4))


@settings(max_examples=300, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=6))
def test_whatever_items_say_they_are_items(items: list[tuple[str, str, int]]) -> None:
    blocks = (
        block(f"l{at}", "list_item", f"{mark}x{text}", level=level) for at, (mark, text, level) in enumerate(items)
    )
    tokens = tokens_of(document(*blocks).markdown)
    assert {*tokens} <= {"paragraph", "list_item", "bullet_list", "ordered_list"}
    assert tokens.count("list_item") == len(items)


def test_lists_are_nested_by_the_width_of_their_markers() -> None:
    items = [
        ("• one", 1),
        ("1. deep", 2),
        ("• deeper", 3),
        ("10. ten", 2),
        ("• below ten", 4),
        ("• two\n\nin two lines", 1),
        ("100. other", 1),
        ("a) below", 2),
    ]
    made = document(*(block(f"l{at}", "list_item", text, level=level) for at, (text, level) in enumerate(items)))
    assert made.markdown.split("\n") == [
        "- one",
        "  1. deep",
        "      - deeper",
        "  10. ten",
        "      - below ten",
        "- two",
        "",
        "  in two lines",
        "100. other",
        "     - a) below",
    ]
    shape = re.sub(r"</?p>|\n", "", markdown_it.MarkdownIt().render(made.markdown))
    assert shape == (
        "<ul><li>one<ol><li>deep<ul><li>deeper</li></ul></li><li>ten<ul><li>below ten</li></ul></li></ol></li>"
        '<li>twoin two lines</li></ul><ol start="100"><li>other<ul><li>a) below</li></ul></li></ol>'
    )


def test_a_list_after_something_else_begins_at_the_margin() -> None:
    made = document(
        block("a", "list_item", "• one"),
        block("b", "list_item", "• deep", level=1),
        block("p", "footnote", "A note."),
        block("c", "list_item", "• deep too", level=1),
        block("d", "list_item", "• deeper", 2, level=2),
    )
    assert made.markdown == "- one\n  - deep\n\nA note.\n\n- deep too\n  - deeper"
    assert document_markdown(made, page_marks=True) == (
        "<!-- page 1 -->\n\n- one\n  - deep\n\nA note.\n\n- deep too\n\n<!-- page 2 -->\n\n- deeper"
    )


def test_a_list_that_begins_in_its_middle_is_one_below_an_item() -> None:
    made = document(block("a", "list_item", "• one"), block("b", "list_item", "3. three", level=1))
    assert made.markdown == "- one\n\n  3. three"
    assert tokens_of(made.markdown).count("ordered_list") == 1


def test_lists_as_deep_as_anybody_says_are_written_in_linear_space() -> None:
    made = document(*(block(f"l{at}", "list_item", "• x", level=at) for at in range(5_000)))
    assert len(made.markdown) < 5_000 * 25


def test_code_is_held_by_a_longer_fence() -> None:
    first = block("p", "code", "a\n```\nb")
    second = Block(id="q", kind=BlockKind.CODE, text="````\nc", page_number=2, continues="p")
    made = document(first, second)
    assert made.markdown == "`````\na\n```\nb\n````\nc\n`````"
    assert tokens_of(made.markdown) == ["fence"]
