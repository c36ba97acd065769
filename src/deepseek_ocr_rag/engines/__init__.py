"""Engines turn a page's picture into a :class:`Recognition`; each is a small object, chosen by name or passed in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..prompts import Task
from ..recognition import PageImage, PageRequest, Recognition

__all__ = ["Engine"]


@runtime_checkable
class Engine(Protocol):
    """Anything that can read a page. Pass an object with these members wherever an engine is asked for."""

    @property
    def name(self) -> str:
        """Short name for messages and metadata, such as ``local`` or ``chat``."""

    @property
    def fingerprint(self) -> str:
        """A string that changes whenever the answers may change: model, prompt, parameters. Never a secret."""

    @property
    def request(self) -> PageRequest:
        """What the engine needs from the page: a picture of which size, the text layer's words."""

    async def recognize(self, page: PageImage, *, task: Task = "markdown") -> Recognition:
        """Read one page.

        Raises:
            EngineUnavailable: When another attempt later may work.
            EngineRejected: When it will not.
        """

    async def aclose(self) -> None:
        """Let go of connections."""
