"""Pages and files cut again from their text and metadata: what a framework's splitter is given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.chunk import ChunkOptions
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Document, Line, Page, Table
from deepseek_ocr_rag.errors import UnknownChunk
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.metadata import KEYS, parse_regions
from deepseek_ocr_rag.rechunk import Excerpt, rechunk
from deepseek_ocr_rag.records import Mode, Record, records
from deepseek_ocr_rag.tables import table_markdown
from deepseek_ocr_rag.tokens import TokenCounter

WORDS = TokenCounter("words", lambda text: len(text.split()))


def options(max_tokens: int = 40) -> ChunkOptions:
    return ChunkOptions(max_tokens=max_tokens, counter=WORDS)


def block(kind: str, text: str, *, page: int = 1, at: int = 0, **fields: Any) -> Block:
    """A block with a line for each line of its text, each in a box of its own."""
    lines, start = [], 0
    for number, words in enumerate(text.split("\n")):
        top = (at + number) / 100
        box = Box(left=0.1, top=top, right=0.9, bottom=top + 0.008)
        lines.append(Line(start=start, end=start + len(words), box=box, source="text_layer"))
        start += len(words) + 1
    return Block(id=f"{page}/{at}", kind=BlockKind(kind), text=text, page_number=page, lines=tuple(lines), **fields)


def table_block(rows: list[list[str]], **fields: Any) -> Block:
    cells = tuple(
        Cell(row=row, column=column, text=text, is_header=row == 0)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    table = Table(rows=len(rows), columns=len(rows[0]), cells=cells, header_rows=1)
    return block("table", table_markdown(table), table=table, **fields)


def document(*blocks: Block) -> Document:
    numbers = sorted({item.page_number for item in blocks})
    pages = tuple(
        Page(
            number=number,
            label=f"p{number}",
            width=595,
            height=842,
            engine="test",
            blocks=tuple(item for item in blocks if item.page_number == number),
        )
        for number in numbers
    )
    return Document(id="sha256:0", source="/a/b.pdf", file_name="b.pdf", total_pages=9, pages=pages)


def record(*blocks: Block, mode: Mode = "page") -> Record:
    (made,) = records(document(*blocks), mode, options=options(1000))
    return made


def cut(made: Record, max_tokens: int = 40) -> list[Excerpt]:
    return list(rechunk(made.text, made.metadata, options(max_tokens)))


def by_box(text: str, metadata: Mapping[str, Any]) -> dict[Box, str]:
    """The text that stands in each box, which may have several regions."""
    spans: dict[Box, tuple[int, int]] = {}
    for region in parse_regions(str(metadata["regions"])):
        start, end = spans.get(region.box, (region.start, region.end))
        spans[region.box] = min(start, region.start), max(end, region.end)
    return {box: text[start:end] for box, (start, end) in spans.items()}


def words(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


def test_sections_of_a_page_become_chunks_under_their_headings() -> None:
    made = record(
        block("title", "Report", level=1, at=1),
        block("paragraph", "What it is about.", at=2),
        block("heading", "Results", level=2, at=3),
        block("paragraph", "All went well.\nNobody fell.", at=4),
    )
    first, second = cut(made)
    assert (first.text, second.text) == ("# Report\n\nWhat it is about.", "## Results\n\nAll went well.\nNobody fell.")
    assert [made.text[item.start : item.end] for item in (first, second)] == [first.text, second.text]
    assert [item.metadata["section_path"] for item in (first, second)] == ["Report", "Report > Results"]
    assert [item.metadata["chunk_index"] for item in (first, second)] == [0, 1]
    assert second.metadata["regions_precision"] == "line"
    regions = parse_regions(second.metadata["regions"])
    assert [(region.box.top, second.text[region.start : region.end]) for region in regions] == [
        (0.03, "Results"),
        (0.04, "All went well."),
        (0.05, "Nobody fell."),
    ]


def test_the_metadata_has_all_keys_in_order_and_keeps_what_others_wrote() -> None:
    made = record(block("paragraph", "One.", page=3))
    (only,) = rechunk(made.text, made.metadata | {"author": "me"}, options())
    assert tuple(only.metadata) == (*KEYS, "author")
    whole = {"source": "/a/b.pdf", "file_name": "b.pdf", "doc_hash": "sha256:0", "total_pages": 9, "engine": "test"}
    place = {"page": 2, "page_number": 3, "page_end_number": 3, "page_label": "p3", "page_status": "ok"}
    assert only.metadata.items() >= (whole | place | {"author": "me", "element_type": "paragraph"}).items()
    assert only.metadata["chunk_id"] == only.id != made.id


def test_a_chunk_that_fits_is_left_alone() -> None:
    text = document(block("heading", "Results", level=1), block("paragraph", words(30), at=1))
    (chunk,) = records(text, "chunk", options=options())
    assert cut(chunk) == [Excerpt(id=chunk.id, text=chunk.text, metadata=chunk.metadata, start=0, end=len(chunk.text))]


def test_a_chunk_that_is_too_long_is_cut_under_its_section_path() -> None:
    text = document(
        block("title", "Report", level=1),
        block("heading", "Results", level=2, at=1),
        block("paragraph", words(60), at=2),
        block("paragraph", "The end.", at=3),
    )
    (chunk,) = records(text, "chunk", options=options(200))
    pieces = cut(chunk, 30)
    assert len(pieces) > 2
    assert {piece.metadata["section_path"] for piece in pieces} == {"Report > Results"}
    assert {piece.metadata["section_level"] for piece in pieces} == {2}
    for piece in pieces:
        tokens = WORDS(f"section_path: Report > Results\n\n{piece.text}")
        assert piece.metadata["token_count"] == tokens <= 30
        assert chunk.text[piece.start : piece.end] == piece.text


def test_a_table_is_cut_between_rows_and_says_its_header_again() -> None:
    rows = [["Site", "mg/L"], *([f"S{number}", str(number)] for number in range(30))]
    made = record(table_block(rows))
    pieces = cut(made)
    assert len(pieces) > 3
    assert all(piece.text.startswith("| Site | mg/L |\n|---|---|\n| S") for piece in pieces)
    assert {piece.metadata["element_type"] for piece in pieces} == {"table"}
    last = pieces[-1]
    assert made.text[last.start : last.end] == last.text.split("|---|---|\n")[1]
    tops = {
        last.text[region.start : region.end]: round(region.box.top * 100)
        for region in parse_regions(last.metadata["regions"])
    }
    assert tops["| Site | mg/L |"] == 0
    assert tops["| S29 | 29 |"] == 31  # a line for each row, and one for the |---|


def test_a_table_in_other_pipes_is_kept_as_it_is_under_its_header() -> None:
    header, rows = "a|b\n-|-", [f"x{number}|y{number}" for number in range(20)]
    pieces = list(rechunk("\n".join([header, *rows]), {}, options(16)))
    assert [piece.text for piece in pieces] == ["\n".join([header, *some]) for some in (rows[:14], rows[14:])]
    assert {piece.metadata["element_type"] for piece in pieces} == {"table"}


def test_list_items_and_code_keep_their_markdown() -> None:
    code = "def f():\n\n    return 1"
    made = record(
        block("list_item", "One", at=1),
        block("list_item", "Two", level=1, at=2),
        block("list_item", "3. Three", at=3),
        block("code", code, at=4),
    )
    (only,) = cut(made)
    assert only.text == f"- One\n  - Two\n3. Three\n\n```\n{code}\n```"
    assert (only.start, only.end) == (0, len(made.text))
    assert list(by_box(only.text, only.metadata).values()) == ["One", "Two", "3. Three", "def f():", "    return 1"]


@pytest.mark.parametrize(
    ("opening", "closing"), [("```python", "```"), ("~~~", "~~~"), ("````{.r}", "`````"), ("~~~~ sh", "   ~~~~  ")]
)
def test_code_in_any_fences_is_code_and_what_follows_is_not(opening: str, closing: str) -> None:
    code = f"{opening}\n# no heading\n\n    ```x\n{closing.rstrip()}"
    blank = closing[len(closing.rstrip()) :]
    text = f"{code}{blank}\n\n# Title\n\nText.\n\n{code}{blank}\n\n# End\n\nMore."
    pieces = list(rechunk(text, {}, options()))
    assert [piece.text for piece in pieces] == [code, f"# Title\n\nText.\n\n{code}", "# End\n\nMore."]
    assert [text[piece.start : piece.end] for piece in pieces] == [piece.text for piece in pieces]
    assert [piece.metadata["section_path"] for piece in pieces] == ["", "Title", "End"]
    assert pieces[0].metadata["element_type"] == "code"


def test_code_that_is_cut_is_written_between_its_own_fences() -> None:
    lines = [f"    a{number} = {number}" for number in range(20)]
    pieces = list(rechunk("\n".join(["Try:", "~~~python", *lines, "~~~", "Done."]), {}, options(20)))
    *code, last = pieces[1:]
    assert len(code) == 2
    assert all(piece.text.startswith("~~~python\n    a") and "\n~~~" in piece.text for piece in code)
    assert [line for piece in pieces for line in piece.text.split("\n") if " = " in line] == lines
    assert last.text.endswith("~~~\nDone.")


def test_an_unclosed_fence_runs_to_the_end_and_stays_unclosed() -> None:
    text = "Before.\n\n```\na\n\n# b\n~~~\n```c"
    (only,) = rechunk(text, {}, options())
    assert (only.text, only.metadata["section_path"]) == (text, "")


@pytest.mark.parametrize("text", ["```", "```\n```", "```python\n\n```", "``` a ` b\nc", "~~\na\n~~"])
def test_fences_around_nothing_are_text(text: str) -> None:
    assert [piece.text for piece in rechunk(text, {}, options())] == [text]


def test_a_long_fence_is_said_once() -> None:
    text = f"``` {words(12)}\n{' '.join(f'x{number}' for number in range(40))}\n```"
    pieces = list(rechunk(text, {}, options(20)))
    assert " ".join(piece.text for piece in pieces).split() == text.split()
    assert {piece.metadata["element_type"] for piece in pieces} == {"code"}


def test_a_tight_list_is_a_list() -> None:
    text = "- one\n  goes on\n- two\n    - three"
    (only,) = rechunk(text, {}, options())
    assert only.text == text
    assert only.metadata["element_type"] == "list_item"


def test_a_file_is_cut_into_chunks_that_know_their_pages() -> None:
    made = record(
        block("heading", "A", level=1, page=2),
        block("paragraph", "Second page.", page=2, at=1),
        block("heading", "B", level=1, page=5),
        block("paragraph", "Fifth page.", page=5, at=1),
        block("paragraph", "Sixth page.", page=6, at=1),
        mode="document",
    )
    first, second = cut(made)
    assert (first.metadata["page_number"], first.metadata["page_end_number"], first.metadata["page_label"]) == (
        2,
        2,
        "p2",
    )
    assert (second.metadata["page_number"], second.metadata["page_end_number"]) == (5, 6)
    assert (second.metadata["page"], second.metadata["page_label"]) == (4, "5")
    assert [region.page_number for region in parse_regions(second.metadata["regions"])] == [5, 5, 6]


def test_no_finer_precision_is_claimed_than_the_whole_has() -> None:
    made = record(block("paragraph", "One.", at=1), block("paragraph", "Two.", at=2))
    for precision in ("block", "page"):
        (only,) = rechunk(made.text, made.metadata | {"regions_precision": precision}, options())
        assert only.metadata["regions_precision"] == precision


def test_without_regions_the_page_is_known_if_there_is_but_one() -> None:
    made = record(block("paragraph", "One.", page=4))
    lost = made.metadata | {"regions": "[]", "regions_precision": "none"}
    (only,) = rechunk(made.text, lost, options())
    assert (only.metadata["regions_precision"], only.metadata["page_number"]) == ("page", 4)
    assert [region.page_number for region in parse_regions(only.metadata["regions"])] == [4]
    (only,) = rechunk(made.text, lost | {"page_end_number": 7}, options())
    assert (only.metadata["regions"], only.metadata["regions_precision"], only.metadata["x0"]) == ("[]", "none", -1)
    assert (only.metadata["page_number"], only.metadata["page_end_number"]) == (4, 7)


def test_text_that_was_changed_has_no_boxes() -> None:
    made = record(block("paragraph", "One sentence."), block("paragraph", "And another.", at=1))
    (only,) = rechunk(made.text[:12], made.metadata, options())
    assert only.metadata["regions_precision"] == "page"
    assert {region.box.area for region in parse_regions(only.metadata["regions"])} == {1.0}


def test_text_under_a_title_of_others_has_its_page_and_under_our_path_its_boxes() -> None:
    made = record(block("paragraph", "One sentence.", page=3), block("paragraph", "And another.", page=3, at=1))
    (titled,) = rechunk(f"A title\n\n{made.text}", made.metadata, options())
    assert (titled.metadata["regions_precision"], titled.metadata["page_number"]) == ("page", 3)
    under = made.metadata | {"section_path": "Results"}
    (pathed,) = rechunk(f"section_path: Results\n\n{made.text}", under, options())
    assert set(by_box(pathed.text, pathed.metadata).values()) == {"One sentence.", "And another."}


def test_text_without_a_place_is_on_the_pages_around_it() -> None:
    text = "# A\n\nOf the first page.\n\n# B\n\nNobody knows where this stands.\n\n# C\n\nOf the second page."
    rows = [[1, 0, 0, 900, 90, 2, text.index("\n\n# B")], [2, 0, 0, 900, 90, text.index("C\n"), len(text)]]
    metadata = {"regions": json.dumps(rows), "regions_precision": "page", "page_number": 1, "page_end_number": 2}
    pieces = [piece.metadata for piece in rechunk(text, metadata, options())]
    assert [(piece["page_number"], piece["page_end_number"]) for piece in pieces] == [(1, 1), (1, 2), (2, 2)]


def test_text_of_others_has_a_section_and_no_place() -> None:
    (only,) = rechunk("# Title\nSome text.", {"file": "x.md"}, options())
    assert tuple(only.metadata) == (*KEYS, "file")
    assert only.metadata["section_path"] == "Title"
    assert (only.metadata["page_number"], only.metadata["page"], only.metadata["regions"]) == (-1, -1, "[]")
    assert only.metadata["chunk_id"] == only.id
    (again,) = rechunk("# Title\nSome text.", {"file": "x.md"}, options())
    assert again == only


def test_what_other_readers_say_is_kept_where_we_know_nothing() -> None:
    theirs = {"page": 3, "page_label": "iv", "parent_id": "folder-7", "images": ["a.png"], "page_number": "four"}
    (only,) = rechunk("# Title\n\nSome text.", theirs, options())
    assert only.metadata.items() >= theirs.items()
    assert (only.metadata["page_end_number"], only.metadata["chunk_role"]) == (-1, "")
    families = list(rechunk(f"# Title\n\n{words(50)}", theirs, family_options()))
    assert [piece.metadata["page"] for piece in families] == [3] * len(families)
    parent, *children = families
    assert {child.metadata["parent_id"] for child in children} == {parent.id}


def family_options(max_tokens: int = 30, parent_tokens: int = 90) -> ChunkOptions:
    return replace(options(max_tokens), strategy="parent_child", parent_tokens=parent_tokens)


def sectioned(length: int) -> Record:
    """The second chunk of a section: its path is in its metadata alone."""
    text = document(
        block("title", "Report", level=1),
        block("heading", "Results", level=2, at=1),
        block("paragraph", "Before.", at=2),
        block("paragraph", words(length), at=3),
    )
    _, made = records(text, "chunk", options=options(length + 4))
    return made


def test_parents_have_the_section_path_as_their_children_do() -> None:
    pieces = list(rechunk((made := sectioned(250)).text, made.metadata, family_options()))
    assert {piece.metadata["chunk_role"] for piece in pieces} == {"parent", "child"}
    assert {piece.metadata["section_path"] for piece in pieces} == {"Report > Results"}
    for piece in pieces:
        tokens = WORDS(f"section_path: Report > Results\n\n{piece.text}")
        assert piece.metadata["token_count"] == tokens <= (90 if piece.metadata["chunk_role"] == "parent" else 30)
    assert max(piece.metadata["token_count"] for piece in pieces) > 60


def test_a_parent_comes_back_as_it_is_and_a_childs_pieces_lead_to_its_parent() -> None:
    text = document(block("heading", "Results", level=1), block("paragraph", words(100), at=1))
    parent, child, *_ = records(text, "chunk", options=family_options(60, 200))
    (same,) = cut(parent, 16)
    assert same == Excerpt(id=parent.id, text=parent.text, metadata=parent.metadata, start=0, end=len(parent.text))
    pieces = cut(child, 20)
    assert len(pieces) > 2
    assert {(piece.metadata["chunk_role"], piece.metadata["parent_id"]) for piece in pieces} == {("child", parent.id)}


def test_a_chunk_that_is_left_alone_has_the_tokens_of_this_counter() -> None:
    made = sectioned(20)
    letters = ChunkOptions(max_tokens=1000, counter=len)
    (only,) = rechunk(made.text, made.metadata, letters)
    assert only.id == made.id
    assert only.metadata["token_count"] == len(f"section_path: {only.metadata['section_path']}\n\n{made.text}")
    assert tuple(only.metadata) == KEYS


def test_a_page_of_which_a_block_has_no_place_keeps_the_lines_of_the_others() -> None:
    bare = replace(block("heading", "Nowhere", level=1), lines=())
    second = [block("heading", "B", at=4), block("paragraph", "Another one.", at=5)]
    made = record(bare, block("paragraph", "One sentence.", at=3), *second, replace(bare, id="c"))
    assert made.metadata["regions_precision"] == "line"
    pieces = cut(made)
    assert [piece.metadata["regions_precision"] for piece in pieces] == ["line", "line", "page"]


BLANK = "This page is intentionally left blank."


@pytest.mark.parametrize(
    "other",
    [
        {"source": "b.pdf", "page": 0},
        {"source": "a.pdf", "page": 1},
        {"source": "a.pdf", "page_number": 1},
        {"file_path": "a.pdf"},
        {"source": "a.pdf", "doc_hash": "sha256:1"},
    ],
)
def test_texts_that_say_the_same_in_different_places_have_different_ids(other: dict[str, Any]) -> None:
    def ids(metadata: dict[str, Any]) -> set[str]:
        return {piece.id for piece in rechunk(f"{BLANK}\n\n{BLANK}\n\n# Next\n\n{BLANK}", metadata, options())}

    mine: dict[str, Any] = {"source": "a.pdf", "page": 0}
    assert len(ids(mine)) == 2
    assert ids(mine) == ids(mine | {"read_on": "Monday"})
    assert not ids(mine) & ids(other)


def test_pages_of_one_file_under_two_names_are_told_apart_and_chunks_keep_their_ids() -> None:
    made = record(block("paragraph", BLANK))
    elsewhere = made.metadata | {"source": "/c/d.pdf"}
    (one,), (two,) = rechunk(made.text, made.metadata, options()), rechunk(made.text, elsewhere, options())
    assert one.id != two.id
    for piece in (one, two):
        (again,) = rechunk(piece.text, piece.metadata, options())
        assert again.id == again.metadata["chunk_id"] == piece.id


def images(excerpt: Excerpt) -> list[str]:
    return list(json.loads(excerpt.metadata["images"]))


def picture(path: str, *, page: int = 1, text: str = "") -> Block:
    return replace(block("figure", text, page=page), image=path, lines=(), id=path)


def test_pictures_leave_the_text_and_go_with_what_stands_beside_them() -> None:
    made = record(
        block("paragraph", words(60), at=1),
        picture("my figs/ab(1).jpg"),
        picture("my figs/ab-2.jpg"),
        block("caption", "Figure 1. " + words(10), at=2),
        block("heading", "Next", level=1, at=3),
        block("paragraph", words(70), at=4),
        picture("s3://b/3.jpg"),
    )
    assert "![Figure](my%20figs/ab%281%29.jpg)" in made.text
    pieces = cut(made)
    assert not any("![" in piece.text or ".jpg" in piece.text for piece in pieces)
    first_two = ["my figs/ab(1).jpg", "my figs/ab-2.jpg"]
    before = next(at for at, piece in enumerate(pieces) if "w59" in piece.text)
    caption = next(at for at, piece in enumerate(pieces) if "Figure 1" in piece.text)
    for at, piece in enumerate(pieces):
        wanted = first_two if at in (before, caption) else ["s3://b/3.jpg"] if at == len(pieces) - 1 else []
        assert images(piece) == wanted
    assert before > 0
    assert caption < len(pieces) - 2


def test_a_chunk_that_is_cut_keeps_its_pictures() -> None:
    made = record(block("paragraph", words(60), at=1), picture("figs/1.jpg"), mode="chunk")
    pieces = cut(made)
    assert len(pieces) > 1
    assert [images(piece) for piece in pieces] == [["figs/1.jpg"]] * len(pieces)
    assert not any("figs" in piece.text for piece in pieces)


@pytest.mark.parametrize("bullet", ["• ", "- ", "  ", ""])
@pytest.mark.parametrize("kind", ["list_item", "code", "paragraph"])
def test_a_picture_stands_beside_whatever_markdown_there_is(bullet: str, kind: str) -> None:
    made = record(
        block(kind, f"{bullet}{words(10)}\n", at=1), picture("figs/1.jpg"), block(kind, bullet + words(10), at=2)
    )
    assert [images(piece) for piece in cut(made, 16)] == [["figs/1.jpg"]] * 2


def test_pictures_beyond_what_the_metadata_has_room_for_are_known_by_their_folder() -> None:
    many = [picture(f"/a folder/{at}.jpg") for at in range(400)]
    made = record(block("paragraph", "Before."), *many[:399], block("paragraph", words(35), at=1), many[399])
    assert 0 < len(json.loads(str(made.metadata["images"]))) < 399
    pieces = cut(made)
    assert not any("![" in piece.text for piece in pieces)
    assert images(pieces[-1])[-1] in ("/a folder/399.jpg", images(pieces[0])[-1])
    assert all(len(piece.metadata["images"]) <= 4096 for piece in pieces)


@pytest.mark.parametrize("listed", [None, "", "[", "{}", '["other/1.jpg", 3]', 7, "[" * 100_000])
def test_links_to_pictures_that_are_not_ours_are_text(listed: object) -> None:
    text = "Before.\n\n![Figure](figs/1.jpg)\n\nAfter."
    (only,) = rechunk(text, {"images": listed} if listed is not None else {}, options())
    assert only.text == text
    is_list = listed in (None, "") or str(listed).endswith("]")
    assert only.metadata["images"] == ("[]" if is_list else listed)


def test_a_page_with_a_picture_alone_has_no_chunks() -> None:
    made = record(picture("figs/1.jpg"))
    assert made.text == "![Figure](figs/1.jpg)"
    assert cut(made) == []


def test_ids_do_not_depend_on_where_pictures_lie() -> None:
    here, there = (record(block("paragraph", words(60)), picture(f"{folder}/1.jpg")) for folder in ("a", "b/c"))
    assert [piece.id for piece in cut(here)] == [piece.id for piece in cut(there)]


def test_blank_text_gives_nothing() -> None:
    assert list(rechunk(" \n\n ", record(block("paragraph", "x")).metadata | {"regions": "[]"}, options())) == []


@pytest.mark.parametrize("regions", ["[[1,2]]", "{", '[["1",0,0,1,1,0,1]]', [1]])
def test_regions_of_somebody_else_are_refused(regions: object) -> None:
    with pytest.raises(UnknownChunk, match="as the reader made it"):
        list(rechunk("Text.", {"regions": regions}, options()))


def test_metadata_may_come_back_with_other_types() -> None:
    made = record(block("paragraph", "One.", page=3))
    changed = made.metadata | {"page_number": 3.0, "page_end_number": "3.0", "section_level": None}
    (only,) = rechunk(made.text, changed, options())
    assert only.metadata["page_number"] == 3


# Whatever the text


KINDS = st.sampled_from(["heading", "paragraph", "list_item", "code", "caption", "formula"])
LINES = st.lists(st.text("ab1 .。é|#-*`$", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=3)


@st.composite
def pages(draw: st.DrawFn) -> Record:
    drafts = draw(st.lists(st.tuples(KINDS, LINES, st.integers(1, 3)), min_size=1, max_size=8))
    blocks = [
        block(kind, "\n".join(lines), at=3 * at, level=level if kind in ("heading", "list_item") else 0)
        for at, (kind, lines, level) in enumerate(drafts)
    ]
    return record(*blocks)


@settings(max_examples=150, deadline=None)
@given(made=pages(), max_tokens=st.integers(16, 30))
def test_regions_go_with_their_characters(made: Record, max_tokens: int) -> None:
    boxes = by_box(made.text, made.metadata)
    pieces = cut(made, max_tokens)
    assert len({piece.id for piece in pieces}) == len(pieces)
    for piece in pieces:
        assert piece.metadata["token_count"] <= max_tokens
        for region in parse_regions(piece.metadata["regions"]):
            shown = piece.text[region.start : region.end]
            assert 0 <= region.start < region.end <= len(piece.text)
            assert region.box not in boxes or shown in boxes[region.box]


@settings(max_examples=300, deadline=None)
@given(text=st.text("ab1. \n\t#-*|`$\\é\u200d\ud800", max_size=200), max_tokens=st.integers(16, 20))
def test_any_text_is_cut_without_a_loss(text: str, max_tokens: int) -> None:
    pieces = list(rechunk(text, {}, options(max_tokens)))
    shown = {at for piece in pieces for at in range(piece.start, piece.end)}
    assert {at for at, letter in enumerate(text) if letter in "ab1é"} <= shown
    said = Counter("".join(piece.text for piece in pieces))
    assert all(said[letter] >= count for letter, count in Counter(text).items() if letter in "ab1é$")
    assert all(WORDS(piece.text) <= max_tokens for piece in pieces)
