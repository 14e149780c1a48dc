"""`export` and `ingest`: write the namespace as JSON lines, and read them back."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.inputs import file_argument, read_objects
from mcp_context_persistence.cli.session import Session, uses_store
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.kg.identifiers import digest

GROUP = 100  # items in one call
LONG_ITEMS = 10  # conversations and documents in one call
LONG_KINDS = ("conversation", "document")
_INDEX = re.compile(r"items\.(\d+)")


@command()
@uses_store
def export(session: Session) -> None:
    """Write the namespace as JSON lines to standard output.

    One line is an entity, a conversation or a part of a long one, a document, a decision, an
    instruction, a relationship, or the entity patterns. ingest makes the same graph of them.
    Vectors and the history of merges are not exported.

    Examples:
      context-persistence export > memory.jsonl
    """
    done = 0
    with session.open_client() as client:
        cursor: str | None = None
        while True:
            page = client.export_items(cursor=cursor)
            for item in page.items:
                click.echo(json.dumps(item, ensure_ascii=False))
            done += len(page.items)
            session.count("items", done)
            cursor = page.next_cursor
            if cursor is None:
                break
    session.end_count()


@command()
@uses_store
@file_argument
def ingest(session: Session, file: Path | None) -> None:
    """Read the JSON lines of export from FILE or standard input.

    If the command fails in the middle, repeat it: what is written already does not change.

    Examples:
      context-persistence ingest memory.jsonl --namespace copy
    """
    counts: Counter[str] = Counter()
    differing = missing = 0
    with session.open_client(may_create=True) as client, _noting_outcome(counts):
        for locations, items in _group(_give_ids(read_objects(file))):
            try:
                response = client.ingest_items(items)
            except (ValidationError, NotFoundError) as error:
                raise type(error)(_locate(str(error), locations)) from error
            counts.update(response.counts)
            differing += response.differing_messages
            missing += response.missing_instructions
            session.count("items", counts.total())
    session.end_count()
    if not counts:
        raise InputError("there is nothing to ingest")
    if differing:
        session.note(f"{differing} messages are stored with another text or role; these stay")
    if missing:
        session.note(f"{missing} instructions were not found in their messages again")
    if session.as_json:
        click.echo(json.dumps(counts))
        return
    for kind, count in counts.items():
        click.echo(f"{kind}: {count}")


@contextmanager
def _noting_outcome(counts: Counter[str]) -> Iterator[None]:
    """Let an error say that some items were written before it."""
    try:
        yield
    except ContextPersistenceError as error:
        if counts and error.outcome == "not_applied":
            error.outcome = "unknown"
        raise


def _give_ids(objects: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the items; messages without ids get some, so that nothing is added twice.

    An id comes from all messages of its conversation up to this one that are in the file.
    """
    keys: dict[str, str] = {}
    for location, item in objects:
        messages = item.get("messages") if isinstance(item, dict) else None
        if isinstance(messages, list) and item.get("kind") == "conversation":
            name = str(item.get("conversation_id"))
            for message in messages:
                key = digest("ingested", keys.get(name, name), json.dumps(message, sort_keys=True))
                keys[name] = key
                if isinstance(message, dict) and message.get("id") is None:
                    message["id"] = f"message:{key}"
        yield location, item


def _group(objects: Iterator[tuple[str, Any]]) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield the items in groups that need little memory, with the location of each item."""
    locations: list[str] = []
    items: list[Any] = []
    long_items = 0
    for location, item in objects:
        locations.append(location)
        items.append(item)
        long_items += isinstance(item, dict) and item.get("kind") in LONG_KINDS
        if len(items) == GROUP or long_items == LONG_ITEMS:
            yield locations, items
            locations, items, long_items = [], [], 0
    if items:
        yield locations, items


def _locate(text: str, locations: list[str]) -> str:
    """Return the text of an error with the line of the item instead of its index."""
    match = _INDEX.match(text)
    if match is None:
        return f"{locations[0]} to {locations[-1]}: {text.removeprefix('items: ')}"
    location = locations[int(match[1])]
    return f"{location}: {text[match.end() :].lstrip('.: ')}"
