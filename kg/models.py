"""The data model: conversations, messages, entities, relationships and decisions.

Values are checked once, when a model is built.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.kg import limits, message_shapes, timestamps, validation
from mcp_context_persistence.kg.errors import LimitError, ValidationError
from mcp_context_persistence.kg.message_parts import read_part_texts

Mode = Literal["conversation", "knowledge", "hybrid"]
MODES: tuple[Mode, ...] = ("conversation", "knowledge", "hybrid")
TIMESTAMP_RULE = "must be a date and time, such as 2026-01-31T12:00:00Z"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIELD = re.compile(r"[a-z_]{1,40}")
_PATH = re.compile(r"value((?:\.[\w-]+|\[(?:'[^']*'|\"[^\"]*\")\])+) (.*)")  # see `join_key`
MAX_PROBLEMS = 5  # that one error lists


def _check_identifier(value: str) -> str:
    return validation.check_identifier("value", value)


def _check_type(value: str) -> str:
    return validation.check_type_name("value", value)


def _check_content(value: str) -> str:
    return validation.check_string("value", value, characters=limits.MESSAGE_CHARACTERS)


def _check_metadata(value: object) -> dict[str, Any] | None:
    return validation.check_metadata("value", value)


def _check_confidence(value: object) -> object:
    return validation.check_share("value", value)


def _read_time(value: object) -> object:
    """Read seconds and milliseconds since 1970; refuse strings of them, and other numbers."""
    with validation.reading("value"):
        if value is None or isinstance(value, date):
            return value
        if isinstance(value, str) and _DATE.match(value):
            return str.__str__(value)
        if (time := message_shapes.read_epoch(value)) is not None:
            return time
    raise ValidationError(TIMESTAMP_RULE)


def _check_calendar(value: datetime | None) -> datetime | None:
    if value is not None:
        timestamps.to_milliseconds(value)
    return value


def _check_role(value: str) -> str:
    return validation.check_choice("value", value, sorted(validation.ROLES))


Identifier = Annotated[str, AfterValidator(_check_identifier)]
TypeName = Annotated[str, AfterValidator(_check_type)]
Metadata = Annotated[dict[str, Any] | None, BeforeValidator(_check_metadata)]
Timestamp = Annotated[datetime | None, BeforeValidator(_read_time), AfterValidator(_check_calendar)]
Confidence = Annotated[float, BeforeValidator(_check_confidence)]


class Message(BaseModel):
    """One message of a conversation.

    A message without an id is identified by its position in the conversation. A time stamp is a
    `datetime`, a `date`, a string in ISO 8601 that begins with a complete date, or the seconds or
    milliseconds since 1970 as a number; one without a zone means UTC. A message without a time
    stamp gets the time at which it is first saved.

    Without a `parent_id`, a message follows the one before it. With one, it follows the message
    that has this id, or begins the conversation if it is the id of the conversation.

    A message may also be built from a mapping or an object of another program, whose `content` is
    a list of parts. Then `parts` has the parts, and `content` the text in them.
    """

    model_config = ConfigDict(
        extra="forbid", revalidate_instances="always", hide_input_in_errors=True
    )

    role: Annotated[str, AfterValidator(_check_role)] = Field(
        ..., description="Message role (user, assistant, system)"
    )
    content: Annotated[str, AfterValidator(_check_content)] = Field(
        ..., description="Message content"
    )
    timestamp: Timestamp = Field(None, description="Message timestamp")
    metadata: Metadata = Field(None, description="Additional metadata")
    id: Identifier | None = Field(None, description="The message's own id, unique in the namespace")
    name: Identifier | None = Field(None, description="Name of the speaker")
    parent_id: Identifier | None = Field(
        None, description="Id of the message that it follows, in a conversation with branches"
    )
    parts: list[Any] | None = Field(
        None, description="The parts of the content as they were given, if it was a list"
    )
    tool_calls: list[Any] | None = Field(None, description="Tool calls as they were given")
    tool_call_id: Identifier | None = Field(
        None, description="The id of the tool call whose result this message is"
    )
    extra: dict[str, Any] | None = Field(
        None, description="Keys of the message that have no field here, as they were given"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_shape(cls, value: Any) -> Any:
        """Read a message in the form of another program."""
        with validation.reading("value"):
            return value if isinstance(value, cls) else message_shapes.read_message(value)

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        """Refuse a message without text, unless it calls a tool, has parts or is a tool's."""
        may_lack_text = (
            self.role in message_shapes.ROLES_WITHOUT_TEXT or self.parts or self.tool_calls
        )
        if not may_lack_text:
            validation.check_text(
                "value.content", self.content, characters=limits.MESSAGE_CHARACTERS
            )
        _ = self.data_json  # checks its size
        return self

    @property
    def metadata_json(self) -> str | None:
        """The metadata as canonical JSON."""
        return validation.dump_metadata("metadata", self.metadata)

    @property
    def data_json(self) -> str | None:
        """What the message has besides text and metadata, as canonical JSON."""
        return message_shapes.dump_data(
            role=self.role if self.stored_role != self.role else None,
            parts=self.parts,
            tool_calls=self.tool_calls,
            tool_call_id=self.tool_call_id,
            extra=self.extra,
        )

    @property
    def size(self) -> int:
        """The bytes of the text, the metadata and what else the message has."""
        texts = (self.content, self.metadata_json, self.data_json)
        return sum(len(text.encode()) for text in texts if text)

    @property
    def stored_role(self) -> str:
        """The role for filters: a message of a user that has only results of tools is a tool's."""
        if self.role != "user" or not self.parts:
            return self.role
        texts = read_part_texts(self.parts)
        return "tool" if texts.tool_results and not texts.spoken else self.role

    @property
    def indexed_text(self) -> str:
        """The text by which searches find the message: its content and the texts of its parts."""
        if not self.parts and not self.tool_calls:
            return self.content
        texts = read_part_texts(self.parts, self.tool_calls)
        results = texts.tool_results if texts.spoken else ""
        return "\n".join(filter(None, (self.content, results, texts.attachments)))

    def as_given(self) -> dict[str, Any]:
        """Return the message as a mapping in the form in which it was given.

        The content is the list of parts, a text, or None beside tool calls without a text. Keys
        without a value are left out.
        """
        content = self.parts if self.parts is not None else self.content
        fields: dict[str, Any] = {
            "role": self.role,
            "content": content or (None if self.tool_calls else content),
        }
        keys = ("tool_calls", "tool_call_id", "name", "id", "parent_id", "timestamp", "metadata")
        for key in keys:
            if (value := getattr(self, key)) is not None:
                fields[key] = value
        return (self.extra or {}) | fields


class Conversation(BaseModel):
    """A conversation: messages in order, with the properties that they share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    conversation_id: Identifier = Field(..., description="Unique conversation identifier")
    messages: list[Message] = Field(..., description="List of messages in the conversation")
    project_path: str | None = Field(None, description="Optional project path for context")
    mode: str | None = Field("conversation", description="Storage mode")
    metadata: Metadata = Field(None, description="Additional metadata")
    created_at: Timestamp = Field(None, description="Creation timestamp")
    updated_at: Timestamp = Field(None, description="Last update timestamp")


class Entity(BaseModel):
    """A person, a library, a place or any other thing that texts mention."""

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
    modality: str = Field(
        "asserted",
        description="asserted for a fact; else denied, past, wished, planned, supposed, reported, "
        "asked, requested or nearly",
    )
    polarity: str = Field(
        "positive",
        description="negative if a text denies, asks or supposes the contrary, else positive",
    )


class Decision(BaseModel):
    """A decision that was made in a conversation."""

    id: str = Field(..., description="Unique decision identifier")
    conversation_id: Identifier = Field(..., description="Conversation identifier")
    decision_type: TypeName = Field(..., description="Type of decision")
    context: str = Field(..., description="Context leading to the decision")
    outcome: str = Field(..., description="Decision outcome or result")
    confidence: Confidence | None = Field(None, ge=0.0, le=1.0, description="Confidence score")
    created_at: datetime | None = Field(None, description="Creation timestamp")
    status: str = Field("accepted", description="accepted, proposed or rejected")


class Instruction(BaseModel):
    """An instruction, a preference or a fact about the user, in the user's words."""

    id: str = Field(..., description="Unique identifier")
    text: str = Field(..., description="The words of the user")
    kind: str = Field(..., description="instruction, preference or fact")
    scope: str = Field("always", description="always, or the topic with which it applies")
    subject: str = Field(..., description="Whom it is about: assistant or user")
    attribute: str = Field(..., description="What it says of the subject, as stems of words")
    status: str = Field("active", description="active, superseded or retired")
    superseded_by: str | None = Field(
        None, description="Id of the next one with the same subject and attribute"
    )
    rule: str = Field(..., description="Rule that found it; saved for one that was saved itself")
    conversation_id: str | None = Field(None, description="Conversation of its message")
    message_id: str | None = Field(None, description="Message that states it: its evidence")
    start: int | None = Field(None, description="Start in the message, in characters")
    end: int | None = Field(None, description="End in the message, exclusive")
    timestamp: datetime | None = Field(None, description="Time of its message, or of its save")
    created_at: datetime | None = Field(None, description="Creation timestamp")


def explain(
    error: PydanticValidationError,
    *,
    known_keys: Collection[str] = (),
    sources: Mapping[str, str] | None = None,
) -> ValidationError:
    """Return the library's error for one of pydantic, with fields and reasons, without values.

    Args:
        error: The error of pydantic.
        known_keys: The allowed keys, where the error may be about an unknown one.
        sources: For a field the argument that contained it; an empty string where the field is an
            argument itself.
    """
    problems = []
    for problem in error.errors(include_url=False, include_context=False)[:MAX_PROBLEMS]:
        location, kind, path = list(problem["loc"]), problem["type"], ""
        if kind in {"extra_forbidden", "invalid_key"}:
            key = location.pop()  # written by the caller
            unknown_key = problem["input"] if kind == "invalid_key" else key
            reason = f"there is {validation.describe_unknown_key(unknown_key, known_keys)}"
        else:
            path, reason = _describe_problem(kind, problem["msg"])
        fields = [str(item) for item in location if _is_field(item)]
        source = (sources or {}).get(fields[0], "") if fields else ""
        name = ".".join([source, *fields]).strip(".")
        is_unnamed = not name and kind == "extra_forbidden"  # the reason names the key itself
        problems.append(reason if is_unnamed else f"{name or 'value'}{path}: {reason}")
    text = "; ".join(dict.fromkeys(problems))
    return LimitError(text) if _exceeds_limit(error) else ValidationError(text)


def _exceeds_limit(error: PydanticValidationError) -> bool:
    """Return whether all that is wrong is that something exceeds its limit."""
    causes = [problem.get("ctx", {}).get("error") for problem in error.errors(include_url=False)]
    return all(isinstance(cause, LimitError) for cause in causes)


def _is_field(item: object) -> bool:
    """Return whether an item of a location is a field or an index, not a term of pydantic."""
    return isinstance(item, int) or (isinstance(item, str) and bool(_FIELD.fullmatch(item)))


def _describe_problem(kind: str, message: str) -> tuple[str, str]:
    """Return the path inside a field, and the reason of an error in the words of this library."""
    if kind.startswith("datetime"):
        return "", TIMESTAMP_RULE
    if kind in {"model_type", "dict_type"}:
        return "", "must be a mapping"
    if kind == "missing":
        return "", "is missing"
    if kind == "string_unicode":
        return "", "contains half of a surrogate pair, which cannot be stored"
    text = message.removeprefix("Value error, ")
    if match := _PATH.fullmatch(text):
        return match[1], match[2]
    return "", validation.describe_rule(text.removeprefix("value "))


def conversation(
    conversation_id: object,
    messages: object,
    *,
    project_path: object = None,
    mode: object = None,
    metadata: object = None,
    created_at: object = None,
) -> Conversation:
    """Build a checked conversation from loose values.

    Raises:
        ValidationError: Something in it is not valid; the text names the field.
    """
    message_list = validation.check_list(
        "messages", messages, limit=limits.MESSAGES_PER_CONVERSATION
    )
    if not message_list:
        raise ValidationError("messages must not be empty")
    project_path = (
        None if project_path is None else validation.check_identifier("project_path", project_path)
    )
    mode = None if mode is None else validation.check_choice("mode", mode, MODES)
    try:
        checked = Conversation(
            conversation_id=conversation_id,
            messages=message_list,
            project_path=project_path,
            mode=mode,
            metadata=metadata,
            created_at=created_at,
        )
    except PydanticValidationError as error:
        # Pydantic's own text has the given keys.
        raise explain(error) from _find_cause(error)
    _check_message_ids(checked)
    sizes = (message.size for message in checked.messages)
    validation.check_call_bytes("messages", sizes, advice="add the last ones with append_messages")
    return checked


def _find_cause(error: PydanticValidationError) -> BaseException | None:
    """Return what a method of the caller's class raised, None where that is not the problem."""
    for problem in error.errors(include_url=False):
        reason = problem.get("ctx", {}).get("error")
        if isinstance(reason, ValidationError) and reason.__cause__:
            return reason.__cause__
    return None


def _check_message_ids(conversation: Conversation) -> None:
    """Refuse repeated ids."""
    indexes: dict[str, int] = {}
    for index, message in enumerate(conversation.messages):
        if message.id is None:
            continue
        if (first := indexes.setdefault(message.id, index)) != index:
            raise ValidationError(f"messages.{index}.id: the same id as in messages.{first}")
