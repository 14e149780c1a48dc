"""The algorithms of Graph Data Science: their statements, configuration and need of memory."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from mcp_context_persistence.queries.analytics.admission import MemoryNeed

Metric = Literal[
    "pagerank", "article_rank", "betweenness", "closeness", "harmonic", "eigenvector", "degree"
]
Algorithm = Literal["leiden", "louvain", "label_propagation", "wcc", "k_core"]
Task = Metric | Algorithm | Literal["summary", "similar", "paths", "block"]

SEED = 42
THREADS = 4  # the open edition of the library allows no more
# Up to so many entities and relationships one thread is as fast as four, which must start first.
SMALL_GRAPH = 20_000

SAFE_DIGITS = 150  # the square of a number with as many digits is still a float
CONVERGING = {"maxIterations": 300, "tolerance": 1e-10}
# The statement and the configuration of each algorithm.
METRICS: Mapping[Metric, tuple[str, Mapping[str, Any]]] = {
    "pagerank": ("analytics/pagerank", CONVERGING),
    "article_rank": ("analytics/article_rank", CONVERGING),
    "betweenness": ("analytics/betweenness", {}),
    "closeness": ("analytics/closeness", {"useWassermanFaust": True}),
    "harmonic": ("analytics/harmonic", {}),
    "eigenvector": ("analytics/eigenvector", {**CONVERGING, "maxIterations": 1000}),
    "degree": ("analytics/degree", {}),
}
WEIGHTED_METRICS = frozenset({"pagerank", "article_rank", "eigenvector", "degree"})
# With one thread and a seed the same graph always has the same communities.
ALGORITHMS: Mapping[Algorithm, tuple[str, Mapping[str, Any]]] = {
    "leiden": ("analytics/leiden", {"concurrency": 1, "randomSeed": SEED}),
    "louvain": ("analytics/louvain", {"concurrency": 1}),
    "label_propagation": ("analytics/label_propagation", {"concurrency": 1}),
    "wcc": ("analytics/wcc", {}),
    "k_core": ("analytics/k_core", {}),
}
WEIGHTED_ALGORITHMS = frozenset({"leiden", "louvain", "label_propagation"})

# Memory of each algorithm with four threads: a fifth more than the library's estimates (GDS 2.26)
# for 10,000 entities and more. Smaller graphs fit into the fixed bytes of each reservation.
SIMILAR_BYTES = 20  # for each similar entity that is kept of one entity
NEEDS: Mapping[Task, MemoryNeed] = {
    "pagerank": MemoryNeed(per_entity=32),
    "article_rank": MemoryNeed(per_entity=32),
    "eigenvector": MemoryNeed(per_entity=64),  # with a relationship of each entity to itself
    "betweenness": MemoryNeed(per_entity=280, per_relationship=80),
    "closeness": MemoryNeed(per_entity=140),
    "harmonic": MemoryNeed(per_entity=130),
    "degree": MemoryNeed(per_entity=16),
    "leiden": MemoryNeed(per_entity=340, per_relationship=50),
    "louvain": MemoryNeed(per_entity=230, per_relationship=50),
    "label_propagation": MemoryNeed(per_entity=64),
    "wcc": MemoryNeed(per_entity=16),
    "k_core": MemoryNeed(per_entity=64),
    "summary": MemoryNeed(per_entity=32),
    "similar": MemoryNeed(per_entity=240, per_relationship=50),
    "paths": MemoryNeed(per_entity=280),
    "block": MemoryNeed(per_entity=340, per_relationship=80),
}


def choose_threads(nodes: int, relationships: int) -> int:
    """Return the number of threads with which algorithms run on a graph of this size."""
    return 1 if nodes + relationships <= SMALL_GRAPH else THREADS


def count_iterations(relationships: int) -> int:
    """Return how many iterations of the unweighted `eigenvector` cannot exceed a float.

    Its library divides by the length only at the end, and returns zeros beyond the range of a
    float. An iteration multiplies the length at most by the largest eigenvalue: that of an
    undirected graph is at most the root of twice its relationships, and the relationships of the
    entities with themselves add 2. These relationships make the iterations converge on trees and on
    other graphs of two sides too.
    """
    largest = math.sqrt(2 * relationships) + 2
    return min(1000, int(SAFE_DIGITS / math.log10(largest)))


def normalize_score(
    metric: Metric, score: float, *, total: float, nodes: int, undirected: bool
) -> float:
    """Return a score on the documented scale.

    `pagerank` and `article_rank` are shares of all scores, `betweenness` is a share of the pairs of
    other entities, `degree` a share of the other entities. The library itself normalizes
    `closeness`, `harmonic` and `eigenvector` (to a vector of length one).

    Args:
        metric: The algorithm.
        score: As the algorithm returned it.
        total: The sum of all scores.
        nodes: Number of entities.
        undirected: Whether relationships have no direction.
    """
    if metric in {"pagerank", "article_rank"}:
        return score / total if total else 0.0
    if metric == "betweenness":
        pairs = (nodes - 1) * (nodes - 2) / (2 if undirected else 1)
        return score / pairs if pairs else 0.0
    if metric == "degree":
        return score / (nodes - 1) if nodes > 1 else 0.0
    if metric == "harmonic" and nodes == 1:
        return 0.0  # the library divides by the number of other entities
    return score
