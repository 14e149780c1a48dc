"""Lists of English words that the rules need, as data."""

import json
from functools import cache
from importlib.resources import files


@cache
def _lists() -> dict[str, frozenset[str]]:
    data = json.loads(files("ingest").joinpath("words.json").read_text(encoding="utf-8"))
    return {name: frozenset(listed) for name, listed in data.items()}


def words(name: str) -> frozenset[str]:
    """One list of `words.json`."""
    return _lists()[name]
