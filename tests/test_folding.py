"""Words are told apart in every script, and compared as bare letters."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.folding import tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Über naïve\u00ad ﬁsh, 2.5", ["uber", "naive", "fish", "2", "5"]),
        ("e\u0301te\u0301", ["ete"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("பானை பானை", ["பானை", "பானை"]),
        ("水库。", ["水", "库"]),
        ("สวัสดี", ["ส", "ว", "ส", "ด"]),
    ],
)
def test_words_are_runs_of_letters(text: str, words: list[str]) -> None:
    found = list(tokens(text))
    assert [token.folded for token in found] == words
    assert all(text[token.start : token.end].strip() for token in found)


def test_vowel_signs_tell_words_apart() -> None:
    assert len({token.folded for token in tokens("की का को कम कमी")}) == 5
