"""Relations between two entities of a sentence, from the dependency parse or from co-occurrence."""

from collections.abc import Iterator
from itertools import combinations

from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NEGATIONS,
    PRONOUN_RULE,
    SOFTWARE_TYPES,
    DependencyGrammar,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import (
    find_lemma,
    get_noun_relation,
    get_verb_relation,
    inflect_verbs,
)
from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    ParsedText,
    RelationCandidate,
)

# Source, type, target and rule. Source and target are indexes in the list of mentions.
_Statement = tuple[int, str, int, str]

_PASSIVE_RULE = "parse:passive"
_APPOSITION_RULE = "parse:apposition"
_PURPOSE_RULE = "parse:purpose"
_PART_RULE = "parse:part"
_SURFACE_RULE = "parse:surface"
_UNTYPED_RULE = "parse:untyped"
_COOCCURRENCE_RULE = "together"
_COOCCURRENCES_PER_SENTENCE = 10
_SENTENCE_TOKENS = 200  # A longer one is a list or data, and its parse is meaningless.

_FORMS_OF_BE = frozenset({"be", "is", "are", "was", "were", "'s", "’s", "being", "been"})
_VERBS_OF_USE = frozenset(
    {"use", "utilize", "utilise", "leverage", "adopt", "choose", "employ", "need", "recommend"}
)
_VERBS_OF_HAVING = inflect_verbs(frozenset({"keep", "have"}))
_OFFICES = frozenset({"office", "offices", "headquarters", "seat", "base"})
_PARENTS = frozenset({"company", "organization", "organisation", "firm", "group"})
_LOCATION_RELATIONS = frozenset({"located_in", "lives_in", "moves_to", "comes_from", "visits"})
_LOCATION_PREPOSITIONS = frozenset({"in", "at", "near"})
_WORDS_BETWEEN_OBJECTS = frozenset({"and", ",", "or", "the", "a", "an", "its", "all"})
_CONTAINER_TYPES = {
    "function": {"class", "module", "file", "library"},
    "class": {"module", "file", "library"},
    "module": {"library", "project"},
    "file": {"project"},
}


def find_relations(parsed: ParsedText, spans: list[EntityCandidate]) -> list[RelationCandidate]:
    """Return the relations of a text, sentence by sentence.

    In each sentence, those of the parse come first, then the co-occurrences. Questions state
    nothing, and neither does what is denied, doubted or hypothetical.

    Args:
        parsed: The text.
        spans: Its mentions, in order and without overlaps.
    """
    if len(spans) < 2:
        return []
    reader = _RelationReader(parsed, spans)
    relations: list[RelationCandidate] = []
    for sentence, (first, end) in enumerate(parsed.sentences):
        if end - first <= _SENTENCE_TOKENS and any(
            mention >= 0 for mention in reader.mention_at[first:end]
        ):
            if parsed.words[end - 1] != "?":
                statements = reader.read_sentence(sentence, first, end)
                relations += statements
                relations += reader.find_cooccurrences(sentence, first, end, statements)
            reader.remember_subjects(first, end)
    return relations


class _RelationReader(DependencyGrammar):
    """Reads the sentences of one text, in order."""

    def read_sentence(self, sentence: int, first: int, end: int) -> list[RelationCandidate]:
        """Return the relations that the parse of a sentence states, each once."""
        relations: dict[tuple[int, str, int], RelationCandidate] = {}
        for token in range(first, end):
            if token in self.hidden_verbs:
                statements = self._read_misparsed_clause(token, first, end)
            elif self.is_verb(token):
                statements = self._read_verb(token)
            elif self.parsed.lowers[token] == "for":
                statements = self._read_purpose(token, first)
            else:
                statements = self._read_noun(token)
            for source, kind, target, rule in statements:
                if source != target:
                    relations.setdefault(
                        (source, kind, target),
                        RelationCandidate(source, kind, target, rule, sentence),
                    )
        return list(relations.values())

    def _read_verb(self, verb: int) -> Iterator[_Statement]:
        if self.is_denied(verb):
            return
        subjects, rule = self.find_subjects(verb)
        lemma = find_lemma(self.parsed.lowers[verb])
        if lemma in _FORMS_OF_BE:
            yield from self._read_copula(verb, subjects, rule)
            return
        if self.parsed.lowers[verb] in _VERBS_OF_HAVING:
            office_locations = list(self._read_office_location(verb, subjects, rule))
            if office_locations:
                yield from office_locations
                return
        is_passive = any(
            self.parsed.deps[child] in {"auxpass", "nsubjpass"}
            for child in self.parsed.children[verb]
        )
        is_passive = is_passive or (
            self.parsed.tags[verb] == "VBN" and self.parsed.deps[verb] == "acl"
        )
        objects = list(self.find_objects(verb))
        direct_objects = [target for target, preposition in objects if not preposition]
        for target, preposition in objects:
            # The object is what is stored there, not the subject.
            is_stored_object = (
                not is_passive and get_verb_relation(lemma, preposition) == "stored_in"
            )
            yield from self._read_clause(
                lemma,
                preposition,
                direct_objects if is_stored_object else subjects,
                target,
                _PASSIVE_RULE if is_passive else rule,
            )
        if is_passive:
            for agent in self.find_agents(verb):
                for patient in subjects:
                    yield from self._read_clause(lemma, "", [agent], patient, _PASSIVE_RULE)

    def _read_office_location(
        self, verb: int, subjects: list[int], rule: str
    ) -> Iterator[_Statement]:
        """Yield where an organization has its office: "keeps its head office in Lisbon"."""
        for office in self.parsed.children[verb]:
            if (
                self.parsed.deps[office] != "dobj"
                or self.parsed.lowers[office] not in _OFFICES
                or self.is_negated_noun(office)
            ):
                continue
            for preposition in (*self.parsed.children[verb], *self.parsed.children[office]):
                if (
                    self.parsed.deps[preposition] != "prep"
                    or self.parsed.lowers[preposition] not in _LOCATION_PREPOSITIONS
                ):
                    continue
                for location, _ in self.find_prepositional_objects(preposition):
                    if self.spans[location].type == "location":
                        yield from (
                            (subject, "located_in", location, rule)
                            for subject in subjects
                            if self.spans[subject].type == "organization"
                        )

    def _read_clause(
        self, lemma: str, preposition: str, subjects: list[int], target: int, rule: str
    ) -> Iterator[_Statement]:
        kind = get_verb_relation(lemma, preposition)
        if kind is None:
            if preposition:
                return
            kind, rule = "related_to", _UNTYPED_RULE
        for subject in subjects:
            if self._is_plausible(subject, kind, target):
                yield subject, kind, target, rule

    def _is_plausible(self, subject: int, kind: str, target: int) -> bool:
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

    def _read_copula(self, verb: int, subjects: list[int], rule: str) -> Iterator[_Statement]:
        for child in self.parsed.children[verb]:
            if self.parsed.deps[child] == "attr" and not self.is_negated_noun(child):
                for subject in subjects:
                    yield from self._read_description(subject, child, rule)
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

    def _read_description(self, subject: int, noun: int, rule: str) -> Iterator[_Statement]:
        """Yield what "X is a NOUN of Y" or "X, a NOUN for Y" states."""
        for child in self.parsed.children[noun]:
            if self.parsed.deps[child] == "prep":
                for target, preposition in self.find_prepositional_objects(child):
                    kind = get_noun_relation(self.parsed.lowers[noun], preposition)
                    if kind is not None and self._is_plausible(subject, kind, target):
                        yield subject, kind, target, rule

    def _read_noun(self, token: int) -> Iterator[_Statement]:
        if self.parsed.deps[token] == "appos":
            for subject in self.find_mentions(self.parsed.heads[token])[:1]:
                yield from self._read_description(subject, token, _APPOSITION_RULE)
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

    def _read_parent_organization(self, token: int) -> Iterator[_Statement]:
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

    def _read_purpose(self, token: int, first: int) -> Iterator[_Statement]:
        """Yield what a tool is used for.

        For example: "uses pandas for data manipulation and numpy for plots".

        Args:
            token: Index of the word "for".
            first: Index of the sentence's first token.
        """
        tool = self.mention_at[token - 1] if token > first else -1
        if (
            tool < 0
            or self.spans[tool].type not in SOFTWARE_TYPES
            or not self._follows_verb_of_use(first, token)
        ):
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

    def _follows_verb_of_use(self, first: int, token: int) -> bool:
        """Return whether a verb of use comes before the token, and the last one is not denied."""
        for i in range(token - 1, first - 1, -1):
            if find_lemma(self.parsed.lowers[i]) in _VERBS_OF_USE and (
                i == first or self.parsed.tags[i].startswith("VB")
            ):
                return not self.is_denied(i)
        return False

    def _read_misparsed_clause(self, verb: int, first: int, end: int) -> Iterator[_Statement]:
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
        if (
            kind is None
            or subject < 0
            or any(word in NEGATIONS for word in self.parsed.lowers[first:verb])
        ):
            return
        for token in range(following, end):
            target = self.mention_at[token]
            if target >= 0 and self._is_plausible(subject, kind, target):
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

        A sentence with a negation has none.
        """
        if any(word in NEGATIONS for word in self.parsed.lowers[first:end]):
            return
        mentions = dict.fromkeys(
            mention
            for mention in self.mention_at[first:end]
            if mention >= 0 and self.spans[mention].type != "concept"
        )
        names = {
            mention: self.parsed.text[self.spans[mention].start : self.spans[mention].end]
            for mention in mentions
        }
        connected = {
            frozenset((names.get(relation.source), names.get(relation.target)))
            for relation in relations
        }
        count = 0
        for source, target in combinations(mentions, 2):
            pair = frozenset((names[source], names[target]))
            if len(pair) == 2 and pair not in connected:
                connected.add(pair)
                yield RelationCandidate(source, "related_to", target, _COOCCURRENCE_RULE, sentence)
                count += 1
                if count == _COOCCURRENCES_PER_SENTENCE:
                    return
