"""What the words around a name say of what it names: who acts is a person, what one is in is a place."""

from functools import cache

from mcp_context_persistence.ingest.extraction.code_tokens import SHAPED
from mcp_context_persistence.ingest.extraction.lexicons import words
from mcp_context_persistence.ingest.extraction.named_entities import capital, walk_left
from mcp_context_persistence.ingest.extraction.relation_verbs import all_forms
from mcp_context_persistence.ingest.extraction.results import Found, Parsed

_ORGANISATIONS = words("ends of organisations")
_EDGE_WORDS = words("words around a name")
_NEVER = words("never a name")
_ROLES = words("roles of people")
_PLACES = words("kinds of places")
_MOODS = words("moods")
_INSIDE = frozenset({"in", "near", "outside", "throughout"})
_BELONGINGS = words("what only people have")
_WHO = ([",", "who"], ["(", "who"])
_COMMON = words("generic nouns") | words("empty modifiers") | _ROLES
_OTHERWISE = {None, "ORG", "GPE", "NORP", "PRODUCT"}  # what the recogniser often says of a person
_NOT_PLACES = {None, "ORG", "PERSON", "PRODUCT"}
_TITLED = {None, "ORG", "PRODUCT"}
_BEING = frozenset({"was", "were", "had", "did"})  # things do these too
_RELATIVE = frozenset({"where", "who", "which", "that", "when"})  # no name goes on over them
_POSSESSIVE = (["'s"], ["’s"])
BEFORE = SHAPED  # wins over the recogniser's own span


@cache
def _verbs(name: str) -> frozenset[str]:
    return all_forms(words(name))


def surroundings(parsed: Parsed) -> list[Found]:
    """Candidates for people and places, known by grammar."""
    labels: list[str | None] = [None] * len(parsed.words)
    for first, last, label in parsed.named:
        if _RELATIVE.isdisjoint(parsed.lowers[first:last]):
            labels[first:last] = [label] * (last - first)
    found = []
    for i, tag in enumerate(parsed.tags):
        if (
            not (tag in {"NNP", "NNPS"} or (tag == "JJ" and _acts_alone(parsed, i)))
            or not capital(parsed, i)
            or parsed.words[i].isupper()
        ):
            continue
        first = walk_left(parsed, i)
        while first < i and parsed.lowers[first] in _EDGE_WORDS:
            first += 1
        if not _plain(parsed, first, i):
            continue
        kinds = set(labels[first : i + 1])
        rule = _person(parsed, first, i, kinds)
        if rule:
            found.append(Found(parsed.starts[first], parsed.ends[i], "person", rule, BEFORE))
        elif kinds <= _NOT_PLACES | {"NORP"} and (rule := _place(parsed, first, i, kinds)):
            found.append(Found(parsed.starts[first], parsed.ends[i], "location", rule, BEFORE))
    return found


def _acts_alone(parsed: Parsed, i: int) -> bool:
    """Whether a word that looks like an adjective begins the sentence and does what people do: an unusual name."""
    verb = parsed.lowers[parsed.heads[i]]
    return (
        parsed.deps[i] == "nsubj"
        and not parsed.children[i]
        and _begins(parsed, i)
        and verb in _verbs("human verbs")
    )


def _plain(parsed: Parsed, first: int, last: int) -> bool:
    """Whether a run of tokens is at most three words with a name's spelling."""
    word = parsed.words[last]
    return (
        last - first < 3
        and word.isalpha()
        and word[1:].islower()
        and word not in _ORGANISATIONS
        and parsed.lowers[last] not in _NEVER
        and not (first == last and parsed.lowers[last] in _COMMON)
        and parsed.lowers[first] not in _EDGE_WORDS
        and not (
            last + 1 < len(parsed.words)
            and capital(parsed, last + 1)
            and parsed.tags[last + 1] in {"NNP", "NNPS"}
        )
    )


def _goes_on(parsed: Parsed, last: int) -> bool:
    """Whether the name is part of a longer one: "Fate of the Furious", "Fahrenheit 451"."""
    return last + 1 < len(parsed.words) and (
        parsed.lowers[last + 1] == "of" or parsed.tags[last + 1] == "CD"
    )


def _title(parsed: Parsed, preposition: int) -> bool:
    """Whether a preposition is inside a title: "Cities in Dust"."""
    return (
        preposition > 0
        and capital(parsed, preposition - 1)
        and not _begins(parsed, preposition - 1)
    )


def _article(parsed: Parsed, first: int) -> bool:
    return first > 0 and (
        parsed.lowers[first - 1] in {"the", "a", "an"} or parsed.tags[first - 1] == "PRP$"
    )


def _begins(parsed: Parsed, i: int) -> bool:
    return any(first == i for first, _ in parsed.sentences)


def _person(parsed: Parsed, first: int, last: int, kinds: set[str | None]) -> str:
    """The rule by which these tokens name a person, or nothing."""
    if _article(parsed, first) or not kinds <= _OTHERWISE:
        return ""
    if parsed.deps[last] == "nsubj" and _acts(parsed, first, last, kinds):
        return "rule:person"
    if _has_role(parsed, first, last, kinds):
        return "rule:person_role"
    return (
        "rule:person_possessor"
        if parsed.deps[last] == "poss" and first == last and _owns(parsed, last, kinds)
        else ""
    )


def _acts(parsed: Parsed, first: int, last: int, kinds: set[str | None]) -> bool:
    """Whether the subject does what only people do, or, where the recogniser says nothing, what people mostly do."""
    head = parsed.heads[last]
    verb = parsed.lowers[head]
    if verb in _verbs("human verbs") or any(
        parsed.deps[k] == "acomp" and parsed.lowers[k] in _MOODS for k in parsed.children[head]
    ):
        return True
    if kinds == {None}:
        return verb in _verbs("verbs of people") or (
            parsed.tags[head] == "VBD" and verb not in _BEING
        )
    return kinds == {"GPE"} and first == last and verb in _verbs("verbs of no place")


def _has_role(parsed: Parsed, first: int, last: int, kinds: set[str | None]) -> bool:
    """Whether the name stands beside what only people are, or goes on with "who"."""
    head = parsed.heads[last]
    if parsed.deps[last] == "appos" and parsed.lowers[head] in _ROLES and head < first:
        return True
    if any(
        parsed.deps[k] in {"conj", "appos"} and k > last and parsed.words[k] in _ROLES
        for k in parsed.children[last]
    ):
        return True
    before = parsed.lowers[first - 1] if first > 0 else ""
    return first < last and (
        before in _ROLES or ("NORP" not in kinds and parsed.lowers[last + 1 : last + 3] in _WHO)
    )


def _owns(parsed: Parsed, i: int, kinds: set[str | None]) -> bool:
    """Whether the owner has what only people have, or begins the sentence with nothing else known of it."""
    if parsed.lowers[parsed.heads[i]] in _BELONGINGS:
        return True
    return (
        kinds == {None}
        and parsed.tags[i] == "NNP"
        and _begins(parsed, i)
        and parsed.words[i + 1 : i + 2] in _POSSESSIVE
    )


def _place(parsed: Parsed, first: int, last: int, kinds: set[str | None]) -> str:
    """The rule by which these tokens name a place, or nothing."""
    dep, head = parsed.deps[last], parsed.heads[last]
    if dep == "conj" and parsed.tags[head] in {"NNP", "NNPS"} and kinds != {None}:
        dep, head = parsed.deps[head], parsed.heads[head]
    alone = first == last or parsed.words[last - 1] == "-"
    lone = (
        alone
        and (not _article(parsed, first) or parsed.tags[last] == "NNPS")
        and not _goes_on(parsed, last)
    )
    if (
        dep == "pobj"
        and parsed.lowers[head] in _INSIDE
        and head < first
        and lone
        and kinds <= _TITLED
        and not _title(parsed, head)
    ):
        return "rule:place_in"
    if dep == "appos" and parsed.lowers[head] in _PLACES and head < first:
        return "rule:place_kind"
    if (
        dep == "oprd"
        and parsed.lowers[head] in {"called", "named"}
        and parsed.lowers[parsed.heads[head]] in _PLACES
    ):
        return "rule:place_kind"
    if (
        dep in {"compound", "nmod"}
        and last + 1 < len(parsed.words)
        and parsed.lowers[last + 1] in _PLACES
        and head == last + 1
    ):
        return "rule:place_kind"
    return ""
