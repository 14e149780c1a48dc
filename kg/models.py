"""What goes in and comes out: conversations, messages, entities, relationships, decisions. Checked once, here."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import ValidationError as TheirValidationError

from kg import checks, limits
from kg.errors import ValidationError

Mode = Literal["conversation", "knowledge", "hybrid"]
MODES: tuple[Mode, ...] = ("conversation", "knowledge", "hybrid")


def _identifier(value: str) -> str:
    return checks.identifier("value", value)


def _type(value: str) -> str:
    return checks.type_name("value", value)


def _content(value: str) -> str:
    return checks.text("value", value, characters=limits.MESSAGE_CHARACTERS)


def _metadata(value: dict[str, Any] | None) -> dict[str, Any] | None:
    return checks.plain_metadata("value", value)


def _number(value: object) -> object:
    return checks.confidence("value", value)


def _moment(value: object) -> object:
    if isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and re.fullmatch(r"[\s\d.+-]*", value) and value.count("-") < 2
    ):
        raise ValidationError("must be a date and time, such as 2026-01-31T12:00:00Z")
    if isinstance(value, datetime):
        checks.milliseconds(value)
    return value


def _role(value: str) -> str:
    return checks.choice("value", value, sorted(checks.ROLES))


Identifier = Annotated[str, AfterValidator(_identifier)]
TypeName = Annotated[str, AfterValidator(_type)]
Metadata = Annotated[dict[str, Any] | None, AfterValidator(_metadata)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Confidence = Annotated[float, BeforeValidator(_number)]


class Message(BaseModel):
    """One message of a conversation.

    A message without an id is known by its place in the conversation. A time stamp without a zone means UTC; a message without
    a time stamp gets the time at which it is first saved.
    """

    model_config = ConfigDict(extra="forbid", revalidate_instances="always")

    role: Annotated[str, AfterValidator(_role)] = Field(..., description="Message role (user, assistant, system)")
    content: Annotated[str, AfterValidator(_content)] = Field(..., description="Message content")
    timestamp: Moment = Field(None, description="Message timestamp")
    metadata: Metadata = Field(None, description="Additional metadata")
    id: Identifier | None = Field(None, description="The message's own id, unique in the namespace")
    name: Identifier | None = Field(None, description="Name of the speaker")

    @property
    def metadata_json(self) -> str | None:
        """The metadata as canonical JSON."""
        return checks.metadata("metadata", self.metadata)


class Conversation(BaseModel):
    """A conversation: messages in order, and what is known about them as a whole."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: Identifier = Field(..., description="Unique conversation identifier")
    messages: list[Message] = Field(..., description="List of messages in the conversation")
    project_path: str | None = Field(None, description="Optional project path for context")
    mode: str | None = Field("conversation", description="Storage mode")
    metadata: Metadata = Field(None, description="Additional metadata")
    created_at: Moment = Field(None, description="Creation timestamp")
    updated_at: Moment = Field(None, description="Last update timestamp")


class Entity(BaseModel):
    """Something that is talked about."""

    id: Identifier = Field(..., description="Unique entity identifier")
    type: TypeName = Field(..., description="Entity type (class, function, concept, etc.)")
    name: Identifier = Field(..., description="Entity name")
    description: str = Field(..., description="Entity description")
    confidence: Confidence = Field(..., ge=0.0, le=1.0, description="Confidence score")
    metadata: Metadata = Field(None, description="Additional metadata")
    conversation_id: str | None = Field(None, description="Related conversation ID")
    message_id: str | None = Field(None, description="Related message ID")
    created_at: datetime | None = Field(None, description="Creation timestamp")
    aliases: list[Identifier] = Field(default_factory=list, description="Other names of the same entity")


class Relationship(BaseModel):
    """A typed relationship between two entities."""

    id: str = Field(..., description="Unique relationship identifier")
    source_entity_id: Identifier = Field(..., description="Source entity ID")
    target_entity_id: Identifier = Field(..., description="Target entity ID")
    relationship_type: TypeName = Field(..., description="Type of relationship")
    confidence: Confidence = Field(default=1.0, ge=0.0, le=1.0, description="Confidence score")
    properties: Metadata = Field(None, description="Additional properties")
    created_at: datetime | None = Field(None, description="Creation timestamp")


class Decision(BaseModel):
    """A decision that was taken in a conversation."""

    id: str = Field(..., description="Unique decision identifier")
    conversation_id: Identifier = Field(..., description="Conversation identifier")
    decision_type: TypeName = Field(..., description="Type of decision")
    context: str = Field(..., description="Context leading to the decision")
    outcome: str = Field(..., description="Decision outcome or result")
    confidence: Confidence | None = Field(None, ge=0.0, le=1.0, description="Confidence score")
    created_at: datetime | None = Field(None, description="Creation timestamp")


def explain(error: TheirValidationError) -> ValidationError:
    """Our error for pydantic's: the fields and what is wrong with each, without the values."""
    problems = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False)[:5]:
        unknown = problem["type"] == "extra_forbidden"  # its last part is what the caller wrote
        place = [str(part) for part in (problem["loc"][:-1] if unknown else problem["loc"]) if not _internal(part)]
        reason = "there is an unknown key" if unknown else _reason(problem["msg"])
        problems.append(f"{'.'.join(place) or 'value'}: {reason}")
    return ValidationError("; ".join(dict.fromkeys(problems)))


def _internal(part: object) -> bool:
    """Whether a part of a place is no field and no number: pydantic's own words, or a key of somebody's metadata."""
    return not isinstance(part, int) and not (isinstance(part, str) and re.fullmatch(r"[a-z_]{1,40}", part))


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("value ")


def conversation(
    conversation_id: object,
    messages: object,
    *,
    project_path: object = None,
    mode: object = None,
    metadata: object = None,
    created_at: object = None,
) -> Conversation:
    """A checked conversation from loose values.

    Raises:
        ValidationError: Something in it is not valid; the text names the field.
    """
    if isinstance(messages, (str, bytes)) or not isinstance(messages, Sequence):
        raise ValidationError("messages must be a list")
    if not messages:
        raise ValidationError("messages must not be empty")
    if len(messages) > limits.MESSAGES_PER_CONVERSATION:
        raise ValidationError(f"a conversation has at most {limits.MESSAGES_PER_CONVERSATION:,} messages")
    if project_path is not None:
        checks.identifier("project_path", project_path)
    if mode is not None:
        checks.choice("mode", mode, MODES)
    try:
        made = Conversation(
            conversation_id=conversation_id,
            messages=list(messages),
            project_path=project_path,
            mode=mode,
            metadata=metadata,
            created_at=created_at,
        )
    except TheirValidationError as error:
        raise explain(error) from error
    _same_kind_of_ids(made)
    return made


def _same_kind_of_ids(made: Conversation) -> None:
    given = [message.id for message in made.messages if message.id is not None]
    if given and len(given) != len(made.messages):
        raise ValidationError("messages: give every message an id, or none of them")
    if len(set(given)) != len(given):
        raise ValidationError("messages: two messages have the same id")
