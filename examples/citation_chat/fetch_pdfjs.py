"""pdf.js from npm, pinned and checked, into a folder that git ignores.

Only what draws pages is kept: the library and its worker, decoders for scans (without them scans stay blank),
character maps, fonts and colour profiles. The stock viewer and the sandbox for scripts in documents are not, since
nothing in a document is to run. Where there is no npm, the app shows page pictures instead and works the same.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

logger = logging.getLogger("citation_chat")

VERSION = "6.5.438"
INTEGRITY = "sha512-vg8Pw1x+AFKy4AMDvhuWl5cOYV8d698UoEANoFFhc79hqXDnZQqnOXoxw3HG907WHOg1JYOvLhP756boddFxpA=="
"""Of the package's archive, as npm writes it into lock files."""

FOLDERS = ("wasm", "cmaps", "standard_fonts", "iccs")
FILES = ("legacy/build/pdf.min.mjs", "legacy/build/pdf.worker.min.mjs", "LICENSE")
UNWANTED = ("quickjs", "sandbox")
"""Parts of names of files that run scripts of documents."""

_SECONDS = 120


def is_there(vendor: Path) -> bool:
    """Whether this version lies in the folder."""
    mark = vendor / "VERSION"
    return mark.is_file() and mark.read_text(encoding="utf-8") == VERSION


def fetch(vendor: Path) -> bool:
    """Have pdf.js in ``vendor``; False where it cannot be had, which is logged with its reason."""
    if is_there(vendor):
        return True
    npm = shutil.which("npm")
    if npm is None:
        logger.warning("npm is not installed: PDFs are shown as page pictures")
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"pdfjs-dist@{VERSION}", "--silent", "--ignore-scripts", "--pack-destination", folder]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603 - no shell
            _install(Path(folder, f"pdfjs-dist-{VERSION}.tgz"), vendor)
        except (subprocess.SubprocessError, OSError, tarfile.TarError, ValueError) as error:
            logger.warning("pdf.js could not be fetched (%s): PDFs are shown as page pictures", error)
            return False
    return True


def _install(archive: Path, vendor: Path) -> None:
    data = archive.read_bytes()
    if _integrity(data) != INTEGRITY:
        raise ValueError("the archive is not the one that was pinned")
    partial = vendor.with_name(f"{vendor.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as files:
        for member in files:
            target = _target(member.name)
            content = files.extractfile(member) if target and member.isfile() else None
            if target and content is not None:
                path = partial / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    (partial / "VERSION").write_text(VERSION, encoding="utf-8")
    shutil.rmtree(vendor, ignore_errors=True)
    partial.rename(vendor)


def _target(name: str) -> str:
    """Where a file of the archive goes; empty for those that stay out."""
    path = PurePosixPath(name).relative_to("package") if name.startswith("package/") else PurePosixPath(name)
    if ".." in path.parts or any(part in path.name for part in UNWANTED):
        return ""
    if str(path) in FILES:
        return path.name
    return str(path) if len(path.parts) == 2 and path.parts[0] in FOLDERS else ""


def _integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    fetch(Path(__file__).parent / "static" / "vendor" / "pdfjs")
