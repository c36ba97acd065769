from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deepseek_ocr_rag.errors import CorruptSource, SourceTooLarge, UnsupportedSource
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.source import SourceOptions, resolve

LETTER = b"{\\rtf1\\ansi Dear reader}"

# Stands in for LibreOffice: takes its options, writes its result, and reports what it was given.
FAKE = """#!{python}
import json, os, pathlib, subprocess, sys, time
options = dict(zip(sys.argv, sys.argv[1:]))
folder, document = pathlib.Path(options["--outdir"]), pathlib.Path(sys.argv[-1])
report = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "content": document.read_text()}}
(folder / "report.json").write_text(json.dumps(report))
{action}
"""
CONVERT = "(folder / (document.stem + '.pdf')).write_bytes(b'%PDF-1.7')"


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "docs" / "--a letter.txt"
    path.parent.mkdir()
    path.write_bytes(LETTER)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "work"


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    program = tmp_path / "bin" / "soffice"
    program.parent.mkdir()
    program.write_text(FAKE.format(python=sys.executable, action=action), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


def test_missing_libreoffice_says_how_to_get_it(letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnsupportedSource, match="apt install libreoffice"):
        resolve(letter, workspace=workspace)


def test_conversion(tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, CONVERT)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    source = resolve(letter, workspace=workspace)
    assert source.path.read_bytes() == b"%PDF-1.7"
    assert source.path.is_relative_to(workspace)
    assert (source.media_type, source.file_name) == ("application/pdf", "--a letter.txt")
    assert source.sha256 == hashlib.sha256(LETTER).hexdigest()
    assert [path.name for path in letter.parent.iterdir()] == [letter.name]

    report = (source.path.parent / "report.json").read_text(encoding="utf-8")
    assert "secret" not in report
    assert "a letter" not in report
    assert "Dear reader" in report
    assert f'"HOME": "{source.path.parent}"' in report
    assert f"-env:UserInstallation=file://{source.path.parent}/profile" in report


def test_profile_switches_macros_and_links_off(
    tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, CONVERT)
    folder = resolve(letter, workspace=workspace).path.parent
    registry = ET.parse(folder / "profile" / "user" / "registrymodifications.xcu").getroot()
    name = "{http://openoffice.org/2001/registry}name"
    settings = {prop.get(name): prop.findtext("value") for prop in registry.iter("prop")}
    assert settings["DisableMacrosExecution"] == settings["BlockUntrustedRefererLinks"] == "true"


def test_bytes_are_converted_too(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, CONVERT)
    source = resolve(LETTER, workspace=workspace)
    assert (source.file_name, source.path.name) == ("document.rtf", "document.pdf")


@pytest.mark.parametrize(
    "action", ["print('Error: source file could not be loaded')", "sys.exit('could not be loaded')"]
)
def test_failure_tells_what_libreoffice_said(
    tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    install(tmp_path, monkeypatch, action)
    with pytest.raises(CorruptSource, match="could not be loaded") as caught:
        resolve(letter, workspace=workspace)
    assert caught.value.source == str(letter)


def test_time_limit_kills_the_whole_group(
    tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    install(
        tmp_path,
        monkeypatch,
        child + f"pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(child.pid))\ntime.sleep(60)",
    )
    with pytest.raises(CorruptSource, match="within 3 seconds"):
        resolve(letter, workspace=workspace, options=SourceOptions(limits=Limits(download_seconds=3)))
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    assert wait_for_end(pid)


def test_memory_and_files_of_the_converter_are_bounded(
    tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = (
        "import resource; print(*(resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)))"
    )
    install(tmp_path, monkeypatch, f"subprocess.run([sys.executable, '-c', {child!r}])")
    limits = Limits(worker_memory=1 << 30, max_bytes=1 << 20)
    with pytest.raises(CorruptSource, match=f"{1 << 30} {1 << 20}"):
        resolve(letter, workspace=workspace, options=SourceOptions(limits=limits))


@pytest.mark.parametrize(
    "action", ["held = bytearray(2 << 30)", "(folder / 'document.pdf').write_bytes(bytes(2 << 20))"]
)
def test_a_converter_that_runs_wild_costs_its_file(
    tmp_path: Path, letter: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    install(tmp_path, monkeypatch, action)
    limits = Limits(worker_memory=1 << 30, max_bytes=1 << 20)
    with pytest.raises((CorruptSource, SourceTooLarge), match=r"converted by LibreOffice|as a PDF"):
        resolve(letter, workspace=workspace, options=SourceOptions(limits=limits))


def wait_for_end(pid: int) -> bool:
    """Whether a process that is not our child ends soon; a zombie that nobody reaps has ended as well."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_real_libreoffice(letter: Path, workspace: Path) -> None:
    source = resolve(letter, workspace=workspace, options=SourceOptions(limits=Limits(download_seconds=120)))
    assert source.path.read_bytes().startswith(b"%PDF-")
