"""The demo: save conversations, then search and explore them step by step."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from mcp_context_persistence.cli.demo_files import choose_namespace, read_conversations
from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg import url
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.shell_commands import format_command
from mcp_context_persistence.models import Entity, GraphPath, SaveConversationResponse
from mcp_context_persistence.queries.search.recipes import WEIGHTS

MAX_REASONS = 3  # that are named for a result
MAX_LISTED = 20  # conversations or entities
DEADLINE = 120.0  # seconds: a new database on a busy machine plans its first save for long
STAGES = {
    "verify": "Checking the files of Neo4j",
    "download": "Downloading Neo4j",
    "model": "Downloading the embedding model",
    "start": "Starting Neo4j",
}


class ProvisionProgress:
    """Shows how far the managed server is provided.

    On a terminal it shows bars until all is done, elsewhere a line for each stage.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("  {task.description:<26}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` of a stage is done: seconds of `start`, else bytes."""
        total = 0 if stage == "start" else total  # how long it takes is not known
        if stage not in self._tasks:
            text = STAGES.get(stage, stage)
            if not self._console.is_terminal:
                self._console.print(f"  {text} ...")
            self._progress.start()
            self._tasks[stage] = self._progress.add_task(text, total=total or None, amount="")
        amount = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total else ""
        self._progress.update(
            self._tasks[stage], completed=done, total=total or None, amount=amount
        )

    def stop(self) -> None:
        """Remove the bars."""
        self._progress.stop()


def run_demo(path: Path | None, *, store: str, console: Console) -> None:
    """Save conversations, then search and explore them.

    Args:
        path: File with the user's own conversations, None for those of the package.
        store: A `database_url`.
        console: Where to print.

    Raises:
        ValidationError: The file does not hold conversations; nothing was started.
    """
    conversations = read_conversations(path)
    namespace = choose_namespace(path)
    console.rule("Context Persistence")
    console.print(f"Store: {_hide_password(store)}   Namespace: {namespace}\n", soft_wrap=True)
    provision = ProvisionProgress(console)
    try:
        client = ContextPersistenceClient(
            database_url=store,
            namespace=namespace,
            progress=provision,
            config={"deadline": DEADLINE},
        )
    finally:
        provision.stop()
    with client:
        console.print("  Loading the language models ...")
        client.search_similar_conversations("first use", limit=1)
        client.extract_entities("First use.", store=False)
        _print_heading(console, "1. Save conversations")
        responses = [client.save_conversation(talk, replace=True) for talk in conversations]
        _show_saved(console, responses)
        _print_heading(console, "2. Entities and relationships, with their confidence")
        entity = _show_entities(console, client, conversations)
        question = (
            _choose_question(conversations, entity)
            if path
            else "how do we check the quality of order data?"
        )
        _print_heading(console, f'3. Hybrid search: "{question}"')
        _show_search(console, client, question)
        if entity:
            _print_heading(console, f"4. The graph around {entity.name}")
            _show_neighborhood(console, client, entity.id)
        if path is None:
            _print_heading(console, "5. A decision")
            _show_decision(console, client, conversations[0].conversation_id)
        _print_heading(console, "Statistics")
        _show_statistics(console, client)
    target = url.parse_url(store)
    if isinstance(target, url.LocalTarget) and target.path is not None:
        _show_next_steps(console, target.path, namespace)


def _show_next_steps(console: Console, folder: Path, namespace: str) -> None:
    _print_heading(console, "Look at it yourself")
    _print_command(console, "start", folder=folder)
    _print_command(console, "browser", "--show-password", folder=folder)
    console.print("  (Neo4j Browser: address, user, password)", soft_wrap=True)
    console.print(
        "  then paste a script from cypher/explore/ there, such as knowledge_graph.cypher",
        soft_wrap=True,
    )
    if namespace != "default":
        console.print(
            f'  (with "{namespace}" instead of "default" in its line WITH)',
            markup=False,
            soft_wrap=True,
        )
    _print_command(console, "stop", folder=folder)


def _print_command(console: Console, *words: str, folder: Path) -> None:
    command = format_command(
        "context-persistence", "server", *words, value=str(folder), placeholder="STORE"
    )
    console.print(f"  {command}", soft_wrap=True)


def _hide_password(store: str) -> str:
    """Return a database URL without its password."""
    target = url.parse_url(store)
    return target.uri if isinstance(target, url.RemoteTarget) else store


def _print_heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold", highlight=False, soft_wrap=True)


def _print_line(console: Console, text: str, *, style: str | None = None) -> None:
    console.print(f"  {text}", style=style, highlight=False, markup=False, soft_wrap=True)


def _shorten(text: str, size: int = 110) -> str:
    return textwrap.shorten(text, size, placeholder=" ...")


def _show_saved(console: Console, responses: Sequence[SaveConversationResponse]) -> None:
    table = Table(
        "conversation",
        "messages",
        "new",
        "updated",
        "kept",
        "vectors",
        "entities",
        "relationships",
        "seconds",
        box=None,
    )
    for response in responses[:MAX_LISTED]:
        counts = (
            response.message_count,
            response.created,
            response.updated,
            response.kept,
            response.embeddings_generated,
            response.entities_found,
            response.relationships_found,
        )
        table.add_row(
            response.conversation_id, *map(str, counts), f"{response.processing_time:.2f}"
        )
    console.print(table)
    if len(responses) > MAX_LISTED:
        _print_line(console, f"and {_count(len(responses) - MAX_LISTED, 'more conversation')}")


def _show_entities(
    console: Console, client: ContextPersistenceClient, conversations: Sequence[Conversation]
) -> Entity | None:
    """Show what the first texts mention.

    Returns:
        The entity with the most relationships, None when there is no entity.
    """
    entities: dict[str, Entity] = {}
    degrees: dict[str, int] = {}
    confidences: dict[str, float] = {}  # by the text of a relationship
    messages = [message for talk in conversations[:5] for message in talk.messages[:20]]
    for message in messages:
        response = client.extract_entities(message.content, store=False)
        entities.update({entity.id: entity for entity in response.entities})
        for relationship in response.relationships:
            ends = (relationship.source_entity_id, relationship.target_entity_id)
            name = relationship.relationship_type
            if name != "related_to" and all(end in entities for end in ends):
                degrees.update({end: degrees.get(end, 0) + 1 for end in ends})
                source, target = (entities[end].name for end in ends)
                confidences[f"{source} -[{name}]-> {target}"] = relationship.confidence
    if not entities:
        _print_line(console, "no entity was recognized")
        return None
    _show_entity_types(console, list(entities.values()))
    if confidences:
        console.print()
    for text, confidence in list(confidences.items())[:12]:
        _print_line(console, f"{confidence:.2f}  {text}")
    if not degrees:
        return next(iter(entities.values()))
    return entities[max(degrees, key=lambda entity_id: (degrees[entity_id], entity_id))]


def _show_entity_types(console: Console, entities: Sequence[Entity]) -> None:
    table = Table("type", "entities", box=None)
    for entity_type in sorted({entity.type for entity in entities}):
        names = [entity.name for entity in entities if entity.type == entity_type]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        table.add_row(entity_type, ", ".join(names[:8]) + more)
    console.print(table)


def _choose_question(conversations: Sequence[Conversation], entity: Entity | None) -> str:
    return entity.name if entity else _shorten(conversations[0].messages[0].content, 60)


def _show_search(console: Console, client: ContextPersistenceClient, question: str) -> None:
    for result in client.search_hybrid(question, limit=4).results:
        is_conversation = result.type == "conversation"
        text = f"{result.id} ({result.content})" if is_conversation else result.content
        _print_line(console, f"{result.similarity_score:.2f}  {result.type:<12}  {_shorten(text)}")
        _print_line(console, f"      {_explain(result.explanation)}", style="dim")


def _explain(explanation: dict[str, Any]) -> str:
    """Describe what contributed most to the score, and the rank in both retrievers."""
    reasons = []
    if "ranking" in explanation:
        contributions = {
            weight: sum(explanation["ranking"]["parts"].get(name, 0.0) for name in names)
            for weight, names in WEIGHTS.items()
        }
        best = sorted(contributions, key=contributions.__getitem__, reverse=True)[:MAX_REASONS]
        reasons.append(
            "most by "
            + ", ".join(
                f"{name} {contributions[name]:.1f}" for name in best if contributions[name] > 0
            )
        )
    for retriever, text in (("vector", "by vector (cosine"), ("keyword", "by keywords (score")):
        if retriever in explanation:
            found_by = explanation[retriever]
            reasons.append(f"number {found_by['rank']} {text} {found_by['score']:.2f})")
    return "because: " + (", ".join(reasons) or "it is related to other results")


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _show_neighborhood(console: Console, client: ContextPersistenceClient, entity_id: str) -> None:
    try:
        response = client.query_knowledge_graph(entity_id, depth=2)
    except NotFoundError:
        _print_line(
            console,
            "nothing: these conversations have the mode 'conversation', which stores only text and "
            "vectors",
        )
        return
    names = {neighbor.entity_id: neighbor.name for neighbor in response.neighbors}
    if response.context.entity:
        names[response.context.entity.id] = response.context.entity.name
    near = list(dict.fromkeys(neighbor.name for neighbor in response.neighbors))
    more = f" and {len(near) - MAX_LISTED} more" if len(near) > MAX_LISTED else ""
    _print_line(
        console,
        f"{_count(len(response.context), 'entity', 'entities')} within two steps: "
        f"{', '.join(near[:MAX_LISTED])}{more}"
        if near
        else "it has no relationship to another entity",
    )
    for path in response.paths[:8]:
        _print_line(console, _describe_path(path, names))


def _describe_path(path: GraphPath, names: dict[str, str]) -> str:
    """Return a path by names, each relationship with its direction."""
    text = names.get(path.entities[0], path.entities[0])
    for entity_id, step in zip(path.entities[1:], path.steps, strict=True):
        arrow = (
            f"-[{step.relationship_type}]->"
            if step.to_entity == entity_id
            else f"<-[{step.relationship_type}]-"
        )
        text += f" {arrow} {names.get(entity_id, entity_id)}"
    return text


def _show_decision(
    console: Console, client: ContextPersistenceClient, conversation_id: str
) -> None:
    response = client.save_decision(
        conversation_id,
        "architecture",
        "We compared checks by hand with OrderValidator and pydantic",
        "OrderValidator stays on pydantic",
        0.8,
    )
    decision = response.decision
    _print_line(console, f"{decision.decision_type}: {decision.outcome}")
    _print_line(console, f"because: {decision.context}")
    _print_line(
        console,
        f"saved with {conversation_id}, linked to "
        f"{_count(response.entities_linked, 'entity', 'entities')} that it names",
    )


def _show_statistics(console: Console, client: ContextPersistenceClient) -> None:
    stats = client.get_conversation_stats().stats
    counts = (
        _count(stats.total_conversations, "conversation"),
        _count(stats.total_messages, "message"),
        _count(stats.total_entities, "entity", "entities"),
        _count(stats.total_relationships, "relationship"),
        _count(stats.total_decisions, "decision"),
    )
    _print_line(console, ", ".join(counts))
