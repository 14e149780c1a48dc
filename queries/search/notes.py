"""Notes for the caller on how a search was understood."""

from mcp_context_persistence.kg import limits
from mcp_context_persistence.queries.search.request import SearchRequest


def write_notes(request: SearchRequest) -> list[str]:
    """Return notes on how the query and the filters were understood."""
    notes: list[str] = []
    terms, filters = request.terms, request.filters
    if terms.dropped_count and request.mode != "semantic":
        notes.append(
            f"the keyword search used only the {limits.QUERY_TERMS} most informative words "
            f"of the query; {terms.dropped_count} were left out"
        )
    if not terms.words and request.mode != "semantic":
        notes.append("the query has no words for the keyword search, only punctuation")
    if filters.impossible_kinds:
        notes.append(
            "these kinds do not have what the filters ask for, so none of them is returned: "
            + ", ".join(filters.impossible_kinds)
        )
    return notes
