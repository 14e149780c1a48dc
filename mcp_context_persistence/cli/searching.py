"""`search` and `context`: find what is stored."""

from typing import TYPE_CHECKING, Any

import click

from mcp_context_persistence.cli.exit_codes import NOTHING_FOUND
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.inputs import build_filters, filter_options, read_argument
from mcp_context_persistence.cli.output import print_json, print_rows, print_text
from mcp_context_persistence.cli.session import Session, uses_store

if TYPE_CHECKING:
    from mcp_context_persistence.models import BuildContextResponse

CONTENT_TYPES = ("message", "entity", "decision", "instruction", "conversation", "document")


@command()
@uses_store
@click.argument("query")
@click.option("--limit", type=int, default=10, show_default=True, help="The number of results.")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "semantic", "keyword", "graph"]),
    help="How to search; hybrid if the settings say nothing else.",
)
@click.option(
    "--recipe",
    type=click.Choice(["balanced", "fast", "precise", "exploratory", "timeline"]),
    help="The settings of hybrid.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(CONTENT_TYPES),
    help="Only such results; may be repeated.",
)
@click.option("--role", multiple=True, help="Only messages of this role; may be repeated.")
@filter_options
@click.option(
    "--exclude", multiple=True, metavar="ID", help="Not this conversation; may be repeated."
)
@click.option("--metadata", is_flag=True, help="Results have their metadata, in JSON.")
@click.option("--explain", is_flag=True, help="Explain the results in more detail, in JSON.")
def search(session: Session, query: str, limit: int, **options: Any) -> int:
    """Search everything that is stored, best results first.

    If QUERY is -, it is read from standard input. Without a result, the command ends with 3.

    Examples:
      context-persistence search "how do we check orders?" --limit 3
      context-persistence search "parser" --type message --since 2026-01-01 --json
    """
    arguments: dict[str, Any] = {
        name: options[name] for name in ("mode", "recipe") if options[name] is not None
    }
    filters = build_filters(options, content_types=options["types"], role=options["role"])
    if options["exclude"]:
        arguments["exclude_conversation_id"] = list(options["exclude"])
    with session.open_client() as client:
        response = client.search_hybrid(
            read_argument(query),
            filters=filters,
            limit=limit,
            include_metadata=options["metadata"],
            explain=options["explain"],
            **arguments,
        )
    columns = {
        "score": lambda result: result.similarity_score,
        "type": lambda result: result.type,
        "id": lambda result: result.id,
        "text": lambda result: result.content,
    }
    confidence = response.confidence
    count = print_rows(session, response.results, columns, confidence=confidence)
    for remark in response.notes:
        session.note(remark)
    if confidence is not None:
        session.note(f"confidence {confidence:.2f}")
    return 0 if count else NOTHING_FOUND


@command()
@uses_store
@click.argument("query")
@click.option(
    "--tokens", type=int, default=2_000, show_default=True, help="The maximum number of tokens."
)
@click.option("--order", type=click.Choice(["conversation", "time"]), default="conversation")
@filter_options
@click.option(
    "--exclude", multiple=True, metavar="ID", help="Not this conversation; may be repeated."
)
def context(session: Session, query: str, tokens: int, order: str, **options: Any) -> None:
    """Build a text for a prompt from what is stored about QUERY, with citations.

    If QUERY is -, it is read from standard input. With --order time, the text is a timeline.

    Examples:
      context-persistence context "how do we check orders?" --tokens 500
    """
    with session.open_client() as client:
        response: BuildContextResponse = client.build_context(
            read_argument(query),
            tokens,
            filters=build_filters(options),
            order=order,
            exclude_conversation_id=list(options["exclude"]) or None,
        )
    if session.as_json:
        print_json(response)
        return
    if response.text:
        print_text(response.text)
    for remark in response.notes:
        session.note(remark)
