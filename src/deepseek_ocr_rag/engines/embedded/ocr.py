"""Words on a picture: RapidOCR by default, Tesseract on request, and which way up the picture stands.

RapidOCR runs without its line classifier (``use_cls=False``), which turns long upright lines over and makes garbage of
them at a confidence that no threshold catches; the turn of the whole page is decided here instead, by reading a few
lines both ways. Measured on six English pages at 150 dpi: character error 5.0 % with the classifier, 0.9 % without.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from ...errors import EngineUnavailable
from ...geometry import QuarterTurn
from .piece import Piece
from .wordboxes import Strip, pieces_of, sharpened, strip_of

if TYPE_CHECKING:
    import numpy as np

    Pixels = np.ndarray[Any, Any]

DETECTION_SIDE = 1280
"""The detector sees the page at this size. At 960 it overlooks lines with raised and lowered letters; larger sizes
find no more on ordinary pages and take longer (benchmarks/accuracy.py)."""

FINE_DETECTION_SIDE = 1920
"""For small print: of a newspaper page the detector finds 131 lines at 1280 and 791 at 1920."""

SMALL_PRINT = 12.0
"""Lines lower than this in the detector's own pixels are small print."""

DENSE, DENSE_PADDING = 300, 160
"""On a page with more lines than that, they are short, mostly a table's numbers. RapidOCR pads each to 320 pixels for
reading; half of it is half of the time, which is long on the largest tables. Lone signs are read worse with less."""

MIN_SCORE = 0.4
SURE_SCORE = 0.9
TURN_SCORE = 0.8
SAMPLE_LINES = 6
OSD_CONFIDENCE = 2.0
"""Below this, Tesseract's guess at the orientation is one: handwriting and charts come upside down at 1.1, pages of
print upright at 5 and more."""

INSTALL_HINT = (
    'Install the OCR engine (pip install "deepseek-ocr-rag[local]"), '
    "or read with DeepSeek-OCR: set base_url=... to its server."
)


class Reader(Protocol):
    """An OCR engine: which way up, how far askew, then the words."""

    name: str

    def turn(self, picture: Image.Image) -> QuarterTurn:
        """The clockwise turn that makes the picture read upright."""

    def skew(self, picture: Image.Image) -> float:
        """Degrees by which the lines of an upright picture fall to the right (negative: rise)."""

    def read(self, picture: Image.Image) -> list[Piece]:
        """Words of an upright picture, boxes in its pixels."""


def find_reader(kind: str, *, language: str, threads: int) -> Reader:
    """The OCR engine that was asked for; ``auto`` is RapidOCR.

    Raises:
        EngineUnavailable: If it is not installed; the message says how to install it.
    """
    if kind == "tesseract":
        return Tesseract(language)
    if kind == "none" or not rapidocr_installed():
        raise EngineUnavailable("the page has no usable text layer and no OCR engine is at hand.", hint=INSTALL_HINT)
    return _rapidocr(threads)


def rapidocr_installed() -> bool:
    """Whether the ``[local]`` extra is there."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


@cache
def _rapidocr(threads: int) -> Reader:
    return RapidOcr(threads)


class RapidOcr:
    """PP-OCR models that come inside the ``rapidocr`` wheel."""

    name = "rapidocr"

    def __init__(self, threads: int) -> None:
        from rapidocr import RapidOCR

        self._seen: tuple[Image.Image, int, list[Strip]] | None = None
        self._answer: Any = None
        self._engine = RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.log_level": "critical",
                "Global.text_score": MIN_SCORE,
                "Global.max_side_len": 4000,
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,  # kept memory: a fifth off, the same answers
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def turn(self, picture: Image.Image) -> QuarterTurn:
        """Read the longest lines both ways and keep the better; doubt leaves the page as it is."""
        crops, sideways = self.sample(picture)
        if not crops:
            return 0
        ways = (270, 90) if sideways else (0, 180)
        scores = [self._score(crops)]
        if scores[0] < SURE_SCORE:
            scores.append(self._score([crop[::-1, ::-1] for crop in crops]))
        best = max(scores)
        # Vertical writing, scripts that the model does not know and pictures read badly either way: leave them.
        return _quarter(ways[scores.index(best)]) if best >= TURN_SCORE else 0

    def sample(self, picture: Image.Image) -> tuple[list[Pixels], bool]:
        """The longest lines, cut out, and whether they stand: these come lying, turned clockwise by 270 degrees."""
        strips = sorted(self._detect(picture, DETECTION_SIDE), key=lambda strip: -strip.length)
        tall = sum(strip.length for strip in strips if strip.is_tall)
        sideways = tall > 0.5 * sum(strip.length for strip in strips)
        pixels = _array(picture)
        chosen = [strip for strip in strips if strip.is_tall == sideways][:SAMPLE_LINES]
        return [_cut_out(pixels, strip) for strip in chosen], sideways

    def skew(self, picture: Image.Image) -> float:
        """The middle slope of the long lines; corners are whole pixels, so that short ones say nothing."""
        strips = [strip for strip in self._detect(picture, DETECTION_SIDE) if not strip.is_tall]
        longest = max((strip.length for strip in strips), default=0.0)
        slopes = [_slope(strip.quad) for strip in strips if strip.length > 0.5 * longest]
        return statistics.median(slopes) if longest > 0.3 * picture.width else 0.0

    def read(self, picture: Image.Image) -> list[Piece]:
        """Words of an upright picture, boxes in its pixels."""
        import numpy as np

        side = self._detection_side(picture)
        lines = self._detect(picture, side)
        with self._detected(), self._padded(DENSE_PADDING if len(lines) > DENSE else 0):
            answer = self._engine(_array(picture), return_word_box=True)
        if getattr(answer, "boxes", None) is None or answer.txts is None:
            return []
        gray = np.asarray(picture.convert("L"))
        pieces: list[Piece] = []
        words = answer.word_results or [None] * len(answer.txts)
        for number, (quad, text, found) in enumerate(zip(answer.boxes, answer.txts, words, strict=False)):
            pieces += sharpened(pieces_of(str(text), strip_of(quad), found or (), number), gray)
        return pieces

    def _detection_side(self, picture: Image.Image) -> int:
        """The usual size, unless a closer look finds clearly more lines of a page with small print."""
        coarse = self._detect(picture, DETECTION_SIDE)
        scale = min(1.0, DETECTION_SIDE / max(picture.size))
        heights = sorted(min(strip.y1 - strip.y0, strip.x1 - strip.x0) * scale for strip in coarse)
        if not heights or heights[len(heights) // 10] >= SMALL_PRINT:
            return DETECTION_SIDE
        fine = self._detect(picture, FINE_DETECTION_SIDE)
        return FINE_DETECTION_SIDE if len(fine) > 1.2 * len(coarse) else DETECTION_SIDE

    def _detect(self, picture: Image.Image, side: int) -> list[Strip]:
        """Lines of the picture, in its pixels, seen at ``side`` pixels; the last answer is kept for the next step."""
        if self._seen is not None and self._seen[0] is picture and self._seen[1] == side:
            return self._seen[2]
        detector = self._detector()
        detector.limit_side_len = side
        found = detector(_array(picture))
        self._answer = found
        strips = [strip_of(quad) for quad in found.boxes] if found.boxes is not None else []
        self._seen = (picture, side, strips)
        return strips

    @contextmanager
    def _detected(self) -> Iterator[None]:
        """The engine asks its detector about the picture that was looked at last; the answer is known."""
        detector, answer = self._detector(), self._answer

        def known(pixels: Pixels) -> Any:
            # The engine pads flat pictures and makes large ones smaller; then it has to look for itself.
            is_same = answer.img is not None and pixels.shape == answer.img.shape
            return deepcopy(answer) if is_same else detector(pixels)  # a copy, since the engine changes it

        self._engine.text_det = known
        try:
            yield
        finally:
            self._engine.text_det = detector

    @contextmanager
    def _padded(self, width: int) -> Iterator[None]:
        """Lines are padded to so many pixels of width; 0 for as many as RapidOCR finds best."""
        recognizer = self._engine._load_rec_model()  # noqa: SLF001 - it has no option for it
        usual = recognizer.rec_image_shape
        recognizer.rec_image_shape = [*usual[:2], width or usual[2]]
        try:
            yield
        finally:
            recognizer.rec_image_shape = usual

    def _detector(self) -> Any:
        return self._engine._load_det_model()  # noqa: SLF001 - the only way to use the detector alone

    def read_lines(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        """The text of lines that are cut out already (blue, green, red), each with the recognizer's confidence."""
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not lines:
            return []
        recognizer = self._engine._load_rec_model()  # noqa: SLF001 - the only way to use the recognizer alone
        answer = recognizer(TextRecInput(img=list(lines)))
        return [(str(text), float(score)) for text, score in zip(answer.txts, answer.scores, strict=True)]

    def _score(self, lines: Sequence[Pixels]) -> float:
        """Mean confidence of reading these lines, by their length."""
        read = self.read_lines(lines)
        total = sum(len(text) for text, _ in read)
        return sum(score * len(text) for text, score in read) / total if total else 0.0


class Tesseract:
    """The ``tesseract`` program, as installed by the user."""

    name = "tesseract"

    def __init__(self, language: str) -> None:
        self._program = shutil.which("tesseract")
        if self._program is None:
            raise EngineUnavailable(
                "Tesseract was asked for but is not installed.",
                hint="Install it (Debian: apt install tesseract-ocr tesseract-ocr-kor), or use ocr='rapidocr'.",
            )
        if not re.fullmatch(r"[A-Za-z0-9_+]{1,64}", language):
            raise EngineUnavailable(
                f"{language!r} is no Tesseract language.", hint="Use for example 'eng' or 'kor+eng'."
            )
        self._language = language

    def turn(self, picture: Image.Image) -> QuarterTurn:
        """What Tesseract's own orientation detection says; a page that it cannot judge stays as it is."""
        answer = self._run(picture, "--psm", "0", "-l", "osd", check=False)
        match = re.search(r"^Rotate: (\d+)\s+Orientation confidence: ([\d.]+)", answer, re.MULTILINE)
        return _quarter(int(match.group(1))) if match and float(match.group(2)) >= OSD_CONFIDENCE else 0

    def skew(self, picture: Image.Image) -> float:  # noqa: ARG002 - Tesseract straightens lines by itself
        """Nothing to do: Tesseract follows sloping lines by itself."""
        return 0.0

    def read(self, picture: Image.Image) -> list[Piece]:
        """Words of an upright picture, boxes in its pixels."""
        table = csv.DictReader(
            io.StringIO(self._run(picture, "--psm", "3", "-l", self._language, "tsv")),
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
        )
        pieces, lines = [], dict[tuple[str, ...], int]()
        for row in table:
            text = (row["text"] or "").strip()
            if row["level"] != "5" or not text:
                continue
            line = lines.setdefault((row["block_num"], row["par_num"], row["line_num"]), len(lines))
            x, y, width, height = (float(row[key]) for key in ("left", "top", "width", "height"))
            pieces.append(Piece(text, x, y, x + width, y + height, height, line, int(row["block_num"])))
        return pieces

    def _run(self, picture: Image.Image, *arguments: str, check: bool = True) -> str:
        data = io.BytesIO()
        picture.save(data, "PNG", compress_level=1)
        command = [str(self._program), "stdin", "stdout", "--dpi", "150", *arguments]
        done = subprocess.run(command, input=data.getvalue(), capture_output=True, check=False)  # noqa: S603 - no shell
        if check and done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise EngineUnavailable(
                f"Tesseract failed ({lines[0][:200]}).", hint=f"Check that language {self._language!r} is installed."
            )
        return done.stdout.decode(errors="replace")


def _slope(quad: Any) -> float:
    (x0, y0), (x1, y1) = quad[0], quad[1]
    return math.degrees(math.atan2(float(y1 - y0), float(x1 - x0)))


def _cut_out(pixels: Pixels, strip: Strip) -> Pixels:
    """One line, straightened along its own corners."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    cut: Pixels = get_rotate_crop_image(pixels, strip.quad)
    return cut


def _array(picture: Image.Image) -> Pixels:
    """Pixels as the models were trained on them: blue, green, red."""
    import numpy as np

    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])


def _quarter(degrees: int) -> QuarterTurn:
    turns: dict[int, QuarterTurn] = {90: 90, 180: 180, 270: 270}
    return turns.get(degrees, 0)
