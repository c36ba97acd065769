"""What a run costs, added up page by page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepseek_ocr_rag.options import Progress
from deepseek_ocr_rag.spending import Spending
from deepseek_ocr_rag.usage import Price, Usage

NUMBERS = st.integers(min_value=0, max_value=10**9)
USAGES = st.builds(
    Usage, input_tokens=NUMBERS, output_tokens=NUMBERS, requests=NUMBERS, retries=NUMBERS, cache_hits=NUMBERS
)


def done(usage: Usage, status: str = "ok") -> Progress:
    return Progress(source="a.pdf", page_number=1, total_pages=1, status=status, usage=usage)


@given(st.lists(st.tuples(USAGES, st.sampled_from(["ok", "retried", "failed"]))))
def test_it_is_the_sum_of_the_pages(pages: list[tuple[Usage, str]]) -> None:
    spending = Spending(price=Price(per_request=1.0))
    for usage, status in pages:
        spending.add(done(usage, status))
    assert (spending.pages, sum(spending.statuses.values())) == (len(pages), len(pages))
    assert spending.usage == sum((usage for usage, _ in pages), Usage())
    assert spending.cost == spending.usage.requests
    assert spending.has_asked == (spending.usage.requests + spending.usage.cache_hits > 0)


def test_the_line_for_people() -> None:
    spending = Spending()
    spending.add(done(Usage(input_tokens=1234, output_tokens=1, requests=1, retries=1, cache_hits=1)))
    assert spending.line() == "1 page, 1 request, 1 retry, 1,234 tokens in, 1 out, 1 cache hit"
    assert spending.cost is None
    spending.price = Price(input_per_million=0.03, output_per_million=0.03)
    spending.add(done(Usage(input_tokens=766, requests=2, retries=2)))
    assert spending.line() == "2 pages, 3 requests, 3 retries, 2,000 tokens in, 1 out, 1 cache hit, cost 0.00006"


def test_amounts_are_shown_as_exactly_as_they_matter() -> None:
    for price, shown in ((0.0, "0.00"), (0.5, "0.50"), (1234.5678, "1,234.5678"), (0.0000004, "0.00")):
        spending = Spending(price=Price(per_request=price))
        spending.add(done(Usage(requests=1)))
        assert spending.line().endswith(f", cost {shown}")
