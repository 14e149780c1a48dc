"""Searching by meaning, by words, by both, and for conversations: what is asked of the graph, and the hits that come back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kg import limits
from kg.statement import Row, Statement, as_is
from queries import fusion
from queries.filters import Filters
from queries.legs import NEAREST, WORDED, Plan, Run, look
from queries.named import around, named
from queries.text import Terms, terms

Mode = Literal["hybrid", "semantic", "keyword", "graph"]
MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword", "graph")
PASSAGES = 5  # messages that are shown of a similar conversation


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One thing that was found.

    `score` is the raw cosine in `semantic`, else between 0 and 1. `explanation` has for each arm that found it the rank and the score.
    """

    id: str
    type: str
    conversation_id: str | None
    message_id: str | None
    content: str
    score: float
    timestamp_ms: int | None
    metadata: dict[str, Any] | None
    explanation: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was found, best first, and what the caller should know about it."""

    hits: tuple[Hit, ...]
    best_score: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Similar:
    """A conversation with its best-matching messages, best first.

    Attributes:
        score: Raw cosine of its best passage, -1.0 to 1.0.
        messages: Rows with `id`, `role`, `name`, `content`, `timestamp_ms`, `metadata` (JSON or None) and `meaning` (raw cosine).
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


def hybrid(
    run: Run,
    *,
    namespace: str,
    query: str,
    vector: Any,
    mode: Mode,
    filters: Filters,
    limit: int,
    include_metadata: bool = False,
) -> Answer:
    """Search everything that can be found. One round trip, unless filters or a crowd of entities make the legs look further.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Where to search; nothing else is seen.
        query: Any text.
        vector: `(dim,) float32` for the query; not needed by `keyword` and `graph`.
        mode: `hybrid` joins meaning, words and neighbourhood, the others use one of meaning, words, graph.
        filters: What may be returned.
        limit: Hits at most.
        include_metadata: Whether hits carry their own metadata.

    Returns:
        Hits, best first. Scores are raw cosines in `semantic`, else between 0 and 1.
    """
    asked = terms(query)
    notes = _notes(asked, filters, mode=mode)
    if mode == "graph":
        starts = named(run, namespace=namespace, words=asked.words)
        rows = around(run, namespace=namespace, starts=starts, filters=filters, limit=limit, metadata=include_metadata)
        hits = tuple(
            _hit(row["score"], row, {"graph": {"rank": rank, "score": row["score"], "through": row["through"]}})
            for rank, row in enumerate(rows, start=1)
        )
        return Answer(hits=hits, best_score=hits[0].score if hits else None, notes=notes)
    arms = {"hybrid": fusion.HYBRID, "semantic": fusion.SEMANTIC, "keyword": fusion.KEYWORD}[mode]
    plan = Plan(
        namespace=namespace,
        filters=filters,
        arms=arms,
        words=asked.words,
        vector=vector,
        limit=limit,
        metadata=include_metadata,
        exact=mode == "semantic",
        scan=filters.residual or not filters.boxes()[1],
        nearest=max(NEAREST, limit),
        worded=max(WORDED, limit),
    )
    found = look(run, plan)
    if mode == "semantic":
        scored = fusion.by_meaning(found, limit=limit)
    else:
        scored = fusion.fuse(found, arms=arms, words=asked.words, limit=limit)
    hits = tuple(_hit(score, row, _explained(score, row, mode=mode)) for score, row in scored)
    return Answer(hits=hits, best_score=hits[0].score if hits else None, notes=notes)


def similar_conversations(
    run: Run, *, namespace: str, vector: Any, filters: Filters, limit: int, min_score: float
) -> SimilarAnswer:
    """Conversations that have a passage like the query, by the raw cosine of the best one.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Where to search; nothing else is seen.
        vector: `(dim,) float32` for the query.
        filters: Which messages count.
        limit: Conversations at most.
        min_score: Least raw cosine.
    """
    messages = replace(filters, content_types=("message",))
    if "message" not in filters.kinds:
        return SimilarAnswer(conversations=(), notes=("content_types leaves out messages, by which conversations are compared",))
    plan = Plan(
        namespace=namespace,
        filters=messages,
        arms=fusion.SEMANTIC,
        words=(),
        vector=vector,
        limit=10 * limit,
        metadata=True,
        exact=True,
        scan=messages.residual or not messages.boxes()[1],
        nearest=max(NEAREST, 10 * limit),
    )
    groups: dict[str, list[Row]] = {}
    while True:
        found = look(run, plan)
        rows: Sequence[Row] = sorted(found["messages"], key=lambda row: (-row["meaning"], row["id"]))
        groups = {}
        for row in rows:
            groups.setdefault(row["conversation_id"], []).append(row)
        cut = len(rows) >= plan.limit and rows[-1]["meaning"] >= min_score
        if not cut or len(groups) >= limit:
            break
        plan = replace(plan, limit=plan.limit * 8, nearest=plan.nearest * 8)
    best = rows[0]["meaning"] if rows else None
    passing = {key: [row for row in group if row["meaning"] >= min_score] for key, group in groups.items()}
    chosen = {key: group for key, group in passing.items() if group}
    ids = list(chosen)[:limit]
    about = {row["id"]: row for row in run(_conversations(namespace, ids))} if ids else {}
    return SimilarAnswer(
        conversations=tuple(
            Similar(
                id=key,
                score=chosen[key][0]["meaning"],
                messages=tuple(chosen[key][:PASSAGES]),
                project_path=about.get(key, {}).get("project_path"),
                metadata=about.get(key, {}).get("metadata"),
            )
            for key in ids
        ),
        best_score=best,
        notes=() if chosen or best is None else (f"nothing reached min_score; the best score was {best:.2f}",),
    )


def _conversations(namespace: str, ids: list[str]) -> Statement[Row]:
    return Statement(name="search/conversations", parameters={"batch": {"namespace": namespace, "ids": ids}}, read=as_is)


def _notes(asked: Terms, filters: Filters, *, mode: Mode) -> tuple[str, ...]:
    """What the caller should know of how the query was read."""
    notes: list[str] = []
    if asked.cut and mode != "semantic":
        notes.append(
            f"the query was cut to its {limits.QUERY_TERMS} most telling words for the search by words; {asked.cut} were left out"
        )
    if not asked.words and mode != "semantic":
        notes.append("the query has no words that the search by words knows: only stop words or signs")
    if "entity" in filters.content_types and (filters.conversation_ids or filters.projects or filters.tags or filters.roles):
        notes.append("entities have no conversation, project, tag or role: these filters leave them out")
    return tuple(notes)


def _explained(score: float, row: Row, *, mode: Mode) -> dict[str, Any]:
    """For each arm its rank and score, and what the neighbours added."""
    arms: dict[str, Any] = {}
    if row["meaning"] is not None:
        arms["semantic"] = {"rank": row["meaning_rank"], "score": row["meaning"]}
    if row["words"] is not None:
        arms["keyword"] = {"rank": row["words_rank"], "score": row["words"]}
    if mode == "hybrid" and row["kind"] == "message" and row["total"] > row["own"]:
        arms["neighbours"] = {"share": 1 - row["own"] / row["total"]}
    return arms


def _hit(score: float, row: Row, explanation: dict[str, Any]) -> Hit:
    return Hit(
        id=row["id"],
        type=row["kind"],
        conversation_id=row["conversation_id"] or None,
        message_id=row["id"] if row["kind"] == "message" else None,
        content=row["content"] or "",
        score=score,
        timestamp_ms=row["timestamp_ms"],
        metadata=None if not row["metadata"] else json.loads(row["metadata"]),
        explanation=explanation,
    )
