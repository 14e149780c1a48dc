"""The first results are the same, in the same order, however many are requested."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from tests.conftest import RUN

SUBJECTS = ("harbor", "parser", "garden", "invoice", "train", "violin", "budget", "kitchen")
VERBS = ("moved", "checked", "painted", "sold", "repaired", "planned", "described", "lost")
QUERIES = (
    "Who repaired the violin?",
    "harbor budget",
    "What did we plan in June 2025?",
    "the parser of Ann",
    "HarborLib",
    "What is the rent of the boat shed?",
)
# Later messages of the same person that change earlier ones.
RENTS = (
    "The rent of the boat shed is 900 euros.",
    "I like the boat shed and its rent.",
    "The rent of the boat shed was raised to 950 euros.",
    "A boat shed with this rent is rare.",
    "Now the rent of the boat shed is 990 euros.",
)
MODES = ("hybrid", "semantic", "keyword", "graph")
RECIPES = ("balanced", "fast", "precise", "exploratory", {"vector_candidates": 3})
FILTERS = ({}, {"content_types": "message"}, {"role": "user"}, {"tags": "odd"})


def write_talk(number: int) -> list[dict[str, object]]:
    """Make the messages of one talk; in some, three people speak."""
    choose = random.Random(number)
    people = ("Ann", "Ben", "Cleo") if number % 3 == 0 else (None,)
    return [
        {
            "id": f"{number}-{position}",
            "role": choose.choice(("user", "assistant")),
            "name": choose.choice(people),
            "content": f"HarborLib {choose.randrange(9)}: the {choose.choice(SUBJECTS)} was "
            f"{choose.choice(VERBS)} near the {choose.choice(SUBJECTS)}.",
            "timestamp": f"2025-0{1 + number % 8}-1{position % 9}",
        }
        for position in range(120 if number == 0 else 12)
    ]


@pytest.fixture(scope="module")
def stored(server):
    with ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=f"{RUN}order"
    ) as client:
        for number in range(12):
            tags = ["odd"] if number % 2 else ["even"]
            client.save_conversation(f"talk-{number}", write_talk(number), metadata={"tags": tags})
            client.save_document(f"doc-{number}", f"Notes {number} on the harbor budget.")
        client.save_conversation(
            "rent",
            [
                {"role": "user", "content": text, "timestamp": f"2025-0{number + 1}-01"}
                for number, text in enumerate(RENTS)
            ],
        )
        yield client


@given(
    st.sampled_from(QUERIES),
    st.sampled_from(MODES),
    st.sampled_from(RECIPES),
    st.sampled_from(FILTERS),
    st.integers(1, 100),
    st.integers(1, 100),
)
@settings(max_examples=120, deadline=None)
def test_the_first_results_do_not_depend_on_the_limit(
    stored: ContextPersistenceClient, query, mode, recipe, filters, left, right
) -> None:
    short, long = sorted((left, right))
    answers = [
        stored.search_hybrid(query, mode, filters, limit, recipe=recipe) for limit in (short, long)
    ]
    first, more = [
        [(row.type, row.id, row.explanation.get("change")) for row in answer.results]
        for answer in answers
    ]
    assert more[:short] == first
    assert answers[0].best_score == answers[1].best_score
    assert answers[0].confidence == answers[1].confidence
    scores = [row.similarity_score for row in answers[1].results]
    assert scores == sorted(scores, reverse=True)


def test_as_many_are_returned_as_are_requested(stored: ContextPersistenceClient) -> None:
    for limit in (1, 10, 60, 100):
        for mode in ("hybrid", "semantic", "keyword"):
            results = stored.search_hybrid(
                "harbor budget", mode, {"content_types": "message"}, limit
            ).results
            assert len({row.id for row in results}) == len(results) == limit, (mode, limit)


def test_changes_are_found_whatever_the_limit(stored: ContextPersistenceClient) -> None:
    for limit in (1, 2, 10, 60, 100):
        results = stored.search_hybrid("What is the rent of the boat shed?", limit=limit).results
        changes = {
            row.id: row.explanation["change"] for row in results if "change" in row.explanation
        }
        assert results[0].id == "rent:4"
        assert changes.pop("rent:4") == {"supersedes": ["rent:0", "rent:2"]}
        assert changes.keys() <= {"rent:0", "rent:2"}
        assert limit < 10 or len(changes) == 2
        assert all(change == {"superseded_by": "rent:4"} for change in changes.values())
