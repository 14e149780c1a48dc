"""Turn the values of metadata into plain JSON values, which are read back as they were stored.

The methods of a caller's own class may raise or lie, so the values of subclasses are read by the
methods of `str`, `int` and `float`.
"""

import math
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import LimitError, ValidationError

_SIMPLE_KEY = re.compile(r"[\w-]{1,64}")
_NOT_FINITE = (
    "contains a number that JSON cannot express: it is not finite, or has more than 64 bits"
)


def to_plain(field: str, value: object, *, depth: int = 0) -> Any:
    """Return a value with plain JSON types.

    Dates and times become text in ISO 8601; UUIDs, paths and decimals become text as `str` writes
    them; a member of an enumeration becomes its value; scalars and arrays of numpy become numbers
    and lists; tuples become lists.

    Args:
        field: The full name of the value, for errors.
        value: Any value.
        depth: How deeply it is nested.

    Raises:
        ValidationError: JSON cannot express the value; the text has the full name of its key.
    """
    if depth > limits.METADATA_DEPTH:
        raise ValidationError(
            f"{field} is nested deeper than {limits.METADATA_DEPTH} levels, or contains itself"
        )
    if value is None or isinstance(value, (str, bool, int, float)):
        return _to_scalar(field, value)
    if isinstance(value, Mapping):
        return _to_dict(field, value, depth=depth)
    if isinstance(value, (list, tuple)):
        return [
            to_plain(f"{field}.{index}", item, depth=depth + 1) for index, item in enumerate(value)
        ]
    if is_numpy(value, "generic", "ndarray"):
        return _read_numpy(field, value, depth=depth)
    if isinstance(value, Enum):
        return to_plain(field, value.value, depth=depth + 1)
    return _write_text(field, value)


def join_key(field: str, key: str) -> str:
    """Return the full name of a key, for an error text."""
    return f"{field}.{key}" if _SIMPLE_KEY.fullmatch(key) else f"{field}[{key[:64]!r}]"


def is_numpy(value: object, *types: str) -> bool:
    """Return whether a value has one of these types of numpy, which is not loaded for that."""
    numpy = sys.modules.get("numpy")
    return isinstance(value, tuple(getattr(numpy, name) for name in types if hasattr(numpy, name)))


def to_number(value: object) -> float | None:
    """Return a number as a plain `int` or `float`, None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else None


def _to_dict(field: str, value: Mapping[Any, object], *, depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValidationError(f"{field} must have strings as keys, not {type(key).__name__}")
        name = str.__str__(key)
        plain[name] = to_plain(join_key(field, name), item, depth=depth + 1)
    return plain


def _to_scalar(field: str, value: str | float | None) -> str | float | None:
    """Return a scalar as a plain JSON type; members of enumerations become their values."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    number = to_number(value)
    if isinstance(number, int) and -(2**63) <= number < 2**63:
        return number
    if isinstance(number, float) and math.isfinite(number):
        return number
    raise ValidationError(f"{field} {_NOT_FINITE}")


def _read_numpy(field: str, value: Any, *, depth: int) -> Any:
    """Return a scalar of numpy as a number or a text, and an array as a list."""
    import numpy as np  # noqa: PLC0415 - it is loaded already

    if value.ndim:
        if 2 * value.size > limits.METADATA_BYTES:  # a number and a comma
            raise LimitError(f"{field} has more than {limits.METADATA_BYTES:,} bytes as JSON")
        return to_plain(field, list(value), depth=depth)
    if isinstance(value, np.ndarray):
        return to_plain(field, value[()], depth=depth + 1)
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return str(value)
    plain = None if isinstance(value, (np.datetime64, np.timedelta64)) else value.item()
    if isinstance(plain, (str, bool, int, float)):
        return _to_scalar(field, plain)
    return _write_text(field, value)


def _write_text(field: str, value: object) -> str:
    """Return the text of a value that is stored as text."""
    if isinstance(value, (datetime, date, time)):
        return str.__str__(value.isoformat())
    if isinstance(value, (UUID, PurePath)):
        return str.__str__(str(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValidationError(f"{field} {_NOT_FINITE}")
        return str.__str__(str(value))
    raise ValidationError(
        f"{field} contains a value of the type {type(value).__name__}, which JSON cannot express"
    )
