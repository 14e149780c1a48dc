"""What goes in and comes out: conversations, messages, entities, relationships, decisions. Checked once, here."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import ValidationError as TheirValidationError

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError

Mode = Literal["conversation", "knowledge", "hybrid"]
MODES: tuple[Mode, ...] = ("conversation", "knowledge", "hybrid")
MOMENT = "must be a date and time, such as 2026-01-31T12:00:00Z"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIELD = re.compile(r"[a-z_]{1,40}")


def _identifier(value: str) -> str:
    return validation.check_identifier("value", value)


def _type(value: str) -> str:
    return validation.check_type_name("value", value)


def _content(value: str) -> str:
    return validation.check_text("value", value, characters=limits.MESSAGE_CHARACTERS)


def _metadata(value: object) -> dict[str, Any] | None:
    return validation.check_metadata("value", value)


def _number(value: object) -> object:
    return validation.check_confidence("value", value)


def _dated(value: object) -> object:
    """No number, nor a string of one: pydantic would count seconds since 1970."""
    if value is None or isinstance(value, date) or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise ValidationError(MOMENT)


def _in_calendar(value: datetime | None) -> datetime | None:
    if value is not None:
        timestamps.to_milliseconds(value)
    return value


def _role(value: str) -> str:
    return validation.check_choice("value", value, sorted(validation.ROLES))


Identifier = Annotated[str, AfterValidator(_identifier)]
TypeName = Annotated[str, AfterValidator(_type)]
Metadata = Annotated[dict[str, Any] | None, BeforeValidator(_metadata)]
Moment = Annotated[datetime | None, BeforeValidator(_dated), AfterValidator(_in_calendar)]
Confidence = Annotated[float, BeforeValidator(_number)]


class Message(BaseModel):
    """One message of a conversation.

    A message without an id is known by its place in the conversation. A time stamp is a `datetime`, a `date` or a string in ISO 8601
    that begins with a whole date; one without a zone means UTC. A message without one gets the time at which it is first saved.
    """

    model_config = ConfigDict(
        extra="forbid", revalidate_instances="always", hide_input_in_errors=True
    )

    role: Annotated[str, AfterValidator(_role)] = Field(
        ..., description="Message role (user, assistant, system)"
    )
    content: Annotated[str, AfterValidator(_content)] = Field(..., description="Message content")
    timestamp: Moment = Field(None, description="Message timestamp")
    metadata: Metadata = Field(None, description="Additional metadata")
    id: Identifier | None = Field(None, description="The message's own id, unique in the namespace")
    name: Identifier | None = Field(None, description="Name of the speaker")

    @property
    def metadata_json(self) -> str | None:
        """The metadata as canonical JSON."""
        return validation.dump_metadata("metadata", self.metadata)


class Conversation(BaseModel):
    """A conversation: messages in order, and what is known about them as a whole."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

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
    aliases: list[Identifier] = Field(
        default_factory=list, description="Other names of the same entity"
    )


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
    status: str = Field("accepted", description="accepted, proposed or rejected")


def explain(
    error: TheirValidationError,
    *,
    known: Collection[str] = (),
    sources: Mapping[str, str] | None = None,
) -> ValidationError:
    """Our error for pydantic's: the fields and what is wrong with each, without the values.

    Args:
        error: What pydantic says.
        known: The keys that there are, where one that is not among them may have been given.
        sources: For a field the argument that it was given in, '' where it is one itself.
    """
    problems = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False)[:5]:
        unknown = problem["type"] in {
            "extra_forbidden",
            "invalid_key",
        }  # its last part is what the caller wrote
        place = [
            str(part)
            for part in (problem["loc"][:-1] if unknown else problem["loc"])
            if not _internal(part)
        ]
        source = (sources or {}).get(place[0], "") if place else ""
        reason = (
            f"there is an unknown key {validation.describe_key(problem['loc'][-1])}"
            + (f"; known are: {', '.join(known)}" if known else "")
            if unknown
            else _reason(problem["type"], problem["msg"])
        )
        problems.append(f"{'.'.join([source, *place]).strip('.') or 'value'}: {reason}")
    return ValidationError("; ".join(dict.fromkeys(problems)))


def _internal(part: object) -> bool:
    """Whether a part of a place is no field and no number, but pydantic's own words."""
    return not isinstance(part, int) and not (isinstance(part, str) and _FIELD.fullmatch(part))


def _reason(kind: str, message: str) -> str:
    """What is wrong, as our own errors say it."""
    if kind.startswith("datetime"):
        return MOMENT
    if kind in {"model_type", "dict_type"}:
        return "must be a mapping"
    if kind == "missing":
        return "is missing"
    if kind == "string_unicode":
        return "holds half of a surrogate pair, which cannot be stored"
    return (
        message.removeprefix("Value error, ")
        .removeprefix("value ")
        .replace("Input should", "must", 1)
    )


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
        raise ValidationError(
            f"a conversation has at most {limits.MESSAGES_PER_CONVERSATION:,} messages"
        )
    project_path = (
        None if project_path is None else validation.check_identifier("project_path", project_path)
    )
    mode = None if mode is None else validation.check_choice("mode", mode, MODES)
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
        raise explain(
            error, known=sorted(Message.model_fields)
        ) from None  # pydantic's text holds the keys that were given
    _same_kind_of_ids(made)
    return made


def _same_kind_of_ids(made: Conversation) -> None:
    given = [message.id for message in made.messages if message.id is not None]
    if given and len(given) != len(made.messages):
        raise ValidationError("messages: give every message an id, or none of them")
    if len(set(given)) != len(given):
        raise ValidationError("messages: two messages have the same id")
