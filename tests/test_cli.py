"""The command line: results on standard output, all else on standard error, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pymupdf
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from deepseek_ocr_rag import ChunkOptions, Document, LocalEngine, Mode, Progress, ReadOptions, Record, records
from deepseek_ocr_rag.cli import app
from deepseek_ocr_rag.errors import CorruptSource
from deepseek_ocr_rag.figures import FigureOptions
from deepseek_ocr_rag.options import Failure, make_engine
from deepseek_ocr_rag.reading import Reading

QUOTE = "The ferry leaves at seven minutes past nine every morning."
OTHER = "On Sundays it stays in the harbour and nobody minds."
COMMAND = (sys.executable, "-m", "deepseek_ocr_rag.cli")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("DEEPSEEK_OCR_", "NOVITA_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pdf(tmp_path_factory.mktemp("files") / "report.pdf", pages=[QUOTE, OTHER])


@pytest.fixture(scope="module")
def document(report: Path) -> Document:
    """The report, as a command reads it."""
    return Document.from_dict(json.loads(run("convert", report, "--format", "json").stdout))


@pytest.fixture
def already_read(monkeypatch: pytest.MonkeyPatch, document: Document) -> None:
    """Commands get the report as it was read before: starting a worker takes longer than all the rest."""
    pretend(monkeypatch, document)


def pretend(monkeypatch: pytest.MonkeyPatch, *outcomes: Document | Failure | OSError) -> None:
    """Let commands read these, whatever they are asked to read, up to an error of the system."""

    async def results(_: object, options: ReadOptions) -> AsyncGenerator[Document | Failure]:
        for outcome in outcomes:
            if isinstance(outcome, OSError):
                raise outcome
            if isinstance(outcome, Document):
                tell(outcome, options)
            yield outcome

    async def record_results(
        given: object, options: ReadOptions, *, mode: Mode, chunks: ChunkOptions
    ) -> AsyncGenerator[Record | Failure]:
        async for outcome in results(given, options):
            if isinstance(outcome, Failure):
                yield outcome
                continue
            for record in records(outcome, mode, options=chunks):
                yield record

    monkeypatch.setattr("deepseek_ocr_rag.console.results", results)
    monkeypatch.setattr("deepseek_ocr_rag.console.record_results", record_results)


def tell(document: Document, options: ReadOptions) -> None:
    """Tell of each page, as reading does."""
    assert options.progress is not None
    for done, page in enumerate(document.pages, start=1):
        options.progress(
            Progress(
                source=document.source,
                file_name=document.file_name,
                page_number=page.number,
                total_pages=len(document.pages),
                status=page.status,
                pages_done=done,
            )
        )


@pytest.fixture
def one_page_failed(already_read: None, monkeypatch: pytest.MonkeyPatch, document: Document) -> None:
    del already_read  # which this takes the place of
    first, second = document.pages
    pretend(monkeypatch, replace(document, pages=(first, replace(second, status="failed", blocks=()))))


FAILURE = Failure(source="broken.pdf", error=CorruptSource("is damaged.", source="broken.pdf", hint="Repair it."))


def make_pdf(path: Path, pages: list[str], *, password: str = "") -> Path:
    """A page for each text; an empty text is a picture of ink, which needs OCR."""
    document = pymupdf.open()
    for text in pages:
        page = document.new_page()
        if text:
            page.insert_textbox((72, 72, 520, 770), text, fontsize=11)
        else:
            ink = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 200, 100), 0)
            ink.clear_with(60)
            page.insert_image((72, 72, 472, 272), pixmap=ink)
    encryption = pymupdf.PDF_ENCRYPT_AES_256 if password else pymupdf.PDF_ENCRYPT_NONE
    document.save(path, encryption=encryption, user_pw=password or None, owner_pw=password or None)
    return path


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    one_worker = ["--workers", "1"] if arguments[0] in ("convert", "chunk", "locate", "highlight") else []
    result = CliRunner().invoke(app, [*map(str, arguments), *one_worker], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def error_of(result: Result) -> str:
    """The one line on standard error; standard output must be empty."""
    [line] = result.stderr.splitlines()
    assert result.stdout == ""
    assert line.startswith("error: ")
    return line


def test_help_names_commands_and_exit_codes() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for word in ("convert", "schema", "chunk", "locate", "highlight", "doctor", "demo", "Exit codes", "3 a quote was"):
        assert word in result.stdout


def test_no_option_takes_the_key() -> None:
    for command in ("convert", "chunk", "locate", "highlight", "doctor", "demo"):
        assert "--api-key" not in run(command, "--help").stdout
        assert run(command, "--api-key", "x").exit_code == 2


def test_version() -> None:
    assert run("--version").stdout.startswith("deepseek-ocr-rag ")


def test_the_schema_of_json_is_printed() -> None:
    result = run("schema")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["properties"]["schema"]["pattern"].startswith("^deepseek-ocr-rag/document/[12]")


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    heavy = "('pymupdf', 'numpy', 'PIL', 'httpx', 'bm25s', 'rapidocr', 'llama_index', 'langchain_core')"
    code = f"import sys, deepseek_ocr_rag.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


class TestConvert:
    def test_one_file_goes_to_standard_output(self, report: Path) -> None:
        result = run("convert", report)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{QUOTE}\n\n{OTHER}\n"

    def test_json_is_the_document(self, document: Document) -> None:
        assert document.file_name == "report.pdf"
        assert [page.markdown for page in document.pages] == [QUOTE, OTHER]

    @pytest.mark.usefixtures("already_read")
    def test_pages_are_marked_where_it_is_wanted(self, report: Path, tmp_path: Path) -> None:
        marked = f"<!-- page 1 -->\n\n{QUOTE}\n\n<!-- page 2 -->\n\n{OTHER}"
        assert run("convert", report, "--page-marks").stdout == f"{marked}\n"
        run("convert", report, "--page-marks", "-o", tmp_path)
        assert (tmp_path / "report.md").read_text() == marked
        refused = run("convert", report, "--page-marks", "-f", "html")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "--page-marks is for markdown" in refused.stderr

    @pytest.mark.usefixtures("already_read")
    def test_docling_takes_what_is_made_for_it(self, report: Path, tmp_path: Path) -> None:
        docling = pytest.importorskip("docling_core.types.doc", reason="the extra docling is not installed")
        made = docling.DoclingDocument.model_validate_json(run("convert", report, "-f", "docling").stdout)
        assert [(item.text, item.prov[0].page_no) for item in made.texts] == [(QUOTE, 1), (OTHER, 2)]
        assert run("convert", report, "-f", "docling", "-o", tmp_path).stdout == f"{tmp_path / 'report.docling.json'}\n"

    def test_what_docling_needs_is_told_before_anything_is_read(
        self, report: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretend(monkeypatch, OSError("is read"))
        monkeypatch.setattr("deepseek_ocr_rag.docling.find_spec", lambda name: None)
        result = run("convert", report, "-f", "docling")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "deepseek-ocr-rag[docling]" in result.stderr

    def test_pages_are_chosen(self, report: Path) -> None:
        assert run("convert", report, "--pages", "2").stdout == f"{OTHER}\n"

    def test_a_folder_gives_a_file_for_each_document_and_goes_on_after_a_bad_one(self, tmp_path: Path) -> None:
        files, out = tmp_path / "files", tmp_path / "new" / "out"
        (files / "a").mkdir(parents=True)
        make_pdf(files / "a" / "same.pdf", [QUOTE])
        make_pdf(files / "same.pdf", [OTHER])
        (files / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
        result = run("convert", files, "-o", out, "-f", "html")
        assert result.exit_code == 1
        assert sorted(result.stdout.splitlines()) == [str(out / "same-2.html"), str(out / "same.html")]
        assert {path.name for path in out.iterdir()} == {"same.html", "same-2.html"}
        first, summary = result.stderr.splitlines()
        assert first.startswith("error: ")
        assert "broken.pdf" in first
        assert summary.startswith("error: 1 of 3 files could not be read: ")

    def test_several_files_need_a_folder(self, report: Path) -> None:
        for files in ([report, report], [report.parent]):
            result = run("convert", *files)
            assert (result.exit_code, result.stdout) == (2, "")
            assert "-o" in result.stderr
        assert run("convert", report, "-o", report).exit_code == 2

    def test_a_missing_file_is_one_line_and_code_4(self, tmp_path: Path) -> None:
        result = run("convert", tmp_path / "none.pdf")
        assert result.exit_code == 4
        assert "none.pdf: does not exist." in error_of(result)

    @pytest.mark.parametrize("pages", ["9", "x"])
    def test_pages_that_are_none_are_wrong_usage(self, report: Path, pages: str) -> None:
        result = run("convert", report, "--pages", pages)
        assert result.exit_code == 2
        assert "report.pdf" in error_of(result)

    def test_the_password_comes_from_the_environment_or_an_option_and_is_not_shown(self, tmp_path: Path) -> None:
        path = make_pdf(tmp_path / "locked.pdf", [QUOTE], password="open sesame")
        refused = run("convert", path)
        assert refused.exit_code == 4
        assert "password" in error_of(refused)
        for result in (
            run("convert", path, "--password", "open sesame"),
            run("convert", path, env={"DEEPSEEK_OCR_PASSWORD": "open sesame"}),
        ):
            assert (result.exit_code, result.stdout) == (0, f"{QUOTE}\n")
        assert "open sesame" not in run("convert", "--help", env={"DEEPSEEK_OCR_PASSWORD": "open sesame"}).output

    def test_failed_pages_are_told_of_and_the_others_are_there(self, tmp_path: Path) -> None:
        path = make_pdf(tmp_path / "mixed.pdf", [QUOTE, "", ""])
        result = run("convert", path, "--ocr", "none")
        assert (result.exit_code, result.stdout) == (1, f"{QUOTE}\n")
        *warnings, summary = result.stderr.splitlines()
        assert [line.partition(":")[0] for line in warnings] == ["warning", "warning"]
        assert summary == "error: pages failed: mixed.pdf (2-3)"
        quiet = run("convert", path, "--ocr", "none", "--quiet")
        assert quiet.stderr.splitlines() == [summary]

    def test_a_file_of_which_nothing_can_be_read_is_code_4(self, tmp_path: Path) -> None:
        path = make_pdf(tmp_path / "scan.pdf", [""])
        result = run("convert", path, "--ocr", "none")
        assert (result.exit_code, result.stdout) == (4, "")

    def test_a_file_stays_as_it_was_where_no_page_can_be_read(
        self, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = replace(document, pages=tuple(replace(page, status="failed", blocks=()) for page in document.pages))
        pretend(monkeypatch, failed)
        (tmp_path / "report.md").write_text("what was there")
        for form in ("md", "json", "html"):
            result = run("convert", "report.pdf", "-o", tmp_path, "-f", form)
            assert (result.exit_code, result.stdout) == (4, "")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there"]
        pretend(monkeypatch, failed, replace(document, file_name="other.pdf"))
        result = run("convert", "report.pdf", "other.pdf", "-o", tmp_path)
        assert (result.exit_code, result.stdout) == (1, f"{tmp_path / 'other.md'}\n")
        assert (tmp_path / "report.md").read_text() == "what was there"

    def test_an_address_is_not_fetched_unless_it_may_be(self) -> None:
        result = run("convert", "http://127.0.0.1:9/report.pdf")
        assert result.exit_code == 4
        error_of(result)

    def test_a_server_that_is_no_address_is_wrong_usage(self, report: Path) -> None:
        result = run("convert", report, env={"DEEPSEEK_OCR_BASE_URL": "nonsense"})
        assert result.exit_code == 2
        assert "base_url" in result.stderr

    def test_names_cannot_play_with_the_terminal(self, tmp_path: Path) -> None:
        line = error_of(run("convert", tmp_path / "a\x1b]0;title\x07\nb.pdf"))
        assert "\x1b" not in line
        assert "\x07" not in line

    def test_a_folder_that_cannot_be_written_is_one_line_before_anything_is_read(
        self, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretend(monkeypatch, OSError("is read"))
        (tmp_path / "file").touch()
        result = run("convert", report, "-o", tmp_path / "file" / "new" / "out")
        assert result.exit_code == 2
        assert "cannot be written" in error_of(result)


@pytest.mark.usefixtures("already_read")
class TestChunk:
    def test_lines_are_the_records(self, report: Path, document: Document, tmp_path: Path) -> None:
        result = run("chunk", report, "--mode", "page")
        wanted = [
            {"id": record.id, "text": record.text, "metadata": record.metadata} for record in records(document, "page")
        ]
        assert [json.loads(line) for line in result.stdout.splitlines()] == wanted
        path = tmp_path / "chunks.jsonl"
        assert run("chunk", report, "--mode", "page", "-o", path).stdout == ""
        assert path.read_text(encoding="utf-8") == result.stdout

    def test_the_budget_is_kept(self, report: Path) -> None:
        result = run("chunk", report, "--max-tokens", "16")
        chunks = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(chunks) >= 2
        assert all(chunk["metadata"]["token_count"] <= 16 for chunk in chunks)
        assert run("chunk", report, "--max-tokens", "2").exit_code == 2

    def test_the_ways_to_cut_are_the_chunkers(self, report: Path, document: Document) -> None:
        result = run("chunk", report, *("--max-tokens", "16", "--strategy", "parent_child", "--parent-tokens", "64"))
        lines = [json.loads(line)["metadata"] for line in result.stdout.splitlines()]
        assert {line["chunk_role"] for line in lines} == {"parent", "child"}
        given = ("--overlap", "7", "--max-tokens", "20", "--strategy", "page", "--tokenizer", "approx")
        options = ChunkOptions(max_tokens=20, overlap=7, strategy="page", counter="approx")
        wanted = [record.id for record in records(document, "chunk", options=options)]
        assert [json.loads(line)["id"] for line in run("chunk", report, *given).stdout.splitlines()] == wanted
        assert len(wanted) > 2

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--max-tokens", "20", "--overlap", "10"), "overlap is 10"),
            (("--strategy", "parent_child", "--parent-tokens", "512"), "parent_tokens is 512"),
            (("--counter", "words"), "no vocabulary called 'words'"),
            (("--strategy", "words"), "--strategy"),
        ],
    )
    def test_ways_to_cut_that_make_no_sense_are_wrong_usage(
        self, report: Path, options: tuple[str, ...], said: str
    ) -> None:
        result = run("chunk", report, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in " ".join(result.stderr.replace("│", " ").split())

    def test_an_output_that_cannot_be_written_is_one_line(self, report: Path, tmp_path: Path) -> None:
        result = run("chunk", report, "-o", tmp_path / "none" / "chunks.jsonl")
        assert result.exit_code == 2
        assert f"{tmp_path / 'none' / 'chunks.jsonl'}: cannot be written" in error_of(result)

    @pytest.mark.parametrize("name", ["report.pdf", "link.pdf", "hard.pdf", "."])
    def test_no_file_that_is_read_is_written(self, report: Path, tmp_path: Path, name: str) -> None:
        copy = tmp_path / "report.pdf"
        copy.write_bytes(report.read_bytes())
        (tmp_path / "link.pdf").symlink_to(copy)
        (tmp_path / "hard.pdf").hardlink_to(copy)
        result = run("chunk", tmp_path / "empty*", tmp_path / name, "-o", copy)
        assert result.exit_code == 2
        assert f"{copy}: is to be read and would be overwritten" in error_of(result)
        assert copy.read_bytes() == report.read_bytes()

    def test_a_file_stays_as_it_was_where_nothing_can_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = tmp_path / "keep.jsonl"
        kept.write_text("what was there")
        pretend(monkeypatch, FAILURE)
        assert run("chunk", "broken.pdf", "-o", kept).exit_code == 4
        assert run("chunk", "broken.pdf", "-o", tmp_path / "new.jsonl").exit_code == 4
        assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there"]

    def test_a_file_stays_as_it_was_where_writing_breaks_off(
        self, report: Path, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretend(monkeypatch, document, OSError(28, "No space left on device"))
        kept = tmp_path / "keep.jsonl"
        kept.write_text("what was there")
        assert run("chunk", report, "-o", kept).exit_code == 2
        assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there"]

    def test_what_could_be_read_is_written_and_replaces_what_was_there(
        self, report: Path, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept, link = tmp_path / "kept.jsonl", tmp_path / "link.jsonl"
        kept.write_text("what was there")
        kept.chmod(0o600)
        link.symlink_to(kept)
        pretend(monkeypatch, FAILURE, document)
        assert run("chunk", "broken.pdf", report, "-o", link).exit_code == 1
        assert [json.loads(line)["text"] for line in kept.read_text("utf-8").splitlines()] == [f"{QUOTE}\n\n{OTHER}"]
        assert kept.stat().st_mode & 0o777 == 0o600
        assert link.is_symlink()
        assert set(tmp_path.iterdir()) == {kept, link}

    def test_a_pipe_stays_one(self, report: Path, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        came: list[bytes] = []
        reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
        reader.start()
        assert run("chunk", report, "-o", pipe).exit_code == 0
        reader.join(10)
        assert pipe.is_fifo()
        assert came[0].startswith(b'{"id"')


@pytest.mark.usefixtures("already_read")
class TestLocate:
    def test_a_quote_is_found_and_drawn(self, report: Path, tmp_path: Path) -> None:
        picture = tmp_path / "page.png"
        result = run("locate", report, "leaves at seven minutes past nine", "-o", picture)
        facts = [line.split(": ", 1) for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert [fact[0] for fact in facts] == ["status", "score", "precision", "quote", "page", "box"]
        assert [dict(facts)[name] for name in ("status", "precision", "page")] == ["verified", "word", "1"]
        left, top, right, bottom = (float(side) for side in dict(facts)["box"].split())
        with Image.open(picture) as page:
            red, green, blue = page.getpixel((page.width * (left + right) // 2, round(page.height * (bottom - 0.001))))[
                :3
            ]
            assert red > 150
            assert blue < green
        assert top < bottom

    def test_json_is_the_citation(self, report: Path) -> None:
        citation = json.loads(run("locate", report, OTHER, "--json").stdout)
        assert (citation["status"], citation["page_number"]) == ("verified", 2)

    def test_what_is_not_there_is_code_3(self, report: Path, tmp_path: Path) -> None:
        picture = tmp_path / "page.png"
        result = run("locate", report, "Nothing of the kind was ever said about submarines.", "-o", picture)
        assert result.exit_code == 3
        assert result.stdout.startswith("status: not_found\n")
        assert not picture.exists()

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_what_stands_in_several_places_is_code_3(self, report: Path, tmp_path: Path, form: list[str]) -> None:
        picture = tmp_path / "page.png"
        result = run("locate", report, "the", "-o", picture, *form)
        assert result.exit_code == 3
        assert "ambiguous" in result.stdout
        assert not picture.exists()

    @pytest.mark.usefixtures("one_page_failed")
    def test_failed_pages_are_code_1_unless_the_quote_is_not_found(self, report: Path) -> None:
        for quote, code in ((QUOTE, 1), (OTHER, 3)):
            result = run("locate", report, quote)
            assert (result.exit_code, result.stderr) == (code, "error: pages failed: report.pdf (2)\n")

    def test_the_source_is_not_overwritten(self, report: Path) -> None:
        before = report.read_bytes()
        result = run("locate", report, QUOTE, "-o", report)
        assert result.exit_code == 2
        assert f"{report}: is to be read and would be overwritten" in error_of(result)
        assert report.read_bytes() == before


def test_a_folder_is_not_one_file(tmp_path: Path) -> None:
    result = run("locate", tmp_path, QUOTE)
    assert (result.exit_code, result.stdout) == (2, "")


def test_one_file_that_cannot_be_read_is_code_4(tmp_path: Path) -> None:
    for arguments in (["locate", tmp_path / "none.pdf", QUOTE], ["highlight", tmp_path / "none.pdf", QUOTE, "-o", "x"]):
        result = run(*arguments)
        assert result.exit_code == 4
        error_of(result)


@pytest.mark.usefixtures("already_read")
class TestHighlight:
    def test_all_quotes_go_into_one_copy(self, report: Path, tmp_path: Path) -> None:
        copy, pictures = tmp_path / "copy.pdf", tmp_path / "pictures"
        result = run("highlight", report, QUOTE, OTHER, "-o", copy, "--pictures", pictures)
        drawn = [pictures / "quote-1-page-1.png", pictures / "quote-2-page-2.png"]
        assert result.exit_code == 0
        assert result.stdout.splitlines() == [str(path) for path in (copy, *drawn)]
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
        with pymupdf.open(copy) as document:
            notes = [note.info["content"] for page in document for note in page.annots()]
        assert notes == [QUOTE, OTHER]

    def test_a_quote_that_is_not_there_is_told_of_and_the_others_are_drawn(self, report: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.pdf"
        result = run("highlight", report, "Submarines were never mentioned here at all.", OTHER, "-o", copy, "--json")
        assert result.exit_code == 3
        answer = json.loads(result.stdout)
        assert answer["written"] == [str(copy)]
        assert [citation["status"] for citation in answer["citations"]] == ["not_found", "verified"]

    @pytest.mark.usefixtures("one_page_failed")
    def test_failed_pages_are_code_1_unless_a_quote_is_not_found(self, report: Path, tmp_path: Path) -> None:
        for quotes, code in (([QUOTE], 1), ([QUOTE, OTHER], 3)):
            result = run("highlight", report, *quotes, "-o", tmp_path / "copy.pdf")
            assert result.exit_code == code
            assert result.stderr.splitlines()[-1] == "error: pages failed: report.pdf (2)"
            assert result.stdout == f"{tmp_path / 'copy.pdf'}\n"

    def test_without_any_quote_found_nothing_is_written(self, report: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.pdf"
        assert run("highlight", report, "Submarines were never mentioned here.", "-o", copy).exit_code == 3
        assert not copy.exists()

    def test_the_source_is_not_overwritten(self, report: Path) -> None:
        before = report.read_bytes()
        result = run("highlight", report, QUOTE, "-o", report)
        assert result.exit_code == 2
        assert f"{report}: is to be read and would be overwritten" in error_of(result)
        assert report.read_bytes() == before

    def test_outputs_that_cannot_be_are_told_of_before_anything_is_read(
        self, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretend(monkeypatch, OSError("is read"))
        file, copy = tmp_path / "file", tmp_path / "copy.pdf"
        file.touch()
        (tmp_path / "link").symlink_to(tmp_path)
        for options, said in (
            (("-o", tmp_path / "none" / "copy.pdf"), "none/copy.pdf: cannot be written"),
            (("-o", tmp_path), "cannot be written"),
            (("-o", file / "copy.pdf"), "cannot be written"),
            (("-o", copy, "--sheet", tmp_path / "none" / "sheet.png"), "none/sheet.png: cannot be written"),
            (("-o", copy, "--sheet", copy), "its own path"),
            (("-o", copy, "--sheet", tmp_path / "link" / "copy.pdf"), "its own path"),
            (("-o", copy, "--pictures", file), "is a file"),
            (("-o", copy, "--pictures", copy), "its own path"),
        ):
            result = run("highlight", report, QUOTE, *options)
            assert (result.exit_code, result.stdout) == (2, "")
            assert said in " ".join(result.stderr.replace("│", " ").split())
        result = run("locate", report, QUOTE, "-o", tmp_path / "none" / "page.png")
        assert result.exit_code == 2
        assert "page.png: cannot be written" in error_of(result)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]

    def test_a_picture_does_not_overwrite_the_source(self, report: Path, tmp_path: Path) -> None:
        source = tmp_path / "quote-1-page-1.png"
        source.write_bytes(report.read_bytes())
        result = run("highlight", source, QUOTE, "-o", tmp_path / "copy.pdf", "--pictures", tmp_path)
        assert result.exit_code == 2
        assert source.read_bytes() == report.read_bytes()


class Server(BaseHTTPRequestHandler):
    """Offers two models to those who have the key, and reads every page the same way."""

    prompts: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.prompts.append(next(part["text"] for part in asked["messages"][0]["content"] if "text" in part))
        allowed = self.headers["authorization"] == "Bearer right-key"
        text = f"<|ref|>text<|/ref|><|det|>[[100, 60, 900, 100]]<|/det|>\n{QUOTE}\n"
        usage = {"prompt_tokens": 1000, "completion_tokens": 50}
        answer = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer if allowed else {"error": "no such key"}).encode())

    def do_GET(self) -> None:
        allowed = self.headers["authorization"] == "Bearer right-key" and self.path == "/v1/models"
        body = json.dumps({"data": [{"id": "deepseek-ocr"}, {"id": "another"}]}).encode() if allowed else b"{}"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


class TestServer:
    """A provider is a name, and what it was asked for is told at the end."""

    KEY: ClassVar[dict[str, str]] = {"NOVITA_API_KEY": "right-key"}
    KEY_OF_ALL: ClassVar[dict[str, str]] = {"DEEPSEEK_OCR_API_KEY": "right-key"}

    def test_what_was_spent_is_one_line_on_standard_error(self, report: Path, server: str) -> None:
        options = ("--provider", "novita", "--base-url", server)
        result = run("convert", report, *options, "--price", "1,2", env=self.KEY)
        assert (result.exit_code, result.stdout) == (0, f"{QUOTE}\n\n{QUOTE}\n")
        [line] = result.stderr.splitlines()
        assert line == "spent: 2 pages, 2 requests, 0 retries, 2,000 tokens in, 100 out, 0 cache hits, cost 0.0022"
        assert "cost" not in run("convert", report, *options, env=self.KEY).stderr
        assert run("convert", report, *options, "--quiet", env=self.KEY).stderr == ""

    def test_a_command_that_breaks_off_says_what_was_spent(self, report: Path, server: str, tmp_path: Path) -> None:
        target = tmp_path / "page.png"
        target.symlink_to(tmp_path / "none" / "page.png")  # which is found out when it is written to
        result = run("locate", report, QUOTE, "--base-url", server, "--pages", "1", "-o", target, env=self.KEY_OF_ALL)
        spent, error = result.stderr.splitlines()
        assert (result.exit_code, spent.partition(",")[0]) == (2, "spent: 1 page")
        assert "cannot be written" in error

    def test_options_reach_the_server(self, report: Path, server: str) -> None:
        for options, prompt in (
            (("--task", "table"), "Convert the document to markdown table."),
            (("--prompt", "Say this."), "Say this."),
            (("--task", "locate", "--reference", "a seal"), "Locate <|ref|>a seal<|/ref|> in the image."),
        ):
            Server.prompts.clear()
            env = self.KEY_OF_ALL | {"DEEPSEEK_OCR_BASE_URL": server}
            result = run("convert", report, "--pages", "1", *options, env=env)
            assert (result.exit_code, Server.prompts) == (0, [prompt])

    def test_an_address_of_the_environment_is_not_a_named_providers(self) -> None:
        reading = Reading(provider="vllm")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DEEPSEEK_OCR_BASE_URL", "http://127.0.0.1:9/v1")
            assert "localhost:8000" in make_engine(reading.options()).fingerprint

    def test_pages_that_the_server_cannot_read_are_the_local_engines_or_nobodys(self) -> None:
        given = Reading(base_url="http://127.0.0.1:9/v1", ocr="none").options()
        assert given.fallback == LocalEngine(ocr="none")
        assert Reading(fallback="none").options().fallback == "none"

    def test_figures_are_a_folder_and_how_they_are_read(self) -> None:
        assert Reading().options().figures is None
        wanted = FigureOptions(folder="figures", read="describe")
        assert Reading(figures="figures", figures_read="describe").options().figures == wanted

    def test_a_wrong_key_or_none_is_one_line_and_code_2(self, report: Path, server: str, tmp_path: Path) -> None:
        options = ("--provider", "novita", "--base-url", server)
        for env in ({}, {"NOVITA_API_KEY": "wrong-key"}):
            result = run("convert", report, report, "-o", tmp_path, *options, env=env)
            assert result.exit_code == 2
            assert "NOVITA_API_KEY" in error_of(result)
            assert "wrong-key" not in result.output
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--provider", "nobody"], "novita"),
            (["--task", "translate"], "--task"),
            (["--task", "locate"], "reference"),
            (["--reference", "a seal"], "locate"),
            (["--resolution", "huge"], "--resolution"),
            (["--fallback", "replicate"], "--fallback"),
            (["--model", "m"], "model: would be ignored"),
            (["--engine", "local", "--provider", "vllm"], "provider: would be ignored"),
            (["--task", "objects", "--base-url", "http://h/v1", "--model", "deepseek-chat"], "task='objects'"),
            (["--figures-read", "parse"], "--figures"),
            (["--price", "3"], "0.03,0.03"),
            (["--price", "1,-2"], "0.03,0.03"),
            (["--price", "1,inf"], "0.03,0.03"),
            (["--price", "nan,1"], "0.03,0.03"),
            (["--price", "a,b"], "0.03,0.03"),
        ],
    )
    def test_options_that_make_no_sense_are_wrong_usage(self, report: Path, options: list[str], said: str) -> None:
        result = run("convert", report, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr


class TestDoctor:
    def test_it_says_what_is_there(self) -> None:
        result = run("doctor", "--json")
        report = json.loads(result.stdout)
        assert (result.exit_code, report["engine"], report["server"]) == (0, "local", None)
        assert report["packages"]["pymupdf"] == pymupdf.__version__
        assert set(report["programs"]) == {"tesseract", "libreoffice"}
        assert report["secrets"] == {"DEEPSEEK_OCR_API_KEY": "not set", "DEEPSEEK_OCR_PASSWORD": "not set"}

    def test_a_server_is_asked_for_its_models_and_secrets_are_not_shown(self, server: str) -> None:
        env = {"DEEPSEEK_OCR_BASE_URL": server, "DEEPSEEK_OCR_API_KEY": "right-key", "DEEPSEEK_OCR_PASSWORD": "pass1"}
        result = run("doctor", env=env)
        assert result.exit_code == 0
        assert result.stdout.startswith(f"engine: chat (a server is set)\nserver: {server}/models answers: HTTP 200")
        assert "it offers deepseek-ocr" in result.stdout
        assert "  DEEPSEEK_OCR_API_KEY: set\n" in result.stdout
        assert "right-key" not in result.output
        assert "pass1" not in result.output
        other = run("doctor", "--model", "third", env=env)
        assert "does not offer third; it offers deepseek-ocr, another" in other.stdout

    @pytest.mark.parametrize("key", ["wrong-key", "wrong\nkey", "wröng-key"])
    def test_a_key_that_is_refused_or_cannot_be_sent_is_code_1(self, server: str, key: str) -> None:
        result = run("doctor", "--base-url", server, env={"DEEPSEEK_OCR_API_KEY": key})
        assert result.exit_code == 1
        assert "DOES NOT ANSWER" in result.stdout
        assert key not in result.output

    def test_a_login_in_the_address_is_not_shown(self, server: str) -> None:
        result = run("doctor", "--base-url", server.replace("//", "//somebody:hidden@"))
        assert "hidden" not in result.output

    def test_a_server_that_is_not_there_is_code_1(self) -> None:
        result = run("doctor", "--base-url", "http://127.0.0.1:9/v1")
        assert result.exit_code == 1
        assert "cannot be reached" in result.stdout


class TestProcess:
    def test_a_reader_that_stops_early_is_no_error(self, tmp_path: Path) -> None:
        path = make_pdf(tmp_path / "long.pdf", [f"{number}. {QUOTE} {OTHER} " * 30 for number in range(12)])
        with subprocess.Popen(
            [*COMMAND, "convert", str(path), "-f", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(1) == b"{"
            process.stdout.close()
            assert process.stderr.read() == b""

    def test_progress_is_shown_on_a_terminal_and_results_stay_apart(self, report: Path) -> None:
        terminal, end = pty.openpty()
        with subprocess.Popen([*COMMAND, "convert", str(report)], stdout=subprocess.PIPE, stderr=end) as process:
            os.close(end)
            shown = b""
            try:
                while data := os.read(terminal, 4096):  # while it runs: a terminal that nobody reads is soon full
                    shown += data
            except OSError:
                pass  # the other end is closed and all is read
            os.close(terminal)
            assert process.stdout is not None
            assert process.stdout.read().decode() == f"{QUOTE}\n\n{OTHER}\n"
        assert b"report.pdf" in shown
        assert b"2/2" in shown
        assert b"pages/s" in shown

    def test_output_is_utf8_whatever_the_locale(self, tmp_path: Path) -> None:
        path = make_pdf(tmp_path / "umlaut.pdf", ["Grüße aus Österreich, sagte der Fährmann."])
        env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([*COMMAND, "convert", str(path)], capture_output=True, env=env, check=True)
        assert done.stdout.decode() == "Grüße aus Österreich, sagte der Fährmann.\n"
