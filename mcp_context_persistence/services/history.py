"""Load the messages of a conversation, all or in pages."""

from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date

from mcp_context_persistence.kg import identifiers, limits, timestamps, validation
from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.writes import conversations as statements
from mcp_context_persistence.models import LoadConversationHistoryResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.conversations import build_messages
from mcp_context_persistence.services.cursors import (
    INVALID,
    is_number,
    read_cursor,
    write_cursor,
)

_MISSING = "conversation_id: there is no such conversation"


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range of the messages of a conversation.

    Attributes:
        forward: Whether the first messages of the range are loaded, not the last ones.
        before_position, after_position: Positions outside of the range.
        before_ms, after_ms: Times outside of the range, in milliseconds since 1970.
        leaf_id: A message of the branch; None for the current branch.
        all_branches: Whether messages of all branches are loaded.
    """

    forward: bool = False
    before_position: int | None = None
    before_ms: int | None = None
    after_position: int | None = None
    after_ms: int | None = None
    leaf_id: str | None = None
    all_branches: bool = False


def load_history(
    engine: Engine,
    conversation_id: object,
    limit: object = None,
    *,
    before: object = None,
    after: object = None,
    cursor: object = None,
    leaf_id: object = None,
    all_branches: object = False,
) -> LoadConversationHistoryResponse:
    """Load the last messages of a conversation, or of a range of it, oldest first."""
    checked_id = validation.check_identifier("conversation_id", conversation_id)
    message_limit = _read_limit(limit)
    before_id, before_ms = _read_bound("before", before)
    after_id, after_ms = _read_bound("after", after)
    branch_id, has_all = _read_branch(leaf_id, all_branches)
    start = Range(
        forward=after is not None,
        before_ms=before_ms,
        after_ms=after_ms,
        leaf_id=branch_id,
        all_branches=has_all,
    )
    if cursor is not None and (before is not None or start != Range()):
        raise ValidationError(
            "cursor: leave out before, after, leaf_id and all_branches; the cursor contains them"
        )
    message_range = start if cursor is None else _read_cursor(checked_id, cursor)
    row = _read_page(
        engine,
        checked_id,
        message_range,
        limit=message_limit,
        before_id=before_id,
        after_id=after_id,
    )
    _require_messages(
        row,
        before=before_id if before_ms is None else None,
        after=after_id if after_ms is None else None,
        leaf_id=branch_id,
    )
    message_range = _resolve_bounds(message_range, row)
    if row["is_tree"]:
        row, message_range = _load_branches(engine, row, message_range, limit=message_limit)
    return _build_response(checked_id, row, message_range, limit=message_limit)


def _read_page(
    engine: Engine, conversation_id: str, message_range: Range, *, limit: int, **ids: str | None
) -> Row:
    """Read one message more than the page has, so that a next page is known."""
    rows = engine.graph.run(
        statements.load(
            engine.namespace,
            conversation_id,
            limit=limit + 1,
            max_bytes=limits.HISTORY_BYTES,
            **ids,
            **asdict(message_range),
        )
    )
    if not rows:
        raise NotFoundError(_MISSING)
    return rows[0]


def walk_history(engine: Engine, conversation_id: str) -> Iterator[Message]:
    """Yield the messages of the current branch of a conversation, oldest first, page by page.

    Raises:
        NotFoundError: The conversation does not exist.
    """
    cursor: str | None = _write_range(conversation_id, Range(forward=True))
    while cursor:
        page = load_history(engine, conversation_id, cursor=cursor)
        yield from page.messages
        cursor = page.next_cursor


def _read_limit(limit: object) -> int:
    largest = limits.MESSAGES_PER_CONVERSATION
    if limit is None:
        return largest
    return validation.check_integer("limit", limit, minimum=1, maximum=largest)


def _require_messages(row: Row, **ids: str | None) -> None:
    """Refuse the ids of messages that the conversation does not have."""
    for field, key in ids.items():
        if key is not None and row[f"{field.removesuffix('_id')}_position"] is None:
            raise NotFoundError(f"{field}: the conversation has no such message")


def _resolve_bounds(message_range: Range, row: Row) -> Range:
    """Return the range with the positions of the messages that bound it.

    Raises:
        NotFoundError: The last message of the branch that a cursor stands for was deleted.
    """
    if message_range.leaf_id is not None and row["leaf_position"] is None:
        raise NotFoundError(
            "cursor: the last message of its branch was deleted; begin again without cursor"
        )
    for field in ("before", "after"):
        if (position := row[f"{field}_position"]) is not None:
            message_range = replace(
                message_range, **{f"{field}_position": position, f"{field}_ms": None}
            )
    return message_range


def _load_branches(
    engine: Engine, row: Row, message_range: Range, *, limit: int
) -> tuple[Row, Range]:
    """Load the messages of a conversation with branches; later pages are of the same branch."""
    rows = engine.graph.run(
        statements.load_branches(
            engine.namespace,
            row["conversation"]["id"],
            limit=limit + 1,
            max_bytes=limits.HISTORY_BYTES,
            **asdict(message_range),
        )
    )
    if not rows:
        raise NotFoundError(_MISSING)
    if not message_range.all_branches:
        message_range = replace(message_range, leaf_id=rows[0]["leaf_id"])
    return {**row, **rows[0]}, message_range


def _build_response(
    conversation_id: str, row: Row, message_range: Range, *, limit: int
) -> LoadConversationHistoryResponse:
    """Build the response; more messages were found than the page has where there is a next page."""
    stored, conversation = row["messages"], row["conversation"]
    page = stored[:limit] if message_range.forward else stored[-limit:]
    messages = build_messages(page)
    return LoadConversationHistoryResponse(
        conversation_id=conversation_id,
        messages=messages,
        message_count=len(messages),
        total_messages=row["total"],
        next_cursor=_write_cursor(conversation_id, message_range, page)
        if len(page) < (row["found"] or 0)
        else None,
        leaf_id=row.get("leaf_id"),
        project_path=conversation["project_path"],
        metadata=load_stored(conversation["metadata"], "metadata of a conversation"),
        created_at=timestamps.from_milliseconds(conversation["created_ms"]),
        updated_at=timestamps.from_milliseconds(conversation["updated_ms"]),
    )


def _read_branch(leaf_id: object, all_branches: object) -> tuple[str | None, bool]:
    """Return the message whose branch is loaded, and whether all branches are."""
    has_all = validation.check_flag("all_branches", all_branches)
    if leaf_id is None:
        return None, has_all
    if has_all:
        raise ValidationError("leaf_id: give leaf_id or all_branches, not both")
    return validation.check_identifier("leaf_id", leaf_id), False


@validation.reads_argument
def _read_bound(field: str, value: object) -> tuple[str | None, int | None]:
    """Return the id of a message, and the time in milliseconds; text may be either.

    A day begins with its first and ends with its last millisecond.
    """
    if value is None:
        return None, None
    if not isinstance(value, (str, date)):
        raise ValidationError(f"{field} must be the id of a message, a date or a time")
    key = validation.check_identifier(field, value) if isinstance(value, str) else None
    try:
        first, last = timestamps.read_span(field, key or value)
    except ValidationError:
        if key is None:
            raise
        return key, None
    return key, first if field == "before" else last


def _write_cursor(conversation_id: str, message_range: Range, page: list[Row]) -> str:
    """Return a cursor: the rest of the range, as positions, which stay when messages are added."""
    edge = (
        {"after_position": page[-1]["position"]}
        if message_range.forward
        else {"before_position": page[0]["position"]}
    )
    return _write_range(conversation_id, replace(message_range, **edge))


def _write_range(conversation_id: str, message_range: Range) -> str:
    return write_cursor(identifiers.digest(conversation_id), *astuple(message_range))


def _read_cursor(conversation_id: str, value: object) -> Range:
    """Return the range that a cursor of this conversation stands for."""
    forward, *numbers, leaf_id, all_branches = read_cursor(
        value, count=7, digest=identifiers.digest(conversation_id), owner="conversation"
    )
    if (
        not isinstance(forward, bool)
        or not isinstance(all_branches, bool)
        or not isinstance(leaf_id, str | None)
        or not all(number is None or is_number(number) for number in numbers)
    ):
        raise ValidationError(INVALID)
    before_position, before_ms, after_position, after_ms = numbers
    return Range(
        forward=forward,
        before_position=before_position,
        before_ms=before_ms,
        after_position=after_position,
        after_ms=after_ms,
        leaf_id=leaf_id,
        all_branches=all_branches,
    )
