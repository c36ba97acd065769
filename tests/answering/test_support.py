"""Claims in other words find the sentence that bears them out, or nothing."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag.answering.support import Evidence

DAM = (
    "The reservoir was lowered in spring so that the old spillway could be inspected. Divers found that two of the "
    "seven gates no longer closed and that the concrete below them had been washed out over a length of nine metres. "
    "It cost 1,200 euros in 2019."
)
ROAD = (
    "The repair was put out to tender in autumn. Three companies answered, of which one withdrew its offer after the "
    "first visit to the site because access by road was considered too dangerous in winter. In 2018 it had cost 1,100 "
    "euros."
)
EVIDENCE = Evidence([DAM, ROAD])


def best(claim: str, *, passage: int | None = None) -> str | None:
    found = EVIDENCE.best(claim, passage=passage)
    return (DAM, ROAD)[found.passage][found.start : found.end] if found else None


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("Inspecting the spillway required lowering the reservoir in spring.", "The reservoir was lowered"),
        ("One company withdrew because the road was dangerous in winter.", "Three companies answered"),
        ("The cost was 1200 euros in 2019.", "It cost 1,200"),
        ("In 2018 the cost came to 1,100 euros.", "In 2018"),
    ],
)
def test_the_sentence_that_says_the_same_is_found(claim: str, said: str) -> None:
    found = best(claim)
    assert found is not None
    assert found.startswith(said)


@pytest.mark.parametrize("claim", ["Penguins live in Antarctica.", "The cost was 1300 euros in 2017.", "", "...", "42"])
def test_what_nobody_says_is_not_found(claim: str) -> None:
    assert best(claim) is None


@pytest.mark.parametrize(
    "claim",
    [
        "The cost was 1200 euros in 2020.",
        "Divers found that three of the seven gates no longer closed.",
        "Divers found that two of the seven gates still closed.",
        "The reservoir was never lowered in spring to inspect the old spillway.",
        "In spring the Enguri reservoir was lowered so that the old spillway could be inspected.",
        "In spring the reservoir of EDF was lowered so that the old spillway could be inspected.",
    ],
)
def test_another_number_or_name_or_a_negation_makes_it_another_claim(claim: str) -> None:
    assert best(claim) is None


@pytest.mark.parametrize(
    "claim",
    [
        "The concrete below the gates had been washed out over nine metres.",  # what no longer closed is another matter
        "Of the 7 gates, 2 no longer closed, as divers found.",
        "Spillway: In spring the reservoir was lowered so that the old spillway could be inspected.",
        "According to the Annual Report, the reservoir was lowered so that the old spillway could be inspected.",
    ],
)
def test_what_leads_up_to_a_claim_or_stands_beside_its_place_does_no_harm(claim: str) -> None:
    found = best(claim)
    assert found is not None


def test_where_all_nouns_have_capitals_they_are_no_names() -> None:
    text = "Der alte Damm wurde im Sommer geprüft, weil zwei Schieber seit dem letzten Hochwasser klemmten. Er steht."
    assert Evidence([text]).best("Im Sommer wurde der alte Damm geprüft, da zwei Schieber klemmten, so das Amt.")


def test_who_did_what_is_beyond_words() -> None:
    found = Evidence(["The dog bit the man in the old park."]).best("The man bit the dog in the old park.")
    assert found is not None
    assert found.score == 1


def test_two_sentences_are_taken_where_the_claim_needs_both() -> None:
    claim = "The repair was put out to tender in autumn and three companies answered, of which one withdrew its offer."
    found = best(claim)
    assert found is not None
    assert found.startswith("The repair")
    assert found.endswith("in winter.")


def test_a_passage_can_be_named() -> None:
    assert best("The cost was 1200 euros in 2019.", passage=1) is None


def test_equally_good_places_are_no_place() -> None:
    evidence = Evidence(["Gate one of the dam is red and old. Nothing. Gate two of the dam is red and wet."])
    assert evidence.best("The gate of the dam is red") is None
    assert evidence.best("The gate of the dam is red and wet") is not None


def test_the_same_sentence_in_two_passages_is_cited_in_the_first() -> None:
    found = Evidence([DAM, DAM]).best("The reservoir was lowered in spring.")
    assert found is not None
    assert found.passage == 0


def test_how_much_words_say_of_a_claim() -> None:
    assert EVIDENCE.score("It cost 1200 euros in 2019", DAM) == 1
    assert EVIDENCE.score("It cost 1300 euros in 2019", DAM) < EVIDENCE.score("It cost 1200 euros in 2019", DAM)
    assert EVIDENCE.score("Penguins", DAM) == EVIDENCE.score("", DAM) == EVIDENCE.score("Penguins", "") == 0


def test_no_passages() -> None:
    assert Evidence([]).best("The reservoir was lowered") is None
