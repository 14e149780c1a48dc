"""Measure the extraction on POLE+O: documents with entities, relations and a denied relation."""

import json
from pathlib import Path
from typing import Any

from bench.quality.rule_counts import Counts, overlap
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.kg.identifiers import fold_name

# Relations of POLE+O, and the extraction's types for them.
_TYPES_BY_RELATION = {
    "EMPLOYED_BY": {"manages", "works_for"},
    "LOCATED_AT": {"located_in", "runs"},
    "HEADQUARTERS_AT": {"headquartered_in", "located_in"},
    "SUBSIDIARY_OF": {"part_of"},
    "PARTNER_WITH": {"works_with"},
    "OCCURRED_AT": {"occurs_in"},
    "PARTICIPATED_IN": {"leads", "organizes", "participates_in"},
    "INVOLVED": {"shows"},
    "RESIDES_AT": {"lives_in"},
    "KNOWS": {"knows"},
    "MEMBER_OF": {"member_of"},
    "OWNS": {"owns"},
    "USES": {"uses"},
    "ALIAS_OF": {"is_a"},
}

LabeledRelation = tuple[str, str, str]


def measure_poleo(data: Path, extractor: Extractor, counts: Counts) -> dict[str, Any]:
    """Return F1 of entities and relations, and how many denied relations were emitted."""
    path = data / "poleo" / "poleo_gold.json"
    if not path.exists():
        print("skipped, not in the data folder: poleo")
        return {}
    cases = json.loads(path.read_text(encoding="utf-8"))["test_cases"]
    entities, relations, denied = [], [], 0
    extractions = extractor.extract([case["text"] for case in cases])
    for case, extraction in zip(cases, extractions, strict=True):
        names = {
            fold_name(alias): entity["name"]
            for entity in case["expected_entities"]
            for alias in (entity["name"], *entity["aliases"])
        }
        found_ids = {
            fold_name(mention.name)
            for mention in extraction.mentions
            if mention.type != "concept" or fold_name(mention.name) in names
        }
        entities.append(({names.get(id_, id_) for id_ in found_ids}, set(names.values())))
        labeled = {
            (relation["source"], relation["relation_type"], relation["target"])
            for relation in case["expected_relations"]
        }
        relations.append((_find_relations(extraction, names, labeled, counts), labeled))
        denied += _count_denied(extraction, names, case["metadata"].get("negative_relations", []))
    return {
        "entities_f1": overlap(entities),
        "relations_f1": overlap(relations),
        "denied_relations_emitted": denied,
    }


def _find_relations(
    extraction: Extraction, names: dict[str, str], labeled: set[LabeledRelation], counts: Counts
) -> set[LabeledRelation]:
    """Count the relations between labeled entities; return the typed ones."""
    ends = {frozenset((source, target)) for source, _, target in labeled}
    relations = set()
    for relation in extraction.relations:
        source = names.get(fold_name(relation.source), relation.source)
        target = names.get(fold_name(relation.target), relation.target)
        if not {source, target} <= set(names.values()):
            continue  # the set has no label for such a pair
        kind = next(
            (
                label
                for labeled_source, label, labeled_target in labeled
                if (labeled_source, labeled_target) == (source, target)
                and relation.type in _TYPES_BY_RELATION[label]
            ),
            relation.type,
        )
        is_typed = relation.type != "related_to"
        right = (source, kind, target) in labeled if is_typed else {source, target} in ends
        counts.add(
            relation.extractor,
            "poleo",
            right=right,
            note=f"{source} {relation.type} {target} | {relation.evidence}",
        )
        if is_typed:
            relations.add((source, kind, target))
    return relations


def _count_denied(
    extraction: Extraction, names: dict[str, str], denied: list[LabeledRelation]
) -> int:
    count = 0
    for relation in extraction.relations:
        source = names.get(fold_name(relation.source), relation.source)
        target = names.get(fold_name(relation.target), relation.target)
        count += any(
            (source, target) == (denied_source, denied_target)
            and relation.type in _TYPES_BY_RELATION[label]
            for denied_source, label, denied_target in denied
        )
    return count
