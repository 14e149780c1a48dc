"""How far a rule can be trusted: its precision as measured by `bench/quality/extraction.py`."""

import json
from functools import cache
from pathlib import Path


@cache
def _measured() -> dict[str, float]:
    data = json.loads(Path(__file__).with_name("rule_confidence.json").read_text(encoding="utf-8"))
    return {rule: float(entry["confidence"]) for rule, entry in data["rules"].items()}


def confidence(rule: str) -> float:
    """The measured precision of a rule, 0 to 1; 0.5, the mean of a uniform prior, for one that no set has measured."""
    return _measured().get(rule, 0.5)
