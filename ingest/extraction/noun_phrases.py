"""Noun phrases that name a concept: "data transformation", "cleanup operations", "pottery"."""

from collections.abc import Collection

from mcp_context_persistence.ingest.extraction.relation_verbs import list_third_person_forms
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import CUES

_CONCEPT_TOKENS = 4

_GENERIC_NOUNS = get_words("generic_nouns")
# Heads without a meaning of their own, even with a modifier: "good time", "other people".
_EMPTY_HEADS = get_words("empty_heads")
_EMPTY_MODIFIERS = get_words("empty_modifiers")
_NOUNS_AFTER_NAME = get_words("nouns_after_name")  # "the Redis cluster" is Redis
_NOUN_TAGS = frozenset({"NN", "NNS"})
_MODIFIER_TAGS = frozenset({"NN", "NNS", "JJ", "VBN", "VBG", "HYPH", "NNP"})
_MODIFIER_LABELS = frozenset({"compound", "amod", "nmod", "punct", "npadvmod", "advmod", "conj"})
_SINGLE_NOUN_LABELS = frozenset(
    {"dobj", "pobj", "conj", "nsubj", "nsubjpass", "attr", "appos", "ROOT"}
)


def find_concepts(parsed: ParsedText, occupied: bytearray) -> list[EntityCandidate]:
    """Return the noun phrases of a text: nouns with their compounds and meaningful adjectives.

    Determiners, possessives and empty adjectives ("good", "other") are left out. A single noun
    counts only where it is not an everyday word, because everyday words would become hubs that
    connect everything with everything.

    Args:
        parsed: The text.
        occupied: For each character, whether it belongs to another entity.
    """
    concepts = []
    occupied_tokens = (
        {token for token, start in enumerate(parsed.starts) if occupied[start]}
        if any(occupied)
        else set()
    )
    verbs = frozenset(find_hidden_verbs(parsed, occupied_tokens))
    head = len(parsed.words) - 1
    while head >= 0:
        if parsed.tags[head] not in _NOUN_TAGS or head in verbs or occupied[parsed.starts[head]]:
            head -= 1
            continue
        first = _find_first_token(parsed, head, verbs, occupied)
        if _is_meaningful(parsed, first, head) and not (
            first == head
            and head - 1 in occupied_tokens
            and parsed.heads[head - 1] == head
            and parsed.lowers[head] in _NOUNS_AFTER_NAME
        ):
            rule = "concept:word" if first == head else "concept:phrase"
            concepts.append(
                EntityCandidate(
                    parsed.starts[first], parsed.ends[head], "concept", rule, Tier.NOUN_PHRASE
                )
            )
        head = first - 1
    concepts.reverse()
    return concepts


def find_hidden_verbs(parsed: ParsedText, names: Collection[int]) -> list[int]:
    """Return the tokens that are verbs although the tagger took them for plural nouns.

    For example: "the parser module handles data". They look like the third person of a listed
    verb, follow a word such as "class" or a name, and something follows them.

    Args:
        parsed: The text.
        names: Tokens that belong to a name.
    """
    verbs = []
    for i in range(1, len(parsed.words) - 1):
        if (
            parsed.lowers[i] not in list_third_person_forms()
            or not parsed.words[i + 1][0].isalnum()
        ):
            continue
        is_mistagged = parsed.tags[i] == "NNS" or (
            parsed.tags[i] == "VBZ" and parsed.deps[i] in {"compound", "nmod", "amod", "nsubj"}
        )
        has_subject = any(
            parsed.deps[child] in {"nsubj", "nsubjpass"} for child in parsed.children[i]
        )
        name = i - 2 if parsed.lowers[i - 1] in _NOUNS_AFTER_NAME else i - 1
        if is_mistagged and not has_subject and (parsed.lowers[i - 1] in CUES or name in names):
            verbs.append(i)
    return verbs


def _find_first_token(
    parsed: ParsedText, head: int, verbs: frozenset[int], occupied: bytearray
) -> int:
    first = head
    while first > 0 and head - first < _CONCEPT_TOKENS - 1:
        previous = first - 1
        is_modifier = (
            parsed.tags[previous] in _MODIFIER_TAGS
            and parsed.deps[previous] in _MODIFIER_LABELS
            and first <= parsed.heads[previous] <= head
            and previous not in verbs
            and not occupied[parsed.starts[previous]]
        )
        if not is_modifier:
            break
        first = previous
    while first < head and (
        (parsed.lowers[first] in _EMPTY_MODIFIERS and parsed.tags[first + 1] != "HYPH")
        or not parsed.words[first][0].isalnum()
    ):
        first += 1
    return first


def _is_meaningful(parsed: ParsedText, first: int, head: int) -> bool:
    word = parsed.lowers[head]
    if (
        len(word) < 3
        or not word.replace("-", "").isalpha()
        or not (word[0].isalpha() and word[-1].isalpha())
    ):
        return False
    if first == head:
        return (
            word not in _GENERIC_NOUNS
            and len(word) > 3
            and parsed.deps[head] in _SINGLE_NOUN_LABELS
        )
    return word not in _EMPTY_HEADS and parsed.words[first][0].isalpha()
