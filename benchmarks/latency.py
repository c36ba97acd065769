"""How busy a slow server is kept, however the pages are spread over files, and when it refuses some.

    python benchmarks/latency.py DATA [--pages 1000]

The endpoint takes 1.5 s for a page and serves 32 at once, others wait. Ideal is that it is never idle: pages / 32 x
1.5 s. The client is not told of the 32. Refusals are a fifth of all answers, at random, whatever the load. The CPU
time of the client is compared at 8 and 64 requests in flight, with an endpoint that serves them all.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import floor
from endpoint import Endpoint
from papers import PAPER, Cost, answers, measured, repeated

from deepseek_ocr_rag import ChatEngine, ChatOptions, ReadOptions, read_records
from deepseek_ocr_rag.recognition import ImageRequest

SECONDS, SLOTS, REFUSED = 1.5, 32, 0.2
FILES = (1, 10, 100)


def main() -> int:
    """Measure all cases, one after the other, in this run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    args = parser.parse_args()
    run(args.data / PAPER, pages=args.pages)
    return 0


def run(paper: Path, *, pages: int) -> dict[str, float]:
    """Wall time over ideal for each number of files, without refusals and with; and CPU at 64 over CPU at 8."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = answers(paper, folder, _engine("http://127.0.0.1:9").request)
        found = {}
        for refused in (0.0, REFUSED):
            for count in (count for count in FILES if count <= pages):
                paths = _files(paper, folder, pages=pages, count=count)
                key = f"{count} files" + (f", {refused:.0%} refused" if refused else "")
                found[key] = _wall(paths, known, refused, pages) / (math.ceil(pages / SLOTS) * SECONDS)
                print(f"{key:26} {found[key]:.3f} of the ideal", flush=True)
        path = repeated(paper, folder, pages=pages)
        few, many = (_cost(path, known, in_flight).cpu / pages for in_flight in (8, 64))
        found["cpu"] = many / few
        print(f"CPU a page: {1000 * few:.1f} ms at 8 in flight, {1000 * many:.1f} ms at 64: {many / few:.2f}")
        return found


def _files(paper: Path, folder: Path, *, pages: int, count: int) -> list[Path]:
    sizes = [pages // count + (at < pages % count) for at in range(count)]
    return [repeated(paper, folder, pages=size, name=f"{count}-{at}") for at, size in enumerate(sizes)]


def _wall(paths: Sequence[Path], known: Mapping[str, str], refused: float, pages: int) -> float:
    with Endpoint(known, latency=SECONDS, slots=SLOTS, refused=refused) as endpoint:
        with measured() as cost:
            _read(paths, _engine(endpoint.url))
        stats = endpoint.stats()
    assert stats["known"] == pages, stats
    return cost.seconds


def _cost(path: Path, known: Mapping[str, str], in_flight: int) -> Cost:
    with Endpoint(known, latency=0.05 * in_flight / 8) as endpoint, measured() as cost:
        _read([path], _engine(endpoint.url, in_flight))
    return cost


def _engine(url: str, in_flight: int = ChatOptions().max_in_flight) -> ChatEngine:
    options = ChatOptions(image=ImageRequest(resolution="base"), max_in_flight=in_flight)
    return ChatEngine(url, model=floor.MODEL, options=options)


def _read(paths: Sequence[Path], engine: ChatEngine) -> None:
    for record in read_records(paths, ReadOptions(engine=engine, on_error="raise")):
        assert record.metadata["page_status"] in ("ok", "retried"), record.metadata["page_status"]


if __name__ == "__main__":
    sys.exit(main())
