"""The README's Python is run as it stands, in one session, on the digital pages of the sample document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pymupdf
import pytest

README = Path(__file__).parent.parent / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


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


def test_every_command_of_the_readme_exists() -> None:
    from typer.testing import CliRunner

    from deepseek_ocr_rag.cli import app

    text = README.read_text(encoding="utf-8")
    for command in sorted(set(re.findall(r"^deepseek-ocr-rag (\w+)", text, re.MULTILINE))):
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", README.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
