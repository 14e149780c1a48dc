"""Relations that nouns state: "Ada, the founder of Acme", "a method of the Reader class"."""

import re
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.clauses import PRONOUN_RULE, ClauseReader
from mcp_context_persistence.ingest.extraction.dependency_grammar import SOFTWARE_TYPES
from mcp_context_persistence.ingest.extraction.relation_verbs import get_noun_relation
from mcp_context_persistence.ingest.extraction.rule_data import get_words

# Source, type, target and rule. Source and target are indexes in the list of mentions.
Statement = tuple[int, str, int, str]

_APPOSITION_RULE = "parse:apposition"
_PART_RULE = "parse:part"
POSSESSIVE_RULE = "parse:possessive"
DESCRIPTION_RULES = frozenset({_APPOSITION_RULE, _PART_RULE, POSSESSIVE_RULE})

_PARENTS = frozenset({"company", "organization", "organisation", "firm", "group"})
_ROLES = get_words("people_roles") | (get_words("person_nouns") - get_words("kin_nouns"))
_ROLE_PREPOSITIONS = frozenset({"at", "of", "with", "for", "from"})
_JOB = re.compile(r"(?:[^e]er|or|ist|ian|eer)$")
# They do something for an organization, or at it, but do not work for it.
_NO_JOBS = frozenset(
    {
        *("customer", "supporter", "investor", "shareholder", "competitor", "visitor", "user"),
        *("subscriber", "follower", "donor", "sponsor", "winner", "speaker", "passenger"),
        *("newcomer", "stranger", "outsider", "supplier", "creditor", "debtor", "bidder"),
        *("exhibitor", "contender", "number", "matter", "danger"),
    }
)
_RELATIONS_OF_PEOPLE = frozenset({"family_of", "knows", "marries"})
SYMMETRIC_RELATIONS = frozenset({"knows", "marries", "works_with"})
_RELATIONS_OF_HEADS = frozenset({"owns", "leads", "founds", "manages", "works_for"})
_NAMING_LABELS = frozenset({"appos", "nmod", "compound"})
_RELATIONS_AFTER_NAMES = {
    ("person", "of", "organization"): "works_for",
    ("person", "at", "organization"): "works_for",
    ("person", "from", "organization"): "works_for",
    ("person", "from", "location"): "comes_from",
    ("organization", "in", "location"): "located_in",
    ("organization", "near", "location"): "located_in",
    ("location", "in", "location"): "located_in",
}
_LOCATION_RELATIONS = frozenset({"located_in", "lives_in", "moves_to", "comes_from", "visits"})
_CONTAINER_TYPES = {
    "function": {"class", "module", "file", "library"},
    "class": {"module", "file", "library"},
    "module": {"library", "project"},
    "file": {"project"},
}
_TYPES_BEFORE_PREPOSITIONS = frozenset(source for source, _, _ in _RELATIONS_AFTER_NAMES)


class NounRelationReader(ClauseReader):
    """Reads what the nouns of a text say about each other."""

    def is_plausible(self, subject: int, kind: str, target: int) -> bool:
        """Return whether the types of the two entities fit the type of the relation.

        For example, a person works for an organization and lives in a location.
        """
        source_type, target_type = self.spans[subject].type, self.spans[target].type
        types = {source_type, target_type}
        if kind == "works_for":
            is_plausible = source_type == "person" and target_type in {"organization", "project"}
        elif kind in _RELATIONS_OF_PEOPLE:
            is_plausible = "organization" not in types
        elif kind in _LOCATION_RELATIONS:
            is_target = target_type in {"location", "organization", "event"}
            is_plausible = is_target and source_type != "concept"
        elif kind == "encrypts":
            is_plausible = source_type not in {"person", "organization"}
        elif kind == "stored_in":
            is_plausible = target_type in SOFTWARE_TYPES
        elif kind == "works_with":
            is_plausible = types <= {"person", "organization"}
        elif kind == "organizes":
            is_plausible = target_type not in SOFTWARE_TYPES
        elif kind == "runs_on":
            is_plausible = source_type not in {"person", "organization"}
        elif kind == "extends":
            is_plausible = source_type != "person"
        else:
            is_plausible = kind != "related_to" or "concept" not in types
        return is_plausible

    def read_description(self, subject: int, noun: int, rule: str) -> Iterator[Statement]:
        """Yield what "X is a NOUN of Y" or "X, a NOUN for Y" states."""
        for child in self.parsed.children[noun]:
            if self.parsed.deps[child] == "prep":
                for target, preposition in self.find_prepositional_objects(child):
                    kind = self.get_relation(noun, preposition, target)
                    if kind is not None and self.is_plausible(subject, kind, target):
                        yield subject, kind, target, rule
            elif self.parsed.deps[child] == "poss":
                for target in self.find_mentions(child):
                    kind = self.get_relation(noun, "of", target)
                    if kind is not None and self.is_plausible(subject, kind, target):
                        yield subject, kind, target, rule

    def get_relation(self, noun: int, preposition: str, target: int) -> str | None:
        """Return the type of relation of a noun to what follows its preposition."""
        word, target_type = self.parsed.lowers[noun], self.spans[target].type
        if self.parsed.tags[noun] == "NNS":
            word = word.removesuffix("s")  # "Ada and Ben are members of"
        kind = get_noun_relation(word, preposition)
        is_role = word in _ROLES or kind == "works_for"
        if is_role and preposition in {"at", "in"} and target_type == "location":
            return "located_in"
        is_role = word in _ROLES and preposition in _ROLE_PREPOSITIONS
        is_role |= preposition in {"at", "for"} and _JOB.search(word) is not None
        if kind is None and is_role and word not in _NO_JOBS:
            return "works_for" if target_type == "organization" else None
        return kind

    def read_noun(self, token: int) -> Iterator[Statement]:
        """Yield what a noun says of the noun that it explains, or of its container."""
        if self.parsed.deps[token] == "appos":
            for subject in self.find_mentions(self.parsed.heads[token])[:1]:
                yield from self.read_description(subject, token, _APPOSITION_RULE)
            yield from self._read_parent_organization(token)
            yield from self._read_larger_place(token)
        if self.parsed.deps[token] == "poss":
            yield from self._read_possessive(token)
        if self.parsed.deps[token] == "prep" and self._is_about_name_before(token):
            mention = self.mention_at[token - 1]
            yield from self._read_preposition(mention, self.spans[mention].type, token)
        for child in self.parsed.children[token]:
            if self.parsed.deps[child] == "prep":
                mention = self.find_mention(token)
                if mention >= 0:
                    yield from self._read_preposition(mention, self.spans[mention].type, child)

    def _read_preposition(self, mention: int, kind: str, preposition: int) -> Iterator[Statement]:
        """Yield what a preposition says of the name before it.

        For example: "Giulia Marchetti of the Veneto Review", "a method of the Reader class".
        """
        word = self.parsed.lowers[preposition]
        if kind in _TYPES_BEFORE_PREPOSITIONS:
            for target, _ in self.find_prepositional_objects(preposition):
                relation = _RELATIONS_AFTER_NAMES.get((kind, word, self.spans[target].type))
                if relation:
                    yield mention, relation, target, _PART_RULE
        elif kind in _CONTAINER_TYPES and word in {"in", "of", "from"}:
            yield from (
                (mention, "part_of", container, _PART_RULE)
                for container in self._find_containers(preposition)
                if self.spans[container].type in _CONTAINER_TYPES[kind]
            )

    def _is_about_name_before(self, preposition: int) -> bool:
        """Return whether the parser took what follows a name for a part of what is before it.

        For example: "sold it to Ada Holm from Oslo", "the owner of Acme in Oslo".
        """
        if preposition == 0:
            return False
        mention, head = self.mention_at[preposition - 1], self.parsed.heads[preposition]
        if mention < 0 or self.mention_at[head] == mention:
            return False
        word, kind = self.parsed.lowers[preposition], self.spans[mention].type
        if kind == "person":
            name = self.find_head(mention)
            return (
                word == "from"
                and self.parsed.deps[name] == "pobj"
                and self.parsed.lowers[self.parsed.heads[name]] in {"to", "with", "by"}
            )
        noun = self.parsed.lowers[head]
        is_role = noun in _ROLES or get_noun_relation(noun, "of") in _RELATIONS_OF_HEADS
        return kind == "organization" and word in {"in", "near"} and is_role

    def _read_larger_place(self, token: int) -> Iterator[Statement]:
        """Yield where a place is: "Leeds, England"."""
        place, larger = self.mention_at[self.parsed.heads[token]], self.mention_at[token]
        if (
            place >= 0
            and larger >= 0
            and self.spans[place].type == self.spans[larger].type == "location"
            and self.parsed.lowers[token - 1] == ","
        ):
            yield place, "located_in", larger, _APPOSITION_RULE

    def _read_possessive(self, token: int) -> Iterator[Statement]:
        """Yield how a person or organization relates to its owner: "her neighbour Tomas Leal"."""
        noun = self.parsed.heads[token]
        word = self.parsed.lowers[token]
        if word in {"his", "her", "its"}:
            owners = [self.find_antecedent(token, is_person=word != "its")]
        else:
            owners = self.find_mentions(token)
        for name, role in self._find_named_roles(token, noun):
            for owner in owners:
                kind = self.get_relation(role, "of", owner) if owner >= 0 else None
                if kind is None or not self.is_plausible(name, kind, owner):
                    continue
                ends = (owner, name) if kind in SYMMETRIC_RELATIONS else (name, owner)
                yield ends[0], kind, ends[1], POSSESSIVE_RULE

    def _find_named_roles(self, owner: int, noun: int) -> Iterator[tuple[int, int]]:
        """Yield the names and the nouns for them in a phrase with an owner.

        The noun may be the head ("her neighbour, Tomas Leal") or depend on the name.
        """
        for child in self.parsed.children[noun]:
            if self.parsed.deps[child] not in _NAMING_LABELS or child < owner:
                continue
            if self.mention_at[noun] < 0 or self.spans[self.mention_at[noun]].type == "concept":
                name, role = self.mention_at[child], noun
            else:
                name, role = self.mention_at[noun], child
            if name >= 0 and self.spans[name].type in {"person", "organization"}:
                yield name, role

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
