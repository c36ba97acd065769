from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from deepseek_ocr_rag.errors import CorruptSource
from deepseek_ocr_rag.listing import _matches
from deepseek_ocr_rag.source import expand, is_collection

FILES = ("b.pdf", "a/z.PDF", "a/b/scan.jpeg", "c.docx", "notes.txt", "icon.ico", ".hidden.pdf", ".git/x.pdf", "a.pdf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%PDF-1.4")
    return tmp_path / "docs"


def names(found: Iterator[object], folder: Path) -> list[str]:
    return [Path(str(path)).relative_to(folder).as_posix() for path in found]


def test_folder_gives_documents_sorted_and_no_hidden_files(folder: Path) -> None:
    wanted = ["a/b/scan.jpeg", "a/z.PDF", "a.pdf", "b.pdf", "c.docx"]
    assert names(expand(folder), folder) == wanted
    assert names(expand(str(folder)), folder) == wanted


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "a" / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "a" / "link.pdf").symlink_to(folder / "b.pdf")
    (folder / "a" / "dangling.pdf").symlink_to(folder / "nothing")
    found = names(expand(folder), folder)
    assert "a/link.pdf" in found
    assert len(found) == 6


def test_globs_do_not_follow_links_in_circles_either(folder: Path) -> None:
    for name in ("up", "again", "and_again"):  # the standard library's search goes each way 40 links deep
        (folder / "a" / name).symlink_to(folder, target_is_directory=True)
    assert names(expand(f"{folder}/**/*.[pP]*"), folder) == ["a/z.PDF", "a.pdf", "b.pdf"]
    assert names(expand(f"{folder}/a/up/a/*.PDF"), folder) == ["a/up/a/z.PDF"]


def test_globs_agree_with_the_standard_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = ["*", "**", "**/*.pdf", "a/**/*", "?/*", "[!b]*", ".*", "**/.*", "*/../*.pdf", "a/b/*/*", "**/**/z*"]
    for start in (f"{folder}/", ""):
        monkeypatch.chdir(folder)
        for pattern in patterns:
            wanted = {path for path in glob.glob(start + pattern, recursive=True) if Path(path).is_file()}  # noqa: PTH207
            assert set(_matches(start + pattern)) == wanted, pattern


def test_what_is_no_regular_file_is_left_out_of_folders(folder: Path) -> None:
    os.mkfifo(folder / "pipe.pdf")
    (folder / "zero.pdf").symlink_to("/dev/zero")
    assert names(expand(folder), folder) == ["a/b/scan.jpeg", "a/z.PDF", "a.pdf", "b.pdf", "c.docx"]


def test_files_are_looked_at_one_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: looked_at.append(path.name) or is_file(path))
    found = expand(folder)
    assert names(iter([next(found)]), folder) == ["a/b/scan.jpeg"]
    assert len(looked_at) == 1


def test_glob_gives_what_it_matches(folder: Path) -> None:
    assert names(expand(f"{folder}/**/*.[pP]*"), folder) == ["a/z.PDF", "a.pdf", "b.pdf"]
    assert names(expand(folder / "*.txt"), folder) == ["notes.txt"]


def test_existing_name_with_brackets_is_no_glob(folder: Path) -> None:
    odd = folder / "a[1].pdf"
    odd.touch()
    assert list(expand(str(odd))) == [str(odd)]
    assert not is_collection(odd)


def test_lists_are_flattened_lazily(folder: Path) -> None:
    def inputs() -> Iterator[object]:
        yield b"data"
        yield [folder / "a", "https://example.org/what?.pdf"]
        raise AssertionError("asked for more than was taken")

    found = expand(inputs())  # type: ignore[arg-type]
    taken = [next(found) for _ in range(4)]
    assert taken == [b"data", folder / "a/b/scan.jpeg", folder / "a/z.PDF", "https://example.org/what?.pdf"]
    assert list(expand([])) == []


def test_single_inputs_pass_through(folder: Path) -> None:
    stream = io.BytesIO(b"line\nline\n")
    for single in (folder / "a.pdf", "missing.pdf", b"bytes", stream, "https://example.org/[x]/*.pdf", "nul\0byte*"):
        assert list(expand(single)) == [single]
        assert not is_collection(single)


def test_collections(folder: Path) -> None:
    for several in (folder, str(folder), f"{folder}/*.pdf", ["one.pdf"], iter([b""])):
        assert is_collection(several)


@pytest.mark.parametrize("pattern", ["", "/*.epub", "/none/**/*.pdf"])
def test_finding_nothing_is_an_error(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(CorruptSource, match="nothing to read was found") as caught:
        list(expand(f"{tmp_path}{pattern}"))
    assert caught.value.source == f"{tmp_path}{pattern}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_subfolder_is_named(folder: Path) -> None:
    (folder / "a").chmod(0)
    with pytest.raises(CorruptSource, match="permissions"):
        list(expand(folder))


def test_folder_that_vanishes_is_named(folder: Path) -> None:
    found = expand(folder)
    next(found)
    for path in sorted((folder / "a").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert names(found, folder)[-1] == "c.docx"


def test_remote_folder_and_glob() -> None:
    fs = fsspec.filesystem("memory")
    root = f"/{uuid4().hex}/.store"  # the folder that was asked for may be hidden itself
    for name in FILES:
        fs.pipe(f"{root}/{name}", b"%PDF-1.4")
    assert is_collection(root, fs=fs)
    assert not is_collection(f"{root}/a.pdf", fs=fs)
    inside = [str(path).removeprefix(f"{root}/") for path in expand(root, fs=fs)]
    assert inside == ["a/b/scan.jpeg", "a/z.PDF", "a.pdf", "b.pdf", "c.docx"]
    assert [str(path).removeprefix(f"{root}/") for path in expand(f"{root}/*.txt", fs=fs)] == ["notes.txt"]
    with pytest.raises(CorruptSource, match="nothing to read"):
        list(expand(f"{root}/*.epub", fs=fs))


class BrokenFileSystem:
    def isdir(self, path: str) -> bool:
        raise RuntimeError("no network")


def test_foreign_errors_become_ours() -> None:
    with pytest.raises(CorruptSource, match="no network"):
        list(expand("bucket/key.pdf", fs=BrokenFileSystem()))
