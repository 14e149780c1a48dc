"""What was found in texts, as rows for the statements that write it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX
from mcp_context_persistence.kg.identifiers import label, relationship_id, relationship_type
from mcp_context_persistence.kg.merging.mentions import combine_parts
from mcp_context_persistence.kg.schema.type_limits import (
    FALLBACK_ENTITY_TYPE,
    FALLBACK_LABEL,
    FALLBACK_TYPE,
    Types,
    collect_types,
)
from mcp_context_persistence.kg.writes.entities import search_properties


class TypeAdmission(Protocol):
    """Decides which types may be stored: what the namespace has, and new ones as far as there is room."""

    def admit(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return those that may, the first ones first."""


@dataclass(frozen=True, kw_only=True)
class GraphRows:
    """Rows by the names of the statements' parameters; entities sorted by id, so that all writers lock in one order.

    `followed` has the ids of merged entities that something was named by.
    """

    entities: list[dict[str, Any]]
    mentions: list[dict[str, Any]]
    relations: list[dict[str, Any]]
    followed: frozenset[str] = frozenset()

    @property
    def types(self) -> Types:
        """Relationship types and labels that the rows store."""
        return collect_types(
            (row["type"] for row in self.relations), (row["label"] for row in self.entities)
        )

    @property
    def ids(self) -> list[str]:
        """Ids of the entities."""
        return [row["id"] for row in self.entities]

    @property
    def names(self) -> dict[str, str]:
        """For each entity's id the words that its vector is made of."""
        return {row["id"]: row["properties"]["name"] for row in self.entities}


def graph_rows(
    namespace: str,
    found: Iterable[tuple[str, Extraction]],
    *,
    now: int,
    admission: TypeAdmission,
) -> GraphRows:
    """Rows for what was found in several texts.

    Args:
        namespace: Where they live.
        found: For each text the id of its message (or of what else supports its relations), and what was found in it.
        now: Milliseconds since 1970.
        admission: Which types may be stored. A relationship of another one becomes `RELATED_TO` and keeps its name, an entity a concept.
    """
    best: dict[str, Mention] = {}
    mentions: list[dict[str, Any]] = []
    relations: dict[tuple[str, str, str], dict[str, Any]] = {}
    followed: set[str] = set()
    found = list(found)
    for _, extraction in found:
        for mention in extraction.mentions:
            if mention.redirected_from:
                followed.add(mention.redirected_from)
            if mention.entity_id not in best or _rank(mention) > _rank(best[mention.entity_id]):
                best[mention.entity_id] = mention
    admitted = admission.admit(
        [
            relationship_type(relation.type)
            for _, extraction in found
            for relation in extraction.relations
        ],
        [label(mention.type) for mention in best.values()],
    )
    for source_id, extraction in found:
        mentions.append({"message_id": source_id, "entities": mention_rows(extraction.mentions)})
        for relation in extraction.relations:
            stored_type = relationship_type(relation.type)
            if stored_type not in admitted.relationship_types:
                stored_type = FALLBACK_TYPE
            key = (relation.source, stored_type, relation.target)
            if key not in relations:
                relations[key] = _relation_row(namespace, relation, stored_type)
            row = relations[key]
            row["properties"]["confidence"] = max(
                row["properties"]["confidence"], relation.confidence
            )
            if source_id and source_id not in row["sources"]:
                row["sources"].append(source_id)
    return GraphRows(
        entities=[
            entity_row(namespace, _with_admitted_type(best[entity_id], admitted), now=now)
            for entity_id in sorted(best)
        ],
        mentions=mentions,
        relations=[relations[key] for key in sorted(relations)],
        followed=frozenset(followed),
    )


def _relation_row(namespace: str, relation: Relation, stored_type: str) -> dict[str, Any]:
    """Return the row of a relationship that nothing supports yet."""
    return {
        "source": relation.source,
        "target": relation.target,
        "type": stored_type,
        "sources": [],
        "properties": {
            "id": relationship_id(relation.source, stored_type, relation.target),
            "namespace": namespace,
            "name": relation.type,
            "confidence": relation.confidence,
            "evidence": relation.evidence,
            "extractor": relation.extractor,
            "origin": "extracted",
        },
    }


def _with_admitted_type(mention: Mention, admitted: Types) -> Mention:
    stored_label = label(mention.type)
    if stored_label in admitted.labels or stored_label == FALLBACK_LABEL:
        return mention
    return replace(mention, type=FALLBACK_ENTITY_TYPE)


def _rank(mention: Mention) -> tuple[bool, bool, float]:
    """By which an entity that is found twice gets its name and type: its own name, the caller's own patterns, then the surest rule."""
    return (
        mention.redirected_from is None,
        mention.extractor.startswith(RULE_PREFIX),
        mention.confidence,
    )


def entity_row(namespace: str, mention: Mention, *, now: int) -> dict[str, Any]:
    """The row of an entity that was found; an entity that exists already keeps its own properties."""
    return {
        "id": mention.entity_id,
        "label": label(mention.type),
        "vector": None,
        "properties": {
            "name": mention.name,
            "type": mention.type,
            "description": mention.description,
            "confidence": mention.confidence,
            "aliases": [],
            "origin": "extracted",
            "timestamp_ms": now,
            **search_properties(
                namespace,
                entity_id=mention.entity_id,
                name=mention.name,
                entity_type=mention.type,
                aliases=(),
            ),
        },
    }


def mention_rows(mentions: Sequence[Mention]) -> list[dict[str, Any]]:
    """One row per entity of a text: where it stands first, how often, how sure that is, and under which names if not its own alone."""
    by_entity: defaultdict[str, defaultdict[str, list[Mention]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for mention in mentions:
        by_entity[mention.entity_id][mention.redirected_from or mention.entity_id].append(mention)
    return [
        {
            "id": entity_id,
            "properties": combine_parts(
                entity_id, [_part(known, group) for known, group in names.items()]
            ),
        }
        for entity_id, names in sorted(by_entity.items())
    ]


def _part(entity_id: str, group: Sequence[Mention]) -> dict[str, Any]:
    first = min(group, key=lambda one: one.start)
    return {
        "id": entity_id,
        "start": first.start,
        "end": first.end,
        "count": len(group),
        "confidence": max(one.confidence for one in group),
        "extractor": first.extractor,
    }


def with_vectors(rows: GraphRows, vectors: Mapping[str, Any]) -> GraphRows:
    """The same rows, each entity with its vector where there is one."""
    return replace(
        rows, entities=[{**row, "vector": vectors.get(row["id"])} for row in rows.entities]
    )
