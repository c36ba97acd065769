"""What is installed, which engine would be used and why, and whether its server answers.

For people who ask why something does not work, and for the reports that they send us: secrets are never shown, only
whether they are set.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .engines.connection import endpoint, shown, transport_problem
from .engines.providers import KEY_VARIABLE, PROVIDERS, Address, current_key, provider, resolve
from .errors import EngineMisconfigured
from .options import ReadOptions, Target, make_engine, server_of

if TYPE_CHECKING:
    import httpx

    from .probe import ProbeReport

PACKAGES = (
    "deepseek-ocr-rag",
    "pymupdf",
    "rapidocr",
    "onnxruntime",
    "pillow",
    "pillow-heif",
    "httpx",
    "bm25s",
    "llama-index-readers-deepseek-ocr",
    "llama-index-core",
    "langchain-deepseek-ocr",
    "langchain-core",
)
SECRETS = (KEY_VARIABLE, "DEEPSEEK_OCR_PASSWORD")
"""Shown always; those of the providers only where they are set."""
_LISTS = {"chat": "/models", "ollama": "/api/tags", "replicate": "/account"}
"""Where a server says that it is there and that the key is right, and what it offers."""
_TIMEOUT = 4.0
"""Seconds that a server or a program gets to answer."""
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the server said when it was asked for its models."""

    url: str
    answers: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found. Values are for people; a missing package or program has an empty one."""

    python: str
    system: str
    packages: Mapping[str, str]
    programs: Mapping[str, str]
    secrets: Mapping[str, str]
    engine: str
    reason: str
    ocr: str
    server: Server | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"engine: {self.engine} ({self.reason})"
        if self.server is not None:
            state = "answers" if self.server.answers else "DOES NOT ANSWER"
            yield f"server: {self.server.url} {state}: {self.server.said}"
        yield f"OCR: {self.ocr}"
        for heading, facts in (("programs", self.programs), ("secrets", self.secrets), ("packages", self.packages)):
            yield f"{heading}:"
            for name, value in facts.items():
                yield f"  {name}: {value or 'not found'}"
        yield f"python: {self.python} on {self.system}"


def examine(*, name: str = "", base_url: str = "", model: str = "") -> Report:
    """Look around; asks the network only where a provider or server is set.

    Args:
        name: The provider; also from ``DEEPSEEK_OCR_PROVIDER``.
        base_url: The server's address; also from ``DEEPSEEK_OCR_BASE_URL``.
        model: The model's name there; also from ``DEEPSEEK_OCR_MODEL``.
    """
    options = ReadOptions(provider=name, base_url=base_url, model=model)
    server = server_of(options)
    engine, reason = _engine(options, is_set=server is not None)
    tesseract = _tesseract()
    return Report(
        python=platform.python_version(),
        system=platform.platform(),
        packages={package: version(package) for package in PACKAGES},
        programs={
            "tesseract": tesseract,
            "libreoffice": shutil.which("soffice") or shutil.which("libreoffice") or "",
        },
        secrets=_secrets(),
        engine=engine,
        reason=reason,
        ocr=_ocr(tesseract),
        server=None if server is None else _server(server),
    )


def probed(*, name: str = "", base_url: str = "", model: str = "") -> ProbeReport:
    """Have a server read the calibration page, asking no question twice: its faults are what is to be seen.

    Raises:
        EngineMisconfigured: If no server is set, or its key or address is missing.
    """
    from .engines.retry import RetryPolicy
    from .probe import probe

    options = ReadOptions(provider=name, base_url=base_url, model=model, retry=RetryPolicy(ask_again=False))
    if server_of(options) is None:
        raise EngineMisconfigured("there is no server to probe.", hint="Name one with --provider or --base-url.")
    engine = make_engine(options)

    async def ask() -> ProbeReport:
        try:
            return await probe(engine)
        finally:
            await engine.aclose()

    return asyncio.run(ask())


def version(package: str) -> str:
    """The installed version of a distribution, or an empty string."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _engine(options: ReadOptions, *, is_set: bool) -> tuple[str, str]:
    try:
        name = make_engine(options).name
    except (ValueError, EngineMisconfigured) as error:
        return "none", str(error)
    if is_set:
        return name, "a server is set"
    return name, "no server is set: DEEPSEEK_OCR_PROVIDER and DEEPSEEK_OCR_BASE_URL are empty"


def _secrets() -> dict[str, str]:
    rows = {row.key_variable: "set" for row in PROVIDERS.values() if os.environ.get(row.key_variable)}
    return {name: "set" if os.environ.get(name) else "not set" for name in SECRETS} | rows


def _ocr(tesseract: str) -> str:
    if all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime")):
        return "rapidocr"
    offer = " or pass --ocr tesseract" if tesseract else ""
    return f'none for the local engine; pip install "deepseek-ocr-rag[local]"{offer}'


def _tesseract() -> str:
    """Where Tesseract is and which languages it knows."""
    program = shutil.which("tesseract")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell, nothing from outside
            [program, "--list-langs"], capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program}, which does not run ({type(error).__name__})"
    languages = done.stdout.decode(errors="replace").splitlines()[1:]
    return f"{program}, languages: {', '.join(languages) or 'none'}"


def _server(target: Target) -> Server:
    try:
        # Whether there is a key is the server's to say here, and the engine's line above says what is missing.
        row = provider(target.provider)
        key = current_key(row) or "none"
        address = resolve(row, base_url=target.base_url, model=target.model, api_key=key)
        return _ask(address)
    except (ValueError, EngineMisconfigured) as error:
        return Server(url="", answers=False, said=str(error))


def _ask(address: Address) -> Server:
    """Ask the server for its models, with the key and login that an engine would send."""
    import httpx

    url, login = endpoint(address.base_url.removesuffix("/chat/completions"), path=_LISTS[address.provider.route])
    key = current_key(address.provider)
    authorization = login.reveal() or (f"Bearer {key}" if key else "")
    if not (authorization.isascii() and authorization.isprintable()):
        return Server(url=shown(url), answers=False, said="not asked: the key has characters that cannot be sent.")
    headers = {"authorization": authorization} if authorization else {}
    try:
        with (
            httpx.Client(timeout=_TIMEOUT) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            status, body = response.status_code, _start(response)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Server(url=shown(url), answers=False, said=transport_problem(error, _TIMEOUT))
    if status == httpx.codes.OK:
        return Server(url=shown(url), answers=True, said=_offer(body, address.model))
    # Some servers have no list of models; that they answer is enough.
    has_no_list = status in (404, 405)
    said = f"HTTP {status}, without a list of models" if has_no_list else f"HTTP {status}"
    return Server(url=shown(url), answers=has_no_list, said=said)


def _start(response: httpx.Response) -> bytes:
    """The body, as far as it is of a size that a list of models has and comes in time."""
    body, deadline = b"", time.monotonic() + _TIMEOUT
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _MOST_BYTES or time.monotonic() > deadline:
            break
    return body


def _offer(body: bytes, model: str) -> str:
    try:
        offer = json.loads(body)
        entries = offer["data"] if "data" in offer else offer["models"]
        names = [str(entry.get("id") or entry["name"])[:80] for entry in entries]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "HTTP 200, without a list of models"
    if model in names or f"{model}:latest" in names:
        return f"HTTP 200, it offers {model}"
    listed = ", ".join(names[:5]) or "no model"
    return f"HTTP 200, but it does not offer {model}; it offers {listed}{' and others' if len(names) > 5 else ''}"
