"""Graphs of the data sets and of networkx."""

import gzip
import os
from pathlib import Path

import networkx as nx
import pytest

DATA = Path(os.environ.get("CONTEXT_DATA", Path(__file__).parents[3] / "shared/data"))


PROJECTIONS = """
CALL gds.graph.list() YIELD graphName WHERE graphName STARTS WITH 'context-'
RETURN count(*) AS count
"""
CREATE = """
UNWIND $edges AS edge
MERGE (a:Entity {namespace: $n, id: edge[0]}) ON CREATE SET a.name = edge[0], a.type = 'concept'
MERGE (b:Entity {namespace: $n, id: edge[1]}) ON CREATE SET b.name = edge[1], b.type = 'concept'
MERGE (a)-[r:KNOWS]->(b) SET r.confidence = edge[2]
"""


def data(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"LOUD: no data set at {path}")
    return path


def fill(client, edges, nodes=()):
    """Create entities and relationships (source, target, confidence) directly in the namespace."""
    driver, namespace = client._engine.graph.driver, client._engine.namespace
    for start in range(0, len(edges), 2000):
        driver.execute_query(CREATE, edges=edges[start : start + 2000], n=namespace)
    driver.execute_query(
        "UNWIND $ids AS id MERGE (:Entity {namespace: $n, id: id})", ids=list(nodes), n=namespace
    )


def read(path):
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [tuple(line.split()[:2]) for line in text.splitlines() if line.strip()]


def load(client, name):
    """Create a graph in the namespace and return it as one of networkx."""
    edges = read(data(name))
    fill(client, [(a, b, 1.0) for a, b in edges])
    return nx.Graph(edges)


def count_projections(client):
    return client._engine.graph.driver.execute_query(PROJECTIONS).records[0]["count"]
