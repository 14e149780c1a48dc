"""Give short forms of a name the entity of the full name that the same text has.

"Tariq" after "Tariq Mansour" is that person, "Kern" after "Kern Logistik GmbH" is that firm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    Mention,
    Relation,
    Tier,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.user_patterns import RULE_PREFIX
from mcp_context_persistence.kg.identifiers import fold_name

_PERSON, _ORGANIZATION = "person", "organization"
_MAX_WORDS = 8
_ORGANIZATION_ENDINGS = get_words("organization_endings")
# Types that the recognizer often gives to short forms of these.
_SHORT_TYPES = {
    _PERSON: frozenset({_PERSON, _ORGANIZATION, "product", "work"}),
    _ORGANIZATION: frozenset({_PERSON, _ORGANIZATION, "product"}),
}


def link_short_names(
    mentions: Iterable[Mention], relations: Iterable[Relation]
) -> tuple[list[Mention], list[Relation]]:
    """Return the mentions of a text and its relations, with short names linked to full ones.

    A short name that belongs to several full names stays as it is, and so does one that the user's
    patterns have found.
    """
    mentions, relations = list(mentions), list(relations)
    full_names = _find_full_names(mentions)
    if not full_names:
        return mentions, relations
    linked = [_link(mention, full_names) for mention in mentions]
    targets = {
        mention.entity_id: full.entity_id
        for mention, full in zip(mentions, linked, strict=True)
        if mention.entity_id != full.entity_id
    }
    if not targets:
        return mentions, relations
    return linked, _replace_ends(relations, targets)


def _find_full_names(mentions: Sequence[Mention]) -> Mapping[tuple[str, ...], Mention | None]:
    """Return for each short form the mention of its full name, None where there are several."""
    full_names: dict[tuple[str, ...], Mention | None] = {}
    for mention in {m.entity_id: m for m in mentions}.values():
        words = _split(mention.name)
        if 1 < len(words) <= _MAX_WORDS and mention.type in {_PERSON, _ORGANIZATION}:
            for form in _list_forms(words, mention.type):
                is_new = form not in full_names
                full_names[form] = mention if is_new else _choose(full_names[form], mention)
    return full_names


def _choose(first: Mention | None, second: Mention) -> Mention | None:
    """Return the longer name where one begins with the other, else None."""
    if first is None:
        return None
    names = sorted((first, second), key=lambda mention: len(mention.name))
    is_longer = names[1].name.startswith(f"{names[0].name} ") and first.type == second.type
    return names[1] if is_longer else None


def _list_forms(words: tuple[str, ...], kind: str) -> set[tuple[str, ...]]:
    forms = {words[:size] for size in range(1, len(words))}
    if kind == _PERSON:
        forms |= {words[size:] for size in range(1, len(words))}
        forms |= {(f"{words[0][0]}.", *words[1:]), (words[0][0], *words[1:])}
    return {form for form in forms if len("".join(form)) > 2}


def _link(mention: Mention, full_names: Mapping[tuple[str, ...], Mention | None]) -> Mention:
    full = full_names.get(_split(mention.name))
    if (
        full is None
        or full.entity_id == mention.entity_id
        or mention.extractor.startswith(RULE_PREFIX)
    ):
        return mention
    is_first_name = full.type == _PERSON and full.name.startswith(f"{mention.name} ")
    if mention.type not in _SHORT_TYPES[full.type] and not (
        is_first_name and mention.type == "location"
    ):
        return mention
    return replace(mention, entity_id=full.entity_id, name=full.name, type=full.type)


def _split(name: str) -> tuple[str, ...]:
    return tuple(map(fold_name, name.split()))


def _replace_ends(relations: Sequence[Relation], targets: Mapping[str, str]) -> list[Relation]:
    replaced = [
        replace(
            relation,
            source=targets.get(relation.source, relation.source),
            target=targets.get(relation.target, relation.target),
        )
        for relation in relations
    ]
    return [relation for relation in replaced if relation.source != relation.target]


def retype_short_names(text: str, spans: list[EntityCandidate]) -> list[EntityCandidate]:
    """Return the spans, with short forms of full names in the same text typed like those names.

    "Marcus" after "Marcus Bell" is a person. "Kestrel" as a subject is an organization where the
    text also has "Kestrel Robotics".
    """
    people: set[str] = set()
    first_names: set[str] = set()
    organizations: set[str] = set()
    for span in spans:
        words = text[span.start : span.end].split()
        if len(words) > 1 and span.type == "person":
            people.update(words)
            first_names.add(words[0])
        elif len(words) > 1 and span.type == "organization" and words[-1] in _ORGANIZATION_ENDINGS:
            organizations.add(words[0])
    return [
        _retype_short_name(span, text[span.start : span.end], people, first_names, organizations)
        for span in spans
    ]


def _retype_short_name(
    span: EntityCandidate,
    name: str,
    people: set[str],
    first_names: set[str],
    organizations: set[str],
) -> EntityCandidate:
    if span.tier == Tier.NAMED_ENTITY and (
        (span.type in {"organization", "product", "work"} and name in people)
        or (span.type == "location" and name in first_names)
    ):
        return span._replace(type="person", rule="rule:short_name")
    if span.rule == "rule:person" and name in organizations and name not in people:
        return span._replace(type="organization", rule="rule:short_name")
    return span
