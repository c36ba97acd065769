"""Whether what a command is to write can be written: said before pages are read and paid for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import typer


def require_folder(output: Path) -> None:
    """Say that a folder cannot be made.

    Raises:
        BadParameter: If it is a file.
        OSError: If it cannot be made, or not written into.
    """
    if output.exists() and not output.is_dir():
        raise typer.BadParameter(f"{output} is a file; give a folder.")
    above = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(output))
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(output))


def require_files(*outputs: Path | None, folder: Path | None = None) -> None:
    """Say that files, or a folder beside them, cannot be written.

    Raises:
        BadParameter: If two of them are the same, or the folder is a file.
        OSError: If one cannot be written.
    """
    wanted = [path for path in (*outputs, folder) if path]
    if len({os.path.realpath(path) for path in wanted}) < len(wanted):
        raise typer.BadParameter("one output would take another's place; give each its own path.")
    if folder:
        require_folder(folder)
    for output in filter(None, outputs):
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(output))
        if not output.absolute().parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(output))
        if not os.access(output if output.exists() else output.absolute().parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(output))


def require_docling() -> None:
    """Say what is missing to write documents for Docling.

    Raises:
        BadParameter: If anything is.
    """
    from .docling import require_docling

    try:
        require_docling()
    except ModuleNotFoundError as error:
        raise typer.BadParameter(str(error)) from error
