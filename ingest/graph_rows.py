"""Build rows for the statements that write extracted entities, mentions and relations."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.ingest.precedence import order_text, rank_mention, rank_relation
from mcp_context_persistence.kg import limits
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
    text_orders: Mapping[str, str] | None = None,
) -> GraphRows:
    """Build the rows for the entities and relations of several texts.

    Args:
        namespace: Their namespace.
        extractions: For each text its id, which is the evidence of its relations, and its
            extraction.
        now: Milliseconds since 1970.
        type_limits: Which types may be stored. A relationship of another type becomes `RELATED_TO`
            and keeps its name, an entity of another type becomes a concept.
        text_orders: For each id of a text the key that orders it, see `precedence.order_text`; the
            texts are of now if it is left out.
    """
    extractions = list(extractions)
    if text_orders is None:
        text_orders = {text_id: order_text(now, text_id) for text_id, _ in extractions}
    best_mentions = _select_best_mentions(extractions, text_orders)
    allowed = type_limits.select_allowed(
        [
            build_relationship_type(relation.type)
            for _, extraction in extractions
            for relation in extraction.relations
        ],
        [build_label(mention.type) for _, mention in best_mentions.values()],
    )
    return GraphRows(
        entities=[
            _build_entity_row(namespace, _with_allowed_type(mention, allowed), precedence, now=now)
            for _, (precedence, mention) in sorted(best_mentions.items())
        ],
        mentions=[
            {
                "text_id": source_id,
                "entities": build_mention_rows(extraction.mentions),
                "unasserted": build_unasserted_properties(extraction.unasserted),
            }
            for source_id, extraction in extractions
        ],
        relations=_build_relation_rows(namespace, extractions, allowed, text_orders),
        redirected_ids=frozenset(
            mention.redirected_from
            for _, extraction in extractions
            for mention in extraction.mentions
            if mention.redirected_from
        ),
    )


def _select_best_mentions(
    extractions: Iterable[tuple[str, Extraction]], text_orders: Mapping[str, str]
) -> dict[str, tuple[str, Mention]]:
    """Return for each entity the mention that gives it its properties, with its precedence."""
    best: dict[str, tuple[str, Mention]] = {}
    for text_id, extraction in extractions:
        for mention in extraction.mentions:
            precedence = rank_mention(mention, text_orders[text_id])
            current = best.get(mention.entity_id)
            if current is None or precedence < current[0]:
                best[mention.entity_id] = precedence, mention
    return best


def _build_relation_rows(
    namespace: str,
    extractions: Iterable[tuple[str, Extraction]],
    allowed: Types,
    text_orders: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return one row per relationship; its first source is the text with the best relation."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    sources: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for source_id, extraction in extractions:
        for relation in extraction.relations:
            stored_type = build_relationship_type(relation.type)
            if stored_type not in allowed.relationship_types:
                stored_type = FALLBACK_TYPE
            key = (relation.source, stored_type, relation.target)
            precedence = rank_relation(relation, text_orders[source_id])
            if key not in rows or precedence < rows[key]["properties"]["precedence"]:
                rows[key] = _build_relation_row(
                    namespace, relation, stored_type, source_id=source_id, precedence=precedence
                )
            sources[key].add(source_id)
    return [
        {
            **rows[key],
            "sources": [
                source_id
                for source_id in (
                    *rows[key]["sources"],
                    *sorted(sources[key] - {*rows[key]["sources"]}),
                )
                if source_id
            ],
        }
        for key in sorted(rows)
    ]


def _build_relation_row(
    namespace: str, relation: Relation, stored_type: str, *, source_id: str, precedence: str
) -> dict[str, Any]:
    """Return the row of a relationship with its first source."""
    return {
        "source": relation.source,
        "target": relation.target,
        "type": stored_type,
        "sources": [source_id],
        "properties": {
            "id": build_relationship_id(relation.source, stored_type, relation.target),
            "namespace": namespace,
            "name": relation.type,
            "confidence": relation.confidence,
            "evidence": relation.evidence,
            "extractor": relation.extractor,
            "origin": "extracted",
            "precedence": precedence,
        },
    }


def _with_allowed_type(mention: Mention, allowed: Types) -> Mention:
    stored_label = build_label(mention.type)
    if stored_label in allowed.labels or stored_label == FALLBACK_LABEL:
        return mention
    return replace(mention, type=FALLBACK_ENTITY_TYPE)


def _build_entity_row(
    namespace: str, mention: Mention, precedence: str, *, now: int
) -> dict[str, Any]:
    """Return the row of an extracted entity."""
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
            "precedence": precedence,
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
    kept = relations[: limits.UNASSERTED_PER_TEXT]
    ids = dict.fromkeys(end for relation in kept for end in (relation.source, relation.target))
    return {
        "unasserted": [_dump_relation(relation) for relation in kept] or None,
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
