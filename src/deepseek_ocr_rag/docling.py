"""Documents as Docling has them, so that whatever takes a ``DoclingDocument`` takes ours.

Conventions are those of Docling's own PDF pipeline: a flat body in reading order, headings by their levels; boxes in
points from the bottom left corner, those of cells from the top left; running heads and feet in the layer of furniture;
captions below the table or picture that they are of; nested lists below the item that they stand under. What a page or
column break cut in two is one item with a place on each page. Two things differ, since Docling's markdown would lose
text otherwise: footnotes stay in the body, and what is said in or of a picture is its description.
"""

from __future__ import annotations

import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING

from .docling_values import (
    Chain,
    fits,
    formula_of,
    list_marker,
    origin_hash,
    page_box,
    picture_reference,
    table_data,
    valid_text,
)
from .document import Block, BlockKind, Document
from .geometry import PAGE_BOX
from .markdown import Fragment, chains, joined
from .sequence import in_sequence
from .tables import table_markdown

if TYPE_CHECKING:
    from docling_core.types.doc import (
        DocItem,
        DoclingDocument,
        ListGroup,
        ListItem,
        PictureItem,
        ProvenanceItem,
        TableItem,
    )

_DEEPEST_LIST = 8
_DEEPEST_HEADING = 100
_OWN_LABELS = frozenset({BlockKind.CAPTION, BlockKind.FOOTNOTE, BlockKind.PAGE_HEADER, BlockKind.PAGE_FOOTER})
"""Kinds that Docling has under the same name."""


def require_docling() -> None:
    """Make sure that :func:`to_docling` can be called.

    Raises:
        ModuleNotFoundError: If docling-core is not installed; the message says what to do.
    """
    if find_spec("docling_core") is None:
        raise ModuleNotFoundError(
            'docling-core is not installed. Run pip install "deepseek-ocr-rag[docling]".', name="docling_core"
        )


def to_docling(document: Document) -> DoclingDocument:
    """The document as Docling's.

    ``prov`` has an entry for each page, and each column, that an item stands on. Its ``charspan`` counts in the item's
    ``text``, which for list items is without their marker and for formulas without the signs around them. Pages of
    pictures are measured in pixels. Boxes of cells are left out where a table goes on after its first page, for Docling
    does not say on which page a cell stands. Pictures of figures are referred to and not read; Docling's
    ``load_local_images`` does that.

    Raises:
        ModuleNotFoundError: If docling-core is not installed.
    """
    require_docling()
    return _Builder(document).build()


@dataclass(slots=True)
class _OpenList:
    level: int
    is_numbered: bool
    group: ListGroup
    last: ListItem | None = None


class _Builder:
    """Adds one chain of blocks after the other to a new document."""

    def __init__(self, document: Document) -> None:
        from docling_core.types.doc import DoclingDocument, DocumentOrigin

        self.pages = {page.number: page for page in document.pages}
        self.chains = list(chains(in_sequence(document.blocks())))
        self.captions = _captions(self.chains)
        self.title = next((chain for chain in self.chains if chain[0].kind is BlockKind.TITLE), None)
        self.shift = _levels_above(self.chains, self.title)
        self.lists: list[_OpenList] = []
        name = valid_text(document.file_name)
        kind = mimetypes.guess_type(name)[0] or ""
        origin = DocumentOrigin(
            mimetype=kind if kind in mimetypes.types_map.values() else "application/octet-stream",
            binary_hash=origin_hash(document.id),
            filename=name,
        )
        self.made = DoclingDocument(name=PurePath(name).stem, origin=origin)

    def build(self) -> DoclingDocument:
        from docling_core.types.doc import Size

        for page in self.pages.values():
            self.made.add_page(page_no=page.number, size=Size(width=page.width, height=page.height))
        hosted = {id(caption) for captions in self.captions.values() for caption in captions}
        for chain in self.chains:
            if id(chain) not in hosted:
                self.add(chain)
        return self.made

    def add(self, chain: Chain) -> None:
        head = chain[0]
        if head.kind is BlockKind.LIST_ITEM and head.text.strip():
            self.add_list_item(chain)
            return
        if not head.kind.is_furniture and head.kind is not BlockKind.FOOTNOTE:
            self.lists.clear()  # what stands at the foot of a page does not end a list that goes on over it
        if head.kind is BlockKind.TABLE and fits(chain):
            self.add_table(chain)
        elif head.kind is BlockKind.TABLE and len(chain) > 1:
            for block in chain:
                self.add((block,))
        elif head.kind is BlockKind.FIGURE:
            self.add_picture(head)
        elif head.text.strip():
            self.add_text(chain)

    def add_text(self, chain: Chain, *, host: TableItem | PictureItem | None = None) -> None:
        from docling_core.types.doc import ContentLayer, DocItemLabel

        head = chain[0]
        text, provs = self.said(joined(chain))
        item: DocItem
        if chain is self.title:
            item = self.made.add_title(text)
        elif head.kind.is_heading:
            item = self.made.add_heading(text, level=min(_DEEPEST_HEADING, max(1, head.level - self.shift)))
        elif head.kind is BlockKind.CODE:
            item = self.made.add_code(text)
        elif head.kind is BlockKind.FORMULA and (found := formula_of(head)):
            formula, provs = self.said(found)
            item = self.made.add_formula(formula, orig=text)
        else:
            label = DocItemLabel(head.kind.value) if head.kind in _OWN_LABELS else DocItemLabel.TEXT
            layer = ContentLayer.FURNITURE if head.kind.is_furniture else None
            item = self.made.add_text(label, text, parent=host, content_layer=layer)
            if host is not None:
                host.captions.append(item.get_ref())
        item.prov.extend(provs)

    def add_list_item(self, chain: Chain) -> None:
        marker, start = list_marker(chain[0].text)
        is_numbered = marker[:1].isdigit()
        text, provs = self.said(joined(chain, start=start))
        listed = self.list_at(min(_DEEPEST_LIST, max(0, chain[0].level)), is_numbered=is_numbered)
        listed.last = self.made.add_list_item(text, enumerated=is_numbered, marker=marker, parent=listed.group)
        listed.last.prov.extend(provs)

    def list_at(self, level: int, *, is_numbered: bool) -> _OpenList:
        """The list that an item of that level goes to; numbers after bullets are another list."""
        while self.lists and self.lists[-1].level > level:
            self.lists.pop()
        if self.lists and self.lists[-1].level == level:
            if self.lists[-1].is_numbered == is_numbered:
                return self.lists[-1]
            self.lists.pop()
        parent = self.lists[-1].last if self.lists else None
        self.lists.append(_OpenList(level, is_numbered, self.made.add_list_group(name="list", parent=parent)))
        return self.lists[-1]

    def add_table(self, chain: Chain) -> None:
        is_whole = len({block.page_number for block in chain}) == 1
        item = self.made.add_table(table_data(chain, self.pages.get(chain[0].page_number) if is_whole else None))
        for block in chain:
            item.prov.extend(self.places(block))
        self.add_captions(item, chain[0])

    def add_picture(self, block: Block) -> None:
        from docling_core.types.doc import DescriptionMetaField, PictureMeta, TabularChartMetaField

        text, chart = block.text, None
        if block.table is not None and fits((block,)):
            chart = TabularChartMetaField(chart_data=table_data((block,), None))
            text = text.replace(table_markdown(block.table), "")
        said = valid_text(text.strip())
        item = self.made.add_picture(image=picture_reference(block, self.pages.get(block.page_number)))
        if said or chart:
            description = DescriptionMetaField(text=said) if said else None
            item.meta = PictureMeta(description=description, tabular_chart=chart)
        item.prov.extend(self.places(block))
        self.add_captions(item, block)

    def add_captions(self, item: TableItem | PictureItem, block: Block) -> None:
        for caption in self.captions.pop(id(block), ()):
            self.add_text(caption, host=item)

    def said(self, fragments: Iterable[Fragment]) -> tuple[str, list[ProvenanceItem]]:
        """The text of fragments, and where its characters stand."""
        pieces: list[str] = []
        provs: list[ProvenanceItem] = []
        length = 0
        for fragment in fragments:
            if fragment.block is not None:
                start, end = fragment.start, fragment.start + len(fragment.text)
                provs.extend(self.places(fragment.block, start, end, at=length))
            pieces.append(fragment.text)
            length += len(fragment.text)
        return valid_text("".join(pieces)), provs

    def places(self, block: Block, start: int = 0, end: int = 0, *, at: int = 0) -> Iterator[ProvenanceItem]:
        """A place for each of the block's boxes, with those of its characters ``[start, end)`` that stand there."""
        from docling_core.types.doc import ProvenanceItem

        page = self.pages.get(block.page_number)
        if page is None:
            return
        boxes = block.boxes or (PAGE_BOX,)
        for box in boxes:
            inside = [line for line in block.lines if len(boxes) > 1 and box.holds_center_of(line.box)]
            first = max(start, min((line.start for line in inside), default=start))
            last = min(end, max((line.end for line in inside), default=end))
            if first >= last:
                first, last = start, end
            moved = at - start
            yield ProvenanceItem(page_no=page.number, bbox=page_box(box, page), charspan=(first + moved, last + moved))


def _levels_above(found: Sequence[Chain], title: Chain | None) -> int:
    """How many levels of headings the title takes, which Docling counts apart; none if a heading is as high as it."""
    if title is None:
        return 0
    others = (chain[0] for chain in found if chain is not title and chain[0].kind.is_heading)
    return max(0, title[0].level) if all(one.level > title[0].level for one in others) else 0


def _captions(found: Sequence[Chain]) -> dict[int, list[Chain]]:
    """The captions that are to stand below a table or picture, by the identity of its first block."""
    hosts: dict[str, Block] = {}
    for chain in found:
        if chain[0].kind is BlockKind.FIGURE or (chain[0].kind is BlockKind.TABLE and fits(chain)):
            for block in chain:
                hosts.setdefault(block.id, chain[0])
    captions: defaultdict[int, list[Chain]] = defaultdict(list)
    for chain in found:
        host = hosts.get(chain[0].belongs_to) if chain[0].kind is BlockKind.CAPTION else None
        if host is not None and chain[0].text.strip():
            captions[id(host)].append(chain)
    return captions
