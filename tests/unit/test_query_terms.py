import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.queries.search.query_terms import (
    build_keyword_query,
    extract_terms,
    tokenize,
)

OPERATORS = set('+-&|!(){}[]^"~*?:\\/')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("don't", ["don't"]),
        ("pandas.DataFrame", ["pandas.dataframe", "pandas", "dataframe"]),
        ("data_transformation", ["data_transformation", "data", "transformation"]),
        ("version 3.11.", ["version", "3.11", "3", "11"]),
        ("C++ & C#", ["c", "c"]),
        ("naïve Straße Ωmega", ["naïve", "straße", "ωmega"]),
        ("हिन्दी", ["हिन्दी"]),
        ("...", []),
        ("___ '' ’", []),
        ("\u200b\u202e", []),
    ],
)
def test_words_are_what_the_index_has(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


def test_stop_words_go() -> None:
    assert extract_terms("the cat and the hat").words == ("cat", "hat")
    assert extract_terms("What did Caroline research?").words == ("caroline", "research")


def test_words_of_questions_stay_when_nothing_else_is_there() -> None:
    assert extract_terms("how many did he have").words == ("how", "many", "did", "he", "have")


@pytest.mark.parametrize(
    "text", ["the of and", "to be or not to be", "!!!", "***", "AND", "TO", "-"]
)
def test_nothing_remains_of_stop_words_and_signs(text: str) -> None:
    assert extract_terms(text).words == ()


def test_words_come_once() -> None:
    assert extract_terms("cat Cat CAT dog").words == ("cat", "dog")


def test_long_queries_are_cut_to_the_telling_words() -> None:
    filler = " ".join(f"w{number}" for number in range(200))
    found = extract_terms(f"{filler} extraordinarily twice twice")
    assert len(found.words) == limits.QUERY_TERMS
    assert {"extraordinarily", "twice"} <= set(found.words)
    assert found.dropped_count == 202 - limits.QUERY_TERMS


@pytest.mark.parametrize("count", [limits.QUERY_TERMS, limits.QUERY_TERMS + 1])
def test_the_limit_is_exact(count: int) -> None:
    found = extract_terms(" ".join(f"w{number}" for number in range(count)))
    assert len(found.words) == limits.QUERY_TERMS
    assert found.dropped_count == count - limits.QUERY_TERMS


@given(st.text(max_size=200))
def test_no_operator_survives(text: str) -> None:
    words = extract_terms(text).words
    assert all(word == word.lower() or len(word.lower()) != len(word) for word in words)
    assert not any(OPERATORS & set(word) or re.search(r"\s", word) for word in words)
    assert len(words) <= limits.QUERY_TERMS


@given(st.text(max_size=200))
def test_a_query_always_requires_its_namespace(text: str) -> None:
    made = build_keyword_query([[build_token("namespace", "mine")]], extract_terms(text).words)
    assert made.startswith(f"+facets:({build_token('namespace', 'mine')})^0")
    assert made.count("+content:(") == (1 if extract_terms(text).words else 0)


def test_groups_are_required() -> None:
    assert (
        build_keyword_query([[build_token("namespace", "n")], ["1", "2"], ["3"]], ["cat"])
        == f"+facets:({build_token('namespace', 'n')})^0 "
        "+facets:(1 2)^0 +facets:(3)^0 +content:(cat)"
    )
