"""Every file of the hostile set ends as its table says: read, refused by name, or a page that says what it lost."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from deepseek_ocr_rag import Document, read
from deepseek_ocr_rag.engines import Engine
from deepseek_ocr_rag.engines.local import LocalEngine
from deepseek_ocr_rag.errors import CorruptSource, EncryptedSource, SourceError, SourceTooLarge, UnsupportedSource
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.options import Failure, ReadOptions
from deepseek_ocr_rag.recognition import ImageRequest, PageRequest
from deepseek_ocr_rag.render import WorkerPool
from deepseek_ocr_rag.source import resolve

from ..fakes import FakeEngine

DATA = Path(__file__).parents[3] / "shared" / "data"
TABLES = ("HOSTILE_DOCS.tsv", "HOSTILE_IMAGES.tsv")

LONG = 12
"""Of a file of more pages, the first three are read."""

BY_TEXT = ("recursion", "text-layer-trap", "partial", "zero-pages")
"""Categories that the embedded engine reads, too: what is hostile about them is the text or the page tree."""

TRULY_BLANK = {
    "mozilla+pdf.js/test/pdfs/issue4461.pdf": "its content stream is of length 0, so that nothing can have been lost",
    "qpdf+qpdf/qpdf/qtest/qpdf/issue-449.pdf": "its content streams are a space each, and MuPDF found no damage",
}
"""Files of the outcome E5b without a warning, since there is nothing to warn of."""

ONE_COLOUR = (
    "L_exif_xmp_iptc.heic",
    "apng/single_frame.png",
    "apng/blend_op_over.png",
    "decompression_bomb_extents.gif",
)
"""Pictures of the outcome E0 whose first frame shows one colour: an empty page is the normal result."""


class Typist(FakeEngine):
    """Takes a picture of each page and answers with a word, so that opening and drawing are what is tested."""

    request = PageRequest(image=ImageRequest(long_side=640, upright=False))


@dataclass(kw_only=True)
class Run:
    """What became of the files."""

    documents: dict[str, Document] = field(default_factory=dict)
    errors: dict[str, SourceError] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Temporary files and child processes that were there afterwards."""


def rows() -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for table in TABLES if DATA.is_dir() else ():
        with (DATA / table).open(encoding="utf-8") as file:
            found += csv.DictReader(file, delimiter="\t")
    return found


ROWS = rows()


def each(chosen: Iterable[dict[str, str]]) -> list[object]:
    params = [pytest.param(row, id=row["path"].removeprefix("hostile/")) for row in chosen]
    absent = pytest.mark.skip(reason="the third-party documents are not here")
    return params or [pytest.param({}, marks=absent, id="absent")]


def is_locked(row: dict[str, str]) -> bool:
    return row.get("needs_pass") == "yes"


def is_long(row: dict[str, str]) -> bool:
    return int(row.get("pages") or 0) > LONG


def children() -> set[str]:
    """Processes whose parent is this one; empty where the system does not tell."""
    return {
        number
        for task in Path("/proc/self/task").glob("*/children")
        for number in task.read_text(encoding="ascii").split()
    }


def run(paths: Iterable[str], folder: Path, *, engine: Engine | None = None, pages: str | None = None) -> Run:
    """Read files through the one public door, and look what is left behind."""
    done = Run()
    inputs = [DATA / path for path in paths]
    before, kept = children(), tempfile.tempdir
    folder.mkdir()

    def failed(failure: Failure) -> None:
        assert isinstance(failure.error, SourceError)
        done.errors[failure.source] = failure.error

    options = ReadOptions(
        engine=engine or Typist(),
        workers=2,
        limits=Limits(page_seconds=30),
        pages=pages,
        lines="none",
        fallback="none",
        on_error="skip",
        on_failure=failed,
    )
    tempfile.tempdir = str(folder)
    try:
        done.documents = {document.source: document for document in read(inputs, options)}
    finally:
        tempfile.tempdir = kept
    done.left = [str(path) for path in folder.iterdir()] + sorted(children() - before)
    return done


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All files, each page of them as a picture."""
    folder = tmp_path_factory.mktemp("taken")
    short = run([row["path"] for row in ROWS if not is_long(row)], folder / "short")
    long = run([row["path"] for row in ROWS if is_long(row)], folder / "long", pages="1-3")
    return Run(
        documents=short.documents | long.documents, errors=short.errors | long.errors, left=short.left + long.left
    )


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What went wrong with the encrypted files and their passwords: one pool of workers opens all of them."""
    workspace = tmp_path_factory.mktemp("unlocked")
    wrong: dict[str, list[str]] = {}

    async def look() -> None:
        async with WorkerPool(size=2, limits=Limits(page_seconds=30)) as pool:
            for row in filter(is_locked, ROWS):
                notes = wrong.setdefault(row["path"], [])
                source = resolve(DATA / row["path"], workspace=workspace)
                password = row["password_verified"]
                with pytest.raises(EncryptedSource, match="wrong password"):
                    await pool.open(source, password=f"not {password}")
                if not password:
                    continue
                total = (await pool.open(source, password=password)).page_count
                for number in range(1, min(3, total) + 1):
                    page = await pool.visit(source, number, Typist.request, password=password)
                    if not (page.data or page.is_blank):
                        notes.append(f"page {number} has no picture")
                if str(total) != row["pages"]:
                    notes.append(f"{total} pages")

    anyio.run(look)
    return wrong


@pytest.fixture(scope="module")
def read_by_text(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The files that are hostile by their text, by the embedded engine without OCR."""
    paths = [row["path"] for row in ROWS if row.get("category") in BY_TEXT]
    return run(paths, tmp_path_factory.mktemp("text") / "work", engine=LocalEngine(ocr="none"))


@pytest.mark.parametrize("row", each(ROWS))
def test_outcome(row: dict[str, str], taken: Run) -> None:
    path, expected = str(DATA / row["path"]), row["expected_outcome"]
    document, error = taken.documents.get(path), taken.errors.get(path)
    code = expected.split()[0].rstrip(":")
    if error is not None:
        assert document is None
        assert str(error).startswith(f"{path}: ")
        assert error.hint
        kinds: dict[str, tuple[type[SourceError], ...]] = {
            "E1": (CorruptSource, UnsupportedSource),
            "E2": (EncryptedSource,),
            "E4": (SourceTooLarge, CorruptSource),
        }
        assert isinstance(error, kinds.get(code, ())), f"expected {expected}"
        return
    assert document is not None
    assert code not in ("E1", "E2"), f"expected {expected}"
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    checks = {"E0": normal, "E0r": normal, "E3": partial, "E4": normal, "E5a": blank, "E5b": blank, "E5c": blank}
    checks[code](document, row)


def normal(document: Document, row: dict[str, str]) -> None:
    may_be_blank = set(filter(None, row.get("blank_pages_first30", "").split(",")))
    is_tiny = row["expected_outcome"].startswith("E4")
    for page in document.pages:
        assert page.status in ("ok", "empty"), page.warnings
        if page.status == "empty" and not is_tiny and not row["path"].endswith(ONE_COLOUR):
            assert str(page.number) in may_be_blank or page.number > 30
    if "category" in row:
        assert document.total_pages == int(row["pages"])
    elif row["format"] == "TIFF":
        assert document.total_pages == int(row["frames"])
    else:
        told = any("only the first is read" in warning for warning in document.pages[0].warnings)
        assert told is (int(row["frames"] or 1) > 1)


def partial(document: Document, row: dict[str, str]) -> None:
    damaged = {number for number, *_ in json.loads(row["page_errors"])}
    assert {page.number for page in document.pages if page.status == "failed"} == damaged
    for page in document.pages:
        if page.number in damaged:
            assert any(f"{row['path']}, page {page.number}: " in warning for warning in page.warnings)
            assert not page.blocks
        else:
            assert page.status == "ok"


def blank(document: Document, row: dict[str, str]) -> None:
    assert {page.status for page in document.pages} == {"empty"}
    assert not document.markdown.strip()
    is_damaged = not row["expected_outcome"].startswith("E5a")
    if is_damaged and row["path"].removeprefix("hostile/") not in TRULY_BLANK:
        assert all(page.warnings for page in document.pages)


@pytest.mark.parametrize("row", each(row for row in ROWS if is_locked(row)))
def test_password_opens_it(row: dict[str, str], unlocked: dict[str, list[str]]) -> None:
    assert unlocked[row["path"]] == []


@pytest.mark.parametrize("row", each(row for row in ROWS if row.get("category") in BY_TEXT))
def test_embedded_engine_survives(row: dict[str, str], read_by_text: Run) -> None:
    path = str(DATA / row["path"])
    if path in read_by_text.errors:
        assert row["expected_outcome"].startswith("E1")
        return
    for page in read_by_text.documents[path].pages:
        needs_eyes = any("no OCR engine" in warning for warning in page.warnings)
        assert page.status in ("ok", "empty") or needs_eyes or row["category"] == "partial", page.warnings


@pytest.mark.skipif(not ROWS, reason="the third-party documents are not here")
def test_nothing_is_left_behind(taken: Run, read_by_text: Run) -> None:
    assert taken.left + read_by_text.left == []


@pytest.fixture(scope="module")
def password_document() -> Iterator[Document]:
    if not ROWS:
        pytest.skip("the third-party documents are not here")
    path = DATA / "hostile/jsvine+pdfplumber/tests/pdfs/password-example.pdf"
    options = ReadOptions(engine=Typist(), password="test", workers=1, lines="none", fallback="none")
    yield from read(path, options)


def test_password_goes_through_the_public_door(password_document: Document) -> None:
    assert {page.status for page in password_document.pages} == {"ok"}
    assert password_document.total_pages == 4


def test_temporary_files_are_looked_for_where_they_are_made() -> None:
    """Otherwise nothing would ever be found to be left behind."""
    with tempfile.TemporaryDirectory() as folder:
        kept, tempfile.tempdir = tempfile.tempdir, folder
        try:
            made = tempfile.mkdtemp()
        finally:
            tempfile.tempdir = kept
        assert os.listdir(folder) == [Path(made).name]  # noqa: PTH208
