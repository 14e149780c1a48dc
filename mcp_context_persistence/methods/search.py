"""The methods that search."""

from collections.abc import Callable, Mapping, Sequence
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
from mcp_context_persistence.queries.prompt_context.builder import DIVERSITY, MIN_RELEVANCE
from mcp_context_persistence.queries.prompt_context.instructions import SHARE
from mcp_context_persistence.queries.search import recipes
from mcp_context_persistence.responses.context import BuildContextResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.config.argument_defaults import unset_defaults
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import prompt_context, search
from mcp_context_persistence.services.exclusions import Exclusions

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
        exclude_conversation_id: str | Sequence[str] | None = None,
        exclude_ids: str | Sequence[str] | None = None,
    ) -> SearchSimilarConversationsResponse:
        """Find conversations with a passage that is similar to the query.

        Args:
            query: At most 10,000 characters.
            limit: The maximum number of conversations. It is 1 to 100, or 1 to the setting
                `max_search_results` if this setting is lower. If you leave the argument out and the
                setting `default_search_limit` has a value, this value is used.
            min_score: The lowest cosine that the best passage of a conversation may have, 0.0 to
                1.0. If you leave the argument out and the setting `min_similarity_score` has a
                value, this value is used.
            filters: See `SearchFilters`.
            include_metadata: Whether the messages and conversations in the response have their
                metadata.
            exclude_conversation_id: A conversation that is not returned, or a list of them.
            exclude_ids: An id of a message that does not count, or a list of ids.

        Returns:
            The best conversation first, each with the messages that match best. `best_score` is the
            highest score of all conversations, even if none reaches `min_score`.

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
            exclusions=Exclusions(conversation_id=exclude_conversation_id, ids=exclude_ids),
        )
        return self._engine.cache.get_or_compute(
            SearchSimilarConversationsResponse,
            lambda: search.search_similar(self._engine, request),
            request=request,
        )

    @public_call(SearchError)
    @unset_defaults("recipe")
    def build_context(  # noqa: PLR0913 - one for each thing that a caller may decide
        self,
        query: str,
        token_budget: int = TOKEN_BUDGET,
        *,
        filters: Filters | None = None,
        recipe: str | Mapping[str, Any] = recipes.DEFAULT,
        diversity: float = DIVERSITY,
        instruction_share: float = SHARE,
        min_relevance: float = MIN_RELEVANCE,
        order: str = "conversation",
        count_tokens: Callable[[str], int] | None = None,
        exclude_conversation_id: str | Sequence[str] | None = None,
        exclude_ids: str | Sequence[str] | None = None,
    ) -> BuildContextResponse:
        r"""Build a text for a prompt from what is stored about a query.

        The text contains the messages, decisions and documents with the most relevance for each
        token. A text that repeats a chosen text counts less. The texts are ordered by conversation
        and time, below a heading with the day. A decision comes after the message that states it.
        Short messages between two chosen messages, and questions before short answers, are added. A
        sentence is cut only if it has more than 60 tokens and more than a third of the budget. The
        text ends when the remaining texts are unlikely to contain what is asked for. This may be
        long before the budget is used up.

        Each message, decision or document begins on a new line with its citation: `[m:ID]`,
        `[d:ID]` or `[doc:ID]`. An instruction has the citation of its message, or `[i:ID]` if it
        was saved without a message. Other lines of a text are indented. In an id, `%`, `[` and `]`
        are percent-encoded. So `re.findall(r"^\[(m|d|doc|i):([^\]]+)\]", text, re.M)` finds all
        citations, and `urllib.parse.unquote` returns the id.

        Args:
            query: At most 10,000 characters.
            token_budget: The maximum number of tokens, 1 to 1,000,000. It is never exceeded.
            filters: See `SearchFilters`.
            recipe: See `search_hybrid`.
            diversity: The minimum similarity of two texts from the same conversation, or about
                entities that the results mention together, 0.0 to 1.0. With a higher value, more
                different texts are chosen, and the text ends earlier.
            instruction_share: The share of the budget for the instructions, preferences and facts
                of the user that apply to the query, 0.0 to 1.0. They come first, below a heading of
                their own. See docs/instructions.md.
            min_relevance: How likely anything stored must be about what the query asks for, 0.0 to
                1.0. If it is less likely, `notes` says so, and the text has only the instructions,
                or without them at most 30 tokens of the nearest text. 0.0 turns this off.
            order: `conversation` keeps the texts of a conversation together. `time` makes a
                timeline for questions such as "in which order did I ...?" and "how did it go?":
                many short excerpts from the whole history of a topic, oldest first. Its recipe
                is `timeline` if you leave `recipe` out.
            count_tokens: A function that counts the tokens of a text. If you leave it out, the
                tokenizer of the embedding model is used. A word that this tokenizer does not know
                is counted by its bytes. This count is usually higher than that of language models.
            exclude_conversation_id: See `search_hybrid`.
            exclude_ids: See `search_hybrid`.

        Returns:
            The text, its citations, its number of tokens and the `confidence` of the search. If the
            text is empty, `notes` says why.

        Raises:
            SearchError: The search failed.
            ValidationError: An argument is not valid.
        """
        request = prompt_context.read_request(
            self._engine,
            query,
            filters=filters,
            recipe=recipe,
            order=order,
            exclusions=Exclusions(conversation_id=exclude_conversation_id, ids=exclude_ids),
        )
        return prompt_context.build_context(
            self._engine,
            request,
            token_budget,
            diversity=diversity,
            instruction_share=instruction_share,
            min_relevance=min_relevance,
            order=order,
            count_tokens=count_tokens,
        )

    @public_call(SearchError)
    @unset_defaults(
        "mode",
        "filters",
        "limit",
        "include_metadata",
        "recipe",
        "explain",
        "exclude_conversation_id",
        "exclude_ids",
    )
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
        exclude_conversation_id: str | Sequence[str] | None = None,
        exclude_ids: str | Sequence[str] | None = None,
    ) -> SearchHybridResponse:
        """Search messages, entities, decisions, instructions, conversations and documents.

        Args:
            query: At most 10,000 characters, or a `HybridSearchParams` object with all arguments.
            mode: `hybrid` combines the retrievers and ranks messages by their context; `semantic`,
                `keyword` and `graph` use the vector, the keyword or the graph retriever. If the
                setting `enable_hybrid_search` is False, `hybrid` is refused, and the default is
                `semantic`.
            filters: See `SearchFilters`.
            limit: The maximum number of results. It is 1 to 100, or 1 to the setting
                `max_search_results` if this setting is lower. If you leave the argument out and the
                setting `default_search_limit` has a value, this value is used.
            include_metadata: Whether the results have their metadata.
            recipe: The settings of `hybrid`: `balanced`, `fast`, `precise`, `exploratory`,
                `timeline`, or a mapping that changes one of them, such as
                `{"base": "fast", "weights": {"time": 0}, "recency": 1.5}`. See docs/searching.md.
            explain: Whether explanations also have the `path` through the graph, the `statements`
                that found the results, and `times`: the words of the query that name a time.
            exclude_conversation_id: A conversation of which nothing is returned, or a list of them.
                Exclude the current conversation: the language model has its messages already.
            exclude_ids: The id of a result to leave out, or a list of ids.

        Returns:
            The best result first, with the recipe `timeline` the oldest. `similarity_score` is the
            cosine in mode `semantic`, and a score between 0 and 1 in the other modes. In mode
            `hybrid`, `confidence` says how likely the results answer the query, 0 to 1.

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
            exclusions=Exclusions(conversation_id=exclude_conversation_id, ids=exclude_ids),
        )
        return self._engine.cache.get_or_compute(
            SearchHybridResponse,
            lambda: search.search_hybrid(self._engine, request),
            # Relative dates such as "last week" change with the day.
            request=replace(request, now_ms=request.now_ms // DAY_MS * DAY_MS),
        )
