"""What providers cite, as our citations: on the right lines where they say which, and never an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import ChunkRegion
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.passage import Passage
from deepseek_ocr_rag.viewers import (
    characters_of_bytes,
    from_anthropic,
    from_anthropic_message,
    from_gemini,
    from_openai,
    to_anthropic_document,
    to_anthropic_search_result,
)

SENTENCES = (
    "The detection limit for nitrate was 0.04 mg/L in every sample.",
    "Überall am Fluß wurden die Proben im März genommen.",
    "Samples were kept at four degrees until they were analysed.",
)


def line(number: int) -> Box:
    return Box(left=0.1, top=0.1 * number, right=0.9, bottom=0.1 * number + 0.02)


def passage_of(sentences: tuple[str, ...], *, first_page: int = 4) -> Passage:
    """One line for each sentence; the last on the next page."""
    regions, at = [], 0
    for number, sentence in enumerate(sentences, 1):
        page = first_page + (number == len(sentences))
        regions.append(ChunkRegion(page_number=page, box=line(number), start=at, end=at + len(sentence)))
        at += len(sentence) + 1
    return Passage(
        text=" ".join(sentences),
        regions=tuple(regions),
        document_id="sha256:1",
        source="lab/water.pdf",
        precision="line",
    )


WATER = passage_of(SENTENCES)
OTHER = passage_of(("Revenue rose by twelve percent over the year before.", "Costs fell."), first_page=1)


def places(citation: Any) -> list[tuple[int, tuple[Box, ...]]]:
    return [(region.page_number, region.boxes) for region in citation.regions]


# Claude


def test_a_request_has_a_block_for_each_line() -> None:
    made = to_anthropic_document(WATER, title="Water", context="2024")
    assert made == {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": text} for text in SENTENCES]},
        "title": "Water",
        "context": "2024",
        "citations": {"enabled": True},
    }
    result = to_anthropic_search_result(WATER)
    assert (result["type"], result["source"], result["title"]) == ("search_result", "lab/water.pdf", "water.pdf")
    assert result["content"] == made["source"]["content"]
    assert to_anthropic_document(Passage(text="", regions=()))["source"]["content"] == []


@pytest.mark.parametrize(("kind", "index"), [("content_block", "document"), ("search_result", "search_result")])
def test_block_indices_lead_to_lines(kind: str, index: str) -> None:
    given = {"type": f"{kind}_location", f"{index}_index": 1, "start_block_index": 1, "end_block_index": 3}
    found = from_anthropic({**given, "cited_text": "…", "document_title": None}, [OTHER, WATER])
    assert found.quote == f"{SENTENCES[1]} {SENTENCES[2]}"
    assert (found.status, found.score, found.precision) == ("verified", 1.0, "line")
    assert places(found) == [(4, (line(2),)), (5, (line(3),))]
    assert WATER.text[found.start : found.end] == found.quote


def test_characters_and_pages_of_claude() -> None:
    start = WATER.text.index("Samples")
    given = {"type": "char_location", "document_index": 0, "start_char_index": start, "end_char_index": 10**6}
    assert places(from_anthropic(given, [WATER])) == [(5, (line(3),))]
    page = {"type": "page_location", "document_index": 0, "start_page_number": 4, "end_page_number": 6}
    found = from_anthropic({**page, "cited_text": "kept at four degrees until they were analysed"}, [WATER])
    assert found.status == "verified"
    assert found.page_number == 5
    lost = from_anthropic({**page, "cited_text": "nothing that this document would ever say anywhere"}, [WATER])
    assert (lost.status, lost.precision) == ("not_found", "page")
    assert places(lost) == [(4, ()), (5, ())]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"type": "content_block_location", "document_index": 9, "start_block_index": 0, "end_block_index": 1},
        {"type": "content_block_location", "document_index": -1, "start_block_index": 0, "end_block_index": 1},
        {"type": "content_block_location", "document_index": 0, "start_block_index": 7, "end_block_index": 9},
        {"type": "content_block_location", "document_index": 0, "start_block_index": 2, "end_block_index": 1},
        {"type": "content_block_location", "document_index": "0", "start_block_index": None},
        {"type": "char_location", "document_index": 0, "start_char_index": 10**9, "end_char_index": 10**9 + 1},
        {"type": "page_location", "document_index": 0, "start_page_number": 0, "end_page_number": 10**9},
        {"type": "web_search_result_location", "url": "https://example.org", "cited_text": "x"},
    ],
)
def test_what_claude_cannot_have_meant_is_not_found(given: dict[str, Any]) -> None:
    found = from_anthropic(given, [WATER])
    assert found.status == "not_found"
    assert all(region.boxes == () for region in found.regions)


BLOCKS = {"type": "content_block_location", "document_index": 0}


@pytest.mark.parametrize(
    "bounds",
    [
        {"start_block_index": -3, "end_block_index": 1},
        {"start_block_index": "0", "end_block_index": 1},
        {"start_block_index": 0.0, "end_block_index": 1},
        {"start_block_index": False, "end_block_index": 1},
        {"start_block_index": None, "end_block_index": 1},
        {"end_block_index": 1},
        {"start_block_index": 0},
    ],
)
def test_bounds_that_say_nothing_are_not_taken_for_the_first_or_last(bounds: dict[str, Any]) -> None:
    characters = {key.replace("block", "char"): value for key, value in bounds.items()}
    for location in ({**BLOCKS, **bounds}, {**BLOCKS, "type": "char_location", **characters}):
        found = from_anthropic(location, [WATER])
        assert (found.status, found.regions) == ("not_found", ())


def test_what_claude_quotes_must_stand_where_it_says() -> None:
    first = {"start_block_index": 0, "end_block_index": 1}
    said = from_anthropic({**BLOCKS, **first, "cited_text": SENTENCES[0].replace(" ", "\n").upper()}, [WATER])
    assert (said.status, places(said)) == ("verified", [(4, (line(1),))])
    elsewhere = from_anthropic({**BLOCKS, **first, "cited_text": SENTENCES[2]}, [WATER])
    assert places(elsewhere) == [(5, (line(3),))]
    nowhere = from_anthropic({**BLOCKS, **first, "cited_text": "The cat sat on the mat in 1999, all day."}, [WATER])
    assert (nowhere.status, nowhere.regions) == ("not_found", ())
    characters = {"type": "char_location", "document_index": 0, "start_char_index": 0, "end_char_index": 20}
    moved = from_anthropic({**characters, "cited_text": SENTENCES[2]}, [WATER])
    assert places(moved) == [(5, (line(3),))]
    beyond = from_anthropic({**BLOCKS, "start_block_index": 2, "end_block_index": 999}, [WATER])
    assert places(beyond) == [(5, (line(3),))]


def test_a_whole_answer_of_claude() -> None:
    location = {
        "type": "search_result_location",
        "search_result_index": 0,
        "start_block_index": 0,
        "end_block_index": 1,
    }
    content = [
        {"type": "thinking", "thinking": "…"},
        {"type": "text", "text": "As measured, ", "citations": None},
        {"type": "text", "text": "the limit was 0.04 mg/L", "citations": [location]},
        {"type": "text", "text": "."},
    ]
    text, (cited,) = from_anthropic_message(content, [WATER])
    assert text == "As measured, the limit was 0.04 mg/L."
    assert text[cited.start : cited.end] == "the limit was 0.04 mg/L"
    assert places(cited.citation) == [(4, (line(1),))]


def test_the_sdk_takes_the_blocks_and_gives_the_locations() -> None:
    types = pytest.importorskip("anthropic.types")
    pydantic = pytest.importorskip("pydantic")
    pydantic.TypeAdapter(types.DocumentBlockParam).validate_python(to_anthropic_document(WATER, title="Water"))
    pydantic.TypeAdapter(types.SearchResultBlockParam).validate_python(to_anthropic_search_result(WATER))
    location = types.CitationContentBlockLocation(
        type="content_block_location",
        cited_text=SENTENCES[0],
        document_index=0,
        start_block_index=0,
        end_block_index=1,
        document_title=None,
        file_id=None,
    )
    assert from_anthropic(location.model_dump(), [WATER]).quote == SENTENCES[0]


# Gemini


def grounding(text: str, said: str, **context: Any) -> dict[str, Any]:
    start = len(text[: text.index(said)].encode())
    segment = {"startIndex": start, "endIndex": start + len(said.encode()), "text": said}
    return {
        "groundingChunks": [{"retrievedContext": {"uri": "store/water", **context}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }


def test_gemini_counts_bytes_of_the_answer() -> None:
    said = "die Proben wurden überall am Fluß im März genommen"
    text = f"Größe: 🙂 – {said}, und mehr."
    (cited,) = from_gemini(grounding(text, said), text, {"store/water": WATER})
    assert text[cited.start : cited.end] == said
    assert places(cited.citation) == [(4, (line(2),))]


def test_gemini_of_vertex_and_of_the_sdk_s_names() -> None:
    text = "Nothing of this is in the file at all, not one word."
    span = {"text": SENTENCES[2], "pageSpan": {"firstPage": 5, "lastPage": 5}}
    (cited,) = from_gemini(grounding(text, text, ragChunk=span), text, {"store/water": WATER})
    assert cited.citation.quote == SENTENCES[2]
    assert places(cited.citation) == [(5, (line(3),))]
    given = {
        "grounding_chunks": [{"retrieved_context": {"title": "water.pdf", "text": "unlike", "page_number": 5}}],
        "grounding_supports": [
            {"segment": {"start_index": None, "end_index": len(text)}, "grounding_chunk_indices": [0, 3, "x"]}
        ],
    }
    (cited,) = from_gemini(given, text, {"water.pdf": WATER})
    assert (cited.citation.status, cited.citation.precision) == ("not_found", "page")
    assert places(cited.citation) == [(5, ())]


def test_words_count_where_no_place_is_known() -> None:
    plain = Passage(text=WATER.text, regions=())
    (cited,) = from_gemini(grounding(SENTENCES[0], SENTENCES[0]), SENTENCES[0], {"store/water": plain})
    assert (cited.citation.status, cited.citation.quote, cited.citation.regions) == ("verified", SENTENCES[0], ())


def test_gemini_is_held_to_the_pages_that_it_names() -> None:
    said = SENTENCES[0]
    rag = {"text": SENTENCES[2], "pageSpan": {"firstPage": 5, "lastPage": 5}}
    (cited,) = from_gemini(grounding(said, said, ragChunk=rag), said, {"store/water": WATER})
    assert cited.citation.page_number == 5


@given(st.text(), st.integers(-5, 80), st.integers(-5, 80))
def test_bytes_are_characters_of_the_same_text(text: str, start: int, end: int) -> None:
    first, last = characters_of_bytes(text, start, end)
    assert 0 <= first <= last <= len(text)
    low, high = sorted((max(0, start), max(0, end)))
    data = text.encode("utf-8", "surrogatepass")
    cut = data[low:high].decode("utf-8", "ignore")
    assert cut in text[first:last]
    assert len(text[first:last]) - len(cut) <= 1


# OpenAI


def test_openai_names_a_file_behind_a_sentence() -> None:
    text = f"In short. {SENTENCES[0]} More of it here."
    given = {"type": "file_citation", "file_id": "file-1", "filename": "water.pdf", "index": text.index(" More")}
    (cited,) = from_openai([given, {"type": "container_file_citation"}], text, {"water.pdf": WATER})
    assert text[cited.start : cited.end] == SENTENCES[0]
    assert cited.citation.status == "verified"
    assert places(cited.citation) == [(4, (line(1),))]


def test_openai_cites_an_address() -> None:
    link = "([water](https://example.org/w))"
    text = f"Samples were kept at four degrees until they were analysed {link}."
    given = {"type": "url_citation", "title": "", "url": "https://example.org/w", "start_index": text.index(link)}
    (cited,) = from_openai([{**given, "end_index": len(text) - 1}], text, {"https://example.org/w": WATER})
    assert places(cited.citation) == [(5, (line(3),))]
    span = {**given, "start_index": 0, "end_index": text.index(" (")}
    (cited,) = from_openai([span], text, {"https://example.org/w": WATER})
    assert cited.citation.page_number == 5


def test_openai_without_the_file_or_with_nonsense() -> None:
    for named in ({"filename": "b.pdf"}, {"filename": "a.pdf", "index": 10**8}, {"filename": ["a"], "index": "x"}):
        (cited,) = from_openai([{"type": "file_citation", **named}], "Nothing like it was ever said.", {"a.pdf": WATER})
        assert cited.citation.status == "not_found"
        assert cited.citation.regions == ()


# All of them

KEYS = ["type", "document_index", "start_block_index", "index", "url", "citations", "uri", "firstPage"]
KEYS += ["groundingSupports", "groundingChunks", "segment", "retrievedContext", "ragChunk", "groundingChunkIndices"]
NAMES = ["content_block_location", "page_location", "file_citation", "text", "store"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(JSON, st.text(max_size=30))
def test_no_answer_raises(given: Any, text: str) -> None:
    one = given if isinstance(given, dict) else {"type": given}
    several: Any = [one, given, *given] if isinstance(given, list) else [one, given]
    from_anthropic_message(several, [WATER])
    from_openai(several, text, {"store": WATER})
    from_anthropic(one, [WATER])
    from_gemini(one, text, {"store": WATER})
