"""People and places, recognized by the grammar of the words around their names."""

from functools import cache

from mcp_context_persistence.ingest.extraction.named_entities import (
    find_name_start,
    is_capitalized,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words

_ORGANIZATION_ENDINGS = get_words("organization_endings")
_WORDS_AROUND_NAME = get_words("words_around_name")
_TITLES = get_words("person_titles")
_NEVER_NAMES = get_words("never_names")
_ROLES = get_words("people_roles")
_PLACE_KINDS = get_words("place_kinds")
# "The Porto workshop" is in Porto; "the Mayo clinic" is not in Mayo.
_SITES = frozenset(
    {"branch", "campus", "depot", "factory", "office", "plant", "site", "warehouse", "workshop"}
)
_MOODS = get_words("moods")
_PLACE_PREPOSITIONS = frozenset({"in", "near", "outside", "throughout"})
_BELONGINGS = get_words("people_belongings")
_RELATIVE_CLAUSE_STARTS = ([",", "who"], ["(", "who"])
_COMMON_WORDS = get_words("generic_nouns") | get_words("empty_modifiers") | _ROLES
# The recognizer often gives these labels to people, and these to places.
_LABELS_OF_PEOPLE = {None, "ORG", "GPE", "NORP", "PRODUCT"}
_LABELS_OF_PLACES = {None, "ORG", "PERSON", "PRODUCT"}
_LABELS_AFTER_PREPOSITION = {None, "ORG", "PRODUCT"}
_VERBS_OF_OBJECTS = frozenset({"was", "were", "had", "did"})  # Not only people do these.
_RELATIVE_WORDS = frozenset({"where", "who", "which", "that", "when"})  # Never inside a name.
_POSSESSIVES = (["'s"], ["’s"])
_TIER = Tier.CODE_SHAPE  # wins over the recognizer's own span


@cache
def _get_verb_forms(name: str) -> frozenset[str]:
    return inflect_verbs(get_words(name))


def find_people_and_places(parsed: ParsedText) -> list[EntityCandidate]:
    """Return candidates for people and places."""
    labels: list[str | None] = [None] * len(parsed.words)
    for first, end, label in parsed.entity_spans:
        if _RELATIVE_WORDS.isdisjoint(parsed.lowers[first:end]):
            labels[first:end] = [label] * (end - first)
    candidates = []
    for i, tag in enumerate(parsed.tags):
        if (
            not (tag in {"NNP", "NNPS"} or (tag == "JJ" and _is_unusual_name(parsed, i)))
            or not is_capitalized(parsed, i)
            or parsed.words[i].isupper()
        ):
            continue
        first = find_name_start(parsed, i)
        while first < i and parsed.lowers[first] in _WORDS_AROUND_NAME | _TITLES:
            first += 1
        if not _is_spelled_like_name(parsed, first, i):
            continue
        name_labels = set(labels[first : i + 1])
        start, end = parsed.starts[first], parsed.ends[i]
        rule = _get_person_rule(parsed, first, i, name_labels)
        if rule:
            candidates.append(EntityCandidate(start, end, "person", rule, _TIER))
        elif name_labels <= _LABELS_OF_PLACES | {"NORP"} and (
            rule := _get_place_rule(parsed, first, i, name_labels)
        ):
            candidates.append(EntityCandidate(start, end, "location", rule, _TIER))
    return candidates


def _is_unusual_name(parsed: ParsedText, i: int) -> bool:
    """Return whether a word that is tagged as an adjective begins the sentence and acts."""
    verb = parsed.lowers[parsed.heads[i]]
    return (
        parsed.deps[i] == "nsubj"
        and not parsed.children[i]
        and _begins_sentence(parsed, i)
        and verb in _get_verb_forms("human_verbs")
    )


def _is_spelled_like_name(parsed: ParsedText, first: int, last: int) -> bool:
    """Return whether a run of tokens has at most three words and the spelling of a name."""
    word = parsed.words[last]
    return (
        last - first < 3
        and word.isalpha()
        and word[1:].islower()
        and word not in _ORGANIZATION_ENDINGS
        and parsed.lowers[last] not in _NEVER_NAMES
        and not (first == last and parsed.lowers[last] in _COMMON_WORDS)
        and parsed.lowers[first] not in _WORDS_AROUND_NAME
        and not (
            last + 1 < len(parsed.words)
            and is_capitalized(parsed, last + 1)
            and parsed.tags[last + 1] in {"NNP", "NNPS"}
        )
    )


def _is_continued(parsed: ParsedText, last: int) -> bool:
    """Return whether the name may be longer: "Fate of the Furious", "Fahrenheit 451"."""
    return last + 1 < len(parsed.words) and (
        parsed.lowers[last + 1] == "of" or parsed.tags[last + 1] == "CD"
    )


def _is_in_title(parsed: ParsedText, preposition: int) -> bool:
    """Return whether a preposition is inside a title: "Cities in Dust"."""
    return (
        preposition > 0
        and is_capitalized(parsed, preposition - 1)
        and not _begins_sentence(parsed, preposition - 1)
    )


def _has_determiner(parsed: ParsedText, first: int) -> bool:
    return first > 0 and (
        parsed.lowers[first - 1] in {"the", "a", "an"} or parsed.tags[first - 1] == "PRP$"
    )


def _begins_sentence(parsed: ParsedText, i: int) -> bool:
    return any(first == i for first, _ in parsed.sentences)


def _get_person_rule(parsed: ParsedText, first: int, last: int, labels: set[str | None]) -> str:
    """Return the rule by which these tokens name a person, or an empty string."""
    if _has_determiner(parsed, first) or not labels <= _LABELS_OF_PEOPLE:
        return ""
    if parsed.deps[last] == "nsubj" and _acts_like_person(parsed, first, last, labels):
        return "rule:person"
    if _has_role(parsed, first, last, labels):
        return "rule:person_role"
    return (
        "rule:person_possessor"
        if parsed.deps[last] == "poss" and first == last and _is_owner(parsed, last, labels)
        else ""
    )


def _acts_like_person(parsed: ParsedText, first: int, last: int, labels: set[str | None]) -> bool:
    """Return whether the subject does what only people do.

    For a name without a label of the recognizer, what mostly people do is sufficient.
    """
    head = parsed.heads[last]
    verb = parsed.lowers[head]
    if verb in _get_verb_forms("human_verbs") or any(
        parsed.deps[child] == "acomp" and parsed.lowers[child] in _MOODS
        for child in parsed.children[head]
    ):
        return True
    if labels == {None}:
        return verb in _get_verb_forms("people_verbs") or (
            parsed.tags[head] == "VBD" and verb not in _VERBS_OF_OBJECTS
        )
    return labels == {"GPE"} and first == last and verb in _get_verb_forms("non_place_verbs")


def _has_role(parsed: ParsedText, first: int, last: int, labels: set[str | None]) -> bool:
    """Return whether the name has a role of people, or "who" follows it."""
    head = parsed.heads[last]
    if parsed.deps[last] == "appos" and parsed.lowers[head] in _ROLES and head < first:
        return True
    if any(
        parsed.deps[child] in {"conj", "appos"} and child > last and parsed.words[child] in _ROLES
        for child in parsed.children[last]
    ):
        return True
    previous = parsed.lowers[first - 1] if first > 0 else ""
    return first < last and (
        previous in _ROLES
        or ("NORP" not in labels and parsed.lowers[last + 1 : last + 3] in _RELATIVE_CLAUSE_STARTS)
    )


def _is_owner(parsed: ParsedText, i: int, labels: set[str | None]) -> bool:
    """Return whether a possessor is a person.

    It owns what only people have, or it begins the sentence and has no label of the recognizer.
    """
    if parsed.lowers[parsed.heads[i]] in _BELONGINGS:
        return True
    return (
        labels == {None}
        and parsed.tags[i] == "NNP"
        and _begins_sentence(parsed, i)
        and parsed.words[i + 1 : i + 2] in _POSSESSIVES
    )


def _get_place_rule(parsed: ParsedText, first: int, last: int, labels: set[str | None]) -> str:
    """Return the rule by which these tokens name a place, or an empty string."""
    dep, head = parsed.deps[last], parsed.heads[last]
    if dep == "conj" and parsed.tags[head] in {"NNP", "NNPS"} and labels != {None}:
        dep, head = parsed.deps[head], parsed.heads[head]
    is_single = first == last or parsed.words[last - 1] == "-"
    stands_alone = (
        is_single
        and (not _has_determiner(parsed, first) or parsed.tags[last] == "NNPS")
        and not _is_continued(parsed, last)
    )
    if (
        dep == "pobj"
        and parsed.lowers[head] in _PLACE_PREPOSITIONS
        and head < first
        and stands_alone
        and labels <= _LABELS_AFTER_PREPOSITION
        and not _is_in_title(parsed, head)
    ):
        return "rule:place_in"
    if dep == "appos" and parsed.lowers[head] in _PLACE_KINDS and head < first:
        return "rule:place_kind"
    if (
        dep == "oprd"
        and parsed.lowers[head] in {"called", "named"}
        and parsed.lowers[parsed.heads[head]] in _PLACE_KINDS
    ):
        return "rule:place_kind"
    if (
        dep in {"compound", "nmod"}
        and is_single
        and labels == {"PERSON"}
        and _has_determiner(parsed, first)
        and parsed.lowers[last + 1 : last + 2] == [parsed.lowers[head]]
        and parsed.lowers[head] in _SITES
        and not any(parsed.deps[child] == "prep" for child in parsed.children[head])
    ):
        return "rule:place_site"
    if (
        dep in {"compound", "nmod"}
        and last + 1 < len(parsed.words)
        and parsed.lowers[last + 1] in _PLACE_KINDS
        and head == last + 1
    ):
        return "rule:place_kind"
    return ""
