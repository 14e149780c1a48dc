"""`instructions`: list, save and retire instructions, preferences and facts about the user."""

from functools import partial

import click

from mcp_context_persistence.cli.help_pages import Command, group
from mcp_context_persistence.cli.inputs import read_argument
from mcp_context_persistence.cli.listing import list_pages
from mcp_context_persistence.cli.output import Columns, print_response, print_rows
from mcp_context_persistence.cli.session import Session, uses_store

COLUMNS: Columns = {
    "id": lambda item: item.id,
    "status": lambda item: item.status,
    "kind": lambda item: item.kind,
    "scope": lambda item: item.scope,
    "text": lambda item: item.text,
}


@group()
def instructions() -> None:
    """List, save and retire instructions, preferences and facts about the user.

    Examples:
      context-persistence instructions save "Answer in short sentences."
      context-persistence instructions list --status all
    """


@instructions.command(name="list", cls=Command)
@uses_store
@click.option(
    "--status",
    type=click.Choice(["active", "superseded", "retired", "all"]),
    default="active",
    show_default=True,
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="The maximum number.",
)
def list_instructions(session: Session, status: str, limit: int) -> None:
    """List instructions, latest first."""
    with session.open_client() as client:
        call = partial(client.list_instructions, status=None if status == "all" else status)
        print_rows(session, list_pages(call, "instructions", limit), COLUMNS)


@instructions.command(cls=Command)
@uses_store
@click.argument("text")
@click.option("--scope", metavar="TOPIC", help="When it applies: always, or a topic.")
@click.option(
    "--kind",
    type=click.Choice(["instruction", "preference", "fact"]),
    default="instruction",
    show_default=True,
)
def save(session: Session, text: str, scope: str | None, kind: str) -> None:
    """Save TEXT as an instruction, a preference or a fact.

    If TEXT is -, it is read from standard input.
    """
    with session.open_client(may_create=True) as client:
        response = client.save_instruction(read_argument(text), scope=scope, kind=kind)
    print_response(
        session,
        response,
        {"id": lambda item: item.instruction.id, "scope": lambda item: item.instruction.scope},
    )


@instructions.command(cls=Command)
@uses_store
@click.argument("instruction_id", metavar="ID")
def retire(session: Session, instruction_id: str) -> None:
    """Retire an instruction: keep it, but use it no longer."""
    with session.open_client() as client:
        response = client.retire_instruction(instruction_id)
    print_response(session, response, {"changed": lambda item: item.changed})
