"""Search by words, and the sentences that answer: verbatim, in any script, or none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.retrieve import Hit, WordIndex, answer

MILL = (
    "The mill was built in 1871. Its wheel turns twice a minute.\n\nTable 1. Prices.\n"
    "| Grain | Price |\n|---|---|\n| Rye | 14 crowns |\n| Oats | 9 crowns |"
)


def hits(*texts: str, scores: Sequence[float] = ()) -> list[Hit]:
    known = scores or [1.0] * len(texts)
    return [Hit(text=text, metadata={}, score=score) for text, score in zip(texts, known, strict=True)]


def said(question: str, *texts: str, limit: int = 2) -> list[str]:
    return [sentence.text for sentence in answer(question, hits(*texts), limit=limit)]


def test_a_question_in_other_words_finds_nothing() -> None:
    index = WordIndex(["The ferry leaves at nine.", "水质报告。", "Nothing."])
    assert index.search("submarine", limit=3) == []
    assert index.search("the of and", limit=3) == []
    assert [place for place, _ in index.search("ferries and ferry", limit=3)] == [0]
    assert [place for place, _ in index.search("水", limit=3)] == [1]
    assert answer("anything", []) == []
    with pytest.raises(ValueError, match="nothing to index"):
        WordIndex([])


@pytest.mark.parametrize("texts", [["***"], ["the"], [""], ["", "—", "of the"]])
def test_in_texts_without_words_nothing_is_found(texts: list[str]) -> None:
    assert WordIndex(texts).search("ferry", limit=3) == []
    assert said("When does the ferry leave?", *texts) == []


def test_texts_without_words_keep_their_place() -> None:
    assert [place for place, _ in WordIndex(["***", "", "The ferry."]).search("ferry", limit=3)] == [2]


def test_a_row_knows_its_header_and_is_about_its_caption() -> None:
    (price,) = answer("What is the price of rye?", hits(MILL))
    assert (price.text, price.header) == ("| Rye | 14 crowns |", "| Grain | Price |")
    (built,) = answer("When was the mill built?", hits(MILL))
    assert (built.text, built.header) == ("The mill was built in 1871.", "")


@pytest.mark.parametrize(
    ("question", "sentence", "other"),
    [
        ("硝酸盐的检测限是多少？", "硝酸盐的检测限为0.04毫克每升。", "样品每两周采集一次。"),
        ("硝酸塩の検出限界はいくらですか？", "硝酸塩の検出限界は0.04ミリグラムであった。", "試料は隔週で採取した。"),
        ("질산염의 검출 한계는 얼마인가?", "질산염의 검출 한계는 0.04 mg/L였다.", "시료는 격주로 채취했다."),
        ("Wie hoch war die Nachweisgrenze?", "Die Nachweisgrenze war 0,04 mg/L.", "Gemessen wurde im März."),
    ],
)
def test_questions_of_any_script_are_answered(question: str, sentence: str, other: str) -> None:
    assert said(question, f"{other} {sentence}") == [sentence]


@pytest.mark.parametrize(
    "question",
    ["Who is the miller's wife?", "How do I bake bread with any minute?", "法国的总统是谁？", "What is it?", "?", ""],
)
def test_what_nothing_says_is_not_answered(question: str) -> None:
    assert said(question, MILL, "本报告说明了河流的水质。硝酸盐的检测限为0.04毫克每升。") == []


def test_words_that_questions_are_made_of_answer_nothing() -> None:
    assert said("How would you date your mill?", "How you would? Ask any of your friends.", "The mill has a date.") == [
        "The mill has a date."
    ]


def test_what_two_texts_say_is_said_once() -> None:
    assert said("When did the dam break in March?", "The dam broke in March.", "In March the dam broke.") == [
        "The dam broke in March."
    ]


def test_a_word_that_is_said_again_is_no_better_answer() -> None:
    short = "The limit was 0.04 mg."
    again = "Values below the limit were found at one place and replaced by half the limit, a limit of its own."
    assert said("What was the limit?", f"{again} {short}") == [short]


def test_the_place_of_a_hit_counts() -> None:
    texts = "The tower is 40 m high.", "The tower is 30 m high."
    for scores in ((1.0, 3.0), (0.2, 0.9)):
        (best,) = answer("How high is the tower?", hits(*texts, scores=scores))
        assert best.text == texts[1]
    for scores in ((0.0, 0.0), (-2.0, -1.0)):  # stores that give none, or distances
        assert answer("How high is the tower?", hits(*texts, scores=scores))


def test_meaning_tells_which_sentence_with_the_words_is_meant() -> None:
    text = "The cold bench was oiled. The cold night froze the bench."
    vectors = {"The cold night froze the bench.": [1.0, 0.0], "How cold was the bench at night?": [1.0, 0.0]}

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [vectors.get(each, [0.0, 1.0]) for each in texts]

    (best, *_) = answer("How cold was the bench at night?", hits(text), embed=embed)
    assert best.text == "The cold night froze the bench."
    assert best.score == pytest.approx(1.0)


@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=4))
def test_any_text_gives_sentences_of_its_own(question: str, texts: list[str]) -> None:
    for sentence in answer(question, hits(*texts)):
        assert sentence.text in sentence.hit.text
