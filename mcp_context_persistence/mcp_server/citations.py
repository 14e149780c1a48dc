"""Ids as citations, such as `m:standup-1`, in the form that prompt contexts use."""

from urllib.parse import unquote

KINDS = {
    "m": "message",
    "d": "decision",
    "doc": "document",
    "i": "instruction",
    "e": "entity",
    "c": "conversation",
}
PREFIXES = {kind: prefix for prefix, kind in KINDS.items()}


def cite(kind: str, item_id: str) -> str:
    """Return the citation of an item; `%`, `[` and `]` of its id are percent-encoded."""
    encoded = item_id.replace("%", "%25").replace("[", "%5B").replace("]", "%5D")
    return f"{PREFIXES[kind]}:{encoded}"


def read_citation(citation: str) -> tuple[str, str] | None:
    """Return the kind and the id of a citation, None if it is not a citation."""
    prefix, colon, encoded = citation.strip().removeprefix("[").removesuffix("]").partition(":")
    return (KINDS[prefix], unquote(encoded)) if colon and prefix in KINDS and encoded else None


def read_entity(name: str) -> str:
    """Return the id or name of an entity, which may be given as a citation."""
    citation = read_citation(name)
    return citation[1] if citation and citation[0] == "entity" else name


def read_conversation(name: str) -> str:
    """Return the id of a conversation, which may be given as a citation.

    Raises:
        ValueError: It is the citation of something else: to store under it would make a new
            conversation with this name.
    """
    citation = read_citation(name)
    if citation is None:
        return name
    if citation[0] != "conversation":
        raise ValueError(f"must be a conversation; this is the id of another item ({citation[0]})")
    return citation[1]
