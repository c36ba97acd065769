"""What reading costs: counted for each page, added up, and priced where the user says what is paid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What reading cost. Can be added up."""

    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    """Requests sent, those that failed included."""
    retries: int = 0
    """Requests beyond the first one of each picture asked about."""
    cache_hits: int = 0
    """Answers that were recorded or cached and cost nothing."""

    def __add__(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            requests=self.requests + other.requests,
            retries=self.retries + other.retries,
            cache_hits=self.cache_hits + other.cache_hits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the user pays, in any currency: hosts charge by token, some by request.

    Example:
        ``Price(input_per_million=0.03, output_per_million=0.03).of(document.usage)``
    """

    input_per_million: float = 0.0
    output_per_million: float = 0.0
    per_request: float = 0.0

    def of(self, usage: Usage) -> float:
        """The cost of ``usage``."""
        tokens = usage.input_tokens * self.input_per_million + usage.output_tokens * self.output_per_million
        return tokens / 1_000_000 + usage.requests * self.per_request
