"""Where sentences end, and where they do not."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.chunking.breaks import ends_sentence, sentences


def parted(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text, 0, len(text))]


@pytest.mark.parametrize(
    "text",
    [
        "In the U.S. Senate, J. R. R. Tolkien.",
        "We met Dr. Smith|and Mrs. Jones vs. Germany (St. Mary).".replace("|", " "),
        "As Prof. Miller et al. Show, e.g. Berlin, i.e. Germany, cf. Vol. XII.",
        "See Fig. A, No. XII and pp. 3 to 5.",
        "See fig. 3, p. 12, no. 7 and Jan. 5 of Vol. 2 in Berlin.",
        "oct. 31 is in small letters, and sept. 2 is as well.",
        "Он приехал с А. С. Пушкиным.",
        "Smith *et al.* (2019) and _e.g._ Berlin in **Fig.** 3.",
    ],
)
def test_a_sentence_goes_on_after_what_is_abbreviated(text: str) -> None:
    assert parted(text) == [text]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("We met Smith. Then we left. Why? No!", 4),
        ("The year 1933 was long. 1934 was long, too. 20 people came! 30 left? 40 stayed.", 5),
        ("It was in 1933. The year was long.", 2),
        ("low one. low two. low three.", 3),
        ("We saw the moon. It rose (slowly). Then it set.", 3),
        ("今天天气很好。明天呢？", 2),
        ("ខ្មែរ។ ខ្មែរ។", 2),
        ("He saw the WHO. They left the EU. And the USA.", 3),
        ("**True.** Nobody was hurt. *It rose.* _It set!_ __So it is.__ **No.**", 6),
    ],
)
def test_a_sentence_ends_at_its_mark(text: str, count: int) -> None:
    assert len(parted(text)) == count
    assert " ".join(parted(text)).replace(" ", "") == text.replace(" ", "")


def test_a_line_that_ends_with_an_abbreviation_goes_on() -> None:
    assert ends_sentence("He met Smith.", 0, 13)
    assert not ends_sentence("He met Dr.", 0, 10)
    assert ends_sentence("Is it so?", 0, 9)


@pytest.mark.parametrize("unit", ["A. ", "a.b.", "....", "Dr. 1", ". ", "a" * 99 + ". A", ".)"])
def test_sentences_of_hostile_text_keep_all_its_characters(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    found = [text[start:end] for start, end in sentences(text, 0, len(text))]
    assert "".join("".join(found).split()) == "".join(text.split())
