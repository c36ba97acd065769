"""Part of a line gets its part of the line's box, and no more than the line where nothing tells which part."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Block, BlockKind, Line, LineWord
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.narrow import Flow, Strip, advances, flow_of, shown_box

LYING = Box(left=0.1, top=0.2, right=0.9, bottom=0.22)
STANDING = Box(left=0.2, top=0.1, right=0.22, bottom=0.9)
TEXT = "The gates were closed in spring"


def words_of(text: str, box: Box = LYING) -> tuple[LineWord, ...]:
    """The words of a text in letters of one width, upright, each a little lower than the line is."""
    words, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        edges = [box.left + box.width * place / len(text) for place in (start, at)]
        words.append(
            LineWord(
                start=start, end=at, box=Box(left=edges[0], top=box.top + 0.002, right=edges[1], bottom=box.bottom)
            )
        )
    return tuple(words)


def below(box: Box, lines: int = 1) -> Box:
    step = lines * 0.024
    return replace(box, top=box.top + step, bottom=box.bottom + step)


def beside(box: Box, lines: int) -> Box:
    step = lines * 0.024
    return replace(box, left=box.left + step, right=box.right + step)


def test_known_words_are_taken_to_the_letter() -> None:
    words = words_of(TEXT)
    strip = Strip(text=TEXT, box=LYING, words=words, flow="right")
    box, is_known = strip.part(TEXT.index("gates"), TEXT.index(" closed"))
    assert is_known
    assert box.as_tuple() == pytest.approx(words[1].box.union(words[2].box).as_tuple())


@pytest.mark.parametrize("said", ["(see Figure 3)", '"quoted" words, here', "well-known; at once."])
def test_marks_around_a_word_belong_to_its_box(said: str) -> None:
    first = next(at for at, char in enumerate(said) if char.isalnum())
    strip = Strip(text=said, box=LYING, words=words_of(said), flow="right")
    box, is_known = strip.part(first, len(said))
    assert (box.left, is_known) == (LYING.left, True)


def test_between_known_words_it_is_estimated_and_said() -> None:
    words = words_of(TEXT)
    strip = Strip(text=TEXT, box=LYING, words=(words[0], *words[3:]), flow="right")
    box, is_known = strip.part(TEXT.index("were"), TEXT.index("spring") + 6)
    assert not is_known
    assert words[0].box.right < box.left < words[3].box.left
    assert [box.right, box.top] == pytest.approx([words[-1].box.right, LYING.top])


def test_part_of_a_word_without_spaces_is_cut_out_of_it() -> None:
    text = "水库的水位应在秋季降低"
    word = LineWord(start=0, end=len(text), box=LYING)
    box, is_known = Strip(text=text, box=LYING, words=(word,), flow="right").part(3, 5)
    assert is_known
    assert box.left == pytest.approx(LYING.left + LYING.width * 3 / len(text))
    assert box.right == pytest.approx(LYING.left + LYING.width * 5 / len(text))


@pytest.mark.parametrize(
    ("flow", "sides"),
    [
        ("right", (0.1, 0.2, 0.3, 0.22)),
        ("left", (0.7, 0.2, 0.9, 0.22)),
        ("down", (0.2, 0.1, 0.22, 0.3)),
        ("up", (0.2, 0.7, 0.22, 0.9)),
    ],
)
def test_the_first_quarter_is_where_the_text_begins(flow: Flow, sides: tuple[float, ...]) -> None:
    line = LYING if flow in ("right", "left") else STANDING
    box, is_known = Strip(text="aaaa" * 4, box=line, flow=flow).part(0, 4)
    assert box.as_tuple() == pytest.approx(sides)
    assert not is_known


def test_a_line_of_no_sure_direction_is_not_cut() -> None:
    assert Strip(text=TEXT, box=LYING).part(0, 9) == (LYING, False)


def test_narrow_letters_take_less_of_the_line() -> None:
    strip = Strip(text="illi MMMM", box=LYING, flow="right")
    assert strip.part(0, 4)[0].width < 0.4 * strip.part(5, 9)[0].width


@pytest.mark.parametrize(
    ("text", "ems"),
    [
        ("水位", 2.0),
        ("ＡＢ", 2.0),
        ("e\u0301", 0.45),
        (r"\(\alpha_{1}\)", 0.6 + 0.56),
        ("**a**<sup>b</sup>", 0.5 + 0.56),
        ("", 0.0),
    ],
)
def test_advances(text: str, ems: float) -> None:
    assert len(advances(text)) == len(text)
    assert sum(advances(text)) == pytest.approx(ems)


HEBREW = "מים רבים לא יוכלו לכבות"


@pytest.mark.parametrize(
    ("text", "box", "before", "after", "flow"),
    [
        (TEXT, LYING, None, None, "right"),
        (TEXT, LYING, below(LYING, -1), below(LYING), "right"),
        (TEXT, LYING, below(LYING), below(LYING, -1), "left"),  # the page is upside down
        (TEXT, LYING, None, below(LYING, -1), None),
        (TEXT, LYING, None, below(LYING, -7), "right"),  # another column
        (HEBREW, LYING, None, None, "left"),
        (HEBREW + " and more", LYING, None, None, None),
        (TEXT, STANDING, None, None, None),
        (TEXT, STANDING, beside(STANDING, 1), beside(STANDING, -1), "down"),  # turned clockwise
        (TEXT, STANDING, None, beside(STANDING, 1), "up"),
        (HEBREW, STANDING, None, beside(STANDING, 1), "down"),
        ("it", STANDING, None, beside(STANDING, 1), None),
    ],
)
def test_neighbours_tell_where_text_goes_on(
    text: str, box: Box, before: Box | None, after: Box | None, flow: Flow | None
) -> None:
    assert flow_of(Strip(text=text, box=box), before=before, after=after) == flow


def test_words_tell_it_better() -> None:
    there = words_of(TEXT)
    assert flow_of(Strip(text=TEXT, box=LYING, words=there), after=below(LYING, -1)) == "right"
    back = tuple(replace(word, box=other.box) for word, other in zip(there, reversed(there), strict=True))
    assert flow_of(Strip(text=TEXT, box=LYING, words=back)) == "left"
    mixed = (there[1], replace(there[2], box=there[0].box), there[3])
    assert flow_of(Strip(text=TEXT, box=LYING, words=mixed)) is None


def test_a_line_of_a_block_shows_what_of_it_is_asked_for() -> None:
    text = f"{TEXT}\n{TEXT}"
    lines = tuple(
        Line(start=start, end=start + len(TEXT), box=below(LYING, at), source="ink")
        for at, start in enumerate((0, len(TEXT) + 1))
    )
    block = Block(id="b", kind=BlockKind.PARAGRAPH, text=text, page_number=1, lines=lines)
    start = text.index("closed")
    cut, whole = (shown_box(block, lines, at, start=start, end=len(text)) for at in (0, 1))
    assert whole == lines[1].box
    assert (cut.right, cut.top) == (LYING.right, LYING.top)
    assert 0.3 < (cut.left - LYING.left) / LYING.width < 0.7
    cells = replace(block, kind=BlockKind.TABLE)
    assert shown_box(cells, lines, 0, start=start, end=len(text)) == LYING
    model = tuple(replace(line, source="model") for line in lines)
    assert shown_box(block, model, 0, start=start, end=len(text)) == LYING


SIDES = st.tuples(*[st.floats(0, 1)] * 4)
FLOWS: tuple[Flow | None, ...] = ("right", "left", "down", "up", None)


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    """Lines with any words at any place, in any order."""
    text = draw(st.text(alphabet="ab i.,W 水م\u0301\\({}", min_size=1, max_size=30))
    words = draw(
        st.lists(
            st.builds(
                lambda start, size, sides: LineWord(start=start, end=start + size, box=Box.from_fractions(*sides)),
                st.integers(0, 30),
                st.integers(0, 6),
                SIDES,
            ),
            max_size=4,
        )
    )
    return Strip(text=text, box=Box.from_fractions(*draw(SIDES)), words=tuple(words), flow=draw(st.sampled_from(FLOWS)))


def holds(outer: Box, inner: Box) -> bool:
    return all(
        (
            outer.left <= inner.left + 1e-12,
            outer.top <= inner.top + 1e-12,
            outer.right >= inner.right - 1e-12,
            outer.bottom >= inner.bottom - 1e-12,
        )
    )


@given(strips(), st.integers(-3, 35), st.integers(-3, 35), SIDES)
def test_the_part_is_in_the_line_whatever_the_words(
    strip: Strip, start: int, end: int, sides: tuple[float, ...]
) -> None:
    box, _ = strip.part(start, end)
    assert holds(strip.box, box)
    other = Box.from_fractions(*sides)
    assert flow_of(strip, before=other, after=box) in FLOWS


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5), st.integers(0, 5), st.sampled_from(FLOWS), st.data())
def test_more_characters_cover_more(
    start: int, size: int, before: int, after: int, flow: Flow | None, data: st.DataObject
) -> None:
    known = data.draw(st.sets(st.sampled_from(words_of(TEXT))))
    box = LYING if flow in ("right", "left", None) else STANDING
    words = tuple(sorted(known, key=lambda word: word.start)) if flow == "right" else ()
    strip = Strip(text=TEXT, box=box, words=words, flow=flow)
    less, _ = strip.part(start, min(len(TEXT), start + size))
    more, _ = strip.part(max(0, start - before), min(len(TEXT), start + size) + after)
    if TEXT[start : start + size].strip():
        assert holds(more, less)
