"""Markdown from anywhere: what is told apart, and that nothing is lost or changed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.chunk import Chunk, ChunkOptions, chunk_markdown
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
        ("a\nb\n---", [("paragraph", "a\nb\n---")]),
        ("#no\n\n####### no", [("paragraph", "#no"), ("paragraph", "####### no")]),
        ("- a\n  b\n  - c\n1. d", [("list_item", "- a\n  b"), ("list_item", "  - c"), ("list_item", "1. d")]),
        ("text\n* a\n* b", [("paragraph", "text"), ("list_item", "* a"), ("list_item", "* b")]),
        ("text\n~~~\n\n# x\n~~~\nmore", [("paragraph", "text"), ("code", "~~~\n\n# x\n~~~"), ("paragraph", "more")]),
        ("- a\n\n  ```\n  x\n  ```", [("list_item", "- a"), ("code", "```\n  x\n  ```")]),
        ("| a |\n|---|\n| 1 |\ntext", [("table", "| a |\n|---|\n| 1 |"), ("paragraph", "text")]),
        ("a | b\n--|--\n1 | 2\ntext", [("table", "a | b\n--|--\n1 | 2"), ("paragraph", "text")]),
        ("|x| is a number", [("paragraph", "|x| is a number")]),
        ("a\n\n$$\nx\n$$ (1)\nb", [("paragraph", "a"), ("formula", "$$\nx\n$$ (1)"), ("paragraph", "b")]),
        ("<table>\n\n<tr></tr>\n</table>\nb", [("table", "<table>\n\n<tr></tr>\n</table>"), ("paragraph", "b")]),
        ("<table><td>x\n\nb", [("table", "<table><td>x"), ("paragraph", "b")]),
        ("```\na\n\nb", [("code", "```\na\n\nb")]),
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
    ],
)
def test_hostile_markdown_takes_linear_time(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        begin = time.process_time()
        for _ in passages(text):
            pass
        return time.process_time() - begin

    assert seconds(400_000) < 20 * max(seconds(40_000), 0.01)
