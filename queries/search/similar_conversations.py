"""Searching for conversations: those that have a passage like the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.filters import Filters
from mcp_context_persistence.queries.search.retrieval import NEAREST, WIDER, Plan, look

PASSAGES = 5  # messages that are shown of a conversation


@dataclass(frozen=True, kw_only=True)
class Similar:
    """A conversation with its best-matching messages, best first.

    Attributes:
        score: Raw cosine of its best passage, -1.0 to 1.0.
        messages: Rows with `id`, `role`, `name`, `content`, `timestamp_ms` and `metadata` (JSON or None).
        metadata: JSON as it is stored, or None.
    """

    id: str
    score: float
    messages: tuple[Row, ...]
    project_path: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, kw_only=True)
class SimilarAnswer:
    """Conversations like the query, best first; `best_score` is the best cosine there was, even below the floor."""

    conversations: tuple[Similar, ...]
    best_score: float | None = None
    notes: tuple[str, ...] = ()


def similar_conversations(
    run: Run, *, namespace: str, vector: Any, filters: Filters, limit: int, min_score: float
) -> SimilarAnswer:
    """Conversations that have a passage like the query, by the raw cosine of the best one.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Where to search; nothing else is seen.
        vector: The query's.
        filters: Which messages count.
        limit: Conversations at most.
        min_score: Least raw cosine.
    """
    if "message" not in filters.kinds:
        return SimilarAnswer(
            conversations=(),
            notes=("content_types leaves out messages, by which conversations are compared",),
        )
    messages = replace(filters, content_types=("message",))
    plan = Plan(
        namespace=namespace,
        filters=messages,
        arms=score_fusion.SEMANTIC,
        words=(),
        vector=vector,
        limit=10 * limit,
        content=False,
        exact=True,
        scan=not messages.boxes()[1],
        nearest=max(NEAREST, 10 * limit),
    )
    groups, best = _by_conversation(run, plan, limit=limit, min_score=min_score)
    if not groups:
        notes = (
            () if best is None else (f"nothing reached min_score; the best score was {best:.2f}",)
        )
        return SimilarAnswer(conversations=(), best_score=best, notes=notes)
    told = {row["id"]: row for row in run(_conversations(namespace, groups))}
    return SimilarAnswer(
        conversations=tuple(
            Similar(
                id=key,
                score=rows[0]["meaning"],
                messages=tuple(
                    one
                    for one in told[key]["messages"]
                    if one["id"] is not None and one["role"] is not None
                ),
                project_path=told[key]["project_path"],
                metadata=told[key]["metadata"],
            )
            for key, rows in groups.items()
            if key in told
        ),
        best_score=best,
    )


def _by_conversation(
    run: Run, plan: Plan, *, limit: int, min_score: float
) -> tuple[dict[str, list[Row]], float | None]:
    """The messages that reach the floor, by conversation, best first; and the best cosine of all.

    A conversation of many good messages hides others, so more messages are asked for until there are enough conversations.
    """
    while True:
        rows = sorted(look(run, plan)["messages"], key=lambda row: (-row["meaning"], row["id"]))
        groups: dict[str, list[Row]] = {}
        for row in rows:
            if row["meaning"] >= min_score:
                groups.setdefault(row["conversation_id"], []).append(row)
        if len(groups) >= limit or len(rows) < plan.limit or rows[-1]["meaning"] < min_score:
            return dict(list(groups.items())[:limit]), rows[0]["meaning"] if rows else None
        plan = replace(plan, limit=plan.limit * WIDER, nearest=plan.nearest * WIDER)


def _conversations(namespace: str, groups: Mapping[str, Sequence[Row]]) -> Statement[Row]:
    found = [
        {"id": key, "messages": [row["id"] for row in rows[:PASSAGES]]}
        for key, rows in groups.items()
    ]
    return Statement(
        name="search/conversations",
        parameters={"batch": {"namespace": namespace, "found": found}},
        read=as_is,
    )
