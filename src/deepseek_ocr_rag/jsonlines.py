"""JSON lines on standard output, or into a file that takes the place of an older one whole, or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from .console import put_json


class JsonLines:
    """Where a command's lines go.

    Args:
        output: The file; it appears when the lines are to be kept. A pipe or device is written to as it is. None is
            standard output.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, output: Path | None) -> None:
        # A pipe or device holds nothing to lose, and a file must not take its place.
        is_file = output is not None and (output.is_file() or not output.exists())
        self._output = output.resolve() if output and is_file else output  # a link stays one
        self._temporary = self._output.with_name(f".{secrets.token_hex(8)}.tmp") if self._output and is_file else None
        path = self._temporary or self._output
        try:
            self._file = path.open("wb") if path else None
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(output)) from error

    def put(self, value: object) -> None:
        """Write a line."""
        if self._file is None:
            put_json(value, indent=None)
        else:
            self._file.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def keep(self) -> None:
        """Let the file take the place of what was there before."""
        if self._file is None or self._output is None or self._temporary is None:
            return
        self._file.close()
        if self._output.exists():
            shutil.copymode(self._output, self._temporary)  # what others might not read stays so
        self._temporary.replace(self._output)

    def close(self) -> None:
        """Leave nothing behind but what was kept."""
        if self._file is not None:
            self._file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
