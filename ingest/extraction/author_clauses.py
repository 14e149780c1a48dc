"""What clauses state whose subject is the author of a message, or a person of theirs."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.clauses import CLAUSE_RULE
from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NOUNS_FOR_PEOPLE,
    SUBJECT_LABELS,
)
from mcp_context_persistence.ingest.extraction.modality import Stance
from mcp_context_persistence.ingest.extraction.modality_words import FORMS_OF_BE
from mcp_context_persistence.ingest.extraction.relation_verbs import find_lemma, inflect_verbs
from mcp_context_persistence.ingest.extraction.relations import RelationReader
from mcp_context_persistence.ingest.extraction.results import (
    AUTHOR_RULE,
    RELATIVE_RULE,
    EntityCandidate,
    ParsedText,
    RelationCandidate,
)

FORMS_OF_I = frozenset({"I", "i"})
POSSESSIVES = frozenset({"my", "My", "our", "Our"})
SAME_AS = "same_as"
# Only "I play the cello" and "I'm taking ibuprofen", not "I took it" or "while playing".
_VERBS = {"play": "plays", "prefer": "prefers", "take": "takes"}
# After "I'm": relation, preposition and type of the target, None for any.
STATES: dict[str, tuple[str, str, str | None]] = {
    "allergic": ("allergic_to", "to", None),
    "intolerant": ("intolerant_to", "to", None),
    "based": ("located_in", "in", "location"),
    "born": ("born_in", "in", "location"),
    "engaged": ("engaged_to", "to", "person"),
    "married": ("marries", "to", "person"),
}
JOBS = frozenset({"job", "position", "role", "internship", "apprenticeship", "post", "gig"})
_VERBS_OF_LEAVING = {
    **dict.fromkeys(inflect_verbs(frozenset({"quit", "leave"})), ""),
    **dict.fromkeys(inflect_verbs(frozenset({"resign", "retire"})), "from"),
}
_VERBS_BEFORE_JOBS = inflect_verbs(
    frozenset({"get", "land", "have", "accept", "take", "start", "find", "secure"})
)
DEGREES = frozenset(
    {"degree", "master", "masters", "bachelor", "bachelors", "phd", "doctorate", "mba", "postdoc"}
)
_VERBS_OF_STUDYING = inflect_verbs(frozenset({"study"}))
_VERBS_BEFORE_SUBJECTS = (
    _VERBS_OF_STUDYING
    | inflect_verbs(frozenset({"read", "teach"}))
    | {"do", "does", "did", "doing"}
)
# Not "found", which is mostly a form of "find".
_VERBS_OF_FOUNDING = inflect_verbs(frozenset({"found", "cofound"})) - {"found"}
# Verbs whose object or complement is an organization, also where its name is an unknown word.
_VERBS_WITH_ORGANIZATIONS = {
    **dict.fromkeys(_VERBS_OF_FOUNDING, ("", "founds")),
    **dict.fromkeys(inflect_verbs(frozenset({"work"})), ("for at", "works_for")),
    **dict.fromkeys(inflect_verbs(frozenset({"run"})), ("", "runs")),
    **dict.fromkeys(("started", "starting"), ("at with", "works_for")),
    **dict.fromkeys(("go", "goes", "attend", "attends"), (" to", "studies_at")),
}
_VERBS_WITH_NEW_NAMES = _VERBS_OF_FOUNDING | inflect_verbs(frozenset({"work"}))
_SCHOOL = re.compile(
    r"\b(?:University|Uni|College|School|Academy|Primary|Grammar|High|State|Polytechnic|Institute|"
    r"Kindergarten|Gymnasium|Tech)\b"
)
# International names of drugs by their stems, and what else people are "on".
DRUG = re.compile(
    r"\w+(?:pril|sartan|statins?|formin|olol|azole|azepam|oxetine|traline|pram|thyroxine|dipine|"
    r"mab|cillin|mycin|floxacin|profen|parin|arfarin|gabalin|pentin|phylline|tadine|rizine|"
    r"triptan|gliptin|gliflozin|glutide|solone|sone|cycline|afaxine|piprazole|trigine|prazole|"
    r"xaban|thiazide|semide)|statins|insulin|lithium|methotrexate|antibiotics|steroids|"
    r"antidepressants|antihistamines|aspirin|paracetamol|tylenol|adderall|ritalin|zoloft|prozac|"
    r"ozempic|xanax|lexapro|ssris?"
)
# "I take ibuprofen", but not "I take the bus", "I take your point" or "I take part".
_DETERMINERS = frozenset({"det", "poss"})
_OBJECTS_OF_IDIOMS = frozenset(
    {
        *("part", "care", "place", "time", "notes", "turns", "pictures", "photos", "breaks", "it"),
        *("walks", "classes", "lessons", "courses", "steps", "screenshots", "questions", "calls"),
        *("orders", "leave", "responsibility", "action", "advantage", "over", "issue", "stock"),
    }
)
_TAGS_OF_NAMES = frozenset({"NNP", "NNPS"})
_OPENING_TAGS = frozenset({"UH", "CC", "RB", ",", ":", "."})
_QUESTION_TAGS = frozenset({"MD", "WP", "WRB", "WDT", "WP$"})
_QUESTION_WORDS = frozenset(
    {
        *("do", "does", "did", "is", "are", "was", "were", "has", "have", "any", "anything"),
        *("anyone", "which", "what", "how"),
    }
)
_VERBS_OF_ROLES = frozenset({"act", "roleplay"})  # "Act as if I'm a customer."
_CONJUNCTIONS = frozenset({"so", "and", "but", "or"})
_TAG_QUESTION = re.compile(
    r"\w+(?: n[o'’]t)? (?:i|we|he|she|they)|is (?:that|this) (?:right|correct|true)"
)


class OwnObject(NamedTuple):
    """What a person does or has, by tokens: "I take ibuprofen".

    Attributes:
        verb: The verb.
        kind: The type of the relation.
        noun: The object.
        type: The type of the object where it is no mention yet; empty where it must be one.
        is_over: Whether the clause says that the relation has ended.
    """

    verb: int
    kind: str
    noun: int
    type: str = "concept"
    is_over: bool = False


class AuthorClauseReader(RelationReader):
    """Reads clauses about the author of one text and the people whom they call "my sister".

    Attributes:
        authors: Indexes of the mentions of the author.
        people: These, and those of people without a name.
        named_relatives: Mentions of people such as "my sister Hannah", by the token of the phrase.
        own_subjects: The person by the token that is the subject of a clause.
        facts_before_questions: Relations in sentences that end with a question about another one.
    """

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        """Keep the text."""
        super().__init__(parsed, spans)
        self.authors = self._find_by_rule(AUTHOR_RULE)
        self.people = self.authors | self._find_by_rule(RELATIVE_RULE)
        self.named_relatives = dict(self._find_named_relatives())
        self.own_subjects = dict(self._find_own_subjects())
        self.facts_before_questions = set[tuple[int, str, int]]()

    def _find_by_rule(self, rule: str) -> frozenset[int]:
        return frozenset(index for index, span in enumerate(self.spans) if span.rule == rule)

    def _find_named_relatives(self) -> Iterator[tuple[int, int]]:
        """Yield tokens and mentions of names such as that in "my sister Hannah"."""
        for token, word in enumerate(self.parsed.words):
            if word not in POSSESSIVES or self.parsed.deps[token] != "poss":
                continue
            head = self.parsed.heads[token]
            is_before_name = self.parsed.deps[head] == "compound"
            noun, subject = head, self.parsed.heads[head] if is_before_name else head
            if self.parsed.lowers[noun] not in NOUNS_FOR_PEOPLE:
                continue
            named = [subject, *self.parsed.children[noun]]
            for name in named:
                mention = self.mention_at[name]
                is_name = name == subject or self.parsed.deps[name] == "appos"
                if is_name and mention >= 0 and self.spans[mention].type == "person":
                    if mention not in self.people:
                        yield subject, mention
                    break

    def _find_own_subjects(self) -> Iterator[tuple[int, int]]:
        for token, label in enumerate(self.parsed.deps):
            mention = self.named_relatives.get(token, self.mention_at[token])
            is_author = mention in self.authors
            if label not in SUBJECT_LABELS or (
                is_author and self.parsed.words[token] not in FORMS_OF_I
            ):
                continue
            if mention in self.people or token in self.named_relatives:
                yield token, mention

    def assess(self, predicate: int, source: int, kind: str, target: int, rule: str) -> Stance:
        """Return how a statement is meant; "I live in Leeds, can I vote here?" asks no such thing.

        Authors know where they live, but may ask where somebody else does.
        """
        stance = super().assess(predicate, source, kind, target, rule)
        if stance == Stance("asked") and self._is_before_question(predicate):
            own_modality = self.modality.read_level(predicate).modality  # "I might move"
            stance = Stance() if own_modality in {"", "asked"} else Stance(own_modality)
            self.facts_before_questions.add((source, kind, target))
        first, _ = self.modality.find_sentence(predicate)
        if stance == Stance() and self.parsed.lowers[first] in _VERBS_OF_ROLES:
            return Stance("supposed")
        return stance

    def _is_before_question(self, predicate: int) -> bool:
        """Return whether the sentence begins with the clause and asks something else after it."""
        first, end = self.modality.find_sentence(predicate)
        subject, verb = self.modality.find_subject(predicate), predicate
        while subject < 0 and self.parsed.deps[verb] == "conj":
            verb = self.parsed.heads[verb]
            subject = self.modality.find_subject(verb)
        if not 0 <= subject < verb or subject not in self.own_subjects:
            return False
        begin = min([subject, *self.parsed.children[subject]])
        if not _OPENING_TAGS.issuperset(self.parsed.tags[first:begin]):
            return False
        return any(self._begins_question(token, end) for token in range(predicate + 1, end - 1))

    def _begins_question(self, token: int, end: int) -> bool:
        """Return whether a comma or conjunction is before a question, and no ", don't I?"."""
        if self.parsed.lowers[token] not in _CONJUNCTIONS and self.parsed.words[token] != ",":
            return False
        following = token + 1
        while following < end - 1 and self.parsed.lowers[following] in _CONJUNCTIONS:
            following += 1
        is_question = self.parsed.tags[following] in _QUESTION_TAGS
        if not is_question and self.parsed.lowers[following] not in _QUESTION_WORDS:
            return False
        words = [word for word in self.parsed.lowers[following:end] if word != "?"]
        return not _TAG_QUESTION.fullmatch(" ".join(words))

    def find_own_statements(self, token: int, sentence: int) -> Iterator[RelationCandidate]:
        """Yield what a clause states of a person who is its subject."""
        source = self.own_subjects.get(token, -1)
        for own in self._find_own_objects(token) if source >= 0 else ():
            target = self.mention_at[own.noun]
            if target >= 0 and target != source and target not in self.authors:
                stance = self.assess(own.verb, source, own.kind, target, CLAUSE_RULE)
                if own.is_over:
                    if stance != Stance():
                        continue
                    stance = Stance("past")
                yield RelationCandidate(source, own.kind, target, CLAUSE_RULE, sentence, *stance)

    def find_new_objects(self) -> Iterator[tuple[int, int, str]]:
        """Yield first and last token and type of objects that are no mention yet."""
        for token in self.own_subjects:
            for own in self._find_own_objects(token):
                if self.mention_at[own.noun] < 0 and own.type:
                    yield self.find_first_of_compound(own.noun), own.noun, own.type

    def find_first_of_compound(self, noun: int) -> int:
        """Return the first token of a compound that is no mention."""
        first = noun
        while self._is_compound_before(first, noun):
            first -= 1
        return first

    def _is_compound_before(self, first: int, noun: int) -> bool:
        before = first - 1
        return (
            before >= 0
            and self.parsed.deps[before] == "compound"
            and self.parsed.heads[before] == noun
            and self.mention_at[before] < 0
        )

    def _find_own_objects(self, token: int) -> Iterator[OwnObject]:
        head = self.parsed.heads[token]
        for verb in self.find_conjuncts(head):
            if verb == head or self.modality.find_subject(verb) < 0:
                yield from self._find_objects_of_habits(token, verb)
                yield from self._find_organizations(verb)
                if self.parsed.lowers[verb] in FORMS_OF_BE:
                    yield from self._find_complements_of_be(token, verb)
                yield from self._find_states(verb)

    def _find_objects_of_habits(self, token: int, verb: int) -> Iterator[OwnObject]:
        """Yield the nouns in "I take ibuprofen", "my dad takes warfarin"."""
        kind = _VERBS.get(find_lemma(self.parsed.lowers[verb]))
        present = "VBP" if self.parsed.words[token] in FORMS_OF_I else "VBZ"
        is_now = self.parsed.tags[verb] == present or (
            self.parsed.tags[verb] == "VBG" and not self._has_auxiliary(verb, "been")
        )
        for child in self.parsed.children[verb]:
            if kind and is_now and self.parsed.deps[child] == "dobj" and self._fits(kind, child):
                for noun in self.find_conjuncts(child):
                    if self.mention_at[noun] >= 0 or self._is_noun(noun):
                        yield OwnObject(verb, kind, noun)

    def _is_noun(self, token: int) -> bool:
        return self.parsed.tags[token].startswith("NN")

    def _has_auxiliary(self, verb: int, word: str) -> bool:
        return any(self.parsed.lowers[child] == word for child in self.parsed.children[verb])

    def _fits(self, kind: str, noun: int) -> bool:
        if self.parsed.lowers[noun] in _OBJECTS_OF_IDIOMS:
            return False
        labels = {self.parsed.deps[child] for child in self.parsed.children[noun]}
        is_whole = self.mention_at[noun] == self.mention_at[noun - 1] or "compound" not in labels
        is_whole |= self.find_first_of_compound(noun) < noun  # no "tools" of "Bosch tools"
        return is_whole and (kind == "plays" or labels.isdisjoint(_DETERMINERS))

    def _find_complements_of_be(self, token: int, verb: int) -> Iterator[OwnObject]:
        """Yield the nouns in "I'm from Ghana", "I'm on metformin", "I'm Beatriz"."""
        for noun in self._find_complements(verb, "from", "location"):
            yield OwnObject(verb, "comes_from", noun)
        for noun in self._find_complements(verb, "on", None):
            if DRUG.fullmatch(self.parsed.lowers[noun]):
                yield OwnObject(verb, "takes", noun)
        for child in self.parsed.children[verb]:
            is_author = self.parsed.words[token] in FORMS_OF_I
            if is_author and self.parsed.deps[child] == "attr" and self._is_persons_name(child):
                yield OwnObject(verb, SAME_AS, child, "")

    def _is_persons_name(self, token: int) -> bool:
        mention = self.mention_at[token]
        return (
            mention >= 0
            and self.spans[mention].type == "person"
            and self.parsed.text[self.spans[mention].start].isupper()
            and all(self.parsed.deps[child] != "det" for child in self.parsed.children[token])
        )

    def _find_states(self, verb: int) -> Iterator[OwnObject]:
        """Yield the nouns in "I'm allergic to nuts", "I was born in Leeds"."""
        for state in (verb, *self.parsed.children[verb]):
            word = self.parsed.lowers[state]
            if word in STATES and (state == verb or self.parsed.deps[state] == "acomp"):
                kind, preposition, target_type = STATES[word]
                for noun in self._find_complements(state, preposition, target_type):
                    yield OwnObject(verb, kind, noun)

    def _find_complements(
        self, state: int, preposition: str, target_type: str | None
    ) -> Iterator[int]:
        """Yield the nouns after a state: "allergic to nuts", "born in Leeds"."""
        for child in self.parsed.children[state]:
            nouns: list[int] = []
            if self.parsed.deps[child] == "prep" and self.parsed.lowers[child] == preposition:
                nouns = [
                    noun for noun in self.parsed.children[child] if self.parsed.deps[noun] == "pobj"
                ]
            elif self.parsed.deps[child] == "xcomp":  # "shellfish" taken for a verb
                nouns = [child]
            for noun in nouns:
                for conjunct in self.find_conjuncts(noun):
                    mention = self.mention_at[conjunct]
                    mention_type = self.spans[mention].type if mention >= 0 else None
                    if target_type in {None, mention_type}:
                        yield conjunct

    def _find_organizations(self, verb: int) -> Iterator[OwnObject]:
        """Yield the organizations in "I got a job at Acme", "I quit Acme", "I founded Acme"."""
        word = self.parsed.lowers[verb]
        if word in _VERBS_OF_LEAVING:
            for noun in self._find_nouns(verb, _VERBS_OF_LEAVING[word]):
                if self._is_organization(noun):
                    yield OwnObject(verb, "works_for", noun, "", is_over=True)
        if word in _VERBS_WITH_ORGANIZATIONS:
            prepositions, kind = _VERBS_WITH_ORGANIZATIONS[word]
            is_open = word in _VERBS_WITH_NEW_NAMES
            for preposition in prepositions.split(" "):
                for noun in self._find_nouns(verb, preposition):
                    if self._fits_organization(kind, noun, is_open=is_open):
                        yield OwnObject(verb, kind, noun, "organization" if is_open else "")
        yield from self._find_jobs_and_subjects(verb, word)

    def _find_jobs_and_subjects(self, verb: int, word: str) -> Iterator[OwnObject]:
        """Yield the organizations in "I got a job at Acme", "I studied law at Uppsala"."""
        for child in self._find_nouns(verb, ""):
            is_employment = word in _VERBS_BEFORE_JOBS and self.parsed.lowers[child] in JOBS
            if not is_employment and word not in _VERBS_BEFORE_SUBJECTS:
                continue
            is_work = is_employment or find_lemma(word) == "teach"
            kind = "works_for" if is_work else "studies_at"
            is_degree = self.parsed.lowers[child] in DEGREES
            is_open = is_employment or is_degree or word in _VERBS_OF_STUDYING
            for preposition in ("at", "with", "for") if is_employment else ("at",):
                for head in (child, verb):
                    for noun in self._find_nouns(head, preposition):
                        if self._fits_organization(kind, noun, is_open=is_open):
                            yield OwnObject(verb, kind, noun, "organization" if is_open else "")

    def _find_nouns(self, verb: int, preposition: str) -> Iterator[int]:
        """Yield the objects of a verb, or those of a preposition."""
        for child in self.parsed.children[verb]:
            if not preposition and self.parsed.deps[child] == "dobj":
                yield child
            elif self.parsed.deps[child] == "prep" and self.parsed.lowers[child] == preposition:
                yield from (
                    noun for noun in self.parsed.children[child] if self.parsed.deps[noun] == "pobj"
                )

    def _is_organization(self, noun: int) -> bool:
        mention = self.mention_at[noun]
        return mention >= 0 and self.spans[mention].type == "organization"

    def _fits_organization(self, kind: str, noun: int, *, is_open: bool) -> bool:
        if self._is_organization(noun):
            is_school = _SCHOOL.search(self.get_text(self.mention_at[noun]))
            return kind != "studies_at" or is_open or is_school is not None
        return (
            is_open
            and self.mention_at[noun] < 0
            and self.parsed.tags[noun] in _TAGS_OF_NAMES
            and self.parsed.text[self.parsed.starts[noun]].isupper()
            and all(self.parsed.deps[child] != "det" for child in self.parsed.children[noun])
        )
