"""Lists of English words that the rules need, as data."""

import json
from functools import cache
from pathlib import Path


@cache
def _lists() -> dict[str, frozenset[str]]:
    data = json.loads(Path(__file__).with_name("lexicons.json").read_text(encoding="utf-8"))
    return {name: frozenset(listed) for name, listed in data.items()}


def words(name: str) -> frozenset[str]:
    """One list of `words.json`."""
    return _lists()[name]
