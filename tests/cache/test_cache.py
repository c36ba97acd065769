"""The page cache: what was put comes back to the letter, and what is another question is a miss."""

from __future__ import annotations

import json
import logging
import sqlite3
import string
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag import ChunkOptions, LocalEngine
from deepseek_ocr_rag.cache import AnswerKey, FactsKey, FileKey, PageCache, VisitKey, shape_of
from deepseek_ocr_rag.cache import keys as cache_keys
from deepseek_ocr_rag.cache.rows import MOST_BYTES, packed, unpacked
from deepseek_ocr_rag.document import Line, OutlineEntry, PageStatus
from deepseek_ocr_rag.figures import FigureOptions
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.options import ReadOptions
from deepseek_ocr_rag.recognition import (
    DocumentFacts,
    EvidenceRequest,
    ImageRequest,
    Inked,
    InkRow,
    PageImage,
    PageRequest,
    Piece,
    Recognition,
    Region,
    Words,
)
from deepseek_ocr_rag.records import Record
from deepseek_ocr_rag.usage import Usage

DIGEST = "ab" * 32
PICTURE = PageRequest(image=ImageRequest(), words=True)

TEXTS = st.text(st.characters(codec=None), max_size=40)  # halves of surrogate pairs, too: a model may say anything
FRACTIONS = st.integers(0, 1_000_000).map(lambda part: part / 1_000_000)
BOXES = st.builds(
    lambda x, y: Box(left=min(x), top=min(y), right=max(x), bottom=max(y)),
    st.tuples(FRACTIONS, FRACTIONS),
    st.tuples(FRACTIONS, FRACTIONS),
)
WORDS = st.lists(st.tuples(TEXTS, BOXES), max_size=5).map(
    lambda words: Words((text for text, _ in words), (side for _, box in words for side in box.as_tuple()))
)
LINES = st.builds(Line, start=st.integers(0, 5), end=st.integers(5, 9), box=BOXES, source=st.just("ocr"))
REGIONS = st.lists(
    st.builds(Region, label=TEXTS, text=TEXTS, boxes=st.lists(BOXES, max_size=2).map(tuple), lines=st.tuples(LINES)),
    max_size=3,
).map(tuple)
USAGES = st.builds(Usage, input_tokens=st.integers(0, 9999), requests=st.integers(0, 9))
RECOGNITIONS = st.builds(
    Recognition,
    page_number=st.just(1),
    engine=TEXTS,
    text=TEXTS,
    regions=st.none() | REGIONS,
    pieces=st.lists(st.builds(Piece, text=TEXTS, frame=st.just(Recognition(page_number=1, engine="").frame))).map(
        tuple
    ),
    model=TEXTS,
    status=st.sampled_from(["ok", "retried", "looped", "empty"]),
    usage=USAGES,
    warnings=st.lists(TEXTS, max_size=2).map(tuple),
)
IMAGES = st.builds(
    PageImage,
    page_number=st.just(1),
    page_width=st.floats(0, 1e6),
    page_height=st.floats(0, 1e6),
    data=st.binary(max_size=20),
    source=TEXTS,
    words=WORDS,
    read=WORDS,
    turn=st.sampled_from([0, 90, 180, 270]),
    tiles=st.lists(BOXES, max_size=2).map(tuple),
    regions=st.none() | REGIONS,
    inked=st.just((Inked(rows=(InkRow(left=0.1, right=0.9, top=0.2, bottom=0.3, gaps=(0.4, 0.5)),)),)),
    is_blank=st.booleans(),
)
RECORDS = st.lists(
    st.builds(
        Record,
        id=TEXTS,
        text=TEXTS,
        metadata=st.dictionaries(st.sampled_from(list(string.ascii_letters)), TEXTS | st.integers(), max_size=5),
    ),
    max_size=6,
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[PageCache]:
    with PageCache(tmp_path) as opened:
        yield opened


def key(**other: Any) -> AnswerKey:
    fields: dict[str, Any] = {
        "document": DIGEST,
        "page_number": 1,
        "request": PICTURE,
        "engine": "e",
        "task": "markdown",
    }
    return AnswerKey(**fields | other)


def page(**other: Any) -> PageImage:
    return PageImage(**{"page_number": 1, "page_width": 612.0, "page_height": 792.0} | other)


def said(text: str = "Said.", **other: Any) -> Recognition:
    return Recognition(page_number=1, engine="fake", text=text, **other)


def file_key(**other: str) -> FileKey:
    return FileKey(**{"document": DIGEST, "source": "a.pdf", "shape": "s"} | other)


def records(number: int) -> list[Record]:
    return [
        Record(id=f"id {at}", text=f"text {at} " * 20, metadata={"source": "a.pdf", "page": at}) for at in range(number)
    ]


def file(cache: PageCache, made: list[Record], *, status: PageStatus = "ok", under: FileKey | None = None) -> None:
    filing = cache.filing(under or file_key())
    for record in made:
        filing.add(record)
    filing.finish({1: status})


def filed(cache: PageCache) -> list[Record]:
    """The records of the file, which must be there."""
    found = cache.file(file_key())
    assert found is not None
    return list(found.records)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(image=IMAGES, recognition=RECOGNITIONS, shares=st.booleans())
def test_an_answer_comes_back_as_it_was(
    cache: PageCache, image: PageImage, recognition: Recognition, shares: bool
) -> None:
    if shares:
        image = replace(image, regions=recognition.regions)
    cache.keep_answer(key(), image, recognition)
    found = cache.answer(key())
    assert found is not None
    assert found.image == replace(image, data=b"", source="")
    assert found.recognition == recognition
    assert found.reused == replace(recognition, usage=Usage(cache_hits=1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=RECORDS)
def test_records_come_back_as_they_were(cache: PageCache, made: list[Record]) -> None:
    file(cache, made)
    found = filed(cache)
    assert found == made
    assert [list(record.metadata) for record in found] == [list(record.metadata) for record in made], "order counts"


def test_visits_and_facts_come_back_as_they_were(cache: PageCache) -> None:
    request = PageRequest(evidence=EvidenceRequest(boxes=(Box(left=0, top=0, right=1, bottom=0.5),)))
    found = page(inked=(Inked(slope=0.25),), data=b"picture", source="a.pdf")
    facts = DocumentFacts(page_count=3, title="T", outline=(OutlineEntry(level=1, title="One", page_number=2),))
    visit = VisitKey(document=DIGEST, page_number=1, request=request)
    cache.keep_visit(visit, found)
    cache.keep_facts(FactsKey(document=DIGEST), facts)
    assert cache.visit(visit) == replace(found, data=b"", source="")
    assert cache.facts(FactsKey(document=DIGEST)) == facts
    assert cache.visit(replace(visit, request=PageRequest(words=True))) is None
    assert cache.facts(FactsKey(document=DIGEST, renderer="pdfium")) is None
    assert (cache.hits, cache.misses) == (2, 2)


@pytest.mark.parametrize(
    "other",
    [
        {"document": "cd" * 32},
        {"page_number": 2},
        {"request": PageRequest(image=ImageRequest(resolution="large"), words=True)},
        {"engine": "another"},
        {"task": "free_ocr"},
        {"reference": "the table"},
        {"renderer": "pdfium"},
    ],
)
def test_another_question_is_a_miss(cache: PageCache, other: dict[str, Any]) -> None:
    cache.keep_answer(key(), page(), said())
    assert cache.answer(key()) is not None
    assert cache.answer(key(**other)) is None


def test_kinds_are_kept_apart() -> None:
    digests = {
        key().digest,
        VisitKey(document=DIGEST, page_number=1, request=PICTURE).digest,
        FactsKey(document=DIGEST).digest,
        file_key().digest,
    }
    assert len(digests) == 4


def test_how_many_threads_read_a_page_does_not_count() -> None:
    one, four = LocalEngine(threads=1), LocalEngine(threads=4)
    assert key(request=one.request).digest == key(request=four.request).digest
    assert key(request=one.request).digest != key(request=LocalEngine(dpi=300).request).digest


@pytest.mark.parametrize("status", get_args(PageStatus))
def test_only_what_would_come_again_is_kept(cache: PageCache, status: PageStatus) -> None:
    keeps = status in ("ok", "retried", "looped", "empty")
    cache.keep_answer(key(), page(), said(status=status))
    assert (cache.answer(key()) is not None) == keeps
    file(cache, records(2), status=status)
    assert (cache.file(file_key()) is not None) == keeps


def test_a_blank_page_is_kept_without_an_answer(cache: PageCache) -> None:
    cache.keep_answer(key(page_number=1), page(is_blank=True), None)
    cache.keep_answer(key(page_number=2), page(page_number=2), None)
    found = cache.answer(key(page_number=1))
    assert found is not None
    assert found.recognition is found.reused is None
    assert found.image.is_blank
    assert cache.answer(key(page_number=2)) is None


def test_a_newer_parser_takes_old_answers_and_no_old_files(cache: PageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def shape() -> str | None:
        return shape_of(ReadOptions(), engine="e", fallback="", mode="chunk", chunking=ChunkOptions())

    local = key(request=LocalEngine().request)
    visit = VisitKey(document=DIGEST, page_number=1, request=PageRequest(words=True))
    cache.keep_answer(key(), page(), said())
    cache.keep_answer(local, page(), said())
    cache.keep_visit(visit, page())
    file(cache, records(1), under=file_key(shape=shape() or ""))
    assert cache.file(file_key(shape=shape() or "")) is not None
    cache_keys.by_whom.cache_clear()
    monkeypatch.setattr(cache_keys, "PARSER", cache_keys.PARSER + 1)
    try:
        assert cache.answer(key()) is not None, "it was paid for"
        assert cache.answer(local) is None, "that parser read the page itself"
        assert cache.visit(visit) is None
        assert cache.file(file_key(shape=shape() or "")) is None
    finally:
        cache_keys.by_whom.cache_clear()


def test_a_shape_is_everything_that_makes_records() -> None:
    def shape(options: ReadOptions, chunking: ChunkOptions, **other: Any) -> str | None:
        return shape_of(options, chunking=chunking, **{"engine": "e", "fallback": "", "mode": "chunk"} | other)

    plain = shape(ReadOptions(), ChunkOptions())
    others = [
        shape(ReadOptions(pages="2-3"), ChunkOptions()),
        shape(ReadOptions(lines="none"), ChunkOptions()),
        shape(ReadOptions(suspect="fill"), ChunkOptions()),
        shape(ReadOptions(), ChunkOptions(max_tokens=100)),
        shape(ReadOptions(), ChunkOptions(counter="approx")),
        shape(ReadOptions(), ChunkOptions(), engine="f"),
        shape(ReadOptions(), ChunkOptions(), fallback="local"),
        shape(ReadOptions(), ChunkOptions(), mode="page"),
        shape(ReadOptions(), ChunkOptions(), keep_blank=False),
    ]
    assert None not in others
    assert len({plain, *others}) == len(others) + 1
    for same in (ReadOptions(workers=3), ReadOptions(password="secret"), ReadOptions(progress=print)):
        assert shape(same, ChunkOptions()) == plain
    assert shape(ReadOptions(), ChunkOptions(counter=len)) is None, "a function may count in any way"
    assert shape(ReadOptions(figures=FigureOptions(folder="f")), ChunkOptions()) is None, "pictures have to be written"


@pytest.mark.parametrize("number", [0, 1, 255, 256, 257, 1000, 4400])
def test_files_of_any_length_come_back(cache: PageCache, number: int) -> None:
    file(cache, records(number))
    assert filed(cache) == records(number)
    assert cache.file(file_key(source="b.pdf")) is None


def test_a_file_is_found_only_when_it_is_finished(cache: PageCache) -> None:
    filing = cache.filing(file_key())
    for record in records(600):
        filing.add(record)
    assert cache.file(file_key()) is None
    pages: dict[int, PageStatus] = {3: "ok", 4: "empty"}
    filing.finish(pages)
    found = cache.file(file_key())
    assert found is not None
    assert found.pages == pages


def test_a_file_of_which_a_part_is_gone_is_a_miss(cache: PageCache) -> None:
    file(cache, records(600))
    with closing(sqlite3.connect(cache.path)) as other, other:
        other.execute("DELETE FROM entries WHERE id = (SELECT id FROM entries WHERE kind = 'part' LIMIT 1)")
    assert cache.file(file_key()) is None
    assert (cache.hits, cache.misses) == (0, 1)
    file(cache, records(600))
    assert filed(cache) == records(600)


def test_two_runs_over_a_file_are_not_mixed(cache: PageCache) -> None:
    one, other = cache.filing(file_key()), cache.filing(file_key())
    for first, second in zip(records(600), reversed(records(600)), strict=True):
        one.add(first)
        other.add(second)
    one.finish({1: "ok"})
    other.finish({1: "ok"})
    assert filed(cache) == list(reversed(records(600)))


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"[" * 100_000,
    b'{"image": 1}',
    b"x\x9c not compressed",
    zlib.compress(b" " * (MOST_BYTES + 10)),
    zlib.compress(b'{"question": {}')[:-3],
    b"\xff\xfe\x00",
    b'{"image": {}, "shares_regions": 0, "recognition": {}}',
    b'{"run": "", "parts": 1000000000000, "last": {"columns": [], "records": []}}',
    b'{"run": "", "parts": 0, "last": {"columns": [["a"]], "records": [[0, "id", "text", [1]]]}}',
    b'{"run": "", "parts": 0, "last": {"columns": [["a"]], "records": [[9, "id", "text", "v"]]}}',
    b'{"run": "", "parts": 0, "last": {"columns": [[["a"]]], "records": [[0, "id", "text", "v"]]}}',
    b'{"page_count": "1"}',
    b'{"page_count": -1}',
]


@pytest.mark.parametrize("data", HOSTILE)
def test_rows_that_say_nothing_of_ours_are_deleted(cache: PageCache, data: bytes) -> None:
    visit = VisitKey(document=DIGEST, page_number=1, request=PageRequest(words=True))
    cache.keep_answer(key(), page(), said())
    cache.keep_visit(visit, page())
    cache.keep_facts(FactsKey(document=DIGEST), DocumentFacts(page_count=1))
    file(cache, records(1))
    with closing(sqlite3.connect(cache.path)) as other, other:
        other.execute("UPDATE bodies SET data = ?", (data,))
        other.execute("UPDATE entries SET checksum = ?", (zlib.crc32(data),))
    assert list(cache.export()) == []
    assert cache.answer(key()) is None
    assert cache.visit(visit) is None
    assert cache.facts(FactsKey(document=DIGEST)) is None
    assert cache.file(file_key()) is None
    with closing(sqlite3.connect(cache.path)) as other:
        assert other.execute("SELECT COUNT(*) FROM entries").fetchone() == (0,)


def test_an_answer_about_another_page_is_refused(cache: PageCache) -> None:
    cache.keep_answer(key(), page(page_number=2), said())
    assert cache.answer(key()) is None


def test_rows_are_packed_where_that_pays() -> None:
    long, short = {"text": "again and again " * 1000}, {"a": 1}
    assert len(packed(long)) < 1000
    assert packed(short) == b'{"a":1}'
    assert [unpacked(packed(value)) for value in (long, short)] == [long, short]
    with pytest.raises(ValueError, match="too long"):
        packed(["x" * MOST_BYTES])


@pytest.mark.parametrize("data", [zlib.compress(b"{}") + b"more", zlib.compress(b"{}" + b" " * MOST_BYTES)])
def test_rows_are_unpacked_whole_or_not_at_all(data: bytes) -> None:
    with pytest.raises(ValueError, match="cut off, or too large"):
        unpacked(data)


def test_a_file_of_which_a_part_could_not_be_kept_is_not_kept(
    cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    filing = cache.filing(file_key())
    with monkeypatch.context() as full:
        full.setattr(cache._file, "put", lambda row: False)
        for record in records(300):
            filing.add(record)
    filing.finish({1: "ok"})
    assert cache.stats().files == 0


def test_what_is_too_long_to_keep_is_not_kept(cache: PageCache) -> None:
    cache.keep_answer(key(), page(), said("x" * (MOST_BYTES + 1)))
    assert cache.answer(key()) is None
    assert cache.trouble == ""


def test_an_engine_that_answers_with_no_text_costs_nothing(cache: PageCache) -> None:
    cache.keep_answer(key(), page(), said(object()))  # type: ignore[arg-type] # engines are the user's
    assert cache.answer(key()) is None


def test_stats_count_what_is_there(cache: PageCache) -> None:
    assert cache.stats().answers == 0
    assert not cache.path.exists(), "asking makes nothing"
    assert cache.clear() == 0
    assert list(cache.export()) == []
    for number in (1, 2, 3):
        cache.keep_answer(key(page_number=number), page(page_number=number), said())
    cache.keep_facts(FactsKey(document=DIGEST), DocumentFacts(page_count=3))
    file(cache, records(600))
    found = cache.stats()
    assert (found.answers, found.documents, found.facts, found.files, found.visits) == (3, 1, 1, 1, 0)
    assert found.size > 4096
    assert found.path == str(cache.path)


def test_answers_are_exported_for_people(cache: PageCache) -> None:
    for number in (2, 1):
        cache.keep_answer(key(page_number=number), page(page_number=number), said(f"Seite {number}: Bücher"))
    cache.keep_visit(VisitKey(document=DIGEST, page_number=1, request=PageRequest()), page())
    exported = list(cache.export())
    assert [(one["document"], one["page_number"], one["recognition"]["text"]) for one in exported] == [
        (DIGEST, 1, "Seite 1: Bücher"),
        (DIGEST, 2, "Seite 2: Bücher"),
    ]
    assert json.loads(json.dumps(exported)) == exported


def test_a_part_can_be_cleared(cache: PageCache) -> None:
    for document in ("aa" * 32, "bb" * 32):
        cache.keep_answer(key(document=document), page(), said())
    assert cache.clear(document="aa" * 32) == 1
    assert cache.clear(older_than=timedelta(hours=1)) == 0
    assert cache.answer(key(document="bb" * 32)) is not None
    time.sleep(0.002)
    assert cache.clear(older_than=timedelta(milliseconds=1)) == 1


def test_no_password_and_no_path_of_a_file_is_in_it(cache: PageCache) -> None:
    cache.keep_answer(key(), page(source="/home/anna/letters/a.pdf", data=b"picture"), said())
    cache.close()
    assert b"anna" not in cache.path.read_bytes()
    with closing(sqlite3.connect(cache.path)) as other:
        [body] = [unpacked(data) for (data,) in other.execute("SELECT data FROM bodies")]
    assert "anna" not in json.dumps(body)
    assert "data" not in body["image"]


def test_a_closed_cache_has_nothing(cache: PageCache) -> None:
    cache.keep_answer(key(), page(), said())
    cache.close()
    assert cache.answer(key()) is None
    cache.keep_answer(key(), page(), said())


def test_a_cache_that_cannot_be_opened_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with PageCache(tmp_path / "file" / "x.sqlite") as cache:
        cache.keep_answer(key(), page(), said())
        assert cache.answer(key()) is None
        file(cache, records(600))
        assert cache.file(file_key()) is None
        assert str(cache.path) in cache.trouble
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_no_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="room"):
        PageCache(tmp_path, max_bytes=0)
