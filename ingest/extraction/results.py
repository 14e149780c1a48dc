"""What is found in a text, as values."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """One place in a text where an entity is named.

    Attributes:
        start: First character, counted from 0 in the given text.
        end: One past the last character; ``text[start:end]`` is `text`.
        text: The words as they stand.
        entity_id: The entity's id, see `kg.identifiers.entity_id`.
        name: The words with every run of white space made one space.
        type: A lower-case word, such as ``class``, ``person`` or ``concept``.
        confidence: Measured precision of the rule, 0 to 1, see `ingest.extraction.rule_confidence`; for ``gliner:`` what the model gave.
        extractor: The rule, such as ``cue:class``, ``ner:person`` or ``gliner:person``.
        description: The sentence in which it stands, at most 500 characters.
        named: The id that its name has by itself, where that entity was merged into another one.
    """

    start: int
    end: int
    text: str
    entity_id: str
    name: str
    type: str
    confidence: float
    extractor: str
    description: str
    named: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """One statement about two entities, as a sentence makes it.

    Attributes:
        source: Id of the entity that the statement is about.
        type: Lower-case words joined by ``_``, such as ``uses``; matches ``[a-z][a-z0-9_]{0,62}``.
        target: Id of the other entity.
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
    """All that was found in one text.

    Attributes:
        mentions: In the order of the text; they do not overlap. At most `kg.limits.ENTITIES_PER_TEXT`.
        relations: In the order of the text, each statement once.
        truncated: Whether there were more mentions than that.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]
    truncated: bool = False


class Found(NamedTuple):
    """A candidate: characters ``start`` to ``end`` may name something of this type. Lower tiers win overlaps.

    `confidence` is what a model gave to it, None where the rule's measured precision counts.
    """

    start: int
    end: int
    type: str
    rule: str
    tier: int
    confidence: float | None = None


class Link(NamedTuple):
    """A relation before it has ids: positions in the list of mentions, and the sentence's number."""

    source: int
    type: str
    target: int
    rule: str
    sentence: int


class Parsed(NamedTuple):
    """A parsed text without its parser: parallel lists, one item per token, and spans of tokens.

    Attributes:
        text: The text as it was parsed.
        words: Tokens as written.
        lowers: The same in lower case.
        tags: Penn Treebank tags.
        deps: Dependency labels (ClearNLP).
        heads: Position of each token's head; a root is its own.
        starts: First character of each token.
        ends: One past its last character.
        children: Positions of each token's dependents, in order.
        sentences: First and one past the last token of each sentence.
        named: First token, one past the last, and label of what the recogniser found.
        known: First token, one past the last, type, and whether it is unmistakable, of vocabulary words.
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
    named: list[tuple[int, int, str]]
    known: list[tuple[int, int, str, bool]]
