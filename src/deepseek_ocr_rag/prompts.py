"""The model's own prompts, to the letter: their wording is load-bearing.

Sources: README.md and config.py of deepseek-ai/DeepSeek-OCR at e4ac34e (2025-10-25) for the first six; the
documentation of Cloud Temple for ``objects``, ``table`` and ``latex``. The leading ``<image>`` of the originals is left
out, because chat servers insert it for the picture; where one wants it written, its row in :mod:`.engines.providers`
says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Task = Literal["markdown", "ocr", "free_ocr", "figure", "describe", "locate", "objects", "table", "latex"]
"""What the model is asked to do.

``markdown`` is the page as blocks with boxes; ``ocr`` its lines with boxes; ``free_ocr`` its text without boxes;
``figure`` a chart as a table, a formula of chemistry as SMILES, geometry as a dictionary; ``describe`` a picture in
words; ``locate`` the boxes of one thing; ``objects`` the boxes of all things; ``table`` pipe tables; ``latex``
formulas.
"""

PROMPTS: Mapping[Task, str] = MappingProxyType(
    {
        "markdown": "<|grounding|>Convert the document to markdown.",
        "ocr": "<|grounding|>OCR this image.",
        "free_ocr": "Free OCR.",
        "figure": "Parse the figure.",
        "describe": "Describe this image in detail.",
        "locate": "Locate <|ref|>{reference}<|/ref|> in the image.",
        "objects": "Identify all objects in the image and output them in bounding boxes.",
        "table": "Convert the document to markdown table.",
        "latex": "Convert to latex.",
    }
)

PAGE_TASKS: tuple[Task, ...] = ("markdown", "ocr", "free_ocr")
"""Tasks whose answer is the text of the page."""

LONGEST_REFERENCE = 500


def prompt_for(task: Task, *, reference: str = "", prompts: Mapping[Task, str] = PROMPTS) -> str:
    """The prompt of a task; ``reference`` is what ``locate`` looks for.

    Raises:
        ValueError: If the model has no prompt for the task, or a reference is missing, not wanted, or too long.
    """
    if task not in prompts:
        raise ValueError(f"task={task!r}: this model has prompts for {', '.join(prompts)}")
    if (task == "locate") != bool(reference.strip()):
        raise ValueError("the task 'locate' takes reference='what to look for', and no other task does")
    if len(reference) > LONGEST_REFERENCE:
        raise ValueError(f"reference is longer than {LONGEST_REFERENCE} characters")
    # Marks in the words of a user would end the reference early.
    wanted = " ".join(reference.replace("<|", "< |").replace("|>", "| >").split())
    return prompts[task].replace("{reference}", wanted)
