"""What all commands share: what is seen of the reading, and how a command ends.

Results go to standard output, everything else to standard error, so that output can be piped. What documents and file
names say is shown without control characters, which terminals act upon. An error is one line and ends with what to
do; in a run over many files it does not stop the others.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import is_dataclass, replace
from enum import IntEnum
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, TypeVar

import typer

from .chunk import ChunkOptions
from .document import Document
from .errors import CitationError, DeepSeekOCRError, EngineMisconfigured, PageOutOfRange
from .flow import iterate
from .listing import expand, is_collection
from .options import Failure, Progress, ReadOptions
from .pipeline import results
from .records import Mode, Record
from .spending import Spending
from .streaming import record_results
from .usage import Price

T = TypeVar("T", Document, Record)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_MOST_WARNINGS = 10


class Ending(IntEnum):
    """Exit codes."""

    DONE = 0
    INCOMPLETE = 1
    USAGE = 2
    NOT_FOUND = 3
    NOTHING_READ = 4


ENDINGS = (
    "Exit codes: 0 done; 1 some files or pages failed; 2 wrong usage, or a server, key or model that is set wrong; 3 a "
    "quote was not found, or is too short to say which of several places is meant, whether or not pages failed; "
    "4 nothing could be read."
)


def command(run: Callable[..., None]) -> Callable[..., None]:
    """Make a function a command: a parameter that is a dataclass becomes the options of that class, one by one.

    Errors of ours end it with one line and an exit code.
    """
    parameters = inspect.signature(run, eval_str=True).parameters
    annotations: dict[str, type] = {name: one.annotation for name, one in parameters.items()}
    bundles = {name: bundle for name, bundle in annotations.items() if is_dataclass(bundle)}
    own = [parameter for name, parameter in parameters.items() if name not in bundles]
    inner = {name: _parameters(bundle) for name, bundle in bundles.items()}

    @functools.wraps(run)
    def guarded(**given: Any) -> None:
        for name, bundle in bundles.items():
            given[name] = bundle(**{one.name: given.pop(one.name) for one in inner[name]})
        try:
            run(**given)
        except DeepSeekOCRError as error:
            say(f"error: {error}")
            raise typer.Exit(_ending(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            say(f"error: {error.filename or 'output'}: cannot be written ({error.strerror}). Check the path.")
            raise typer.Exit(Ending.USAGE) from error

    everything = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *chain(*inner.values()))
    ]
    guarded.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined] # typer reads it
    guarded.__annotations__ = {parameter.name: parameter.annotation for parameter in everything}
    return guarded


def _parameters(bundle: type) -> list[inspect.Parameter]:
    return list(inspect.signature(bundle, eval_str=True).parameters.values())


def _ending(error: DeepSeekOCRError) -> Ending:
    is_usage = isinstance(error, CitationError | PageOutOfRange | EngineMisconfigured)
    return Ending.USAGE if is_usage else Ending.NOTHING_READ


def printable(text: str) -> str:
    """The text without what a terminal would act upon."""
    return _CONTROLS.sub("\ufffd", text)


def say(text: str) -> None:
    """One line for people, on standard error."""
    typer.echo(printable(" ".join(text.split())), err=True)


def put(text: str) -> None:
    """A result and a line's end, on standard output, in UTF-8; as it is into a pipe, without controls on a screen."""
    shown = printable(text) if sys.stdout.isatty() else text
    typer.echo(f"{shown}\n".encode("utf-8", "replace"), nl=False)


def put_json(value: object, *, indent: int | None = 1) -> None:
    """A result for a program."""
    put(json.dumps(value, ensure_ascii=False, indent=indent))


def refuse_overwriting(output: Path | None, files: Sequence[str]) -> None:
    """Make sure that what is to be written is none of the files, folders and globs that are to be read.

    Raises:
        Exit: If it is one of them, by whatever name or link.
    """
    # os.path answers False for names that no file can have, where Path would raise.
    if output is None or not os.path.exists(output):  # noqa: PTH110
        return
    for file in files:
        with suppress(DeepSeekOCRError):  # what cannot be listed is told of when it is to be read
            for path in expand(file):
                if isinstance(path, str | Path) and os.path.exists(path) and os.path.samefile(path, output):  # noqa: PTH110, PTH121
                    say(f"error: {output}: is to be read and would be overwritten. Pass another output path.")
                    raise typer.Exit(Ending.USAGE)


class Run:
    """Reads files for a command, shows how far it is and what it cost, and keeps account of what failed."""

    def __init__(self, options: ReadOptions, *, price: Price | None = None, quiet: bool = False) -> None:
        self._options = options
        self._spending = Spending(price=price)
        self._quiet = quiet
        self._documents = 0
        self._readable = 0
        self._failures: list[Failure] = []
        self._damaged: list[str] = []
        self._failed_pages: list[int] = []
        """Of the file that is being read."""

    @property
    def has_read(self) -> bool:
        """Whether at least one page of one file could be read."""
        return self._readable > 0

    def documents(self, files: Sequence[str]) -> Generator[Document]:
        """Read one file after the other; those that cannot be read are told of and left out."""
        return self._told(lambda options: results(list(files), options))

    def records(self, files: Sequence[str], *, mode: Mode, chunks: ChunkOptions) -> Generator[Record]:
        """Read one file after the other into records, each as soon as it is known."""
        return self._told(lambda options: record_results(list(files), options, mode=mode, chunks=chunks))

    def _told(self, make: Callable[[ReadOptions], AsyncGenerator[T | Failure]]) -> Generator[T]:
        with self._shown_spending(), shown_progress(quiet=self._quiet) as show, shown_warnings(quiet=self._quiet):

            def advance(done: Progress) -> None:
                self._spending.add(done)
                self._count(done)
                if show is not None:
                    show(done)

            options = replace(self._options, progress=advance)
            with closing(iterate(lambda: make(options))) as outcomes:
                for outcome in outcomes:
                    if not isinstance(outcome, Failure):
                        yield outcome
                        continue
                    self._failures.append(outcome)
                    say(f"error: {outcome.error}")

    def only_document(self, file: str) -> Document:
        """Read one file.

        Raises:
            BadParameter: If it is a folder or glob.
            Exit: If nothing of it can be read.
        """
        if is_collection(file):
            raise typer.BadParameter(f"{file} is not one file.")
        with closing(self.documents([file])) as documents:
            document = next(documents, None)
        if not self.has_read:
            self.finish()
        assert document is not None  # noqa: S101 - finish does not return where nothing was read
        return document

    def finish(self, *, all_found: bool = True) -> None:
        """End the command as the reading went, and the search for quotes where there was one.

        Failed pages are told of in any case, but a quote that was not found decides the code: the caller goes without
        its place, whether or not it stands on such a page.

        Raises:
            Exit: If anything failed or was not found.
        """
        total = self._documents + len(self._failures)
        if self._failures and total > 1:
            names = ", ".join(failure.source for failure in self._failures)
            say(f"error: {len(self._failures)} of {total} files could not be read: {names}")
        if self._damaged:
            say(f"error: pages failed: {'; '.join(self._damaged)}")
        if not self.has_read:
            codes = {_ending(failure.error) for failure in self._failures}
            raise typer.Exit(Ending.USAGE if codes == {Ending.USAGE} else Ending.NOTHING_READ)
        if not all_found:
            raise typer.Exit(Ending.NOT_FOUND)
        if self._failures or self._damaged:
            raise typer.Exit(Ending.INCOMPLETE)

    @contextmanager
    def _shown_spending(self) -> Iterator[None]:
        """Say at the end, even of a run that breaks off, what a server was asked for."""
        try:
            yield
        finally:
            if self._spending.has_asked and not self._quiet:
                say(f"spent: {self._spending.line()}")

    def _count(self, done: Progress) -> None:
        if done.status == "failed":
            self._failed_pages.append(done.page_number)
        if done.pages_done < done.total_pages:
            return
        failed, self._failed_pages = self._failed_pages, []
        self._documents += 1
        self._readable += len(failed) < done.total_pages
        if failed:
            self._damaged.append(f"{done.file_name} ({_ranges(failed)})")


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as people write them: 1-3, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on standard error for the file that is being read, with pages a second and the time that is left.

    Nothing is shown where nobody looks: when quiet is asked for, or standard error is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=10) as bar:
        task = bar.add_task("opening", total=None, pace="")
        current = ""

        def advance(done: Progress) -> None:
            nonlocal current
            if done.source != current or done.pages_done == 1:
                current = done.source
                name = printable(PurePath(current).name)[-40:]
                bar.reset(task, total=done.total_pages, description=name, pace="")
            bar.update(task, completed=done.pages_done, pace=_pace(done))

        yield advance


def _pace(done: Progress) -> str:
    """How fast it goes, and how long it will take as far as that is known."""
    speed = f"{done.pages_per_second:.1f} pages/s" if done.pages_per_second else ""
    if not speed or done.eta_seconds is None:
        return speed
    minutes, seconds = divmod(round(done.eta_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{speed}, {f'{hours}:{minutes:02}' if hours else minutes}:{seconds:02} left"


class _Warnings(logging.Handler):
    """Shows the first warnings, and that there are more."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._seen += 1
        if self._seen <= _MOST_WARNINGS:
            say(f"warning: {record.getMessage()}")
        elif self._seen == _MOST_WARNINGS + 1:
            say("warning: there are more; they are not shown.")


@contextmanager
def shown_warnings(*, quiet: bool) -> Iterator[None]:
    """Show the package's first warnings as lines on standard error, or none."""
    logger = logging.getLogger("deepseek_ocr_rag")
    handler: logging.Handler = logging.NullHandler() if quiet else _Warnings()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
