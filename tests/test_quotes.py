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
        ("Costs were estimated at 4.2 million, of which the canton bcars 60%", None),
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


CHANGED = [
    ("Costs were estimated at 4.2 million, of which the canton pays 60%", "bears 60%"),
    ("The fee for dogs is ten euros per month.", "The fee for cats is ten euros per month."),
    ("the deviation was below 5 mm in all cases", "the deviation was above 5 mm in all cases"),
    ("The seller shall be liable for any damage", "The seller shall not be liable for any damage"),
    ("The seller shall not be liable for any damage", "The seller shall be liable for any damage"),
    ("Der Mieter haftet für den Schaden an der Sache", "Der Mieter haftet nicht für den Schaden an der Sache"),
    ("委员会认为水库的水位应在秋季降雨之前降低两米", "委员会认为水库的水位不应在秋季降雨之前降低两米"),
    ("We expect that an increase of the fee will follow", "We expect that a decrease of the fee will follow"),
    ("the members were able to pay the amonut due", "the members were unable to pay the amount due"),
    ("able to pay the full amount due", "unable to pay the full amount due"),
    ("legal use of the trade mark abroad", "illegal use of the trade mark abroad"),
    ("compliant with the regulation in force", "non-compliant with the regulation in force"),
    ("The members agreed that they could", "The members agreed that they couldn't"),
    ("the members agreed that they can", "the members agreed that they can't"),
]


@pytest.mark.parametrize(("quote", "said"), CHANGED)
def test_what_may_mean_something_else_is_incomplete(quote: str, said: str) -> None:
    text = f"{TEXT} So it was. {said}. And so it is."
    match = find_quote(quote, text)
    assert said in found(match, text)
    assert match is not None
    assert match.score < 1
    assert not match.is_complete


@pytest.mark.parametrize("quote", ["legal use", "We can", "able to pay"])
def test_half_of_a_word_is_not_found_by_itself(quote: str) -> None:
    assert find_quote(quote, "We can't allow an illegal use by those who are unable to pay.") is None


def test_a_word_that_a_long_quote_cuts_is_cited_whole() -> None:
    text = "In spring ofthe old spillway only the upper part was inspected by divers."
    match = find_quote("the old spillway only the upper part was inspect", text)
    assert found(match, text) == "ofthe old spillway only the upper part was inspected"
    assert match is not None
    assert match.is_complete
    assert 0.9 < match.score < 1


def test_the_same_words_win_over_like_ones() -> None:
    text = "The fee for dogs is ten euros per month. Else. The fee for cats is ten euros per month."
    match = find_quote("The fee for cats is ten euos per month.", text)
    assert found(match, text) == "The fee for cats is ten euros per month."
    assert match is not None
    assert match.is_complete
    assert match.is_unique


REAL = """The committee approved the lowering of the reservoir before the autumn rains, and asked the canton to bear
most of the costs that would arise from it."""
MADE_UP = [
    "The mayor rejected it.",
    "The mayor and all of the users rejected the plan.",
    "However, the mayor and all of the users have since rejected the whole plan.",
    "However, the mayor and all of the users have since rejected the whole plan in a public vote by a large majority.",
]
ADDED = [
    *(f"{REAL} {made_up}" for made_up in MADE_UP),
    *(f"{made_up} {REAL}" for made_up in MADE_UP[:3]),
    *(f"{REAL[:60]} {made_up} {REAL[60:]}" for made_up in MADE_UP[:3]),
]


@pytest.mark.parametrize("quote", ADDED)
def test_what_was_made_up_is_not_cited(quote: str) -> None:
    text = f"Intro words here. {REAL} Minutes of the meeting were signed by the chair and sent to all members by mail."
    match = find_quote(quote, text)
    assert match is not None
    assert not match.is_complete
    assert set(re.findall(r"\w+", found(match, text))) <= set(re.findall(r"\w+", REAL))
    assert len(found(match, text)) > 0.9 * len(REAL)


def test_what_a_quote_passes_over_in_silence_is_not_cited() -> None:
    before, left_out, after = (
        "The licence is granted to the tenant,",
        "for as long as he pays his dues,",
        "and is renewed",
    )
    text = f"Preface. {before} {left_out} {after} each year by the board of the users."
    match = find_quote(f"{before} {after} each year by the board", text)
    assert found(match, text) == f"{before[:-1]} | {after} each year by the board"
    assert match is not None
    assert not match.is_complete


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


def test_a_preferred_place_counts_however_many_come_before() -> None:
    sentence = "The tenant signs here in the presence of the landlord."
    text = " ".join(f"Page {number}. {sentence}" for number in range(100))
    for quote in (sentence, sentence.replace("landlord", "landlorcl")):
        for number in (3, 60, 99):
            page = text.index(f"Page {number}.")
            match = find_quote(quote, text, preferred=lambda place, at=page: at < place[0] < at + 20)  # type: ignore[misc]
            assert match is not None
            assert match.is_unique
            assert page < match.places[0][0] < page + 20


@pytest.mark.parametrize(
    ("quote", "text", "is_there"),
    [
        ("สวัสดี", "คำว่าสวัสดีครับทุกคน", True),
        ("ประเทศไทย", "เมืองหลวงของประเทศไทยคือกรุงเทพมหานคร", True),
        ("पानी की", "पानी की कमी है", True),
        ("कम", "पानी की कमी है", False),
        ("राम", "रामायण एक ग्रंथ है", False),
        ("한글 문서", "이것은 \u1112\u1161\u11ab\u1100\u1173\u11af 문서이다. 한글 문서 끝", True),
    ],
)
def test_words_are_whole_in_other_scripts(quote: str, text: str, is_there: bool) -> None:
    assert (find_quote(quote, text) is not None) == is_there


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


def test_a_long_noisy_quote_is_found_to_its_end() -> None:
    rng = random.Random(2)
    text = " ".join(rng.choices(WORDS, k=6000))
    start, end = text.index(" ", 1000) + 1, text.index(" ", 21_000)
    match = find_quote("".join("#" if rng.random() < 0.01 else char for char in text[start:end]), text)
    assert match is not None
    assert match.is_complete
    assert match.score > 0.98
    assert len(match.places) == 1


def test_pieces_beyond_those_that_are_looked_for_are_missing() -> None:
    words = [f"{word}{number}x" for number, word in enumerate(WORDS * 60)]
    true = " … ".join(" ".join(words[at : at + 4]) for at in range(0, 1200, 6))
    match = find_quote(true + " … and then the minister resigned" * 50, " ".join(words))
    assert match is not None
    assert not match.is_complete
    assert match.score < 0.9


def test_a_hole_between_the_pieces_of_a_long_quote_is_no_ellipsis() -> None:
    words = [f"w{number:04}" for number in range(3000)]  # six characters with the space: a piece is a hundred words
    match = find_quote(" ".join([*words[:100], *words[2000:2150]]), " ".join(words))
    assert match is not None
    assert len(match.places) == 2
    assert not match.is_complete
    assert match.score < 1


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


HOSTILE = st.text(
    alphabet="ab -—…. \n\r\t|*#_`<>/&;=\\\"'é\u0301\u00ad\u200b\ud800\x00字０١½ﬁ∞中[]()−·٬३किส\u0e35三1 2,34n't",
    max_size=300,
)


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
