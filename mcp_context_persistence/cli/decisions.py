"""`decisions`: list, save, propose and review decisions."""

from functools import partial

import click

from mcp_context_persistence.cli.help_pages import Command, group
from mcp_context_persistence.cli.listing import DECISIONS, list_pages
from mcp_context_persistence.cli.output import print_json, print_response, print_rows
from mcp_context_persistence.cli.session import Session, uses_store


@group()
def decisions() -> None:
    """List, save, propose and review decisions.

    Examples:
      context-persistence decisions save standup "Use pydantic" --why "Fewer checks by hand"
      context-persistence decisions propose standup
    """


@decisions.command(name="list", cls=Command)
@uses_store
@click.option(
    "--status",
    type=click.Choice(["accepted", "proposed", "rejected", "all"]),
    default="all",
    show_default=True,
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="The maximum number.",
)
def list_decisions(session: Session, status: str, limit: int) -> None:
    """List decisions, newest first; `context-persistence list decisions` takes filters, too."""
    with session.open_client() as client:
        call = partial(client.list_decisions, status=None if status == "all" else status)
        print_rows(session, list_pages(call, "decisions", limit), DECISIONS)


@decisions.command(cls=Command)
@uses_store
@click.argument("conversation_id", metavar="CONVERSATION")
@click.argument("outcome")
@click.option("--why", metavar="TEXT", required=True, help="What led to the decision.")
@click.option("--type", "kind", default="decision", show_default=True, help="Such as architecture.")
@click.option("--confidence", type=float, help="How certain it is, 0.0 to 1.0.")
def save(
    session: Session,
    conversation_id: str,
    outcome: str,
    why: str,
    kind: str,
    confidence: float | None,
) -> None:
    """Save the decision OUTCOME of CONVERSATION, which is created if it does not exist."""
    with session.open_client(may_create=True) as client:
        response = client.save_decision(conversation_id, kind, why, outcome, confidence)
    print_response(
        session,
        response,
        {
            "id": lambda item: item.decision.id,
            "created": lambda item: item.created,
            "entities": lambda item: item.entities_linked,
        },
    )


@decisions.command(cls=Command)
@uses_store
@click.argument("conversation_id", metavar="CONVERSATION")
@click.option("--dry-run", is_flag=True, help="Do not save the proposals.")
def propose(session: Session, conversation_id: str, *, dry_run: bool) -> None:
    """Find the sentences of CONVERSATION that state decisions, and save them as proposals."""
    with session.open_client() as client:
        response = client.propose_decisions(conversation_id, save=not dry_run)
    if session.as_json:
        print_json(response)
        return
    columns = {
        "id": lambda item: item.decision.id,
        "status": lambda item: item.decision.status,
        "sentence": lambda item: item.decision.outcome,
    }
    print_rows(session, response.proposals, columns)


def _review(session: Session, decision_id: str, *, accept: bool) -> None:
    with session.open_client() as client:
        response = client.review_decision(decision_id, accept)
    print_response(
        session,
        response,
        {"status": lambda item: item.decision.status, "changed": lambda item: item.changed},
    )


@decisions.command(cls=Command)
@uses_store
@click.argument("decision_id", metavar="ID")
def accept(session: Session, decision_id: str) -> None:
    """Accept a proposed decision."""
    _review(session, decision_id, accept=True)


@decisions.command(cls=Command)
@uses_store
@click.argument("decision_id", metavar="ID")
def reject(session: Session, decision_id: str) -> None:
    """Reject a decision: no search finds it any more, and it is not proposed again."""
    _review(session, decision_id, accept=False)
