"""Figures of a page become files of their own, and, where that is wished, text: a second look at each of them.

The picture is cut out of the page, turned upright, named by us alone, and written to a folder or to any place that
fsspec knows; the block says where it lies. A second pass asks the model what the figure shows: charts become tables,
drawings of geometry lines of text, formulas of chemistry SMILES, and everything else stays as the model put it.
Whatever goes wrong with a figure costs that figure alone and is said on the page.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import io
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar, get_args

from .blocks import build_blocks
from .document import Block, BlockKind, Line, Page, Table
from .drawings import read_drawing
from .errors import DeepSeekOCRError, EngineError
from .geometry import Box, QuarterTurn, bounding_box
from .markdown import block_markdown
from .prompts import Task
from .recognition import ImageRequest, PageImage, PageRequest, Recognition
from .usage import Usage

T = TypeVar("T")

logger = logging.getLogger("deepseek_ocr_rag")

FigureReading = Literal["none", "parse", "describe"]

_TASKS: dict[FigureReading, Task] = {"parse": "figure", "describe": "describe"}

_WITHOUT_THE_MODEL = ("fallback", "failed")
"""Pages that the model gave no good answer about: asking it about each of their figures would cost as much again."""

_FENCE = re.compile(r"`{3}\w{0,10}\s*\Z")
_FENCE_END = re.compile(r"\A\s*`{3}")

_SMILES = re.compile(r"(?:\[[^\[\]\s]{1,24}\]|Br|Cl|[BCNOPSFIbcnops*]|[-=#$:/\\.~()]|%\d\d|\d)+")
_SMILES_TAG = re.compile(r"</?smiles>", re.IGNORECASE)
_BOND = re.compile(r"[=#()\[\]]|CC|cc|[A-Za-z]\d")
"""What no plain word has: such a line is a formula and not an abbreviation that happens to have its letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureOptions:
    """Where the pictures of figures go, and whether figures are read.

    Args:
        folder: A path, or an address that fsspec knows, such as ``s3://bucket/figures``. Addresses are written into
            the documents, so logins do not belong there.
        read: ``parse`` asks for tables, SMILES or geometry, ``describe`` for a description; ``none`` asks nothing.
        long_side: Pixels of the longer side of a picture.
        min_side: Figures with a side under this share of the page's are icons and rules, and left alone.
        most: Figures of one page that are saved and read; the first ones.

    Raises:
        ValueError: If an option makes no sense, or the address needs a package that is not installed.
    """

    folder: str
    read: FigureReading = "none"
    long_side: int = 1024
    min_side: float = 0.03
    most: int = 50

    def __post_init__(self) -> None:
        """Refuse at once what would otherwise fail on every figure."""
        if not self.folder:
            raise ValueError("folder is empty: pass a path, or an address such as 's3://bucket/figures'")
        if self.read not in get_args(FigureReading):
            raise ValueError(f"read={self.read!r}: pass 'none', 'parse' or 'describe'")
        if self.long_side < 32 or not 0 <= self.min_side < 1 or self.most < 1:
            raise ValueError("long_side is at least 32, min_side at least 0 and under 1, and most at least 1")
        if "://" in self.folder:
            _check_address(self.folder)

    @property
    def task(self) -> Task | None:
        """What the model is asked about a figure; None for nothing."""
        return _TASKS.get(self.read)


class Recognize(Protocol):
    """What reads a picture, as engines do."""

    def __call__(self, page: PageImage, *, task: Task) -> Awaitable[Recognition]:
        """Read a picture."""


Visit = Callable[[PageRequest], Awaitable[PageImage]]
"""Brings back what a request asks of the page."""


async def with_figures(
    page: Page, *, document_id: str, visit: Visit, recognize: Recognize, options: FigureOptions
) -> Page:
    """The page with its figures saved and, by option, read.

    Blocks stay in their order, with their ids and kinds. What a figure said already is kept before what is read in
    it. Figures that could not be saved or read have a warning each; those that were left alone are counted in the
    page's history, and what reading them cost is the page's, failures included. On a page that another engine read in
    the model's place figures are saved and not read.

    Pictures are upright: on a page whose text was turned to be read (``page.turn``) they are turned likewise, so they
    may lie otherwise than their boxes, which are on the page as displayed. Their names have a hash of what they show,
    so that reading a file again leaves the pictures that earlier documents refer to.

    Args:
        page: A page whose blocks have their final places and whose trust is known.
        document_id: The hash that the pictures are named after, ``sha256:`` first or not.
        visit: Cuts pictures out of this page.
        recognize: Reads them; never called where ``options.read`` is ``none``.
        options: What to do.

    Raises:
        ValueError: If ``document_id`` is no hash.
    """
    digest = document_id.rpartition(":")[2]
    if not re.fullmatch(r"[0-9a-f]{16,}", digest):
        raise ValueError(f"document_id={document_id!r} is not a hash in hexadecimal digits")
    is_left = page.status in _WITHOUT_THE_MODEL and options.read != "none"
    studio = _Studio(
        name=f"{digest[:16]}-p{page.number}",
        turn=page.turn,
        visit=visit,
        recognize=recognize,
        options=replace(options, read="none") if is_left else options,
    )
    blocks = [await studio.treat(block) if block.kind is BlockKind.FIGURE else block for block in page.blocks]
    return replace(
        page,
        blocks=tuple(blocks),
        warnings=(*page.warnings, *studio.warnings),
        history=(*page.history, *studio.history(), *(_not_read(page) if is_left else ())),
        usage=page.usage + studio.usage,
    )


def _not_read(page: Page) -> tuple[str, ...]:
    count = sum(block.kind is BlockKind.FIGURE for block in page.blocks)
    return (f"figures: {count} not read, since the page itself is {page.status}",) if count else ()


class _Studio:
    """Treats the figures of one page, one after the other: other pages are read meanwhile."""

    def __init__(
        self, *, name: str, turn: QuarterTurn, visit: Visit, recognize: Recognize, options: FigureOptions
    ) -> None:
        self._name = name
        self._turn = turn
        self._visit = visit
        self._recognize = recognize
        self._options = options
        self._number = self._saved = self._small = self._unplaced = self._surplus = 0
        self._notes: list[str] = []
        self.warnings: list[str] = []
        self.usage = Usage()

    def history(self) -> tuple[str, ...]:
        """What was done with the figures, for people."""
        counts = (
            (self._saved, "saved"),
            (self._small, f"left alone, smaller than {self._options.min_side:g} of the page (min_side)"),
            (self._unplaced, "left alone, whose place is not known"),
            (self._surplus, f"left alone, beyond the first {self._options.most} (most)"),
        )
        return (*(f"figures: {count} {what}" for count, what in counts if count), *self._notes)

    async def treat(self, block: Block) -> Block:
        """Save a figure and read it, as far as that works."""
        self._number += 1
        number, box = self._number, bounding_box(block.boxes)
        if box is None:
            self._unplaced += 1
            return block
        if min(box.width, box.height) < self._options.min_side:
            self._small += 1
            return block
        if number - self._small - self._unplaced > self._options.most:
            self._surplus += 1
            return block
        image = await self._tried(lambda: self._cut(box), number, "could not be cut out")
        if image is None:
            return block
        path = await self._tried(lambda: self._save(image.data, number), number, "could not be saved")
        if path is not None:
            self._saved += 1
            block = replace(block, image=path)
        task = self._options.task
        return block if task is None else await self._read(block, image, task, number)

    async def _cut(self, box: Box) -> PageImage:
        wish = ImageRequest(long_side=self._options.long_side, upright=False)
        image = await self._visit(PageRequest(image=wish, crop=box))
        if not image.data:
            raise ValueError("no picture came back")
        if not self._turn:
            return image
        data = await asyncio.to_thread(_upright, image.data, self._turn)
        width, height = (image.width, image.height) if self._turn == 180 else (image.height, image.width)
        return replace(image, data=data, media_type="image/jpeg", width=width, height=height, turn=self._turn)

    async def _save(self, data: bytes, number: int) -> str:
        name = f"{self._name}-{number}-{hashlib.sha256(data).hexdigest()[:8]}.jpg"
        return await asyncio.to_thread(_write, self._options.folder, name, data)

    async def _read(self, block: Block, image: PageImage, task: Task, number: int) -> Block:
        answer = await self._tried(lambda: self._recognize(image, task=task), number, "could not be read")
        if answer is None:
            return block
        self.usage += answer.usage
        text, table, warnings = _said(answer, task)
        self.warnings += [f"figure {number}: {warning}" for warning in (*answer.warnings, *warnings)]
        self._notes += [f"figure {number}: {note}" for note in answer.history]
        if not text:
            self.warnings.append(f"figure {number}: the model said nothing about it.")
        elif answer.status not in ("ok", "retried"):
            self.warnings.append(f"figure {number}: what the model said about it is {answer.status}.")
        return _with_text(block, text, table)

    async def _tried(self, work: Callable[[], Awaitable[T]], number: int, problem: str) -> T | None:
        """The result, or None and a warning: one figure never costs the page."""
        try:
            return await work()
        except DeepSeekOCRError as error:
            logger.warning("%s: figure %d %s: %s", self._name, number, problem, error)
            reason = f"{error.message} {error.hint}".strip()
            if isinstance(error, EngineError):
                self.usage += Usage(requests=error.requests, retries=max(0, error.requests - 1))
                self._notes += [f"figure {number}: {note}" for note in error.history]
        except Exception as error:  # engines and file systems of others may raise anything
            logger.exception("%s: figure %d %s", self._name, number, problem)
            reason = f"{type(error).__name__}: {str(error)[:200]}"
        self.warnings.append(f"figure {number} {problem}: {reason}")
        return None


# What the model said


def _said(answer: Recognition, task: Task) -> tuple[str, Table | None, tuple[str, ...]]:
    """The answer as text, its table if it has one and no other, and what had to be mended."""
    task = answer.task or task
    drawings: list[str] = []
    if answer.regions is None and task == "figure":
        drawing = read_drawing(answer.text[: answer.repeats_from])
        if drawing is not None:
            drawings.append(drawing.text)
            before = _FENCE.sub("", answer.text[: drawing.start])
            after = _FENCE_END.sub("", answer.text[drawing.end : answer.repeats_from])
            answer = replace(answer, text=f"{before}\n\n{after}", repeats_from=None)
    blocks, warnings = build_blocks(answer, task=task)
    tables = [block.table for block in blocks if block.table is not None]
    text = "\n\n".join([*drawings, *(markdown for block in blocks if (markdown := block_markdown(block)))])
    if task == "figure" and not tables:
        text = _with_formulas(text)
    return text, tables[0] if len(tables) == 1 else None, warnings


def _with_formulas(text: str) -> str:
    """Lines that are SMILES as code, or markdown would take their brackets and asterisks for its own."""
    return "\n".join(f"`{plain}`" if _is_smiles(plain := _plain(line)) else line for line in text.split("\n"))


def _plain(line: str) -> str:
    return _SMILES_TAG.sub("", line).strip()


def _is_smiles(text: str) -> bool:
    return 3 <= len(text) <= 1000 and bool(_BOND.search(text)) and bool(_SMILES.fullmatch(text))


def _with_text(block: Block, text: str, table: Table | None) -> Block:
    """The figure with the text after what it says already; boxes of its lines stay true."""
    if not text:
        return block
    before = f"{block.text}\n\n" if block.text else ""
    box = bounding_box(block.boxes)
    lines = block.lines
    if lines and box is not None:  # or nobody would know where the text stands beside lines that know it
        lines = (*lines, Line(start=len(before), end=len(before) + len(text), box=box, source="model"))
    return replace(block, text=before + text, lines=lines, table=table or block.table)


# Turning and writing


def _upright(data: bytes, turn: QuarterTurn) -> bytes:
    """A picture turned clockwise, as JPEG."""
    from PIL import Image

    ways = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    out = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        image.convert("RGB").transpose(ways[turn]).save(out, "JPEG", quality=90)  # Pillow counts the other way
    return out.getvalue()


def _write(folder: str, name: str, data: bytes) -> str:
    """Write a file of ours and return its path or address."""
    if "://" in folder:
        import fsspec

        address = f"{folder}{'' if folder.endswith('/') else '/'}{name}"
        with fsspec.open(address, "wb") as file:  # makes folders, too
            file.write(data)
        return address
    path = Path(folder).expanduser() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path.as_posix()


def _check_address(folder: str) -> None:
    """Refuse addresses with a password or a query in them, and those for which a package is missing."""
    protocol = folder.rpartition("://")[0]
    logins = (part.partition("/")[0].rpartition("@")[0] for part in folder.split("://")[1:])
    if any(":" in login for login in logins):
        raise ValueError("folder has a password in it, which every document would show: configure fsspec with it")
    if "?" in folder:
        raise ValueError(
            "folder has a query in it, which names cannot follow and every document would show: configure fsspec with "
            "whatever it says"
        )
    if importlib.util.find_spec("fsspec") is None:
        raise ValueError(f"folder is an address ({protocol}://): install fsspec (pip install fsspec), or pass a path")
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol.rpartition("::")[2])
    except (ImportError, ValueError) as error:
        raise ValueError(f"folder is an address ({protocol}://) that fsspec cannot open here: {error}") from error
