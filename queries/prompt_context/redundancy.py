"""Redundancy of texts: how much one repeats another one, and communities of their entities."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg.text.stemming import stem

MAX_ROUNDS = 10  # of label propagation; it ends after three or four
COMMON_SHARE = 0.5  # entities that a larger share of the texts mentions do not tell them apart
# Words that change what a sentence says although all others are the same.
_DISTINCTIVE_WORDS = """
one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred
thousand million half first second third
january february march april may june july august september october november december jan feb mar
apr jun jul aug sep sept oct nov dec
monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun today tomorrow
yesterday tonight
no not never none nobody nothing cannot without
"""
_DISTINCTIVE = frozenset(_DISTINCTIVE_WORDS.split())
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NUMBER = re.compile(r"\d|n['’]t$")


@dataclass(frozen=True, kw_only=True)
class TextTerms:
    """The terms of a text.

    Attributes:
        stems: The stems of its words.
        distinctive: Its numbers, words of dates, and denials.
    """

    stems: frozenset[str]
    distinctive: frozenset[str]


def extract_terms(text: str) -> TextTerms:
    """Extract the terms of a text."""
    words = frozenset(_WORD.findall(text.lower()))
    return TextTerms(
        stems=frozenset(map(stem, words)),
        distinctive=frozenset(
            word for word in words if word in _DISTINCTIVE or _NUMBER.search(word)
        ),
    )


def repetition(text: TextTerms, other: TextTerms) -> float:
    """Return how much a text repeats another one, 0 to 1: Jaccard's index of their stems.

    It is 0 if the text has a number, a date or a denial that the other one lacks.
    """
    if not text.distinctive <= other.distinctive:
        return 0.0
    shared = len(text.stems & other.stems)
    total = len(text.stems) + len(other.stems) - shared
    return shared / total if total else 1.0


def find_communities(mentions: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find communities of texts by label propagation (Raghavan et al. 2007).

    Entities that texts mention together pass labels to each other, and each text gets the most
    frequent label of its entities. Ties go to the first label in order, so that the same mentions
    give the same communities.

    Args:
        mentions: For each text the entities that it mentions.

    Returns:
        The label of each text, the id of an entity. A text has none if it mentions no entity, or
        only entities that more than half of all texts mention.
    """
    counts = Counter(entity for entities in mentions.values() for entity in set(entities))
    max_count = max(2, int(COMMON_SHARE * len(mentions)))
    rare_mentions = {
        text: sorted({entity for entity in entities if counts[entity] <= max_count})
        for text, entities in mentions.items()
    }
    neighbors: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entities in rare_mentions.values():
        for entity in entities:
            neighbors[entity].update(neighbor for neighbor in entities if neighbor != entity)
    labels = {entity: entity for entities in rare_mentions.values() for entity in entities}
    for _ in range(MAX_ROUNDS):
        old_labels = dict(labels)
        for entity in sorted(labels, key=lambda entity: (-counts[entity], entity)):
            label_counts = Counter[str]()
            for neighbor, count in neighbors[entity].items():
                label_counts[labels[neighbor]] += count
            if label_counts:
                labels[entity] = _most_frequent(label_counts)
        if labels == old_labels:
            break
    return {
        text: _most_frequent(Counter(labels[entity] for entity in entities))
        for text, entities in rare_mentions.items()
        if entities
    }


def _most_frequent(counts: Counter[str]) -> str:
    return min(counts, key=lambda label: (-counts[label], label))
