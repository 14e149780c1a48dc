"""Defaults of arguments whose place a setting may take when the argument is left out."""

from typing import Any, TypeVar

T = TypeVar("T")


def documented_default(value: T) -> T:
    """Return the value as an object of its own, for the default of an argument.

    It is equal to the plain value and has the same representation. `is` tells whether the caller
    left the argument out, so that a setting can take its place while the signature stays as it is
    documented.
    """
    kind: Any = type(value)
    return type(kind.__name__, (kind,), {"left_out": True})(value)  # type: ignore[no-any-return]


def is_left_out(value: object) -> bool:
    """Return whether a value is such a default: the caller left the argument out."""
    return getattr(type(value), "left_out", False) is True


SPACY_MODEL = documented_default("en_core_web_sm")
SIMILAR_LIMIT = documented_default(5)
SIMILAR_MIN_SCORE = documented_default(0.7)
HYBRID_LIMIT = documented_default(10)
HYBRID_MODE = documented_default("hybrid")
CACHE_SIZE = documented_default(1000)
CACHE_TTL = documented_default(3600)
