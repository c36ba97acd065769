"""Recorded answers as documents: whatever way they are cut, nothing is lost and every box is where it was."""

from __future__ import annotations

import csv
import importlib.util
from collections import defaultdict
from pathlib import Path

import pytest

from deepseek_ocr_rag.assemble import DocumentInfo, assemble
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document
from deepseek_ocr_rag.document import Document, Page
from deepseek_ocr_rag.pages import read_page
from deepseek_ocr_rag.recognition import PageImage, Recognition

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "../shared/data/recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not there")

_spec = importlib.util.spec_from_file_location("invariants", ROOT / "benchmarks/invariants.py")
assert _spec is not None
assert _spec.loader is not None
invariants = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(invariants)

WAYS = [
    ChunkOptions(),
    ChunkOptions(max_tokens=40, overlap=12),
    ChunkOptions(max_tokens=200, strategy="page"),
    ChunkOptions(max_tokens=64, strategy="block"),
    ChunkOptions(max_tokens=64, strategy="parent_child", parent_tokens=300),
    ChunkOptions(max_tokens=100, counter=len),
]


def recorded_pages() -> dict[str, list[str]]:
    """The raw answers, those of one folder as the pages of one document."""
    if not RECORDED.is_dir():
        return {}
    with (RECORDED / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if name.endswith((".md", ".mmd", ".txt")):
            text = (RECORDED / name).read_text(encoding="utf-8")
            found[name.rpartition("/")[0]] += text.split("<--- Page Split --->")
    return dict(found)


PAGES = recorded_pages()


def made(name: str) -> Document:
    pages: list[Page] = []
    for number, text in enumerate(PAGES[name], start=1):
        image = PageImage(page_number=number, page_width=612, page_height=792)
        recognition = Recognition(page_number=number, engine="recorded", text=text)
        pages.append(read_page(image, recognition, task="markdown"))
    info = DocumentInfo(id=f"sha256:{name}", source=name, file_name=name, total_pages=len(pages))
    return assemble(pages, info=info)


@needs_recordings
@pytest.mark.parametrize("name", sorted(PAGES))
def test_promises_hold_for_every_recorded_answer(name):
    document = made(name)
    assert Document.from_dict(document.to_dict()) == document
    for options in WAYS:
        assert list(invariants.violations(document, options)) == []


@needs_recordings
def test_ids_do_not_depend_on_the_run():
    name = max(PAGES, key=lambda name: len(PAGES[name]))
    first = [chunk.id for chunk in chunk_document(made(name))]
    assert first == [chunk.id for chunk in chunk_document(made(name))]
    assert len(first) > 10
