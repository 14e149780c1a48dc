"""Excerpts: texts in the form in which a prompt context shows them, with citations and headings."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.text.blobs import replace_blobs
from mcp_context_persistence.queries.prompt_context import redundancy
from mcp_context_persistence.queries.prompt_context.fitting import (
    Frame,
    TextFitter,
    TokenCounter,
)
from mcp_context_persistence.queries.prompt_context.windows import QueryWords
from mcp_context_persistence.queries.search.candidate import Candidate

CITATION_PREFIXES = {"message": "m", "decision": "d", "document": "doc"}
_MONTHS = tuple(calendar.month_name)


@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """What the graph says about texts, by their citation keys.

    Attributes:
        entities: The entities that each text mentions or is about.
        evidence: For a decision the last message of its conversation that supports it: `position`
            and `timestamp_ms`.
        marks: For messages that changed or were changed, what is shown beside the citation.
        later: For a superseded message the message that supersedes it.
    """

    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Row] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)


NO_FACTS = GraphFacts()


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A text that can be shown.

    Attributes:
        candidate: The result that it is from.
        score: The score of the search.
        share: Its share of the relevance of all results, 0 to 1.
        line: The text with its citation; it may have several lines.
        tokens: Tokens of the line and the line break.
        headings: The heading if nothing of its source is shown yet, and the heading if only texts
            of other days are.
        heading_tokens: Their tokens, line breaks included.
        terms: Its terms, for comparisons.
        community: Label of the entities that it mentions; None without any.
        position: Its position in the conversation; None for a text that is ordered by time.
        timestamp_ms: Its time, milliseconds since 1970 UTC.
        source_id: Id of its conversation or document.
        later_key: The citation key of the message that supersedes it, without which it is not
            shown; None if there is none.
    """

    candidate: Candidate
    score: float
    share: float
    line: str
    tokens: int
    headings: tuple[str, str]
    heading_tokens: tuple[int, int]
    terms: redundancy.TextTerms
    community: str | None
    position: float | None
    timestamp_ms: int | None
    source_id: str
    later_key: str | None = None

    def cost(self, headings: Mapping[str, set[str]]) -> int:
        """Return the tokens that it adds to a context.

        Args:
            headings: For each source that is shown already, the headings of its days.
        """
        source_headings = headings.get(self.source_id)
        if source_headings is None:
            return self.tokens + self.heading_tokens[0]
        return self.tokens + (0 if self.headings[1] in source_headings else self.heading_tokens[1])


def make_excerpts(
    results: Sequence[tuple[float, float, Candidate]],
    *,
    words: QueryWords,
    budget: int,
    count_tokens: TokenCounter,
    facts: GraphFacts,
) -> list[Excerpt]:
    """Return an excerpt for each result that fits the budget.

    Args:
        results: Scores, shares of the relevance, and candidates.
        words: The content words of the query.
        budget: The token budget of the prompt context.
        count_tokens: Counts the tokens of texts.
        facts: What the graph says about the candidates.
    """
    candidates = [candidate for _, _, candidate in results]
    headings = [_headings(candidate, facts) for candidate in candidates]
    labels = [_labels(candidate, facts) for candidate in candidates]
    fitter = TextFitter(count_tokens, budget=budget, words=words)
    lines = fitter.fit(
        [_content(candidate) for candidate in candidates],
        frames=[
            Frame(
                labels=own_labels,
                headings=own_headings,
                author=_author(candidate),
                is_cut=candidate.is_cut,
            )
            for own_labels, own_headings, candidate in zip(
                labels, headings, candidates, strict=True
            )
        ],
    )
    keys = [citation_key(candidate) for candidate in candidates]
    communities = redundancy.find_communities({key: facts.entities.get(key, ()) for key in keys})
    return [
        Excerpt(
            candidate=candidate,
            score=score,
            share=share,
            line=line.text,
            tokens=line.tokens,
            headings=own_headings,
            heading_tokens=line.heading_tokens,
            terms=redundancy.extract_terms(line.shown_text),
            community=communities.get(citation_key(candidate)),
            position=_position(candidate, facts),
            timestamp_ms=_timestamp_ms(candidate, facts),
            source_id=_source_id(candidate),
            later_key=facts.later.get(citation_key(candidate)),
        )
        for (score, share, candidate), own_headings, line in zip(
            results, headings, lines, strict=True
        )
        if line is not None
    ]


def citation_key(candidate: Candidate) -> str:
    """Return the citation key of a candidate: a prefix for its kind, and its id.

    Brackets and percent signs of the id are percent-encoded (RFC 3986).
    """
    return f"{CITATION_PREFIXES[candidate.kind]}:{encode_id(candidate.shown_id)}"


def encode_id(item_id: str) -> str:
    """Return an id with percent-encoded brackets and percent signs."""
    return item_id.replace("%", "%25").replace("[", "%5B").replace("]", "%5D")


def _labels(candidate: Candidate, facts: GraphFacts) -> tuple[str, ...]:
    """Return the citation alone, and the citation with the author if there is one."""
    key = citation_key(candidate)
    citation = f"[{key}] ({facts.marks[key]}) " if key in facts.marks else f"[{key}] "
    author = _author(candidate)
    return (citation, f"{citation}{author}: ") if author else (citation,)


def _content(candidate: Candidate) -> str:
    """Return the text with markers in place of blobs.

    The outcome of a decision is left out if its context contains it.
    """
    text = replace_blobs((candidate.content or "").strip())
    context, _, outcome = text.rpartition("\n")
    return context if candidate.kind == "decision" and outcome in context else text


def _author(candidate: Candidate) -> str:
    """Return the author of a message, or a label for a decision that nobody has accepted."""
    return candidate.author or ("Proposed decision" if candidate.status == "proposed" else "")


def _source_id(candidate: Candidate) -> str:
    return candidate.conversation_id or candidate.document_id or ""


def _timestamp_ms(candidate: Candidate, facts: GraphFacts) -> int | None:
    """Return the time of a text; the time of a decision is that of its evidence."""
    evidence = facts.evidence.get(citation_key(candidate))
    return evidence["timestamp_ms"] if evidence else candidate.timestamp_ms


def _position(candidate: Candidate, facts: GraphFacts) -> float | None:
    """Return the position in the conversation; a decision follows its evidence."""
    evidence = facts.evidence.get(citation_key(candidate))
    return evidence["position"] + 0.5 if evidence else candidate.position


def format_day(timestamp_ms: int) -> str:
    """Return a day such as `5 April 2024`."""
    date = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return f"{date.day} {_MONTHS[date.month]} {date.year}"


def _headings(candidate: Candidate, facts: GraphFacts) -> tuple[str, str]:
    """Return the heading of the source, and the heading of its further days.

    The source is not named if the citation contains its id.
    """
    timestamp_ms, source_id = _timestamp_ms(candidate, facts), _source_id(candidate)
    day = "" if timestamp_ms is None else format_day(timestamp_ms)
    is_in_citation = (
        f"{candidate.id}:".startswith(f"{source_id}:") or candidate.document_id == source_id
    )
    first_heading = day if is_in_citation and day else f"{day} {source_id}".strip()
    return f"# {first_heading}", f"# {day or source_id}"
