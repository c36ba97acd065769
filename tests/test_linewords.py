"""Words of a line that are kept as numbers are what the objects are that they are made of."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.geometry import Box, QuarterTurn
from deepseek_ocr_rag.linewords import DIGITS, NO_WORDS, LineWord, LineWords, few_digits

SIDES = st.integers(0, 1000).map(lambda side: side / 1000)
BOXES = st.builds(Box.from_fractions, SIDES, SIDES, SIDES, SIDES)
WORDS = st.lists(st.builds(LineWord, start=st.integers(0, 60), end=st.integers(0, 60), box=BOXES), max_size=6)


@given(WORDS)
def test_they_are_the_same_as_objects(words: list[LineWord]) -> None:
    kept = LineWords.of(words)
    assert list(kept) == words
    assert kept == tuple(words)
    assert tuple(words) == kept
    assert (len(kept), bool(kept)) == (len(words), bool(words))
    assert [kept[at] for at in range(-len(words), len(words))] == words * 2
    assert kept[1:] == words[1:]
    assert kept[::-1] == tuple(reversed(words))
    assert LineWords.of(kept) is kept
    assert hash(kept) == hash(LineWords.of(words))
    assert repr(kept) == repr(tuple(words))
    with pytest.raises(IndexError):
        kept[len(words)]


@given(WORDS, st.integers(0, 60), st.integers(0, 60), st.integers(-5, 5))
def test_they_are_cut_and_moved(words: list[LineWord], start: int, end: int, moved: int) -> None:
    expected = [
        LineWord(start=max(word.start, start) + moved, end=min(word.end, end) + moved, box=word.box)
        for word in words
        if max(word.start, start) < min(word.end, end)
    ]
    assert LineWords.of(words).cut(start, end, moved=moved) == expected


@given(WORDS, st.sampled_from([0, 90, 180, 270]))
def test_they_are_turned(words: list[LineWord], degrees: QuarterTurn) -> None:
    expected = [LineWord.at(word.start, word.end, word.box.turned(degrees)) for word in words]
    assert LineWords.of(words).turned(degrees) == expected


@given(
    st.lists(
        st.floats(0, 1)
        | st.integers(0, 10**6).map(lambda side: side / 10**6)
        | st.integers(0, 64).map(lambda side: side / 64)
    )
)
def test_few_digits_are_those_of_round(sides: list[float]) -> None:
    assert few_digits(sides) == [round(side, DIGITS) for side in sides]


@given(WORDS)
def test_they_travel(words: list[LineWord]) -> None:
    kept = LineWords.of(words)
    assert LineWords.from_rows(json.loads(json.dumps(kept.to_json()))) == kept
    assert pickle.loads(pickle.dumps(kept)) == copy.deepcopy(kept) == kept


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [[0, 1, 0, 0, 1]],
        [(0, 1, 0, 0, 1, 1)],
        [[0, 1, 0, 0, 1, 1], {}],
        [[0.0, 1, 0, 0, 1, 1]],
        [[0, True, 0, 0, 1, 1]],
        [[0, 1, 0, 0, 1, "1"]],
        [[0, 1, 0, 0.5, 1, 0.4]],
        [[0, 1, -0.1, 0, 1, 1]],
        [[0, 1, 0, 0, 1, 1.1]],
        [[0, 1, 0, 0, float("nan"), 1]],
        [[0, -1, 0, 0, 1, 1]],
        [[0, 2**60, 0, 0, 1, 1]],
    ],
)
def test_rows_that_are_not_as_they_were_written_are_looked_at_closely(rows: object) -> None:
    assert LineWords.from_rows(rows) is None


def test_numbers_that_do_not_fit_together_are_refused() -> None:
    assert LineWords.from_rows([]) is NO_WORDS
    with pytest.raises(ValueError, match="four each"):
        LineWords([0, 1], [0.0, 0.0, 1.0])
