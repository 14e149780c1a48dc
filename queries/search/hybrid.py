"""Searching by meaning, by words, by both and by the graph: what is asked of it, and the hits that come back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.queries.search import explanation, ranker, score_fusion
from mcp_context_persistence.queries.search.filters import Filters
from mcp_context_persistence.queries.search.graph_search import around, named
from mcp_context_persistence.queries.search.query_terms import Terms, terms, tokens
from mcp_context_persistence.queries.search.recipes import BALANCED, Recipe, for_meetings
from mcp_context_persistence.queries.search.reranking import Judge
from mcp_context_persistence.queries.search.retrieval import (
    NEAREST,
    SURELY,
    WIDER,
    WORDED,
    Plan,
    QueryVector,
    look,
)
from mcp_context_persistence.queries.temporal.query_dates import (
    NO_DATES,
    QueryDates,
    find_query_dates,
)

Mode = Literal["hybrid", "semantic", "keyword", "graph"]
MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword", "graph")
ARMS = {"semantic": score_fusion.SEMANTIC, "keyword": score_fusion.KEYWORD}
ALL = 10_000  # more than there are candidates
TIMELY = 3.0  # times as much the time counts where nothing else is asked for
_SAID = "happen happened happens happening going new said say talk talked discuss discussed anything everything something"
GENERAL = frozenset(_SAID.split())  # words that ask for nothing in particular
LOOKED = 4  # times that a query names, in which messages are looked for besides; more are only recognised
MEETING = "most of what was found is from long talks of several people, so stretches were looked for, as the recipe 'exploratory' does"


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
class Search:
    """What is asked.

    Attributes:
        namespace: Where to search; nothing else is seen.
        query: Any text.
        vector: The query's, None for `keyword` and `graph`.
        mode: `hybrid` joins meaning, words and neighbourhood, the others use one of meaning, words, graph.
        filters: What may be returned.
        limit: Hits at most.
        metadata: Whether hits carry their own metadata.
        recipe: How `hybrid` is made.
        explain: Whether hits tell the path to them and the statements that were run.
        now_ms: What times like "last week", and recency, are reckoned from.
        judge: Reads the best messages again, where the recipe asks for it.
    """

    namespace: str
    query: str
    vector: QueryVector | None
    mode: Mode = "hybrid"
    filters: Filters
    limit: int = 10
    metadata: bool = False
    recipe: Recipe = BALANCED
    explain: bool = False
    now_ms: int
    judge: Judge | None = None

    @cached_property
    def terms(self) -> Terms:
        """Its telling words."""
        return terms(self.query)


def hybrid(send: Run, asked: Search) -> Answer:
    """Search everything that can be found, in any of the modes.

    One round trip; more of them where filters or a crowd of entities make the legs look further, where entities that the query names are
    looked for, for a meeting, and for the whole of long texts.

    Args:
        send: Runs a statement and returns its rows.
        asked: What is asked.

    Returns:
        Hits, best first. Scores are raw cosines in `semantic`, else between 0 and 1.
    """
    ran: dict[str, None] = {}

    def run(statement: Statement[Row]) -> list[Row]:
        ran[statement.name] = None
        return send(statement)

    notes = _notes(asked.terms, asked.filters, mode=asked.mode)
    found: Row = {}
    if asked.mode == "graph":
        explained = _by_graph(run, asked)
    else:
        found, scored = (
            _judged(run, asked, limit=asked.limit)
            if asked.mode == "hybrid"
            else _by_one_arm(run, asked)
        )
        scored = _whole(run, asked.namespace, scored)
        explained = [
            (score, row, explanation.explained(row, found, explain=asked.explain))
            for score, row in scored
        ]
        notes += (MEETING,) if found.get("meeting") else ()
    told: dict[str, Any] = {"statements": list(ran)} if asked.explain else {}
    if asked.explain and found.get("times"):
        told["times"] = [asked.query[start:end] for start, end in found["times"].spans]
    hits = tuple(_hit(score, row, {**how, **told}) for score, row, how in explained)
    return Answer(hits=hits, best_score=hits[0].score if hits else None, notes=notes)


def _by_graph(run: Run, asked: Search) -> list[tuple[float, Row, dict[str, Any]]]:
    """What lies around the entities that the query names."""
    starts = named(run, namespace=asked.namespace, words=asked.terms.words)
    rows = around(
        run,
        namespace=asked.namespace,
        starts=starts,
        filters=asked.filters,
        limit=asked.limit,
        metadata=asked.metadata,
        explain=asked.explain,
    )
    names = {start["id"]: start["name"] for start in starts}
    return [
        (
            row["score"],
            row,
            explanation.by_graph(row, rank=rank, names=names, explain=asked.explain),
        )
        for rank, row in enumerate(rows, start=1)
    ]


def _by_one_arm(run: Run, asked: Search) -> tuple[Row, list[tuple[float, Row]]]:
    """What is nearest in meaning, or has the words."""
    arms = ARMS[asked.mode]
    found = look(run, replace(_plan(asked, arms), exact=asked.mode == "semantic"))
    if asked.mode == "semantic":
        return found, score_fusion.by_meaning(found, limit=asked.limit)
    messages = [
        (
            row["own"],
            {**row, "fusion": {"score": row["own"], "factor": 1.0, "parts": {"words": row["own"]}}},
        )
        for row in found["messages"]
        if row["passes"]
    ]
    return found, score_fusion.fuse(
        found, messages=messages, arms=arms, words=asked.terms.words, limit=asked.limit
    )


def _judged(run: Run, asked: Search, *, limit: int) -> tuple[Row, list[tuple[float, Row]]]:
    """What meaning, words and neighbourhood find, with messages in the ranker's order; meetings are looked through for stretches."""
    arms, plan, question = _prepared(run, asked)
    found = look(run, plan)
    if asked.recipe.meetings and ranker.meeting(found["messages"], least=asked.recipe.meetings):
        found, scored = _judged(run, replace(asked, recipe=for_meetings(asked.recipe)), limit=limit)
        return {**found, "meeting": True}, scored
    recipe = asked.recipe
    if _of_a_time(asked, question.times):  # few messages say when they are from
        recipe = replace(recipe, arms={**recipe.arms, "time": TIMELY * recipe.factor("time")})
    messages = ranker.rank(found["messages"], question, limit=limit, recipe=recipe)
    return {**found, "links": question.links, "times": question.times}, score_fusion.fuse(
        found,
        messages=messages,
        arms=arms,
        words=question.words,
        limit=limit,
        factors=asked.recipe.kinds(),
    )


def _prepared(run: Run, asked: Search) -> tuple[score_fusion.Arms, Plan, ranker.Question]:
    recipe = asked.recipe
    arms = score_fusion.HYBRID.times(recipe.factor("meaning"), recipe.factor("words"))
    when = find_query_dates(asked.query, now_ms=asked.now_ms) if recipe.factor("time") else NO_DATES
    links = _links(run, asked)
    nearest, worded = max(recipe.nearest, asked.limit), max(recipe.worded, asked.limit)
    plan = replace(
        _plan(asked, arms),
        nearest=nearest,
        worded=worded * (WIDER if asked.filters.bounded else 1),
        hits=nearest + worded,
        seeds=recipe.seeds,
        reach=recipe.reach if recipe.factor("neighbours") else 0,
        judged=True,
        dated=when.ranges if len(when.ranges) <= LOOKED else (),
        linked=tuple(links),
    )
    words = () if not recipe.factor("words") or _of_a_time(asked, when) else asked.terms.words
    question = ranker.Question(
        text=asked.query,
        words=words,
        times=when,
        links=links,
        now_ms=asked.now_ms,
        judge=asked.judge,
    )
    return arms, plan, question


def _of_a_time(asked: Search, when: QueryDates) -> bool:
    """Whether the query asks for nothing but a time: "what happened in June 2025?"."""
    timed = {word for start, end in when.spans for word in tokens(asked.query[start:end])}
    return bool(timed) and not set(asked.terms.words) - timed - GENERAL


def _links(run: Run, asked: Search) -> dict[str, Row]:
    """The messages to which the entities lead that the query names, surest first, as many as the recipe asks for."""
    if (
        not asked.recipe.linked
        or not asked.recipe.factor("entities")
        or "message" not in asked.filters.kinds
    ):
        return {}
    starts = named(run, namespace=asked.namespace, words=asked.terms.words)
    messages = replace(asked.filters, content_types=("message",))
    rows = around(
        run,
        namespace=asked.namespace,
        starts=starts,
        filters=messages,
        limit=asked.recipe.linked,
        metadata=False,
        explain=asked.explain,
    )
    if not asked.explain:
        return {row["id"]: row for row in rows}
    names = {start["id"]: start["name"] for start in starts}
    return {row["id"]: {**row, "path": explanation.along(row, names)} for row in rows}


def everything(run: Run, asked: Search) -> list[tuple[float, Row]]:
    """All candidates of mode hybrid with their scores, best first, and what else was found; long texts may be cut."""
    return _judged(run, asked, limit=ALL)[1]


def candidates(run: Run, asked: Search) -> tuple[Sequence[Row], ranker.Question]:
    """The messages among which `queries.search.ranker` chooses in mode hybrid, in no order, and the question by which it does."""
    _, plan, question = _prepared(run, asked)
    return look(run, plan)["messages"], question


def _plan(asked: Search, arms: score_fusion.Arms) -> Plan:
    return Plan(
        namespace=asked.namespace,
        filters=asked.filters,
        arms=arms,
        words=asked.terms.words,
        vector=asked.vector,
        limit=asked.limit,
        metadata=asked.metadata,
        explain=asked.explain,
        scan=not asked.filters.boxes()[1],
        nearest=max(NEAREST if asked.filters.only_kinds else SURELY, asked.limit),
        worded=max(WORDED, asked.limit) * (WIDER if asked.filters.bounded else 1),
    )


def _notes(asked: Terms, filters: Filters, *, mode: Mode) -> tuple[str, ...]:
    """What the caller should know of how the query was read."""
    notes: list[str] = []
    if asked.cut and mode != "semantic":
        notes.append(
            f"the query was cut to its {limits.QUERY_TERMS} most telling words for the search by words; {asked.cut} were left out"
        )
    if not asked.words and mode != "semantic":
        notes.append(
            "the query has no words that the search by words knows: only stop words or signs"
        )
    if filters.left_out:
        notes.append(
            f"what the filters ask for is nothing that these have, so they are left out: {', '.join(filters.left_out)}"
        )
    return tuple(notes)


def _whole(run: Run, namespace: str, scored: list[tuple[float, Row]]) -> list[tuple[float, Row]]:
    """The same with the whole texts of messages that were too long to be carried by each candidate."""
    ids = [row["id"] for _, row in scored if row.get("cut")]
    if not ids:
        return scored
    batch = {"namespace": namespace, "ids": ids}
    texts = {
        row["id"]: row["content"]
        for row in run(Statement(name="search/texts", parameters={"batch": batch}, read=as_is))
    }
    return [
        (score, {**row, "content": texts.get(row["id"], row["content"])} if row.get("cut") else row)
        for score, row in scored
    ]


def _hit(score: float, row: Row, explanation: dict[str, Any]) -> Hit:
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
