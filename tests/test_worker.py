"""The worker's frames and its manners on the pipe."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag import worker
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.recognition import PageImage
from deepseek_ocr_rag.render import BOOT, visited
from deepseek_ocr_rag.worker import FRAME, Server, Setup, pack, read_message

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.text(), JSON))
def test_messages_survive_their_frame(header: dict[str, object]) -> None:
    assert read_message(io.BytesIO(pack(header))) == header


def test_an_ended_stream_is_the_end() -> None:
    assert read_message(io.BytesIO(b"")) is None
    assert read_message(io.BytesIO(pack({"a": 1})[:5])) is None


def test_the_layout_model_is_loaded_only_for_the_engine_that_uses_it() -> None:
    script = """
import sys
from deepseek_ocr_rag.worker import Server
Server()
import pymupdf
import deepseek_ocr_rag.measure
assert not {"pymupdf.layout", "pymupdf4llm"} & set(sys.modules), "loaded for a picture"
from deepseek_ocr_rag.engines.embedded.model import layout_groups
layout_groups(pymupdf.open().new_page())
assert callable(pymupdf._get_layout), "not loaded for the embedded engine"
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    made = pymupdf.open()
    made.new_page().insert_text((50, 100), "hello")
    made.save(tmp_path / "hello.pdf")
    return tmp_path / "hello.pdf"


def ask(*messages: dict[str, object]) -> list[tuple[dict[str, object], bytes]]:
    """Send messages to a worker process and read all its replies."""
    sent = b"".join(pack(message) for message in messages)
    done = subprocess.run(
        [sys.executable, "-P", "-c", BOOT, str(Path(worker.__file__).parent)],
        input=sent,
        capture_output=True,
        check=True,
    )
    out, replies = io.BytesIO(done.stdout), []
    while head := out.read(FRAME.size):
        size, payload = FRAME.unpack(head)
        replies.append((json.loads(out.read(size)), out.read(payload)))
    return replies


def test_only_frames_reach_the_pipe_and_one_bad_request_does_not_end_it(document: Path) -> None:
    address = {"path": str(document), "media_type": "application/pdf", "name": "hello.pdf", "password": ""}
    wish = {"image": None, "words": True, "local": None}
    replies = ask(
        {"do": "open", **address},
        {"do": "page", "page_number": 1, "request": {"words": "yes"}, **address},
        {"do": "page", "page_number": 1, "request": wish, **address},
    )
    assert replies[0][0]["facts"]["page_count"] == 1  # type: ignore[index]
    assert replies[1][0]["error"] == "PageFailed"
    assert replies[2][0]["texts"] == ["hello"]


def visit(path: Path, request: dict[str, object], *, media_type: str = "application/pdf") -> tuple[PageImage, bytes]:
    """What the worker makes of a file's first page; the same code as in its process."""
    server = Server()
    address = {"path": str(path), "media_type": media_type, "name": path.name, "password": ""}
    reply, data = server.answer({"do": "page", "page_number": 1, "request": request, **address})
    page = visited(reply, data)
    return page, page.data


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode in ("L", "RGB")
        return image.size


def print_page(path: Path, *, size: float, width: float = 595, height: float = 842, turn: int = 0) -> Path:
    made = pymupdf.open()
    page = made.new_page(width=width, height=height)
    line = "Nobody on the pier remembered. " * int(width / size / 16)
    for number in range(1, int(height / size / 1.5)):
        page.insert_text((size, number * 1.5 * size), line, fontsize=size)
    page.set_rotation(turn)
    made.save(path)
    return path


def test_auto_draws_a_page_as_large_as_its_text_needs(tmp_path: Path) -> None:
    large, data = visit(print_page(tmp_path / "large.pdf", size=24), {"image": {}})
    assert (large.width, large.height) == size_of(data) == (362, 512)
    assert large.resolution.startswith("tiny, 362x512 px: its smallest text is 2.9 %")
    fine, _ = visit(print_page(tmp_path / "fine.pdf", size=7), {"image": {}})
    assert max(fine.width, fine.height) == 1811
    assert fine.tiles == ()


@pytest.mark.parametrize(
    ("wish", "side"),
    [({"resolution": "base"}, 1024), ({"long_side": 700}, 700), ({"resolution": "gundam", "max_side": 1500}, 1500)],
)
def test_a_size_that_was_asked_for_is_taken(tmp_path: Path, wish: dict[str, object], side: int) -> None:
    page, data = visit(print_page(tmp_path / "p.pdf", size=24), {"image": wish})
    assert max(size_of(data)) == max(page.width, page.height) == side
    assert page.resolution.endswith("as asked")


def test_a_page_on_its_side_is_turned_unless_unwanted(tmp_path: Path) -> None:
    path = print_page(tmp_path / "side.pdf", size=12, turn=90)
    page, data = visit(path, {"image": {}})
    assert (page.turn, page.rotation, page.page_width) == (270, 90, 842)
    assert size_of(data)[0] < size_of(data)[1]
    page, data = visit(path, {"image": {"upright": False}})
    assert page.turn == 0
    assert size_of(data)[0] > size_of(data)[1]


def test_fine_print_comes_as_one_picture_and_its_tiles(tmp_path: Path) -> None:
    path = print_page(tmp_path / "poster.pdf", size=9, width=1684, height=2384)
    page, data = visit(path, {"image": {}})
    assert size_of(data)[1] > 2400
    assert len(page.tiles) >= 2
    assert "tiles" in page.resolution
    assert (min(tile.top for tile in page.tiles), max(tile.bottom for tile in page.tiles)) == (0, 1)


def test_no_tile_is_over_the_servers_limit(tmp_path: Path) -> None:
    path = print_page(tmp_path / "poster.pdf", size=9, width=1684, height=2384)
    page, data = visit(path, {"image": {"max_side": 1000}})
    width, height = size_of(data)
    assert (width, height) == (page.width, page.height)
    assert max(max(tile.width * width, tile.height * height) for tile in page.tiles) <= 1000


def test_a_part_of_the_page_is_drawn_alone_and_not_turned(tmp_path: Path) -> None:
    path = print_page(tmp_path / "side.pdf", size=12, turn=90)
    part = {"left": 0.5, "top": 0.25, "right": 1.0, "bottom": 0.75}
    page, data = visit(path, {"image": {}, "crop": list(part.values()), "words": True})
    width, height = size_of(data)
    assert (page.turn, page.tiles) == (0, ())
    assert width / height == pytest.approx(842 / 595, rel=0.01)
    assert width == pytest.approx(421 / 72 * 300, abs=3)  # no more than print has
    assert len(page.words) > 100


def test_a_part_has_no_more_pixels_than_its_page(tmp_path: Path) -> None:
    scan = Image.new("L", (600, 800), 255)
    scan.paste(0, (100, 100, 160, 150))
    scan.save(tmp_path / "scan.png")
    made = pymupdf.open()
    page = made.new_page(width=600, height=800)
    page.insert_image(page.rect, filename=tmp_path / "scan.png")
    made.save(tmp_path / "scan.pdf")
    figure = [100 / 600, 100 / 800, 160 / 600, 150 / 800]
    for name, media_type in (("scan.pdf", "application/pdf"), ("scan.png", "image/png")):
        _, data = visit(tmp_path / name, {"image": {"long_side": 1024}, "crop": figure}, media_type=media_type)
        assert size_of(data) == (60, 50)
    inch = [0.0, 0.0, 72 / 595, 72 / 842]
    print_page(tmp_path / "p.pdf", size=12)
    shown, data = visit(tmp_path / "p.pdf", {"image": {"long_side": 1024}, "crop": inch})
    assert size_of(data) == (300, 300)
    assert "all that there is" in shown.resolution


@pytest.mark.parametrize("wish", [{"long_side": 640, "max_side": 500}, {"max_side": 500}, {"long_side": 500}])
def test_no_part_is_over_the_limit(tmp_path: Path, wish: dict[str, object]) -> None:
    print_page(tmp_path / "p.pdf", size=12, width=613.7, height=801.3)
    for left, top, right in [(0.111, 0.1, 0.733), (0.2013, 0.077, 0.9), (1 / 3, 1 / 7, 0.871)]:
        page, data = visit(tmp_path / "p.pdf", {"image": wish, "crop": [left, top, right, 0.4]})
        assert max(size_of(data)) == max(page.width, page.height) == 500


def test_pictures_are_not_enlarged_and_stay_whole_for_the_next_visit(tmp_path: Path) -> None:
    Image.effect_noise((300, 5000), 60).save(tmp_path / "strip.png")
    for _ in range(2):
        page, data = visit(tmp_path / "strip.png", {"image": {"max_side": 500}}, media_type="image/png")
        assert len(page.tiles) > 1
        width, height = size_of(data)
        assert max(tile.height * height for tile in page.tiles) <= 500
        assert (page.page_width, page.page_height) == (300, 5000)
        assert width <= 300


def test_blank_pages_have_no_picture(tmp_path: Path) -> None:
    made = pymupdf.open()
    made.new_page()
    made.save(tmp_path / "blank.pdf")
    page, data = visit(tmp_path / "blank.pdf", {"image": {}})
    assert page.is_blank
    assert (data, page.resolution) == (b"", "")


def address(path: Path) -> dict[str, object]:
    return {"path": str(path), "media_type": "application/pdf", "name": "report.pdf", "password": ""}


def unpacked(frame: bytes) -> dict[str, object]:
    size, _ = FRAME.unpack(frame[: FRAME.size])
    found = json.loads(frame[FRAME.size : FRAME.size + size])
    assert isinstance(found, dict)
    return found


def test_a_worker_keeps_some_documents_open_and_closes_those_not_read_for_longest(tmp_path: Path) -> None:
    server = Server()
    for name in range(worker.MOST_OPEN + 3):
        made = pymupdf.open()
        made.new_page()
        made.save(tmp_path / f"{name}.pdf")
        server.answer({"do": "open", **address(tmp_path / f"{name}.pdf")})
        server.answer({"do": "open", **address(tmp_path / "0.pdf")})
    names = [Path(key[0]).stem for key in server._files]
    assert len(names) == worker.MOST_OPEN
    assert names[-1] == "0"
    assert "1" not in names


def test_a_worker_that_has_grown_lets_go_of_its_documents(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    server.answer({"do": "open", **address(document)})
    ((_, first),) = server._files.items()
    server.answer({"do": "open", **address(document)})
    assert list(server._files.values()) == [first]
    monkeypatch.setattr(worker, "memory_in_use", lambda: server._bound + 1)
    server.answer({"do": "open", **address(document)})
    ((_, second),) = server._files.items()
    assert second is not first


def test_a_worker_whose_memory_is_nearly_used_up_asks_to_be_replaced(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits()
    server = Server(Setup(limits=limits))
    assert "retires" not in unpacked(server.reply({"do": "open", **address(document)}))
    monkeypatch.setattr(worker, "memory_taken", lambda: round(0.8 * limits.worker_memory))
    assert unpacked(server.reply({"do": "open", **address(document)}))["retires"] is True


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "needs more memory than"),
        (RuntimeError("code=1: malloc (99 bytes) failed"), "needs more memory than"),
        (RuntimeError("cannot open {path}: gone"), "(RuntimeError: cannot open report.pdf: gone)"),
    ],
)
def test_whatever_a_library_raises_is_that_pages_error(
    document: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    error.args = tuple(str(part).format(path=document) for part in error.args)

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(worker, "visit", failing)
    wish = {"do": "page", "page_number": 1, "request": {"words": True}, **address(document)}
    answer = unpacked(Server().reply(wish))
    assert (answer["error"], answer["source"], answer["page_number"]) == ("PageFailed", "report.pdf", 1)
    assert said in str(answer["message"])
    assert str(document) not in str(answer)


def test_a_page_comes_in_few_words(document: Path) -> None:
    wish = {"do": "page", "page_number": 1, "request": {"words": True}, **address(document)}
    answer, payload = Server().answer(wish)
    assert set(answer["page"]) == {"page_number", "page_width", "page_height", "source", "view"}
    assert (answer["texts"], answer["picture"], len(payload)) == (["hello"], 0, 4 * 8)
