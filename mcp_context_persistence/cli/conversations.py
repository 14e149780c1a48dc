"""`save`, `append` and `load`: write and read conversations."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from mcp_context_persistence.cli.exit_codes import PARTLY_DONE, InputError, report
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.inputs import (
    file_argument,
    read_argument,
    read_objects,
    read_text,
)
from mcp_context_persistence.cli.output import print_json, print_text
from mcp_context_persistence.cli.session import Session, uses_store
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient
    from mcp_context_persistence.models import SaveConversationResponse

GROUP = 100  # conversations that are saved in one call
GROUP_MESSAGES = 2_000  # in these conversations, before the next call begins


@command()
@uses_store
@file_argument
@click.option("--replace", is_flag=True, help="Remove stored messages that are not in the list.")
@click.option("--document", metavar="ID", help="Save the text of FILE as a document with this id.")
@click.option("--project", metavar="PATH", help="The project of the document.")
def save(
    session: Session, file: Path | None, document: str | None, project: str | None, *, replace: bool
) -> int:
    """Save conversations, or a document.

    FILE contains conversations as JSON lines, as a JSON list, or one conversation. Without FILE,
    or with -, they are read from standard input. The command prints the ids of the conversations
    that are saved. If some cannot be saved, it saves the others and ends with 5.

    Examples:
      context-persistence save chats.jsonl
      context-persistence save --document runbook runbook.md
    """
    if document is not None:
        with session.open_client(may_create=True) as client:
            text = read_text(file)
            response = client.save_document(document, text, project_path=project)
            _print_id(session, response, response.document_id)
        return 0
    if project is not None:
        raise InputError("--project needs --document")
    with session.open_client(may_create=True) as client:
        objects = read_objects(file, yields_errors=True)
        return _save_all(session, client, objects, replace=replace)


def _save_all(
    session: Session,
    client: "ContextPersistenceClient",
    objects: Iterator[tuple[str, Any]],
    *,
    replace: bool,
) -> int:
    saved = failed = code = 0
    for group in _group(objects):
        if not saved + failed and _is_export(group):
            raise InputError(
                "these are lines of export; read them with: context-persistence ingest"
            )
        valid = [item for _, item in group if not isinstance(item, ValidationError)]
        responses = iter(
            client.batch_save_conversations(valid, replace=replace, progress=_ignore)
            if valid
            else ()
        )
        for location, item in group:
            if isinstance(item, ValidationError):
                code, failed = report(item, as_json=session.as_json), failed + 1
                continue
            response = next(responses)
            if response.success:
                _print_id(session, response, response.conversation_id)
            else:
                code = _report_failure(session, location, response)
            saved, failed = saved + response.success, failed + (not response.success)
        session.count("conversations", saved + failed)
    session.end_count()
    if not saved + failed:
        raise InputError("there is no conversation to save")
    return PARTLY_DONE if saved and failed else code


def _ignore(stage: str, done: int, total: int) -> None:
    """Show nothing: `Session.count` does."""


def _group(objects: Iterator[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Yield the conversations in groups that need little memory."""
    group: list[tuple[str, Any]] = []
    messages = 0
    for location, item in objects:
        group.append((location, item))
        messages += len(item["messages"]) if _has_messages(item) else 1
        if len(group) == GROUP or messages >= GROUP_MESSAGES:
            yield group
            group, messages = [], 0
    if group:
        yield group


def _is_export(group: list[tuple[str, Any]]) -> bool:
    """Return whether all objects are such as `export` writes; a conversation may have a `kind`."""
    from mcp_context_persistence.responses import transfer  # noqa: PLC0415 - slow to import

    kinds = [model.model_fields["kind"].default for model in get_args(transfer.ExportedItem)]
    objects = [item for _, item in group if not isinstance(item, ValidationError)]
    return bool(objects) and all(
        isinstance(item, dict) and item.get("kind") in kinds for item in objects
    )


def _has_messages(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("messages"), list)


def _report_failure(session: Session, location: str, response: "SaveConversationResponse") -> int:
    """Print why a conversation was not saved, and return the exit code for it."""
    if session.as_json:
        print_json(response)
    error = response.failure or DatabaseError(response.error or "", outcome="unknown")
    text = f"{location}: {error}"
    located = type(error)(text, retryable=error.retryable, outcome=error.outcome)
    return report(located, as_json=session.as_json)


def _print_id(session: Session, response: Any, item_id: str) -> None:
    if session.as_json:
        print_json(response)
    else:
        click.echo(item_id)


@command()
@uses_store
@click.argument("conversation_id", metavar="ID")
@click.argument("text", required=False)
@click.option("--role", default="user", show_default=True, help="The role of TEXT.")
@click.option("--message-id", help="The id of TEXT, so that a repeated call adds nothing.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Messages as JSON lines or a JSON list, - for standard input.",
)
@click.option("--project", metavar="PATH", help="The project of the conversation.")
def append(
    session: Session,
    conversation_id: str,
    text: str | None,
    role: str,
    message_id: str | None,
    file: Path | None,
    project: str | None,
) -> None:
    """Add messages to the end of the conversation ID.

    The conversation is created if it does not exist. TEXT is one message. If it is -, it is read
    from standard input. The command prints the ids of the new messages.

    Examples:
      context-persistence append standup "The parser is done." --message-id standup-1
    """
    if (text is None) == (file is None):
        raise InputError("give either TEXT or --file")
    if file is not None:
        messages = [item for _, item in read_objects(file)]
    else:
        message = {"role": role, "content": read_argument(text or ""), "id": message_id}
        messages = [{name: value for name, value in message.items() if value is not None}]
    with session.open_client(may_create=True) as client:
        response = client.append_messages(conversation_id, messages, project)
    if session.as_json:
        print_json(response)
        return
    for created_id in response.created_ids:
        click.echo(created_id)
    if response.unchanged:
        session.note(f"{response.unchanged} of {response.message_count} were stored already")


@command()
@uses_store
@click.argument("conversation_id", metavar="[ID]", required=False)
@click.option("--document", metavar="ID", help="Show the text of this document instead.")
@click.option("--limit", type=int, help="The number of messages; all without it.")
@click.option("--before", metavar="ID|TIME", help="Only messages before this one.")
@click.option("--after", metavar="ID|TIME", help="Only messages after this one.")
@click.option("--leaf", metavar="ID", help="The branch through this message.")
@click.option("--all-branches", is_flag=True, help="The messages of all branches.")
def load(
    session: Session,
    conversation_id: str | None,
    document: str | None,
    limit: int | None,
    before: str | None,
    after: str | None,
    leaf: str | None,
    *,
    all_branches: bool,
) -> None:
    """Show the messages of the conversation ID, oldest first, or the text of a document.

    Examples:
      context-persistence load standup --limit 20
      context-persistence load --document runbook
    """
    if (conversation_id is None) == (document is None):
        raise InputError("give either the ID of a conversation or --document")
    if document is not None:
        if all_branches or any(value is not None for value in (limit, before, after, leaf)):
            raise InputError("the other options apply to conversations only")
        _load_document(session, document)
        return
    with session.open_client() as client:
        response = client.load_conversation_history(
            conversation_id or "",
            limit,
            before=before,
            after=after,
            leaf_id=leaf,
            all_branches=all_branches,
        )
    if session.as_json:
        print_json(response)
        return
    for message in response.messages:
        speaker = f"{message.role} ({message.name})" if message.name else message.role
        print_text(f"{speaker}: {message.content}")
    if response.message_count < response.total_messages:
        session.note(f"{response.message_count} of {response.total_messages} messages")


def _load_document(session: Session, document_id: str) -> None:
    with session.open_client() as client:
        response = client.get_document(document_id)
    if session.as_json:
        print_json(response)
        return
    print_text(response.text)
