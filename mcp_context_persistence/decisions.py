"""Saving decisions."""

import time
from collections.abc import Mapping
from typing import Any

from ingest.merged import followed
from ingest.pipeline import entity_vectors
from ingest.rows import graph_rows
from kg import checks, decisions, knowledge, limits, names, plans
from kg.clock import now_ms
from kg.driver import Run
from kg.models import Decision
from mcp_context_persistence.core import Core
from mcp_context_persistence.models import SaveDecisionResponse


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


def _written(core: Core, decision: Decision, *, now: int) -> Mapping[str, Any]:
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
        now=now,
    )

    def work(run: Run) -> Mapping[str, Any]:
        run(things)
        return run(whole)[0]  # type: ignore[no-any-return]

    return core.graph.transact(work, name="save_decision")
