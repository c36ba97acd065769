"""The examples run as users run them: as plain scripts without a main guard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pymupdf
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("script", "written"),
    [("llama_index_citations.py", "short.llama-index.png"), ("langchain_citations.py", "short.langchain.pdf")],
)
def test_an_example_finds_the_line(sample: tuple[Path, Any], tmp_path: Path, script: str, written: str) -> None:
    with pymupdf.open(sample[0]) as document:
        document.select([0, 1])
        document.save(tmp_path / "short.pdf")
    done = asked(script, "What was the detection limit for nitrate?", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The detection limit was 0.04 mg/L" in done.stdout
    assert "page 2, verified, to the line" in done.stdout
    assert (tmp_path / written).stat().st_size > 10_000
    (tmp_path / written).unlink()
    done = asked(script, "Who ate the zebra?", tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "The document does not say.")
    assert not (tmp_path / written).exists()


def asked(script: str, question: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / script), "short.pdf", question]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
