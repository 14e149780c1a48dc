"""Graph Data Science returns the results of networkx and the published results."""

import gzip
import json
import math
import random
import statistics
from collections import Counter

import networkx as nx
import pytest
from sklearn.metrics import normalized_mutual_info_score

from mcp_context_persistence.exceptions import GraphError, NotFoundError, ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Statement, as_is
from mcp_context_persistence.queries.analytics.analyzer import GraphAnalyzer
from tests.graph.reference_graphs import count_projections, data, fill, load, read

ROUNDED = 1e-8  # responses round scores to nine digits


def scores(client, metric, count, **options):
    return {
        entity.id: entity.centrality_score
        for entity in client.find_central_entities(metric, count, **options)
    }


@pytest.mark.parametrize("name", ["graphs/karate.csv", "graphs/dolphins.csv"])
def test_centralities_equal_those_of_networkx(client, name):
    graph = load(client, name)
    count = len(graph)
    expected = {
        "pagerank": (nx.pagerank(graph, tol=1e-12, max_iter=1000), 1e-9),
        "betweenness_centrality": (nx.betweenness_centrality(graph), 1e-12),
        "closeness": (nx.closeness_centrality(graph), 1e-12),
        "harmonic": (
            {node: score / (count - 1) for node, score in nx.harmonic_centrality(graph).items()},
            1e-12,
        ),
        "eigenvector": (nx.eigenvector_centrality(graph, tol=1e-12, max_iter=5000), 1e-6),
        "degree": (nx.degree_centrality(graph), 1e-12),
    }
    for metric, (reference, tolerance) in expected.items():
        ranked = client.find_central_entities(metric, count)
        assert {entity.id: entity.centrality_score for entity in ranked} == pytest.approx(
            reference, rel=ROUNDED, abs=tolerance
        ), metric
        # The last digits depend on the order of the threads.
        ordered = [round(entity.centrality_score, 8) for entity in ranked]
        assert ordered == sorted(ordered, reverse=True)
    shares = scores(client, "article rank", count)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) == set(graph)


def test_directed_betweenness_and_degree_equal_those_of_networkx(client):
    edges = read(data("graphs/karate.csv"))
    fill(client, [(a, b, 1.0) for a, b in edges])
    graph = nx.DiGraph(edges)
    assert scores(client, "betweenness", 34, directed=True) == pytest.approx(
        nx.betweenness_centrality(graph), rel=ROUNDED
    )
    out = {node: degree / 33 for node, degree in graph.out_degree()}
    assert scores(client, "degree", 34, directed=True) == pytest.approx(out, rel=ROUNDED)


def test_the_summary_equals_that_of_networkx(client):
    edges = read(data("graphs/dolphins.csv"))  # each in both directions
    fill(client, [(a, b, 1.0) for a, b in edges], nodes=["alone"])
    directed = nx.DiGraph(edges)
    directed.add_node("alone")
    graph = directed.to_undirected()
    summary = client.get_graph_analytics()
    assert (summary.total_nodes, summary.total_edges) == (len(directed), directed.number_of_edges())
    assert summary.density == pytest.approx(nx.density(directed))
    assert summary.avg_degree == pytest.approx(
        sum(degree for _, degree in directed.degree()) / len(directed)
    )
    assert summary.clustering == pytest.approx(nx.average_clustering(graph))
    assert summary.triangles == sum(nx.triangles(graph).values()) // 3
    assert summary.components == nx.number_connected_components(graph)
    assert summary.largest_component == max(map(len, nx.connected_components(graph)))
    assert summary.degree_distribution == dict(Counter(degree for _, degree in graph.degree()))


def members(communities):
    return {
        entity.id: index
        for index, community in enumerate(communities)
        for entity in community.entities
    }


@pytest.mark.parametrize("algorithm", ["leiden", "louvain"])
def test_planted_communities_are_found(connect, namespace, algorithm):
    edges = [(a, b, 1.0) for a, b in read(data("graphs/LFR_N1000_mu0.1.csv.gz"))]
    with gzip.open(data("graphs/LFR_N1000_mu0.1.json.gz"), "rt") as file:
        planted = {
            str(node): index
            for index, group in enumerate(json.load(file)["communities"])
            for node in group
        }
    agreements = []
    for order in range(3):  # the order of the nodes moves one graph's agreement by 0.03
        client = connect(namespace=f"{namespace}-{order}")
        fill(client, random.Random(order).sample(edges, len(edges)))
        detected = members(client.detect_communities(algorithm))
        nodes = sorted(detected)
        assert len(nodes) == len(planted)
        agreements.append(
            normalized_mutual_info_score(
                [planted[node] for node in nodes], [detected[node] for node in nodes]
            )
        )
        assert members(client.detect_communities(algorithm)) == detected
    assert statistics.mean(agreements) >= 0.95, agreements


def test_communities_have_a_label_and_their_most_central_entities_first(client):
    graph = load(client, "graphs/karate.csv")
    communities = client.detect_communities()
    sizes = [community.size for community in communities]
    assert sum(sizes) == 34
    assert sizes == sorted(sizes, reverse=True)
    modularity = nx.community.modularity(
        graph, [{entity.id for entity in community.entities} for community in communities]
    )
    assert modularity > 0.41
    for community in communities:
        subgraph = graph.subgraph(entity.id for entity in community.entities)
        assert [
            round(entity.centrality_score * (community.size - 1)) for entity in community.entities
        ] == sorted((degree for _, degree in subgraph.degree()), reverse=True)
        assert community.label.split(", ") == [entity.name for entity in community.entities[:3]]
    assert not communities.truncated


def test_components_and_cores_equal_those_of_networkx(client):
    graph = load(client, "graphs/karate.csv")
    fill(client, [("x", "y", 1.0)], nodes=["alone"])
    graph.add_edge("x", "y")
    graph.add_node("alone")
    groups = {
        frozenset(entity.id for entity in community.entities)
        for community in client.detect_communities("wcc", min_size=1)
    }
    assert groups == {frozenset(group) for group in nx.connected_components(graph)}
    cores = nx.core_number(graph)
    groups = {
        frozenset(entity.id for entity in community.entities)
        for community in client.detect_communities("kcore", min_size=1)
    }
    assert groups == {
        frozenset(node for node in graph if cores[node] == core) for core in set(cores.values())
    }
    communities = client.detect_communities("label propagation", min_size=1)
    assert sum(community.size for community in communities) == len(graph)


def test_published_results_are_reproduced(client):
    folder = data("ldbc_graphalytics/example")
    lines = [line.split() for line in (folder / "example-undirected.e").read_text().splitlines()]
    fill(client, [(a, b, math.exp(-float(weight))) for a, b, weight in lines])

    def published(algorithm):
        return dict(
            line.split()
            for line in (folder / f"example-undirected-{algorithm}").read_text().splitlines()
        )

    components = published("WCC")
    detected = members(client.detect_communities("wcc", min_size=1))
    pairs = {(detected[node], component) for node, component in components.items()}
    assert len(pairs) == len(set(components.values()))
    clustering = [float(value) for value in published("LCC").values()]
    assert client.get_graph_analytics().clustering == pytest.approx(
        sum(clustering) / len(clustering)
    )
    for node, cost in published("SSSP").items():
        if node == "2" or cost == "infinity":
            continue
        best = client.find_shortest_paths("2", node, 1)[0]
        assert -math.log(best.confidence) == pytest.approx(float(cost)), node
    for node, steps in published("BFS").items():
        if node != "2" and int(steps) < 2**31:
            assert client.find_shortest_paths("2", node, 1, weighted=False)[0].length == int(
                steps
            ), node


def test_shortest_paths_are_those_of_networkx_and_show_the_relationships(client):
    edges = [("a", "b", 0.9), ("b", "c", 0.9), ("a", "c", 0.5), ("c", "d", 0.8), ("d", "a", 0.2)]
    fill(client, edges)
    graph = nx.Graph()
    graph.add_weighted_edges_from((x, y, -math.log(confidence)) for x, y, confidence in edges)
    expected = list(nx.shortest_simple_paths(graph, "a", "d", weight="weight"))
    paths = client.find_shortest_paths("a", "d", 10)
    assert [path.entities for path in paths] == expected
    assert paths[0].confidence == pytest.approx(0.9 * 0.9 * 0.8)
    assert [(step.from_entity, step.to_entity) for step in paths[-1].steps] == [("d", "a")]
    assert client.find_shortest_paths("a", "d", 1, weighted=False)[0].length == 1
    assert [path.entities for path in client.find_shortest_paths("a", "d", 10, directed=True)] == [
        ["a", "b", "c", "d"],
        ["a", "c", "d"],
    ]
    assert client.find_shortest_paths("a", "a") == []
    with pytest.raises(NotFoundError, match="target_entity_id"):
        client.find_shortest_paths("a", "nowhere")


@pytest.mark.parametrize("directed", [True, False])
def test_parallel_relationships_count_once_and_self_relationships_do_not_count(client, directed):
    fill(client, [("a", "b", 0.5), ("b", "c", 1.0), ("c", "c", 1.0)])
    client.create_relationship("a", "b", "IMPLEMENTS", confidence=0.9)
    scores = {
        entity.id: entity.centrality_score
        for entity in client.find_central_entities("degree", directed=directed, weighted=True)
    }
    assert scores == pytest.approx(
        {"a": 0.45, "b": 0.5 if directed else 0.95, "c": 0.0 if directed else 0.5}
    )


def test_entities_with_shared_neighbors_are_similar(client):
    fill(
        client,
        [
            ("a", "x", 1.0),
            ("a", "y", 1.0),
            ("b", "x", 1.0),
            ("b", "y", 1.0),
            ("b", "z", 1.0),
            ("c", "z", 1.0),
        ],
    )
    best = client.find_similar_entities("a")[0]
    assert (best.entity_id, best.other_id, best.similarity) == ("a", "b", pytest.approx(2 / 3))
    pairs = {
        (pair.entity_id, pair.other_id): pair.similarity
        for pair in client.find_similar_entities(top_k=100)
    }
    assert pairs["a", "b"] == pytest.approx(2 / 3)
    assert pairs["x", "y"] == 1.0
    assert ("a", "c") not in pairs
    assert client.find_similar_entities("a", min_similarity=0.9) == []


def test_an_empty_graph_has_empty_results(client):
    summary = client.get_graph_analytics()
    assert (summary.total_nodes, summary.components, summary.density, summary.avg_degree) == (
        0,
        0,
        0.0,
        0.0,
    )
    assert client.find_central_entities() == []
    assert list(client.detect_communities()) == []
    assert client.find_similar_entities() == []


@pytest.mark.parametrize("algorithm", ["leiden", "louvain", "label_propagation", "wcc"])
def test_entities_without_relationships_are_communities_of_one(client, algorithm):
    client.update_knowledge_graph([{"id": name} for name in "abc"], [])
    weighted = algorithm != "wcc"
    assert list(client.detect_communities(algorithm, weighted=weighted)) == []
    communities = client.detect_communities(algorithm, min_size=1, weighted=weighted)
    assert [community.size for community in communities] == [1, 1, 1]


def test_other_namespaces_are_not_included(client, server, namespace):
    from mcp_context_persistence import ContextPersistenceClient

    fill(client, [("a", "b", 1.0)])
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-other"
    ) as other_client:
        fill(other_client, [("c", "d", 1.0), ("d", "e", 1.0)])
        other_client._engine.graph.driver.execute_query(
            "MATCH (a:Entity {namespace: $a, id: 'a'}), (c:Entity {namespace: $b, id: 'c'}) "
            "CREATE (a)-[:KNOWS]->(c)",
            a=namespace,
            b=f"{namespace}-other",
        )
        assert {entity.id for entity in other_client.find_central_entities()} == {"c", "d", "e"}
    assert {entity.id for entity in client.find_central_entities("degree")} == {"a", "b"}


def test_an_analysis_that_needs_more_memory_than_the_limit_is_refused(client):
    fill(client, [("a", "b", 1.0)])
    client._engine.analytics._admission._memory_limit = (math.inf, 1000)
    with pytest.raises(GraphError, match="heap"):
        client.find_central_entities()
    assert count_projections(client) == 0


def test_the_error_of_a_server_without_the_library_says_how_to_install_it(client):
    class Unknown(Statement):
        def text(self, dialect="25"):
            return "CALL gds.nothing.there() YIELD x RETURN x"

    with pytest.raises(GraphError, match="Graph Data Science"):
        GraphAnalyzer(client._engine.graph)._run(Unknown(name="analytics/heap", read=as_is))


@pytest.mark.parametrize(
    ("call", "arguments", "field"),
    [
        ("find_central_entities", {"metric": "fame"}, "metric"),
        ("find_central_entities", {"metric": None}, "metric"),
        ("find_central_entities", {"top_k": 0}, "top_k"),
        ("find_central_entities", {"top_k": 10_001}, "top_k"),
        ("find_central_entities", {"metric": "closeness", "weighted": True}, "weighted"),
        ("detect_communities", {"algorithm": "magic"}, "algorithm"),
        ("detect_communities", {"min_size": 0}, "min_size"),
        ("find_similar_entities", {"min_similarity": 2}, "min_similarity"),
        ("find_similar_entities", {"top_k": True}, "top_k"),
        (
            "find_shortest_paths",
            {"source_entity_id": "a", "target_entity_id": "b", "k": 51},
            "k must",
        ),
    ],
)
def test_invalid_arguments_are_refused(client, call, arguments, field):
    with pytest.raises(ValidationError, match=field):
        getattr(client, call)(**arguments)


def test_the_largest_number_of_central_entities_is_returned(client):
    """Rows must not hold the memory of all rows: 200 of 10,000 once filled a server of 1 GiB."""
    edges = [(f"n{number}", f"n{(number * 7 + 1) % 10_000}", 0.5) for number in range(10_000)]
    fill(client, edges)
    ranked = client.find_central_entities("pagerank", limits.CENTRAL_ENTITIES)
    assert len(ranked) == 10_000
    assert sum(entity.centrality_score for entity in ranked) == pytest.approx(1)
    assert [entity.centrality_score for entity in ranked] == sorted(
        (entity.centrality_score for entity in ranked), reverse=True
    )
