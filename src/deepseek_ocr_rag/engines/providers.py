"""Which server is meant, and with what key: from what the user passed, the providers' rows and the environment.

Keys of some hosts live for an hour, so a key is looked up again for each request; here it is only seen to that there is
one. It appears in no message and no ``repr``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from ..errors import EngineMisconfigured
from .connection import Secret
from .rows import PROVIDERS, GuardFields, Provider, Route

__all__ = [
    "KEY_VARIABLE",
    "PROVIDERS",
    "Address",
    "GuardFields",
    "Provider",
    "Route",
    "current_key",
    "key_hint",
    "provider",
    "resolve",
]

KEY_VARIABLE = "DEEPSEEK_OCR_API_KEY"
"""The environment variable of the key for whatever server, read after the provider's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Whom to ask for what."""

    provider: Provider
    base_url: str = field(repr=False)
    """With all variables filled in. Not shown, because users may write a login into it."""
    model: str
    key: Secret
    """The key that was passed; empty where it is the environment's, to be looked up by :func:`current_key`."""


def provider(name: str) -> Provider:
    """The row of that name. Case, and whether its words are joined by ``-``, ``_``, ``.``, spaces or nothing, is free.

    Raises:
        ValueError: If there is none.
    """
    wanted = _plain(name)
    found = next((row for row in PROVIDERS.values() if _plain(row.name) == wanted), None)
    if found is None:
        raise ValueError(f"provider={name!r}: there are {', '.join(PROVIDERS)}")
    return found


def resolve(
    name_or_provider: str | Provider,
    *,
    base_url: str = "",
    model: str = "",
    api_key: str = "",
    environ: Mapping[str, str] = os.environ,
) -> Address:
    """Where to ask, from what the user passed, the provider's row and the environment, in this order.

    Raises:
        ValueError: If there is no such provider.
        EngineMisconfigured: If the address, a variable of it, or a key that the provider needs is missing.
    """
    row = provider(name_or_provider) if isinstance(name_or_provider, str) else name_or_provider
    address = base_url.strip() or _filled(row, environ)
    if not address:
        hint = "Pass base_url=..., such as http://localhost:8000/v1."
        raise EngineMisconfigured(f"The provider {row.name!r} has no address of its own.", hint=hint)
    if row.route == "ollama":
        address = _root(address)
    has_login = "@" in urlsplit(address).netloc
    if row.key_variable and not has_login and not current_key(row, api_key, environ):
        raise EngineMisconfigured(f"There is no API key for {row.title}.", hint=key_hint(row))
    return Address(provider=row, base_url=address, model=model.strip() or row.model, key=Secret(api_key.strip()))


def current_key(provider: Provider, given: str = "", environ: Mapping[str, str] = os.environ) -> str:
    """The key for the next request: as given, or as the environment has it now; empty where there is none."""
    places = (given, environ.get(provider.key_variable, ""), environ.get(KEY_VARIABLE, ""))
    return next((key.strip() for key in places if key.strip()), "")


def key_hint(provider: Provider) -> str:
    """What to do about a key that is missing or refused."""
    variables = f"{provider.key_variable} (or {KEY_VARIABLE})" if provider.key_variable else KEY_VARIABLE
    hint = f"Set {variables} in the environment, or pass api_key=..., to a key of {provider.title}."
    return f"{hint} {provider.key_hint}" if provider.key_hint else hint


def _root(address: str) -> str:
    """An address of Ollama without the path of OpenAI's route or its own: people copy either."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    for route in ("/chat/completions", "/v1", "/api/chat", "/api"):
        path = path.removesuffix(route)
    return urlunsplit(parts._replace(path=path))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _filled(row: Provider, environ: Mapping[str, str]) -> str:
    """The row's address with its variables from the environment."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match[1], "").strip()
        if not found:
            problem = f"The address of {row.title} needs {match[1]}, which is not set."
            raise EngineMisconfigured(problem, hint=f"Set {match[1]} in the environment, or pass base_url=... .")
        return quote(found, safe=":")

    return re.sub(r"\{(\w+)\}", value, row.base_url)
