"""Saving decisions, proposing and reviewing them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp_context_persistence.ingest.extraction.decision_cues import Proposal, proposals
from mcp_context_persistence.ingest.graph_rows import graph_rows
from mcp_context_persistence.ingest.pipeline import entity_vectors
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg import identifiers, limits, validation
from mcp_context_persistence.kg.clock import now_ms
from mcp_context_persistence.kg.driver.graph import Run
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, NotFoundError
from mcp_context_persistence.kg.models import Decision, Message
from mcp_context_persistence.kg.schema.type_limits import Types
from mcp_context_persistence.kg.writes import conversation_diff, decisions
from mcp_context_persistence.kg.writes import conversations as rows
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.models import SaveDecisionResponse
from mcp_context_persistence.responses.decisions import (
    ProposedDecision,
    ProposeDecisionsResponse,
    ReviewDecisionResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations

PROPOSED_TYPE = "unspecified"  # a sentence does not say of what type it is; what became of a proposal is its status


def save(
    engine: Engine,
    conversation_id: object,
    decision_type: object,
    context: object,
    outcome: object,
    confidence: object,
) -> SaveDecisionResponse:
    """Save a decision and link it to what it is about."""
    start, now = time.perf_counter(), now_ms()
    made = Decision(
        id="",
        conversation_id=validation.identifier("conversation_id", conversation_id),
        decision_type=validation.type_name("decision_type", decision_type),
        context=validation.text("context", context, characters=limits.DECISION_CHARACTERS),
        outcome=validation.text("outcome", outcome, characters=limits.DECISION_CHARACTERS),
        confidence=None if confidence is None else validation.confidence("confidence", confidence),
    )
    made.id = identifiers.decision_id(
        made.conversation_id, made.decision_type, made.context, made.outcome
    )
    written = engine.embeddings.again(lambda: _saved(engine, made, now=now))
    made.created_at = validation.moment(written["created_ms"])
    return SaveDecisionResponse(
        decision=made,
        created=written["created"],
        conversation_created=written["conversation_created"],
        entities_linked=written["linked"],
        processing_time=time.perf_counter() - start,
    )


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """What a decision needs to be written: the statement that stores what it is about, and what the one that writes it takes besides."""

    things: Statement[Row]
    types: Types
    relations: list[str]
    given: dict[str, Any]


def _prepared(engine: Engine, decision: Decision, *, now: int) -> _Prepared:
    """Embed and extract."""
    content = f"{decision.context}\n{decision.outcome}"
    encoding = engine.embeddings.current()
    vector = encoding.embedder.embed_query(content)
    merged = engine.merged()
    found = followed(
        next(iter(engine.extractor.extract([content], engine.patterns()))), merged.names
    )
    made = graph_rows(engine.namespace, [(decision.id, found)], now=now, admission=engine.types)
    entities = entity_vectors(made, encoding.embedder).entities
    space = merged.writing(encoding.vectors, made.ids, made.followed)
    return _Prepared(
        things=knowledge.store(
            engine.namespace,
            entities=entities,
            relations=made.relations,
            vectors=space,
            now=now,
            last=False,
        ),
        types=made.types,
        relations=[row["properties"]["id"] for row in made.relations],
        given={
            "content": content,
            "vector": vector,
            "vectors": space,
            "entities": entities,
            "now": now,
        },
    )


def _saved(engine: Engine, decision: Decision, *, now: int) -> Row:
    """Write a decision, and what it is about, in one transaction."""
    prepared = _prepared(engine, decision, now=now)
    empty = conversation_diff.conversation_properties(
        engine.namespace,
        decision.conversation_id,
        project_path=None,
        mode=engine.config.default_mode,
        metadata=None,
    )
    whole = decisions.save(engine.namespace, decision, conversation=empty, **prepared.given)

    def work(run: Run) -> Row:
        run(prepared.things)
        written: Row = run(whole)[0]
        engine.types.register(run, prepared.types)
        return written

    return engine.types.transact(work, name="save_decision")


class _Left(Exception):  # noqa: N818 - no error: it rolls back what was begun
    """A proposal is left as it is: reviewed, or with a message that has changed or gone."""

    def __init__(self, row: Row | None) -> None:
        super().__init__()
        self.row = row


def _kept(
    engine: Engine, shown: ProposedDecision, *, hashes: Mapping[str, str], now: int
) -> Row | None:
    """Write a proposal, in one transaction; None where a message has another text by now. Nothing is written then, or where it was reviewed."""
    decision = shown.decision
    prepared = _prepared(engine, decision, now=now)
    evidence = {key: hashes[key] for key in shown.evidence}
    whole = decisions.propose(
        engine.namespace,
        decision,
        supported=prepared.relations,
        evidence=evidence,
        **prepared.given,
    )

    def work(run: Run) -> Row:
        run(rows.lock(engine.namespace, decision.conversation_id))
        run(prepared.things)
        written: list[Row] = run(whole)
        if not written or written[0]["status"] != "proposed":
            raise _Left(written[0] if written else None)
        engine.types.register(run, prepared.types)
        return written[0]

    try:
        return engine.types.transact(work, name="propose_decisions")
    except _Left as left:
        return left.row


def propose(engine: Engine, conversation_id: object, *, save: object) -> ProposeDecisionsResponse:
    """Find what the messages of a conversation tell of decisions, and keep it as proposals."""
    start, now = time.perf_counter(), now_ms()
    keeps = validation.flag("save", save)
    talk = validation.identifier("conversation_id", conversation_id)
    said = conversations.load(engine, talk, None).messages
    hashes = {str(one.id): identifiers.digest(one.content) for one in said}
    known = {row["id"]: row for row in engine.graph.run(decisions.known(engine.namespace, talk))}
    found = _found(talk, said, known)
    saved = outdated = written = 0
    for shown in found if keeps else ():
        before = known.get(shown.decision.id)
        if before and (before["status"] != "proposed" or _same(before, shown)):
            continue
        try:
            row = engine.embeddings.again(partial(_kept, engine, shown, hashes=hashes, now=now))
        except ContextPersistenceError as error:
            if not written:
                raise
            text = f"{error}; {written} proposals were kept before that, and the same call goes on after them"
            raise DatabaseError(text, retryable=error.retryable, outcome="unknown") from error
        written += row is not None
        shown.kept, shown.created = row is not None, row is not None and row["created"]
        saved, outdated = saved + shown.created, outdated + (not shown.kept)
        if row:
            shown.decision.status = row["status"]
            shown.decision.created_at = validation.moment(row["created_ms"])
    return ProposeDecisionsResponse(
        conversation_id=talk,
        proposals=found,
        saved=saved,
        outdated=outdated,
        processing_time=time.perf_counter() - start,
    )


def _same(row: Row, shown: ProposedDecision) -> bool:
    """Whether a proposal is stored as it was found now."""
    return row["context"] == shown.decision.context and set(row["evidence"]) == set(shown.evidence)


def _found(
    conversation_id: str, said: Sequence[Message], known: Mapping[str, Row]
) -> list[ProposedDecision]:
    """What messages tell of decisions, each sentence once, with what became of it."""
    found: dict[str, ProposedDecision] = {}
    for message in said:
        for one in proposals(message.content):
            key, place = identifiers.proposal_id(conversation_id, one.text), str(message.id)
            shown = found.get(key)
            if shown is None:
                shown = found[key] = _shown(conversation_id, key, message, one, known.get(key))
            elif place not in shown.evidence:
                shown.evidence.append(place)
                shown.timestamp = min(
                    filter(None, (shown.timestamp, message.timestamp)), default=None
                )
    return list(found.values())


def _shown(
    conversation_id: str, key: str, message: Message, one: Proposal, row: Row | None
) -> ProposedDecision:
    """A proposal as it is shown. A long message is cut to what lies around the sentence."""
    most = limits.DECISION_CHARACTERS
    start = max(0, min((one.start + one.end - most) // 2, len(message.content) - most))
    return ProposedDecision(
        decision=Decision(
            id=key,
            conversation_id=conversation_id,
            decision_type=PROPOSED_TYPE,
            context=message.content[start : start + most],
            outcome=one.text,
            created_at=validation.moment(None if row is None else row["created_ms"]),
            status="proposed" if row is None else row["status"],
        ),
        context_cut=len(message.content) > most,
        message_id=str(message.id),
        evidence=[str(message.id)],
        timestamp=message.timestamp,
        start=one.start,
        end=one.end,
        cue=one.cue,
        created=row is None,
        kept=row is not None,
    )


def review(engine: Engine, decision_id: object, accept: object) -> ReviewDecisionResponse:
    """Accept or reject a decision."""
    start = time.perf_counter()
    known = validation.identifier("decision_id", decision_id)
    status = "accepted" if validation.flag("accept", accept) else "rejected"
    statement = decisions.review(
        engine.namespace,
        known,
        status=status,
        vectors=engine.embeddings.current().vectors,
        now=now_ms(),
    )
    found = engine.graph.run(statement)
    if not found:
        raise NotFoundError("decision_id: there is no such decision, or it was rejected before")
    row = found[0]
    decision = Decision.model_construct(
        id=row["id"],
        conversation_id=row["conversation_id"],
        decision_type=row["decision_type"],
        context=row["context"],
        outcome=row["outcome"],
        confidence=row["stated_confidence"],
        created_at=validation.moment(row["created_ms"]),
        status=row["status"],
    )
    return ReviewDecisionResponse(
        decision=decision,
        changed=row["before"] != status,
        processing_time=time.perf_counter() - start,
    )
