"""The reader as LlamaIndex calls it."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sqlite3
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, closing
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import fsspec
import pymupdf
import pytest
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.readers.base import BasePydanticReader, BaseReader, ReaderConfig
from llama_index.core.schema import MetadataMode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.readers import deepseek_ocr
from llama_index.readers.deepseek_ocr import DeepSeekOCRNodeParser, DeepSeekOCRReader, base
from PIL import Image
from pydantic import SecretStr, ValidationError

from deepseek_ocr_rag import (
    CorruptSource,
    Document,
    EngineMisconfigured,
    Limits,
    LocalEngine,
    PageCache,
    PageFailed,
    Passage,
    Price,
    Record,
    ReplayEngine,
    TruncatedOutput,
    locate,
    records,
    token_counter,
)

MakePdf = Callable[..., Path]


def test_class() -> None:
    names_of_base_classes = [base.__name__ for base in DeepSeekOCRReader.__mro__]
    assert BaseReader.__name__ in names_of_base_classes
    assert BasePydanticReader.__name__ in names_of_base_classes
    assert DeepSeekOCRReader.class_name() == "DeepSeekOCRReader"
    assert DeepSeekOCRReader().is_remote is False


def test_the_namespace_is_left_to_llama_index() -> None:
    folder = Path(str(deepseek_ocr.__file__)).parent
    assert (folder / "py.typed").exists()
    assert not [place for place in folder.parents[:2] if (place / "__init__.py").exists()]


@pytest.fixture
def canned(already_read: Callable[[ModuleType], None]) -> None:
    """Reading takes long; where it is not the point, it has been done."""
    already_read(base)


def test_a_real_file_is_read_as_the_core_reads_it(sample: Path, sample_document: Document) -> None:
    documents = DeepSeekOCRReader(mode="chunk", engine="local", pages="1-2", workers=1).load_data(sample)
    expected = records(sample_document, "chunk")
    assert [(item.id_, item.text, item.metadata) for item in documents] == [
        (item.id, item.text, item.metadata) for item in expected
    ]


@pytest.mark.usefixtures("canned")
@pytest.mark.parametrize("mode", ["page", "document", "chunk"])
def test_documents_are_the_records_of_the_core(mode: Any, sample_document: Document) -> None:
    documents = DeepSeekOCRReader(mode=mode).load_data("sample.pdf")
    expected = list(records(sample_document, mode))
    assert [(document.id_, document.text) for document in documents] == [(item.id, item.text) for item in expected]
    for document, item in zip(documents, expected, strict=True):
        assert list(document.metadata.items()) == list(item.metadata.items())
        assert document.relationships == {}
        assert str(uuid.UUID(document.id_)) == document.id_
        assert not {"regions", "doc_hash", "x0"} - set(document.excluded_llm_metadata_keys)
        llm = document.get_content(MetadataMode.LLM)
        assert "file_name: sample.pdf" in llm
        assert "regions" not in llm
        visible = document.get_content(MetadataMode.EMBED)
        path = item.metadata["section_path"]
        assert visible == (f"section_path: {path}\n\n{item.text}" if path else item.text)
        if mode == "chunk":
            assert token_counter()(visible) == item.metadata["token_count"]


def test_extra_info_is_added_and_not_embedded(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.")
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1)
    (document,) = reader.load_data(path, extra_info={"source": "no", "page_number": 9, "customer": "ACME"})
    assert (document.metadata["source"], document.metadata["page_number"]) == (str(path), 1)
    assert list(document.metadata)[-1] == "customer"
    assert document.get_content(MetadataMode.EMBED) == document.text == "# Part 1\n\nOne."
    assert "customer: ACME" in document.get_content(MetadataMode.LLM)


@pytest.mark.usefixtures("canned")
def test_a_quote_is_found_on_the_page() -> None:
    _, document = DeepSeekOCRReader().load_data("sample.pdf")
    citation = locate("The detection limit was 0.04 mg/L.", Passage.from_metadata(document.text, document.metadata))
    assert (citation.status, citation.page_number, citation.precision) == ("verified", 2, "line")


# What can be read


def test_every_kind_of_input(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.")
    make_pdf("b.pdf", "Two.")
    data = path.read_bytes()
    files: list[Any] = [str(path), path, data, BytesIO(data), path.parent, str(path.parent / "b*.pdf")]
    documents = DeepSeekOCRReader(engine=quick_engine(), workers=1).load_data(files)
    assert [document.text[-4:] for document in documents] == ["One."] * 5 + ["Two."] * 2


def test_a_file_of_another_file_system(make_pdf: MakePdf, quick_engine: Any) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/llama/a.pdf", make_pdf("a.pdf", "One.").read_bytes())
    (document,) = DeepSeekOCRReader(engine=quick_engine(), workers=1).load_data(PurePosixPath("/llama/a.pdf"), fs=fs)
    assert (document.text, document.metadata["source"]) == ("# Part 1\n\nOne.", "/llama/a.pdf")


def test_a_bad_file_raises_alone_and_is_skipped_among_others(make_pdf: MakePdf, quick_engine: Any) -> None:
    good = make_pdf("a.pdf", "One.")
    bad = good.with_name("b.pdf")
    bad.write_bytes(b"%PDF-1.7 and no more")
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1)
    with pytest.raises(CorruptSource, match=r"b\.pdf"):
        reader.load_data(bad)
    assert len(reader.load_data(good.parent)) == 1


def test_blank_pages_can_be_left_out_and_failed_ones_cannot(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "", "Three.")
    reader = DeepSeekOCRReader(engine=quick_engine(fail=(3,)), fallback="none", workers=1, keep_blank=False)
    documents = reader.load_data(path)
    assert [document.metadata["page_number"] for document in documents] == [1, 3]
    failed = documents[1]
    assert failed.text == ""
    (node,) = SentenceSplitter()([failed])
    assert node.get_content(MetadataMode.EMBED) == "page_status: failed"  # embedders refuse empty texts
    assert "page_status: failed" in node.get_content(MetadataMode.LLM)
    assert "refused" not in str(failed.to_dict())
    everything = DeepSeekOCRReader(engine=quick_engine(), workers=1).load_data(path)
    assert [document.metadata["page_status"] for document in everything] == ["ok", "empty", "ok"]


def test_a_failed_page_can_stop_everything(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    for engine, error in ((quick_engine(fail=(2,)), PageFailed), (quick_engine(cut=(2,)), TruncatedOutput)):
        reader = DeepSeekOCRReader(mode="chunk", engine=engine, fallback="none", workers=1, failed_pages="raise")
        with pytest.raises(error, match=r"page 2: .*failed_pages"):
            next(iter(reader.lazy_load_data(path)))


def test_another_engine_reads_what_the_first_one_cannot(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    reader = DeepSeekOCRReader(engine=quick_engine(fail=(2,)), workers=1, failed_pages="raise")
    assert [document.metadata["page_status"] for document in reader.load_data(path)] == ["ok", "fallback"]
    reader = DeepSeekOCRReader(engine=quick_engine(fail=(2,)), fallback=quick_engine(), workers=1)
    assert [document.text for document in reader.load_data(path)] == ["# Part 1\n\nOne.", "# Part 2\n\nTwo."]


def test_closing_early_stops_the_work(make_pdf: MakePdf, quick_engine: Any, children: Callable[[], set[int]]) -> None:
    before = children()
    make_pdf("a.pdf", "One.")
    make_pdf("b.pdf", "Two.")
    documents = DeepSeekOCRReader(engine=quick_engine(), workers=1).lazy_load_data(make_pdf("c.pdf", "Three.").parent)
    assert next(iter(documents)).text == "# Part 1\n\nOne."
    assert children() - before
    documents.close()  # type: ignore[attr-defined]
    assert children() <= before


def test_progress_counts_pages(make_pdf: MakePdf, quick_engine: Any, capfd: pytest.CaptureFixture[str]) -> None:
    make_pdf("a.pdf", "One.")
    folder = make_pdf("b.pdf", "Two.", "Three.").parent
    DeepSeekOCRReader(engine=quick_engine(), workers=1, show_progress=True).load_data(folder)
    assert "3/3" in capfd.readouterr().err


# Servers


def test_a_provider_is_a_name_and_a_key(
    make_pdf: MakePdf, chat_server: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, (url, asked) = make_pdf("a.pdf", "One."), chat_server
    options: dict[str, Any] = {"provider": "novita", "base_url": url, "workers": 1}
    (document,) = DeepSeekOCRReader(**options, api_key=SecretStr("right-key"), task="table").load_data(path)
    assert document.text == "Asked to Convert the document to markdown table."
    route, body = asked[0]
    assert (route, body["model"]) == ("/v1/chat/completions", "deepseek/deepseek-ocr")
    monkeypatch.setenv("NOVITA_API_KEY", "right-key")
    (document,) = DeepSeekOCRReader(**options, prompt="say this.").load_data(path)
    assert document.text == "Asked to say this."


def test_a_wrong_key_or_none_stops_the_load(
    make_pdf: MakePdf, chat_server: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, (url, asked) = make_pdf("a.pdf", "One.", "Two."), chat_server
    for name in ("NOVITA_API_KEY", "DEEPSEEK_OCR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EngineMisconfigured, match="NOVITA_API_KEY"):
        DeepSeekOCRReader(provider="novita", base_url=url).load_data(path)
    assert asked == []
    with pytest.raises(EngineMisconfigured, match="NOVITA_API_KEY") as caught:
        DeepSeekOCRReader(provider="novita", base_url=url, api_key=SecretStr("wrong-key"), workers=1).load_data(path)
    assert "wrong-key" not in str(caught.value)


# As a component


def secretive() -> DeepSeekOCRReader:
    return DeepSeekOCRReader(
        provider="novita",
        api_key=SecretStr("sk-1234"),
        password=SecretStr("hush"),
        mode="chunk",
        task="locate",
        reference="a seal",
        resolution="base",
        fallback="none",
        figures="memory://figures",
        figures_read="parse",
        price=Price(input_per_million=0.03, output_per_million=0.06),
        pages=[1, 2],
    )


def test_secrets_do_not_show_but_travel() -> None:
    reader = secretive()
    assert not {"sk-1234", "hush"} & set(str([reader, reader.to_dict(), reader.to_json()]).replace("'", " ").split())
    assert "api_key" not in reader.to_dict()
    for other in (pickle.loads(pickle.dumps(reader)), copy.deepcopy(reader)):
        assert (other.api_key, other.password) == (SecretStr("sk-1234"), SecretStr("hush"))
        assert other == reader


def test_dict_and_json_there_and_back() -> None:
    reader = secretive()
    assert json.loads(reader.to_json()) == reader.to_dict()
    for other in (DeepSeekOCRReader.from_dict(reader.to_dict()), DeepSeekOCRReader.from_json(reader.to_json())):
        assert other.to_dict() == reader.to_dict()
        assert (other.price, other.figures_read) == (reader.price, "parse")
        assert other.api_key is None


def test_an_engine_object_travels_or_says_that_it_does_not() -> None:
    engine, fallback = LocalEngine(dpi=300), LocalEngine(ocr="none")
    reader = DeepSeekOCRReader(engine=engine, fallback=fallback)
    other = pickle.loads(pickle.dumps(reader))
    assert (other.engine, other.fallback) == (engine, fallback)
    data = json.loads(reader.to_json())
    assert (data["engine"], data["fallback"]) == (engine.fingerprint, fallback.fingerprint)
    for given in ({"engine": engine}, {"fallback": fallback}):
        with pytest.raises(ValidationError, match="pass it again"):
            DeepSeekOCRReader.from_dict(data, **given)
    assert DeepSeekOCRReader.from_dict(data, engine=engine, fallback=fallback) == reader


@pytest.mark.parametrize("place", ["engine", "fallback"])
def test_an_engine_that_cannot_be_pickled_is_not_lost_in_silence(place: str) -> None:
    engine: Any = ReplayEngine.from_texts({})
    engine.lock = threading.Lock()
    reader = DeepSeekOCRReader(**{place: engine})
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(reader)
    assert getattr(reader, place) is engine


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "line"},
        {"max_tokens": 3},
        {"tokenizer": "gpt2"},
        {"engine": object()},
        {"engine": "none"},
        {"fallback": "auto"},
        {"task": "translate"},
        {"task": "locate"},
        {"resolution": "huge"},
        {"figures_read": "parse"},
        {"price": 3},
    ],
)
def test_wrong_options_are_refused_at_once_and_the_key_beside_them_is_not_shown(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        DeepSeekOCRReader(**wrong | {"api_key": "sk-1234"})
    assert "sk-1234" not in str(caught.value)


# Called by others


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_directory_reader_of_another_file_system(make_pdf: MakePdf, quick_engine: Any) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/directory/a.pdf", make_pdf("a.pdf", "One.").read_bytes())
    picture = BytesIO()
    Image.linear_gradient("L").save(picture, "PNG")
    fs.pipe("/directory/b.png", picture.getvalue())
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1)
    directory = SimpleDirectoryReader(
        "/directory", fs=fs, file_extractor={".pdf": reader, ".png": reader}, raise_on_error=True
    )
    assert [document.text for document in directory.load_data()] == ["# Part 1\n\nOne.", "# Part 1\n\nNothing."]


def test_directory_reader_reads_a_few_files_at_once(make_pdf: MakePdf, quick_engine: Any) -> None:
    for number in range(3):
        folder = make_pdf(f"{number}.pdf", f"File {number}.").parent
    engine = quick_engine()
    reader = DeepSeekOCRReader(engine=engine, workers=1)
    directory = SimpleDirectoryReader(folder, file_extractor={".pdf": reader}, raise_on_error=True)
    documents = asyncio.run(directory.aload_data())
    assert [document.text for document in documents] == [f"# Part 1\n\nFile {number}." for number in range(3)]
    assert documents[0].metadata["file_path"] == documents[0].metadata["source"] == str(folder / "0.pdf")
    assert documents[0].get_content(MetadataMode.EMBED) == documents[0].text


def test_of_many_calls_a_few_read_at_once(monkeypatch: pytest.MonkeyPatch, sample_document: Document) -> None:
    reading: set[str] = set()
    most = 0

    async def aread_records(file: str, *_: object, **__: object) -> AsyncGenerator[Record]:
        nonlocal most
        reading.add(file)
        most = max(most, len(reading))
        await asyncio.sleep(0.01)
        for record in records(sample_document, "page"):
            yield record
        reading.remove(file)

    async def aread(file: str, _: object) -> AsyncIterator[Document]:
        async with aclosing(aread_records(file)) as found:
            async for _ in found:
                pass
        yield sample_document

    async def main(mode: Any) -> list[list[Any]]:
        return await asyncio.gather(*(DeepSeekOCRReader(mode=mode).aload_data(str(number)) for number in range(20)))

    monkeypatch.setattr(base, "aread_records", aread_records)
    monkeypatch.setattr(base, "aread", aread)
    for mode, made in (("page", 2), ("document", 1)):  # each event loop has places of its own
        assert [len(documents) for documents in asyncio.run(main(mode))] == [made] * 20
        assert most == base.READS_AT_ONCE
        most = 0


def test_everything_works_inside_a_running_loop(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.")
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1)

    async def main() -> list[list[Any]]:
        return [reader.load_data(path), await reader.aload_data(path), list(await reader.alazy_load_data(path))]

    hashes = [[document.hash for document in documents] for documents in asyncio.run(main())]
    assert hashes == hashes[:1] * 3


def test_pipeline_adds_nothing_the_second_time_and_replaces_what_changed(make_pdf: MakePdf, quick_engine: Any) -> None:
    path = make_pdf("a.pdf", "One.", "Two.")
    reader = DeepSeekOCRReader(engine=quick_engine(), workers=1, ids="source")
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(
        readers=[ReaderConfig(reader=reader, reader_args=[str(path)])],
        transformations=[DeepSeekOCRNodeParser(), MockEmbedding(embed_dim=4)],
        docstore=SimpleDocumentStore(),
        vector_store=store,
    )
    assert [len(pipeline.run()) for _ in range(2)] == [2, 0]
    before = set(store.data.embedding_dict)
    make_pdf("a.pdf", "One.", "Changed.")
    texts = {node.node_id: node.get_content() for node in pipeline.run()}
    assert list(texts.values()) == ["# Part 1\n\nOne.", "# Part 2\n\nChanged."]
    assert set(store.data.embedding_dict) == set(texts)
    assert not before & set(texts)


def test_ids_of_bytes_are_of_their_content(make_pdf: MakePdf, quick_engine: Any) -> None:
    files = [make_pdf("a.pdf", "One.").read_bytes(), make_pdf("a.pdf", "Two.").read_bytes()]
    documents = DeepSeekOCRReader(engine=quick_engine(), workers=1, ids="source").load_data(files)
    assert len({document.id_ for document in documents}) == 2


@pytest.mark.usefixtures("canned")
@pytest.mark.parametrize("mode", ["page", "chunk"])
def test_an_index_gives_back_text_and_regions(mode: Any) -> None:
    documents = DeepSeekOCRReader(mode=mode).load_data("sample.pdf")
    index = VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=4))
    found = index.as_retriever(similarity_top_k=100).retrieve("nitrate")
    expected = {document.text: document.metadata["regions"] for document in documents}
    assert {hit.node.get_content(): hit.node.metadata["regions"] for hit in found} == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@host/v1",
        "me:hunter2@host/v1",
        "http:/me:hunter2@host/v1",
        "http:me:hunter2@host/v1",
        "//hunter2@host",
        " http:///hunter2@host/v1",
        "http:\\\\me:hunter2@host\\v1",
    ],
)
def test_a_login_in_the_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must not hold a login") as caught:
        DeepSeekOCRReader(base_url=address)
    assert "api_key" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_at_sign_in_the_path_is_no_login() -> None:
    address = "https://host/models/@cf/deepseek"
    assert DeepSeekOCRReader(base_url=address).to_dict()["base_url"] == address


def test_a_token_in_the_address_of_figures_is_refused() -> None:
    with pytest.raises(ValueError, match="query") as caught:
        DeepSeekOCRReader(figures="http://host/x?token=hunter2")
    assert "hunter2" not in str(caught.value)


def test_one_blank_page_does_not_mark_the_whole_file(make_pdf: MakePdf, quick_engine: Any) -> None:
    reader = DeepSeekOCRReader(mode="document", engine=quick_engine(), workers=1)
    (document,) = reader.load_data(make_pdf("a.pdf", "One.", ""))
    assert document.metadata["page_status"] == "ok"
    reader = DeepSeekOCRReader(mode="document", engine=quick_engine(fail=(2,)), fallback="none", workers=1)
    (document,) = reader.load_data(make_pdf("b.pdf", "One.", "Two."))
    assert document.metadata["page_status"] == "failed"
    assert "page_status" not in document.get_content(MetadataMode.EMBED)  # would be embedded with every node


def test_pieces_of_other_splitters_are_cited_to_the_page_at_best(make_pdf: MakePdf) -> None:
    """They carry the whole page's regions, which would lead to other lines."""
    sentences = [f"Item {number} says something of its own about the river." for number in range(40)]
    pdf = make_pdf("long.pdf", "\n".join(sentences))
    (page,) = DeepSeekOCRReader(workers=1).load_data(pdf)
    pieces = SentenceSplitter(chunk_size=120, chunk_overlap=0)([page])
    assert len(pieces) > 3
    quote = sentences[30]
    (piece,) = [piece for piece in pieces if quote in piece.get_content()]
    citation = locate(quote, Passage.from_metadata(piece.get_content(), piece.metadata))
    assert (citation.status, citation.precision, citation.page_number) == ("verified", "page", 1)


def test_limits_cache_and_quality_are_options_too(tmp_path: Path) -> None:
    reader = DeepSeekOCRReader(
        engine="local", quality="fast", limits=Limits(max_pages=5), cache=str(tmp_path / "kept.sqlite"), workers=1
    )
    other = DeepSeekOCRReader.from_dict(reader.to_dict())
    assert (other.limits, other.cache, other.quality) == (reader.limits, reader.cache, "fast")
    pdf = tmp_path / "one.pdf"
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "A page with a line of text, which is long enough to be believed.")
        document.save(pdf)
    first, second = other.load_data(pdf), other.load_data(pdf)
    assert [document.to_dict() for document in second] == [document.to_dict() for document in first]
    assert first[0].metadata["engine"] == "local/text-layer-fast"
    with PageCache(tmp_path / "kept.sqlite") as cache:
        assert cache.stats().files == 1


@pytest.mark.parametrize("mode", ["page", "chunk"])
def test_a_file_that_did_not_change_is_read_again_from_its_records(
    make_pdf: MakePdf, quick_engine: Any, tmp_path: Path, mode: Any
) -> None:
    path, place = make_pdf("a.pdf", "One.", "Two."), tmp_path / "kept.sqlite"

    def load(**engine: Any) -> list[dict[str, Any]]:
        reader = DeepSeekOCRReader(
            mode=mode, engine=quick_engine(**engine), fallback="none", cache=str(place), workers=1
        )
        return [document.to_dict() for document in asyncio.run(reader.aload_data(path, {"customer": "ACME"}))]

    first = load()
    assert [document["text"] for document in first] == ["# Part 1\n\nOne.", "# Part 2\n\nTwo."]
    with closing(sqlite3.connect(place)) as kept:  # nothing is left of single pages
        removed = kept.execute("DELETE FROM entries WHERE kind NOT IN ('file', 'part')").rowcount
        kept.commit()
    assert removed
    assert load(fail=(1, 2)) == first
