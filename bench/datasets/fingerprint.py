"""Make graphs comparable: everything in a namespace but the times at which it was written."""

import hashlib
from collections import Counter
from dataclasses import dataclass

import neo4j
import numpy as np

TIMES = {
    "created_ms",
    "updated_ms",
    "timestamp_ms",
    "revision",
}  # a message without a time has that of its first save
NODES = (
    "MATCH (n) WHERE n.namespace = $namespace AND NOT n:NamespaceVersion "
    "RETURN labels(n) AS labels, properties(n) AS properties"
)
LINKS = (
    "MATCH (a)-[r]->(b) WHERE a.namespace = $namespace "
    "RETURN labels(a)[0] AS source_label, a.id AS source, type(r) AS type, "
    "properties(r) AS properties, labels(b)[0] AS target_label, b.id AS target"
)


TOLERANCE = (
    1e-5  # of a number in a vector: the encoder's last digits depend on what else was in the batch
)


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The content of a namespace.

    Attributes:
        counts: How many nodes of each label, and how many relationships.
        hash: Of every node and relationship, without vectors and times.
        vectors: By label and id.
    """

    counts: Counter[str]
    hash: str
    vectors: dict[str, np.ndarray]

    def same_as(self, other: "Fingerprint") -> bool:
        """Return whether both are of the same graph."""
        return (
            self.hash == other.hash
            and self.vectors.keys() == other.vectors.keys()
            and all(
                np.allclose(vector, other.vectors[key], atol=TOLERANCE)
                for key, vector in self.vectors.items()
            )
        )


def fingerprint(driver: neo4j.Driver, namespace: str) -> Fingerprint:
    """Read the content of a namespace."""
    nodes = driver.execute_query(NODES, namespace=namespace).records
    links = driver.execute_query(LINKS, namespace=namespace).records
    lines = sorted(
        [f"{sorted(row['labels'])} {_stable(row['properties'])}" for row in nodes]
        + [
            f"{row['source_label']} {row['source']} {row['type']} {row['target_label']} "
            f"{row['target']} {_stable(row['properties'])}"
            for row in links
        ]
    )
    return Fingerprint(
        counts=Counter({"relationships": len(links)})
        + Counter(label for row in nodes for label in row["labels"]),
        hash=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        vectors={
            f"{sorted(row['labels'])} {row['properties']['id']}": np.asarray(
                row["properties"]["embedding"], np.float32
            )
            for row in nodes
            if "embedding" in row["properties"]
        },
    )


def _stable(properties: dict[str, object]) -> str:
    return repr(
        {
            key: sorted(value, key=str) if isinstance(value, list) else value
            for key, value in sorted(properties.items())
            if key not in TIMES and key != "embedding"
        }
    )
