"""`stats`, `analytics`, `communities` and `config`: measure what is stored, and show settings."""

import json

import click

from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.output import print_json, print_response, print_rows
from mcp_context_persistence.cli.session import Session, uses_store


@command()
@uses_store
def stats(session: Session) -> None:
    """Count what is stored in the namespace.

    Examples:
      context-persistence stats --json
    """
    with session.open_client() as client:
        response = client.get_conversation_stats()
    if session.as_json:
        print_json(response)
        return
    names = ("conversations", "messages", "entities", "relationships", "decisions", "documents")
    for name in names:
        click.echo(f"{name}: {getattr(response.stats, f'total_{name}')}")


@command()
@uses_store
@click.option(
    "--central",
    metavar="METRIC",
    help="Rank entities by pagerank, article_rank, betweenness, closeness, harmonic, eigenvector "
    "or degree.",
)
@click.option("--top", type=int, default=10, show_default=True, help="The number of entities.")
def analytics(session: Session, central: str | None, top: int) -> None:
    """Measure the graph of entities, or find its central entities.

    Needs a server with Graph Data Science, such as that of a local store.

    Examples:
      context-persistence analytics
      context-persistence analytics --central pagerank --top 3
    """
    with session.open_client() as client:
        if central is not None:
            columns = {
                "score": lambda item: item.centrality_score,
                "id": lambda item: item.id,
                "type": lambda item: item.type,
                "name": lambda item: item.name,
            }
            print_rows(session, client.find_central_entities(central, top), columns)
            return
        response = client.get_graph_analytics()
    print_response(
        session,
        response,
        {
            "entities": lambda item: item.total_nodes,
            "relationships": lambda item: item.total_edges,
            "density": lambda item: item.density,
            "average degree": lambda item: item.avg_degree,
            "components": lambda item: item.components,
            "clustering": lambda item: item.clustering,
        },
    )


@command()
@uses_store
@click.option(
    "--algorithm",
    type=click.Choice(["leiden", "louvain", "label_propagation", "wcc", "k_core"]),
    default="leiden",
    show_default=True,
)
@click.option(
    "--min-size", type=int, default=2, show_default=True, help="The minimum number of entities."
)
@click.option("--weighted", is_flag=True, help="Relationships count by their confidence.")
def communities(session: Session, algorithm: str, min_size: int, *, weighted: bool) -> None:
    """Find groups of entities with many relationships among each other, the largest first.

    Needs a server with Graph Data Science, such as that of a local store.

    Examples:
      context-persistence communities --min-size 3
    """
    with session.open_client() as client:
        groups = client.detect_communities(algorithm, min_size=min_size, weighted=weighted)
    columns = {"size": lambda item: item.size, "entities": lambda item: item.label}
    print_rows(session, groups, columns)
    if groups.truncated:
        session.note("there are more than were returned")


@command()
@uses_store
def config(session: Session) -> None:
    """Show the settings in effect, with secrets hidden. The store is not opened.

    Examples:
      context-persistence config --json
    """
    from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - takes 0.1 s
    from mcp_context_persistence.runtime.config.target import describe_settings  # noqa: PLC0415

    settings = describe_settings(load_config(database_url=session.url), session.namespace)
    if session.as_json:
        click.echo(json.dumps(settings, ensure_ascii=False, default=str))
        return
    for name, value in settings.items():
        click.echo(f"{name}: {value}")
