"""Read a folder of real documents with the embedded engine and check what must always hold.

    python benchmarks/corpus.py ../shared/data/born_digital ../shared/data/scanned

Checked for every file: no exception but ours, as many pages out as in, and every chunk has text, is within its token
budget and has at least one region. Prints a line for whatever is odd, then a summary; the exit code is 1 where a check
failed. ``--json`` keeps the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

from deepseek_ocr_rag import ChunkOptions, Document, Failure, ReadOptions, chunk_document, token_counter
from deepseek_ocr_rag.pipeline import results
from deepseek_ocr_rag.sniff import KNOWN_SUFFIXES

BUDGET = 512


def main() -> int:
    """Run over the folders of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--match", default="", help="only files whose path holds this")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    files = sorted(
        path
        for folder in arguments.folders
        for path in folder.rglob("*")
        if path.suffix.lower() in KNOWN_SUFFIXES and arguments.match in str(path)
    )
    figures = asyncio.run(run(files, sys.stdout))
    figures["files"] = len(files)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps(figures, indent=1))
    return 1 if figures["violations"] else 0


async def run(files: list[Path], out: TextIO) -> dict[str, object]:
    """Read the files and count."""
    started = time.perf_counter()
    statuses: Counter[str] = Counter()
    engines: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    violations: list[str] = []
    async for outcome in results(files, ReadOptions(page_seconds=300)):
        if isinstance(outcome, Failure):
            totals["failures"] += 1
            print(f"refused: {outcome.error}", file=out, flush=True)
            continue
        totals["documents"] += 1
        totals["pages"] += len(outcome.pages)
        statuses.update(page.status for page in outcome.pages)
        engines.update(page.engine for page in outcome.pages)
        for page in outcome.pages:
            for warning in page.warnings:
                print(f"{outcome.file_name} page {page.number}: {page.status}: {warning}", file=out, flush=True)
        chunks, broken = check(outcome)
        totals["chunks"] += chunks
        violations += broken
        for line in broken:
            print("VIOLATION", line, file=out, flush=True)
    return {
        **totals,
        "statuses": dict(statuses),
        "engines": dict(engines),
        "violations": len(violations),
        "seconds": round(time.perf_counter() - started, 1),
    }


def check(document: Document) -> tuple[int, list[str]]:
    """The number of chunks, and a line for each promise that does not hold."""
    broken = []
    numbers = [page.number for page in document.pages]
    if numbers != list(range(1, document.total_pages + 1)):
        broken.append(f"{document.source}: pages {numbers} of {document.total_pages}")
    count, tokens = 0, token_counter()
    for chunk in chunk_document(document, ChunkOptions(max_tokens=BUDGET)):
        count += 1
        if not chunk.text.strip():
            broken.append(f"{document.source}: chunk {chunk.index} is empty")
        if tokens(chunk.embedded_text) > BUDGET:
            broken.append(f"{document.source}: chunk {chunk.index} has {tokens(chunk.embedded_text)} tokens")
        if not chunk.regions:
            broken.append(f"{document.source}: chunk {chunk.index} has no region")
    return count, broken


if __name__ == "__main__":
    sys.exit(main())
