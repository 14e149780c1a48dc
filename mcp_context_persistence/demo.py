"""The main job on real text, shown step by step."""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError as TheirValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from kg import address
from kg.errors import NotFoundError, ValidationError
from kg.models import Conversation, conversation, explain
from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.models import Entity, SaveConversationResponse


def conversations(path: Path | None) -> list[Conversation]:
    """The conversations of a file (a JSON list, one JSON object, or JSON lines), or those that come with the package.

    Raises:
        ValidationError: The file cannot be read as conversations; the text says where.
    """
    if path is None:
        text = (files("mcp_context_persistence") / "demo_conversations.json").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValidationError(f"the file cannot be read as UTF-8 text: {error.__class__.__name__}") from error
    found = [_conversation(one, place) for place, one in _objects(text)]
    if not found:
        raise ValidationError("the file holds no conversation")
    return found


def _objects(text: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = json.loads(text)
    except RecursionError as error:
        raise ValidationError("the file is nested too deeply to hold conversations") from error
    except ValueError:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    yield f"line {number}", json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise ValidationError(f"line {number} is not JSON") from error
        return
    for number, one in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        yield f"conversation {number}", one


def _conversation(given: Any, place: str) -> Conversation:
    try:
        made = Conversation.model_validate(given)
        checked = conversation(
            made.conversation_id, made.messages, metadata=made.metadata
        )  # ids and limits, before a server is started
    except TheirValidationError as error:
        raise ValidationError(f"{place}: {explain(error)}") from error
    except ValueError as error:
        raise ValidationError(f"{place}: {error}") from error
    mode = made.mode if "mode" in made.model_fields_set else "hybrid"
    return made.model_copy(update={"mode": mode, "messages": checked.messages})


class Provision:
    """Shows what is being provided, as a bar where that has a size."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("  {task.description:<34}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` of a stage is done."""
        if stage not in self._tasks:
            if not self._console.is_terminal:
                self._console.print(f"  {stage} ...")
            self._progress.start()
            self._tasks[stage] = self._progress.add_task(stage, total=total or None)
        self._progress.update(self._tasks[stage], completed=done, total=total or None)

    def stop(self) -> None:
        """Take the bars down."""
        self._progress.stop()


def run(path: Path | None, *, store: str, console: Console) -> None:
    """Save conversations, then show what can be asked.

    Args:
        path: The user's own conversations, None for those that come with the package.
        store: A `database_url`.
        console: Where to show it.
    """
    given = conversations(path)
    namespace = "default" if path is None else path.stem
    console.rule("Context Persistence")
    console.print(f"Store: {_shown(store)}\n")
    provision = Provision(console)
    try:
        client = ContextPersistenceClient(database_url=store, namespace=namespace, progress=provision)
    finally:
        provision.stop()
    with client:
        _heading(console, "1. Save conversations (the language models are loaded first)")
        _show_saved(console, [client.save_conversation(one) for one in given])
        _heading(console, "2. Entities and relationships")
        entity = _show_entities(console, client, given)
        question = _question(given, entity, own=path is not None)
        _heading(console, f'3. Hybrid search: "{question}"')
        _show_search(console, client, question)
        _heading(console, f"4. The graph around {entity}")
        _show_neighbourhood(console, client, entity)
        if path is None:
            _heading(console, "5. A decision")
            _show_decision(console, client, given[0].conversation_id)
        _heading(console, "Statistics")
        _show_statistics(console, client)
    if "://" in store and not store.startswith("sqlite:"):
        return
    _heading(console, "Look at it yourself")
    place = store.removeprefix("local:")
    console.print(f"  context-persistence server start {place}", soft_wrap=True)
    console.print(
        f"  context-persistence server browser {place} --show-password   (Neo4j Browser: address, user, password)", soft_wrap=True
    )
    console.print("  then paste a script from cypher/explore/ there, such as knowledge_graph.cypher", soft_wrap=True)
    if namespace != "default":
        console.print(f'  (with "{namespace}" instead of "default" in its line :param namespace)', markup=False, soft_wrap=True)
    console.print(f"  context-persistence server stop {place}", soft_wrap=True)


def _shown(store: str) -> str:
    """A database URL without its password."""
    place = address.parse(store)
    return place.uri if isinstance(place, address.Remote) else store


def _heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold", highlight=False)


def _show_saved(console: Console, responses: Sequence[SaveConversationResponse]) -> None:
    table = Table("conversation", "messages", "new", "updated", "kept", "vectors", "entities", "relationships", "seconds", box=None)
    for one in responses:
        numbers = (one.message_count, one.created, one.updated, one.kept, one.embeddings_generated)
        found = (one.entities_found, one.relationships_found)
        table.add_row(one.conversation_id, *map(str, numbers), *map(str, found), f"{one.processing_time:.2f}")
    console.print(table)


def _show_entities(console: Console, client: ContextPersistenceClient, given: Sequence[Conversation]) -> str:
    """Show what the texts talk about; returns the entity that has most relationships."""
    found: dict[str, Entity] = {}
    degree: dict[str, int] = {}
    lines: list[str] = []
    for one in given[:5]:
        for message in one.messages[:20]:
            answer = client.extract_entities(message.content, store=False)
            found.update({entity.id: entity for entity in answer.entities})
            for link in answer.relationships:
                for end in (link.source_entity_id, link.target_entity_id):
                    degree[end] = degree.get(end, 0) + (link.relationship_type != "related_to")
                if link.relationship_type != "related_to":
                    lines.append(
                        f"  {link.source_entity_id} -[{link.relationship_type}]-> {link.target_entity_id}  ({link.confidence:.2f})"
                    )
    table = Table("type", "entities", box=None)
    for kind in sorted({one.type for one in found.values()}):
        names = [one.name for one in found.values() if one.type == kind]
        table.add_row(kind, ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else ""))
    console.print(table)
    console.print("\n".join(lines[:12]), highlight=False, markup=False)
    if degree:
        return max(degree, key=lambda one: (degree[one], one))
    if found:
        return next(iter(found))
    raise ValidationError("nothing was recognised in these conversations")


def _question(given: Sequence[Conversation], entity: str, *, own: bool) -> str:
    return f"{entity.replace('_', ' ')}" if own else "how do we check the quality of order data?"


def _show_search(console: Console, client: ContextPersistenceClient, question: str) -> None:
    for one in client.search_hybrid(question, limit=4).results:
        console.print(
            f"  {one.similarity_score:.3f}  {one.type:<8} {' '.join(one.content.split())[:110]}", highlight=False, soft_wrap=True
        )
        console.print(f"         because {_because(one.explanation)}", style="dim", highlight=False, soft_wrap=True)


def _because(explanation: dict[str, Any]) -> str:
    """The ranks and scores of the arms in a few words."""
    parts = []
    for arm, name in (("semantic", "meaning"), ("keyword", "words")):
        if arm in explanation:
            parts.append(f"{name} #{explanation[arm]['rank']} ({explanation[arm]['score']:.2f})")
    if "neighbours" in explanation:
        parts.append(f"{explanation['neighbours']['share']:.0%} from its neighbours")
    return ", ".join(parts) or "it is near to what was found"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _show_neighbourhood(console: Console, client: ContextPersistenceClient, entity: str) -> None:
    try:
        answer = client.query_knowledge_graph(entity, depth=2)
    except NotFoundError:
        console.print("  nothing: these conversations say mode 'conversation', which keeps text and vectors only")
        return
    names = list(dict.fromkeys(one.name for one in answer.neighbors))
    console.print(
        f"  {_count(len(answer.context), 'related entity', 'related entities')}: {', '.join(names)}",
        highlight=False,
        soft_wrap=True,
    )
    for path in answer.paths[:8]:
        console.print(f"  {path.from_entity} -> {path.relationship_type} -> {path.to_entity}", highlight=False)


def _show_decision(console: Console, client: ContextPersistenceClient, conversation_id: str) -> None:
    answer = client.save_decision(
        conversation_id,
        "architecture",
        "We compared checks by hand with OrderValidator and pydantic",
        "Keep OrderValidator on pydantic",
        0.8,
    )
    about = _count(answer.entities_linked, "entity", "entities")
    console.print(f"  {answer.decision.outcome}: saved, about {about}", highlight=False)


def _show_statistics(console: Console, client: ContextPersistenceClient) -> None:
    stats = client.get_conversation_stats().stats
    console.print(
        f"  {_count(stats.total_conversations, 'conversation')}, {_count(stats.total_messages, 'message')}, "
        f"{_count(stats.total_entities, 'entity', 'entities')}, {_count(stats.total_relationships, 'relationship')}, "
        f"{_count(stats.total_decisions, 'decision')}",
        highlight=False,
    )
