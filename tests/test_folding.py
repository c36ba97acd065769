"""Words are told apart in every script, and compared as bare letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.folding import fold, stands_alone, token_columns, tokens, word_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Über naïve\u00ad ﬁsh, 2.5", ["uber", "naive", "fish", "2", "5"]),
        ("e\u0301te\u0301", ["ete"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("பானை பானை", ["பானை", "பானை"]),
        ("水库。", ["水", "库"]),
        ("สวัสดี", ["ส", "ว", "ส", "ด"]),
        ("“deﬁned” — the model’s", ["defined", "the", "model", "s"]),
        (" — ∗ …", []),
    ],
)
def test_words_are_runs_of_letters(text: str, words: list[str]) -> None:
    found = list(tokens(text))
    assert [token.folded for token in found] == words
    assert all(text[token.start : token.end].strip() for token in found)


def test_vowel_signs_tell_words_apart() -> None:
    assert len({token.folded for token in tokens("की का को कम कमी")}) == 5


CHARS = st.sampled_from("aB7 -.\\’“—é\u0301ﬁ½²İß中文ทकी\u00ad\u200d∗|\n\u2029\u2011") | st.characters()


@given(st.text(CHARS, max_size=20))
def test_tokens_say_all_letters_and_where_they_stand(text: str) -> None:
    found, end = tokens(text), 0
    assert list(zip(*token_columns(text), strict=True)) == found
    assert word_tokens(text) == tuple(token.folded for token in found)
    for token in found:
        assert not any(map(fold, text[end : token.start]))
        letters = [fold(char) for char in text[token.start : token.end]]
        assert token.folded == "".join(letters)
        assert all((letters[0], letters[-1]))
        assert len(letters) == 1 or not any(map(stands_alone, text[token.start : token.end]))
        end = token.end
    assert not any(map(fold, text[end:]))
