"""Decide which of several texts describes an entity or a relationship, whoever is written first.

A precedence is a string: of two texts, the one with the lower precedence counts. Statements compare
it with that of the stored text. So the stored graph does not depend on the order of the writers.
"""

from mcp_context_persistence.ingest.extraction.results import Mention, Relation
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX
from mcp_context_persistence.kg.identifiers import build_entity_id, digest

_EPOCH = 10**15  # added to milliseconds, so that those before 1970 have no sign


def order_text(timestamp_ms: int, text_id: str, position: int = 0) -> str:
    """Return a key that orders texts by time, and texts of one time by conversation and position.

    The id is hashed, because the key may outlive the text.
    """
    return f"{timestamp_ms + _EPOCH:016d}{digest(text_id)[:16]}{position:08d}"


def rank_mention(mention: Mention, text_order: str) -> str:
    """Return the precedence of a mention.

    The spelling that gave the entity its id counts more than others, and than the name of a merged
    entity; then a user's pattern more than a rule, then the higher confidence, then the first text.
    """
    is_foreign = mention.redirected_from is not None or (
        build_entity_id(mention.name) != mention.entity_id
    )
    is_rule = not mention.extractor.startswith(RULE_PREFIX)
    return f"{is_foreign:d}{is_rule:d}{_rank_confidence(mention.confidence)}{text_order}"


def rank_relation(relation: Relation, text_order: str) -> str:
    """Return the precedence of a relation: the higher confidence counts, then the first text."""
    return f"{_rank_confidence(relation.confidence)}{text_order}"


def _rank_confidence(confidence: float) -> str:
    return f"{round((1 - confidence) * 10_000):05d}"
