"""Convert times to what is stored, milliseconds since 1970 UTC, and back."""

import time
from datetime import UTC, datetime, timedelta

from mcp_context_persistence.kg.errors import ValidationError

DAY_MS = 86_400_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
            "a time stamp must have a zone that gives its offset, or no zone"
        ) from error
    if not FIRST_MS <= milliseconds <= LAST_MS:
        raise ValidationError("a time stamp must be in the years 1 to 9999 UTC")
    return milliseconds


def from_milliseconds(stored: int | None) -> datetime | None:
    """Return the time in UTC for stored milliseconds, None for None."""
    return None if stored is None else _EPOCH + timedelta(milliseconds=stored)
