"""What merging takes together comes apart again: mentions, relationships, and what is found in a text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.results import Extraction, Mention, Relation
from mcp_context_persistence.ingest.graph_rows import mention_rows
from mcp_context_persistence.ingest.redirects import followed
from mcp_context_persistence.kg.merging import mentions, relationships
from mcp_context_persistence.kg.merging.merge import Merged
from mcp_context_persistence.kg.vector_spaces import Space, Vectors
from mcp_context_persistence.kg.writes.upsert import EntityRow
from mcp_context_persistence.kg.writes.upsert import followed as followed_rows

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
def test_the_parts_of_a_mention_come_back(parts: dict[str, dict[str, Any]]) -> None:
    whole = mentions.joined("a", [{"id": known, **one} for known, one in parts.items()])
    assert {
        one["id"]: {key: value for key, value in one.items() if key != "id"}
        for one in mentions.parts("a", whole)
    } == parts
    assert whole["count"] == sum(one["count"] for one in parts.values())
    assert whole["start"] == min(one["start"] for one in parts.values())
    assert whole["confidence"] == max(one["confidence"] for one in parts.values())
    assert ("parts" in whole) == (parts.keys() != {"a"})


def mention(start: int, known: str) -> Mention:
    return Mention(
        start=start,
        end=start + 4,
        text=known,
        entity_id=known,
        name=known,
        type="organization",
        confidence=0.9,
        extractor="rule:organization",
        description="",
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


def test_what_is_found_means_the_kept_entity() -> None:
    found = Extraction(
        mentions=(mention(0, "acme_corp"), mention(20, "Acme"), mention(40, "pandas")),
        relations=(
            relation("acme_corp", "pandas"),
            relation("Acme", "pandas"),
            relation("Acme", "acme_corp"),
            relation("pandas", "pandas"),
        ),
    )
    assert followed(found, {"other": "Acme"}) is found
    meant = followed(found, {"acme_corp": "Acme"})
    assert [(one.entity_id, one.named) for one in meant.mentions] == [
        ("Acme", "acme_corp"),
        ("Acme", None),
        ("pandas", None),
    ]
    assert [(one.source, one.target) for one in meant.relations] == [
        ("Acme", "pandas"),
        ("pandas", "pandas"),
    ]
    rows = {row["id"]: row["properties"] for row in mention_rows(meant.mentions)}
    assert [one["id"] for one in mentions.parts("Acme", rows["Acme"])] == ["acme_corp", "Acme"]
    assert "parts" not in rows["pandas"]


def test_parallel_relationships_become_one() -> None:
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
    whole = relationships.joined(("Acme", "USES", "pandas"), [first, second])
    assert whole["sources"] == ["1", "2", "3"]
    assert (whole["confidence"], whole["origin"], whole["properties"]) == (
        0.9,
        "user",
        '{"a":1,"b":2}',
    )
    assert whole["id"] not in {"x", "y"}
    many = {"sources": [str(number) for number in range(60)]}
    assert relationships.joined(("a", "USES", "b"), [many])["capped"] is True


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("b", "USES", "c"), ("a", "USES", "c")),
        (("c", "USES", "b"), ("c", "USES", "a")),
        (("a", "USES", "b"), None),
        (("b", "USES", "b"), ("a", "USES", "a")),
    ],
)
def test_where_a_relationship_goes(
    key: relationships.Key, expected: relationships.Key | None
) -> None:
    assert relationships.moved(key, {"b": "a"}) == expected


def test_an_entity_given_under_a_merged_id_adds_to_the_kept_one() -> None:
    rows = [
        EntityRow(id="acme_corp", name="Acme Corp", type="robot", description="d"),
        EntityRow(id="Acme", name="Acme"),
    ]
    assert followed_rows(rows, {"acme_corp": "Acme"}) == [
        EntityRow(id="Acme", name="Acme", description="d")
    ]
    assert followed_rows(rows[:1], {"acme_corp": "Acme"}) == [EntityRow(id="Acme", description="d")]


def test_a_write_says_which_names_it_followed() -> None:
    merged = Merged(
        merges=3, direct={"a": "b", "b": "c", "x": "y"}, names={"a": "c", "b": "c", "x": "y"}
    )
    vectors = Vectors(space=Space(model="m", size=2, vectors="embedding"), merges=1)
    said = merged.writing(vectors, ["c"], ["a"]).writing()
    assert (said["merges"], said["ids"]) == (3, ["c"])
    assert said["followed"] == [{"id": "a", "into": "b"}, {"id": "b", "into": "c"}]
