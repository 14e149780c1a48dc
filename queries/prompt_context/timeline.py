"""A timeline: many short excerpts that are spread over the whole history of a topic, in order."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from mcp_context_persistence.kg.text.blobs import replace_blobs
from mcp_context_persistence.kg.text.code_blocks import remove_code_blocks
from mcp_context_persistence.queries.prompt_context.excerpts import (
    Excerpt,
    GraphFacts,
    make_excerpts,
)
from mcp_context_persistence.queries.prompt_context.fitting import TokenCounter
from mcp_context_persistence.queries.prompt_context.sentences import split_sentences
from mcp_context_persistence.queries.prompt_context.superseded import leave_out_alone
from mcp_context_persistence.queries.prompt_context.windows import (
    QueryWords,
    Window,
    choose_sentences,
)
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.time_spread import spread_over_time

LINE_CHARACTERS = 80  # of each text: a sentence, or the part of it with the query's words
_MARKS = 4  # characters for omitted text on both sides
SEGMENTS = 12
MAX_TEXTS = 400  # the most relevant ones, from which the timeline is made


def select_timeline(
    scored: Sequence[tuple[float, Candidate]],
    *,
    words: QueryWords,
    budget: int,
    count_tokens: TokenCounter,
    facts: GraphFacts,
) -> list[Excerpt]:
    """Select short excerpts of texts, within the budget, the most valuable ones first.

    Args:
        scored: The texts with their scores, best first.
        words: The content words of the query.
        budget: The token budget.
        count_tokens: Counts the tokens of texts.
        facts: What the graph says about the texts.
    """
    best = max((score for score, _ in scored), default=0.0) or 1.0
    excerpts = make_excerpts(
        [
            (score, score / best, shorten(candidate, words))
            for score, candidate in scored[:MAX_TEXTS]
        ],
        words=words,
        budget=budget,
        count_tokens=count_tokens,
        facts=facts,
    )
    ordered = sorted(map(_put_below_day, excerpts), key=time_order)
    selected, headings, free_tokens = list[Excerpt](), dict[str, set[str]](), budget
    last_ms = max((excerpt.timestamp_ms or 0 for excerpt in ordered), default=0)
    for excerpt in spread_over_time(
        ordered,
        relevance=attrgetter("share"),
        time=lambda excerpt: float(
            last_ms if excerpt.timestamp_ms is None else excerpt.timestamp_ms
        ),
        segments=SEGMENTS,
    ):
        cost = excerpt.cost(headings)
        if cost <= free_tokens:
            free_tokens -= cost
            headings.setdefault(excerpt.source_id, set()).add(excerpt.headings[1])
            selected.append(excerpt)
    return leave_out_alone(selected)


def time_order(excerpt: Excerpt) -> tuple[float, str, float, str]:
    """Return the key by which excerpts are in the order of time; those without a time come last."""
    time = float("inf") if excerpt.timestamp_ms is None else float(excerpt.timestamp_ms)
    position = float("inf") if excerpt.position is None else excerpt.position
    return time, excerpt.candidate.conversation_id or "", position, excerpt.candidate.id


def shorten(candidate: Candidate, words: QueryWords) -> Candidate:
    """Return a candidate with the sentence, or the part of one, that has most of the words.

    It has the beginning of a text without any of them. Code is left out, unless there is only code.
    """
    content = replace_blobs((candidate.content or "").strip())
    prose = remove_code_blocks(content).strip()
    text = split_sentences(prose or content, is_cut=candidate.is_cut, words=words.words)
    if not text.spans:
        return candidate._replace(content=content[:LINE_CHARACTERS])
    text = text.split_long(
        [LINE_CHARACTERS if end - start > LINE_CHARACTERS else None for start, end in text.spans]
    )
    sizes = [end - start + 1 for start, end in text.spans]
    window = Window(preferred=LINE_CHARACTERS + 1, largest=LINE_CHARACTERS + 1)
    first, last = choose_sentences(text, sizes, words=words, window=window)
    if not any(words.find_in_sentences(text)[first:last]):
        first, last = 0, 1
        while last < len(sizes) and sum(sizes[: last + 1]) <= LINE_CHARACTERS + 1:
            last += 1
    line = " ".join(text.render(first, last).split())
    if len(line) > LINE_CHARACTERS + _MARKS:  # the fence of a block of code, which is never divided
        line = f"{line[:LINE_CHARACTERS]} …"
    return candidate._replace(content=line, is_cut=False)


def _put_below_day(excerpt: Excerpt) -> Excerpt:
    """Return an excerpt below the heading of its day alone, whatever its source."""
    heading, tokens = excerpt.headings[1], excerpt.heading_tokens[1]
    return replace(
        excerpt, source_id=heading, headings=(heading, heading), heading_tokens=(tokens, tokens)
    )
