"""The vector and the keyword retriever.

One statement runs both. It is repeated with a larger depth until there are enough candidates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.driver.statement import Run, Statement, as_is
from mcp_context_persistence.kg.errors import StaleStateError
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.vector_spaces import INDEX, PROPERTY, VectorState
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    Candidates,
    RetrieverCounts,
    read_candidates,
)
from mcp_context_persistence.queries.search.filters import Filters, build_kind_group
from mcp_context_persistence.queries.search.query_terms import (
    build_filter_query,
    build_keyword_query,
)
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.search.score_fusion import SMALLEST_SHARE, RetrieverWeights
from mcp_context_persistence.queries.temporal.query_dates import TimeRange

VECTOR_CANDIDATES, KEYWORD_CANDIDATES = Recipe.vector_candidates, Recipe.keyword_candidates
CHARACTERS = 8_000  # of each message, from which it is ranked
ALL_CHARACTERS = 2**31 - 1
CROWDED_SHARE = 0.5  # with a smaller share of messages, other kinds crowd them out
SCAN_LIMIT = 2_000  # vectors that are compared one by one where the index cannot filter; 75 ms
# Requested from the index where it filters: it finds the nearest of these more reliably.
FILTERED_CANDIDATES = 100
PASSAGES_PER_DOCUMENT = 3
GROWTH = 8  # how much deeper the next round looks
ROUNDS = 8
NEAR_WINDOW = 2  # up to this window, cosines of the direct neighbors are enough


@dataclass(frozen=True, kw_only=True)
class QueryVector:
    """The vector of a query.

    Attributes:
        numbers: `(dim,) float32`.
        vector_state: Where the vectors of the same model are.
    """

    numbers: Any
    vector_state: VectorState


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """What mode `hybrid` adds to what the retrievers find.

    Attributes:
        candidate_limit: Messages that take part, at most.
        neighbor_seeds: How many of the best of them have their neighbors looked at.
        neighbor_window: How many messages on either side are looked at.
        time_ranges: Times in which the nearest messages are looked for too.
        message_ids: Messages that take part too.
    """

    candidate_limit: int
    neighbor_seeds: int
    neighbor_window: int
    time_ranges: tuple[TimeRange, ...] = ()
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How far one round looks.

    Attributes:
        vector_limit, keyword_limit: Rows that each retriever returns.
        is_scan: Whether all vectors that pass the filters are compared one by one.
        splits_vector, splits_keyword: Whether the retriever looks for each kind separately.
    """

    vector_limit: int
    keyword_limit: int
    is_scan: bool = False
    splits_vector: bool = False
    splits_keyword: bool = False


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """What the retrievers look for; the same in all rounds.

    Attributes:
        namespace: Name of the namespace.
        filters: What may be returned.
        vector: The vector of the query; None turns the vector retriever off.
        terms: The terms of the index for the query; none turn the keyword retriever off.
        weights: How much each retriever counts; 0 turns it off.
        limit: Results at most.
        other_limit: What each retriever returns of other kinds than messages, at most.
        expansion: Set in mode `hybrid`: the candidates are messages with neighbors and with what
            the ranker needs.
        is_exact: Whether vectors are compared with full precision.
        with_content, with_metadata, with_seeds: What candidates carry.
    """

    namespace: str
    filters: Filters
    vector: QueryVector | None
    terms: tuple[str, ...]
    weights: RetrieverWeights
    limit: int
    other_limit: int
    expansion: Expansion | None = None
    is_exact: bool = False
    with_content: bool = True
    with_metadata: bool = False
    with_seeds: bool = False

    def retrieve(self, run: Run, depth: Depth) -> Candidates:
        """Run the retrievers deeper and deeper, until they have enough matches or seen all.

        Raises:
            StaleStateError: Another model's vectors are in use.
        """
        previous = (-1, -1)
        for rounds_left in range(ROUNDS, -1, -1):
            candidates: Candidates = run(self.build_statement(depth))[0]
            if self.vector and not self.vector.vector_state.is_current(
                {"revision": candidates.revision, "model": candidates.model}
            ):
                raise StaleStateError
            deeper = self.deepen(depth, candidates, previous)
            if deeper is None or not rounds_left:
                return candidates
            # Splitting by kind does not look deeper: the same number of rows does not mean that
            # there are no more.
            previous = (
                -1
                if deeper.splits_vector != depth.splits_vector
                else candidates.vector_counts.rows,
                -1
                if deeper.splits_keyword != depth.splits_keyword
                else candidates.keyword_counts.rows,
            )
            depth = deeper
        raise AssertionError("the last round returns")

    def deepen(
        self, depth: Depth, candidates: Candidates, previous_rows: tuple[int, int]
    ) -> Depth | None:
        """Return the depth of the next round.

        None where nothing more can be found, or enough is there.
        """
        changes: dict[str, Any] = {}
        vector, keyword = candidates.vector_counts, candidates.keyword_counts
        if depth.is_scan:
            if candidates.scanned > SCAN_LIMIT:
                changes |= {"is_scan": False, "vector_limit": SCAN_LIMIT}
        elif vector.rows >= depth.vector_limit and vector.rows != previous_rows[0]:
            can_split = (
                not depth.splits_vector
                and self.filters.has_only_kinds
                and self.filters.has_all_vector_kinds
            )
            if can_split and _is_crowded(vector, VECTOR_CANDIDATES):
                changes["splits_vector"] = True
            elif vector.matches < self.limit:
                changes["vector_limit"] = depth.vector_limit * GROWTH
        if keyword.rows >= depth.keyword_limit and keyword.rows != previous_rows[1]:
            can_split = not depth.splits_keyword and {"message", "entity"} <= set(
                self.filters.kinds
            )
            if can_split and _is_crowded(keyword, KEYWORD_CANDIDATES):
                changes["splits_keyword"] = True
            elif keyword.matches < self.limit:
                changes["keyword_limit"] = depth.keyword_limit * GROWTH
        return replace(depth, **changes) if changes else None

    def build_statement(self, depth: Depth) -> Statement[Candidates]:
        """Return the statement of one round."""
        excluded = len(self.filters.excluded_ids)  # which the indexes return first, at worst
        space = self.vector.vector_state.active if self.vector else None
        return Statement(
            name="search/find",
            names={INDEX: space.index, PROPERTY: space.property_name} if space else {},
            parameters={
                "batch": {
                    **self._parameters,
                    **self._vector_parameters(depth),
                    "keyword_queries": self._keyword_queries(depth),
                    "vector_limit": depth.vector_limit + excluded,
                    "index_limit": max(depth.vector_limit, FILTERED_CANDIDATES) + excluded,
                    "keyword_limit": depth.keyword_limit + excluded,
                }
            },
            read=partial(
                read_candidates, characters=CHARACTERS if self.expansion else ALL_CHARACTERS
            ),
        )

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        """The parameters that are the same in all rounds."""
        expansion = self.expansion
        space = self.vector.vector_state.active if self.vector else None
        return {
            "namespace": self.namespace,
            "vector": self.vector.numbers if self.vector else None,
            "index": space.index if space else INDEX,
            "exact": self.is_exact,
            "scan_limit": SCAN_LIMIT + 1,
            "message_ids": list(expansion.message_ids) if expansion else [],
            "with_cosines": expansion is not None,
            "explain": self.with_seeds,
            "cosine_window": self._cosine_window,
            "neighbor_window": expansion.neighbor_window if expansion else 0,
            # One more than is used, which tells whether a text is longer.
            "characters": CHARACTERS + 1 if expansion else ALL_CHARACTERS,
            **self.filters.bounds,
            "vector_weight": self.weights.vector,
            "keyword_weight": self.weights.keyword,
            "smallest_share": SMALLEST_SHARE,
            "limit": self.other_limit,
            "passages": PASSAGES_PER_DOCUMENT,
            "content": self.with_content,
            "metadata": self.with_metadata,
        }

    @property
    def _cosine_window(self) -> int:
        """How far from a match messages are compared with the query's vector; -1 turns it off."""
        if not self.weights.vector:
            return -1
        window = self.expansion.neighbor_window if self.expansion else 0
        return window if window > NEAR_WINDOW else 1

    def _vector_parameters(self, depth: Depth) -> dict[str, Any]:
        """Where the vector retriever looks: everywhere, by kind, by ranges, or node by node."""
        filters = self.filters
        lookups: dict[str, Any] = {
            "open": False,
            "kinds": [],
            "ranges": [],
            "scans": [],
            "time_ranges": [],
        }
        if self.vector and self.weights.vector and filters.vector_kinds:
            if depth.is_scan:
                lookups["scans"] = [build_filter_query(*self._tokens(filters.kind_group))]
            elif not filters.has_only_kinds:
                lookups["ranges"] = filters.index_ranges
            elif depth.splits_vector or not filters.has_all_vector_kinds:
                lookups["kinds"] = list(filters.vector_kinds)
            else:
                lookups["open"] = True
            if not depth.is_scan:
                lookups["time_ranges"] = self._time_ranges()
        expansion = self.expansion
        extra_seeds = VECTOR_CANDIDATES if lookups["time_ranges"] else 0
        if expansion is None:
            return {**lookups, "candidate_limit": self.limit, "neighbor_seeds": 0}
        return {
            **lookups,
            "candidate_limit": max(expansion.candidate_limit, self.limit)
            + extra_seeds
            + len(expansion.message_ids),
            "neighbor_seeds": expansion.neighbor_seeds + extra_seeds
            if expansion.neighbor_window
            else 0,
        }

    def _time_ranges(self) -> list[Mapping[str, Any]]:
        """Ranges of the index for the times that the query names."""
        if not self.expansion or not self.expansion.time_ranges:
            return []
        messages = [row for row in self.filters.index_ranges if row["kind"] == "message"]
        spans = [
            (row, max(row["start_ms"], time.start_ms), min(row["end_ms"], time.end_ms))
            for row in messages
            for time in self.expansion.time_ranges
        ]
        return [
            {**row, "start_ms": start, "end_ms": end} for row, start, end in spans if start <= end
        ]

    def _keyword_queries(self, depth: Depth) -> list[str]:
        """The fulltext query; two where other kinds would crowd messages out."""
        if not self.terms or not self.weights.keyword:
            return []
        kind_groups = [self.filters.kind_group]
        if depth.splits_keyword:
            other_kinds = [kind for kind in self.filters.kinds if kind != "message"]
            kind_groups = [build_kind_group(kinds) for kinds in (["message"], other_kinds) if kinds]
        return [
            build_keyword_query(groups, self.terms, excluded)
            for groups, excluded in map(self._tokens, kind_groups)
        ]

    def _tokens(self, kind_group: list[list[str]]) -> tuple[list[list[str]], list[str]]:
        """The groups of filter tokens that a fulltext query requires, and those it excludes."""
        groups, excluded = self.filters.fulltext_tokens
        return [[build_token("namespace", self.namespace)], *groups, *kind_group], excluded


def _is_crowded(counts: RetrieverCounts, expected: int) -> bool:
    return (
        counts.messages < CROWDED_SHARE * expected
        and counts.messages < CROWDED_SHARE * counts.matches
    )


def read_whole_texts(
    run: Run, candidates: Iterable[Candidate], *, namespace: str
) -> Mapping[str, str]:
    """Read the texts of messages that are longer than the part that was read, by their ids."""
    ids = [candidate.id for candidate in candidates if candidate.is_cut]
    if not ids:
        return {}
    batch = {"namespace": namespace, "ids": ids}
    rows = run(Statement(name="search/whole_texts", parameters={"batch": batch}, read=as_is))
    return {row["id"]: row["content"] for row in rows}
