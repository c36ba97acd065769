"""The embedded engine, seen from the pipeline: no key, no network, no GPU.

The work itself (layout model, OCR) is done in the worker process while the page is open, see
:mod:`deepseek_ocr_rag.engines.embedded`; what comes back with the page is handed on from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..prompts import Task
from ..recognition import LocalRequest, OcrEngine, PageImage, PageRequest, Quality, Recognition


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEngine:
    """Reads pages offline: the text layer where it can be believed, else OCR, with a layout model as a rule.

    Args:
        ocr: ``rapidocr`` (the ``[local]`` extra), ``tesseract`` (the installed program), ``none``, or ``auto``.
        language: Tesseract's language codes, such as ``eng``, ``kor+eng``; RapidOCR reads Latin and Chinese anyway.
        dpi: Resolution at which document pages are rendered for OCR.
        force_ocr: OCR every page, even where the text layer could be believed.
        threads: Threads of one worker's OCR models; pages are read in parallel by several workers.
        quality: How the text layer is put into structure. ``best`` asks the layout model about every page; ``fast``
            never does, and goes by white space, by the size and weight of letters and by drawn rules: some twenty
            times as many pages; ``auto`` asks it about pages that do not look plain. All keep every word and its box.
            A page's ``engine`` says which it was: ``local/text-layer`` or ``local/text-layer-fast``. Pages that are
            read by OCR are always put into structure by the model.
    """

    ocr: OcrEngine = "auto"
    language: str = "eng"
    dpi: int = 150
    force_ocr: bool = False
    threads: int = 1
    quality: Quality = "best"

    @property
    def name(self) -> str:
        """``local``."""
        return "local"

    @property
    def fingerprint(self) -> str:
        """Changes with every setting that may change the answers."""
        return f"local/1/{self.ocr}/{self.language}/{self.dpi}/{self.force_ocr}/{self.quality}"

    @property
    def request(self) -> PageRequest:
        """Regions instead of a picture."""
        wish = LocalRequest(
            ocr=self.ocr,
            language=self.language,
            dpi=self.dpi,
            force_ocr=self.force_ocr,
            threads=self.threads,
            quality=self.quality,
        )
        return PageRequest(local=wish)

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """Hand on what the worker read; ``task`` makes no difference to this engine."""
        return Recognition(
            page_number=page.page_number,
            engine=page.engine,
            regions=page.regions or (),
            status="empty" if page.is_blank else "ok",
            warnings=page.warnings,
            prompt=task,
        )

    async def aclose(self) -> None:
        """Nothing to let go of: the workers belong to the pipeline."""
