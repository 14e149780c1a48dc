"""What sentences say about two entities: read off the dependency parse, or from standing together in one sentence."""

from collections.abc import Iterator
from itertools import combinations

from mcp_context_persistence.ingest.extraction.dependency_grammar import (
    NEGATIONS,
    PRONOUN,
    SOFTWARE_TYPES,
    Grammar,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import (
    all_forms,
    base,
    noun_type,
    verb_type,
)
from mcp_context_persistence.ingest.extraction.results import Found, Link, Parsed

Extracted = tuple[
    int, str, int, str
]  # source, type, target, rule; positions in the list of mentions

_PASSIVE, _APPOSITION, _PURPOSE, _PART = (
    "parse:passive",
    "parse:apposition",
    "parse:purpose",
    "parse:part",
)
_SURFACE, _UNTYPED, _TOGETHER = "parse:surface", "parse:untyped", "together"
_PAIRS = 10  # pairs per sentence that merely stand together
_SENTENCE_TOKENS = 200  # longer ones are lists or data, and their parses mean nothing

_BEING = frozenset({"be", "is", "are", "was", "were", "'s", "’s", "being", "been"})
_USING = frozenset(
    {"use", "utilize", "utilise", "leverage", "adopt", "choose", "employ", "need", "recommend"}
)
_KEEPING = all_forms(frozenset({"keep", "have"}))
_OFFICES = frozenset({"office", "offices", "headquarters", "seat", "base"})
_PARENTS = frozenset({"company", "organization", "organisation", "firm", "group"})
_PLACES = frozenset({"located_in", "lives_in", "moves_to", "comes_from", "visits"})
_INNER = {
    "function": {"class", "module", "file", "library"},
    "class": {"module", "file", "library"},
    "module": {"library", "project"},
    "file": {"project"},
}


def relations(parsed: Parsed, spans: list[Found]) -> list[Link]:
    """All relations of a text, sentence by sentence, parsed ones first. `spans` are its mentions in order and do not overlap.

    Questions state nothing. Nothing is read from what is denied, doubted or supposed.
    """
    if len(spans) < 2:
        return []
    reader = _Reader(parsed, spans)
    found: list[Link] = []
    for number, (first, last) in enumerate(parsed.sentences):
        if last - first <= _SENTENCE_TOKENS and any(
            mention >= 0 for mention in reader.at[first:last]
        ):
            if parsed.words[last - 1] != "?":
                said = reader.sentence(number, first, last)
                found += said
                found += reader.together(number, first, last, said)
            reader.remember(first, last)
    return found


class _Reader(Grammar):
    """Reads the sentences of one text, in order."""

    def sentence(self, number: int, first: int, last: int) -> list[Link]:
        """What the tokens `first` to `last` say, each statement once."""
        said: dict[tuple[int, str, int], Link] = {}
        for i in range(first, last):
            if i in self.hidden:
                found = self._surface(i, first, last)
            elif self.is_verb(i):
                found = self._verb(i)
            elif self.p.lowers[i] == "for":
                found = self._purposes(i, first)
            else:
                found = self._noun(i)
            for source, kind, target, rule in found:
                if source != target:
                    said.setdefault(
                        (source, kind, target), Link(source, kind, target, rule, number)
                    )
        return list(said.values())

    def _verb(self, verb: int) -> Iterator[Extracted]:
        if self.denied(verb):
            return
        subjects, rule = self.subjects(verb)
        lemma = base(self.p.lowers[verb])
        if lemma in _BEING:
            yield from self._copula(verb, subjects, rule)
            return
        if self.p.lowers[verb] in _KEEPING:
            seats = list(self._seat(verb, subjects, rule))
            if seats:
                yield from seats
                return
        passive = any(
            self.p.deps[child] in {"auxpass", "nsubjpass"} for child in self.p.children[verb]
        )
        passive = passive or (self.p.tags[verb] == "VBN" and self.p.deps[verb] == "acl")
        objects = list(self.objects(verb))
        things = [target for target, preposition in objects if not preposition]
        for target, preposition in objects:
            moved = (
                not passive and verb_type(lemma, preposition) == "stored_in"
            )  # what is stored there is the object
            yield from self._clause(
                lemma,
                preposition,
                things if moved else subjects,
                target,
                _PASSIVE if passive else rule,
            )
        if passive:
            for agent in self.agents(verb):
                for patient in subjects:
                    yield from self._clause(lemma, "", [agent], patient, _PASSIVE)

    def _seat(self, verb: int, subjects: list[int], rule: str) -> Iterator[Extracted]:
        """Where an organisation has its office: "keeps its head office in Lisbon"."""
        for office in self.p.children[verb]:
            if (
                self.p.deps[office] != "dobj"
                or self.p.lowers[office] not in _OFFICES
                or self.has_no(office)
            ):
                continue
            for preposition in (*self.p.children[verb], *self.p.children[office]):
                if self.p.deps[preposition] == "prep" and self.p.lowers[preposition] in {
                    "in",
                    "at",
                    "near",
                }:
                    for place, _ in self.after_preposition(preposition):
                        if self.spans[place].type == "location":
                            yield from (
                                (s, "located_in", place, rule)
                                for s in subjects
                                if self.spans[s].type == "organization"
                            )

    def _clause(
        self, lemma: str, preposition: str, subjects: list[int], target: int, rule: str
    ) -> Iterator[Extracted]:
        kind = verb_type(lemma, preposition)
        if kind is None:
            if preposition:
                return
            kind, rule = "related_to", _UNTYPED
        for subject in subjects:
            if self._sensible(subject, kind, target):
                yield subject, kind, target, rule

    def _sensible(self, subject: int, kind: str, target: int) -> bool:
        """Whether the ends fit the type, where a type has fixed ends: one works for an organisation, and lives in a place."""
        source, other = self.spans[subject].type, self.spans[target].type
        if kind == "works_for":
            return source == "person" and other in {"organization", "project"}
        if kind in _PLACES:
            return other in {"location", "organization", "event"} and source != "concept"
        if kind == "stored_in":
            return other in SOFTWARE_TYPES
        if kind == "extends":
            return source != "person"
        return not (kind == "related_to" and "concept" in {source, other})

    def _copula(self, verb: int, subjects: list[int], rule: str) -> Iterator[Extracted]:
        for child in self.p.children[verb]:
            if self.p.deps[child] == "attr" and not self.has_no(child):
                for subject in subjects:
                    yield from self._described(subject, child, rule)
            elif self.p.deps[child] == "prep":
                for target, preposition in self.after_preposition(child):
                    if (
                        preposition in {"in", "at", "near"}
                        and self.spans[target].type == "location"
                    ):
                        yield from (
                            (s, "located_in", target, rule)
                            for s in subjects
                            if self.spans[s].type != "concept"
                        )

    def _described(self, subject: int, noun: int, rule: str) -> Iterator[Extracted]:
        """What "X is a NOUN of Y" or "X, a NOUN for Y" says."""
        for child in self.p.children[noun]:
            if self.p.deps[child] == "prep":
                for target, preposition in self.after_preposition(child):
                    kind = noun_type(self.p.lowers[noun], preposition)
                    if kind is not None and self._sensible(subject, kind, target):
                        yield subject, kind, target, rule

    def _noun(self, token: int) -> Iterator[Extracted]:
        if self.p.deps[token] == "appos":
            for subject in self.mentions(self.p.heads[token])[:1]:
                yield from self._described(subject, token, _APPOSITION)
            yield from self._parent(token)
        inner = self.mention(token)
        kind = self.spans[inner].type if inner >= 0 else ""
        if kind != "person" and kind not in _INNER:
            return
        for child in self.p.children[token]:
            if self.p.deps[child] != "prep":
                continue
            if (
                kind == "person" and self.p.lowers[child] == "of"
            ):  # "Giulia Marchetti of the Veneto Review"
                found = [target for target, _ in self.after_preposition(child)]
                yield from (
                    (inner, "works_for", target, _PART)
                    for target in found
                    if self.spans[target].type == "organization"
                )
            elif kind in _INNER and self.p.lowers[child] in {"in", "of", "from"}:
                found = self._containers(child)
                yield from (
                    (inner, "part_of", outer, _PART)
                    for outer in found
                    if self.spans[outer].type in _INNER[kind]
                )

    def _parent(self, token: int) -> Iterator[Extracted]:
        """What belongs to whom: "Its parent company, Acme"."""
        noun = self.p.heads[token]
        around = {self.p.lowers[child] for child in self.p.children[noun]}
        if self.p.lowers[noun] in _PARENTS and {"its", "parent"} <= around:
            part = self.meant(noun, person=False)
            if part >= 0 and self.spans[part].type == "organization":
                whole = [
                    one for one in self.mentions(token) if self.spans[one].type == "organization"
                ]
                yield from ((part, "part_of", one, PRONOUN) for one in whole)

    def _containers(self, preposition: int) -> list[int]:
        """Mentions after a preposition, or the first one beside it where the parser lost the noun phrase."""
        proper = [target for target, _ in self.after_preposition(preposition)]
        if proper and self.spans[proper[0]].type != "concept":
            return proper
        return [
            self.at[i]
            for i in range(preposition + 1, min(preposition + 4, len(self.at)))
            if self.at[i] >= 0
        ][:1]

    def _purposes(self, token: int, first: int) -> Iterator[Extracted]:
        """What something is used for: "uses pandas for data manipulation and numpy for plots"."""
        target = self.at[token - 1] if token > first else -1
        if (
            target < 0
            or self.spans[target].type not in SOFTWARE_TYPES
            or not self._used(first, token)
        ):
            return
        purpose = next(
            (i for i in range(token + 1, min(token + 4, len(self.at))) if self.at[i] >= 0), -1
        )
        while 0 <= purpose < len(self.at) - 1 and self.at[purpose + 1] == self.at[purpose]:
            purpose += 1
        for at in self.group(purpose) if purpose >= 0 else ():
            if self.at[at] >= 0 and self.spans[self.at[at]].type == "concept":
                yield target, "used_for", self.at[at], _PURPOSE

    def _used(self, first: int, token: int) -> bool:
        """Whether the last verb of using before the token stands, and is not denied."""
        for i in range(token - 1, first - 1, -1):
            if base(self.p.lowers[i]) in _USING and (i == first or self.p.tags[i].startswith("VB")):
                return not self.denied(i)
        return False

    def _surface(self, verb: int, first: int, last: int) -> Iterator[Extracted]:
        """A clause that the parser took for one long noun phrase: "the parser module handles data and cleanup"."""
        preposition = self.p.lowers[verb + 1] if self.p.tags[verb + 1] in {"IN", "TO"} else ""
        kind = verb_type(base(self.p.lowers[verb]), preposition)
        subject = self._surface_subject(verb, first)
        if (
            kind is None
            or subject < 0
            or any(word in NEGATIONS for word in self.p.lowers[first:verb])
        ):
            return
        for i in range(verb + 2 if preposition else verb + 1, last):
            target = self.at[i]
            if target >= 0 and self._sensible(subject, kind, target):
                yield subject, kind, target, _SURFACE
            elif self.p.lowers[i] not in {"and", ",", "or", "the", "a", "an", "its", "all"}:
                return

    def _surface_subject(self, verb: int, first: int) -> int:
        """The name before the cue word; the earlier one in "the X class in the Y module"."""
        subject = self.closest(verb)
        begin = (
            next((i for i in range(first, verb) if self.at[i] == subject), verb)
            if subject >= 0
            else verb
        )
        before = begin - 1
        while before > first and self.p.lowers[before] in {"the", "a", "our"}:
            before -= 1
        if before > first and self.p.lowers[before] in {"in", "of", "from"}:
            outer = self.closest(before)
            subject = outer if outer >= 0 else subject
        return subject

    def together(self, number: int, first: int, last: int, said: list[Link]) -> Iterator[Link]:
        """Pairs of names in one sentence about which nothing was said, unless the sentence denies something."""
        if any(word in NEGATIONS for word in self.p.lowers[first:last]):
            return
        present = dict.fromkeys(
            m for m in self.at[first:last] if m >= 0 and self.spans[m].type != "concept"
        )
        text = {m: self.p.text[self.spans[m].start : self.spans[m].end] for m in present}
        known = {frozenset((text.get(link.source), text.get(link.target))) for link in said}
        count = 0
        for source, target in combinations(present, 2):
            pair = frozenset((text[source], text[target]))
            if len(pair) == 2 and pair not in known:
                known.add(pair)
                yield Link(source, "related_to", target, _TOGETHER, number)
                count += 1
                if count == _PAIRS:
                    return
