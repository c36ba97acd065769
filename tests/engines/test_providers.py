"""The providers' rows, and how an address and a key are found."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.engines.connection import endpoint
from deepseek_ocr_rag.engines.providers import (
    KEY_VARIABLE,
    PROVIDERS,
    Provider,
    current_key,
    key_hint,
    provider,
    resolve,
)
from deepseek_ocr_rag.errors import EngineMisconfigured

ROWS = list(PROVIDERS.values())
HOSTS = ["novita", "cloud-temple", "regolo", "replicate", "deepinfra", "siliconflow", "vertex", "qianfan"]
OWN = ["vllm", "sglang", "ollama", "ollama-openai", "llama.cpp", "lm-studio", "deepseek-ocr.rs"]
EVERYTHING_SET = {"GOOGLE_CLOUD_PROJECT": "my-project", KEY_VARIABLE: "sk-1"}


def test_all_providers_are_there() -> None:
    assert list(PROVIDERS) == [*HOSTS, *OWN, "custom"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_complete(row: Provider) -> None:
    assert PROVIDERS[row.name] is row
    assert row.title
    assert row.model
    assert row.sources
    assert json.loads(json.dumps(row.extra_body)) == row.extra_body
    assert pickle.loads(pickle.dumps(row)) == row
    assert row.key_variable == row.key_variable.upper()


@pytest.mark.parametrize("name", HOSTS)
def test_hosts_are_asked_over_https_and_with_a_key(name: str) -> None:
    row = PROVIDERS[name]
    parts = urlsplit(resolve(name, environ=EVERYTHING_SET).base_url)
    assert (parts.scheme, parts.netloc.rpartition(":")[0]) == ("https", "")
    assert row.key_variable


@pytest.mark.parametrize("name", OWN)
def test_servers_of_ones_own_are_on_this_machine_and_need_no_key(name: str) -> None:
    address = resolve(name, environ={})
    assert urlsplit(address.base_url).hostname == "localhost"
    assert current_key(address.provider, address.key.reveal(), {}) == ""


@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "custom"], ids=lambda row: row.name)
def test_every_address_can_be_posted_to(row: Provider) -> None:
    url, _ = endpoint(resolve(row, environ=EVERYTHING_SET).base_url)
    assert "{" not in url


@pytest.mark.parametrize(
    ("name", "base_url", "model", "variable"),
    [
        ("novita", "https://api.novita.ai/openai", "deepseek/deepseek-ocr", "NOVITA_API_KEY"),
        ("cloud-temple", "https://api.ai.cloud-temple.com/v1", "deepseek-ai/DeepSeek-OCR", "CLOUD_TEMPLE_API_KEY"),
        ("regolo", "https://api.regolo.ai/v1", "deepseek-ocr", "REGOLO_API_KEY"),
        ("deepinfra", "https://api.deepinfra.com/v1/openai", "deepseek-ai/DeepSeek-OCR", "DEEPINFRA_API_KEY"),
        ("siliconflow", "https://api.siliconflow.cn/v1", "deepseek-ai/DeepSeek-OCR", "SILICONFLOW_API_KEY"),
        ("qianfan", "https://qianfan.baidubce.com/v2", "deepseek-ocr", "QIANFAN_API_KEY"),
        (
            "vertex",
            "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/endpoints/openapi",
            "deepseek-ai/deepseek-ocr-maas",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
        ),
        (
            "replicate",
            "https://api.replicate.com/v1",
            "lucataco/deepseek-ocr:cb3b474fbfc56b1664c8c7841550bccecbe7b74c30e45ce938ffca1180b4dff5",
            "REPLICATE_API_TOKEN",
        ),
    ],
)
def test_one_name_and_one_variable_are_enough(name: str, base_url: str, model: str, variable: str) -> None:
    address = resolve(name, environ={variable: "sk-1", "GOOGLE_CLOUD_PROJECT": "p-1"})
    assert (address.base_url, address.model) == (base_url, model)


def test_what_is_passed_goes_before_the_row() -> None:
    address = resolve("novita", base_url=" http://127.0.0.1:9/v1 ", model=" deepseek/deepseek-ocr-2 ", api_key=" k\n")
    assert (address.base_url, address.model) == ("http://127.0.0.1:9/v1", "deepseek/deepseek-ocr-2")
    assert address.key.reveal() == "k"
    assert address.provider is PROVIDERS["novita"]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/api", "/api/chat"])
def test_ollama_is_asked_by_its_own_route_whichever_address_was_copied(path: str) -> None:
    base_url = resolve("ollama", base_url=f"http://gpu:11434{path}", environ={}).base_url
    assert endpoint(base_url, path="/api/chat")[0] == "http://gpu:11434/api/chat"
    assert resolve("ollama-openai", base_url="http://gpu:11434/v1", environ={}).base_url == "http://gpu:11434/v1"


@pytest.mark.parametrize("name", ["key", "api_key", "apikey", "API-KEY", "access_token", "sig", "code", "tokens"])
def test_a_key_in_the_query_is_refused_because_it_would_be_logged(name: str) -> None:
    with pytest.raises(ValueError, match="api_key=") as caught:
        endpoint(f"https://host/v1?version=1&{name}=s3cret-0123")
    assert "s3cret" not in str(caught.value)


def test_other_queries_are_kept() -> None:
    url, _ = endpoint("https://host/v1?api-version=2024-10-21&encoding=x&monkeys=")
    assert url == "https://host/v1/chat/completions?api-version=2024-10-21&encoding=x&monkeys="


def test_a_row_of_the_users_own_is_taken_as_it_is() -> None:
    row = replace(PROVIDERS["vllm"], name="ours", base_url="http://{GPU_HOST}/v1")
    assert resolve(row, environ={"GPU_HOST": "gpu-7:8000"}).base_url == "http://gpu-7:8000/v1"


def test_a_variable_cannot_lead_to_another_host() -> None:
    sly = {KEY_VARIABLE: "sk-1", "GOOGLE_CLOUD_PROJECT": "../../evil?x=/#"}
    parts = urlsplit(resolve("vertex", environ=sly).base_url)
    assert parts.netloc == "aiplatform.googleapis.com"
    assert not parts.query
    assert not parts.fragment
    assert parts.path.count("/") == 7


@pytest.mark.parametrize("row", [row for row in ROWS if row.key_variable], ids=lambda row: row.name)
def test_a_missing_key_is_told_with_its_variable(row: Provider) -> None:
    project = {"GOOGLE_CLOUD_PROJECT": "p"}
    with pytest.raises(EngineMisconfigured, match=row.key_variable) as caught:
        resolve(row.name, environ=project | {row.key_variable: "  "})
    assert "api_key=" in caught.value.hint
    assert row.title in str(caught.value)


def test_vertex_says_where_its_token_comes_from() -> None:
    with pytest.raises(EngineMisconfigured, match="gcloud auth print-access-token"):
        resolve("vertex", environ={"GOOGLE_CLOUD_PROJECT": "p"})
    assert "gcloud" not in key_hint(PROVIDERS["novita"])


def test_a_missing_variable_of_the_address_is_told() -> None:
    with pytest.raises(EngineMisconfigured, match="Set GOOGLE_CLOUD_PROJECT"):
        resolve("vertex", environ={KEY_VARIABLE: "sk-1"})


def test_custom_needs_an_address_and_nothing_else() -> None:
    with pytest.raises(EngineMisconfigured, match="base_url"):
        resolve("custom", environ={})
    assert resolve("custom", base_url="http://localhost:1/v1", environ={}).model == "deepseek-ocr"


def test_a_login_in_the_address_takes_the_place_of_a_key() -> None:
    address = resolve("novita", base_url="https://me:s3cret@proxy.example/v1", environ={})
    assert "s3cret" not in repr(address)


def test_the_key_is_the_given_one_then_the_providers_then_the_general_one() -> None:
    row = PROVIDERS["novita"]
    environ = {"NOVITA_API_KEY": " theirs\n", KEY_VARIABLE: "general"}
    assert current_key(row, " given ", environ) == "given"
    assert current_key(row, "", environ) == "theirs"
    assert current_key(row, "", {KEY_VARIABLE: "general"}) == "general"
    assert current_key(row, "", environ | {"NOVITA_API_KEY": " "}) == "general"
    assert current_key(PROVIDERS["vllm"], "", environ) == "general"


def test_a_key_of_the_environment_is_looked_up_anew() -> None:
    environ = {"NOVITA_API_KEY": "first"}
    address = resolve("novita", environ=environ)
    environ["NOVITA_API_KEY"] = "second"
    assert address.key.reveal() == ""
    assert current_key(address.provider, address.key.reveal(), environ) == "second"


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_a_key_is_never_shown(key: str) -> None:
    address = resolve("novita", api_key=key + "~~~", environ={})
    assert key + "~~~" not in repr(address)
    with pytest.raises(EngineMisconfigured) as caught:
        resolve("custom", api_key=key + "~~~", environ={})
    assert key + "~~~" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Novita", "novita"),
        ("cloud_temple", "cloud-temple"),
        ("Cloud Temple", "cloud-temple"),
        ("LLAMA.CPP", "llama.cpp"),
        ("llama_cpp", "llama.cpp"),
        ("LM Studio", "lm-studio"),
        ("ollama_openai", "ollama-openai"),
        ("deepseek-ocr-rs", "deepseek-ocr.rs"),
    ],
)
def test_a_provider_is_found_however_its_name_is_written(written: str, name: str) -> None:
    assert provider(written).name == name


def test_names_stay_apart_however_they_are_written() -> None:
    assert [provider(name) for name in PROVIDERS] == ROWS


@pytest.mark.parametrize("name", ["openai", "", "novita2"])
def test_an_unknown_provider_is_told_with_all_names(name: str) -> None:
    with pytest.raises(ValueError, match="novita, cloud-temple, regolo") as caught:
        provider(name)
    assert all(known in str(caught.value) for known in PROVIDERS)
