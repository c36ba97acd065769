"""What a second run costs, and what a run that is killed again and again pays for.

    python benchmarks/resume.py DATA [--pages 1000] [--kills 20]

A two-column paper goes through an endpoint on loopback, with a cache. The second run must ask for nothing. Then, with
a new cache, the run is killed (SIGKILL) at random moments and begun again, each time a little later, until one run is
left alone: no page may be asked for twice but those that were in flight when a run was killed.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import floor
from endpoint import Endpoint
from papers import PAPER, answers, measured, repeated

from deepseek_ocr_rag import ChatEngine, ChatOptions, Mode, ReadOptions, read_records
from deepseek_ocr_rag.recognition import ImageRequest

IN_FLIGHT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured."""

    first: float
    second: float
    answers_only: float
    """Pages a second of a first run, a second one, and of one that finds the raw answers but no finished files."""
    requests_again: int
    """Requests of the second runs."""
    kills: int
    in_flight: int
    """Pages that were in flight at the kills, all together."""
    paid_twice: int


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.file:
        read_all(args.file, args.url, args.cache)
        return 0
    run(args.data / PAPER, pages=args.pages, kills=args.kills)
    return 0


def run(paper: Path, *, pages: int, kills: int) -> Found:
    """A second run, and one that is killed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = repeated(paper, folder, pages=pages)
        known = answers(paper, folder, _engine("http://127.0.0.1:9").request)
        with Endpoint(known) as endpoint:
            modes: tuple[Mode, ...] = ("chunk", "chunk", "page")
            rates = [pages / _seconds(path, endpoint, folder / "cache.sqlite", mode=mode) for mode in modes]
            again = int(endpoint.stats()["requests"]) - pages
        with Endpoint(known, latency=0.2) as endpoint:
            lost = _killed(path, endpoint, folder / "killed.sqlite", kills=kills)
            stats = endpoint.stats()
        found = Found(
            first=rates[0],
            second=rates[1],
            answers_only=rates[2],
            requests_again=again,
            kills=kills,
            in_flight=lost,
            paid_twice=int(stats["requests"]) - pages,
        )
    print(f"first run {found.first:.0f} pages/s, second {found.second:.0f} pages/s", end=", ")
    print(f"from raw answers {found.answers_only:.0f} pages/s, {found.requests_again} requests in both")
    print(f"{kills} kills: {found.paid_twice} pages were paid twice, {found.in_flight} were in flight at the kills")
    return found


def read_all(path: Path, url: str, cache: Path, *, mode: Mode = "chunk") -> None:
    """Read a file with a cache."""
    options = ReadOptions(engine=_engine(url), cache=cache)
    assert sum(1 for _ in read_records(path, options, mode=mode)) > 0


def _seconds(path: Path, endpoint: Endpoint, cache: Path, *, mode: Mode) -> float:
    with measured() as cost:
        read_all(path, endpoint.url, cache, mode=mode)
    return cost.seconds


def _killed(path: Path, endpoint: Endpoint, cache: Path, *, kills: int) -> int:
    """Begin again and again; the pages that were in flight when a run was killed."""
    program = [sys.executable, __file__, "-", "--file", str(path), "--url", endpoint.url, "--cache", str(cache)]
    dice = random.Random(5)  # noqa: S311 - moments
    lost = 0
    for _ in range(kills):
        before = endpoint.stats()["requests"]
        process = subprocess.Popen(program)  # noqa: S603 - this file
        while endpoint.stats()["requests"] == before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(dice.uniform(0.0, 1.0))
        process.send_signal(signal.SIGKILL)
        lost += int(endpoint.stats()["in_flight"])
        process.wait()
        time.sleep(0.3)  # what is in flight ends
    subprocess.run(program, check=True)  # noqa: S603 - this file
    return lost


def _engine(url: str) -> ChatEngine:
    options = ChatOptions(image=ImageRequest(resolution="base"), max_in_flight=IN_FLIGHT)
    return ChatEngine(url, model=floor.MODEL, options=options)


if __name__ == "__main__":
    sys.exit(main())
