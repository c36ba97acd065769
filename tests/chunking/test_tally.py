"""Tokens that are added up are those that are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import Chunk
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_markdown
from deepseek_ocr_rag.chunking.parts import Part, Shown, written
from deepseek_ocr_rag.chunking.tally import Tally
from deepseek_ocr_rag.document import BlockKind
from deepseek_ocr_rag.tokens import LONGEST_ENCODED, TokenCounter, token_counter

CL100K = token_counter("cl100k_base")
O200K = token_counter("o200k_base")
COUNTER = st.sampled_from([CL100K, O200K])
DATA = Path(__file__).parents[3] / "shared" / "data"

ODD = st.sampled_from(
    [
        *(
            "'s",
            "'ll",
            "'",
            "don't",
            ".",
            "...",
            "!?",
            "|",
            "**",
            "/",
            "//",
            "--",
            "_",
            '"',
            ")",
            "(",
            "$$",
            "\\",
        ),
        *(
            "a",
            "I",
            "Word",
            "word",
            "wordword",
            "x1",
            "1",
            "12",
            "1234",
            "12345",
            "½",
            "²",
            "Ⅷ",
            "٣",
            "三",
        ),
        *(
            "漢字",
            "。",
            "한국어",
            "ภาษาไทย",
            "é",
            "e\u0301",
            "\u0301",
            "👩\u200d👧",
            "🇩🇪",
            "\ufeff",
            "\u200b",
            "\u00ad",
        ),
        *(
            " ",
            "  ",
            "\t",
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            "\u00a0",
            "\u2003",
            "\u3000",
            "\u2028",
            "\x85",
            "\x1c",
            "\x0b",
        ),
        *("<|endoftext|>", "\ud800", "\x00", "`", "```", "#", "- "),
    ]
)
TEXT = st.one_of(st.lists(ODD, max_size=12).map("".join), st.text(max_size=20))


def visible(text: str) -> str:
    """The text without white space at its ends, as parts are."""
    return text.strip()


@settings(max_examples=600, deadline=None)
@given(
    before=TEXT.map(visible),
    after=TEXT.map(visible),
    indent=st.sampled_from(["", " ", "\t", "    ", "\u3000"]),
    count=COUNTER,
)
def test_tokens_add_up_before_a_line_and_before_a_space(
    before: str, after: str, indent: str, count: TokenCounter
) -> None:
    if not before or not after:
        return
    for newlines in ("\n", "\n\n"):
        head, tail = before + newlines, indent + after
        if not (count.joining and tail.startswith(count.joining)):
            assert count(head + tail) == count(head) + count(tail)
    assert count(f"{before} {after}") == count(before) + count(f" {after}")


PARTS = st.lists(
    st.tuples(
        TEXT.map(visible).filter(bool),
        st.sampled_from(["", " ", "\n", "\n\n"]),
        st.sampled_from(["", "  ", "- "]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=600, deadline=None)
@given(
    parts=PARTS,
    lead=st.sampled_from(["", "section_path: A > B.\n\n"]),
    split=st.integers(0, 6),
    tail=st.booleans(),
    count=COUNTER,
)
def test_a_run_of_parts_costs_what_it_says_wherever_a_chunk_begins_and_ends(
    parts: list[tuple[str, str, str]],
    lead: str,
    split: int,
    tail: bool,
    count: TokenCounter,
) -> None:
    tally = Tally(count)
    made = [
        Part(
            text,
            0,
            len(text),
            BlockKind.PARAGRAPH,
            None,
            glue,
            before if glue.startswith("\n") else "",
        )
        for text, glue, before in parts
    ]
    tally.price(made, "\n\n" if tail else "")
    for some in (made[:split], made[split:]):
        shown = [Shown(part, part.glue, is_repeated=False) for part in some]
        if shown:
            total = tally.total(shown, lead=lead, lead_cost=count(lead) if lead else 0)
            assert total == count(lead + written(shown))


MARKDOWN = st.lists(
    st.one_of(
        ODD,
        st.sampled_from(
            [
                "# ",
                "## H\n",
                "| a | b |\n|---|---|\n",
                "```\n",
                "One. Two. ",
                "1. ",
                "\n- ",
            ]
        ),
    ),
    max_size=60,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    text=MARKDOWN,
    max_tokens=st.integers(16, 40),
    overlap=st.integers(0, 7),
    count=COUNTER,
)
def test_chunks_of_any_markdown_say_their_tokens_and_keep_to_the_budget(
    text: str, max_tokens: int, overlap: int, count: TokenCounter
) -> None:
    options = ChunkOptions(max_tokens=max_tokens, overlap=overlap, counter=count)
    check(list(chunk_markdown(text, options)), max_tokens, count)


def check(chunks: list[Chunk], max_tokens: int, count: TokenCounter = CL100K) -> None:
    for chunk in chunks:
        assert chunk.token_count == count(chunk.embedded_text) <= max_tokens


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize("max_tokens", [32, 200, 512])
def test_chunks_of_the_corpora_say_their_tokens(max_tokens: int) -> None:
    for path in sorted(DATA.rglob("*.md")):
        text = path.read_text(errors="replace")[:30_000]
        chunks = list(chunk_markdown(text, ChunkOptions(max_tokens=max_tokens)))
        edges = [
            0,
            *(edge for chunk in chunks for edge in (chunk.start, chunk.end)),
            len(text),
        ]
        assert edges == sorted(edges)
        assert not any(text[start:end].strip() for start, end in zip(edges[::2], edges[1::2], strict=True)), path
        check(chunks, max_tokens)


def test_only_the_vocabularies_that_are_known_to_add_up() -> None:
    assert (CL100K.adds_up, CL100K.joining) == (True, "")
    assert (O200K.adds_up, O200K.joining) == (True, "/")
    assert not token_counter("approx").adds_up
    assert not TokenCounter("cl100k_base", len).adds_up
    assert any(
        O200K(f"{end}\n/{begin}") != O200K(f"{end}\n") + O200K(f"/{begin}")
        for end in (".", "!", ")")
        for begin in ("/", "a")
    )


def test_special_tokens_are_counted_once_and_not_for_every_part() -> None:
    def marked(text: str) -> int:
        return len(text.split()) + 2

    text = "One two three.\n\n" * 100
    for text_of_chunks in (text, "# Title\n\n" + text):
        *full, _ = chunk_markdown(text_of_chunks, ChunkOptions(max_tokens=64, counter=marked))
        assert all(64 - 3 <= chunk.token_count == marked(chunk.embedded_text) <= 64 for chunk in full)


@pytest.mark.parametrize("unit", ["word. ", "line.\n", "a b\n\n"])
def test_texts_that_are_encoded_in_pieces_are_counted_exactly(unit: str) -> None:
    text = unit * (LONGEST_ENCODED // len(unit) * 2)
    one = CL100K(unit * 100) - CL100K(unit * 99)
    assert CL100K(text) == CL100K(unit * 100) + one * (len(text) // len(unit) - 100)


def test_chunks_larger_than_what_is_encoded_at_once_say_their_tokens() -> None:
    text = "\n\n".join(["word " * 9_000] * 5)
    (chunk,) = chunk_markdown(text, ChunkOptions(max_tokens=60_000))
    assert chunk.token_count == CL100K(chunk.embedded_text)


def test_each_character_is_counted_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    exact = CL100K.counting

    def counting(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return exact(text)

    monkeypatch.setattr(TokenCounter, "counting", property(lambda _: counting))
    section = "\n\n".join(
        [
            *["A short paragraph. It has two sentences."] * 40,
            "One long paragraph. " * 300,
            "w " * 3000,
        ]
    )
    text = "\n\n".join(f"# Section {number}\n\n{section}" for number in range(5))
    assert len(list(chunk_markdown(text))) > 20
    assert counted < 1.2 * len(text)
