"""Texts are compared by words, numbers and what they deny."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.answering.said import is_misread, said_by


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Two of the seven gates closed.", "Of seven gates, 2 closed."),
        ("The archive has more than 13 billion pages.", "It holds thirteen (13 billion) pages."),
        ("It cost 1,200 euros.", "The price was 1200 euros."),
        ("Es kostete zwölf Euro.", "Der Preis war 12 Euro."),
        ("The gates no longer closed and the concrete was gone.", "The concrete was gone."),
        ("Without a permit, the road stays shut.", "The road is shut."),
        ("The gates did not close.", "None of the gates would close."),
        ("The gates are not only old but rusty.", "The gates are old."),
        ("See No. 5 of the list of gates.", "The list has 5 gates."),
    ],
)
def test_a_text_that_says_so_is_not_against_a_claim(text: str, claim: str) -> None:
    assert not said_by(text).is_against(said_by(claim))


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Three of the gates closed.", "Two of the gates closed."),
        ("It holds 13 billion pages and 500 million pictures.", "It holds 13 million pages."),
        ("The rate fell to 6.25 %.", "The rate fell to 25 %."),
        ("In 2018 and 2019 it cost 5 euros.", "In 2017 and 2019 it cost 5 euros."),
        ("The gates closed.", "The gates did not close."),
        ("The gates closed.", "The gates didn't close."),
        ("The gates no longer closed.", "The gates closed."),
        ("Most of them hardly closed.", "Most of them closed."),
        ("It was 5 percent.", "It was not 5 percent."),
        ("Die Tore schlossen.", "Die Tore schlossen nicht."),
        ("Les vannes sont fermées.", "Les vannes ne sont pas fermées."),
        ("Las puertas cerraban bien.", "Las puertas nunca cerraban bien."),
        ("闸门可以关闭。", "闸门不可以关闭。"),
        ("水門は閉じる。", "水門は閉じない。"),
    ],
)
def test_a_text_with_another_number_or_a_negation_more_or_less_is_against_a_claim(text: str, claim: str) -> None:
    assert said_by(text).is_against(said_by(claim))


def test_roles_are_beyond_it() -> None:
    assert not said_by("The dog bit the man.").is_against(said_by("The man bit the dog."))


def test_a_letter_read_wrongly_leaves_a_text_the_same() -> None:
    said = "Divers found that two of the gates no longer closed."
    assert is_misread(said, "Divers fuund that two of the gates no longer closcd.")
    assert is_misread(said, said)


@pytest.mark.parametrize(
    "other",
    [
        "Divers found that two of the gates never longer closed.",
        "Divers found that ten of the gates no longer closed.",
        "Divers found that two of the gates longer closed.",
        "Divers said that two of the gates no longer closed.",
        "Gates found that two of the divers no longer closed.",
        "潜水员发现两个闸门不再关闭。",
    ],
)
def test_a_word_more_or_changed_makes_it_another(other: str) -> None:
    assert not is_misread("Divers found that two of the gates no longer closed.", other)


def test_words_that_stand_for_themselves_must_be_the_same() -> None:
    assert not is_misread("大坝很高", "大坝很低")
    assert not is_misread("It is now big and old.", "It is not big and old.")


@pytest.mark.parametrize("unit", ["not ", "n't", "no. ", "1,", "two million ", "不", "neither nor "])
def test_hostile_text_is_read_in_one_go(unit: str) -> None:
    assert said_by(unit * 10_000).words == said_by(unit * 3).words
