"""From words to the identifiers of the graph: ids of entities, labels, relationship types, ids of relationships and decisions."""

import re
from hashlib import blake2b

from mcp_context_persistence.kg import limits

RESERVED_LABELS = frozenset(
    {
        "Conversation",
        "Message",
        "Chunk",
        "Entity",
        "Decision",
        "Document",
        "EntityPatterns",
        "Merge",
        "MergedEntity",
        "NamespaceVersion",
        "SchemaVersion",
    }
)
RESERVED_TYPES = frozenset(
    {"HAS_MESSAGE", "NEXT", "HAS_CHUNK", "MENTIONS", "HAS_DECISION", "ABOUT"}
)
# All relationship types that the graph itself needs; RELATED_TO is what a type becomes for which there is no room.
GRAPH_TYPES = (*sorted(RESERVED_TYPES), "EVIDENCED_BY", "INTO", "MERGED", "RELATED_TO")
_DIGEST = 16  # hexadecimal digits that keep two long names apart once they are cut
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z0-9]+")


def entity_id(name: str) -> str:
    """The id of an entity of this name.

    One token keeps its spelling (``DataProcessor``); several words are joined by ``_`` and lowered (``data transformation`` becomes
    ``data_transformation``). An id has at most `kg.limits.IDENTIFIER_BYTES` bytes in UTF-8; a longer one is cut at a character and
    ends in a digest of the whole name.
    """
    words = name.split()
    slug = "_".join(words).lower() if len(words) > 1 else "".join(words)
    data = slug.encode(errors="replace")
    if len(data) <= limits.IDENTIFIER_BYTES:
        return slug
    digest = blake2b(data, digest_size=_DIGEST // 2).hexdigest()
    kept = data[: limits.IDENTIFIER_BYTES - _DIGEST - 1].decode(errors="ignore")
    return f"{kept}_{digest}"


def spaced(name: str) -> str:
    """A name as separate words: ``OrderParser`` and ``order_parser`` become ``Order Parser`` and ``order parser``."""
    return " ".join(_HUMP.sub(" ", name.replace("_", " ")).split())


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


def proposal_id(conversation_id: str, sentence: str) -> str:
    """The id of a decision that messages tell of; the same sentence of a conversation always has the same one, however it is spaced."""
    return f"decision:{digest('proposed', conversation_id, ' '.join(sentence.split()))}"


def message_id(conversation_id: str, position: int) -> str:
    """The id of a message that has none of its own. Long conversation ids are shortened by a hash to keep within the limit."""
    plain = f"{conversation_id}:{position}"
    return (
        plain
        if len(plain.encode()) <= limits.IDENTIFIER_BYTES
        else f"message:{digest(conversation_id)}:{position}"
    )


def digest(*parts: str) -> str:
    """32 hexadecimal digits for these parts, in this order."""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
