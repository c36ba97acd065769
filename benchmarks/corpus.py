"""Read a folder of real documents with the embedded engine and check what must always hold.

    python benchmarks/corpus.py ../shared/data/born_digital ../shared/data/scanned

Checked for every file: no exception but ours, as many pages out as in, and everything that is promised of chunks
(``invariants.py``), for several ways to cut. Prints a line for whatever is odd, then a summary; the exit code is 1
where a check failed. ``--json`` keeps the figures.
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

from invariants import violations

from deepseek_ocr_rag import ChunkOptions, Document, Failure, Limits, ReadOptions, chunk_document
from deepseek_ocr_rag.pipeline import results
from deepseek_ocr_rag.sniff import KNOWN_SUFFIXES

WAYS = (
    ChunkOptions(),
    ChunkOptions(max_tokens=64, overlap=16),
    ChunkOptions(max_tokens=128, strategy="page"),
    ChunkOptions(max_tokens=128, strategy="block"),
    ChunkOptions(max_tokens=96, strategy="parent_child", parent_tokens=400),
)


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
    async for outcome in results(files, ReadOptions(limits=Limits(page_seconds=300))):
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
    for options in WAYS:
        broken += [f"{document.source}: {options.strategy}: {line}" for line in violations(document, options)]
    count = sum(1 for _ in chunk_document(document))
    return count, broken


if __name__ == "__main__":
    sys.exit(main())
