"""One command, one report: how fast the client is, how steady, how small; as ratios that were measured in one run.

    python benchmarks/performance.py DATA [-o out/performance] [--pages 1000] [--long 10000]

Writes ``report.md`` and ``report.png`` into the folder. Machines are noisy: run it where nothing else runs. ``soak.py``
takes half an hour and is a command of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import embedded
import latency
import memory
import resume
import throughput
from papers import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A figure, and what it should be."""

    what: str
    value: float
    limit: float
    is_least: bool = False
    """Whether the limit is the least, and not the most."""
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure is as it should be."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.is_least else "≤"
        number = f"{self.value:,.0f}" if self.unit else f"{self.value:.2f}"
        holds = "yes" if self.holds else "NO"
        return f"| {self.what} | {number}{self.unit} | {sign} {self.limit:g}{self.unit} | {holds} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """All that was measured."""

    throughput: Mapping[str, throughput.Result]
    latency: Mapping[str, float]
    memory: Mapping[str, memory.Reading]
    resume: resume.Found
    embedded: Mapping[str, float]


def main() -> int:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/performance"))
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--long", type=int, default=10_000)
    args = parser.parse_args()
    paper = args.data / PAPER
    found = Everything(
        throughput=throughput.run(paper, pages=args.pages),
        latency=latency.run(paper, pages=args.pages),
        memory=memory.run(paper, pages=args.long),
        resume=resume.run(paper, pages=args.pages, kills=20),
        embedded=embedded.run(args.data),
    )
    args.output.mkdir(parents=True, exist_ok=True)
    report = "\n".join(written(found))
    (args.output / "report.md").write_text(report, encoding="utf-8")
    plot(found, args.output / "report.png")
    print(report)
    return 0


def lines(found: Everything) -> Iterator[Line]:
    """The figures."""
    ways, script = found.throughput, found.throughput["script"]
    for way in ("alone", "pdfium", "whole"):
        rate = ways[way].rate
        yield Line(what=f"{ways[way].way}, of the floor", value=rate / ways["bare"].rate, limit=0.85, is_least=True)
        yield Line(what=f"{ways[way].way}, times the script", value=rate / script.rate, limit=8, is_least=True)
    sizes = [one.bytes / one.pages for one in (ways["whole"], script)]
    yield Line(what="bytes sent, of the script's", value=sizes[0] / sizes[1], limit=0.5)
    for case, ratio in found.latency.items():
        if case == "cpu":
            yield Line(what="CPU a page at 64 in flight, of that at 8", value=ratio, limit=1.3)
        else:
            yield Line(what=f"time, of the ideal: {case}", value=ratio, limit=1.3 if "refused" in case else 1.08)
    short, long = found.memory["short"], found.memory["long"]
    yield Line(what=f"memory, {long.pages} pages over {short.pages}", value=long.peak / short.peak, limit=1.15)
    yield Line(what="memory at most", value=long.peak / memory.MIB, limit=600, unit=" MiB")
    yield Line(what="pages before the first chunk", value=long.pages_before_first, limit=40, unit=" pages")
    yield Line(what="second half's time, of the first's", value=long.second_half / long.first_half, limit=1.1)
    again = found.resume
    yield Line(what="second run", value=again.second, limit=2000, is_least=True, unit=" pages/s")
    yield Line(what="its requests", value=again.requests_again, limit=0, unit=" ")
    yield Line(what=f"pages paid twice, {again.kills} kills", value=again.paid_twice, limit=again.in_flight, unit=" ")
    for case, figure in found.embedded.items():
        yield Line(
            what=f"embedded engine: {case}", value=figure, limit=_wanted(case), is_least=embedded.SCAN not in case
        )


def _wanted(case: str) -> float:
    """What is wanted of a figure of the embedded engine."""
    if case.startswith(embedded.FAST):
        return 40
    return 1.8 if case == embedded.TWO_WORKERS else 1


def written(found: Everything) -> Iterator[str]:
    """The report as markdown."""
    yield f"# Performance\n\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n"
    yield "| | measured | wanted | holds |\n|---|---|---|---|"
    yield from map(str, lines(found))
    yield "\n| | pages/s | CPU ms a page | kB a page |\n|---|---|---|---|"
    for one in found.throughput.values():
        cpu, size = 1000 * one.cost.cpu / one.pages, one.bytes / one.pages / 1000
        yield f"| {one.way} | {one.rate:.1f} | {cpu:.1f} | {size:.0f} |"
    yield "\n![Pages a second, time over ideal, memory over time](report.png)\n"


def plot(found: Everything, path: Path) -> None:
    """The same as a picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    drawings: tuple[Callable[[Axes, Everything], None], ...] = (_rates, _ideal, _memory)
    figure, axes = plt.subplots(1, len(drawings), figsize=(16, 4.5), layout="constrained")
    for draw, axis in zip(drawings, axes, strict=True):
        draw(axis, found)
    figure.savefig(path, dpi=110)


def _rates(axis: Axes, found: Everything) -> None:
    ways = list(found.throughput.values())
    bars = axis.barh([one.way for one in ways], [one.rate for one in ways], color="#4c72b0")
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.invert_yaxis()
    axis.set_title("pages a second")


def _ideal(axis: Axes, found: Everything) -> None:
    cases = {case: ratio for case, ratio in found.latency.items() if case != "cpu"}
    bars = axis.barh(list(cases), list(cases.values()), color="#55a868")
    axis.bar_label(bars, fmt="%.2f", padding=3)
    axis.axvline(1.0, color="black", linewidth=0.8)
    axis.invert_yaxis()
    axis.set_title("time over ideal, server of 32 places")


def _memory(axis: Axes, found: Everything) -> None:
    for one in found.memory.values():
        seconds, sizes = zip(*one.memory, strict=True)
        axis.plot(seconds, [size / memory.MIB for size in sizes], label=f"{one.pages:,} pages")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("seconds")
    axis.set_title("memory, MiB, workers included")
    axis.legend()


if __name__ == "__main__":
    sys.exit(main())
