"""Find, save, list and retire instructions, preferences and facts about the user."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, cast, get_args

from mcp_context_persistence.ingest.extraction.instruction_cues import (
    InstructionSentence,
    describe_instruction,
    find_instructions,
)
from mcp_context_persistence.ingest.extraction.instruction_wordings import Kind
from mcp_context_persistence.ingest.pipeline import AnalysisCache
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.models import Instruction
from mcp_context_persistence.kg.timestamps import from_milliseconds, now_ms
from mcp_context_persistence.kg.writes import instructions as statements
from mcp_context_persistence.kg.writes.instructions import StatedInstruction
from mcp_context_persistence.kg.writes.message_diff import MessageDiff
from mcp_context_persistence.responses.instructions import (
    ListInstructionsResponse,
    RetireInstructionResponse,
    SaveInstructionResponse,
)
from mcp_context_persistence.runtime.embedding_models import ActiveModel
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.runtime.language_models import LanguageModels
from mcp_context_persistence.services.cursors import INVALID, cut_page, read_cursor

KINDS = get_args(Kind)
STATUSES = ("active", "superseded", "retired")
ALWAYS = "always"

Stated = list[tuple[MessageDiff, InstructionSentence]]


@lru_cache(maxsize=1024)
def find_addresses(content: str) -> frozenset[tuple[str, str]]:
    """Return the addresses of the instructions, preferences and facts in a user's message."""
    return frozenset(
        (sentence.subject, sentence.attribute) for sentence in find_instructions(content)
    )


def find_stated(
    messages: Sequence[MessageDiff], models: LanguageModels, cache: AnalysisCache
) -> Stated:
    """Find the instructions in the users' messages among those that are written."""
    changed = [
        message
        for message in messages
        if message.is_changed and message.properties["role"] == "user"
    ]
    texts = [message.properties["content"] for message in changed]
    missing = [text for text in dict.fromkeys(texts) if text not in cache.instructions]
    if missing:
        found = models.instruction_finder.find(missing)
        cache.instructions.update(zip(missing, found, strict=True))
    return [
        (message, instruction)
        for message, text in zip(changed, texts, strict=True)
        for instruction in cache.instructions[text]
    ]


def build_rows(namespace: str, stated: Stated, model: ActiveModel) -> list[dict[str, Any]]:
    """Return the rows of instructions, with their vectors."""
    if not stated:
        return []
    vectors = model.embedder.embed([instruction.text for _, instruction in stated])
    return [
        statements.build_row(
            namespace, message.properties, StatedInstruction(**asdict(instruction)), vector
        )
        for (message, instruction), vector in zip(stated, vectors, strict=True)
    ]


def save_instruction(
    engine: Engine, text: object, *, scope: object, kind: object
) -> SaveInstructionResponse:
    """Save what a user says as an instruction, a preference or a fact."""
    checked_text = validation.check_text("text", text, characters=limits.INSTRUCTION_CHARACTERS)
    checked_kind = validation.check_choice("kind", kind, KINDS)
    topic = None
    if scope is not None:
        checked_scope = validation.check_text(
            "scope", scope, characters=limits.INSTRUCTION_TOPIC_CHARACTERS
        ).strip()
        topic = "" if checked_scope == ALWAYS else checked_scope
    sentence = describe_instruction(checked_text, cast("Kind", checked_kind), topic)
    stated = StatedInstruction(**{**asdict(sentence), "start": None, "end": None})

    def write() -> tuple[str, Row]:
        model = engine.embeddings.current()
        instruction_id, statement = statements.save(
            engine.namespace,
            stated,
            scope=stated.topic or ALWAYS,
            vector=model.embedder.embed([checked_text])[0],
            guard=model.vector_state.guard(),
        )
        return instruction_id, engine.graph.run(statement)[0]

    instruction_id, row = engine.embeddings.retry_when_stale(write)
    return SaveInstructionResponse(
        instruction=Instruction(
            id=instruction_id,
            text=checked_text,
            kind=checked_kind,
            scope=stated.topic or ALWAYS,
            subject=stated.subject,
            attribute=stated.attribute,
            rule="saved",
            timestamp=from_milliseconds(row["timestamp_ms"]),
            created_at=from_milliseconds(row["created_ms"]),
        ),
        created=row["created"],
    )


def list_instructions(
    engine: Engine, *, status: object, limit: object, cursor: object
) -> ListInstructionsResponse:
    """List instructions, latest first."""
    statuses = validation.check_statuses(status, STATUSES)
    checked_limit = validation.check_integer("limit", limit, minimum=1, maximum=limits.LISTED_ITEMS)
    identity = digest("instructions", *sorted(statuses or STATUSES))
    rows = engine.graph.run(
        statements.list_page(
            engine.namespace,
            statuses=statuses,
            limit=checked_limit + 1,
            after=_read_position(cursor, identity),
        )
    )
    page, next_cursor = cut_page(rows, limit=checked_limit, digest=identity)
    return ListInstructionsResponse(
        instructions=[build_instruction(row["item"]) for row in page], next_cursor=next_cursor
    )


def read_instructions(engine: Engine, ids: Sequence[str]) -> list[Instruction | None]:
    """Read instructions by their ids; None for one that does not exist."""
    if not ids:
        return []
    statement = statements.list_page(engine.namespace, statuses=None, ids=ids, limit=len(ids))
    stored = {
        row["item"]["id"]: build_instruction(row["item"]) for row in engine.graph.run(statement)
    }
    return [stored.get(instruction_id) for instruction_id in ids]


def _read_position(cursor: object, identity: str) -> tuple[str, str] | None:
    if cursor is None:
        return None
    key, item_id = read_cursor(cursor, count=2, digest=identity, owner="list of other statuses")
    if not isinstance(key, str) or not isinstance(item_id, str):
        raise ValidationError(INVALID)
    return key, item_id


def retire_instruction(engine: Engine, instruction_id: object) -> RetireInstructionResponse:
    """Retire an instruction."""
    checked_id = validation.check_identifier("instruction_id", instruction_id)
    rows = engine.graph.run(statements.retire(engine.namespace, checked_id, now=now_ms()))
    if not rows:
        raise NotFoundError("instruction_id: there is no such instruction")
    return RetireInstructionResponse(
        instruction=build_instruction(rows[0]["item"]), changed=rows[0]["changed"]
    )


def build_instruction(item: Row) -> Instruction:
    """Build an instruction from its stored properties."""
    return Instruction.model_construct(
        id=item["id"],
        text=item["content"],
        kind=item["instruction_kind"],
        scope=item["scope"],
        subject=item["subject"],
        attribute=item["attribute"],
        status=item["status"],
        superseded_by=item.get("superseded_by"),
        rule=item["rule"],
        conversation_id=item["conversation_id"] or None,
        message_id=item["message_id"],
        start=item["start"],
        end=item["end"],
        timestamp=from_milliseconds(item["timestamp_ms"]),
        created_at=from_milliseconds(item["created_ms"]),
    )
