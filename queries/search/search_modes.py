"""The modes of a search: retrieval, ranking, score fusion, and explanations, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Run, Statement
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.candidate import (
    ScoredCandidate,
    replace_content,
)
from mcp_context_persistence.queries.search.explanation import explain_candidate, explain_match
from mcp_context_persistence.queries.search.filters import resolve_filters
from mcp_context_persistence.queries.search.graph_search import search_graph
from mcp_context_persistence.queries.search.hybrid_search import (
    Ranked,
    SearchContext,
    build_retrieval,
    search_hybrid,
)
from mcp_context_persistence.queries.search.notes import KINDS_NOTE, write_notes
from mcp_context_persistence.queries.search.request import SearchRequest
from mcp_context_persistence.queries.search.retrieval import (
    GROWTH,
    Depth,
    read_whole_texts,
)

MEETING_NOTE = (
    "most candidates are from long conversations of several people, "
    "so passages were looked for, as the recipe 'exploratory' does"
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A candidate that is returned, with its explanation."""

    scored: ScoredCandidate
    explanation: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SearchAnswer:
    """The results, best first, and notes for the caller.

    `confidence` is how likely they answer the query, 0 to 1; None where it is not known.
    """

    results: Sequence[Result]
    notes: Sequence[str] = ()
    confidence: float | None = None


def search(context: SearchContext, request: SearchRequest) -> SearchAnswer:
    """Search everything in the mode of the request.

    It takes one round trip; more where filters or a crowd of entities make the retrievers look
    deeper, where entities that the query names are looked for, for meetings, and for the whole of
    long texts.
    """
    statements: dict[str, None] = {}
    if request.explain:
        context = replace(context, run=_record_names(context.run, statements))
    notes: list[str] = []
    if kinds := request.filters.impossible_kinds:
        notes.append(KINDS_NOTE.format(kinds=", ".join(kinds)))
    if request.filters.metadata:
        filters, range_notes = resolve_filters(context.run, context.namespace, request.filters)
        request, notes = replace(request, filters=filters), [*notes, *range_notes]
    extra: dict[str, Any] = {}
    confidence, shown = None, []
    if request.mode == "graph":
        results = _search_graph(context, request)
    else:
        if request.mode == "hybrid":
            ranked = search_hybrid(context, request)
            shown = [entry.candidate for entry in ranked.scored]
        else:
            ranked = _search_one_retriever(context, request)
        confidence = ranked.confidence.value if ranked.confidence and ranked.scored else None
        results = _explain(ranked, _complete_texts(context, ranked.scored), request)
        notes += [MEETING_NOTE] if ranked.is_meeting else []
        if request.explain and ranked.query and ranked.query.dates:
            spans = ranked.query.dates.spans
            extra["times"] = [request.query[start:end] for start, end in spans]
    if request.explain:
        extra = {"statements": list(statements), **extra}
        results = [
            replace(result, explanation={**result.explanation, **extra}) for result in results
        ]
    notes = [*write_notes(request, shown), *notes]
    return SearchAnswer(results=results, notes=notes, confidence=confidence)


def _search_graph(context: SearchContext, request: SearchRequest) -> list[Result]:
    """Search what is near the entities that the query names."""
    matches = search_graph(
        context.run,
        namespace=context.namespace,
        terms=request.terms,
        filters=request.filters,
        limit=request.limit,
        metadata=request.include_metadata,
        explain=request.explain,
    )
    return [
        Result(
            scored=ScoredCandidate(match.score, match.candidate),
            explanation=explain_match(match, rank=rank, with_path=request.explain),
        )
        for rank, match in enumerate(matches, start=1)
    ]


def _search_one_retriever(context: SearchContext, request: SearchRequest) -> Ranked:
    """Search with the vector retriever or the keyword retriever alone."""
    is_vector = request.mode == "semantic"
    weights = score_fusion.VECTOR_ONLY if is_vector else score_fusion.KEYWORD_ONLY
    filters = request.filters
    # The same for all limits, so that the order of the first results is.
    depth = Depth(
        vector_limit=limits.SEARCH_LIMIT,
        keyword_limit=limits.SEARCH_LIMIT * (GROWTH if filters.has_bounds else 1),
        is_scan=not filters.is_in_index,
    )
    retrieval = build_retrieval(
        context,
        request,
        weights,
        limit=request.limit,
        other_limit=request.limit if is_vector else limits.SEARCH_LIMIT,
        is_exact=is_vector,
    )
    candidates = retrieval.retrieve(context.run, depth)
    if is_vector:
        scored = score_fusion.order_by_vector(candidates, limit=request.limit)
    else:
        scored = score_fusion.fuse(
            candidates,
            messages=score_fusion.score_by_keywords(candidates),
            weights=weights,
            words=request.terms.words,
            limit=request.limit,
        )
    return Ranked(scored=scored, candidates=candidates)


def _explain(
    ranked: Ranked, scored: Sequence[ScoredCandidate], request: SearchRequest
) -> list[Result]:
    links: Mapping[str, Any] = ranked.query.entity_links if ranked.query else {}
    results = []
    for entry in scored:
        # Only messages are linked; other kinds may have the same id.
        link = links.get(entry.candidate.id) if entry.candidate.kind == "message" else None
        explanation = explain_candidate(entry, ranked.candidates, link, with_path=request.explain)
        results.append(Result(scored=entry, explanation=explanation))
    return results


def _complete_texts(
    context: SearchContext, scored: Sequence[ScoredCandidate]
) -> Sequence[ScoredCandidate]:
    """Read the whole texts of messages that were too long to be read with every candidate."""
    candidates = [entry.candidate for entry in scored]
    texts = read_whole_texts(context.run, candidates, namespace=context.namespace)
    return [
        replace_content(entry, texts[entry.candidate.id])
        if entry.candidate.is_cut and entry.candidate.id in texts
        else entry
        for entry in scored
    ]


def _record_names(run: Run, names: dict[str, None]) -> Run:
    """Return `run`, which also records the names of the statements."""

    def run_and_record(statement: Statement[Any]) -> list[Any]:
        names[statement.name] = None
        return run(statement)

    return run_and_record
