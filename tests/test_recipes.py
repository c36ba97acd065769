"""The recipes for chat frameworks: what in them needs no framework runs, and the rest compiles."""

from __future__ import annotations

import importlib
import io
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pymupdf
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"
RECIPES = ["streamlit_citations.py", "gradio_citations.py", "chainlit_citations.py"]
QUESTION = "What was the detection limit for nitrate?"
ANSWER = "The detection limit was 0.04 mg/L."


@pytest.fixture(scope="module")
def short(sample: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "short.pdf"
    with pymupdf.open(sample[0]) as document:
        document.select([0, 1])
        document.save(path)
    return path


@pytest.fixture(scope="module")
def asking() -> Iterator[ModuleType]:
    """The module that the recipes share, imported as a script's neighbour is."""
    sys.path.insert(0, str(EXAMPLES))
    yield importlib.import_module("asking")
    sys.path.remove(str(EXAMPLES))
    del sys.modules["asking"]


@pytest.fixture(scope="module")
def library(asking: ModuleType, short: Path) -> Any:
    return asking.Library.open(str(short))


@pytest.fixture
def opened(asking: ModuleType, library: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The document of the recipes, which is read once for all of them."""
    monkeypatch.setattr(asking.Library, "open", lambda path: library if path == str(library.path) else None)
    path: Path = library.path
    return path


@pytest.mark.parametrize("name", [*RECIPES, "asking.py"])
def test_a_recipe_compiles_and_is_short(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    compile(text, name, "exec")
    assert len(text.splitlines()) <= 60


def test_the_library_answers_with_located_sentences_or_not_at_all(library: Any) -> None:
    first = library.ask(QUESTION)[0]
    assert (first.quote, first.page_number, first.status) == (ANSWER, 2, "verified")
    assert len(library.ask(QUESTION, answers=1)) == 1
    assert library.ask("Who ate the zebra?") == library.ask("") == []


def test_gradio_is_given_marked_pages_and_a_marked_file(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", MagicMock())
    monkeypatch.setattr(sys, "argv", ["gradio_citations.py", str(opened)])
    answer = runpy.run_path(str(EXAMPLES / "gradio_citations.py"))["answer"]
    said, pages, path = answer(QUESTION)
    assert said.startswith(f"[1] {ANSWER}")
    assert pages[0][1].startswith("[1] page 2, verified")
    colors = {color for _, color in pages[0][0].convert("RGB").getcolors(1 << 24)}
    assert any(red > 200 and blue < 120 for red, _, blue in colors)
    with pymupdf.open(path) as document:
        assert next(annotation.info["content"] for annotation in document[1].annots()) == ANSWER
    assert answer("Who ate the zebra?") == ("The document does not say.", [], None)


@pytest.mark.usefixtures("asking")
def test_chainlit_shows_what_a_page_says_as_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chainlit", MagicMock())
    plain = runpy.run_path(str(EXAMPLES / "chainlit_citations.py"))["PLAIN"]
    hostile = "![x](https://example.org/?q) <script> [a](javascript:b) `c` **d**"
    shown = hostile.translate(plain)
    assert re.sub(r"\\([^\w\s])", "", shown).translate(str.maketrans("", "", "/:?=")).replace(" ", "").isalnum()


def test_streamlit_draws_the_lines_where_it_is_installed(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    testing = pytest.importorskip("streamlit.testing.v1")
    viewer = MagicMock()
    monkeypatch.setitem(sys.modules, "streamlit_pdf_viewer", viewer)
    monkeypatch.setattr(sys, "argv", ["streamlit_citations.py", str(opened)])
    app = testing.AppTest.from_file(str(EXAMPLES / "streamlit_citations.py"), default_timeout=60).run()
    app.chat_input[0].set_value(QUESTION).run()
    assert not app.exception
    marks = viewer.pdf_viewer.call_args.kwargs["annotations"]
    assert [mark["page"] for mark in marks] == [2]


def test_the_snippet_for_react_prints_highlights(short: Path) -> None:
    text = (EXAMPLES / "react_viewer.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    script = found[1].replace("report.pdf", short.name)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=short.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (highlight,) = json.loads(done.stdout)
    assert highlight["position"]["pageNumber"] == 2
    rect = highlight["position"]["boundingRect"]
    with pymupdf.open(short) as document:
        pixels = document[1].get_pixmap(dpi=72)
        picture = Image.open(io.BytesIO(pixels.tobytes("png"))).convert("L")
        (word,) = document[1].search_for("detection limit was")[:1]
    assert rect["x1"] * picture.width <= word.x0 + 1
    assert rect["x2"] * picture.width >= word.x1 - 1
    assert rect["y1"] * picture.height == pytest.approx(word.y0, abs=4)
