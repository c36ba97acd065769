"""A document as one HTML page that stands alone.

The page has an element of its kind for every block. What a document says is hostile here: every character of it goes
through :func:`_escaped`, no attribute that a browser acts on is made of it, and the page's own policy (CSP) forbids
scripts, frames, forms and any style but the one sheet that is written below. Pictures it allows only where figures were
saved as files, and only those that lie beside the page: what a document gives as their path can be nothing but a path.

Each element carries ``data-block`` (the block's id), ``data-page`` (from 1) and ``data-box``: left, top, right, bottom
in 1/10000 of the page as displayed, several boxes separated by commas. There is a section for each page, so what goes
on over pages is several elements: ``data-continues`` names the block before, ``data-joint`` says how their texts are
joined, ``data-repeats-header`` that a table says its header again. ``data-belongs-to`` is what a caption is of, or what
refers to a footnote; ``data-section`` is the heading that the block stands under.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from urllib.parse import quote

from .document import Block, BlockKind, Cell, Document, Page, Table
from .geometry import Box
from .syntax import item_marker
from .tables import full_rows, table_markdown

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2129; --soft: #5b6472; --line: #d5d9e0; --tint: #f3f5f8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181d; --ink: #e4e7ec; --soft: #98a1b0; --line: #363c47; --tint: #1f232b; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
main > header, nav, .furniture, .footnote, figcaption, .caption, .note { color: var(--soft); font-size: .875rem; }
nav ol { list-style: none; margin: .5rem 0 0; padding: 0; }
nav a { color: inherit; text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { margin-top: 2rem; padding-top: .5rem; border-top: 1px solid var(--line); }
section::before { content: "Page " attr(data-label); float: right; color: var(--soft); font-size: .75rem; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.5em 0 .5em; }
h1 { font-size: 1.75rem; } h2 { font-size: 1.4rem; } h3 { font-size: 1.15rem; } h4, h5, h6 { font-size: 1rem; }
p, li, td, th, figure { white-space: pre-line; overflow-wrap: anywhere; unicode-bidi: plaintext; text-align: start; }
li { margin: .25em 0; }
.formula { text-align: center; font-family: "Cambria Math", "STIX Two Math", serif; }
.caption { font-weight: 600; }
.footnote { border-inline-start: 2px solid var(--line); padding-inline-start: .75rem; }
.note { background: var(--tint); padding: .5rem .75rem; border-radius: .25rem; }
.scroll { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
td, th { border: 1px solid var(--line); padding: .3em .6em; vertical-align: top; overflow-wrap: normal; }
th { background: var(--tint); }
pre, figure { margin: 1em 0; padding: .75rem; background: var(--tint); border-radius: .25rem; overflow-x: auto; }
figure { color: var(--soft); font-size: .875rem; }
img { display: block; max-width: 100%; height: auto; margin-bottom: .5rem; }
"""

_CONTENTS_FROM = 3
"""Headings that make a table of contents worth its place."""

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML does not take: controls, halves of characters, non-characters."""

_PARAGRAPHS = {
    BlockKind.FORMULA: "formula",
    BlockKind.CAPTION: "caption",
    BlockKind.FOOTNOTE: "footnote",
    BlockKind.PAGE_HEADER: "furniture",
    BlockKind.PAGE_FOOTER: "furniture",
}


def document_html(document: Document) -> str:
    """The document as a whole HTML page, running heads and feet included."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    pictures = " img-src 'self' file:;" if any(_picture(block) for block in document.blocks()) else ""
    policy = f"default-src 'none';{pictures} style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = _escaped(document.title or document.file_name)
    count = f"{len(document.pages)} of {document.total_pages} pages"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            "<html>",
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<header>{_escaped(document.file_name)}, {count}</header>",
            *_contents(document),
            *(line for page in document.pages for line in _page(page)),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return html.escape(_NO_TEXT.sub("\ufffd", text.replace("\r\n", "\n")))


def _contents(document: Document) -> Iterator[str]:
    if len(document.headings) < _CONTENTS_FROM:
        return
    yield "<nav><details><summary>Contents</summary><ol>"
    for heading in document.headings:
        link = f'<a href="#{_escaped(heading.block_id)}">{_escaped(heading.text)}</a>'
        yield f"<li>{'&emsp;' * min(5, max(0, heading.level - 1))}{link}</li>"
    yield "</ol></details></nav>"


def _page(page: Page) -> Iterator[str]:
    label = _escaped(page.label or str(page.number))
    number = page.number
    yield f'<section id="page-{number}" data-page="{number}" data-label="{label}" data-status="{page.status}">'
    if not page.blocks and page.status == "empty":
        yield '<p class="note">This page is blank.</p>'
    for warning in page.warnings:
        yield f'<p class="note">{_escaped(warning)}</p>'
    for is_list, group in groupby(page.blocks, key=lambda block: block.kind is BlockKind.LIST_ITEM):
        blocks = list(group)
        yield _lists(blocks) if is_list else "\n".join(_block(block) for block in blocks)
    yield "</section>"


def _block(block: Block) -> str:
    place, text = _place(block), _escaped(block.text)
    if block.kind.is_heading:
        name = f"h{min(6, max(1, block.level))}"
        return f'<{name} id="{_escaped(block.id)}" {place}>{text}</{name}>'
    if block.kind is BlockKind.TABLE and block.table is not None:
        return f'<div class="scroll">{_table(block.table, place, block.page_number)}</div>'
    if block.kind is BlockKind.FIGURE:
        return _figure(block, place)
    if block.kind in (BlockKind.CODE, BlockKind.TABLE):
        return f"<pre {place}>\n{text}</pre>"  # browsers take the first newline away
    name = _PARAGRAPHS.get(block.kind, "")
    return f'<p class="{name}" {place}>{text}</p>' if name else f"<p {place}>{text}</p>"


def _figure(block: Block, place: str) -> str:
    """A figure: its picture, or where that lies if no page may show it; its table; and what else is said of it."""
    picture, text, table = _picture(block), block.text, ""
    if block.table is not None:
        table = f'<div class="scroll">{_table(block.table, "", block.page_number)}</div>'
        text = text.replace(table_markdown(block.table), "").strip("\n")
    if block.image and not picture:
        text = f"{block.image}\n{text}".strip()
    empty = "" if picture or table else "Figure"
    return f"<figure {place}>{picture}{table}{_escaped(text) or empty}</figure>"


def _picture(block: Block) -> str:
    """The figure's picture, if it is a file: addresses may be anybody's, and would be told who reads the page."""
    if not block.image or "://" in block.image:
        return ""
    # One slash at most begins it, for two are another host, and a colon is written out, for it ends a scheme.
    path = re.sub(r"\A/+", "/", quote(block.image, errors="replace"))
    return f'<img src="{path}" alt="Figure" loading="lazy">'


def _place(block: Block) -> str:
    links = (
        ("continues", block.continues),
        ("joint", block.joint if block.continues else ""),
        ("repeats-header", "true" if block.table is not None and block.table.repeats_header else ""),
        ("belongs-to", block.belongs_to),
        ("section", block.section),
    )
    written = "".join(f' data-{name}="{_escaped(value)}"' for name, value in links if value)
    return f'data-block="{_escaped(block.id)}" {_box(block.page_number, block.boxes)}{written}'


def _box(page_number: int, boxes: Iterable[Box]) -> str:
    corners = ", ".join(" ".join(str(side) for side in box.to_ints()) for box in boxes)
    page = f'data-page="{page_number}"'
    return f'{page} data-box="{corners}"' if corners else page


def _lists(items: Sequence[Block]) -> str:
    """List items as nested lists; a list belongs to the item before it, so that an item ends when the next is known.

    An item that stands deeper than the one before opens one list, however much deeper it stands.
    """
    written: list[str] = []
    open_lists: list[tuple[int, str]] = []
    for block in items:
        name, value, text = _item(block.text)
        while open_lists and open_lists[-1][0] > block.level:
            written.append(f"</li></{open_lists.pop()[1]}>")
        if open_lists and open_lists[-1] == (block.level, name):
            written.append("</li>")
        else:
            if open_lists and open_lists[-1][0] == block.level:  # numbers after bullets are another list
                written.append(f"</li></{open_lists.pop()[1]}>")
            open_lists.append((block.level, name))
            written.append(f"<{name}>")
        written.append(f"<li{value} {_place(block)}>{_escaped(text)}")
    written += [f"</li></{name}>" for _, name in reversed(open_lists)]
    return "".join(written)


def _item(text: str) -> tuple[str, str, str]:
    """The kind of list, the item's number as an attribute, and the words without their marker."""
    marker = item_marker(text)
    if marker.is_number:
        return "ol", f' value="{int(marker.text[:-1])}"', text[marker.start :]
    return "ul", "", text[marker.start :]


def _table(table: Table, place: str, page_number: int) -> str:
    rows = full_rows(table)
    written = [f"<table {place}>" if place else "<table>"]
    header = min(table.header_rows, table.rows)
    parts = (("thead", range(header)), ("tbody", range(header, table.rows)))
    for name, numbers in parts:
        if numbers:
            lines = ("".join(_cell(cell, table, page_number) for cell in rows[number]) for number in numbers)
            written.append(f"<{name}>" + "".join(f"<tr>{line}</tr>" for line in lines) + f"</{name}>")
    return "\n".join([*written, "</table>"])


def _cell(cell: Cell, table: Table, page_number: int) -> str:
    name = "th" if cell.is_header or cell.row < table.header_rows else "td"
    scope = "" if name == "td" else ' scope="col"' if cell.row < table.header_rows else ' scope="row"'
    spans = "".join(
        f' {attribute}="{size}"'
        for attribute, size in (("rowspan", cell.row_span), ("colspan", cell.column_span))
        if size > 1
    )
    place = f" {_box(page_number, [cell.box])}" if cell.box is not None else ""
    return f"<{name}{scope}{spans}{place}>{_escaped(cell.text)}</{name}>"
