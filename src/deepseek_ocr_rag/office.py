"""Office documents to PDF by LibreOffice, run as a program that is not trusted with anything but its own folder.

The document is copied, so that lock files land beside the copy; the profile and the home folder are thrown-away ones
with macros off and linked content blocked; the environment holds none of the caller's secrets; its memory and the
size of its files are bounded; and the whole process group is killed when time is up.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import CorruptSource, SourceTooLarge, UnsupportedSource
from .limits import Limits

# LibreOffice's own numbers: macro security 3 is "very high"; never update links is 0 in Writer and 1 in Calc.
# DisableActiveContent stays off, because with it documents that embed a chart do not open.
_SETTINGS = (
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Writer/Content/Update", "Link", "0"),
    ("Calc/Content/Update", "Link", "1"),
)
_BOUNDED = """
import os, resource, sys
memory, size = map(int, sys.argv[1:3])
for kind, wanted in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, size), (resource.RLIMIT_CORE, 0)):
    most = resource.getrlimit(kind)[1]
    bound = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(kind, (bound, bound))
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Bounds itself and becomes the program that is named: what that starts inherits the bounds."""

_INSTALL = "Install LibreOffice (Debian: apt install libreoffice) or convert the file to PDF."


def convert_to_pdf(document: Path, *, suffix: str, workspace: Path, limits: Limits, source: str) -> Path:
    """Convert an office document and return the PDF, a new file under ``workspace``.

    Args:
        document: The local file; it is not written to.
        suffix: What its name must end with for LibreOffice to know it, such as ``.docx``.
        workspace: A folder that belongs to this run.
        limits: Its ``download_seconds``, ``worker_memory`` and ``max_bytes`` hold for LibreOffice and the PDF.
        source: What to call the file in messages.

    Raises:
        UnsupportedSource: LibreOffice is not installed.
        CorruptSource: It could not convert the file, or not within the limits.
        SourceTooLarge: The PDF is over ``max_bytes``.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise UnsupportedSource("is an office document, and LibreOffice is missing.", source=source, hint=_INSTALL)
    folder = Path(tempfile.mkdtemp(prefix="office-", dir=workspace)).absolute()
    profile = _make_profile(folder)
    copy = folder / f"document{suffix}"
    shutil.copyfile(document, copy)
    command = [program, "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck"]
    command += [f"-env:UserInstallation={profile.as_uri()}", "--convert-to", "pdf", "--outdir", str(folder), str(copy)]
    said = _run(command, folder=folder, limits=limits, source=source)
    pdf = folder / "document.pdf"
    # LibreOffice ends with 0 even when it could not load the file, so the result is what counts.
    if not pdf.is_file() or pdf.stat().st_size == 0:
        raise CorruptSource(
            f"could not be converted by LibreOffice ({said or 'it said nothing'}).",
            source=source,
            hint="Open it in LibreOffice to see why (a password, damage), or convert it to PDF by hand.",
        )
    if pdf.stat().st_size >= limits.max_bytes:  # it was cut off there
        raise SourceTooLarge(
            f"is larger than {limits.max_bytes:,} bytes as a PDF.",
            source=source,
            hint="Raise the limit max_bytes to accept it.",
        )
    return pdf


def _make_profile(folder: Path) -> Path:
    """Write a fresh profile with the safe settings."""
    profile = folder / "profile"
    registry = profile / "user" / "registrymodifications.xcu"
    registry.parent.mkdir(parents=True)
    items = "\n".join(
        f'<item oor:path="/org.openoffice.Office.{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{value}</value></prop></item>"
        for path, name, value in _SETTINGS
    )
    registry.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n'
        f"{items}\n</oor:items>\n",
        encoding="utf-8",
    )
    return profile


def _run(command: list[str], *, folder: Path, limits: Limits, source: str) -> str:
    """Run the converter and return the end of what it said."""
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
    log = folder / "log.txt"
    # A file and not a pipe: a grandchild that keeps a pipe open would hold us after the kill.
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - a list, no shell, and the only outside word is a path of ours
            [sys.executable, "-I", "-S", "-c", _BOUNDED, str(limits.worker_memory), str(limits.max_bytes), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        ) as process,
    ):
        try:
            process.wait(limits.download_seconds)
        except subprocess.TimeoutExpired as error:
            raise CorruptSource(
                f"was not converted by LibreOffice within {limits.download_seconds:g} seconds.",
                source=source,
                hint="Raise the limit download_seconds, or convert the file to PDF by hand.",
            ) from error
        finally:
            _kill_group(process)
    return _tail(log)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing running: neither LibreOffice itself nor what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # everybody has gone home already


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400))
        return " ".join(file.read().decode("utf-8", "replace").split())
