"""Words that are drawn twice are found, wherever in the file they come again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag import doubled
from deepseek_ocr_rag.doubled import CELLS, drawn_once
from deepseek_ocr_rag.recognition import Words

PLACES = st.integers(0, 4 * 6).map(lambda quarters: 0.3 + quarters / 4 / CELLS)
WORDS = st.lists(st.tuples(st.sampled_from("ab"), PLACES, PLACES), max_size=12)


def at(*words: tuple[str, float, float]) -> Words:
    """Words with their middles."""
    sides = [side for _, x, y in words for side in (x - 0.02, y - 0.005, x + 0.02, y + 0.005)]
    return Words([text for text, *_ in words], sides)


HERE = (100.75 / CELLS, 50.75 / CELLS)


@pytest.mark.parametrize("x", [100.0, 100.2, 100.45, 100.5, 100.99])
@pytest.mark.parametrize("y", [50.1, 50.49, 50.8])
def test_what_is_drawn_again_counts_once(x: float, y: float) -> None:
    here = x / CELLS, y / CELLS
    bold = at(("bold", *here), ("other", *here), ("bold", here[0] + 0.0003, here[1]), ("bold", *here))
    assert drawn_once(bold).texts == ("bold", "other")


def test_words_that_come_again_elsewhere_stay() -> None:
    page = at(("the", *HERE), ("the", HERE[0] + 0.01, HERE[1]), ("the", HERE[0], HERE[1] + 0.01))
    assert drawn_once(page) is page


@settings(max_examples=300)
@given(WORDS)
def test_none_is_overlooked_of_those_that_are_not_compared(words: list[tuple[str, float, float]]) -> None:
    page = at(*words)
    once = drawn_once(page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubled, "_suspects", lambda words: range(len(words)))
        assert drawn_once(page) == once
