"""Markdown from anywhere: what is told apart, and that nothing is lost or changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import Chunk
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_markdown
from deepseek_ocr_rag.chunking.passages import passages
from deepseek_ocr_rag.tokens import TokenCounter

WORDS = TokenCounter("words", lambda text: len(text.split()))


def kinds(text: str) -> list[tuple[str, str]]:
    return [(part.kind.value, part.body) for (part,) in passages(text)]


def cut(text: str, max_tokens: int = 40, overlap: int = 0) -> list[Chunk]:
    return list(chunk_markdown(text, ChunkOptions(max_tokens=max_tokens, overlap=overlap, counter=WORDS)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One ##\ntext", [("heading", "# One ##"), ("paragraph", "text")]),
        ("Title\n=====\ntext", [("heading", "Title\n====="), ("paragraph", "text")]),
        ("a\nb\n---", [("heading", "a\nb\n---")]),
        ("a\nb\nc\n---", [("paragraph", "a\nb\nc\n---")]),
        ("It is\nso.\n---", [("paragraph", "It is\nso.\n---")]),
        ("\ufeff# A\nb", [("heading", "# A"), ("paragraph", "b")]),
        ("   ## A\n    # b", [("heading", "## A"), ("paragraph", "    # b")]),
        ("- a\n  # b", [("list_item", "- a\n  # b")]),
        ("# A\r\rb\r# C", [("heading", "# A"), ("paragraph", "b"), ("heading", "# C")]),
        ("# A\r\n\r\nb\r\n# C", [("heading", "# A"), ("paragraph", "b"), ("heading", "# C")]),
        ("<!-- a\n\n# b\n-->\n# C", [("other", "<!-- a\n\n# b\n-->"), ("heading", "# C")]),
        ("<!-- a -->\n# C", [("paragraph", "<!-- a -->"), ("heading", "# C")]),
        ("<!-- a\n\n# C", [("paragraph", "<!-- a"), ("heading", "# C")]),
        ("<pre>\n# b\n\n</pre>\nc", [("code", "<pre>\n# b\n\n</pre>"), ("paragraph", "c")]),
        ("#no\n\n####### no", [("paragraph", "#no"), ("paragraph", "####### no")]),
        ("- a\n  b\n  - c\n1. d", [("list_item", "- a\n  b"), ("list_item", "  - c"), ("list_item", "1. d")]),
        ("text\n* a\n* b", [("paragraph", "text"), ("list_item", "* a"), ("list_item", "* b")]),
        ("text\n~~~\n\n# x\n~~~\nmore", [("paragraph", "text"), ("code", "~~~\n\n# x\n~~~"), ("paragraph", "more")]),
        ("- a\n\n  ```\n  x\n  ```", [("list_item", "- a"), ("code", "  ```\n  x\n  ```")]),
        ("| a |\n|---|\n| 1 |\ntext", [("table", "| a |\n|---|\n| 1 |"), ("paragraph", "text")]),
        ("a | b\n--|--\n1 | 2\ntext", [("table", "a | b\n--|--\n1 | 2"), ("paragraph", "text")]),
        ("|x| is a number", [("paragraph", "|x| is a number")]),
        ("a\n\n$$\nx\n$$ (1)\nb", [("paragraph", "a"), ("formula", "$$\nx\n$$ (1)"), ("paragraph", "b")]),
        ("<table>\n\n<tr></tr>\n</table>\nb", [("table", "<table>\n\n<tr></tr>\n</table>"), ("paragraph", "b")]),
        ("<table><td>x\n\nb", [("table", "<table><td>x"), ("paragraph", "b")]),
        ("```\na\n\nb", [("code", "```\na\n\nb")]),
        ("```\na\n\n", [("code", "```\na")]),
        ("```\n\na\n \n```  \nb", [("code", "```\n\na\n```"), ("paragraph", "b")]),
        ("a\n\n    x = 1\n    y = 2", [("paragraph", "a"), ("paragraph", "    x = 1\n    y = 2")]),
        ("---\ntitle: x\n---\n\n# A", [("paragraph", "---\ntitle: x\n---"), ("heading", "# A")]),
    ],
)
def test_blocks_are_told_apart(text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds(text) == expected


def test_headings_of_either_kind_make_the_path() -> None:
    chunks = cut("One\n===\n\na\n\nTwo\n---\nb\n\n### Three #\n\nc\n\n# Four\n\nd")
    assert [chunk.section_path for chunk in chunks] == ["One", "One > Two", "One > Two > Three", "Four"]
    assert [chunk.section_level for chunk in chunks] == [1, 2, 3, 1]


def test_chunks_know_where_they_are_from_and_have_no_regions() -> None:
    text = "# A\n\n- one\n  - two\n\n\nLast.\n\n# B\n\n```py\nx\n```\n"
    first, second = cut(text)
    assert (text[first.start : first.end], text[second.start : second.end]) == (
        "# A\n\n- one\n  - two\n\n\nLast.",
        "# B\n\n```py\nx\n```",
    )
    assert first.text == "# A\n\n- one\n  - two\n\nLast."
    assert first.regions == ()
    for chunk in (first, second):
        for anchor in chunk.anchors:
            assert (anchor.block_id, anchor.page_number) == ("", 0)
            assert chunk.text[anchor.chunk_start : anchor.chunk_end] == text[anchor.start : anchor.end]


def test_a_table_in_html_is_cut_between_rows_under_its_header() -> None:
    rows = [f"<tr><td>row {number}</td><td>{number}</td></tr>" for number in range(20)]
    header = "<table><tr><th>name</th><th>value</th></tr>"
    chunks = cut(header + "\n" + "\n".join(rows) + "</table>", max_tokens=16)
    assert len(chunks) > 2
    assert all(chunk.text.startswith(header + "\n<tr><td>row") for chunk in chunks)
    assert [row for chunk in chunks for row in chunk.text.split("\n")[1:]] == [*rows[:-1], rows[-1] + "</table>"]


def test_lines_that_were_ended_on_purpose_are_kept_whole_and_wrapped_ones_are_not_cut_at() -> None:
    lines = [" ".join(f"{name}{number}" for number in range(9)) for name in "abcd"]
    assert [chunk.text for chunk in cut("\n".join(lines), 20)] == ["\n".join(lines[:2]), "\n".join(lines[2:])]
    wrapped = "This line is broken by an editor, since it is longer than it would\nlike it. Here is the second one, and"
    assert cut(f"{wrapped} it ends. And a third.", 16)[0].text == wrapped.split(" Here", maxsplit=1)[0]


def test_what_is_left_of_a_text_that_was_cut_is_not_mixed_with_what_follows() -> None:
    sentence = "One two three four five six seven. "
    text = sentence * 7 + "\n\nNext paragraph."
    assert [chunk.text for chunk in cut(text, 35)] == [
        sentence.strip() * 0 + (sentence * 5).strip(),
        (sentence * 2).strip(),
        "Next paragraph.",
    ]
    tail = sentence * 5 + "Rest.\n\nNext paragraph."
    assert cut(tail, 35)[-1].text == "Rest.\n\nNext paragraph."


def test_the_first_row_of_a_table_in_html_is_said_again_only_if_it_is_a_header() -> None:
    rows = "\n".join(f"<tr><td>row {number}</td><td>{number}</td></tr>" for number in range(20))
    assert not any(anchor.repeated for chunk in cut(f"<table>{rows}</table>", 16) for anchor in chunk.anchors)
    headed = f"<table><thead><tr><td>a</td></tr></thead>{rows}</table>"
    assert all(chunk.text.startswith("<table><thead>") for chunk in cut(headed, 16))


def test_the_indentation_of_a_block_is_kept_and_that_of_a_line_is_not() -> None:
    block = "    x = 1\n    y = 2"
    assert [chunk.text for chunk in cut(f"Code:\n\n{block}")] == [f"Code:\n\n{block}"]
    (chunk,) = cut(block)
    assert (chunk.text, chunk.start, chunk.end) == (block, 0, len(block))
    (chunk,) = cut("   One line.")
    assert (chunk.text, chunk.start) == ("One line.", 3)
    nested = "- item\n\n  ```\n  x\n  ```"
    assert [chunk.text for chunk in cut(nested)] == [nested]


def test_what_stands_indented_below_an_item_stays_with_it() -> None:
    item = "- one two three\n\n  four five six"
    before = "Words: " + " ".join(f"w{number}" for number in range(10))
    assert [chunk.text for chunk in cut(f"{before}\n\n{item}\n\nEnd.", 16)] == [before, f"{item}\n\nEnd."]
    assert [chunk.text for chunk in cut(f"{before}\n\n{item.replace('  four', 'four')}", 16)] != [before, item]
    assert cut(item)[0].text == item


def test_titles_are_the_words_of_their_headings() -> None:
    def path(heading: str) -> str:
        return cut(f"{heading}\n\ntext")[0].section_path

    assert path('## [Install](http://a.b/c) **now** <a name="i"></a>') == "Install now"
    assert path("# *All* of `it`, __so__ _to say_ ##") == "All of it, so to say"
    assert path("**Set**\n---") == "Set"
    for kept in ("snake_case_name", "2 * 3 * 4", "List<String>", "a [b] c", "![](x.png)", "x < y"):
        assert path(f"# {kept}") == kept


def test_code_is_shown_once_and_no_chunk_is_only_its_fence() -> None:
    text = "~~~\nline one~~~\n" + "".join(f"漢字漢字漢字{number}\n" for number in range(6)) + "~~~"
    chunks = list(chunk_markdown(text, ChunkOptions(max_tokens=16)))
    assert "".join(chunk.text for chunk in chunks).count("line one") == 1
    for ending in ("", "\n", "\n\n", " \n\n", "\n\n```"):
        open_ended = "```\n" + "x = 1\n" * 3 + ending
        for chunk in chunk_markdown(open_ended, ChunkOptions(max_tokens=16)):
            assert all(open_ended[anchor.start : anchor.end].strip() for anchor in chunk.anchors)


@pytest.mark.parametrize("max_tokens", range(16, 60, 3))
def test_a_chunk_says_where_its_code_is_from(max_tokens: int) -> None:
    text = "Intro.\n\n```py\n" + "".join(f"```py = {number}\n" for number in range(30)) + "```\n\nEnd."
    end = 0
    for chunk in chunk_markdown(text, ChunkOptions(max_tokens=max_tokens)):
        own = [anchor for anchor in chunk.anchors if anchor.is_own]
        assert chunk.start <= own[0].start
        assert own[-1].end <= chunk.end
        assert chunk.start >= end, "no character belongs to two chunks"
        assert not text[end : chunk.start].strip()
        end = chunk.end
    assert end == len(text)


SIGNS = st.sampled_from(
    [
        *"ab1é .\n\n-#|*`~$<>=\t",
        "\n\n",
        "```",
        "| ",
        "\n|--|\n",
        "<table>",
        "</table>",
        "$$",
        "\\[",
        "\r\n",
        "\u2003",
        "---",
        "<!--",
        "-->",
        "<pre>",
        "    ",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(SIGNS, max_size=80).map("".join), st.integers(16, 20), st.integers(0, 7))
def test_any_markdown_is_cut_without_a_loss(text: str, max_tokens: int, overlap: int) -> None:
    chunks = cut(text, max_tokens, overlap)
    shown = [0] * len(text)
    for chunk in chunks:
        assert chunk.token_count == WORDS(chunk.embedded_text) <= max_tokens
        assert 0 <= chunk.start < chunk.end <= len(text)
        for anchor in chunk.anchors:
            assert chunk.text[anchor.chunk_start : anchor.chunk_end] == text[anchor.start : anchor.end]
            if anchor.is_own:
                for at in range(anchor.start, anchor.end):
                    shown[at] += 1
    assert max(shown, default=0) <= 1
    around = {at for chunk in chunks for at in range(chunk.start, chunk.end)}
    assert all(shown[at] or at in around or letter.isspace() for at, letter in enumerate(text))
    assert all(shown[at] for at, letter in enumerate(text) if letter in "ab1é" and "`" not in text and "~" not in text)
    assert len({chunk.id for chunk in chunks}) == len(chunks)


@pytest.mark.parametrize(
    "unit",
    [
        "<table>\n\n",
        "```\n",
        "$$\n",
        "\\[\n\n",
        "| a\n",
        "- \n",
        "#",
        "a|b\n-|-\n\n",
        "~~~~x\n\n",
        " \n",
        "=\n",
        "<tr>",
        "<!--\n\n",
        "<pre>\n",
        "   # *a [b](c",
        "# `a\n",
        "- a\n\n  b\n\n",
    ],
)
def test_hostile_markdown_is_cut_in_order(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    places = [(part.start, part.end) for group in passages(text) for part in group]
    assert places == sorted(places)
