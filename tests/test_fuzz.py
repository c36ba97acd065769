from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import __main__ as runner
from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS


def test_every_target_has_seeds() -> None:
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_targets_hold_for_their_seeds_and_a_second_of_chance(name: str, tmp_path: Path) -> None:
    assert runner.plainly(name, 1.0, tmp_path, seed=7) == 0
    assert not list(tmp_path.iterdir())


def test_what_breaks_a_target_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def target(data: bytes) -> None:
        assert b"<td" not in data

    monkeypatch.setattr(runner, "TARGETS", {"quotes": target})
    assert runner.plainly("quotes", 20.0, tmp_path, seed=7) == 1
    [kept] = tmp_path.iterdir()
    assert b"<td" in kept.read_bytes()
    with pytest.raises(AssertionError):
        runner.timed(target, kept.read_bytes())


def test_slow_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SLOW", -1.0)
    with pytest.raises(runner.TooSlow, match="3 bytes took"):
        runner.timed(lambda data: None, b"abc")
