"""Analytics on a graph of 10,000 entities, against bare calls of the library, and betweenness against networkx."""

import gzip
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import neo4j
import networkx as nx

from bench.measure import Row, in_turn, seconds
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.analytics.algorithms import ALGORITHMS, METRICS

GRAPH = "graphs/LFR_N10000_mu0.1.csv.gz"
SPACE = "bench-analytics"
CREATE = """
UNWIND $edges AS edge
MERGE (a:Entity {namespace: $n, id: edge[0]}) ON CREATE SET a.name = edge[0], a.type = 'concept'
MERGE (b:Entity {namespace: $n, id: edge[1]}) ON CREATE SET b.name = edge[1], b.type = 'concept'
CREATE (a)-[:KNOWS {confidence: 1.0}]->(b)
"""
PROJECT = """
MATCH (a:Entity {namespace: $n}) WHERE a.id IS NOT NULL
OPTIONAL MATCH (a)-[r]->(b:Entity {namespace: $n})
WITH gds.graph.project($g, a, b, {relationshipProperties: CASE WHEN b IS NOT NULL THEN {weight: r.confidence} END},
  {undirectedRelationshipTypes: ['*']}) AS g
RETURN g.nodeCount
"""
BEST = "YIELD nodeId, score WITH gds.util.asNode(nodeId) AS e, score ORDER BY score DESC LIMIT 10 RETURN e.id, e.name, e.type, score"
MEMBERS = (
    "YIELD nodeId, communityId WITH communityId, gds.util.asNode(nodeId) AS e "
    "RETURN communityId, collect([e.id, e.name, e.type]) AS members"
)
# The same answer as ours: the members by their relationships inside the community.
KEEP = "CALL gds.leiden.mutate('bare', $config) YIELD communityCount RETURN communityCount"
RANKED = """
CALL () {
  CALL gds.graph.nodeProperty.stream('bare', 'community') YIELD nodeId
  RETURN nodeId, 0 AS inside
  UNION ALL
  CALL gds.graph.relationships.stream('bare') YIELD sourceNodeId AS nodeId, targetNodeId
  WITH nodeId, targetNodeId
  WHERE gds.util.nodeProperty('bare', nodeId, 'community') = gds.util.nodeProperty('bare', targetNodeId, 'community')
  RETURN nodeId, 1 AS inside
}
WITH nodeId, sum(inside) AS inside
WITH gds.util.nodeProperty('bare', nodeId, 'community') AS community, gds.util.asNode(nodeId) AS e, inside
ORDER BY inside DESC
RETURN community, collect([e.id, e.name, e.type, inside]) AS members
"""
PIVOTS = 500  # of networkx's sampled betweenness, from which the whole is reckoned


def analytics(url: str, auth: tuple[str, str], data: Path) -> list[Row]:
    """PageRank, betweenness and Leiden, and betweenness in networkx."""
    with (
        ContextPersistenceClient(
            url, auth=auth, namespace=SPACE, config={"deadline": 300.0}
        ) as client,
        neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver,
    ):
        edges = [
            tuple(line.split()[:2])
            for line in gzip.decompress((data / GRAPH).read_bytes()).decode().splitlines()
        ]
        for start in range(0, len(edges), 5000):
            driver.execute_query(CREATE, edges=edges[start : start + 5000], n=SPACE)
        central, communities = client.find_central_entities, client.detect_communities
        leiden = ALGORITHMS["leiden"][1]
        page_rank, betweenness, members = (
            [f"CALL gds.{name}.stream('bare', $config) {what}"]
            for name, what in (("pageRank", BEST), ("betweenness", BEST), ("leiden", MEMBERS))
        )
        row = partial(_row, driver)
        return [
            row("PageRank, 10,000 entities", central, page_rank, METRICS["pagerank"][1]),
            row(
                "betweenness, 10,000 entities",
                lambda: central("betweenness"),
                betweenness,
                METRICS["betweenness"][1],
                times=3,
                warm=1,
            ),
            row(
                "Leiden, 10,000 entities, the same answer",
                communities,
                [KEEP, RANKED],
                {**leiden, "mutateProperty": "community"},
            ),
            row(
                "Leiden, 10,000 entities, bare without what is inside", communities, members, leiden
            ),
            _against_networkx(client, nx.Graph(edges)),
        ]


def _row(
    driver: neo4j.Driver,
    work: str,
    ours: Callable[[], object],
    calls: Sequence[str],
    config: object,
    *,
    times: int = 15,
    warm: int = 15,
) -> Row:
    def bare(_: int) -> None:
        driver.execute_query(PROJECT, n=SPACE, g="bare")
        for call in calls:
            driver.execute_query(call, config=config)
        driver.execute_query("CALL gds.graph.drop('bare', false) YIELD graphName RETURN graphName")

    mine, theirs, ratio = in_turn(lambda _: ours(), bare, times=times, warm=warm)
    return Row(
        work=work,
        ours=statistics.median(mine) * 1000,
        bare=statistics.median(theirs) * 1000,
        unit="ms",
        ratio=ratio,
        need="<= 1.2",
        met=ratio <= 1.2,
    )


def _against_networkx(client: ContextPersistenceClient, graph: nx.Graph) -> Row:
    ours = seconds(lambda: client.find_central_entities("betweenness", 10_000))
    theirs = (
        seconds(lambda: nx.betweenness_centrality(graph, k=PIVOTS, seed=1)) * len(graph) / PIVOTS
    )
    return Row(
        work=f"betweenness, all scores, against networkx (reckoned from {PIVOTS} of its sources)",
        ours=ours,
        bare=theirs,
        unit="s",
        ratio=ours / theirs,
        need="<= 0.1",
        met=ours <= 0.1 * theirs,
    )
