"""Intervals of ids, which an index can search where it cannot exclude a value."""

from collections.abc import Iterable

HIGHEST = "\U0010ffff"  # the index compares characters, not UTF-16 code units
_FIRST_SURROGATE, _LAST_SURROGATE = 0xD800, 0xDFFF  # which are no characters


def list_intervals_between(excluded: Iterable[str]) -> list[tuple[str, str]]:
    """Return the intervals, both ends included, of all ids but the excluded ones."""
    ordered = sorted(set(excluded))
    starts = ["", *(f"{key}\0" for key in ordered)]
    return list(zip(starts, [*map(_precede, ordered), HIGHEST], strict=True))


def _precede(text: str) -> str:
    """Return a string that is less than the text, and greater than every lesser id."""
    previous = ord(text[-1]) - 1
    if previous == _LAST_SURROGATE:
        previous = _FIRST_SURROGATE - 1
    return text[:-1] + chr(previous) + HIGHEST
