"""Noun phrases that carry meaning: "data transformation", "cleanup operations", "pottery"."""

from collections.abc import Collection

from mcp_context_persistence.ingest.extraction.code_tokens import NOUNS
from mcp_context_persistence.ingest.extraction.lexicons import words
from mcp_context_persistence.ingest.extraction.relation_verbs import third_person
from mcp_context_persistence.ingest.extraction.results import Found, Parsed
from mcp_context_persistence.ingest.extraction.software_terms import CUES

_LONGEST = 4  # tokens of one concept

_GENERIC = words("generic nouns")
_EMPTY_PHRASE_HEADS = words(
    "empty heads"
)  # heads that say nothing even with a modifier: "good time", "other people"
_EMPTY_MODIFIERS = words("empty modifiers")
_AFTER_NAME = words("nouns after a name")  # "the Redis cluster" is Redis
_NOUN = frozenset({"NN", "NNS"})
_MODIFIER = frozenset({"NN", "NNS", "JJ", "VBN", "VBG", "HYPH", "NNP"})
_JOINED = frozenset({"compound", "amod", "nmod", "punct", "npadvmod", "advmod", "conj"})
_SINGLE_PLACES = frozenset({"dobj", "pobj", "conj", "nsubj", "nsubjpass", "attr", "appos", "ROOT"})


def concepts(parsed: Parsed, taken: bytearray) -> list[Found]:
    """Noun phrases outside the characters that `taken` marks: a noun with its compounds and telling adjectives.

    Determiners, possessives and empty adjectives ("good", "other") are left out. A single noun counts only where it is no everyday
    word, since such nouns would become hubs that join everything with everything.
    """
    found = []
    named = {i for i, start in enumerate(parsed.starts) if taken[start]} if any(taken) else set()
    verbs = frozenset(hidden_verbs(parsed, named))
    i = len(parsed.words) - 1
    while i >= 0:
        if parsed.tags[i] not in _NOUN or i in verbs or taken[parsed.starts[i]]:
            i -= 1
            continue
        first = _first(parsed, i, verbs, taken)
        if _telling(parsed, first, i) and not (
            first == i
            and i - 1 in named
            and parsed.heads[i - 1] == i
            and parsed.lowers[i] in _AFTER_NAME
        ):
            rule = "concept:word" if first == i else "concept:phrase"
            found.append(Found(parsed.starts[first], parsed.ends[i], "concept", rule, NOUNS))
        i = first - 1
    found.reverse()
    return found


def hidden_verbs(parsed: Parsed, named: Collection[int]) -> list[int]:
    """Positions of verbs that the tagger took for plural nouns: "the parser module handles data".

    They look like the third person of a listed verb, follow a word such as "class" or one of the `named` tokens, and are followed by more.
    """
    found = []
    for i in range(1, len(parsed.words) - 1):
        if parsed.lowers[i] not in third_person() or not parsed.words[i + 1][0].isalnum():
            continue
        lost = parsed.tags[i] == "NNS" or (
            parsed.tags[i] == "VBZ" and parsed.deps[i] in {"compound", "nmod", "amod", "nsubj"}
        )
        has_subject = any(
            parsed.deps[child] in {"nsubj", "nsubjpass"} for child in parsed.children[i]
        )
        before = i - 2 if parsed.lowers[i - 1] in _AFTER_NAME else i - 1
        if lost and not has_subject and (parsed.lowers[i - 1] in CUES or before in named):
            found.append(i)
    return found


def _first(parsed: Parsed, head: int, verbs: frozenset[int], taken: bytearray) -> int:
    first = head
    while first > 0 and head - first < _LONGEST - 1:
        previous = first - 1
        joins = (
            parsed.tags[previous] in _MODIFIER
            and parsed.deps[previous] in _JOINED
            and first <= parsed.heads[previous] <= head
            and previous not in verbs
            and not taken[parsed.starts[previous]]
        )
        if not joins:
            break
        first = previous
    while first < head and (
        (parsed.lowers[first] in _EMPTY_MODIFIERS and parsed.tags[first + 1] != "HYPH")
        or not parsed.words[first][0].isalnum()
    ):
        first += 1
    return first


def _telling(parsed: Parsed, first: int, head: int) -> bool:
    word = parsed.lowers[head]
    if (
        len(word) < 3
        or not word.replace("-", "").isalpha()
        or not (word[0].isalpha() and word[-1].isalpha())
    ):
        return False
    if first == head:
        return word not in _GENERIC and len(word) > 3 and parsed.deps[head] in _SINGLE_PLACES
    return word not in _EMPTY_PHRASE_HEADS and parsed.words[first][0].isalpha()
