"""What pronouns and definite nouns refer to: "she", "the firm", "the arms", "both companies"."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    SUBJECT_LABELS,
    DependencyGrammar,
)
from mcp_context_persistence.ingest.extraction.results import (
    EntityCandidate,
    ParsedText,
    RelationCandidate,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_words

EVENT_NOUNS = get_words("event_nouns")
PERSONAL_PRONOUNS = frozenset({"he", "she", "him", "her"})

_ANTECEDENT_WINDOW = 50  # mentions back that "the union" may refer to
# Any organization may be called so. "The bank" must have the word in its name.
_ORGANIZATION_NOUNS = frozenset(
    {
        *("agency", "charity", "company", "consultancy", "corporation", "enterprise", "firm"),
        *("manufacturer", "nonprofit", "organisation", "organization", "start-up", "startup"),
    }
)
_GROUP_NOUNS = frozenset(
    {
        *("agencies", "charities", "companies", "corporations", "firms", "groups"),
        *("manufacturers", "organisations", "organizations", "parties", "partners", "sides"),
        *("start-ups", "startups", "teams"),
    }
)
_PEOPLE_NOUNS = frozenset({"men", "women", "friends", "colleagues", "people"})
_DETERMINERS = frozenset({"the", "this", "that"})
# A noun with one of these is described anew: "the session that Ines led", "the arms of the chair".
_RESTRICTIONS = frozenset({"relcl", "acl", "compound", "amod", "nummod", "poss"})
_RESTRICTING_PREPOSITIONS = frozenset({"of", "from"})
_UNNAMED_TYPES = frozenset({"person", "location", "concept"})
_LABELS_OF_ANTECEDENTS = frozenset({*SUBJECT_LABELS, "dobj"})
_PAIR = 2
_RELATIONS_OF_PAIRS = frozenset({"competes_with", "family_of", "knows", "marries", "works_with"})


class ReferenceReader(DependencyGrammar):
    """Finds the mention that a word refers to. The sentences are read in order."""

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        """Keep the text; no sentence was read."""
        super().__init__(parsed, spans)
        self.authors = frozenset[int]()  # mentions that no other word refers to
        self._last_person = self._last_object = -1
        self._last_pair: list[int] = []
        self._antecedents: list[int] = []  # what the pronouns of this sentence refer to

    def find_mentions(self, token: int) -> list[int]:
        """Return the mentions of a token and of its conjuncts, by name or by a definite noun."""
        mentions = (self._find_mention_or_reference(item) for item in self.find_conjuncts(token))
        return [mention for mention in mentions if mention >= 0]

    def _find_mention_or_reference(self, token: int) -> int:
        mention = self.find_mention(token)
        if mention < 0 or self.spans[mention].type == "concept":
            reference = self.find_reference(token)
            return reference if reference >= 0 else mention
        return mention

    def find_reference(self, token: int) -> int:
        """Return the earlier mention that a noun after "the" refers to, or -1.

        "The union" may follow "Harbour Freight Union", "the arms" may follow "Halcyon 200 arms",
        "the firm" is the organization of the text, and "the session" its last event.
        """
        noun = self.parsed.lowers[token]
        if (
            token == 0
            or self.parsed.lowers[token - 1] not in _DETERMINERS
            or self.parsed.words[token] != noun
            or not self.parsed.tags[token].startswith("NN")
        ):
            return -1
        reference = self._find_name_with_noun(token)
        if reference >= 0 or self._is_restricted(token):
            return reference
        if noun in _ORGANIZATION_NOUNS:
            return self._find_organization(token)
        if noun in EVENT_NOUNS:
            return next((i for i in self._list_earlier_mentions(token) if self.is_event(i)), -1)
        return -1

    def is_event(self, mention: int) -> bool:
        """Return whether a mention is an event: "the Oslo Forum", "a safety review"."""
        span = self.spans[mention]
        return span.type == "event" or (
            span.type == "concept" and self.get_last_word(mention) in EVENT_NOUNS
        )

    def get_last_word(self, mention: int) -> str:
        """Return the last word of a mention in lower case, or an empty string."""
        span = self.spans[mention]
        return self.parsed.text[span.start : span.end].lower().rpartition(" ")[2]

    def _is_restricted(self, token: int) -> bool:
        return any(
            self.parsed.deps[child] in _RESTRICTIONS
            or self.parsed.lowers[child] in _RESTRICTING_PREPOSITIONS
            for child in self.parsed.children[token]
        )

    def _list_earlier_mentions(self, token: int) -> Iterator[int]:
        """Yield the mentions before a token, the nearest one first."""
        end = bisect_left(self.spans, self.parsed.starts[token], key=lambda span: span.start)
        yield from range(end - 1, max(-1, end - 1 - _ANTECEDENT_WINDOW), -1)

    def _find_name_with_noun(self, token: int) -> int:
        """Return the earlier name that ends in a noun, or that the noun followed, or -1."""
        noun = self.parsed.lowers[token]
        for mention in self._list_earlier_mentions(token):
            span = self.spans[mention]
            if span.type == "organization":
                words = self.parsed.text[span.start : span.end].lower().split()
                if len(words) > 1 and words[-1] == noun:
                    return mention
            if span.type not in _UNNAMED_TYPES:
                following = self.tokens_of[mention][-1] + 1
                if self.parsed.lowers[following : following + 1] == [noun]:
                    return mention
        return -1

    def _find_organization(self, token: int) -> int:
        """Return the subject before, or the only organization of the text before, or -1."""
        subject = self.find_antecedent(token, is_person=False)
        if subject >= 0 and self.spans[subject].type == "organization":
            return subject
        return self._find_only_name(token, "organization")

    def _is_complement(self, mention: int, first: int) -> bool:
        """Return whether a mention follows a preposition in a sentence that begins at a token."""
        head = self.find_head(mention)
        return head >= first and self.parsed.deps[head] == "pobj"

    def _find_only_name(self, token: int, kind: str) -> int:
        """Return the only name of a type in the text before a token, or -1."""
        names = {
            self.parsed.text[self.spans[mention].start : self.spans[mention].end]: mention
            for mention in self._list_earlier_mentions(token)
            if self.spans[mention].type == kind and mention not in self.authors
        }
        return next(iter(names.values())) if len(names) == 1 else -1

    def find_antecedent(self, pronoun: int, *, is_person: bool) -> int:
        """Return the mention that "he" or "it" refers to, or -1.

        It is the nearest earlier subject of that kind in this sentence, else the subject of the
        previous sentence.
        """
        first = self._find_sentence_start(pronoun)
        antecedent = self._last_person if is_person else self._last_object
        for token in range(pronoun - 1, first - 1, -1):
            mention = self.find_mention(token) if self.parsed.deps[token] in SUBJECT_LABELS else -1
            if mention >= 0 and self._is_antecedent(mention, is_person=is_person):
                antecedent = mention
                break
        if antecedent < 0 and is_person:
            antecedent = self._find_only_name(pronoun, "person")
            if antecedent >= 0 and self._is_complement(antecedent, first):
                antecedent = -1
        self._antecedents.append(antecedent)
        return antecedent

    def find_antecedent_of_object(self, pronoun: int, *, is_person: bool) -> int:
        """Return the mention that "him" or "it" refers to where it is the object of a verb, or -1.

        "It" refers to the nearest earlier subject or object of another verb in the sentence;
        without one, to the subject of the previous sentence. "Him" refers to the person among these
        subjects and objects, if there is exactly one. If the same pronoun is earlier in the
        sentence, both have the same antecedent. The subject of the same verb is never the
        antecedent.
        """
        verb = self.parsed.heads[pronoun]
        first = self._find_sentence_start(pronoun)
        candidates: dict[str, int] = {}
        for token in range(pronoun - 1, first - 1, -1):
            if self.parsed.deps[token] not in _LABELS_OF_ANTECEDENTS:
                continue
            word, mention = self.parsed.lowers[token], self.find_mention(token)
            if word in PERSONAL_PRONOUNS if is_person else word == "it":
                is_own = self.parsed.heads[token] == verb
                return -1 if is_own else self.find_antecedent(token, is_person=is_person)
            is_other = self.parsed.heads[token] != verb
            if mention >= 0 and is_other and self._is_antecedent(mention, is_person=is_person):
                span = self.spans[mention]
                candidates.setdefault(self.parsed.text[span.start : span.end], mention)
        if is_person and len(candidates) != 1:
            return -1
        return next(iter(candidates.values()), self._last_object)

    def _find_sentence_start(self, token: int) -> int:
        return next((begin for begin, end in self.parsed.sentences if begin <= token < end), 0)

    def _is_antecedent(self, mention: int, *, is_person: bool) -> bool:
        kind = self.spans[mention].type
        return mention not in self.authors and kind != "concept" and (kind == "person") == is_person

    def find_pair(self, token: int) -> list[int]:
        """Return the two mentions that "both", "the two" or "both firms" refers to, or none."""
        word = self.parsed.lowers[token]
        before = self.parsed.lowers[max(0, token - 2) : token]
        if word == "both" or (word == "two" and before[-1:] == ["the"]):
            kinds = {"person", "organization"}
        elif before[-1:] == ["both"] or before == ["the", "two"]:
            is_group, is_people = word in _GROUP_NOUNS, word in _PEOPLE_NOUNS
            kinds = {"organization"} if is_group else {"person"} if is_people else set()
        else:
            return []
        pair = self._last_pair
        return pair if pair and self.spans[pair[0]].type in kinds else []

    def remember_subjects(
        self, first: int, end: int, relations: Sequence[RelationCandidate]
    ) -> None:
        """Remember a sentence's subjects, for "it", "she" and "both" in the next sentence.

        Args:
            first: Its first token.
            end: One past its last token.
            relations: What it states.
        """
        last_person = last_object = -1
        for token in range(first, end):
            if self.parsed.deps[token] in SUBJECT_LABELS or self.parsed.deps[token] == "ROOT":
                mention = self.find_mention(token)
                if mention >= 0 and self.spans[mention].type == "person":
                    last_person = mention if last_person < 0 else last_person
                elif mention >= 0 and self.spans[mention].type != "concept":
                    last_object = mention if last_object < 0 else last_object
        self._last_pair = self._choose_pair(first, end, relations)
        words = set(self.parsed.lowers[first:end])
        if last_person >= 0 or not words & PERSONAL_PRONOUNS:
            self._last_person = last_person
        if last_object >= 0 or "it" not in words:
            self._last_object = last_object
        self._antecedents = []

    def _choose_pair(
        self, first: int, end: int, relations: Sequence[RelationCandidate]
    ) -> list[int]:
        """Return the last two people or organizations that a sentence relates or names."""
        for relation in reversed(relations):
            ends = [relation.source, relation.target]
            kinds = {self.spans[end].type for end in ends}
            if relation.type in _RELATIONS_OF_PAIRS and kinds in ({"person"}, {"organization"}):
                return ends
        mentions = [*self._antecedents, *self.mention_at[first:end]]
        for kind in ("person", "organization"):
            names = {
                self.parsed.text[self.spans[mention].start : self.spans[mention].end]: mention
                for mention in mentions
                if mention >= 0 and self.spans[mention].type == kind
            }
            if len(names) == _PAIR:
                return list(names.values())
        return []
