from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from deepseek_ocr_rag.blocks import build_blocks
from deepseek_ocr_rag.document import BlockKind
from deepseek_ocr_rag.engines.asker import Asking
from deepseek_ocr_rag.engines.climb import read_page
from deepseek_ocr_rag.engines.connection import Learned
from deepseek_ocr_rag.engines.question import Guard, Question, Response, Trouble, TroubleKind
from deepseek_ocr_rag.engines.retry import RetryPolicy
from deepseek_ocr_rag.errors import EngineMisconfigured, EngineRejected, EngineUnavailable
from deepseek_ocr_rag.families import family
from deepseek_ocr_rag.geometry import WHOLE_PAGE, Box, Frame
from deepseek_ocr_rag.modes import image_tokens
from deepseek_ocr_rag.recognition import PageImage, Recognition, Word
from deepseek_ocr_rag.usage import Usage

GOOD = (
    "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nThis is what the page says, from here to the end.  \n\n"
)
LOOP = GOOD + "<|ref|>text<|/ref|><|det|>[[100, 300, 900, 400]]<|/det|>\n" + "and so on " * 900
V1 = family("deepseek-ocr")
ASKING = Asking(engine="test", model="m", family=V1, policy=RetryPolicy(backoff=0.0), has_guard=True)


def picture(width: int = 600, height: int = 800) -> bytes:
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    for top in range(50, height - 60, 40):
        if abs(top - height // 2) > 40:
            draw.rectangle((40, top, width - 40, top + 14), fill=0)
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


PAGE = PageImage(
    page_number=7, page_width=600, page_height=800, data=picture(), media_type="image/jpeg", width=600, height=800,
    source="dir/a.pdf",
)  # fmt: skip

Step = Response | Trouble | str


@dataclass
class Server:
    """Answers from ``script`` in turn, then for ever with ``rest``, and keeps the questions."""

    script: list[Step] = field(default_factory=list)
    rest: Step | Callable[[Question], Step] = GOOD
    questions: list[Question] = field(default_factory=list)

    async def send(self, question: Question) -> Response:
        self.questions.append(question)
        step = self.script.pop(0) if self.script else self.rest(question) if callable(self.rest) else self.rest
        if isinstance(step, Trouble):
            raise step
        if isinstance(step, str):
            return Response(text=step, finish_reason="stop", usage=Usage(input_tokens=900, output_tokens=20))
        return step


def cut_off(text: str = GOOD) -> Response:
    return Response(text=text, finish_reason="length")


def trouble(kind: TroubleKind, **more: Any) -> Trouble:
    return Trouble(kind, f"it was {kind}", hint="Do something.", **more)


def read(
    server: Server, page: PageImage = PAGE, *, asking: Asking = ASKING, learned: Learned | None = None, **more: Any
) -> Recognition:
    known = learned or Learned()
    wishes = {"task": "markdown"} | more
    return asyncio.run(read_page(page, asking=asking, send=server.send, learned=known, **wishes))


def test_one_good_answer() -> None:
    server = Server()
    read_ = read(server)
    assert (read_.text, read_.status, read_.pieces, read_.frame) == (GOOD, "ok", (), WHOLE_PAGE)
    assert read_.usage == Usage(input_tokens=900, output_tokens=20, requests=1)
    assert read_.history == read_.warnings == ()
    [question] = server.questions
    assert question.prompt == "<|grounding|>Convert the document to markdown."
    assert question.temperature == 0.0
    assert question.guard == Guard(size=30, window=90)
    assert question.max_tokens == 8192 - image_tokens(600, 800) - 48 - len(question.prompt) // 2


def test_a_loop_is_asked_for_with_another_guard() -> None:
    server = Server(script=[cut_off(LOOP)])
    read_ = read(server)
    assert (read_.text, read_.status) == (GOOD, "retried")
    assert [question.guard for question in server.questions] == [Guard(size=30, window=90), Guard(size=20, window=50)]
    assert [line.partition(" (")[0] for line in read_.history] == [
        "as asked: looped",
        "with another n-gram guard: ok",
    ]
    assert read_.usage.requests == 2
    assert read_.usage.retries == 1
    assert "with another n-gram guard" in read_.warnings[0]


def test_a_page_that_loops_for_ever_keeps_what_it_says_once() -> None:
    server = Server(rest=cut_off(LOOP))
    read_ = read(server)
    assert read_.status == "looped"
    tasks = [question.task for question in server.questions]
    assert tasks[:4] == ["markdown"] * 4
    assert tasks[-1] == "free_ocr"
    assert len(server.questions) <= ASKING.policy.max_requests
    blocks, _ = build_blocks(read_)
    text = " ".join(block.text for block in blocks)
    assert "This is what the page says" in text
    assert text.count("and so on") < 10
    assert "repeats itself" in read_.warnings[0]


def test_what_is_cut_off_is_read_in_halves() -> None:
    server = Server(script=[cut_off()])
    read_ = read(server)
    assert read_.status == "retried"
    assert read_.text == ""
    top, bottom = read_.pieces
    assert (top.frame.top, bottom.frame.bottom) == (0.0, 1.0)
    assert 0.3 < top.frame.bottom < 0.7
    assert bottom.frame.top <= top.frame.bottom
    assert [question.picture.width for question in server.questions] == [600, 600, 600]
    assert sum(question.picture.height for question in server.questions[1:]) < 1000
    blocks, _ = build_blocks(read_)
    assert blocks[0].boxes[0].bottom < 0.2 < blocks[1].boxes[0].top


def test_a_half_that_cannot_be_read_leaves_the_other() -> None:
    server = Server(script=[cut_off(), trouble("rejected"), GOOD, trouble("rejected")])
    read_ = read(server)
    assert read_.status == "truncated"
    assert "from here to the end" in read_.text + "".join(piece.text for piece in read_.pieces)


def test_an_empty_answer_is_not_believed() -> None:
    server = Server(script=["  \n"])
    assert read(server).status == "retried"
    assert max(server.questions[1].picture.width, server.questions[1].picture.height) <= 1024
    nothing = read(Server(rest=""))
    assert nothing.status == "suspect"
    assert "empty although" in nothing.warnings[0]


def test_a_picture_without_words_is_no_fault_unless_the_text_layer_knows_better() -> None:
    photo = "<|ref|>image<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>\n"
    assert read(Server(rest=photo)).status == "ok"
    box = Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    worded = replace(PAGE, words=tuple(Word(text=text, box=box) for text in ("three", "words", "here")))
    server = Server(script=[photo])
    assert read(server, worded).status == "retried"


def test_free_ocr_is_the_last_resort_and_known_as_such() -> None:
    server = Server(rest=lambda question: "Plain text." if question.task == "free_ocr" else cut_off())
    read_ = read(server, asking=replace(ASKING, policy=RetryPolicy(backoff=0.0, max_requests=30)))
    blocks, _ = build_blocks(read_)
    assert read_.status == "retried"
    assert {block.text for block in blocks} == {"Plain text."}


def test_passing_trouble_is_waited_for() -> None:
    server = Server(script=[trouble("busy"), trouble("unreachable")])
    read_ = read(server)
    assert (read_.status, read_.usage.requests, read_.usage.retries) == ("ok", 3, 2)
    assert len(read_.history) == 3


@pytest.mark.parametrize(
    ("kind", "error", "requests"),
    [("busy", EngineUnavailable, 3), ("rejected", EngineRejected, 1), ("misconfigured", EngineMisconfigured, 1)],
)
def test_no_answer_is_an_error_that_says_what_to_do(kind: TroubleKind, error: type[Exception], requests: int) -> None:
    server = Server(rest=trouble(kind))
    with pytest.raises(error, match=rf"dir/a.pdf, page 7: it was {kind}.*Do something."):
        read(server)
    assert len(server.questions) == requests


def test_a_picture_that_is_too_large_is_made_smaller_and_so_are_the_next() -> None:
    learned = Learned()
    server = Server(rest=lambda question: trouble("too_large") if question.picture.height > 500 else GOOD)
    assert read(server, learned=learned).status == "ok"
    assert [question.picture.height for question in server.questions] == [800, 600, 450]
    again = read(server, learned=learned)
    assert again.usage.requests == 1
    assert server.questions[-1].picture.height == 450
    assert "sent at 338x450 px" in again.history


def test_a_refused_field_is_forgotten_unless_leaving_it_out_helps() -> None:
    learned = Learned()
    with pytest.raises(EngineRejected):
        read(Server(script=[trouble("field", field="a")], rest=trouble("rejected")), learned=learned)
    assert not learned.refused
    server = Server(script=[trouble("field", field="a")])
    read(server, learned=learned)
    assert learned.refused == {"a"}
    assert server.questions[1].without == {"a"}
    again = Server()
    read(again, learned=learned)
    assert again.questions[0].without == {"a"}


def test_tiles_are_read_one_by_one() -> None:
    tiles = (Box(left=0, top=0, right=1, bottom=0.55), Box(left=0, top=0.45, right=1, bottom=1))
    page = replace(PAGE, tiles=tiles, resolution="two tiles, because the text is small")
    server = Server()
    read_ = read(server, page)
    assert [piece.frame for piece in read_.pieces] == [Frame.from_box(tile) for tile in tiles]
    assert (read_.status, read_.usage.requests, read_.usage.retries) == ("ok", 2, 0)
    assert read_.history[0] == page.resolution
    lost = read(Server(script=[GOOD], rest=trouble("rejected")), page)
    assert lost.status == "truncated"
    assert "tile 2 of 2 could not be read" in " ".join(lost.warnings)
    with pytest.raises(EngineRejected):
        read(Server(rest=trouble("rejected")), page)


def test_a_table_that_lost_its_cells_is_asked_for_alone() -> None:
    fused = "table[[100, 500, 900, 800]]\n<table>YearRiver2024Rhine2025Elbe</table>\n"
    pipe = "| Year | River |\n|---|---|\n| 2024 | Rhine |\n| 2025 | Elbe |"
    server = Server(script=[fused, pipe])
    read_ = read(server)
    assert [question.task for question in server.questions] == ["markdown", "table"]
    assert server.questions[1].prompt == "Convert the document to markdown table."
    assert server.questions[1].picture.height < 300
    [block] = build_blocks(read_)[0]
    assert block.kind is BlockKind.TABLE
    assert block.table is not None
    assert [cell.text for cell in block.table.cells] == ["Year", "River", "2024", "Rhine", "2025", "Elbe"]


def test_a_server_that_counts_in_a_padded_square() -> None:
    read_ = read(Server(rest="text[[200, 100, 800, 200]]\nHere."), asking=replace(ASKING, is_padded=True))
    assert read_.frame == Frame.padded_square(600, 800)
    [block] = build_blocks(read_)[0]
    assert block.boxes[0].left == pytest.approx((200 / 999 * 800 - 100) / 600)
    assert block.boxes[0].right == pytest.approx((800 / 999 * 800 - 100) / 600)


def test_a_prompt_of_the_user_is_sent_as_it_is() -> None:
    server = Server(rest="")
    read(server, asking=replace(ASKING, prompt="Read it!"))
    assert {question.prompt for question in server.questions} == {"Read it!"}


def test_what_is_to_be_located() -> None:
    server = Server(rest="<|ref|>Total<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>")
    read(server, task="locate", reference="Total")
    assert server.questions[0].prompt == "Locate <|ref|>Total<|/ref|> in the image."


def test_the_budget_of_a_page_is_kept() -> None:
    for policy, requests in ((RetryPolicy(max_requests=2), 2), (RetryPolicy(ask_again=False), 1)):
        server = Server(rest=cut_off(LOOP))
        assert read(server, asking=replace(ASKING, policy=policy)).status == "looped"
        assert len(server.questions) == requests
    for requests in range(1, 9):
        server = Server(rest=cut_off())
        read(server, asking=replace(ASKING, policy=RetryPolicy(max_requests=requests)))
        assert len(server.questions) <= requests


def test_the_deadline_of_a_page_is_kept_while_a_server_stalls() -> None:
    async def stall(question: Question) -> Response:
        await asyncio.sleep(60)
        raise AssertionError("unreachable")

    asking = replace(ASKING, policy=RetryPolicy(deadline=0.05))
    with pytest.raises(EngineUnavailable, match="time was over") as caught:
        asyncio.run(read_page(PAGE, task="markdown", asking=asking, send=stall, learned=Learned()))
    assert (caught.value.requests, len(caught.value.history)) == (1, 1)


def test_each_tile_has_a_request_of_its_own() -> None:
    tiles = tuple(Box(left=0, top=at / 4, right=1, bottom=at / 4 + 0.25) for at in range(4))
    server = Server(rest=cut_off())
    read_ = read(server, replace(PAGE, tiles=tiles), asking=replace(ASKING, policy=RetryPolicy(max_requests=3)))
    assert len(server.questions) <= 6
    assert len({piece.frame.top for piece in read_.pieces}) >= 4


@pytest.mark.parametrize("task", ["figure", "describe", "latex", "locate", "objects"])
def test_half_a_chart_is_another_chart(task: str) -> None:
    reference = {"reference": "Total"} if task == "locate" else {}
    server = Server(rest=cut_off("<table><tr><td>1</td></tr></table>"))
    page = replace(PAGE, tiles=(Box(left=0, top=0, right=1, bottom=0.5), Box(left=0, top=0.5, right=1, bottom=1)))
    for given in (PAGE, page):
        read(server, given, task=task, **reference)
    assert {question.picture.height for question in server.questions} == {800}


@pytest.mark.parametrize("task", ["figure", "describe", "latex", "table"])
def test_an_empty_description_is_no_description(task: str) -> None:
    assert read(Server(rest=""), task=task).status == "suspect"


def test_tables_of_tiles_are_text_of_the_page() -> None:
    tiles = (Box(left=0, top=0, right=1, bottom=0.5), Box(left=0, top=0.5, right=1, bottom=1))
    read_ = read(Server(rest="| a | b |\n|---|---|\n| 1 | 2 |"), replace(PAGE, tiles=tiles), task="table")
    blocks, _ = build_blocks(read_, task="table")
    assert [block.kind for block in blocks] == [BlockKind.TABLE] * 2


def test_a_prompt_for_one_task_is_not_sent_for_another() -> None:
    server = Server(rest="A cat.")
    read(server, task="describe", asking=replace(ASKING, prompt="Read it!", prompt_task="markdown"))
    assert server.questions[0].prompt == "Describe this image in detail."


@pytest.mark.parametrize("reason", ["abort", "insufficient_system_resource", "MAX_TOKENS", "error"])
def test_reasons_that_nobody_knows_are_not_trusted(reason: str) -> None:
    server = Server(script=[Response(text=GOOD, finish_reason=reason)])
    assert read(server).status == "retried"


def test_a_page_that_prints_the_end_mark_spoils_no_other() -> None:
    learned = Learned()
    read(Server(rest=GOOD + "The mark <｜end▁of▁sentence｜> ends a sentence."), learned=learned)
    assert not learned.ends_marked
    assert read(Server(rest=GOOD), learned=learned).status == "ok"


def test_a_picture_that_fits_is_not_made_smaller_because_another_did_not() -> None:
    learned = Learned(refused_side=800, refused_bytes=10**6, taken_side=600)
    server = Server()
    read(server, learned=learned)
    assert server.questions[0].picture.height == 800


def test_a_shorter_context_is_learned() -> None:
    learned = Learned()
    server = Server(script=[trouble("too_long", room=4096)])
    assert read(server, learned=learned).status == "ok"
    assert server.questions[1].max_tokens < 4096 - image_tokens(600, 800)
    assert read(Server(), learned=learned).usage.requests == 1


def test_a_server_that_is_not_there_is_not_there_for_any_page() -> None:
    with pytest.raises(EngineMisconfigured, match="it was unreachable"):
        read(Server(rest=trouble("unreachable", is_connected=False)))


def test_one_busy_moment_does_not_cost_the_tables() -> None:
    fused = "table[[100, 500, 900, 800]]\n<table>YearRiver2024Rhine</table>\n"
    server = Server(script=[fused, trouble("busy"), "| Year | River |\n|---|---|\n| 2024 | Rhine |"])
    [block] = build_blocks(read(server))[0]
    assert block.table is not None


def test_the_log_says_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="deepseek_ocr_rag")
    read(Server(script=[trouble("busy"), cut_off(LOOP)]))
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "dir/a.pdf, page 7: as asked: busy",
        "dir/a.pdf, page 7: as asked: looped",
        "dir/a.pdf, page 7: with another n-gram guard: ok",
    ]


def test_a_page_without_a_picture_is_not_sent() -> None:
    server = Server()
    with pytest.raises(EngineRejected, match="no picture"):
        read(server, replace(PAGE, data=b""))
    assert not server.questions


def test_a_page_that_is_refused_waits_its_turn_until_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def record(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("deepseek_ocr_rag.engines.climb.asyncio.sleep", record)
    server = Server(script=[trouble("limited")] * 20)
    read_ = read(server, asking=replace(ASKING, policy=RetryPolicy(max_attempts=1, max_requests=1)))
    assert (read_.text, read_.status) == (GOOD, "ok")
    assert read_.usage.requests == 21
    assert waits[0] == 0
    assert all(0.1 <= wait <= 30 for wait in waits[1:])
    assert sum(waits[1:3]) < 1  # the first times, soon
    assert all(question == server.questions[0] for question in server.questions)


def test_a_deadline_ends_the_waiting() -> None:
    server = Server(rest=trouble("limited", retry_after=30.0))
    with pytest.raises(EngineUnavailable):
        read(server, asking=replace(ASKING, policy=RetryPolicy(deadline=20)))
    assert len(server.questions) == 1
