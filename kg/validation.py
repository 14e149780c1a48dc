"""Checks of single values, where they enter. Each raises `ValidationError` and names the field, never the value."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ValidationError, VectorDBError

TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,62}")
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the calendar's ends
ROLES = frozenset({"user", "assistant", "system", "tool", "function", "developer"})


def text(field: str, value: object, *, characters: int) -> str:
    """A string that says something: neither empty nor only white space or invisible characters."""
    found = anything(field, value, characters=characters)
    if not any(
        unicodedata.category(c)[0] not in "ZC" or unicodedata.category(c) in {"Cn", "Co"}
        for c in found
    ):
        raise ValidationError(f"{field} must not be empty")
    return found


def anything(field: str, value: object, *, characters: int) -> str:
    """A string that can be stored, empty or not."""
    if not isinstance(value, str):
        raise ValidationError(f"{field} must be a string, not {type(value).__name__}")
    if len(value) > characters:
        raise ValidationError(f"{field} has more than {characters:,} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(
            f"{field} holds half of a surrogate pair, which cannot be stored"
        ) from error
    return str.__str__(value)  # of an enumeration of strings, the string


def flag(field: str, value: object) -> bool:
    """A real boolean: a word such as "false" would be true."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValidationError(f"{field} must be True or False")
    return bool(value)


def function(field: str, value: Any) -> Any:
    """Something that can be called, or None."""
    if value is not None and not callable(value):
        raise ValidationError(f"{field} must be a function")
    return value


def identifier(field: str, value: object, *, size: int = limits.IDENTIFIER_BYTES) -> str:
    """An id or a name: visible, on one line, short enough for a range index."""
    found = text(field, value, characters=size)
    if len(found.encode("utf-8")) > size:
        raise ValidationError(f"{field} has more than {size} bytes in UTF-8")
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in found):
        raise ValidationError(f"{field} must not hold control characters or line breaks")
    return found


def type_name(field: str, value: object) -> str:
    """The type of an entity or a relationship: a letter, then letters, digits, spaces, `_` or `-`, 63 in all."""
    found = identifier(field, value)
    if not TYPE.fullmatch(found):
        raise ValidationError(
            f"{field} must be a letter and then at most 62 letters, digits, spaces, '_' or '-'"
        )
    return found


def confidence(field: str, value: object) -> float:
    """A number from 0 to 1; neither a boolean nor a string nor NaN."""
    return number(field, value, least=0.0, most=1.0)


def number(field: str, value: object, *, least: float, most: float) -> float:
    """A number within bounds; neither a boolean nor a string nor NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValidationError(f"{field} must be a number from {least:g} to {most:g}")
    return float(value)


def whole(field: str, value: object, *, least: int, most: int) -> int:
    """A whole number within bounds; not a boolean, not a float."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValidationError(f"{field} must be a whole number from {least} to {most}")
    return int(value)


def choice(field: str, value: object, allowed: Sequence[str]) -> str:
    """One of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValidationError(f"{field} must be one of: {', '.join(allowed)}")
    return str.__str__(value)


def plain_metadata(field: str, value: object) -> dict[str, Any] | None:
    """Free metadata as it will be stored: what JSON makes of it."""
    written = metadata(field, value)
    return None if written is None else json.loads(written)


def metadata(field: str, value: object) -> str | None:
    """Free metadata as canonical JSON (sorted keys), or None for None.

    Every value must be one that JSON can hold and give back unchanged: no NaN, no sets, no keys but strings, no integers beyond 64 bits.
    Dates and times become ISO 8601 strings.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValidationError(f"{field} must be a mapping")
    plain = _plain(field, value, depth=0)
    written = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        size = len(written.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ValidationError(
            f"{field} holds half of a surrogate pair, which cannot be stored"
        ) from error
    if size > limits.METADATA_BYTES:
        raise ValidationError(f"{field} has more than {limits.METADATA_BYTES:,} bytes as JSON")
    return written


def _plain(field: str, value: object, *, depth: int) -> Any:
    if depth > limits.METADATA_DEPTH:
        raise ValidationError(
            f"{field} is nested deeper than {limits.METADATA_DEPTH} levels, or in a circle"
        )
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return _scalar(field, value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValidationError(f"{field} must have strings as keys")
        return {str.__str__(key): _plain(field, one, depth=depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(field, one, depth=depth + 1) for one in value]
    raise ValidationError(f"{field} holds a {type(value).__name__} that JSON cannot hold")


def _scalar(field: str, value: str | float | None) -> str | float | None:
    """A value of JSON, of its very own type: what derives from it (an enumeration of strings) is written as what it is worth."""
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


def vectors(field: str, value: object, *, count: int, dimension: int) -> NDArray[np.float32]:
    """Real numbers of the shape ``(count, dimension)`` as float32, all finite, the rows' lengths too, no row of zeros.

    Raises:
        VectorDBError: The vectors cannot be stored.
    """
    try:
        given = np.asarray(value)
    except Exception as error:  # an array of the caller's own making
        raise VectorDBError(
            f"{field} must be numbers in the shape ({count}, {dimension})"
        ) from error
    if given.dtype.kind not in "fiu":
        raise VectorDBError(f"{field} must be numbers in the shape ({count}, {dimension})")
    with np.errstate(over="ignore"):
        array = given.astype(np.float32)
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


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC; a moment without a zone means UTC.

    Raises:
        ValidationError: Its zone does not tell the offset, or it lies outside of the years 1 to 9999 UTC.
    """
    try:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        found = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except Exception as error:  # a zone of the caller's own making
        raise ValidationError(
            "a time stamp must have a zone that tells its offset, or none"
        ) from error
    if not FIRST_MS <= found <= LAST_MS:
        raise ValidationError("a time stamp must lie in the years 1 to 9999 UTC")
    return found


def moment(stored: int | None) -> datetime | None:
    """The moment for stored milliseconds, in UTC."""
    return (
        None
        if stored is None
        else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stored)
    )
