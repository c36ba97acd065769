import contextlib
import json
from dataclasses import replace

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
    chunk_metadata,
    document_metadata,
    page_metadata,
    page_text,
    parse_regions,
)


def document_text(made):
    """The text that a document's regions index into, and those regions."""
    text, located = module._document_text(made)
    return text, tuple(one.region for one in located)


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
        "[[1,5,0,1,1,0,1]]", "[[1,0,0,10001,1,0,1]]", "[[1,0,0,1,1,5,1]]", "[[1,0,0,1,1,-1,1]]", "[" * 100_000,
        "[[1,0,0,1,1,0,NaN]]", "[[1,0,0,1,1,0," + "9" * 5000 + "]]", "[[1,0,0,1,1,0,1]", "x", " " * 5_000_000,
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
ROWS = st.tuples(st.integers(1, 99), CORNERS, st.integers(0, 500), st.integers(0, 500))


@given(st.lists(ROWS, max_size=10))
def test_regions_survive_the_way_through_metadata(rows):
    regions = tuple(
        module.ChunkRegion(page_number=page, box=Box.from_ints(corners), start=start, end=start + length)
        for page, corners, start, length in rows
    )
    located = [module._Located(block_id="b", region=region, precision="line") for region in regions]
    written, _ = module._written_regions(located, 10**6)
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
