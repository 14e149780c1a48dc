"""Search for conversations: those that have a passage similar to the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.filters import Filters, resolve_filters
from mcp_context_persistence.queries.search.hybrid_search import SearchContext
from mcp_context_persistence.queries.search.request import SimilarRequest
from mcp_context_persistence.queries.search.retrieval import (
    GROWTH,
    KEYWORD_CANDIDATES,
    VECTOR_CANDIDATES,
    Depth,
    Retrieval,
)

SHOWN_MESSAGES = 5  # of a conversation
MESSAGES_PER_CONVERSATION = 10  # that are requested for each conversation at first


@dataclass(frozen=True, kw_only=True)
class SimilarConversationRow:
    """A conversation with its best messages, best first.

    Attributes:
        id: Its id.
        score: Raw cosine of its best passage, -1.0 to 1.0.
        messages: Rows with `id`, `role`, `name`, `content`, `timestamp_ms` and `metadata` (JSON or
            None).
        project_path: Its project path.
        metadata: JSON as it is stored, or None.
    """

    id: str
    score: float
    messages: tuple[Row, ...]
    project_path: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, kw_only=True)
class SimilarConversations:
    """Conversations similar to the query, best first.

    `best_score` is the best cosine of all, also below the minimum.
    """

    conversations: tuple[SimilarConversationRow, ...]
    best_score: float | None = None
    notes: tuple[str, ...] = ()


def search_similar_conversations(
    context: SearchContext, request: SimilarRequest
) -> SimilarConversations:
    """Search conversations by the raw cosine of their best passages.

    Args:
        context: What the search works with; it has the query's vector.
        request: The request.
    """
    if "message" not in request.filters.kinds:
        return SimilarConversations(
            conversations=(),
            notes=("content_types leaves out messages, by which conversations are compared",),
        )
    filters, notes = resolve_filters(context.run, context.namespace, request.filters)
    groups, best_score = _group_messages(
        context,
        replace(filters, content_types=("message",)),
        limit=request.limit,
        min_score=request.min_score,
    )
    if not groups:
        if best_score is not None:
            notes = [f"nothing reached min_score; the best score was {best_score:.2f}", *notes]
        return SimilarConversations(conversations=(), best_score=best_score, notes=tuple(notes))
    rows = {row["id"]: row for row in context.run(_read_conversations(context.namespace, groups))}
    return SimilarConversations(
        conversations=tuple(
            SimilarConversationRow(
                id=conversation_id,
                score=messages[0].vector_score or 0.0,
                messages=tuple(
                    message
                    for message in rows[conversation_id]["messages"]
                    if message["id"] is not None and message["role"] is not None
                ),
                project_path=rows[conversation_id]["project_path"],
                metadata=rows[conversation_id]["metadata"],
            )
            for conversation_id, messages in groups.items()
            if conversation_id in rows
        ),
        best_score=best_score,
        notes=tuple(notes),
    )


def _group_messages(
    context: SearchContext, filters: Filters, *, limit: int, min_score: float
) -> tuple[dict[str, list[Candidate]], float | None]:
    """Return the messages that reach the minimum, by conversation, and the best cosine.

    A conversation of many good messages hides others, so more messages are requested until there
    are enough conversations.
    """
    message_limit = MESSAGES_PER_CONVERSATION * limit
    vector_limit = max(VECTOR_CANDIDATES, message_limit)
    while True:
        retrieval = Retrieval(
            namespace=context.namespace,
            filters=filters,
            vector=context.vector,
            terms=(),
            weights=score_fusion.VECTOR_ONLY,
            limit=message_limit,
            other_limit=message_limit,
            with_content=False,
            is_exact=True,
        )
        depth = Depth(
            vector_limit=vector_limit,
            keyword_limit=KEYWORD_CANDIDATES,
            is_scan=not filters.is_in_index,
        )
        messages = [
            scored.candidate
            for scored in score_fusion.order_by_vector(
                retrieval.retrieve(context.run, depth), limit=message_limit
            )
        ]
        groups: dict[str, list[Candidate]] = {}
        scores = [message.vector_score or 0.0 for message in messages]
        for message, score in zip(messages, scores, strict=True):
            if score >= min_score:
                groups.setdefault(message.conversation_id or "", []).append(message)
        if len(groups) >= limit or len(messages) < message_limit or scores[-1] < min_score:
            return dict(list(groups.items())[:limit]), scores[0] if scores else None
        message_limit, vector_limit = message_limit * GROWTH, vector_limit * GROWTH


def _read_conversations(
    namespace: str, groups: Mapping[str, Sequence[Candidate]]
) -> Statement[Row]:
    conversations = [
        {"id": key, "messages": [message.id for message in messages[:SHOWN_MESSAGES]]}
        for key, messages in groups.items()
    ]
    return Statement(
        name="search/conversations",
        parameters={"batch": {"namespace": namespace, "conversations": conversations}},
        read=as_is,
    )
