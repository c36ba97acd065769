"""Draw the sample document, ``python examples/make_sample.py out/sample.pdf``, and write down what stands where.

The text is ``sample_text.md`` beside this file: markdown, with a comment where a sheet begins, ``<!-- page: KIND -->``.
``sample_layout.py`` sets it on upright pages. Then most pages are published as they are, one is turned by /Rotate, and
two become pictures as from a scanner, one of them lying on its side.

``sample.truth.json`` holds the blocks of each page with their lines and words. Its boxes are fractions of the page as
displayed: left, top, right, bottom, from the top left corner. A block's ``text`` has no end-of-line hyphens, its
``lines`` and ``words`` have them; a table's lines are its rows. A block with ``continues`` goes on from the page
before, and ``turn`` is how far, clockwise, a picture lies on its side.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
from PIL import Image, ImageFilter
from sample_layout import SOFT, STYLES, Bounds, Sheet, Typesetter, hull

TEXT = Path(__file__).with_name("sample_text.md")
RUNNING_HEAD = "Ostrel Catchment Water Programme – Field Report 2026"
QUESTIONS = (  # each quote stands exactly once in the document; from a table it is a row
    (
        "How much nitrate nitrogen left the catchment in the year?",
        "The mean nitrate concentration at the outlet was 3.53 mg/L as nitrogen, and 845 tonnes of nitrate nitrogen "
        "left the catchment in the year.",
    ),
    ("What was the detection limit for nitrate?", "The detection limit was 0.04 mg/L."),
    (
        "On which day did the largest load pass the gauge?",
        "The largest load of a single day, 11.7 tonnes, passed the gauge on 22 November.",
    ),
    ("What is the annual mean nitrate concentration at Kestrel Weir?", "OS-10 Kestrel Weir 13.1 2.51 8.4 239 23"),
    ("What is the conductivity at Long Reach?", "OS-28 Long Reach 42.4 3.96 13.8 367 24"),
    ("What does the sensor at Estry Gauge cost in the first year?", "Sensor at Estry Gauge 36,900 7,450 August 2026"),
    ("When were the nine stations chosen?", "The nine stations were chosen before the results were known."),
    (
        "Which turbidity probe was used from Dunmere onwards?",
        "The spare turbidity probe with the serial number TP-4471 was used from Dunmere onwards, because the first "
        "probe drifted by 6 NTU within an hour.",
    ),
    (
        "What did the staff gauge at Hobb Drain read?",
        "At Hobb Drain the staff gauge read 1.62 metres, which is 37 centimetres above the mean of the month.",
    ),
    (
        "For how many hours had the lamp of the nitrate bench burned?",
        "The lamp had burned for 1,310 hours and was replaced on the following day.",
    ),
)
HEADINGS = {
    "#": ("title", "title"),
    "##": ("heading", "heading2"),
    "###": ("heading", "heading3"),
    "####": ("heading", "heading4"),
}
DPI, SKEW, SEED = 170, 0.6, 2026  # of the scans; degrees, counter-clockwise; for the grain
TURNS = {"rotated_scan": 90}


def make_sample(output: Path) -> Path:
    """Write the sample document to ``output`` and its truth beside it, ``NAME.truth.json``, whose path is returned."""
    setter = Typesetter(RUNNING_HEAD)
    set_source(setter, TEXT.read_text(encoding="utf-8"))
    output.parent.mkdir(parents=True, exist_ok=True)
    document = publish(setter)
    document.save(output, garbage=4, deflate=True, no_new_id=True, reproducible=True)
    pages = [page_truth(number, sheet) for number, sheet in enumerate(setter.sheets, start=1)]
    truth = {"pages": pages, "questions": [question_truth(*question, pages) for question in QUESTIONS]}
    path = output.with_suffix(".truth.json")
    path.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def set_source(setter: Typesetter, source: str) -> None:
    """Set the whole text; its blocks are separated by blank lines."""
    chart_next = False
    for chunk in re.split(r"\n\s*\n", source.strip()):
        comment = re.fullmatch(r"<!-- (\w+)(?:: (\w+))? -->", chunk)
        if comment:
            name, value = comment.groups()
            chart_next = name == "chart"
            if not chart_next:
                {"page": setter.begin_sheet, "columns": setter.columns}[name](value)
        elif chunk.startswith("|"):
            rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in chunk.splitlines()]
            del rows[1]  # the dashes under a markdown table's header
            draw_chart(setter, rows) if chart_next else setter.table(rows)
            chart_next = False
        else:
            set_words(setter, chunk)


def set_words(setter: Typesetter, chunk: str) -> None:
    """Set one block of words as its first characters say."""
    head, _, rest = chunk.partition(" ")
    if head in HEADINGS:
        kind, style = HEADINGS[head]
        setter.text(kind, rest, STYLES[style], level=len(head))
    elif head == "-" or re.fullmatch(r"\d+\.", head):
        for item in chunk.splitlines():
            marker, _, words = item.partition(" ")
            setter.text("list_item", words, STYLES["list_item"], marker=marker.replace("-", "•"))
        setter.y += 4
    elif head == "$$":
        set_formula(setter, rest.removesuffix("$$"))
    elif head == "¹":
        setter.footnote(chunk)
    elif re.match(r"(Table|Figure) \d+\. ", chunk):
        keep = 4 * STYLES["cell"].leading if head == "Table" else 0
        setter.text("caption", chunk, replace(STYLES["caption"], keep=keep))
    else:
        style = {">": "abstract", "By": "byline"}.get(head, "paragraph")
        setter.text("paragraph", chunk.removeprefix("> "), STYLES[style])


def set_formula(setter: Typesetter, formula: str) -> None:
    """Set a formula in the middle of a line, with its number at the right."""
    style = STYLES["formula"]
    setter.y += style.before
    setter.make_room(style.leading)
    left, _, right, _ = setter.frames[0]
    block, baseline = setter.block("formula"), setter.y + 0.7 * style.leading
    block.put(formula.split(), style, left=left, right=right, baseline=baseline)
    block.put(["(1)"], replace(STYLES["paragraph"], align="right"), left=left, right=right, baseline=baseline)
    block.end_line()
    block.end_part()
    setter.y += style.leading + style.after


def draw_chart(setter: Typesetter, rows: Sequence[Sequence[str]]) -> None:
    """Draw the second column of a table as bars (left axis, to 15) and the third as a line (right axis, to 6)."""
    height, ticks = 132, 3
    setter.make_room(height + 80)
    frame, label = setter.frames[0], STYLES["label"]
    left, right, top = frame[0] + 22, frame[2] - 22, setter.y + 20
    base, step = top + height, (right - left) / (len(rows) - 1)
    block = setter.block("figure")
    page = block.page

    def write(text: str, align: str, span: tuple[float, float], baseline: float) -> None:
        block.put(text.split(), replace(label, align=align), left=span[0], right=span[1], baseline=baseline)
        block.end_line()

    write(rows[0][1], "left", (frame[0], right), top - 9)
    write(rows[0][2], "right", (left, frame[2]), top - 9)
    for tick in range(ticks + 1):
        y = base - height * tick / ticks
        page.draw_line((left, y), (right, y), color=(0.8,) * 3 if tick else (0.2,) * 3, width=0.5)
        write(str(5 * tick), "right", (frame[0], left - 5), y + 3)
        write(str(2 * tick), "left", (right + 5, frame[2]), y + 3)
    points = []
    for number, (month, discharge, nitrate) in enumerate(rows[1:]):
        x = left + (number + 0.5) * step
        bar = pymupdf.Rect(x - 0.3 * step, base - height * float(discharge) / 15, x + 0.3 * step, base)
        page.draw_rect(bar, color=None, fill=(0.62, 0.74, 0.84))
        points.append(pymupdf.Point(x, base - height * float(nitrate) / 6))
        write(month, "center", (x - step / 2, x + step / 2), base + 12)
    page.draw_polyline(points, color=(0.7, 0.2, 0.1), width=1.4)
    for point in points:
        page.draw_circle(point, 2.2, color=(0.7, 0.2, 0.1), fill=(1, 1, 1), width=1.1)
    block.end_part((left, top, right, base))
    setter.y = base + 18


def publish(setter: Typesetter) -> pymupdf.Document:
    """The document as it is read: plain pages, one under /Rotate, pictures of pages."""
    grain = np.random.default_rng(SEED)
    document = pymupdf.open()
    for index, sheet in enumerate(setter.sheets):
        page, (width, height) = setter.book[index], page_size(sheet)
        if sheet.kind == "rotated":
            turned = document.new_page(width=height, height=width)
            turned.show_pdf_page(turned.rect, setter.book, index, rotate=90)
            turned.set_rotation(90)
        elif "scan" in sheet.kind:
            picture = photograph(page, TURNS.get(sheet.kind, 0), grain)
            document.new_page(width=width, height=height).insert_image((0, 0, width, height), stream=picture)
        else:
            document.insert_pdf(setter.book, from_page=index, to_page=index)
    document.subset_fonts()
    title = setter.sheets[0].blocks
    document.set_metadata({"title": next(block.text for block in title if block.kind == "title")})
    return document


def photograph(page: pymupdf.Page, turn: int, grain: np.random.Generator) -> bytes:
    """A JPEG of the page as a cheap scanner gives it: askew, soft, grey, grainy, darker at one side."""
    pixels = page.get_pixmap(dpi=DPI, colorspace=pymupdf.csGRAY)
    picture = Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)
    picture = picture.rotate(SKEW, resample=Image.Resampling.BICUBIC, fillcolor=255)
    picture = picture.filter(ImageFilter.GaussianBlur(0.6))
    if turn == 90:
        picture = picture.transpose(Image.Transpose.ROTATE_270)  # Pillow counts the other way
    ink = np.asarray(picture, dtype=np.float32) / 255
    light = np.linspace(247, 236, ink.shape[1], dtype=np.float32)
    grey = 38 + ink * (light - 38) + grain.normal(0, 5, ink.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=60)
    return out.getvalue()


def page_size(sheet: Sheet) -> tuple[float, float]:
    """Width and height in points as displayed."""
    return (sheet.height, sheet.width) if TURNS.get(sheet.kind) == 90 else (sheet.width, sheet.height)


def displayed(box: Bounds, sheet: Sheet) -> list[float]:
    """A box of the upright sheet as fractions of the displayed page: skewed and turned as the scans are."""
    width, height = sheet.width, sheet.height
    corners = [(x, y) for x in box[::2] for y in box[1::2]]
    if "scan" in sheet.kind:
        sine, cosine = math.sin(math.radians(SKEW)), math.cos(math.radians(SKEW))
        centred = [(x - width / 2, y - height / 2) for x, y in corners]
        corners = [(x * cosine + y * sine + width / 2, y * cosine - x * sine + height / 2) for x, y in centred]
    if TURNS.get(sheet.kind) == 90:
        corners = [(height - y, x) for x, y in corners]
    left, top, right, bottom = hull([(x, y, x, y) for x, y in corners])
    width, height = page_size(sheet)
    return [round(left / width, 5), round(top / height, 5), round(right / width, 5), round(bottom / height, 5)]


def page_truth(number: int, sheet: Sheet) -> dict[str, Any]:
    """What stands on a page, in reading order: the notes after the text, the page number last."""
    late = {"footnote": 1, "page_footer": 2}
    blocks = [
        {
            "kind": block.kind,
            "level": block.level,
            "continues": block.continues,
            "text": block.text,
            "boxes": [displayed(box, sheet) for box in block.boxes],
            "lines": [{"text": text.replace(SOFT, "-"), "box": displayed(box, sheet)} for text, box in block.lines],
            "words": [[text.replace(SOFT, "-"), *displayed(box, sheet)] for text, box in block.words],
            "rows": block.rows,
        }
        for block in sorted(sheet.blocks, key=lambda block: late.get(block.kind, 0))
    ]
    width, height = page_size(sheet)
    turn = TURNS.get(sheet.kind, 0)
    return {"number": number, "kind": sheet.kind, "width": width, "height": height, "turn": turn, "blocks": blocks}


def question_truth(question: str, quote: str, pages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A question, the words that answer it, and the one page where they stand."""
    found = [page["number"] for page in pages for block in page["blocks"] if quote in block["text"]]
    if len(found) != 1:
        raise ValueError(f"the answer must stand in one place, not in {len(found)}: {quote!r}")
    return {"question": question, "answer_quote": quote, "page": found[0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the sample document and write down what stands where.")
    parser.add_argument("output", type=Path, nargs="?", default=Path("out/sample.pdf"))
    target = parser.parse_args().output
    print(f"{target} and {make_sample(target)}")
