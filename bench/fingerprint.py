"""A graph as comparable values: everything in a namespace but the times at which it was written."""

import hashlib
from collections import Counter

import neo4j

TIMES = {"created_ms", "updated_ms", "timestamp_ms", "revision"}  # a message without a time has that of its first save
NODES = "MATCH (n) WHERE n.namespace = $namespace RETURN labels(n) AS labels, properties(n) AS properties"
LINKS = (
    "MATCH (a)-[r]->(b) WHERE a.namespace = $namespace "
    "RETURN labels(a)[0] AS kind, a.id AS a, type(r) AS type, properties(r) AS properties, labels(b)[0] AS other, b.id AS b"
)


def graph_of(driver: neo4j.Driver, namespace: str, *, without: frozenset[str] = frozenset()) -> tuple[list[str], list[str]]:
    """Every node and every relationship of a namespace as sorted lines; vectors rounded to four digits."""
    nodes = driver.execute_query(NODES, namespace=namespace).records
    links = driver.execute_query(LINKS, namespace=namespace).records
    return (
        sorted(f"{sorted(row['labels'])} {_stable(row['properties'], without)}" for row in nodes),
        sorted(
            f"{row['kind']} {row['a']} {row['type']} {row['other']} {row['b']} {_stable(row['properties'], without)}"
            for row in links
        ),
    )


def digest(driver: neo4j.Driver, namespace: str) -> tuple[Counter[str], str]:
    """How many nodes and relationships of each kind there are, and a hash of them all."""
    nodes, links = graph_of(driver, namespace)
    counts = Counter(line.split("] ")[0].strip("[]").split(",")[0].strip("'") for line in nodes)
    counts["relationships"] = len(links)
    return counts, hashlib.sha256("\n".join(nodes + links).encode()).hexdigest()


def _stable(properties: dict[str, object], without: frozenset[str]) -> str:
    return repr(
        {
            key: [round(one, 4) for one in value]  # type: ignore[attr-defined]
            if key == "embedding"
            else sorted(value, key=str)
            if isinstance(value, list)
            else value
            for key, value in sorted(properties.items())
            if key not in TIMES and key not in without
        }
    )
