"""Values of the extraction: what it returns, and what its steps hand to each other."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


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
    """

    source: str
    type: str
    target: str
    confidence: float
    evidence: str
    start: int
    end: int
    extractor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """The entities and relations of one text.

    Attributes:
        mentions: In the order of the text, without overlaps. At most
            `kg.limits.ENTITIES_PER_TEXT`.
        relations: In the order of the text, each statement once.
        truncated: Whether the text had more mentions than that, or data that was not read to its
            end.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]
    truncated: bool = False


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


class ParsedText(NamedTuple):
    """A parsed text without its parser: parallel lists with an item per token, and token spans.

    Attributes:
        text: The text that was parsed.
        words: Tokens as in the text.
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
