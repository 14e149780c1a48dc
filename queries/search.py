"""Searching by meaning, by words, by both, and for conversations: what is asked of the graph, and the hits that come back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kg import limits
from kg.statement import Row, Statement, as_is
from queries import fusion, ranking
from queries.filters import Filters, parse
from queries.legs import NEAREST, WIDER, WORDED, Plan, QueryVector, Run, look
from queries.named import around, named
from queries.text import Terms, terms

Mode = Literal["hybrid", "semantic", "keyword", "graph"]
MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword", "graph")
ARMS = {"hybrid": fusion.HYBRID, "semantic": fusion.SEMANTIC, "keyword": fusion.KEYWORD}
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


def hybrid(
    run: Run,
    *,
    namespace: str,
    query: str,
    vector: QueryVector | None,
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
        vector: The query's, None for `keyword` and `graph`.
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
            for rank, (_, row) in enumerate(fusion.one_passage_each((row["score"], row) for row in rows), start=1)
        )
        return Answer(hits=hits, best_score=hits[0].score if hits else None, notes=notes)
    arms = ARMS[mode]
    plan = _plan(
        namespace, asked.words, vector, filters, arms=arms, limit=limit, metadata=include_metadata, exact=mode == "semantic"
    )
    found = look(run, plan)
    if mode == "semantic":
        scored = fusion.by_meaning(found, limit=limit)
    else:
        messages = (
            ranking.rank(found["messages"], query=query, words=asked.words, limit=limit)
            if arms.reach
            else [(row["own"], row) for row in found["messages"] if row["passes"]]
        )
        scored = fusion.fuse(found, messages=messages, arms=arms, words=asked.words, limit=limit)
        scored = _whole(run, namespace, scored)
    hits = tuple(_hit(score, row, _explained(row)) for score, row in scored)
    return Answer(hits=hits, best_score=hits[0].score if hits else None, notes=notes)


def candidates(run: Run, *, namespace: str, query: str, vector: QueryVector, limit: int = 10) -> Sequence[Row]:
    """The messages among which `queries.ranking` chooses in mode hybrid, in no order."""
    plan = _plan(namespace, terms(query).words, vector, parse({"content_types": "message"}), arms=fusion.HYBRID, limit=limit)
    rows: Sequence[Row] = look(run, plan)["messages"]
    return rows


def _plan(
    namespace: str,
    words: tuple[str, ...],
    vector: QueryVector | None,
    filters: Filters,
    *,
    arms: fusion.Arms,
    limit: int,
    metadata: bool = False,
    exact: bool = False,
) -> Plan:
    return Plan(
        namespace=namespace,
        filters=filters,
        arms=arms,
        words=words,
        vector=vector,
        limit=limit,
        metadata=metadata,
        exact=exact,
        scan=filters.residual or not filters.boxes()[1],
        nearest=max(NEAREST, limit),
        worded=max(WORDED, limit) * (WIDER if filters.bounded else 1),
    )


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
        return SimilarAnswer(conversations=(), notes=("content_types leaves out messages, by which conversations are compared",))
    plan = Plan(
        namespace=namespace,
        filters=replace(filters, content_types=("message",)),
        arms=fusion.SEMANTIC,
        words=(),
        vector=vector,
        limit=10 * limit,
        content=False,
        exact=True,
        scan=filters.residual or not filters.boxes()[1],
        nearest=max(NEAREST, 10 * limit),
    )
    groups, best = _by_conversation(run, plan, limit=limit, min_score=min_score)
    if not groups:
        notes = () if best is None else (f"nothing reached min_score; the best score was {best:.2f}",)
        return SimilarAnswer(conversations=(), best_score=best, notes=notes)
    told = {row["id"]: row for row in run(_conversations(namespace, groups))}
    return SimilarAnswer(
        conversations=tuple(
            Similar(
                id=key,
                score=rows[0]["meaning"],
                messages=tuple(told[key]["messages"]),
                project_path=told[key]["project_path"],
                metadata=told[key]["metadata"],
            )
            for key, rows in groups.items()
            if key in told
        ),
        best_score=best,
    )


def _by_conversation(run: Run, plan: Plan, *, limit: int, min_score: float) -> tuple[dict[str, list[Row]], float | None]:
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
    found = [{"id": key, "messages": [row["id"] for row in rows[:PASSAGES]]} for key, rows in groups.items()]
    return Statement(name="search/conversations", parameters={"batch": {"namespace": namespace, "found": found}}, read=as_is)


def _notes(asked: Terms, filters: Filters, *, mode: Mode) -> tuple[str, ...]:
    """What the caller should know of how the query was read."""
    notes: list[str] = []
    if asked.cut and mode != "semantic":
        notes.append(
            f"the query was cut to its {limits.QUERY_TERMS} most telling words for the search by words; {asked.cut} were left out"
        )
    if not asked.words and mode != "semantic":
        notes.append("the query has no words that the search by words knows: only stop words or signs")
    nowhere = (filters.conversation_ids, filters.projects, filters.tags, filters.roles, filters.metadata)
    if "entity" in filters.content_types and any(nowhere):
        notes.append("entities have no conversation, project, tag, role or metadata to filter by: these filters leave them out")
    return tuple(notes)


def _whole(run: Run, namespace: str, scored: list[tuple[float, Row]]) -> list[tuple[float, Row]]:
    """The same with the whole texts of messages that were too long to be carried by each candidate."""
    ids = [row["id"] for _, row in scored if row.get("cut")]
    if not ids:
        return scored
    batch = {"namespace": namespace, "ids": ids}
    texts = {row["id"]: row["content"] for row in run(Statement(name="search/texts", parameters={"batch": batch}, read=as_is))}
    return [(score, {**row, "content": texts.get(row["id"], row["content"])} if row.get("cut") else row) for score, row in scored]


def _explained(row: Row) -> dict[str, Any]:
    """For each arm its rank and score, and what the ranker made of them."""
    arms: dict[str, Any] = {}
    if row["meaning"] is not None:
        arms["semantic"] = {"rank": row["meaning_rank"], "score": row["meaning"]}
    if row["words"] is not None:
        arms["keyword"] = {"rank": row["words_rank"], "score": row["words"]}
    if "ranking" in row:
        arms["ranking"] = row["ranking"]
    return arms


def _hit(score: float, row: Row, explanation: dict[str, Any]) -> Hit:
    if row["kind"] == "document":
        explanation = {**explanation, "passage": {"start": row["start"], "end": row["end"]}}
    return Hit(
        id=row["document_id"] if row["kind"] == "document" else row["id"],
        type=row["kind"],
        conversation_id=row["conversation_id"] or None,
        message_id=row["id"] if row["kind"] == "message" else None,
        content=_content(row),
        score=score,
        timestamp_ms=row["timestamp_ms"],
        metadata=None if not row["metadata"] else json.loads(row["metadata"]),
        explanation=explanation,
    )


def _content(row: Row) -> str:
    """What a hit shows: its text, or the name and description of an entity."""
    if row["kind"] == "entity":
        return ": ".join(part for part in (row["name"] or row["id"], row["description"]) if part)
    return row["content"] or ""
