"""Queries of a search: operators are literal, stop words find nothing, bad ones are refused."""

import pytest

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from tests.graph.talks import ids, talk

__all__ = ["talk"]


OPERATORS = [
    "+",
    "-",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "^",
    '"',
    "~",
    "*",
    "?",
    ":",
    "\\",
    "/",
    "AND",
    "OR",
    "NOT",
    "TO",
]


@pytest.mark.parametrize("sign", ["¯\\_(ツ)_/¯", "¨", "´", "a \u0301 b"])
def test_marks_in_a_text_do_not_stop_a_search(client, sign):
    client.save_conversation("marks", [{"role": "user", "content": f"The tram is late {sign}"}])
    for query in ("Is the tram late?", sign, f"tram {sign}"):
        client.search_hybrid(query)
        client.build_context(query)
    assert client.search_hybrid("Is the tram late?").results


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_are_literal(talk, operator):
    for query in (
        operator,
        operator * 2,
        f"{operator} pottery",
        f"pottery {operator}",
        f"pot{operator}tery {operator} class",
    ):
        for mode in ("keyword", "graph"):
            talk.search_hybrid(query, mode=mode)
    assert ids(talk.search_hybrid(f"pottery {operator}", mode="keyword"))[0] == "p0"


@pytest.mark.parametrize(
    "query",
    [
        "*:*",
        "/.*/",
        "namespace:other",
        "facets:1",
        "id:p0",
        "content:(*)",
        "[* TO *]",
        "pot*",
        "pottry~2",
    ],
)
def test_queries_that_try_to_be_lucene_find_nothing_they_do_not_say(talk, query):
    assert "p0" not in ids(talk.search_hybrid(query, mode="keyword"))


def test_stop_words_are_searched_where_nothing_else_is_asked_for(talk):
    results = talk.search_hybrid("the and of", mode="keyword", limit=50).results
    texts = [result.content.lower().split() for result in results]
    assert texts
    assert all({"the", "and", "of"} & set(words) for words in texts)


def test_punctuation_alone_finds_nothing_by_words(talk):
    answer = talk.search_hybrid("?!...", mode="keyword")
    assert (answer.success, answer.results) == (True, [])
    assert "no words" in answer.notes[0]


def test_long_queries_are_cut_and_say_so(talk):
    answer = talk.search_hybrid("pottery " + " ".join(f"w{n}" for n in range(200)), mode="keyword")
    assert any("most informative" in note for note in answer.notes)
    with pytest.raises(ValidationError):
        talk.search_hybrid("x" * (limits.QUERY_CHARACTERS + 1))


@pytest.mark.parametrize(
    "arguments",
    [
        {"query": ""},
        {"query": " \u200b"},
        {"query": 1},
        {"query": "x", "mode": "fuzzy"},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": limits.SEARCH_LIMIT + 1},
        {"query": "x", "limit": True},
        {"query": "x", "filters": {"roles": "user"}},
        {"query": "x", "filters": {"date_range": {"start": "2024-02-01", "end": "2024-01-01"}}},
    ],
)
def test_bad_arguments_are_refused(client, arguments):
    with pytest.raises(ValidationError):
        client.search_hybrid(**arguments)


def test_an_empty_graph_answers(client):
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        answer = client.search_hybrid("anything at all", mode=mode)
        assert (answer.success, answer.results, answer.total_results, answer.best_score) == (
            True,
            [],
            0,
            None,
        )
    assert client.search_similar_conversations("anything at all").results == []
