import contextlib
import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag import captions
from deepseek_ocr_rag import metadata as module
from deepseek_ocr_rag.captions import hosts
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document
from deepseek_ocr_rag.document import Block, BlockKind, Document, Line, Page, Table
from deepseek_ocr_rag.errors import CitationError, UnknownChunk
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.metadata import (
    EXCLUDED_FROM_EMBEDDING,
    EXCLUDED_FROM_LLM,
    KEYS,
    Known,
    chunk_metadata,
    document_metadata,
    page_metadata,
    parse_regions,
    whole_number,
)
from deepseek_ocr_rag.placing import Placed, markdown_places


def regions_of(blocks):
    """Where the markdown of blocks stands, as regions."""
    return tuple(
        module.ChunkRegion(page_number=one.page_number, box=one.box, start=one.start, end=one.end)
        for one in markdown_places(blocks)
    )


def page_text(page):
    """The text that a page's regions index into, and those regions."""
    return page.markdown, regions_of(page.blocks)


def document_text(made):
    """The text that a document's regions index into, and those regions."""
    return made.markdown, regions_of(made.blocks())


OPTIONS = ChunkOptions(counter=lambda text: len(text.split()), max_tokens=60)


def block(name, kind, text, *, page=1, at=0.1, lined=False, boxed=True, **fields):
    """A block of lines of ten characters, one under the other."""
    box = Box(left=0.1, top=at, right=0.9, bottom=at + 0.2)
    starts = range(0, len(text), 10) if lined else ()
    lines = tuple(
        Line(
            start=start,
            end=min(start + 10, len(text)),
            box=Box(left=0.1, top=at + 0.001 * row, right=0.5, bottom=at + 0.001 * row + 0.001),
            source="text_layer",
        )
        for row, start in enumerate(starts)
    )
    boxes = (box,) if boxed else ()
    return Block(id=name, kind=BlockKind(kind), text=text, page_number=page, boxes=boxes, lines=lines, **fields)


def document(*pages, **fields):
    made = tuple(
        Page(number=number, label=label, width=595, height=842, blocks=blocks, **extra)
        for number, (label, blocks, extra) in enumerate(pages, start=fields.pop("first", 1))
    )
    return Document(id="sha256:ab", source="/in/a.pdf", file_name="a.pdf", total_pages=7, pages=made)


REPORT = document(
    (
        "iv",
        (
            block("h", "heading", "Results", level=1, at=0.1),
            block("p", "paragraph", "First lines of text that goes", at=0.3, lined=True),
            block("f", "page_footer", "iv", at=0.8),
        ),
        {"engine": "local/text-layer", "status": "retried"},
    ),
    (
        "",
        (
            block("q", "paragraph", "on here.", page=2, at=0.2, continues="p"),
            block("l", "list_item", "• one", page=2, at=0.5),
            block("c", "code", "x = 1", page=2, at=0.6, boxed=False),
        ),
        {"engine": "local/rapidocr", "status": "suspect"},
    ),
)


PICTURED = document(
    (
        "1",
        (
            block("a", "paragraph", "Before it."),
            block("f", "figure", "", image="figs/1.jpg"),
            block("g", "figure", "A mill.", image="s3://b/2 (x).jpg", lined=True),
            block("c", "caption", "Figure 1"),
        ),
        {},
    ),
    ("2", (block("h", "figure", "", page=2, image="figs/3.jpg"),), {}),
)


def only_chunk(made=REPORT):
    (chunk,) = chunk_document(made, OPTIONS)
    return chunk


def test_a_chunk_has_every_key_in_order_with_its_type():
    chunk = only_chunk()
    made = chunk_metadata(REPORT, chunk)
    regions = json.loads(made.pop("regions"))
    assert made == {
        "source": "/in/a.pdf",
        "file_name": "a.pdf",
        "doc_hash": "sha256:ab",
        "page": 0,
        "page_number": 1,
        "page_end_number": 2,
        "page_label": "iv",
        "total_pages": 7,
        "element_type": "paragraph",
        "section_path": "Results",
        "section_level": 1,
        "chunk_index": 0,
        "chunk_id": chunk.id,
        "token_count": chunk.token_count,
        "engine": "local/text-layer",
        "page_status": "suspect",
        "regions_precision": "block",
        "x0": 1000,
        "y0": 1000,
        "x1": 9000,
        "y1": 3030,
        "images": "[]",
        "parent_id": "",
        "chunk_role": "",
    }
    assert regions[0] == [1, 1000, 1000, 9000, 3000, 2, 9]
    assert regions[1] == [1, 1000, 3000, 5000, 3010, 11, 21]
    assert regions[-1][:5] == [2, 0, 0, 10000, 10000]
    assert [chunk.text[start:end] for *_, start, end in regions[1:4]] == ["First line", "s of text ", "that goes"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: chunk_metadata(REPORT, only_chunk()),
        lambda: page_metadata(REPORT, REPORT.pages[1]),
        lambda: document_metadata(REPORT),
        lambda: document_metadata(document()),
        lambda: page_metadata(PICTURED, PICTURED.pages[0]),
        lambda: page_metadata(document(), Page(number=3, label="", width=1, height=1)),
    ],
)
def test_keys_and_types_never_change(make):
    made = make()
    assert tuple(made) == KEYS
    expected = chunk_metadata(REPORT, only_chunk())
    assert {key: type(value) for key, value in made.items()} == {key: type(value) for key, value in expected.items()}
    assert len(json.dumps({**made, "regions": ""})) < 1000


def test_pages_and_documents():
    page = page_metadata(REPORT, REPORT.pages[1])
    assert (page["element_type"], page["page"], page["page_number"], page["page_label"]) == ("page", 1, 2, "2")
    assert (page["chunk_index"], page["token_count"], page["section_path"], page["section_level"]) == (-1, -1, "", 0)
    assert (page["engine"], page["page_status"]) == ("local/rapidocr", "suspect")
    whole = document_metadata(REPORT)
    assert (whole["element_type"], whole["page_number"], whole["page_end_number"]) == ("document", 1, 2)
    ids = {page["chunk_id"], whole["chunk_id"], page_metadata(REPORT, REPORT.pages[0])["chunk_id"], only_chunk().id}
    assert len(ids) == 4
    assert page_metadata(REPORT, REPORT.pages[1])["chunk_id"] == page["chunk_id"]
    other = replace(REPORT, id="sha256:cd")
    assert page_metadata(other, REPORT.pages[1])["chunk_id"] != page["chunk_id"]


def test_an_empty_page_has_no_regions():
    made = page_metadata(REPORT, Page(number=3, label="", width=1, height=1, status="empty"))
    assert (made["regions"], made["regions_precision"], made["x0"], made["y1"]) == ("[]", "none", -1, -1)
    assert made["page_status"] == "empty"


def test_the_page_of_a_chunk_is_that_of_its_rows_not_of_its_repeated_header():
    from deepseek_ocr_rag.anchors import Anchor

    chunk = only_chunk()
    far = Anchor(block_id="p", page_number=1, start=0, end=5, chunk_start=0, repeated=True)
    near = Anchor(block_id="q", page_number=2, start=0, end=8, chunk_start=6)
    made = chunk_metadata(REPORT, replace(chunk, text="First\non here.", anchors=(far, near)))
    assert (made["page_number"], made["page_label"], made["engine"]) == (2, "2", "local/rapidocr")
    assert (made["y0"], made["y1"]) == (2000, 4000)
    assert [row[0] for row in json.loads(made["regions"])] == [1, 2]


def test_pictures_are_paths_of_what_the_text_shows():
    first, second = PICTURED.pages
    both = ["figs/1.jpg", "s3://b/2 (x).jpg"]
    assert json.loads(page_metadata(PICTURED, first)["images"]) == both
    assert json.loads(page_metadata(PICTURED, second)["images"]) == ["figs/3.jpg"]
    assert json.loads(document_metadata(PICTURED)["images"]) == [*both, "figs/3.jpg"]
    assert json.loads(chunk_metadata(PICTURED, only_chunk(PICTURED))["images"]) == both
    assert second.markdown == "![Figure](figs/3.jpg)"
    text, regions = page_text(first)
    assert text == "Before it.\n\n![Figure](figs/1.jpg)\n\n![Figure](s3://b/2%20%28x%29.jpg)\n\nA mill.\n\nFigure 1"
    assert [text[region.start : region.end] for region in regions] == ["Before it.", "A mill.", "Figure 1"]


def test_a_page_is_looked_through_once_and_not_for_every_chunk(monkeypatch):
    looked = []
    monkeypatch.setattr(captions, "hosts", lambda blocks: looked.append(blocks) or hosts(blocks))
    blocks = (block("f", "figure", "", image="f.jpg"), *(block(f"p{at}", "paragraph", "word " * 50) for at in range(9)))
    last = (block("g", "figure", "", page=2, image="g.jpg"), block("q", "paragraph", "x", page=2))
    made = document(("1", blocks, {}), ("2", last, {}))
    images = [chunk_metadata(made, chunk)["images"] for chunk in chunk_document(made, OPTIONS)]
    assert len(images) > 5
    assert [json.loads(found) for found in (images[0], images[1], images[-1])] == [["f.jpg"], [], ["g.jpg"]]
    assert [id(seen) for seen in looked] == [id(page.blocks) for page in made.pages]


@pytest.mark.parametrize(("limit", "count"), [(10**4, 100), (1000, 52), (20, 1), (19, 0), (2, 0)])
def test_pictures_take_no_more_room_than_there_is(limit, count):
    blocks = tuple(block(f"f{at}", "figure", "", image=f"figs/é{at % 10}.jpg") for at in range(100))
    made = document(("1", blocks, {}))
    written = page_metadata(made, made.pages[0], max_region_bytes=limit)["images"]
    assert len(json.loads(written)) == count
    assert len(written) <= limit
    assert written.isascii()


def test_text_and_regions_of_pages_and_documents_agree():
    for page in REPORT.pages:
        text, regions = page_text(page)
        assert text == page.markdown
        written = parse_regions(page_metadata(REPORT, page)["regions"])
        assert written == tuple(replace(region, box=Box.from_ints(region.box.to_ints())) for region in regions)
    text, regions = document_text(REPORT)
    assert text == REPORT.markdown
    assert [text[region.start : region.end] for region in regions] == [
        "Results", "First line", "s of text ", "that goes", "on here.", "one", "x = 1",
    ]  # fmt: skip


def test_what_goes_on_over_a_page_is_one_text_with_the_places_of_both():
    rows = ["| a |", "|---|", "| 1 |", "| 2 |"]
    grid = Table(rows=3, columns=1, cells=(), header_rows=1, repeats_header=True)
    made = document(
        (
            "1",
            (
                block("p", "paragraph", "A miller lives at the mil-", lined=True, continued_by="q"),
                block("n", "footnote", "A note."),
                block("t", "table", "\n".join(rows), table=grid, boxed=False, continued_by="u"),
            ),
            {},
        ),
        (
            "2",
            (
                block("q", "paragraph", "lpond today.", page=2, lined=True, continues="p", joint="hyphen"),
                block("u", "table", "\n".join([*rows[:2], "| 3 |"]), page=2, table=grid, continues="t"),
            ),
            {},
        ),
    )
    text, regions = document_text(made)
    assert text == made.markdown == "A miller lives at the millpond today.\n\nA note.\n\n" + "\n".join([*rows, "| 3 |"])
    assert [(region.page_number, text[region.start : region.end]) for region in regions] == [
        (1, "A miller l"),
        (1, "ives at th"),
        (1, "e mil"),
        (2, "lpond toda"),
        (2, "y."),
        (1, "A note."),
        (1, "\n".join(rows)),
        (2, "| 3 |"),
    ]
    first, second = (page_text(page)[0] for page in made.pages)
    assert first.startswith("A miller lives at the mil-\n\n")
    assert second.startswith("lpond today.\n\n| a |")


@pytest.mark.parametrize(
    ("limit", "precision", "count"),
    [(10**6, "line", 150), (4000, "block", 3), (700, "block", 3), (60, "page", 1), (20, "none", 0)],
)
def test_regions_that_are_too_long_are_joined(limit, precision, count):
    texts = {name: name * 500 for name in "abc"}
    blocks = tuple(block(name, "paragraph", text, lined=True, at=0.2) for name, text in texts.items())
    made = document(("1", blocks, {}))
    metadata = page_metadata(made, made.pages[0], max_region_bytes=limit)
    assert (metadata["regions_precision"], len(json.loads(metadata["regions"]))) == (precision, count)
    assert len(metadata["regions"]) <= limit
    regions = parse_regions(metadata["regions"])
    text = made.pages[0].markdown
    if precision == "block":
        assert [text[region.start : region.end] for region in regions] == list(texts.values())
    if precision == "page":
        assert text[regions[0].start : regions[0].end] == text
    assert (metadata["x0"], metadata["y0"], metadata["x1"], metadata["y1"]) == (1000, 2000, 5000, 2500)


def test_precision_is_what_the_weakest_region_has_that_has_a_place():
    lined, boxed = block("a", "paragraph", "Lined text.", lined=True), block("b", "paragraph", "Boxed text.")
    bare = block("c", "paragraph", "Bare text.", boxed=False)
    for blocks, precision in (
        ((lined,), "line"),
        ((lined, boxed), "block"),
        ((lined, bare), "line"),
        ((lined, boxed, bare), "block"),
        ((bare, bare), "page"),
    ):
        made = document(("1", blocks, {}))
        assert page_metadata(made, made.pages[0])["regions_precision"] == precision


def test_a_chunk_of_another_document_is_refused():
    chunk = only_chunk()
    with pytest.raises(UnknownChunk, match="cut from"):
        chunk_metadata(replace(REPORT, id="sha256:cd"), chunk)
    with pytest.raises(UnknownChunk):
        chunk_metadata(replace(REPORT, pages=REPORT.pages[:1]), chunk)
    with pytest.raises(UnknownChunk):
        chunk_metadata(replace(REPORT, pages=(replace(REPORT.pages[0], blocks=()), REPORT.pages[1])), chunk)


def test_embedder_and_model_see_what_helps_them():
    assert set(KEYS) - set(EXCLUDED_FROM_EMBEDDING) == {"section_path"}
    assert set(KEYS) - set(EXCLUDED_FROM_LLM) == {"source", "file_name", "page_label", "section_path"}


@pytest.mark.parametrize(
    "regions",
    [
        "", "null", "{}", "[1]", "[[1,2,3]]", "[[1,0,0,1,1,0,true]]", "[[1,0,0,1,1,0,1.5]]", "[[0,0,0,1,1,0,1]]",
        "[[1,5,0,1,1,0,1]]", "[[1,0,0,10001,1,0,1]]", "[[1,0,0,1,1,5,1]]", "[[1,0,0,1,1,5,5]]", "[[1,0,0,1,1,-1,1]]",
        "[" * 100_000, "[[1,0,0,1,1,0,NaN]]", "[[1,0,0,1,1,0," + "9" * 5000 + "]]", "[[1,0,0,1,1,0,1]", "x",
        " " * 5_000_000,
    ],
)  # fmt: skip
def test_regions_that_we_did_not_write_are_refused(regions):
    with pytest.raises(CitationError) as caught:
        parse_regions(regions)
    assert type(caught.value) is UnknownChunk


def test_regions_that_are_no_text_are_refused():
    with pytest.raises(UnknownChunk):
        parse_regions(None)


def test_no_regions_are_none():
    assert parse_regions("[]") == ()


@settings(deadline=None)
@given(st.text(max_size=40))
def test_parsing_raises_nothing_else(text):
    with contextlib.suppress(UnknownChunk):
        parse_regions(text)


CORNERS = st.tuples(*[st.integers(0, 10_000)] * 4)
ROWS = st.tuples(st.integers(1, 99), CORNERS, st.integers(0, 500), st.integers(1, 500))


@given(st.lists(ROWS, max_size=10))
def test_regions_survive_the_way_through_metadata(rows):
    regions = tuple(
        module.ChunkRegion(page_number=page, box=Box.from_ints(corners), start=start, end=start + length)
        for page, corners, start, length in rows
    )
    located = [Placed("b", one.page_number, one.box, one.start, one.end, "line") for one in regions]
    written, _ = module.written_regions(located, 10**6)
    assert parse_regions(written) == regions


BLOCKS = st.builds(
    lambda kind, text, lined, boxed, image: block(f"{kind}{text}", kind, text, lined=lined, boxed=boxed, image=image),
    st.sampled_from(list(BlockKind)),
    st.text("ab •-1.\n", max_size=30),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "figs/a b.jpg"]),
)


@settings(deadline=None)
@given(st.lists(st.lists(BLOCKS, max_size=4), max_size=4))
def test_page_text_is_the_pages_markdown(pages):
    made = document(*(("", tuple(blocks), {}) for blocks in pages))
    assert document_text(made)[0] == made.markdown
    for page in made.pages:
        text, regions = page_text(page)
        assert text == page.markdown
        assert all(0 <= region.start < region.end <= len(text) for region in regions)


# What came back from a store


LINES = tuple(
    f"Gate {name} was lowered again." for name in ("one", "two", "three", "four", "five", "six", "seven", "ten")
)


def lines_document(lines=LINES):
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    boxes = [Box(left=0.1, top=0.1 + number / 50, right=0.9, bottom=0.11 + number / 50) for number in range(len(lines))]
    placed = tuple(
        Line(start=start, end=start + len(line), box=box, source="text_layer")
        for line, start, box in zip(lines, starts, boxes, strict=True)
    )
    text = Block(id="p", kind=BlockKind.PARAGRAPH, text="\n".join(lines), page_number=1, lines=placed)
    return document(("1", (block("h", "heading", "The dam", level=1, at=0.05, lined=True), text), {}))


def stored(made, **changes):
    """A chunk under a heading that is not in its text, and its metadata."""
    chunk = replace(only_chunk(made), text=made.pages[0].blocks[1].text)
    (anchor,) = [replace(anchor, chunk_start=0) for anchor in chunk.anchors if anchor.block_id == "p"]
    chunk = replace(chunk, anchors=(anchor,), headings=("The dam",))
    return chunk, chunk_metadata(made, chunk) | changes


def told(text, metadata):
    """What stands in each box, by its line."""
    known = Known.of(text, metadata)
    return {round((one.box.top - 0.1) * 50): text[one.start : one.end] for one in known.regions if one.box.area < 0.9}


EACH = dict(enumerate(LINES))


def test_a_text_that_came_back_as_it_was_has_its_lines():
    chunk, metadata = stored(lines_document())
    assert told(chunk.text, metadata) == EACH


@pytest.mark.parametrize("template", ["{0}", "source: /in/a.pdf\nfile_name: a.pdf\n{0}"])
def test_lines_move_along_under_the_metadata_that_embedders_see(template):
    chunk, metadata = stored(lines_document())
    lead = template.format("section_path: The dam")
    assert chunk.embedded_text == f"section_path: The dam\n\n{chunk.text}"
    assert told(f"{lead}\n\n{chunk.text}", metadata) == EACH
    assert told(f"{lead.replace('dam', 'mill')}\n\n{chunk.text}", metadata) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: f"Annual report\n{text}",
        lambda text: f"★★★\n{text}",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("a", "æë"),
        lambda text: text[len(text) // 2 :],
        lambda text: text[len(text) // 2 :] + "\nAnd then much was said that does not stand here." * 9,
        lambda text: text[1:],
        lambda text: "",
    ],
)
def test_a_text_that_was_changed_is_on_its_page_and_has_no_lines(change):
    chunk, metadata = stored(lines_document())
    text = change(chunk.text)
    known = Known.of(text, metadata)
    assert [(one.page_number, one.box.area, one.start, one.end) for one in known.regions] == [(1, 1.0, 0, len(text))]
    assert known.precision == "page"
    assert Known.of(text, metadata | {"page_end_number": 2}).regions == ()


def test_a_text_that_goes_on_or_was_cut_at_its_end_keeps_its_lines_where_there_are_enough():
    chunk, metadata = stored(lines_document())
    assert told(f"{chunk.text} And so on.", metadata) == EACH
    longer, more = stored(lines_document((*LINES, "Nobody fell.")))
    assert told(longer.text[:-4], more) == EACH
    short, few = stored(lines_document(LINES[:3]))
    assert told(short.text, few) == dict(enumerate(LINES[:3]))
    assert told(f"{short.text} And so on.", few) == {}


def test_words_that_the_page_does_not_have_cost_a_text_no_lines():
    made = lines_document()
    heading, text = made.pages[0].blocks
    unplaced = replace(text, lines=tuple(replace(line, start=max(line.start, 5)) for line in text.lines))
    chunk, metadata = stored(document(("1", (heading, unplaced), {})))
    assert told(chunk.text, metadata) == EACH | {0: LINES[0][5:]}


def test_what_markdown_writes_and_pictures_are_no_other_text():
    figure = block("f", "figure", "", image="figs/1.jpg")
    made = document(("1", (figure, block("l", "list_item", "• one"), block("c", "code", "x = 1"), figure), {}))
    metadata = page_metadata(made, made.pages[0])
    text = made.pages[0].markdown
    assert text.startswith("![Figure](figs/1.jpg)\n\n- one")
    assert [text[one.start : one.end] for one in Known.of(text, metadata).regions] == ["one", "x = 1"]
    assert Known.of(text, metadata | {"images": "[]"}).precision == "page"


@pytest.mark.parametrize("number", [3, 3.0, "3", "3.0", Decimal(3), np.int64(3), np.float32(3)])
def test_a_page_number_is_known_whatever_type_the_store_gives_it(number):
    known = Known.of("Text.", {"page_number": number, "page_end_number": number})
    assert (known.first_page, known.last_page, known.precision) == (3, 3, "page")
    assert Known.of("Text.", {"page_number": number}).regions == known.regions
    assert Known.of("Text.", {"page_number": number, "page_end_number": "5"}).regions == ()


@pytest.mark.parametrize("number", [None, "", "x", 0, -1, float("nan"), float("inf"), 2**31, "9" * 5000, [3], {}, True])
def test_what_is_no_page_number_is_none(number):
    assert whole_number(number) == 0


def test_values_of_others_are_not_looked_into():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    chunk, metadata = stored(lines_document(), page_number=deep, theirs=deep)
    assert told(chunk.text, metadata) == EACH


@pytest.mark.parametrize("precision", [["line"], {}, None, 7, "word"])
def test_a_precision_that_is_none_of_ours_is_unknown(precision):
    chunk, metadata = stored(lines_document(), regions_precision=precision)
    assert Known.of(chunk.text, metadata).precision is None


def noted_document(pages):
    """Paragraphs that go on over each page's end, with a footnote after them."""
    made = []
    for number in range(1, pages + 1):
        onward = block(
            f"{number}/a", "paragraph", f"goes on to sheet {number}.", page=number, continues=f"{number - 1}/c"
        )
        middle = block(f"{number}/b", "paragraph", f"Of sheet {number} much is said in the middle.", page=number)
        ending = block(f"{number}/c", "paragraph", f"The end of {number}", page=number, continued_by=f"{number + 1}/a")
        made.append(("", (onward, middle, ending, block(f"{number}/d", "footnote", "Note.", page=number)), {}))
    return document(*made)


@pytest.mark.parametrize(("size", "is_whole"), [(4096, True), (1000, False), (500, False)])
def test_regions_of_pages_have_no_text_of_other_pages(size, is_whole):
    made = noted_document(12)
    metadata = document_metadata(made, max_region_bytes=size)
    regions = parse_regions(metadata["regions"])
    assert len(metadata["regions"]) <= size
    assert {one.page_number for one in regions} == set(range(1, 13))
    for number in range(2, 13):
        at = made.markdown.index(f"goes on to sheet {number}.")
        pages = [one.page_number for one in regions if one.start <= at < one.end]
        assert pages in ([number], []) if not is_whole else pages == [number]
    assert Known.of(made.markdown, metadata).regions == regions
    assert document_metadata(made, max_region_bytes=300)["regions"] == "[]"
