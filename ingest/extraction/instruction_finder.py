"""Find what users tell an assistant to remember: by rules first, then by scores."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mcp_context_persistence.ingest.extraction.instruction_cues import (
    MAX_CHARACTERS,
    MAX_PER_TEXT,
    MAX_WORDS,
    MIN_PREFERENCE_WORDS,
    MIN_WORDS,
    InstructionSentence,
    OwnSentence,
    build_instruction,
    read_sentences,
)
from mcp_context_persistence.ingest.extraction.instruction_scopes import (
    ASSISTANT,
    USER,
    describe_words,
)
from mcp_context_persistence.ingest.extraction.instruction_scores import InstructionScorer
from mcp_context_persistence.ingest.extraction.instruction_wordings import Kind
from mcp_context_persistence.ingest.extraction.understood_languages import is_understood
from mcp_context_persistence.kg.text.languages import ENGLISH

RULE = "wording"
_EDGES = " \t,;:–—-"  # between clauses


class InstructionFinder:
    """Finds instructions, preferences and facts in messages of users. Threads may share it."""

    def __init__(
        self, scorer: InstructionScorer | None = None, *, language: str | None = None
    ) -> None:
        """Keep the settings; nothing is loaded.

        Args:
            scorer: One of its own where it is None.
            language: The code of the language of all texts; recognized in each where it is None.
        """
        self._scorer, self._language = scorer or InstructionScorer(), language

    def find(self, texts: Sequence[str]) -> list[list[InstructionSentence]]:
        """Return the instructions of each text, in their order.

        A sentence in which a rule finds one is not scored.

        Raises:
            NLPError: The model failed.
        """
        instructions = list[list[InstructionSentence]]()
        open_sentences = list[tuple[int, OwnSentence]]()
        for index, text in enumerate(texts):
            sentences = list(read_sentences(text))
            instructions.append([row.instruction for row in sentences if row.instruction])
            open_sentences += [
                (index, row) for row in sentences if not row.instruction and is_scored(row)
            ]
        clauses = self._scorer.find([row.text for _, row in open_sentences])
        for (index, row), clause in zip(open_sentences, clauses, strict=True):
            if clause and is_understood(texts[index], ENGLISH, self._language):
                span = _trim(texts[index], row.start + clause.start, row.start + clause.end)
                instructions[index] += _build(texts[index], span, clause.kind)
        return [sorted(rows, key=lambda row: row.start)[:MAX_PER_TEXT] for rows in instructions]


def is_scored(sentence: OwnSentence) -> bool:
    """Return whether a sentence has a length that instructions have."""
    is_short = len(sentence.text) <= MAX_CHARACTERS
    return is_short and MIN_WORDS <= len(sentence.text.split()) <= MAX_WORDS


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without the spaces and commas around it."""
    words = text[start:end].rstrip(_EDGES)
    return end - len(text[start:end].lstrip(_EDGES)), start + len(words)


def _build(text: str, span: tuple[int, int], kind: Kind) -> Iterator[InstructionSentence]:
    """Yield the instruction of a span, nothing where it is too short.

    Its words are its address: what the rules read from their wordings would be a guess here.
    """
    words = text[slice(*span)]
    if len(words.split()) >= (MIN_WORDS if kind == "instruction" else MIN_PREFERENCE_WORDS):
        subject = ASSISTANT if kind == "instruction" else USER
        instruction = build_instruction(text, span, kind, RULE)
        yield replace(instruction, subject=subject, attribute=describe_words(words))
