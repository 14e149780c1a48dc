"""Values of the extraction: what it returns, and what its steps hand to each other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.identifiers import build_entity_id

ASSERTED, POSITIVE = "asserted", "positive"
# Of the author of a text, where the name is not known.
AUTHOR_ID, AUTHOR_NAME = "me", "the user"
AUTHOR_RULE, RELATIVE_RULE = "author", "author:relative"


class Tier(IntEnum):
    """Which candidate wins where two overlap: the one of the lower tier.

    `RECOGNIZER` is a second recognizer, which is used only where a model is configured.
    """

    USER_PATTERN = -1
    CODE = 0
    NAME_RULE = 1
    SOFTWARE_TERM = 2
    CODE_SHAPE = 3
    RECOGNIZER = 4
    NAMED_ENTITY = 5
    NOUN_PHRASE = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """One occurrence of an entity's name in a text.

    Attributes:
        start: First character, counted from 0 in the given text.
        end: One past the last character; ``text[start:end]`` is `text`.
        text: The words exactly as in the text.
        entity_id: The entity's id, see `kg.identifiers.build_entity_id`.
        name: The words with every run of white space replaced by one space.
        type: A lower-case word, such as ``class``, ``person`` or ``concept``.
        confidence: Measured precision of the rule, 0 to 1, see
            `ingest.extraction.rule_data.get_confidence`; the model's score for ``gliner:``.
        extractor: The rule, such as ``cue:class``, ``ner:person`` or ``gliner:person``.
        sentence: The sentence that contains the mention, at most 500 characters.
        redirected_from: The id that belongs to the name, where that entity was merged into
            another one.
    """

    start: int
    end: int
    text: str
    entity_id: str
    name: str
    type: str
    confidence: float
    extractor: str
    sentence: str
    redirected_from: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """One statement of a sentence about two entities.

    Attributes:
        source: Id of the entity that the statement is about.
        type: Lower-case words joined by ``_``, such as ``uses``; matches
            ``[a-z][a-z0-9_]{0,62}``.
        target: Id of the second entity.
        confidence: Measured precision of the rule, 0 to 1.
        evidence: The sentence, at most 500 characters.
        start: First character of the sentence.
        end: One past its last character.
        extractor: The rule, such as ``parse:clause``.
        modality: ``asserted`` for a fact, else how the text means it, see
            `ingest.extraction.modality.Stance`.
        polarity: ``negative`` where it is the contrary that is asserted, asked, supposed and so
            on, else ``positive``.
    """

    source: str
    type: str
    target: str
    confidence: float
    evidence: str
    start: int
    end: int
    extractor: str
    modality: str = ASSERTED
    polarity: str = POSITIVE


class AuthorStatements(NamedTuple):
    """What the author of a text says about themself.

    Attributes:
        mentions: Of the ends of the relations; those of the author have the id `AUTHOR_ID`, and
            those of people without a name ("my sister") the rule `RELATIVE_RULE`.
        relations: Of all modalities; one end is the author or such a person.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]


NO_STATEMENTS = AuthorStatements((), ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """The entities and relations of one text.

    Attributes:
        mentions: In the order of the text, without overlaps. At most
            `kg.limits.ENTITIES_PER_TEXT`.
        relations: The facts, in the order of the text, each statement once.
        truncated: Whether the text had more mentions or more unasserted relations than that, or
            data that was not read to its end.
        unasserted: What the text does not state as a fact: what is denied, past, planned,
            supposed, reported, asked and so on. Each statement once for each modality, and none
            that is a fact. At most `kg.limits.UNASSERTED_PER_TEXT`. The ends have the ids of their
            names in the text, also where these were merged into other entities.
        is_understood: Whether all of it is in a language that the extraction understands. In
            others, only names whose own form shows what they are were found.
        author: What the author says about themself, which is not among the rest: a text alone
            does not say who that is.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]
    truncated: bool = False
    unasserted: tuple[Relation, ...] = ()
    is_understood: bool = True
    author: AuthorStatements = NO_STATEMENTS


def add_author(extraction: Extraction, name: str | None) -> Extraction:
    """Return an extraction with what its author says about themself.

    Args:
        extraction: The extraction of a text that its author has written.
        name: The author's name; without one, the author is the entity `me` of the namespace.
    """
    if not extraction.author.relations:
        return extraction
    mentions = [_name_mention(mention, name) for mention in extraction.author.mentions]
    ids = {
        old.entity_id: new.entity_id
        for old, new in zip(extraction.author.mentions, mentions, strict=True)
    }
    known_ids = {mention.entity_id for mention in (*extraction.mentions, *mentions)}
    relations = [
        replace(
            relation,
            source=ids.get(relation.source, relation.source),
            target=ids.get(relation.target, relation.target),
        )
        for relation in extraction.author.relations
    ]
    relations = [
        relation
        for relation in relations
        if {relation.source, relation.target} <= known_ids and relation.source != relation.target
    ]
    joined = build_extraction(
        sorted([*extraction.mentions, *mentions], key=attrgetter("start")),
        [*relations, *extraction.relations, *extraction.unasserted],
        is_truncated=extraction.truncated,
    )
    return replace(joined, is_understood=extraction.is_understood)


def _name_mention(mention: Mention, author: str | None) -> Mention:
    """Return a mention with the author's name: "Ada Lind" for "I", "Ada Lind's sister"."""
    if author is None or mention.extractor not in {AUTHOR_RULE, RELATIVE_RULE}:
        return mention
    is_relative = mention.extractor == RELATIVE_RULE
    name = f"{author}'s {mention.name.partition(' ')[2]}" if is_relative else author
    return replace(mention, entity_id=build_entity_id(name), name=name)


def build_extraction(
    mentions: Iterable[Mention], relations: Iterable[Relation], *, is_truncated: bool
) -> Extraction:
    """Return an extraction with each relation once.

    Args:
        mentions: The mentions.
        relations: The relations of all modalities.
        is_truncated: Whether the text had more mentions.
    """
    facts: dict[tuple[str, str, str], Relation] = {}
    unasserted: dict[tuple[str, str, str, str], Relation] = {}
    for relation in relations:
        key = (relation.source, relation.type, relation.target)
        if relation.modality == ASSERTED:
            facts.setdefault(key, relation)
        else:
            unasserted.setdefault((*key, relation.modality), relation)
    others = [relation for key, relation in unasserted.items() if key[:3] not in facts]
    return Extraction(
        mentions=tuple(mentions),
        relations=tuple(facts.values()),
        truncated=is_truncated or len(others) > limits.UNASSERTED_PER_TEXT,
        unasserted=tuple(others[: limits.UNASSERTED_PER_TEXT]),
    )


class EntityCandidate(NamedTuple):
    """A span of characters that may name an entity of this type.

    `confidence` is the score of a model; None where the rule's measured precision counts.
    """

    start: int
    end: int
    type: str
    rule: str
    tier: int
    confidence: float | None = None


class RelationCandidate(NamedTuple):
    """A relation without ids: indexes in the list of mentions, and the sentence's index."""

    source: int
    type: str
    target: int
    rule: str
    sentence: int
    modality: str = ASSERTED
    polarity: str = POSITIVE


class ParsedText(NamedTuple):
    """A parsed text without its parser: parallel lists with an item per token, and token spans.

    Attributes:
        text: The text.
        words: Tokens as the parser reads them: "ANNA MEIER" as "Anna Meier", see `name_case`.
        lowers: The tokens in lower case.
        tags: Penn Treebank tags.
        deps: Dependency labels (ClearNLP).
        heads: Index of each token's head; the head of a root is the root itself.
        starts: First character of each token.
        ends: One past its last character.
        children: Indexes of each token's dependents, in order.
        sentences: First token of each sentence, and one past its last.
        entity_spans: First token, one past the last, and label of the named entities that spaCy
            recognized.
        term_spans: First token, one past the last, type, and whether it is unambiguous, of the
            known software terms.
        name_scores: How likely each token is in a name of a type, ``(tokens, classes)``, see
            `ingest.extraction.name_scores`; None where no token is, or the model is missing.
    """

    text: str
    words: list[str]
    lowers: list[str]
    tags: list[str]
    deps: list[str]
    heads: list[int]
    starts: list[int]
    ends: list[int]
    children: list[list[int]]
    sentences: list[tuple[int, int]]
    entity_spans: list[tuple[int, int, str]]
    term_spans: list[tuple[int, int, str, bool]]
    name_scores: NDArray[np.float32] | None = None

    def list_sentences(self, start: int = 0, stop: int | None = None) -> list[tuple[int, int]]:
        """Return the first character of some sentences, and one past the last of each."""
        return [
            (self.starts[first], self.ends[end - 1]) for first, end in self.sentences[start:stop]
        ]
