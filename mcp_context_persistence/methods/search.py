"""The methods that search."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mcp_context_persistence.kg.errors import SearchError
from mcp_context_persistence.kg.timestamps import DAY_MS
from mcp_context_persistence.models import (
    HybridSearchParams,
    SearchFilters,
    SearchHybridResponse,
    SearchSimilarConversationsResponse,
)
from mcp_context_persistence.queries.prompt_context.builder import DIVERSITY
from mcp_context_persistence.queries.search import recipes
from mcp_context_persistence.responses.context import BuildContextResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.config.argument_defaults import unset_defaults
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import prompt_context, search

TOKEN_BUDGET = 2_000

Filters = Mapping[str, Any] | SearchFilters


class SearchCalls:
    """Searches with the vector, the keyword and the graph retriever."""

    _engine: Engine

    @public_call(SearchError)
    @unset_defaults("limit", "min_score")
    def search_similar_conversations(
        self,
        query: str,
        limit: int = 5,
        min_score: float = 0.7,
        filters: Filters | None = None,
        *,
        include_metadata: bool = False,
    ) -> SearchSimilarConversationsResponse:
        """Find conversations that have something like the query in them.

        Args:
            query: At most 10,000 characters.
            limit: Conversations at most, 1 to 100 or `max_search_results`; `default_search_limit`,
                where it is set, when left out.
            min_score: Least raw cosine of the best passage, 0.0 to 1.0; `min_similarity_score`,
                where it is set, when left out.
            filters: See `SearchFilters`.
            include_metadata: Whether messages and conversations carry their metadata.

        Returns:
            Best first, each with its best-matching messages. `best_score` tells how near the
            nearest was when nothing reached the floor.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        request = search.read_similar_request(
            self._engine,
            query,
            limit=limit,
            min_score=min_score,
            filters=filters,
            include_metadata=include_metadata,
        )
        return self._engine.cache.get_or_compute(
            SearchSimilarConversationsResponse,
            lambda: search.search_similar(self._engine, request),
            request=request,
        )

    @public_call(SearchError)
    def build_context(
        self,
        query: str,
        token_budget: int = TOKEN_BUDGET,
        *,
        filters: Filters | None = None,
        recipe: str | Mapping[str, Any] = recipes.DEFAULT,
        diversity: float = DIVERSITY,
        count_tokens: Callable[[str], int] | None = None,
    ) -> BuildContextResponse:
        r"""Make a text for a prompt of what is remembered about a query.

        The messages, decisions and documents that are most relevant for each token, each judged
        also by what it adds to those chosen before it, stand by conversation and time under their
        day. A decision stands after the message that tells of it. Short messages between two of
        them, and questions that they answer, are shown too. Nothing is cut inside a sentence; the
        text ends where what is left is unlikely to be what is asked for, which may be long before
        the budget is used.

        Each begins on a line of its own with its citation, `[m:ID]`, `[d:ID]` or `[doc:ID]`;
        further lines of it are indented. In an id `%`, `[` and `]` are percent-encoded, so that
        `re.findall(r"^\[(m|d|doc):([^\]]+)\]", text, re.M)` finds them all, and
        `urllib.parse.unquote` gives the id.

        Args:
            query: At most 10,000 characters.
            token_budget: Tokens at most, 1 to 1,000,000. It is never exceeded.
            filters: See `SearchFilters`.
            recipe: See `search_hybrid`.
            diversity: How much alike two texts of one conversation, or about things that are talked
                about together, are taken to be at least, 0.0 to 1.0. The more, the more different
                ones take the place of similar ones, and the sooner the text ends.
            count_tokens: Counts the tokens of a text. When left out, it is the tokenizer of the
                embedding model, and what that does not know counts
                by its bytes: more than language models mostly find.

        Returns:
            The text, its citations and its tokens; where it is empty, `notes` says why.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        return prompt_context.build_context(
            self._engine,
            query,
            token_budget,
            filters=filters,
            recipe=recipe,
            diversity=diversity,
            count_tokens=count_tokens,
        )

    @public_call(SearchError)
    @unset_defaults("mode", "filters", "limit", "include_metadata", "recipe", "explain")
    def search_hybrid(
        self,
        query: str | HybridSearchParams,
        mode: str = "hybrid",
        filters: Filters | None = None,
        limit: int = 10,
        include_metadata: bool = False,
        *,
        recipe: str | Mapping[str, Any] = recipes.DEFAULT,
        explain: bool = False,
    ) -> SearchHybridResponse:
        """Search messages, entities, decisions, conversations and documents.

        Args:
            query: At most 10,000 characters, or a `HybridSearchParams` object with everything in
                it.
            mode: `hybrid` combines the retrievers and ranks messages by their context; `semantic`,
                `keyword` and `graph` use the vector, the keyword or the graph retriever. Where
                `enable_hybrid_search` is off, `hybrid` is refused, and a call that names no mode is
                `semantic`.
            filters: See `SearchFilters`.
            limit: Results at most, 1 to 100 or `max_search_results`; `default_search_limit`, where
                it is set, when left out.
            include_metadata: Whether results carry their own metadata.
            recipe: How `hybrid` is made: `balanced`, `fast`, `precise`, `exploratory`, or a mapping
                that changes one of them, `{"base": "fast", "weights": {"time": 0}, "recency":
                1.5}`. See docs/searching.md.
            explain: Whether explanations also have the `path` through the graph, the `statements`
                that were run and the words that were a time.

        Returns:
            Best first. `similarity_score` is the raw cosine in `semantic`, and between 0 and 1 in
            the other modes.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        request = search.read_request(
            self._engine,
            query,
            mode=mode,
            filters=filters,
            limit=limit,
            include_metadata=include_metadata,
            recipe=recipe,
            explain=explain,
        )
        return self._engine.cache.get_or_compute(
            SearchHybridResponse,
            lambda: search.search_hybrid(self._engine, request),
            # Relative dates such as "last week" change with the day.
            request=replace(request, now_ms=request.now_ms // DAY_MS * DAY_MS),
        )
