"""Compare the ratios of a run with the committed ones in `bench/baseline.json`.

Only ratios are committed: both sides of a ratio were measured in the same run, so it means
something on another machine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.files import ROOT
from bench.measure import Row

BASELINE = ROOT / "bench" / "baseline.json"
TOLERANCE = 0.1  # of the committed ratio


@dataclass(kw_only=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        worse: A line for each ratio that is worse than the committed one by more than a tenth.
        skipped: A line for each ratio that has no committed one.
    """

    worse: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_baseline() -> dict[str, float]:
    """Read the committed ratios by the work that was measured."""
    if not BASELINE.is_file():
        return {}
    ratios: dict[str, float] = json.loads(BASELINE.read_text(encoding="utf-8"))["ratios"]
    return ratios


def write_baseline(rows: Sequence[Row]) -> None:
    """Write the ratios of these rows; those of other rows stay."""
    measured = {row.work: round(row.ratio, 3) for row in rows if row.ratio is not None}
    ratios = dict(sorted((read_baseline() | measured).items()))
    BASELINE.write_text(json.dumps({"ratios": ratios}, indent=2) + "\n", encoding="utf-8")


def compare(rows: Sequence[Row], ratios: Mapping[str, float]) -> Comparison:
    """Compare the ratios of rows with those of the baseline."""
    comparison = Comparison()
    for row in rows:
        if row.ratio is None:
            continue
        if row.work not in ratios:
            comparison.skipped.append(f"{row.work}: bench/baseline.json has no ratio")
            continue
        committed = ratios[row.work]
        change = row.ratio / committed if row.is_lower_better else committed / row.ratio
        if change > 1 + TOLERANCE:
            comparison.worse.append(f"{row.work}: {row.ratio:.3f}, committed {committed:.3f}")
    return comparison
