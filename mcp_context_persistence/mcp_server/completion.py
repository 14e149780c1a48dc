"""Complete the arguments of prompts and the ids of resources."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from mcp_types import Completion

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server.tool import Call

VALUES = 100  # of one answer, the maximum of the protocol
TOPIC_CHARACTERS = 100


def _list_entities(client: Any) -> list[str]:
    page = client.list_entities(order="updated", limit=limits.LISTED_ITEMS)
    return [name for entity in page.entities for name in (entity.name, *entity.aliases)]


def _list_entity_ids(client: Any) -> list[str]:
    page = client.list_entities(order="updated", limit=limits.LISTED_ITEMS)
    return [entity.id for entity in page.entities]


def _list_conversation_ids(client: Any) -> list[str]:
    page = client.list_conversations(order="updated", limit=limits.LISTED_ITEMS)
    return [conversation.conversation_id for conversation in page.conversations]


def _list_projects(client: Any) -> list[str]:
    page = client.list_conversations(order="updated", limit=limits.LISTED_ITEMS)
    names = ((row.metadata or {}).get(key) for row in page.conversations
             for key in ("project", "title"))  # fmt: skip
    return [name for name in names if isinstance(name, str)]


def _list_decisions(client: Any) -> list[str]:
    page = client.list_decisions(order="updated", limit=limits.LISTED_ITEMS)
    return [decision.outcome[:TOPIC_CHARACTERS] for decision in page.decisions]


def _list_decision_ids(client: Any) -> list[str]:
    page = client.list_decisions(order="updated", limit=limits.LISTED_ITEMS)
    return [decision.id for decision in page.decisions]


ListNames = Callable[[Any], list[str]]
ARGUMENTS: dict[tuple[str, str], ListNames] = {
    ("resume", "topic"): _list_projects,
    ("what_do_we_know", "entity"): _list_entities,
    ("why", "decision"): _list_decisions,
}
TEMPLATES: dict[str, ListNames] = {
    "memory://conversation/{id}": _list_conversation_ids,
    "memory://entity/{id}": _list_entity_ids,
    "memory://decision/{id}": _list_decision_ids,
}


def complete(call: Call, *, reference: str, argument: str, prefix: str) -> Completion:
    """Return the names that begin with a prefix, among those that were changed last.

    Args:
        call: Has the client, whose namespace is searched.
        reference: The name of a prompt, or the template of a resource.
        argument: The name of the argument.
        prefix: What was typed, in any case of letters.
    """
    is_template = reference in TEMPLATES
    list_names = TEMPLATES[reference] if is_template else ARGUMENTS.get((reference, argument))
    if list_names is None or (is_template and argument != "id"):
        return Completion(values=[], total=0, has_more=False)
    names = list_names(call.client)
    encoded = [quote(name, safe="") for name in names] if is_template else names
    folded = prefix.casefold()
    values = list(dict.fromkeys(name for name in encoded if name.casefold().startswith(folded)))
    return Completion(values=values[:VALUES], total=len(values), has_more=len(values) > VALUES)
