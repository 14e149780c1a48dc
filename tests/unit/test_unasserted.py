"""What texts do not assert, read for a traversal, without a server."""

import json
from typing import Any

from mcp_context_persistence.ingest.extraction.results import Relation, build_extraction
from mcp_context_persistence.ingest.graph_rows import build_unasserted_properties
from mcp_context_persistence.kg import limits
from mcp_context_persistence.queries.unasserted import find_unasserted


def build_relation(source: str, target: str, modality: str = "planned") -> Relation:
    return Relation(
        source=source,
        type="uses",
        target=target,
        confidence=0.8,
        evidence="Kafka plans to use Redis.",
        start=0,
        end=25,
        extractor="parse:clause",
        modality=modality,
    )


def read_text(text_id: str, relations: list[Relation], *names: str, **parts: str) -> dict[str, Any]:
    """Return a row of the statement: a text that mentions entities, some by merged names."""
    return {
        "text_id": text_id,
        "statements": build_unasserted_properties(relations)["unasserted"],
        "entities": [
            {
                "id": name,
                "name": name,
                "type": "technology",
                "description": None,
                "parts": json.dumps([{"id": parts[name]}]) if name in parts else None,
            }
            for name in names
        ],
        "is_cut": False,
    }


def find(*texts: dict[str, Any], facts: set[tuple[str, str, str]] = frozenset()) -> list[Any]:  # type: ignore[assignment]
    return find_unasserted(lambda statement: list(texts), "n", ["Kafka"], facts).rows


def test_the_same_statement_of_two_texts_is_one_row() -> None:
    relations = [build_relation("Kafka", "Redis")]
    (row,) = find(
        read_text("a", relations, "Kafka", "Redis"), read_text("b", relations, "Kafka", "Redis")
    )
    assert (row["source"], row["to"], row["sources"]) == ("Kafka", "Redis", ["a", "b"])


def test_a_fact_is_not_returned_again() -> None:
    text = read_text("a", [build_relation("Kafka", "Redis")], "Kafka", "Redis")
    assert find(text)
    assert not find(text, facts={("Kafka", "uses", "Redis")})


def test_names_of_merged_entities_mean_the_entity_that_was_kept() -> None:
    relations = [build_relation("Kafka", "Redis")]
    (row,) = find(read_text("a", relations, "Kafka", "Valkey", Valkey="Redis"))
    assert row["target"] == "Valkey"
    assert not find(read_text("a", relations, "Kafka", Kafka="Redis"))


def test_a_statement_without_its_entities_is_left_out() -> None:
    assert not find(read_text("a", [build_relation("Kafka", "Redis")], "Kafka"))


def test_a_text_keeps_a_limited_number_of_statements() -> None:
    relations = [
        build_relation("Kafka", f"Redis{number}")
        for number in range(limits.UNASSERTED_PER_TEXT + 1)
    ]
    cut = build_extraction([], relations, is_truncated=False)
    assert (cut.unasserted, cut.truncated) == (tuple(relations[:-1]), True)
    whole = build_extraction([], relations[:-1], is_truncated=False)
    assert (whole.unasserted, whole.truncated) == (tuple(relations[:-1]), False)


def test_a_text_without_statements_has_no_properties() -> None:
    assert build_unasserted_properties([]) == {"unasserted": None, "unasserted_ids": None}
