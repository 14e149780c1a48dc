"""Which things are one depends on what they are, and not on their order or their ids."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import (
    MAX_BLOCK,
    EntityProfile,
    blocking_keys,
    candidate_pairs,
)
from mcp_context_persistence.queries.entity_resolution.name_matching import have_different_types
from mcp_context_persistence.queries.entity_resolution.scoring import (
    ScoredPair,
    find_contradiction,
    group_duplicates,
    score_pairs,
)

PERSON = {
    "phone": "+1 702 919 1300",
    "email": "maria@example.org",
    "address": "12 Elm Street, Porto",
}
WORDS = [
    "Maria",
    "Lopez",
    "Northwind",
    "Logistics",
    "Energy",
    "Bakery",
    "data",
    "processor",
    "DataProcessor",
    "Bank",
    "of",
    "4",
    "II",
]
SIGNS = ["+", "???", "#", "—", "C++", "A.C.", "The union"]
TYPES = ["person", "Person", "organization", "concept", "class", "location", "publication", "Paper"]


def thing(known: str, name: str, kind: str, **more: Any) -> EntityProfile:
    more["fields"] = record_matching.build_record(kind, name, more.get("fields", {}))
    return EntityProfile(
        id=known, name=name, type=kind, contexts=frozenset(more.pop("contexts", "1")), **more
    )


def said(found: list[ScoredPair]) -> set[tuple[Any, ...]]:
    return {
        (frozenset([one.first, one.second]), one.score, one.band, one.evidence) for one in found
    }


def test_a_person_and_an_organization_are_not_one_whatever_their_records_say() -> None:
    for ids in ("ab", "ba"):
        things = [
            thing(ids[0], "Maria Lopez", "person", fields=PERSON),
            thing(ids[1], "Lopez Bakery", "organization", fields=PERSON),
        ]
        assert score_pairs(things) == []
        assert find_contradiction(*things) == find_contradiction(*things[::-1]) == "different types"


def test_types_compare_regardless_of_case() -> None:
    things = [thing("a", "Acme Corp", "Organization"), thing("b", "ACME", "organization")]
    assert [pair.band for pair in score_pairs(things)] == ["same"]
    people = [
        thing("a", "Maria Lopez", "Person", fields=PERSON),
        thing("b", "M. Lopez", "person", fields=PERSON),
    ]
    assert score_pairs(people)[0].evidence[0].stage == "fields"


@pytest.mark.parametrize("kind", ["concept", "person", "organization", "location"])
def test_names_of_signs_only_are_nobodys_duplicates(kind: str) -> None:
    vector = np.eye(1, 3, dtype=np.float32)[0]
    names = ["+", "+", "???", "!!!", "#", "—"]
    things = [thing(str(place), name, kind) for place, name in enumerate(names)]
    assert score_pairs(things) == []
    alike = score_pairs(
        [replace(one, vector=vector) for one in (*things[:2], thing("x", "Ana Silva", kind))]
    )
    assert {evidence.stage for pair in alike for evidence in pair.evidence} <= {"vector"}
    assert score_pairs([thing("a", "C++", kind), thing("b", "C", kind)]) == []


def test_what_may_be_either_of_two_joins_neither() -> None:
    things = [
        thing("a", "Paris", "concept"),
        thing("b", "Paris", "location"),
        thing("c", "Paris", "organization"),
    ]
    found = score_pairs(things)
    assert {(pair.first, pair.second): pair.band for pair in found} == {
        ("a", "b"): "review",
        ("a", "c"): "review",
    }
    assert all("ambiguous" in pair.evidence[0].detail for pair in found)
    assert group_duplicates(things, found) == [["a"], ["b"], ["c"]]


@st.composite
def _things(draw: st.DrawFn) -> list[EntityProfile]:
    names = st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
        st.sampled_from(SIGNS),
    )
    found = []
    for place in range(draw(st.integers(2, 9))):
        kind = draw(st.sampled_from(TYPES))
        fields = draw(
            st.sampled_from(
                [
                    {},
                    PERSON,
                    {"phone": "0", "email": "x@example.org"},
                    {"authors": "maria lopez", "year": "1999"},
                ]
            )
        )
        vector = draw(
            st.sampled_from([None, np.eye(3, dtype=np.float32)[0], np.eye(3, dtype=np.float32)[1]])
        )
        aliases = tuple(draw(st.lists(names, max_size=1)))
        contexts = draw(st.sampled_from(["1", "2", "12", ""]))
        near = frozenset(draw(st.sampled_from(["", "x", "xy"])))
        found.append(
            thing(
                str(place),
                draw(names),
                kind,
                fields=fields,
                vector=vector,
                aliases=aliases,
                contexts=contexts,
                neighbors=near,
            )
        )
    return found


@settings(max_examples=100)
@given(things=_things())
def test_compared_is_what_has_something_in_common(things: list[EntityProfile]) -> None:
    """The pairs are found by blocks of arrays; here by looking at each."""
    known = {
        profile.id: {key for name in profile.names for key in blocking_keys(name)}
        | record_matching.blocking_keys(profile.type, profile.fields)
        for profile in things
    }
    wanted = {
        (one.id, other.id)
        for one, other in combinations(sorted(things, key=lambda thing: thing.id), 2)
        if not have_different_types(one.names[0], other.names[0])
        and (
            known[one.id] & known[other.id]
            or (
                one.vector is not None
                and other.vector is not None
                and one.vector @ other.vector >= 0.85
            )
        )
    }
    assert list(candidate_pairs(things)) == sorted(wanted)


def test_shared_neighbours_lead_to_a_look_and_no_further() -> None:
    near = frozenset("xyz")
    things = [
        thing("p", "Postgres", "technology", neighbors=near),
        thing("e", "elephant", "technology", neighbors=near | {"w"}),
    ]
    (pair,) = score_pairs(things)
    assert (pair.band, pair.score, [evidence.stage for evidence in pair.evidence]) == (
        "review",
        0.575,
        ["neighbors"],
    )
    assert score_pairs(things, related=[("p", "e")]) == [pair]
    assert score_pairs(things, related=[]) == []
    assert (
        score_pairs([replace(profile, neighbors=profile.neighbors - {"z"}) for profile in things])
        == []
    )
    assert score_pairs([things[0], replace(things[1], neighbors=near | {"p"})]) == []
    many = [
        replace(things[0], id=f"{place:03}", name=f"{chr(97 + place // 26)}{chr(97 + place % 26)}")
        for place in range(MAX_BLOCK + 1)
    ]
    assert score_pairs(many) == score_pairs(many, related=[(many[0].id, many[1].id)]) == []


def test_what_too_many_mean_says_nothing() -> None:
    vector = np.eye(1, 3, dtype=np.float32)[0]
    things = [
        thing(
            f"{place:03}",
            f"{chr(97 + place // 26)}{chr(97 + place % 26)}",
            "concept",
            vector=vector,
        )
        for place in range(MAX_BLOCK + 1)
    ]
    assert len(score_pairs(things[:10])) == 45
    assert score_pairs(things) == []


@settings(max_examples=150)
@given(things=_things(), data=st.data())
def test_neither_the_order_of_things_nor_of_ids_matters(
    things: list[EntityProfile], data: st.DataObject
) -> None:
    found = score_pairs(things)
    groups = {frozenset(group) for group in group_duplicates(things, found)}
    shuffled = data.draw(st.permutations(things))
    assert score_pairs(shuffled) == found
    assert {frozenset(group) for group in group_duplicates(shuffled, found)} == groups
    ids = data.draw(st.permutations([profile.id for profile in things]))
    back = dict(zip(ids, (profile.id for profile in things), strict=True))
    others = [replace(one, id=known) for one, known in zip(things, ids, strict=True)]
    renamed = score_pairs(others)
    assert said(
        [replace(one, first=back[one.first], second=back[one.second]) for one in renamed]
    ) == said(found)
    assert {
        frozenset(back[one] for one in group) for group in group_duplicates(others, renamed)
    } == groups
