"""The commands that look after the cache: what is in it, what is to go, and its answers for other programs."""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from .cache import CacheStats, PageCache, default_cache
from .console import Ending, command, put, put_json, refuse_overwriting, shown_warnings
from .jsonlines import JsonLines

_ENDINGS = "Exit codes: 0 done; 2 wrong usage, or a cache that cannot be used."

app = typer.Typer(help="The pages that were read before.", epilog=_ENDINGS, no_args_is_help=True)

Where = Annotated[
    Path | None,
    typer.Option("--cache", help="File or folder; else DEEPSEEK_OCR_CACHE, else the system's folder for caches."),
]

_AGE = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@app.command(epilog=_ENDINGS)
@command
def stats(
    *,
    cache: Where = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is kept, and how much room it takes."""
    with shown_warnings(quiet=False), _opened(cache) as pages:
        found = pages.stats()
        _check(pages)
    if as_json:
        put_json({name: value for name, value in asdict(found).items() if name not in ("hits", "misses")})
    else:
        for line in _lines(found):
            put(line)


@app.command(epilog=_ENDINGS)
@command
def clear(
    *,
    cache: Where = None,
    older_than: Annotated[
        str, typer.Option(help="Only what was not used for so long, such as 30d, 12h or 2w.", metavar="AGE")
    ] = "",
    document: Annotated[
        str, typer.Option(help="Only what is of this document: the file, or its SHA-256.", metavar="FILE")
    ] = "",
) -> None:
    """Remove what is kept: everything, or a part of it."""
    age = _age(older_than) if older_than else None
    digest = _digest(document) if document else None
    with shown_warnings(quiet=False), _opened(cache) as pages:
        before = pages.stats()
        removed = pages.clear(older_than=age, document=digest)
        freed = max(0, before.size - pages.stats().size)
        _check(pages)
    put(f"removed: {removed:,} rows, {_amount(freed)}")


@app.command(epilog=_ENDINGS)
@command
def export(
    *,
    cache: Where = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; else standard output.")] = None,
) -> None:
    """Write the answers of engines, which were paid for, as JSON lines: the question, and what was read."""
    with shown_warnings(quiet=False), _opened(cache) as pages:
        refuse_overwriting(output, [str(pages.path)])
        with closing(JsonLines(output)) as lines:
            for answer in pages.export():
                lines.put(answer)
            _check(pages)
            lines.keep()


def _opened(path: Path | None) -> PageCache:
    try:
        return PageCache(default_cache() if path is None else path)
    except RuntimeError as error:
        raise typer.BadParameter(f"{error}. Give a path with --cache.") from error


def _check(pages: PageCache) -> None:
    """End the command where the cache did not do its work; what is wrong has been said."""
    if pages.trouble:
        raise typer.Exit(Ending.USAGE)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text.strip())
    if not found:
        raise typer.BadParameter(f"--older-than {text!r}: give a number and s, m, h, d or w, such as 30d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _digest(document: str) -> str:
    if found := _DIGEST.fullmatch(document):
        return found[1]
    path = Path(document)
    if not path.is_file():
        raise typer.BadParameter(f"--document {document}: is neither a file nor a SHA-256.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(found: CacheStats) -> list[str]:
    return [
        f"path: {found.path}",
        f"size: {_amount(found.size)} of {_amount(found.max_bytes)}",
        f"answers: {found.answers:,} pages of {found.documents:,} documents",
        f"visits: {found.visits:,}",
        f"facts: {found.facts:,}",
        f"files: {found.files:,}",
    ]


def _amount(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
