"""All that a namespace holds, in a form in which two runs of the same calls are equal."""

import re
from typing import Any

import neo4j

NODES = "MATCH (n {namespace: $namespace}) RETURN labels(n) AS labels, properties(n) AS properties"
LINKS = """
MATCH (a {namespace: $namespace})-[r]->(b)
RETURN labels(a) AS from_labels, a.id AS from_id, type(r) AS type,
       labels(b) AS to_labels, b.id AS to_id, properties(r) AS properties
"""
# New with every write, or derived from times and the writes of other clients; a merge keeps the
# earlier state so that it can be undone.
VOLATILE = {"version", "vectors_revision", "namespace", "snapshot", "fresh", "append_key"}
# Made of the namespace's name: their number says enough.
NAMED_AFTER = {"facets"}
MERGE_ID = re.compile(r"merge:[0-9a-f]{32}")

Snapshot = tuple[tuple[Any, ...], ...]


def snapshot(driver: neo4j.Driver, namespace: str) -> Snapshot:
    """What is stored, without times and random ids, in one order."""
    with driver.session() as session:
        nodes = session.run(NODES, namespace=namespace).data()
        links = session.run(LINKS, namespace=namespace).data()
    found = [("node", _labels(row["labels"]), _plain(row["properties"])) for row in nodes]
    for row in links:
        ends = (
            _labels(row["from_labels"]),
            _value("", row["from_id"]),
            _labels(row["to_labels"]),
            _value("", row["to_id"]),
        )
        found.append(("link", row["type"], ends, _plain(row["properties"])))
    return tuple(sorted(found, key=repr))


def difference(one: Snapshot, other: Snapshot) -> str:
    """What the one has and the other has not, and the other way round, in words."""
    gone, new = [row for row in one if row not in other], [row for row in other if row not in one]
    return (
        "\n".join([*(f"- {row}" for row in gone), *(f"+ {row}" for row in new)])
        or "as many as, but not the same"
    )


def _labels(labels: list[str]) -> tuple[str, ...]:
    return tuple(sorted(labels))


def _plain(properties: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        sorted(
            (key, _value(key, value)) for key, value in properties.items() if key not in VOLATILE
        )
    )


def _value(key: str, value: Any) -> Any:
    if key.endswith("_ms"):
        return value is not None
    if key in NAMED_AFTER:
        return len(value)
    if key == "order_key":
        return value.partition(":")[2]  # behind its time
    if isinstance(value, str):
        return MERGE_ID.sub("merge:*", value)
    if isinstance(value, (list, tuple)) or hasattr(value, "to_native"):
        return _listed(value.to_native() if hasattr(value, "to_native") else value)
    return value


def _listed(values: Any) -> Any:
    if len(values) and isinstance(values[0], float):
        return len(values), tuple(round(number, 1) + 0.0 for number in values[:16])
    return tuple(
        sorted(MERGE_ID.sub("merge:*", one) if isinstance(one, str) else one for one in values)
    )
