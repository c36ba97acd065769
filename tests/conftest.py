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
def sample(make_sample: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The sample document and its truth."""
    path = tmp_path_factory.mktemp("sample") / "sample.pdf"
    truth = make_sample.make_sample(path)
    return path, json.loads(truth.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sample_document(sample: tuple[Path, dict[str, Any]]) -> Document:
    """The sample document, read once by the embedded engine."""
    return next(iter(read(sample[0])))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party documents; a clone outside does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared test documents are not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="deepseek_ocr_rag")
