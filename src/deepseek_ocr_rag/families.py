"""The families of models that are asked alike, as rows of facts: prompts, context, loop guards, and what answers hold.

A model's family is looked up by its exact name and never guessed: wording is load-bearing, and a wrong guess reads
worse without a word of warning. Whoever serves a model under a name of his own says which family it is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from .modes import V1, V2, Vision
from .prompts import PROMPTS, Task

FamilyName = Literal["deepseek-ocr", "deepseek-ocr-2", "unlimited-ocr", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a model wants to be asked, where that is not as the provider's row says; None leaves it to the row."""

    image_mark: str | None = None
    """What its prompt begins with."""
    image_first: bool | None = None
    """Whether the picture comes before the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What models of one kind have in common, whoever serves them."""

    name: FamilyName
    title: str
    models: tuple[str, ...]
    """Names by which it is known, in lower case, without their owner and tag."""
    prompts: Mapping[Task, str]
    """Its prompts; a task without one is beyond it."""
    manner: Manner = field(default_factory=Manner)
    manners: Mapping[str, Manner] = field(default_factory=dict)
    """The same for the servers, by the name of their row, where it is another."""
    vision: Vision | None = None
    """How it cuts and counts pictures; None where that is not known."""
    context: int = 0
    """Tokens of picture, prompt and answer together; 0 where that is not known."""
    guards: tuple[tuple[int, int], ...] = ()
    """N-gram size and window of the guard against loops, in the order in which they are tried."""
    cell_tokens: tuple[int, ...] = ()
    """Tokens that the guard lets repeat, because tables need them: ``<td>`` and ``</td>``."""
    has_boxes: bool = True
    """Whether answers have places in special tokens, which servers must not strip."""
    sources: tuple[str, ...] = ()
    notes: str = ""

    def manner_at(self, provider: str) -> Manner:
        """How it is asked at the provider of that name."""
        return self.manners.get(provider, self.manner)


_CELLS = (128821, 128822)
_VLLM_RECIPES = "https://github.com/vllm-project/recipes/blob/main/models"

_ROWS = (
    Family(
        name="deepseek-ocr",
        title="DeepSeek-OCR",
        models=(
            "deepseek-ocr",
            "deepseek-ocr-maas",
            "deepseek-ocr-q4k",
            "deepseek-ocr-q6k",
            "deepseek-ocr-q8k",
        ),
        prompts=dict(PROMPTS),
        vision=V1,
        context=8192,
        # Those of its three scripts, for pictures, PDF and the benchmark.
        guards=((30, 90), (20, 50), (40, 90)),
        cell_tokens=_CELLS,
        sources=(
            "https://github.com/deepseek-ai/DeepSeek-OCR at e4ac34e: README, config.py, run_dpsk_ocr_*.py",
            f"{_VLLM_RECIPES}/deepseek-ai/DeepSeek-OCR.yaml",
        ),
    ),
    Family(
        name="deepseek-ocr-2",
        title="DeepSeek-OCR 2",
        models=("deepseek-ocr-2", "deepseek-ocr2"),
        prompts=dict(PROMPTS),
        vision=V2,
        context=8192,
        guards=((20, 90), (20, 50), (40, 90)),
        cell_tokens=_CELLS,
        sources=(
            "https://github.com/deepseek-ai/DeepSeek-OCR-2 at 2f3699e: README, run_dpsk_ocr2_*.py",
            f"{_VLLM_RECIPES}/deepseek-ai/DeepSeek-OCR-2.yaml",
        ),
        notes="It documents the prompts of markdown and free_ocr only. The others are those of DeepSeek-OCR: its "
        "scripts still read the geometry that 'Parse the figure.' answers with, and docling's issue 4030 takes "
        "'<|grounding|>OCR this image.' for a prompt of it. vLLM's recipe guards with (30, 90) instead.",
    ),
    Family(
        name="unlimited-ocr",
        title="Unlimited-OCR",
        models=("unlimited-ocr",),
        prompts={**PROMPTS, "markdown": "document parsing."},
        # On vLLM it has no chat template, and answers nothing without the mark; SGLang's own template puts it there.
        manners={
            "vllm": Manner(image_mark="<image>", image_first=False),
            "sglang": Manner(image_mark="", image_first=False),
        },
        vision=V1,
        context=32768,
        guards=((35, 128), (35, 1024)),
        sources=(
            "https://github.com/baidu/Unlimited-OCR: README",
            f"{_VLLM_RECIPES}/baidu/Unlimited-OCR.yaml",
            "https://github.com/sgl-project/sglang/blob/main/docs/basic_usage/unlimited_ocr.md",
            "https://github.com/docling-project/docling/issues/4030",
        ),
        notes="It documents 'document parsing.' only (and a prompt for several pages at once, which is not used here). "
        "The other prompts are those of DeepSeek-OCR, whose grounded ones it answers with boxes, but reads worse by.",
    ),
    Family(
        name="plain",
        title="A general vision model",
        models=("deepseek-chat",),
        prompts={
            "markdown": "Please extract all text from this image. Write headings, lists and tables as Markdown, and "
            "nothing that is not in the image.",
            "ocr": "Please extract all text from this image.",
            "free_ocr": "Please extract all text from this image.",
            "figure": "Please extract the data of the figure in this image as a Markdown table.",
            "describe": "Please describe this image in detail.",
            "table": "Please extract the tables of this image as Markdown tables.",
            "latex": "Please extract the formulas of this image as LaTeX.",
        },
        manner=Manner(image_mark="", image_first=False),
        has_boxes=False,
        sources=("OpenAI-style documentation of 'DeepSeek OCR' with the model deepseek-chat",),
        notes="Its document has the one sentence of ocr and free_ocr; the rest is worded after it. Answers are plain "
        "text, so that there are no tasks that ask for boxes.",
    ),
)

FAMILIES: Mapping[FamilyName, Family] = MappingProxyType({row.name: row for row in _ROWS})

_BY_MODEL = {model: row for row in _ROWS for model in row.models}


def family(name: str) -> Family:
    """The row of that name, whatever its case.

    Raises:
        ValueError: If there is none.
    """
    wanted = name.strip().lower().replace("_", "-")
    found = next((row for row in _ROWS if row.name == wanted), None)
    if found is None:
        raise ValueError(f"family={name!r}: there are {', '.join(FAMILIES)}")
    return found


def family_of(model: str) -> Family:
    """The family of a model by its name, or that of DeepSeek-OCR for names that are not known.

    What stands before the last ``/`` (its owner) and after a ``:`` (its tag) does not count, nor does case.
    """
    name = model.strip().lower().rstrip("/").rpartition("/")[2].partition(":")[0]
    return _BY_MODEL.get(name, FAMILIES["deepseek-ocr"])
