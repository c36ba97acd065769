"""Who serves the model, as rows of facts: address, model, key, and what each server wants and refuses.

No row was checked against a live host: facts are from the sources that each row names, and ``doctor --probe`` checks a
server for you.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Route = Literal["chat", "ollama", "replicate"]
GuardFields = Literal["none", "vllm", "sglang"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How one provider is asked. Numbers that are 0 and texts that are empty mean that nothing is known or needed."""

    name: str
    """What users pass: ``provider="novita"``."""
    title: str
    base_url: str
    """May hold ``{VARIABLE}``, to be filled from the environment."""
    model: str
    models: tuple[str, ...] = ()
    """Other names of models that it serves; for people, nothing is decided by it."""
    key_variable: str = ""
    """The environment variable of its key, before ``DEEPSEEK_OCR_API_KEY``; empty where no key is needed."""
    key_hint: str = ""
    """Where its key comes from, where that is not simply its web site."""
    route: Route = "chat"
    image_first: bool = True
    """Whether the picture comes before the prompt in the message."""
    image_mark: str = ""
    """What the prompt begins with where the server does not insert the picture's mark itself."""
    names_format: bool = False
    """Whether ``image_url`` has a ``format`` beside its ``url``."""
    min_side: int = 0
    """Pixels that the shorter side must have; smaller pictures are not sent."""
    max_side: int = 0
    """Pixels of the longer side that it takes."""
    max_bytes: int = 0
    """Bytes of an encoded picture that it takes."""
    extra_body: Mapping[str, object] = field(default_factory=dict)
    """Fields beyond OpenAI's own; dropped for the run where the server refuses them."""
    guard: GuardFields = "none"
    """By which fields the n-gram guard is set."""
    keeps_special_tokens: bool | None = None
    """Whether tags and table cells survive; None where no document says so. For people: what an answer has is seen in
    the answer, and ``doctor --probe`` tells what a server does."""
    max_tokens: int = 0
    """Longest answer where it is shorter than what the context leaves."""
    sources: tuple[str, ...] = ()
    notes: str = ""


V1 = "deepseek-ai/DeepSeek-OCR"
V2 = "deepseek-ai/DeepSeek-OCR-2"

_KEEP_END: dict[str, object] = {"include_stop_str_in_output": True}
"""The mark at the end of an answer that is whole, by which the official PDF script tells those that are not."""

_KEEP_TOKENS: dict[str, object] = {"skip_special_tokens": False}
"""Without it vLLM and SGLang, and so perhaps whoever runs them, strip tags and fuse the cells of tables."""

_HOSTS = (
    Provider(
        name="novita",
        title="Novita AI",
        base_url="https://api.novita.ai/openai",
        model="deepseek/deepseek-ocr",
        models=("deepseek/deepseek-ocr-2",),
        key_variable="NOVITA_API_KEY",
        extra_body=_KEEP_TOKENS,
        sources=(
            "Novita AI, documentation of DeepSeek-OCR",
            "https://novita.ai/models/model-detail/deepseek-deepseek-ocr-2",
        ),
        notes="Single turn, one picture a request, preset prompts. The example of its documentation shows tags.",
    ),
    Provider(
        name="cloud-temple",
        title="Cloud Temple LLMaaS",
        base_url="https://api.ai.cloud-temple.com/v1",
        model=V1,
        models=("deepseek-ocr",),
        key_variable="CLOUD_TEMPLE_API_KEY",
        image_first=False,
        max_side=2048,
        extra_body=_KEEP_TOKENS,
        sources=("Cloud Temple, 'Guide: Mastering OCR with DeepSeek'", "Cloud Temple, catalogue of models"),
        notes="RGB, JPEG or PNG; answers 413 to pictures that are too large. The guide shows prompts without "
        "<|grounding|>, and max_tokens 4096, which is no limit. The catalogue names the model deepseek-ocr, and "
        "30 December 2026 as its end of life.",
    ),
    Provider(
        name="regolo",
        title="Regolo AI",
        base_url="https://api.regolo.ai/v1",
        model="deepseek-ocr",
        key_variable="REGOLO_API_KEY",
        image_first=False,
        names_format=True,
        extra_body=_KEEP_TOKENS,
        keeps_special_tokens=True,
        sources=("Regolo AI, documentation, 'OCR'", "https://docs.api.regolo.ai"),
        notes="Its documentation shows max_tokens 4096, which is no limit.",
    ),
    Provider(
        name="replicate",
        title="Replicate",
        base_url="https://api.replicate.com/v1",
        model="lucataco/deepseek-ocr:cb3b474fbfc56b1664c8c7841550bccecbe7b74c30e45ce938ffca1180b4dff5",
        key_variable="REPLICATE_API_TOKEN",
        route="replicate",
        keeps_special_tokens=True,
        sources=("https://replicate.com/lucataco/deepseek-ocr", "1,091 answers recorded from it"),
        notes="Runs the model's own script, whose n-gram guard spans the whole page and breaks tags on long ones.",
    ),
    Provider(
        name="deepinfra",
        title="DeepInfra",
        base_url="https://api.deepinfra.com/v1/openai",
        model=V1,
        key_variable="DEEPINFRA_API_KEY",
        extra_body=_KEEP_TOKENS,
        sources=("DeepInfra, page of deepseek-ai/DeepSeek-OCR",),
    ),
    Provider(
        name="siliconflow",
        title="SiliconFlow",
        base_url="https://api.siliconflow.cn/v1",
        model=V1,
        key_variable="SILICONFLOW_API_KEY",
        image_mark="<image>\n",
        extra_body=_KEEP_TOKENS,
        sources=("SiliconFlow, documentation of multimodal models, DeepSeek-OCR",),
    ),
    Provider(
        name="vertex",
        title="Google Vertex AI",
        base_url="https://aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}/locations/global/endpoints/openapi",
        model="deepseek-ai/deepseek-ocr-maas",
        key_variable="GOOGLE_OAUTH_ACCESS_TOKEN",
        key_hint="It is what 'gcloud auth print-access-token' prints, and lives for an hour.",
        extra_body=_KEEP_TOKENS,
        sources=("https://cloud.google.com/vertex-ai/generative-ai/docs/maas/deepseek",),
    ),
    Provider(
        name="qianfan",
        title="Baidu Qianfan",
        base_url="https://qianfan.baidubce.com/v2",
        model="deepseek-ocr",
        key_variable="QIANFAN_API_KEY",
        image_first=False,
        min_side=5,
        max_bytes=10_000_000,
        extra_body=_KEEP_TOKENS,
        sources=("https://cloud.baidu.com/doc/qianfan-api/s/6mhelwygh",),
        notes="Single turn, one picture, messages of users only. Its list of parameters has neither max_tokens, "
        "temperature nor skip_special_tokens, and does not say what becomes of others.",
    ),
)

_OWN_SERVERS = (
    Provider(
        name="vllm",
        title="vLLM",
        base_url="http://localhost:8000/v1",
        model=V1,
        models=(V2, "baidu/Unlimited-OCR"),
        extra_body=_KEEP_TOKENS | _KEEP_END,
        guard="vllm",
        keeps_special_tokens=True,
        sources=(
            "https://docs.vllm.ai/projects/recipes/en/latest/DeepSeek/DeepSeek-OCR.html",
            "https://github.com/vllm-project/recipes/tree/main/models/deepseek-ai",
        ),
        notes="From version 0.11.1. The guard works where the server was started with --logits_processors "
        "vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor; older servers refuse the list of tokens.",
    ),
    Provider(
        name="sglang",
        title="SGLang",
        base_url="http://localhost:30000/v1",
        model=V1,
        models=(V2, "baidu/Unlimited-OCR"),
        image_first=False,
        image_mark="<image>\n",
        extra_body=_KEEP_TOKENS,
        guard="sglang",
        keeps_special_tokens=True,
        sources=(
            "https://docs.sglang.io/basic_usage/deepseek_ocr.html",
            "https://github.com/sgl-project/sglang/pull/12358",
        ),
        notes="The guard needs --enable-custom-logit-processor, and as logit_processor what your SGLang prints for "
        "sglang.srt.sampling.custom_logit_processor.DeepseekOCRNoRepeatNGramLogitProcessor.to_str().",
    ),
    Provider(
        name="ollama",
        title="Ollama",
        base_url="http://localhost:11434",
        model="deepseek-ocr",
        route="ollama",
        extra_body={"options": {"repeat_last_n": 256, "repeat_penalty": 1.2}},
        sources=(
            "https://ollama.com/library/deepseek-ocr",
            "https://docs.ollama.com/api",
            "https://github.com/ollama/ollama/issues/13345",
        ),
        notes="From version 0.13. The options are those of issue 13345, against loops.",
    ),
    Provider(
        name="ollama-openai",
        title="Ollama, OpenAI's route",
        base_url="http://localhost:11434/v1",
        model="deepseek-ocr",
        sources=("https://docs.ollama.com/openai", "https://docs.ollama.com/context-length"),
        notes="This route takes no options. With less than 24 GB of GPU memory its context is 4096 tokens, too few for "
        "a page: start it with OLLAMA_CONTEXT_LENGTH=8192, or use the row 'ollama'.",
    ),
    Provider(
        name="llama.cpp",
        title="llama.cpp server",
        base_url="http://localhost:8080/v1",
        model="deepseek-ocr",
        keeps_special_tokens=False,
        sources=(
            "https://github.com/ggml-org/llama.cpp/pull/17400",
            "https://github.com/ggml-org/llama.cpp/pull/20975",
            "https://github.com/lacerbi/inscriber",
        ),
        notes="The picture must come first, or there are no boxes. Tags and table cells are stripped. Builds up to "
        "b9028 count in the page padded to a square, those from b9587 per axis. No tiles: more than 1664 pixels buy "
        "little. OCR-2 needs --chat-template deepseek-ocr --no-jinja --flash-attn off.",
    ),
    Provider(
        name="lm-studio",
        title="LM Studio",
        base_url="http://localhost:1234/v1",
        model="deepseek-ocr",
        sources=("https://lmstudio.ai/docs", "docling's preset for LM Studio"),
        notes="Runs llama.cpp or MLX: tags and table cells are stripped by the one and kept by the other.",
    ),
    Provider(
        name="deepseek-ocr.rs",
        title="deepseek-ocr.rs",
        base_url="http://localhost:8000/v1",
        model="deepseek-ocr",
        models=("deepseek-ocr-q4k", "deepseek-ocr-q6k", "deepseek-ocr-q8k"),
        image_first=False,
        sources=(
            "https://github.com/TimmyOVO/deepseek-ocr.rs: README, crates/server/README.md",
            "https://github.com/TimmyOVO/deepseek-ocr.rs: crates/server/src/generation.rs",
        ),
        notes="It joins the parts of a message from the last to the first and writes <image> for each picture itself, "
        "so the prompt comes first and without a mark: with one it refuses. It answers with 512 tokens unless "
        "max_tokens says more, and keeps only the last turn.",
    ),
    Provider(
        name="custom",
        title="Any OpenAI-style server",
        base_url="",
        model="deepseek-ocr",
        models=("deepseek-chat",),
        extra_body=_KEEP_TOKENS,
        sources=("OpenAI-style documentation of 'DeepSeek OCR': POST /v1/chat/completions with a Bearer key",),
        notes="For a server of the kinds above at another address, name its kind and give base_url.",
    ),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in (*_HOSTS, *_OWN_SERVERS)})
"""All rows by name: hosts, then servers of one's own, then any other."""
