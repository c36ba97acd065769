"""What stands before every request: the names we answer to, who may change something, and what browsers may do.

A page of another site must not read the library through the visitor's browser. DNS rebinding is met by the ``Host``
check, forged requests by the ``Origin`` check, and there is no CORS. Whatever a document smuggles into a page meets a
policy that runs nothing but our own files.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_READING = ("GET", "HEAD")


class Guard:
    """Refuses requests for other hosts and from other sites, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        answer: ASGIApp = PlainTextResponse(refusal, status_code=403) if refusal else self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str:
        host = headers.get("host", "").lower()
        if _name(host) not in self._hosts:
            return "This name is not served here. Start the app with --allow-host to allow it."
        origin = headers.get("origin")
        if method not in _READING and origin is not None and origin.lower().partition("://")[2] != host:
            return "Requests from other sites are refused."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and (
            method not in _READING or headers.get("sec-fetch-mode") != "navigate"
        ):
            return "Requests from other sites are refused."
        return ""


def _name(host: str) -> str:
    """The host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if ":" in host else host
