"""The modes of a search: retrieval, ranking, score fusion, and explanations, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_context_persistence.kg.driver.statement import Run, Statement
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.authors import are_from_meetings, read_authors
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
    replace_content,
)
from mcp_context_persistence.queries.search.changes import (
    FindAddresses,
    find_changes,
    put_changes_first,
)
from mcp_context_persistence.queries.search.explanation import explain_candidate, explain_match
from mcp_context_persistence.queries.search.features import RankingQuery
from mcp_context_persistence.queries.search.filters import resolve_filters
from mcp_context_persistence.queries.search.graph_search import GraphMatch, search_graph
from mcp_context_persistence.queries.search.notes import write_notes
from mcp_context_persistence.queries.search.query_terms import tokenize
from mcp_context_persistence.queries.search.ranker import rank
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.search.request import SearchRequest
from mcp_context_persistence.queries.search.reranking import ScoreTexts
from mcp_context_persistence.queries.search.retrieval import (
    FILTERED_CANDIDATES,
    GROWTH,
    KEYWORD_CANDIDATES,
    VECTOR_CANDIDATES,
    Depth,
    Expansion,
    QueryVector,
    Retrieval,
    read_whole_texts,
)
from mcp_context_persistence.queries.search.time_spread import order_by_time
from mcp_context_persistence.queries.temporal.query_dates import (
    NO_DATES,
    QueryDates,
    find_query_dates,
)

UNLIMITED = 10_000  # more than there are candidates
CHANGE_DEPTH = 40  # results that are compared with each other, at least
DATE_ONLY_FACTOR = 3.0  # of the weight `time` where a query names nothing but a time
_GENERAL_WORD_LIST = """
happen happened happens happening going new said say talk talked discuss discussed anything
everything something
"""
GENERAL_WORDS = frozenset(_GENERAL_WORD_LIST.split())  # words that ask for nothing in particular
MAX_DATE_SEARCHES = 4  # times in which messages are searched; more are only recognized
MEETING_NOTE = (
    "most candidates are from long conversations of several people, "
    "so passages were looked for, as the recipe 'exploratory' does"
)


@dataclass(frozen=True, kw_only=True)
class SearchContext:
    """What a search works with.

    Attributes:
        run: Runs a statement and returns its rows.
        namespace: The namespace; nothing else is seen.
        vector: The vector of the query; None for the modes `keyword` and `graph`.
        score_texts: The cross-encoder, where one is configured.
        find_addresses: Returns the addresses of the instructions and facts in a text.
    """

    run: Run
    namespace: str
    vector: QueryVector | None = None
    score_texts: ScoreTexts | None = None
    find_addresses: FindAddresses | None = None


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """The scored candidates of a search, best first, and what their explanations need.

    Attributes:
        scored: The candidates with their scores.
        candidates: What the retrievers returned.
        query: What the ranker knows of the query; None in modes without it.
        is_meeting: Whether passages were looked for because most candidates are from meetings.
        changes: For each id of a superseded message the message that supersedes it.
    """

    scored: Sequence[ScoredCandidate]
    candidates: Candidates
    query: RankingQuery | None = None
    is_meeting: bool = False
    changes: Mapping[str, Candidate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A candidate that is returned, with its explanation."""

    scored: ScoredCandidate
    explanation: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SearchAnswer:
    """The results, best first, and notes for the caller."""

    results: Sequence[Result]
    notes: Sequence[str] = ()


def search(context: SearchContext, request: SearchRequest) -> SearchAnswer:
    """Search everything in the mode of the request.

    It takes one round trip; more where filters or a crowd of entities make the retrievers look
    deeper, where entities that the query names are looked for, for meetings, and for the whole of
    long texts.
    """
    statements: dict[str, None] = {}
    if request.explain:
        context = replace(context, run=_record_names(context.run, statements))
    notes = write_notes(request)
    if request.filters.metadata:
        filters, range_notes = resolve_filters(context.run, context.namespace, request.filters)
        request, notes = replace(request, filters=filters), [*notes, *range_notes]
    extra: dict[str, Any] = {}
    if request.mode == "graph":
        results = _search_graph(context, request)
    else:
        if request.mode == "hybrid":
            depth = UNLIMITED if request.recipe.time_segments else request.limit
            ranked = rank_candidates(context, request, limit=max(depth, CHANGE_DEPTH))
            ranked = replace(ranked, scored=_choose_results(ranked, request))
        else:
            ranked = _search_one_retriever(context, request)
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
    return SearchAnswer(results=results, notes=notes)


def _choose_results(ranked: Ranked, request: SearchRequest) -> Sequence[ScoredCandidate]:
    if segments := request.recipe.time_segments:
        return order_by_time(ranked.scored, segments=segments, limit=request.limit)
    return ranked.scored[: request.limit]


def rank_candidates(
    context: SearchContext, request: SearchRequest, *, limit: int = UNLIMITED
) -> Ranked:
    """Score the candidates of mode `hybrid`. In meetings, passages are looked for.

    Long texts may be cut.

    Args:
        context: What the search works with.
        request: The request.
        limit: How many to return, whatever the request says.
    """
    recipe = request.recipe
    candidates, query, weights = retrieve_candidates(context, request, recipe)
    authors = read_authors(candidates.messages)
    is_meeting = bool(recipe.meeting_min_messages) and are_from_meetings(
        candidates.messages, authors, min_messages=recipe.meeting_min_messages
    )
    if is_meeting:
        recipe = recipe.for_meetings
        candidates, query, weights = retrieve_candidates(context, request, recipe)
        authors = read_authors(candidates.messages)
    messages = rank(
        candidates.messages,
        authors,
        query,
        limit=limit,
        recipe=_emphasize_dates(recipe) if _names_only_dates(request, query.dates) else recipe,
        score_texts=context.score_texts,
    )
    scored = score_fusion.fuse(
        candidates,
        messages=messages,
        weights=weights,
        words=query.words,
        limit=limit,
        kind_factors=recipe.kind_factors,
    )
    changes = find_changes(
        (entry.candidate for entry in scored), request.query, context.find_addresses
    )
    return Ranked(
        scored=put_changes_first(scored, changes),
        candidates=candidates,
        query=query,
        is_meeting=is_meeting,
        changes=changes,
    )


def retrieve_candidates(
    context: SearchContext, request: SearchRequest, recipe: Recipe
) -> tuple[Candidates, RankingQuery, score_fusion.RetrieverWeights]:
    """Retrieve the candidates of mode `hybrid`.

    Returned with what the ranker knows of the query, and the retrievers' weights.
    """
    weights = score_fusion.HYBRID.scale(
        vector=recipe.get_weight("vector"), keyword=recipe.get_weight("keyword")
    )
    dates = (
        find_query_dates(request.query, now_ms=request.now_ms)
        if recipe.get_weight("time")
        else NO_DATES
    )
    links = _find_entity_links(context, request, recipe)
    vector_limit = max(recipe.vector_candidates, request.limit)
    keyword_limit = max(recipe.keyword_candidates, request.limit)
    expansion = Expansion(
        candidate_limit=vector_limit + keyword_limit,
        neighbor_seeds=recipe.neighbor_seeds,
        neighbor_window=recipe.neighbor_window if recipe.get_weight("neighbors") else 0,
        time_ranges=dates.ranges if len(dates.ranges) <= MAX_DATE_SEARCHES else (),
        message_ids=tuple(links),
    )
    retrieval = _build_retrieval(context, request, weights, expansion=expansion)
    depth = Depth(
        vector_limit=vector_limit,
        keyword_limit=keyword_limit * (GROWTH if request.filters.has_bounds else 1),
        is_scan=not request.filters.is_in_index,
    )
    is_wordless = not recipe.get_weight("keyword") or _names_only_dates(request, dates)
    query = RankingQuery(
        text=request.query,
        words=() if is_wordless else request.terms.words,
        stems=request.terms.stems,
        identifiers=frozenset(request.terms.identifiers) - _list_date_words(request, dates),
        dates=dates,
        entity_links=links,
        now_ms=request.now_ms,
    )
    return retrieval.retrieve(context.run, depth), query, weights


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
    vector_candidates = VECTOR_CANDIDATES if filters.has_only_kinds else FILTERED_CANDIDATES
    depth = Depth(
        vector_limit=max(vector_candidates, request.limit),
        keyword_limit=max(KEYWORD_CANDIDATES, request.limit)
        * (GROWTH if filters.has_bounds else 1),
        is_scan=not filters.is_in_index,
    )
    retrieval = _build_retrieval(context, request, weights, is_exact=is_vector)
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


def _build_retrieval(
    context: SearchContext,
    request: SearchRequest,
    weights: score_fusion.RetrieverWeights,
    *,
    expansion: Expansion | None = None,
    is_exact: bool = False,
) -> Retrieval:
    return Retrieval(
        namespace=context.namespace,
        filters=request.filters,
        vector=context.vector,
        terms=request.terms.index_terms,
        weights=weights,
        limit=request.limit,
        expansion=expansion,
        is_exact=is_exact,
        with_metadata=request.include_metadata,
        with_seeds=request.explain,
    )


def _find_entity_links(
    context: SearchContext, request: SearchRequest, recipe: Recipe
) -> Mapping[str, GraphMatch]:
    """Find messages through the entities that the query names, as many as the recipe asks for."""
    if (
        not recipe.entity_candidates
        or not recipe.get_weight("entities")
        or "message" not in request.filters.kinds
    ):
        return {}
    matches = search_graph(
        context.run,
        namespace=context.namespace,
        terms=request.terms,
        filters=replace(request.filters, content_types=("message",)),
        limit=recipe.entity_candidates,
        metadata=False,
        explain=request.explain,
    )
    return {match.candidate.id: match for match in matches}


def _list_date_words(request: SearchRequest, dates: QueryDates) -> set[str]:
    return {word for start, end in dates.spans for word in tokenize(request.query[start:end])}


def _names_only_dates(request: SearchRequest, dates: QueryDates) -> bool:
    """Return whether the query asks for nothing but a time: "what happened in June 2025?".

    No message is from a coming time, so that "what happens next week?" needs its words.
    """
    if not any(time.start_ms <= request.now_ms for time in dates.ranges):
        return False
    date_words = _list_date_words(request, dates)
    return bool(date_words) and not set(request.terms.words) - date_words - GENERAL_WORDS


def _emphasize_dates(recipe: Recipe) -> Recipe:
    weight = DATE_ONLY_FACTOR * recipe.get_weight("time")
    return replace(recipe, weights={**recipe.weights, "time": weight})


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
