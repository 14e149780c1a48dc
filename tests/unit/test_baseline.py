"""The comparison of ratios with the committed ones."""

import json
from pathlib import Path

import pytest

from bench import baseline
from bench.measure import Row


def make_row(ratio: float | None, need: str, work: str = "save") -> Row:
    return Row(work=work, ours=1.0, bare=1.0, unit="ms", ratio=ratio, need=need, met=True)


@pytest.mark.parametrize(
    ("ratio", "need", "is_worse"),
    [
        (1.09, "<= 1.2", False),
        (1.11, "<= 1.2", True),
        (0.5, "<= 1.2", False),
        (0.92, ">= 0.9", False),
        (0.90, ">= 0.9", True),
        (2.0, ">= 0.9", False),
    ],
)
def test_a_ratio_may_be_worse_by_a_tenth(ratio: float, need: str, is_worse: bool) -> None:
    comparison = baseline.compare([make_row(ratio, need)], {"save": 1.0})
    assert bool(comparison.worse) is is_worse


def test_rows_without_a_committed_ratio_are_named() -> None:
    comparison = baseline.compare([make_row(1.0, "<= 2"), make_row(None, "<= 2", "memory")], {})
    assert comparison.worse == []
    assert comparison.skipped == ["save: bench/baseline.json has no ratio"]


def test_written_ratios_replace_those_of_the_same_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "BASELINE", tmp_path / "baseline.json")
    baseline.write_baseline([make_row(1.0, "<= 2"), make_row(3.0, "<= 4", "search")])
    baseline.write_baseline([make_row(0.51234, "<= 2"), make_row(None, "<= 2", "memory")])
    assert baseline.read_baseline() == {"save": 0.512, "search": 3.0}
    assert set(json.loads((tmp_path / "baseline.json").read_text())) == {"ratios"}
