"""DeepSeek-OCR on Replicate: the same ladder as everywhere, over predictions instead of a chat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..prompts import Task
from .asker import Asking
from .predictions import TASK_TYPES, ReplicateWire
from .providers import Provider, resolve
from .question import Question, Response
from .remote import ChatOptions, RemoteEngine

if TYPE_CHECKING:
    import httpx


class ReplicateEngine(RemoteEngine):
    """Reads pages with a model on Replicate, which knows tasks (markdown, free_ocr, figure, locate) but no prompts.

    Its server always decodes with a guard of its own, so loops are met by a smaller picture and by halves; its Free OCR
    is the grounded prompt again (``predict.py`` of lucataco/cog-deepseek-OCR at 21ae93c), so that is no way out.

    Args:
        base_url: The API's address, where it is not Replicate's own.
        provider: The row to go by.
        model: ``owner/name:version``; empty for the usual one.
        api_key: The token; without one, ``REPLICATE_API_TOKEN`` and then ``DEEPSEEK_OCR_API_KEY`` are read.
        options: Everything else. ``image.resolution`` is the model's mode.

    Raises:
        ValueError: If the address or model is none, or a prompt is given.
        EngineMisconfigured: If there is no token.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        provider: str | Provider = "replicate",
        model: str = "",
        api_key: str | None = None,
        options: ChatOptions | None = None,
    ) -> None:
        options = options or ChatOptions()
        if options.prompt is not None:
            raise ValueError("Replicate takes no prompt; choose a task: " + ", ".join(TASK_TYPES))
        address = resolve(provider, base_url=base_url, model=model, api_key=api_key or "")
        super().__init__(address.provider, url=address.base_url, model=address.model, api_key=api_key, options=options)
        self._wire = ReplicateWire(
            base_url=address.base_url,
            model=address.model,
            key=self._current_key,
            timeout=options.timeout,
            resolution=options.image.resolution,
        )

    @property
    def name(self) -> str:
        """``replicate``."""
        return "replicate"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What the model's script can be asked for."""
        return tuple(task for task in self.family.prompts if task in TASK_TYPES)

    async def _exchange(self, client: httpx.AsyncClient, question: Question) -> Response:
        return await self._wire.send(client, question)

    def _asking(self) -> Asking:
        prompts = {task: self.family.prompts[task] for task in self.tasks}
        family = replace(self.family, prompts=prompts)
        return replace(super()._asking(), family=family, has_temperature=False, has_free_ocr=False)
