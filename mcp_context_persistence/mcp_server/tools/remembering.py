"""Tools that write: `remember`, `decide` and `relate`."""

import hashlib
from typing import Annotated, Any, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import AfterValidator, BaseModel, Field

from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.mcp_server.citations import cite, read_conversation, read_entity
from mcp_context_persistence.mcp_server.tool import (
    ADDS,
    WRITES,
    Answer,
    Arguments,
    Call,
    ToolSpec,
    optional,
)
from mcp_context_persistence.mcp_server.tools.missing_entities import (
    describe_missing,
    find_missing,
)

ENTITIES = 10  # that an answer lists
DECISIONS = "decisions"  # the conversation of decisions that were made in no conversation

ConversationId = Annotated[str, AfterValidator(read_conversation)]


class RememberArguments(Arguments):
    """Arguments of `remember`."""

    content: str
    kind: Literal["note", "instruction", "preference", "fact"] = Field(
        "note", description="All but note are about the user"
    )
    conversation_id: ConversationId = optional("To add a message to it")
    role: Literal["user", "assistant", "system", "tool"] = "user"
    title: str = optional()
    project: str = optional()
    tags: list[str] = optional()


class RememberAnswer(BaseModel):
    """The data of `remember`."""

    id: str
    created: bool
    unchanged: bool
    entities: list[str]


class DecideArguments(Arguments):
    """Arguments of `decide`."""

    decision: str
    reason: str
    kind: str = "decision"
    conversation_id: ConversationId = optional()
    project: str = optional("Of a new conversation")
    confidence: float = optional(ge=0, le=1)


class DecideAnswer(BaseModel):
    """The data of `decide`."""

    id: str
    created: bool
    about: list[str]
    conversation_created: bool


class RelateArguments(Arguments):
    """Arguments of `relate`."""

    source: str
    relation: str
    target: str
    confidence: float = Field(1.0, ge=0, le=1)
    create_missing: bool = False


class RelateAnswer(BaseModel):
    """The data of `relate`."""

    id: str
    created: bool


def remember(call: Call, arguments: RememberArguments) -> Answer:
    """Store a message, a note, or an instruction of the user."""
    if arguments.kind != "note":
        answer = _remember_instruction(call, arguments)
    elif arguments.conversation_id is not None:
        answer = _remember_message(call, arguments)
    else:
        answer = _remember_note(call, arguments)
    verb = "is stored already" if answer.unchanged else "is stored"
    names = f"; it mentions {', '.join(answer.entities)}" if answer.entities else ""
    return Answer(text=f"[{answer.id}] {verb}{names}", data=answer.model_dump())


def _remember_instruction(call: Call, arguments: RememberArguments) -> RememberAnswer:
    if unsuitable := arguments.model_fields_set - {"content", "kind"}:
        raise ValidationError(f"{min(unsuitable)}: only a note (kind) may have it")
    response = call.client.save_instruction(arguments.content, kind=arguments.kind)
    return RememberAnswer(
        id=cite("instruction", response.instruction_id),
        created=response.created,
        unchanged=not response.created,
        entities=[],
    )


def _remember_message(call: Call, arguments: RememberArguments) -> RememberAnswer:
    """Append a message whose id is made of its content, so that a repeated call is a no-op."""
    conversation_id = arguments.conversation_id
    message_id = _hash_text(conversation_id, arguments.role, arguments.content)
    response = call.client.append_messages(
        conversation_id,
        [{"id": message_id, "role": arguments.role, "content": arguments.content}],
        metadata=_merge_metadata(call, arguments),
    )
    return RememberAnswer(
        id=cite("message", message_id),
        created=bool(response.created),
        unchanged=bool(response.unchanged),
        entities=call.client.get_message(message_id).entity_ids[:ENTITIES],
    )


def _remember_note(call: Call, arguments: RememberArguments) -> RememberAnswer:
    """Save a document whose id is made of its content."""
    if "role" in arguments.model_fields_set:
        raise ValidationError("role: needs conversation_id")
    document_id = _hash_text("note", arguments.content)
    metadata = _collect_metadata(arguments)
    response = call.client.save_document(document_id, arguments.content, metadata or None)
    return RememberAnswer(
        id=cite("document", document_id),
        created=response.created,
        unchanged=response.status == "unchanged",
        entities=call.client.get_document(document_id).entity_ids[:ENTITIES],
    )


def _collect_metadata(arguments: RememberArguments) -> dict[str, Any]:
    values = {name: getattr(arguments, name) for name in ("title", "project", "tags")}
    return {name: value for name, value in values.items() if value is not None}


def _merge_metadata(call: Call, arguments: RememberArguments) -> dict[str, Any] | None:
    """Return the metadata of a conversation with the arguments; None if none were given."""
    if not (metadata := _collect_metadata(arguments)):
        return None
    page = call.client.list_conversations({"conversation_id": arguments.conversation_id}, limit=1)
    stored = page.conversations[0].metadata if page.conversations else None
    return (stored or {}) | metadata


def _hash_text(*texts: object) -> str:
    digest = hashlib.sha256()
    for text in texts:
        encoded = str(text).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:32]


def decide(call: Call, arguments: DecideArguments) -> Answer:
    """Store a decision with its reason."""
    project = arguments.project
    default_id = f"{DECISIONS}:{project}" if project else DECISIONS
    response = call.client.save_decision(
        arguments.conversation_id
        if "conversation_id" in arguments.model_fields_set
        else default_id,
        arguments.kind,
        arguments.reason,
        arguments.decision,
        arguments.confidence,
        project=project,
    )
    about = call.client.get_decision(response.decision_id).entity_ids
    answer = DecideAnswer(
        id=cite("decision", response.decision_id),
        created=response.created,
        about=about[:ENTITIES],
        conversation_created=response.conversation_created,
    )
    names = f"; it is about {', '.join(answer.about)}" if answer.about else ""
    return Answer(text=f"[{answer.id}] is stored{names}", data=answer.model_dump())


def relate(call: Call, arguments: RelateArguments) -> Answer:
    """Store a relationship between two entities."""
    ends = {
        "source": read_entity(arguments.source),
        "target": read_entity(arguments.target),
    }

    def create() -> Any:
        return call.client.create_relationship(
            ends["source"], ends["target"], arguments.relation, arguments.confidence
        )

    try:
        response = create()
    except NotFoundError:
        missing = find_missing(call, ends)
        if not arguments.create_missing:
            text = describe_missing(call, missing)
            raise ToolError(f"{text}. Set create_missing to create it (retry: no)") from None
        names = dict.fromkeys(missing.values())
        call.client.update_knowledge_graph([{"name": name} for name in names], [], "merge")
        response = create()
    relationship = response.relationship
    answer = RelateAnswer(id=response.relationship_id, created=response.created)
    triple = (
        f"{cite('entity', relationship.source_entity_id)} -{relationship.relationship_type}-> "
        f"{cite('entity', relationship.target_entity_id)}"
    )
    return Answer(
        text=f"{triple} {'is stored' if answer.created else 'was stored already'}",
        data=answer.model_dump(),
    )


REMEMBER = ToolSpec(
    name="remember",
    description=(
        "Use when something should be known in later talks: a note, a message of a conversation, "
        "or a standing instruction, preference or fact of the user (kind). Never store secrets. "
        "For a decision, use decide. Repeating a call changes nothing. "
        'Example: {"content": "Answer in German.", "kind": "instruction"}'
    ),
    arguments=RememberArguments,
    answer=RememberAnswer,
    run=remember,
    hints=WRITES,
    fields={r"messages\.0\.content": "content", "text": "content", r"metadata\.tags": "tags"},
)
DECIDE = ToolSpec(
    name="decide",
    description=(
        "Use when something is settled, such as a choice of design, tool or plan. Stores the "
        "decision with its reason. For other notes, use remember. "
        'Example: {"decision": "Use SQLite.", "reason": "One user, no server.", "project": "shop"}'
    ),
    arguments=DecideArguments,
    answer=DecideAnswer,
    run=decide,
    hints=ADDS,
    fields={"decision_type": "kind", "context": "reason", "outcome": "decision"},
)
RELATE = ToolSpec(
    name="relate",
    description=(
        "Use when the user states how two known things are related and no stored text says it. "
        "Texts that are remembered are read for relations anyway. To look at relations, use "
        'explore. Example: {"source": "shop", "relation": "depends on", "target": "Postgres"}'
    ),
    arguments=RelateArguments,
    answer=RelateAnswer,
    run=relate,
    hints=WRITES,
    fields={
        "source_entity_id": "source",
        "target_entity_id": "target",
        "relationship_type": "relation",
    },
)
