"""Searches: build the request, embed the query, and write the response."""

from collections.abc import Mapping, Sequence
from typing import cast

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.models import (
    HybridSearchParams,
    SearchHybridResponse,
    SearchResult,
    SearchSimilarConversationsResponse,
    SimilarConversation,
)
from mcp_context_persistence.queries.search import hybrid_search, search_modes
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.recipes import BALANCED, Recipe, read_recipe
from mcp_context_persistence.queries.search.request import (
    LIMIT,
    SEARCH_MODES,
    SIMILAR_LIMIT,
    SIMILAR_MIN_SCORE,
    SearchMode,
    SearchRequest,
    SimilarRequest,
)
from mcp_context_persistence.queries.search.retrieval import QueryVector
from mcp_context_persistence.queries.search.similar_conversations import (
    SimilarConversationRow,
    search_similar_conversations,
)
from mcp_context_persistence.runtime.config.argument_defaults import UNSET
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations
from mcp_context_persistence.services.exclusions import NO_EXCLUSIONS, Exclusions
from mcp_context_persistence.services.instructions import find_addresses, read_instructions


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
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> SearchRequest:
    """Check the arguments of a search and build its request.

    Settings replace the defaults of what was left out.

    Args:
        engine: Has the settings.
        query: The query, or a `HybridSearchParams` object with all arguments.
        mode: As `search_hybrid` takes it; `UNSET` where it was left out, as all that follow.
        filters: See `SearchFilters`.
        limit: Results at most.
        include_metadata: Whether results carry their metadata.
        recipe: A recipe, or a mapping that changes one.
        explain: Whether explanations have paths and statements.
        exclusions: What is not returned.

    Raises:
        ValidationError: An argument is not valid.
    """
    with validation.reading("query"):
        # An object that was made without validation may lack fields.
        fields = dict(query) if isinstance(query, HybridSearchParams) else None
        set_names = query.model_fields_set if isinstance(query, HybridSearchParams) else ()
    if fields is not None:
        passed = (mode, filters, limit, include_metadata, recipe, explain)
        if exclusions.is_passed or any(argument is not UNSET for argument in passed):
            raise ValidationError(
                "give a HybridSearchParams object or separate arguments, not both"
            )
        arguments = {
            name: value for name, value in fields.items() if name in set_names and name != "query"
        }
        exclusions = Exclusions(
            conversation_id=arguments.pop("exclude_conversation_id", None),
            ids=arguments.pop("exclude_ids", None),
        )
        return read_request(engine, fields.get("query"), exclusions=exclusions, **arguments)
    text = validation.check_text("query", query, characters=limits.QUERY_CHARACTERS)
    return SearchRequest(
        query=text,
        terms=extract_terms(text, engine.config.text_language),
        mode=_read_mode(engine, mode),
        filters=exclusions.read_filters(filters),
        limit=_read_limit(engine, limit, default=LIMIT),
        include_metadata=_read_flag("include_metadata", include_metadata),
        recipe=BALANCED if recipe is UNSET else read_recipe_argument(engine, recipe),
        explain=_read_flag("explain", explain),
        now_ms=now_ms(),
    )


def _read_mode(engine: Engine, mode: object) -> SearchMode:
    if mode is UNSET:
        return "hybrid" if engine.config.enable_hybrid_search else "semantic"
    checked = cast("SearchMode", validation.check_choice("mode", mode, SEARCH_MODES))
    if checked == "hybrid" and not engine.config.enable_hybrid_search:
        raise ValidationError(
            "mode: enable_hybrid_search turns hybrid off; use semantic, keyword or graph"
        )
    return checked


def _read_limit(engine: Engine, limit: object, *, default: int) -> int:
    """Return the limit of a call, else the configured one, else the documented one.

    The settings refuse a configured limit above the maximum, so only the documented one is capped.
    """
    maximum = engine.config.max_search_results
    if limit is UNSET:
        return engine.config.default_search_limit or min(default, maximum)
    return validation.check_integer("limit", limit, minimum=1, maximum=maximum)


def _read_flag(name: str, value: object) -> bool:
    return False if value is UNSET else validation.check_flag(name, value)


def read_recipe_argument(engine: Engine, value: object) -> Recipe:
    """Read a recipe.

    A named one reranks where a cross-encoder is configured; a changed one that asks for it must
    have it.
    """
    recipe = read_recipe(value)
    with validation.reading("recipe"):
        needs_cross_encoder = isinstance(value, Mapping) and bool(value.get("rerank_top_k"))
    if needs_cross_encoder and not engine.config.cross_encoder_model:
        raise ValidationError(
            "recipe.rerank_top_k needs a cross-encoder; name one in the setting cross_encoder_model"
        )
    return recipe


def search_hybrid(engine: Engine, request: SearchRequest) -> SearchHybridResponse:
    """Search in the mode of the request."""
    has_vector = request.mode in {"hybrid", "semantic"}

    def search() -> search_modes.SearchAnswer:
        query = request.query if has_vector else None
        return search_modes.search(build_search_context(engine, query), request)

    answer = engine.embeddings.retry_when_stale(search)
    results = [_build_result(result) for result in answer.results]
    if instructions := [result for result in results if result.type == "instruction"]:
        _explain_instructions(engine, instructions)
    return SearchHybridResponse(
        query=request.query,
        mode=request.mode,
        results=results,
        total_results=len(results),
        best_score=max((result.similarity_score for result in results), default=None),
        confidence=answer.confidence,
        notes=list(answer.notes),
    )


def _explain_instructions(engine: Engine, results: Sequence[SearchResult]) -> None:
    """Add evidence, kind, scope, status and rule to results that are instructions."""
    for result, stored in zip(
        results, read_instructions(engine, [result.id for result in results]), strict=True
    ):
        if stored is not None:
            result.message_id = stored.message_id
            result.explanation["instruction"] = stored.model_dump(
                include={"kind", "scope", "status", "rule"}
            )


def build_search_context(engine: Engine, query: str | None) -> hybrid_search.SearchContext:
    """Return what a search works with.

    Args:
        engine: Has the database and the models.
        query: The query; None where no vector of it is needed.
    """
    vector = None
    if query is not None:
        encoding = engine.embeddings.current()
        vector = QueryVector(
            numbers=encoding.embedder.embed_query(query), vector_state=encoding.vector_state
        )
    cross_encoder = engine.language_models.cross_encoder
    return hybrid_search.SearchContext(
        run=engine.graph.run,
        namespace=engine.namespace,
        vector=vector,
        score_texts=cross_encoder.score if cross_encoder else None,
        find_addresses=find_addresses,
    )


def _build_result(result: search_modes.Result) -> SearchResult:
    candidate = result.scored.candidate
    return SearchResult.model_construct(
        id=candidate.shown_id,
        type=candidate.kind,
        conversation_id=candidate.conversation_id or None,
        message_id=candidate.id if candidate.kind == "message" else None,
        content=_format_content(candidate),
        similarity_score=result.scored.score,
        timestamp=timestamps.from_milliseconds(candidate.timestamp_ms),
        role=candidate.role if candidate.kind == "message" else None,
        name=candidate.author if candidate.kind == "message" else None,
        metadata=load_stored(candidate.metadata, f"metadata of a result ({candidate.kind})"),
        project=candidate.project or None,
        explanation=result.explanation,
    )


def _format_content(candidate: Candidate) -> str:
    """Return what a result shows: its text, or the name and the description of an entity."""
    if candidate.kind != "entity":
        return candidate.content or ""
    name = candidate.name or candidate.id
    return f"{name}: {candidate.description}" if candidate.description else name


def read_similar_request(
    engine: Engine,
    query: object,
    *,
    limit: object = UNSET,
    min_score: object = UNSET,
    filters: object = None,
    include_metadata: object = False,
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> SimilarRequest:
    """Check the arguments of a search for similar conversations and build its request.

    Args:
        engine: Has the settings, which replace the defaults of what was left out.
        query: The query.
        limit: As `search_similar_conversations` takes it; `UNSET` where it was left out.
        min_score: Likewise.
        filters: See `SearchFilters`.
        include_metadata: Whether messages and conversations carry their metadata.
        exclusions: What does not count.

    Raises:
        ValidationError: An argument is not valid.
    """
    if min_score is UNSET:
        configured = engine.config.min_similarity_score
        min_score = SIMILAR_MIN_SCORE if configured is None else configured
    return SimilarRequest(
        include_metadata=validation.check_flag("include_metadata", include_metadata),
        query=validation.check_text("query", query, characters=limits.QUERY_CHARACTERS),
        limit=_read_limit(engine, limit, default=SIMILAR_LIMIT),
        min_score=validation.check_share("min_score", min_score),
        filters=exclusions.read_filters(filters),
    )


def search_similar(engine: Engine, request: SimilarRequest) -> SearchSimilarConversationsResponse:
    """Search conversations that have a passage similar to the query."""
    answer = engine.embeddings.retry_when_stale(
        lambda: search_similar_conversations(build_search_context(engine, request.query), request)
    )
    results = [
        _build_similar_conversation(row, include_metadata=request.include_metadata)
        for row in answer.conversations
    ]
    return SearchSimilarConversationsResponse(
        query=request.query,
        results=results,
        total_results=len(results),
        best_score=answer.best_score,
        notes=list(answer.notes),
    )


def _build_similar_conversation(
    row: SimilarConversationRow, *, include_metadata: bool
) -> SimilarConversation:
    messages = conversations.build_messages(
        [message if include_metadata else {**message, "metadata": None} for message in row.messages]
    )
    return SimilarConversation.model_construct(
        conversation_id=row.id,
        similarity_score=row.score,
        messages=messages,
        project_path=row.project_path,
        metadata=(
            load_stored(row.metadata, "metadata of a conversation") if include_metadata else None
        ),
    )
