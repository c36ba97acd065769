"""Where the cache lies when nobody says, and what a path stands for."""

from __future__ import annotations

import pwd
from pathlib import Path

import platformdirs
import pytest
from platformdirs.api import PlatformDirsABC
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from deepseek_ocr_rag.cache import PageCache, default_cache

VARIABLES = ("DEEPSEEK_OCR_CACHE", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        (Unix, {}, ".cache/deepseek-ocr-rag/pages.sqlite"),
        (Unix, {"XDG_CACHE_HOME": "/var/cache/anna"}, "/var/cache/anna/deepseek-ocr-rag/pages.sqlite"),
        (Unix, {"XDG_CACHE_HOME": "not/absolute"}, ".cache/deepseek-ocr-rag/pages.sqlite"),
        (MacOS, {}, "Library/Caches/deepseek-ocr-rag/pages.sqlite"),
        (Unix, {"DEEPSEEK_OCR_CACHE": "/mnt/shared", "XDG_CACHE_HOME": "/x"}, "/mnt/shared/pages.sqlite"),
        (Unix, {"DEEPSEEK_OCR_CACHE": "/mnt/mine.db"}, "/mnt/mine.db"),
        (Unix, {"DEEPSEEK_OCR_CACHE": "  "}, ".cache/deepseek-ocr-rag/pages.sqlite"),
    ],
)
def test_the_default_is_where_the_system_keeps_caches(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: type[PlatformDirsABC],
    environment: dict[str, str],
    expected: str,
) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_cache() == tmp_path / expected
    assert not list(tmp_path.iterdir())


def test_on_windows_it_is_not_below_a_company_nor_called_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", Windows)
    monkeypatch.delenv("DEEPSEEK_OCR_CACHE", raising=False)
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", r"C:\local")
    assert default_cache() == Path(r"C:\local") / "deepseek-ocr-rag" / "pages.sqlite"


def test_a_user_without_a_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="home directory"):
        default_cache()


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
