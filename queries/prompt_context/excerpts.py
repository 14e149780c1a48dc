"""Excerpts: texts in the form in which a prompt context shows them, with citations and headings."""

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.kg.text.blobs import replace_blobs
from mcp_context_persistence.queries.prompt_context import redundancy, sentences
from mcp_context_persistence.queries.search.candidate import Candidate

# Returns the number of tokens of each text.
TokenCounter = Callable[[Sequence[str]], Sequence[int]]

CITATION_PREFIXES = {"message": "m", "decision": "d", "document": "doc"}
MAX_MESSAGE_SHARE = 1 / 3  # of the budget for one message, unless one of its sentences is longer
LINE_BREAK, BLANK_LINE = "\n", "\n\n"
_MONTHS = tuple(calendar.month_name)


@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """What the graph says about texts, by their citation keys.

    Attributes:
        entities: The entities that each text mentions or is about.
        evidence: For a decision the last message of its conversation that supports it: `position`
            and `timestamp_ms`.
    """

    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Row] = field(default_factory=dict)


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
    words: Sequence[str],
    budget: int,
    count_tokens: TokenCounter,
    facts: GraphFacts,
) -> list[Excerpt]:
    """Return an excerpt for each result that fits the budget. All tokens are counted together.

    Args:
        results: Scores, shares of the relevance, and candidates.
        words: The content words of the query.
        budget: The token budget of the prompt context.
        count_tokens: Counts the tokens of texts.
        facts: What the graph says about the candidates.
    """
    texts = [
        sentences.split_sentences(_content(candidate), is_cut=candidate.is_cut)
        for _, _, candidate in results
    ]
    headings = [_headings(candidate, facts) for _, _, candidate in results]
    labels = [_labels(candidate) for _, _, candidate in results]
    pieces = chain(*(text.sentences for text in texts), *headings, *labels)
    tokens = _count_texts(count_tokens, [LINE_BREAK, BLANK_LINE, sentences.OMITTED, *pieces])
    keys = [citation_key(candidate) for _, _, candidate in results]
    communities = redundancy.find_communities({key: facts.entities.get(key, ()) for key in keys})
    excerpts = []
    for (score, share, candidate), text, own_labels, own_headings in zip(
        results, texts, labels, headings, strict=True
    ):
        line_tokens = _shorten(text, candidate, own_labels, tokens, words=words, budget=budget)
        if line_tokens is None:
            continue
        shown_text, line, size = line_tokens
        source_tokens, day_tokens = (
            tokens[heading] + tokens[BLANK_LINE] for heading in own_headings
        )
        excerpts.append(
            Excerpt(
                candidate=candidate,
                score=score,
                share=share,
                line=line,
                tokens=size,
                headings=own_headings,
                heading_tokens=(source_tokens, day_tokens),
                terms=redundancy.extract_terms(shown_text),
                community=communities.get(citation_key(candidate)),
                position=_position(candidate, facts),
                timestamp_ms=_timestamp_ms(candidate, facts),
                source_id=_source_id(candidate),
            )
        )
    return excerpts


def _shorten(
    text: sentences.Sentences,
    candidate: Candidate,
    labels: Sequence[str],
    tokens: Mapping[str, int],
    *,
    words: Sequence[str],
    budget: int,
) -> tuple[str, str, int] | None:
    """Choose the best sentences of a text that fit.

    Returns:
        The sentences, the line with the label, and its tokens; None if no sentence fits.
    """
    sizes = [tokens[sentence] for sentence in text.sentences]
    label_tokens = max(tokens[label] for label in labels) + tokens[LINE_BREAK]
    mark_tokens = tokens[sentences.OMITTED]
    first, last = sentences.choose_sentences(
        text,
        sizes,
        words=words,
        preferred_tokens=int(budget * MAX_MESSAGE_SHARE) - label_tokens,
        max_tokens=budget - label_tokens,
        mark_tokens=mark_tokens,
    )
    if first >= last:
        return None
    shown_text = text.render(first, last)
    label = labels[0] if shown_text.startswith(f"{_author(candidate)}:") else labels[-1]
    size = (
        tokens[label]
        + sum(sizes[first:last])
        + tokens[LINE_BREAK] * (1 + shown_text.count("\n"))
        + mark_tokens * text.count_marks(first, last)
    )
    return shown_text, label + shown_text, size


def _count_texts(count_tokens: TokenCounter, texts: Iterable[str]) -> dict[str, int]:
    """Return the tokens of each text, without those that the counter adds to every text."""
    distinct = list(dict.fromkeys(["", *texts]))
    counts = count_tokens(distinct)
    return {text: max(0, count - counts[0]) for text, count in zip(distinct, counts, strict=True)}


def citation_key(candidate: Candidate) -> str:
    """Return the citation key of a candidate: a prefix for its kind, and its id.

    Brackets and percent signs of the id are percent-encoded (RFC 3986).
    """
    encoded = candidate.shown_id.replace("%", "%25").replace("[", "%5B").replace("]", "%5D")
    return f"{CITATION_PREFIXES[candidate.kind]}:{encoded}"


def _labels(candidate: Candidate) -> tuple[str, ...]:
    """Return the citation alone, and the citation with the author if there is one."""
    citation = f"[{citation_key(candidate)}] "
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
    """Return the time of a text; a decision has that of its evidence."""
    evidence = facts.evidence.get(citation_key(candidate))
    return evidence["timestamp_ms"] if evidence else candidate.timestamp_ms


def _position(candidate: Candidate, facts: GraphFacts) -> float | None:
    """Return the position in the conversation; a decision follows its evidence."""
    evidence = facts.evidence.get(citation_key(candidate))
    return evidence["position"] + 0.5 if evidence else candidate.position


def _headings(candidate: Candidate, facts: GraphFacts) -> tuple[str, str]:
    """Return the heading of the source, and the heading of its further days.

    The source is not named if the citation contains its id.
    """
    timestamp_ms, source_id = _timestamp_ms(candidate, facts), _source_id(candidate)
    day = ""
    if timestamp_ms is not None:
        date = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
        day = f"{date.day} {_MONTHS[date.month]} {date.year}"
    is_in_citation = (
        f"{candidate.id}:".startswith(f"{source_id}:") or candidate.document_id == source_id
    )
    first_heading = day if is_in_citation and day else f"{day} {source_id}".strip()
    return f"# {first_heading}", f"# {day or source_id}"
