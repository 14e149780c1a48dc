"""Sentences in which a user gives an instruction, a preference or a fact about themself.

Only the author's own words count: no code, data, quoted lines, text in quotation marks or pasted
text, no questions, no requests for this one time, and nothing about other people. English only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.author_sentences import (
    AuthorSentence,
    blank_out_comments,
    find_author_sentences,
    mask_quotes,
)
from mcp_context_persistence.ingest.extraction.instruction_scopes import (
    find_address,
    find_topic,
)
from mcp_context_persistence.ingest.extraction.instruction_trigger import TRIGGER
from mcp_context_persistence.ingest.extraction.instruction_wordings import (
    RULES,
    Kind,
    Rule,
)
from mcp_context_persistence.ingest.extraction.pasted_text import find_own_end

# Words by which a clause is a question, a condition, or somebody else's.
_OPEN_CLAUSE = re.compile(
    r"\b(?:if|whether|unless|suppose|why|what|which|how|should|would|could|do|does|did|says?|said|"
    r"tells?|told|wrote|asked|claims?|pretend|imagine|doubt|don'?t think|"
    r"not think|than|where|who)(?: that)?\W*$|"
    r"\b(?:he|she|they|user|customer|client)(?:'s)? (?:says?|said|thinks?|wrote|told me)\b[^.;]*$",
    re.IGNORECASE,
)
# Before what nobody has said or wants, or somebody else.
_DENIED = re.compile(
    r"\b(?:never|not|\w+n't|nobody|no one) (?:\w+ )?(?:sa(?:y|id)|mean(?:t)?|th(?:ink|ought)|"
    r"claim(?:ed)?|ask(?:ed)?|tell|told|suggest(?:ed)?|true|(?:the|a|my) \w+)\b[^.;]*$|"
    r"\b(?:(?:my|his|her|their|the|an?|some) (?:\w+ )?\w+|he|she|they|people|everyone|somebody|"
    r"someone) (?:says?|said|thinks?|told me|wrote|claims?|insists?)\b[^.;]*$",
    re.IGNORECASE,
)
_SAID = re.compile(  # "Always wear a helmet, said my dad."
    r",\s*(?:as )?(?:(?:said|says|wrote) (?:my|our|his|her|the|(?-i:[A-Z]))|"
    r"(?:my|our|his|her) \w+ (?:always |used to )?(?:says?|said|told)\b)",
    re.IGNORECASE,
)
_ONCE = re.compile(
    r"\b(?:for now|right now|just this (?:once|time)|this time|today|tonight|tomorrow)\W*$",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"[;:]\s|\s[\u2013\u2014-]\s|,\s*(?=(?:what|how|which|where|does|do|did|is|are|can|should|any|"
    r"anything|would|could)\b)|(?:,\s*|\s)(?:so (?=can|could|how|what|i |please)|"
    r"but (?=i'm|can|could|how|what)|and (?=can|could|how|i'm|i need|i want|what)|can you|"
    r"could you|would you|how (?:can|do|should|would)|what (?:is|are|do|would|should)|"
    r"considering\b|given that|since i\b|do you|please\b)",
    re.IGNORECASE,
)
# A request with such a tag is no question: "Keep it short, ok?"
_TAG = re.compile(
    r",? (?:ok|okay|please|pls|plz|al ?right|all right|got it|understood|will you|would you)\?+$",
    re.IGNORECASE,
)
# "I'm vegan", but not "I prefer".
MIN_WORDS, MIN_PREFERENCE_WORDS, MAX_WORDS, MAX_CHARACTERS = 2, 3, 80, 1_000
MAX_PER_TEXT = 20
CHARACTERS_READ = 20_000  # of a text; its author's own words come first


@dataclass(frozen=True, kw_only=True)
class InstructionSentence:
    """An instruction, a preference or a fact about the user in a text.

    Attributes:
        start: Its first character, counted from 0 in the text.
        end: One past its last character.
        text: The sentence or clause.
        kind: `instruction`, `preference` or `fact`.
        rule: The name of the rule that found it.
        topic: What must come up for it to apply; empty if it applies always.
        subject: Whom it is about: `assistant` or `user`.
        attribute: What it says of the subject; a later one of the same attribute supersedes it.
    """

    start: int
    end: int
    text: str
    kind: Kind
    rule: str
    topic: str
    subject: str
    attribute: str


class OwnSentence(NamedTuple):
    """A sentence of a message in its author's own words.

    Attributes:
        start: Its first character, counted from 0 in the text.
        end: One past its last character.
        text: The sentence with letters in place of quoted text.
        instruction: What a rule finds in it; None for nothing.
    """

    start: int
    end: int
    text: str
    instruction: InstructionSentence | None


def read_sentences(text: str) -> Iterator[OwnSentence]:
    """Yield the sentences of a user's message."""
    text = text[:CHARACTERS_READ]
    own_words = blank_out_comments(text)
    for source in find_author_sentences(text[: find_own_end(text)]):
        words = mask_quotes(own_words[source.start : source.end])
        yield OwnSentence(source.start, source.end, words, _read_sentence(text, source))


def find_instructions(text: str) -> list[InstructionSentence]:
    """Return the instructions, preferences and facts of a user's message, in their order."""
    if not TRIGGER.search(text[:CHARACTERS_READ].lower()):
        return []
    instructions = (row.instruction for row in read_sentences(text) if row.instruction)
    return list(islice(instructions, MAX_PER_TEXT))


def describe_instruction(text: str, kind: Kind, topic: str | None) -> InstructionSentence:
    """Return a text that the user saves as an instruction, with its topic and its address."""
    return build_instruction(text, (0, len(text)), kind, "saved", topic=topic)


def _read_sentence(text: str, source: AuthorSentence) -> InstructionSentence | None:
    original = text[source.start : source.end]
    if len(original) > MAX_CHARACTERS * 4 or not TRIGGER.search(source.plain.lower()):
        return None
    sentence = mask_quotes(original).replace("’", "'")
    for rule, match in _match_rules(sentence):
        span = _find_span(sentence, match) if rule.is_clause else (0, len(original))
        words = len(sentence[slice(*span)].split())
        least = MIN_PREFERENCE_WORDS if rule.kind == "preference" else MIN_WORDS
        if least <= words <= MAX_WORDS and span[1] - span[0] <= MAX_CHARACTERS:
            start = source.start + span[0]
            return build_instruction(text, (start, source.start + span[1]), rule.kind, rule.name)
    return None


def _match_rules(sentence: str) -> Iterator[tuple[Rule, re.Match[str]]]:
    if _SAID.search(sentence):
        return
    stripped = sentence.rstrip(" \"'*_)”")
    is_question = stripped.endswith("?") and not _TAG.search(stripped)
    for rule in RULES:
        if is_question and not rule.is_clause:
            continue
        match = rule.pattern.search(sentence)
        if match is None:
            continue
        if rule.is_clause and _OPEN_CLAUSE.search(sentence[: match.start()]):
            continue
        if not rule.is_clause and (
            _ONCE.search(sentence.rstrip(" .!")) or _DENIED.search(sentence[: match.start()])
        ):
            continue
        yield rule, match


def _find_span(sentence: str, match: re.Match[str]) -> tuple[int, int]:
    """Return the clause of a match: from its first word to where the next clause begins."""
    stop = end.start() if (end := _CLAUSE_END.search(sentence, match.end())) else len(sentence)
    return match.start(), match.start() + len(sentence[match.start() : stop].rstrip(" ,;:?"))


def build_instruction(
    text: str, span: tuple[int, int], kind: Kind, rule: str, *, topic: str | None = None
) -> InstructionSentence:
    """Return the instruction that some characters of a text are, with its topic and address."""
    words = " ".join(text[slice(*span)].split())
    own_topic = find_topic(words, kind) if topic is None else topic
    subject, attribute = find_address(words, kind, own_topic)
    return InstructionSentence(
        start=span[0],
        end=span[1],
        text=text[slice(*span)],
        kind=kind,
        rule=rule,
        topic=own_topic,
        subject=subject,
        attribute=attribute,
    )
