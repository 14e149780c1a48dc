"""Reads the dependency parse: subjects, objects, what pronouns refer to, and what is denied."""

from bisect import bisect_left
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.noun_phrases import find_hidden_verbs
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import CUES

CLAUSE_RULE, PRONOUN_RULE = "parse:clause", "parse:pronoun"
SUBJECT_LABELS = ("nsubj", "nsubjpass")
NEGATIONS = get_words("negations")
SOFTWARE_TYPES = frozenset(
    {"class", "function", "module", "library", "technology", "file", "project"}
)

_ANTECEDENT_WINDOW = 50  # mentions back that "the union" may refer to
_CLOSEST_WINDOW = 5  # tokens
# General nouns that a name modifies: "the Redis server" is Redis.
_NOUNS_FOR_NAME = frozenset(CUES) | get_words("nouns_for_name")
_NAME_MODIFIERS = frozenset({"compound", "nmod", "amod", "appos", "poss", "nummod"})
# Nouns whose complement is the real object: "on the board of the trust" is about the trust.
_PASS_THROUGH_NOUNS = get_words("pass_through_nouns")
_PERSONAL_PRONOUNS = frozenset({"he", "she", "him", "her"})
_RELATIVE_PRONOUNS = frozenset({"that", "which", "who"})
# A verb with one of these labels may share the subject of its head.
_SUBJECT_SHARING = frozenset({"conj", "xcomp", "advcl", "pcomp"})


class DependencyGrammar:
    """One parsed text with its mentions.

    Attributes:
        parsed: The text.
        spans: Its mentions, in order.
        mention_at: For each token the index of its mention in `spans`, or -1.
        hidden_verbs: Tokens that are verbs although the parser tagged them as nouns.
    """

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        self.parsed = parsed
        self.spans = spans
        self.mention_at = _find_mention_of_each_token(parsed, spans)
        self._tokens_of: dict[int, list[int]] = {}
        for token, mention in enumerate(self.mention_at):
            self._tokens_of.setdefault(mention, []).append(token)
        software_tokens = {
            token
            for token, mention in enumerate(self.mention_at)
            if mention >= 0 and spans[mention].type in SOFTWARE_TYPES
        }
        self.hidden_verbs = frozenset(find_hidden_verbs(parsed, software_tokens))
        self._last_person = self._last_object = -1

    def is_verb(self, token: int) -> bool:
        """Return whether a token is tagged as a verb, or has a subject.

        In "our pipeline stores events", the verb is tagged as a noun.
        """
        if self.parsed.tags[token].startswith("VB"):
            return True
        return self.parsed.tags[token] == "NNS" and any(
            self.parsed.deps[child] in SUBJECT_LABELS for child in self.parsed.children[token]
        )

    def find_mention(self, token: int) -> int:
        """Return the mention at a token, or -1.

        For a general noun such as "class" or "server", it is the name before or after the noun.
        """
        mention = self.mention_at[token]
        is_general_noun = self.parsed.lowers[token] in _NOUNS_FOR_NAME or (
            mention < 0 and self.parsed.tags[token] == "NNP"
        )
        if not is_general_noun or (mention >= 0 and self.spans[mention].type != "concept"):
            return mention
        for child in reversed(self.parsed.children[token]):
            if (
                self.mention_at[child] >= 0
                and self.parsed.deps[child] in _NAME_MODIFIERS
                and abs(child - token) < 4
            ):
                return self.mention_at[child]
        return mention

    def find_head(self, mention: int) -> int:
        """Return the token of a mention on which its other tokens depend."""
        tokens = self._tokens_of[mention]
        return next(
            (token for token in tokens if self.parsed.heads[token] not in tokens), tokens[0]
        )

    def find_closest_mention(self, token: int) -> int:
        """Return the last mention that ends at most five tokens before a token, or -1."""
        first = max(0, token - _CLOSEST_WINDOW)
        return next(
            (
                self.mention_at[i]
                for i in range(token - 1, first - 1, -1)
                if self.mention_at[i] >= 0
            ),
            -1,
        )

    def find_conjuncts(self, token: int) -> Iterator[int]:
        """Yield a token and what "and" or "or" joins to it."""
        yield token
        for child in self.parsed.children[token]:
            if self.parsed.deps[child] == "conj":
                yield from self.find_conjuncts(child)

    def find_mentions(self, token: int) -> list[int]:
        """Return the mentions of a token and of its conjuncts."""
        return [
            self.find_mention(conjunct)
            for conjunct in self.find_conjuncts(token)
            if self.find_mention(conjunct) >= 0
        ]

    def find_subjects(self, verb: int) -> tuple[list[int], str]:
        """Return the mentions that are the verb's own or shared subject, and the rule."""
        visited: set[int] = set()
        while verb not in visited:
            visited.add(verb)
            for child in self.parsed.children[verb]:
                if self.parsed.deps[child] in SUBJECT_LABELS:
                    return self._resolve_subject(child, verb)
            head, dep = self.parsed.heads[verb], self.parsed.deps[verb]
            if dep in {"acl", "relcl"}:
                return self.find_mentions(head), CLAUSE_RULE
            if dep not in _SUBJECT_SHARING or head == verb:
                break
            verb = head
            while self.parsed.deps[verb] == "prep" and not self.parsed.tags[verb].startswith("VB"):
                verb = self.parsed.heads[verb]
        return [], CLAUSE_RULE

    def _resolve_subject(self, token: int, verb: int) -> tuple[list[int], str]:
        word = self.parsed.lowers[token]
        if word in _RELATIVE_PRONOUNS and self.parsed.deps[verb] == "relcl":
            return self.find_mentions(self.parsed.heads[verb]), CLAUSE_RULE
        if word in _PERSONAL_PRONOUNS or word == "it":
            antecedent = self.find_antecedent(token, is_person=word != "it")
            return ([antecedent] if antecedent >= 0 else []), PRONOUN_RULE
        organization = self._find_organization(token)
        if organization >= 0:
            return [organization], PRONOUN_RULE
        return self.find_mentions(token), CLAUSE_RULE

    def _find_organization(self, token: int) -> int:
        """Return the nearest earlier organization whose name ends in this noun, or -1.

        "The union" may follow "Harbour Freight Union".
        """
        if (
            token == 0
            or self.parsed.lowers[token - 1] != "the"
            or self.parsed.words[token] != self.parsed.lowers[token]
        ):
            return -1
        start = self.parsed.starts[token]
        end = bisect_left(self.spans, start, key=lambda span: span.start)
        for index in range(end - 1, max(-1, end - 1 - _ANTECEDENT_WINDOW), -1):
            span = self.spans[index]
            if span.type == "organization" and span.end <= start:
                words = self.parsed.text[span.start : span.end].lower().split()
                if len(words) > 1 and words[-1] == self.parsed.lowers[token]:
                    return index
        return -1

    def find_antecedent(self, pronoun: int, *, is_person: bool) -> int:
        """Return the mention that "he" or "it" refers to, or -1.

        It is the nearest earlier subject of that kind in this sentence, else the subject of the
        previous sentence.
        """
        first = next(
            (begin for begin, end in self.parsed.sentences if begin <= pronoun < end),
            0,
        )
        for token in range(pronoun - 1, first - 1, -1):
            mention = self.find_mention(token) if self.parsed.deps[token] in SUBJECT_LABELS else -1
            if (
                mention >= 0
                and self.spans[mention].type != "concept"
                and (self.spans[mention].type == "person") == is_person
            ):
                return mention
        return self._last_person if is_person else self._last_object

    def remember_subjects(self, first: int, end: int) -> None:
        """Remember a sentence's subjects, for "it" and "she" in the next sentence."""
        last_person = last_object = -1
        for token in range(first, end):
            if self.parsed.deps[token] in SUBJECT_LABELS or self.parsed.deps[token] == "ROOT":
                mention = self.find_mention(token)
                if mention >= 0 and self.spans[mention].type == "person":
                    last_person = mention if last_person < 0 else last_person
                elif mention >= 0 and self.spans[mention].type != "concept":
                    last_object = mention if last_object < 0 else last_object
        words = set(self.parsed.lowers[first:end])
        if last_person >= 0 or not words & _PERSONAL_PRONOUNS:
            self._last_person = last_person
        if last_object >= 0 or "it" not in words:
            self._last_object = last_object

    def find_objects(self, verb: int) -> Iterator[tuple[int, str]]:
        """Yield the mentions that a verb acts on, each with the preposition before it, if any."""
        for child in self.parsed.children[verb]:
            dep = self.parsed.deps[child]
            if dep in {"dobj", "attr", "oprd"}:
                yield from ((mention, "") for mention in self.find_mentions(child))
            elif dep == "prep":
                yield from self.find_prepositional_objects(child)

    def find_prepositional_objects(self, preposition: int) -> Iterator[tuple[int, str]]:
        """Yield the mentions after a preposition, each with the last preposition before it.

        For "out of", the last preposition is "of".
        """
        word = self.parsed.lowers[preposition]
        for child in self.parsed.children[preposition]:
            if self.parsed.deps[child] == "pobj":
                yield from ((mention, word) for mention in self.find_mentions(child))
                if (
                    self.parsed.lowers[child] in _PASS_THROUGH_NOUNS
                    and self.find_mention(child) < 0
                ):
                    for grandchild in self.parsed.children[child]:
                        if self.parsed.lowers[grandchild] in {"of", "at"}:
                            yield from (
                                (mention, word)
                                for mention, _ in self.find_prepositional_objects(grandchild)
                            )
            elif self.parsed.deps[child] == "prep" or self._is_joined_preposition(child):
                yield from self.find_prepositional_objects(child)

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


def _find_mention_of_each_token(parsed: ParsedText, spans: list[EntityCandidate]) -> list[int]:
    mention_at = [-1] * len(parsed.words)
    index = 0
    for token, (start, end) in enumerate(zip(parsed.starts, parsed.ends, strict=True)):
        while index < len(spans) and spans[index].end <= start:
            index += 1
        if index < len(spans) and spans[index].start < end:
            mention_at[token] = index
    return mention_at
