"""How near the client comes to what the machine can do, and how far it is ahead of the script that providers show.

    python benchmarks/throughput.py DATA [--pages 1000]

All send the same pages, a two-column paper again and again, in base mode, to an endpoint on loopback that answers at
once. The floor is two processes that draw a page, write a JPEG and post it through a bare socket, and nothing else;
the providers' script draws at zoom 2, writes a PNG and sends one page after the other. Ours reads all of it: it looks
which way up the page stands, takes the text layer's words, reads the answer, finds its lines, weighs it, assembles the
document and cuts it into chunks. The client is also measured alone, with either renderer: short answers, and no text
layer to compare with.
"""

from __future__ import annotations

import argparse
import base64
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import floor
import httpx
import pymupdf
from endpoint import Endpoint
from papers import PAPER, Cost, answers, measured, repeated

from deepseek_ocr_rag import ChatEngine, ChatOptions, ReadOptions, read_records
from deepseek_ocr_rag.recognition import ImageRequest, PageRequest, Renderer

PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one way took for its pages."""

    way: str
    pages: int
    cost: Cost
    bytes: float

    @property
    def rate(self) -> float:
        """Pages a second."""
        return self.pages / self.cost.seconds

    def __str__(self) -> str:
        per_page = f"{1000 * self.cost.cpu / self.pages:6.1f} ms CPU a page"
        size = f"{self.bytes / self.pages / 1000:5.0f} kB a page"
        return f"{self.way:34} {self.rate:7.1f} pages/s   {per_page}   {size}"


def main() -> int:
    """Measure all ways, one after the other, in this run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    args = parser.parse_args()
    results = run(args.data / PAPER, pages=args.pages)
    report(results)
    return 0


def run(paper: Path, *, pages: int) -> dict[str, Result]:
    """All ways, by their short names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = repeated(paper, folder, pages=pages)
        few = repeated(paper, folder, pages=max(14, pages // 10))
        known = answers(paper, folder, engine_for("http://127.0.0.1:9").request)
        found = {}
        for way, title, said, work, file in (
            ("bare", "floor: draw, encode, bare socket", {}, bare, path),
            ("alone", "the client alone", {}, alone, path),
            ("pdfium", "the client alone, by pdfium", {}, by_pdfium, path),
            ("whole", "ours, to chunks", known, ours, path),
            ("script", "providers' script", {}, script, few),
        ):
            count = len(pymupdf.open(file))
            with Endpoint(said) as endpoint:
                with measured() as cost:
                    work(file, endpoint)
                stats = endpoint.stats()
            assert stats["requests"] == count, f"{way}: {stats}"
            assert not said or stats["known"] == count, f"{way}: {stats}"
            found[way] = Result(way=title, pages=count, cost=cost, bytes=stats["bytes"])
            print(found[way], flush=True)
        return found


def report(found: Mapping[str, Result]) -> None:
    """The ratios that count."""
    bare, script = found["bare"], found["script"]
    for way in ("alone", "pdfium", "whole"):
        one = found[way]
        print(
            f"{one.way}: {one.rate / bare.rate:.2f} of the floor, {one.rate / script.rate:.1f} times the script, "
            f"with {one.bytes / one.pages / (script.bytes / script.pages):.2f} of its bytes"
        )


class Blind(ChatEngine):
    """The client, for pages of which nothing but the picture is wanted."""

    @property
    def request(self) -> PageRequest:
        """The picture."""
        return replace(super().request, words=False)


def engine_for(url: str, kind: type[ChatEngine] = ChatEngine) -> ChatEngine:
    """The client in base mode."""
    return kind(url, model=floor.MODEL, options=ChatOptions(image=ImageRequest(resolution="base")))


def ours(path: Path, endpoint: Endpoint) -> None:
    """Chunks of all pages."""
    _read(path, ReadOptions(engine=engine_for(endpoint.url), workers=PROCESSES))


def alone(path: Path, endpoint: Endpoint, renderer: Renderer = "mupdf") -> None:
    """Pictures out, answers in."""
    engine = engine_for(endpoint.url, Blind)
    _read(path, ReadOptions(engine=engine, lines="none", workers=PROCESSES, renderer=renderer))


def by_pdfium(path: Path, endpoint: Endpoint) -> None:
    """The same without PyMuPDF."""
    alone(path, endpoint, "pdfium")


def _read(path: Path, options: ReadOptions) -> None:
    last = max(int(record.metadata["page_end_number"]) for record in read_records(path, options))
    assert last == len(pymupdf.open(path)), last


def bare(path: Path, endpoint: Endpoint) -> None:
    """The floor, in two processes."""
    program = [sys.executable, floor.__file__, str(path)]
    running = [
        subprocess.Popen([*program, str(first), str(PROCESSES), str(endpoint.port)])  # noqa: S603 - a file beside this one
        for first in range(PROCESSES)
    ]
    codes = [process.wait() for process in running]
    assert not any(codes), codes


def script(path: Path, endpoint: Endpoint) -> None:
    """What the providers' documentation shows: all at zoom 2, as PNG, one after the other."""
    document = pymupdf.open(path)
    with httpx.Client(timeout=300) as client:
        for page in document:
            data = page.get_pixmap(matrix=pymupdf.Matrix(2, 2)).tobytes("png")
            body = floor.body_of(base64.b64encode(data).decode(), media_type="image/png")
            client.post(f"{endpoint.url}/chat/completions", json=body).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
