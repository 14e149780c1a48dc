"""From words to the identifiers of the graph: labels, relationship types, ids of relationships and decisions."""

import re
from hashlib import blake2b

RESERVED_LABELS = frozenset({"Conversation", "Message", "Chunk", "Entity", "Decision", "Document", "SchemaVersion"})
RESERVED_TYPES = frozenset({"HAS_MESSAGE", "NEXT", "HAS_CHUNK", "MENTIONS", "HAS_DECISION", "ABOUT"})
_WORD = re.compile(r"[A-Za-z0-9]+")


def label(entity_type: str) -> str:
    """The label for a type of entity: ``data store`` becomes ``DataStore``. A label that the graph itself uses gets ``Type`` appended."""
    found = "".join(word[0].upper() + word[1:] for word in _WORD.findall(entity_type))
    return f"{found}Type" if found in RESERVED_LABELS else found


def relationship_type(name: str) -> str:
    """The type under which a relationship is stored: ``depends on`` becomes ``DEPENDS_ON``. One that the graph uses gets ``_TYPE`` appended."""
    found = "_".join(_WORD.findall(name)).upper()
    return f"{found}_TYPE" if found in RESERVED_TYPES else found


def relationship_id(source: str, stored_type: str, target: str) -> str:
    """The id of the relationship between two entities; the same triple always has the same one."""
    return f"rel:{digest(source, stored_type, target)}"


def decision_id(conversation_id: str, decision_type: str, context: str, outcome: str) -> str:
    """The id of a decision; the same decision of the same conversation always has the same one."""
    return f"decision:{digest(conversation_id, decision_type, context, outcome)}"


def message_id(conversation_id: str, position: int) -> str:
    """The id of a message that has none of its own. Long conversation ids are shortened by a hash to keep within the limit."""
    plain = f"{conversation_id}:{position}"
    return plain if len(plain.encode()) <= 512 else f"message:{digest(conversation_id)}:{position}"


def digest(*parts: str) -> str:
    """32 hexadecimal digits for these parts, in this order."""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
