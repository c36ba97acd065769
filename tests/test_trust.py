"""What is missing, added or changed on a page is told; what readings write differently is not."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.document import Block, BlockKind
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.recognition import Recognition, Word
from deepseek_ocr_rag.refill import filled
from deepseek_ocr_rag.testimony import is_gibberish, letters_profile
from deepseek_ocr_rag.trust import LOST_WORDS, Trust, page_evidence, suspicious, verdict

RECORDED = Path(__file__).parents[1].parent / "shared" / "data" / "recorded"

PARAGRAPHS = (
    "The committee met on 14 March 1998 in the town hall and heard eleven witnesses from the three villages about "
    "the flood, its causes and the money that had been promised since.",
    "Repairs to the northern bridge cost 48210 pounds, of which the county paid two thirds; the rest was raised by "
    "a lottery, a concert and the sale of timber from the fallen oaks.",
    "Nobody disputed that the weir should have been opened earlier, yet its keeper had no telephone and the road "
    "was under water by the time a messenger could be found to ride out.",
)
FOREIGN = "Sparrows build untidy nests under roof tiles, line them with feathers and raise several broods every summer."


def typeset(paragraphs: tuple[str, ...], *, top: float = 0.15, left: float = 0.1) -> tuple[list[Word], list[Box]]:
    """Words of paragraphs set in lines of about 70 letters, and the paragraphs' boxes."""
    words, boxes, y = [], [], top
    for paragraph in paragraphs:
        x, start = left, y
        for text in paragraph.split():
            if x + len(text) / 100 > left + 0.7:
                x, y = left, y + 0.025
            words.append(Word(text=text, box=Box.from_fractions(x, y, x + len(text) / 100, y + 0.015)))
            x += (len(text) + 1) / 100
        boxes.append(Box.from_fractions(left, start, left + 0.7, y + 0.015))
        y += 0.06
    return words, boxes


def told(*texts: str, boxes: list[Box], kind: BlockKind = BlockKind.PARAGRAPH) -> tuple[Block, ...]:
    return tuple(
        Block(id=f"p1-b{at}", kind=kind, text=text, page_number=1, boxes=(box,))
        for at, (text, box) in enumerate(zip(texts, boxes, strict=True), start=1)
    )


WORDS, BOXES = typeset(PARAGRAPHS)
BLOCKS = told(*PARAGRAPHS, boxes=BOXES)


def judged(blocks: tuple[Block, ...], words: list[Word] | None = None) -> Trust:
    trust = page_evidence(blocks, tuple(WORDS if words is None else words))
    assert trust is not None
    return trust


def with_text(at: int, text: str) -> tuple[Block, ...]:
    return (*BLOCKS[:at], replace(BLOCKS[at], text=text), *BLOCKS[at + 1 :])


def test_an_answer_that_says_all_is_trusted() -> None:
    trust = judged(BLOCKS)
    assert (trust.coverage, trust.support, trust.digits) == (1, 1, 1)
    assert verdict(trust) == ()
    assert filled(BLOCKS, trust, page_number=1) == BLOCKS


@pytest.mark.parametrize("has_boxes", [True, False])
@pytest.mark.parametrize("gone", range(3))
def test_a_lost_paragraph_is_told_with_its_place(gone: int, has_boxes: bool) -> None:
    blocks = BLOCKS if has_boxes else tuple(replace(block, boxes=()) for block in BLOCKS)
    trust = judged(blocks[:gone] + blocks[gone + 1 :])
    [region] = suspicious(trust)
    assert region.text == PARAGRAPHS[gone]
    assert all(BOXES[gone].covers(box) > 0.9 for box in region.boxes)
    assert trust.support == 1
    assert trust.coverage < 0.8
    [reason] = verdict(trust)
    assert f"{region.words:.0f} words that the answer lacks" in reason
    assert PARAGRAPHS[gone][:40] in reason


@pytest.mark.parametrize("has_boxes", [True, False])
@pytest.mark.parametrize("gone", range(3))
def test_what_is_lost_is_filled_in_where_it_belongs(gone: int, has_boxes: bool) -> None:
    blocks = BLOCKS if has_boxes else tuple(replace(block, boxes=()) for block in BLOCKS)
    left = blocks[:gone] + blocks[gone + 1 :]
    whole = filled(left, judged(left), page_number=1)
    if has_boxes or gone:
        assert [block.text for block in whole] == list(PARAGRAPHS)
    assert len({block.id for block in whole}) == 3
    [new] = [block for block in whole if block not in left]
    assert [new.text[line.start : line.end] for line in new.lines] == [line.text for line in judged(left).lost[0].lines]
    assert {line.source for line in new.lines} == {"text_layer"}
    assert verdict(judged(whole)) == ()


def test_ids_of_what_is_filled_in_are_new() -> None:
    left = (replace(BLOCKS[0], id="p1-e1"), BLOCKS[2])
    assert [block.id for block in filled(left, judged(left), page_number=1)] == ["p1-e1", "p1-e2", "p1-b3"]


@pytest.mark.parametrize(("said", "shown"), [("48210", "48270"), ("1998", "1993"), ("14", "19")])
def test_a_changed_digit_is_told(said: str, shown: str) -> None:
    at = next(at for at, text in enumerate(PARAGRAPHS) if said in text)
    trust = judged(with_text(at, PARAGRAPHS[at].replace(said, shown)))
    [number] = trust.changed
    assert (number.text, number.evidence.strip(",;"), number.block_id) == (shown, said, f"p1-b{at + 1}")
    assert trust.digits < 1
    assert verdict(trust) == (f'The answer says "{shown}" where the page\'s text layer has "{number.evidence}"',)


def test_a_changed_letter_is_not_told() -> None:
    assert verdict(judged(with_text(0, PARAGRAPHS[0].replace("witnesses", "witneses")))) == ()


def test_an_added_sentence_is_told() -> None:
    text = PARAGRAPHS[1].replace("; the rest", f". {FOREIGN} The rest")
    trust = judged(with_text(1, text))
    [span] = [span for span in trust.unsupported if span.words > 3]
    assert span.block_id == "p1-b2"
    assert text[span.start : span.end] == span.text == FOREIGN[:-1]
    assert trust.support < 0.9
    assert "words that the page's text layer lacks" in verdict(trust)[0]


def test_a_table_may_be_read_in_any_order_but_its_numbers_may_not_change() -> None:
    rows = [("Year", "Sales", "Costs"), *((str(year), str(year * 37), str(year * 11)) for year in range(1990, 2000))]
    boxes = {
        (y, x): Box.from_fractions(0.1 + x / 5, 0.1 + y / 30, 0.2 + x / 5, 0.12 + y / 30)
        for y in range(11)
        for x in range(3)
    }
    by_columns = [Word(text=rows[y][x], box=boxes[y, x]) for x in range(3) for y in range(11)]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    place = [Box.from_fractions(0.1, 0.1, 0.7, 0.5)]
    table = told(text, boxes=place, kind=BlockKind.TABLE)
    assert verdict(judged(table, by_columns)) == ()
    wrong = text.replace(str(1995 * 37), str(1995 * 37 + 2))
    [number] = judged(told(wrong, boxes=place, kind=BlockKind.TABLE), by_columns).changed
    assert (number.text, number.evidence) == (str(1995 * 37 + 2), str(1995 * 37))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("the \ufb01rst of\ufb01ce was recon- structed", "the first office was reconstructed"),
        ("between 1990\u20131995 the \u201cold\u201d weir\u2019s", 'between 1990-1995 the "old" weir\'s'),
        ("costs rose by 12 % in 20191 alone", "costs rose by \\(12\\%\\) in 2019\\(^{1}\\) alone"),
        ("where \U0001d465 i + 1 = \U0001d6fc y 2 holds", "where \\(x_{i+1} = \\alpha y^{2}\\) holds"),
        ("\u2022 the first, see note3 below", "- the first, see note below"),
        ("caf\u00e9 H2O ½ cup", "cafe H<sub>2</sub>O 1/2 cup"),
    ],
)
def test_other_ways_of_writing_are_not_told(shown: str, said: str) -> None:
    words, boxes = typeset((PARAGRAPHS[0] + " " + shown, *PARAGRAPHS[1:]))
    trust = judged(told(PARAGRAPHS[0] + " " + said, *PARAGRAPHS[1:], boxes=boxes), words)
    assert verdict(trust) == ()
    assert trust.changed == ()


def test_running_heads_line_numbers_and_pictures_may_be_missing() -> None:
    head, _ = typeset(("Annual report of the flood committee of the lower valley, with appendices and maps",), top=0.03)
    foot, _ = typeset(("Printed for the county by the university press in the spring of the year 17",), top=0.95)
    numbers = [
        Word(text=str(at), box=Box.from_fractions(0.02, 0.14 + at / 40, 0.04, 0.155 + at / 40)) for at in range(1, 25)
    ]
    chart, [place] = typeset(("Rain fall in May June July August and then some more of it " * 2,), top=0.7)
    figure = Block(id="p1-b9", kind=BlockKind.FIGURE, text="", page_number=1, boxes=(place,))
    trust = judged((*BLOCKS, figure), [*head, *WORDS, *numbers, *chart, *foot])
    assert verdict(trust) == ()
    assert trust.coverage == 1


def test_bold_letters_drawn_twice_count_once() -> None:
    twice = [
        one
        for word in WORDS
        for one in (word, replace(word, box=Box.from_fractions(*(side + 0.0004 for side in word.box.as_tuple()))))
    ]
    assert verdict(judged(BLOCKS, twice)) == ()


def test_where_nothing_can_be_told_nothing_is() -> None:
    shifted = [Word(text="".join(chr(ord(char) + 3) for char in word.text), box=word.box) for word in WORDS]
    for words in (
        (),
        WORDS[: LOST_WORDS - 4],
        [replace(word, text="\ue001\ue002\ufffd") for word in WORDS],
        shifted,
        [replace(word, text="\u0414\u043e\u0431\u0440\u044b\u0439") for word in WORDS],
    ):
        trust = page_evidence(BLOCKS, tuple(words))
        assert trust is None
        assert verdict(trust) == ()
        assert filled(BLOCKS, trust, page_number=1) == BLOCKS


def test_a_part_of_the_layer_that_is_garbled_is_no_loss() -> None:
    first = len(PARAGRAPHS[0].split())
    words = [
        Word(text="".join(chr(ord(char) + 3) for char in word.text), box=word.box) if at < first else word
        for at, word in enumerate(WORDS)
    ]
    assert verdict(judged(BLOCKS, words)) == ()


def test_an_answer_about_something_else_is_suspect() -> None:
    others = [FOREIGN + " " + FOREIGN.replace("Sparrows", "Swallows")] * 3
    reasons = verdict(judged(told(*others, boxes=BOXES)))
    assert any("answer lacks" in reason for reason in reasons)
    assert any("text layer lacks" in reason for reason in reasons)


def test_ocr_is_named() -> None:
    trust = page_evidence(BLOCKS[:2], tuple(WORDS), source="ocr")
    assert trust is not None
    assert "The page's OCR has" in verdict(trust)[0]
    assert {line.source for line in filled(BLOCKS[:2], trust, page_number=1)[-1].lines} == {"ocr"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=60), max_size=5),
    st.lists(st.tuples(st.text(max_size=8), *([st.floats(0, 1)] * 4)), max_size=40),
    st.sampled_from(list(BlockKind)),
)
def test_whatever_comes_is_judged(
    texts: list[str], rows: list[tuple[str, float, float, float, float]], kind: BlockKind
) -> None:
    words = tuple(Word(text=text, box=Box.from_fractions(*corners)) for text, *corners in rows)
    places = [word.box for word in words[: len(texts)]]
    blocks = told(*texts[: len(places)], boxes=places, kind=kind)
    trust = page_evidence(blocks, (*words, *WORDS))
    if trust is None:
        return
    assert all(0 <= share <= 1 for share in (trust.coverage, trust.support, trust.digits))
    text_of = {block.id: block.text for block in blocks}
    assert all(text_of[span.block_id][span.start : span.end] == span.text for span in trust.unsupported)
    assert all(isinstance(reason, str) for reason in verdict(trust))
    whole = filled(blocks, trust, page_number=1)
    assert [block for block in whole if block in blocks] == list(blocks)
    assert len({block.id for block in whole}) == len(whole)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(3)), st.integers(0, 10**6))
def test_the_order_of_the_file_does_not_matter(order: list[int], seed: int) -> None:
    words, start = list[Word](), 0
    parts = []
    for paragraph in PARAGRAPHS:
        parts.append(WORDS[start : start + len(paragraph.split())])
        start += len(paragraph.split())
    for at in order:
        words += parts[at]
    gone = random.Random(seed).randrange(3)
    left = BLOCKS[:gone] + BLOCKS[gone + 1 :]
    assert verdict(judged(BLOCKS, words)) == ()
    assert [region.text for region in suspicious(judged(left, words))] == [PARAGRAPHS[gone]]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")
def test_recorded_answers_are_trusted_and_one_without_its_table_is_not() -> None:
    pymupdf = pytest.importorskip("pymupdf")

    def trust_of(answer: str, path: str) -> Trust:
        with pymupdf.open(RECORDED / path) as document:
            page = document[0]
            size = {"width": page.rect.width, "height": page.rect.height}
            words = [Word(text=row[4], box=Box.from_size(row[:4], **size)) for row in page.get_text("words")]
        text = (RECORDED / answer).read_text(encoding="utf-8")
        return judged(build_blocks(Recognition(page_number=1, engine="test", text=text))[0], words)

    pdf = "docling-project__docling/2305.03393v1-pg9.pdf"
    whole = trust_of("docling-project__docling/deepseek_example.md", pdf)
    assert verdict(whole) == ()
    assert whole.coverage > 0.95
    without_table = trust_of("docling-project__docling/deepseek_simple.md", pdf)
    assert any("Table 1. HPO performed" in reason for reason in verdict(without_table))
    paper = trust_of("lacerbi__inscriber/deepseek_paper_p1_raw.txt", "lacerbi__inscriber/sample_paper.pdf")
    assert verdict(paper) == ()


def test_a_number_that_stands_elsewhere_in_the_file_is_compared_when_nothing_else_is_left() -> None:
    place = Box(left=0.05, top=0.55, right=0.95, bottom=0.6)
    said = "identification page : 1/1 modele 160 annee: 9019"
    heading = Block(id="p1-b9", kind=BlockKind.HEADING, text=said, page_number=1, boxes=(place,))
    there = "identification modele 160 annee: 2019 page : 1/1"
    line = [
        Word(text=text, box=Box(left=0.06 + 0.1 * at, top=0.56, right=0.14 + 0.1 * at, bottom=0.58))
        for at, text in enumerate(there.split())
    ]
    trust = judged((*BLOCKS, heading), [*WORDS, *line])
    assert [(number.text, number.evidence) for number in trust.changed] == [("9019", "2019")]


@pytest.mark.parametrize(
    ("text", "gibberish"),
    [
        ("The committee met in March. Комитет собрался в марте.", False),
        ("日本語のテキストはカタカナと漢字 and Latin", False),
        ("서비스 제공 기준 with English", False),
        ("ΰԔϸЇ́ ߙ ϣÎg ࠒ ۉ ۈ ߓ Ե ΰചʽ ဍ", True),
    ],
)
def test_text_of_two_scripts_is_text(text: str, gibberish: bool) -> None:
    assert is_gibberish(letters_profile([text])) == gibberish


def test_letters_of_many_scripts_are_no_evidence_even_against_an_answer_of_few() -> None:
    glyphs = "ΰԔϸЇ́ ߙ ϣÎg Οϙϭʵ ˁt ÅΣ ΣÔ ƨȈƟƢǬǴƬǳƒ «ƢǻƢǰǷȍƢƥ ΰԔϸЇ́ ߙ ϣÎg ϙķϢʆi ǖş ࠒ ۉ ۈ ߓ Ե ΰചʽ ဍ"
    words = [
        Word(text=text, box=Box(left=0.1, top=0.1 + 0.02 * at, right=0.3, bottom=0.11 + 0.02 * at))
        for at, text in enumerate(glyphs.split())
    ]
    trust = page_evidence((replace(BLOCKS[0], text="A word."),), tuple(words))
    assert verdict(trust) == ()
