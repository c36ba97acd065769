"""What cannot be written is said before anything is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from deepseek_ocr_rag.outputs import require_docling, require_files, require_folder


def test_a_folder_may_be_there_or_be_made(tmp_path: Path) -> None:
    require_folder(tmp_path)
    require_folder(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(typer.BadParameter, match="is a file"):
        require_folder(file)
    with pytest.raises(NotADirectoryError):
        require_folder(file / "below")


def test_files_need_their_folder_and_places_of_their_own(tmp_path: Path) -> None:
    require_files(tmp_path / "a.pdf", tmp_path / "b.png", None, folder=tmp_path / "pictures")
    with pytest.raises(FileNotFoundError):
        require_files(tmp_path / "missing" / "a.pdf")
    with pytest.raises(IsADirectoryError):
        require_files(tmp_path)
    with pytest.raises(typer.BadParameter, match="own path"):
        require_files(tmp_path / "a.pdf", tmp_path / "." / "a.pdf")


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docling_core", None)
    with pytest.raises(typer.BadParameter, match="docling"):
        require_docling()
