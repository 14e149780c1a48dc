"""Give the spellings of a name one entity: "Neo4j", "neo4j" and "NEO4J"."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.writes.spellings import NEVER_CONCEPTS, NewName, list_excluded_types


def unify_spellings(
    extractions: Iterable[tuple[str, Extraction]],
) -> tuple[list[tuple[str, Extraction]], list[NewName]]:
    """Give the mentions of a name in several spellings the id of the commonest spelling.

    Args:
        extractions: For each text its id and its extraction.

    Returns:
        The extractions, and the names in them.
    """
    keyed = list(extractions)
    counts: defaultdict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    types: defaultdict[str, set[str]] = defaultdict(set)
    for _, extraction in keyed:
        for mention in extraction.mentions:
            types[mention.entity_id].add(mention.type)
            counts[_build_key(mention)][mention.entity_id] += 1
    for folded in [folded for folded, is_excluded in counts if is_excluded]:
        # "Rose" is a person here, so that a library of that name is the same, but the word is not.
        if _is_concept(counts.get((folded, False), Counter()), types):
            continue
        counts[folded, True].update(counts.pop((folded, False), Counter()))
    targets: dict[str, str] = {}
    names = []
    for (folded, _), spellings in counts.items():
        best_id = spellings.most_common(1)[0][0]
        targets.update((entity_id, best_id) for entity_id in spellings if entity_id != best_id)
        names.append(
            NewName(id=best_id, folded=folded, excluded_types=list_excluded_types(types[best_id]))
        )
    return [(key, replace_ids(extraction, targets)) for key, extraction in keyed], names


def _build_key(mention: Mention) -> tuple[str, bool]:
    return fold_name(mention.name), mention.type in NEVER_CONCEPTS


def _is_concept(spellings: Mapping[str, int], types: Mapping[str, set[str]]) -> bool:
    return any(types[entity_id] == {"concept"} for entity_id in spellings)


def replace_ids(extraction: Extraction, targets: Mapping[str, str]) -> Extraction:
    """Return an extraction with other ids, and without relations of an entity to itself."""
    if targets.keys().isdisjoint(mention.entity_id for mention in extraction.mentions):
        return extraction
    return replace(
        extraction,
        mentions=tuple(
            replace(mention, entity_id=targets.get(mention.entity_id, mention.entity_id))
            for mention in extraction.mentions
        ),
        relations=_replace_ends(extraction.relations, targets),
        unasserted=_replace_ends(extraction.unasserted, targets),
    )


def _replace_ends(
    relations: Sequence[Relation], targets: Mapping[str, str]
) -> tuple[Relation, ...]:
    unique: dict[tuple[str, ...], Relation] = {}
    for relation in relations:
        source = targets.get(relation.source, relation.source)
        target = targets.get(relation.target, relation.target)
        if source != target or relation.source == relation.target:
            moved = replace(relation, source=source, target=target)
            unique.setdefault((source, relation.type, target, relation.modality), moved)
    return tuple(unique.values())
