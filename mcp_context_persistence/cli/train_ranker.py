"""Learn the weights of the ranker from judged questions about stored messages.

    python -m mcp_context_persistence.cli.train_ranker FILE --database-url URL [--write]

FILE has one question per line: {"query": "...", "relevant": ["message id", ...]}. For each
question, the command prints the figures with weights that were learned without this question, and
the figures with the current weights. Then it prints the learned weights. With --write, the learned
weights replace the current ones. scipy must be installed.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.queries.search import training
from mcp_context_persistence.services import search


def collect_question(
    client: ContextPersistenceClient,
    query: str,
    relevant_ids: Iterable[str],
    *,
    recipe: str = "balanced",
    category: str = "",
    results: Mapping[str, tuple[str, ...]] | None = None,
) -> training.Question:
    """Retrieve the candidates of a question from a client's graph.

    Args:
        client: The client.
        query: The question.
        relevant_ids: The ids of the relevant messages.
        recipe: The recipe whose candidates are retrieved.
        category: The category of the question.
        results: The results of other searches, by their names.
    """
    engine = client._engine
    request = search.read_request(
        engine, query, filters={"content_types": "message"}, limit=training.DEPTH, recipe=recipe
    )
    return training.collect_question(
        search.build_search_context(engine, query),
        request,
        relevant_ids,
        category=category,
        results=results,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--database-url", required=True, help="The database with the messages.")
@click.option(
    "--namespace", default="default", show_default=True, help="The namespace of the messages."
)
@click.option("--write", is_flag=True, help="Replace the weights of the installed package.")
def train(file: Path, database_url: str, namespace: str, *, write: bool) -> None:
    """Learn the weights of the ranker from the judged questions in FILE."""
    judgments = training.parse_judgments(file.read_text(encoding="utf-8"))
    with ContextPersistenceClient(database_url, namespace=namespace) as client:
        groups = [
            training.Group(
                name=str(number),
                any_is_enough=False,
                questions=[collect_question(client, query, relevant_ids)],
            )
            for number, (query, relevant_ids) in enumerate(judgments)
        ]
    report(groups, write=write)


def report(
    groups: list[training.Group], passages: Iterable[training.Group] = (), *, write: bool
) -> None:
    """Print the figures of learned and of current weights, and the learned weights.

    Args:
        groups: Questions for which single messages are looked for.
        passages: Questions for which passages are looked for.
        write: Whether the learned weights replace the current ones.
    """
    passages = list(passages)
    click.echo("With weights that were learned without the question or its conversation:")
    learned = [*training.cross_validate(groups), *training.cross_validate(passages)]
    click.echo("\n".join(training.format_figures(learned)))
    click.echo("With the current weights:")
    current = [
        (group, question, training.read_current_weights(question))
        for group in (*groups, *passages)
        for question in group.questions
    ]
    click.echo("\n".join(training.format_figures(current)))
    content = training.build_weights_file(groups, passages)
    click.echo(json.dumps(content, indent=2))
    if write:
        training.write_weights_file(content)


if __name__ == "__main__":
    try:
        train()
    except ContextPersistenceError as error:
        raise SystemExit(f"error: {error}") from error
