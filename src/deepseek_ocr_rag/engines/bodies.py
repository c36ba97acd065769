"""The bodies of requests, built from a question and the facts of who serves the model and which model it is: pure.

What goes beyond OpenAI's own fields is kept apart, because servers differ in what they know: a field that one refuses
is left out from then on. Nested fields have dotted names, so that a list which an old server does not take
(``vllm_xargs.whitelist_token_ids``) can go without the guard that it belongs to.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..families import Family
from .question import Question
from .rows import Provider

_GUARDS = ("vllm_xargs", "custom_params", "custom_logit_processor")
_ABOUT_TOKENS: Mapping[str, object] = {"skip_special_tokens": False, "include_stop_str_in_output": True}
_TOGETHER = frozenset({"custom_params", "custom_logit_processor"})
"""Neither does anything without the other."""


_STAND_IN = secrets.token_bytes(24)
"""Stands for the picture while the rest is made to JSON; nobody's prompt has it, and its base64 has no padding."""


def body_bytes(question: Question, make: Callable[[Question], Mapping[str, object]]) -> bytes:
    """The body as JSON, with the picture put in as it is: encoding it twice would cost more than all the rest.

    Args:
        question: What is asked.
        make: Makes the body of a question, which has the picture in base64 once.
    """
    plain = make(replace(question, picture=replace(question.picture, data=_STAND_IN)))
    head, _, tail = json.dumps(plain).encode().partition(base64.b64encode(_STAND_IN))
    return b"".join((head, base64.b64encode(question.picture.data), tail))


def chat_body(
    question: Question,
    *,
    provider: Provider,
    model: str,
    family: Family,
    extra: Mapping[str, object],
    image_first: bool | None = None,
) -> dict[str, object]:
    """The body of a chat completion: one user message with the prompt and the picture as a data URL.

    Args:
        question: What is asked.
        provider: Who serves the model.
        model: The model's name there.
        family: Which model it is.
        extra: What goes beyond OpenAI's own fields: :func:`extra_fields`.
        image_first: The order of picture and prompt, where neither the family's nor the provider's is wanted.
    """
    picture = question.picture
    image_url = {"url": f"data:{picture.media_type};base64,{_encoded(question)}"}
    if provider.names_format:
        image_url["format"] = picture.media_type
    parts: list[dict[str, object]] = [
        {"type": "image_url", "image_url": image_url},
        {"type": "text", "text": _marked(question.prompt, provider, family)},
    ]
    wishes = (image_first, family.manner_at(provider.name).image_first, provider.image_first)
    is_first = next(wish for wish in wishes if wish is not None)
    return {
        "model": model,
        "messages": [{"role": "user", "content": parts if is_first else parts[::-1]}],
        "temperature": question.temperature,
        "max_tokens": question.max_tokens,
        "stream": False,
        **extra,
    }


def ollama_body(
    question: Question,
    *,
    provider: Provider,
    model: str,
    family: Family,
    extra: Mapping[str, object],
) -> dict[str, object]:
    """The body of Ollama's own ``/api/chat``: the picture stands beside the prompt, numbers stand in ``options``.

    The arguments are those of :func:`chat_body`.
    """
    options: dict[str, object] = {"num_predict": question.max_tokens, "temperature": question.temperature}
    if family.context:
        options["num_ctx"] = family.context
    content = _marked(question.prompt, provider, family)
    message = {"role": "user", "content": content, "images": [_encoded(question)]}
    body: dict[str, object] = {"model": model, "messages": [message], "stream": False, "options": options}
    return _merged(body, extra)


def extra_fields(
    question: Question,
    *,
    provider: Provider,
    family: Family,
    logit_processor: str = "",
) -> dict[str, object]:
    """The fields of a request beyond OpenAI's own, less those that the server refused (``question.without``).

    Args:
        question: What is asked; its guard is set by the provider's fields.
        provider: Who serves the model.
        family: Which model it is.
        logit_processor: What the user's SGLang prints for ``DeepseekOCRNoRepeatNGramLogitProcessor.to_str()``.
            SGLang has no guard without it.
    """
    fields = _merged(_guard_fields(question, provider, family, logit_processor), provider.extra_body)
    if not family.has_boxes:  # such a model has no special tokens to lose or to show, and its host may be strict
        fields = {name: value for name, value in fields.items() if value is not _ABOUT_TOKENS.get(name)}
    refused = question.without
    if refused & _TOGETHER:
        refused |= _TOGETHER
    return _without(fields, refused)


def droppable(fields: Mapping[str, object]) -> list[str]:
    """The names of ``fields``, in the order in which they should go when a server refuses without naming one.

    First the guard's list of tokens, then the guard, then the special tokens, without which tables lose their cells,
    and last what the user added himself.
    """
    lists = [f"{name}.{inner}" for name in _GUARDS for inner, value in _items(fields, name) if isinstance(value, list)]
    ours = [name for name in (*_GUARDS, "skip_special_tokens") if name in fields]
    return [*lists, *ours, *(name for name in fields if name not in ours)]


def named_in(message: str, fields: Iterable[str]) -> str | None:
    """Which of ``fields`` (as :func:`droppable` gives them) the message of a server names; the innermost one.

    Servers write ``custom logit processor`` for ``custom_logit_processor``, too.
    """
    text = _words(message)
    named = [name for name in fields if f" {_words(name.rpartition('.')[2])} " in f" {text} "]
    return max(named, key=lambda name: name.count("."), default=None)


def _encoded(question: Question) -> str:
    return base64.b64encode(question.picture.data).decode("ascii")


def _marked(prompt: str, provider: Provider, family: Family) -> str:
    """The prompt with the picture's mark where it is wanted; the user's own prompt may have it already."""
    own = family.manner_at(provider.name).image_mark
    mark = provider.image_mark if own is None else own
    return prompt if mark.strip() and mark.strip() in prompt else mark + prompt


def _guard_fields(question: Question, provider: Provider, family: Family, logit_processor: str) -> dict[str, object]:
    if question.guard is None or provider.guard == "none":
        return {}
    numbers: dict[str, object] = {"ngram_size": question.guard.size, "window_size": question.guard.window}
    if family.cell_tokens:
        numbers["whitelist_token_ids"] = list(family.cell_tokens)
    if provider.guard == "vllm":
        return {"vllm_xargs": numbers}
    return {"custom_logit_processor": logit_processor, "custom_params": numbers} if logit_processor else {}


def _merged(base: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Both; where both have a mapping, that is merged too, and ``other`` wins."""
    result = dict(base)
    for name, value in other.items():
        before = result.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[name] = _merged(before, value)
        else:
            result[name] = value
    return result


def _without(fields: Mapping[str, object], names: frozenset[str]) -> dict[str, object]:
    """``fields`` less those named, and less mappings of which nothing is left."""
    result: dict[str, object] = {}
    for name, value in fields.items():
        if name in names:
            continue
        inner = frozenset(dotted.removeprefix(f"{name}.") for dotted in names if dotted.startswith(f"{name}."))
        kept = _without(value, inner) if inner and isinstance(value, Mapping) else value
        if kept or not inner:
            result[name] = kept
    return result


def _items(fields: Mapping[str, object], name: str) -> Iterable[tuple[str, object]]:
    value = fields.get(name)
    return value.items() if isinstance(value, Mapping) else ()


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
