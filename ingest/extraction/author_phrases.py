"""What phrases around the author state: "my twins Ada and Finn", "she put me on sertraline"."""

from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.author_clauses import (
    DRUG,
    FORMS_OF_I,
    POSSESSIVES,
    AuthorClauseReader,
)
from mcp_context_persistence.ingest.extraction.clauses import CLAUSE_RULE
from mcp_context_persistence.ingest.extraction.modality import Stance
from mcp_context_persistence.ingest.extraction.noun_relations import POSSESSIVE_RULE
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.results import (
    ASSERTED,
    ParsedText,
    RelationCandidate,
)

FAMILY = frozenset(
    {"twin", "kid", "child", "children", "son", "daughter", "brother", "sister", "cousin", "niece"}
) | {"nephew", "grandson", "granddaughter", "grandchildren", "stepson", "stepdaughter"}
_WORDS_BEFORE_NAMES = frozenset({"are", "called", "named"})
_VERBS_OF_TREATMENT = inflect_verbs(frozenset({"put", "start", "keep"}))


def is_on_drug(parsed: ParsedText, token: int) -> bool:
    """Return whether it is the word in "I'm on metformin"."""
    return parsed.lowers[token] == "on" and any(
        DRUG.fullmatch(parsed.lowers[child]) for child in parsed.children[token]
    )


def is_put_on_drug(parsed: ParsedText, token: int) -> bool:
    """Return whether it is the object in "she put me on sertraline"."""
    verb = parsed.heads[token]
    return parsed.lowers[verb] in _VERBS_OF_TREATMENT and any(
        is_on_drug(parsed, child) for child in parsed.children[verb]
    )


class AuthorPhraseReader(AuthorClauseReader):
    """Reads phrases about the author of one text."""

    def find_names_of_relatives(self, token: int) -> Iterator[int]:
        """Yield the names in "my twins Ada and Finn", "our sons are called Ada and Finn"."""
        noun = self.parsed.heads[token]
        if (
            self.parsed.words[token] not in POSSESSIVES
            or self.parsed.tags[noun] != "NNS"
            or self.parsed.lowers[noun].removesuffix("s") not in FAMILY
        ):
            return
        name = noun + 1
        while not _WORDS_BEFORE_NAMES.isdisjoint(self.parsed.lowers[name : name + 1]):
            name += 1
        if self.parsed.deps[name + 1 : name + 2] == ["appos"] and self.parsed.words[name] == ",":
            name += 1
        while name < len(self.parsed.words) and self.parsed.tags[name] == "NNP":
            yield name
            name += 1
            while self.parsed.lowers[name : name + 1] in ([","], ["and"], ["&"]):
                name += 1

    def read_plural_relatives(self, token: int, sentence: int) -> Iterator[RelationCandidate]:
        """Yield how the people in "my twins Ada and Finn" relate to the author."""
        author, noun = self.mention_at[token], self.parsed.heads[token]
        for name in self.find_names_of_relatives(token):
            person = self.mention_at[name]
            if author in self.authors and person >= 0 and self.spans[person].type == "person":
                is_called = self.parsed.lowers[noun + 1] in _WORDS_BEFORE_NAMES
                rule = CLAUSE_RULE if is_called else POSSESSIVE_RULE
                ends = (person, "family_of", author, rule)
                stance = self.assess(self.parsed.heads[noun], *ends)
                yield RelationCandidate(*ends, sentence, *stance)

    def find_drugs(self, token: int) -> Iterator[int]:
        """Yield the drugs in "she put me on sertraline"."""
        if self.parsed.words[token] == "me" and is_put_on_drug(self.parsed, token):
            for child in self.parsed.children[self.parsed.heads[token]]:
                for noun in (
                    self.parsed.children[child] if self.parsed.lowers[child] == "on" else ()
                ):
                    yield from self.find_conjuncts(noun)

    def read_treatment(self, token: int, sentence: int) -> Iterator[RelationCandidate]:
        """Yield what the author takes in "she put me on sertraline"."""
        for drug in self.find_drugs(token):
            ends = (self.mention_at[token], "takes", self.mention_at[drug])
            if min(ends[0], ends[2]) >= 0:
                stance = self.assess(self.parsed.heads[token], *ends, CLAUSE_RULE)
                yield RelationCandidate(*ends, CLAUSE_RULE, sentence, *stance)

    def assess(self, predicate: int, source: int, kind: str, target: int, rule: str) -> Stance:
        """Return how a statement is meant; "as somebody who works for Acme" describes the author.

        Elsewhere "somebody who works for Acme" may be nobody.
        """
        if self.find_described_author(predicate):
            level = self.modality.read_level(predicate)
            return Stance(level.modality or ("denied" if level.is_negative else ASSERTED))
        return super().assess(predicate, source, kind, target, rule)

    def find_described_author(self, verb: int) -> list[int]:
        """Return the author in "as somebody who works for Acme, I think", else nothing."""
        noun = self.parsed.heads[verb]
        preposition = self.parsed.heads[noun]
        main = self.parsed.heads[preposition]
        if self.parsed.deps[verb] != "relcl" or self.parsed.lowers[preposition] != "as":
            return []
        subject = self.modality.find_subject(main)
        is_own = preposition < verb < subject and self.parsed.words[subject] in FORMS_OF_I
        return [self.mention_at[subject]] if is_own else []
