"""Replicate's predictions: created, waited for, polled and canceled; and files uploaded for them."""

from __future__ import annotations

import asyncio
import email
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Path

from .faults import Fault
from .host import ClientLeft, Entry, Host, broken_reply, unless_left
from .reading import Picture
from .wire import Call, CutResponse, Refusal, data_of

MODEL = "lucataco/deepseek-ocr"
VERSION = "cb3b474fbfc56b1664c8c7841550bccecbe7b74c30e45ce938ffca1180b4dff5"

TASKS = {
    "Convert to Markdown": "<|grounding|>Convert the document to markdown.",
    "Free OCR": "<|grounding|>Convert the document to markdown.",
    "Parse Figure": "Parse the figure.",
    "Locate Object by Reference": "Locate <|ref|>{}<|/ref|> in the image.",
}
MODES = ("Gundam (Recommended)", "Tiny", "Small", "Base", "Large")
"""As ``predict.py`` of lucataco/cog-deepseek-OCR at 21ae93c has it; ``Free OCR`` falls through to its last case."""
NO_REFERENCE = "Error: Reference text is required for 'Locate Object by Reference' task."
INPUTS = {"image", "task_type", "resolution_size", "reference_text"}
LONGEST_WAIT = 60.0
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DEADLINE = re.compile(r"(\d+)([smh])")
_WAIT = re.compile(r"\bwait(?:=(\d+))?")


class Predictions:
    """Replicate's part of the stand-in."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._predictions: dict[str, dict[str, Any]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._files: dict[str, bytes] = {}

    def paths(self) -> list[Path]:
        """The routes."""
        return [
            Path("/v1/predictions", self._create, methods=["POST"]),
            Path("/v1/models/{owner}/{name}/predictions", self._create, methods=["POST"]),
            Path("/v1/predictions/{id}", self._get),
            Path("/v1/predictions/{id}/cancel", self._cancel, methods=["POST"]),
            Path("/v1/models/{owner}/{name}/versions/{id}", self._version),
            Path("/v1/files", self._upload, methods=["POST"]),
        ]

    async def aclose(self) -> None:
        """Stop what is running."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _create(self, request: Request) -> Response:
        body = await self._receive(request)
        prediction, reply = self._begin(request, body if isinstance(body, dict) else {})
        prefer = _WAIT.search(request.headers.get("prefer", ""))
        if prefer is not None and prediction["id"] in self._running:
            seconds = min(LONGEST_WAIT, float(prefer[1] or LONGEST_WAIT))
            await unless_left(request, asyncio.wait({self._running[prediction["id"]]}, timeout=seconds))
        if isinstance(reply, Response):
            return reply
        response = JSONResponse(prediction, status_code=201)
        return CutResponse(response) if reply == "cut" else response

    async def _receive(self, request: Request) -> object:
        body: object = await self._host.receive(request, "replicate")
        self._host.check_access(request)
        return body

    def _begin(self, request: Request, body: Mapping[str, Any]) -> tuple[dict[str, Any], Response | str]:
        """Start a prediction; with it the reply that a fault makes instead, or the fault's name."""
        named = "/".join(request.path_params.values())
        version = str(body.get("version") or named).removeprefix(f"{MODEL}:")
        if version not in (VERSION, MODEL):
            raise Refusal(422, f"Invalid version or not permitted: {version}")
        entry = self._host.open("replicate")
        prediction = self._new(body, base=str(request.base_url))
        try:
            call = self._parse(body.get("input"))
            picture, fault = self._host.look(call, entry)
        except Refusal as refusal:
            self._host.close(entry, refusal)
            raise
        kind = fault.kind if fault is not None else ""
        broken = broken_reply(fault, "replicate", entry) if kind != "failed" else None
        if broken is not None:
            self._host.close(entry)
            return prediction, broken
        self._predictions[prediction["id"]] = prediction
        work = self._run(prediction, call, picture, fault, entry)
        self._running[prediction["id"]] = asyncio.create_task(work)
        self._set_deadline(prediction["id"], request.headers.get("cancel-after", ""))
        return prediction, kind

    def _set_deadline(self, name: str, wanted: str) -> None:
        deadline = _DEADLINE.fullmatch(wanted)
        if deadline is not None:
            seconds = int(deadline[1]) * _SECONDS[deadline[2]]
            asyncio.get_running_loop().call_later(seconds, self._running[name].cancel)

    async def _run(
        self, prediction: dict[str, Any], call: Call, picture: Picture, fault: Fault | None, entry: Entry
    ) -> None:
        started = time.monotonic()
        prediction.update(status="processing", started_at=_now())
        try:
            answer = await self._host.answer(call, picture, fault, entry)
            is_lost = call.prompt == TASKS["Locate Object by Reference"].format("")
            prediction.update(status="succeeded", output=NO_REFERENCE if is_lost else answer.text)
            self._host.close(entry)
        except Refusal as refusal:
            prediction.update(status="failed", error=refusal.message)
            self._host.close(entry, refusal)
        except (ClientLeft, asyncio.CancelledError) as error:
            prediction.update(status="canceled")
            self._host.close(entry, error)
        prediction.update(completed_at=_now(), metrics={"predict_time": time.monotonic() - started})
        del self._running[prediction["id"]]

    def _parse(self, wanted: object) -> Call:
        if not isinstance(wanted, dict) or "image" not in wanted:
            raise Refusal(422, "- input: image is required")
        unknown = [name for name in wanted if name not in INPUTS]
        if unknown:
            raise Refusal(422, f"- input: Additional property {unknown[0]} is not allowed")
        task = wanted.get("task_type", "Convert to Markdown")
        mode = wanted.get("resolution_size", MODES[0])
        if task not in TASKS or mode not in MODES:
            raise Refusal(422, f"- input.task_type, input.resolution_size: {task!r}, {mode!r} are not in the list")
        image = str(wanted["image"])
        file = self._files.get(image.rpartition("/")[2])
        return Call(
            route="replicate",
            model=MODEL,
            prompt=TASKS[task].format(str(wanted.get("reference_text", "")).strip()),
            images=(file if file is not None else data_of(image),),
            body=wanted,
            mode=mode,
        )

    def _new(self, body: Mapping[str, Any], *, base: str) -> dict[str, Any]:
        number = uuid.uuid4().hex[:26]
        address = f"{base}v1/predictions/{number}"
        return {
            "id": number,
            "model": MODEL,
            "version": VERSION,
            "input": body.get("input"),
            "logs": "",
            "output": None,
            "data_removed": False,
            "error": None,
            "status": "starting",
            "created_at": _now(),
            "started_at": None,
            "completed_at": None,
            "metrics": {},
            "urls": {"get": address, "cancel": f"{address}/cancel"},
        }

    async def _get(self, request: Request) -> Response:
        return await self._found(request, self._predictions)

    async def _cancel(self, request: Request) -> Response:
        running = self._running.get(request.path_params["id"])
        if running is not None:
            running.cancel()
            await asyncio.wait({running})
        return await self._found(request, self._predictions)

    async def _found(self, request: Request, known: Mapping[str, Any]) -> Response:
        await self._receive(request)
        if request.path_params["id"] not in known:
            raise Refusal(404, "The requested resource could not be found.")
        return JSONResponse(known[request.path_params["id"]])

    async def _version(self, request: Request) -> Response:
        schema = {"components": {"schemas": {"Output": {"type": "string", "title": "Output"}}}}
        version = {"id": VERSION, "created_at": _now(), "cog_version": "0.16.8", "openapi_schema": schema}
        return await self._found(request, {VERSION: version})

    async def _upload(self, request: Request) -> Response:
        await self._receive(request)
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        form = email.message_from_bytes(head + await request.body())
        number = uuid.uuid4().hex
        for part in form.walk():
            if part.get_param("name", header="content-disposition") == "content":
                data = part.get_payload(decode=True)
                self._files[number] = data if isinstance(data, bytes) else b""
        address = f"{request.base_url}v1/files/{number}"
        file = {
            "id": number,
            "name": "file",
            "content_type": "application/octet-stream",
            "size": len(self._files.get(number, b"")),
            "etag": number,
            "checksums": {},
            "metadata": {},
            "created_at": _now(),
            "expires_at": None,
            "urls": {"get": address},
        }
        return JSONResponse(file, status_code=201)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
