from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest
import replicate
from PIL import Image, ImageDraw, ImageFont

from deepseek_ocr_rag.document import Cell, Line, Table
from deepseek_ocr_rag.geometry import Box, Frame
from deepseek_ocr_rag.grounding import Parsed, parse
from deepseek_ocr_rag.prompts import PROMPTS, Task, prompt_for
from deepseek_ocr_rag.recognition import Region
from deepseek_ocr_rag.tables import parse_html_table, parse_pipe_table, table_rows

from .standin import ALL, HOST, RULES, Faults, Rules, StandIn, draw_codes, read_codes, sentence
from .standin.codes import LARGEST, places
from .standin.faults import Kind

GROUNDED = PROMPTS["markdown"]
CLIENT = httpx.Client(trust_env=False, timeout=60)
REPLICATE = "lucataco/deepseek-ocr:cb3b474fbfc56b1664c8c7841550bccecbe7b74c30e45ce938ffca1180b4dff5"


# Pages that are drawn, and where their words stand


def drawn(texts: Sequence[tuple[str, int, int, int]], *, width: int, height: int) -> tuple[Image.Image, dict[str, Box]]:
    """A page with texts at (x, y) in a size; with it the box of each text's ink."""
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    boxes = {}
    for text, x, y, size in texts:
        font = ImageFont.load_default(size=size)
        pen.text((x, y), text, fill="black", font=font)
        boxes[text] = Box.from_size(pen.textbbox((x, y), text, font=font), width=width, height=height)
    return page, boxes


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def blank(width: int = 64, height: int = 64, *, mode: str = "RGB", shade: int = 255) -> bytes:
    return png(Image.new("L", (width, height), shade).convert(mode))


SMALL, SMALL_BOXES = drawn(
    [("Harvest report", 40, 60, 40), ("It was good in every valley", 40, 190, 28), ("and on most hills", 40, 300, 28)],
    width=480,
    height=640,
)
TABLE = [["Region", "2023", "2024"], ["North", "120", "140"], ["South", "90", "75"]]


def with_table() -> tuple[Image.Image, dict[str, Box]]:
    texts = [
        ("Annual report", 80, 60, 44),
        ("The figures below are for both years and for the", 80, 160, 28),
        ("regions in which the company has been working.", 80, 200, 28),
        ("Table 1. Sales by region.", 80, 300, 28),
        ("Next year the sales are expected to rise again.", 80, 640, 28),
    ]
    cells = [
        (text, 100 + 240 * column, 363 + 60 * row, 28)
        for row, line in enumerate(TABLE)
        for column, text in enumerate(line)
    ]
    page, boxes = drawn([*texts, *cells], width=900, height=800)
    pen = ImageDraw.Draw(page)
    for row in range(4):
        pen.line((80, 350 + 60 * row, 800, 350 + 60 * row), fill="black", width=2)
    for column in range(4):
        pen.line((80 + 240 * column, 350, 80 + 240 * column, 530), fill="black", width=2)
    return page, boxes


# A page that is said to be seen, for tests that need not read


def region(label: str, text: str, top: float, **more: Any) -> Region:
    box = Box(left=0.1, top=top, right=0.8, bottom=top + 0.05)
    lines = (Line(start=0, end=len(text), box=box, source="ocr"),) if text and "table" not in more else ()
    return Region(label=label, text=text, boxes=(box,), lines=lines, **more)


CELLS = Table(
    rows=2,
    columns=2,
    cells=tuple(
        Cell(row=at // 2, column=at % 2, text=text, box=Box(left=0.1, top=0.3, right=0.2, bottom=0.35))
        for at, text in enumerate(("Year", "Sales & more", "2024", "75"))
    ),
)
SEEN = (
    region("section-header", "Annual report", 0.05),
    region("text", "All was well in the end.", 0.15),
    region("caption", "Table 1. Sales.", 0.25),
    region("table", "| Year | Sales & more |\n|---|---|\n| 2024 | 75 |", 0.3, table=CELLS),
    region("picture", "", 0.5),
    region("caption", "Figure 1. A curve.", 0.6),
    region("formula", "E=mc^2", 0.7),
    region("text", "The end.", 0.8),
)
VISIBLE = ("Annual report", "All was well in the end.", "Table 1. Sales.", "Figure 1. A curve.", "E=mc^2", "The end.")


@pytest.fixture(scope="module", autouse=True)
def _close_client() -> Iterator[None]:
    yield
    CLIENT.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def reading() -> Iterator[StandIn]:
    """Reads for real."""
    with StandIn(workers=1) as server:
        yield server


@pytest.fixture(scope="module")
def quick() -> Iterator[StandIn]:
    with StandIn(reader=lambda data: SEEN) as server:
        yield server


@pytest.fixture
def server(quick: StandIn) -> StandIn:
    """Sees the same in every picture; as new."""
    quick.rules, quick.faults, quick.form, quick.frame = Rules(), Faults(), "tagged", "per_axis"
    quick.key, quick.latency = "", 0.0
    quick.clear()
    return quick


def body(
    prompt: str = GROUNDED, picture: bytes | None = None, *, model: str = "deepseek-ocr", **more: Any
) -> dict[str, Any]:
    url = f"data:image/png;base64,{base64.b64encode(picture or blank()).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt}]
    return {"model": model, "messages": [{"role": "user", "content": parts}], "max_tokens": 4096, **more}


def post(
    server: StandIn, request: dict[str, Any], *, key: str = "k", path: str = "/v1/chat/completions"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return CLIENT.post(server.root + path, json=request, headers=headers)


def said(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    text = response.json()["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def read(server: StandIn, prompt: str = GROUNDED, picture: bytes | None = None, **more: Any) -> str:
    return said(post(server, body(prompt, picture, **more)))


def far_off(found: Box, wanted: Box) -> float:
    return max(abs(a - b) for a, b in zip(found.as_tuple(), wanted.as_tuple(), strict=True))


def texts_of(parsed: Parsed) -> str:
    return "\n".join(region.text for region in parsed.regions)


# Reading for real


def test_lines_that_the_official_client_gets_stand_where_they_were_drawn(reading: StandIn) -> None:
    url = f"data:image/png;base64,{base64.b64encode(png(SMALL)).decode()}"
    with openai.OpenAI(base_url=reading.url, api_key="<Your API Key>") as client:
        response = client.chat.completions.create(
            model="deepseek/deepseek-ocr",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": url}},
                        {"type": "text", "text": "<|grounding|>OCR this image."},
                    ],
                }
            ],
            stream=False,
            max_tokens=4096,
        )
    choice = response.choices[0]
    assert choice.finish_reason == "stop"
    assert response.usage is not None
    assert response.usage.prompt_tokens > 273
    assert response.usage.completion_tokens >= len(choice.message.content or "") / 4
    found = {region.text: region.boxes[0] for region in parse(choice.message.content or "", task="ocr").regions}
    assert set(found) == set(SMALL_BOXES)
    assert max(far_off(box, SMALL_BOXES[text]) for text, box in found.items()) < 0.02


def test_a_page_with_a_table_is_answered_in_the_models_grammar(reading: StandIn) -> None:
    page, boxes = with_table()
    answer = read(reading, picture=png(page))
    parsed = parse(answer)
    assert [each.label for each in parsed.regions] == ["title", "text", "table", "table_caption", "text"]
    title, paragraph, table, caption, last = parsed.regions
    assert title.text == "# Annual report"
    assert far_off(title.boxes[0], boxes["Annual report"]) < 0.02
    both = boxes["The figures below are for both years and for the"].union(
        boxes["regions in which the company has been working."]
    )
    assert far_off(paragraph.boxes[0], both) < 0.02
    assert last.text == "Next year the sales are expected to rise again."
    assert not table.text
    assert caption.text.startswith("Table 1. Sales by region.\n\n<table><tr><td>Region</td>")
    seen = parse_html_table(caption.text[caption.text.index("<table>") :])
    assert seen is not None
    assert table_rows(seen) == TABLE
    assert table.boxes[0].holds_center_of(boxes["120"])
    assert answer.startswith("<|ref|>title<|/ref|><|det|>[[")
    assert "# Annual report  \n\n<|ref|>text" in answer


def test_a_page_on_its_side_is_not_read_and_one_on_its_head_is_nonsense(reading: StandIn) -> None:
    for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270):
        assert read(reading, picture=png(SMALL.transpose(turn))) == ""
    answer = read(reading, picture=png(SMALL.transpose(Image.Transpose.ROTATE_180)))
    assert answer
    assert not any(word in answer for text in SMALL_BOXES for word in text.split() if len(word) > 2)


def test_the_same_picture_is_read_once() -> None:
    read_by_us: list[bytes] = []

    def reader(data: bytes) -> Sequence[Region]:
        read_by_us.append(data)
        return SEEN

    with StandIn(reader=reader) as server, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: read(server), range(16)))
    assert len(set(answers)) == 1
    assert read_by_us == [blank()]
    assert 1 < server.most_in_flight <= 8


# Grammar


def test_v1_puts_the_table_behind_its_caption(server: StandIn) -> None:
    parsed = parse(read(server))
    labels = [each.label for each in parsed.regions]
    assert labels == ["title", "text", "table", "table_caption", "image", "image_caption", "equation", "text"]
    by_label = {each.label: each.text for each in parsed.regions}
    assert by_label["table"] == by_label["image"] == ""
    assert by_label["table_caption"].startswith("Table 1. Sales.\n\n<table><tr><td>Year</td><td>Sales &amp; more</td>")
    assert by_label["image_caption"] == "<center>Figure 1. A curve. </center>"
    assert by_label["equation"] == "\\[E=mc^2\\]"
    assert not parsed.warnings


def test_a_table_without_a_caption_has_its_own_body() -> None:
    with StandIn(reader=lambda data: SEEN[3:4]) as server:
        assert parse(read(server)).regions[0].text.startswith("<table>")


def test_ocr_2_has_figure_titles_before_tables(server: StandIn) -> None:
    for more in ({"model": "deepseek/deepseek-ocr-2"}, {}):
        server.form = "tagged" if more else "ocr2"
        parsed = parse(read(server, **more))
        labels = [each.label for each in parsed.regions]
        assert labels == ["title", "text", "figure_title", "table", "image", "figure_title", "equation", "text"]
        assert parsed.regions[3].text.startswith("<table>")
        assert parsed.regions[5].text == "Figure 1. A curve."


def test_unlimited_has_its_label_in_the_box_tag(server: StandIn) -> None:
    server.form = "unlimited"
    answer = read(server)
    assert answer.startswith("<PAGE>\n<|det|>title [100, 50, 799, 100]<|/det|># Annual report\n\n<|det|>text [")
    assert [each.label for each in parse(answer).regions][:4] == ["title", "text", "table_caption", "table"]
    server.form = "tagged"
    assert read(server, "document parsing.", model="baidu/Unlimited-OCR") == answer
    assert read(server, "document parsing.").startswith("Here is")


@pytest.mark.parametrize("form", ["tagged", "stripped", "ocr2", "unlimited", "plain"])
def test_every_form_keeps_the_words_and_parses_back(server: StandIn, form: Any) -> None:
    server.form = form
    parsed = parse(read(server))
    text = texts_of(parsed)
    assert all(words in text for words in VISIBLE)
    assert parsed.form == {"stripped": "stripped", "plain": "plain"}.get(form, "tagged")
    assert all(each.boxes for each in parsed.regions) == (form != "plain")


def test_stripping_takes_the_cells_away(server: StandIn) -> None:
    server.form = "stripped"
    answer = read(server)
    assert "title[[100, 50, 799, 100]]\n# Annual report" in answer
    assert "<table>YearSales &amp; more202475</table>" in answer
    assert "<|" not in answer
    assert "<td>" not in answer


def test_an_old_build_counts_in_the_padded_square(server: StandIn) -> None:
    wide = blank(800, 400)
    upright = parse(read(server, picture=wide)).regions[0].boxes[0]
    server.frame = "padded_square"
    padded = parse(read(server, picture=wide)).regions[0].boxes[0]
    assert far_off(padded, upright) > 0.1
    assert far_off(Frame.padded_square(800, 400).place(padded), upright) < 0.003


PROMPTED: list[tuple[Task, str]] = [
    ("ocr", "<|ref|>Annual report<|/ref|><|det|>[[100, 50, 799, 100]]<|/det|>\n<|ref|>All was"),
    (
        "free_ocr",
        "# Annual report\n\nAll was well in the end.\n\nTable 1. Sales.\n\n| Year | Sales & more |\n|---|---|\n",
    ),
    ("figure", "<table><tr><td>Year</td><td>Sales &amp; more</td></tr>"),
    ("describe", 'The image shows a document with 10 lines of text. It begins with "Annual report"'),
    ("objects", "<|ref|>title<|/ref|><|det|>[[100, 50, 799, 100]]<|/det|>\n\n<|ref|>text<|/ref|>"),
    ("table", "# Annual report\n\nAll was well in the end.\n\nTable 1. Sales.\n\n| Year |"),
    ("latex", "# Annual report"),
]


@pytest.mark.parametrize(("task", "start"), PROMPTED)
def test_every_prompt_is_answered_in_its_own_way(server: StandIn, task: Task, start: str) -> None:
    answer = read(server, prompt_for(task))
    assert answer.startswith(start)
    assert ("$$\nE=mc^2\n$$" in answer) == (task == "latex")


def test_locate_gives_the_boxes_of_the_lines(server: StandIn) -> None:
    answer = read(server, prompt_for("locate", reference="all was WELL"))
    assert answer == "<|ref|>all was WELL<|/ref|><|det|>[[100, 150, 799, 200]]<|/det|>"
    assert read(server, prompt_for("locate", reference="nowhere")).endswith("<|det|>[]<|/det|>")


def test_a_chart_becomes_a_table_and_a_drawing_geometry() -> None:
    seen = {64: (region("picture", "North 120", 0.1), region("picture", "South 90", 0.2)), 65: ()}

    def reader(data: bytes) -> Sequence[Region]:
        return seen[Image.open(io.BytesIO(data)).width]

    with StandIn(reader=reader) as server:
        chart = parse_html_table(read(server, PROMPTS["figure"]))
        assert chart is not None
        assert table_rows(chart) == [["North", "120"], ["South", "90"]]
        server.form = "plain"
        assert parse_pipe_table(read(server, PROMPTS["figure"])) is not None
        assert read(server, PROMPTS["figure"], blank(65)).startswith("{'Line': {'line': [")


@pytest.mark.parametrize("prompt", ["Please extract all text from this image.", "<|grounding|>Convert it.", "free ocr"])
def test_to_any_other_prompt_it_chats(server: StandIn, prompt: str) -> None:
    answer = read(server, prompt)
    assert answer.startswith("Here is the extracted text from the image:\n\nAnnual report\n")
    assert "<|" not in answer


def test_without_the_grounding_mark_there_are_no_boxes(server: StandIn) -> None:
    assert read(server, "Convert the document to markdown.").startswith("# Annual report\n\n")


# Bar codes, for long runs


@pytest.mark.parametrize("side", [1684, 640, 400])
def test_bar_codes_survive_scaling_and_jpeg(side: int) -> None:
    numbers = [0, 1, LARGEST, 123_456, 7, 524_288]
    page = draw_codes(numbers)
    page.thumbnail((side, side))
    out = io.BytesIO()
    page.resize((round(side * 0.75), side)).save(out, "JPEG", quality=60)
    seen = read_codes(out.getvalue())
    assert [each.text for each in seen] == [sentence(number) for number in numbers]
    assert all(far_off(each.boxes[0], box) < 0.01 for each, box in zip(seen, places(6), strict=True))


def test_half_a_page_of_bar_codes_says_half_and_a_turned_one_nothing() -> None:
    page = draw_codes(range(1000, 1008))
    half = png(page.crop((0, 0, 600, 410)))
    assert [each.text for each in read_codes(half)] == [sentence(number) for number in range(1000, 1004)]
    assert read_codes(png(page.transpose(Image.Transpose.ROTATE_90))) == ()


def test_two_hundred_pages_with_faults_are_told_apart() -> None:
    pages = [png(draw_codes([10 * number, 10 * number + 1], width=300, height=400)) for number in range(200)]
    faults = Faults(rate=0.3, seed=3, kinds=[kind for kind in ALL if kind not in ("stall", "slow", "cut")])
    with StandIn(reader=read_codes, faults=faults) as server, ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda page: post(server, body(picture=page)), pages))
        entries = {entry.page: entry for entry in server.log}
    assert len(entries) == 200
    for number, (page, reply) in enumerate(zip(pages, replies, strict=True)):
        if not entries[hashlib.sha256(page).hexdigest()].fault:
            assert texts_of(parse(said(reply))) == f"{sentence(10 * number)}\n{sentence(10 * number + 1)}"
    spoilt = [entry.fault for entry in entries.values() if entry.fault]
    assert 30 < len(spoilt) < 90


# Rules


def refused(server: StandIn, request: dict[str, Any], status: int, *, key: str = "k") -> str:
    response = post(server, request, key=key)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert server.log[-1].outcome == f"refused: {error['message']}"
    assert server.log[-1].status == status
    return f"{error['message']} {error['param']} {error['code']}"


@pytest.mark.parametrize("name", sorted(set(RULES) - {"replicate"}))
def test_every_row_takes_what_its_documents_say(server: StandIn, name: str) -> None:
    server.rules = RULES[name]
    more = {"skip_special_tokens": False} if server.rules.strips == "unless_kept" else {}
    answer = read(server, model=(*server.rules.models, "any")[0], max_tokens=2048, **more)
    assert all(words in answer for words in VISIBLE)
    assert parse(answer).form == ("stripped" if name in ("llama.cpp", "lm-studio") else "tagged")


@pytest.mark.parametrize(
    "name", sorted(name for name, rules in RULES.items() if rules.needs_key and name != "replicate")
)
def test_hosts_want_a_key(server: StandIn, name: str) -> None:
    server.rules = RULES[name]
    assert "invalid_api_key" in refused(server, body(), 401, key="")
    server.key = "right"
    assert "invalid_api_key" in refused(server, body(), 401, key="wrong")
    assert read_with_key(server, "right")


def read_with_key(server: StandIn, key: str) -> str:
    return said(post(server, body(model=(*server.rules.models, "any")[0]), key=key))


def test_models_have_to_be_known(server: StandIn) -> None:
    server.rules = RULES["novita"]
    assert "`gpt-4` does not exist. model model_not_found" in refused(server, body(model="gpt-4"), 404)


def test_one_picture_and_one_turn(server: StandIn) -> None:
    server.rules = RULES["qianfan"]
    two = body()
    two["messages"][0]["content"] *= 2
    assert "got 2" in refused(server, two, 400)
    none = body()
    del none["messages"][0]["content"][0]
    assert "got 0" in refused(server, none, 400)
    turns = body()
    turns["messages"] *= 2
    turns["messages"][1]["content"] = "again"
    assert "Multi-turn" in refused(server, turns, 400)
    system = body()
    system["messages"].insert(0, {"role": "system", "content": "You are helpful."})
    assert "role 'system'" in refused(server, system, 400)
    server.rules = RULES["novita"]
    system["model"] = "deepseek/deepseek-ocr"
    assert post(server, system).status_code == 200


def test_pictures_have_to_fit(server: StandIn) -> None:
    server.rules = RULES["cloud-temple"]
    model = "deepseek-ai/DeepSeek-OCR"
    assert "2049x8" in refused(server, body(picture=blank(2049, 8), model=model), 413)
    assert post(server, body(picture=blank(2048, 8), model=model)).status_code == 200
    assert "alpha" in refused(server, body(picture=blank(mode="RGBA"), model=model), 400)
    server.rules = replace(RULES["qianfan"], max_bytes=1000)
    assert "bytes" in refused(server, body(picture=blank() + bytes(1000)), 413)
    assert "64x4" in refused(server, body(picture=blank(64, 4)), 400)
    assert RULES["qianfan"].max_bytes == 10 * 1024 * 1024


def test_pictures_have_to_be_pictures(server: StandIn) -> None:
    assert "identify" in refused(server, body(picture=b"%PDF-1.7"), 400)
    for url, problem in (("https://example.com/image.png", "fetch"), ("data:image/png;base64,@@", "base64")):
        request = body()
        request["messages"][0]["content"][0]["image_url"]["url"] = url
        assert problem in refused(server, request, 400)


def test_a_strict_host_refuses_fields_and_names_them_or_not(server: StandIn) -> None:
    server.rules = replace(RULES["novita"], is_strict=True)
    model = "deepseek/deepseek-ocr"
    assert "skip_special_tokens" in refused(server, body(model=model, skip_special_tokens=False), 400)
    server.rules = replace(server.rules, strict_status=422, names_field=False)
    assert "skip_special_tokens" not in refused(server, body(model=model, skip_special_tokens=False), 422)
    assert read(server, model=model, temperature=0)
    server.rules = replace(RULES["vllm"], is_strict=True)
    assert read(server, model="deepseek-ai/DeepSeek-OCR", max_tokens=100, vllm_xargs={"ngram_size": 30})


def test_an_old_vllm_refuses_lists_among_the_extras(server: StandIn) -> None:
    extras = {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822]}
    request = body(model="deepseek-ai/DeepSeek-OCR", max_tokens=100, vllm_xargs=extras)
    server.rules = RULES["vllm"]
    assert post(server, request).status_code == 200
    server.rules = replace(server.rules, takes_lists=False)
    assert "whitelist_token_ids" in refused(server, request, 400)


def test_special_tokens_go_unless_they_are_asked_for(server: StandIn) -> None:
    server.rules = RULES["vllm"]
    model = "deepseek-ai/DeepSeek-OCR"
    assert parse(read(server, model=model)).form == "stripped"
    kept = read(server, model=model, skip_special_tokens=False, include_stop_str_in_output=True)
    assert parse(kept).form == "tagged"
    assert parse(kept).has_end_mark
    server.rules = RULES["llama.cpp"]
    assert parse(read(server, skip_special_tokens=False)).form == "stripped"


def test_llama_cpp_gives_no_boxes_where_the_text_comes_first(server: StandIn) -> None:
    server.rules = RULES["llama.cpp"]
    request = body()
    request["messages"][0]["content"].reverse()
    assert said(post(server, request)).startswith("# Annual report")
    server.rules = RULES["regolo"]
    assert said(post(server, request)).startswith("<|ref|>title")


def test_deepseek_ocr_rs_writes_the_mark_itself_and_stops_early(server: StandIn) -> None:
    server.rules = RULES["deepseek-ocr.rs"]
    assert "mismatch" in refused(server, body(f"<image>\n{GROUNDED}"), 400)
    server.faults = Faults.always("empty")
    assert "empty output" in refused(server, body(), 500)
    request = body()
    del request["max_tokens"]
    server.faults = Faults.always("loop")
    choice = post(server, request).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"]) == 512 * 3.5


def test_the_token_limit_holds(server: StandIn) -> None:
    whole = read(server)
    reply = post(server, body(max_tokens=20)).json()
    choice = reply["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == whole[:70]
    assert reply["usage"]["completion_tokens"] == 20
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + 20


def test_vllm_counts_the_picture_against_the_context(server: StandIn) -> None:
    server.rules = RULES["vllm"]
    a4 = blank(1191, 1684)
    model = "deepseek-ai/DeepSeek-OCR"
    assert "8192" in refused(server, body(picture=a4, model=model, max_tokens=8181), 400)
    request = body(picture=a4, model=model)
    del request["max_tokens"]
    used = post(server, request).json()["usage"]["prompt_tokens"]
    assert 903 < used < 920  # 903 are an A4 page's in Gundam
    assert post(server, request | {"max_tokens": 8192 - used}).status_code == 200
    assert str(used) in refused(server, request | {"max_tokens": 8193 - used}, 400)
    server.rules = RULES["novita"]
    assert post(server, body(picture=a4, model="deepseek/deepseek-ocr", max_tokens=8192)).status_code == 200


def test_bodies_that_are_no_requests(server: StandIn) -> None:
    for data in (b"", b"{", b"[]", b'{"messages": []}', b'{"messages": [{"role": "user", "content": 3}]}'):
        assert CLIENT.post(f"{server.url}/chat/completions", content=data).status_code == 400


def test_what_came_in_is_kept_with_its_key(server: StandIn) -> None:
    request = body()
    post(server, request, key="secret-key", path="/v1/openai/chat/completions")
    received = server.requests[-1]
    assert (received.method, received.path, received.key) == ("POST", "/v1/openai/chat/completions", "secret-key")
    assert received.body == request
    assert received.headers["content-type"] == "application/json"


# Official clients and other routes


def test_the_official_client_streams_lists_models_and_says_what_is_wrong(server: StandIn) -> None:
    whole = read(server)
    server.rules = RULES["novita"]
    request = body(model="deepseek/deepseek-ocr")
    with openai.OpenAI(base_url=server.url, api_key="k", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == list(RULES["novita"].models)
        stream = client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            client.chat.completions.create(**{**request, "model": "other"})
        server.faults = Faults.always("429", seconds=7)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(**request)
        assert caught.value.response.headers["retry-after"] == "7"
    server.key = "right"
    with (
        openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(**request)


def test_the_official_client_tries_again(server: StandIn) -> None:
    server.faults = Faults.script("429", "cut", seconds=0.01)
    with openai.OpenAI(base_url=server.url, api_key="k", max_retries=2) as client:
        response = client.chat.completions.create(**body())
    assert response.choices[0].message.content
    assert [entry.fault for entry in server.log] == ["429", "cut", ""]


def ollama(server: StandIn, **more: Any) -> httpx.Response:
    message = {"role": "user", "content": GROUNDED, "images": [base64.b64encode(blank()).decode()]}
    request = {"model": "deepseek-ocr", "messages": [message], **more}
    return CLIENT.post(f"{server.root}/api/chat", json=request)


def test_ollamas_own_route(server: StandIn) -> None:
    whole = read(server)
    server.rules = RULES["ollama"]
    reply = ollama(server, stream=False, options={"num_ctx": 8192, "temperature": 0}).json()
    assert reply["message"] == {"role": "assistant", "content": whole}
    assert (reply["done"], reply["done_reason"]) == (True, "stop")
    assert reply["prompt_eval_count"] > 273
    lines = [json.loads(line) for line in ollama(server).text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == whole
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    short = ollama(server, stream=False, options={"num_predict": 10}).json()
    assert (short["done_reason"], short["eval_count"]) == ("length", 10)
    assert ollama(server, model="llava").json() == {"error": "The model `llava` does not exist."}
    assert [model["name"] for model in CLIENT.get(f"{server.root}/api/tags").json()["models"]] == list(
        RULES["ollama"].models
    )
    server.rules = RULES["vllm"]
    assert ollama(server).status_code == 404


@pytest.fixture
def client(server: StandIn) -> Iterator[replicate.Client]:
    server.rules = RULES["replicate"]
    client = replicate.Client(api_token="r8", base_url=server.root)
    client.poll_interval = 0.02
    yield client
    client._client.close()


def picture_input(**more: Any) -> dict[str, Any]:
    return {"image": f"data:image/png;base64,{base64.b64encode(blank()).decode()}", **more}


def test_the_official_replicate_client_runs_the_model(server: StandIn, client: replicate.Client) -> None:
    answer = client.run(REPLICATE, input=picture_input())
    assert answer.startswith("<|ref|>title<|/ref|>")
    assert client.run(REPLICATE, input=picture_input(task_type="Free OCR"), wait=False) == answer
    lost = picture_input(task_type="Locate Object by Reference")
    assert client.run(REPLICATE, input=lost).startswith("Error: Reference text is required")
    wanted = picture_input(task_type="Locate Object by Reference", reference_text="annual", resolution_size="Tiny")
    assert client.run(REPLICATE, input=wanted).startswith("<|ref|>annual<|/ref|><|det|>[[100, 50, 799, 100]]")
    assert client.run("lucataco/deepseek-ocr", input=picture_input()) == answer
    assert client.run(REPLICATE, input={"image": io.BytesIO(blank(65, 65))}) == answer
    assert server.log[-1].width == 65
    assert {received.key for received in server.requests} == {"r8"}


def test_replicate_predictions_are_polled_and_canceled(server: StandIn, client: replicate.Client) -> None:
    server.latency = 0.1
    version = REPLICATE.partition(":")[2]
    prediction = client.predictions.create(version=version, input=picture_input())
    assert prediction.status == "starting"
    prediction.wait()
    assert prediction.status == "succeeded"
    assert prediction.output.startswith("<|ref|>title")
    server.faults = Faults.always("stall")
    stalled = client.predictions.create(version=version, input=picture_input())
    stalled.reload()
    assert (stalled.status, server.in_flight) == ("processing", 1)
    stalled.cancel()
    assert (stalled.status, stalled.output, server.in_flight) == ("canceled", None, 0)
    waited = client.predictions.create(version=version, input=picture_input(), wait=1)
    assert waited.status == "processing"
    waited.cancel()
    headers = {"Authorization": "Bearer r8", "Cancel-After": "1s", "Prefer": "wait"}
    overdue = CLIENT.post(
        f"{server.url}/predictions", headers=headers, json={"version": version, "input": picture_input()}
    )
    assert overdue.json()["status"] == "canceled"


def test_replicate_refuses_what_it_does_not_know(server: StandIn, client: replicate.Client) -> None:
    for wrong in ({"prompt": "Free OCR."}, {"task_type": "Translate"}, {"resolution_size": "Huge"}):
        with pytest.raises(replicate.exceptions.ReplicateError, match="422"):
            client.run(REPLICATE, input=picture_input(**wrong))
    with pytest.raises(replicate.exceptions.ReplicateError, match="422"):
        client.run("somebody/else:" + "0" * 64, input=picture_input())
    with pytest.raises(replicate.exceptions.ReplicateError, match="404"):
        client.predictions.get("nothing")
    server.key = "other"
    with pytest.raises(replicate.exceptions.ReplicateError, match="401"):
        client.run(REPLICATE, input=picture_input())


def test_faults_on_replicate(server: StandIn, client: replicate.Client) -> None:
    server.faults = Faults.script("failed", "null", "500", "empty", "loop")
    with pytest.raises(replicate.exceptions.ModelError, match="CUDA"):
        client.run(REPLICATE, input=picture_input())
    assert client.run(REPLICATE, input=picture_input()) is None
    with pytest.raises(replicate.exceptions.ReplicateError, match="500"):
        client.run(REPLICATE, input=picture_input())
    assert client.run(REPLICATE, input=picture_input()) == ""
    assert len(client.run(REPLICATE, input=picture_input())) > 20_000
    assert [entry.outcome for entry in server.log] == [
        "refused: CUDA out of memory.",
        *("answered", "failed", "answered", "answered"),
    ]


# Faults


def test_hosts_fail_as_they_are_told(server: StandIn) -> None:
    kinds: list[Kind] = ["429", "500", "503", "html", "html_502", "bad_json", "wrong_shape", "null", "failed"]
    server.faults = Faults.script(*kinds, seconds=3)
    replies = {kind: post(server, body()) for kind in kinds}
    statuses = [reply.status_code for reply in replies.values()]
    assert statuses == [429, 500, 503, 200, 502, 200, 200, 200, 500]
    assert replies["429"].headers["retry-after"] == "3"
    assert replies["html"].headers["content-type"].startswith("text/html")
    assert replies["html_502"].text.startswith("<!DOCTYPE html>")
    with pytest.raises(ValueError, match="Unterminated"):
        replies["bad_json"].json()
    assert "choices" not in replies["wrong_shape"].json()
    assert replies["null"].json()["choices"][0]["message"]["content"] is None
    assert [entry.fault for entry in server.log] == kinds
    assert [entry.status for entry in server.log] == statuses


def test_a_connection_is_cut_in_the_middle(server: StandIn) -> None:
    server.faults = Faults.always("cut")
    for more in ({}, {"stream": True}):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            post(server, body(**more))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        ollama(server)


def test_a_stall_ends_when_the_client_leaves(server: StandIn) -> None:
    server.faults = Faults.always("stall")
    with pytest.raises(httpx.ReadTimeout):
        CLIENT.post(f"{server.url}/chat/completions", json=body(), timeout=0.2)
    settle(server)
    assert server.log[-1].outcome == "client left"


def settle(server: StandIn) -> None:
    until = time.monotonic() + 10
    while server.in_flight and time.monotonic() < until:
        time.sleep(0.01)
    assert server.in_flight == 0


def test_slow_answers_come(server: StandIn) -> None:
    server.faults = Faults.always("slow", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        CLIENT.post(f"{server.url}/chat/completions", json=body(), timeout=0.1)
    assert read(server)


def test_a_client_that_leaves_ends_its_request() -> None:
    with StandIn(reader=lambda data: SEEN, latency=30) as server:
        with pytest.raises(httpx.ReadTimeout):
            CLIENT.post(f"{server.url}/chat/completions", json=body(), timeout=0.2)
        settle(server)
        assert server.most_in_flight == 1


def test_a_server_closes_under_a_stalled_request() -> None:
    with StandIn(reader=lambda data: SEEN, faults=Faults.always("stall")) as server:
        outcomes: list[object] = []

        def ask() -> None:
            try:
                outcomes.append(CLIENT.post(f"{server.url}/chat/completions", json=body(), timeout=20).status_code)
            except httpx.HTTPError as error:
                outcomes.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.in_flight:
            time.sleep(0.01)
    thread.join()
    assert len(outcomes) == 1


@pytest.mark.parametrize("kind", ["loop", "loop_stop"])
def test_loops_repeat_themselves(server: StandIn, kind: Kind) -> None:
    server.faults = Faults.always(kind)
    for shade in range(6):  # some repeat a block, some a few words
        choice = post(server, body(picture=blank(shade=shade))).json()["choices"][0]
        text = choice["message"]["content"]
        assert choice["finish_reason"] == ("length" if kind == "loop" else "stop")
        assert text.startswith("<|ref|>title")
        assert text.count(text[-200:-100]) > 3
        if kind == "loop":
            assert len(text) == int(4096 * 3.5)


def test_truncation_cuts_a_tag(server: StandIn) -> None:
    whole = read(server)
    server.clear()
    server.faults = Faults.script("truncated", "truncated_stop")
    for reason in ("length", "stop"):
        choice = post(server, body(include_stop_str_in_output=True)).json()["choices"][0]
        text = choice["message"]["content"]
        assert choice["finish_reason"] == reason
        assert whole.startswith(text)
        assert text.count("<|/det|>") == text.count("<|ref|>") - 1
        assert len(text) > len(whole) / 2


def test_an_empty_answer(server: StandIn) -> None:
    server.faults = Faults.always("empty")
    assert read(server) == ""


def test_broken_tags_keep_the_words(server: StandIn) -> None:
    good = read(server)
    server.faults = Faults.always("broken_tags")
    for shade in range(8):
        broken = read(server, picture=blank(shade=shade))
        assert broken != good
        assert all(words in texts_of(parse(broken)) for words in VISIBLE)
    assert read(server, PROMPTS["free_ocr"]).startswith("# Annual report")
    assert server.log[-1].fault == ""  # nothing there to break


def test_a_models_fault_stays_with_its_picture_until_it_is_asked_in_another_way(server: StandIn) -> None:
    server.faults = Faults(rate=1, kinds=["empty"], cure=1)
    assert [read(server) for _ in range(3)] == [""] * 3
    assert read(server, temperature=0.2)
    assert read(server, vllm_xargs={"ngram_size": 20, "window_size": 50})
    assert read(server, PROMPTS["free_ocr"])
    assert read(server) == ""
    server.faults = Faults(rate=1, kinds=["empty"], cure=0)
    assert read(server) == read(server, temperature=0.2) == read(server, PROMPTS["free_ocr"]) == ""


def test_chance_repeats_itself_and_keeps_to_its_rate() -> None:
    def drawn_by(seed: int) -> list[str]:
        faults = Faults(rate=0.3, seed=seed)
        drawn = [faults.draw(number, f"page {number}", "") for number in range(1000)]
        return [fault.kind if fault else "" for fault in drawn]

    once = drawn_by(1)
    assert once == drawn_by(1) != drawn_by(2)
    assert 200 < sum(map(bool, once)) < 400
    assert len(set(once)) == len(HOST) + 6 + 1
    assert not any(Faults(rate=0).draw(number, "page", "") for number in range(100))


def test_a_hosts_fault_is_drawn_anew_for_each_attempt() -> None:
    faults = Faults(rate=0.5, kinds=["500"])
    outcomes = {faults.draw(number, "page", "") is None for number in range(50)}
    assert outcomes == {True, False}


def test_a_function_plans_the_faults(server: StandIn) -> None:
    pages: list[str] = []

    def plan(number: int, page: str) -> Kind | None:
        pages.append(page)
        return "empty" if number == 2 else None

    server.faults = Faults(plan)
    assert [bool(read(server)) for _ in range(3)] == [True, False, True]
    assert pages == [server.log[0].page] * 3


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        Faults(kinds=["earthquake"])  # type: ignore[list-item]
