"""The prompts to the letter, and what a reference may do to them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.prompts import LONGEST_REFERENCE, PROMPTS, Task, prompt_for

DOCUMENTED = [
    "<|grounding|>Convert the document to markdown.",
    "<|grounding|>OCR this image.",
    "Free OCR.",
    "Parse the figure.",
    "Describe this image in detail.",
    "Locate <|ref|>xxxx<|/ref|> in the image.",
    "Identify all objects in the image and output them in bounding boxes.",
    "Convert the document to markdown table.",
    "Convert to latex.",
]
"""As the documents of the model and its hosts have them, in the order of the tasks."""


def test_every_task_has_its_documented_wording() -> None:
    assert tuple(PROMPTS) == get_args(Task)
    for task, wording in zip(PROMPTS, DOCUMENTED, strict=True):
        assert prompt_for(task, reference="xxxx" if task == "locate" else "") == wording


def test_a_reference_goes_with_locate_and_nothing_else() -> None:
    assert prompt_for("locate", reference=" Total\n amount ") == "Locate <|ref|>Total amount<|/ref|> in the image."
    with pytest.raises(ValueError, match="reference="):
        prompt_for("locate", reference=" \n")
    with pytest.raises(ValueError, match="no other task"):
        prompt_for("markdown", reference="Total")
    with pytest.raises(ValueError, match=str(LONGEST_REFERENCE)):
        prompt_for("locate", reference="x" * (LONGEST_REFERENCE + 1))


def test_a_model_without_a_prompt_says_what_it_has() -> None:
    with pytest.raises(ValueError, match="prompts for free_ocr"):
        prompt_for("locate", reference="Total", prompts={"free_ocr": "Read."})


@given(st.text(alphabet="<|>/ref det{erence}\n ", max_size=60).filter(str.strip))
def test_words_of_a_user_never_end_the_reference(reference: str) -> None:
    prompt = prompt_for("locate", reference=reference)
    inside = prompt.removeprefix("Locate <|ref|>").removesuffix("<|/ref|> in the image.")
    assert len(inside) < len(prompt) - len("Locate <|ref|>")
    assert "<|" not in inside
    assert "|>" not in inside
    assert "".join(inside.split()) == "".join(reference.split())
