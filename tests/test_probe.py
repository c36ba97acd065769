"""What a probe finds out about servers that answer in each way, and what it says to set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from deepseek_ocr_rag.engines.providers import PROVIDERS, Provider
from deepseek_ocr_rag.errors import EngineError, EngineMisconfigured, EngineUnavailable
from deepseek_ocr_rag.families import Family, family
from deepseek_ocr_rag.geometry import WHOLE_PAGE, Frame
from deepseek_ocr_rag.probe import ProbeReport, RemoteServer, next_task, probe
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest, Recognition
from deepseek_ocr_rag.usage import Usage

from . import test_calibration as drawn

GOOD = drawn.answer() + drawn.END
STRIPPED = drawn.stripped(drawn.answer())
LOCAL = Provider(name="local", title="A server", base_url="http://127.0.0.1/v1", model="m")


class ScriptedEngine:
    """Answers each task with its text, or raises its error; tells of no server."""

    name = "scripted"
    fingerprint = "scripted"
    request = PageRequest(image=ImageRequest(media_type="image/png"), words=True)

    def __init__(
        self, answers: Mapping[Task, str | Exception], *, frame: Frame = WHOLE_PAGE, end: str = "stop"
    ) -> None:
        self.answers = {"markdown": GOOD, "free_ocr": drawn.plain(), **answers}
        self.frame = frame
        self.end = end
        self.pages: list[PageImage] = []
        self.tasks: list[Task] = []

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        await asyncio.sleep(0)
        self.pages.append(page)
        self.tasks.append(task)
        answer = self.answers.get(task, "")
        if isinstance(answer, Exception):
            raise answer
        return Recognition(
            page_number=1,
            engine=self.name,
            text=answer,
            frame=self.frame,
            model="m",
            finish_reason=self.end,
            status="truncated" if self.end == "length" else "ok",
            usage=Usage(input_tokens=900, output_tokens=500, requests=1),
            history=(f"tried {task}",),
        )

    async def aclose(self) -> None:
        return


class ServerEngine(ScriptedEngine):
    """The same on a server that refuses fields."""

    def __init__(
        self,
        answers: Mapping[Task, str | Exception],
        *,
        row: Provider = LOCAL,
        model: Family | None = None,
        refused: tuple[str, ...] = (),
    ) -> None:
        super().__init__(answers)
        self.provider = row
        self.family = model or family("deepseek-ocr")
        self.refused = frozenset(refused)


def run(engine: ScriptedEngine) -> ProbeReport:
    return asyncio.run(probe(engine))


def advice(engine: ScriptedEngine) -> str:
    return "\n".join(run(engine).advice)


def test_a_good_server_needs_no_advice() -> None:
    engine = ServerEngine({}, row=PROVIDERS["vllm"])
    report = run(engine)
    assert report.advice == ()
    assert (report.answers, report.engine, report.refused) == (True, "scripted", ())
    assert report.taken == ("include_stop_str_in_output", "skip_special_tokens", "vllm_xargs")
    assert engine.tasks == ["markdown", "free_ocr"]
    assert report.usage == Usage(input_tokens=1800, output_tokens=1000, requests=2)
    assert report.reports_usage
    assert report.findings is report.asked[0].findings
    assert report.asked[0].history == ("tried markdown",)


def test_the_picture_is_of_the_type_that_the_engine_wants() -> None:
    engine = ScriptedEngine({})
    run(engine)
    assert engine.pages[0].media_type == "image/png"
    assert engine.pages[0].data.startswith(b"\x89PNG")


def test_a_server_that_does_not_answer_is_asked_once() -> None:
    engine = ScriptedEngine({"markdown": EngineMisconfigured("the key is wrong.", hint="Set KEY.")})
    report = run(engine)
    assert (report.answers, report.advice, report.taken, report.findings) == (False, ("Set KEY.",), (), None)
    assert engine.tasks == ["markdown"]
    text = "\n".join(report.lines())
    assert "DOES NOT ANSWER" in text
    assert "the key is wrong." in text


def test_trouble_with_the_second_question_is_told_and_no_more() -> None:
    for error in (EngineUnavailable("it went away."), ValueError("no prompt for it")):
        report = run(ScriptedEngine({"free_ocr": error}))
        assert report.answers
        assert report.advice == ()
        assert report.asked[1].error == (error.message if isinstance(error, EngineError) else str(error))
        assert any(report.asked[1].error in line for line in report.lines())


def test_padded_squares_are_to_be_set_and_to_be_taken_back() -> None:
    padded = drawn.answer(frame="padded_square")
    assert advice(ScriptedEngine({"markdown": padded})).startswith('Set ChatOptions(frame="padded_square")')
    assert run(ScriptedEngine({"markdown": padded}, frame=drawn.SQUARE)).advice == ()
    assert advice(ScriptedEngine({}, frame=drawn.SQUARE)).startswith('Set ChatOptions(frame="per_axis")')
    assert advice(ScriptedEngine({"markdown": drawn.answer(frame="per_mille")})) == ""


def test_boxes_that_cannot_be_used_are_told() -> None:
    assert "in pixels" in advice(ScriptedEngine({"markdown": drawn.answer(frame="pixels")}))
    assert "off in every known frame" in advice(ScriptedEngine({"markdown": drawn.answer(jitter=300)}))


@pytest.mark.parametrize(
    ("row", "refused", "expected"),
    [
        (LOCAL, (), 'ChatOptions(extra_body={"skip_special_tokens": False})'),
        (PROVIDERS["vllm"], (), "ignores skip_special_tokens=false"),
        (PROVIDERS["vllm"], ("skip_special_tokens",), "refuses skip_special_tokens=false"),
    ],
)
def test_stripped_tokens_are_told_with_what_was_tried(row: Provider, refused: tuple[str, ...], expected: str) -> None:
    engine = ServerEngine({"markdown": STRIPPED}, row=row, refused=refused)
    assert expected in advice(engine)
    assert engine.tasks == ["markdown", "table"]


def test_lost_cells_may_come_back_for_a_table_alone() -> None:
    healed = advice(ScriptedEngine({"markdown": STRIPPED, "table": drawn.plain()}))
    assert "keep their cells when they are asked for alone" in healed
    assert "another server" in advice(ScriptedEngine({"markdown": STRIPPED, "table": STRIPPED}))
    assert "another server" in advice(ScriptedEngine({"markdown": STRIPPED, "table": EngineUnavailable("gone.")}))


def test_answers_without_boxes_are_asked_for_lines() -> None:
    engine = ScriptedEngine({"markdown": drawn.plain(), "ocr": drawn.plain()})
    assert "image_first=True" in advice(engine)
    assert engine.tasks == ["markdown", "ocr"]
    boxed = advice(ScriptedEngine({"markdown": drawn.plain(), "ocr": drawn.lines_answer()}))
    assert 'task="ocr"' in boxed
    assert "image_first" not in boxed
    general = advice(ServerEngine({"markdown": drawn.plain(), "ocr": drawn.plain()}, model=family("plain")))
    assert "A general vision model" in general
    assert "image_first" not in general


def test_a_model_that_does_not_see_the_picture_is_told() -> None:
    (line,) = run(ScriptedEngine({"markdown": "I am sorry, I cannot see any image."})).advice
    assert "may not see the picture" in line


@pytest.mark.parametrize(
    ("row", "refused", "expected"),
    [
        ("vllm", ("vllm_xargs",), "NGramPerReqLogitsProcessor"),
        ("vllm", ("vllm_xargs.whitelist_token_ids",), "Update the server"),
        ("sglang", ("custom_logit_processor", "custom_params"), "--enable-custom-logit-processor"),
        ("vllm", ("odd", "vllm_xargs"), "Leave odd out of ChatOptions(extra_body=...)"),
    ],
)
def test_refused_fields_are_told(row: str, refused: tuple[str, ...], expected: str) -> None:
    report = run(ServerEngine({}, row=PROVIDERS[row], refused=refused))
    assert expected in "\n".join(report.advice)
    assert report.refused == refused
    assert not set(report.taken) & set(refused)


def test_answers_whose_end_says_nothing_are_told() -> None:
    assert "include_stop_str_in_output" in advice(ScriptedEngine({"markdown": drawn.answer()}, end=""))
    assert advice(ScriptedEngine({}, end="")) == ""
    assert "max_tokens" in advice(ScriptedEngine({"markdown": drawn.answer()[:1500]}, end="length"))


def test_words_tables_and_digits_that_are_missing_are_told() -> None:
    without_table, _, rest = drawn.answer().partition("<table>")
    missing = advice(ScriptedEngine({"markdown": without_table + rest.partition("</table>")[2]}))
    assert "not in the answer as a table" in missing
    wrong = advice(ScriptedEngine({"markdown": drawn.answer().replace(".4</td>", "</td>").replace("Ce", "C")}))
    assert "do not rely on tables" in wrong
    half = advice(ScriptedEngine({"markdown": drawn.answer()[: len(drawn.answer()) // 2]}))
    assert "of the words were read" in half


def test_the_report_is_json_and_text() -> None:
    report = run(ServerEngine({"markdown": STRIPPED}, row=PROVIDERS["vllm"], refused=("vllm_xargs",)))
    data = json.loads(json.dumps(report.to_dict()))
    assert data["asked"][0]["findings"]["frame"] == "per_axis"
    assert data["asked"][0]["findings"]["frame_errors"]["padded_square"] > 0.05
    assert data["usage"]["requests"] == 2
    assert data["reports_usage"] is True
    text = "\n".join(report.lines())
    for part in (
        "scripted answers",
        "tried markdown",
        "0% of the cells",
        "markdown: ",
        "table: ",
        "cells are LOST",
        "are STRIPPED",
        "0..999 along each side",
    ):
        assert part in text
    assert "2 request(s), 1800 tokens in, 1000 out" in text
    assert "vllm_xargs refused; include_stop_str_in_output, skip_special_tokens taken or ignored" in text
    assert all(f"    - {line}" in text for line in report.advice)


def test_what_is_asked_next_follows_from_what_is_lacking() -> None:
    found = {
        name: run(ScriptedEngine({"markdown": text})).findings
        for name, text in (("good", GOOD), ("stripped", STRIPPED), ("plain", drawn.plain()))
    }
    tasks = {name: next_task(findings) for name, findings in found.items() if findings is not None}
    assert tasks == {"good": "free_ocr", "stripped": "table", "plain": "ocr"}


def test_our_engines_tell_about_their_server() -> None:
    from deepseek_ocr_rag.engines.chat import ChatEngine

    async def look() -> None:
        engine = ChatEngine("http://127.0.0.1:9/v1", provider="vllm")
        assert isinstance(engine, RemoteServer)
        assert engine.refused == frozenset()
        assert not isinstance(ScriptedEngine({}), RemoteServer)
        await engine.aclose()

    asyncio.run(look())
