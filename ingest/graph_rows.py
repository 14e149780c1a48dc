"""Build rows for the statements that write extracted entities, mentions and relations."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX
from mcp_context_persistence.kg.identifiers import (
    build_label,
    build_relationship_id,
    build_relationship_type,
)
from mcp_context_persistence.kg.merging.mentions import combine_parts
from mcp_context_persistence.kg.schema.type_limits import (
    FALLBACK_ENTITY_TYPE,
    FALLBACK_LABEL,
    FALLBACK_TYPE,
    Types,
    collect_types,
)
from mcp_context_persistence.kg.writes.entities import search_properties


class TypeLimits(Protocol):
    """Decides which types may be stored: those of the namespace, and new ones up to a limit."""

    def select_allowed(self, relationship_types: Iterable[str], labels: Iterable[str]) -> Types:
        """Return the types that may be stored; the first ones have priority."""


@dataclass(frozen=True, kw_only=True)
class GraphRows:
    """Rows by the names of the statements' parameters.

    Attributes:
        entities: Sorted by id, so that all writers lock entities in one order.
        mentions: For each text its id, the rows of its mentions, and the properties that keep
            what it does not assert.
        relations: Sorted by source, type and target.
        redirected_ids: Ids of merged entities that a text mentions.
    """

    entities: list[dict[str, Any]]
    mentions: list[dict[str, Any]]
    relations: list[dict[str, Any]]
    redirected_ids: frozenset[str] = frozenset()

    @property
    def types(self) -> Types:
        """Relationship types and labels of the rows."""
        return collect_types(
            (row["type"] for row in self.relations), (row["label"] for row in self.entities)
        )

    @property
    def ids(self) -> list[str]:
        """Ids of the entities."""
        return [row["id"] for row in self.entities]

    @property
    def names(self) -> dict[str, str]:
        """Map each entity's id to its name, which is embedded."""
        return {row["id"]: row["properties"]["name"] for row in self.entities}


def build_graph_rows(
    namespace: str,
    extractions: Iterable[tuple[str, Extraction]],
    *,
    now: int,
    type_limits: TypeLimits,
) -> GraphRows:
    """Build the rows for the entities and relations of several texts.

    Args:
        namespace: Their namespace.
        extractions: For each text its id, which is the evidence of its relations, and its
            extraction.
        now: Milliseconds since 1970.
        type_limits: Which types may be stored. A relationship of another type becomes `RELATED_TO`
            and keeps its name, an entity of another type becomes a concept.
    """
    extractions = list(extractions)
    best_mentions = _select_best_mentions(extractions)
    allowed = type_limits.select_allowed(
        [
            build_relationship_type(relation.type)
            for _, extraction in extractions
            for relation in extraction.relations
        ],
        [build_label(mention.type) for mention in best_mentions.values()],
    )
    return GraphRows(
        entities=[
            _build_entity_row(
                namespace, _with_allowed_type(best_mentions[entity_id], allowed), now=now
            )
            for entity_id in sorted(best_mentions)
        ],
        mentions=[
            {
                "text_id": source_id,
                "entities": build_mention_rows(extraction.mentions),
                "unasserted": build_unasserted_properties(extraction.unasserted),
            }
            for source_id, extraction in extractions
        ],
        relations=_build_relation_rows(namespace, extractions, allowed),
        redirected_ids=frozenset(
            mention.redirected_from
            for _, extraction in extractions
            for mention in extraction.mentions
            if mention.redirected_from
        ),
    )


def _select_best_mentions(extractions: Sequence[tuple[str, Extraction]]) -> dict[str, Mention]:
    """Return for each entity the mention that gives it its type, with its commonest name."""
    best: dict[str, Mention] = {}
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, extraction in extractions:
        for mention in extraction.mentions:
            current = best.get(mention.entity_id)
            if current is None or _rank(mention) > _rank(current):
                best[mention.entity_id] = mention
            if mention.redirected_from is None:
                names[mention.entity_id][mention.name] += 1
    for entity_id, counts in names.items():
        if len(counts) > 1:
            name = counts.most_common(1)[0][0]
            best[entity_id] = replace(best[entity_id], name=name)
    return best


def _rank(mention: Mention) -> tuple[bool, bool, float]:
    """Return the sort key of a mention.

    The entity's own name wins over that of a merged entity, then a user's pattern over a rule, then
    the higher confidence.
    """
    return (
        mention.redirected_from is None,
        mention.extractor.startswith(RULE_PREFIX),
        mention.confidence,
    )


def _build_relation_rows(
    namespace: str, extractions: Iterable[tuple[str, Extraction]], allowed: Types
) -> list[dict[str, Any]]:
    """Return one row per relationship, with its sources and its highest confidence."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for source_id, extraction in extractions:
        for relation in extraction.relations:
            stored_type = build_relationship_type(relation.type)
            if stored_type not in allowed.relationship_types:
                stored_type = FALLBACK_TYPE
            key = (relation.source, stored_type, relation.target)
            if key not in rows:
                rows[key] = _build_relation_row(namespace, relation, stored_type)
            row = rows[key]
            row["properties"]["confidence"] = max(
                row["properties"]["confidence"], relation.confidence
            )
            if source_id and source_id not in row["sources"]:
                row["sources"].append(source_id)
    return [rows[key] for key in sorted(rows)]


def _build_relation_row(namespace: str, relation: Relation, stored_type: str) -> dict[str, Any]:
    """Return the row of a relationship without sources."""
    return {
        "source": relation.source,
        "target": relation.target,
        "type": stored_type,
        "sources": [],
        "properties": {
            "id": build_relationship_id(relation.source, stored_type, relation.target),
            "namespace": namespace,
            "name": relation.type,
            "confidence": relation.confidence,
            "evidence": relation.evidence,
            "extractor": relation.extractor,
            "origin": "extracted",
        },
    }


def _with_allowed_type(mention: Mention, allowed: Types) -> Mention:
    stored_label = build_label(mention.type)
    if stored_label in allowed.labels or stored_label == FALLBACK_LABEL:
        return mention
    return replace(mention, type=FALLBACK_ENTITY_TYPE)


def _build_entity_row(namespace: str, mention: Mention, *, now: int) -> dict[str, Any]:
    """Return the row of an extracted entity; a stored entity keeps its own properties."""
    return {
        "id": mention.entity_id,
        "label": build_label(mention.type),
        "vector": None,
        "properties": {
            "name": mention.name,
            "type": mention.type,
            "description": mention.sentence,
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


def build_mention_rows(mentions: Sequence[Mention]) -> list[dict[str, Any]]:
    """Return one row per entity of a text.

    A row has the first position, the number of mentions and the highest confidence. If the text
    mentions a merged entity, the row also has these for each of the ids.
    """
    groups: defaultdict[str, defaultdict[str, list[Mention]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for mention in mentions:
        groups[mention.entity_id][mention.redirected_from or mention.entity_id].append(mention)
    return [
        {
            "id": entity_id,
            "properties": combine_parts(
                entity_id,
                [_summarize_mentions(part_id, group) for part_id, group in parts.items()],
            ),
        }
        for entity_id, parts in sorted(groups.items())
    ]


def build_unasserted_properties(relations: Sequence[Relation]) -> dict[str, list[str] | None]:
    """Return the properties of a text's node that keep the relations that it does not assert.

    They belong to the text alone: they change and disappear with it, and no traversal meets them.
    """
    ids = dict.fromkeys(end for relation in relations for end in (relation.source, relation.target))
    return {
        "unasserted": [_dump_relation(relation) for relation in relations] or None,
        "unasserted_ids": list(ids) or None,
    }


def _dump_relation(relation: Relation) -> str:
    fields = ("source", "type", "target", "modality", "polarity", "confidence", "evidence")
    return json.dumps({name: getattr(relation, name) for name in fields}, ensure_ascii=False)


def _summarize_mentions(entity_id: str, mentions: Sequence[Mention]) -> dict[str, Any]:
    first = min(mentions, key=lambda mention: mention.start)
    return {
        "id": entity_id,
        "start": first.start,
        "end": first.end,
        "count": len(mentions),
        "confidence": max(mention.confidence for mention in mentions),
        "extractor": first.extractor,
    }


def add_vectors(rows: GraphRows, vectors: Mapping[str, Any]) -> GraphRows:
    """Return the rows with a vector in each entity that has one."""
    return replace(
        rows, entities=[{**row, "vector": vectors.get(row["id"])} for row in rows.entities]
    )
