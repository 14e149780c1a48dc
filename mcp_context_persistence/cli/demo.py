"""The main job on real text, shown step by step."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from mcp_context_persistence.cli.demo_files import conversations, namespace_of
from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.driver import url
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.models import Entity, GraphPath, SaveConversationResponse
from mcp_context_persistence.queries.search.recipes import ARMS

STRONGEST = 3  # arms that are named for a result
SHOWN = 20  # conversations that are listed one by one
STAGES = {
    "verify": "Checking the files of Neo4j",
    "download": "Downloading Neo4j",
    "start": "Starting Neo4j",
}


class Provision:
    """Shows what is being provided: on a terminal as bars that go when it is done, elsewhere as one line per stage."""

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
        """Show that `done` of `total` of a stage is done: seconds of `start`, bytes of the others."""
        total = 0 if stage == "start" else total  # it is done when it is done
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
        """Take the bars down."""
        self._progress.stop()


def run(path: Path | None, *, store: str, console: Console) -> None:
    """Save conversations, then show what can be asked.

    Args:
        path: The user's own conversations, None for those that come with the package.
        store: A `database_url`.
        console: Where to show it.

    Raises:
        ValidationError: The file does not hold conversations; nothing was started.
    """
    given = conversations(path)
    namespace = namespace_of(path)
    console.rule("Context Persistence")
    console.print(f"Store: {_shown(store)}   Namespace: {namespace}\n", soft_wrap=True)
    provision = Provision(console)
    try:
        client = ContextPersistenceClient(
            database_url=store, namespace=namespace, progress=provision
        )
    finally:
        provision.stop()
    with client:
        console.print("  Loading the language models ...")
        client.search_similar_conversations("first use", limit=1)
        client.extract_entities("First use.", store=False)
        _heading(console, "1. Save conversations")
        _show_saved(console, [client.save_conversation(one, replace=True) for one in given])
        _heading(console, "2. Entities and relationships, with their confidence")
        entity = _show_entities(console, client, given)
        question = (
            _question(given, entity) if path else "how do we check the quality of order data?"
        )
        _heading(console, f'3. Hybrid search: "{question}"')
        _show_search(console, client, question)
        if entity:
            _heading(console, f"4. The graph around {entity.name}")
            _show_neighbourhood(console, client, entity.id)
        if path is None:
            _heading(console, "5. A decision")
            _show_decision(console, client, given[0].conversation_id)
        _heading(console, "Statistics")
        _show_statistics(console, client)
    if "://" not in store or store.startswith("sqlite:"):
        _show_way_on(console, store.removeprefix("local:"), namespace)


def _show_way_on(console: Console, place: str, namespace: str) -> None:
    _heading(console, "Look at it yourself")
    place = f'"{place}"' if " " in place else place
    console.print(f"  context-persistence server start {place}", soft_wrap=True)
    console.print(
        f"  context-persistence server browser {place} --show-password   (Neo4j Browser: address, user, password)",
        soft_wrap=True,
    )
    console.print(
        "  then paste a script from cypher/explore/ there, such as knowledge_graph.cypher",
        soft_wrap=True,
    )
    if namespace != "default":
        console.print(
            f'  (with "{namespace}" instead of "default" in its line :param namespace)',
            markup=False,
            soft_wrap=True,
        )
    console.print(f"  context-persistence server stop {place}", soft_wrap=True)


def _shown(store: str) -> str:
    """A database URL without its password."""
    place = url.parse(store)
    return place.uri if isinstance(place, url.Remote) else store


def _heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold", highlight=False, soft_wrap=True)


def _line(console: Console, text: str, *, style: str | None = None) -> None:
    console.print(f"  {text}", style=style, highlight=False, markup=False, soft_wrap=True)


def _short(text: str, size: int = 110) -> str:
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
    for one in responses[:SHOWN]:
        numbers = (one.message_count, one.created, one.updated, one.kept, one.embeddings_generated)
        found = (one.entities_found, one.relationships_found)
        table.add_row(
            one.conversation_id, *map(str, numbers), *map(str, found), f"{one.processing_time:.2f}"
        )
    console.print(table)
    if len(responses) > SHOWN:
        _line(console, f"and {_count(len(responses) - SHOWN, 'more conversation')}")


def _show_entities(
    console: Console, client: ContextPersistenceClient, given: Sequence[Conversation]
) -> Entity | None:
    """Show what the first texts talk about; returns the entity that has most relationships, None when there is none."""
    found: dict[str, Entity] = {}
    degree: dict[str, int] = {}
    links: dict[str, float] = {}
    for one in given[:5]:
        for message in one.messages[:20]:
            answer = client.extract_entities(message.content, store=False)
            found.update({entity.id: entity for entity in answer.entities})
            for link in answer.relationships:
                ends = (link.source_entity_id, link.target_entity_id)
                if link.relationship_type != "related_to" and all(end in found for end in ends):
                    degree.update({end: degree.get(end, 0) + 1 for end in ends})
                    source, target = (found[end].name for end in ends)
                    links[f"{source} -[{link.relationship_type}]-> {target}"] = link.confidence
    if not found:
        _line(console, "nothing was recognised")
        return None
    table = Table("type", "entities", box=None)
    for kind in sorted({one.type for one in found.values()}):
        names = [one.name for one in found.values() if one.type == kind]
        table.add_row(
            kind, ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        )
    console.print(table)
    if links:
        console.print()
    for text, confidence in list(links.items())[:12]:
        _line(console, f"{confidence:.2f}  {text}")
    return (
        found[max(degree, key=lambda one: (degree[one], one))]
        if degree
        else next(iter(found.values()))
    )


def _question(given: Sequence[Conversation], entity: Entity | None) -> str:
    return entity.name if entity else _short(given[0].messages[0].content, 60)


def _show_search(console: Console, client: ContextPersistenceClient, question: str) -> None:
    for one in client.search_hybrid(question, limit=4).results:
        text = f"{one.id} ({one.content})" if one.type == "conversation" else one.content
        _line(console, f"{one.similarity_score:.2f}  {one.type:<12}  {_short(text)}")
        _line(console, f"      {_because(one.explanation)}", style="dim")


def _because(explanation: dict[str, Any]) -> str:
    """What the strongest arms gave to its place, and the ranks and scores of both legs, in a few words."""
    parts = []
    if "ranking" in explanation:
        given = {
            arm: sum(explanation["ranking"]["parts"].get(name, 0.0) for name in names)
            for arm, names in ARMS.items()
        }
        best = sorted(given, key=given.__getitem__, reverse=True)[:STRONGEST]
        parts.append(
            "most by " + ", ".join(f"{arm} {given[arm]:.1f}" for arm in best if given[arm] > 0)
        )
    for arm, name in (("semantic", "by meaning (cosine"), ("keyword", "by words (score")):
        if arm in explanation:
            parts.append(
                f"number {explanation[arm]['rank']} {name} {explanation[arm]['score']:.2f})"
            )
    return "because: " + (", ".join(parts) or "it is near to what was found")


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _show_neighbourhood(console: Console, client: ContextPersistenceClient, entity_id: str) -> None:
    try:
        answer = client.query_knowledge_graph(entity_id, depth=2)
    except NotFoundError:
        _line(
            console,
            "nothing: these conversations say mode 'conversation', which keeps text and vectors only",
        )
        return
    names = {one.entity_id: one.name for one in answer.neighbors}
    if answer.context.entity:
        names[answer.context.entity.id] = answer.context.entity.name
    near = list(dict.fromkeys(one.name for one in answer.neighbors))
    more = f" and {len(near) - SHOWN} more" if len(near) > SHOWN else ""
    _line(
        console,
        f"{_count(len(answer.context), 'entity', 'entities')} within two steps: {', '.join(near[:SHOWN])}{more}"
        if near
        else "it is related to no other entity",
    )
    for path in answer.paths[:8]:
        _line(console, _way(path, names))


def _way(path: GraphPath, names: dict[str, str]) -> str:
    """A path by names, each relationship as it points."""
    text = names.get(path.entities[0], path.entities[0])
    for at, step in zip(path.entities[1:], path.steps, strict=True):
        arrow = (
            f"-[{step.relationship_type}]->"
            if step.to_entity == at
            else f"<-[{step.relationship_type}]-"
        )
        text += f" {arrow} {names.get(at, at)}"
    return text


def _show_decision(
    console: Console, client: ContextPersistenceClient, conversation_id: str
) -> None:
    answer = client.save_decision(
        conversation_id,
        "architecture",
        "We compared checks by hand with OrderValidator and pydantic",
        "OrderValidator stays on pydantic",
        0.8,
    )
    decided = answer.decision
    _line(console, f"{decided.decision_type}: {decided.outcome}")
    _line(console, f"because: {decided.context}")
    _line(
        console,
        f"kept with {conversation_id}, linked to {_count(answer.entities_linked, 'entity', 'entities')} that it names",
    )


def _show_statistics(console: Console, client: ContextPersistenceClient) -> None:
    stats = client.get_conversation_stats().stats
    counted = (
        _count(stats.total_conversations, "conversation"),
        _count(stats.total_messages, "message"),
        _count(stats.total_entities, "entity", "entities"),
        _count(stats.total_relationships, "relationship"),
        _count(stats.total_decisions, "decision"),
    )
    _line(console, ", ".join(counted))
