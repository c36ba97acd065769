from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from uuid import uuid4

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.errors import CorruptSource, PageOutOfRange, SourceError, SourceTooLarge, UnsupportedSource
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.source import Source, SourceOptions, parse_pages, resolve

PDF = b"%PDF-1.4\n%%EOF\n"
SHA256 = hashlib.sha256(PDF).hexdigest()


def stored(source: Source, workspace: Path) -> bytes:
    """The file's bytes, after a check that it is where it may be, and alone."""
    assert list(workspace.iterdir()) == [source.path]
    return source.path.read_bytes()


def test_local_file_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "paper.pdf").write_bytes(PDF)
    monkeypatch.chdir(tmp_path)
    source = resolve("docs/paper.pdf", workspace=tmp_path / "work")
    assert source == Source(
        name="docs/paper.pdf",
        file_name="paper.pdf",
        path=tmp_path / "docs" / "paper.pdf",
        media_type="application/pdf",
        sha256=SHA256,
    )
    assert not list((tmp_path / "work").iterdir())


def test_a_name_that_is_not_utf8_is_copied_where_mupdf_can_open_it(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pdf")
    try:
        path.write_bytes(PDF)
    except OSError:
        pytest.skip("the file system has names in UTF-8 only")
    source = resolve(path, workspace=tmp_path / "work")
    assert source.path.parent == tmp_path / "work"
    assert (source.path.read_bytes(), source.sha256, source.media_type) == (PDF, SHA256, "application/pdf")
    assert (source.name, source.file_name) == (str(path), "caf.pdf")


def test_bytes_get_a_name_by_their_type(tmp_path: Path) -> None:
    source = resolve(PDF, workspace=tmp_path)
    assert (source.name, source.file_name, source.sha256) == ("bytes", "document.pdf", SHA256)
    assert source.path.suffix == ".pdf"
    assert stored(source, tmp_path) == PDF
    assert resolve(memoryview(b"GIF89a"), workspace=tmp_path).file_name == "document.gif"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_name", "name", "file_name"),
    [
        ("../../etc/cron.d/evil.pdf", "../../etc/cron.d/evil.pdf", "evil.pdf"),
        ("C:\\Users\\me\\scan.pdf", "C:\\Users\\me\\scan.pdf", "scan.pdf"),
        ("two\nlines.pdf", "two\nlines.pdf", "twolines.pdf"),
        ("folder/..", "folder/..", "document.pdf"),
        (7, "bytes", "document.pdf"),
        ("", "bytes", "document.pdf"),
    ],
)
def test_names_of_streams_are_never_paths(tmp_path: Path, given_name: object, name: str, file_name: str) -> None:
    stream = io.BytesIO(PDF)
    stream.name = given_name  # type: ignore[attr-defined]
    source = resolve(stream, workspace=tmp_path)
    assert (source.name, source.file_name) == (name, file_name)
    assert stored(source, tmp_path) == PDF


def test_streams_are_read_from_where_they_stand(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"junk" + PDF)
        file.seek(4)
        assert resolve(file, workspace=tmp_path / "a").sha256 == SHA256
        with pytest.raises(CorruptSource, match="from where it stands"):
            resolve(file, workspace=tmp_path / "b")
    assert not list((tmp_path / "b").iterdir())


def test_streams_that_give_no_bytes(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSource, match='mode "rb"'):
        resolve(io.StringIO("text"), workspace=tmp_path)  # type: ignore[arg-type]

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise RuntimeError("the cable is out")

    with pytest.raises(CorruptSource, match="the cable is out"):
        resolve(Broken(), workspace=tmp_path)
    assert not list(tmp_path.iterdir())


def test_fsspec(tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    path = f"/{uuid4().hex}/report.pdf"
    fs.pipe(path, PDF)
    for make_item, options in (
        (lambda: path, SourceOptions(fs=fs)),
        (lambda: PurePosixPath(path), SourceOptions(fs=fs)),
        (lambda: fs.open(path, "rb"), SourceOptions()),
        (lambda: fsspec.open(f"memory:/{path}", "rb"), SourceOptions()),
    ):
        workspace = tmp_path / uuid4().hex
        source = resolve(make_item(), workspace=workspace, options=options)
        assert (source.name, source.file_name, source.sha256) == (path, "report.pdf", SHA256)
        assert stored(source, workspace) == PDF
    with pytest.raises(CorruptSource, match="does not exist") as caught:
        resolve("/nowhere.pdf", workspace=tmp_path, options=SourceOptions(fs=fs))
    assert caught.value.source == "/nowhere.pdf"


def test_size_limit_holds_for_every_kind_of_input(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(PDF + bytes(3 << 20))
    fs = fsspec.filesystem("memory")
    remote = f"/{uuid4().hex}.pdf"
    fs.pipe(remote, path.read_bytes())
    workspace = tmp_path / "work"
    size = path.stat().st_size
    with path.open("rb") as stream:
        for item, its_fs in ((path, None), (path.read_bytes(), None), (stream, None), (remote, fs)):
            with pytest.raises(SourceTooLarge, match="max_bytes"):
                resolve(item, workspace=workspace, options=SourceOptions(limits=Limits(max_bytes=size - 1), fs=its_fs))
    assert not list(workspace.iterdir())
    assert resolve(path, workspace=workspace, options=SourceOptions(limits=Limits(max_bytes=size))).path == path


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("missing.pdf", CorruptSource, "does not exist"),
        ("file.pdf/inside.pdf", CorruptSource, "does not exist"),
        ("dangling.pdf", CorruptSource, "does not exist"),
        ("nul\0byte.pdf", CorruptSource, "cannot be read"),
        ("x" * 300, CorruptSource, "cannot be read"),
        ("folder", UnsupportedSource, "is a folder"),
        ("pipe.pdf", UnsupportedSource, "not a regular file"),
        ("empty.pdf", CorruptSource, "is empty"),
        ("notes.md", UnsupportedSource, "needs no OCR"),
        ("s3://bucket/key.pdf", UnsupportedSource, "fsspec"),
        ("file:///etc/passwd", UnsupportedSource, "Pass a path"),
        ("https://example.org/a.pdf", UnsupportedSource, "allow_urls=True"),
    ],
)
def test_errors_name_the_input_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[SourceError], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.pdf").write_bytes(PDF)
    Path("empty.pdf").touch()
    Path("notes.md").write_text("# Notes\n", encoding="utf-8")
    Path("folder").mkdir()
    Path("dangling.pdf").symlink_to("nowhere")
    os.mkfifo("pipe.pdf")
    with pytest.raises(kind, match=words) as caught:
        resolve(name, workspace=tmp_path / "work")
    assert caught.value.source == name
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_missing_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(PDF)
    path.chmod(0)
    with pytest.raises(CorruptSource, match="permissions"):
        resolve(path, workspace=tmp_path / "work")


def test_what_is_no_input_at_all(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSource, match="NoneType is not an input"):
        resolve(None, workspace=tmp_path)  # type: ignore[arg-type]


def test_heic_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pillow_heif" else name)
    with pytest.raises(UnsupportedSource, match=r'pip install "deepseek-ocr-rag\[heic\]"'):
        resolve(data, workspace=tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert resolve(data, workspace=tmp_path).media_type == "image/heic"


def test_urls_cost_nothing_until_one_is_met() -> None:
    code = "import sys, deepseek_ocr_rag.source; print({'httpx', 'httpcore', 'fsspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (None, (1, 2, 3, 4, 5, 6, 7)),
        ("1-3,7", (1, 2, 3, 7)),
        (" 5 - , 2", (2, 5, 6, 7)),
        ("-3", (1, 2, 3)),
        ("3-3,3", (3,)),
        (4, (4,)),
        ([7, 1, 7], (1, 7)),
        (range(2, 4), (2, 3)),
    ],
)
def test_pages(pages: str | list[int] | int | None, expected: tuple[int, ...]) -> None:
    assert parse_pages(pages, total=7, source="x.pdf") == expected


@pytest.mark.parametrize("pages", ["8", "0", "1-8", "9-", "0-2", 8, 0, -1, [1, 8], "1-999999999"])
def test_pages_out_of_range_name_the_range(pages: str | list[int] | int) -> None:
    with pytest.raises(PageOutOfRange, match=r"x\.pdf: page -?\d+ was asked for\. The document has pages 1 to 7\."):
        parse_pages(pages, total=7, source="x.pdf")


@pytest.mark.parametrize(
    "pages", ["", "-", "1,,2", "a", "3-1", "1-2-3", "1;2", "٣", "9" * 5000, [], ["1"], [True], 1.5]
)
def test_what_names_no_pages_shows_the_syntax(pages: object) -> None:
    with pytest.raises(PageOutOfRange, match=r'names no pages\. Write pages as "1-3,7"'):
        parse_pages(pages, total=7, source="x.pdf")  # type: ignore[arg-type]


@given(st.integers(1, 50), st.sets(st.integers(1, 50)))
def test_any_set_of_pages_comes_back_sorted(total: int, wanted: set[int]) -> None:
    inside = sorted(page for page in wanted if page <= total)
    text = ",".join(map(str, reversed(inside)))
    if inside:
        assert parse_pages(text, total=total, source="") == parse_pages(inside, total=total, source="") == tuple(inside)


@given(st.text(alphabet="0123456789-, x", max_size=12), st.integers(0, 30))
def test_any_text_gives_pages_of_the_document_or_our_error(text: str, total: int) -> None:
    try:
        pages = parse_pages(text, total=total, source="")
    except PageOutOfRange:
        return
    assert pages
    assert list(pages) == sorted(set(pages))
    assert 1 <= pages[0] <= pages[-1] <= total
