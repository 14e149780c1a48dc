"""Ingest exported decisions and instructions."""

from functools import partial

from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.identifiers import build_saved_instruction_id
from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.kg.timestamps import now_ms, to_milliseconds
from mcp_context_persistence.kg.writes import (
    conversation_diff,
    decisions,
    ingestion,
    instructions,
)
from mcp_context_persistence.responses import transfer
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversation_deletion import complete_deletion

ALWAYS = "always"


def ingest_decision(engine: Engine, item: transfer.ExportedDecision) -> None:
    """Write a decision with its status, its entities and its evidence, all or nothing."""
    complete_deletion(engine, item.conversation_id)
    engine.embeddings.retry_when_stale(partial(_write_decision, engine, item, now=now_ms()))


def _write_decision(engine: Engine, item: transfer.ExportedDecision, *, now: int) -> None:
    model = engine.embeddings.current()
    content = f"{item.context}\n{item.outcome}"
    decision = Decision(
        id=item.id,
        conversation_id=item.conversation_id,
        decision_type=item.decision_type,
        context=item.context,
        outcome=item.outcome,
        confidence=item.confidence,
        status=item.status,
    )
    save = decisions.save(
        engine.namespace,
        decision,
        content=content,
        vector=model.embedder.embed_query(content),
        guard=model.vector_state.guard(),
        conversation=conversation_diff.conversation_properties(
            engine.namespace,
            item.conversation_id,
            project_path=None,
            mode=engine.config.default_mode,
            metadata=None,
        ),
        entities=[{"id": entity_id} for entity_id in item.entity_ids],
        now=now,
    )
    times = {"created_ms": item.created_at, "timestamp_ms": item.timestamp or item.created_at}
    details = {
        "label": "Decision",
        "id": item.id,
        "properties": {name: to_milliseconds(time) for name, time in times.items() if time},
        "evidence": item.evidence,
    }

    def work(run: Run) -> None:
        if run(save)[0]["linked"] < len(set(item.entity_ids)):
            raise NotFoundError(
                "items: an entity that a decision is about is not stored; ingest it first"
            )
        if run(ingestion.save_details(engine.namespace, [details]))[0]["missing"]:
            raise NotFoundError(
                "items: a message that is evidence of a decision is not stored; ingest it first"
            )
        if item.status == "rejected":
            run(decisions.review(engine.namespace, item.id, status="rejected", now=now))

    engine.graph.transact(work, name="ingest_items")


def ingest_instruction(engine: Engine, item: transfer.ExportedInstruction) -> bool:
    """Write an instruction, and return whether it is stored.

    One of a message was found when the message was ingested; only its status and its time are
    written.
    """
    if item.message_id is None:
        _write_instruction(engine, item)
    now = now_ms()
    details = {
        "label": "Instruction",
        "id": item.id,
        "properties": {"created_ms": to_milliseconds(item.created_at)} if item.created_at else {},
        "evidence": [],
    }
    stored = engine.graph.run(ingestion.save_details(engine.namespace, [details]))[0]["written"]
    if stored and item.status == "retired":
        engine.graph.run(instructions.retire(engine.namespace, item.id, now=now))
    return bool(stored)


def _write_instruction(engine: Engine, item: transfer.ExportedInstruction) -> None:
    if item.id != build_saved_instruction_id(item.instruction_kind, item.scope, item.text):
        raise ValidationError(
            "items: the id of an instruction does not belong to its text; "
            "ingest the item as it was exported"
        )
    stated = instructions.StatedInstruction(
        text=item.text,
        kind=item.instruction_kind,
        topic="" if item.scope == ALWAYS else item.scope,
        subject=item.subject,
        attribute=item.attribute,
        rule=item.rule,
    )

    def attempt() -> None:
        model = engine.embeddings.current()
        _, statement = instructions.save(
            engine.namespace,
            stated,
            scope=item.scope,
            vector=model.embedder.embed([item.text])[0],
            guard=model.vector_state.guard(),
            stated_ms=to_milliseconds(item.timestamp) if item.timestamp else None,
        )
        engine.graph.run(statement)

    engine.embeddings.retry_when_stale(attempt)
