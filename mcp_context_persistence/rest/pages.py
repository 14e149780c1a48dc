"""The arguments of lists."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import READ_INTEGER, Cursor, Flag, Order, PageLimit
from mcp_context_persistence.rest.operations import QueryArguments
from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.rest.strict_json import load_json

FILTER_CHARACTERS = 8_192
FilterText = Annotated[
    str,
    Field(min_length=2, max_length=FILTER_CHARACTERS),
    WithJsonSchema(
        {
            "type": "string",
            "contentMediaType": "application/json",
            "description": 'Filters as a JSON object, such as {"project": "orders"}',
            "minLength": 2,
            "maxLength": FILTER_CHARACTERS,
        }
    ),
]


class ListArguments(QueryArguments):
    """A page of a list."""

    filters: FilterText | None = None
    order: Order = "newest"
    limit: PageLimit = 100
    cursor: Cursor | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the fields that were sent, with the filters as an object."""
        fields = super().arguments()
        if "filters" in fields:
            fields["filters"] = _read_filters(fields["filters"])
        return fields


class DecisionListArguments(ListArguments):
    """A page of decisions."""

    MULTIPLE = frozenset({"status"})

    status: Annotated[list[Literal["accepted", "proposed", "rejected"]], Field(max_length=3)] = (
        Field(default_factory=list, description="All of them where it is left out")
    )


class InstructionListArguments(QueryArguments):
    """A page of instructions."""

    MULTIPLE = frozenset({"status"})

    status: Annotated[list[Literal["active", "superseded", "retired"]], Field(max_length=3)] = (
        Field(default_factory=list, description="`active` where it is left out")
    )
    limit: PageLimit = 100
    cursor: Cursor | None = None


class MergeListArguments(QueryArguments):
    """A page of merges."""

    limit: Annotated[int, Field(ge=1, le=limits.LISTED_MERGES), READ_INTEGER] = limits.LISTED_MERGES
    cursor: Cursor | None = None


class DeleteArguments(QueryArguments):
    """Whether to delete."""

    dry_run: Flag = Field(False, description="Only report what would be deleted")


def _read_filters(text: str) -> dict[str, Any]:
    try:
        filters = load_json(text.encode(), name="filters")
    except ProblemError as problem:
        problem.field = "filters"
        raise
    if not isinstance(filters, dict):
        raise ProblemError("invalid", "filters must be a JSON object", field="filters")
    return filters
