"""The command line, ``deepseek-ocr-rag``: each command is a thin skin over one function of the package.

The API key is taken from the environment only: arguments can be seen by everybody on the machine.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cachecommands import app as cache_commands
from .console import ENDINGS, Ending, Run, command, put, put_json, refuse_overwriting, say
from .export import Format, OutputFolder, exported
from .jsonlines import JsonLines
from .listing import is_collection
from .outputs import require_docling, require_files, require_folder
from .reading import Cutting, Reading
from .records import Mode

if TYPE_CHECKING:
    from .cite import Citation
    from .document import Document

app = typer.Typer(
    help="Documents read by DeepSeek-OCR, or offline, and cited to the exact lines on the page.",
    epilog=ENDINGS,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_commands, name="cache")

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Files, folders or globs.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="PDF, picture, office document, EPUB.")]
Urls = Annotated[bool, typer.Option("--allow-urls", help="Fetch http and https addresses too.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def main() -> None:
    """Run the command line."""
    app(prog_name="deepseek-ocr-rag")


def _version(wanted: bool) -> None:
    if wanted:
        from .doctor import version

        put(f"deepseek-ocr-rag {version('deepseek-ocr-rag') or 'from source'}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None: ...


@app.command(epilog=ENDINGS)
@command
def convert(
    files: Files,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder; a file for each document.")] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to make of them.")] = "md",
    page_marks: Annotated[bool, typer.Option("--page-marks", help="Comments in markdown where pages begin.")] = False,
    allow_urls: Urls = False,
    reading: Reading,
) -> None:
    """Read documents and write them as markdown, JSON, HTML, or JSON for Docling.

    One file without -o goes to standard output; with -o the paths of the new files are printed.
    """
    if page_marks and form != "md":
        raise typer.BadParameter(f"--page-marks is for markdown; -f {form} tells of pages anyway.")
    if form == "docling":
        require_docling()
    if output is None and (len(files) > 1 or is_collection(files[0])):
        raise typer.BadParameter("give a folder with -o for several files.")
    if output is not None:
        require_folder(output)
    folder = OutputFolder(output, page_marks=page_marks) if output else None
    run = Run(reading.options(allow_urls=allow_urls), price=reading.what_is_paid(), quiet=reading.quiet)
    with closing(run.documents(files)) as documents:
        for document in documents:
            if all(page.status == "failed" for page in document.pages):
                continue  # what an earlier run made of it is better than nothing
            put(str(folder.write(document, form)) if folder else exported(document, form, page_marks=page_marks))
    run.finish()


@app.command()
@command
def schema() -> None:
    """Print the JSON Schema of what convert -f json writes."""
    from .schema import published_schema

    put(published_schema().rstrip())


@app.command(epilog=ENDINGS)
@command
def chunk(
    files: Files,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; else standard output.")] = None,
    mode: Annotated[Mode, typer.Option(help="What a line is.")] = "chunk",
    allow_urls: Urls = False,
    cutting: Cutting,
    reading: Reading,
) -> None:
    """Read documents and cut them for a search engine: JSON lines of id, text and metadata, as pages are read.

    The file of -o is written at once and whole, and not at all where nothing could be read.
    """
    refuse_overwriting(output, files)
    chunks = cutting.options()
    run = Run(reading.options(allow_urls=allow_urls), price=reading.what_is_paid(), quiet=reading.quiet)
    with closing(JsonLines(output)) as lines:
        with closing(run.records(files, mode=mode, chunks=chunks)) as records:
            for record in records:
                lines.put({"id": record.id, "text": record.text, "metadata": record.metadata})
        if run.has_read:
            lines.keep()
    run.finish()


@app.command(epilog=ENDINGS)
@command
def locate(
    file: File,
    quote: Annotated[str, typer.Argument(help="Words of the document; ... stands for some left out.")],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG of the page, highlighted.")] = None,
    as_json: AsJson = False,
    reading: Reading,
) -> None:
    """Find the lines that say a quote.

    Boxes are left, top, right and bottom as fractions of the page as displayed, from the top left corner.
    """
    from .cite import locate as find

    refuse_overwriting(output, [file])
    require_files(output)
    run = Run(reading.options(), price=reading.what_is_paid(), quiet=reading.quiet)
    citation = find(quote, run.only_document(file))
    if as_json:
        put_json(citation.to_dict())
    else:
        _put_citation(citation)
    if output and citation.regions:
        from .highlight import highlight_page

        output.write_bytes(highlight_page(Path(file), citation, password=reading.password))
    run.finish(all_found=bool(citation.regions))


def _put_citation(citation: Citation) -> None:
    put(f"status: {citation.status}")
    put(f"score: {citation.score:.3f}")
    if citation.status == "not_found":
        return
    put(f"precision: {citation.precision}")
    put(f"quote: {' '.join(citation.quote.split())}")
    for region in citation.regions:
        put(f"page: {region.page_number}")
        for box in region.boxes:
            put("box: " + " ".join(f"{side:.4f}" for side in box.as_tuple()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlighting:
    """What highlighting writes."""

    output: Annotated[Path, typer.Option("--output", "-o", help="The annotated copy, a PDF.")]
    pictures: Annotated[Path | None, typer.Option(help="Folder for a PNG of each cited page.")] = None
    sheet: Annotated[Path | None, typer.Option(help="PNG of all quotes' evidence, with captions.")] = None


@app.command(epilog=ENDINGS)
@command
def highlight(
    file: File,
    quotes: Annotated[list[str], typer.Argument(metavar="QUOTE", help="Words of the document.")],
    *,
    files: Highlighting,
    as_json: AsJson = False,
    reading: Reading,
) -> None:
    """Highlight quotes in a copy of the document, as annotations that any PDF viewer shows."""
    from .annotate import annotate_pdf
    from .contactsheet import MOST_CITATIONS, contact_sheet

    refuse_overwriting(files.output, [file])
    refuse_overwriting(files.sheet, [file])
    require_files(files.output, files.sheet, folder=files.pictures)
    run = Run(reading.options(), price=reading.what_is_paid(), quiet=reading.quiet)
    citations = _found(quotes, run.only_document(file), quiet=as_json)
    placed = [citation for citation in citations if citation.regions]
    written: list[str] = []
    if placed:
        written.append(str(annotate_pdf(Path(file), placed, files.output, password=reading.password)))
        if files.pictures:
            written += _write_pictures(Path(file), placed, files.pictures, password=reading.password)
    if files.sheet:  # which shows, too, what was not found
        files.sheet.write_bytes(contact_sheet(Path(file), citations[:MOST_CITATIONS], password=reading.password))
        written.append(str(files.sheet))
    if as_json:
        put_json({"written": written, "citations": [citation.to_dict() for citation in citations]})
    else:
        for path in written:
            put(path)
    run.finish(all_found=len(placed) == len(citations))


def _found(quotes: list[str], document: Document, *, quiet: bool) -> list[Citation]:
    from .cite import locate as find
    from .passage import Passage

    passage = Passage.from_document(document)
    citations = [find(quote, passage) for quote in quotes]
    for quote, citation in zip(quotes, citations, strict=True):
        if not quiet:
            page = f", page {citation.page_number}" if citation.regions else ""
            say(f"{citation.status}{page}: {quote}")
    return citations


def _write_pictures(file: Path, citations: list[Citation], folder: Path, *, password: str) -> list[str]:
    from .highlight import highlight_page

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, citation in enumerate(citations, start=1):
        for region in citation.regions:
            path = folder / f"quote-{number}-page-{region.page_number}.png"
            refuse_overwriting(path, [str(file)])
            picture = highlight_page(file, citation, page_number=region.page_number, password=password)
            path.write_bytes(picture)
            written.append(str(path))
    return written


@app.command(epilog="Exit codes: 0 ready; 1 the server that is set does not answer; 2 wrong usage, no key or address.")
@command
def doctor(
    *,
    provider: Annotated[str, typer.Option(help="Who serves the model, such as novita or vllm.")] = "",
    base_url: Annotated[str, typer.Option(help="The server's address, where it is not the provider's own.")] = "",
    model: Annotated[str, typer.Option(help="The model's name there.")] = "",
    with_probe: Annotated[
        bool, typer.Option("--probe", help="Have the server read a page of known words; costs about two requests.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, which engine would be used and why, and whether its server answers.

    With --probe, say what becomes of tags, table cells and boxes on the server, and what to set.
    """
    from .doctor import examine, probed

    report = examine(name=provider, base_url=base_url, model=model)
    try:
        found = probed(name=provider, base_url=base_url, model=model) if with_probe else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        put_json(report.to_dict() | ({"probe": found.to_dict()} if found else {}))
    else:
        for line in (*report.lines(), *(found.lines() if found else ())):
            put(line)
    if (report.server is not None and not report.server.answers) or (found is not None and not found.answers):
        raise typer.Exit(Ending.INCOMPLETE)


@app.command(epilog=ENDINGS)
@command
def demo(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A document; else the sample is drawn.")] = None,
    *,
    question: Annotated[list[str] | None, typer.Option("--question", help="Ask this; may be repeated.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what the demo makes.")] = Path("out/demo"),
    reading: Reading,
) -> None:
    """Read a document, ask it questions, and highlight the lines that each answer rests on; offline."""
    from .demo import Wishes, run_demo

    if file is not None and not question:
        raise typer.BadParameter("a document of your own needs a --question.")
    wishes = Wishes(
        file=file,
        questions=tuple(question or ()),
        output=output,
        price=reading.what_is_paid(),
        quiet=reading.quiet,
    )
    run_demo(wishes, reading.options())


if __name__ == "__main__":
    main()
