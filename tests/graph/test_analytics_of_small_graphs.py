"""Analyses of graphs on which the algorithms of Graph Data Science fail or return no numbers."""

import math

import networkx as nx
import numpy as np
import pytest

from mcp_context_persistence.queries.analytics.algorithms import (
    ALGORITHMS,
    METRICS,
    WEIGHTED_ALGORITHMS,
    WEIGHTED_METRICS,
)
from tests.graph.reference_graphs import count_projections, fill

GRAPHS = {
    "empty": ([], ""),
    "one": ([], "a"),
    "one with itself": ([("a", "a", 1.0)], "a"),
    "two with themselves": ([("a", "a", 1.0), ("b", "b", 0.5)], "ab"),
    "alone": ([], "abc"),
    "one of them with itself": ([("a", "a", 1.0)], "abc"),
    "both directions and itself": ([("a", "b", 1.0), ("b", "a", 0.5), ("a", "a", 1.0)], "ab"),
    "confidence 0": ([("a", "b", 0.0), ("b", "c", 0.0), ("c", "c", 0.0)], "abc"),
    "one confidence 0": ([("a", "b", 0.0), ("b", "c", 1.0)], "abc"),
    "nearly 0": ([("a", "b", 1e-300), ("b", "c", 5e-324)], "abc"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_analysis_returns_all_entities_with_finite_scores(client, name):
    edges, nodes = GRAPHS[name]
    fill(client, edges, nodes)
    for metric in METRICS:
        for weighted in {False, metric in WEIGHTED_METRICS}:
            for directed in (False, True):
                case = (metric, weighted, directed)
                ranked = client.find_central_entities(metric, weighted=weighted, directed=directed)
                assert sorted(entity.id for entity in ranked) == list(nodes), case
                scores = [entity.centrality_score for entity in ranked]
                assert all(0.0 <= score <= 1.0 for score in scores), case
                if metric == "eigenvector" and nodes:
                    assert math.hypot(*scores) == pytest.approx(1.0, abs=1e-6), case
                if metric in {"pagerank", "article_rank"} and nodes:
                    assert sum(scores) == pytest.approx(1.0), case
    for algorithm in ALGORITHMS:
        for weighted in {False, algorithm in WEIGHTED_ALGORITHMS}:
            communities = client.detect_communities(algorithm, min_size=1, weighted=weighted)
            members = [entity.id for community in communities for entity in community.entities]
            assert sorted(members) == list(nodes), (algorithm, weighted)
    assert client.get_graph_analytics().total_nodes == len(nodes)
    assert client.find_similar_entities() == [] or len(nodes) > 2
    for target in nodes[1:]:
        for path in client.find_shortest_paths("a", target):
            assert math.isfinite(path.confidence)
    assert count_projections(client) == 0


def test_a_relationship_of_confidence_0_connects_no_weighted_community(client):
    fill(client, [("a", "b", 1.0), ("b", "c", 0.0)])
    for algorithm in WEIGHTED_ALGORITHMS:
        sizes = [
            [community.size for community in client.detect_communities(algorithm, **options)]
            for options in ({"min_size": 1, "weighted": True}, {"min_size": 1})
        ]
        assert sizes == [[2, 1], [3]], algorithm
    with client.graph_data_science() as (_, graph):
        assert graph.relationship_count() == 4


TWO_COMMUNITIES = nx.disjoint_union(nx.complete_graph(20), nx.complete_graph(19))
TWO_COMMUNITIES.add_edge(0, 30)
SLOW_GRAPHS = {
    "star": (nx.star_graph(20), 1e-6),
    "path": (nx.path_graph(3), 1e-6),
    "tree": (nx.balanced_tree(2, 3), 1e-6),
    "two sides": (nx.complete_bipartite_graph(2, 5), 1e-6),
    "two communities": (TWO_COMMUNITIES, 0.02),
}


@pytest.mark.parametrize("name", SLOW_GRAPHS)
def test_the_eigenvector_is_right_where_the_iterations_converge_slowly_or_never(client, name):
    graph, tolerance = SLOW_GRAPHS[name]
    fill(client, [(str(a), str(b), 1.0) for a, b in graph.edges])
    ranked = client.find_central_entities("eigenvector", 100)
    scores = {int(entity.id): entity.centrality_score for entity in ranked}
    vectors = np.linalg.eigh(nx.to_numpy_array(graph, nodelist=sorted(graph)))[1]
    expected = dict(zip(sorted(graph), np.abs(vectors[:, -1]), strict=True))
    assert scores == pytest.approx(expected, abs=tolerance)
