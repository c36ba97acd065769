"""Figures are cut out, saved under our names and read; what goes wrong with one costs that one."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepseek_ocr_rag.chunk import ChunkOptions, chunk_document
from deepseek_ocr_rag.document import Block, BlockKind, Document, Line, Page, PageStatus
from deepseek_ocr_rag.errors import EngineRejected, PageFailed
from deepseek_ocr_rag.figures import FigureOptions, with_figures
from deepseek_ocr_rag.geometry import Box, QuarterTurn
from deepseek_ocr_rag.metadata import chunk_metadata
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest, Recognition, Region
from deepseek_ocr_rag.tables import table_markdown
from deepseek_ocr_rag.usage import Usage

HASH = "0123456789abcdef" * 4
BOX = Box(left=0.1, top=0.2, right=0.6, bottom=0.5)
HTML = "<table><tr><th>Year</th><th>Fish</th></tr><tr><td>2019</td><td>12</td></tr></table>"
PIPES = "| Year | Fish |\n|---|---|\n| 2019 | 12 |"


def figure(ordinal: int = 1, *boxes: Box, text: str = "", lines: tuple[Line, ...] = ()) -> Block:
    return Block(
        id=f"p3-b{ordinal}",
        kind=BlockKind.FIGURE,
        text=text,
        page_number=3,
        boxes=boxes or (BOX,),
        lines=lines,
        label="image",
    )


def words(ordinal: int, kind: BlockKind = BlockKind.PARAGRAPH, text: str = "Water.") -> Block:
    return Block(id=f"p3-b{ordinal}", kind=kind, text=text, page_number=3, boxes=(BOX,))


def saved(number: int, picture: int, start: str = "") -> str:
    """The name of the desk's picture of that number, as that of the figure of that number."""
    digest = hashlib.sha256(f"picture {picture}".encode()).hexdigest()
    return f"{start}0123456789abcdef-p3-{number}-{digest[:8]}.jpg"


def page(*blocks: Block) -> Page:
    return Page(number=3, label="iii", width=600, height=800, blocks=blocks, usage=Usage(requests=1))


class Desk:
    """What a page and an engine do for figures: says what was asked for, fails where told to."""

    def __init__(self, answer: str | Recognition = "", *, fails: Callable[[int], Exception | None] = lambda at: None):
        self.answer = answer
        self.fails = fails
        self.requests: list[PageRequest] = []
        self.tasks: list[Task] = []
        self.images: list[PageImage] = []

    async def visit(self, request: PageRequest) -> PageImage:
        self.requests.append(request)
        if error := self.fails(len(self.requests)):
            raise error
        data = f"picture {len(self.requests)}".encode()
        return PageImage(page_number=3, page_width=600, page_height=800, data=data, media_type="image/jpeg")

    async def recognize(self, page: PageImage, *, task: Task) -> Recognition:
        self.tasks.append(task)
        self.images.append(page)
        if isinstance(self.answer, Recognition):
            return self.answer
        usage = Usage(input_tokens=5, output_tokens=2, requests=1)
        return Recognition(page_number=3, engine="fake", text=self.answer, usage=usage)

    def treat(self, page: Page, options: FigureOptions, *, document_id: str = f"sha256:{HASH}") -> Page:
        work = with_figures(page, document_id=document_id, visit=self.visit, recognize=self.recognize, options=options)
        return asyncio.run(work)


def read(tmp_path: Path, answer: str | Recognition, block: Block | None = None, *, read: str = "parse") -> Page:
    return Desk(answer).treat(page(block or figure()), FigureOptions(folder=str(tmp_path), read=read))  # type: ignore[arg-type]


# Saving


def test_a_figure_is_cut_out_and_saved_under_a_name_of_ours(tmp_path: Path) -> None:
    desk, folder = Desk(), tmp_path / "new" / "figs"
    before = page(words(1), figure(2), figure(3, BOX, Box(left=0.2, top=0.6, right=0.9, bottom=0.7)), words(4))
    after = desk.treat(before, FigureOptions(folder=str(folder), long_side=640))
    paths = [folder / saved(1, 1), folder / saved(2, 2)]
    assert [block.image for block in after.blocks] == ["", *(path.as_posix() for path in paths), ""]
    assert [path.read_bytes() for path in paths] == [b"picture 1", b"picture 2"]
    assert len(list(folder.iterdir())) == 2
    image = ImageRequest(long_side=640, upright=False)
    assert desk.requests == [
        PageRequest(image=image, crop=BOX),
        PageRequest(image=image, crop=Box(left=0.1, top=0.2, right=0.9, bottom=0.7)),
    ]
    assert desk.tasks == []
    assert tuple(replace(block, image="") for block in after.blocks) == before.blocks
    assert (after.warnings, after.usage, after.history) == ((), before.usage, ("figures: 2 saved",))


def test_a_relative_folder_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = Desk().treat(page(figure()), FigureOptions(folder="figs")).blocks
    assert block.image == saved(1, 1, "figs/")
    assert Path(block.image).read_bytes() == b"picture 1"


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "figs"
    precious.write_text("mine")
    folder.mkdir()
    (folder / saved(1, 1)).symlink_to(precious)
    Desk().treat(page(figure()), FigureOptions(folder=str(folder)))
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("folder", ["memory://figs/of/mine", "memory://figs/of/mine/"])
def test_figures_go_to_any_place_that_fsspec_knows(folder: str) -> None:
    (block,) = Desk().treat(page(figure()), FigureOptions(folder=folder)).blocks
    assert block.image == saved(1, 1, "memory://figs/of/mine/")
    with fsspec.open(block.image) as file:
        assert file.read() == b"picture 1"


def test_small_unplaced_and_surplus_figures_are_left_alone_and_counted(tmp_path: Path) -> None:
    rule = Box(left=0.1, top=0.5, right=0.9, bottom=0.51)
    unplaced = replace(figure(3), boxes=())
    desk = Desk()
    after = desk.treat(
        page(figure(1, rule), figure(2), unplaced, figure(4), figure(5)),
        FigureOptions(folder=str(tmp_path), read="parse", most=2),
    )
    names = [Path(block.image).name for block in after.blocks]
    assert names == ["", saved(2, 1), "", saved(4, 2), ""]
    assert after.history[:4] == (
        "figures: 2 saved",
        "figures: 1 left alone, smaller than 0.03 of the page (min_side)",
        "figures: 1 left alone, whose place is not known",
        "figures: 1 left alone, beyond the first 2 (most)",
    )
    assert len(desk.requests) == len(desk.tasks) == 2


def test_another_picture_of_the_same_figure_leaves_the_first_one(tmp_path: Path) -> None:
    desk, options = Desk(), FigureOptions(folder=str(tmp_path))
    (first,), (second,) = (desk.treat(page(figure()), options).blocks for _ in range(2))
    assert Path(first.image).read_bytes() == b"picture 1"
    assert Path(second.image).read_bytes() == b"picture 2"
    (again,) = Desk().treat(page(figure()), options).blocks
    assert again.image == first.image
    assert len(list(tmp_path.iterdir())) == 2


class SidewaysDesk(Desk):
    """Gives pictures of three rows by two, blue where the top left is as the page is displayed."""

    async def visit(self, request: PageRequest) -> PageImage:
        picture = Image.new("RGB", (48, 32), "white")
        picture.paste("blue", (0, 0, 16, 16))
        out = io.BytesIO()
        picture.save(out, "PNG")
        image = await super().visit(request)
        return replace(image, data=out.getvalue(), media_type="image/png", width=48, height=32)


@pytest.mark.parametrize(
    ("turn", "size", "corner"),
    [(0, (48, 32), (8, 8)), (90, (32, 48), (24, 8)), (180, (48, 32), (40, 24)), (270, (32, 48), (8, 40))],
)
def test_pictures_of_a_page_that_was_turned_are_upright(
    tmp_path: Path, turn: QuarterTurn, size: tuple[int, int], corner: tuple[int, int]
) -> None:
    desk = SidewaysDesk("A mill.")
    before = replace(page(figure()), turn=turn)
    after = desk.treat(before, FigureOptions(folder=str(tmp_path), read="parse"))
    (sent,) = desk.images
    assert (sent.width, sent.height, sent.turn) == (*size, turn)
    assert desk.requests[0].crop == BOX == after.blocks[0].boxes[0]
    assert Path(after.blocks[0].image).read_bytes() == sent.data
    with Image.open(io.BytesIO(sent.data)) as picture:
        assert picture.size == size
        red, _, blue = picture.convert("RGB").getpixel(corner)  # type: ignore[misc]
    assert (red < 60, blue > 200) == (True, True)


# Reading


@pytest.mark.parametrize("status", ["fallback", "failed"])
def test_on_a_page_that_the_model_did_not_read_figures_are_only_saved(tmp_path: Path, status: PageStatus) -> None:
    desk = Desk("A mill.")
    before = replace(page(figure(1), figure(2)), status=status)
    after = desk.treat(before, FigureOptions(folder=str(tmp_path), read="parse"))
    assert desk.tasks == []
    assert all(Path(block.image).is_file() for block in after.blocks)
    assert after.history == ("figures: 2 saved", f"figures: 2 not read, since the page itself is {status}")
    assert (after.warnings, after.usage) == ((), before.usage)
    assert desk.treat(before, FigureOptions(folder=str(tmp_path))).history == ("figures: 2 saved",)


@pytest.mark.parametrize("answer", [HTML, PIPES, f"{HTML}<｜end▁of▁sentence｜>", f"\n{PIPES}\n"])
def test_a_chart_becomes_a_table_in_its_figure(tmp_path: Path, answer: str) -> None:
    (block,) = read(tmp_path, answer).blocks
    assert (block.kind, block.text) == (BlockKind.FIGURE, PIPES)
    assert block.table is not None
    assert table_markdown(block.table) == PIPES


def test_text_around_a_table_is_kept(tmp_path: Path) -> None:
    (block,) = read(tmp_path, f"Fish by year\n\n{HTML}\n\nSource: the mill").blocks
    assert block.text == f"Fish by year\n\n{PIPES}\n\nSource: the mill"
    assert block.table is not None
    (block,) = read(tmp_path, HTML + "\n\n" + HTML).blocks
    assert (block.text, block.table) == (f"{PIPES}\n\n{PIPES}", None)


def test_geometry_becomes_lines_of_text_with_what_stands_around(tmp_path: Path) -> None:
    answer = (
        "The photos show:\n```python\n{'Line': {'line': ['(0, 0) -- (3, 0)'], 'line_type': ['--'], 'line_endpoint': "
        "['A: (0, 0)', 'B: (3, 0)']}, 'Circle': {'circle_center': ['O: (1, 1)'], 'radius': [2]}}\n```\nThat is all."
    )
    (block,) = read(tmp_path, answer).blocks
    drawing = "Line A-B, solid, from (0, 0) to (3, 0)\nCircle O, center (1, 1), radius 2"
    assert block.text == f"{drawing}\n\nThe photos show:\n\nThat is all."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("CC(=O)Oc1ccccc1C(=O)O", "`CC(=O)Oc1ccccc1C(=O)O`"),
        ("<smiles>[Na+].[Cl-]</smiles>", "`[Na+].[Cl-]`"),
        ("C[C@H](N)C(=O)O\nCCO", "`C[C@H](N)C(=O)O`\n`CCO`"),
        ("NO", "NO"),
        ("SPIN", "SPIN"),
        ("A mill by the river.", "A mill by the river."),
    ],
)
def test_formulas_are_code_and_words_are_not(tmp_path: Path, answer: str, expected: str) -> None:
    assert read(tmp_path, answer).blocks[0].text == expected


def test_a_description_is_asked_for_and_kept_as_it_is(tmp_path: Path) -> None:
    desk = Desk("A mill by the river, CC(=O)O.\n\nIt is old.")
    after = desk.treat(page(figure()), FigureOptions(folder=str(tmp_path), read="describe"))
    assert desk.tasks == ["describe"]
    assert desk.images[0].data == b"picture 1"
    assert after.blocks[0].text == "A mill by the river, CC(=O)O.\n\nIt is old."
    assert after.usage == Usage(input_tokens=5, output_tokens=2, requests=2)


def test_what_a_figure_said_is_kept_before_with_its_places(tmp_path: Path) -> None:
    line = Line(start=0, end=4, box=Box(left=0.1, top=0.2, right=0.2, bottom=0.25), source="ocr")
    (block,) = read(tmp_path, "A mill.", figure(text="Mill", lines=(line,))).blocks
    assert block.text == "Mill\n\nA mill."
    assert block.lines == (line, Line(start=6, end=13, box=BOX, source="model"))
    assert read(tmp_path, "A mill.").blocks[0].lines == ()


def test_a_loop_is_cut_and_what_the_engine_says_is_on_the_page(tmp_path: Path) -> None:
    answer = Recognition(
        page_number=3,
        engine="fake",
        text="A mill. wheel wheel wheel",
        repeats_from=7,
        status="looped",
        warnings=("gave up.",),
        history=("asked once",),
    )
    after = read(tmp_path, answer)
    assert after.blocks[0].text.startswith("A mill.")
    assert after.warnings[0] == "figure 1: gave up."
    assert "figure 1: what the model said about it is looped." in after.warnings
    assert after.history == ("figures: 1 saved", "figure 1: asked once")


def test_an_answer_to_another_task_has_no_marks_left(tmp_path: Path) -> None:
    text = "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nA mill.\n\n"
    answer = Recognition(page_number=3, engine="fake", text=text, task="markdown")
    assert read(tmp_path, answer).blocks[0].text == "A mill."


def test_regions_of_an_engine_are_text_as_well(tmp_path: Path) -> None:
    answer = Recognition(page_number=3, engine="fake", regions=(Region(label="text", text="A mill."),))
    assert read(tmp_path, answer).blocks[0].text == "A mill."


def test_an_empty_answer_is_said_to_be_one(tmp_path: Path) -> None:
    after = read(tmp_path, "", figure(text="Mill"))
    assert after.blocks[0].text == "Mill"
    assert after.warnings == ("figure 1: the model said nothing about it.",)


@settings(max_examples=60, deadline=None)
@given(answer=st.text() | st.text(alphabet="{}[]()'|<>/tabletrd:,-Line \n#`C=", max_size=80), kept=st.text(max_size=20))
def test_any_answer_is_text_after_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, answer: str, kept: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "figures"
    (block,) = read(folder, answer, figure(text=kept)).blocks
    assert block.text.startswith(kept)
    assert block.kind is BlockKind.FIGURE


# What goes wrong


def test_a_failure_costs_its_figure_alone(tmp_path: Path) -> None:
    errors = {1: PageFailed("took too long.", hint="Give it more time."), 2: KeyError("strange")}
    desk = Desk("A mill.", fails=errors.get)
    after = desk.treat(page(figure(1), figure(2), figure(3)), FigureOptions(folder=str(tmp_path), read="parse"))
    assert after.warnings == (
        "figure 1 could not be cut out: took too long. Give it more time.",
        "figure 2 could not be cut out: KeyError: 'strange'",
    )
    assert [(bool(block.image), block.text) for block in after.blocks] == [(False, ""), (False, ""), (True, "A mill.")]


def test_an_engine_that_fails_leaves_the_picture(tmp_path: Path) -> None:
    def refuse(page: PageImage, *, task: Task) -> asyncio.Future[Recognition]:
        error = EngineRejected("no such task.", hint="Take another model.")
        error.requests, error.history = 3, ("asked three times",)
        raise error

    work = with_figures(
        page(figure()),
        document_id=HASH,
        visit=Desk().visit,
        recognize=refuse,
        options=FigureOptions(folder=str(tmp_path), read="parse"),
    )
    after = asyncio.run(work)
    assert after.warnings == ("figure 1 could not be read: no such task. Take another model.",)
    assert Path(after.blocks[0].image).is_file()
    assert after.usage == Usage(requests=4, retries=2)
    assert after.history == ("figures: 1 saved", "figure 1: asked three times")


def test_a_folder_that_cannot_be_written_leaves_the_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    after = Desk("A mill.").treat(page(figure()), FigureOptions(folder=str(tmp_path / "file"), read="parse"))
    assert (after.blocks[0].image, after.blocks[0].text) == ("", "A mill.")
    (warning,) = after.warnings
    assert warning.startswith("figure 1 could not be saved: FileExistsError")


def test_cancelling_is_not_a_failure_of_a_figure(tmp_path: Path) -> None:
    desk = Desk(fails=lambda at: asyncio.CancelledError())  # type: ignore[arg-type,return-value]
    with pytest.raises(asyncio.CancelledError):
        desk.treat(page(figure()), FigureOptions(folder=str(tmp_path)))


@pytest.mark.parametrize(
    "document_id", ["", "sha256:", "../../etc/passwd-0123456789abcdef", "sha256:abc", HASH.upper()]
)
def test_a_hash_that_is_none_names_no_file(tmp_path: Path, document_id: str) -> None:
    with pytest.raises(ValueError, match="not a hash"):
        Desk().treat(page(figure()), FigureOptions(folder=str(tmp_path)), document_id=document_id)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"folder": ""}, "folder is empty"),
        ({"read": "all"}, "'parse'"),
        ({"long_side": 8}, "long_side"),
        ({"min_side": 1.0}, "min_side"),
        ({"most": 0}, "most"),
        ({"folder": "nosuch://x"}, "nosuch://"),
        ({"folder": "ftp://me:secret@host/x"}, "password"),
        ({"folder": "zip://x::http://me:secret@host/x"}, "password"),
        ({"folder": "zip://me:secret@host::memory://x"}, "password"),
        ({"folder": "https://host/x?token=secret"}, "query"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        FigureOptions(**({"folder": "figs"} | wrong))  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_addresses_need_fsspec_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install fsspec"):
        FigureOptions(folder="memory://figs")
    assert FigureOptions(folder="figs").folder == "figs"


# In chunks


def document(*blocks: Block) -> Document:
    return Document(id=f"sha256:{HASH}", source="a.pdf", file_name="a.pdf", total_pages=3, pages=(page(*blocks),))


@pytest.mark.parametrize("text", ["", "A mill with two wheels and a roof of reed."])
@pytest.mark.parametrize("caption_first", [True, False])
def test_a_figure_and_its_caption_are_in_one_chunk(tmp_path: Path, text: str, caption_first: bool) -> None:
    shown = [figure(10), words(11, BlockKind.CAPTION, "Figure 4: the mill in winter")]
    around = [
        words(at, text=f"Paragraph {at} " + "says a few words more. " * 4) for at in (*range(1, 9), *range(12, 20))
    ]
    blocks = [*around[:8], *(shown[::-1] if caption_first else shown), *around[8:]]
    after = Desk(text).treat(page(*blocks), FigureOptions(folder=str(tmp_path), read="parse" if text else "none"))
    made = document(*after.blocks)
    options = ChunkOptions(max_tokens=64, counter=lambda text: len(text.split()))
    chunks = list(chunk_document(made, options))
    assert len(chunks) > 3
    (chunk,) = [chunk for chunk in chunks if "Figure 4" in chunk.text]
    assert text in chunk.text
    images = [json.loads(str(chunk_metadata(made, chunk)["images"])) for chunk in chunks]
    assert images[chunk.index] == [after.blocks[blocks.index(shown[0])].image]
    assert sum(map(len, images)) == 1
    assert not any("![" in chunk.text for chunk in chunks)
