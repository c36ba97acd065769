"""A PDF of ten pages, each with another frame, and the document that reading it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pymupdf
import pytest

from deepseek_ocr_rag import Document, read
from deepseek_ocr_rag.cite import Citation

from ..citing import cite as cite_by_hand

WORD = "HHHHTHHHH"
"""Capitals without curves: their ink is as large as a font says that they are."""

CROP, OFFSET, LARGER = "[60 80 360 560]", "[50 -100 450 500]", "[-50 -50 500 700]"
FRAMES: tuple[dict[str, str], ...] = (
    {},
    {"MediaBox": OFFSET},
    {"CropBox": CROP},
    {"CropBox": CROP, "Rotate": "90"},
    {"MediaBox": OFFSET, "CropBox": CROP, "Rotate": "180"},
    {"CropBox": CROP, "Rotate": "270"},
    {"Rotate": "90"},
    {"UserUnit": "2"},
    {"UserUnit": "2", "CropBox": CROP, "Rotate": "90"},
    {"MediaBox": "[0 0 300 600]", "CropBox": LARGER, "Rotate": "270"},
)

Cite = Callable[..., Citation]


@dataclass(frozen=True)
class Odd:
    path: Path
    document: Document


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    path = tmp_path_factory.mktemp("odd") / "odd.pdf"
    made = pymupdf.open()
    for number, frame in enumerate(FRAMES):
        page = made.new_page(width=400, height=600)
        page.insert_text((110, 200 + 5 * number), WORD, fontsize=20)
        for key, value in frame.items():
            made.xref_set_key(page.xref, key, value)
    made.save(path)
    made.close()
    (document,) = read(path)
    return Odd(path, document)


@pytest.fixture
def cite() -> Cite:
    """Makes citations of one file."""
    return partial(
        cite_by_hand,
        document_id="sha256:" + "0" * 64,
        source="/files/report.pdf",
        chunk_id="c1",
        start=7,
        end=25,
    )
