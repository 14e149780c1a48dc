"""Build the identifiers of the graph from names: ids, labels and relationship types."""

import re
import unicodedata
from hashlib import blake2b

from mcp_context_persistence.kg import limits

RESERVED_LABELS = frozenset(
    {
        "Conversation",
        "Message",
        "Chunk",
        "Entity",
        "Decision",
        "Instruction",
        "Document",
        "EntityPatterns",
        "Merge",
        "MergedEntity",
        "NamespaceVersion",
        "SchemaVersion",
    }
)
RESERVED_TYPES = frozenset(
    {"HAS_MESSAGE", "NEXT", "HAS_CHUNK", "MENTIONS", "HAS_DECISION", "HAS_INSTRUCTION", "ABOUT"}
)
# All relationship types that the graph itself needs. A type for which there is no room is stored as
# RELATED_TO.
GRAPH_TYPES = (*sorted(RESERVED_TYPES), "EVIDENCED_BY", "INTO", "MERGED", "RELATED_TO")
_SIGNS = str.maketrans(
    {**dict.fromkeys("’‘ʼ′`´", "'"), **dict.fromkeys("‐‑", "-"), "\u00ad": None, "\u200b": None}
)
_DIGEST_CHARACTERS = 16  # hexadecimal digits that distinguish long names after they were cut
_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z0-9]+")
_POSITION = re.compile(r"[0-9]+(?:\.[0-9]+)?")  # also with the suffix of an id in use
_POSITION_CHARACTERS = 20  # at most


def build_entity_id(name: str) -> str:
    """Return the id of an entity of this name.

    One word keeps its spelling (``DataProcessor``); several words become lowercase and are joined
    by ``_`` (``data transformation`` becomes ``data_transformation``). An id has at most
    `kg.limits.IDENTIFIER_BYTES` bytes in UTF-8; a longer one is cut at a character and ends in a
    digest of the name.
    """
    words = name.split()
    slug = "_".join(words).lower() if len(words) > 1 else "".join(words)
    data = slug.encode(errors="replace")
    if len(data) <= limits.IDENTIFIER_BYTES:
        return slug
    digest = blake2b(data, digest_size=_DIGEST_CHARACTERS // 2).hexdigest()
    start = data[: limits.IDENTIFIER_BYTES - _DIGEST_CHARACTERS - 1].decode(errors="ignore")
    return f"{start}_{digest}"


def fold_name(name: str) -> str:
    """Return the form in which the spellings of a name meet: ``NEO4J`` and ``Neo4j`` are the same.

    Case, Unicode form, kinds of apostrophes and hyphens, white space and a final full stop do not
    count; ``C``, ``C++`` and ``C#`` stay apart. Like an id, it is cut where it is too long.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_SIGNS)
    words = unicodedata.normalize("NFC", folded).replace("_", " ").split()
    return build_entity_id(" ".join(words).rstrip(".") or " ".join(words))


def split_name(name: str) -> str:
    """Return a name as separate words.

    ``OrderParser`` and ``order_parser`` become ``Order Parser`` and ``order parser``.
    """
    return " ".join(_CASE_CHANGE.sub(" ", name.replace("_", " ")).split())


def build_label(entity_type: str) -> str:
    """Return the label for a type of entities: ``data store`` becomes ``DataStore``.

    A label that the graph itself uses gets ``Type`` appended.
    """
    name = "".join(word[0].upper() + word[1:] for word in _WORD.findall(entity_type))
    return f"{name}Type" if name in RESERVED_LABELS else name


def build_relationship_type(name: str) -> str:
    """Return the type under which a relationship is stored: ``depends on`` becomes ``DEPENDS_ON``.

    A type that the graph itself uses gets ``_TYPE`` appended.
    """
    stored_type = "_".join(_WORD.findall(name)).upper()
    return f"{stored_type}_TYPE" if stored_type in RESERVED_TYPES else stored_type


def build_relationship_id(source: str, stored_type: str, target: str) -> str:
    """Return the id of a relationship; the same triple always has the same id."""
    return f"rel:{digest(source, stored_type, target)}"


def build_decision_id(conversation_id: str, decision_type: str, context: str, outcome: str) -> str:
    """Return the id of a decision; the same decision of a conversation always has the same id."""
    return f"decision:{digest(conversation_id, decision_type, context, outcome)}"


def build_proposal_id(conversation_id: str, sentence: str) -> str:
    """Return the id of a proposed decision.

    The same sentence of a conversation always has the same id, whatever its white space is.
    """
    return f"decision:{digest('proposed', conversation_id, ' '.join(sentence.split()))}"


def build_instruction_id(message_id: str, text: str) -> str:
    """Return the id of an instruction in a message.

    The same sentence of a message always has the same id, whatever its white space is.
    """
    return f"instruction:{digest('stated', message_id, ' '.join(text.split()))}"


def build_saved_instruction_id(kind: str, scope: str, text: str) -> str:
    """Return the id of an instruction that was saved by itself."""
    return f"instruction:{digest('saved', kind, scope, text)}"


def build_message_id(conversation_id: str, position: int) -> str:
    """Return an id for a message without one; a long conversation id becomes its digest."""
    plain = f"{conversation_id}:{position}"
    return (
        plain
        if len(plain.encode()) <= limits.IDENTIFIER_BYTES
        else f"message:{digest(conversation_id)}:{position}"
    )


def is_built_message_id(conversation_id: str, message_id: str) -> bool:
    """Return whether an id is one that the library gives to messages without an id."""
    return any(
        message_id.startswith(prefix) and bool(_POSITION.fullmatch(message_id[len(prefix) :]))
        for prefix in list_message_id_prefixes(conversation_id)
    )


def list_message_id_prefixes(conversation_id: str) -> list[str]:
    """Return the prefixes before the position in the ids of `build_message_id`."""
    plain, short = f"{conversation_id}:", f"message:{digest(conversation_id)}:"
    has_room = len(plain.encode()) + _POSITION_CHARACTERS <= limits.IDENTIFIER_BYTES
    return [plain] if has_room else [plain, short]


def digest(*values: str) -> str:
    """Return 32 hexadecimal digits for these strings, in this order."""
    return blake2b("\0".join(values).encode(), digest_size=16).hexdigest()
