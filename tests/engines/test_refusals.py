"""What a 400 or 422 means: servers say it in words only."""

from __future__ import annotations

import pytest

from deepseek_ocr_rag import ChatEngine
from deepseek_ocr_rag.engines.completion import Reply

EXTRAS = {"skip_special_tokens": False, "vllm_xargs": {"ngram_size": 30, "whitelist_token_ids": [1, 2]}}


def refused(message: str, *, status: int = 400) -> tuple[str, str, bool, int]:
    engine = ChatEngine("http://localhost:1/v1", provider="vllm")
    trouble = engine._refusal(Reply(status=status, body=f'{{"error": {{"message": "{message}"}}}}'.encode()), EXTRAS)
    return trouble.kind, trouble.field, trouble.is_named, trouble.room


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("message", "field", "is_named"),
    [
        ("Unrecognized request argument supplied: skip_special_tokens", "skip_special_tokens", True),
        ("vllm_xargs -> whitelist_token_ids: input should be a number", "vllm_xargs.whitelist_token_ids", True),
        ("extra fields not permitted", "vllm_xargs.whitelist_token_ids", False),
        ("Bad Request", "vllm_xargs.whitelist_token_ids", False),
    ],
)
def test_an_extra_field(message: str, status: int, field: str, is_named: bool) -> None:
    assert refused(message, status=status) == ("field", field, is_named, 0)


def test_this_picture_and_not_the_request() -> None:
    assert refused("cannot identify image file")[0] == "rejected"


def test_a_model_that_the_server_does_not_have() -> None:
    assert refused("Model Not Exist")[0] == "misconfigured"
    assert refused("The model `x` does not exist.", status=422)[0] == "misconfigured"


def test_a_context_that_is_shorter_than_the_model_s() -> None:
    said = "'max_tokens' is too large: 7241. This model's maximum context length is 4096 tokens"
    assert refused(said) == ("too_long", "", False, 4096)
    assert refused("max_tokens must be less")[0] == "too_long"


def test_other_statuses_keep_their_meaning() -> None:
    assert refused("skip_special_tokens", status=401)[0] == "misconfigured"
    assert refused("skip_special_tokens", status=500)[0] == "busy"
