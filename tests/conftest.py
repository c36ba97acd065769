"""Fixtures that several test modules share: the sample document, drawn and read once for the whole run."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock

from deepseek_ocr_rag import Document, read

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def make_sample() -> Iterator[ModuleType]:
    """The script that draws the sample document, imported as a module."""
    sys.path.insert(0, str(EXAMPLES))
    yield importlib.import_module("make_sample")
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """A folder of this run, which all of its processes share."""
    folder = tmp_path_factory.getbasetemp().parent / f"run-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def sample(make_sample: ModuleType, run_folder: Path) -> tuple[Path, dict[str, Any]]:
    """The sample document and its truth."""
    path = run_folder / "sample.pdf"
    with FileLock(run_folder / "sample.lock"):
        truth = path.with_suffix(".truth.json") if path.exists() else make_sample.make_sample(path)
    return path, json.loads(truth.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sample_document(sample: tuple[Path, dict[str, Any]]) -> Document:
    """The sample document, read once by the embedded engine."""
    kept = sample[0].with_suffix(".document.json")
    with FileLock(kept.with_suffix(".lock")):
        if not kept.exists():
            kept.write_text(json.dumps(next(read(sample[0])).to_dict()), encoding="utf-8")
    return Document.from_dict(json.loads(kept.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party documents; a clone outside does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared test documents are not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="deepseek_ocr_rag")
