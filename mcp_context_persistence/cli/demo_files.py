"""Read the conversations of the demo from a file, and check them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.json_objects import DoubledKeyError, build_object
from mcp_context_persistence.kg.models import Conversation, conversation, explain

_KNOWN_KEYS = sorted(Conversation.model_fields)


def read_conversations(path: Path | None) -> list[Conversation]:
    """Read the conversations of a file: a JSON list, one JSON object, or JSON lines.

    Args:
        path: The file, None for the conversations of the package.

    Raises:
        ValidationError: The file cannot be read as conversations; the text says where.
    """
    if path is None:
        text = Path(__file__).with_name("demo_conversations.json").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValidationError(
                f"the file cannot be read as UTF-8 text: {error.__class__.__name__}"
            ) from error
    located = [(location, _check(row, location)) for location, row in _parse(text)]
    if not located:
        raise ValidationError("the file contains no conversation")
    _check_unique_ids(located)
    return [checked for _, checked in located]


def choose_namespace(path: Path | None) -> str:
    """Return the namespace of a file, `default` for the conversations of the package."""
    if path is None:
        return "default"
    suffix = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = "".join(letter if letter.isalnum() else "-" for letter in path.stem)
    return f"{name.encode()[:64].decode(errors='ignore')}-{suffix}"


def _parse(text: str) -> Iterator[tuple[str, Any]]:
    try:
        content = json.loads(text, object_pairs_hook=build_object)
    except RecursionError as error:
        raise ValidationError(
            "the file is nested too deeply to be a file of conversations"
        ) from error
    except DoubledKeyError as error:
        raise ValidationError(f"the file: {error}") from error
    except ValueError as error:
        yield from _parse_lines(text, error)
        return
    rows = content if isinstance(content, list) else [content]
    for number, row in enumerate(rows, start=1):
        yield f"conversation {number}", row


def _parse_lines(text: str, document_error: ValueError) -> Iterator[tuple[str, Any]]:
    """Yield the objects of JSON lines.

    If the first line is not JSON by itself, `document_error` says what is wrong with the file.
    """
    lines = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    for number, line in lines:
        try:
            yield f"line {number}", json.loads(line, object_pairs_hook=build_object)
        except DoubledKeyError as error:
            raise ValidationError(f"line {number}: {error}") from error
        except (ValueError, RecursionError) as error:
            location = f"line {number}"
            if number == lines[0][0] and isinstance(document_error, json.JSONDecodeError):
                location = f"line {document_error.lineno}, column {document_error.colno}"
            raise ValidationError(f"{location}: this is not JSON") from error


def _check(row: Any, location: str) -> Conversation:
    try:
        parsed = Conversation.model_validate(row)
        mode = parsed.mode if "mode" in parsed.model_fields_set else "hybrid"
        return conversation(
            parsed.conversation_id,
            parsed.messages,
            project_path=parsed.project_path,
            mode=mode,
            metadata=parsed.metadata,
            created_at=parsed.created_at,
        )
    except PydanticValidationError as error:
        raise ValidationError(f"{location}: {explain(error, known_keys=_KNOWN_KEYS)}") from error
    except ValueError as error:
        raise ValidationError(f"{location}: {error}") from error


def _check_unique_ids(located: Sequence[tuple[str, Conversation]]) -> None:
    """Refuse an id that occurs twice: the later one would replace the earlier one."""
    conversations: dict[str, str] = {}
    messages: dict[str, str] = {}
    for location, checked in located:
        earlier = conversations.setdefault(checked.conversation_id, location)
        if earlier != location:
            raise ValidationError(f"{location}: it has the same conversation_id as {earlier}")
        for message in checked.messages:
            if (
                message.id is not None
                and (earlier := messages.setdefault(message.id, location)) != location
            ):
                raise ValidationError(
                    f"{location}: a message has the same id as a message in {earlier}"
                )
