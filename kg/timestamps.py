"""Convert times to what is stored, milliseconds since 1970 UTC, and back."""

import re
import time
from datetime import UTC, date, datetime, timedelta, timezone

from mcp_context_persistence.kg.errors import ValidationError

DAY_MS = 86_400_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?P<offset>Z|[+-]\d{2}:?\d{2})?")


def now_ms() -> int:
    """Return the current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def to_milliseconds(timestamp: datetime) -> int:
    """Return milliseconds since 1970 UTC; a time without a zone means UTC.

    Raises:
        ValidationError: The zone does not give its offset, or the time is outside of the years
            1 to 9999 UTC.
    """
    try:
        aware = timestamp if timestamp.tzinfo is not None else timestamp.replace(tzinfo=UTC)
        milliseconds = (aware - _EPOCH) // timedelta(milliseconds=1)
    except Exception as error:  # the caller may bring a zone class of its own
        raise ValidationError(
            "a timestamp must have a time zone with an offset from UTC, or no time zone"
        ) from error
    if not FIRST_MS <= milliseconds <= LAST_MS:
        raise ValidationError("a timestamp must be in the years 1 to 9999 UTC")
    return milliseconds


def from_milliseconds(stored: int | None) -> datetime | None:
    """Return the time in UTC for stored milliseconds, None for None."""
    return None if stored is None else _EPOCH + timedelta(milliseconds=stored)


def read_span(field: str, value: object) -> tuple[int, int]:
    """Return the first and the last millisecond of a day, or the millisecond of a time twice.

    Args:
        field: The name of the value, for errors.
        value: A `datetime`, a `date`, or one of them as text in ISO 8601; a day may have an offset.

    Raises:
        ValidationError: It is none of these.
    """
    rule = f"{field} must be a date such as 2024-12-31 or a time in ISO 8601"
    zone = UTC
    try:
        if isinstance(value, str):
            value, zone = _parse_time(value.strip())
        if isinstance(value, datetime):
            exact = to_milliseconds(value)
            return exact, exact
        if isinstance(value, date):
            midnight = datetime(value.year, value.month, value.day, tzinfo=UTC)
            first = to_milliseconds(midnight) - int(zone.utcoffset(None).total_seconds() * 1000)
            return first, first + DAY_MS - 1
    except (ValueError, OverflowError) as error:
        raise ValidationError(rule) from error
    raise ValidationError(rule)


def _parse_time(text: str) -> tuple[date, timezone]:
    """Parse a time, or a day with its time zone."""
    match = _DAY.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text), UTC
    return date.fromisoformat(match["day"]), _read_zone(match["offset"])


def _read_zone(offset: str | None) -> timezone:
    if offset is None or offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if minutes > 59:
        raise ValueError("no such offset")
    return timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))
