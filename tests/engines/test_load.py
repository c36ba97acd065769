"""Many pages at once, against a server of its own that has few places and refuses at random."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from deepseek_ocr_rag.engines.chat import ChatEngine
from deepseek_ocr_rag.engines.remote import ChatOptions
from deepseek_ocr_rag.recognition import PageImage, Recognition

TEXT = "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nThe page says this.  \n\n"
ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 300, "completion_tokens": 20},
}
PAGE = PageImage(
    page_number=1, page_width=600, page_height=800, data=b"\xff\xd8" * 2000, media_type="image/jpeg", width=600,
    height=800, source="a.pdf",
)  # fmt: skip


class Server:
    """Serves so many at once, each for a moment; the others wait. Refuses a share of all, whatever the load."""

    def __init__(self, *, places: int, refused: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._dice = random.Random(1)
        self._share = refused
        self.refused = self.answered = self.in_flight = self.most = 0

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                assert json.loads(await reader.readexactly(size))["model"] == "m"
                status, content = await self._answer()
                body = json.dumps(content).encode()
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except asyncio.IncompleteReadError:
            writer.close()

    async def _answer(self) -> tuple[str, object]:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            if self._dice.random() < self._share:
                self.refused += 1
                return "429 Too Many Requests", {"error": {"message": "slow down"}}
            async with self._places:
                await asyncio.sleep(0.01)
            self.answered += 1
            return "200 OK", ANSWER
        finally:
            self.in_flight -= 1


@pytest.mark.parametrize("refused", [0.0, 0.3])
def test_all_are_answered_and_never_are_more_under_way_than_allowed(refused: float) -> None:
    server = Server(places=8, refused=refused)

    async def main() -> list[Recognition]:
        async with server.listening() as url:
            engine = ChatEngine(url, model="m", options=ChatOptions(max_in_flight=24))
            try:
                return await asyncio.gather(*(engine.recognize(PAGE) for _ in range(120)))
            finally:
                await engine.aclose()

    found = asyncio.run(main())
    assert {one.text for one in found} == {TEXT}
    assert server.answered == 120
    assert (server.refused > 10) is bool(refused)
    assert 8 < server.most <= 24
    assert sum(one.usage.requests for one in found) == server.answered + server.refused
