"""Half an hour at full load with everything going wrong: does anything grow?

    python benchmarks/soak.py DATA [--minutes 30]

Documents of all kinds are read over and over from one program, by an endpoint that refuses, breaks off, stalls and
answers nonsense, while workers are killed at random. Memory, descriptors, threads, child processes and temporary files
are counted after each round; a trend is a leak.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import floor
from endpoint import Endpoint
from papers import PAPER, children, repeated, resident

from deepseek_ocr_rag import ChatEngine, ChatOptions, Failure, Progress, ReadOptions, RetryPolicy, read_records
from deepseek_ocr_rag.recognition import ImageRequest

MIB = 1 << 20
PAGES = 56
"""Pages of the paper in a round."""
WARM_UP = 3
"""Rounds that are left out of the trend: libraries load, pools fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What there is after a round."""

    minute: float
    memory: int
    """Bytes of the program itself; its workers are gone."""
    descriptors: int
    threads: int
    processes: int
    files: int
    """Temporary files and folders."""


def main() -> int:
    """Run for so long, and tell the trend."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    args = parser.parse_args()
    logging.getLogger("deepseek_ocr_rag").setLevel(logging.CRITICAL)
    rounds = run(args.data, minutes=args.minutes)
    return 0 if report(rounds) else 1


def run(data: Path, *, minutes: float) -> list[Round]:
    """Read for so long."""
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hostile = sorted(path for path in (data / "hostile").rglob("*.pdf") if path.stat().st_size < MIB)
        dice = random.Random(11)  # noqa: S311 - a sample
        with Endpoint(latency=0.05, refused=0.1, broken=0.05, stalled=0.01, nonsense=0.05) as endpoint:
            paper = repeated(data / PAPER, folder, pages=PAGES)
            tempfile.tempdir = str(folder / "temporary")
            Path(tempfile.tempdir).mkdir()
            started, strangers = time.monotonic(), set(children(os.getpid()))
            statuses: Counter[str] = Counter()
            while time.monotonic() - started < 60 * minutes:
                paths = [paper, *dice.sample(hostile, min(12, len(hostile)))]
                statuses += _round(paths, endpoint.url, strangers, dice)
                rounds.append(_count(started, strangers))
                print(_shown(rounds[-1]), dict(statuses), flush=True)
            tempfile.tempdir = None
    return rounds


def report(rounds: list[Round]) -> bool:
    """Whether nothing grows: the last third beside the first, warming up left out."""
    counted = rounds[WARM_UP:]
    third = max(1, len(counted) // 3)
    is_flat = True
    for what, room in (("memory", 1.05), ("descriptors", 1.0), ("threads", 1.0), ("processes", 1.0), ("files", 1.0)):
        first, last = (
            statistics.median(getattr(one, what) for one in part) for part in (counted[:third], counted[-third:])
        )
        is_flat = is_flat and last <= first * room
        print(f"{what:12} {first:14.0f} -> {last:14.0f}")
    print(
        f"{len(rounds)} rounds in {rounds[-1].minute:.1f} minutes: {'nothing grows' if is_flat else 'SOMETHING GROWS'}"
    )
    return is_flat


def _round(paths: list[Path], url: str, strangers: set[int], dice: random.Random) -> Counter[str]:
    engine = ChatEngine(
        url,
        model=floor.MODEL,
        options=ChatOptions(
            image=ImageRequest(resolution="base"), timeout=2.0, retry=RetryPolicy(backoff=0.05, deadline=20)
        ),
    )
    statuses: Counter[str] = Counter()

    def told(done: Progress) -> None:
        statuses[done.status] += 1

    def failed(_: Failure) -> None:
        statuses["file failed"] += 1

    is_over = threading.Event()
    killer = threading.Thread(target=_kill_workers, args=(is_over, strangers, dice.random()))
    killer.start()
    try:
        for _ in read_records(paths, ReadOptions(engine=engine, progress=told, on_failure=failed, on_error="skip")):
            pass
    finally:
        is_over.set()
        killer.join()
    return statuses


def _kill_workers(is_over: threading.Event, strangers: set[int], seed: float) -> None:
    dice = random.Random(seed)  # noqa: S311 - moments
    while not is_over.wait(dice.uniform(1.0, 5.0)):
        workers = [child for child in children(os.getpid()) if child not in strangers]
        if workers:
            try:
                os.kill(dice.choice(workers), signal.SIGSEGV)
            except ProcessLookupError:
                continue


def _count(started: float, strangers: set[int]) -> Round:
    gc.collect()
    return Round(
        minute=(time.monotonic() - started) / 60,
        memory=resident(os.getpid()),
        descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=threading.active_count(),
        processes=sum(1 for child in children(os.getpid()) if child not in strangers),
        files=sum(1 for _ in Path(tempfile.gettempdir()).rglob("*")),
    )


def _shown(one: Round) -> str:
    counts = f"{one.descriptors} descriptors, {one.threads} threads, {one.processes} processes, {one.files} files"
    return f"minute {one.minute:5.1f}: {one.memory / MIB:.0f} MiB, {counts}"


if __name__ == "__main__":
    sys.exit(main())
