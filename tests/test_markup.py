from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import BlockKind
from deepseek_ocr_rag.markup import (
    has_split_words,
    is_item,
    page_text,
    rejoined,
    split_markdown,
    take_heading,
    without_marks,
    without_wrapper,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an lan- guage", "an language"),
        ("Lan- guage", "Language"),
        ("layout- aware", "layout-aware"),
        ("co- operate", "co- operate"),  # both are known
        ("pre- and post-", "pre- and post-"),
        ("a- b", "a- b"),
        ("lan- guage lan- guage layout- aware", "language language layout-aware"),
        ("co- layout- aware", "co- layout- aware"),  # a word is in one pair only
        ("7lan- guage_", "7language_"),
        ("x" * 50 + "- aware", "x" * 50 + "- aware"),
    ],
)
def test_words_are_joined_on_evidence_only(text: str, expected: str) -> None:
    known = words_of("The language is layout-aware; they cooperate, they co-operate.")
    assert rejoined(text, known) == expected


def test_split_words_are_seen() -> None:
    assert has_split_words("a lan- guage")
    assert not has_split_words("- item\n- other, 5- 6")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```markdown\n# a\nb\n```", "# a\nb"),
        ("```\na\n```\n", "a"),
        ("```md\na is cut", "a is cut"),
        ("```python\na\n```", "```python\na\n```"),
        ("```\na\n```\nb\n```\nc\n```", "```\na\n```\nb\n```\nc\n```"),
        ("a\n```\nb\n```", "a\n```\nb\n```"),
        ("```", "```"),
    ],
)
def test_a_fence_around_the_whole_answer_goes(text: str, expected: str) -> None:
    assert without_wrapper(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# a", ("a", 1, "")),
        ("a\nb\n\nc\n\nd", ("a\nb", 0, "c\n\nd")),
        ("## a\n### b\nc", ("a", 2, "### b\nc")),
        ("#hash", ("#hash", 0, "")),
    ],
)
def test_a_heading_ends_where_it_ends(text: str, expected: tuple[str, int, str]) -> None:
    assert take_heading(text) == expected


def test_marks_get_a_blank_and_nothing_else_changes() -> None:
    assert without_marks("<|ref|> <||> [[[1, 2]]] [[1]] [[a, 2]] [[-1 2") == (
        "< |ref| > < || > [[ [1, 2]]] [[1]] [[a, 2]] [ [-1 2"
    )
    assert page_text("a &amp;lt;| b") == "a < | b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("- a", True), ("• a", True), ("(iv) a", True), ("- 12 -", False), ("2008. a", False), ("-5", False), ("", False)],
)
def test_items(text: str, expected: bool) -> None:
    assert is_item(text) == expected


parts = st.sampled_from(
    [
        "# ",
        "- ",
        "1. ",
        "```",
        "```py\n",
        "$$",
        "\\[",
        "\\]",
        "\\begin{cases}",
        "|",
        "|---|",
        "---",
        "\n",
        "\n\n",
        "  ",
        "w ",
    ]
)


@given(st.lists(parts, max_size=30).map("".join), st.booleans())
def test_every_word_is_in_a_part(text: str, is_region: bool) -> None:
    found = list(split_markdown(text, is_region=is_region))
    assert "".join(part.text for part in found).count("w") == text.count("w")
    assert all(bool(part.table) <= (part.kind is BlockKind.TABLE) for part in found)
