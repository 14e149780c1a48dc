"""What is found in a text under the name of an entity that was merged into another one, means that one."""

from collections.abc import Mapping
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.results import Extraction, Relation


def followed(found: Extraction, names: Mapping[str, str]) -> Extraction:
    """The same with the entities that are meant.

    Args:
        found: What was found.
        names: For each merged id the entity that it means now.

    Returns:
        What was found; what it says of two names of one entity is left out, and each statement is there once.
    """
    if names.keys().isdisjoint(mention.entity_id for mention in found.mentions):
        return found
    mentions = tuple(
        replace(one, entity_id=names[one.entity_id], redirected_from=one.entity_id)
        if one.entity_id in names
        else one
        for one in found.mentions
    )
    relations: dict[tuple[str, str, str], Relation] = {}
    for one in found.relations:
        meant = replace(
            one, source=names.get(one.source, one.source), target=names.get(one.target, one.target)
        )
        if one.source == one.target or meant.source != meant.target:
            relations.setdefault((meant.source, meant.type, meant.target), meant)
    return Extraction(
        mentions=mentions, relations=tuple(relations.values()), truncated=found.truncated
    )
