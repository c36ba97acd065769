"""Header rows found by evidence, and grids read back from HTML, on tables whose truth is known.

    python benchmarks/tables.py ../shared/data

The truth is PubTabNet's sample (``<thead>``) and docling's reference documents (``column_header``). Every table is
written as DeepSeek-OCR writes it, with ``<td>`` alone and without bold print, and read back; then its header rows are
guessed. Printed are the tables that differ, the precision and recall of header rows (rows of the header by the guess
and by the truth), the tables with all of them right, and the cells whose text, place and span came back. The exit code
is 1 where precision is below 0.95 or a cell is not the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepseek_ocr_rag.document import Cell, Table
from deepseek_ocr_rag.headrows import with_header
from deepseek_ocr_rag.tables import parse_html_table, table_html

PUBTABNET = "bench/ibm-aur-nlp+PubTabNet/examples/PubTabNet_Examples.jsonl"
DOCLING = "born_digital/docling-project+docling/tests/data/pdf/groundtruth"
GOAL = 0.95


def main() -> int:
    """Measure the tables below the data folder of the command line."""
    data = Path(sys.argv[1])
    truths = [*pubtabnet(data / PUBTABNET), *docling(data / DOCLING)]
    right = guessed = true = hits = same = cells = 0
    for name, truth in truths:
        read = parse_html_table(table_html(bare(truth)))
        same += sum(cell in bare(truth).cells for cell in read.cells) if read else 0
        cells += len(truth.cells)
        found = with_header(bare(truth)).header_rows
        guessed, true, hits = guessed + found, true + truth.header_rows, hits + min(found, truth.header_rows)
        right += found == truth.header_rows
        if found != truth.header_rows:
            print(f"{name}: {found} header rows guessed, {truth.header_rows} marked")
    print(f"{len(truths)} tables, header rows right in {right}")
    print(f"header rows: precision {hits / guessed:.3f}, recall {hits / true:.3f} ({guessed} guessed, {true} marked)")
    print(f"cells read back from HTML: {same} of {cells}")
    return 0 if hits >= GOAL * guessed and same == cells else 1


def bare(table: Table) -> Table:
    """The table as the model writes it: nothing says which cells are headers."""
    return replace(table, header_rows=0, cells=tuple(replace(cell, is_header=False) for cell in table.cells))


def pubtabnet(path: Path) -> Iterator[tuple[str, Table]]:
    """Name and table of each line; the HTML is in tokens, the texts of its cells are apart."""
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        texts = iter("".join(cell["tokens"]) for cell in item["html"]["cells"])
        html = "".join(
            next(texts) + piece if piece == "</td>" else piece for piece in item["html"]["structure"]["tokens"]
        )
        table = parse_html_table(f"<table>{re.sub(r'</?[bi]>', '', html)}</table>")
        if table:
            yield item["filename"], table


def docling(folder: Path) -> Iterator[tuple[str, Table]]:
    """Name and table of each table of docling's documents."""
    for path in sorted(folder.glob("*.json")):
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        for number, item in enumerate(document.get("tables", ())):
            table = docling_table(item["data"])
            if table.cells:
                yield f"{path.name} table {number + 1}", table


def docling_table(data: Any) -> Table:
    """Docling's grid as ours; its header rows are the leading ones that have header cells."""
    cells = tuple(
        Cell(
            row=cell["start_row_offset_idx"],
            column=cell["start_col_offset_idx"],
            text=" ".join(cell["text"].split()),
            row_span=cell["row_span"],
            column_span=cell["col_span"],
            is_header=cell["column_header"],
        )
        for cell in sorted(data["table_cells"], key=lambda c: (c["start_row_offset_idx"], c["start_col_offset_idx"]))
    )
    marked = {cell.row for cell in cells if cell.is_header}
    rows = next(row for row in range(data["num_rows"] + 1) if row not in marked)
    return Table(rows=data["num_rows"], columns=data["num_cols"], cells=cells, header_rows=rows)


if __name__ == "__main__":
    sys.exit(main())
