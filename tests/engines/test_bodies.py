"""Requests as the providers' documents show them, and what goes when a server refuses a field."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.bodies import body_bytes, chat_body, droppable, extra_fields, named_in, ollama_body
from deepseek_ocr_rag.engines.providers import PROVIDERS
from deepseek_ocr_rag.engines.question import Guard, Picture, Question
from deepseek_ocr_rag.families import FAMILIES, Family, family, family_of
from deepseek_ocr_rag.prompts import PROMPTS


def _png() -> bytes:
    """A picture of 2 by 2 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"\0" + b"\xff\xff\xff\0\0\0" + b"\0" + b"\0\0\0\xff\xff\xff"
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PNG = _png()
PNG_64 = base64.b64encode(PNG).decode()
PICTURE = Picture(data=PNG, media_type="image/png", width=2, height=2)
V1 = family("deepseek-ocr")
UNLIMITED = family("unlimited-ocr")
PLAIN = family("plain")
CHAT = [row for row in PROVIDERS.values() if row.route == "chat"]
SGLANGS = '{"callable": "80049500"}'


def question(prompt: str = PROMPTS["markdown"], *, of: Family = V1, **changes: object) -> Question:
    guard = Guard(size=of.guards[0][0], window=of.guards[0][1]) if of.guards else None
    asked = Question(picture=PICTURE, task="markdown", prompt=prompt, max_tokens=4096, guard=guard)
    return replace(asked, **changes)


def body(
    name: str, asked: Question, *, model: str = "", of: Family = V1, logit_processor: str = ""
) -> dict[str, object]:
    row = PROVIDERS[name]
    extra = extra_fields(asked, provider=row, family=of, logit_processor=logit_processor)
    build = ollama_body if row.route == "ollama" else chat_body
    return build(asked, provider=row, model=model or row.model, family=of, extra=extra)


# --- the documents of the project's hosts -----------------------------------------------------------------------------


def test_novita_is_asked_as_its_documentation_shows() -> None:
    assert body("novita", question("<|grounding|>OCR this image.")) == {
        "model": "deepseek/deepseek-ocr",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_64}"}},
                    {"type": "text", "text": "<|grounding|>OCR this image."},
                ],
            }
        ],
        "stream": False,
        "max_tokens": 4096,
        # ours
        "temperature": 0.0,
        "skip_special_tokens": False,
    }


def test_cloud_temple_is_asked_as_its_guide_shows() -> None:
    jpeg = replace(PICTURE, data=b"\xff\xd8\xff", media_type="image/jpeg")
    assert body("cloud-temple", question("Convert the document to markdown.", picture=jpeg)) == {
        "model": "deepseek-ai/DeepSeek-OCR",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Convert the document to markdown."},
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}},
                ],
            }
        ],
        "temperature": 0.0,
        "max_tokens": 4096,
        # ours
        "stream": False,
        "skip_special_tokens": False,
    }


def test_regolo_is_asked_as_its_documentation_shows() -> None:
    assert body("regolo", question("Convert the document to markdown.")) == {
        "model": "deepseek-ocr",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Convert the document to markdown."},
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{PNG_64}", "format": "image/png"},
                    },
                ],
            }
        ],
        "max_tokens": 4096,
        "skip_special_tokens": False,
        # ours
        "stream": False,
        "temperature": 0.0,
    }


def test_a_general_model_is_asked_as_the_generic_documentation_shows() -> None:
    asked = question(PLAIN.prompts["free_ocr"], of=PLAIN)
    assert body("custom", asked, model="deepseek-chat", of=PLAIN) == {
        "model": "deepseek-chat",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Please extract all text from this image."},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_64}"}},
                ],
            }
        ],
        "temperature": 0,
        "max_tokens": 4096,
        # ours
        "stream": False,
    }


# --- the other rows ---------------------------------------------------------------------------------------------------


def parts(sent: dict[str, object]) -> list[str]:
    """The parts of the only message: the text, and ``picture`` for the picture."""
    (message,) = sent["messages"]
    assert message["role"] == "user"
    return [part.get("text", "picture") for part in message["content"]]


MARKDOWN = "<|grounding|>Convert the document to markdown."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("novita", ["picture", MARKDOWN]),
        ("cloud-temple", [MARKDOWN, "picture"]),
        ("regolo", [MARKDOWN, "picture"]),
        ("deepinfra", ["picture", MARKDOWN]),
        ("siliconflow", ["picture", "<image>\n" + MARKDOWN]),
        ("vertex", ["picture", MARKDOWN]),
        ("qianfan", [MARKDOWN, "picture"]),
        ("vllm", ["picture", MARKDOWN]),
        ("sglang", ["<image>\n" + MARKDOWN, "picture"]),
        ("ollama-openai", ["picture", MARKDOWN]),
        ("llama.cpp", ["picture", MARKDOWN]),
        ("lm-studio", ["picture", MARKDOWN]),
        ("deepseek-ocr.rs", [MARKDOWN, "picture"]),
        ("custom", ["picture", MARKDOWN]),
    ],
)
def test_picture_and_prompt_are_in_the_order_of_the_provider(name: str, expected: list[str]) -> None:
    assert parts(body(name, question())) == expected


def test_the_table_above_is_complete() -> None:
    marks = test_picture_and_prompt_are_in_the_order_of_the_provider.pytestmark
    assert {name for name, _ in marks[0].args[1]} == {row.name for row in CHAT}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vllm", ["<image>document parsing.", "picture"]),
        ("sglang", ["document parsing.", "picture"]),
        ("llama.cpp", ["picture", "document parsing."]),
    ],
)
def test_unlimited_ocr_gets_its_mark_only_where_it_needs_it(name: str, expected: list[str]) -> None:
    asked = question(UNLIMITED.prompts["markdown"], of=UNLIMITED)
    assert parts(body(name, asked, model="baidu/Unlimited-OCR", of=UNLIMITED)) == expected


@pytest.mark.parametrize("row", CHAT, ids=lambda row: row.name)
def test_a_general_model_gets_no_marks_and_no_extra_fields(row: object) -> None:
    sent = body(row.name, question("Read.", of=PLAIN), of=PLAIN, logit_processor=SGLANGS)
    assert parts(sent) == ["Read.", "picture"]
    assert set(sent) == {"model", "messages", "temperature", "max_tokens", "stream"}


def test_the_order_can_be_turned() -> None:
    turned = chat_body(question(), provider=PROVIDERS["novita"], model="m", family=V1, extra={}, image_first=False)
    assert parts(turned) == [MARKDOWN, "picture"]
    plain = chat_body(question(), provider=PROVIDERS["novita"], model="m", family=PLAIN, extra={}, image_first=True)
    assert parts(plain) == ["picture", MARKDOWN]


def test_a_prompt_that_has_the_mark_gets_no_second_one() -> None:
    assert parts(body("sglang", question("<image>\nFree OCR.")))[0] == "<image>\nFree OCR."


def test_vllm_is_asked_as_its_recipe_shows() -> None:
    sent = body("vllm", question(temperature=0.2))
    assert sent["skip_special_tokens"] is False
    assert sent["vllm_xargs"] == {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822]}
    assert sent["temperature"] == 0.2
    unlimited = body("vllm", question("document parsing.", of=UNLIMITED), of=UNLIMITED)
    assert unlimited["vllm_xargs"] == {"ngram_size": 35, "window_size": 128}
    assert "vllm_xargs" not in body("vllm", question(guard=None))


def test_sglang_has_a_guard_only_with_the_processor_of_its_user() -> None:
    sent = body("sglang", question(), logit_processor=SGLANGS)
    assert sent["custom_logit_processor"] == SGLANGS
    assert sent["custom_params"] == {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822]}
    without = body("sglang", question())
    assert set(without) & {"custom_logit_processor", "custom_params"} == set()
    assert without["skip_special_tokens"] is False


@pytest.mark.parametrize("row", [row for row in CHAT if row.guard == "none"], ids=lambda row: row.name)
def test_hosts_get_no_guard(row: object) -> None:
    assert set(extra_fields(question(), provider=row, family=V1)) <= {"skip_special_tokens"}


@pytest.mark.parametrize("name", ["ollama-openai", "llama.cpp", "lm-studio", "deepseek-ocr.rs"])
def test_servers_that_know_no_special_tokens_are_not_asked_to_keep_them(name: str) -> None:
    assert extra_fields(question(), provider=PROVIDERS[name], family=V1) == {}


def test_ollamas_own_route_takes_the_picture_beside_the_prompt() -> None:
    assert body("ollama", question()) == {
        "model": "deepseek-ocr",
        "messages": [{"role": "user", "content": MARKDOWN, "images": [PNG_64]}],
        "stream": False,
        "options": {
            "num_ctx": 8192,
            "num_predict": 4096,
            "temperature": 0.0,
            "repeat_last_n": 256,
            "repeat_penalty": 1.2,
        },
    }


def test_ollamas_options_can_be_set_and_its_context_is_the_models() -> None:
    row = replace(PROVIDERS["ollama"], extra_body={"options": {"num_ctx": 4096}, "keep_alive": "5m"})
    asked = question("document parsing.", of=UNLIMITED)
    extra = extra_fields(asked, provider=row, family=UNLIMITED)
    sent = ollama_body(asked, provider=row, model="m", family=UNLIMITED, extra=extra)
    assert sent["options"] == {"num_ctx": 4096, "num_predict": 4096, "temperature": 0.0}
    assert sent["keep_alive"] == "5m"
    assert body("ollama", asked, of=UNLIMITED)["options"]["num_ctx"] == 32768
    assert "num_ctx" not in body("ollama", question(of=PLAIN), of=PLAIN)["options"]


def test_what_the_user_adds_wins_over_guard_and_row() -> None:
    added = {"skip_special_tokens": True, "vllm_xargs": {"ngram_size": 12}, "seed": 1}
    row = replace(PROVIDERS["vllm"], extra_body=added)
    assert extra_fields(question(), provider=row, family=V1) == {
        "skip_special_tokens": True,
        "vllm_xargs": {"ngram_size": 12, "window_size": 90, "whitelist_token_ids": [128821, 128822]},
        "seed": 1,
    }
    assert extra_fields(question(of=PLAIN), provider=row, family=PLAIN)["skip_special_tokens"] is True


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("of", FAMILIES.values(), ids=lambda of: of.name)
def test_every_body_is_json_with_one_picture_and_no_trace_of_the_rows(row: object, of: Family) -> None:
    if row.route == "replicate":
        return
    before = json.dumps(row.extra_body)
    sent = body(row.name, question(of=of), of=of, logit_processor=SGLANGS)
    assert json.dumps(sent).count(PNG_64) == 1
    for value in sent.values():
        if isinstance(value, dict):
            value["mine"] = True
    assert json.dumps(row.extra_body) == before


def test_the_rows_models_are_asked_in_their_own_way() -> None:
    for row in CHAT:
        for model in (row.model, *row.models):
            of = family_of(model)
            sent = body(row.name, question(of.prompts["markdown"], of=of), model=model, of=of)
            assert sent["model"] == model
            assert any(part.endswith(of.prompts["markdown"]) for part in parts(sent))


# --- refused fields ---------------------------------------------------------------------------------------------------


def vllm_fields(*without: str) -> dict[str, object]:
    asked = question(without=frozenset(without))
    return extra_fields(asked, provider=replace(PROVIDERS["vllm"], extra_body=ADDED), family=V1)


ADDED = {"seed": 7, "skip_special_tokens": False}


def test_fields_go_from_the_least_to_the_most_useful() -> None:
    assert droppable(vllm_fields()) == ["vllm_xargs.whitelist_token_ids", "vllm_xargs", "skip_special_tokens", "seed"]
    sglang = extra_fields(question(), provider=PROVIDERS["sglang"], family=V1, logit_processor=SGLANGS)
    assert droppable(sglang) == [
        "custom_params.whitelist_token_ids",
        "custom_params",
        "custom_logit_processor",
        "skip_special_tokens",
    ]
    assert droppable({}) == []


def test_the_list_goes_without_its_guard() -> None:
    fields = vllm_fields("vllm_xargs.whitelist_token_ids")
    assert fields["vllm_xargs"] == {"ngram_size": 30, "window_size": 90}
    assert droppable(fields) == ["vllm_xargs", "skip_special_tokens", "seed"]


@pytest.mark.parametrize("name", ["custom_params", "custom_logit_processor"])
def test_sglangs_guard_goes_as_a_whole(name: str) -> None:
    asked = question(without=frozenset({name}))
    left = extra_fields(asked, provider=PROVIDERS["sglang"], family=V1, logit_processor=SGLANGS)
    assert left == {"skip_special_tokens": False}


def test_refusing_all_ends_with_a_plain_request() -> None:
    refused: list[str] = []
    while names := droppable(vllm_fields(*refused)):
        refused.append(names[0])
    assert refused == ["vllm_xargs.whitelist_token_ids", "vllm_xargs", "skip_special_tokens", "seed"]
    assert vllm_fields(*refused) == {}


def test_a_mapping_of_which_nothing_is_left_goes_too() -> None:
    row = replace(PROVIDERS["custom"], extra_body={"a": {"b": 1}, "c": {}})
    asked = question(without=frozenset({"a.b"}))
    assert extra_fields(asked, provider=row, family=V1) == {"c": {}}


@given(st.sets(st.sampled_from(["vllm_xargs", "vllm_xargs.whitelist_token_ids", "skip_special_tokens", "seed", "x.y"])))
def test_nothing_refused_is_sent_and_nothing_else_is_lost(refused: set[str]) -> None:
    left = droppable(vllm_fields(*refused))
    gone = refused | ({"vllm_xargs.whitelist_token_ids"} if "vllm_xargs" in refused else set())
    assert left == [name for name in droppable(vllm_fields()) if name not in gone]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "[{'type': 'string_type', 'loc': ('body', 'vllm_xargs', 'whitelist_token_ids', 'str'), 'msg': 'Input "
            "should be a valid string'}]",
            "vllm_xargs.whitelist_token_ids",
        ),
        ("Extra inputs are not permitted: vllm_xargs", "vllm_xargs"),
        ("Unrecognized request argument supplied: skip_special_tokens", "skip_special_tokens"),
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'skip_special_tokens')}]", "skip_special_tokens"),
        ("unknown field `seed`", "seed"),
        ("the seeds of doubt", None),
        ("Internal error", None),
        ("", None),
    ],
)
def test_a_servers_message_names_the_field(message: str, expected: str | None) -> None:
    assert named_in(message, droppable(vllm_fields())) == expected


def test_sglang_names_its_field_in_words() -> None:
    fields = extra_fields(question(), provider=PROVIDERS["sglang"], family=V1, logit_processor=SGLANGS)
    said = "The server is not configured to enable custom logit processor. Please set `--enable-custom-logit-processor`"
    assert named_in(said, droppable(fields)) == "custom_logit_processor"


@given(st.text(max_size=80))
def test_any_message_names_a_field_or_none(message: str) -> None:
    fields = droppable(vllm_fields())
    assert named_in(message, fields) in [*fields, None]


@pytest.mark.parametrize("route", ["chat", "ollama"])
@given(
    data=st.binary(max_size=300),
    prompt=st.text(st.characters(codec="utf-8"), max_size=40),
    extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_the_bytes_of_a_body_are_its_json(route: str, data: bytes, prompt: str, extra: dict[str, str]) -> None:
    asked = replace(question(), prompt=prompt, picture=replace(PICTURE, data=data))

    def make(about: Question) -> Mapping[str, object]:
        build = ollama_body if route == "ollama" else chat_body
        return build(about, provider=PROVIDERS["custom"], model="m", family=V1, extra=extra)

    assert json.loads(body_bytes(asked, make)) == json.loads(json.dumps(make(asked)))
