"""Places are cut by the regions that hold them, whatever their order and however many they are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_ocr_rag.anchors import ChunkRegion
from deepseek_ocr_rag.geometry import Box
from deepseek_ocr_rag.landing import spots, standing
from deepseek_ocr_rag.passage import Passage

BOX = Box(left=0.1, top=0.1, right=0.9, bottom=0.115)
SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda ends: (min(ends), max(ends))), max_size=6)


@given(SPANS, SPANS)
@settings(max_examples=200, deadline=None)
def test_regions_hold_the_places_that_share_characters_with_them(
    edges: list[tuple[int, int]], places: list[tuple[int, int]]
) -> None:
    regions = [ChunkRegion(page_number=1, box=BOX, start=start, end=end) for start, end in edges]
    expected = [
        region for region in regions if any(max(start, region.start) < min(end, region.end) for start, end in places)
    ]
    assert standing(regions, places) == expected
    found = spots(Passage(text="letters " * 5, regions=tuple(regions)), places)
    assert [spot.region for spot in found if spot.boxes] == [spot.region for spot in found]
    assert [spot.region for spot in found] == [region for region in expected if region in [one.region for one in found]]
