"""Markers are found as models write them, wherever the text is cut, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.answering.markers import LONGEST_MARKER, Marker, MarkerStream, Reference, parse_marker

Part = str | tuple[str, tuple[Reference, ...]]

ALPHABET = st.sampled_from(
    [
        *"[]【】［］(),;:.-–`~\n 0123456789^†#$x",
        "source",
        "Source ",
        "[1]",
        "[2.3-4]",
        "```",
        "://",
        "<code>",
        "</code>",
    ]
)


def parts(text: str, cuts: list[int] | None = None) -> list[Part]:
    """What a stream makes of a text that comes in pieces of those lengths, again and again."""
    stream, found, at, turn = MarkerStream(), list[str | Marker](), 0, 0
    while at < len(text):
        size = cuts[turn % len(cuts)] if cuts else len(text)
        found += stream.feed(text[at : at + size])
        assert len(stream.held) <= LONGEST_MARKER
        at, turn = at + size, turn + 1
    joined: list[Part] = []
    for part in [*found, *stream.close()]:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part if isinstance(part, str) else (part.raw, part.references))
    assert stream.held == ""
    return joined


def one(source: int, first: int = 0, last: int = 0, *, or_line_of: int = 0) -> Reference:
    return Reference(source=source, first=first, last=last, or_line_of=or_line_of)


@pytest.mark.parametrize(
    ("body", "references"),
    [
        ("3", (one(3),)),
        ("3.12", (one(3, 12, 12),)),
        ("3.12-14", (one(3, 12, 14),)),
        ("3.12–14", (one(3, 12, 14),)),
        ("3.14-12", (one(3, 12, 14),)),
        ("3.12-3.14", (one(3, 12, 14),)),
        ("3:12", (one(3, 12, 12),)),
        ("3.9-4.2", (one(3, 9, 9), one(4, 2, 2))),
        ("1, 2", (one(1), one(2))),
        ("1; 2 & 4", (one(1), one(2), one(4))),
        ("1 and 2", (one(1), one(2))),
        ("2-4", (one(2), one(3), one(4))),
        ("1, 1", (one(1),)),
        ("3.12, 14", (one(3, 12, 12), one(14, or_line_of=3))),
        ("3.12, 14, 15", (one(3, 12, 12), one(14, or_line_of=3), one(15))),
        ("Source 1", (one(1),)),
        ("source 1, Source 2", (one(1), one(2))),
        ("ID:7", (one(7),)),
        ("citation:2", (one(2),)),
        ("^1", (one(1),)),
        ("1†source", (one(1),)),
        ("4:0†report.pdf", (one(4),)),
        ("1†L12-L14", (one(1, 12, 14),)),
        ("１", (one(1),)),
        (" 5 ", (one(5),)),
        ("0", (one(0),)),
    ],
)
def test_what_models_write_is_understood(body: str, references: tuple[Reference, ...]) -> None:
    assert parse_marker(body) == references


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "2019", "x", "1,", ",1", "1..2", "1.2.3", "p. 3", "1-300", "sic", "1 2", "Smith 2019", "1+1", "-1"),
        *("1,000", "12,345,678", "0, 1", "0-1", "2, 0", "12:30", "1.05"),
    ],
)
def test_other_brackets_are_no_markers(body: str) -> None:
    assert parse_marker(body) is None
    assert parts(f"a [{body}] b") == [f"a [{body}] b"]


@pytest.mark.parametrize("marker", ["[1]", "【1】", "［1］", "〔1〕", "[[1]]", "[Source 1]", "【1†source】"])
def test_all_kinds_of_brackets(marker: str) -> None:
    assert parts(f"Wet {marker}.") == ["Wet", (f" {marker}", (one(1),)), "."]


def test_blanks_and_commas_between_markers_go_with_them() -> None:
    assert parts("a [1][2] [3], [4]; and b") == [
        "a",
        (" [1]", (one(1),)),
        ("[2]", (one(2),)),
        (" [3]", (one(3),)),
        (", [4]", (one(4),)),
        "; and b",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "see [1](https://example.org/a_[2]_b) there",
        "[[1]](https://example.org)",
        "[^1]: a footnote",
        "\n[1]: https://example.org",
        "`a[1]` and ``b`[2]``",
        "```python\na[1]\n```",
        "- ```\n  a[1]\n",
        "~~~\n[1]\n```\n[2]",
        "````\n```\n[1]\n",
        "https://example.org/a[1]",
        "[ ] to do, [x] done",
        "$x[1]$, $$a[2]$$ and $\\alpha \\in [1, 2]$",
        "it costs $5, and $f[1]$ is",
        "<code>a[1] = [2]</code>",
    ],
)
def test_code_and_links_are_left_alone(text: str) -> None:
    assert parts(text) == [text]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```\na[1]\n```\n[2]", "[2]"),
        ("`a[1]` b [2]", " [2]"),
        ("one ` tick\n[2]", "[2]"),
        ("[1](x) [2]", " [2]"),
        ("~ about [2]", " [2]"),
        ("https://example.org/a [2]", " [2]"),
        ("as in [2]: so", " [2]"),
        ("[[[2]", "[2]"),
        ("[1, [2]", " [2]"),
        ("[1 [2]", " [2]"),
        ("$x[1]$ holds [2]", " [2]"),
        ("$x[1]$[2]", "[2]"),
        ("$$x[1]$$, and [2]", " [2]"),
        ("It cost $5 million and $7 at most [2]", " [2]"),
        ("$NVDA rose [2]", " [2]"),
        ("$x is open\n[2]", "[2]"),
        ("`$x` [2]", " [2]"),
        ("<code>a[1]</code> [2]", " [2]"),
        ("`<code>` [2]", " [2]"),
        ("<code> is open\n[2]", "[2]"),
        ("- a\n    - b [2]", " [2]"),
    ],
)
def test_markers_after_code_and_links_count(text: str, found: str) -> None:
    assert [part[0] for part in parts(text) if not isinstance(part, str)] == [found]


def test_text_goes_on_at_once_and_what_may_be_a_marker_waits() -> None:
    stream = MarkerStream()
    assert stream.feed("The dam is wet") == ["The dam is wet"]
    assert stream.feed(" ") == []
    assert stream.feed("[1, 2") == []
    assert stream.held == " [1, 2"
    assert stream.feed("]") == []  # a "(" would make it a link
    assert stream.feed(" and") == [Marker(raw=" [1, 2]", references=(one(1), one(2))), " and"]
    assert stream.feed(" [1") == []
    assert stream.feed("x") == [" [1x"]
    assert stream.feed("[1") == []
    assert stream.close() == ["[1"]


def test_a_bracket_that_never_closes_is_let_go() -> None:
    stream = MarkerStream()
    text = "[" + "1," * LONGEST_MARKER
    told = "".join(part for part in stream.feed(text) if isinstance(part, str))
    assert text.startswith(told)
    assert len(text) - len(told) <= LONGEST_MARKER


@settings(max_examples=400)
@given(st.lists(ALPHABET | st.text(max_size=3), max_size=40).map("".join), st.lists(st.integers(1, 9), min_size=1))
def test_however_a_text_is_cut_the_parts_are_the_same_and_nothing_is_lost(text: str, cuts: list[int]) -> None:
    whole = parts(text)
    assert parts(text, cuts) == whole
    assert "".join(part if isinstance(part, str) else part[0] for part in whole) == text


@pytest.mark.parametrize(
    "piece", ["[", "[1", "[1,", "[[1]", "`", "【1†", " [", "[1](", "://[", "[source ", "$x [", "$"]
)
def test_hostile_text_is_read_in_one_go(piece: str) -> None:
    text = piece * 5000
    assert "".join(part if isinstance(part, str) else part[0] for part in parts(text)) == text
