"""Searches: arguments are checked, the query is embedded, the answer is told."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

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
from mcp_context_persistence.queries.prompt_context import builder, excerpts, graph_context
from mcp_context_persistence.queries.search import hybrid as search
from mcp_context_persistence.queries.search import recipes
from mcp_context_persistence.queries.search.filters import Filters, parse
from mcp_context_persistence.queries.search.query_terms import terms
from mcp_context_persistence.queries.search.retrieval import QueryVector
from mcp_context_persistence.queries.search.similar_conversations import (
    Similar,
    similar_conversations,
)
from mcp_context_persistence.responses.context import BuildContextResponse, Citation
from mcp_context_persistence.runtime.config.argument_defaults import (
    HYBRID_LIMIT,
    HYBRID_MODE,
    SIMILAR_LIMIT,
    SIMILAR_MIN_SCORE,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations


def hybrid(
    engine: Engine,
    query: object,
    *,
    mode: object,
    filters: object,
    limit: object,
    include_metadata: object,
    recipe: object,
    explain: object,
) -> SearchHybridResponse:
    """Search everything; `query` may be an object with all arguments in it."""
    given = {
        "mode": mode,
        "filters": filters,
        "limit": limit,
        "include_metadata": include_metadata,
        "recipe": recipe,
        "explain": explain,
    }
    if isinstance(query, HybridSearchParams):
        query, given = _unpacked(query, given)
    said = validation.check_text("query", query, characters=limits.QUERY_CHARACTERS)
    way = _mode(engine, given["mode"])
    asked: dict[str, Any] = {
        "namespace": engine.namespace,
        "query": said,
        "mode": way,
        "filters": parse(given["filters"]),
        "limit": _limit(engine, given["limit"], HYBRID_LIMIT),
        "metadata": validation.check_flag("include_metadata", given["include_metadata"]),
        **_read(engine, given["recipe"]),
        "explain": validation.check_flag("explain", given["explain"]),
        "now_ms": now_ms(),
    }
    needed = way in {"hybrid", "semantic"}
    answer = engine.embeddings.retry_when_stale(
        lambda: search.hybrid(
            engine.graph.run,
            search.Search(**asked, vector=_vector(engine, said) if needed else None),
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
    )


def _read(engine: Engine, given: object) -> dict[str, Any]:
    """The recipe, and what reads the best messages again.

    A recipe with a name uses it where there is one; who asks for it must have it.
    """
    recipe, judge = recipes.recipe(given), engine.models.cross_encoder
    if judge is None and isinstance(given, Mapping) and given.get("reranked"):
        raise ValidationError(
            "recipe.reranked needs a cross-encoder; name one in the setting cross_encoder_model"
        )
    return {"recipe": recipe, "judge": judge.score if judge else None}


def _unpacked(
    params: HybridSearchParams, given: Mapping[str, object]
) -> tuple[object, dict[str, object]]:
    """The query and the arguments of an object; keywords beside it are refused."""
    defaults = {
        "mode": HYBRID_MODE,
        "filters": None,
        "limit": HYBRID_LIMIT,
        "include_metadata": False,
        "recipe": recipes.DEFAULT,
        "explain": False,
    }
    if any(given[name] is not default for name, default in defaults.items()):
        raise ValidationError("give a HybridSearchParams object or keywords, not both")
    held = dict(params)  # one that was made without a check may lack fields
    return held.get("query"), {
        name: held.get(name, default) if name in params.model_fields_set else default
        for name, default in defaults.items()
    }


def context(
    engine: Engine,
    query: object,
    token_budget: object,
    *,
    filters: object,
    recipe: object,
    diversity: object,
    count_tokens: Callable[[str], int] | None,
) -> BuildContextResponse:
    """Search, and make a text of the best."""
    said = validation.check_text("query", query, characters=limits.QUERY_CHARACTERS)
    budget = validation.check_integer(
        "token_budget", token_budget, minimum=1, maximum=limits.TOKEN_BUDGET
    )
    spread = validation.check_number("diversity", diversity, minimum=0.0, maximum=1.0)
    count = (
        engine.embeddings.current().embedder.count_tokens
        if count_tokens is None
        else _counter(count_tokens)
    )
    allowed = parse(filters)
    asked: dict[str, Any] = {
        "namespace": engine.namespace,
        "query": said,
        "filters": allowed,
        **_read(engine, recipe),
        "now_ms": now_ms(),
    }
    found = engine.embeddings.retry_when_stale(
        lambda: search.everything(
            engine.graph.run, search.Search(**asked, vector=_vector(engine, said))
        )
    )
    texts = builder.select_texts(found)
    shown = [row for _, _, row in builder.select_relevant(texts, budget=budget)]
    facts = graph_context.read_facts(engine.graph.run, engine.namespace, shown, entities=spread > 0)
    made = builder.build(
        texts,
        words=terms(said).words,
        budget=budget,
        count_tokens=count,
        facts=facts,
        diversity=spread,
    )
    return BuildContextResponse(
        query=said,
        text=made.text,
        citations=[_citation(score, row) for score, row in made.scored_rows],
        tokens=made.tokens,
        token_budget=budget,
        notes=[] if made.scored_rows else [_why_empty(found, allowed)],
    )


def _why_empty(found: Sequence[tuple[float, Mapping[str, Any]]], allowed: Filters) -> str:
    if not excerpts.CITATION_PREFIXES.keys() & set(allowed.kinds):
        return "entities have no text to show: content_types must name message, conversation, decision or document, too"
    if not found:
        return "nothing was found"
    if not builder.select_texts(found):
        return "only entities or conversations were found, which have no text to show"
    return "nothing that was found fits into the budget"


def _citation(score: float, row: Mapping[str, Any]) -> Citation:
    return Citation(
        key=excerpts.citation_key(row),
        id=row["document_id"] if row["kind"] == "document" else row["id"],
        type=row["kind"],
        conversation_id=row["conversation_id"] or None,
        timestamp=timestamps.from_milliseconds(row["timestamp_ms"]),
        similarity_score=score,
    )


def _counter(given: object) -> excerpts.TokenCounter:
    count = validation.check_function("count_tokens", given)

    def counted(text: str) -> int:
        try:
            found = count(text)
        except Exception as error:  # the caller's function raises what it likes
            raise ValidationError("count_tokens failed") from error
        return validation.check_integer(
            "what count_tokens returns",
            int(found) if isinstance(found, np.integer) else found,
            minimum=0,
            maximum=2**62,
        )

    return lambda texts: [counted(text) for text in texts]


def _limit(engine: Engine, limit: object, default: int) -> int:
    """The limit of a call: its own, else the configured one, else the documented one."""
    most = engine.config.max_search_results
    if limit is default:
        return engine.config.default_search_limit or min(default, most)
    return validation.check_integer("limit", limit, minimum=1, maximum=most)


def _mode(engine: Engine, mode: object) -> str:
    if not engine.config.enable_hybrid_search and isinstance(mode, str) and mode == "hybrid":
        if mode is HYBRID_MODE:
            return "semantic"
        raise ValidationError(
            "mode: hybrid is turned off by enable_hybrid_search; name semantic, keyword or graph"
        )
    return validation.check_choice("mode", mode, search.MODES)


def _result(hit: search.Hit) -> SearchResult:
    return SearchResult.model_construct(
        id=hit.id,
        type=hit.type,
        conversation_id=hit.conversation_id,
        message_id=hit.message_id,
        content=hit.content,
        similarity_score=hit.score,
        timestamp=timestamps.from_milliseconds(hit.timestamp_ms),
        metadata=hit.metadata,
        explanation=hit.explanation,
    )


def similar(
    engine: Engine,
    query: object,
    *,
    limit: object,
    min_score: object,
    filters: object,
    include_metadata: bool,
) -> SearchSimilarConversationsResponse:
    """Find conversations with a passage like the query."""
    said = validation.check_text("query", query, characters=limits.QUERY_CHARACTERS)
    most = _limit(engine, limit, SIMILAR_LIMIT)
    configured = engine.config.min_similarity_score
    floor = validation.check_confidence(
        "min_score",
        configured if min_score is SIMILAR_MIN_SCORE and configured is not None else min_score,
    )
    asked = parse(filters)
    answer = engine.embeddings.retry_when_stale(
        lambda: similar_conversations(
            engine.graph.run,
            namespace=engine.namespace,
            vector=_vector(engine, said),
            filters=asked,
            limit=most,
            min_score=floor,
        )
    )
    results = [_similar(one, include_metadata=include_metadata) for one in answer.conversations]
    return SearchSimilarConversationsResponse(
        query=said,
        results=results,
        total_results=len(results),
        best_score=answer.best_score,
        notes=list(answer.notes),
    )


def _similar(found: Similar, *, include_metadata: bool) -> SimilarConversation:
    messages = conversations.build_messages(
        [row if include_metadata else {**row, "metadata": None} for row in found.messages]
    )
    return SimilarConversation.model_construct(
        conversation_id=found.id,
        similarity_score=found.score,
        messages=messages,
        project_path=found.project_path,
        metadata=json.loads(found.metadata or "null") if include_metadata else None,
    )


def _vector(engine: Engine, query: str) -> QueryVector:
    found = engine.embeddings.current()
    return QueryVector(numbers=found.embedder.embed_query(query), vectors=found.vectors)
