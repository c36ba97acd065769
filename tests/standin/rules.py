"""What each provider wants and refuses, one row each, and the check of a request against a row.

From the providers' own documents where they say it (:mod:`deepseek_ocr_rag.engines.providers` names them); where they
say nothing the row is lenient. Written down a second time here on purpose: a stand-in that shared the table of the
client could not contradict it. Strictness that some hosts have and none documents is an option of every row, by
``dataclasses.replace(RULES["novita"], is_strict=True)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from .reading import Picture
from .wire import Call, Refusal, Route

Stripping = Literal["never", "unless_kept", "always"]

STANDARD_FIELDS = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "seed", "stop"),
        *("stream", "stream_options", "user", "frequency_penalty", "presence_penalty", "response_format"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One provider. Numbers that are 0 and sets that are empty allow anything."""

    name: str = "any"
    routes: tuple[Route, ...] = ("chat", "ollama", "replicate")
    models: tuple[str, ...] = ()
    needs_key: bool = False
    roles: tuple[str, ...] = ("system", "developer", "user", "assistant")
    is_single_turn: bool = False
    max_side: int = 0
    """Pixels; a longer side is answered with 413."""
    min_side: int = 0
    max_bytes: int = 0
    """Bytes of the encoded picture."""
    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")
    takes_transparency: bool = True
    strips: Stripping = "never"
    """Whether special tokens are cut from answers: never, unless ``skip_special_tokens`` is false, or always."""
    needs_image_first: bool = False
    """Text before the picture is answered without boxes."""
    writes_image_mark: bool = False
    """Writes ``<image>`` itself, and refuses a text that has it too."""
    fails_on_empty: bool = False
    """Answers 500 where the model says nothing."""
    context: int = 8192
    default_max_tokens: int = 0
    """Of a request that names none; 0 is what the context leaves."""
    checks_context: bool = False
    """Refuses ``max_tokens`` that the context does not have, instead of stopping there."""
    takes_lists: bool = True
    """Whether values of ``vllm_xargs`` may be lists (vLLM since PR 27560)."""
    is_strict: bool = False
    """Refuses fields that it does not know."""
    strict_status: int = 400
    names_field: bool = True
    extra_fields: frozenset[str] = frozenset()
    """Fields beyond OpenAI's own that a strict one knows."""


CHAT = Rules(routes=("chat",))
HOSTED = replace(CHAT, needs_key=True)
VLLM_FIELDS = frozenset({"skip_special_tokens", "vllm_xargs", "include_stop_str_in_output", "top_k"})
SGLANG_FIELDS = frozenset({"skip_special_tokens", "custom_logit_processor", "custom_params", "top_k"})
OPEN_MODELS = ("deepseek-ai/DeepSeek-OCR", "deepseek-ai/DeepSeek-OCR-2", "baidu/Unlimited-OCR")
OLLAMA_MODELS = ("deepseek-ocr", "deepseek-ocr:latest", "deepseek-ocr:3b")

RULES = {
    "novita": replace(HOSTED, models=("deepseek/deepseek-ocr", "deepseek/deepseek-ocr-2"), is_single_turn=True),
    "cloud-temple": replace(
        HOSTED,
        models=("deepseek-ai/DeepSeek-OCR", "deepseek-ocr"),
        max_side=2048,
        media_types=("image/jpeg", "image/png"),
        takes_transparency=False,
        strips="unless_kept",
    ),
    "regolo": replace(HOSTED, models=("deepseek-ocr",), extra_fields=frozenset({"skip_special_tokens"})),
    "deepinfra": replace(HOSTED, models=("deepseek-ai/DeepSeek-OCR",), strips="unless_kept"),
    "siliconflow": replace(HOSTED, models=("deepseek-ai/DeepSeek-OCR",)),
    "vertex": replace(HOSTED, models=("deepseek-ai/deepseek-ocr-maas",), strips="unless_kept"),
    "qianfan": replace(
        HOSTED,
        models=("deepseek-ocr",),
        roles=("user",),
        is_single_turn=True,
        max_bytes=10 * 1024 * 1024,
        min_side=5,
    ),
    "vllm": replace(
        CHAT,
        models=OPEN_MODELS,
        strips="unless_kept",
        checks_context=True,
        extra_fields=VLLM_FIELDS,
    ),
    "sglang": replace(CHAT, models=OPEN_MODELS, strips="unless_kept", extra_fields=SGLANG_FIELDS),
    "ollama": replace(CHAT, routes=("chat", "ollama"), models=OLLAMA_MODELS, context=4096),
    "ollama-openai": replace(CHAT, models=OLLAMA_MODELS, context=4096),
    "llama.cpp": replace(CHAT, strips="always", needs_image_first=True),
    "lm-studio": replace(CHAT, strips="always"),
    "deepseek-ocr.rs": replace(CHAT, default_max_tokens=512, writes_image_mark=True, fails_on_empty=True),
    "custom": HOSTED,
    "replicate": replace(HOSTED, routes=("replicate",)),
}
RULES = {name: replace(rules, name=name) for name, rules in RULES.items()}


def check_call(rules: Rules, call: Call) -> None:
    """Check what can be checked without looking at the picture.

    Raises:
        Refusal: With what the provider would say.
    """
    if rules.models and call.route != "replicate" and call.model not in rules.models:
        raise Refusal(404, f"The model `{call.model}` does not exist.", field="model", code="model_not_found")
    _check_fields(rules, call)
    for role in call.roles:
        if role not in rules.roles:
            raise Refusal(400, f"messages: role '{role}' is not supported, only {', '.join(rules.roles)}.")
    if rules.is_single_turn and sum(role in ("user", "assistant") for role in call.roles) != 1:
        raise Refusal(400, "Multi-turn conversations are not supported; send one user message.", field="messages")
    if len(call.images) != 1:
        raise Refusal(400, f"At most 1 image(s) may be provided in one request, got {len(call.images)}.")
    if rules.writes_image_mark and "<image>" in call.prompt:
        raise Refusal(400, "prompt/image embedding mismatch: 2 slots, 1 image", field="messages")
    if call.max_tokens is not None and call.max_tokens < 1:
        raise Refusal(400, f"max_tokens must be at least 1, got {call.max_tokens}.", field="max_tokens")


def _check_fields(rules: Rules, call: Call) -> None:
    extras = call.body.get("vllm_xargs")
    lists = [name for name, value in extras.items() if isinstance(value, list)] if isinstance(extras, dict) else []
    if lists and not rules.takes_lists:
        place = f"('body', 'vllm_xargs', '{lists[0]}')"
        raise Refusal(400, f"[{{'type': 'float_type', 'loc': {place}, 'msg': 'Input should be a valid number'}}]")
    known = STANDARD_FIELDS | rules.extra_fields
    unknown = [name for name in call.body if name not in known] if rules.is_strict and call.route == "chat" else []
    if unknown:
        problem = f"Unrecognized request argument supplied: {unknown[0]}" if rules.names_field else "Bad request."
        raise Refusal(rules.strict_status, problem, field=unknown[0] if rules.names_field else "")


def check_picture(rules: Rules, picture: Picture) -> None:
    """Check the picture's size and type.

    Raises:
        Refusal: With what the provider would say.
    """
    size = f"{picture.width}x{picture.height}"
    if rules.max_side and max(picture.width, picture.height) > rules.max_side:
        raise Refusal(413, f"Payload Too Large: image is {size}, at most {rules.max_side} pixels a side.")
    if rules.max_bytes and len(picture.data) > rules.max_bytes:
        raise Refusal(413, f"image is {len(picture.data)} bytes, at most {rules.max_bytes}.")
    if min(picture.width, picture.height) < rules.min_side:
        raise Refusal(400, f"image is {size}, the shorter side has to be {rules.min_side} pixels or more.")
    if picture.media_type not in rules.media_types:
        raise Refusal(400, f"image format {picture.media_type or 'unknown'} is not supported.")
    if picture.is_transparent and not rules.takes_transparency:
        raise Refusal(400, "image has an alpha channel; send RGB.")


def room(rules: Rules, call: Call, prompt_tokens: int) -> int:
    """How many tokens the answer may have.

    Raises:
        Refusal: If more are asked for than the context leaves, where that is checked.
    """
    context = 32_768 if "unlimited-ocr" in call.model.lower() else call.context or rules.context
    left = max(1, context - prompt_tokens)
    wanted = call.max_tokens if call.max_tokens is not None else rules.default_max_tokens or left
    if wanted > left and rules.checks_context:
        raise Refusal(
            400,
            f"'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context length is "
            f"{context} tokens and your request has {prompt_tokens} input tokens.",
            field="max_tokens",
        )
    return min(wanted, left)


def image_tokens(width: int, height: int) -> int:
    """What Gundam makes of a picture: the global view, and tiles of 640 pixels unless it fits into one."""
    if width <= 640 and height <= 640:
        return 273
    grids = [(i, j) for i in range(1, 7) for j in range(1, 7) if 2 <= i * j <= 6]
    ratio = width / height

    def fit(grid: tuple[int, int]) -> tuple[float, int]:
        i, j = grid
        is_large = width * height > 0.5 * 640 * 640 * i * j
        return abs(ratio - i / j), -i * j if is_large else i * j

    across, down = min(grids, key=fit)
    return 273 + 10 * down * (10 * across + 1)


def text_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return math.ceil(len(text) / CHARACTERS)


CHARACTERS = 3.5
"""Of one token, on average."""
