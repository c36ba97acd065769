"""Engines that behave badly in one known way each, for tests of whatever has to cope with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deepseek_ocr_rag.errors import EngineMisconfigured, EngineRejected, EngineUnavailable
from deepseek_ocr_rag.prompts import Task
from deepseek_ocr_rag.recognition import ImageRequest, PageImage, PageRequest, Recognition

GOOD_TEXT = "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nPage {number} says this.  \n\n"


class FakeEngine:
    """Answers every page with ``GOOD_TEXT``, and keeps count.

    ``pages`` lists the page numbers asked for, ``most_in_flight`` how many were asked for at once, ``cancelled`` the
    pages whose reading was cancelled, ``closed`` how often the engine was closed.
    """

    name = "fake"
    fingerprint = "fake"
    request = PageRequest(image=ImageRequest(long_side=64), words=True)

    def __init__(self, text: str = GOOD_TEXT) -> None:
        self.text = text
        self.pages: list[int] = []
        self.cancelled: list[int] = []
        self.in_flight = self.most_in_flight = self.closed = 0

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        self.pages.append(page.page_number)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self.answer(page, task)
        except asyncio.CancelledError:
            self.cancelled.append(page.page_number)
            raise
        finally:
            self.in_flight -= 1

    async def answer(self, page: PageImage, task: Task) -> Recognition:
        await asyncio.sleep(0)
        return recognition(page, self.text.replace("{number}", str(page.page_number)))

    async def aclose(self) -> None:
        self.closed += 1


def recognition(page: PageImage, text: str) -> Recognition:
    return Recognition(page_number=page.page_number, engine="fake", text=text, finish_reason="stop")


class FaultyEngine(FakeEngine):
    """Behaves badly on the pages for which ``is_bad`` holds (all by default), and well on the others."""

    def __init__(self, is_bad: Callable[[int], bool] = lambda number: True) -> None:
        super().__init__()
        self.is_bad = is_bad

    async def answer(self, page: PageImage, task: Task) -> Recognition:
        if self.is_bad(page.page_number):
            return await self.misbehave(page)
        return await super().answer(page, task)

    async def misbehave(self, page: PageImage) -> Recognition:
        raise NotImplementedError


class CrashingEngine(FaultyEngine):
    """Has a bug: raises what no engine should."""

    async def misbehave(self, page: PageImage) -> Recognition:
        raise RuntimeError("a bug in the engine")


class UnavailableEngine(FaultyEngine):
    """Its server is down."""

    async def misbehave(self, page: PageImage) -> Recognition:
        raise EngineUnavailable("the server is down.", source=page.source, page_number=page.page_number)


class RejectingEngine(FaultyEngine):
    """Its server does not like the key."""

    async def misbehave(self, page: PageImage) -> Recognition:
        raise EngineRejected("the key is wrong.", source=page.source, page_number=page.page_number, hint="Set it.")


class MisconfiguredEngine(FaultyEngine):
    """Its key is wrong for every page."""

    async def misbehave(self, page: PageImage) -> Recognition:
        raise EngineMisconfigured("the key is wrong.", source=page.source, page_number=page.page_number, hint="Set it.")


class StallingEngine(FaultyEngine):
    """Never answers."""

    async def misbehave(self, page: PageImage) -> Recognition:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class SlowEngine(FaultyEngine):
    """Answers well, after ``seconds``."""

    seconds = 0.05

    async def misbehave(self, page: PageImage) -> Recognition:
        await asyncio.sleep(self.seconds)
        return recognition(page, self.text.replace("{number}", str(page.page_number)))


class TruncatingEngine(FaultyEngine):
    """Stops in the middle of a tag, and says so."""

    async def misbehave(self, page: PageImage) -> Recognition:
        return Recognition(
            page_number=page.page_number,
            engine="fake",
            text=GOOD_TEXT.replace("{number}", str(page.page_number)) + "<|ref|>text<|/ref|><|det|>[[10, 2",
            finish_reason="length",
            status="truncated",
            warnings=("the model's answer was cut off",),
        )


class LoopingEngine(FaultyEngine):
    """Says the same for ever, until its length limit."""

    async def misbehave(self, page: PageImage) -> Recognition:
        text = "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\n" + "and so on " * 2000
        return Recognition(page_number=page.page_number, engine="fake", text=text, finish_reason="length")


class GarbageEngine(FaultyEngine):
    """Answers with broken markup, control characters and half of a surrogate pair."""

    async def misbehave(self, page: PageImage) -> Recognition:
        return recognition(page, "<|det|>[[9999, -3, raw 7]]<|/ref|>\x00\x1b[31m<table><td>\ud83d</tr>[[[[" + "]]" * 50)


class EmptyEngine(FaultyEngine):
    """Answers with nothing."""

    async def misbehave(self, page: PageImage) -> Recognition:
        return Recognition(page_number=page.page_number, engine="fake", finish_reason="stop", status="suspect")


class LyingEngine(FaultyEngine):
    """Answers for another page than the one that was asked for."""

    async def misbehave(self, page: PageImage) -> Recognition:
        return Recognition(page_number=page.page_number + 1000, engine="fake", text="text")
