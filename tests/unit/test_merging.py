"""A merge combines mentions and relationships, and an unmerge divides them again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.ingest.graph_rows import build_mention_rows
from mcp_context_persistence.ingest.redirects import follow_redirects
from mcp_context_persistence.kg.merging import mentions, relationships
from mcp_context_persistence.kg.merging.redirects import Redirects
from mcp_context_persistence.kg.vector_spaces import VectorSpace, VectorState
from mcp_context_persistence.kg.writes.upsert import EntityRow, redirect_entities

PART = st.fixed_dictionaries(
    {
        "start": st.integers(0, 50),
        "end": st.integers(51, 99),
        "count": st.integers(1, 5),
        "confidence": st.floats(0, 1),
        "extractor": st.sampled_from(["rule:person", "pattern:tool"]),
    }
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), PART, min_size=1))
def test_a_combined_mention_is_divided_into_the_same_parts(
    parts: dict[str, dict[str, Any]],
) -> None:
    combined = mentions.combine_parts(
        "a", [{"id": entity_id, **part} for entity_id, part in parts.items()]
    )
    assert {
        part["id"]: {key: value for key, value in part.items() if key != "id"}
        for part in mentions.split_parts("a", combined)
    } == parts
    assert combined["count"] == sum(part["count"] for part in parts.values())
    assert combined["start"] == min(part["start"] for part in parts.values())
    assert combined["confidence"] == max(part["confidence"] for part in parts.values())
    assert ("parts" in combined) == (parts.keys() != {"a"})


def mention(start: int, entity_id: str) -> Mention:
    return Mention(
        start=start,
        end=start + 4,
        text=entity_id,
        entity_id=entity_id,
        name=entity_id,
        type="organization",
        confidence=0.9,
        extractor="rule:organization",
        sentence="",
    )


def relation(source: str, target: str) -> Relation:
    return Relation(
        source=source,
        type="uses",
        target=target,
        confidence=0.9,
        evidence="",
        start=0,
        end=9,
        extractor="parse:clause",
    )


def test_extractions_refer_to_the_kept_entity() -> None:
    found = Extraction(
        mentions=(mention(0, "acme_corp"), mention(20, "Acme"), mention(40, "pandas")),
        relations=(
            relation("acme_corp", "pandas"),
            relation("Acme", "pandas"),
            relation("Acme", "acme_corp"),
            relation("pandas", "pandas"),
        ),
    )
    assert follow_redirects(found, {"other": "Acme"}) is found
    redirected = follow_redirects(found, {"acme_corp": "Acme"})
    assert [(part.entity_id, part.redirected_from) for part in redirected.mentions] == [
        ("Acme", "acme_corp"),
        ("Acme", None),
        ("pandas", None),
    ]
    assert [(part.source, part.target) for part in redirected.relations] == [
        ("Acme", "pandas"),
        ("pandas", "pandas"),
    ]
    rows = {row["id"]: row["properties"] for row in build_mention_rows(redirected.mentions)}
    assert [part["id"] for part in mentions.split_parts("Acme", rows["Acme"])] == [
        "acme_corp",
        "Acme",
    ]
    assert "parts" not in rows["pandas"]


def test_relationships_with_the_same_ends_are_combined() -> None:
    first = {
        "id": "x",
        "name": "uses",
        "confidence": 0.5,
        "sources": ["1", "2"],
        "origin": "extracted",
        "properties": '{"a":1}',
    }
    second = {
        "id": "y",
        "name": "uses",
        "confidence": 0.9,
        "sources": ["2", "3"],
        "origin": "user",
        "properties": '{"a":2,"b":2}',
    }
    combined = relationships.combine(("Acme", "USES", "pandas"), [first, second])
    assert combined["sources"] == ["1", "2", "3"]
    assert (combined["confidence"], combined["origin"], combined["properties"]) == (
        0.9,
        "user",
        '{"a":1,"b":2}',
    )
    assert combined["id"] not in {"x", "y"}
    many = {"sources": [str(number) for number in range(60)]}
    assert relationships.combine(("a", "USES", "b"), [many])["capped"] is True


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("b", "USES", "c"), ("a", "USES", "c")),
        (("c", "USES", "b"), ("c", "USES", "a")),
        (("a", "USES", "b"), None),
        (("b", "USES", "b"), ("a", "USES", "a")),
    ],
)
def test_the_ends_of_a_relationship_are_redirected(
    key: relationships.Key, expected: relationships.Key | None
) -> None:
    assert relationships.redirect_key(key, {"b": "a"}) == expected


def test_an_update_under_a_merged_id_adds_to_the_kept_entity() -> None:
    rows = [
        EntityRow(id="acme_corp", name="Acme Corp", type="robot", description="d"),
        EntityRow(id="Acme", name="Acme"),
    ]
    assert redirect_entities(rows, {"acme_corp": "Acme"}) == [
        EntityRow(id="Acme", name="Acme", description="d")
    ]
    assert redirect_entities(rows[:1], {"acme_corp": "Acme"}) == [
        EntityRow(id="Acme", description="d")
    ]


def test_a_write_names_the_redirects_that_it_followed() -> None:
    redirects = Redirects(
        merges=3, direct={"a": "b", "b": "c", "x": "y"}, targets={"a": "c", "b": "c", "x": "y"}
    )
    vectors = VectorState(
        active=VectorSpace(model="m", size=2, property_name="embedding"), merges=1
    )
    guard = redirects.guard_write(vectors, ["c"], ["a"]).parameters()
    assert (guard["merges"], guard["ids"]) == (3, ["c"])
    assert guard["followed"] == [{"id": "a", "into": "b"}, {"id": "b", "into": "c"}]
