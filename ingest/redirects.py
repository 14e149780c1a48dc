"""Replace merged entities in an extraction by the entities that they were merged into."""

from collections.abc import Mapping
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation


def follow_redirects(extraction: Extraction, targets: Mapping[str, str]) -> Extraction:
    """Return an extraction with merged entities replaced by the entities that they mean now.

    A relation between two names of one entity is left out. A relation that occurs twice after the
    replacement is kept once. What is not asserted keeps the ids of the names in the text: a query
    follows the merges of that time.

    Args:
        extraction: What was extracted from a text.
        targets: For each merged id the entity that it means now.
    """
    if targets.keys().isdisjoint(mention.entity_id for mention in extraction.mentions):
        return extraction
    relations: dict[tuple[str, str, str], Relation] = {}
    for relation in extraction.relations:
        redirected = replace(
            relation,
            source=targets.get(relation.source, relation.source),
            target=targets.get(relation.target, relation.target),
        )
        if relation.source == relation.target or redirected.source != redirected.target:
            key = (redirected.source, redirected.type, redirected.target)
            relations.setdefault(key, redirected)
    return replace(
        extraction,
        mentions=tuple(_redirect_mention(mention, targets) for mention in extraction.mentions),
        relations=tuple(relations.values()),
    )


def _redirect_mention(mention: Mention, targets: Mapping[str, str]) -> Mention:
    if mention.entity_id not in targets:
        return mention
    return replace(
        mention,
        entity_id=targets[mention.entity_id],
        redirected_from=mention.entity_id,
    )
