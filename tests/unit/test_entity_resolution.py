from typing import Any

import numpy as np
import pytest

from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile
from mcp_context_persistence.queries.entity_resolution.name_matching import (
    find_conflict,
    match_names,
    parse_name,
)
from mcp_context_persistence.queries.entity_resolution.scoring import (
    ScoredPair,
    agglomerate,
    choose_main_profile,
    group_duplicates,
    score_pairs,
)


def thing(known: str, name: str, kind: str, places: str = "1", **more: Any) -> EntityProfile:
    return EntityProfile(id=known, name=name, type=kind, contexts=frozenset(places.split()), **more)


def grouped(*things: EntityProfile) -> list[list[str]]:
    return [group for group in group_duplicates(things, score_pairs(things)) if len(group) > 1]


def only(*things: EntityProfile) -> ScoredPair | None:
    found = score_pairs(things)
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("one", "other", "kind", "expected"),
    [
        ("Acme Corp.", "ACME Corporation", "organization", "exact"),
        ("Siemens A.G.", "Siemens", "organization", "exact"),
        ("Müller & Söhne GmbH", "Muller and Sohne", "organization", "exact"),
        ("A.C.M.E.", "ACME", "organization", "exact"),
        ("DataProcessor", "data_processor", "class", "exact"),
        ("Dr. Amara Chen", "Amara Chen, PhD", "person", "exact"),
        ("A.C.", "Amara Chen", "person", "initial"),
        ("J. Bell", "John Bell", "person", "initial"),
        ("J. Marchetti", "Giulia Marchetti", "person", None),
        ("Bob Smith", "Robert Smith", "person", "nickname"),
        ("John Kennedy", "John F. Kennedy", "person", "shortened"),
        ("John G. Kennedy", "John F. Kennedy", "person", None),
        ("Marcus", "Marcus Bell", "person", "part"),
        ("Mr. Bell", "Marcus Bell", "person", "part"),
        ("Northwind", "Northwind Logistics", "organization", "part"),
        ("The union", "Harbour Freight Union", "organization", "described"),
        ("IBM", "International Business Machines", "organization", "acronym"),
        ("BOA", "Bank of America", "organization", "acronym"),
        ("Kestrel Robotcis", "Kestrel Robotics", "organization", "spelling"),
        ("Zambia", "Gambia", "location", None),
        ("Porto", "Porto workshop", "location", None),
        ("Ascent 9", "Ascent 9 laptop", "object", "part"),
        ("Ascent", "Ascent 9", "object", None),
        ("C", "C++", "technology", None),
        ("pandas", "pandas DataFrame", "library", None),
    ],
)
def test_forms_of_a_name(one: str, other: str, kind: str, expected: str | None) -> None:
    assert match_names(parse_name(one, kind), parse_name(other, kind)) == expected
    assert match_names(parse_name(other, kind), parse_name(one, kind)) == expected


@pytest.mark.parametrize(
    ("one", "other", "kinds", "why"),
    [
        ("Paris", "Paris", ("person", "location"), "different types"),
        ("Paris", "Paris", ("concept", "location"), None),
        ("Ascent 9", "Ascent 10", ("object", "object"), "different numbers"),
        ("Henry IV", "Henry VIII", ("person", "person"), "different numbers"),
        ("John Smith Jr.", "John Smith Sr.", ("person", "person"), "different numbers"),
        ("Portland, Maine", "Portland, Oregon", ("location", "location"), "different regions"),
        ("Sofia Brandao", "Pedro Brandao", ("person", "person"), "different names"),
        (
            "Northwind Energy",
            "Northwind Logistics",
            ("organization", "organization"),
            "different words",
        ),
        ("Northwind", "Northwind Logistics", ("organization", "organization"), None),
    ],
)
def test_what_forbids(one: str, other: str, kinds: tuple[str, str], why: str | None) -> None:
    assert find_conflict(parse_name(one, kinds[0]), parse_name(other, kinds[1])) == why


def test_a_given_name_means_who_else_is_there() -> None:
    bell, wright = (
        thing("b", "Marcus Bell", "person", "1"),
        thing("w", "Marcus Wright", "person", "2"),
    )
    assert grouped(bell, wright, thing("m", "Marcus", "person", "1")) == [["b", "m"]]
    assert grouped(bell, wright, thing("m", "Marcus", "person", "1 2")) == []
    assert grouped(bell, wright, thing("m", "Marcus", "person", "3")) == []
    doubtful = only(bell, thing("m", "Marcus", "person", "3"))
    assert doubtful is not None
    assert (doubtful.band, doubtful.first) == ("review", "b")
    assert only(bell, thing("m", "Marcus", "organization", "1")) is None


def test_an_ambiguous_name_joins_nobody() -> None:
    things = [
        thing("l", "Northwind Logistics", "organization"),
        thing("e", "Northwind Energy", "organization"),
        thing("n", "Northwind", "organization"),
    ]
    assert grouped(*things) == []
    assert {pair.band for pair in score_pairs(things)} == {"review"}


def test_a_name_of_many_is_not_worth_a_look() -> None:
    many = [
        thing(str(number), f"Marcus {name}", "person")
        for number, name in enumerate(["Bell", "Wright", "Adeyemi", "Lind", "Okafor"])
    ]
    assert score_pairs([*many, thing("m", "Marcus", "person")]) == []


def test_of_a_thing_of_a_vague_type_only_the_whole_name_counts() -> None:
    assert only(thing("b", "Blue", "organization"), thing("v", "blue vase", "concept")) is None
    assert grouped(thing("b", "Blue Vase", "organization"), thing("v", "blue vase", "concept")) == [
        ["b", "v"]
    ]


def test_the_same_short_name_elsewhere_may_be_somebody_else() -> None:
    assert grouped(thing("1", "Marcus", "person", "1"), thing("2", "Marcus", "person", "2")) == []
    assert grouped(
        thing("1", "Lisbon", "location", "1"), thing("2", "Lisbon", "location", "2")
    ) == [["1", "2"]]


def test_groups_are_not_joined_through_a_name_that_may_not_be_both() -> None:
    found = agglomerate(
        "abcd", [("a", "b"), ("b", "c"), ("c", "d")], lambda x, y: {x, y} != {"a", "c"}
    )
    assert found == [["a", "b"], ["c", "d"]]


def test_meaning_and_neighbours_add_to_a_name_but_do_not_join_alone() -> None:
    same, far = np.eye(2, dtype=np.float32)
    short, full = (
        thing("s", "Apple", "organization", "1"),
        thing("f", "Apple Records", "organization", "2"),
    )
    plain = only(short, full)
    related = only(
        *(thing(one.id, one.name, one.type, neighbors=frozenset("xyz")) for one in (short, full))
    )
    assert plain is not None
    assert related is not None
    assert plain.score < related.score
    assert [evidence.stage for evidence in related.evidence] == ["fuzzy", "neighbors"]
    words = [
        thing("k", "Kubernetes", "technology", vector=same),
        thing("c", "cluster manager", "technology", vector=same),
    ]
    alike = only(*words)
    assert alike is not None
    assert (alike.band, [evidence.stage for evidence in alike.evidence]) == ("review", ["vector"])
    assert only(words[0], thing("c", "cluster manager", "technology", vector=far)) is None


def test_aliases_count_and_the_fullest_name_is_kept() -> None:
    known = thing("k", "Kubernetes", "technology", aliases=("K8s",))
    assert grouped(known, thing("s", "k8s", "technology", "9")) == [["k", "s"]]
    things = [thing("a", "Acme", "organization"), thing("b", "ACME Corporation", "organization")]
    assert choose_main_profile(things).id == "b"


PAPER = {
    "title": "efficient indexing of moving objects",
    "authors": "h. v. jagadish , flip korn",
    "venue": "sigmod conference",
    "year": "1999",
}


def test_records_are_compared_field_by_field() -> None:
    other = PAPER | {
        "authors": "flip korn , hosagrahar jagadish",
        "venue": "international conference on management of data",
    }
    later = PAPER | {
        "title": "indexing of moving objects on flash disks",
        "year": "2003",
        "authors": "pedro brandao",
    }
    chances = [
        record_matching.match_probability("publication", PAPER, one)
        for one in (PAPER, other, later)
    ]
    assert all(one is not None for one in chances)
    assert chances[0] > 0.95  # type: ignore[operator]
    threshold = record_matching.match_threshold("publication")
    assert chances[1] > threshold > chances[2]  # type: ignore[operator]
    assert record_matching.match_probability("publication", PAPER, {}) is None
    assert record_matching.match_probability("location", PAPER, PAPER) is None
    papers = [
        thing(str(number), "Paper", "publication", fields=one)
        for number, one in enumerate((PAPER, other, later))
    ]
    assert grouped(*papers) == [["0", "1"]]


@pytest.mark.parametrize(
    ("compare", "one", "other", "least", "most"),
    [
        (record_matching.compare_dates, "12/11/1978", "1978-11-12", 1.0, 1.0),
        (record_matching.compare_dates, "Mar 1 1970", "3/1/70", 1.0, 1.0),
        (record_matching.compare_dates, "19150612", "19150612", 1.0, 1.0),
        (record_matching.compare_dates, "12/11/1978", "4/9/2011", 0.0, 0.4),
        (record_matching.compare_codes, "+1 702 919 1300", "702-919-1300", 0.9, 1.0),
        (record_matching.compare_codes, "294-66-9999", "294669998", 0.5, 0.7),
        (record_matching.compare_venues, "vldb", "very large data bases", 1.0, 1.0),
        (record_matching.compare_years, "1999", "2000", 0.6, 0.6),
        (record_matching.compare_venues, "vld one two", "very large data", 1.0, 1.0),
        (record_matching.compare_people, "Smith, Bob", "Robert Smith", 0.9, 1.0),
        (record_matching.compare_people, "Maria Lopez", "Maria Maria", 0.4, 0.6),
        (record_matching.compare_lists, "Ann Lee; Bo Kim", "Ann Lee; Ann Lee", 0.4, 0.6),
    ],
)
def test_fields(compare: Any, one: str, other: str, least: float, most: float) -> None:
    assert least <= compare(one, other) <= most
    assert compare(one, other) == compare(other, one)


def test_each_weight_has_its_feature() -> None:
    for profile in record_matching.load_record_kinds().values():
        assert set(profile["weights"]) == set(
            record_matching.compute_features(profile["fields"], {}, {})
        )
        assert 0.0 < profile["threshold"] < 1.0


@pytest.mark.parametrize(
    ("one", "other", "kind", "expected"),
    [
        ("k8s", "Kubernetes", "technology", "acronym"),
        ("i18n", "internationalization", "concept", "acronym"),
        ("a11y", "Accessibility", "concept", "acronym"),
        ("K8s", "kubectl", "technology", None),  # not so many letters between
        ("k8s", "Kubernetex", "technology", None),
        ("h2o", "hero", "concept", None),  # a formula; too few letters for an abbreviation
        ("robert_miller", "Robert Miller", "person", "exact"),
        ("a16z", "Andreessen Horowitz", "organization", "acronym"),
        ("m4a", "Marina", "concept", None),
        ("कि", "की", "concept", None),
        ("がく", "かく", "concept", None),
        ("Ёлка", "елка", "concept", "exact"),
        ("bob_miller", "Robert Miller", "person", "nickname"),
        ("JSON", "json", "technology", "exact"),
    ],
)
def test_short_and_joined_spellings(one: str, other: str, kind: str, expected: str | None) -> None:
    assert match_names(parse_name(one, kind), parse_name(other, kind)) == expected
    assert match_names(parse_name(other, kind), parse_name(one, kind)) == expected


def test_a_numeronym_means_the_only_one_that_it_counts() -> None:
    assert grouped(
        thing("k", "Kubernetes", "technology", "1"), thing("s", "k8s", "technology", "1 2")
    ) == [["k", "s"]]
    several = [
        thing("a", "k8s", "technology"),
        thing("b", "Kubernetes", "technology"),
        thing("c", "Kuberneeds", "technology"),
    ]
    assert [pair.band for pair in score_pairs(several) if "a" in {pair.first, pair.second}] == [
        "review",
        "review",
    ]


def test_a_name_by_hand_and_one_that_was_extracted_are_one() -> None:
    assert grouped(
        thing("h", "Robert Miller", "person", "1"), thing("e", "robert_miller", "person", "9")
    ) == [["h", "e"]]
    assert grouped(
        thing("h", "Robert Miller", "person", "1"), thing("e", "robert_miller", "concept", "9")
    ) == [["h", "e"]]
    assert grouped(
        thing("h", "Robert Miller", "person", "1"), thing("e", "Bob Miller", "person", "1")
    ) == [["h", "e"]]
    assert grouped(thing("a", "JSON", "format"), thing("b", "json", "Format")) == [["a", "b"]]
    assert grouped(thing("a", "JSON", "format"), thing("b", "json", "technology")) == []
