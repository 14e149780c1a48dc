"""Saving decisions, proposing and reviewing them."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ingest.merged import followed
from ingest.pipeline import entity_vectors
from ingest.proposals import proposals
from ingest.rows import graph_rows
from kg import checks, decisions, knowledge, limits, names, plans
from kg.clock import now_ms
from kg.driver import Run
from kg.errors import NotFoundError
from kg.models import Decision
from mcp_context_persistence import conversations
from mcp_context_persistence.core import Core
from mcp_context_persistence.decision_models import ProposedDecision, ProposeDecisionsResponse, ReviewDecisionResponse
from mcp_context_persistence.models import SaveDecisionResponse

PROPOSED_TYPE = "unspecified"  # a sentence does not say of what type it is; what became of a proposal is its status


def save(
    core: Core, conversation_id: object, decision_type: object, context: object, outcome: object, confidence: object
) -> SaveDecisionResponse:
    """Save a decision and link it to what it is about."""
    start, now = time.perf_counter(), now_ms()
    made = Decision(
        id="",
        conversation_id=checks.identifier("conversation_id", conversation_id),
        decision_type=checks.type_name("decision_type", decision_type),
        context=checks.text("context", context, characters=limits.DECISION_CHARACTERS),
        outcome=checks.text("outcome", outcome, characters=limits.DECISION_CHARACTERS),
        confidence=None if confidence is None else checks.confidence("confidence", confidence),
    )
    made.id = names.decision_id(made.conversation_id, made.decision_type, made.context, made.outcome)
    written = core.embeddings.again(lambda: _written(core, made, now=now))
    made.created_at = checks.moment(written["created_ms"])
    return SaveDecisionResponse(
        decision=made,
        created=written["created"],
        conversation_created=written["conversation_created"],
        entities_linked=written["linked"],
        processing_time=time.perf_counter() - start,
    )


def _written(core: Core, decision: Decision, *, evidence: Sequence[str] = (), now: int) -> Mapping[str, Any]:
    """Embed, extract, and write all of it in one transaction."""
    content = f"{decision.context}\n{decision.outcome}"
    encoding = core.embeddings.current()
    vector = encoding.embedder.embed_query(content)
    merged = core.merged()
    found = followed(next(iter(core.extractor.extract([content], core.patterns()))), merged.names)
    rows = graph_rows(core.namespace, [(decision.id, found)], now=now, known_types=core.known_types())
    entities = entity_vectors(rows, encoding.embedder).entities
    space = merged.writing(encoding.vectors, rows.ids, rows.followed)
    empty = plans.conversation_properties(
        core.namespace, decision.conversation_id, project_path=None, mode=core.config.default_mode, metadata=None
    )
    things = knowledge.store(core.namespace, entities=entities, relations=rows.relations, vectors=space, now=now, last=False)
    whole = decisions.save(
        core.namespace,
        decision,
        content=content,
        vector=vector,
        vectors=space,
        conversation=empty,
        entities=entities,
        evidence=evidence,
        now=now,
    )

    def work(run: Run) -> Mapping[str, Any]:
        run(things)
        return run(whole)[0]  # type: ignore[no-any-return]

    return core.graph.transact(work, name="save_decision")


def propose(core: Core, conversation_id: object, *, save: object) -> ProposeDecisionsResponse:
    """Find what the messages of a conversation tell of decisions, and keep it as proposals."""
    start, now = time.perf_counter(), now_ms()
    keeps = checks.flag("save", save)
    talk = checks.identifier("conversation_id", conversation_id)
    said = conversations.load(core, talk, None).messages
    known = {row["id"]: row for row in core.graph.run(decisions.known(core.namespace, talk))}
    found: dict[str, ProposedDecision] = {}
    for message in said:
        for one in proposals(message.content):
            made = _proposed(talk, one.text, message.content)
            row = known.get(made.id)
            made.status = "proposed" if row is None else row["status"]
            made.created_at = checks.moment(None if row is None else row["created_ms"])
            shown = ProposedDecision(
                decision=made, message_id=message.id, start=one.start, end=one.end, cue=one.cue, created=row is None
            )
            found.setdefault(made.id, shown)
    for shown in found.values():
        if keeps and shown.created:
            written = core.embeddings.again(partial(_written, core, shown.decision, evidence=[shown.message_id], now=now))
            shown.decision.created_at = checks.moment(written["created_ms"])
    return ProposeDecisionsResponse(
        conversation_id=talk,
        proposals=list(found.values()),
        saved=sum(one.created for one in found.values()) if keeps else 0,
        processing_time=time.perf_counter() - start,
    )


def _proposed(conversation_id: str, outcome: str, context: str) -> Decision:
    text = context[: limits.DECISION_CHARACTERS]
    return Decision(
        id=names.decision_id(conversation_id, PROPOSED_TYPE, text, outcome),
        conversation_id=conversation_id,
        decision_type=PROPOSED_TYPE,
        context=text,
        outcome=outcome,
    )


def review(core: Core, decision_id: object, accept: object) -> ReviewDecisionResponse:
    """Accept or reject a decision."""
    start = time.perf_counter()
    known = checks.identifier("decision_id", decision_id)
    status = "accepted" if checks.flag("accept", accept) else "rejected"
    statement = decisions.review(core.namespace, known, status=status, vectors=core.embeddings.current().vectors, now=now_ms())
    rows = core.graph.run(statement)
    if not rows:
        raise NotFoundError("decision_id: there is no such decision, or it was rejected before")
    row = rows[0]
    decision = Decision.model_construct(
        id=row["id"],
        conversation_id=row["conversation_id"],
        decision_type=row["decision_type"],
        context=row["context"],
        outcome=row["outcome"],
        confidence=row["stated_confidence"],
        created_at=checks.moment(row["created_ms"]),
        status=row["status"],
    )
    return ReviewDecisionResponse(decision=decision, changed=row["before"] != status, processing_time=time.perf_counter() - start)
