"""Relations that nouns state: "Ada, the founder of Acme", "a method of the Reader class"."""

from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    PRONOUN_RULE,
    SOFTWARE_TYPES,
    DependencyGrammar,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import get_noun_relation

# Source, type, target and rule. Source and target are indexes in the list of mentions.
Statement = tuple[int, str, int, str]

_APPOSITION_RULE = "parse:apposition"
_PART_RULE = "parse:part"
DESCRIPTION_RULES = frozenset({_APPOSITION_RULE, _PART_RULE})

_PARENTS = frozenset({"company", "organization", "organisation", "firm", "group"})
_LOCATION_RELATIONS = frozenset({"located_in", "lives_in", "moves_to", "comes_from", "visits"})
_CONTAINER_TYPES = {
    "function": {"class", "module", "file", "library"},
    "class": {"module", "file", "library"},
    "module": {"library", "project"},
    "file": {"project"},
}


class NounRelationReader(DependencyGrammar):
    """Reads what the nouns of a text say about each other."""

    def is_plausible(self, subject: int, kind: str, target: int) -> bool:
        """Return whether the types of the two entities fit the type of the relation.

        For example, a person works for an organization and lives in a location.
        """
        source_type, target_type = self.spans[subject].type, self.spans[target].type
        if kind == "works_for":
            return source_type == "person" and target_type in {"organization", "project"}
        if kind in _LOCATION_RELATIONS:
            return target_type in {"location", "organization", "event"} and source_type != "concept"
        if kind == "stored_in":
            return target_type in SOFTWARE_TYPES
        if kind == "extends":
            return source_type != "person"
        return not (kind == "related_to" and "concept" in {source_type, target_type})

    def read_description(self, subject: int, noun: int, rule: str) -> Iterator[Statement]:
        """Yield what "X is a NOUN of Y" or "X, a NOUN for Y" states."""
        for child in self.parsed.children[noun]:
            if self.parsed.deps[child] == "prep":
                for target, preposition in self.find_prepositional_objects(child):
                    kind = get_noun_relation(self.parsed.lowers[noun], preposition)
                    if kind is not None and self.is_plausible(subject, kind, target):
                        yield subject, kind, target, rule

    def read_noun(self, token: int) -> Iterator[Statement]:
        """Yield what a noun says of the noun that it explains, or of its container."""
        if self.parsed.deps[token] == "appos":
            for subject in self.find_mentions(self.parsed.heads[token])[:1]:
                yield from self.read_description(subject, token, _APPOSITION_RULE)
            yield from self._read_parent_organization(token)
        mention = self.find_mention(token)
        kind = self.spans[mention].type if mention >= 0 else ""
        if kind != "person" and kind not in _CONTAINER_TYPES:
            return
        for child in self.parsed.children[token]:
            if self.parsed.deps[child] != "prep":
                continue
            # "Giulia Marchetti of the Veneto Review"
            if kind == "person" and self.parsed.lowers[child] == "of":
                targets = [target for target, _ in self.find_prepositional_objects(child)]
                yield from (
                    (mention, "works_for", target, _PART_RULE)
                    for target in targets
                    if self.spans[target].type == "organization"
                )
            elif kind in _CONTAINER_TYPES and self.parsed.lowers[child] in {"in", "of", "from"}:
                containers = self._find_containers(child)
                yield from (
                    (mention, "part_of", container, _PART_RULE)
                    for container in containers
                    if self.spans[container].type in _CONTAINER_TYPES[kind]
                )

    def _read_parent_organization(self, token: int) -> Iterator[Statement]:
        """Yield which organization belongs to which: "Its parent company, Acme"."""
        noun = self.parsed.heads[token]
        modifiers = {self.parsed.lowers[child] for child in self.parsed.children[noun]}
        if self.parsed.lowers[noun] in _PARENTS and {"its", "parent"} <= modifiers:
            subsidiary = self.find_antecedent(noun, is_person=False)
            if subsidiary >= 0 and self.spans[subsidiary].type == "organization":
                parents = [
                    mention
                    for mention in self.find_mentions(token)
                    if self.spans[mention].type == "organization"
                ]
                yield from ((subsidiary, "part_of", parent, PRONOUN_RULE) for parent in parents)

    def _find_containers(self, preposition: int) -> list[int]:
        """Return the mentions after a preposition.

        Where the parser did not recognize the noun phrase, it is the first mention among the next
        three tokens.
        """
        targets = [target for target, _ in self.find_prepositional_objects(preposition)]
        if targets and self.spans[targets[0]].type != "concept":
            return targets
        return [
            self.mention_at[token]
            for token in range(preposition + 1, min(preposition + 4, len(self.mention_at)))
            if self.mention_at[token] >= 0
        ][:1]
