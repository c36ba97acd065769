"""The loader and the blob parser as LangChain calls them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import fsspec
import pymupdf
import pytest
from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document as LangChainDocument
from langchain_core.documents.base import Blob
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_deepseek_ocr import (
    DeepSeekOCRBlobParser,
    DeepSeekOCRLoader,
    DeepSeekOCRTextSplitter,
    settings,
    uuid_key_encoder,
)

from deepseek_ocr_rag import (
    CorruptSource,
    Document,
    EngineMisconfigured,
    FigureOptions,
    Limits,
    LocalEngine,
    PageCache,
    PageFailed,
    Passage,
    SourceTooLarge,
    TruncatedOutput,
    locate,
    records,
)

MakePdf = Callable[..., Path]


@pytest.fixture
def canned(already_read: Callable[[ModuleType], None]) -> None:
    """Reading takes long; where it is not the point, it has been done."""
    already_read(settings)


def fields(documents: list[LangChainDocument]) -> list[tuple[Any, ...]]:
    return [(document.id, document.page_content, document.metadata) for document in documents]


# The contract


def test_contract() -> None:
    assert issubclass(DeepSeekOCRLoader, BaseLoader)
    assert issubclass(DeepSeekOCRBlobParser, BaseBlobParser)
    assert DeepSeekOCRLoader.load is BaseLoader.load
    assert DeepSeekOCRLoader.aload is BaseLoader.aload
    assert DeepSeekOCRLoader.load_and_split is BaseLoader.load_and_split
    assert DeepSeekOCRBlobParser.parse is BaseBlobParser.parse
    assert inspect.isgeneratorfunction(DeepSeekOCRLoader.lazy_load)
    assert inspect.isasyncgenfunction(DeepSeekOCRLoader.alazy_load)
    assert inspect.isgeneratorfunction(DeepSeekOCRBlobParser.lazy_parse)
    assert inspect.isasyncgenfunction(DeepSeekOCRBlobParser.alazy_parse)
    assert list(inspect.signature(DeepSeekOCRLoader.lazy_load).parameters) == ["self"]
    kinds = {name: item.kind for name, item in inspect.signature(DeepSeekOCRLoader).parameters.items()}
    assert kinds.pop("file_path") is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}


def test_a_real_file_is_read_as_the_core_reads_it(sample: Path, sample_document: Document) -> None:
    documents = DeepSeekOCRLoader(sample, mode="chunk", engine="local", pages="1-2", workers=1).load()
    assert fields(documents) == [(item.id, item.text, item.metadata) for item in records(sample_document, "chunk")]


@pytest.mark.usefixtures("canned")
@pytest.mark.parametrize("mode", ["page", "document", "chunk"])
def test_documents_are_the_records_of_the_core(mode: Any, sample_document: Document) -> None:
    documents = DeepSeekOCRLoader("sample.pdf", mode=mode).load()
    assert fields(documents) == [(item.id, item.text, item.metadata) for item in records(sample_document, mode)]
    for document in documents:
        assert json.loads(json.dumps(document.metadata)) == document.metadata
        assert {type(value) for value in document.metadata.values()} == {str, int}


@pytest.mark.usefixtures("canned")
def test_pages_count_from_zero_as_langchain_does() -> None:
    documents = DeepSeekOCRLoader("sample.pdf").load()
    assert [(item.metadata["page"], item.metadata["page_number"]) for item in documents] == [(0, 1), (1, 2)]
    assert [item.metadata["page_label"] for item in documents] == ["1", "2"]
    assert all(Path(item.metadata["source"]).name == "sample.pdf" for item in documents)


def test_every_way_gives_the_same(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    loader = DeepSeekOCRLoader(str(path), engine=quick_engine(), workers=1)
    parser = DeepSeekOCRBlobParser(engine=quick_engine(), workers=1)

    async def main() -> list[list[LangChainDocument]]:
        parsed = [document async for document in parser.alazy_parse(Blob.from_path(path))]
        return [loader.load(), await loader.aload(), parsed]  # the first of them inside of a running loop

    first, *others = [fields(documents) for documents in asyncio.run(main())]
    assert [text for _, text, _ in first] == ["# Part 1\n\nOne.", "# Part 2\n\nTwo."]
    assert others == [first, first]


# What can be read


def test_every_kind_of_input(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.")
    make_pdf("b.pdf", "Two.")
    data = path.read_bytes()
    files = (item for item in (str(path), path, data, BytesIO(data), path.parent, str(path.parent / "b*.pdf")))
    loader = DeepSeekOCRLoader(files, engine=quick_engine(), workers=1)
    texts = ["One."] * 5 + ["Two."] * 2
    assert [document.page_content[-4:] for document in loader.lazy_load()] == texts
    assert isinstance(loader.file_path, list)  # so that it can load again


def test_a_file_of_another_file_system(make_pdf: MakePdf, quick_engine: Any) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/langchain/a.pdf", make_pdf("a.pdf", "One.").read_bytes())
    (document,) = DeepSeekOCRLoader("/langchain/a.pdf", engine=quick_engine(), workers=1, fs=fs).load()
    assert (document.page_content, document.metadata["source"]) == ("# Part 1\n\nOne.", "/langchain/a.pdf")


def test_files_that_were_skipped_are_listed(make_pdf: MakePdf, quick_engine: Any) -> None:
    good = make_pdf("a.pdf", "One.")
    bad = good.with_name("b.pdf")
    bad.write_bytes(b"%PDF-1.7 and no more")
    loader = DeepSeekOCRLoader(good.parent, engine=quick_engine(), workers=1)
    assert loader.failures == []
    for _ in range(2):  # the second run does not add to the first one's
        assert len(loader.load()) == 1
        assert [(Path(item.source).name, type(item.error)) for item in loader.failures] == [("b.pdf", CorruptSource)]
    with pytest.raises(CorruptSource, match=r"b\.pdf"):
        DeepSeekOCRLoader(bad).load()


def test_blank_pages_can_be_left_out_and_failed_ones_cannot(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "", "Three.")
    engine = quick_engine(fail=(3,))
    alone: dict[str, Any] = {"fallback": "none", "workers": 1}
    documents = DeepSeekOCRLoader(path, **alone, engine=engine, keep_blank=False).load()
    assert [(item.metadata["page_number"], item.metadata["page_status"]) for item in documents] == [
        (1, "ok"),
        (3, "failed"),
    ]
    assert documents[1].page_content == ""
    documents = DeepSeekOCRLoader(path, **alone, engine=engine).load()
    assert [item.metadata["page_status"] for item in documents] == ["ok", "empty", "failed"]
    with pytest.raises(PageFailed, match=r"page 3.*refused"):
        next(DeepSeekOCRLoader(path, **alone, engine=engine, mode="chunk", failed_pages="raise").lazy_load())
    with pytest.raises(TruncatedOutput, match=r"page 3: .*failed_pages"):
        DeepSeekOCRBlobParser(**alone, engine=quick_engine(cut=(3,)), failed_pages="raise").parse(Blob.from_path(path))


def test_another_engine_reads_what_the_first_one_cannot(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    for fallback in ("local", quick_engine()):
        loader = DeepSeekOCRLoader(path, engine=quick_engine(fail=(2,)), fallback=fallback, workers=1)
        assert [item.metadata["page_status"] for item in loader.load()] == ["ok", "fallback"]


def test_closing_early_stops_the_work(make_pdf: MakePdf, quick_engine: Any, children: Callable[[], set[int]]) -> None:
    before = children()
    make_pdf("a.pdf", "One.")
    folder = make_pdf("b.pdf", "Two.").parent
    documents = DeepSeekOCRLoader(folder, engine=quick_engine(), workers=1).lazy_load()
    assert next(documents).page_content == "# Part 1\n\nOne."
    assert children() - before
    documents.close()  # type: ignore[attr-defined]
    assert children() <= before

    async def first() -> set[int]:
        documents = DeepSeekOCRLoader(folder, engine=quick_engine(), workers=1).alazy_load()
        async for _ in documents:
            break
        await documents.aclose()  # type: ignore[attr-defined]
        return children()

    assert asyncio.run(first()) <= before


# Servers


def test_a_provider_is_a_name_and_a_key(
    make_pdf: MakePdf, chat_server: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, (url, asked) = make_pdf("a.pdf", "One."), chat_server
    options: dict[str, Any] = {"provider": "novita", "base_url": url, "workers": 1}
    (document,) = DeepSeekOCRLoader(path, **options, api_key="right-key", task="table").load()
    assert document.page_content == "Asked to Convert the document to markdown table."
    route, body = asked[0]
    assert (route, body["model"]) == ("/v1/chat/completions", "deepseek/deepseek-ocr")
    monkeypatch.setenv("NOVITA_API_KEY", "right-key")
    (document,) = DeepSeekOCRBlobParser(**options, prompt="say this.").parse(Blob.from_path(path))
    assert document.page_content == "Asked to say this."
    monkeypatch.setenv("NOVITA_API_KEY", "wrong-key")
    with pytest.raises(EngineMisconfigured, match="NOVITA_API_KEY") as caught:
        DeepSeekOCRLoader(path, **options).load()
    assert "wrong-key" not in str(caught.value)


# Blobs


def test_a_blob_adds_its_metadata(make_pdf: MakePdf, quick_engine: Any) -> None:
    data = make_pdf("a.pdf", "One.").read_bytes()
    metadata = {"source": "https://example.com/a.pdf", "customer": "ACME", "page_number": 99}
    parser = DeepSeekOCRBlobParser(engine=quick_engine(), workers=1)
    (document,) = parser.parse(Blob.from_data(data, path="kept/a.pdf", metadata=metadata))
    assert document.metadata["source"] == "https://example.com/a.pdf"
    assert (document.metadata["customer"], document.metadata["page_number"]) == ("ACME", 1)
    assert document.metadata["file_name"] == "a.pdf"
    (document,) = parser.parse(Blob.from_data(data))
    assert document.metadata["source"] == "bytes"


def test_a_bad_blob_raises() -> None:
    with pytest.raises(CorruptSource):
        list(DeepSeekOCRBlobParser().lazy_parse(Blob.from_data(b"%PDF-1.7 and no more")))


# As objects


def test_secrets_do_not_show_but_travel() -> None:
    secrets: dict[str, Any] = {"api_key": "sk-1234", "password": "hush", "base_url": "http://me:pw9@localhost/v1"}
    for made in (DeepSeekOCRLoader("a.pdf", **secrets), DeepSeekOCRBlobParser(**secrets)):
        for shown in (repr(made), str(made), str(vars(made) | {"base_url": ""})):
            assert not [secret for secret in ("sk-1234", "hush", "pw9") if secret in shown]
        for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
            assert other.read_options().api_key == "sk-1234"
            assert other.read_options().password == "hush"


def test_an_engine_object_travels() -> None:
    engine = LocalEngine(dpi=300)
    assert pickle.loads(pickle.dumps(DeepSeekOCRLoader("a.pdf", engine=engine))).engine == engine


def test_wrong_options_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        DeepSeekOCRLoader("a.pdf", max_tokens=3)
    with pytest.raises(ValueError, match="gpt2"):
        DeepSeekOCRBlobParser(tokenizer="gpt2")
    with pytest.raises(ValueError, match="folder is empty"):
        DeepSeekOCRBlobParser(figures_read="parse")
    assert DeepSeekOCRBlobParser(figures="figures").read_options().figures == FigureOptions(folder="figures")


# Stores and the index


@pytest.mark.usefixtures("canned")
def test_a_store_gives_back_what_a_citation_needs() -> None:
    documents = DeepSeekOCRLoader("sample.pdf", mode="chunk").load()
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    assert store.add_documents(documents) == [document.id for document in documents]
    found = store.similarity_search("nitrate", k=100)
    assert sorted(fields(found), key=str) == sorted(fields(documents), key=str)
    quote = "The detection limit was 0.04 mg/L."
    (document,) = [document for document in found if quote in document.page_content]
    citation = locate(quote, Passage.from_metadata(document.page_content, document.metadata))
    assert (citation.status, citation.page_number, citation.precision) == ("verified", 2, "line")


@pytest.mark.usefixtures("canned")
def test_indexing_again_adds_nothing() -> None:
    manager = InMemoryRecordManager("sample")
    manager.create_schema()
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    loader = DeepSeekOCRLoader("sample.pdf")

    def run(documents: Any) -> tuple[int, int, int]:
        result = index(
            documents,
            manager,
            store,
            cleanup="scoped_full",
            source_id_key="source",
            key_encoder=uuid_key_encoder,
        )
        return result["num_added"], result["num_skipped"], result["num_deleted"]

    assert [run(loader), run(loader)] == [(2, 0, 0), (0, 2, 0)]
    first, second = loader.load()
    assert {uuid_key_encoder(first), uuid_key_encoder(second)} == set(store.store)
    second.page_content += " Changed."
    assert run([first, second]) == (1, 1, 1)


def test_keys_depend_on_text_and_metadata_alone() -> None:
    document = LangChainDocument("Text \ud800", id="1", metadata={"a": 1, "b": 2})
    same = LangChainDocument("Text \ud800", id="2", metadata={"b": 2, "a": 1})
    others = [LangChainDocument("Text", metadata=same.metadata), LangChainDocument("Text \ud800", metadata={"a": 1})]
    assert uuid_key_encoder(document) == uuid_key_encoder(same)
    assert len({uuid_key_encoder(item) for item in (document, *others)}) == 3


# The splitter


@pytest.mark.usefixtures("canned")
def test_pages_are_split_into_chunks_that_know_their_lines() -> None:
    documents = DeepSeekOCRLoader("sample.pdf").load()
    splitter = pickle.loads(pickle.dumps(DeepSeekOCRTextSplitter(max_tokens=120)))
    chunks = splitter.transform_documents(documents)
    assert len(chunks) > 2 * len(documents)
    assert {tuple(chunk.metadata) for chunk in chunks} == {tuple(documents[0].metadata)}
    assert all(chunk.metadata["token_count"] <= 120 for chunk in chunks)
    assert fields(chunks) == fields(asyncio.run(splitter.atransform_documents(documents)))
    assert fields(chunks) == fields(DeepSeekOCRLoader("sample.pdf").load_and_split(splitter))
    assert [chunk.id for chunk in chunks] == [chunk.metadata["chunk_id"] for chunk in chunks]
    quote = "The detection limit was 0.04 mg/L."
    (chunk,) = [chunk for chunk in chunks if quote in chunk.page_content]
    citation = locate(quote, Passage.from_metadata(chunk.page_content, chunk.metadata))
    assert (citation.status, citation.page_number, citation.precision) == ("verified", 2, "line")


def test_documents_of_other_loaders_are_split_too() -> None:
    document = LangChainDocument("# Title\n\nText.", metadata={"author": "me"})
    (chunk,) = DeepSeekOCRTextSplitter().split_documents([document])
    assert (chunk.metadata["section_path"], chunk.metadata["author"]) == ("Title", "me")
    with pytest.raises(ValueError, match="at least 16"):
        DeepSeekOCRTextSplitter(max_tokens=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "chunks"},
        {"failed_pages": "rasie"},
        {"on_error": "stop"},
        {"engine": "gpt"},
        {"max_tokens": 3},
        {"fallback": "auto"},
        {"task": "translate"},
    ],
)
def test_wrong_settings_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DeepSeekOCRLoader("a.pdf", **wrong)


def test_a_binary_file_can_be_loaded_twice(make_pdf: MakePdf, quick_engine: Any) -> None:
    loader = DeepSeekOCRLoader(BytesIO(make_pdf("a.pdf", "One.").read_bytes()), workers=1, engine=quick_engine())
    assert loader.load() == loader.load() != []


def test_limits_cache_and_quality_are_options_too(tmp_path: Path) -> None:
    pdf = tmp_path / "two.pdf"
    with pymupdf.open() as document:
        for _ in range(2):
            document.new_page().insert_text(
                (72, 72), "A page with a line of text, long enough to be believed, as it has sixty letters."
            )
        document.save(pdf)
    with PageCache(tmp_path / "kept.sqlite") as cache:
        loader = DeepSeekOCRLoader(pdf, engine="local", quality="fast", cache=cache, workers=1)
        first = loader.load()
        assert loader.load() == first
        assert first[0].metadata["engine"] == "local/text-layer-fast"
        assert cache.stats().files == 1
    with pytest.raises(SourceTooLarge, match="max_pages"):
        DeepSeekOCRLoader(pdf, engine="local", limits=Limits(max_pages=1), workers=1).load()
