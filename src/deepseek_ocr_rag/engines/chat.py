"""Any server that speaks OpenAI's ``/chat/completions``, and Ollama's own route: vLLM, SGLang, llama.cpp and the hosts.

A page's picture goes out as a data URL beside the prompt, and the model's raw text comes back untouched: reading its
grammar is not this module's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..usage import Usage
from .bodies import body_bytes, chat_body, droppable, extra_fields, named_in, ollama_body
from .completion import Answer, Reply
from .connection import endpoint, shown
from .exchange import bearer, exchange, refusal
from .providers import Provider, key_hint, resolve
from .question import Question, Response, Trouble
from .remote import ChatOptions, RemoteEngine

if TYPE_CHECKING:
    import httpx

# What servers say where they refuse a request without naming one of its extra fields.
_NO_MODEL = re.compile(r"model\b.{0,80}\b(?:not exist|not found|does not exist|unknown|not available)", re.IGNORECASE)
_TOO_LONG = re.compile(r"context.length|context.window|max_(?:completion_)?tokens|too many tokens", re.IGNORECASE)
_CONTEXT = re.compile(r"context (?:length|window)\D{0,24}(\d{3,7})", re.IGNORECASE)
_PICTURE = re.compile(r"\bimages?\b|picture|decode|base64", re.IGNORECASE)


class ChatEngine(RemoteEngine):
    """Reads pages with a model behind a chat endpoint.

    Args:
        base_url: The server's address up to, or with, its route, such as ``http://localhost:8000/v1``; empty for the
            provider's usual one.
        provider: Who serves the model: a name of :data:`deepseek_ocr_rag.engines.providers.PROVIDERS`, or a row.
        model: The model's name on that server; empty for the provider's usual one.
        api_key: The key; without one, the provider's own environment variable and then ``DEEPSEEK_OCR_API_KEY`` are
            read at each request, and where neither is set, none is sent.
        options: Everything else.

    Raises:
        ValueError: If there is no such provider, ``base_url`` is no http(s) address, or an option is out of range.
        EngineMisconfigured: If the provider needs a key or address and there is none.
        TypeError: If ``options.extra_body`` is not JSON.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        provider: str | Provider = "custom",
        model: str = "",
        api_key: str | None = None,
        options: ChatOptions | None = None,
    ) -> None:
        address = resolve(provider, base_url=base_url, model=model, api_key=api_key or "")
        options = options or ChatOptions()
        row = address.provider
        if options.extra_body is not None:
            row = replace(row, extra_body=dict(options.extra_body))
        path = "/api/chat" if row.route == "ollama" else "/chat/completions"
        url, self._login = endpoint(address.base_url, path=path)
        super().__init__(row, url=url, model=address.model, api_key=api_key, options=options)

    @property
    def name(self) -> str:
        """``chat``."""
        return "chat"

    async def _exchange(self, client: httpx.AsyncClient, question: Question) -> Response:
        extras = extra_fields(
            question,
            provider=self.provider,
            family=self.family,
            logit_processor=self.options.logit_processor,
        )
        content = body_bytes(question, partial(self._body, extras=extras))
        reply = await exchange(
            client, "POST", self._url, headers=self._headers(), content=content, timeout=self.options.timeout
        )
        if reply.status != 200:
            raise self._refusal(reply, extras)
        response = self._response(reply)
        if question.without:
            names = ", ".join(sorted(question.without))
            note = f"the server refuses the request fields {names}; tables may have lost their cells"
            response = replace(response, notes=(note,))
        return response

    def _body(self, question: Question, extras: Mapping[str, object]) -> dict[str, object]:
        if self.provider.route == "ollama":
            return ollama_body(question, provider=self.provider, model=self.model, family=self.family, extra=extras)
        return chat_body(
            question,
            provider=self.provider,
            model=self.model,
            family=self.family,
            extra=extras,
            image_first=self.options.image_first,
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._login.reveal() and not self._key.reveal():
            return headers | {"Authorization": self._login.reveal()}  # goes before a key of the environment
        return headers | bearer(self._current_key(), key_hint=key_hint(self.provider))

    def _refusal(self, reply: Reply, extras: Mapping[str, object]) -> Trouble:
        trouble = refusal(reply, url=self._url, key_hint=key_hint(self.provider), secret=self._current_key())
        if reply.status not in (400, 422):
            return trouble
        said = reply.body[:65536].decode(errors="replace")
        fields = droppable(extras)
        named = named_in(said, fields)
        if named is not None:
            return Trouble("field", trouble.problem, hint=trouble.hint, field=named, is_named=True)
        if _NO_MODEL.search(said):
            return Trouble("misconfigured", trouble.problem, hint="Check model=...: the server does not know it.")
        if _TOO_LONG.search(said):
            room = _CONTEXT.search(said)
            return Trouble("too_long", trouble.problem, hint=trouble.hint, room=int(room[1]) if room else 0)
        if _PICTURE.search(said) or not fields:
            return trouble
        return Trouble("field", trouble.problem, hint=trouble.hint, field=fields[0])

    def _response(self, reply: Reply) -> Response:
        try:
            answer = Answer.parse(reply.body)
        except (ValueError, RecursionError) as error:
            said = reply.excerpt(secret=self._current_key())
            problem = f"the server at {shown(self._url)} sent no chat completion but {said}"
            hint = "Check base_url: it must be the address of the API (most end in /v1), not of a web page."
            raise Trouble("garbled", problem, hint=hint) from error
        return Response(
            text=answer.text,
            finish_reason=answer.finish_reason,
            model=answer.model,
            usage=Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens),
        )
