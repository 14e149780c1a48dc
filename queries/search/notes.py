"""Notes for the caller on how a search was understood."""

from collections.abc import Sequence

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.request import SearchRequest

KINDS_NOTE = (
    "these kinds do not have what the filters ask for, so none of them is returned: {kinds}"
)


def write_notes(request: SearchRequest, shown: Sequence[Candidate] = ()) -> list[str]:
    """Return notes on how the query was understood.

    Where only vectors found texts for a query that is not in English, a note says so: the
    confidence is not known then, and the default embedding model understands English.

    Args:
        request: The request.
        shown: The candidates of a hybrid search that are shown.
    """
    notes: list[str] = []
    terms = request.terms
    if terms.dropped_count and request.mode != "semantic":
        notes.append(
            f"the keyword search used only the {limits.QUERY_TERMS} most informative words "
            f"of the query; {terms.dropped_count} were left out"
        )
    if not terms.words and request.mode != "semantic":
        notes.append("the query has no words for the keyword search, only punctuation")
    if shown and not any(candidate.keyword_score for candidate in shown):
        language = detect_language(request.query)
        if language not in {None, ENGLISH}:
            notes.append(
                f"the query seems to be in another language than English ({language}), and "
                "nothing that was found has one of its words: it may not be about the query"
            )
    return notes
