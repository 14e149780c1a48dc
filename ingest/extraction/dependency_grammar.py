"""Finds the names behind the tokens of a parsed text: subjects, objects, what pronouns stand for, and what is denied."""

from bisect import bisect_left
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.lexicons import words
from mcp_context_persistence.ingest.extraction.noun_phrases import hidden_verbs
from mcp_context_persistence.ingest.extraction.relation_verbs import base, denies, verb_type
from mcp_context_persistence.ingest.extraction.results import Found, Parsed
from mcp_context_persistence.ingest.extraction.software_terms import CUES

CLAUSE, PRONOUN = "parse:clause", "parse:pronoun"
_REACH = 50  # mentions back that "the union" may stand for
SUBJECTS = ("nsubj", "nsubjpass")
NEGATIONS = words("negations")
SOFTWARE_TYPES = frozenset(
    {"class", "function", "module", "library", "technology", "file", "project"}
)

_UNSURE = words("words of doubt")
_HOLDERS = frozenset(CUES) | words("nouns that stand for a name")  # "the Redis server" is Redis
_BEFORE_HOLDER = frozenset({"compound", "nmod", "amod", "appos", "poss", "nummod"})
_LEADING_ON = words("nouns that lead on")  # "on the board of the trust" is about the trust
_DENY_THEIR_OBJECT = frozenset(
    {"instead", "rather", "without", "unlike", "except"}
)  # and not the verb they belong to
_WHO = frozenset({"he", "she", "him", "her"})
_WHICH = frozenset({"that", "which", "who"})
_SHARING = frozenset(
    {"conj", "xcomp", "advcl", "pcomp"}
)  # verbs that may share the subject of the one above
_RAISING = frozenset(
    {"xcomp", "ccomp", "pcomp", "prep", "advcl", "acl"}
)  # what is said of the one above holds here too


class Grammar:
    """One text with its mentions.

    Attributes:
        p: The text.
        spans: Its mentions, in order.
        at: For each token the position of its mention in `spans`, or -1.
        hidden: Tokens that are verbs although the parser took them for nouns.
    """

    def __init__(self, parsed: Parsed, spans: list[Found]) -> None:
        self.p = parsed
        self.spans = spans
        self.at = _mention_of_each_token(parsed, spans)
        named = {
            i
            for i, mention in enumerate(self.at)
            if mention >= 0 and spans[mention].type in SOFTWARE_TYPES
        }
        self.hidden = frozenset(hidden_verbs(parsed, named))
        self._last_person = self._last_thing = -1

    def is_verb(self, token: int) -> bool:
        """Whether it is tagged as a verb, or has a subject although it is not ("our pipeline stores events")."""
        if self.p.tags[token].startswith("VB"):
            return True
        return self.p.tags[token] == "NNS" and any(
            self.p.deps[child] in SUBJECTS for child in self.p.children[token]
        )

    def mention(self, token: int) -> int:
        """The mention at a token; of a general noun such as "class" or "server" the name before or after it; or -1."""
        found = self.at[token]
        holder = self.p.lowers[token] in _HOLDERS or (found < 0 and self.p.tags[token] == "NNP")
        if not holder or (found >= 0 and self.spans[found].type != "concept"):
            return found
        for child in reversed(self.p.children[token]):
            if (
                self.at[child] >= 0
                and self.p.deps[child] in _BEFORE_HOLDER
                and abs(child - token) < 4
            ):
                return self.at[child]
        return found

    def closest(self, token: int) -> int:
        """The last mention that ends at most five tokens before this one, or -1."""
        return next(
            (self.at[i] for i in range(token - 1, max(-1, token - 6), -1) if self.at[i] >= 0), -1
        )

    def group(self, token: int) -> Iterator[int]:
        """A token and what is joined to it by "and" or "or", but not by "but not"."""
        yield token
        for child in self.p.children[token]:
            contrasted = any(
                self.p.lowers[i] in {"not", "n't", "never"} for i in range(token + 1, child)
            )
            if self.p.deps[child] == "conj" and not contrasted:
                yield from self.group(child)

    def mentions(self, token: int) -> list[int]:
        """The mentions of a token and of what is joined to it."""
        return [
            self.mention(t)
            for t in self.group(token)
            if self.mention(t) >= 0 and not self.has_no(t)
        ]

    def subjects(self, verb: int) -> tuple[list[int], str]:
        """Mentions that are the verb's subject, its own or one that it shares, and the rule by which they were found."""
        seen: set[int] = set()
        while verb not in seen:
            seen.add(verb)
            for child in self.p.children[verb]:
                if self.p.deps[child] in SUBJECTS:
                    return self._subject(child, verb)
            head, dep = self.p.heads[verb], self.p.deps[verb]
            if dep in {"acl", "relcl"}:
                return self.mentions(head), CLAUSE
            if dep not in _SHARING or head == verb:
                break
            verb = head
            while self.p.deps[verb] == "prep" and not self.p.tags[verb].startswith("VB"):
                verb = self.p.heads[verb]
        return [], CLAUSE

    def _subject(self, token: int, verb: int) -> tuple[list[int], str]:
        word = self.p.lowers[token]
        if word in _WHICH and self.p.deps[verb] == "relcl":
            return self.mentions(self.p.heads[verb]), CLAUSE
        if word in _WHO or word == "it":
            meant = self.meant(token, person=word != "it")
            return ([meant] if meant >= 0 else []), PRONOUN
        kind = self._of_that_kind(token)
        return ([kind], PRONOUN) if kind >= 0 else (self.mentions(token), CLAUSE)

    def _of_that_kind(self, token: int) -> int:
        """The nearest earlier organisation whose name ends in this noun: "the union" after "Harbour Freight Union"; or -1."""
        if (
            token == 0
            or self.p.lowers[token - 1] != "the"
            or self.p.words[token] != self.p.lowers[token]
        ):
            return -1
        start = self.p.starts[token]
        before = bisect_left(self.spans, start, key=lambda span: span.start)
        for number in range(before - 1, max(-1, before - 1 - _REACH), -1):
            span = self.spans[number]
            if span.type == "organization" and span.end <= start:
                words = self.p.text[span.start : span.end].lower().split()
                if len(words) > 1 and words[-1] == self.p.lowers[token]:
                    return number
        return -1

    def meant(self, pronoun: int, *, person: bool) -> int:
        """What "he" or "it" stands for: the nearest earlier subject of its kind in this sentence, else the previous one's."""
        first = next((begin for begin, last in self.p.sentences if begin <= pronoun < last), 0)
        for i in range(pronoun - 1, first - 1, -1):
            found = self.mention(i) if self.p.deps[i] in SUBJECTS else -1
            if (
                found >= 0
                and self.spans[found].type != "concept"
                and (self.spans[found].type == "person") == person
            ):
                return found
        return self._last_person if person else self._last_thing

    def remember(self, first: int, last: int) -> None:
        """Keeps a sentence's subject, for "it" and "she" in the next one."""
        person = thing = -1
        for i in range(first, last):
            if self.p.deps[i] in SUBJECTS or self.p.deps[i] == "ROOT":
                found = self.mention(i)
                if found >= 0 and self.spans[found].type == "person":
                    person = found if person < 0 else person
                elif found >= 0 and self.spans[found].type != "concept":
                    thing = found if thing < 0 else thing
        pronouns = set(self.p.lowers[first:last])
        self._last_person = person if person >= 0 else self._last_person if pronouns & _WHO else -1
        self._last_thing = thing if thing >= 0 else self._last_thing if "it" in pronouns else -1

    def objects(self, verb: int) -> Iterator[tuple[int, str]]:
        """Mentions that the verb acts on: each with the preposition before it, if any."""
        for child in self.p.children[verb]:
            dep = self.p.deps[child]
            if dep in {"dobj", "attr", "oprd"}:
                yield from ((found, "") for found in self.mentions(child))
            elif dep == "prep" and not NEGATIONS & {
                self.p.lowers[i] for i in (child, *self.p.children[child])
            }:
                yield from self.after_preposition(child)

    def after_preposition(self, preposition: int) -> Iterator[tuple[int, str]]:
        """Mentions after a preposition, each with the last preposition before it: "of" for "out of"."""
        for child in self.p.children[preposition]:
            if self.p.deps[child] == "pobj":
                yield from ((found, self.p.lowers[preposition]) for found in self.mentions(child))
                if self.p.lowers[child] in _LEADING_ON and self.mention(child) < 0:
                    for deeper in self.p.children[child]:
                        if self.p.lowers[deeper] in {"of", "at"}:
                            yield from (
                                (found, self.p.lowers[preposition])
                                for found, _ in self.after_preposition(deeper)
                            )
            elif self.p.deps[child] == "prep":
                yield from self.after_preposition(child)

    def agents(self, verb: int) -> Iterator[int]:
        """Mentions by which something is done."""
        for child in self.p.children[verb]:
            if self.p.deps[child] == "agent" or (
                self.p.deps[child] == "prep" and self.p.lowers[child] == "by"
            ):
                for token in self.p.children[child]:
                    if self.p.deps[token] == "pobj":
                        yield from self.mentions(token)

    def has_no(self, noun: int) -> bool:
        """Whether the noun itself is negated: "no tests"."""
        return any(
            self.p.lowers[child] in {"no", "neither", "not"} for child in self.p.children[noun]
        )

    def denied(self, verb: int) -> bool:
        """Whether the verb, or one above it, is negated, only possible, or itself says that it is not so."""
        if denies(self.p.lowers[verb]) and verb_type(base(self.p.lowers[verb])) is None:
            return True
        token = verb
        for _ in range(len(self.p.words)):
            if (self._modifiers(token) - _DENY_THEIR_OBJECT) & (NEGATIONS | _UNSURE):
                return True
            if token != verb and denies(self.p.lowers[token]):
                return True
            dep, head = self.p.deps[token], self.p.heads[token]
            if dep in {"pcomp", "prep"} and self.p.lowers[head] in NEGATIONS:
                return True
            if token == head or dep not in _RAISING or (dep == "acl" and token == verb):
                return False
            token = head
        return False

    def _modifiers(self, verb: int) -> set[str]:
        """Small words that belong to a verb, and to its adverbs ("no longer")."""
        near = [
            c
            for c in self.p.children[verb]
            if self.p.deps[c] in {"neg", "aux", "advmod", "mark", "cc", "preconj", "prep"}
        ]
        inner = [
            c for child in near if self.p.deps[child] == "advmod" for c in self.p.children[child]
        ]
        return {self.p.lowers[i] for i in (*near, *inner)}


def _mention_of_each_token(parsed: Parsed, spans: list[Found]) -> list[int]:
    at = [-1] * len(parsed.words)
    number = 0
    for i, (start, end) in enumerate(zip(parsed.starts, parsed.ends, strict=True)):
        while number < len(spans) and spans[number].end <= start:
            number += 1
        if number < len(spans) and spans[number].start < end:
            at[i] = number
    return at
