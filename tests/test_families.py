"""The families: what is known of each, and which name belongs to which."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.providers import PROVIDERS
from deepseek_ocr_rag.families import FAMILIES, Family, FamilyName, family, family_of
from deepseek_ocr_rag.modes import V1, V2
from deepseek_ocr_rag.prompts import PROMPTS, prompt_for

ROWS = list(FAMILIES.values())


def test_there_is_a_row_for_every_name() -> None:
    assert tuple(FAMILIES) == get_args(FamilyName)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_complete(row: Family) -> None:
    assert row.title
    assert row.sources
    assert row.models
    assert all(model == model.strip().lower() and not set(model) & set("/:") for model in row.models)
    assert {"markdown", "ocr", "free_ocr", "figure", "describe", "table", "latex"} <= set(row.prompts)
    assert all(0 < size < window for size, window in row.guards)
    assert len(set(row.guards)) == len(row.guards)
    assert set(row.manners) <= set(PROVIDERS)
    assert pickle.loads(pickle.dumps(row)) == row


def test_no_model_is_in_two_families() -> None:
    models = [model for row in ROWS for model in row.models]
    assert len(set(models)) == len(models)


def test_the_facts_of_deepseek_ocr() -> None:
    row = family("deepseek-ocr")
    assert dict(row.prompts) == dict(PROMPTS)
    assert row.context == 8192
    assert row.guards[0] == (30, 90)
    assert row.cell_tokens == (128821, 128822)
    assert row.vision is V1
    assert row.has_boxes


def test_the_facts_of_deepseek_ocr_2() -> None:
    row = family("deepseek-ocr-2")
    assert row.prompts["markdown"] == "<|grounding|>Convert the document to markdown."
    assert row.prompts["free_ocr"] == "Free OCR."
    assert (row.context, row.guards[0], row.vision) == (8192, (20, 90), V2)


def test_the_facts_of_unlimited_ocr() -> None:
    row = family("unlimited-ocr")
    assert row.prompts["markdown"] == "document parsing."
    assert row.prompts["free_ocr"] == "Free OCR."
    assert (row.context, row.guards[0]) == (32768, (35, 128))
    assert row.manner_at("vllm").image_mark == "<image>"
    assert row.manner_at("llama.cpp").image_mark is None


def test_a_plain_model_is_asked_for_no_boxes() -> None:
    row = family("plain")
    assert row.prompts["free_ocr"] == "Please extract all text from this image."
    assert not row.has_boxes
    assert not row.guards
    assert row.vision is None
    assert not any("<|" in prompt or "box" in prompt for prompt in row.prompts.values())
    with pytest.raises(ValueError, match="this model has prompts for"):
        prompt_for("locate", reference="Total", prompts=row.prompts)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("deepseek-ocr", "deepseek-ocr"),
        ("deepseek-ai/DeepSeek-OCR", "deepseek-ocr"),
        ("deepseek/deepseek-ocr-2", "deepseek-ocr-2"),
        ("deepseek-ai/DeepSeek-OCR-2", "deepseek-ocr-2"),
        ("/models/deepseek-ai/DeepSeek-OCR-2/", "deepseek-ocr-2"),
        ("baidu/Unlimited-OCR", "unlimited-ocr"),
        ("unlimited-ocr:3b", "unlimited-ocr"),
        ("DeepSeek-Chat", "plain"),
        ("deepseek-ocr-2-of-mine", "deepseek-ocr"),
        ("unlimited-ocr-2", "deepseek-ocr"),
        ("", "deepseek-ocr"),
    ],
)
def test_a_model_is_known_by_its_exact_name(model: str, name: str) -> None:
    assert family_of(model).name == name


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_the_models_of_all_providers_belong_where_their_names_say(row: object) -> None:
    for model in (row.model, *row.models):
        wanted = "deepseek-ocr-2" if model.lower().endswith("-2") else "deepseek-ocr"
        wanted = {"baidu/unlimited-ocr": "unlimited-ocr", "deepseek-chat": "plain"}.get(model.lower(), wanted)
        assert family_of(model).name == wanted


@given(st.text(max_size=30))
def test_any_name_has_a_family(model: str) -> None:
    assert family_of(model) in ROWS


def test_a_family_is_found_by_name() -> None:
    assert family(" Unlimited_OCR ") is FAMILIES["unlimited-ocr"]
    with pytest.raises(ValueError, match="deepseek-ocr, deepseek-ocr-2, unlimited-ocr, plain"):
        family("qwen")
