"""Relations that a verb states together with its object: "held a workshop in Galway"."""

from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.dependency_grammar import SOFTWARE_TYPES
from mcp_context_persistence.ingest.extraction.modality import ModalityReader
from mcp_context_persistence.ingest.extraction.noun_relations import (
    NounRelationReader,
    Statement,
)
from mcp_context_persistence.ingest.extraction.references import EVENT_NOUNS
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText

_PHRASE_RULE = "parse:phrase"
_VERBS_OF_PREMISES = inflect_verbs(
    frozenset({"keep", "have", "run", "operate", "own", "open", "maintain", "rent", "lease"})
)
_VERBS_OF_EVENTS = inflect_verbs(
    frozenset({"hold", "host", "organize", "organise", "run", "arrange", "celebrate"})
)
_VERBS_OF_LENDING = inflect_verbs(
    frozenset({"issue", "lend", "loan", "assign", "hand", "provide", "equip"})
)
_VERBS_OF_COOPERATION = inflect_verbs(
    frozenset(
        {"run", "start", "launch", "begin", "sign", "have", "form", "announce", "make", "agree"}
        | {"establish", "conduct", "plan", "continue"}
    )
)
_COOPERATIONS = frozenset({"partnership", "collaboration", "cooperation", "alliance", "venture"})
_RECIPROCAL_VERBS = {
    **dict.fromkeys(inflect_verbs(frozenset({"meet", "befriend"})), "knows"),
    **dict.fromkeys(inflect_verbs(frozenset({"marry"})), "marries"),
    **dict.fromkeys(inflect_verbs(frozenset({"collaborate", "cooperate"})), "works_with"),
    **dict.fromkeys(inflect_verbs(frozenset({"compete"})), "competes_with"),
}
# The prepositions before what is new.
_VERBS_OF_REPLACING = {
    **dict.fromkeys(inflect_verbs(frozenset({"replace", "substitute"})), ("with", "by")),
    **dict.fromkeys(inflect_verbs(frozenset({"swap", "exchange"})), ("for", "with")),
}
_VERBS_OF_CHANGE = inflect_verbs(
    frozenset({"move", "switch", "migrate", "port", "change", "convert", "go"})
)
_VERBS_OF_MAKING = inflect_verbs(
    frozenset({"build", "write", "rewrite", "create", "develop", "implement", "train", "code"})
    | {"program", "prototype", "generate", "draw", "render", "script"}
)
_VERBS = frozenset(
    {*_VERBS_OF_PREMISES, *_VERBS_OF_EVENTS, *_VERBS_OF_LENDING, *_VERBS_OF_COOPERATION}
    | {*_VERBS_OF_CHANGE, *_VERBS_OF_MAKING}
    | _RECIPROCAL_VERBS.keys()
    | _VERBS_OF_REPLACING.keys()
)
_TOOL_TYPES = frozenset({"technology", "library", "language"})
_LENT_TYPES = frozenset({"product", "technology"})
_ACTING_TYPES = frozenset({"person", "organization"})
_PAIR = 2


class VerbPhraseReader(NounRelationReader):
    """Reads what the verbs of one text say together with their objects."""

    def __init__(self, parsed: ParsedText, spans: list[EntityCandidate]) -> None:
        """Keep the text."""
        super().__init__(parsed, spans)
        names = frozenset(
            token
            for token, mention in enumerate(self.mention_at)
            if mention >= 0 and spans[mention].type != "concept"
        )
        self.modality = ModalityReader(parsed, names)

    def read_phrase(self, verb: int, subjects: list[int]) -> Iterator[Statement]:
        """Yield what a verb and its objects state."""
        if self.parsed.lowers[verb] not in _VERBS:
            return
        nouns = self._find_object_nouns(verb)
        word = self.parsed.lowers[verb]
        yield from self._read_replacement(verb, nouns)
        if not nouns:
            yield from self._read_reciprocal(verb, subjects)
        elif word in _VERBS_OF_LENDING:
            yield from self._read_lending(verb, nouns)
        actors = [mention for mention in subjects if self.spans[mention].type in _ACTING_TYPES]
        for noun in nouns:
            if not self.modality.has_negation(noun):
                yield from self._read_object(verb, noun, actors)

    def _read_object(self, verb: int, noun: int, actors: list[int]) -> Iterator[Statement]:
        word = self.parsed.lowers[verb]
        if word in _VERBS_OF_EVENTS:
            yield from self._read_event(verb, noun, actors)
        if word in _VERBS_OF_MAKING:
            yield from self._read_tools(verb, noun, actors)
        if actors and word in _VERBS_OF_PREMISES and self.is_premises(noun):
            yield from self._read_premises(verb, noun, actors)
        if actors and word in _VERBS_OF_COOPERATION:
            yield from self._read_cooperation(verb, noun, actors)

    def _find_object_nouns(self, verb: int) -> list[int]:
        """Return the direct objects of a verb; of one in the passive voice its subjects."""
        return [
            noun
            for child in self.parsed.children[verb]
            if self.parsed.deps[child] in {"dobj", "nsubjpass"}
            for noun in self.find_conjuncts(child)
        ]

    def _read_premises(self, verb: int, noun: int, actors: list[int]) -> Iterator[Statement]:
        """Yield where an organization is: "keeps its head office in Lisbon"."""
        locations = [*self.find_locations(noun), *self.find_locations(verb)]
        mention = self.find_mention(noun)  # "runs the Leeds depot"
        if mention >= 0 and self.spans[mention].type == "location":
            locations.append(mention)
        yield from (
            (actor, "located_in", location, _PHRASE_RULE)
            for location in locations
            for actor in actors
            if self.spans[actor].type == "organization"
        )

    def _read_event(self, verb: int, noun: int, actors: list[int]) -> Iterator[Statement]:
        """Yield who organizes an event, and where: "held a workshop in Galway"."""
        event = self.find_mention(noun)
        if (
            event < 0
            or self.spans[event].type not in {"event", "concept"}
            or not (self.is_event(event) or self.parsed.lowers[noun] in EVENT_NOUNS)
        ):
            return
        for actor in actors:
            yield actor, "organizes", event, _PHRASE_RULE
        for location in (*self.find_locations(noun), *self.find_locations(verb)):
            yield event, "occurs_in", location, _PHRASE_RULE

    def _read_lending(self, verb: int, nouns: list[int]) -> Iterator[Statement]:
        """Yield the relations between recipients and the things they got: "lent her a ThinkPad"."""
        for recipient in self.find_recipients(verb):
            for noun in nouns:
                target = self.find_mention(noun)
                if target >= 0 and self.spans[target].type in _LENT_TYPES:
                    yield recipient, "uses", target, _PHRASE_RULE

    def _read_cooperation(self, verb: int, noun: int, actors: list[int]) -> Iterator[Statement]:
        """Yield who works with whom: "started a joint study with Aldgate University"."""
        is_joint = any(self.parsed.lowers[child] == "joint" for child in self.parsed.children[noun])
        if not is_joint and self.parsed.lowers[noun] not in _COOPERATIONS:
            return
        for child in (*self.parsed.children[noun], *self.parsed.children[verb]):
            if self.parsed.deps[child] != "prep" or self.parsed.lowers[child] != "with":
                continue
            for partner, _ in self.find_prepositional_objects(child):
                if self.spans[partner].type in _ACTING_TYPES:
                    yield from (
                        (actor, "works_with", partner, _PHRASE_RULE)
                        for actor in actors
                        if actor != partner
                    )

    def _read_tools(self, verb: int, noun: int, actors: list[int]) -> Iterator[Statement]:
        """Yield who uses what to make something: "built the page with React"."""
        for preposition in ("in", "with"):
            for tool in self._find_after(preposition, verb, noun):
                if self.spans[tool].type not in _TOOL_TYPES:
                    continue
                yield from ((actor, "uses", tool, _PHRASE_RULE) for actor in actors)
                artifact = self.find_mention(noun)
                if preposition == "in" and artifact >= 0:
                    yield artifact, "written_in", tool, _PHRASE_RULE

    def _read_replacement(self, verb: int, nouns: list[int]) -> Iterator[Statement]:
        """Yield what replaces what, whoever does it.

        For example: "replaced Memcached with Redis", "moved the builds from Jenkins to Buildkite".
        """
        word = self.parsed.lowers[verb]
        prepositions: tuple[str, ...]
        if word in _VERBS_OF_REPLACING:
            old = [mention for noun in nouns if (mention := self.find_mention(noun)) >= 0]
            prepositions, types = _VERBS_OF_REPLACING[word], SOFTWARE_TYPES | {"product"}
        elif word in _VERBS_OF_CHANGE:  # Code moves from file to file, and replaces neither.
            old, prepositions = self._find_after("from", verb, *nouns), ("to",)
            types = _TOOL_TYPES | {"product"}
        else:
            return
        new = [new for word in prepositions for new in self._find_after(word, verb, *nouns)]
        yield from (
            (after, "replaces", before, _PHRASE_RULE)
            for before in old
            for after in new
            if {self.spans[before].type, self.spans[after].type} <= types
        )

    def _find_after(self, word: str, *heads: int) -> list[int]:
        """Return the mentions after a preposition that depends on one of the tokens.

        The parser may take "from A to B" for one phrase.
        """
        mentions: list[int] = []
        for head in heads:
            for child in self.parsed.children[head]:
                if self.parsed.deps[child] in {"prep", "agent"}:
                    if self.parsed.lowers[child] == word:
                        objects = self.find_prepositional_objects(child)
                        mentions += [mention for mention, _ in objects]
                    else:
                        mentions += self._find_after(word, child, *self.parsed.children[child])
        return mentions

    def _read_reciprocal(self, verb: int, subjects: list[int]) -> Iterator[Statement]:
        """Yield what two subjects do with each other: "Ines and Emil married in May"."""
        kind = _RECIPROCAL_VERBS.get(self.parsed.lowers[verb])
        if kind is None or len(subjects) != _PAIR:
            return
        types = {self.spans[subject].type for subject in subjects}
        is_elsewhere = any(
            self.parsed.lowers[child] in {"with", "for", "by"}
            for child in self.parsed.children[verb]
        )
        if len(types) == 1 and types <= _ACTING_TYPES and not is_elsewhere:
            yield subjects[0], kind, subjects[1], _PHRASE_RULE
