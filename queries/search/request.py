"""The request of a search: every argument, checked, in one object."""

from dataclasses import dataclass
from typing import Literal

from mcp_context_persistence.queries.search.filters import NO_FILTERS, Filters
from mcp_context_persistence.queries.search.query_terms import QueryTerms
from mcp_context_persistence.queries.search.recipes import BALANCED, Recipe

SearchMode = Literal["hybrid", "semantic", "keyword", "graph"]
SEARCH_MODES: tuple[SearchMode, ...] = ("hybrid", "semantic", "keyword", "graph")
LIMIT, SIMILAR_LIMIT = 10, 5
SIMILAR_MIN_SCORE = 0.7


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """What a search is asked for. It is built once, where the call enters, and never changed.

    Attributes:
        query: Any text.
        terms: Its informative words.
        mode: `hybrid` combines all retrievers; `semantic`, `keyword` and `graph` use the vector,
            the keyword or the graph retriever.
        filters: What may be returned.
        limit: Results at most.
        include_metadata: Whether results carry their metadata.
        recipe: Settings of mode `hybrid`.
        explain: Whether explanations also have the path to each result and the statements.
        now_ms: The time from which recency and relative dates are calculated, in milliseconds since
            1970.
    """

    query: str
    terms: QueryTerms
    mode: SearchMode = "hybrid"
    filters: Filters = NO_FILTERS
    limit: int = LIMIT
    include_metadata: bool = False
    recipe: Recipe = BALANCED
    explain: bool = False
    now_ms: int


@dataclass(frozen=True, kw_only=True)
class SimilarRequest:
    """What a search for similar conversations is asked for.

    Attributes:
        query: Any text.
        filters: Which messages count.
        limit: Conversations at most.
        min_score: Least raw cosine of the best passage.
        include_metadata: Whether messages and conversations carry their metadata.
    """

    query: str
    filters: Filters
    limit: int
    min_score: float
    include_metadata: bool
