"""The options of commands that read and that cut, and what the package is told by them.

What a terminal's user leaves out comes from the environment where the package looks for it, so that all ways in
understand the same variables the same way. The key comes from there only: arguments can be seen by everybody on the
machine.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import typer

from .chunk import ChunkOptions, Strategy
from .engines.local import LocalEngine
from .figures import FigureOptions, FigureReading
from .limits import Limits
from .modes import Resolution
from .options import MAX_IN_FLIGHT, ReadOptions, make_engine, with_engine
from .prompts import Task
from .recognition import LineEvidence, OcrEngine, Quality, Renderer, SuspectPages
from .usage import Price

_LIMITS = Limits()


def _option(text: str, *names: str, panel: str = "Reading", **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The options of every command that reads."""

    engine: Annotated[
        Literal["auto", "local"], _option("auto is DeepSeek-OCR where a server is set, else local, which is offline.")
    ] = "auto"
    provider: Annotated[
        str,
        _option(
            "Who serves the model, such as novita or vllm; also from DEEPSEEK_OCR_PROVIDER. The key is taken from the "
            "provider's own variable, or DEEPSEEK_OCR_API_KEY."
        ),
    ] = ""
    base_url: Annotated[
        str, _option("The server's address, where it is not the provider's own; also from DEEPSEEK_OCR_BASE_URL.")
    ] = ""
    model: Annotated[str, _option("The model's name there; also from DEEPSEEK_OCR_MODEL.")] = ""
    task: Annotated[Task, _option("Which of the model's prompts to send.")] = "markdown"
    prompt: Annotated[str, _option("Sent instead of the task's own prompt.")] = ""
    reference: Annotated[str, _option("What the task locate looks for.")] = ""
    resolution: Annotated[Resolution, _option("The model's mode; auto goes by the page's smallest text.")] = "auto"
    fallback: Annotated[
        Literal["local", "none"], _option("Who reads pages that the server could not: the offline engine, or nobody.")
    ] = "local"
    lines: Annotated[
        LineEvidence, _option("What places lines that a model and the text layer do not: the ink, or the local OCR.")
    ] = "auto"
    suspect: Annotated[
        SuspectPages,
        _option("What to do where the page's own words do not bear out the model's: say so, fill it, or ask again."),
    ] = "keep"
    figures: Annotated[str, _option("Folder, or fsspec address, for the pictures of figures.", metavar="FOLDER")] = ""
    figures_read: Annotated[
        FigureReading, _option("Have the model read figures: charts as tables, or described in words.")
    ] = "none"
    price: Annotated[
        str, _option("What a million tokens cost, such as 0.03,0.03; shows the run's cost.", metavar="IN,OUT")
    ] = ""
    ocr: Annotated[OcrEngine, _option("What the local engine reads pictures of text with.")] = "auto"
    language: Annotated[str, _option("Tesseract's languages, such as kor+eng.")] = "eng"
    quality: Annotated[
        Quality, _option("How the local engine reads text layers: with the layout model, without it, or where needed.")
    ] = "best"
    pages: Annotated[str, _option('Such as "1-3,7" or "5-"; all where it is not given.')] = ""
    password: Annotated[
        str,
        _option("Of encrypted PDFs; others can see it here, but not in the variable.", envvar="DEEPSEEK_OCR_PASSWORD"),
    ] = ""
    workers: Annotated[int, _option("Processes; 0 is by the machine.", min=0)] = 0
    renderer: Annotated[Renderer, _option("What draws the pages of PDFs.")] = "mupdf"
    max_in_flight: Annotated[int, _option("Requests under way at once, at most.", panel="Limits", min=1)] = (
        MAX_IN_FLIGHT
    )
    requests_per_minute: Annotated[
        float, _option("Requests that may go out a minute; 0 is no limit.", panel="Limits", min=0)
    ] = 0.0
    tokens_per_minute: Annotated[
        float, _option("Tokens that may be spent a minute; 0 is no limit.", panel="Limits", min=0)
    ] = 0.0
    max_pages: Annotated[int, _option("Pages of a file.", panel="Limits", min=1)] = _LIMITS.max_pages
    max_bytes: Annotated[int, _option("Bytes of a file or download.", panel="Limits", min=1)] = _LIMITS.max_bytes
    page_seconds: Annotated[float, _option("Seconds of a page in a worker.", panel="Limits", min=0.001)] = (
        _LIMITS.page_seconds
    )
    download_seconds: Annotated[
        float, _option("Seconds of a download, or of an office document's conversion.", panel="Limits", min=0.001)
    ] = _LIMITS.download_seconds
    cache: Annotated[
        str,
        _option(
            "Where answers are kept, to go on after a stop: a file or folder; also from DEEPSEEK_OCR_CACHE. It holds "
            "the documents' text.",
            envvar="DEEPSEEK_OCR_CACHE",
        ),
    ] = ""
    quiet: Annotated[bool, _option("Neither progress, warnings nor what was spent.", "--quiet", "-q")] = False

    def options(self, *, allow_urls: bool = False) -> ReadOptions:
        """What the pipeline is to be told.

        Raises:
            BadParameter: If options make no sense, alone or together.
            EngineMisconfigured: If the provider's key or address is missing.
        """
        local = LocalEngine(ocr=self.ocr, language=self.language, quality=self.quality)
        try:
            options = ReadOptions(
                engine=self.engine,
                provider=self.provider,
                base_url=self.base_url,
                model=self.model,
                task=self.task,
                prompt=self.prompt,
                reference=self.reference,
                resolution=self.resolution,
                fallback=local if self.fallback == "local" else "none",
                figures=self._figures(),
                lines=self.lines,
                suspect=self.suspect,
                pages=self.pages or None,
                password=self.password,
                allow_urls=allow_urls,
                workers=self.workers,
                renderer=self.renderer,
                max_in_flight=self.max_in_flight,
                requests_per_minute=self.requests_per_minute,
                tokens_per_minute=self.tokens_per_minute,
                limits=Limits(
                    max_pages=self.max_pages,
                    max_bytes=self.max_bytes,
                    page_seconds=self.page_seconds,
                    download_seconds=self.download_seconds,
                ),
                cache=self.cache or False,
            )
            engine = make_engine(options)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        # A server's engine is left to the pipeline, which then closes it, too.
        return with_engine(options, local) if isinstance(engine, LocalEngine) else options

    def what_is_paid(self) -> Price | None:
        """The user's price; None where he did not say.

        Raises:
            BadParameter: If it is not two amounts.
        """
        if not self.price:
            return None
        try:
            paid_in, paid_out = (float(amount) for amount in self.price.split(","))
        except ValueError:
            paid_in = paid_out = math.nan
        if not (0 <= paid_in < math.inf and 0 <= paid_out < math.inf):
            raise typer.BadParameter(f"--price {self.price!r}: give two amounts, such as 0.03,0.03.")
        return Price(input_per_million=paid_in, output_per_million=paid_out)

    def _figures(self) -> FigureOptions | None:
        if self.figures_read != "none" and not self.figures:
            raise typer.BadParameter("--figures-read needs a folder for the figures: --figures FOLDER.")
        return FigureOptions(folder=self.figures, read=self.figures_read) if self.figures else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """How chunks are cut."""

    max_tokens: Annotated[int, _option("The hard budget of a chunk, in tokens.", panel="Chunks", min=16)] = 512
    overlap: Annotated[int, _option("Tokens of a chunk's end that the next one says again.", panel="Chunks", min=0)] = 0
    strategy: Annotated[Strategy, _option("Where chunks end beside their budget.", panel="Chunks")] = "section"
    parent_tokens: Annotated[int, _option("The budget of a parent, for parent_child.", panel="Chunks")] = 2048
    counter: Annotated[
        str, _option("What counts: cl100k_base, o200k_base or approx.", "--counter", "--tokenizer", panel="Chunks")
    ] = "cl100k_base"

    def options(self) -> ChunkOptions:
        """What the chunker is to be told.

        Raises:
            BadParameter: If options make no sense together.
        """
        try:
            return ChunkOptions(**asdict(self))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
