"""`extract`, `relate` and `graph`: fill and read the knowledge graph."""

from typing import TYPE_CHECKING, Any

import click

from mcp_context_persistence.cli.exit_codes import NOTHING_FOUND, InputError
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.inputs import read_argument
from mcp_context_persistence.cli.output import (
    Columns,
    print_json,
    print_response,
    print_rows,
)
from mcp_context_persistence.cli.session import Session, uses_store

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient

NEIGHBORS: Columns = {
    "id": lambda item: item.entity_id,
    "name": lambda item: item.name,
    "type": lambda item: item.type,
    "relationship": lambda item: item.relationship_type,
    "direction": lambda item: item.direction,
    "distance": lambda item: item.distance,
    "confidence": lambda item: item.confidence,
}
PATHS: Columns = {
    "from": lambda item: item.from_entity,
    "relationship": lambda item: item.relationship_type,
    "to": lambda item: item.to_entity,
    "confidence": lambda item: item.confidence,
}


@command()
@uses_store
@click.argument("text")
@click.option("--conversation", metavar="ID", help="Link the entities to this conversation.")
@click.option("--message", metavar="ID", help="Link the entities to this message.")
@click.option(
    "--type", "types", multiple=True, help="Show only entities of this type; may be repeated."
)
@click.option("--no-store", is_flag=True, help="Do not store what is found.")
def extract(
    session: Session,
    text: str,
    conversation: str | None,
    message: str | None,
    types: tuple[str, ...],
    *,
    no_store: bool,
) -> None:
    """Extract entities and relationships from TEXT, and store them.

    If TEXT is -, it is read from standard input.

    Examples:
      context-persistence extract "The OrderParser class uses pandas." --no-store
    """
    with session.open_client(may_create=True) as client:
        response = client.extract_entities(
            read_argument(text),
            conversation_id=conversation,
            message_id=message,
            entity_types=list(types) or None,
            store=not no_store,
        )
    if session.as_json:
        print_json(response)
        return
    entities = {
        "id": lambda item: item.id,
        "type": lambda item: item.type,
        "name": lambda item: item.name,
        "confidence": lambda item: item.confidence,
    }
    print_rows(session, response.entities, entities)
    for relationship in response.relationships:
        session.note(
            f"{relationship.source_entity_id} {relationship.relationship_type} "
            f"{relationship.target_entity_id} ({relationship.confidence:.2f})"
        )


@command()
@uses_store
@click.argument("source")
@click.argument("relationship", metavar="TYPE")
@click.argument("target")
@click.option("--confidence", type=float, default=1.0, show_default=True, help="0.0 to 1.0.")
def relate(
    session: Session, source: str, relationship: str, target: str, confidence: float
) -> None:
    """Create a relationship from the entity SOURCE to the entity TARGET, or update it.

    SOURCE and TARGET are ids, exact names or aliases of entities that exist.

    Examples:
      context-persistence relate OrderValidator "depends on" pandas --confidence 0.9
    """
    with session.open_client() as client:
        response = client.create_relationship(source, target, relationship, confidence)
    print_response(
        session,
        response,
        {"id": lambda item: item.relationship.id, "created": lambda item: item.created},
    )


@command()
@uses_store
@click.argument("entity")
@click.option("--depth", type=int, default=1, show_default=True, help="Relationships to follow.")
@click.option("--to", metavar="ENTITY", help="Show the shortest paths to this entity.")
@click.option("--paths", is_flag=True, help="Show the paths instead of the neighbors.")
@click.option("--unasserted", is_flag=True, help="Also what texts deny, plan, suppose and so on.")
def graph(session: Session, entity: str, to: str | None, **options: Any) -> int:
    """Show what is near ENTITY, or the shortest paths to another entity.

    ENTITY is an id, an exact name or an alias. The shortest paths need a server with Graph Data
    Science, such as that of a local store.

    Examples:
      context-persistence graph OrderValidator --depth 2
      context-persistence graph OrderValidator --to pandas --json
    """
    with session.open_client() as client:
        if to is not None:
            if options["unasserted"]:
                raise InputError("--unasserted does not apply to shortest paths")
            found_paths = client.find_shortest_paths(entity, to)
            return 0 if print_rows(session, found_paths, PATHS) else NOTHING_FOUND
        _show_near(session, client, entity, options)
    return 0


def _show_near(
    session: Session, client: "ContextPersistenceClient", entity: str, options: dict[str, Any]
) -> None:
    response = client.query_knowledge_graph(
        entity,
        options["depth"],
        "paths" if options["paths"] else "neighbors",
        include_unasserted=options["unasserted"],
    )
    if options["paths"]:
        print_rows(session, response.paths, PATHS)
    else:
        print_rows(session, response.neighbors, NEIGHBORS)
    if response.truncated:
        session.note("there is more than was returned")
