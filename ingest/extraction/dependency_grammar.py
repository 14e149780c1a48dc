"""Read the dependency parse: the mentions of a text, and how its words depend on each other."""

from bisect import bisect_right
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.noun_phrases import find_hidden_verbs
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import CUES

SUBJECT_LABELS = ("nsubj", "nsubjpass")
NEGATIONS = get_words("negations")
SOFTWARE_TYPES = frozenset(
    {"class", "function", "module", "library", "technology", "file", "project"}
)

_NAMING_TYPES = frozenset({"product", "technology", "library", "project"})
_NAME_DISTANCE = 6  # tokens between a noun and the end of its name
_CALLED = frozenset({"called", "named"})
_CLOSEST_WINDOW = 5  # tokens
# General nouns that a name modifies: "the Redis server" is Redis.
_NOUNS_FOR_NAME = frozenset(CUES) | get_words("nouns_for_name")
_NAME_MODIFIERS = frozenset({"compound", "nmod", "amod", "appos", "poss", "nummod"})
_PREMISES = get_words("premises")
NOUNS_FOR_PEOPLE = (
    get_words("kin_nouns")
    | get_words("people_roles")
    | get_words("person_nouns")
    | get_words("occupations")
)


class DependencyGrammar:
    """One parsed text with its mentions.

    Attributes:
        parsed: The text.
        spans: Its mentions, in order.
        mention_at: For each token the index of its mention in `spans`, or -1.
        tokens_of: The tokens of each mention. Of two mentions in one token, both have it.
        hidden_verbs: Tokens that are verbs although the parser tagged them as nouns.
    """

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        self.parsed = parsed
        self.spans = spans
        self.mention_at = find_mention_of_each_token(parsed, spans)
        self.tokens_of: dict[int, list[int]] = {}
        for token, mention in enumerate(self.mention_at):
            self.tokens_of.setdefault(mention, []).append(token)
        for mention, span in enumerate(spans):
            if mention not in self.tokens_of:  # the token begins with another mention
                self.tokens_of[mention] = [bisect_right(parsed.starts, span.start) - 1]
        software_tokens = {
            token
            for token, mention in enumerate(self.mention_at)
            if mention >= 0 and spans[mention].type in SOFTWARE_TYPES
        }
        self.hidden_verbs = frozenset(find_hidden_verbs(parsed, software_tokens))

    def is_verb(self, token: int) -> bool:
        """Return whether a token is tagged as a verb, or has a subject.

        In "our pipeline stores events", the verb is tagged as a noun.
        """
        if self.parsed.tags[token].startswith("VB"):
            return True
        return self.parsed.tags[token] == "NNS" and any(
            self.parsed.deps[child] in SUBJECT_LABELS for child in self.parsed.children[token]
        )

    def is_name(self, mention: int) -> bool:
        """Return whether a mention is a name, and no concept; -1 is none."""
        return mention >= 0 and self.spans[mention].type != "concept"

    def find_mention(self, token: int) -> int:
        """Return the mention at a token, or -1.

        For a general noun such as "class" or "server", it is the name before or after the noun.
        """
        mention = self.mention_at[token]
        if self.is_name(mention):
            return mention
        is_general_noun = self.parsed.lowers[token] in _NOUNS_FOR_NAME or (
            mention < 0 and self.parsed.tags[token] == "NNP"
        )
        for child in reversed(self.parsed.children[token]):
            if (
                self.mention_at[child] >= 0
                and self.parsed.deps[child] in _NAME_MODIFIERS
                and abs(child - token) < _NAME_DISTANCE
                and (is_general_noun or self._is_named_by(token, child))
            ):
                return self.mention_at[child]
        called = self._find_called(token)
        return called if called >= 0 else mention

    def _find_called(self, noun: int) -> int:
        """Return the name in "a bookshop called Papierschiff", or -1."""
        for child in self.parsed.children[noun]:
            if self.parsed.deps[child] == "acl" and self.parsed.lowers[child] in _CALLED:
                for name in self.parsed.children[child]:
                    mention = self.mention_at[name]
                    if self.is_name(mention):
                        return mention
        return -1

    def _is_named_by(self, noun: int, modifier: int) -> bool:
        """Return whether a name identifies the noun: "Zebra 400 printers", "my sister Anna"."""
        kind, word = self.spans[self.mention_at[modifier]].type, self.parsed.lowers[noun]
        is_for_person = word in NOUNS_FOR_PEOPLE
        if self.parsed.deps[modifier] == "appos":  # "our choir, the Salty Herrings"
            is_single = self.parsed.tags[noun] == "NN"
            if kind == "person":
                return is_for_person
            return kind != "concept" and is_single and not is_for_person
        is_before = modifier < noun and self.parsed.deps[modifier] != "poss"
        if not is_before or is_for_person:
            return False
        return kind in _NAMING_TYPES or (kind == "location" and self.is_premises(noun))

    def is_premises(self, noun: int) -> bool:
        """Return whether a noun is a building where people work or meet, such as "warehouse"."""
        return self.parsed.lowers[noun] in _PREMISES

    def find_head(self, mention: int) -> int:
        """Return the token of a mention on which its other tokens depend."""
        tokens = self.tokens_of[mention]
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


def find_mention_of_each_token(parsed: ParsedText, spans: list[EntityCandidate]) -> list[int]:
    """Return for each token the index of its mention, or -1. The mentions are in order."""
    mention_at = [-1] * len(parsed.words)
    index = 0
    for token, (start, end) in enumerate(zip(parsed.starts, parsed.ends, strict=True)):
        while index < len(spans) and spans[index].end <= start:
            index += 1
        if index < len(spans) and spans[index].start < end:
            mention_at[token] = index
    return mention_at


def find_name_end(parsed: ParsedText, end: int) -> int:
    """Return the end of a firm's name with the word that the recognizer left out.

    For example: "Northgate" for "Northgate Cheese".
    """
    is_name = (
        end < len(parsed.words)
        and parsed.deps[end - 1] == "compound"
        and parsed.heads[end - 1] == end
        and parsed.tags[end] in {"NNP", "NNPS"}
        and parsed.words[end].istitle()
        and parsed.words[end - 1].istitle()
        and not any(start <= end < stop for start, stop, _ in parsed.entity_spans)
    )
    return end + 1 if is_name else end
