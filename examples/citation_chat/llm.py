"""A chat completion as a stream of text, from any OpenAI-compatible server, by httpx alone."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence

import httpx

from .settings import Llm

LONGEST = 20_000
"""Characters of an answer after which the server is not listened to any more."""


class LlmError(Exception):
    """The server could not or would not answer; the message is for the user and has no key in it."""


async def stream_chat(llm: Llm, messages: Sequence[Mapping[str, str]]) -> AsyncGenerator[str]:
    """The answer, piece by piece.

    Raises:
        LlmError: If the server is not there, refuses, or says nothing that can be understood.
    """
    body = {"model": llm.model, "messages": list(messages), "stream": True, "temperature": 0}
    headers = {"Authorization": f"Bearer {llm.api_key}"} if llm.api_key else {}
    timeout = httpx.Timeout(120, connect=10)
    length = 0
    try:
        async with (
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream("POST", f"{llm.base_url}/chat/completions", json=body, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                said = (await response.aread()).decode(errors="replace")
                raise LlmError(f"The language model's server answered {response.status_code}: {_shown(llm, said)}")
            async for line in response.aiter_lines():
                piece, error = _piece(line)
                if error:
                    raise LlmError(f"The language model's server failed: {_shown(llm, error)}")
                length += len(piece)
                if piece:
                    yield piece
                if length > LONGEST:
                    return
    except httpx.HTTPError as error:
        raise LlmError(f"The language model's server cannot be reached ({type(error).__name__}).") from error


def _piece(line: str) -> tuple[str, str]:
    """The text in one line of the stream, and what went wrong; empty for all else that a server may send."""
    data = line.removeprefix("data:").strip()
    if not line.startswith("data:") or data == "[DONE]":
        return "", ""
    try:
        said = json.loads(data)
        if error := said.get("error"):
            return "", str(error.get("message") or error) if isinstance(error, dict) else str(error)
        choices = said["choices"]
        content = choices[0]["delta"].get("content") if choices else ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "", ""
    return content if isinstance(content, str) else "", ""


def _shown(llm: Llm, said: str) -> str:
    """The beginning of what a server said, without the key, which some repeat."""
    return (said.replace(llm.api_key, "(the key)") if llm.api_key else said)[:300]
