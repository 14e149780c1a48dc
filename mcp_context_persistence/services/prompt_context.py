"""The prompt context: a search, and a text made of its best results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import cast

import numpy as np

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.queries.prompt_context import builder, excerpts, graph_context
from mcp_context_persistence.queries.prompt_context.excerpts import GraphFacts
from mcp_context_persistence.queries.prompt_context.fitting import TokenCounter
from mcp_context_persistence.queries.prompt_context.instructions import (
    ApplyingInstruction,
    InstructionSection,
    find_applying,
    fit_section,
)
from mcp_context_persistence.queries.prompt_context.superseded import add_changes
from mcp_context_persistence.queries.search import recipes
from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate
from mcp_context_persistence.queries.search.confidence import LOW_CONFIDENCE, Confidence
from mcp_context_persistence.queries.search.filters import (
    Filters,
    resolve_filters,
)
from mcp_context_persistence.queries.search.hybrid_search import Ranked, rank_candidates
from mcp_context_persistence.queries.search.notes import write_notes
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.request import SearchRequest
from mcp_context_persistence.queries.search.retrieval import read_whole_texts
from mcp_context_persistence.responses.context import BuildContextResponse, Citation
from mcp_context_persistence.runtime.config.argument_defaults import UNSET
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import search
from mcp_context_persistence.services.exclusions import Exclusions
from mcp_context_persistence.services.instructions import build_instruction

# Of a text that was found, but is probably not about the query.
NOISE_TOKENS, NEAR_COSINE = 30, 0.4
_DEFAULT_RECIPES = {"conversation": recipes.DEFAULT, "time": recipes.TIMELINE}


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How the text is made: arguments of `build_context`."""

    budget: int
    diversity: float
    order: builder.Order
    count_tokens: TokenCounter


def build_context(
    engine: Engine,
    request: SearchRequest,
    token_budget: object,
    *,
    diversity: object,
    instruction_share: object,
    min_relevance: object,
    order: object,
    count_tokens: Callable[[str], int] | None,
) -> BuildContextResponse:
    """Search, and make a text of the best results.

    Raises:
        ValidationError: An argument is not valid.
    """
    budget = validation.check_integer(
        "token_budget", token_budget, minimum=1, maximum=limits.TOKEN_BUDGET
    )
    share = validation.check_share("instruction_share", instruction_share)
    lowest = validation.check_share("min_relevance", min_relevance)
    layout = _Layout(
        budget=budget,
        diversity=validation.check_share("diversity", diversity),
        order=_read_order(order),
        count_tokens=_choose_counter(engine, count_tokens),
    )
    ranked, notes, applying = engine.embeddings.retry_when_stale(
        lambda: _search(engine, request, with_instructions=share > 0)
    )
    section = fit_section(applying, budget=int(budget * share), count_tokens=layout.count_tokens)
    is_noise = ranked.confidence is not None and ranked.confidence.relevance < lowest
    if is_noise:
        nearest = [] if section.text else _find_nearest(ranked)
        ranked = replace(ranked, scored=nearest, changes={})
        if nearest:
            layout = replace(layout, budget=min(budget, NOISE_TOKENS))
    section, context = _build_text(engine, request, ranked, section=section, layout=layout)
    return BuildContextResponse(
        query=request.query,
        text=context.text,
        citations=_build_citations(section, context),
        instructions=[build_instruction(entry.item) for entry in section.instructions],
        tokens=context.tokens,
        confidence=ranked.confidence.value if ranked.confidence else None,
        token_budget=budget,
        notes=[
            *_warn_of_noise(ranked.confidence, is_noise=is_noise),
            *([] if context.scored or is_noise else [_explain_empty(ranked, request.filters)]),
            *write_notes(request, [candidate for _, candidate in context.scored]),
            *notes,
        ],
    )


def _build_text(
    engine: Engine,
    request: SearchRequest,
    ranked: Ranked,
    *,
    section: InstructionSection,
    layout: _Layout,
) -> tuple[InstructionSection, builder.PromptContext]:
    """Build the text of the results, below the section with the instructions."""
    texts, facts = _read_texts(
        engine,
        scored=_leave_out_repeated(_pair_scores(ranked), section, ranked.changes),
        changes=ranked.changes,
        budget=None if layout.order == "time" else layout.budget,
        entities=layout.diversity > 0,
    )
    return builder.build_with_section(
        texts,
        section,
        words=request.terms.words,
        variants=request.terms.variants,
        budget=layout.budget,
        count_tokens=layout.count_tokens,
        facts=facts,
        diversity=layout.diversity,
        order=layout.order,
    )


def _find_nearest(ranked: Ranked) -> list[ScoredCandidate]:
    """Return the text with the highest cosine, where it is near the query, or nothing."""
    cosines = [
        (entry.candidate.vector_score or entry.candidate.cosine or 0.0, entry)
        for entry in ranked.scored
        if entry.candidate.kind in excerpts.CITATION_PREFIXES
    ]
    highest, nearest = max(cosines, key=itemgetter(0), default=(0.0, None))
    return [nearest] if nearest is not None and highest >= NEAR_COSINE else []


def _pair_scores(ranked: Ranked) -> list[tuple[float, Candidate]]:
    return [(entry.score, entry.candidate) for entry in ranked.scored]


def _warn_of_noise(confidence: Confidence | None, *, is_noise: bool) -> list[str]:
    """Return a note if the results are unlikely to answer the query."""
    if confidence is None or not (is_noise or confidence.value < LOW_CONFIDENCE):
        return []
    return [
        f"what was found is unlikely to answer the query: confidence {confidence.value:.2f}, "
        f"relevance {confidence.relevance:.2f}"
    ]


def _read_order(order: object) -> builder.Order:
    return cast("builder.Order", validation.check_choice("order", order, builder.ORDERS))


def read_request(
    engine: Engine,
    query: object,
    *,
    filters: object,
    recipe: object,
    order: object,
    exclusions: Exclusions,
) -> SearchRequest:
    """Check the arguments of the search and build its request.

    Args:
        engine: Has the settings.
        query: The query.
        filters: See `SearchFilters`.
        recipe: As `build_context` takes it; `UNSET` where it was left out. The order decides then.
        order: The order of the texts.
        exclusions: What is not returned.

    Raises:
        ValidationError: An argument is not valid.
    """
    default_recipe = _DEFAULT_RECIPES[_read_order(order)]
    text = validation.check_text("query", query, characters=limits.QUERY_CHARACTERS)
    return SearchRequest(
        query=text,
        terms=extract_terms(text, engine.config.text_language),
        filters=exclusions.read_filters(filters),
        recipe=search.read_recipe_argument(engine, default_recipe if recipe is UNSET else recipe),
        now_ms=now_ms(),
    )


def _search(
    engine: Engine, request: SearchRequest, *, with_instructions: bool
) -> tuple[Ranked, list[str], list[ApplyingInstruction]]:
    """Rank all candidates; return notes on what the filters read, and the instructions."""
    context = search.build_search_context(engine, request.query)
    filters, notes = resolve_filters(context.run, context.namespace, request.filters)
    ranked = rank_candidates(context, replace(request, filters=filters))
    if not with_instructions or context.vector is None:
        return ranked, notes, []
    applying, has_more = find_applying(
        context.run,
        context.namespace,
        filters=filters,
        terms=request.terms,
        vector=context.vector,
    )
    if has_more:
        notes = [
            *notes,
            f"only the latest {limits.APPLYING_INSTRUCTIONS:,} active instructions were considered",
        ]
    return ranked, notes, applying


def _leave_out_repeated(
    scored: Sequence[tuple[float, Candidate]],
    section: InstructionSection,
    changes: Mapping[str, Candidate],
) -> list[tuple[float, Candidate]]:
    """Return the results without messages that say no more than the instructions shown.

    A message that supersedes another one stays, so that both are shown.
    """
    later_ids = {later.id for later in changes.values()}
    texts: dict[str, list[str]] = {}
    for entry in section.instructions:
        texts.setdefault(entry.item["message_id"] or "", []).append(entry.item["content"])
    return [
        (score, candidate)
        for score, candidate in scored
        if candidate.kind != "message"
        or candidate.id not in texts.keys() - later_ids
        or _says_more(candidate.content or "", texts[candidate.id])
    ]


def _says_more(content: str, texts: Sequence[str]) -> bool:
    """Return whether a content has letters or digits besides some texts in it."""
    for text in texts:
        content = content.replace(text, "")
    return any(map(str.isalnum, content))


def _read_texts(
    engine: Engine,
    *,
    scored: Sequence[tuple[float, Candidate]],
    changes: Mapping[str, Candidate],
    budget: int | None,
    entities: bool,
) -> tuple[list[tuple[float, Candidate]], GraphFacts]:
    """Return the results with a text, and what is known about them.

    The relevant ones are whole.

    Args:
        engine: Has the database.
        scored: The results with their scores.
        changes: For each id of a superseded message the message that supersedes it.
        budget: The token budget, by which texts are relevant; None for a timeline, which has short
            parts of many texts.
        entities: Whether the entities that the texts mention are needed.
    """
    texts = builder.select_texts(scored)
    if budget is None:
        relevant = [candidate for _, candidate in texts]
    else:
        relevant = [candidate for _, _, candidate in builder.select_relevant(texts, budget=budget)]
        texts = _complete(engine, texts, relevant)
    facts = graph_context.read_facts(
        engine.graph.run,
        engine.namespace,
        relevant,
        entities=entities and budget is not None,
    )
    return texts, add_changes(facts, relevant, changes)


def _complete(
    engine: Engine, texts: Sequence[tuple[float, Candidate]], relevant: Sequence[Candidate]
) -> list[tuple[float, Candidate]]:
    """Return the results, the relevant ones with their whole texts."""
    contents = read_whole_texts(engine.graph.run, relevant, namespace=engine.namespace)
    return [
        (score, candidate._replace(content=contents[candidate.id], is_cut=False))
        if candidate.is_cut and candidate.id in contents
        else (score, candidate)
        for score, candidate in texts
    ]


def _explain_empty(ranked: Ranked, filters: Filters) -> str:
    if not excerpts.CITATION_PREFIXES.keys() & set(filters.kinds):
        return (
            "entities have no text to show: content_types must also name message, conversation, "
            "decision or document"
        )
    if not ranked.scored:
        return "nothing was found"
    if not builder.select_texts(_pair_scores(ranked)):
        return "only entities or conversations were found, which have no text to show"
    return "nothing that was found fits into the budget"


def _build_citations(section: InstructionSection, context: builder.PromptContext) -> list[Citation]:
    """Return the citations in the order of the text."""
    return [
        *map(_cite_instruction, section.instructions),
        *(_build_citation(score, candidate) for score, candidate in context.scored),
    ]


def _cite_instruction(entry: ApplyingInstruction) -> Citation:
    item = entry.item
    return Citation(
        key=entry.citation_key,
        id=item["message_id"] or item["id"],
        type="message" if item["message_id"] else "instruction",
        conversation_id=item["conversation_id"] or None,
        timestamp=timestamps.from_milliseconds(item["timestamp_ms"]),
        role="user" if item["message_id"] else None,
        similarity_score=entry.match,
    )


def _build_citation(score: float, candidate: Candidate) -> Citation:
    return Citation(
        key=excerpts.citation_key(candidate),
        id=candidate.shown_id,
        type=candidate.kind,
        conversation_id=candidate.conversation_id or None,
        timestamp=timestamps.from_milliseconds(candidate.timestamp_ms),
        role=candidate.role if candidate.kind == "message" else None,
        name=candidate.author if candidate.kind == "message" else None,
        similarity_score=score,
    )


def _choose_counter(engine: Engine, count_tokens: object) -> TokenCounter:
    """Return the caller's counter of tokens, or that of the embedding model."""
    if count_tokens is None:
        return engine.embeddings.current().embedder.count_tokens
    return _build_counter(count_tokens)


def _build_counter(count_tokens: object) -> TokenCounter:
    count = validation.check_function("count_tokens", count_tokens)

    def count_text(text: str) -> int:
        try:
            tokens = count(text)
        except Exception as error:  # the caller's function raises what it likes
            raise ValidationError("count_tokens raised an error; see __cause__") from error
        return validation.check_integer(
            "what count_tokens returns",
            int(tokens) if isinstance(tokens, np.integer) else tokens,
            minimum=0,
            maximum=2**62,
        )

    return lambda texts: [count_text(text) for text in texts]
