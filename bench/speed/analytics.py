"""Measure analytics against bare calls of Graph Data Science, and betweenness against networkx."""

import gzip
import statistics
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import neo4j
import networkx as nx

from bench.measure import Row, in_turn, seconds
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.analytics.algorithms import ALGORITHMS, METRICS

GRAPH = "graphs/LFR_N10000_mu0.1.csv.gz"
CREATE = """
UNWIND $edges AS edge
MERGE (a:Entity {namespace: $namespace, id: edge[0]})
  ON CREATE SET a.name = edge[0], a.type = 'concept'
MERGE (b:Entity {namespace: $namespace, id: edge[1]})
  ON CREATE SET b.name = edge[1], b.type = 'concept'
CREATE (a)-[:KNOWS {confidence: 1.0}]->(b)
"""
PROJECT = """
MATCH (a:Entity {namespace: $namespace}) WHERE a.id IS NOT NULL
OPTIONAL MATCH (a)-[r]->(b:Entity {namespace: $namespace})
WITH gds.graph.project(
  'bare', a, b,
  {relationshipProperties: CASE WHEN b IS NOT NULL THEN {weight: r.confidence} END},
  {undirectedRelationshipTypes: ['*']}
) AS graph
RETURN graph.nodeCount
"""
DROP = "CALL gds.graph.drop('bare', false) YIELD graphName RETURN graphName"
BEST_ENTITIES = """
CALL gds.{algorithm}.stream('bare', $config) YIELD nodeId, score
WITH gds.util.asNode(nodeId) AS e, score ORDER BY score DESC LIMIT 10
RETURN e.id, e.name, e.type, score
"""
MEMBERS = """
CALL gds.leiden.stream('bare', $config) YIELD nodeId, communityId
WITH communityId, gds.util.asNode(nodeId) AS e
RETURN communityId, collect([e.id, e.name, e.type]) AS members
"""
# The same answer as ours: the members by their relationships inside the community.
WRITE_COMMUNITIES = """
CALL gds.leiden.mutate('bare', $config) YIELD communityCount RETURN communityCount
"""
RANKED_MEMBERS = """
CALL () {
  CALL gds.graph.nodeProperty.stream('bare', 'community') YIELD nodeId
  RETURN nodeId, 0 AS inside
  UNION ALL
  CALL gds.graph.relationships.stream('bare') YIELD sourceNodeId AS nodeId, targetNodeId
  WITH nodeId, targetNodeId
  WHERE gds.util.nodeProperty('bare', nodeId, 'community')
    = gds.util.nodeProperty('bare', targetNodeId, 'community')
  RETURN nodeId, 1 AS inside
}
WITH nodeId, sum(inside) AS inside
WITH gds.util.nodeProperty('bare', nodeId, 'community') AS community,
  gds.util.asNode(nodeId) AS e, inside
ORDER BY inside DESC
RETURN community, collect([e.id, e.name, e.type, inside]) AS members
"""
SOURCES = 500  # of networkx's sampled betweenness, from which that of all nodes is estimated


def read_edges(path: Path) -> list[tuple[str, ...]]:
    """Return the edges of a compressed file with one edge a line."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [tuple(line.split()[:2]) for line in lines]


def save_edges(driver: neo4j.Driver, namespace: str, edges: Sequence[tuple[str, ...]]) -> None:
    """Save entities and relationships in groups of 5,000."""
    for start in range(0, len(edges), 5000):
        driver.execute_query(CREATE, edges=edges[start : start + 5000], namespace=namespace)


def measure_analytics(
    url: str, auth: tuple[str, str] | None, data: Path, *, times: int = 15
) -> list[Row]:
    """Measure PageRank, betweenness and Leiden, and betweenness in networkx.

    Args:
        url: The server.
        auth: User and password.
        data: Folder of the data sets; there are no rows where it lacks the graph.
        times: Rounds.
    """
    if not (data / GRAPH).is_file():
        print(f"skipped: {GRAPH} is not in {data}")
        return []
    edges = read_edges(data / GRAPH)
    graph = nx.Graph(edges)
    size = f"{len(graph):,} entities"
    namespace = f"bench-analytics-{uuid.uuid4().hex}"
    with (
        ContextPersistenceClient(
            url, auth=auth, namespace=namespace, config={"deadline": 300.0}
        ) as client,
        neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver,
    ):
        save_edges(driver, namespace, edges)
        bare = BareCalls(driver, namespace)
        leiden = ALGORITHMS["leiden"][1]
        return [
            bare.measure(
                f"PageRank, {size}",
                client.find_central_entities,
                [BEST_ENTITIES.format(algorithm="pageRank")],
                METRICS["pagerank"][1],
                times=times,
            ),
            bare.measure(
                f"betweenness, {size}",
                lambda: client.find_central_entities("betweenness"),
                [BEST_ENTITIES.format(algorithm="betweenness")],
                METRICS["betweenness"][1],
                times=max(1, times // 5),
            ),
            bare.measure(
                f"Leiden, {size}, the same answer",
                client.detect_communities,
                [WRITE_COMMUNITIES, RANKED_MEMBERS],
                {**leiden, "mutateProperty": "community"},
                times=times,
            ),
            bare.measure(
                f"Leiden, {size}, bare call without the ranks of the members",
                client.detect_communities,
                [MEMBERS],
                leiden,
                times=times,
            ),
            compare_with_networkx(client, graph),
        ]


class BareCalls:
    """Calls the procedures of Graph Data Science on a projection of one namespace."""

    def __init__(self, driver: neo4j.Driver, namespace: str) -> None:
        self._driver, self._namespace = driver, namespace

    def run(self, calls: Sequence[str], config: object) -> None:
        """Project the namespace, run the calls, and drop the projection."""
        self._driver.execute_query(PROJECT, namespace=self._namespace)
        for call in calls:
            # The text is a constant of this module.
            self._driver.execute_query(neo4j.Query(call), {"config": config})
        self._driver.execute_query(DROP)

    def measure(
        self,
        work: str,
        ours: Callable[[], object],
        calls: Sequence[str],
        config: object,
        *,
        times: int,
    ) -> Row:
        """Measure one of our calls against bare ones."""
        our_seconds, bare_seconds, ratio = in_turn(
            lambda _: ours(), lambda _: self.run(calls, config), times=times, warm=times
        )
        return Row(
            work=work,
            ours=statistics.median(our_seconds) * 1000,
            bare=statistics.median(bare_seconds) * 1000,
            unit="ms",
            ratio=ratio,
            need="<= 1.2",
            met=ratio <= 1.2,
        )


def compare_with_networkx(client: ContextPersistenceClient, graph: "nx.Graph[str]") -> Row:
    """Measure the betweenness of all entities against networkx."""
    sources = min(SOURCES, len(graph))
    ours = seconds(lambda: client.find_central_entities("betweenness", len(graph)))
    sampled = seconds(lambda: nx.betweenness_centrality(graph, k=sources, seed=1))
    bare = sampled * len(graph) / sources
    return Row(
        work=(
            f"betweenness of {len(graph):,} entities, all scores, against networkx "
            f"(estimated from {sources} sources)"
        ),
        ours=ours,
        bare=bare,
        unit="s",
        ratio=ours / bare,
        need="<= 0.1",
        met=ours <= 0.1 * bare,
    )
