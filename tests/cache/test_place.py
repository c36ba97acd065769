"""Where the cache lies when nobody says, and what a path stands for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deepseek_ocr_rag.cache import PageCache, default_cache


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, ".cache/deepseek-ocr-rag/pages.sqlite"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache/anna"}, "/var/cache/anna/deepseek-ocr-rag/pages.sqlite"),
        ("linux", {"XDG_CACHE_HOME": "not/absolute"}, ".cache/deepseek-ocr-rag/pages.sqlite"),
        ("darwin", {}, "Library/Caches/deepseek-ocr-rag/pages.sqlite"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/deepseek-ocr-rag/pages.sqlite"),
        ("win32", {}, "AppData/Local/deepseek-ocr-rag/pages.sqlite"),
        ("linux", {"DEEPSEEK_OCR_CACHE": "/mnt/shared", "XDG_CACHE_HOME": "/x"}, "/mnt/shared/pages.sqlite"),
        ("linux", {"DEEPSEEK_OCR_CACHE": "/mnt/mine.db"}, "/mnt/mine.db"),
        ("linux", {"DEEPSEEK_OCR_CACHE": "  "}, ".cache/deepseek-ocr-rag/pages.sqlite"),
    ],
)
def test_the_default_is_where_the_system_keeps_caches(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert default_cache(environment) == home / expected


def test_the_variable_is_looked_up_when_a_cache_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_OCR_CACHE", str(tmp_path / "here"))
    assert PageCache().path == tmp_path / "here" / "pages.sqlite"


def test_a_path_is_a_file_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    assert PageCache("pages").path == tmp_path / "pages" / "pages.sqlite"
    assert PageCache("other.sqlite3").path == tmp_path / "other.sqlite3"
    assert PageCache("folder.db").path == tmp_path / "folder.db" / "pages.sqlite"
    assert PageCache(tmp_path / "file").path == tmp_path / "file"
