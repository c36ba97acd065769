"""What DeepSeek-OCR writes about a page, in the words and marks of each family of the model, for each of its prompts.

Follows the recorded answers: v1 puts a table's HTML behind its caption, wraps captions of images in ``<center>`` and
ends blocks with two blanks; DeepSeek-OCR-2 calls every caption ``figure_title``; Unlimited-OCR has no ``ref``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepseek_ocr_rag.document import Table
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.recognition import Region

Form = Literal["tagged", "stripped", "ocr2", "unlimited", "plain"]
Job = Literal["markdown", "layout", "ocr", "free", "figure", "describe", "locate", "table", "latex", "chat"]

END_MARK = "<｜end▁of▁sentence｜>"
_SPECIAL = re.compile(r"<\|/?(?:ref|det|grounding)\|>|</?t[dr]>|" + END_MARK)
_NUMBER = re.compile(r"[-+]?[$€]?\d[\d.,]*%?")
_CAPTION = re.compile(r"(?:Table|Figure|Fig\.) \d{1,3}[.:] ")
_LOCATE = re.compile(r"Locate <\|ref\|>(.*)<\|/ref\|> in the image\.", re.DOTALL)

JOBS: dict[str, Job] = {
    "<|grounding|>Convert the document to markdown.": "markdown",
    "Convert the document to markdown.": "free",
    "<|grounding|>Given the layout of the image.": "layout",
    "Identify all objects in the image and output them in bounding boxes.": "layout",
    "<|grounding|>OCR this image.": "ocr",
    "Free OCR.": "free",
    "Extract the text in the image.": "free",
    "Parse the figure.": "figure",
    "Describe this image in detail.": "describe",
    "Convert the document to markdown table.": "table",
    "Convert to latex.": "latex",
}
"""The exact prompts; to any other the model chats."""

GEOMETRY = (
    "{'Line': {'line': ['(-5, -3) -- (5, -3)', '(5, -3) -- (0, 4)', '(0, 4) -- (-5, -3)'],"
    " 'line_type': ['--', '--', '--'], 'line_endpoint': ['A: (-5, -3)', 'B: (5, -3)', 'C: (0, 4)']},"
    " 'Circle': {'circle_center': ['(0, 0)'], 'radius': ['2']}}"
)
"""What a drawing without a word on it is parsed to."""

_KINDS = {
    **dict.fromkeys(("title",), "title"),
    **dict.fromkeys(("section-header", "sub_title"), "sub_title"),
    **dict.fromkeys(("picture", "image", "figure"), "image"),
    **dict.fromkeys(("caption", "image_caption", "table_caption", "figure_title"), "caption"),
    "table": "table",
    **dict.fromkeys(("formula", "equation"), "equation"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A prompt, understood."""

    job: Job
    reference: str = ""


def understand(prompt: str, *, form: Form = "tagged") -> Ask:
    """What a prompt asks for; wording is load-bearing, blanks at its ends and the picture's mark are not."""
    wanted = prompt.replace("<image>", "").strip()
    located = _LOCATE.fullmatch(wanted)
    if located:
        return Ask(job="locate", reference=located[1].strip())
    if form == "unlimited" and wanted == "document parsing.":
        return Ask(job="markdown")
    return Ask(job=JOBS.get(wanted, "chat"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """In what the model counts: the picture per axis, or the square that an old build pads it to."""

    width: int = 1
    height: int = 1
    is_padded: bool = False

    def numbers(self, box: Box) -> list[int]:
        """The box as integers, 0..999."""
        side = max(self.width, self.height)
        wide, high = (side, side) if self.is_padded else (self.width, self.height)
        across, down = (wide - self.width) / 2, (high - self.height) / 2
        left, top, right, bottom = box.to_size(width=self.width, height=self.height)
        corners = ((left + across) / wide, (top + down) / high, (right + across) / wide, (bottom + down) / high)
        return [min(999, max(0, round(corner * 999))) for corner in corners]


def write(regions: Sequence[Region], ask: Ask, *, form: Form, frame: Frame) -> str:
    """The model's answer, special tokens included."""
    items = _items(regions)
    if ask.job == "locate":
        return _located(items, ask.reference, form, frame)
    if form != "plain" and ask.job in ("markdown", "layout", "ocr"):
        return _grounded(items, ask.job, form, frame)
    if ask.job == "figure":
        return _figure(items, form)
    if ask.job == "describe":
        return _description(items)
    if ask.job == "chat":
        lines = "\n".join(text for text, _ in _lines(items))
        return f"Here is the extracted text from the image:\n\n{lines}" if lines else "The image shows no text."
    return _markdown(items, formulas="$$" if ask.job == "latex" else "\\[")


def _grounded(items: Sequence[_Item], job: Job, form: Form, frame: Frame) -> str:
    if job == "markdown":
        return _page(items, form, frame)
    if job == "ocr":
        return "\n".join(_tag(text, (box,), form, frame) for text, box in _lines(items))
    parts = (part for item in items for part in _parts(item, form))
    return "\n\n".join(_tag(label, region.boxes, form, frame) for label, region, _ in parts)


def without_special_tokens(text: str) -> str:
    """What is left when a server decodes with ``skip_special_tokens``: cells of tables run together."""
    return _SPECIAL.sub("", text)


def upside_down(regions: Sequence[Region]) -> tuple[Region, ...]:
    """What becomes of text that stands on its head: letters that are there, words that are not."""
    return tuple(
        replace(region, text=region.text[::-1], lines=(), table=None, label="text" if region.table else region.label)
        for region in regions
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A region by the model's lights, with its caption where it is a table or an image that has one."""

    kind: str
    region: Region
    caption: Region | None = None


def _items(regions: Sequence[Region]) -> list[_Item]:
    kinds = ["caption" if _CAPTION.match(region.text) else _KINDS.get(region.label, "text") for region in regions]
    sizes = [region.font_size for region, kind in zip(regions, kinds, strict=True) if kind == "sub_title"]
    if "title" not in kinds and kinds[:1] == ["sub_title"] and all(size < sizes[0] for size in sizes[1:]):
        kinds[0] = "title"
    captions = _captions(kinds)
    return [
        _Item(
            kind="text" if kind == "caption" else kind,
            region=regions[at],
            caption=regions[captions[at]] if at in captions else None,
        )
        for at, kind in enumerate(kinds)
        if at not in captions.values()
    ]


def _captions(kinds: Sequence[str]) -> dict[int, int]:
    """The place of each table and image that has a caption, to the caption's: above a table, else below; images the
    other way round."""
    found: dict[int, int] = {}
    things = [(at, (at - 1, at + 1)) for at, kind in enumerate(kinds) if kind == "table"]
    things += [(at, (at + 1, at - 1)) for at, kind in enumerate(kinds) if kind == "image"]
    for at, near in things:
        free = [there for there in near if 0 <= there < len(kinds) and there not in found.values()]
        caption = next((there for there in free if kinds[there] == "caption"), None)
        if caption is not None:
            found[at] = caption
    return found


def _flat(items: Sequence[_Item]) -> Iterator[Region]:
    """All regions, captions before tables and behind images."""
    for item in items:
        around = [item.caption] if item.caption is not None else []
        yield from (*around, item.region) if item.kind == "table" else (item.region, *around)


def _page(items: Sequence[_Item], form: Form, frame: Frame) -> str:
    body = "".join(_block(*part, form, frame) for item in items for part in _parts(item, form))
    return f"<PAGE>\n{body}" if form == "unlimited" and body else body


def _parts(item: _Item, form: Form) -> list[tuple[str, Region, str]]:
    """Label, place and content of each block that an item becomes."""
    caption, region = item.caption, item.region
    if item.kind not in ("table", "image"):
        return [(item.kind, region, _content(item))]
    body = _html(region) if item.kind == "table" else ""
    if caption is None:
        return [(item.kind, region, body)]
    if form == "tagged" and item.kind == "table":  # v1: the caption carries the table
        return [("table", region, ""), ("table_caption", caption, f"{caption.text}\n\n{body}")]
    centered = f"<center>{caption.text} </center>" if form == "tagged" else caption.text
    title = ("figure_title" if form == "ocr2" else f"{item.kind}_caption", caption, centered)
    thing = (item.kind, region, body)
    return [title, thing] if item.kind == "table" else [thing, title]


def _block(label: str, region: Region, content: str, form: Form, frame: Frame) -> str:
    tag = _tag(label, region.boxes, form, frame)
    if form == "unlimited":
        return f"{tag}{content}\n\n"
    return f"{tag}\n{content}  \n\n" if content else f"{tag}\n"


def _content(item: _Item) -> str:
    marks = {"title": ("# ", ""), "sub_title": ("## ", ""), "equation": ("\\[", "\\]")}
    before, after = marks.get(item.kind, ("", ""))
    return f"{before}{item.region.text}{after}"


def _tag(ref: str, boxes: Sequence[Box], form: Form, frame: Frame) -> str:
    numbers = ["[" + ", ".join(map(str, frame.numbers(box))) + "]" for box in boxes]
    if form == "unlimited":
        return f"<|det|>{ref} {', '.join(numbers)}<|/det|>"
    return f"<|ref|>{ref}<|/ref|><|det|>[{', '.join(numbers)}]<|/det|>"


def _lines(items: Sequence[_Item]) -> Iterator[tuple[str, Box]]:
    """The lines of the page, or its cells; of a region that does not know its lines, the whole."""
    for region in _flat(items):
        lines = [(region.text[line.start : line.end].strip(), line.box) for line in region.lines]
        if region.table is not None:
            lines = [(cell.text, cell.box) for cell in region.table.cells if cell.box is not None]
        found = [(text, box) for text, box in lines if text]
        if not found and region.boxes and region.text:
            found = [(" ".join(region.text.split()), region.boxes[0])]
        yield from found


def _located(items: Sequence[_Item], reference: str, form: Form, frame: Frame) -> str:
    wanted = " ".join(reference.casefold().split())
    boxes = [box for text, box in _lines(items) if wanted in " ".join(text.casefold().split())]
    boxes = boxes or [box for item in items if item.kind == wanted for box in item.region.boxes]
    return _tag(reference, boxes, "tagged" if form == "plain" else form, frame)


def _figure(items: Sequence[_Item], form: Form) -> str:
    """A chart as a table of what is read in it, numbers beside their names; a drawing as geometry."""
    tables = [item for item in items if item.region.table is not None]
    if tables:
        return "\n\n".join(_pipes(item.region) if form == "plain" else _html(item.region) for item in tables)
    texts = [text for text, _ in _lines(items)]
    if not texts:
        return GEOMETRY
    names = [name for text in texts if (name := " ".join(_NUMBER.sub(" ", text).split()))]
    numbers = [number for text in texts for number in _NUMBER.findall(text)]
    if not numbers:
        return "\n".join(texts)
    names += [""] * (len(numbers) - len(names))
    numbers += [""] * (len(names) - len(numbers))
    rows = list(zip(names, numbers, strict=True))
    return _pipe_rows(rows) if form == "plain" else _html_rows(rows)


def _description(items: Sequence[_Item]) -> str:
    texts = [text for text, _ in _lines(items)]
    if not texts:
        return "The image shows a drawing without any text."
    first, last = texts[0], texts[-1]
    return (
        f'The image shows a document with {len(texts)} lines of text. It begins with "{first}" and ends with "{last}".'
    )


def _markdown(items: Sequence[_Item], *, formulas: str) -> str:
    parts = []
    for item in items:
        caption = item.caption.text if item.caption is not None else ""
        if item.kind == "table":
            parts += [caption, _pipes(item.region)]
        elif item.kind == "image":
            parts.append(caption)
        elif item.kind == "equation" and formulas == "$$":
            parts.append(f"$$\n{item.region.text}\n$$")
        else:
            parts.append(_content(item))
    return "\n\n".join(part for part in parts if part)


def _html(region: Region) -> str:
    if region.table is None:
        return _html_rows(_pipe_cells(region.text))
    rows: list[list[str]] = [[] for _ in range(region.table.rows)]
    for cell in region.table.cells:
        spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
        spans += f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
        rows[cell.row].append(f"<td{spans}>{html.escape(cell.text, quote=False)}</td>")
    return "<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</table>"


def _html_rows(rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{html.escape(text, quote=False)}</td>" for text in row) for row in rows]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _pipes(region: Region) -> str:
    return _pipe_rows(_grid(region.table)) if region.table is not None else region.text


def _grid(table: Table) -> list[list[str]]:
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        grid[cell.row][cell.column] = cell.text
    return grid


def _pipe_rows(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
    return "\n".join([*lines[:1], "|" + "---|" * (len(rows[0]) if rows else 0), *lines[1:]])


def _pipe_cells(text: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    return [row for row in rows if any(cell.strip("-: ") for cell in row)]
