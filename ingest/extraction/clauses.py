"""The subjects and objects of verbs, and what follows prepositions."""

from collections.abc import Iterator
from functools import cache

from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    SOFTWARE_TYPES,
    SUBJECT_LABELS,
)
from mcp_context_persistence.ingest.extraction.modality_words import get_modalities
from mcp_context_persistence.ingest.extraction.modality_words import (
    get_words as get_modality_words,
)
from mcp_context_persistence.ingest.extraction.references import (
    PERSONAL_PRONOUNS,
    ReferenceReader,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import (
    find_lemma,
    get_verb_relation,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_words

CLAUSE_RULE, PRONOUN_RULE = "parse:clause", "parse:pronoun"
# Nouns whose complement is the real object: "on the board of the trust" is about the trust.
_PASS_THROUGH_NOUNS = get_words("pass_through_nouns")
_RELATIVE_PRONOUNS = frozenset({"that", "which", "who"})
_PREPOSITIONS_OF_WHOLES = frozenset({"of", "at"})
LOCATION_PREPOSITIONS = frozenset({"in", "at", "near", "outside"})
# A verb with one of these labels may share the subject of its head.
_SUBJECT_SHARING = frozenset({"conj", "xcomp", "advcl", "pcomp"})

_LABELS_OF_CLAUSES = frozenset({*SUBJECT_LABELS, "aux", "auxpass", "dobj"})
_ADVERBIAL_LABELS = frozenset({"advmod", "dep", "intj", "npadvmod"})
_SUBJECT_TYPES = SOFTWARE_TYPES | {"organization", "person", "product"}


@cache
def _list_attitudes() -> frozenset[str]:
    """Return the adjectives whose infinitive has their subject: "is happy to live in Oslo"."""
    return get_modality_words("glad") | get_modalities("adjectives").keys()


class ClauseReader(ReferenceReader):
    """Finds what the verbs of one text are about."""

    def find_subjects(self, verb: int) -> tuple[list[int], str]:
        """Return the mentions that are the verb's own or shared subject, and the rule."""
        visited: set[int] = set()
        while verb not in visited:
            visited.add(verb)
            described_name = self._find_name_before(verb)
            if described_name >= 0:
                return [described_name], CLAUSE_RULE
            subjects = [
                child
                for child in self.parsed.children[verb]
                if self.parsed.deps[child] in SUBJECT_LABELS
            ]
            for subject in subjects:  # Two of them are a noun and its name: "the test `test_io`".
                mentions, rule = self._resolve_subject(subject, verb)
                if subject == subjects[-1] or any(self.is_name(mention) for mention in mentions):
                    return mentions, rule
            head, dep = self.parsed.heads[verb], self.parsed.deps[verb]
            if dep in {"acl", "relcl"}:
                agents = self._find_agents_of_infinitive(verb, head)
                return agents or self._find_described(head), CLAUSE_RULE
            opening = self._find_opening_name(verb)
            if opening >= 0:
                return [opening], CLAUSE_RULE
            is_attitude = dep == "acomp" and self.parsed.lowers[verb] in _list_attitudes()
            if not (dep in _SUBJECT_SHARING or is_attitude) or head == verb:
                break
            verb = head
            while self.parsed.deps[verb] in {"prep", "advmod"} and self.parsed.tags[verb][0] != "V":
                verb = self.parsed.heads[verb]
        return [], CLAUSE_RULE

    def _find_name_before(self, verb: int) -> int:
        """Return the name that a participle after a comma describes, or -1.

        For example: "sends it to Tesoro, written in Elixir".
        """
        if verb < 2 or self.parsed.tags[verb] != "VBN" or self.parsed.lowers[verb - 1] != ",":
            return -1
        labels = {self.parsed.deps[child] for child in self.parsed.children[verb]}
        mention = self.mention_at[verb - 2]
        return mention if self.is_name(mention) and labels.isdisjoint(_LABELS_OF_CLAUSES) else -1

    def _find_described(self, noun: int) -> list[int]:
        """Return what a clause after a noun is about: "Acme, a firm based in Oslo"."""
        mentions = self.find_mentions(noun)
        is_name = any(self.spans[mention].type != "concept" for mention in mentions)
        if is_name or self.parsed.deps[noun] != "appos":
            return mentions
        return self.find_mentions(self.parsed.heads[noun])[:1] or mentions

    def _find_agents_of_infinitive(self, verb: int, noun: int) -> list[int]:
        """Return who is to do what a noun is about: "negotiations for Acme to buy Globex"."""
        to = next((i for i in self.parsed.children[verb] if self.parsed.tags[i] == "TO"), 0)
        is_agent = any(
            self.parsed.lowers[child] == "for" and to - 1 in self.parsed.children[child]
            for child in self.parsed.children[noun]
        )
        return self.find_mentions(to - 1) if to > 0 and is_agent else []

    def _find_opening_name(self, verb: int) -> int:
        """Return the name before a verb that the parser took for an adverb, or -1.

        For example: "Prometheus, unlike Graphite, supports Kubernetes".
        """
        if self.parsed.tags[verb] not in {"VBZ", "VBD", "VBP"}:
            return -1
        for child in self.parsed.children[verb]:
            mention = self.mention_at[child]
            if (
                child < verb
                and mention >= 0
                and self.parsed.deps[child] in _ADVERBIAL_LABELS
                and self.spans[mention].type in _SUBJECT_TYPES
            ):
                return mention
        return -1

    def _resolve_subject(self, token: int, verb: int) -> tuple[list[int], str]:
        word = self.parsed.lowers[token]
        if word in _RELATIVE_PRONOUNS and self.parsed.deps[verb] == "relcl":
            return self.find_mentions(self.parsed.heads[verb]), CLAUSE_RULE
        if word in PERSONAL_PRONOUNS or word == "it":
            antecedent = self.find_antecedent(token, is_person=word != "it")
            return ([antecedent] if antecedent >= 0 else []), PRONOUN_RULE
        pair = self.find_pair(token)
        if pair:
            return pair, PRONOUN_RULE
        reference = self.find_reference(token)
        if reference >= 0:
            return [reference], PRONOUN_RULE
        return self.find_mentions(token), CLAUSE_RULE

    def find_objects(self, verb: int) -> Iterator[tuple[int, str]]:
        """Yield the mentions that a verb acts on, each with the preposition before it, if any."""
        for child in self.parsed.children[verb]:
            dep = self.parsed.deps[child]
            is_preposition = self.parsed.tags[child] in {"IN", "TO"}
            if dep in {"dobj", "attr", "oprd"}:
                yield from ((mention, "") for mention in self._find_object_mentions(child))
            elif dep == "prep" or (dep == "dative" and is_preposition):
                yield from self.find_prepositional_objects(child)
                if self.parsed.lowers[child] == "as":  # "works as a nurse at Acme"
                    yield from self._find_objects_of_role(child)

    def _find_object_mentions(self, token: int) -> list[int]:
        word, verb = self.parsed.lowers[token], self.parsed.lowers[self.parsed.heads[token]]
        if word == "it" or word in PERSONAL_PRONOUNS:
            if get_verb_relation(find_lemma(verb)) is None:
                return []
            antecedent = self.find_antecedent_of_object(token, is_person=word != "it")
            return [antecedent] if antecedent >= 0 else []
        return self.find_mentions(token)

    def _find_objects_of_role(self, preposition: int) -> Iterator[tuple[int, str]]:
        for noun in self.parsed.children[preposition]:
            for child in self.parsed.children[noun]:
                if self.parsed.deps[noun] == "pobj" and self.parsed.deps[child] == "prep":
                    yield from self.find_prepositional_objects(child)

    def find_prepositional_objects(self, preposition: int) -> Iterator[tuple[int, str]]:
        """Yield the mentions after a preposition, each with the last preposition before it.

        For "near to", the last preposition is "to"; "out of" stays as it is.
        """
        word = self.parsed.lowers[preposition]
        if word == "of" and self.parsed.lowers[self.parsed.heads[preposition]] == "out":
            word = "out of"
        for child in self.parsed.children[preposition]:
            if self.parsed.deps[child] == "pobj":
                yield from ((mention, word) for mention in self.find_mentions(child))
                yield from ((mention, word) for mention in self._pass_through(child))
            elif self.parsed.deps[child] == "prep" or self._is_joined_preposition(child):
                yield from self.find_prepositional_objects(child)

    def _pass_through(self, noun: int) -> Iterator[int]:
        """Yield what a noun without a name is part of, or where it is.

        For example: "on the board of the trust", "from a warehouse in Hull".
        """
        mention = self.find_mention(noun)
        if mention < 0 and self.parsed.lowers[noun] in _PASS_THROUGH_NOUNS:
            prepositions = _PREPOSITIONS_OF_WHOLES
        elif self.is_premises(noun) and (mention < 0 or self.spans[mention].type == "concept"):
            prepositions = LOCATION_PREPOSITIONS
        else:
            return
        for child in self.parsed.children[noun]:
            if self.parsed.lowers[child] in prepositions:
                yield from (target for target, _ in self.find_prepositional_objects(child))

    def find_locations(self, token: int) -> Iterator[int]:
        """Yield the places after the prepositions of a verb or noun: "a mill near Ghent"."""
        for child in self.parsed.children[token]:
            if (
                self.parsed.deps[child] == "prep"
                and self.parsed.lowers[child] in LOCATION_PREPOSITIONS
            ):
                yield from (
                    mention
                    for mention, _ in self.find_prepositional_objects(child)
                    if self.spans[mention].type == "location"
                )

    def find_recipients(self, verb: int) -> Iterator[int]:
        """Yield the people whom something is given to: "lent her a bike", "lent a bike to Ines"."""
        for child in self.parsed.children[verb]:
            if self.parsed.deps[child] != "dative":
                continue
            if self.parsed.lowers[child] in PERSONAL_PRONOUNS:
                mentions = [self.find_antecedent(child, is_person=True)]
            elif self.parsed.tags[child] in {"IN", "TO"}:
                mentions = [mention for mention, _ in self.find_prepositional_objects(child)]
            else:
                mentions = self.find_mentions(child)
            yield from (
                mention
                for mention in mentions
                if mention >= 0 and self.spans[mention].type not in {"concept", "location"}
            )

    def _is_joined_preposition(self, token: int) -> bool:
        """Return whether a token is the second preposition in "on X and on Y"."""
        return self.parsed.deps[token] == "conj" and self.parsed.tags[token] == "IN"

    def find_agents(self, verb: int) -> Iterator[int]:
        """Yield the mentions after the "by" of a passive verb."""
        for child in self.parsed.children[verb]:
            if self.parsed.deps[child] == "agent" or (
                self.parsed.deps[child] == "prep" and self.parsed.lowers[child] == "by"
            ):
                yield from (mention for mention, _ in self.find_prepositional_objects(child))
