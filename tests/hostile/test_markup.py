"""Whatever a model answers or a stored document says, the page that is written holds our elements and nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag import Document, read
from deepseek_ocr_rag.document import Block, BlockKind, Cell, Heading, Page, Table
from deepseek_ocr_rag.export import OutputFolder
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.options import ReadOptions
from deepseek_ocr_rag.webpage import document_html

from .test_pages import INK, Typist, pdf

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "nav", "details", "summary", "section"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th"),
    *("figure", "img", "pre", "div", "a"),
}
ATTRIBUTES = {
    *("charset", "http-equiv", "content", "name", "id", "class", "value", "rowspan", "colspan", "scope", "href"),
    *("src", "alt", "loading"),
}
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "JaVa\tScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/x.png",
    "\\\\evil.example\\x.png",
    "https://evil.example/x.png",
    "--><svg/onload=alert(1)>",
    "</title></style></textarea><iframe srcdoc=x>",
    "<![CDATA[<script>]]>",
    "<?php ?>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "&lt;script&gt;&#x3c;script&#62;",
    "\x00<\x0bscript>",
    "<table><td rowspan=9999999999 onclick=alert(1)>x",
    "![x](javascript:alert(1))",
    "[x](data:text/html,x)",
    "\ud800<b>",
    "\u202e<i>",
)
GROUNDED = "<|ref|>{kind}<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\n{text}\n\n"
LEADS_AWAY = re.compile(r"[\x00-\x20]*(?:[a-z][a-z0-9+.-]*:|[\\/]{2})", re.IGNORECASE)


class Guard(HTMLParser):
    """Reads a page and fails on whatever is not ours."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        for name, value in attrs:
            assert name in ATTRIBUTES or re.fullmatch(r"data-[a-z-]+", name)
            if name == "href":
                assert (value or "").startswith("#")
            if name == "src":
                assert not LEADS_AWAY.match(value or "")
            if name == "http-equiv":
                assert value == "Content-Security-Policy"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"declaration: {data}")


hostile = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(max_size=30),
    st.builds(str.__add__, st.text(max_size=5), st.sampled_from(ATTACKS)),
)
BOX = Box(left=0.1, top=0.1, right=0.9, bottom=0.2)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    size = draw(st.integers(1, 3))
    spans = st.integers(1, 3)
    cells = tuple(
        Cell(row=row, column=column, text=draw(hostile), row_span=draw(spans), column_span=draw(spans), box=BOX)
        for row in range(size)
        for column in range(size)
        if draw(st.booleans())
    )
    table = Table(rows=size + 2, columns=size + 2, cells=cells, header_rows=draw(st.integers(0, 2)))
    return Block(
        id=draw(hostile),
        kind=draw(st.sampled_from(BlockKind)),
        text=draw(hostile),
        page_number=1,
        boxes=(BOX,) * draw(st.integers(0, 2)),
        level=draw(st.integers(-2, 9)),
        table=table if draw(st.booleans()) else None,
        image=draw(hostile),
        continues=draw(hostile),
        belongs_to=draw(hostile),
        section=draw(hostile),
    )


@given(st.lists(blocks(), max_size=5), st.lists(hostile, min_size=5, max_size=5))
def test_documents_that_were_made_to_attack(found: list[Block], texts: list[str]) -> None:
    name, label, warning, title, heading = texts
    page = Page(number=1, label=label, width=600, height=800, blocks=tuple(found), warnings=(warning,))
    headings = tuple(Heading(block_id=block.id, page_number=1, level=9, text=heading) for block in found)
    made = Document(
        id=name,
        source=name,
        file_name=name,
        total_pages=1,
        pages=(page,),
        headings=headings,
        metadata={"title": title, name: label},
    )
    Guard(document_html(made))


@pytest.fixture(scope="module")
def read_of_hostile_answers(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """One document for each kind of answer, each with all attacks in it."""
    folder = tmp_path_factory.mktemp("answers")
    kinds = ("title", "sub_title", "text", "table", "image", "equation", "image_caption", "header", "footnote", "code")
    path = folder / "a.pdf"
    path.write_bytes(pdf(*[INK] * len(kinds)))

    class Attacker(Typist):
        async def answer(self, page: Any, task: Any) -> Any:
            kind = kinds[page.page_number - 1]
            self.text = "".join(GROUNDED.format(kind=kind, text=text) for text in ATTACKS)
            self.text += "".join(GROUNDED.format(kind=attack, text="x") for attack in ATTACKS) + "".join(ATTACKS)
            return await super().answer(page, task)

    return list(read(path, ReadOptions(engine=Attacker(), workers=1, lines="none", fallback="none")))


def test_answers_that_were_made_to_attack(read_of_hostile_answers: list[Document], tmp_path: Path) -> None:
    for document in read_of_hostile_answers:
        assert len(document.pages) == 10
        assert all(page.blocks for page in document.pages)
        Guard(document_html(document))
        Guard(OutputFolder(tmp_path).write(document, "html").read_text(encoding="utf-8"))
        assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


NAMES = (
    "../../x.pdf",
    "..\\..\\x.pdf",
    "/etc/passwd",
    "C:\\Windows\\x.pdf",
    "\\\\server\\share\\x.pdf",
    "CON.pdf",
    "nul.txt",
    "com1",
    "LPT9.tar.pdf",
    ".",
    "..",
    "...",
    "",
    " ",
    "-rf.pdf",
    "~/x.pdf",
    "x" * 5000 + ".pdf",
    "é" * 300,
    "e\u0301.pdf",
    "\u00e9.pdf",
    "É.pdf",
    "stra\u00dfe.pdf",
    "STRASSE.pdf",
    "\ufb01le.pdf",
    "file.pdf",
    "x\u202efdp.exe",
    "a\0b.pdf",
    "a\nb.pdf",
    "x.pdf:stream",
    "x.pdf.",
    "x.pdf ",
    "\ud800.pdf",
    "%2e%2e%2fx.pdf",
    "$HOME.pdf",
    "`id`.pdf",
)
DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)


def named(name: str) -> Document:
    return Document(id="x", source=name, file_name=name, total_pages=0, pages=())


def written(folder: Path, names: list[str]) -> Iterator[Path]:
    output = OutputFolder(folder)
    for name in names:
        yield output.write(named(name), "md")


def folded(name: str) -> str:
    """What a file system that ignores case and the forms of letters makes of a name."""
    import unicodedata

    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


@given(st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=12)), max_size=12))
def test_output_stays_in_its_folder_and_no_two_names_meet(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("names")
    paths = list(written(root / "out", names))
    assert len({folded(path.name) for path in paths}) == len(names)
    for path in paths:
        assert path.parent == root / "out"
        assert path.is_file()
        assert not path.is_symlink()
        assert len(os.fsencode(path.name)) <= 255
        assert not DEVICES.match(path.name)
        assert path.name.isprintable()
    assert [path.name for path in root.iterdir()] == ["out"] * bool(names)
