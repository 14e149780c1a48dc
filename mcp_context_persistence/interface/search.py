"""The calls that search."""

from collections.abc import Mapping
from typing import Any

from kg import checks
from kg.errors import SearchError
from mcp_context_persistence import searching
from mcp_context_persistence.config import HYBRID_LIMIT, HYBRID_MODE, SIMILAR_LIMIT, SIMILAR_MIN_SCORE
from mcp_context_persistence.core import Core
from mcp_context_persistence.models import (
    HybridSearchParams,
    SearchFilters,
    SearchHybridResponse,
    SearchSimilarConversationsResponse,
)

Filters = Mapping[str, Any] | SearchFilters


class SearchCalls:
    """Searches by meaning, words and graph."""

    _core: Core

    def search_similar_conversations(
        self,
        query: str,
        limit: int = SIMILAR_LIMIT,
        min_score: float = SIMILAR_MIN_SCORE,
        filters: Filters | None = None,
        *,
        include_metadata: bool = False,
    ) -> SearchSimilarConversationsResponse:
        """Find conversations that have something like the query in them.

        Args:
            query: At most 10,000 characters.
            limit: Conversations at most, 1 to 100 or `max_search_results`; `default_search_limit`, where it is set, when left out.
            min_score: Least raw cosine of the best passage, 0.0 to 1.0; `min_similarity_score`, where it is set, when left out.
            filters: See `SearchFilters`.
            include_metadata: Whether messages and conversations carry their metadata.

        Returns:
            Best first, each with its best-matching messages. `best_score` tells how near the nearest was when nothing reached the floor.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        with self._core.call("search_similar_conversations", SearchError):
            asked: dict[str, Any] = {
                "limit": limit,
                "min_score": min_score,
                "filters": filters,
                "include_metadata": checks.flag("include_metadata", include_metadata),
            }
            return self._core.cached(
                SearchSimilarConversationsResponse,
                lambda: searching.similar(self._core, query, **asked),
                "search_similar_conversations",
                query=query,
                **asked,
            )

    def search_hybrid(
        self,
        query: str | HybridSearchParams,
        mode: str = HYBRID_MODE,
        filters: Filters | None = None,
        limit: int = HYBRID_LIMIT,
        include_metadata: bool = False,
    ) -> SearchHybridResponse:
        """Search messages, entities, decisions and conversations by meaning, words and graph.

        Args:
            query: At most 10,000 characters, or a `HybridSearchParams` object with everything in it.
            mode: `hybrid` joins meaning, words and neighbourhood; `semantic`, `keyword` and `graph` use one of them. Where `enable_hybrid_search` is off, `hybrid`
                is refused, and a call that names no mode is `semantic`.
            filters: See `SearchFilters`.
            limit: Results at most, 1 to 100 or `max_search_results`; `default_search_limit`, where it is set, when left out.
            include_metadata: Whether results carry their own metadata.

        Returns:
            Best first. `similarity_score` is the raw cosine in `semantic`, and between 0 and 1 in the other modes.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        with self._core.call("search_hybrid", SearchError):
            asked: dict[str, Any] = {"mode": mode, "filters": filters, "limit": limit, "include_metadata": include_metadata}
            return self._core.cached(
                SearchHybridResponse,
                lambda: searching.hybrid(self._core, query, **asked),
                "search_hybrid",
                query=query,
                **asked,
            )
