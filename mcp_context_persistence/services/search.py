"""Searches: the request is checked and built, the query is embedded, and the response is written."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.models import (
    HybridSearchParams,
    SearchHybridResponse,
    SearchResult,
    SearchSimilarConversationsResponse,
    SimilarConversation,
)
from mcp_context_persistence.queries.search import hybrid
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.filters import read_filters
from mcp_context_persistence.queries.search.recipes import read_recipe
from mcp_context_persistence.queries.search.request import LIMIT, MODES, SearchRequest
from mcp_context_persistence.queries.search.retrieval import QueryVector
from mcp_context_persistence.queries.search.similar_conversations import (
    SimilarConversationRow,
    search_similar_conversations,
)
from mcp_context_persistence.runtime.config.unset import UNSET, drop_unset
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations

SIMILAR_LIMIT = 5
SIMILAR_MIN_SCORE = 0.7


def read_request(
    engine: Engine,
    query: object,
    *,
    mode: object = UNSET,
    filters: object = UNSET,
    limit: object = UNSET,
    include_metadata: object = UNSET,
    recipe: object = UNSET,
    explain: object = UNSET,
) -> SearchRequest:
    """Check the arguments of a search and build its request; settings replace the defaults of what was left out.

    Args:
        engine: Has the settings.
        query: The query, or a `HybridSearchParams` object with all arguments.
        mode, filters, limit, include_metadata, recipe, explain: As `search_hybrid` takes them; `UNSET` where they were left out.

    Raises:
        ValidationError: An argument is not valid.
    """
    if isinstance(query, HybridSearchParams):
        passed = (mode, filters, limit, include_metadata, recipe, explain)
        if any(argument is not UNSET for argument in passed):
            raise ValidationError("give a HybridSearchParams object or keywords, not both")
        fields = dict(query)  # an object that was made without validation may lack some
        passed_fields = {name: fields[name] for name in query.model_fields_set - {"query"}}
        return read_request(engine, fields.get("query"), **passed_fields)
    return SearchRequest(
        query=validation.check_text("query", query, characters=limits.QUERY_CHARACTERS),
        mode=_read_mode(engine, mode),
        **drop_unset(
            {
                "filters": filters if filters is UNSET else read_filters(filters),
                "include_metadata": _read_flag("include_metadata", include_metadata),
                "recipe": _read_recipe(engine, recipe),
                "explain": _read_flag("explain", explain),
            }
        ),
        limit=_read_limit(engine, limit, LIMIT),
        now_ms=now_ms(),
    )
