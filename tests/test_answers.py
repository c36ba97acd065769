"""Answers lose their markers and gain citations, the same ones however the answer comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import ChunkRegion
from deepseek_ocr_rag.answering.numbered import numbered_sources, passage_lines
from deepseek_ocr_rag.answers import (
    MOST_CITATIONS,
    AnswerCitation,
    CitationEvent,
    CitedAnswer,
    CitedStream,
    Event,
    FinalEvent,
    TextEvent,
    cite_answer,
)
from deepseek_ocr_rag.chunk import chunk_document
from deepseek_ocr_rag.document import Block, BlockKind, Document, Line, Page
from deepseek_ocr_rag.geometry import PAGE_BOX, Box
from deepseek_ocr_rag.passage import Passage

DAM = (
    "The reservoir was lowered in spring so that the old spillway could be inspected.",
    "Divers found that two of the seven gates no longer closed.",
    "Below them 340 tonnes of concrete had been washed out.",
)
ROAD = ("The repair was put out to tender in autumn.", "Three companies answered.", "One of them withdrew its offer.")
TABLE = "| Year | Cost |\n|---|---|\n| 2018 | 12 |\n| 2019 | 12 |"


def passage(*sentences: str, page: int) -> Passage:
    """A passage with one line a sentence; its number on the page is that of its box."""
    regions, start = [], 0
    for number, sentence in enumerate(sentences):
        box = Box(left=0.1, top=0.1 + number * 0.02, right=0.9, bottom=0.115 + number * 0.02)
        regions.append(ChunkRegion(page_number=page, box=box, start=start, end=start + len(sentence)))
        start += len(sentence) + 1
    return Passage(text=" ".join(sentences), regions=tuple(regions), precision="line", document_id=f"d{page}")


PASSAGES = (passage(*DAM, page=1), passage(*ROAD, page=2))


def cited_lines(found: AnswerCitation) -> list[tuple[int, int]]:
    return [
        (region.page_number, round((box.top - 0.1) / 0.02)) for region in found.citation.regions for box in region.boxes
    ]


def parts(answer: CitedAnswer) -> list[str]:
    return [answer.text[found.answer_start : found.answer_end] for found in answer.citations]


def test_a_marked_line_is_cited_to_the_letter() -> None:
    answer = cite_answer("The gates are broken [1.2]. Offers came [2.1-2].", PASSAGES)
    assert answer.text == "The gates are broken. Offers came."
    first, second = answer.citations
    assert (first.source, first.basis, first.citation.status) == (1, "lines", "verified")
    assert first.citation.quote == DAM[1]
    assert PASSAGES[0].text[first.citation.start : first.citation.end] == DAM[1]
    assert cited_lines(first) == [(1, 1)]
    assert cited_lines(second) == [(2, 0), (2, 1)]
    assert parts(answer) == ["The gates are broken", "Offers came"]
    assert [found.at for found in answer.citations] == [20, 33]
    assert [found.index for found in answer.citations] == [1, 2]
    assert first.citation.context[0].page_number == 1
    assert first.citation.prefix.endswith("inspected. ")
    assert first.citation.suffix.startswith(" Below")


def test_lines_that_say_the_same_are_told_apart() -> None:
    rows = Passage(text=TABLE, regions=())
    region = [
        ChunkRegion(page_number=1, box=Box(left=0, top=n / 10, right=1, bottom=n / 10 + 0.05), start=s, end=s + 11)
        for n, s in enumerate((TABLE.index("| 2018"), TABLE.index("| 2019")))
    ]
    rows = replace(rows, regions=tuple(region), precision="line")
    assert len(passage_lines(TABLE)) == 3
    (found,) = cite_answer("It was twelve in both years [1.3].", [rows]).citations
    assert [box.top for page in found.citation.regions for box in page.boxes] == [0.1]


@pytest.mark.parametrize(
    ("answer", "lines", "basis"),
    [
        ("Divers found that two of the seven gates no longer closed [1].", [(1, 1)], "quote"),
        ('They say "three companies answered" there [2].', [(2, 1)], "quote"),
        ("They lowered the reservoir to inspect the old spillway [1].", [(1, 0)], "support"),
        ("Of concrete, 340 tonnes were washed out below [1].", [(1, 2)], "support"),
        ("Of concrete, 350 tonnes were washed out below [1].", [], "source"),
        ("The old spillway was not inspected in spring, since the reservoir was not lowered [1].", [], "source"),
        ("Below them 340 tonnes of concrete had not been washed out [1].", [], "source"),
        ("Divers found that two of the seven gates never longer closed [1].", [(1, 1)], "support"),
        ('They lowered the reservoir to inspect the "old spillway" [1].', [(1, 0)], "support"),
        ("Penguins are birds of the far south [1].", [], "source"),
        ("Yes [1].", [], "source"),
        ("They lowered the reservoir to inspect the old spillway [1.3].", [(1, 0)], "support"),
        ("They lowered the reservoir to inspect the old spillway [1.99].", [(1, 0)], "support"),
    ],
)
def test_where_a_source_bears_a_sentence_out(answer: str, lines: list[tuple[int, int]], basis: str) -> None:
    (found,) = cite_answer(answer, PASSAGES, infers=False).citations
    assert cited_lines(found) == lines
    assert found.basis == basis
    assert found.citation.status == {"quote": "verified", "support": "partial", "source": "not_found"}[basis]
    assert found.citation.document_id == f"d{found.source}"
    assert [region.page_number for region in found.citation.context] == [found.source]


def test_a_sentence_of_which_a_letter_was_misread_is_the_sources_own_words() -> None:
    (found,) = cite_answer("Divers found that two of the sevcn gates no longer closed.", PASSAGES).citations
    assert (found.basis, found.citation.status, found.citation.quote) == ("quote", "repaired", DAM[1])
    (found,) = cite_answer("Divers found that two of the seven doors no longer closed.", PASSAGES).citations
    assert (found.basis, found.citation.status, found.citation.quote) == ("support", "partial", DAM[1])


@pytest.mark.parametrize("markers", ["[1.2][1.3]", "[1.2, 1.3]", "[1.2-2][1.3]"])
def test_a_line_that_goes_with_the_one_that_says_it_is_no_slip(markers: str) -> None:
    answer = cite_answer(f"Divers found that two of the seven gates no longer closed {markers}.", PASSAGES)
    assert [cited_lines(found) for found in answer.citations] == [[(1, 1)], [(1, 2)]]
    assert [found.basis for found in answer.citations] == ["lines", "lines"]


def test_sources_and_lines_that_do_not_exist_are_counted() -> None:
    answer = cite_answer("A [7]. B [0]. C [1, 9]. D [1.99].", PASSAGES)
    assert answer.text == "A. B. C. D."
    assert [found.source for found in answer.citations] == [1, 1]
    assert answer.unresolved_markers == 4


def test_a_bare_number_after_a_line_is_a_line_where_there_is_no_such_source() -> None:
    answer = cite_answer("The gates and the concrete are broken [1.2, 3].", PASSAGES)
    assert [cited_lines(found) for found in answer.citations] == [[(1, 1)], [(1, 2)]]


def test_each_part_of_a_sentence_has_its_own_marker() -> None:
    answer = cite_answer("The reservoir was lowered in spring [1] and three companies answered then [2][1].", PASSAGES)
    assert parts(answer) == [
        "The reservoir was lowered in spring",
        "three companies answered then",
        "three companies answered then",
    ]
    assert cited_lines(answer.citations[1]) == [(2, 1)]


def test_markers_at_the_start_of_lines_are_for_what_follows() -> None:
    answer = cite_answer("- [1] They lowered it in spring. [2] Three companies answered.\n[1.3]\nSo.", PASSAGES)
    assert parts(answer)[:3] == [
        "They lowered it in spring.",
        "Three companies answered.",
        "Three companies answered.",
    ]


def test_a_marker_after_the_full_stop_is_for_the_sentence_before() -> None:
    answer = cite_answer("1. Dr. No came.[1] Three companies answered. [2] Rest", PASSAGES, infers=False)
    assert parts(answer) == ["Dr. No came.", "Three companies answered."]
    assert answer.text == "1. Dr. No came. Three companies answered. Rest"


def test_sentences_without_a_marker_are_matched_and_say_so() -> None:
    text = f"# {DAM[0]}\n{DAM[1]} Penguins are birds of the south. Did three companies answer? {ROAD[0]}"
    text += f"\n```\n{DAM[2]}\n```"
    answer = cite_answer(text, PASSAGES)
    assert answer.text == text
    assert parts(answer) == [DAM[1], ROAD[0]]
    assert all(found.is_inferred and not found.marker for found in answer.citations)
    assert [cited_lines(found) for found in answer.citations] == [[(1, 1)], [(2, 0)]]
    assert cite_answer(text, PASSAGES, infers=False).citations == ()


def test_a_sentence_in_bold_ends_with_its_full_stop() -> None:
    answer = cite_answer(f"**{DAM[1]}** Nobody was hurt. *{ROAD[0]}* It failed.", PASSAGES)
    assert parts(answer) == [f"**{DAM[1]}**", f"*{ROAD[0]}*"]
    assert [found.basis for found in answer.citations] == ["quote", "quote"]


def test_a_marked_sentence_is_not_matched_again() -> None:
    answer = cite_answer(f"{DAM[1]} [2] {ROAD[0]} [2.1]", PASSAGES)
    assert [found.is_inferred for found in answer.citations] == [False, False]


def test_code_and_links_are_left_alone() -> None:
    text = "See `a[1]`, [1](https://example.org/[2]) and\n```\nb[1]\n```"
    answer = cite_answer(text, PASSAGES)
    assert (answer.text, answer.citations) == (text, ())


def test_events_come_as_soon_as_they_can() -> None:
    stream = CitedStream(PASSAGES)
    assert stream.feed("The gates are broken") == [TextEvent(text="The gates are broken")]
    assert stream.feed(" [1.") == []
    assert stream.held == " [1."
    assert stream.feed("2]") == []
    citation, text = stream.feed(". Next")
    assert isinstance(citation, CitationEvent)
    assert cited_lines(citation.citation) == [(1, 1)]
    assert text == TextEvent(text=". Next")
    (final,) = stream.close()
    assert isinstance(final, FinalEvent)
    assert final.answer == cite_answer("The gates are broken [1.2]. Next", PASSAGES)


def test_the_document_gives_finer_places_than_a_store_kept() -> None:
    text = " ".join(DAM)
    lines, start = [], 0
    for number, sentence in enumerate(DAM):
        box = Box(left=0.1, top=0.1 + number * 0.02, right=0.9, bottom=0.115 + number * 0.02)
        lines.append(Line(start=start, end=start + len(sentence), box=box, source="text_layer"))
        start += len(sentence) + 1
    whole = Box(left=0.1, top=0.1, right=0.9, bottom=0.155)
    block = Block(id="b", kind=BlockKind.PARAGRAPH, text=text, page_number=1, boxes=(whole,), lines=tuple(lines))
    page = Page(number=1, label="1", width=595, height=842, blocks=(block,))
    document = Document(id="sha256:1", source="a.pdf", file_name="a.pdf", total_pages=1, pages=(page,))
    region = ChunkRegion(page_number=1, box=whole, start=0, end=len(text))
    stored = Passage(text=text, regions=(region,), document_id=document.id, precision="block")
    for answer in ("The gates are broken [1.2].", f"{DAM[1]} [1]"):
        (coarse,) = cite_answer(answer, [stored]).citations
        assert coarse.citation.precision == "block"
        (fine,) = cite_answer(answer, [stored], documents=[document]).citations
        assert (fine.citation.precision, cited_lines(fine)) == ("line", [(1, 1)])
    (chunk,) = chunk_document(document)
    (fine,) = cite_answer("The gates are broken [1.2].", [chunk], documents=[document]).citations
    assert (cited_lines(fine), fine.citation.box_source) == ([(1, 1)], "text_layer")


def test_everything_is_ready_for_json() -> None:
    stream = CitedStream(PASSAGES)
    events = [*stream.feed("The gates are broken [1.2]."), *stream.close()]
    sent = [json.loads(json.dumps(event.to_dict())) for event in events]
    assert [event["type"] for event in sent] == ["text", "citation", "text", "final"]
    assert sent[1]["citation"]["page_number"] == 1
    assert sent[3]["citations"] == [{name: value for name, value in sent[1].items() if name != "type"}]


def test_no_sources_and_empty_ones() -> None:
    assert cite_answer("A [1]. B.", []) == CitedAnswer(text="A. B.", citations=(), unresolved_markers=1)
    empty = Passage(text="", regions=())
    (found,) = cite_answer("The reservoir was lowered [1.1].", [empty]).citations
    assert found.basis == "source"
    place = Passage(text="", regions=(ChunkRegion(page_number=3, box=PAGE_BOX, start=0, end=0),))
    assert cite_answer("", [place]) == CitedAnswer(text="", citations=())


def test_the_prompt_and_the_answer_count_alike() -> None:
    shown = numbered_sources(PASSAGES)
    for line in shown.split("\n"):
        if line.startswith("["):
            marker, text = line.split("] ", 1)
            (found,) = cite_answer(f"So it is {marker}]", PASSAGES).citations
            assert found.citation.quote == text


def told(events: Sequence[Event]) -> list[Event]:
    """Events with neighbouring texts joined."""
    joined: list[Event] = []
    for event in events:
        if isinstance(event, TextEvent) and joined and isinstance(joined[-1], TextEvent):
            joined[-1] = TextEvent(text=joined[-1].text + event.text)
        else:
            joined.append(event)
    return joined


def test_the_order_of_events_does_not_depend_on_the_pieces() -> None:
    orders = []
    for pieces in (["[1][2]\n- So it is. "], ["[1][2]\n", "- So it is. "], list("[1][2]\n- So it is. ")):
        stream = CitedStream(PASSAGES)
        orders.append(told([*(event for piece in pieces for event in stream.feed(piece)), *stream.close()]))
    assert orders[0] == orders[1] == orders[2]
    assert [event.type for event in orders[0]] == ["text", "citation", "citation", "text", "final"]


PIECES = [
    *(
        "[1]",
        "[1.2]",
        "[2.1-3]",
        "[1, 2]",
        "[9]",
        "【1】",
        "[1](x)",
        "```",
        "`",
        "\n",
        "\n- ",
        ". ",
        " ",
        "# ",
        "| ",
        "?",
    ),
    *(DAM[1], ROAD[0], '"three companies answered"', "The gates are broken", "Yes", "[", "]", "e.g. ", "。"),
]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join),
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
def test_however_an_answer_is_cut_the_result_is_the_same(text: str, sizes: list[int]) -> None:
    stream, at, turn = CitedStream(PASSAGES), 0, 0
    events = []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        events += stream.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    events += stream.close()
    final = events[-1]
    assert isinstance(final, FinalEvent)
    assert final.answer == cite_answer(text, PASSAGES)
    stream = CitedStream(PASSAGES)
    assert told(events) == told([*stream.feed(text), *stream.close()])
    assert "".join(event.text for event in events if isinstance(event, TextEvent)) == final.answer.text
    assert tuple(event.citation for event in events if isinstance(event, CitationEvent)) == final.answer.citations
    for found in final.answer.citations:
        assert 0 <= found.answer_start <= found.answer_end <= len(final.answer.text)
        assert 0 <= found.at <= len(final.answer.text)
        assert 0 <= found.support <= 1


@pytest.mark.parametrize(
    "piece", ["[1]", "[1.2] a", "x [1]\n", "The gates are broken. ", "[1,", "word ", '"a b c d e" [2] ']
)
def test_hostile_answers_end(piece: str) -> None:
    answer = cite_answer(piece * 3000, PASSAGES)
    assert len(answer.citations) <= MOST_CITATIONS + 60
