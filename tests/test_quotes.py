"""Quotes are found as a reader would find them, and nothing is found where a reader would find nothing."""

from __future__ import annotations

import random
import re
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.quotes import QuoteMatch, find_quote

TEXT = """# Annual Report

The committee met on 14 March 2019 in Geneva and agreed that the reservoir should be lowered by 2.5 metres before the
autumn rains. Engineers had warned that the spillway, built in 1931, was no longer able to pass a well-
documented flood of the size seen downstream.

| Station | Level | Flow |
|---|---:|---:|
| Upper weir | 412.7 | 1,305 |
| Lower weir | 398.2 | 1,298 |

Costs were estimated at **€4.2 million**, of which the canton bears 60%; the rest is borne by the “users’ association”
— a body of private land-
owners. It was noted … that no tender had been published.<br>The minutes were signed by the chair.
"""

_WORDS = """river stone lantern gather winter yellow machine thought paper silver window distant orchard copper travel
signal marble temper harvest velvet kitchen anchor meadow thunder basket charter delta ember fathom glacier"""
WORDS = _WORDS.split()


def found(match: QuoteMatch | None, text: str = TEXT) -> str:
    assert match is not None
    return " | ".join(text[start:end] for start, end in match.places)


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        ("THE RESERVOIR SHOULD BE LOWERED", "the reservoir should be lowered"),
        ("able to pass a well-documented flood", "able to pass a well-\ndocumented flood"),
        ("able to pass a well- documented flood", "able to pass a well-\ndocumented flood"),
        ("private landowners. It was", "private land-\nowners. It was"),
        ("costs were estimated at €4.2 million, of which", "Costs were estimated at **€4.2 million**, of which"),
        ('*the rest is borne by the "users\' association"*', "the rest is borne by the “users’ association"),
        ("upper weir 412.7 1,305 lower weir 398.2", "Upper weir | 412.7 | 1,305 |\n| Lower weir | 398.2"),
        ("<td>Upper weir</td><td>412.7</td>", "Upper weir | 412.7"),
        ("been published. The minutes were signed", "been published.<br>The minutes were signed"),
        ("before the\u00a0\u2009autumn rai\u00adns\u200b.", "before the\nautumn rains."),
        ("“ＥＮＧＩＮＥＥＲＳ had warned that the spillway”", "Engineers had warned that the spillway"),
        ("It was noted … that no tender", "It was noted … that no tender"),
        ("14 March 2019", "14 March 2019"),
        ("spillway", "spillway"),
    ],
)
def test_what_typing_and_markup_change_is_still_verbatim(quote: str, said: str) -> None:
    match = find_quote(quote, TEXT)
    assert found(match) == said
    assert match is not None
    assert (match.score, match.is_complete, match.is_unique) == (1.0, True, True)


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        (
            "The commitee met on 14 March 2019 in Geneva and agreed",
            "The committee met on 14 March 2019 in Geneva and agreed",
        ),
        (
            "Enqineers had wamed that the spiilway, built in 1931",
            "Engineers had warned that the spillway, built in 1931",
        ),
        ("Costs were estimated at 4.2 million, of which the canton pays 60%", None),
        ("agreed the reservoir should be lowered 2.5 metres before autumn rains", None),
    ],
)
def test_misread_and_dropped_words_are_repaired(quote: str, said: str | None) -> None:
    match = find_quote(quote, TEXT)
    assert match is not None
    assert 0.75 < match.score < 1
    assert match.is_complete
    if said:
        assert found(match) == said


@pytest.mark.parametrize(
    "quote",
    [
        "",
        " \n\t ",
        "...",
        "“…”",
        "|---|",
        "**",
        "The treaty was ratified by both parliaments in the following year",
        "weir 5",
        "pillway",  # part of a word
        "the spilway, built",  # under 20 characters: no misreading is forgiven
        "The committee met on 15 March 2019 in Geneva and agreed",
        "The committee met on 14 March 2091 in Geneva and agreed",
        "the reservoir should be lowered by 25 metres before the autumn rains",
        "the reservoir should be lowered by -2.5 metres before the autumn rains",
        "Upper weir 412.7 1,298",
        "autumn ... Geneva",
        "the reservoir … in",  # each piece is there, but so few letters are in many texts
        "chair ... 2019 ... body",
    ],
)
def test_what_the_text_does_not_say_is_not_found(quote: str) -> None:
    assert find_quote(quote, TEXT) is None


def test_numbers_must_come_in_their_order() -> None:
    text = "Sales rose from 120 units to 480 units within the year under review."
    assert find_quote("Sales rose from 120 unts to 480 units within the year", text)
    assert find_quote("Sales rose from 480 unts to 120 units within the year", text) is None


def test_pieces_of_an_elided_quote_are_found_in_order() -> None:
    match = find_quote("The committee met on 14 March 2019 [...] the spillway, built in 1931 ... seen downstream", TEXT)
    assert found(match) == "The committee met on 14 March 2019 | the spillway, built in 1931 | seen downstream"
    backwards = find_quote("seen downstream … The committee met on 14 March 2019", TEXT)
    assert found(backwards) == "The committee met on 14 March 2019"
    assert backwards is not None
    assert not backwards.is_complete
    assert find_quote("the chair ... The committee was dissolved by order of the king and queen", TEXT) is None


def test_a_piece_that_occurs_often_goes_with_its_neighbour() -> None:
    text = " ".join(f"Item {number}: the usual terms apply to this item here." for number in range(50))
    match = find_quote("Item 31 ... the usual terms apply", text)
    assert match is not None
    assert match.is_unique
    assert found(match, text) == "Item 31: the usual terms apply"


def test_several_places_are_a_tie_unless_one_is_preferred() -> None:
    sentence = "The licence fee is due within thirty days of the invoice."
    text = f"{sentence} Something else. {sentence}"
    second = text.rindex("The licence")
    for quote in (sentence, sentence.replace("licence", "Iicencc")):
        tie = find_quote(quote, text)
        assert tie is not None
        assert not tie.is_unique
        chosen = find_quote(quote, text, preferred=lambda place: place[0] >= second)
        assert chosen is not None
        assert chosen.is_unique
        assert chosen.places[0][0] == second


def test_scripts_without_spaces() -> None:
    text = (
        "本报告介绍了二〇一九年的主要成果。\n委员会认为水库的水位应在秋季降雨之前降\n"
        "低两米，以保证下游居民的安全。其他事项将在下次会议上讨论。"
    )
    match = find_quote("水库的水位应在秋季降雨之前降低两米，以保证", text)
    assert found(match, text) == "水库的水位应在秋季降雨之前降\n低两米，以保证"
    noisy = find_quote("委员会认为水庫的水位应在秋季降雨之前降低两米，以保証下游居民的安全", text)
    assert found(noisy, text).startswith("委员会认为水")
    assert found(noisy, text).endswith("居民的安全")


def test_long_quotes_are_cut_and_joined_again() -> None:
    rng = random.Random(5)
    text = " ".join(rng.choices(WORDS, k=2000))
    start, end = text.index(" ", 3000) + 1, text.index(" ", 5500)
    noisy = list(text[start:end])
    for at in range(7, len(noisy), 40):
        noisy[at] = "#"
    match = find_quote("".join(noisy), text)
    assert match is not None
    assert match.is_complete
    assert len(match.places) == 1
    assert abs(match.places[0][0] - start) < 12
    assert abs(match.places[0][1] - end) < 12


@st.composite
def _slices(draw: st.DrawFn) -> tuple[str, int, int]:
    """A text of words that occur once each, and a slice of four or more of them, which is over 20 characters."""
    one_word = st.sampled_from(WORDS) | st.integers(10_000, 99_999).map(str)
    words = draw(st.lists(one_word, min_size=8, max_size=60, unique=True))
    gap = st.sampled_from([" ", " ", " ", ", ", ". ", "\n", "\n\n", " | ", " – "])
    text = "".join(word + draw(gap) for word in words)
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    first = draw(st.integers(0, len(spans) - 4))
    last = draw(st.integers(first + 3, len(spans) - 1))
    return text, spans[first][0], spans[last][1]


@given(_slices(), st.integers(10, 60))
@settings(max_examples=150, deadline=None)
def test_any_slice_is_found_where_it_was_cut(case: tuple[str, int, int], width: int) -> None:
    text, start, end = case
    said = text[start:end]
    wrapped = "\n".join(textwrap.wrap(said, width, break_long_words=False))
    for quote in (said, said.upper(), f'"{said}" ', wrapped):
        match = find_quote(quote, text)
        assert match is not None
        assert match.places == ((start, end),)
        assert (match.score, match.is_complete, match.is_unique) == (1.0, True, True)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_ocr_noise_is_bridged_to_the_same_words(seed: int) -> None:
    rng = random.Random(seed)
    words = rng.choices(WORDS, k=400)
    text = " ".join(words)
    first = rng.randrange(0, 380)
    quote = " ".join(words[first : first + 20])
    start = len(" ".join([*words[:first], ""]))
    letters = [rng.choice("lIoe") if rng.random() < 0.06 else letter for letter in quote]
    match = find_quote("".join(letters), text)
    assert match is not None
    assert match.score > 0.75
    (found_start, found_end), *_ = match.places
    shared = min(found_end, start + len(quote)) - max(found_start, start)
    assert shared > 0.9 * (max(found_end, start + len(quote)) - min(found_start, start))


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_changed_number_is_refused(seed: int) -> None:
    rng = random.Random(seed)
    words = rng.choices(WORDS, k=200)
    at = rng.randrange(90, 110)
    words[at] = str(rng.randrange(100, 99999))
    text = " ".join(words)
    quote = words[80:120]
    assert find_quote(" ".join(quote), text)
    quote[at - 80] = str(int(quote[at - 80]) + rng.choice([1, 10, -1]))
    assert find_quote(" ".join(quote), text) is None


HOSTILE = st.text(alphabet="ab -—…. \n\r\t|*#_`<>/&;=\\\"'é\u0301\u00ad\u200b\ud800\x00字０١½ﬁ∞中[]()", max_size=300)


@given(HOSTILE, HOSTILE)
@settings(max_examples=300, deadline=None)
def test_no_text_raises_and_places_are_in_the_text(quote: str, text: str) -> None:
    for pair in ((quote, text), (quote, text + quote + text), (text[:50], text)):
        match = find_quote(*pair)
        if match is None:
            continue
        assert 0 <= match.score <= 1
        ends = [edge for place in match.places for edge in place]
        assert ends == sorted(ends)
        assert 0 <= ends[0] <= ends[-1] <= len(pair[1])
        assert all(start < end for start, end in match.places)


@given(HOSTILE)
@settings(max_examples=200, deadline=None)
def test_a_text_is_found_in_itself(text: str) -> None:
    match = find_quote(f"{text} anchor", f"{text} anchor")
    assert match is not None
    assert match.score == 1.0


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("ab" * 300 + "cd", "ab" * 50_000),
        ("a " * 3000, "a b " * 30_000),
        ("The fee was not paid by the party. " * 30 + "X", "The fee was not paid by the parties. " * 2000),
        ("甲乙丙丁" * 300 + "戊", "甲丁丙乙" * 20_000),
        ("e" + "\u0301" * 10_000, "e" + "\u0301" * 100_000),
        ("..." * 10_000, "..." * 50_000),
        ("[" * 5000, "<p a=" * 30_000),
        ("&" * 100 + "amp", "&amp" * 50_000),
        ("- x " * 2000, "\n- " * 50_000),
    ],
)
def test_repetitive_input_costs_no_more_than_its_size(quote: str, text: str) -> None:
    find_quote(quote, text)  # minutes, where anything here is quadratic
