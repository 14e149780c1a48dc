"""What the author of a message says about themself: "I work for Acme", "my boss is Ines Holm".

The author is a person without a name here; whoever knows the name gives it. "He" never means the
author, and nothing is related to the author because both are in one sentence.
"""

import re
from collections.abc import Iterator, Sequence

from mcp_context_persistence.ingest.extraction.clauses import CLAUSE_RULE, PRONOUN_RULE
from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NOUNS_FOR_PEOPLE,
    SUBJECT_LABELS,
)
from mcp_context_persistence.ingest.extraction.modality_words import FORMS_OF_BE
from mcp_context_persistence.ingest.extraction.noun_relations import (
    SYMMETRIC_RELATIONS,
    Statement,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import find_lemma, inflect_verbs
from mcp_context_persistence.ingest.extraction.relations import SENTENCE_TOKENS, RelationReader
from mcp_context_persistence.ingest.extraction.results import (
    AUTHOR_RULE,
    RELATIVE_RULE,
    EntityCandidate,
    ParsedText,
    RelationCandidate,
    Tier,
)

_OBJECT_RULE = "concept:word"

_POSSESSIVES = frozenset({"my", "My", "our", "Our"})
_PRONOUNS = frozenset({"I", "we", "We"})
_FIRST_PERSON = re.compile(r"\b(?:I|[Ww]e|[Mm]y|[Oo]ur)\b")
# "Our director" leads others, too, but "our neighbor" is known to the author.
_KINDS_OF_OUR = frozenset({"family_of", "knows", "marries", "lives_in", "migrates_to"})
# Lasting facts about a person. What the author uses, does or thinks now is left out.
_KINDS = frozenset(
    {
        *("works_for", "lives_in", "comes_from", "moves_to", "studies_at", "owns", "marries"),
        *("family_of", "knows", "works_with", "manages", "leads", "member_of", "founds"),
        *("plays_for", "migrates_to"),
    }
)
_KINDS_WITH_CONCEPTS = frozenset({"owns"})
_KINDS_WITH_LOCATIONS = frozenset({"migrates_to", "moves_to", "comes_from"})
# Only "I play the cello" and "I'm taking ibuprofen", not "I took it" or "while playing".
_VERBS = {"play": "plays", "prefer": "prefers", "take": "takes"}
# After "I'm": relation, preposition and type of the target, None for any.
_STATES: dict[str, tuple[str, str, str | None]] = {
    "allergic": ("allergic_to", "to", None),
    "intolerant": ("intolerant_to", "to", None),
    "based": ("located_in", "in", "location"),
    "born": ("born_in", "in", "location"),
    "engaged": ("engaged_to", "to", "person"),
}
_TELLING_WORDS = inflect_verbs(
    frozenset(
        {
            *("work", "join", "consult", "intern", "live", "reside", "grow", "settle", "stay"),
            *("relocate", "emigrate", "move", "come", "hail", "study", "graduate", "enroll"),
            *("marry", "own", "possess", "acquire", "buy", "purchase", "found", "establish"),
            *("start", "launch", "lead", "head", "direct", "chair", "manage", "oversee"),
            *("supervise", "coordinate", "belong", "sit", "serve", "meet", "befriend", "know"),
            *("collaborate", "play", "prefer", "take", "base"),
        }
    )
) | {"married", "from", *_STATES}
_LABELS_OF_NAMES = frozenset({"appos", "compound", "conj"})
# "My sister is Anna Berg", "my boss is called Marcus Lind".
_VERBS_BEFORE_NAMES = frozenset({"is", "'s", "’s", "was", "called", "named"})
_TAGS = frozenset({"NN", "NNS", "NNP", "NNPS", "VB"})
# "I take ibuprofen", but not "I take the bus", "I take your point" or "I take part".
_DETERMINERS = frozenset({"det", "poss"})
_OBJECTS_OF_IDIOMS = frozenset(
    {
        *("part", "care", "place", "time", "notes", "turns", "pictures", "photos", "breaks", "it"),
        *("walks", "classes", "lessons", "courses", "steps", "screenshots", "questions", "calls"),
        *("orders", "leave", "responsibility", "action", "advantage", "over", "issue", "stock"),
    }
)


def find_author_statements(
    parsed: ParsedText, spans: Sequence[EntityCandidate]
) -> tuple[list[EntityCandidate], list[RelationCandidate]]:
    """Return what the author states about themself.

    Args:
        parsed: The text.
        spans: Its mentions, in order and without overlaps.

    Returns:
        The mentions, those of the author, of people without a name and of further things among
        them; and the relations of which one end is the author or such a person. Nothing where there
        are none.
    """
    if not _FIRST_PERSON.search(parsed.text) or not _may_tell(parsed):
        return [], []
    relative_spans = [
        EntityCandidate(
            parsed.starts[first], parsed.ends[last], "person", RELATIVE_RULE, Tier.NOUN_PHRASE, 1.0
        )
        for first, last in _find_relatives(parsed)
    ]
    names = [span for span in spans if span.type != "concept"]
    all_spans = _add_spans(_add_spans(names, relative_spans), spans)
    author_spans = [
        EntityCandidate(start, end, "person", AUTHOR_RULE, Tier.NOUN_PHRASE, 1.0)
        for start, end, word in zip(parsed.starts, parsed.ends, parsed.words, strict=True)
        if word in _PRONOUNS or word in _POSSESSIVES
    ]
    all_spans = _add_spans(all_spans, author_spans)
    object_spans = [
        EntityCandidate(
            parsed.starts[first], parsed.ends[last], "concept", _OBJECT_RULE, Tier.NOUN_PHRASE
        )
        for first, last in _AuthorReader(parsed, all_spans).find_object_nouns()
    ]
    all_spans = _add_spans(all_spans, object_spans)
    relations = list(_AuthorReader(parsed, all_spans).read())
    return (all_spans, relations) if relations else ([], [])


def _may_tell(parsed: ParsedText) -> bool:
    """Return whether the text needs a second pass: a telling word is near "I" or "my"."""
    for token, word in enumerate(parsed.words):
        head = parsed.heads[token]
        relatives = (head, *parsed.children[head]) if word in _PRONOUNS else ()
        if any(parsed.lowers[relative] in _TELLING_WORDS for relative in relatives):
            return True
        if word in _POSSESSIVES and parsed.lowers[head] in NOUNS_FOR_PEOPLE:
            return True
    return False


def _find_relatives(parsed: ParsedText) -> Iterator[tuple[int, int]]:
    """Yield the first and the last token of subjects such as "my older sister", without a name."""
    for token, word in enumerate(parsed.words):
        noun = parsed.heads[token]
        if (
            word in {"my", "My"}
            and parsed.deps[token] == "poss"
            and token < noun
            and parsed.deps[noun] in SUBJECT_LABELS
            and parsed.tags[noun] == "NN"
            and parsed.lowers[noun] in NOUNS_FOR_PEOPLE
            and parsed.lowers[parsed.heads[noun]] not in _VERBS_BEFORE_NAMES
            and not any(parsed.deps[child] in _LABELS_OF_NAMES for child in parsed.children[noun])
        ):
            yield token, noun


def _add_spans(
    spans: Sequence[EntityCandidate], new_spans: Sequence[EntityCandidate]
) -> list[EntityCandidate]:
    """Return the spans in order, with the new spans that overlap none of them."""
    free = [
        span
        for span in new_spans
        if not any(old.start < span.end and span.start < old.end for old in spans)
    ]
    return sorted([*spans, *free])


class _AuthorReader(RelationReader):
    """Reads what the author of one text says about themself."""

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        super().__init__(parsed, spans)
        self.authors = frozenset(
            index for index, span in enumerate(spans) if span.rule == AUTHOR_RULE
        )
        self._relatives = frozenset(
            index for index, span in enumerate(spans) if span.rule == RELATIVE_RULE
        )

    def read(self) -> Iterator[RelationCandidate]:
        """Yield the relations, sentence by sentence."""
        for sentence, (first, end) in enumerate(self.parsed.sentences):
            people = (self.authors | self._relatives).intersection(self.mention_at[first:end])
            if end - first > SENTENCE_TOKENS or not people:
                continue
            for relation in self.read_sentence(sentence, first, end):
                if self._is_about_author(relation):
                    yield self._begin_with_author(relation)
            for token in range(first, end):
                for verb, (source, kind, target, rule) in self._read_own_verb(token):
                    stance = self.assess(verb, source, kind, target, rule)
                    yield RelationCandidate(source, kind, target, rule, sentence, *stance)

    def find_object_nouns(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last token of what the author plays, takes, prefers and so on.

        Only where it is no mention.
        """
        for token in range(len(self.parsed.words)):
            for _, _, noun in self._find_own_objects(token):
                if self.mention_at[noun] < 0 and self.parsed.tags[noun] in _TAGS:
                    first = noun
                    while self._is_compound_before(first, noun):
                        first -= 1
                    yield first, noun

    def _is_compound_before(self, first: int, noun: int) -> bool:
        before = first - 1
        return (
            before >= 0
            and self.parsed.deps[before] == "compound"
            and self.parsed.heads[before] == noun
            and self.mention_at[before] < 0
        )

    def find_subjects(self, verb: int) -> tuple[list[int], str]:
        """Return the subjects of a verb; the author is never the subject of "lives"."""
        subjects, rule = super().find_subjects(verb)
        if self.parsed.tags[verb] == "VBZ":
            subjects = [subject for subject in subjects if subject not in self.authors]
        return subjects, rule

    def _is_about_author(self, relation: RelationCandidate) -> bool:
        ends = {relation.source, relation.target}
        foreign_ends = ends - self.authors - self._relatives
        is_our = any(self._is_our(end) for end in ends & self.authors)
        return (
            relation.type in (_KINDS_OF_OUR if is_our else _KINDS)
            and relation.rule != PRONOUN_RULE
            and len(foreign_ends) == 1
            and all(self._fits_end(relation.type, end) for end in foreign_ends)
        )

    def _fits_end(self, kind: str, end: int) -> bool:
        if kind in _KINDS_WITH_LOCATIONS:
            return self.spans[end].type == "location"
        return kind in _KINDS_WITH_CONCEPTS or self.spans[end].type != "concept"

    def _begin_with_author(self, relation: RelationCandidate) -> RelationCandidate:
        if relation.type in SYMMETRIC_RELATIONS and relation.target in self.authors:
            return relation._replace(source=relation.target, target=relation.source)
        return relation

    def _is_our(self, author: int) -> bool:
        return self.parsed.lowers[self.find_head(author)] in {"our", "we"}

    def get_relation(self, noun: int, preposition: str, target: int) -> str | None:
        """Return the type of relation of a noun; an author knows their accountant."""
        kind = super().get_relation(noun, preposition, target)
        is_person = preposition == "of" and self.parsed.lowers[noun] in NOUNS_FOR_PEOPLE
        return "knows" if kind is None and is_person and target in self.authors else kind

    def _read_own_verb(self, token: int) -> Iterator[tuple[int, Statement]]:
        """Yield the relations that a verb or adjective of the author states."""
        for verb, kind, noun in self._find_own_objects(token):
            target = self.mention_at[noun]
            if target >= 0 and target not in self.authors:
                yield verb, (self.mention_at[token], kind, target, CLAUSE_RULE)

    def _find_own_objects(self, token: int) -> Iterator[tuple[int, str, int]]:
        """Yield verb, relation and noun of "I take ibuprofen", "I'm allergic to nuts"."""
        if self.parsed.words[token] != "I" or self.parsed.deps[token] not in SUBJECT_LABELS:
            return
        verb = self.parsed.heads[token]
        kind = _VERBS.get(find_lemma(self.parsed.lowers[verb]))
        is_now = self.parsed.tags[verb] == "VBP" or (
            self.parsed.tags[verb] == "VBG" and not self._has_auxiliary(verb, "been")
        )
        for child in self.parsed.children[verb]:
            if kind and is_now and self.parsed.deps[child] == "dobj" and self._fits(kind, child):
                yield from ((verb, kind, noun) for noun in self.find_conjuncts(child))
        if self.parsed.lowers[verb] in FORMS_OF_BE:
            for noun in self._find_complements(verb, "from", "location"):
                yield verb, "comes_from", noun
        for state in (verb, *self.parsed.children[verb]):
            word = self.parsed.lowers[state]
            if word in _STATES and (state == verb or self.parsed.deps[state] == "acomp"):
                state_kind, preposition, target_type = _STATES[word]
                for noun in self._find_complements(state, preposition, target_type):
                    yield verb, state_kind, noun

    def _has_auxiliary(self, verb: int, word: str) -> bool:
        return any(self.parsed.lowers[child] == word for child in self.parsed.children[verb])

    def _fits(self, kind: str, noun: int) -> bool:
        if self.parsed.lowers[noun] in _OBJECTS_OF_IDIOMS:
            return False
        labels = {self.parsed.deps[child] for child in self.parsed.children[noun]}
        return kind == "plays" or labels.isdisjoint(_DETERMINERS)

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
