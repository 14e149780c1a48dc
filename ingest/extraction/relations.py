"""Relations between two entities of a sentence, from the dependency parse or from co-occurrence."""

import re
from collections.abc import Iterator
from itertools import combinations

from mcp_context_persistence.ingest.extraction.clauses import CLAUSE_RULE, PRONOUN_RULE
from mcp_context_persistence.ingest.extraction.cooccurrence_scores import is_doubtful
from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NEGATIONS,
    SOFTWARE_TYPES,
    SUBJECT_LABELS,
)
from mcp_context_persistence.ingest.extraction.modality import Stance
from mcp_context_persistence.ingest.extraction.modality_words import FORMS_OF_BE
from mcp_context_persistence.ingest.extraction.name_layouts import find_layout_relations
from mcp_context_persistence.ingest.extraction.noun_relations import DESCRIPTION_RULES, Statement
from mcp_context_persistence.ingest.extraction.relation_verbs import (
    find_lemma,
    get_verb_relation,
)
from mcp_context_persistence.ingest.extraction.results import (
    ASSERTED,
    EntityCandidate,
    ParsedText,
    RelationCandidate,
)
from mcp_context_persistence.ingest.extraction.verb_phrases import VerbPhraseReader

_PASSIVE_RULE = "parse:passive"
_PURPOSE_RULE = "parse:purpose"
_SURFACE_RULE = "parse:surface"
_UNTYPED_RULE = "parse:untyped"
COOCCURRENCE_RULE = "together"
_COOCCURRENCES_PER_SENTENCE = 10
_COMMAND_LINE = re.compile(r"^[ \t]*(?:\$|%|>>>) .*$", re.MULTILINE)
SENTENCE_TOKENS = 200  # A longer one is a list or data, and its parse is meaningless.

# What "was" states is over: "was the head of Acme". Unlike this, founding Acme is an event.
_STATES = frozenset(
    {
        *("capital_of", "customer_of", "knows", "leads", "manages", "marries", "member_of"),
        *("owns", "part_of", "studies_at", "works_for", "works_with"),
    }
)
_VERBS_OF_USE = frozenset(
    {"use", "utilize", "utilise", "leverage", "adopt", "choose", "employ", "need", "recommend"}
)
_NAMED = frozenset({"called", "named", "appointed", "elected"})
# "Ada joined the Chess Club" is no job.
_CLUB = re.compile(
    r"\b(?:Club|Choir|Society|Association|Union|Party|Band|Orchestra|Church|Meetup|Gym|League)$"
)
_LOCATION_PREPOSITIONS = frozenset({"in", "at", "near"})
_WORDS_BETWEEN_OBJECTS = frozenset({"and", ",", "or", "the", "a", "an", "its", "all"})


def find_relations(parsed: ParsedText, spans: list[EntityCandidate]) -> list[RelationCandidate]:
    """Return the relations of a text, sentence by sentence.

    In each sentence, those of the parse come first, then the co-occurrences. What is denied,
    planned, asked and so on has another modality than `asserted`, and makes no co-occurrence.

    Args:
        parsed: The text.
        spans: Its mentions, in order and without overlaps.
    """
    if len(spans) < 2:
        return []
    commands = [match.span() for match in _COMMAND_LINE.finditer(parsed.text)]
    if commands:
        # A command is no part of the sentence that the parser makes of it and of its output.
        return [
            relation
            for relation in _read_relations(parsed, spans)
            if not any(
                start <= spans[end].start < stop
                for start, stop in commands
                for end in (relation.source, relation.target)
            )
        ]
    return _read_relations(parsed, spans)


def _read_relations(parsed: ParsedText, spans: list[EntityCandidate]) -> list[RelationCandidate]:
    reader = RelationReader(parsed, spans)
    relations: list[RelationCandidate] = []
    layouts = find_layout_relations(parsed, spans, reader.mention_at)
    for sentence, (first, end) in enumerate(parsed.sentences):
        if end - first <= SENTENCE_TOKENS and any(
            mention >= 0 for mention in reader.mention_at[first:end]
        ):
            statements = reader.read_sentence(sentence, first, end)
            statements += layouts.get(sentence, [])
            relations += statements
            relations += reader.find_cooccurrences(sentence, first, end, statements)
            reader.remember_subjects(first, end, statements)
    return relations


class RelationReader(VerbPhraseReader):
    """Reads the sentences of one text, in order."""

    def read_sentence(self, sentence: int, first: int, end: int) -> list[RelationCandidate]:
        """Return the relations that the parse of a sentence states, each once."""
        relations: dict[tuple[int, str, int, str], RelationCandidate] = {}
        for token in range(first, end):
            predicate = token
            if token in self.hidden_verbs:
                statements = self._read_misparsed_clause(token, first, end)
            elif self.is_verb(token):
                statements = self._read_verb(token)
            elif self.parsed.lowers[token] == "for":
                predicate = self._find_verb_of_use(first, token)
                statements = self._read_purpose(token, predicate)
            else:
                statements = self.read_noun(token)
            for source, kind, target, rule in statements:
                if source != target:
                    stance = self.assess(predicate, source, kind, target, rule)
                    relations.setdefault(
                        (source, kind, target, stance.modality),
                        RelationCandidate(source, kind, target, rule, sentence, *stance),
                    )
        return list(relations.values())

    def assess(self, predicate: int, source: int, kind: str, target: int, rule: str) -> Stance:
        """Return how a statement is meant.

        A description such as "Redis, a cache" is true whatever the sentence says about it, and so
        is what a tool is used for: "Use pandas for data analysis".
        """
        if rule in DESCRIPTION_RULES:
            return self.modality.assess_description(self.find_head(target))
        ends = [self.find_head(target)]
        if rule != PRONOUN_RULE:
            ends.append(self.find_head(source))
        stance = self.modality.assess(predicate, ends)
        if kind == "related_to" and stance.modality == ASSERTED:
            return self.modality.assess_object(predicate)
        if rule == _PURPOSE_RULE and stance == Stance("requested"):
            return Stance()
        if kind in _STATES and stance == Stance() and self.modality.is_past_copula(predicate):
            return Stance("past")
        return stance

    def _read_verb(self, verb: int) -> Iterator[Statement]:
        subjects, rule = self.find_subjects(verb)
        lemma = find_lemma(self.parsed.lowers[verb])
        is_passive = self._is_passive(verb)
        if lemma in FORMS_OF_BE or (is_passive and self.parsed.lowers[verb] in _NAMED):
            yield from self._read_copula(verb, subjects, rule)
            return
        phrases = list(self.read_phrase(verb, subjects))
        yield from phrases
        # These stand in a closer relation than that of the subject to its object.
        targets = [target for _, kind, target, _ in phrases if kind in {"organizes", "uses"}]
        targets += [end for phrase in phrases if phrase[1] == "replaces" for end in phrase[::2]]
        objects = list(self.find_objects(verb))
        direct_objects = [target for target, preposition in objects if not preposition]
        for target, preposition in objects:
            if target in targets:
                continue
            kind = get_verb_relation(lemma, preposition)
            # The object is what is stored or written there, or takes place there, not the subject.
            is_stored_object = not is_passive and kind in {"stored_in", "written_in"}
            if kind == "occurs_in" and direct_objects and not is_passive:
                continue
            yield from self.read_clause(
                lemma,
                preposition,
                direct_objects if is_stored_object else subjects,
                target,
                _PASSIVE_RULE if is_passive else rule,
            )
        if is_passive:
            for agent in self.find_agents(verb):
                if get_verb_relation(lemma, "by"):
                    yield from self.read_clause(lemma, "by", subjects, agent, _PASSIVE_RULE)
                    continue
                for patient in subjects:
                    yield from self.read_clause(lemma, "", [agent], patient, _PASSIVE_RULE)

    def _is_passive(self, verb: int) -> bool:
        is_participle = self.parsed.tags[verb] == "VBN" and self.parsed.deps[verb] == "acl"
        return is_participle or any(
            self.parsed.deps[child] in {"auxpass", "nsubjpass"}
            for child in self.parsed.children[verb]
        )

    def read_clause(
        self, lemma: str, preposition: str, subjects: list[int], target: int, rule: str
    ) -> Iterator[Statement]:
        """Yield the relations of a verb, or of a verb and a preposition, to a mention."""
        kind = get_verb_relation(lemma, preposition)
        if kind is None:
            if preposition:
                return
            kind, rule = "related_to", _UNTYPED_RULE
        if lemma == "join" and _CLUB.search(self.get_text(target)):
            kind = "member_of"
        if (kind, preposition) == ("uses", "with") and self.spans[target].type == "person":
            kind = "works_with"
        for subject in subjects:
            if self.is_plausible(subject, kind, target):
                yield subject, kind, target, rule

    def get_text(self, mention: int) -> str:
        """Return the words of a mention."""
        return self.parsed.text[self.spans[mention].start : self.spans[mention].end]

    def _read_copula(self, verb: int, subjects: list[int], rule: str) -> Iterator[Statement]:
        for child in self.parsed.children[verb]:
            if self.parsed.deps[child] in {"attr", "oprd"}:  # "is Ines Holm", "is called Ines"
                for subject in subjects:
                    yield from self.read_description(subject, child, rule)
                yield from self._read_named_role(verb, child)
            elif self.parsed.deps[child] == "prep":
                for target, preposition in self.find_prepositional_objects(child):
                    if (
                        preposition in _LOCATION_PREPOSITIONS
                        and self.spans[target].type == "location"
                    ):
                        yield from (
                            (subject, "located_in", target, rule)
                            for subject in subjects
                            if self.spans[subject].type != "concept"
                        )
            elif self.parsed.deps[child] == "acomp":
                lemma = find_lemma(self.parsed.lowers[child])
                if lemma != self.parsed.lowers[child]:  # "is married to"
                    for target, preposition in self.find_objects(child):
                        yield from self.read_clause(lemma, preposition, subjects, target, rule)

    def _read_named_role(self, verb: int, attribute: int) -> Iterator[Statement]:
        """Yield what "the capital of Norway is Oslo" states."""
        names = [m for m in self.find_mentions(attribute) if self.spans[m].type != "concept"]
        for child in self.parsed.children[verb]:
            if self.parsed.deps[child] in SUBJECT_LABELS:
                for name in names:
                    yield from self.read_description(name, child, CLAUSE_RULE)

    def _read_purpose(self, token: int, verb: int) -> Iterator[Statement]:
        """Yield what a tool is used for.

        For example: "uses pandas for data manipulation and numpy for plots".

        Args:
            token: Index of the word "for".
            verb: The verb of use before it, or -1.
        """
        tool = self.mention_at[token - 1] if 0 <= verb < token else -1
        if tool < 0 or self.spans[tool].type not in SOFTWARE_TYPES:
            return
        purpose = next(
            (
                i
                for i in range(token + 1, min(token + 4, len(self.mention_at)))
                if self.mention_at[i] >= 0
            ),
            -1,
        )
        while (
            0 <= purpose < len(self.mention_at) - 1
            and self.mention_at[purpose + 1] == self.mention_at[purpose]
        ):
            purpose += 1
        for conjunct in self.find_conjuncts(purpose) if purpose >= 0 else ():
            mention = self.mention_at[conjunct]
            if mention >= 0 and self.spans[mention].type == "concept":
                yield tool, "used_for", mention, _PURPOSE_RULE

    def _find_verb_of_use(self, first: int, token: int) -> int:
        """Return the last verb of use between two tokens, or -1."""
        return next(
            (
                i
                for i in range(token - 1, first - 1, -1)
                if find_lemma(self.parsed.lowers[i]) in _VERBS_OF_USE
                and (i == first or self.parsed.tags[i].startswith("VB"))
            ),
            -1,
        )

    def _read_misparsed_clause(self, verb: int, first: int, end: int) -> Iterator[Statement]:
        """Yield the statements of a clause that the parser took for one long noun phrase.

        For example: "the parser module handles data and cleanup".
        """
        following = verb + 1
        preposition = ""
        if self.parsed.tags[following] in {"IN", "TO"}:
            preposition = self.parsed.lowers[following]
            following += 1
        kind = get_verb_relation(find_lemma(self.parsed.lowers[verb]), preposition)
        subject = self._find_misparsed_subject(verb, first)
        if kind is None or subject < 0:
            return
        for token in range(following, end):
            target = self.mention_at[token]
            if target >= 0 and self.is_plausible(subject, kind, target):
                yield subject, kind, target, _SURFACE_RULE
            elif self.parsed.lowers[token] not in _WORDS_BETWEEN_OBJECTS:
                return

    def _find_misparsed_subject(self, verb: int, first: int) -> int:
        """Return the name before the verb, or -1.

        It is the first name in "the X class in the Y module".
        """
        subject = self.find_closest_mention(verb)
        begin = verb
        if subject >= 0:
            begin = next(
                (token for token in range(first, verb) if self.mention_at[token] == subject), verb
            )
        previous = begin - 1
        while previous > first and self.parsed.lowers[previous] in {"the", "a", "our"}:
            previous -= 1
        if previous > first and self.parsed.lowers[previous] in {"in", "of", "from"}:
            contained = self.find_closest_mention(previous)
            subject = contained if contained >= 0 else subject
        return subject

    def find_cooccurrences(
        self, sentence: int, first: int, end: int, relations: list[RelationCandidate]
    ) -> Iterator[RelationCandidate]:
        """Yield pairs of names in a sentence that no relation connects.

        A sentence with a negation has none, and so have names in what is probably no fact.
        """
        if any(word in NEGATIONS for word in self.parsed.lowers[first:end]):
            return
        mentions = list(
            dict.fromkeys(
                mention
                for mention in self.mention_at[first:end]
                if mention >= 0 and self.spans[mention].type != "concept"
            )
        )
        names = {
            mention: self.parsed.text[
                self.spans[mention].start : self.spans[mention].end
            ].casefold()
            for mention in mentions
        }
        connected = {
            frozenset((names.get(relation.source), names.get(relation.target)))
            for relation in relations
        }
        mentions = [
            mention for mention in mentions if self.modality.is_in_fact(self.find_head(mention))
        ]
        # Two on each side: where the parser ends a sentence inside a name, the name is in two.
        sentences = self.parsed.list_sentences(max(0, sentence - 2), sentence + 3)
        count = 0
        for source, target in combinations(mentions, 2):
            pair = frozenset((names[source], names[target]))
            if len(pair) == 2 and pair not in connected:
                connected.add(pair)
                ends = ((self.spans[end].start, self.spans[end].end) for end in (source, target))
                if is_doubtful(self.parsed.text, sentences, *ends):
                    continue
                yield RelationCandidate(source, "related_to", target, COOCCURRENCE_RULE, sentence)
                count += 1
                if count == _COOCCURRENCES_PER_SENTENCE:
                    return
