"""The words of `modality_words.json`, by which a sentence says that something is no fact."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.rule_data import read_json

FORMS_OF_BE = frozenset(
    {
        *("be", "is", "are", "am", "was", "were", "'s", "’s", "'m", "’m", "'re", "’re", "been"),
        *("being", "m"),  # "im"
    }
)


@cache
def _read_words() -> dict[str, Any]:
    words: dict[str, Any] = read_json("modality_words.json")
    return words


@cache
def get_words(name: str) -> frozenset[str]:
    """Return one of the lists of words."""
    return frozenset(_read_words()["lists"][name])


@cache
def get_verb_forms(name: str) -> frozenset[str]:
    """Return all forms of the verbs in one of the lists."""
    return inflect_verbs(get_words(name))


@cache
def get_phrasal_forms(name: str) -> frozenset[str]:
    """Return all forms of the verbs in one of the lists, some of which have a particle."""
    return frozenset(_inflect_phrasal_verbs(get_words(name)))


def _inflect_phrasal_verbs(verbs: Iterable[str]) -> Iterator[str]:
    for verb, _, particle in (phrase.partition(" ") for phrase in verbs):
        yield from (f"{form} {particle}".strip() for form in inflect_verbs(frozenset({verb})))


@cache
def get_modalities(section: str) -> dict[str, str]:
    """Return the modality of each form of the words in a section."""
    modalities: dict[str, str] = {}
    for modality, words in _read_words()[section].items():
        forms: Iterable[str] = words
        if section.startswith("verbs"):
            forms = inflect_verbs(frozenset(words))
        elif section == "phrasal_verbs":
            forms = _inflect_phrasal_verbs(words)
        elif section == "nouns":
            forms = (*words, *(f"{word}s" for word in words))
        for form in forms:
            modalities.setdefault(form, modality)
    return modalities
