"""Build a prompt context: the best results of a search as text, with citations, in a budget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from mcp_context_persistence.queries.prompt_context.excerpts import (
    CITATION_PREFIXES,
    NO_FACTS,
    Excerpt,
    GraphFacts,
    citation_key,
    make_excerpts,
)
from mcp_context_persistence.queries.prompt_context.fitting import (
    BLANK_LINE,
    LINE_BREAK,
    TokenCounter,
)
from mcp_context_persistence.queries.prompt_context.instructions import InstructionSection
from mcp_context_persistence.queries.prompt_context.selection import (
    required_share,
    select_excerpts,
)
from mcp_context_persistence.queries.prompt_context.superseded import leave_out_alone
from mcp_context_persistence.queries.prompt_context.timeline import select_timeline, time_order
from mcp_context_persistence.queries.prompt_context.windows import QueryWords
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.ranker import SOFTNESS

Order = Literal["conversation", "time"]
ORDERS: tuple[Order, ...] = ("conversation", "time")
DIVERSITY = 0.1
MIN_RELEVANCE = 0.09  # below which results are noise
# Of the budget that the parts of a text may have; less where the whole text has more tokens.
BUDGET_SHARES = (1.0, 0.8, 0.5)


@dataclass(frozen=True, kw_only=True)
class PromptContext:
    """A prompt context.

    Attributes:
        text: The text.
        tokens: Its tokens.
        scored: The candidates that it shows, with their scores, in the order of the text.
    """

    text: str
    tokens: int
    scored: tuple[tuple[float, Candidate], ...]


def select_texts(scored: Iterable[tuple[float, Candidate]]) -> list[tuple[float, Candidate]]:
    """Select the results with a text of their own: messages, decisions and documents."""
    return [
        (score, candidate)
        for score, candidate in scored
        if candidate.kind in CITATION_PREFIXES and (candidate.content or "").strip()
    ]


def select_relevant(
    scored: Sequence[tuple[float, Candidate]], *, budget: int
) -> list[tuple[float, float, Candidate]]:
    """Select the results that may be relevant enough for one token, and their neighbors.

    The prompt context shows no other results.

    Returns:
        Scores, shares of the relevance of all results, and candidates.
    """
    best = max((score for score, _ in scored), default=0.0)
    relevance = [(score / best) ** SOFTNESS if best > 0 else 1.0 for score, _ in scored]
    total = sum(relevance) or 1.0
    shares = [value / total for value in relevance]
    min_share = min(required_share(budget), max(shares, default=0.0))
    relevant_positions = {
        (candidate.conversation_id, candidate.position + step)
        for share, (_, candidate) in zip(shares, scored, strict=True)
        if share >= min_share and candidate.position is not None
        for step in (-1, 0, 1)
    }
    return [
        (score, share, candidate)
        for share, (score, candidate) in zip(shares, scored, strict=True)
        if share >= min_share
        or (candidate.conversation_id, candidate.position) in relevant_positions
    ]


def build(
    scored: Sequence[tuple[float, Candidate]],
    *,
    words: Sequence[str],
    variants: Mapping[str, Sequence[str]] | None = None,
    budget: int,
    count_tokens: TokenCounter,
    facts: GraphFacts = NO_FACTS,
    diversity: float = DIVERSITY,
    order: Order = "conversation",
) -> PromptContext:
    """Select the best results, add messages that make them readable, and put them in order.

    Args:
        scored: The results with their scores, best first.
        words: The content words of the query.
        variants: The terms of the fulltext index that stand for them.
        budget: The token budget.
        count_tokens: Counts the tokens of texts.
        facts: What the graph says about the results.
        diversity: The least similarity of two texts of one conversation, or of one community of
            entities, 0 to 1.
        order: `conversation` keeps the texts of a conversation together. `time` makes a timeline of
            short excerpts, to which `diversity` does not apply.
    """
    texts = select_texts(scored)
    query_words = QueryWords(words=words, variants=variants or {})
    relevant = [] if order == "time" else select_relevant(texts, budget=budget)
    for share in BUDGET_SHARES:
        share_budget = int(budget * share)
        if order == "time":
            selected = select_timeline(
                texts,
                words=query_words,
                budget=share_budget,
                count_tokens=count_tokens,
                facts=facts,
            )
        else:
            excerpts = make_excerpts(
                relevant,
                words=query_words,
                budget=share_budget,
                count_tokens=count_tokens,
                facts=facts,
            )
            selected = select_excerpts(excerpts, budget=share_budget, diversity=diversity)
        context = _fit(selected, budget=budget, count_tokens=count_tokens, order=order)
        if context.text or not selected:
            return context
    return PromptContext(text="", tokens=0, scored=())


def build_with_section(
    scored: Sequence[tuple[float, Candidate]],
    section: InstructionSection,
    *,
    budget: int,
    count_tokens: TokenCounter,
    **options: Any,
) -> tuple[InstructionSection, PromptContext]:
    """Build a prompt context that begins with the instructions of the user.

    Args:
        scored: As in `build`.
        section: The instructions. The last ones are left out where the whole text is too long.
        budget: The token budget of the whole text.
        count_tokens: As in `build`.
        options: Other arguments of `build`.

    Returns:
        The section as it is shown, and the context with it.
    """
    while section.text:
        (used,) = count_tokens([section.text + BLANK_LINE])
        body = PromptContext(text="", tokens=0, scored=())
        if used < budget:
            body = build(scored, budget=budget - used, count_tokens=count_tokens, **options)
        text = BLANK_LINE.join(filter(None, (section.text, body.text)))
        (tokens,) = count_tokens([text])
        if tokens <= budget:
            return section, replace(body, text=text, tokens=tokens)
        section = section.shorten()
    return section, build(scored, budget=budget, count_tokens=count_tokens, **options)


def _fit(
    excerpts: Sequence[Excerpt], *, budget: int, count_tokens: TokenCounter, order: Order
) -> PromptContext:
    """Return the excerpts as a text, without the least relevant ones where it is too long.

    The parts were counted one by one, so that the whole text may have more tokens.
    """
    selected = list(excerpts)
    while selected:
        ordered = sorted(selected, key=time_order) if order == "time" else _order(selected)
        text = _render(ordered)
        (tokens,) = count_tokens([text])
        if tokens <= budget:
            return PromptContext(
                text=text,
                tokens=tokens,
                scored=tuple((excerpt.score, excerpt.candidate) for excerpt in ordered),
            )
        selected.remove(min(selected, key=lambda excerpt: excerpt.share))
        selected = leave_out_alone(selected)
    return PromptContext(text="", tokens=0, scored=())


def _order(excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    """Order excerpts by source, the oldest source first, then by position."""
    source_times: dict[str, float] = {}
    for excerpt in excerpts:
        time = float("inf") if excerpt.timestamp_ms is None else excerpt.timestamp_ms
        source_times[excerpt.source_id] = min(time, source_times.get(excerpt.source_id, time))
    return sorted(
        excerpts,
        key=lambda excerpt: (
            source_times[excerpt.source_id],
            excerpt.source_id,
            _sort_position(excerpt, excerpts),
            citation_key(excerpt.candidate),
        ),
    )


def _sort_position(excerpt: Excerpt, excerpts: Sequence[Excerpt]) -> float:
    """Return the position of an excerpt; one without follows the messages that are not later."""
    if excerpt.position is not None:
        return excerpt.position
    if excerpt.timestamp_ms is None:
        return float("inf")
    earlier_positions = (
        message.position
        for message in excerpts
        if message.source_id == excerpt.source_id
        and message.position is not None
        and message.timestamp_ms is not None
        and message.timestamp_ms <= excerpt.timestamp_ms
    )
    return max(earlier_positions, default=-1.0) + 0.5


def _render(ordered: Sequence[Excerpt]) -> str:
    """Return the text, with a heading for each source and each of its days."""
    sections, shown_sources = list[str](), set[str]()
    for (source_id, day_heading), group in groupby(
        ordered, key=lambda excerpt: (excerpt.source_id, excerpt.headings[1])
    ):
        excerpts = list(group)
        heading = day_heading if source_id in shown_sources else excerpts[0].headings[0]
        sections.append(LINE_BREAK.join([heading, *(excerpt.line for excerpt in excerpts)]))
        shown_sources.add(source_id)
    return BLANK_LINE.join(sections)
