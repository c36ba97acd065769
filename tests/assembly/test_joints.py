"""Whether one text goes on in another, and what stands between the two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly import joints
from deepseek_ocr_rag.assembly.joints import Words, goes_on, joint
from deepseek_ocr_rag.document import Block, BlockKind, Line, Page
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.markdown import HYPHENS

FULL, SHORT = 0.5, 0.3


def lined(text: str, *rights: float, left: float = 0.1, lefts: tuple[float, ...] = ()) -> Block:
    """A block whose lines end at those places; its text is shared out among them."""
    step = len(text) / max(1, len(rights))
    lines = tuple(
        Line(
            start=round(at * step),
            end=round((at + 1) * step),
            box=Box(left=lefts[at] if lefts else left, top=0.1 + 0.02 * at, right=right, bottom=0.12 + 0.02 * at),
            source="text_layer",
        )
        for at, right in enumerate(rights)
    )
    return Block(id=text, kind=BlockKind.PARAGRAPH, text=text, page_number=1, lines=lines)


PROSE = "words that fill the lines of a paragraph in one of the columns of a paper "


@pytest.mark.parametrize(
    ("end", "begin", "expected"),
    [
        ("a sentence that", "goes on", True),
        ("a sentence with a hy-", "phen", True),
        ("from Soekarno-", "Hatta Airport", True),
        ("a sentence that", "“goes” on", True),
        ("a sentence.", "another", False),
        ("he said “no.”", "and left", False),
        ("as was shown. [12]", "and so on", False),
        ("as was shown.\\( ^{5} \\)", "and so on", False),
        ("as was shown.³", "and so on", False),
        ("these are:", "one", False),
        ("a sentence of words", "Ends differently", False),
        ("a sentence that", "a) begins a list", False),
        ("a sentence that", "i. begins a list", False),
        ("a sentence that", "• begins a list", False),
        ("a sentence that", "figure 3 shows", False),
        ("a sentence that", "i.e. goes on", True),
        ("没有句号", "接着", False),
        ("12", "apples", False),
        ("", "apples", False),
        ("并且还要继续，", "因此我们继续说。", True),
        ("تستمر حتى نهاية الصفحة،", "في الصفحة التالية", True),
        ("the president of the", "United States of America.", True),
        ("at the house of Mr.", "Smith", True),
        ("as in Fig.", "3 and in the text", True),
        ("see e.g.", "the work of Smith", True),
        ("see e.g.", "The work of Smith", False),
        ("the house was sold;", "the garden was not.", True),
        ("the house was sold;", "The garden was not.", False),
        ("in the time of COVID-", "19 cases", True),
        ("apples", " ", False),
    ],
)
def test_words_alone_tell_where_there_is_case(end: str, begin: str, expected: bool) -> None:
    assert goes_on(lined(end), lined(begin)) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (lined(PROSE + "the United", FULL, FULL, FULL), lined("States of"), True),
        (lined(PROSE + "the United", FULL, FULL, SHORT), lined("States of"), False),
        (lined(PROSE + "was carried out in", FULL, FULL, 0.46), lined("2024 by"), True),
        (lined(PROSE + "was carried out", FULL, FULL, 0.46), lined("2024 by"), False),
        (lined(PROSE + "the United", FULL, FULL, FULL), lined("States of all", 0.5, 0.5, lefts=(0.13, 0.1)), False),
        (lined(PROSE + "United", FULL), lined("States of"), False),
        (lined("Part A Part B", FULL, FULL, FULL), lined("Details of"), False),
        (lined("没有句号的段落在这里", FULL, FULL, FULL), lined("接着往下"), True),
        (lined("没有句号的段落在这里", FULL, FULL, SHORT), lined("接着往下"), False),
        (lined("一个段落。", FULL, FULL), lined("接着往下"), False),
        (lined("没有句号的段落在这里", FULL, FULL), lined("第三章 总则"), False),
        (lined("ย่อหน้าที่ไม่มีจุด", FULL, FULL), lined("ดำเนินต่อไป"), True),
        (lined("هذه فقرة طويلة", 0.5, 0.5, lefts=(0.1, 0.1)), lined("تستمر هنا"), True),
        (lined("هذه فقرة طويلة", 0.5, 0.5, lefts=(0.1, 0.3)), lined("تستمر هنا"), False),
    ],
)
def test_the_last_line_tells_where_case_does_not(before: Block, after: Block, expected: bool) -> None:
    assert goes_on(before, after) is expected


def test_lines_from_top_to_bottom_tell_nothing() -> None:
    box = Box(left=0.4, top=0.1, right=0.42, bottom=0.9)
    lines = tuple(Line(start=at, end=at + 1, box=box, source="ocr") for at in range(2))
    assert not goes_on(Block(id="v", kind=BlockKind.PARAGRAPH, text="縦書", page_number=1, lines=lines), lined("接着"))


KNOWN = {"representation", "REPRESENTATION", "long-term", "co-operate", "cooperate", "그러나"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("two", "words", "space"),
        ("repre-", "sentation of", "hyphen"),
        ("long-", "term", "none"),
        ("co-", "operate", "none"),
        ("un-", "heard", "none"),
        ("un\u00ad", "heard", "hyphen"),
        ("short-", "and long-term", "space"),
        ("Soekarno-", "Hatta", "none"),
        ("a pause –", "or not", "space"),
        ("and/", "or", "none"),
        ("没有", "句号", "none"),
        ("ไม่มี", "จุด", "none"),
        ("그러", "나 이것은", "none"),
        ("그러나", "이것은", "space"),
        ("", "x", "space"),
        ("REPRE-", "SENTATION", "hyphen"),
        ("Repre-", "Sentation", "none"),
        ("COVID-", "19 cases", "none"),
        ("representation-", "19 cases", "none"),
        ("2019-", "2020", "none"),
        ("10-", "und 12-", "space"),
        ("and -", "then", "space"),
        ("short-", "nor long-term", "space"),
        ("korte-", "en lange", "space"),
    ],
)
def test_what_stands_between(before: str, after: str, expected: str) -> None:
    assert joint(before, after, KNOWN) == expected


def words(*texts: str) -> Words:
    known = Words()
    for number, text in enumerate(texts):
        block = Block(id="b", kind=BlockKind.PARAGRAPH, text=text, page_number=number)
        known.see(Page(number=number, label="", width=1, height=1, blocks=(block,)))
    return known


def test_words_are_known_whole_in_any_case() -> None:
    known = words("The Representation is long-term, repre- sentation", "hy-\nphen")
    assert "representation" in known
    assert "LONG-TERM" in known
    assert "long" not in known
    assert "repre" not in known
    assert "hy" not in known
    assert not known.__contains__(7)


def test_words_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joints, "MOST_WORDS", 10)
    known = words("first", *("".join(chr(97 + at // 5**place % 5) for place in range(3)) for at in range(125)))
    assert "first" not in known
    assert "eee" in known
    assert len(known._latest) + len(known._before) <= 22


def test_long_texts_are_read_in_linear_time() -> None:
    assert "x" not in words("a" * 200_000 + "-", "a-" * 100_000, "- " * 100_000)
    for text in ("a" * 200_000, "a-" * 100_000, "[1," * 50_000, "\\( ^{" * 40_000):
        goes_on(lined(text), lined(text))
        joint(text, text, KNOWN)


@given(st.text(max_size=30), st.text(max_size=30))
def test_every_pair_of_texts_has_a_joint(before: str, after: str) -> None:
    found = joint(before, after, KNOWN)
    assert found != "hyphen" or before.rstrip()[-1] in HYPHENS
    goes_on(lined(before), lined(after))
