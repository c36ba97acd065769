"""The demo, run once for real: what it cites stands where the sample's truth says, and is marked there."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepseek_ocr_rag import Document, records
from deepseek_ocr_rag.cli import app
from deepseek_ocr_rag.demo import SCRIPT
from deepseek_ocr_rag.retrieve import Hit, answer
from deepseek_ocr_rag.searchers import core_searcher

PAGES = (2, 4, 7, 8)
"""A digital one, one with a table, a scan and a scan on its side."""


@dataclass(frozen=True)
class Shown:
    """What the demo left behind."""

    folder: Path
    stdout: str
    stderr: str
    truth: Mapping[str, Any]
    answers: Sequence[Mapping[str, Any]]

    @property
    def wanted(self) -> list[Mapping[str, Any]]:
        """The truth's questions that were asked, one for each page."""
        first = {entry["page"]: entry for entry in reversed(self.truth["questions"])}
        return [first[page] for page in PAGES]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, sample: tuple[Path, dict[str, Any]]) -> Shown:
    folder = tmp_path_factory.mktemp("demo") / "out"
    empty = Shown(folder, "", "", sample[1], ())
    asked = [word for entry in empty.wanted for word in ("--question", entry["question"])]
    command = [sys.executable, "-m", "deepseek_ocr_rag.cli", "demo", "-o", str(folder), *asked]
    command += ["--pages", ",".join(map(str, PAGES))]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEEPSEEK_OCR_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return Shown(folder, done.stdout, done.stderr, sample[1], json.loads((folder / "answers.json").read_text("utf-8")))


def test_every_question_is_answered_from_its_page(shown: Shown) -> None:
    assert [found["question"] for found in shown.answers] == [entry["question"] for entry in shown.wanted]
    for found, entry in zip(shown.answers, shown.wanted, strict=True):
        citation = found["citation"]
        assert (citation["page_number"], citation["status"]) == (entry["page"], "verified")
        assert words_of(citation["quote"]) == words_of(entry["answer_quote"])


def test_exactly_the_lines_of_the_truth_are_marked(shown: Shown) -> None:
    for found, entry in zip(shown.answers, shown.wanted, strict=True):
        page = shown.truth["pages"][entry["page"] - 1]
        with Image.open(found["picture"]) as picture:
            yellow = marked(picture)
        said = boxes_of(entry["answer_quote"], page)
        for box in said:
            assert part(yellow, box).mean() > 0.6, entry
        lines = [line["box"] for block in page["blocks"] for line in block["lines"]]
        others = [line for line in lines if not any(overlap(line, box) for box in said)]
        assert len(others) > 10
        # A scan's lines are askew, and their upright boxes reach into their neighbours.
        assert np.median([part(yellow, line).mean() for line in others]) == 0
        assert yellow.mean() < 0.05


def test_all_citations_are_annotations_of_one_pdf(shown: Shown) -> None:
    with pymupdf.open(shown.folder / "answers.pdf") as document:
        found = {page.number + 1: [note.info["content"] for note in page.annots()] for page in document}
    cited = {number: [] for number in found}
    for entry in shown.answers:
        cited[entry["citation"]["page_number"]].append(entry["citation"]["quote"])
    assert found == cited


def test_it_tells_what_it_does(shown: Shown) -> None:
    for step in range(1, 8):
        assert f"{step}/7 " in shown.stdout
    assert re.search(r"^ +7 +local/rapidocr +ok ", shown.stdout, re.MULTILINE)
    assert (shown.folder / "sample.md").read_text("utf-8").startswith("probes and the record.")
    unwrapped = "".join(shown.stdout.split())  # long paths are broken over lines
    for found in shown.answers:
        assert "".join(found["picture"].split()) in unwrapped
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("name", "module"), [("LlamaIndex", "llama_index.readers.deepseek_ocr"), ("LangChain", "langchain_deepseek_ocr")]
)
def test_the_frameworks_that_are_installed_hold_the_same_chunks(shown: Shown, name: str, module: str) -> None:
    if not installed(module):
        assert f"not installed: {module.split('.', maxsplit=1)[0].replace('_', '-')}" in shown.stdout
        pytest.skip(f"{module} is not installed")
    assert re.search(rf"{name}: \d+ chunks in a BM25 retriever \(the same chunks, by their ids\)", shown.stdout)


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def test_without_a_clone_it_asks_for_a_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepseek_ocr_rag.demo.SCRIPT", tmp_path / "none.py")
    result = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "out")])
    assert result.exit_code == 4
    assert result.stderr.startswith("error: none.py: the sample is drawn by a script")
    assert "--question" in result.stderr


def test_a_document_of_ones_own_needs_a_question(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "mine.pdf", "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "--question" in result.stderr


def test_a_document_of_ones_own_is_asked_ones_own_question(tmp_path: Path) -> None:
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "The ferry leaves at nine minutes past seven.")
    document.new_page()
    document.save(tmp_path / "mine.pdf")
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["demo", str(tmp_path / "mine.pdf"), "--question", "When does the ferry leave?", "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    [found] = json.loads((out / "answers.json").read_text("utf-8"))
    assert (found["expected_page"], found["citation"]["quote"]) == (0, "The ferry leaves at nine minutes past seven.")
    assert Path(found["picture"]).read_bytes().startswith(b"\x89PNG")


def test_the_script_is_where_it_is_looked_for() -> None:
    assert Path(__file__).parents[1] / "examples" / "make_sample.py" == SCRIPT
    assert SCRIPT.is_file()


def test_every_question_of_the_sample_is_answered_first_try(
    sample: tuple[Path, dict[str, Any]], sample_document: Document
) -> None:
    searcher = core_searcher(sample_document)
    for entry in sample[1]["questions"]:
        best = answer(entry["question"], searcher.search(entry["question"]))[0]
        assert words_of(best.text) == words_of(entry["answer_quote"])


def test_answers_are_verbatim(sample_document: Document) -> None:
    hits = [Hit(text=one.text, metadata=one.metadata, score=1.0) for one in records(sample_document, "chunk")]
    found = answer("Which ditches have drains and tiles?", hits, limit=3)
    assert found
    assert all(sentence.text in sentence.hit.text for sentence in found)


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\s|]+", text)


def boxes_of(quote: str, page: Mapping[str, Any]) -> list[list[float]]:
    """The boxes of the quote's words, as the truth has them."""
    words = [word for block in page["blocks"] for word in block["words"]]
    wanted = quote.split()
    for at in range(len(words)):
        if [word[0] for word in words[at : at + len(wanted)]] == wanted:
            return [word[1:] for word in words[at : at + len(wanted)]]
    raise AssertionError(f"not in the truth: {quote}")


def marked(picture: Image.Image) -> np.ndarray[Any, Any]:
    """Which pixels are strong yellow, on white paper or grey."""
    red, green, blue = np.asarray(picture.convert("RGB")).astype(int).transpose(2, 0, 1)
    return (red > 120) & (green > 0.7 * red) & (blue < 0.55 * red)


def part(pixels: np.ndarray[Any, Any], box: Sequence[float]) -> np.ndarray[Any, Any]:
    height, width = pixels.shape
    left, top, right, bottom = box
    return pixels[round(top * height) : round(bottom * height) + 1, round(left * width) : round(right * width) + 1]


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
