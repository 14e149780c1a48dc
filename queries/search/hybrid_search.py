"""The hybrid search: retrieval, ranking and score fusion, in order.

The order of the first results does not depend on how many are requested: they are ranked among the
same candidates, and the same of them are compared for changes. Only where these are fewer than
requested, more are retrieved, which follow them. A timeline is spread over the whole history, so
its results depend on how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.authors import are_from_meetings, read_authors
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    ScoredCandidate,
)
from mcp_context_persistence.queries.search.changes import (
    FindAddresses,
    find_changes,
    put_changes_first,
)
from mcp_context_persistence.queries.search.confidence import (
    Confidence,
    measure_confidence,
)
from mcp_context_persistence.queries.search.diversification import UNLIMITED
from mcp_context_persistence.queries.search.features import RankingQuery
from mcp_context_persistence.queries.search.graph_search import GraphMatch, search_graph
from mcp_context_persistence.queries.search.ranker import rank
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.search.request import LIMIT, SearchRequest
from mcp_context_persistence.queries.search.reranking import ScoreTexts
from mcp_context_persistence.queries.search.retrieval import (
    GROWTH,
    Depth,
    Expansion,
    QueryVector,
    Retrieval,
)
from mcp_context_persistence.queries.search.time_spread import order_by_time
from mcp_context_persistence.queries.temporal.query_dates import (
    NO_DATES,
    QueryDates,
    find_query_dates,
)

CHANGE_DEPTH = 40  # results that are compared with each other
RANKED_TOGETHER = 30  # results of other kinds than messages, of each retriever
DATE_ONLY_FACTOR = 3.0  # of the weight `time` where a query names nothing but a time
_GENERAL_WORD_LIST = """
happen happened happens happening going new said say talk talked discuss discussed anything
everything something
"""
GENERAL_WORDS = frozenset(_GENERAL_WORD_LIST.split())  # words that ask for nothing in particular
MAX_DATE_SEARCHES = 4  # times in which messages are searched; more are only recognized


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
        confidence: How certain the search is; None where it is not known.
        changes: For each id of a superseded message the message that supersedes it.
    """

    scored: Sequence[ScoredCandidate]
    candidates: Candidates
    query: RankingQuery | None = None
    is_meeting: bool = False
    confidence: Confidence | None = None
    changes: Mapping[str, Candidate] = field(default_factory=dict)


def search_hybrid(context: SearchContext, request: SearchRequest) -> Ranked:
    """Return the results of mode `hybrid`: the best ones, or those of a timeline in its order."""
    if not request.recipe.time_segments:
        return rank_candidates(context, request, limit=request.limit)
    ranked = rank_candidates(context, request, depth=max(LIMIT, request.limit))
    return replace(
        ranked,
        scored=order_by_time(
            ranked.scored,
            segments=request.recipe.time_segments,
            limit=request.limit,
            changes=ranked.changes,
        ),
    )


def rank_candidates(
    context: SearchContext,
    request: SearchRequest,
    *,
    limit: int = UNLIMITED,
    depth: int = LIMIT,
) -> Ranked:
    """Score the candidates of mode `hybrid`. In meetings, passages are looked for.

    A superseded message comes after the one that supersedes it. Long texts may be cut.

    Args:
        context: What the search works with.
        request: The request.
        limit: How many to return, whatever the request says.
        depth: How many candidates each retriever returns, at least.
    """
    is_limited = limit < UNLIMITED
    ranked = _mark_changes(
        context,
        request,
        _rank_together(context, request, limit=max(limit, CHANGE_DEPTH), depth=depth),
        depth=CHANGE_DEPTH if is_limited else UNLIMITED,
    )
    if not is_limited or len(ranked.scored) >= limit or not _is_cut_off(ranked.candidates):
        return replace(ranked, scored=ranked.scored[:limit])
    deeper = _rank_together(context, request, limit=UNLIMITED, depth=limits.SEARCH_LIMIT)
    shown = {_identify(entry) for entry in ranked.scored}
    lowest = min((entry.score for entry in ranked.scored), default=1.0)
    additional = [
        replace(entry, score=min(entry.score, lowest))
        for entry in deeper.scored
        if _identify(entry) not in shown
    ]
    return replace(
        ranked, scored=[*ranked.scored, *additional][:limit], candidates=deeper.candidates
    )


def _mark_changes(
    context: SearchContext, request: SearchRequest, ranked: Ranked, *, depth: int
) -> Ranked:
    """Compare the best results, and put each superseded one after what supersedes it."""
    best, rest = ranked.scored[:depth], ranked.scored[depth:]
    changes = find_changes(
        (entry.candidate for entry in best), request.query, context.find_addresses
    )
    return replace(ranked, scored=[*put_changes_first(best, changes), *rest], changes=changes)


def _is_cut_off(candidates: Candidates) -> bool:
    """Return whether a retriever may have returned more."""
    return (
        max(candidates.vector_counts.rows, candidates.keyword_counts.rows, candidates.scanned)
        >= LIMIT
    )


def _identify(entry: ScoredCandidate) -> tuple[str, str]:
    return entry.candidate.kind, entry.candidate.shown_id


def _rank_together(
    context: SearchContext, request: SearchRequest, *, limit: int, depth: int
) -> Ranked:
    recipe = request.recipe
    candidates, query, weights = retrieve_candidates(context, request, recipe, depth=depth)
    authors = read_authors(candidates.messages)
    is_meeting = bool(recipe.meeting_min_messages) and are_from_meetings(
        candidates.messages, authors, min_messages=recipe.meeting_min_messages
    )
    if is_meeting:
        recipe = recipe.for_meetings
        candidates, query, weights = retrieve_candidates(context, request, recipe, depth=depth)
        authors = read_authors(candidates.messages)
    ranking = rank(
        candidates.messages,
        authors,
        query,
        limit=limit,
        recipe=_emphasize_dates(recipe) if _names_only_dates(request, query.dates) else recipe,
        score_texts=context.score_texts,
    )
    scored = score_fusion.fuse(
        candidates,
        messages=ranking.scored,
        weights=weights,
        words=query.words,
        limit=limit,
        kind_factors=recipe.kind_factors,
    )
    return Ranked(
        scored=scored,
        candidates=candidates,
        query=query,
        is_meeting=is_meeting,
        confidence=measure_confidence(candidates, query, ranking),
    )


def retrieve_candidates(
    context: SearchContext, request: SearchRequest, recipe: Recipe, *, depth: int = LIMIT
) -> tuple[Candidates, RankingQuery, score_fusion.RetrieverWeights]:
    """Retrieve the candidates of mode `hybrid`.

    Args:
        context: What the search works with.
        request: The request.
        recipe: The recipe, which may be another than that of the request.
        depth: How many candidates each retriever returns, at least.

    Returns:
        The candidates, what the ranker knows of the query, and the retrievers' weights.
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
    vector_limit = max(recipe.vector_candidates, depth)
    keyword_limit = max(recipe.keyword_candidates, depth)
    expansion = Expansion(
        candidate_limit=vector_limit + keyword_limit,
        neighbor_seeds=recipe.neighbor_seeds,
        neighbor_window=recipe.neighbor_window if recipe.get_weight("neighbors") else 0,
        time_ranges=dates.ranges if len(dates.ranges) <= MAX_DATE_SEARCHES else (),
        message_ids=tuple(links),
    )
    retrieval = build_retrieval(
        context,
        request,
        weights,
        limit=depth,
        other_limit=max(RANKED_TOGETHER, depth),
        expansion=expansion,
    )
    first_round = Depth(
        vector_limit=vector_limit,
        keyword_limit=keyword_limit * (GROWTH if request.filters.has_bounds else 1),
        is_scan=not request.filters.is_in_index,
    )
    is_wordless = not recipe.get_weight("keyword") or _names_only_dates(request, dates)
    query = RankingQuery(
        text=request.query,
        words=() if is_wordless else request.terms.words,
        stems=request.terms.stems,
        forms=request.terms.forms,
        identifiers=frozenset(request.terms.identifiers) - _list_date_words(request, dates),
        dates=dates,
        entity_links=links,
        now_ms=request.now_ms,
        is_english=request.terms.is_english,
    )
    return retrieval.retrieve(context.run, first_round), query, weights


def build_retrieval(
    context: SearchContext,
    request: SearchRequest,
    weights: score_fusion.RetrieverWeights,
    *,
    limit: int,
    other_limit: int,
    expansion: Expansion | None = None,
    is_exact: bool = False,
) -> Retrieval:
    """Return what the retrievers look for."""
    return Retrieval(
        namespace=context.namespace,
        filters=request.filters,
        vector=context.vector,
        terms=request.terms.index_terms,
        weights=weights,
        limit=limit,
        other_limit=other_limit,
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
    return {word for start, end in dates.spans for word in list_words(request.query[start:end])}


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
