"""What sentences say about two entities: read off the dependency parse, or from standing together in one sentence."""

from collections.abc import Iterator
from itertools import combinations

from ingest.concepts import hidden_verbs
from ingest.types import Found, Link, Parsed
from ingest.verbs import base, denies, noun_type, verb_type
from ingest.vocabulary import CUES
from ingest.words import words

CLAUSE, PASSIVE, PRONOUN, APPOSITION, PURPOSE, PART, SURFACE, TOGETHER, UNTYPED = (
    "parse:clause", "parse:passive", "parse:pronoun", "parse:apposition", "parse:purpose", "parse:part", "parse:surface", "together", "parse:untyped",
)  # fmt: skip
_PAIRS = 10  # pairs per sentence that merely stand together

_SUBJECTS = ("nsubj", "nsubjpass")
_NEGATIONS = words("negations")
_UNSURE = words("words of doubt")
_HOLDERS = frozenset(CUES) | words(
    "nouns that stand for a name"
)  # nouns whose meaning is that of the name before them: "the Redis server"
_SOFTWARE = frozenset({"class", "function", "module", "library", "technology", "file", "project"})
_WHO = frozenset({"he", "she", "him", "her"})
_WHICH = frozenset({"that", "which", "who"})
_USING = frozenset({"use", "utilize", "utilise", "leverage", "adopt", "choose", "employ", "need", "recommend"})
_INNER = {
    "function": {"class", "module", "file", "library"},
    "class": {"module", "file", "library"},
    "module": {"library", "project"},
    "file": {"project"},
}


def relations(parsed: Parsed, spans: list[Found]) -> list[Link]:
    """All relations of a text, parsed ones first. `spans` are its mentions in order and do not overlap."""
    if len(spans) < 2:
        return []
    reader = _Reader(parsed, spans)
    found: list[Link] = []
    for number, (first, last) in enumerate(parsed.sentences):
        present = sorted({m for m in reader.at[first:last] if m >= 0})
        if present and parsed.words[last - 1] != "?":
            said = list(reader.sentence(number, first, last))
            found += said
            found += reader.together(number, first, last, present, said)
        reader.remember(first, last)
    return found


class _Reader:
    """Reads one text; keeps what pronouns may stand for."""

    def __init__(self, parsed: Parsed, spans: list[Found]) -> None:
        self.p = parsed
        self.spans = spans
        self.at = _mention_of_each_token(parsed, spans)
        named = {i for i, mention in enumerate(self.at) if mention >= 0 and spans[mention].type in _SOFTWARE}
        self.hidden = hidden_verbs(parsed, named)
        self.last_person = self.last_thing = -1

    def sentence(self, number: int, first: int, last: int) -> Iterator[Link]:
        hidden = [i for i in self.hidden if first <= i < last]
        seen: set[tuple[int, str, int]] = set()
        for i in range(first, last):
            if i not in hidden and self._is_verb(i):
                found = self._verb(i)
            elif self.p.lowers[i] == "for":
                found = self._purposes(i, first)
            elif i in hidden:
                found = self._surface(i, first, last)
            else:
                found = self._noun(i)
            for source, kind, target, rule in found:
                if source != target and (source, kind, target) not in seen:
                    seen.add((source, kind, target))
                    yield Link(source, kind, target, rule, number)

    # Verbs

    def _is_verb(self, token: int) -> bool:
        """Whether it is tagged as a verb, or has a subject although it is not ("our pipeline stores events")."""
        if self.p.tags[token].startswith("VB"):
            return True
        return self.p.tags[token] == "NNS" and any(self.p.deps[child] in _SUBJECTS for child in self.p.children[token])

    def _verb(self, verb: int) -> Iterator[tuple[int, str, int, str]]:
        if self._denied(verb):
            return
        passive = any(self.p.deps[c] in {"auxpass", "nsubjpass"} for c in self.p.children[verb]) or (
            self.p.tags[verb] == "VBN" and self.p.deps[verb] == "acl"
        )
        subjects, rule = self._subjects(verb)
        lemma = base(self.p.lowers[verb])
        if lemma in {"be", "is", "are", "was", "were", "'s", "being", "been"}:
            yield from self._copula(verb, subjects, rule)
            return
        objects = list(self._objects(verb))
        things = [target for target, preposition in objects if not preposition]
        for target, preposition in objects:
            if preposition and not passive and verb_type(lemma, preposition) == "stored_in":
                yield from ((thing, "stored_in", target, rule) for thing in things)
                continue
            yield from self._clause(lemma, preposition, subjects, target, rule, passive=passive)
        if passive:
            patients = subjects
            for agent in self._agents(verb):
                yield from self._clause(lemma, "", [agent], -1, PASSIVE, passive=False, patients=patients)

    def _clause(
        self,
        lemma: str,
        preposition: str,
        subjects: list[int],
        target: int,
        rule: str,
        *,
        passive: bool,
        patients: list[int] | None = None,
    ) -> Iterator[tuple[int, str, int, str]]:
        targets = patients if patients is not None else [target]
        kind = verb_type(lemma, preposition)
        if kind is None:
            if preposition or passive:
                return
            kind, rule = "related_to", UNTYPED
        for subject in subjects:
            for other in targets:
                if self._sensible(subject, kind, other):
                    yield subject, kind, other, PASSIVE if passive and rule == CLAUSE else rule

    def _sensible(self, subject: int, kind: str, target: int) -> bool:
        """Whether the ends fit the type, where a type has fixed ends: one works for an organisation, and lives in a place."""
        ends = self.spans[subject].type, self.spans[target].type
        if kind == "works_for":
            return ends[0] == "person" and ends[1] in {"organization", "project"}
        if kind in {"located_in", "lives_in", "moves_to", "comes_from", "visits"}:
            return ends[1] in {"location", "organization", "event"} and ends[0] != "concept"
        if kind == "extends":
            return ends[0] != "person"
        return not (kind == "related_to" and "concept" in ends)

    def _subjects(self, verb: int) -> tuple[list[int], str]:
        """Mentions that are the verb's subject, its own or one that it shares, and the rule by which they were found."""
        seen: set[int] = set()
        while verb not in seen:
            seen.add(verb)
            for child in self.p.children[verb]:
                if self.p.deps[child] in _SUBJECTS:
                    return self._subject(child, verb)
            head, dep = self.p.heads[verb], self.p.deps[verb]
            if dep in {"acl", "relcl"}:
                return self._mentions(head), CLAUSE
            if dep not in {"conj", "xcomp", "advcl", "pcomp"} or head == verb:
                break
            verb = head
            while self.p.deps[verb] == "prep" and not self.p.tags[verb].startswith("VB"):
                verb = self.p.heads[verb]
        return [], CLAUSE

    def _subject(self, token: int, verb: int) -> tuple[list[int], str]:
        word = self.p.lowers[token]
        if word in _WHICH and self.p.deps[verb] == "relcl":
            return self._mentions(self.p.heads[verb]), CLAUSE
        if word in _WHO and self.last_person >= 0:
            return [self.last_person], PRONOUN
        if word == "it" and self.last_thing >= 0:
            return [self.last_thing], PRONOUN
        return self._mentions(token), CLAUSE

    def _objects(self, verb: int) -> Iterator[tuple[int, str]]:
        """Mentions that the verb acts on: each with the preposition before it, if any."""
        for child in self.p.children[verb]:
            dep = self.p.deps[child]
            if dep in {"dobj", "attr", "oprd"}:
                for token in self._group(child):
                    if self.at_token(token) >= 0 and not self._has_no(token):
                        yield self.at_token(token), ""
            elif dep == "prep" and self.p.lowers[child] not in _NEGATIONS:
                yield from self._after_preposition(child)

    def _after_preposition(self, preposition: int) -> Iterator[tuple[int, str]]:
        for child in self.p.children[preposition]:
            if self.p.deps[child] == "pobj":
                for token in self._group(child):
                    if self.at_token(token) >= 0 and not self._has_no(token):
                        yield self.at_token(token), self.p.lowers[preposition]
            elif self.p.deps[child] == "prep":  # "out of"
                yield from self._after_preposition(child)

    def _agents(self, verb: int) -> Iterator[int]:
        for child in self.p.children[verb]:
            if self.p.deps[child] == "agent" or (self.p.deps[child] == "prep" and self.p.lowers[child] == "by"):
                for token in self.p.children[child]:
                    if self.p.deps[token] == "pobj":
                        yield from self._mentions(token)

    def _copula(self, verb: int, subjects: list[int], rule: str) -> Iterator[tuple[int, str, int, str]]:
        for child in self.p.children[verb]:
            if self.p.deps[child] == "attr" and not self._has_no(child):
                for subject in subjects:
                    yield from self._described(subject, child, rule)
            elif self.p.deps[child] == "prep":
                for target, preposition in self._after_preposition(child):
                    if preposition in {"in", "at", "near"} and self.spans[target].type == "location":
                        yield from ((s, "located_in", target, rule) for s in subjects if self.spans[s].type != "concept")

    def _purposes(self, token: int, first: int) -> Iterator[tuple[int, str, int, str]]:
        """What something is used for: "uses pandas for data manipulation and numpy for plots"."""
        target = self.at[token - 1] if token > first else -1
        if target < 0 or self.spans[target].type not in _SOFTWARE or not self._use(first, token):
            return
        purpose = next((i for i in range(token + 1, min(token + 4, len(self.at))) if self.at[i] >= 0), -1)
        while purpose >= 0 and purpose + 1 < len(self.at) and self.at[purpose + 1] == self.at[purpose]:
            purpose += 1
        for at in self._group(purpose) if purpose >= 0 else ():
            if self.at[at] >= 0 and self.spans[self.at[at]].type == "concept":
                yield target, "used_for", self.at[at], PURPOSE

    def _use(self, first: int, token: int) -> bool:
        """Whether the last verb of using before the token stands, and is not denied."""
        for i in range(token - 1, first - 1, -1):
            if base(self.p.lowers[i]) in _USING and (i == first or self.p.tags[i].startswith("VB")):
                return not self._denied(i)
        return False

    # Nouns

    def _noun(self, token: int) -> Iterator[tuple[int, str, int, str]]:
        if self.p.deps[token] == "appos":
            for subject in self._mentions(self.p.heads[token])[:1]:
                yield from self._described(subject, token, APPOSITION)
        mention = self.at_token(token)
        if mention >= 0 and self.spans[mention].type in _INNER:
            for child in self.p.children[token]:
                if self.p.deps[child] == "prep" and self.p.lowers[child] in {"in", "of", "from"}:
                    for outer in self._after_hidden(child):
                        if self.spans[outer].type in _INNER[self.spans[mention].type]:
                            yield mention, "part_of", outer, PART

    def _after_hidden(self, preposition: int) -> list[int]:
        """Mentions after a preposition, or the first one beside it where the parser lost the noun phrase."""
        proper = [target for target, _ in self._after_preposition(preposition)]
        near = [self.at[i] for i in range(preposition + 1, min(preposition + 4, len(self.at))) if self.at[i] >= 0]
        return proper if proper and self.spans[proper[0]].type != "concept" else near[:1]

    def _described(self, subject: int, noun: int, rule: str) -> Iterator[tuple[int, str, int, str]]:
        """What "X is a NOUN of Y" or "X, a NOUN for Y" says."""
        for child in self.p.children[noun]:
            if self.p.deps[child] == "prep":
                for target, preposition in self._after_preposition(child):
                    kind = noun_type(self.p.lowers[noun], preposition)
                    if kind is not None and self._sensible(subject, kind, target):
                        yield subject, kind, target, rule

    def _surface(self, verb: int, first: int, last: int) -> Iterator[tuple[int, str, int, str]]:
        """A clause that the parser took for one long noun phrase: "the parser module handles data and cleanup"."""
        preposition = self.p.lowers[verb + 1] if self.p.tags[verb + 1] in {"IN", "TO"} else ""
        kind = verb_type(base(self.p.lowers[verb]), preposition)
        subject = self._surface_subject(verb, first)
        if kind is None or subject < 0 or any(word in _NEGATIONS for word in self.p.lowers[first:verb]):
            return
        previous = -1
        for i in range(verb + 2 if preposition else verb + 1, last):
            mention = self.at[i]
            if mention >= 0:
                if mention != previous:
                    yield subject, kind, mention, SURFACE
                previous = mention
            elif self.p.lowers[i] not in {"and", ",", "or", "the", "a", "an", "its", "all"}:
                return

    def _surface_subject(self, verb: int, first: int) -> int:
        """The name before the cue word; the earlier one in "the X class in the Y module"."""
        subject = self._closest_mention(verb)
        begin = next((i for i in range(first, verb) if self.at[i] == subject), verb) if subject >= 0 else verb
        before = begin - 1
        while before > first and self.p.lowers[before] in {"the", "a", "our"}:
            before -= 1
        if before > first and self.p.lowers[before] in {"in", "of", "from"}:
            outer = self._closest_mention(before)
            subject = outer if outer >= 0 else subject
        return subject

    # Mentions

    def _closest_mention(self, token: int) -> int:
        """The last mention that ends at most five tokens before this one."""
        return next((self.at[i] for i in range(token - 1, max(-1, token - 6), -1) if self.at[i] >= 0), -1)

    def at_token(self, token: int) -> int:
        """The mention at a token; of a general noun such as "class" or "server" the name before or after it."""
        mention = self.at[token]
        if self.p.lowers[token] not in _HOLDERS or (mention >= 0 and self.spans[mention].type != "concept"):
            return mention
        for child in reversed(self.p.children[token]):
            if (
                self.at[child] >= 0
                and self.p.deps[child] in {"compound", "nmod", "amod", "appos", "poss"}
                and abs(child - token) < 4
            ):
                return self.at[child]
        return mention

    def _group(self, token: int) -> Iterator[int]:
        """A token and what is joined to it by "and" or "or"."""
        yield token
        for child in self.p.children[token]:
            if self.p.deps[child] == "conj" and not self._contrasted(token, child):
                yield from self._group(child)

    def _contrasted(self, token: int, conjunct: int) -> bool:
        return any(self.p.lowers[i] in {"not", "n't", "never"} for i in range(token + 1, conjunct))

    def _mentions(self, token: int) -> list[int]:
        return [self.at_token(t) for t in self._group(token) if self.at_token(t) >= 0 and not self._has_no(t)]

    # What is not so

    def _has_no(self, token: int) -> bool:
        return any(self.p.lowers[c] in {"no", "neither", "not"} for c in self.p.children[token])

    def _denied(self, verb: int) -> bool:
        """Whether the verb, or one above it, is negated, only possible, or itself says that it is not so."""
        if denies(self.p.lowers[verb]) and verb_type(base(self.p.lowers[verb])) is None:
            return True
        token = verb
        for _ in range(len(self.p.words)):
            words = self._modifiers(token)
            if token != verb:
                words -= {"instead", "rather", "without", "unlike", "except"}
            if words & (_NEGATIONS | _UNSURE) or (token != verb and denies(self.p.lowers[token])):
                return True
            dep, head = self.p.deps[token], self.p.heads[token]
            if token == head or dep not in {"xcomp", "ccomp", "pcomp", "prep", "advcl", "acl"} or (dep == "acl" and token == verb):
                return dep == "pcomp" and self.p.lowers[head] in _NEGATIONS
            if dep in {"pcomp", "prep"} and self.p.lowers[head] in _NEGATIONS:
                return True
            token = head
        return False

    def _modifiers(self, verb: int) -> set[str]:
        """Small words that belong to a verb, and to its adverbs ("no longer")."""
        near = [c for c in self.p.children[verb] if self.p.deps[c] in {"neg", "aux", "advmod", "mark", "cc", "preconj", "prep"}]
        inner = [c for child in near if self.p.deps[child] == "advmod" for c in self.p.children[child]]
        return {self.p.lowers[i] for i in (*near, *inner)}

    # Standing together

    def together(self, number: int, first: int, last: int, present: list[int], said: list[Link]) -> Iterator[Link]:
        """Pairs of names in one sentence about which nothing was said, unless the sentence denies something."""
        if any(word in _NEGATIONS for word in self.p.lowers[first:last]):
            return
        names = [m for m in present if self.spans[m].type != "concept"]
        joined = {frozenset((link.source, link.target)) for link in said}
        texts = {m: self.p.text[self.spans[m].start : self.spans[m].end] for m in names}
        joined_texts = {frozenset((texts.get(link.source), texts.get(link.target))) for link in said}
        count = 0
        for source, target in combinations(names, 2):
            if texts[source] == texts[target] or {source, target} in joined or {texts[source], texts[target]} in joined_texts:
                continue
            yield Link(source, "related_to", target, TOGETHER, number)
            count += 1
            if count == _PAIRS:
                return

    def remember(self, first: int, last: int) -> None:
        """Keeps the sentence's subject, for "it" and "she" in the next one."""
        person = thing = -1
        for i in range(first, last):
            if self.p.deps[i] in _SUBJECTS or (self.p.deps[i] == "ROOT" and self.at_token(i) >= 0):
                mention = self.at_token(i)
                if mention >= 0 and self.spans[mention].type == "person":
                    person = mention if person < 0 else person
                elif mention >= 0 and self.spans[mention].type != "concept":
                    thing = mention if thing < 0 else thing
        pronouns = set(self.p.lowers[first:last])
        self.last_person = person if person >= 0 else self.last_person if pronouns & _WHO else -1
        self.last_thing = thing if thing >= 0 else self.last_thing if "it" in pronouns else -1


def _mention_of_each_token(parsed: Parsed, spans: list[Found]) -> list[int]:
    """For each token the position of the mention that covers some of it, or -1."""
    at = [-1] * len(parsed.words)
    number = 0
    for i, (start, end) in enumerate(zip(parsed.starts, parsed.ends, strict=True)):
        while number < len(spans) and spans[number].end <= start:
            number += 1
        if number < len(spans) and spans[number].start < end:
            at[i] = number
    return at
