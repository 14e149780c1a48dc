"""Candidates with their scores, and counts that say how far the retrievers looked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, NamedTuple

from mcp_context_persistence.kg.driver.statement import Row


class Candidate(NamedTuple):
    """A text that a retriever returned, a neighbor of one, or a text that an entity led to.

    Its first fields are in the order of `search/find`. A search makes a hundred of them, and a
    named tuple takes a fifth of the time of a frozen dataclass.

    Attributes:
        kind: message, entity, decision, instruction, conversation or document.
        id: Its id; for a document that of the passage.
        conversation_id: Its conversation; None or empty where it belongs to none.
        timestamp_ms: When it was said or created, in milliseconds since 1970.
        content: Its text.
        metadata: JSON, where it was requested.
        vector_score: Raw cosine, -1 to 1; None where the vector retriever did not find it.
        keyword_score: Lucene's score; None where the keyword retriever did not find it.
        retrieval_score: Weighted sum of both scores, each normalized to its retriever's range; 0 to
            1, only of messages.
        is_allowed: Whether the filters let it through. A neighbor that they do not let through only
            contributes to the features of others.
        neighbor_seeds: The messages next to which it lies: `id`, `steps` and `retrieval_score`;
            only for explanations.
        position: Position of a message in its conversation.
        author: Who wrote a message.
        role: The role of who wrote it, such as `user` or `assistant`.
        cosine: Raw cosine of a message, also of neighbors of what was found; None where it was not
            computed.
        project: Its project, where metadata was requested; empty where it has none.
        is_cut: Whether the text is longer than `content`.
        name, aliases, description: Fields of an entity.
        document_id, start, end: The document of a passage, and its range of characters.
        status: Status of a decision.
    """

    kind: str
    id: str
    conversation_id: str | None = None
    timestamp_ms: int | None = None
    content: str | None = None
    metadata: str | None = None
    vector_score: float | None = None
    keyword_score: float | None = None
    retrieval_score: float = 0.0
    is_allowed: bool = True
    neighbor_seeds: Sequence[Row] = ()
    position: int | None = None
    author: str | None = None
    role: str | None = None
    cosine: float | None = None
    project: str | None = None
    is_cut: bool = False
    name: str | None = None
    aliases: Sequence[str] | None = None
    description: str | None = None
    document_id: str | None = None
    start: int | None = None
    end: int | None = None
    status: str | None = None

    @property
    def shown_id(self) -> str:
        """The id under which it is returned: a passage stands for its document."""
        return self.document_id or self.id

    @property
    def is_found(self) -> bool:
        """Whether an index returned it; if not, it is a neighbor or an entity led to it."""
        return self.vector_score is not None or self.keyword_score is not None


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with its score.

    Attributes:
        score: As it is returned: 0 to 1, or the raw cosine in mode `semantic`.
        candidate: The candidate.
        scoring: How the score was calculated, for the explanation.
    """

    score: float
    candidate: Candidate
    scoring: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRange:
    """The smallest and the largest score of one retriever, entities left out.

    None where it found nothing else.
    """

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrieverCounts:
    """How much one retriever returned.

    Attributes:
        rows: Rows of the index, before filters.
        matches: Different things that the filters let through.
        messages: Messages among these.
    """

    rows: int = 0
    matches: int = 0
    messages: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The answer of `search/find`.

    Attributes:
        messages: Messages with their neighbors, in the order of conversation and position.
        others: Everything that is not a message.
        vector_range, keyword_range: The range of each retriever's scores.
        vector_scores, keyword_scores: All of its scores, from which ranks are counted.
        vector_counts, keyword_counts: How much it returned.
        scanned: Nodes whose vectors were compared one by one.
        revision, model: Which model's vectors the namespace uses.
    """

    messages: Sequence[Candidate] = ()
    others: Sequence[Candidate] = ()
    vector_range: ScoreRange = ScoreRange()
    keyword_range: ScoreRange = ScoreRange()
    vector_scores: Sequence[float] = ()
    keyword_scores: Sequence[float] = ()
    vector_counts: RetrieverCounts = RetrieverCounts()
    keyword_counts: RetrieverCounts = RetrieverCounts()
    scanned: int = 0
    revision: int | None = None
    model: str | None = None


def read_candidates(row: Row, *, characters: int) -> Candidates:
    """Read the row of `search/find`; what was deleted while the statement ran is left out.

    Args:
        row: The row.
        characters: How many of each message are used.
    """
    return Candidates(
        messages=_read_messages(row["messages"], characters),
        others=[read_candidate(values) for values in row["others"] if is_present(values)],
        vector_range=ScoreRange(minimum=row["vector_min"], maximum=row["vector_max"]),
        keyword_range=ScoreRange(minimum=row["keyword_min"], maximum=row["keyword_max"]),
        vector_scores=row["vector_scores"],
        keyword_scores=row["keyword_scores"],
        vector_counts=RetrieverCounts(
            rows=row["vector_rows"], matches=row["vector_matches"], messages=row["vector_messages"]
        ),
        keyword_counts=RetrieverCounts(
            rows=row["keyword_rows"],
            matches=row["keyword_matches"],
            messages=row["keyword_messages"],
        ),
        scanned=row["scanned"],
        revision=row["revision"],
        model=row["model"],
    )


def _read_messages(rows: Iterable[Sequence[Any]], characters: int) -> list[Candidate]:
    """Read messages, in the order of conversation and position."""
    messages = [
        Candidate("message", *values)
        for values in rows
        if not (
            values[_ID] is None or values[_CONVERSATION_ID] is None or values[_POSITION] is None
        )
    ]
    messages.sort(key=attrgetter("conversation_id", "position", "id"))
    if any(len(message.content or "") > characters for message in messages):
        messages = [_cut(message, characters) for message in messages]
    return messages


def _cut(message: Candidate, characters: int) -> Candidate:
    content = message.content or ""
    if len(content) <= characters:
        return message
    return message._replace(content=content[:characters], is_cut=True)


def read_candidate(values: Row) -> Candidate:
    """Read a candidate from a map of its fields; other keys are ignored."""
    return Candidate(**{name: value for name, value in values.items() if name in _FIELDS})


def is_present(values: Row) -> bool:
    """Return whether a row exists; what is deleted while a statement runs becomes null."""
    required = {"message": "conversation_id", "document": "document_id"}.get(values["kind"], "kind")
    return values["id"] is not None and values[required] is not None


def replace_content(scored: ScoredCandidate, content: str) -> ScoredCandidate:
    """Return the same candidate with its whole text."""
    return replace(scored, candidate=scored.candidate._replace(content=content, is_cut=False))


_FIELDS = frozenset(Candidate._fields)
# Where the values of a message are in its row, which begins with the field after `kind`.
_ID, _CONVERSATION_ID, _POSITION = (
    Candidate._fields.index(name) - 1 for name in ("id", "conversation_id", "position")
)
