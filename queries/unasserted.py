"""Relations that texts deny, plan, suppose or report: they are no relationships of the graph.

A text keeps them in a property of its node, under the ids of the names in the text. They are read
only where a caller asks for them, and then look like relationships with another modality.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.kg.merging.mentions import split_parts

Fact = tuple[str, str, str]  # source, type and target


class UnassertedRows(NamedTuple):
    """Rows with the columns of `traverse/expand`, `modality` and `polarity`.

    Attributes:
        rows: The rows.
        is_cut: Whether there are more texts than were read.
    """

    rows: list[Row]
    is_cut: bool


def read_unasserted(namespace: str, frontier: Sequence[str]) -> Statement[Row]:
    """Return the statement that reads what texts do not assert of some entities."""
    batch = {
        "namespace": namespace,
        "frontier": list(frontier),
        "max_texts": limits.UNASSERTED_TEXTS,
    }
    return Statement(name="traverse/unasserted", parameters={"batch": batch}, read=as_is)


def find_unasserted(
    run: Run, namespace: str, frontier: Sequence[str], facts: Collection[Fact]
) -> UnassertedRows:
    """Return the relations of some entities that texts do not assert.

    A relation that several texts state in the same way is one row, with these texts as its sources.

    Args:
        run: Runs a statement.
        namespace: Where the entities are.
        frontier: Ids of the entities.
        facts: Relationships of the graph. What is a fact is not returned again.
    """
    texts = run(read_unasserted(namespace, frontier))
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for text in texts:
        entities = _map_names(text["entities"])
        for statement in map(json.loads, text["statements"]):
            for row in _build_rows(statement, entities, frontier):
                fact = (row["source"], row["relationship_type"], row["target"])
                if fact in facts:
                    continue
                key = (row["from"], *fact, row["modality"], row["polarity"])
                stored = rows.setdefault(key, row)
                stored["confidence"] = max(stored["confidence"], row["confidence"])
                if text["text_id"] not in stored["sources"]:
                    stored["sources"].append(text["text_id"])
    return UnassertedRows(list(rows.values()), any(text["is_cut"] for text in texts))


def _map_names(entities: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the entities of a text by the ids of their names in the text."""
    return {
        piece["id"]: entity for entity in entities for piece in split_parts(entity["id"], entity)
    }


def _build_rows(
    statement: Mapping[str, Any],
    entities: Mapping[str, Mapping[str, Any]],
    frontier: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Yield a row for each end of a statement that is in the frontier."""
    source, target = entities.get(statement["source"]), entities.get(statement["target"])
    if source is None or target is None or source["id"] == target["id"]:
        return
    for start, end in ((source, target), (target, source)):
        if start["id"] in frontier:
            yield {
                "source": source["id"],
                "target": target["id"],
                "from": start["id"],
                "to": end["id"],
                "name": end["name"] or end["id"],
                "type": end["type"] or "concept",
                "description": end["description"],
                "relationship_type": statement["type"],
                "confidence": statement["confidence"],
                "evidence": statement["evidence"],
                "sources": [],
                "has_more_sources": False,
                "modality": statement["modality"],
                "polarity": statement["polarity"],
            }
