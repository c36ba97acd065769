"""A numeral is compared as a whole: its decimals, its sign, its power."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.numerals import (
    GROUPED,
    has_whole_numerals,
    joint,
    numeral_over,
    numerals,
    says_numbers,
    ungrouped,
)
from deepseek_ocr_rag.quotes import find_quote


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.04 mg, then 1,5 or .5", ["0.04", "1,5", ".5"]),
        ("in 2025. at 10:30, on 12/31/2024", ["2025", "10:30", "12/31/2024"]),
        ("-5 and (-5) and -$5", ["-5", "-5", "-5"]),
        ("pp. 10-20, covid-19, 2024-12-31", ["10", "20", "19", "2024", "12", "31"]),
        ("10^6, 10^-3, 10^{6}, 1.5e-3", ["10^6", "10^-3", "10^6", "1.5e-3"]),
        ("1 1/2 units, 1/2 units", ["1 1/2", "1/2"]),
        ("1, 2, 3", ["1", "2", "3"]),
    ],
)
def test_numerals_are_whole(text: str, found: list[str]) -> None:
    assert numerals(text) == found


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1,234", "1234"),
        ("12 345 678", "12345678"),
        ("1’234", "1234"),
        ("1\u202f234", "1234"),
        ("1&nbsp;234", "1234"),
        ("0,125", None),
        ("12,34,567", None),
        ("1,2345", None),
        ("2019 345", None),
        ("1.234", None),
    ],
)
def test_groups_of_three_are_thousands(text: str, digits: str | None) -> None:
    match = re.search(GROUPED, text)
    assert (ungrouped(match.group()) if match else None) == digits


def test_a_numeral_is_not_cut() -> None:
    assert numeral_over("was 0.04 mg", 5) == numeral_over("was 0.04 mg", 6) == (4, 8)
    assert numeral_over("in 2025. Then", 7) is None
    assert numeral_over("9" * 500, 250)
    assert not has_whole_numerals("it is -5 here", 7, 13)
    assert has_whole_numerals("it is -5 here", 6, 13)
    assert not has_whole_numerals("10-5 here", 2, 9)


def test_marks_between_digits_do_not_join_numerals() -> None:
    assert (joint("0", "<sup>", "6"), joint("0", "²", "2"), joint("1", "½", "1")) == ("^", "^", " ")
    assert (joint("3", "*", "4"), joint("1", "\u200b", "2"), joint("m", "²", "2"), joint("1", "2", "2")) == (" ",) + (
        "",
    ) * 3


def test_references_may_be_left_out_but_not_changed() -> None:
    assert says_numbers("was low in 2019", "was [3, 4] low in 2019")
    assert not says_numbers("was [5] low in 2019", "was [3] low in 2019")
    assert not says_numbers("was low", "was low in 2019")


CUT = [
    ("The detection limit was 0", "The detection limit was 0.04 mg/L in all samples."),
    ("Revenue grew to $1", "Revenue grew to $1,234 million in the year."),
    ("Revenue grew to $1", "Revenue grew to $1 234 million in the year."),
    ("Revenue grew to $234 million in the year", "Revenue grew to $1,234 million in the year."),
    ("234 million in the year", "Revenue grew to $1,234 million in the year."),
    ("Prices of all goods rose by 5 percent", "Prices of all goods rose by 12.5 percent last year."),
    ("5 percent in the last year", "Prices of all goods rose by 12.5 percent in the last year."),
    ("The legal limit was 40 mg/L in water", "The legal limit was 40.5 mg/L in water."),
    ("The dose was 1 units of insulin", "The dose was 1/2 units of insulin."),
    ("1/2 units of insulin were given", "A dose of 1½ units of insulin were given."),
    ("rose by 102 units in all the years", "It rose by 10² units in all the years."),
    ("rose by 106 units in all the years", "It rose by 10<sup>6</sup> units in all the years."),
    ("rose by 10 units in all the years", "It rose by 10⁻³ units in all the years."),
    ("5 degrees in the cold morning", "It was −5 degrees in the cold morning."),
    ("-5 metres deep in the morning", "It was 10–5 metres deep in the morning."),
    ("the result is 34 in the long formula", "the result is 3*4 in the long formula"),
    ("Upper weir 412305", "| Upper weir | 412 | 305 |"),
    ("5 mg", "Patients received 3·5 mg daily."),
    ("received 3 5 mg", "Patients received 3·5 mg daily."),
    ("٥", "القيمة ٣٫٥ كجم"),
    ("٢٣٤", "القيمة ١٬٢٣٤ كجم"),
    ("5 percent", "The change was − 5 percent in the second quarter"),
    ("The change was 5 percent in the second quarter", "The change was − 5 percent in the second quarter"),
    ("Net income for the year 1,234", "Net income for the year (1,234)"),
    ("十日内", "由买方在三十日内支付"),
    ("本报告介绍了二〇一八年的主要成果和下一年的工作计划", "本报告介绍了二〇一九年的主要成果和下一年的工作计划。"),
    ("合同总金额为人民币叁佰伍拾万元整，由买方支付", "合同总金额为人民币叁佰捌拾万元整，由买方支付。"),
    ("206 |", "| 207 206 | 2-methylimidazole |"),
]


@pytest.mark.parametrize(("quote", "text"), CUT)
def test_a_part_of_a_number_is_not_found(quote: str, text: str) -> None:
    assert find_quote(quote, text) is None


SAME = [
    ("Revenue grew to $1,234 million", "Revenue grew to $1234 million in the year."),
    ("Revenue grew to $1234 million", "Revenue grew to $1,234 million in the year."),
    ("Revenue grew to $1 234 million", "Revenue grew to $1’234 million in the year."),
    ("Revenue grew to $1,234 million", "Revenue grew to $1\u202f234 million in the year."),
    ("Revenue grew to $1,234 million", "Revenue grew to $1 234 million in the year."),
    ("it was ended in 2025", "As all know, it was ended in 2025. Then came more."),
    ("1 1/2 units of insulin", "A dose of 1½ units of insulin was given."),
    ("rose by 10^6 units", "It rose by 10<sup>6</sup> units."),
    ("over 5 m2 of land", "It stands over 5 m² of land."),
    ("Upper weir 412 305", "| Upper weir | 412 | 305 |"),
    ("Upper weir 412", "| Upper weir | 412 | 305 |"),
    ("see pages 10", "see pages 10–12 of the report"),
    ("the dose was 3.5 mg", "As said, the dose was 3·5 mg."),
    ("The change was -5 percent", "The change was − 5 percent in the second quarter"),
    ("from 10 − 5 to 10 − 7", "it goes from 10 − 5 to 10 − 7"),
    ("for the year (1,234)", "Net income for the year (1,234)"),
    ("see Smith (2019)", "see Smith (2019) and others"),
    ("202-453-1", "EC 223-346-6 202-453-1 200-453-6"),
    ("三十日内", "由买方在三十日内支付"),
]


@pytest.mark.parametrize(("quote", "text"), SAME)
def test_the_same_number_is_found_as_it_is(quote: str, text: str) -> None:
    match = find_quote(quote, text)
    assert match is not None
    assert match.score == 1


def test_a_space_between_digits_may_part_two_numbers() -> None:
    for quote, text in (
        ("120 patients", "as shown in Table 3 120 patients were seen"),
        ("193 | Fluoranthene", "| 194 193 | Fluoranthene |"),
        ("200 mg was given to the patients", "At day 1 200 mg was given to the patients."),
    ):
        match = find_quote(quote, text)
        assert match is not None
        assert not match.is_complete
        assert match.score < 1
    assert find_quote("120.5 patients", "as shown in Table 3 120.55 patients were seen") is None


def test_the_mark_of_a_footnote_may_be_left_out() -> None:
    quote = "Revenue rose strongly in the second quarter. The board proposed"
    for mark in ("²", "<sup>2</sup>"):
        match = find_quote(quote, f"Revenue rose strongly in the second quarter.{mark} The board proposed a dividend.")
        assert match is not None
        assert match.is_complete
        assert match.score > 0.98


def _value(number: str) -> str:
    return re.sub("[,\u202f]", "", number)


WHOLE = st.integers(0, 9_999_999)
NUMBERS = st.one_of(
    WHOLE.map(str),
    WHOLE.map("{:,}".format),
    WHOLE.map(lambda number: f"{number:,}".replace(",", "\u202f")),
    st.tuples(WHOLE, st.integers(0, 999)).map(lambda parts: f"{parts[0]:,}.{parts[1]}"),
    st.tuples(st.integers(1, 99), st.integers(1, 99)).map(lambda parts: f"{parts[0]}/{parts[1]}"),
    st.integers(1, 999).map("-{}".format),
)
SENTENCES = st.sampled_from(
    [
        "The detection limit was {} in all of the samples that were taken.",
        "{} units were sold abroad in the year under review, and none at home.",
        "According to the committee the total came to {}.",
        "| Upper weir | {} | steady flow in summer |",
    ]
)


@st.composite
def _changed(draw: st.DrawFn, number: str) -> str:
    """Another number: any at all, or a part of this one, or more than it."""
    start, end = sorted((draw(st.integers(0, len(number))), draw(st.integers(0, len(number)))))
    part = number[start:end].strip(",.\u202f/")
    other = draw(st.one_of(NUMBERS, st.just(part), st.just(f"{number}5"), st.just(f"9{number}")))
    return other if re.search(r"\d", other) and not re.match(r"\d+-", other) else f"{number}1"


@given(st.data(), SENTENCES, NUMBERS, st.sampled_from([" ", "x"]))
@settings(max_examples=400, deadline=None)
def test_no_other_number_is_ever_found(data: st.DataObject, sentence: str, number: str, noise: str) -> None:
    other = data.draw(_changed(number))
    text = sentence.format(number)
    before, after = sentence.split("{}")
    noisy = sentence.replace("e", noise.strip() or "e", 1)
    quotes = [sentence, noisy, before + "{}", "{}" + after]
    for quote in quotes:
        same = find_quote(quote.format(number), text)
        if quote == sentence:
            assert same is not None
            assert same.score == 1
        if _value(other) != _value(number) and re.search("[a-z]", quote):
            assert find_quote(quote.format(other), text) is None, (quote, other)
