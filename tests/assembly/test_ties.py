"""Captions belong to tables and figures, footnotes to what refers to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.assembly import ties as module
from deepseek_ocr_rag.assembly.ties import tied
from deepseek_ocr_rag.document import Block, BlockKind, Page
from deepseek_ocr_rag.geometry import Box

BODY, FOOT = Box(left=0.1, top=0.2, right=0.9, bottom=0.4), Box(left=0.1, top=0.85, right=0.9, bottom=0.9)


def block(kind: str, text: str, box: Box | None = BODY, *, size: float = 0.0, label: str = "") -> Block:
    boxes = (box,) if box else ()
    return Block(
        id=f"{kind} {text}", kind=BlockKind(kind), text=text, page_number=1, boxes=boxes, font_size=size, label=label
    )


def ties(*blocks: Block) -> list[tuple[str, str]]:
    """What each caption and footnote belongs to."""
    made = tied(Page(number=1, label="", width=1, height=1, blocks=blocks))
    assert tied(made) == made
    return [
        (item.text, item.belongs_to) for item in made.blocks if item.kind in (BlockKind.CAPTION, BlockKind.FOOTNOTE)
    ]


PROSE = "This is a paragraph of the page, which is long enough to show how large its letters are"


def test_captions_belong_to_tables_and_figures() -> None:
    figure, table = block("figure", "a"), block("table", "b")
    assert ties(figure, block("caption", "Figure 1"), block("page_footer", "7"), table) == [("Figure 1", "figure a")]
    assert ties(figure, block("caption", "Table 1"), table) == [("Table 1", "table b")]
    assert ties(block("caption", "alone"), block("paragraph", "p"), table) == [("alone", "")]


def test_every_caption_beside_a_figure_is_of_it() -> None:
    captions = block("caption", "a"), block("caption", "Fig. 1")
    assert [owner for _, owner in ties(captions[0], block("figure", "f"), captions[1])] == ["figure f", "figure f"]


def test_a_caption_out_of_order_is_of_what_is_near() -> None:
    below = Box(left=0.1, top=0.42, right=0.9, bottom=0.44)
    blocks = block("figure", "f"), block("paragraph", "p", Box(left=0.1, top=0.6, right=0.9, bottom=0.8))
    assert ties(*blocks, block("caption", "Fig. 1", below)) == [("Fig. 1", "figure f")]
    assert ties(*blocks, block("caption", "Fig. 1", FOOT)) == [("Fig. 1", "")]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"{PROSE},5 and more", "5 A note."),
        (f"{PROSE} word1 and more", "1A note."),
        (f"{PROSE}.² More", "² A note."),
        (f"{PROSE} \\( ^{{12}} \\) and more", "12 A note."),
        (f"{PROSE} \\( ^{{a,*}} \\) and more", "\\( ^{a} \\) A note."),
        (f"{PROSE} $^{{1}}$ and more", "$^{1}$ A note."),
        (f"{PROSE}<sup>3</sup> and more", "<sup>3</sup> A note."),
        (f"{PROSE} [4] and more", "[4] A note."),
        (f"{PROSE}* and more", "* A note."),
        (f"{PROSE}† and more", "†A note."),
        (f"{PROSE} 시행된3) more", "3) A note."),
    ],
)
def test_footnotes_belong_to_what_refers_to_them(text: str, note: str) -> None:
    blocks = block("paragraph", PROSE + "."), block("paragraph", text), block("paragraph", f"{PROSE}.")
    assert ties(*blocks, block("footnote", note, FOOT)) == [(note, f"paragraph {text}")]


@pytest.mark.parametrize("text", [f"{PROSE} CO2 and more", f"{PROSE} in 2", f"{PROSE} 1.2 and 22 and 2 and 2,000"])
def test_other_numbers_are_no_references(text: str) -> None:
    assert ties(block("paragraph", text), block("footnote", "2 A note.", FOOT)) == [("2 A note.", "")]


def test_notes_of_tables_belong_to_the_table_above() -> None:
    note = block("footnote", "Source: nobody", FOOT, label="table_footnote")
    assert ties(block("table", "| a |"), block("figure", "f"), note) == [("Source: nobody", "table | a |")]
    assert ties(block("table", "| a |"), replace(note, label="footnote")) == [("Source: nobody", "")]


SMALL, LARGE = 8.0, 10.0
TEXT = block("paragraph", f"{PROSE} word1 and more.", size=LARGE)
NOTE = block("paragraph", "1 A note in small letters.", FOOT, size=SMALL)


def kinds(*blocks: Block) -> list[str]:
    made = tied(Page(number=1, label="", width=1, height=1, blocks=blocks))
    return [str(item.kind) for item in made.blocks]


def test_small_text_at_the_foot_with_mark_and_reference_is_a_footnote() -> None:
    second = replace(NOTE, text="2 Another.", boxes=(Box(left=0.1, top=0.91, right=0.9, bottom=0.93),), id="second")
    more = replace(TEXT, text=f"{PROSE}.2 And more.", id="more")
    number = block("page_footer", "7", Box(left=0.5, top=0.95, right=0.52, bottom=0.97))
    assert kinds(TEXT, more, NOTE, second, number) == ["paragraph", "paragraph", "footnote", "footnote", "page_footer"]


@pytest.mark.parametrize(
    "blocks",
    [
        (TEXT, replace(NOTE, font_size=LARGE)),
        (TEXT, replace(NOTE, text="2 A note in small letters.")),
        (TEXT, replace(NOTE, text="A note in small letters.")),
        (TEXT, replace(NOTE, boxes=(Box(left=0.1, top=0.42, right=0.9, bottom=0.44),))),
        (TEXT, NOTE, block("heading", "Below", Box(left=0.1, top=0.92, right=0.9, bottom=0.95))),
        (TEXT, replace(NOTE, boxes=())),
        (NOTE, TEXT),
        (replace(TEXT, font_size=0.0), replace(NOTE, font_size=0.0)),
    ],
)
def test_other_text_stays_text(blocks: tuple[Block, ...]) -> None:
    assert "footnote" not in kinds(*blocks)


def test_without_sizes_the_mark_has_to_be_raised_and_shown_once() -> None:
    text = block("paragraph", f"{PROSE} \\( ^{{89}} \\) Zr and more.")
    note = block("paragraph", "\\( ^{89} \\) Zr was made.", FOOT)
    assert kinds(text, note) == ["paragraph", "footnote"]
    assert kinds(text, replace(text, id="again"), note) == ["paragraph", "paragraph", "paragraph"]


def test_a_plain_mark_at_the_foot_is_a_note_of_the_one_raised_mark() -> None:
    text = block("paragraph", f"{PROSE}<sup>1</sup> and then")
    note = block("paragraph", "1 Smith, Tea and Trade, London 1990", FOOT)
    assert ties(text, note) == [(note.text, text.id)]
    assert ties(text, replace(text, id="again"), note) == []
    assert ties(text, replace(note, text="1. The first point is that this is a paragraph.")) == []


@pytest.mark.parametrize("mark", ["5 m$^2$", "x\\(^{2}\\)", "10 km²", "3 ft<sup>3</sup>"])
def test_powers_are_no_marks(mark: str) -> None:
    text = block("paragraph", f"{PROSE}: {mark} of it.")
    assert (
        ties(text, block("paragraph", "\\(^{2}\\)H is deuterium.", FOOT), block("paragraph", "<sup>3</sup> H", FOOT))
        == []
    )


def test_lists_of_literature_are_no_notes() -> None:
    text = block("paragraph", f"{PROSE} [8] and later in [9].")
    places = [Box(left=0.1, top=top, right=0.9, bottom=top + 0.03) for top in (0.55, 0.6, 0.65)]
    entries = [
        block("paragraph", f"[{at}] A. Smith, Tea, 1990.", box) for at, box in zip((7, 8, 9), places, strict=True)
    ]
    assert ties(text, *entries) == []
    assert ties(text, block("heading", "References"), entries[1]) == []
    assert len(ties(text, entries[1])) == 1


def test_raised_marks_under_a_table_that_shows_them_are_its_notes() -> None:
    table = block("table", "| Dose \\( ^{a} \\) | Time \\( ^{b} \\) |")
    notes = [
        block("paragraph", f"\\( ^{{{mark}}} \\) A note.", Box(left=0.1, top=0.42, right=0.9, bottom=0.44))
        for mark in "ab"
    ]
    assert kinds(table, *notes, TEXT) == ["table", "footnote", "footnote", "paragraph"]
    assert kinds(table, TEXT, *notes)[2:] == ["paragraph", "paragraph"]


BLOCKS = st.builds(
    block,
    st.sampled_from([str(kind) for kind in BlockKind]),
    st.sampled_from(
        ["1 note", "word1 here", "", "Table 1", "[1] x", "\\( ^{1} \\) y", f"{PROSE}.*", "* z", "Figure 2"]
    ),
    st.sampled_from([BODY, FOOT, None]),
    size=st.sampled_from([0.0, SMALL, LARGE]),
)


@given(st.lists(BLOCKS, max_size=8, unique_by=lambda item: item.id))
def test_blocks_only_get_ties_and_notes_their_kind(blocks: list[Block]) -> None:
    made = tied(Page(number=1, label="", width=1, height=1, blocks=tuple(blocks)))
    ids = {item.id: item for item in made.blocks}
    for item, was in zip(made.blocks, blocks, strict=True):
        assert replace(item, kind=was.kind, belongs_to="", level=was.level) == was
        assert item.kind == was.kind or (item.kind is BlockKind.FOOTNOTE and item.belongs_to)
        assert not item.belongs_to or ids[item.belongs_to] is not item
        if item.belongs_to and item.kind is BlockKind.CAPTION:
            assert ids[item.belongs_to].kind in (BlockKind.TABLE, BlockKind.FIGURE)


def test_marks_at_the_head_of_a_page_are_none_of_notes() -> None:
    text = block("paragraph", f"{PROSE}<sup>1</sup> and then", Box(left=0.1, top=0.05, right=0.9, bottom=0.1))
    assert ties(text, block("paragraph", "1 Smith, Tea and Trade, London 1990", BODY)) == []
    assert len(ties(text, block("paragraph", "1 Smith, Tea and Trade, London 1990", FOOT))) == 1


@given(
    st.lists(st.sampled_from(["\\(", "\\)", "$", "^", "{", "}", " ", "2", "a", "<sup>", "</sup>", "²", "[", "]", "*"]))
)
def test_raised_marks_are_all_found(signs: list[str]) -> None:
    text = "".join(signs)
    found = [match.span() for match in module._raised(text)]
    assert found == [match.span() for match in module._RAISED.finditer(text)]
