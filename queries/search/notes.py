"""Notes for the caller on how a search was understood."""

from collections.abc import Iterable

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language
from mcp_context_persistence.queries.search.candidate import Candidate
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


def note_language(request: SearchRequest, candidates: Iterable[Candidate]) -> list[str]:
    """Return a note where only vectors found texts for a query that is not in English.

    The confidence is not known then, and the default embedding model understands English.

    Args:
        request: The request.
        candidates: The candidates that are shown.
    """
    keyword_scores = [candidate.keyword_score for candidate in candidates]
    language = detect_language(request.query)
    if not keyword_scores or any(keyword_scores) or language in {None, ENGLISH}:
        return []
    return [
        f"the query seems to be in another language than English ({language}), and nothing that "
        "was found has one of its words: it may not be about the query"
    ]
