"""How much alike two texts are of which one may be left out, and the communities of what is talked about in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_context_persistence.queries.search.query_terms import stem

ROUNDS = 10  # of label propagation; it is settled after three or four
EVERYWHERE = 0.5  # of the messages: what so many of them mention tells them apart no more
# What makes a sentence another one although all else is the same: numbers, dates, and whether it is so at all.
_DIFFERENT = """
one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million half first second third
january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun today tomorrow yesterday tonight
no not never none nobody nothing cannot without
"""
_TELLING = frozenset(_DIFFERENT.split())
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NUMBER = re.compile(r"\d|n['’]t$")


@dataclass(frozen=True, kw_only=True)
class TextTerms:
    """What a text says, for comparing.

    Attributes:
        words: Stems.
        telling: Numbers, words of date, and denials.
    """

    words: frozenset[str]
    telling: frozenset[str]


def said(text: str) -> TextTerms:
    """The words of a text."""
    found = frozenset(_WORD.findall(text.lower()))
    return TextTerms(
        words=frozenset(map(stem, found)),
        telling=frozenset(word for word in found if word in _TELLING or _NUMBER.search(word)),
    )


def repeated(one: TextTerms, other: TextTerms) -> float:
    """How much of a text is a repetition of another one, 0 to 1: Jaccard's index of their words.

    A text with a number, a date or a denial that the other one has not is no repetition of it.
    """
    if not one.telling <= other.telling:
        return 0.0
    both = len(one.words & other.words)
    either = len(one.words) + len(other.words) - both
    return both / either if either else 1.0


def communities(mentions: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Label propagation (Raghavan et al. 2007) over entities that are mentioned together; each text gets the label that most of its entities have.

    Ties go to the first in order, so that the same mentions give the same communities.

    Args:
        mentions: For each text the entities that it mentions.

    Returns:
        The label of each text, the id of an entity; none for one that mentions nothing, or only what half of all texts mention.
    """
    counted = Counter(entity for entities in mentions.values() for entity in set(entities))
    most = max(2, int(EVERYWHERE * len(mentions)))
    kept = {
        text: sorted({one for one in entities if counted[one] <= most})
        for text, entities in mentions.items()
    }
    beside: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entities in kept.values():
        for one in entities:
            beside[one].update(other for other in entities if other != one)
    labels = {entity: entity for entities in kept.values() for entity in entities}
    for _ in range(ROUNDS):
        before = dict(labels)
        for entity in sorted(labels, key=lambda one: (-counted[one], one)):
            around = Counter[str]()
            for other, times in beside[entity].items():
                around[labels[other]] += times
            if around:
                labels[entity] = _first(around)
        if labels == before:
            break
    return {
        text: _first(Counter(labels[one] for one in entities))
        for text, entities in kept.items()
        if entities
    }


def _first(counted: Counter[str]) -> str:
    return min(counted, key=lambda label: (-counted[label], label))
