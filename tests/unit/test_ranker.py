import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg.text.words import repeat_parts, split_words
from mcp_context_persistence.queries.search import diversification
from mcp_context_persistence.queries.search.authors import (
    are_from_meetings,
    measure_assistant_share,
    read_authors,
)
from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate
from mcp_context_persistence.queries.search.features import (
    BASE_FEATURES,
    MESSAGE_FEATURES,
    PASSAGE_FEATURES,
    RankingQuery,
    calculate_features,
)
from mcp_context_persistence.queries.search.graph_search import GraphMatch
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.ranker import learned_weights, rank
from mcp_context_persistence.queries.search.recipes import BALANCED
from mcp_context_persistence.queries.search.word_counts import WordCounts
from mcp_context_persistence.queries.temporal.query_dates import find_query_dates


def row(
    position: int,
    content: str,
    *,
    cosine: float | None = 0.1,
    talk: str = "c",
    hit: bool = True,
    **more: Any,
) -> Candidate:
    fields = {
        "conversation_id": talk,
        "position": position,
        "content": content,
        "timestamp_ms": NOW,
        "cosine": cosine,
        "vector_score": cosine if hit else None,
        "retrieval_score": 0.8 if hit else 0.0,
    }
    return Candidate("message", f"{talk}:{position}", **{**fields, **more})


def features(
    rows: list[Candidate], query: RankingQuery, *, for_passages: bool = False
) -> np.ndarray[Any, np.dtype[np.float64]]:
    return calculate_features(rows, read_authors(rows), query, for_passages=for_passages)


def ranked(rows: list[Candidate], query: RankingQuery, *, limit: int) -> list[ScoredCandidate]:
    return list(rank(rows, read_authors(rows), query, limit=limit, recipe=BALANCED).scored)


def meeting(rows: list[Candidate], *, least: int) -> bool:
    return are_from_meetings(rows, read_authors(rows), min_messages=least)


NOW = 1_700_000_000_000  # 14 November 2023


def asked(query: str) -> RankingQuery:
    return RankingQuery(
        text=query,
        words=extract_terms(query).words,
        dates=find_query_dates(query, now_ms=NOW),
        now_ms=NOW,
    )


def seen(rows: list[Candidate], query: str) -> dict[str, list[float]]:
    columns = features(rows, asked(query))
    assert columns.shape == (len(rows), len(MESSAGE_FEATURES))
    assert np.isfinite(columns).all()
    assert (columns >= 0).all()
    return {name: columns[:, place].tolist() for place, name in enumerate(MESSAGE_FEATURES)}


def test_there_is_a_weight_for_each_feature() -> None:
    assert set(learned_weights()) == set(MESSAGE_FEATURES)
    assert set(learned_weights("assistants")) == set(MESSAGE_FEATURES)
    assert set(learned_weights("passages")) == set(PASSAGE_FEATURES)


def test_stretches_are_judged_by_what_lies_around_each_message_too() -> None:
    rows = [
        row(place, text)
        for place, text in enumerate(
            ["pottery", "no", "class", "bowl", "so", "well", "right", "garden"]
        )
    ]
    plain = features(rows, asked("pottery class"))
    seen = features(rows, asked("pottery class"), for_passages=True)
    assert seen.shape == (8, len(PASSAGE_FEATURES))
    assert seen[:, : len(BASE_FEATURES)].tolist() == plain[:, : len(BASE_FEATURES)].tolist()
    cover = seen[:, PASSAGE_FEATURES.index("wide_coverage")].tolist()
    assert cover == pytest.approx([1, 1, 1, 1, cover[4], cover[4], 0, 0])
    assert 0 < cover[4] < 1
    assert np.isfinite(seen).all()
    assert (seen >= 0).all()


def test_stretches_know_the_words_of_eight_on_either_side() -> None:
    rows = [row(place, "pottery" if place == 9 else "well") for place in range(19)]
    far = features(rows, asked("pottery"), for_passages=True)[
        :, PASSAGE_FEATURES.index("far_keyword")
    ]
    assert far.tolist() == [0.0, *[1.0] * 17, 0.0]


def test_what_the_entities_of_the_query_lead_to_is_seen() -> None:
    rows = [row(0, "Bob came."), row(4, "He left.")]
    question = replace(
        asked("Robert"),
        entity_links={"c:4": GraphMatch(candidate=rows[1], score=0.9, through=["Robert"])},
    )
    assert features(rows, question)[:, MESSAGE_FEATURES.index("entities")].tolist() == [0.0, 0.9]
    words = replace(question, words=("left",))
    assert features(rows, words)[:, MESSAGE_FEATURES.index("entities")].tolist() == [
        0.0,
        0.0,
    ]  # its words say it already


def test_words_count_in_all_their_forms_and_rare_ones_more() -> None:
    rows = [
        row(0, "We hiked a lot."),
        row(2, "hiking boots"),
        row(4, "hikers, and art"),
        row(6, "an article"),
    ]
    cover = seen(rows, "hiking art")["coverage"]
    assert cover[0] == cover[1] > 0
    assert cover[2] == pytest.approx(1.0)
    assert cover[3] == 0.0  # art is too short to stand for article


def test_short_words_stand_for_themselves() -> None:
    rows = [
        row(0, "a king"),
        row(2, "kings"),
        row(4, "kilos of kiwis"),
        row(6, "we go"),
        row(8, "I am going"),
    ]
    assert [one > 0 for one in seen(rows, "king")["coverage"]] == [True, True, False, False, False]
    assert [one > 0 for one in seen(rows, "going")["coverage"]] == [
        False,
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("author", "query"),
    [("Will", "Will it rain?"), ("User A", "What is a hammer?"), ("May", "may I ask")],
)
def test_words_that_most_queries_have_name_nobody(author: str, query: str) -> None:
    assert seen([row(0, "It rains.", author=author)], query)["author"] == [0.0]


def talk(
    people: list[str | None], count: int, *, prefix: bool = False, named: str = "c"
) -> list[Candidate]:
    by = [people[place % len(people)] for place in range(count)]
    return [
        row(place, f"{who}: well" if prefix else "well", talk=named, author=None if prefix else who)
        for place, who in enumerate(by)
    ]


def test_a_long_talk_of_three_is_a_meeting() -> None:
    assert meeting(talk(["Ann", "Bob", "Cy"], 120), least=100)
    assert meeting(talk(["Ann", "Bob", "Cy"], 120)[100:], least=100)  # candidates from its end
    assert not meeting(talk(["Ann", "Bob", "Cy"], 99), least=100)
    assert not meeting(talk(["Ann", "Bob"], 120), least=100)
    assert not meeting(talk(["Ann", "Bob", None], 120), least=100)
    assert not meeting([], least=1)


def test_who_speaks_may_stand_before_a_colon() -> None:
    assert meeting(talk(["Ann", "Bob", "Project Manager"], 120, prefix=True), least=100)
    rows = [row(0, "Ann: hello"), row(1, "Bob: a dog")]
    assert seen(rows, "What does Bob have?")["author"] == [0.0, 1.0]
    assert (
        seen([*rows, row(2, "Hi"), row(3, "Ho")], "What does Bob have?")["author"] == [0.0] * 4
    )  # most do not begin so


def test_most_candidates_must_be_from_meetings() -> None:
    long = talk(["Ann", "Bob", "Cy"], 120)
    assert meeting([*long, *talk(["Ann"], 30, named="d")], least=100)
    assert not meeting([*long, *talk(["Ann"], 31, named="d")], least=100)


def test_products_say_what_two_features_say_together() -> None:
    rows = [row(0, "When did you go?"), row(1, "We went yesterday."), row(2, "We went.")]
    found = seen(rows, "when did you go")
    assert found["question_time_word"] == [0.0, 0.0, 0.0]
    assert found["answer_time_word"][1] == found["answer"][1] > 0 == found["answer_time_word"][2]
    assert found["length_squared"] == pytest.approx([value**2 for value in found["length"]])


def test_scores_far_apart_can_be_spread() -> None:
    rows = [row(place, "well") for place in (0, 50, 100)]
    found = diversification.spread_scores(
        diversification.measure_distances(rows), np.array([0.0, -5000.0, 5000.0]), window=3
    )
    assert np.isfinite(found).all()
    assert found.argmax() == 2


@given(st.text(st.characters(min_codepoint=1, max_codepoint=127)))
def test_words_are_split_alike_beside_any_text(text: str) -> None:
    lowered = text.lower()
    expected = re.findall(r"[^\W_]+", lowered)
    assert split_words([lowered, "a b"]) == [expected, ["a", "b"]]
    assert split_words(["Café zu 東京へ".lower(), lowered])[1] == expected


def test_a_view_has_the_neighbours_of_the_same_conversation_only() -> None:
    rows = [row(0, "pottery"), row(1, "class"), row(2, "bowl"), row(0, "garden", talk="d")]
    assert seen(rows, "pottery class")["view_coverage"] == pytest.approx(
        [1.0, 1.0, seen(rows, "pottery class")["coverage"][1], 0.0]
    )


def test_the_author_that_is_named_and_the_answer_to_a_question_are_seen() -> None:
    rows = [
        row(0, "What did you paint?", author="Melanie"),
        row(1, "A sunrise over the lake.", author="Caroline"),
        row(3, "Hi", author="Melanie"),
    ]
    found = seen(rows, "What did Caroline's sister paint?")
    assert found["author"] == [0.0, 1.0, 0.0]
    assert found["question"] == [1.0, 0.0, 0.0]
    assert found["answer"][1] > 0 == found["answer"][2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("When did she go?", [1.0, 0.0]),
        ("How long was it?", [1.0, 0.0]),
        ("What did she do when it rained?", [0.0, 0.0]),
    ],
)
def test_a_question_for_a_time_looks_for_words_of_time(query: str, expected: list[float]) -> None:
    rows = [row(0, "We went there yesterday."), row(4, "We paid 20 euros.")]
    found = seen(rows, query)
    assert found["when"] == expected
    assert found["time_word"] == [1.0, 0.0]
    assert found["number"] == [0.0, 1.0]


def test_candidates_without_anything_in_common_have_a_place_too() -> None:
    rows = [row(0, "", cosine=None), row(5, "", cosine=None)]
    assert [one.candidate.id for one in ranked(rows, asked("?"), limit=5)] == [
        "c:0",
        "c:5",
    ]
    assert ranked([], asked("x"), limit=5) == []


def test_the_best_has_the_best_score_of_the_legs_and_each_tells_its_parts() -> None:
    rows = [
        row(0, "the pottery class is on Monday", cosine=0.8),
        row(1, "no", cosine=0.1, hit=False),
        row(5, "lunch", cosine=0.2, retrieval_score=0.3),
    ]
    found = ranked(rows, asked("pottery class"), limit=10)
    assert found[0].candidate.id == "c:0"
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found[0].score == pytest.approx(0.8)
    for one in found:
        assert sum(one.scoring["ranking"]["parts"].values()) == pytest.approx(
            one.scoring["ranking"]["score"]
        )


def test_messages_that_no_leg_scored_keep_their_order() -> None:
    rows = [
        row(place, text, hit=False)
        for place, text in enumerate(["no", "the pottery class", "pottery"])
    ]
    found = ranked(rows, asked("pottery class"), limit=10)
    scores = [one.score for one in found]
    assert scores == sorted(set(scores), reverse=True)
    assert scores[-1] > 0


def test_what_the_filters_refuse_is_looked_at_but_not_returned() -> None:
    rows = [row(0, "pottery"), row(1, "class", is_allowed=False), row(7, "pottery", talk="d")]
    assert [one.candidate.id for one in ranked(rows, asked("pottery class"), limit=10)] == [
        "c:0",
        "d:7",
    ]
    assert len(ranked(rows, asked("pottery class"), limit=1)) == 1


def test_words_of_other_scripts_are_folded_and_unspaced_ones_come_in_pairs() -> None:
    assert split_words(["café zu 東京へ", "a b"]) == [["cafe", "zu", "東京", "京へ"], ["a", "b"]]


ANSWER = "Here is a plan for the garden with many steps. " * 20


def test_long_answers_are_those_of_an_assistant() -> None:
    people = [row(0, "Hi", role="user"), row(1, "The garden is small.", role="assistant")]
    mixed = [*people, row(2, ANSWER, role="assistant")]
    assert measure_assistant_share(people) == 0.0
    assert measure_assistant_share(mixed) == 0.5
    assert measure_assistant_share([row(0, ANSWER, role="assistant")]) == 0.0


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What is the plan for the garden?", "user"),
        ("What plan did you suggest for the garden?", "assistant"),
    ],
)
def test_who_is_asked_about_stands_first_in_a_chat_with_an_assistant(
    question: str, first: str
) -> None:
    query = asked(question)
    texts = [(f"My plan for the garden is a pond, step {step}.", ANSWER) for step in range(3)]
    rows = [
        row(position, text, cosine=0.5, role=role)
        for position, (role, text) in enumerate(
            pair
            for question, answer in texts
            for pair in (("user", question), ("assistant", answer))
        )
    ]
    best = ranked(rows, query, limit=6)
    assert [entry.candidate.role for entry in best[:3]] == [first] * 3


def test_roles_of_people_do_not_matter() -> None:
    query = asked("Where is the garden?")
    rows = [
        row(0, "The garden is here.", cosine=0.5, role="user"),
        row(1, "The garden is there.", cosine=0.5, role="assistant"),
    ]
    swapped = [rows[0]._replace(role="assistant"), rows[1]._replace(role="user")]
    scores = [
        [entry.score for entry in ranked(members, query, limit=2)] for members in (rows, swapped)
    ]
    assert scores[0] == scores[1]


def test_parts_of_names_in_camel_case_are_words() -> None:
    assert repeat_parts("enableDarkMode is on") == "enableDarkMode enable Dark Mode is on"
    assert repeat_parts("Nothing IS joined Here") == "Nothing IS joined Here"
    rows = [row(0, "The flag enableDarkMode is on."), row(50, "The flag was set by Ines.")]
    assert seen(rows, "dark mode")["coverage"] == [1.0, 0.0]


@pytest.mark.parametrize("word", ["बैठक", "கூட்டம்", "বাজারে", "cafe"])
def test_words_with_vowel_signs_are_found_whole(word: str) -> None:
    counts = WordCounts([word], [[word, "x"], ["x"]], {})
    assert counts.matrix.tolist() == [[1.0], [0.0]]
