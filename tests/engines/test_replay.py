from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.document import Cell, Line, Table
from deepseek_ocr_rag.engines import Engine
from deepseek_ocr_rag.engines.replay import RecordingEngine, ReplayEngine
from deepseek_ocr_rag.errors import EngineRejected, EngineUnavailable
from deepseek_ocr_rag.geometry import Box, Frame
from deepseek_ocr_rag.prompts import PROMPTS, Task
from deepseek_ocr_rag.recognition import (
    ImageRequest,
    LocalRequest,
    PageImage,
    PageRequest,
    Piece,
    Recognition,
    Region,
)
from deepseek_ocr_rag.serial import from_dict, to_dict
from deepseek_ocr_rag.usage import Usage

from ..fakes import CrashingEngine, FakeEngine, GarbageEngine, TruncatingEngine

BOX = Box(left=0.1, top=0.2, right=0.3, bottom=0.4)
FULL = Recognition(
    page_number=3,
    engine="local",
    text="raw “text” 表",
    regions=(
        Region(
            label="table",
            text="| a |",
            boxes=(BOX, BOX),
            lines=(Line(start=2, end=3, box=BOX, source="ocr"),),
            table=Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="a", box=BOX),)),
            font_size=9.5,
        ),
        Region(label="text", text="b"),
    ),
    model="m",
    prompt="p",
    finish_reason="stop",
    status="suspect",
    usage=Usage(input_tokens=1, output_tokens=2, requests=3),
    attempts=2,
    warnings=("one", "two"),
    frame=Frame(left=-0.1, right=1.1),
    pieces=(Piece(text="half", frame=Frame(bottom=0.5), task="free_ocr", repeats_from=2),),
    repeats_from=3,
    task="free_ocr",
    history=("tried",),
)


def page(number: int = 1, *, data: bytes = b"", source: str = "dir/a.pdf", is_blank: bool = False) -> PageImage:
    return PageImage(page_number=number, page_width=600, page_height=800, data=data, source=source, is_blank=is_blank)


class Canned(FakeEngine):
    """Answers with one recognition whatever the page."""

    def __init__(self, answer: Recognition, request: PageRequest) -> None:
        super().__init__()
        self.canned, self.request = answer, request

    async def answer(self, page: PageImage, task: str) -> Recognition:
        return replace(self.canned, page_number=page.page_number)


def record(folder: Path, engine: Engine, *pages: PageImage) -> list[Recognition]:
    async def run() -> list[Recognition]:
        recorder = RecordingEngine(engine, folder)
        answers = [await recorder.recognize(item) for item in pages]
        await recorder.aclose()
        return answers

    return asyncio.run(run())


def replay(folder: Path, item: PageImage) -> Recognition:
    return asyncio.run(ReplayEngine(folder).recognize(item))


def free(answer: Recognition) -> Recognition:
    return replace(answer, usage=Usage(cache_hits=1))


@pytest.mark.parametrize(
    "request_",
    [
        PageRequest(words=True),
        PageRequest(image=ImageRequest(long_side=640, media_type="image/png")),
        PageRequest(local=LocalRequest(ocr="rapidocr")),
    ],
)
def test_what_is_recorded_is_replayed_in_full(tmp_path: Path, request_: PageRequest) -> None:
    folder = tmp_path / "new" / "folder"
    engine = Canned(FULL, request_)
    [answer] = record(folder, engine, page(3))
    assert answer == FULL
    assert engine.closed == 1
    assert replay(folder, page(3)) == free(FULL)
    assert ReplayEngine(folder).request == request_
    assert [path.suffix for path in folder.iterdir()] == [".json"]


def test_a_recorder_looks_like_its_engine(tmp_path: Path) -> None:
    engine = FakeEngine()
    recorder = RecordingEngine(engine, tmp_path)
    assert isinstance(recorder, Engine)
    assert isinstance(ReplayEngine(tmp_path), Engine)
    assert isinstance(ReplayEngine.from_texts({}), Engine)
    assert (recorder.name, recorder.fingerprint, recorder.request) == (engine.name, engine.fingerprint, engine.request)


def test_a_picture_is_known_by_its_bytes(tmp_path: Path) -> None:
    record(tmp_path, FakeEngine(), page(1, data=b"picture", source="a.pdf"))
    answer = replay(tmp_path, page(7, data=b"picture", source="renamed.pdf"))
    assert answer.page_number == 7
    assert "Page 1 says this" in answer.text
    with pytest.raises(EngineUnavailable):
        replay(tmp_path, page(1, data=b"another picture", source="a.pdf"))


def test_without_a_picture_the_file_name_and_the_page_number_count(tmp_path: Path) -> None:
    record(tmp_path, FakeEngine(), page(1), page(2))
    assert "Page 2 says" in replay(tmp_path, page(2, source="https://example.org/other/dir/a.pdf")).text
    with pytest.raises(EngineUnavailable):
        replay(tmp_path, page(1, source="b.pdf"))


def test_tasks_are_recorded_apart(tmp_path: Path) -> None:
    record(tmp_path, FakeEngine(), page(1))
    with pytest.raises(EngineUnavailable, match="free_ocr"):
        asyncio.run(ReplayEngine(tmp_path).recognize(page(1), task="free_ocr"))


class Locator(FakeEngine):
    """Says what it was to look for."""

    async def recognize(self, page: PageImage, *, task: Task = "markdown", reference: str = "") -> Recognition:
        return Recognition(page_number=page.page_number, engine="fake", text=f"{task}: {reference}")


def test_what_was_looked_for_is_recorded_apart(tmp_path: Path) -> None:
    recorder, replayer = RecordingEngine(Locator(), tmp_path), ReplayEngine(tmp_path)
    wanted = ("a seal", "../../a\ud800", "")
    for reference in wanted:
        asyncio.run(recorder.recognize(page(1), task="locate", reference=reference))
    for reference in wanted:
        answer = asyncio.run(replayer.recognize(page(1), task="locate", reference=reference))
        assert answer.text == f"locate: {reference}"
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(EngineUnavailable, match="'locate' and 'a key'"):
        asyncio.run(replayer.recognize(page(1), task="locate", reference="a key"))


def test_a_recording_made_before_there_were_references_can_be_read(tmp_path: Path) -> None:
    record(tmp_path, FakeEngine(), page(1))
    [path] = tmp_path.iterdir()
    data = json.loads(path.read_bytes())
    del data["reference"]
    path.write_text(json.dumps(data))
    assert "Page 1 says this" in replay(tmp_path, page(1)).text


def test_a_missing_recording_says_which_and_how_to_make_it(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    with pytest.raises(EngineUnavailable) as caught:
        replay(folder, page(4))
    message = str(caught.value)
    assert message.startswith("dir/a.pdf, page 4: ")
    assert str(folder) in message
    assert "RecordingEngine(engine, " in message
    assert ReplayEngine(folder).request == PageRequest(words=True)


def test_errors_are_passed_on_and_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        record(tmp_path, CrashingEngine(), page(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", [TruncatingEngine(), GarbageEngine()])
def test_bad_answers_are_recorded_as_they_are(tmp_path: Path, engine: FakeEngine) -> None:
    [answer] = record(tmp_path, engine, page(1))
    assert replay(tmp_path, page(1)) == free(answer)


def test_the_fingerprint_follows_the_recordings(tmp_path: Path) -> None:
    record(tmp_path, FakeEngine(), page(1))
    first = ReplayEngine(tmp_path).fingerprint
    assert ReplayEngine(tmp_path).fingerprint == first
    record(tmp_path, FakeEngine("other"), page(1))
    second = ReplayEngine(tmp_path).fingerprint
    record(tmp_path, FakeEngine(), page(2))
    assert len({first, second, ReplayEngine(tmp_path).fingerprint}) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"{",
        lambda data: b"\xff\xfe\x00",
        lambda data: b"[]",
        lambda data: b"[" * 100_000,
        lambda data: json.dumps(data | {"format": 2}).encode(),
        lambda data: json.dumps(data | {"recognition": {"page_number": 1}}).encode(),
        lambda data: json.dumps(data | {"recognition": data["recognition"] | {"status": "fine"}}).encode(),
        lambda data: json.dumps(
            data | {"recognition": data["recognition"] | {"regions": [{"label": "", "text": "", "boxes": [[0.1]]}]}}
        ).encode(),
    ],
)
def test_a_damaged_recording_is_named(tmp_path: Path, damage: object) -> None:
    record(tmp_path, FakeEngine(), page(1))
    [path] = tmp_path.iterdir()
    path.write_bytes(damage(json.loads(path.read_bytes())))  # type: ignore[operator]
    with pytest.raises(EngineRejected, match=r"page 1.*cannot be read.*record the page again") as caught:
        replay(tmp_path, page(1))
    assert path.name in str(caught.value)


def test_texts_are_answered_by_page_number() -> None:
    engine = ReplayEngine.from_texts({1: "<|ref|>text<|/ref|>", 2: ""})
    answer = asyncio.run(engine.recognize(page(1)))
    assert (answer.text, answer.status, answer.prompt) == ("<|ref|>text<|/ref|>", "ok", PROMPTS["markdown"])
    assert answer.usage == Usage(cache_hits=1)
    assert asyncio.run(engine.recognize(page(2))).status == "suspect"
    assert asyncio.run(engine.recognize(page(2, is_blank=True))).status == "empty"
    assert engine.request.image is None
    assert engine.fingerprint != ReplayEngine.from_texts({1: "other"}).fingerprint
    with pytest.raises(EngineUnavailable, match=r"page 3.*from_texts"):
        asyncio.run(engine.recognize(page(3)))
    asyncio.run(engine.aclose())


fractions = st.floats(min_value=0, max_value=1)
boxes = st.builds(Box.from_fractions, fractions, fractions, fractions, fractions)
regions = st.builds(
    Region,
    label=st.text(max_size=8),
    text=st.text(max_size=20),
    boxes=st.lists(boxes, max_size=2).map(tuple),
    lines=st.just(()) | boxes.map(lambda box: (Line(start=0, end=1, box=box, source="model"),)),
    table=st.none() | st.just(Table(rows=1, columns=1, cells=(Cell(row=0, column=0, text="x"),))),
)


@given(text=st.text(), items=st.none() | st.lists(regions, max_size=3).map(tuple))
def test_a_recognition_survives_json(text: str, items: tuple[Region, ...] | None) -> None:
    answer = Recognition(page_number=1, engine="e", text=text, regions=items)
    assert from_dict(Recognition, json.loads(json.dumps(to_dict(answer)))) == answer
