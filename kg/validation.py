"""Check single values that callers pass.

Each function returns the checked value, or raises `ValidationError` with the name of the field,
never with the value.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ValidationError, VectorDBError
from mcp_context_persistence.kg.fork_safety import refuse_children
from mcp_context_persistence.kg.progress import ReportProgress

TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,62}")
ROLES = frozenset({"user", "assistant", "system", "tool", "function", "developer"})
_SHOWN_KEY_CHARACTERS = 64
_SURROGATE = "holds half of a surrogate pair, which cannot be stored"


def check_text(field: str, value: object, *, characters: int) -> str:
    """Check a string with at least one visible character."""
    text = check_string(field, value, characters=characters)
    if not any(
        unicodedata.category(character)[0] not in "ZC"
        or unicodedata.category(character) in {"Cn", "Co"}
        for character in text
    ):
        raise ValidationError(f"{field} must not be empty")
    return text


def check_string(field: str, value: object, *, characters: int) -> str:
    """Check a string that can be stored; it may be empty."""
    if not isinstance(value, str):
        raise ValidationError(f"{field} must be a string, not {type(value).__name__}")
    if len(value) > characters:
        raise ValidationError(f"{field} has more than {characters:,} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(f"{field} {_SURROGATE}") from error
    return str.__str__(value)  # turns a member of a string enumeration into a plain string


def check_flag(field: str, value: object) -> bool:
    """Check a boolean. Other types are refused, because the string "false" would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValidationError(f"{field} must be True or False")
    return bool(value)


def check_function(field: str, value: Any) -> Any:
    """Check a callable, or None."""
    if value is not None and not callable(value):
        raise ValidationError(f"{field} must be a function")
    return value


def check_progress(value: Any) -> ReportProgress | None:
    """Check a progress function, or None; a child that the function forks cannot go on."""
    progress = check_function("progress", value)
    return refuse_children(progress) if progress else None


def check_identifier(field: str, value: object, *, size: int = limits.IDENTIFIER_BYTES) -> str:
    """Check an id or a name: visible, without line breaks, short enough for a range index."""
    text = check_text(field, value, characters=size)
    if len(text.encode("utf-8")) > size:
        raise ValidationError(f"{field} has more than {size} bytes in UTF-8")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValidationError(f"{field} must not hold control characters or line breaks")
    return text


def check_type_name(field: str, value: object) -> str:
    """Check a type of an entity or a relationship.

    It is a letter, then at most 62 letters, digits, spaces, `_` or `-`.
    """
    name = check_identifier(field, value)
    if not TYPE.fullmatch(name):
        raise ValidationError(
            f"{field} must be a letter and then at most 62 letters, digits, spaces, '_' or '-'"
        )
    return name


def check_share(field: str, value: object) -> float:
    """Check a number from 0 to 1; booleans, strings and NaN are refused."""
    return check_number(field, value, minimum=0.0, maximum=1.0)


def check_number(field: str, value: object, *, minimum: float, maximum: float) -> float:
    """Check a number within bounds; booleans, strings and NaN are refused."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not minimum <= value <= maximum
    ):
        raise ValidationError(f"{field} must be a number from {minimum:g} to {maximum:g}")
    return float(value)


def check_integer(field: str, value: object, *, minimum: int, maximum: int) -> int:
    """Check an integer within bounds; booleans and floats are refused."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValidationError(f"{field} must be a whole number from {minimum} to {maximum}")
    return int(value)


def check_choice(field: str, value: object, allowed: Sequence[str]) -> str:
    """Check a string that must be one of the allowed ones."""
    if not isinstance(value, str) or value not in allowed:
        raise ValidationError(f"{field} must be one of: {', '.join(allowed)}")
    return str.__str__(value)


def check_metadata(field: str, value: object) -> dict[str, Any] | None:
    """Check metadata and return it as it will be read back from JSON."""
    text = dump_metadata(field, value)
    return None if text is None else json.loads(text)


def dump_metadata(field: str, value: object) -> str | None:
    """Return metadata as canonical JSON (sorted keys), or None for None.

    JSON must be able to hold every value and return it unchanged: no NaN, no sets, only strings
    as keys, no integers beyond 64 bits. Dates and times become ISO 8601 strings.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValidationError(f"{field} must be a mapping")
    plain = _to_plain(field, value, depth=0)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ValidationError(f"{field} {_SURROGATE}") from error
    if size > limits.METADATA_BYTES:
        raise ValidationError(f"{field} has more than {limits.METADATA_BYTES:,} bytes as JSON")
    return text


def describe_key(key: object) -> str:
    """Return a key for an error text: a string in quotes, shortened; of anything else its type."""
    if not isinstance(key, str):
        return f"of the type {type(key).__name__}"
    if len(key) > _SHOWN_KEY_CHARACTERS:
        key = f"{key[:_SHOWN_KEY_CHARACTERS]}..."
    return repr(str.__str__(key))


def _to_plain(field: str, value: object, *, depth: int) -> Any:
    if depth > limits.METADATA_DEPTH:
        raise ValidationError(
            f"{field} is nested deeper than {limits.METADATA_DEPTH} levels, or contains itself"
        )
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return _to_scalar(field, value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValidationError(
                    f"{field} must have strings as keys, not {type(key).__name__}"
                )
        return {
            str.__str__(key): _to_plain(field, item, depth=depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_to_plain(field, item, depth=depth + 1) for item in value]
    raise ValidationError(f"{field} holds a {type(value).__name__} that JSON cannot hold")


def _to_scalar(field: str, value: str | float | None) -> str | float | None:
    """Return a scalar as a plain JSON type; members of enumerations become their values."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if not isinstance(value, int) and math.isfinite(value):
        return float(value)
    raise ValidationError(
        f"{field} holds a number that JSON cannot hold: it is not finite, or has more than 64 bits"
    )


def check_vectors(field: str, value: object, *, count: int, dimension: int) -> NDArray[np.float32]:
    """Return numbers of the shape ``(count, dimension)`` as float32.

    All numbers and the lengths of all rows must be finite, and no row may be all zeros.

    Raises:
        VectorDBError: The vectors cannot be stored.
    """
    try:
        numbers = np.asarray(value)
    except Exception as error:  # the caller may bring an array class of its own
        raise VectorDBError(
            f"{field} must be numbers in the shape ({count}, {dimension})"
        ) from error
    if numbers.dtype.kind not in "fiu":
        raise VectorDBError(f"{field} must be numbers in the shape ({count}, {dimension})")
    with np.errstate(over="ignore"):
        array = numbers.astype(np.float32)
    if array.shape != (count, dimension):
        raise VectorDBError(
            f"{field} must have the shape ({count}, {dimension}), not {array.shape}"
        )
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(array, axis=1)
    if not np.isfinite(array).all() or not np.isfinite(lengths).all() or not lengths.all():
        raise VectorDBError(
            f"{field} must be finite, also its rows' lengths, and must not hold a row of zeros"
        )
    return array
