"""Verbs and prepositions, and the types of relations for them."""

from functools import cache
from typing import Any

from mcp_context_persistence.ingest.extraction.rule_data import read_json
from mcp_context_persistence.kg.text.irregular_forms import IRREGULAR_VERBS, add_s


@cache
def _read_relation_verbs() -> dict[str, Any]:
    verbs: dict[str, Any] = read_json("relation_verbs.json")
    return verbs


@cache
def _get_relations_by_form(section: str) -> dict[str, str]:
    sections = _read_relation_verbs()
    return {form: kind for kind, forms in sections[section].items() for form in forms}


def get_verb_relation(verb: str, preposition: str = "") -> str | None:
    """Return the type of relation of a verb, or ``None`` for a verb that is not listed.

    Args:
        verb: The lemma.
        preposition: The preposition before the verb's object, if there is one.
    """
    key = f"{verb}+{preposition}" if preposition else verb
    return _get_relations_by_form("verbs").get(key)


def get_noun_relation(noun: str, preposition: str) -> str | None:
    """Return the type of relation of a noun and its preposition, such as "member of"."""
    return _get_relations_by_form("nouns").get(f"{noun}+{preposition}")


@cache
def list_relation_types() -> frozenset[str]:
    """Return every type that this package can give to a relation.

    The set is closed, because a server never forgets a relationship type.
    """
    return frozenset(
        {
            *_get_relations_by_form("verbs").values(),
            *_get_relations_by_form("nouns").values(),
            "related_to",
            "part_of",
            "used_for",
            "has",
            # Of authors.
            *("allergic_to", "born_in", "engaged_to", "intolerant_to", "prefers", "same_as"),
            "takes",
        }
    )


def find_lemma(form: str) -> str:
    """Return the lemma of a listed verb, or the form itself, both in lower case."""
    return _get_lemmas().get(form, form)


def inflect_verbs(verbs: frozenset[str]) -> frozenset[str]:
    """Return verbs and all their forms, regular and irregular."""
    irregular = {form for verb in verbs for form in IRREGULAR_VERBS.get(verb, "").split()}
    regular = {form for verb in verbs for form in (add_s(verb), *_build_past_and_ing_forms(verb))}
    return verbs | irregular | regular


@cache
def list_third_person_forms() -> frozenset[str]:
    """Return the third person singular of the listed verbs."""
    return frozenset(add_s(verb) for verb in _list_verbs())


@cache
def _list_verbs() -> frozenset[str]:
    verbs = {verb.partition("+")[0] for verb in _get_relations_by_form("verbs")}
    return frozenset(verbs | {"have"})


@cache
def _get_lemmas() -> dict[str, str]:
    lemmas: dict[str, str] = {}
    for verb in sorted(_list_verbs()):
        for form in (add_s(verb), *_build_past_and_ing_forms(verb)):
            lemmas.setdefault(form, verb)
    lemmas.update((verb, verb) for verb in _list_verbs())
    for verb, forms in IRREGULAR_VERBS.items():
        lemmas.update(dict.fromkeys(forms.split(), verb))
    return lemmas


def _build_past_and_ing_forms(verb: str) -> tuple[str, ...]:
    if verb.endswith("e"):
        stem = verb[:-2] + "y" if verb.endswith("ie") else verb[:-1]
        return verb + "d", stem + "ing"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied", verb + "ing"
    doubled = verb + verb[-1]
    return verb + "ed", verb + "ing", doubled + "ed", doubled + "ing"
