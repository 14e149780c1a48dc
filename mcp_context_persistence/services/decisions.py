"""Save decisions, propose them from messages, and review them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mcp_context_persistence.ingest.extraction.decision_cues import (
    DecisionSentence,
    find_decision_sentences,
)
from mcp_context_persistence.kg import identifiers, limits, timestamps, validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    NotFoundError,
    Rollback,
)
from mcp_context_persistence.kg.models import Decision, Message
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import conversation_diff, decisions
from mcp_context_persistence.kg.writes import conversations as conversation_statements
from mcp_context_persistence.models import SaveDecisionResponse
from mcp_context_persistence.responses.decisions import (
    ProposedDecision,
    ProposeDecisionsResponse,
    ReviewDecisionResponse,
)
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import history
from mcp_context_persistence.services.conversation_deletion import complete_deletion
from mcp_context_persistence.services.knowledge_writer import (
    EmbeddedKnowledge,
    extract_knowledge,
    store_knowledge_with,
)

RESULT_ROLES = frozenset({"tool", "function"})  # whose messages nobody has said
PROPOSED_TYPE = "unspecified"  # a sentence does not tell the type of its decision


def save_decision(
    engine: Engine,
    conversation_id: object,
    decision_type: object,
    context: object,
    outcome: object,
    confidence: object,
    *,
    project: object = None,
) -> SaveDecisionResponse:
    """Save a decision and link it to the entities that it is about."""
    now = now_ms()
    decision = Decision(
        id="",
        conversation_id=validation.check_identifier("conversation_id", conversation_id),
        decision_type=validation.check_type_name("decision_type", decision_type),
        context=validation.check_text("context", context, characters=limits.DECISION_CHARACTERS),
        outcome=validation.check_text("outcome", outcome, characters=limits.DECISION_CHARACTERS),
        confidence=None if confidence is None else validation.check_share("confidence", confidence),
    )
    decision.id = identifiers.build_decision_id(
        decision.conversation_id, decision.decision_type, decision.context, decision.outcome
    )
    metadata = (
        None if project is None else {"project": validation.check_identifier("project", project)}
    )
    complete_deletion(engine, decision.conversation_id)
    row = engine.embeddings.retry_when_stale(
        lambda: _write_decision(engine, decision, metadata=metadata, now=now)
    )
    decision.created_at = timestamps.from_milliseconds(row["created_ms"])
    return SaveDecisionResponse(
        decision=decision,
        created=row["created"],
        conversation_created=row["conversation_created"],
        entities_linked=row["linked"],
    )


def _prepare(
    engine: Engine, decision: Decision, *, now: int
) -> tuple[EmbeddedKnowledge, dict[str, Any]]:
    """Embed a decision and extract its entities.

    Returns:
        The entities and relationships, and arguments of the statement that writes the decision.
    """
    content = f"{decision.context}\n{decision.outcome}"
    model = engine.embeddings.current()
    vector = model.embedder.embed_query(content)
    knowledge = extract_knowledge(engine, [(decision.id, content)], model, now=now)
    return knowledge, {
        "content": content,
        "vector": vector,
        "guard": knowledge.guard,
        "entities": knowledge.rows.entities,
        "now": now,
    }


def _write_decision(
    engine: Engine, decision: Decision, *, metadata: Mapping[str, Any] | None, now: int
) -> Row:
    """Write a decision and its entities in one transaction.

    Args:
        engine: Has the database.
        decision: A validated decision with its id.
        metadata: The metadata of its conversation, which is created if it does not exist.
        now: Milliseconds since 1970.
    """
    knowledge, arguments = _prepare(engine, decision, now=now)
    conversation = conversation_diff.conversation_properties(
        engine.namespace,
        decision.conversation_id,
        project_path=None,
        mode=engine.config.default_mode,
        metadata=metadata,
    )
    statement = decisions.save(engine.namespace, decision, conversation=conversation, **arguments)

    row: Row = store_knowledge_with(
        engine, knowledge, lambda run: run(statement)[0], name="save_decision", now=now
    )
    return row


class _ProposalUnchanged(Rollback):
    """A proposal is not written: it was reviewed, or its message was changed or removed."""

    def __init__(self, row: Row | None) -> None:
        super().__init__()
        self.row = row


def write_proposal(
    engine: Engine, proposal: ProposedDecision, *, text_hashes: Mapping[str, str], now: int
) -> Row | None:
    """Write a proposal in one transaction.

    Returns:
        The stored row; the row as it was where the proposal was reviewed; None where a message has
        another text now. In the last two cases nothing is written.
    """
    decision = proposal.decision
    knowledge, arguments = _prepare(engine, decision, now=now)
    evidence = {key: text_hashes[key] for key in proposal.evidence}
    statement = decisions.propose(
        engine.namespace,
        decision,
        supported=[row["properties"]["id"] for row in knowledge.rows.relations],
        evidence=evidence,
        **arguments,
    )

    def write(run: Run) -> Row:
        rows_written: list[Row] = run(statement)
        if not rows_written or rows_written[0]["status"] != "proposed":
            raise _ProposalUnchanged(rows_written[0] if rows_written else None)
        return rows_written[0]

    try:
        return store_knowledge_with(
            engine,
            knowledge,
            write,
            name="propose_decisions",
            now=now,
            lock=conversation_statements.lock(engine.namespace, decision.conversation_id),
        )
    except _ProposalUnchanged as unchanged:
        return unchanged.row


def propose_decisions(
    engine: Engine, conversation_id: object, *, save: object
) -> ProposeDecisionsResponse:
    """Find the sentences of a conversation that state decisions, and keep them as proposals."""
    now = now_ms()
    should_save = validation.check_flag("save", save)
    checked_id = validation.check_identifier("conversation_id", conversation_id)
    text_hashes: dict[str, str] = {}
    stored_proposals = {
        row["id"]: row
        for row in engine.graph.run(decisions.list_of_conversation(engine.namespace, checked_id))
    }
    messages = _note_hashes(history.walk_history(engine, checked_id), text_hashes)
    proposals_found = find_proposals(checked_id, messages, stored_proposals)
    saved = outdated = written_count = 0
    for proposal in proposals_found if should_save else ():
        stored = stored_proposals.get(proposal.decision.id)
        if stored and (stored["status"] != "proposed" or _is_stored_unchanged(stored, proposal)):
            continue
        try:
            row = engine.embeddings.retry_when_stale(
                partial(write_proposal, engine, proposal, text_hashes=text_hashes, now=now)
            )
        except ContextPersistenceError as error:
            if not written_count:
                raise
            text = (
                f"{error}; {written_count} proposals were kept before that; "
                "repeat the call to keep the others"
            )
            raise DatabaseError(text, retryable=error.retryable, outcome="unknown") from error
        written_count += row is not None
        proposal.kept, proposal.created = row is not None, row is not None and row["created"]
        saved, outdated = saved + proposal.created, outdated + (not proposal.kept)
        if row:
            proposal.decision.status = row["status"]
            proposal.decision.created_at = timestamps.from_milliseconds(row["created_ms"])
    return ProposeDecisionsResponse(
        conversation_id=checked_id,
        proposals=proposals_found,
        saved=saved,
        outdated=outdated,
    )


def _is_stored_unchanged(row: Row, proposal: ProposedDecision) -> bool:
    """Whether the stored proposal equals the one that was found."""
    return row["context"] == proposal.decision.context and set(row["evidence"]) == set(
        proposal.evidence
    )


def _note_hashes(messages: Iterable[Message], text_hashes: dict[str, str]) -> Iterator[Message]:
    """Yield messages, and keep the hash of each text; all texts may be too many to keep."""
    for message in messages:
        text_hashes[str(message.id)] = identifiers.digest(message.content)
        yield message


def find_proposals(
    conversation_id: str, messages: Iterable[Message], stored_proposals: Mapping[str, Row]
) -> list[ProposedDecision]:
    """Find the sentences that state decisions, each one once, with the status that is stored."""
    by_id: dict[str, ProposedDecision] = {}
    for message in messages:
        if message.stored_role in RESULT_ROLES:
            continue
        for sentence in find_decision_sentences(message.content):
            proposal_id, message_id = (
                identifiers.build_proposal_id(conversation_id, sentence.text),
                str(message.id),
            )
            proposal = by_id.get(proposal_id)
            if proposal is None:
                proposal = by_id[proposal_id] = _build_proposal(
                    conversation_id,
                    proposal_id,
                    message,
                    sentence,
                    stored_proposals.get(proposal_id),
                )
            elif message_id not in proposal.evidence:
                proposal.evidence.append(message_id)
                proposal.timestamp = min(
                    filter(None, (proposal.timestamp, message.timestamp)), default=None
                )
    return list(by_id.values())


def _build_proposal(
    conversation_id: str,
    proposal_id: str,
    message: Message,
    sentence: DecisionSentence,
    row: Row | None,
) -> ProposedDecision:
    """Build a proposal for the response; a long message is cut to the text near the sentence."""
    max_characters = limits.DECISION_CHARACTERS
    start = max(
        0,
        min(
            (sentence.start + sentence.end - max_characters) // 2,
            len(message.content) - max_characters,
        ),
    )
    return ProposedDecision(
        decision=Decision(
            id=proposal_id,
            conversation_id=conversation_id,
            decision_type=PROPOSED_TYPE,
            context=message.content[start : start + max_characters],
            outcome=sentence.text,
            created_at=timestamps.from_milliseconds(None if row is None else row["created_ms"]),
            status="proposed" if row is None else row["status"],
        ),
        context_cut=len(message.content) > max_characters,
        message_id=str(message.id),
        evidence=[str(message.id)],
        timestamp=message.timestamp,
        start=sentence.start,
        end=sentence.end,
        cue=sentence.cue,
        created=row is None,
        kept=row is not None,
    )


def review_decision(engine: Engine, decision_id: object, accept: object) -> ReviewDecisionResponse:
    """Accept or reject a decision."""
    checked_id = validation.check_identifier("decision_id", decision_id)
    status = "accepted" if validation.check_flag("accept", accept) else "rejected"
    statement = decisions.review(engine.namespace, checked_id, status=status, now=now_ms())
    rows = engine.graph.run(statement)
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
        created_at=timestamps.from_milliseconds(row["created_ms"]),
        status=row["status"],
    )
    return ReviewDecisionResponse(
        decision=decision,
        changed=row["before"] != status,
    )
