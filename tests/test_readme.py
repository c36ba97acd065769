"""The README's Python is run as it stands, in one session, on the digital pages of the sample document.

What it says of providers is run against the stand-in server, with each provider's own rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from deepseek_ocr_rag import PROVIDERS, Box, PageImage, PageRequest, Region, render
from deepseek_ocr_rag.recognition import DocumentFacts
from deepseek_ocr_rag.source import Source

from .standin import RULES, StandIn

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
SERVERS = TEXT[TEXT.index("## Point it at your server") : TEXT.index("## Engines")]


def snippets(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SNIPPETS = snippets(TEXT.replace(SERVERS, ""))
AT_SERVERS = [snippet for snippet in snippets(SERVERS) if "(" in snippet]


def test_every_snippet_runs(
    sample: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pymupdf.open(sample[0]) as document:
        document.select([0, 1, 4])  # no scans: the snippets read the file five times
        document.save("sample.pdf")
    assert len(SNIPPETS) >= 5
    names: dict[str, Any] = {}
    for snippet in SNIPPETS:
        exec(compile(snippet, str(README), "exec"), names)
    assert len(names["pages"]) == 3
    assert "verified line 2" in capsys.readouterr().out
    assert Path("page.png").stat().st_size > 10_000
    with pymupdf.open("cited.pdf") as cited:
        assert [annotation.type[1] for annotation in cited[1].annots()] == ["Highlight"]


class OnePool(render.WorkerPool):
    """Visits each page once for all snippets: starting a worker takes longer than the rest."""

    seen: dict[Any, Any] = {}  # noqa: RUF012 - shared on purpose

    async def open(self, source: Source, *, password: str = "") -> DocumentFacts:
        key = source.sha256
        self.seen[key] = self.seen.get(key) or await super().open(source, password=password)
        return self.seen[key]

    async def visit(self, source: Source, page_number: int, request: PageRequest, *, password: str = "") -> PageImage:
        key = source.sha256, page_number, request
        self.seen[key] = self.seen.get(key) or await super().visit(source, page_number, request, password=password)
        return self.seen[key]


def test_there_is_a_snippet_for_every_provider() -> None:
    named = re.findall(r'provider="([^"]+)"', " ".join(AT_SERVERS))
    assert set(named) | {"custom"} == set(PROVIDERS)


@pytest.fixture(scope="module")
def one_page(sample: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    with pymupdf.open(sample[0]) as document:
        document.select([1])
        document.save(folder / "sample.pdf")
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn(reader=lambda _: (REGION,), key="secret") as running:
        yield running


@pytest.mark.parametrize("snippet", AT_SERVERS, ids=lambda text: text.strip().splitlines()[-1][:60])
def test_every_server_of_the_readme_is_reached(
    snippet: str, one_page: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(one_page)
    monkeypatch.setattr(render, "WorkerPool", OnePool)
    found = re.search(r'provider="([^"]+)"', snippet)
    name = found[1] if found else "custom"
    row = PROVIDERS[name]
    for variable in ("GOOGLE_CLOUD_PROJECT", row.key_variable or "DEEPSEEK_OCR_API_KEY"):
        monkeypatch.setenv(variable, "secret")
    server.rules = replace(RULES[name], models=()) if name == "custom" else RULES[name]
    server.clear()
    address = server.root if row.route == "ollama" else server.url
    rows = dict(PROVIDERS) | {name: replace(row, base_url=address if row.base_url else "")}
    monkeypatch.setattr("deepseek_ocr_rag.engines.providers.PROVIDERS", rows)
    names: dict[str, Any] = {}
    exec("from llama_index.readers.deepseek_ocr import DeepSeekOCRReader", names)
    exec(compile(snippet.replace("https://api.example.com/v1", server.url), str(README), "exec"), names)
    assert len(server.log) == 1  # what is asked for; some servers are then asked whether it is done
    if "pages" in names:
        [page] = names["pages"]
        assert page.text.endswith("Read by the stand-in")
        assert page.metadata["page_status"] == "suspect"  # it says five words of a page of hundreds
    else:
        assert "its smallest text" in capsys.readouterr().out


REGION = Region(label="title", text="Read by the stand-in", boxes=(Box(left=0.1, top=0.1, right=0.9, bottom=0.2),))


def test_every_command_of_the_readme_exists() -> None:
    from typer.testing import CliRunner

    from deepseek_ocr_rag.cli import app

    for command in sorted(set(re.findall(r"^deepseek-ocr-rag (\w+)", TEXT, re.MULTILINE))):
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", TEXT):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
