"""Refuse JSON objects with the same key twice: two programs could read them differently."""

import json
from typing import Any


class DoubledKeyError(ValueError):
    """An object has the same key twice."""

    def __init__(self) -> None:
        """Say so, without the key."""
        super().__init__("an object has a key twice")


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its pairs; it is the `object_pairs_hook` of a strict parser.

    Raises:
        DoubledKeyError: A key is there twice.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        raise DoubledKeyError
    return values


def has_doubled_key(text: str) -> bool:
    """Return whether an object of a JSON text has a key twice; False where it is not JSON."""
    try:
        json.loads(text, object_pairs_hook=build_object, parse_int=str, parse_float=str)
    except DoubledKeyError:
        return True
    except (ValueError, RecursionError):
        return False
    return False
