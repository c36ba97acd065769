"""What all commands share: how to read, what is seen of it, and how a command ends.

Results go to standard output, everything else to standard error, so that output can be piped. What documents and file
names say is shown without control characters, which terminals act upon. An error is one line and ends with what to
do; in a run over many files it does not stop the others.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .document import Document
from .engines.local import LocalEngine
from .errors import CitationError, DeepSeekOCRError, PageOutOfRange
from .flow import iterate
from .pipeline import Failure, Progress, ReadOptions, make_engine, results
from .recognition import OcrEngine

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_MOST_WARNINGS = 10
_PANEL = "Reading"


class Ending(IntEnum):
    """Exit codes."""

    DONE = 0
    INCOMPLETE = 1
    USAGE = 2
    NOT_FOUND = 3
    NOTHING_READ = 4


ENDINGS = """Exit codes: 0 done; 1 some files or pages failed; 2 wrong usage; 3 a quote was not found; 4 nothing could
be read."""


def _option(text: str, *names: str, envvar: str | None = None) -> typer.models.OptionInfo:
    option = typer.Option(*names, help=text, envvar=envvar, rich_help_panel=_PANEL)
    assert isinstance(option, typer.models.OptionInfo)  # noqa: S101 - typer says Any; this tells the type checker
    return option


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The options of every command that reads."""

    engine: Annotated[
        Literal["auto", "local"], _option("auto: DeepSeek-OCR where a server is set, else local: offline, no model.")
    ] = "auto"
    base_url: Annotated[
        str, _option("An OpenAI-style server of DeepSeek-OCR; its key: DEEPSEEK_OCR_API_KEY.", envvar="DEEPSEEK_OCR_BASE_URL")
    ] = ""
    model: Annotated[str, _option("The model's name there.", envvar="DEEPSEEK_OCR_MODEL")] = ""
    ocr: Annotated[OcrEngine, _option("What reads pages without text, offline.")] = "auto"
    language: Annotated[str, _option("Tesseract's languages, such as kor+eng.")] = "eng"
    pages: Annotated[str, _option('Such as "1-3,7" or "5-"; all by default.')] = ""
    password: Annotated[
        str, _option("Of encrypted PDFs; safer in the variable, for others can see it here.", envvar="DEEPSEEK_OCR_PASSWORD")
    ] = ""
    workers: Annotated[int, _option("Processes that open and read pages; 0: by the machine.")] = 0
    quiet: Annotated[bool, _option("No progress bar and no warnings.", "--quiet", "-q")] = False

    def options(self, *, allow_urls: bool = False) -> ReadOptions:
        """The same for the pipeline.

        Raises:
            BadParameter: If an option makes no sense.
        """
        if self.workers < 0:
            raise typer.BadParameter("--workers cannot be negative.")
        options = ReadOptions(
            engine=self.engine,
            base_url=self.base_url,
            model=self.model,
            pages=self.pages or None,
            password=self.password,
            allow_urls=allow_urls,
            workers=self.workers,
        )
        try:
            engine = make_engine(options)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if isinstance(engine, LocalEngine):
            engine = LocalEngine(ocr=self.ocr, language=self.language)
        return functools.partial(_replaced, options)(engine)
