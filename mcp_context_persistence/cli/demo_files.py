"""Conversations from a file, checked before anything else happens."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError as TheirValidationError

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import Conversation, conversation, explain


def conversations(path: Path | None) -> list[Conversation]:
    """The conversations of a file (a JSON list, one JSON object, or JSON lines), or those that come with the package.

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
    found = [(place, _conversation(one, place)) for place, one in _objects(text)]
    if not found:
        raise ValidationError("the file holds no conversation")
    _no_id_twice(found)
    return [one for _, one in found]


def namespace_of(path: Path | None) -> str:
    """Where the demo keeps the conversations of a file: `default` for those of the package, else one namespace per file."""
    if path is None:
        return "default"
    place = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    name = "".join(letter if letter.isalnum() else "-" for letter in path.stem)
    return f"{name.encode()[:64].decode(errors='ignore')}-{place}"


def _objects(text: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = json.loads(text)
    except RecursionError as error:
        raise ValidationError("the file is nested too deeply to hold conversations") from error
    except ValueError as error:
        yield from _lines(text, error)
        return
    for number, one in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        yield f"conversation {number}", one


def _lines(text: str, problem: ValueError) -> Iterator[tuple[str, Any]]:
    """The objects of JSON lines; a file whose first line is no JSON by itself has the `problem` that it has as a whole."""
    lines = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    for number, line in lines:
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            whole = number == lines[0][0] and isinstance(problem, json.JSONDecodeError)
            place = f"line {problem.lineno}, column {problem.colno}" if whole else f"line {number}"  # type: ignore[attr-defined]
            raise ValidationError(f"{place}: this is not JSON") from error


def _conversation(given: Any, place: str) -> Conversation:
    try:
        made = Conversation.model_validate(given)
        mode = made.mode if "mode" in made.model_fields_set else "hybrid"
        return conversation(
            made.conversation_id,
            made.messages,
            project_path=made.project_path,
            mode=mode,
            metadata=made.metadata,
            created_at=made.created_at,
        )
    except TheirValidationError as error:
        raise ValidationError(f"{place}: {explain(error)}") from error
    except ValueError as error:
        raise ValidationError(f"{place}: {error}") from error


def _no_id_twice(found: Sequence[tuple[str, Conversation]]) -> None:
    """The later one would take the place of the earlier one."""
    talks: dict[str, str] = {}
    messages: dict[str, str] = {}
    for place, one in found:
        before = talks.setdefault(one.conversation_id, place)
        if before != place:
            raise ValidationError(f"{place}: it has the conversation_id of {before}")
        for message in one.messages:
            if (
                message.id is not None
                and (before := messages.setdefault(message.id, place)) != place
            ):
                raise ValidationError(f"{place}: a message has the id of one in {before}")
