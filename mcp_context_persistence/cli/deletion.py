"""`delete`: delete something, and what only it supports."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from mcp_context_persistence.cli.exit_codes import NOTHING_FOUND, InputError
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.output import print_json
from mcp_context_persistence.cli.session import Session, uses_store

KINDS = (
    "message",
    "conversation",
    "document",
    "decision",
    "entity",
    "relationship",
    "namespace",
)
RELATIONSHIP_PARTS = 3  # source, type, target


@command()
@uses_store
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
def delete(session: Session, kind: str, ids: tuple[str, ...], *, dry_run: bool, yes: bool) -> int:
    """Delete something, and what only it supports.

    ID is the id of the item. For a relationship, write SOURCE TYPE TARGET; for the namespace, its
    name. On a terminal, the command counts what would be deleted and asks. docs/deleting.md lists
    what each deletion removes. If there is nothing to delete, the command ends with 3.

    Examples:
      context-persistence delete conversation standup --dry-run
      context-persistence delete relationship OrderValidator uses pandas --yes
    """
    if not dry_run and not yes and not sys.stdin.isatty():
        raise InputError("give --yes to delete, or --dry-run to only count")
    with session.open_client() as client:
        if kind == "namespace" and ids != (session.namespace,):
            raise InputError("to delete the namespace, give its name, and the same as --namespace")
        call = _find_call(client, kind, ids)
        if dry_run or not yes:
            response = call(dry_run=True)
            if dry_run or not response.existed:
                return _print(session, response)
            click.confirm(f"Delete {_describe(response)}?", abort=True, err=True)
        return _print(session, call(dry_run=False))


def _find_call(client: Any, kind: str, ids: tuple[str, ...]) -> Callable[..., Any]:
    """Return the call of the client with what it deletes."""
    if kind == "relationship":
        if len(ids) != RELATIONSHIP_PARTS:
            raise InputError("name a relationship as SOURCE TYPE TARGET")
        source, name, target = ids
        return partial(client.delete_relationship, source, target, name)
    if len(ids) != 1:
        raise InputError("give exactly one id")
    return partial(getattr(client, f"delete_{kind}"), ids[0])


def _describe(response: Any) -> str:
    counts = response.deleted.model_dump()
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing"


def _print(session: Session, response: Any) -> int:
    if session.as_json:
        print_json(response)
    elif response.existed:
        verb = "would be deleted" if response.dry_run else "deleted"
        click.echo(f"{verb}: {_describe(response)}")
    else:
        session.note("there is nothing to delete")
    return 0 if response.existed else NOTHING_FOUND
