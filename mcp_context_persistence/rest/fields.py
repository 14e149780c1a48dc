"""Types of fields that several requests have."""

import re
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.guard import SLASH

_INTEGER = re.compile(r"-?[0-9]{1,18}")


def _read_flag(value: object) -> object:
    if value not in {"true", "false", True, False}:
        raise ValueError("must be true or false")
    return value in {"true", True}


def _read_integer(value: object) -> object:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise ValueError("must be a whole number")
        return int(value)
    return value


def _restore_slashes(value: str) -> str:
    return value.replace(SLASH, "/")


Identifier = Annotated[str, Field(min_length=1, max_length=limits.IDENTIFIER_BYTES)]
ItemId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=limits.IDENTIFIER_BYTES,
        description="Percent-encoded, also a slash (`%2F`)",
    ),
    AfterValidator(_restore_slashes),
]
# In queries, where everything arrives as text.
Flag = Annotated[bool, BeforeValidator(_read_flag), WithJsonSchema({"type": "boolean"})]
READ_INTEGER = BeforeValidator(_read_integer)
PageLimit = Annotated[int, Field(ge=1, le=limits.LISTED_ITEMS), READ_INTEGER]
Cursor = Annotated[
    str, Field(min_length=1, max_length=4_096, description="`next_cursor` of the page before")
]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Metadata = dict[str, Any]
Filters = Annotated[
    dict[str, Any],
    Field(description="Conditions, see the page on searching; all of them must hold"),
]
Order = Literal["newest", "oldest", "updated", "id"]
Mode = Literal["conversation", "knowledge", "hybrid"]
Exclusions = Identifier | Annotated[list[Identifier], Field(max_length=limits.FILTER_VALUES)]
MessageBody = Annotated[
    dict[str, Any],
    Field(
        description="`role` and `content`, and if you like `id`, `timestamp`, `name`, `metadata` "
        "and `parent_id`; or a message in the form of another program"
    ),
]
