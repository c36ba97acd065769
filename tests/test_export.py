"""Whatever a document says, the HTML page says it and does nothing; output names never lead out of their folder."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag import Block, BlockKind, Box, Cell, Document, Heading, Page, Table
from deepseek_ocr_rag.export import Format, OutputFolder, exported
from deepseek_ocr_rag.sheets import table_csv
from deepseek_ocr_rag.tables import table_markdown
from deepseek_ocr_rag.webpage import document_html

BOX = Box(left=0.1, top=0.2, right=0.30004, bottom=0.4)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</style><style>*{display:none}</style>",
    "--><svg/onload=alert(1)>",
    "</textarea></title><iframe srcdoc=x>",
    "&lt;script&gt; &amp;#60;",
    "' onmouseover='alert(1)",
)
VOID = {"meta", "br", "img"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "nav", "details", "summary", "section"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th"),
    *("figure", "img", "pre", "div", "a"),
}
ATTRIBUTES = {
    *("charset", "http-equiv", "content", "name", "id", "class", "value", "rowspan", "colspan", "scope", "href"),
    *("src", "alt", "loading"),
    *("data-page", "data-box", "data-block", "data-label", "data-status"),
    *("data-continues", "data-joint", "data-repeats-header", "data-belongs-to", "data-section"),
}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in its turn. Remembers elements with their own text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[int] = []
        self.elements: list[tuple[str, dict[str, str | None], str, tuple[str, ...]]] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        path = tuple(self.elements[index][0] for index in self.open)
        self.elements.append((tag, dict(attrs), "", path))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            tag, attrs, text, path = self.elements[self.open[-1]]
            self.elements[self.open[-1]] = tag, attrs, text + data, path

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"comment: {data}")

    def with_block(self, block_id: str) -> tuple[str, dict[str, str | None], str, tuple[str, ...]]:
        [found] = [element for element in self.elements if element[1].get("data-block") == block_id]
        return found


def block(number: int, kind: BlockKind, text: str = "words", *, level: int = 0, table: Table | None = None) -> Block:
    return Block(id=f"p1-b{number}", kind=kind, text=text, page_number=1, boxes=(BOX,), level=level, table=table)


def document(blocks: Sequence[Block], *, file_name: str = "report.pdf", title: str = "") -> Document:
    page = Page(number=1, label="i", width=600, height=800, blocks=tuple(blocks))
    headings = tuple(
        Heading(block_id=one.id, page_number=1, level=one.level, text=one.text) for one in blocks if one.kind.is_heading
    )
    return Document(
        id="sha256:0",
        source=file_name,
        file_name=file_name,
        total_pages=1,
        pages=(page,),
        headings=headings,
        metadata={"title": title} if title else {},
    )


def read(*blocks: Block) -> Reader:
    return Reader(document_html(document(blocks)))


@pytest.mark.parametrize(
    ("kind", "level", "tag"),
    [
        (BlockKind.TITLE, 1, "h1"),
        (BlockKind.HEADING, 0, "h1"),
        (BlockKind.HEADING, 3, "h3"),
        (BlockKind.HEADING, 9, "h6"),
        (BlockKind.PARAGRAPH, 0, "p"),
        (BlockKind.LIST_ITEM, 0, "li"),
        (BlockKind.TABLE, 0, "pre"),  # without a grid
        (BlockKind.FIGURE, 0, "figure"),
        (BlockKind.FORMULA, 0, "p"),
        (BlockKind.CODE, 0, "pre"),
        (BlockKind.CAPTION, 0, "p"),
        (BlockKind.FOOTNOTE, 0, "p"),
        (BlockKind.PAGE_HEADER, 0, "p"),
        (BlockKind.PAGE_FOOTER, 0, "p"),
        (BlockKind.OTHER, 0, "p"),
    ],
)
def test_every_kind_has_its_element_with_its_place(kind: BlockKind, level: int, tag: str) -> None:
    found, attributes, text, _ = read(block(1, kind, level=level)).with_block("p1-b1")
    assert (found, text.removeprefix("\n")) == (tag, "words")
    assert text.startswith("\n") == (tag == "pre")  # browsers take it away
    assert (attributes["data-page"], attributes["data-box"]) == ("1", "1000 2000 3000 4000")


def test_boxes_of_a_block_are_separated_by_commas_and_left_out_where_there_are_none() -> None:
    two = replace(block(1, BlockKind.PARAGRAPH), boxes=(BOX, Box(left=0.5, top=0, right=1, bottom=0.1)))
    none = replace(block(2, BlockKind.PARAGRAPH), boxes=())
    page = read(two, none)
    assert page.with_block("p1-b1")[1]["data-box"] == "1000 2000 3000 4000, 5000 0 10000 1000"
    assert "data-box" not in page.with_block("p1-b2")[1]


def test_a_table_keeps_its_spans_its_header_and_the_places_of_its_cells() -> None:
    cells = (
        Cell(row=0, column=0, text="Site", row_span=2),
        Cell(row=0, column=1, text="Load", column_span=2),
        Cell(row=1, column=1, text="spring"),
        Cell(row=1, column=2, text="autumn"),
        Cell(row=2, column=0, text="Weir", is_header=True),
        Cell(row=2, column=1, text="<b>1</b>", box=BOX),
    )
    page = read(block(1, BlockKind.TABLE, table=Table(rows=3, columns=3, cells=cells, header_rows=2)))
    found = [(tag, *(attrs.get(name) for name in ("rowspan", "colspan", "scope")), text, path[-2])
             for tag, attrs, text, path in page.elements if tag in ("td", "th")]  # fmt: skip
    assert found == [
        ("th", "2", None, "col", "Site", "thead"),
        ("th", None, "2", "col", "Load", "thead"),
        ("th", None, None, "col", "spring", "thead"),
        ("th", None, None, "col", "autumn", "thead"),
        ("th", None, None, "row", "Weir", "tbody"),
        ("td", None, None, None, "<b>1</b>", "tbody"),
        ("td", None, None, None, "", "tbody"),
    ]
    assert page.elements[-2][1]["data-box"] == "1000 2000 3000 4000"
    assert page.with_block("p1-b1")[0] == "table"


def test_code_keeps_its_first_lines_and_has_newlines_of_one_sort() -> None:
    written = document_html(document([block(1, BlockKind.CODE, "\n\nx = 1\r\ny")]))
    assert re.findall(r"<pre [^>]*>(.*?)</pre>", written, re.DOTALL) == ["\n\n\nx = 1\ny"]


def test_a_page_is_called_by_the_title_that_stands_on_it() -> None:
    title = block(1, BlockKind.TITLE, "The Weirs\nof the Upper River", level=1)
    for made, name in (
        (document([title], title="scan-3.doc"), "The Weirs of the Upper River"),
        (document([], title="scan-3.doc"), "scan-3.doc"),
        (document([]), "report.pdf"),
    ):
        assert f"<title>{name}</title>" in document_html(made)


def test_a_header_of_more_rows_than_there_are_is_all_of_the_table() -> None:
    table = Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="a"),), header_rows=3)
    page = read(block(1, BlockKind.TABLE, table=table))
    assert [text for tag, _, text, _ in page.elements if tag == "th"] == ["a"]


def test_of_two_cells_at_one_place_every_form_has_the_last() -> None:
    cells = tuple(Cell(row=0, column=column, text=text) for column, text in ((0, "old"), (0, "new"), (7, "outside")))
    table = Table(rows=1, columns=1, cells=cells)
    made = document([block(1, BlockKind.TABLE, table_markdown(table), table=table)])
    for text in (exported(made, "md"), exported(made, "html"), table_csv(table)):
        assert "new" in text
        assert not re.search("old|outside", text)


def test_lists_are_nested_and_numbered_as_on_the_page() -> None:
    items = [("- one", 0), ("• deeper", 2), ("3. third", 2), ("back", 0), ("7) seven", 0)]
    page = read(*(block(at, BlockKind.LIST_ITEM, text, level=level) for at, (text, level) in enumerate(items)))
    found = [(path[4:], attrs.get("value"), text) for tag, attrs, text, path in page.elements if tag == "li"]
    assert found == [
        (("ul",), None, "one"),
        (("ul", "li", "ul"), None, "deeper"),
        (("ul", "li", "ol"), "3", "third"),
        (("ul",), None, "back"),
        (("ol",), "7", "seven"),
    ]


def test_elements_tell_how_they_hang_together() -> None:
    table = Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="a"),), repeats_header=True)
    page = read(
        replace(block(1, BlockKind.PARAGRAPH), continues="p0-b9", joint="hyphen", section="p0-b1"),
        replace(block(2, BlockKind.TABLE, table=table), continues="p0-b8"),
        replace(block(3, BlockKind.CAPTION), belongs_to="p1-b2"),
        block(4, BlockKind.PARAGRAPH),
    )
    own = {"class", "data-block", "data-page", "data-box"}
    links = [{k: v for k, v in page.with_block(f"p1-b{at}")[1].items() if k not in own} for at in (1, 2, 3, 4)]
    assert links == [
        {"data-continues": "p0-b9", "data-joint": "hyphen", "data-section": "p0-b1"},
        {"data-continues": "p0-b8", "data-joint": "space", "data-repeats-header": "true"},
        {"data-belongs-to": "p1-b2"},
        {},
    ]


def test_blank_and_failed_pages_are_there_and_say_so() -> None:
    pages = (
        Page(number=1, label="1", width=600, height=800, status="empty"),
        Page(number=2, label="2", width=600, height=800, status="failed", warnings=("could not <i>be</i> read",)),
    )
    page = Reader(document_html(replace(document([]), pages=pages)))
    sections = [attrs for tag, attrs, _, _ in page.elements if tag == "section"]
    assert [(one["data-page"], one["data-status"]) for one in sections] == [("1", "empty"), ("2", "failed")]
    notes = [text for _, attrs, text, _ in page.elements if attrs.get("class") == "note"]
    assert notes == ["This page is blank.", "could not <i>be</i> read"]


def test_the_policy_allows_the_style_sheet_and_nothing_else() -> None:
    page = read(block(1, BlockKind.PARAGRAPH))
    [policy] = [attrs["content"] or "" for _, attrs, _, _ in page.elements if attrs.get("http-equiv")]
    [style] = [text for tag, _, text, _ in page.elements if tag == "style"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


@pytest.mark.parametrize(
    ("image", "source"),
    [
        ("figs/a b.jpg", "figs/a%20b.jpg"),
        ("/home/me/1.jpg", "/home/me/1.jpg"),
        ("//evil.example/1.jpg", "/evil.example/1.jpg"),
        ("\\\\evil.example\\1.jpg", "%5C%5Cevil.example%5C1.jpg"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("data:text/html,x", "data%3Atext/html%2Cx"),
        ("\ud800\0.jpg", "%3F%00.jpg"),
    ],
)
def test_a_picture_can_be_nothing_but_a_path(image: str, source: str) -> None:
    page = read(replace(block(1, BlockKind.FIGURE, "A mill."), image=image))
    [shown] = [attrs for tag, attrs, _, _ in page.elements if tag == "img"]
    assert (shown["src"], shown["alt"]) == (source, "Figure")
    assert page.with_block("p1-b1")[2] == "A mill."
    [policy] = [attrs["content"] or "" for _, attrs, _, _ in page.elements if attrs.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src 'self' file:; style-src 'sha256-")


@pytest.mark.parametrize("image", ["s3://bucket/1.jpg", "https://evil.example/<1>.jpg", "file://evil/1.jpg"])
def test_an_address_of_a_picture_is_told_and_not_fetched(image: str) -> None:
    page = read(replace(block(1, BlockKind.FIGURE, "A mill."), image=image))
    assert page.with_block("p1-b1")[2] == f"{image}\nA mill."
    assert not any(tag == "img" for tag, *_ in page.elements)
    [policy] = [attrs["content"] or "" for _, attrs, _, _ in page.elements if attrs.get("http-equiv")]
    assert "img-src" not in policy


def test_a_chart_shows_its_table_and_what_else_is_said_of_it() -> None:
    table = Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="12"),))
    text = f"Fish\n\n{table_markdown(table)}"
    page = read(block(1, BlockKind.FIGURE, text, table=table))
    assert page.with_block("p1-b1")[2] == "Fish"
    assert [(text, path[-4:]) for tag, _, text, path in page.elements if tag == "td"] == [
        ("12", ("div", "table", "tbody", "tr"))
    ]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", BlockKind)
def test_hostile_text_is_shown_and_does_nothing(kind: BlockKind, text: str) -> None:
    cells = (Cell(row=0, column=0, text=text),)
    table = Table(rows=1, columns=1, cells=cells, header_rows=1) if kind is BlockKind.TABLE else None
    hostile = replace(block(1, kind, text, table=table), id=text, image=text, section=text, belongs_to=text)
    hostile = replace(hostile, continues=text)
    made = document([hostile, hostile, hostile], file_name=text, title=text)
    page = check(document_html(replace(made, pages=(replace(made.pages[0], label=text, warnings=(text,)),))))
    assert text.strip() in {said.strip() for _, _, said, _ in page.elements}
    assert [said for tag, _, said, _ in page.elements if tag == "title"] == [text]


TEXT = st.text() | st.sampled_from(HOSTILE) | st.text(alphabet="<>&\"'/=;:- \n\x00\x1b\ud800\x85ajs123.)•", max_size=40)


@given(st.lists(st.tuples(st.sampled_from(BlockKind), TEXT, st.integers(-1, 8)), max_size=8))
def test_any_text_gives_a_well_formed_page_of_known_elements(found: list[tuple[BlockKind, str, int]]) -> None:
    made = document([block(at, kind, text, level=level) for at, (kind, text, level) in enumerate(found)])
    page = check(document_html(made))
    for at, (kind, text, _) in enumerate(found):
        said = page.with_block(f"p1-b{at}")[2]
        if kind not in (BlockKind.LIST_ITEM, BlockKind.FIGURE):
            first = "\n" if kind in (BlockKind.CODE, BlockKind.TABLE) else ""
            shown = text.replace("\r\n", "\n")
            unseen = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
            assert said == first + re.sub(unseen, "\ufffd", shown)


def check(html: str) -> Reader:
    html.encode("utf-8")
    page = Reader(html)
    for tag, attributes, _, _ in page.elements:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        assert attributes.get("href", "#").startswith("#")
    assert sum(tag == "style" for tag, *_ in page.elements) == 1
    return page


def test_the_forms_are_markdown_the_document_itself_and_a_page() -> None:
    made = document([block(1, BlockKind.TITLE, "Title", level=1), block(2, BlockKind.PARAGRAPH, "Grüße")])
    assert exported(made, "md") == "# Title\n\nGrüße"
    assert Document.from_dict(json.loads(exported(made, "json"))) == made
    assert exported(made, "html").startswith("<!DOCTYPE html>")
    assert exported(made, "md", page_marks=True) == "<!-- page 1 -->\n\n# Title\n\nGrüße"


@pytest.mark.parametrize(
    ("file_name", "written"),
    [
        ("report.pdf", "report.md"),
        ("../../etc/passwd.pdf", "passwd.md"),
        ("..", "document.md"),
        ("", "document.md"),
        (".pdf", "pdf.md"),
        ("a\\b:c*.pdf", "a_b_c_.md"),
        ("/abs/olute.pdf", "olute.md"),
        ("nul\0\n.pdf", "nul__.md"),
        ("é" * 200 + ".pdf", "é" * 60 + ".md"),
        ("\ud800.pdf", "_.md"),
    ],
)
def test_names_are_safe(tmp_path: Path, file_name: str, written: str) -> None:
    folder = tmp_path / "out"
    path = OutputFolder(folder).write(document([], file_name=file_name), "md")
    assert path == folder / written
    assert [found.name for found in folder.iterdir()] == [written]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_holds_all_forms_of_a_document(tmp_path: Path) -> None:
    pytest.importorskip("docling_core", reason="the extra docling is not installed")
    forms: tuple[Format, ...] = ("md", "json", "html", "docling")
    names = [OutputFolder(tmp_path).write(document([]), form).name for form in forms]
    assert names == ["report.md", "report.json", "report.html", "report.docling.json"]


def test_a_folder_writes_page_marks_where_they_are_wanted(tmp_path: Path) -> None:
    path = OutputFolder(tmp_path, page_marks=True).write(document([block(1, BlockKind.PARAGRAPH)]), "md")
    assert path.read_text() == "<!-- page 1 -->\n\nwords"


def test_names_are_not_used_twice_in_one_run_whatever_their_case(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    names = ["report.pdf", "REPORT.png", "report-2.pdf", "x/report.pdf"]
    paths = [folder.write(document([], file_name=name), "md") for name in names]
    assert [path.name for path in paths] == ["report.md", "REPORT-2.md", "report-2-2.md", "report-3.md"]
    assert OutputFolder(tmp_path).write(document([], file_name="report.pdf"), "md") == paths[0]


def test_pictures_are_found_from_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = ("figs/1.jpg", "out/figs/2.jpg", str(tmp_path / "3.jpg"), "s3://bucket/4.jpg", "a\0b")
    made = document([replace(block(at, BlockKind.FIGURE, ""), image=image) for at, image in enumerate(images)])
    folder = OutputFolder(Path("out"))
    links = re.findall(r"\((.*?)\)", folder.write(made, "md").read_text())
    assert links == ["../figs/1.jpg", "figs/2.jpg", str(tmp_path / "3.jpg"), "s3://bucket/4.jpg", "a%00b"]
    assert 'src="../figs/1.jpg"' in folder.write(made, "html").read_text()
    assert Document.from_dict(json.loads(folder.write(made, "json").read_text())) == made


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "out"
    precious.write_text("mine")
    folder.mkdir()
    (folder / "report.md").symlink_to(precious)
    OutputFolder(folder).write(document([block(1, BlockKind.PARAGRAPH)]), "md")
    assert precious.read_text() == "mine"
    assert (folder / "report.md").read_text() == "words"


def test_cells_that_an_engine_leaves_out_do_not_move_the_others():
    cells = (Cell(row=0, column=0, text="a"), Cell(row=0, column=2, text="c"), Cell(row=1, column=1, text="e"))
    table = Table(rows=2, columns=3, cells=cells)
    written = document_html(document([block(1, BlockKind.TABLE, "| a |  | c |", table=table)]))
    assert re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", written) == ["a", "", "c", "", "e", ""]
