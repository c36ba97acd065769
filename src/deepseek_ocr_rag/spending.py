"""What a run costs, added up while it goes on: the command line shows it, and both integrations report it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .options import Progress
from .usage import Price, Usage


@dataclass(slots=True, kw_only=True)
class Spending:
    """The account of one run: hand :meth:`add` to ``ReadOptions(progress=...)``.

    Pages are counted as they are done, so that a run that breaks off has an account, too; what was asked about a page
    that was not done is not in it.

    Example:
        ``spending = Spending(price=Price(input_per_million=0.03, output_per_million=0.03))``
    """

    price: Price | None = None
    pages: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    """How many pages ended how."""
    usage: Usage = field(default_factory=Usage)

    def add(self, progress: Progress) -> None:
        """Count a page that is done."""
        self.pages += 1
        self.statuses[progress.status] = self.statuses.get(progress.status, 0) + 1
        self.usage += progress.usage

    @property
    def has_asked(self) -> bool:
        """Whether any page was more than the embedded engine's work: a server was asked, or a recording answered."""
        return bool(self.usage.requests or self.usage.cache_hits)

    @property
    def cost(self) -> float | None:
        """What was spent so far, in the price's currency; None where the price is not known."""
        return None if self.price is None else self.price.of(self.usage)

    def line(self) -> str:
        """The account for people, in one line."""
        usage = self.usage
        parts = [
            _counted(self.pages, "page"),
            _counted(usage.requests, "request"),
            f"{usage.retries:,} {'retry' if usage.retries == 1 else 'retries'}",
            f"{_counted(usage.input_tokens, 'token')} in",
            f"{usage.output_tokens:,} out",
            _counted(usage.cache_hits, "cache hit"),
        ]
        if self.cost is not None:
            parts.append(f"cost {_amount(self.cost)}")
        return ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(cost: float) -> str:
    """A page costs fractions of a cent, and a run may cost hundreds."""
    whole, _, fraction = f"{cost:,.6f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
