"""What the author of a message says about themself: "I work for Acme", "my boss is Ines Holm".

The author is a person without a name here; whoever knows the name gives it. "He" never means the
author, and nothing is related to the author because both are in one sentence.
"""

import re
from collections.abc import Iterator, Sequence

from mcp_context_persistence.ingest.extraction.author_clauses import (
    DEGREES,
    FORMS_OF_I,
    JOBS,
    POSSESSIVES,
    SAME_AS,
    STATES,
)
from mcp_context_persistence.ingest.extraction.author_phrases import (
    FAMILY,
    AuthorPhraseReader,
    is_on_drug,
    is_put_on_drug,
)
from mcp_context_persistence.ingest.extraction.clauses import CLAUSE_RULE, PRONOUN_RULE
from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NOUNS_FOR_PEOPLE,
    SUBJECT_LABELS,
)
from mcp_context_persistence.ingest.extraction.instruction_vocabulary import (
    OWN_THING,
    POSSESSION,
)
from mcp_context_persistence.ingest.extraction.noun_relations import (
    SYMMETRIC_RELATIONS,
    Statement,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.relations import SENTENCE_TOKENS
from mcp_context_persistence.ingest.extraction.results import (
    AUTHOR_RULE,
    RELATIVE_RULE,
    EntityCandidate,
    ParsedText,
    RelationCandidate,
    Tier,
)

# Rules of objects that are no mention yet, by their types.
_OBJECT_RULES = {
    "concept": "concept:word",
    "organization": "context:organization",
    "person": "context:person",
}

_PRONOUNS = FORMS_OF_I | {"we", "We"}
_FIRST_PERSON = re.compile(r"\b(?:[Ii](?:m|ve|d)?|[Ww]e|[Mm]y|[Oo]ur|me on)\b")
# "Our director" leads others, too, but "our neighbor" is known to the author.
_KINDS_OF_OUR = frozenset({"family_of", "knows", "marries", "lives_in", "migrates_to"})
# Lasting facts about a person. What the author uses, does or thinks now is left out.
_KINDS = frozenset(
    {
        *("works_for", "lives_in", "comes_from", "moves_to", "studies_at", "owns", "marries"),
        *("family_of", "knows", "works_with", "manages", "leads", "member_of", "founds"),
        *("plays_for", "migrates_to", "reports_to"),
    }
)
_KINDS_WITH_CONCEPTS = frozenset({"owns"})
_VERBS_OF_BUYING = frozenset({"buy", "purchase", "acquire"})
_LASTING_GOODS = re.compile(
    rf"\b(?:{POSSESSION}|{OWN_THING}|house|home|flat|apartment|cottage|cabin|farm|land|van|truck|"
    r"motorbike|motorcycle|bicycle|caravan|cat|piano|guitar|violin|laptop|camera)\b",
    re.IGNORECASE,
)
_KINDS_WITH_LOCATIONS = frozenset({"migrates_to", "moves_to", "comes_from"})
_TELLING_WORDS = inflect_verbs(
    frozenset(
        {
            *("work", "join", "consult", "intern", "live", "reside", "grow", "settle", "stay"),
            *("relocate", "emigrate", "move", "come", "hail", "study", "graduate", "enroll"),
            *("marry", "own", "possess", "acquire", "buy", "purchase", "found", "establish"),
            *("start", "launch", "lead", "head", "direct", "chair", "manage", "oversee"),
            *("supervise", "coordinate", "belong", "sit", "serve", "meet", "befriend", "know"),
            *("collaborate", "play", "prefer", "take", "base", "quit", "leave", "resign", "run"),
            *("teach", "attend", "go", "cofound", "drive", "freelance", "volunteer", "report"),
        }
    )
) | {"married", "from", "member", "as", *STATES, *JOBS, *DEGREES}
_LABELS_OF_NAMES = frozenset({"appos", "compound", "conj"})
# "My sister is Anna Berg", "my boss is called Marcus Lind".
_VERBS_BEFORE_NAMES = frozenset({"is", "'s", "’s", "was", "called", "named"})


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
        for start, end, word, tag in zip(
            parsed.starts, parsed.ends, parsed.words, parsed.tags, strict=True
        )
        if (word in _PRONOUNS or word in POSSESSIVES) and tag.startswith("PRP")
    ] + [
        EntityCandidate(
            parsed.starts[token], parsed.ends[token], "person", AUTHOR_RULE, Tier.NOUN_PHRASE, 1.0
        )
        for token, word in enumerate(parsed.words)
        if word == "me" and is_put_on_drug(parsed, token)
    ]
    all_spans = _add_spans(all_spans, author_spans)
    reader = _AuthorReader(parsed, all_spans)
    object_spans = [
        EntityCandidate(
            parsed.starts[first], parsed.ends[last], kind, _OBJECT_RULES[kind], Tier.NOUN_PHRASE
        )
        for first, last, kind in reader.find_new_objects()
    ]
    if object_spans:
        all_spans = _add_spans(all_spans, object_spans)
        reader = _AuthorReader(parsed, all_spans)
    relations = list(reader.read())
    return (all_spans, relations) if relations else ([], [])


def _may_tell(parsed: ParsedText) -> bool:
    """Return whether the text needs a second pass: a telling word is near "I" or "my"."""
    for token, word in enumerate(parsed.words):
        head = parsed.heads[token]
        if word == "me" and is_put_on_drug(parsed, token):
            return True
        relatives = (head, *parsed.children[head]) if word in _PRONOUNS else ()
        if any(
            parsed.lowers[relative] in _TELLING_WORDS or is_on_drug(parsed, relative)
            for relative in relatives
        ):
            return True
        if word in POSSESSIVES and (
            parsed.lowers[head] == "name"
            or parsed.lowers[head] in NOUNS_FOR_PEOPLE
            or parsed.lowers[head].removesuffix("s") in FAMILY
        ):
            return True
        if word in FORMS_OF_I and any(
            parsed.deps[child] == "attr"
            and (parsed.tags[child] == "NNP" or parsed.lowers[child] in NOUNS_FOR_PEOPLE)
            for child in parsed.children[head]
        ):
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
            and not _is_before_name(parsed, parsed.heads[noun])
            and not any(parsed.deps[child] in _LABELS_OF_NAMES for child in parsed.children[noun])
        ):
            is_in_law = parsed.lowers[noun + 1 : noun + 3] == ["in", "law"]
            yield token, noun + 2 if is_in_law else noun


def _is_before_name(parsed: ParsedText, verb: int) -> bool:
    return parsed.lowers[verb] in _VERBS_BEFORE_NAMES and any(
        parsed.deps[child] in {"attr", "oprd"} for child in parsed.children[verb]
    )


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


class _AuthorReader(AuthorPhraseReader):
    """Reads what the author of one text says about themself."""

    def read(self) -> Iterator[RelationCandidate]:
        """Yield the relations, sentence by sentence, each once."""
        for sentence, (first, end) in enumerate(self.parsed.sentences):
            people = self.people.intersection(self.mention_at[first:end])
            if end - first > SENTENCE_TOKENS or not people:
                continue
            relations = [
                self._begin_with_author(relation)
                for relation in self.read_sentence(sentence, first, end)
                if self._is_about_author(relation) or self._is_about_relative(relation)
            ]
            for token in range(first, end):
                relations += self.find_own_statements(token, sentence)
                relations += self._read_name(token, sentence)
                relations += self.read_plural_relatives(token, sentence)
                relations += self.read_treatment(token, sentence)
            yield from dict.fromkeys(relations)

    def find_new_objects(self) -> Iterator[tuple[int, int, str]]:
        """Yield first and last token and type of names and objects that are no mention yet."""
        yield from super().find_new_objects()
        for token in range(len(self.parsed.words)):
            for _, _, name in self._find_stated_names(token):
                if self.mention_at[name] < 0 and self.parsed.tags[name] == "NNP":
                    yield self.find_first_of_compound(name), name, "person"
            for name in self.find_names_of_relatives(token):
                if self.mention_at[name] < 0:
                    yield name, name, "person"
            for drug in self.find_drugs(token):
                if self.mention_at[drug] < 0:
                    yield drug, drug, "concept"

    def _find_stated_names(self, token: int) -> Iterator[tuple[int, int, int]]:
        """Yield "is", "my" or "wife", and the name in "my name is Ada", "my wife's name is Ada"."""
        if self.parsed.lowers[token] != "name" or self.parsed.deps[token] not in SUBJECT_LABELS:
            return
        verb = self.parsed.heads[token]
        owner = next((i for i in self.parsed.children[token] if self.parsed.deps[i] == "poss"), -1)
        if self.parsed.tags[verb] not in {"VBZ", "VBP"} or owner < 0:
            return
        is_own = self.parsed.lowers[owner] == "my"
        if is_own or any(
            self.parsed.lowers[child] == "my" for child in self.parsed.children[owner]
        ):
            for child in self.parsed.children[verb]:
                if self.parsed.deps[child] in {"attr", "oprd"}:
                    yield verb, owner, child

    def _read_name(self, token: int, sentence: int) -> Iterator[RelationCandidate]:
        for verb, owner, noun in self._find_stated_names(token):
            name = self.mention_at[noun]
            if name < 0 or self.spans[name].type != "person":
                continue
            author, kind = self.mention_at[owner], SAME_AS
            if author not in self.authors:
                author = next(
                    (
                        self.mention_at[child]
                        for child in self.parsed.children[owner]
                        if self.mention_at[child] in self.authors
                    ),
                    -1,
                )
                role = self.get_relation(owner, "of", author) if author >= 0 else None
                if role is None:
                    continue
                kind = role
            is_of_author = kind == SAME_AS or kind in SYMMETRIC_RELATIONS
            ends = (author, name) if is_of_author else (name, author)
            stance = self.assess(verb, ends[0], kind, ends[1], CLAUSE_RULE)
            yield RelationCandidate(ends[0], kind, ends[1], CLAUSE_RULE, sentence, *stance)

    def find_subjects(self, verb: int) -> tuple[list[int], str]:
        """Return the subjects of a verb; the author is never the subject of "lives"."""
        if author := self.find_described_author(verb):
            return author, CLAUSE_RULE
        subjects, rule = super().find_subjects(verb)
        if self.parsed.tags[verb] == "VBZ":
            subjects = [subject for subject in subjects if subject not in self.authors]
        return subjects, rule

    def _is_about_author(self, relation: RelationCandidate) -> bool:
        ends = {relation.source, relation.target}
        foreign_ends = ends - self.people
        is_our = any(self._is_our(end) for end in ends & self.authors)
        return (
            relation.type in (_KINDS_OF_OUR if is_our else _KINDS)
            and relation.rule != PRONOUN_RULE
            and len(foreign_ends) == 1
            and all(self._fits_end(relation.type, end) for end in foreign_ends)
        )

    def _is_about_relative(self, relation: RelationCandidate) -> bool:
        """Return whether it is a fact about "my sister Hannah" that the sentence seems to ask."""
        return (
            relation.source in self.named_relatives.values()
            and relation.type in _KINDS
            and relation[:3] in self.facts_before_questions
            and self._fits_end(relation.type, relation.target)
        )

    def _fits_end(self, kind: str, end: int) -> bool:
        if kind == "reports_to":
            return self.spans[end].type == "person"
        if kind in _KINDS_WITH_LOCATIONS:
            return self.spans[end].type == "location"
        return kind in _KINDS_WITH_CONCEPTS or self.spans[end].type != "concept"

    def read_clause(
        self, lemma: str, preposition: str, subjects: list[int], target: int, rule: str
    ) -> Iterator[Statement]:
        """Yield the relations of a verb; "I bought milk" says nothing that lasts."""
        is_brief = lemma in _VERBS_OF_BUYING and self.spans[target].type == "concept"
        if not is_brief or _LASTING_GOODS.search(self.get_text(target)):
            yield from super().read_clause(lemma, preposition, subjects, target, rule)

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
