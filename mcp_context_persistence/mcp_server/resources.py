"""Resources: conversations, entities, decisions and documents as Markdown."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from mcp_types import Resource, ResourceTemplate

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.citations import cite
from mcp_context_persistence.mcp_server.tool import REMINDER, Call
from mcp_context_persistence.mcp_server.tools.reporting import StatusArguments, report_status

SCHEME = "memory://"
STATUS = f"{SCHEME}status"
MARKDOWN = "text/markdown"
MESSAGES = 100  # of a conversation, the latest ones
RELATIONS = 50  # of an entity


def build_uri(kind: str, item_id: str) -> str:
    """Return the address of an item; its id is percent-encoded."""
    return f"{SCHEME}{kind}/{quote(item_id, safe='')}"


def list_resources() -> list[Resource]:
    """Return the resources that need no id."""
    return [
        Resource(
            uri=STATUS, name="status", description="What is stored, in numbers", mime_type=MARKDOWN
        )
    ]


def list_templates() -> list[ResourceTemplate]:
    """Return the templates of the resources with an id."""
    return [
        ResourceTemplate(
            uri_template=f"{SCHEME}{kind}/{{id}}",
            name=kind,
            description=f"One {kind}; the id is percent-encoded",
            mime_type=MARKDOWN,
        )
        for kind in READERS
    ]


def read_resource(call: Call, uri: str) -> str:
    """Return a resource as Markdown, within the limit of an answer.

    Raises:
        LookupError: There is no such resource.
        ContextPersistenceError: It could not be read.
    """
    if uri == STATUS:
        return report_status(call, StatusArguments()).text
    kind, slash, encoded = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not slash or not encoded or kind not in READERS:
        raise LookupError("there is no such resource")
    text = READERS[kind](call.client, unquote(encoded, errors="strict"))
    return bounds.shorten(f"{REMINDER}\n\n{text}", limits.MCP_ANSWER_CHARACTERS)


def read_conversation(client: Any, conversation_id: str) -> str:
    """Return the latest messages of a conversation."""
    history = client.load_conversation_history(conversation_id, MESSAGES)
    title = (history.metadata or {}).get("title") or conversation_id
    lines = [f"# {title}", f"{history.message_count} of {history.total_messages} messages"]
    for message in history.messages:
        time = f" · {message.timestamp:%Y-%m-%d %H:%M}" if message.timestamp else ""
        lines.append(f"**{message.name or message.role}**{time}\n\n{message.content}")
    return "\n\n".join(lines)


def read_entity(client: Any, entity_id: str) -> str:
    """Return an entity with its relationships."""
    entity = client.get_entity(entity_id).entity
    rows = client.query_knowledge_graph(entity.id, 1, "neighbors").neighbors[:RELATIONS]
    lines = [f"# {entity.name}", f"{entity.type}. {entity.description}".strip()]
    if entity.aliases:
        lines.append(f"Also called: {', '.join(entity.aliases)}")
    relations = [
        f"- {entity.name} {row.relationship_type} {row.name}"
        if row.direction == "outgoing"
        else f"- {row.name} {row.relationship_type} {entity.name}"
        for row in rows
    ]
    return "\n\n".join([*lines, "\n".join(relations)]).strip()


def read_decision(client: Any, decision_id: str) -> str:
    """Return a decision with its reason and the entities that it is about."""
    response = client.get_decision(decision_id)
    decision = response.decision
    about = ", ".join(cite("entity", entity_id) for entity_id in response.entity_ids)
    lines = [
        f"# {decision.decision_type}",
        decision.outcome,
        f"Reason: {decision.context}",
        f"Status: {decision.status}",
        f"Conversation: {cite('conversation', decision.conversation_id)}",
        f"About: {about}" if about else "",
    ]
    return "\n\n".join(filter(None, lines))


def read_document(client: Any, document_id: str) -> str:
    """Return the text of a document."""
    document = client.get_document(document_id)
    title = (document.metadata or {}).get("title") or document_id
    return f"# {title}\n\n{document.text}"


READERS: dict[str, Callable[[Any, str], str]] = {
    "conversation": read_conversation,
    "entity": read_entity,
    "decision": read_decision,
    "document": read_document,
}
