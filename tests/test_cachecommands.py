"""The commands of the cache: what they print, what they remove, and how they end."""

from __future__ import annotations

import hashlib
import json
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deepseek_ocr_rag.cache import AnswerKey, FactsKey, PageCache
from deepseek_ocr_rag.cli import app
from deepseek_ocr_rag.recognition import DocumentFacts, ImageRequest, PageImage, PageRequest, Recognition

from .test_pipeline import make_pdf

DIGEST = hashlib.sha256(b"paper").hexdigest()
OTHER = "cd" * 32


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(app, ["cache", *map(str, arguments)], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def keep(path: Path, document: str, *, pages: int) -> None:
    with PageCache(path) as cache:
        for number in range(1, pages + 1):
            key = AnswerKey(
                document=document,
                page_number=number,
                request=PageRequest(image=ImageRequest()),
                engine="chat/deepseek",
                task="markdown",
            )
            image = PageImage(page_number=number, page_width=1, page_height=1)
            cache.keep_answer(key, image, Recognition(page_number=number, engine="chat", text=f"Página {number}"))
        cache.keep_facts(FactsKey(document=document), DocumentFacts(page_count=pages))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pages.sqlite"
    keep(path, DIGEST, pages=2)
    keep(path, OTHER, pages=1)
    return path


def test_stats_say_what_is_there(path: Path) -> None:
    result = run("stats", "--cache", path)
    assert result.exit_code == 0
    assert f"path: {path}" in result.stdout
    assert "answers: 3 pages of 2 documents" in result.stdout
    assert "of 10.7 GB" in result.stdout
    assert result.stderr == ""


def test_stats_are_there_for_programs(path: Path) -> None:
    found = json.loads(run("stats", "--json", "--cache", path.parent).stdout)
    assert {name: found[name] for name in ("path", "answers", "documents", "facts", "files", "visits")} == {
        "path": str(path),
        "answers": 3,
        "documents": 2,
        "facts": 2,
        "files": 0,
        "visits": 0,
    }
    assert found["size"] > 0
    assert "hits" not in found


def test_the_variable_says_which_cache(path: Path) -> None:
    assert f"path: {path}" in run("stats", env={"DEEPSEEK_OCR_CACHE": str(path)}).stdout


def test_a_cache_that_is_not_there_is_empty_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    for command in ("stats", "clear", "export"):
        assert run(command, "--cache", missing).exit_code == 0
    assert not missing.exists()


def test_everything_is_cleared(path: Path) -> None:
    result = run("clear", "--cache", path)
    assert (result.exit_code, result.stdout.split(",")[0]) == (0, "removed: 5 rows")
    with PageCache(path) as cache:
        assert cache.stats().answers == cache.stats().facts == 0


def test_a_documents_rows_are_cleared(path: Path, tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"paper")
    assert run("clear", "--cache", path, "--document", paper).stdout.startswith("removed: 3 rows")
    assert run("clear", "--cache", path, "--document", f"sha256:{OTHER}").stdout.startswith("removed: 2 rows")


@pytest.mark.parametrize(("age", "removed"), [("1s", 1), ("30d", 1), ("2w", 1), ("1000d", 0)])
def test_what_was_not_used_for_long_is_cleared(path: Path, age: str, removed: int) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE entries SET used = used - 31 * 86400 * 1000000000 WHERE page = 2")
    assert run("clear", "--cache", path, "--older-than", age).stdout.startswith(f"removed: {removed} rows")


@pytest.mark.parametrize("age", ["30", "d", "-1d", "30 d", "1y", "9999999w"])
def test_an_age_that_is_none_is_refused(path: Path, age: str) -> None:
    result = run("clear", "--cache", path, "--older-than", age)
    assert result.exit_code == 2
    assert "such as 30d" in " ".join(result.stderr.replace("│", " ").split())
    with PageCache(path) as cache:
        assert cache.stats().answers == 3


def test_a_document_that_is_none_is_refused(path: Path) -> None:
    assert run("clear", "--cache", path, "--document", "nowhere.pdf").exit_code == 2


def test_answers_are_exported(path: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in run("export", "--cache", path).stdout.splitlines()]
    assert [(one["page_number"], one["recognition"]["text"]) for one in lines if one["document"] == DIGEST] == [
        (1, "Página 1"),
        (2, "Página 2"),
    ]
    assert lines[0]["engine"] == "chat/deepseek"
    output = tmp_path / "answers.jsonl"
    assert run("export", "--cache", path, "-o", output).stdout == ""
    assert [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()] == lines


def test_the_cache_is_not_exported_over_itself(path: Path) -> None:
    assert run("export", "--cache", path, "-o", path).exit_code == 2
    assert run("stats", "--cache", path).stdout.count("answers: 3") == 1


def test_a_file_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1.7 " * 100)
    for command in ("stats", "clear", "export"):
        result = run(command, "--cache", paper)
        assert (result.exit_code, result.stdout) == (2, "")
        [line] = result.stderr.splitlines()
        assert line.startswith(f"warning: the cache {paper}: it cannot be used")
    assert [name.name for name in tmp_path.iterdir()] == ["paper.pdf"]


def test_a_broken_cache_is_said_to_be(path: Path) -> None:
    path.write_bytes(b"nothing of ours" * 1000)
    result = run("stats", "--cache", path)
    assert result.exit_code == 2
    assert "pages.sqlite.broken-1" in result.stderr
    assert run("stats", "--cache", path).exit_code == 0


def test_a_user_without_a_home_folder_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    for name in ("DEEPSEEK_OCR_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    result = run("stats")
    assert result.exit_code == 2
    assert "variable. Give a path with --cache." in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("by_variable", [False, True])
def test_reading_keeps_answers_where_it_is_told_to(tmp_path: Path, *, by_variable: bool) -> None:
    report = make_pdf(tmp_path / "report.pdf")
    place = tmp_path / "kept.sqlite"
    given = [] if by_variable else ["--cache", str(place)]
    env = {"DEEPSEEK_OCR_CACHE": str(place)} if by_variable else {"DEEPSEEK_OCR_CACHE": ""}
    outputs = [CliRunner().invoke(app, ["chunk", str(report), "--engine", "local", *given], env=env) for _ in range(2)]
    assert [output.exit_code for output in outputs] == [0, 0]
    assert outputs[0].stdout == outputs[1].stdout != ""
    told = run("stats", "--cache", place, "--json")
    assert json.loads(told.stdout)["files"] == 1
