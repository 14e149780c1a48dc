"""Cursors of pages: opaque strings that say where the next page begins."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import ValidationError

LARGEST = 2**62  # of the numbers in a cursor
INVALID = "cursor is not one that this call has returned"


def cut_page(rows: Sequence[Row], *, limit: int, digest: str) -> tuple[Sequence[Row], str | None]:
    """Return the rows of a page, and the cursor of the next page, None for the last one.

    Args:
        rows: Have `key`, by which they are ordered, and `item` with an `id`; one row more than
            `limit` if there is another page.
        limit: Rows of a page.
        digest: Identifies what is listed.
    """
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, write_cursor(digest, page[-1]["key"], page[-1]["item"]["id"])


def write_cursor(*fields: object) -> str:
    """Return a cursor that holds these values."""
    text = json.dumps(fields, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(value: object, *, count: int, digest: str, owner: str) -> list[Any]:
    """Return the values of a cursor after its first one, which must be a digest.

    Args:
        value: The cursor as the caller passes it.
        count: How many values it must hold after the digest.
        digest: Identifies what is listed.
        owner: What is listed, for the error.

    Raises:
        ValidationError: It is no cursor, or one of something else.
    """
    text = validation.check_identifier("cursor", value, size=4_096)
    try:
        padded = text + "=" * (-len(text) % 4)
        fields = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, TypeError) as error:
        raise ValidationError(INVALID) from error
    if not isinstance(fields, list) or len(fields) != count + 1:
        raise ValidationError(INVALID)
    if fields[0] != digest:
        raise ValidationError(f"cursor belongs to another {owner}")
    return fields[1:]


def is_number(value: object) -> bool:
    """Return whether a value of a cursor is an integer of a possible size."""
    return type(value) is int and abs(value) < LARGEST
