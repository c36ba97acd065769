"""Where the cache lies: its file found, made for its owner alone, opened by one process at a time, and set aside."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "pages.sqlite"
ENDINGS = (".sqlite", ".sqlite3", ".db")

MOST_BROKEN = 3
"""So many files that were set aside are left for people to look at; older ones go."""

_COMPANIONS = ("-wal", "-shm")
_PATIENCE = 5.0

Identity = tuple[int, int]
"""Which file of the disk it is, whatever it is called."""


def default_cache() -> Path:
    """Where pages are kept when nobody says: ``DEEPSEEK_OCR_CACHE``, else in the system's folder for caches.

    Raises:
        RuntimeError: If the user has no home folder; set the variable then.
    """
    given = os.environ.get("DEEPSEEK_OCR_CACHE", "").strip()
    if given:
        return cache_file(given)
    from platformdirs import user_cache_path

    return user_cache_path("deepseek-ocr-rag", appauthor=False, opinion=False) / NAME


def cache_file(given: str | os.PathLike[str]) -> Path:
    """The file that a path stands for: itself where it is a file or ends like one, else one in that folder."""
    path = Path(given).expanduser().absolute()
    is_file = path.is_file() or (path.suffix.lower() in ENDINGS and not path.is_dir())
    return path if is_file else path / NAME


def identity(path: Path) -> Identity | None:
    """Which file stands at this path now; None for none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, and asked before every use
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_private(path: Path) -> None:
    """Make sure that there is a file, which none but its owner reads: it holds what documents say.

    Raises:
        OSError: If it cannot be made.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def may_be_ours(path: Path) -> bool:
    """Whether a file that is no SQLite database, or is damaged, was one of ours, by its name."""
    return path.suffix.lower() in ENDINGS


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from opening and setting aside files here, where the system can do that."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                break  # a file system that has no locks
            else:
                break
        yield
    finally:
        os.close(handle)


def set_aside(path: Path) -> Path:
    """Give a broken file another name, ``.broken-<number>``, with what SQLite keeps beside it.

    Raises:
        OSError: If that cannot be done.
    """
    broken = sorted(_broken(path))
    for _, old in broken[: len(broken) - MOST_BROKEN + 1]:
        for name in ("", *_COMPANIONS):
            old.with_name(old.name + name).unlink(missing_ok=True)
    aside = path.with_name(f"{path.name}.broken-{broken[-1][0] + 1 if broken else 1}")
    path.rename(aside)
    for name in _COMPANIONS:  # after the file itself: beside an empty one SQLite throws an old log away
        with suppress(FileNotFoundError):
            path.with_name(path.name + name).rename(aside.with_name(aside.name + name))
    return aside


def _broken(path: Path) -> Iterator[tuple[int, Path]]:
    pattern = re.compile(re.escape(path.name) + r"\.broken-([0-9]{1,9})")
    for other in path.parent.iterdir():
        if found := pattern.fullmatch(other.name):
            yield int(found[1]), other
