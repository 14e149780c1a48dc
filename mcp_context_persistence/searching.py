"""Searches: arguments are checked, the query is embedded, the answer is told."""

import json
import time
from collections.abc import Mapping

from kg import checks, limits
from kg.errors import ValidationError
from mcp_context_persistence import conversations
from mcp_context_persistence.config import HYBRID_LIMIT, HYBRID_MODE, SIMILAR_LIMIT, SIMILAR_MIN_SCORE
from mcp_context_persistence.core import Core
from mcp_context_persistence.models import (
    DateRange,
    HybridSearchParams,
    SearchFilters,
    SearchHybridResponse,
    SearchResult,
    SearchSimilarConversationsResponse,
    SimilarConversation,
)
from queries import search
from queries.filters import Filters, parse
from queries.legs import QueryVector


def hybrid(
    core: Core,
    query: object,
    *,
    mode: object,
    filters: object,
    limit: object,
    include_metadata: object,
) -> SearchHybridResponse:
    """Search everything; `query` may be an object with all arguments in it."""
    start = time.perf_counter()
    if isinstance(query, HybridSearchParams):
        if mode is not HYBRID_MODE or filters is not None or limit is not HYBRID_LIMIT or include_metadata is not False:
            raise ValidationError("give a HybridSearchParams object or keywords, not both")
        mode = query.mode if "mode" in query.model_fields_set else HYBRID_MODE
        limit = query.limit if "limit" in query.model_fields_set else HYBRID_LIMIT
        given = dict(query)  # one that was made without a check may lack fields
        filters, include_metadata, query = given.get("filters"), given.get("include_metadata", False), given.get("query")
    said = checks.text("query", query, characters=limits.QUERY_CHARACTERS)
    way = _mode(core, mode)
    asked = _filters(filters)
    most = _limit(core, limit, HYBRID_LIMIT)
    shows = checks.flag("include_metadata", include_metadata)
    answer = core.embeddings.again(
        lambda: search.hybrid(
            core.graph.run,
            namespace=core.namespace,
            query=said,
            vector=_vector(core, said) if way in {"hybrid", "semantic"} else None,
            mode=way,  # type: ignore[arg-type]  # checked above
            filters=asked,
            limit=most,
            include_metadata=shows,
        )
    )
    results = [_result(hit) for hit in answer.hits]
    return SearchHybridResponse(
        query=said,
        mode=way,
        results=results,
        total_results=len(results),
        best_score=answer.best_score,
        notes=list(answer.notes),
        processing_time=time.perf_counter() - start,
    )


def _limit(core: Core, limit: object, default: int) -> int:
    """The limit of a call: its own, else the configured one, else the documented one."""
    most = core.config.max_search_results
    if limit is default:
        return core.config.default_search_limit or min(default, most)
    return checks.whole("limit", limit, least=1, most=most)


def _mode(core: Core, mode: object) -> str:
    if not core.config.enable_hybrid_search and isinstance(mode, str) and mode == "hybrid":
        if mode is HYBRID_MODE:
            return "semantic"
        raise ValidationError("mode: hybrid is turned off by enable_hybrid_search; name semantic, keyword or graph")
    return checks.choice("mode", mode, search.MODES)


def _result(hit: search.Hit) -> SearchResult:
    return SearchResult.model_construct(
        id=hit.id,
        type=hit.type,
        conversation_id=hit.conversation_id,
        message_id=hit.message_id,
        content=hit.content,
        similarity_score=hit.score,
        timestamp=checks.moment(hit.timestamp_ms),
        metadata=hit.metadata,
        explanation=hit.explanation,
    )


def similar(
    core: Core,
    query: object,
    *,
    limit: object,
    min_score: object,
    filters: object,
    include_metadata: bool,
) -> SearchSimilarConversationsResponse:
    """Find conversations with a passage like the query."""
    start = time.perf_counter()
    said = checks.text("query", query, characters=limits.QUERY_CHARACTERS)
    most = _limit(core, limit, SIMILAR_LIMIT)
    configured = core.config.min_similarity_score
    floor = checks.confidence("min_score", configured if min_score is SIMILAR_MIN_SCORE and configured is not None else min_score)
    asked = _filters(filters)
    answer = core.embeddings.again(
        lambda: search.similar_conversations(
            core.graph.run, namespace=core.namespace, vector=_vector(core, said), filters=asked, limit=most, min_score=floor
        )
    )
    results = [_similar(one, include_metadata=include_metadata) for one in answer.conversations]
    return SearchSimilarConversationsResponse(
        query=said,
        results=results,
        total_results=len(results),
        best_score=answer.best_score,
        notes=list(answer.notes),
        processing_time=time.perf_counter() - start,
    )


def _similar(found: search.Similar, *, include_metadata: bool) -> SimilarConversation:
    messages = conversations.messages([row if include_metadata else {**row, "metadata": None} for row in found.messages])
    return SimilarConversation.model_construct(
        conversation_id=found.id,
        similarity_score=found.score,
        messages=messages,
        project_path=found.project_path,
        metadata=json.loads(found.metadata or "null") if include_metadata else None,
    )


def _filters(given: object) -> Filters:
    """Checked filters from a mapping or an object."""
    if isinstance(given, SearchFilters):
        given = {key: value for key, value in given.model_dump(warnings=False).items() if value is not None}
    if isinstance(given, Mapping) and isinstance(given.get("date_range"), DateRange):
        given = {**given, "date_range": given["date_range"].model_dump()}
    return parse(given)


def _vector(core: Core, query: str) -> QueryVector:
    found = core.embeddings.current()
    return QueryVector(numbers=found.embedder.embed_query(query), vectors=found.vectors)
