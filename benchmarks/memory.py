"""Memory and time of a long document beside a short one, and when its first chunk comes.

    python benchmarks/memory.py DATA [--pages 10000]

A two-column paper, 500 pages of it and twenty times as many, goes through an endpoint on loopback that answers at once
with all that each page says. Memory is that of the program and its workers together, sampled each fifth of a second;
each length is read in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import floor
from endpoint import Endpoint
from papers import PAPER, answers, measured, repeated

from deepseek_ocr_rag import ChatEngine, ChatOptions, Progress, ReadOptions, read_records
from deepseek_ocr_rag.recognition import ImageRequest

SHORT = 500
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the reading of a document went."""

    pages: int
    peak: int
    """Bytes."""
    pages_before_first: int
    """Pages that were read before the first chunk came."""
    first_half: float
    second_half: float
    """Seconds for half of the pages each; starting is not counted."""
    memory: tuple[tuple[float, int], ...]
    """Seconds, and bytes then."""


def main() -> int:
    """Read both, and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.file:
        print(json.dumps(asdict(read_one(args.file, args.url))))
        return 0
    run(args.data / PAPER, pages=args.pages)
    return 0


def run(paper: Path, *, pages: int) -> dict[str, Reading]:
    """The readings of a short and of a long document."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Endpoint(answers(paper, folder, _engine("http://127.0.0.1:9").request)) as endpoint:
            short, long = (_in_process(repeated(paper, folder, pages=count), endpoint) for count in (SHORT, pages))
    for one in (short, long):
        print(
            f"{one.pages:6} pages: at most {one.peak / MIB:.0f} MiB, first chunk after {one.pages_before_first} pages, "
            f"second half in {one.second_half / one.first_half:.2f} of the first half's time"
        )
    print(f"memory, long over short: {long.peak / short.peak:.2f}")
    return {"short": short, "long": long}


def _in_process(path: Path, endpoint: Endpoint) -> Reading:
    program = [sys.executable, __file__, "-", "--file", str(path), "--url", endpoint.url]
    done = subprocess.run(program, capture_output=True, text=True, check=False)  # noqa: S603 - this file
    if done.returncode:
        raise SystemExit(done.stderr)
    told = json.loads(done.stdout)
    return Reading(**told | {"memory": tuple((at, size) for at, size in told["memory"])})


def read_one(path: Path, url: str) -> Reading:
    """Read a file to chunks, which are not kept."""
    ends: list[float] = []
    before: int | None = None

    def told(_: Progress) -> None:
        ends.append(time.perf_counter())

    with measured(every=0.2) as cost:
        for _ in read_records(path, ReadOptions(engine=_engine(url), progress=told)):
            before = len(ends) if before is None else before
    middle = len(ends) // 2
    return Reading(
        pages=len(ends),
        peak=cost.peak,
        pages_before_first=before or 0,
        first_half=ends[middle] - ends[0],
        second_half=ends[-1] - ends[middle],
        memory=tuple(cost.samples[:: max(1, len(cost.samples) // 300)]),
    )


def _engine(url: str) -> ChatEngine:
    return ChatEngine(url, model=floor.MODEL, options=ChatOptions(image=ImageRequest(resolution="base")))


if __name__ == "__main__":
    sys.exit(main())
