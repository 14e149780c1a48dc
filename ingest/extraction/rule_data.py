"""The data files of the rules: lists of English words, and the measured confidence of each rule."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_UNMEASURED = 0.5  # the mean of a uniform prior


def read_json(name: str) -> Any:
    """Read a data file of this folder."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


@cache
def _read_word_lists() -> dict[str, frozenset[str]]:
    return {name: frozenset(words) for name, words in read_json("lexicons.json").items()}


def get_words(name: str) -> frozenset[str]:
    """Return one list of `lexicons.json`."""
    return _read_word_lists()[name]


@cache
def _read_confidences() -> dict[str, float]:
    rules = read_json("rule_confidence.json")["rules"]
    return {rule: float(entry["confidence"]) for rule, entry in rules.items()}


def get_confidence(rule: str) -> float:
    """Return the precision of a rule as measured by `bench/quality/extraction.py`, 0 to 1.

    A rule that no labeled set has measured has 0.5.
    """
    return _read_confidences().get(rule, _UNMEASURED)
