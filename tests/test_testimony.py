"""Tokens in columns say the same as tokens one by one, and know where they stand."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind
from deepseek_ocr_rag.folding import LONGEST_KEPT
from deepseek_ocr_rag.testimony import Heard, Said

WORDS = (
    *("The flood", "page7", "1998", "na\u00efve", "\u6587\u5b57\u8a8d\u8b58", "\\(a^2 + b_1\\)", "$x_1$", "$5", "<br>"),
    *("&amp;", "don\u2019t", "soft\u00adhyphen", "\ufb01ne", "\u00bd", "a\u00a0b", "\u2003", "\u2014", "\\alpha", "|"),
    *("\u0130stanbul", "\u03a3\u0391\u03a3", "e\u0301", "\u0301", "\u0967\u0968", "x" * (LONGEST_KEPT + 1), "", "\n"),
)
PIECES = st.sampled_from(WORDS)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map(" ".join), st.lists(PIECES).map("".join))
KINDS = st.sampled_from((BlockKind.PARAGRAPH, BlockKind.FORMULA))


def block(text: str, kind: BlockKind = BlockKind.PARAGRAPH) -> Block:
    return Block(id="p1-b1", kind=kind, text=text, page_number=1)


@settings(max_examples=300)
@given(st.lists(st.tuples(TEXTS, KINDS), max_size=4))
def test_an_answer_says_the_same_at_once_and_token_by_token(parts: list[tuple[str, BlockKind]]) -> None:
    said = Said([block(*part) for part in parts])
    assert list(chain.from_iterable(map(said.of_block, range(len(parts))))) == list(range(len(said)))
    for at, folded in enumerate(said.folded):
        token, (text, _) = said.token(at), parts[said.owner(at)]
        assert (token.folded, token.is_soft) == (folded, not said.is_literal[at])
        assert 0 <= token.start < token.end <= len(text)
        assert at in said.of_block(said.owner(at))
    assert said.sizes == list(map(len, said.folded))


def test_places_of_tokens_and_what_is_no_text() -> None:
    text = "In page7<br>it is \\(a^2\\) &amp; Caf\u00e9"
    said = Said([block(text)])
    assert said.folded == ["in", "page", "7", "it", "is", "a", "2", "cafe"]
    assert [text[said.token(at).start : said.token(at).end] for at in range(len(said))] == [
        *("In", "page", "7", "it", "is", "a", "2", "Caf\u00e9")
    ]
    assert list(said.is_literal) == [1, 1, 1, 1, 1, 0, 0, 1]
    assert list(map(said.weight, range(len(said)))) == [1, 1, 0, 1, 1, 0.5, 1, 1]


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=8), st.data())
def test_tokens_of_words_are_theirs(texts: list[str], data: st.DataObject) -> None:
    heard = Heard(texts)
    words = sorted(data.draw(st.sets(st.integers(0, len(texts) - 1)))) if texts else []
    tokens = heard.of_words(words)
    assert list(tokens) == [at for at in range(len(heard)) if heard.owner(at) in words]
    assert heard.words == sorted(set(map(heard.owner, range(len(heard)))))
    assert heard.texts(tokens) == [heard.folded[at] for at in tokens] == heard.texts(list(tokens))
    assert heard.letters(tokens) == sum(map(len, heard.texts(tokens))) == heard.letters(list(tokens))


@pytest.mark.parametrize(
    ("word", "weights"), [("flood", [1]), ("page7b", [1, 0, 0]), ("a-1", [0.5, 1]), ("\u6587", [0.5])]
)
def test_what_a_word_of_the_page_weighs(word: str, weights: list[float]) -> None:
    heard = Heard(["\u2014", word])
    assert list(map(heard.weight, range(len(heard)))) == weights
    assert Heard(["\u2014", word]).folded == Said([block(word)]).folded
