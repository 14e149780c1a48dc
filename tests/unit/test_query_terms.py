import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.text.irregular_forms import FORM_WEIGHT
from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.search.query_terms import (
    build_keyword_query,
    extract_terms,
)

OPERATORS = set('+-&|!(){}[]^"~*?:\\/')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("don't", ["don"]),
        ("pandas.DataFrame", ["pandas", "dataframe"]),
        ("data_transformation", ["data", "transformation"]),
        ("version 3.11.", ["version", "3", "11"]),
        ("C++ & C#", ["cplusplus", "csharp"]),
        ("naïve Straße Ωmega", ["naive", "strasse", "ωmega"]),
        ("東京へ", ["東京", "京へ"]),
        ("हिन्दी", ["हिन्दी"]),
        ("...", []),
        ("___ '' ’", []),
        ("\u200b\u202e", []),
    ],
)
def test_words_are_folded_and_identifiers_come_in_parts(text: str, expected: list[str]) -> None:
    assert list_words(text) == expected


def test_stop_words_go() -> None:
    assert extract_terms("the cat and the hat").words == ("cat", "hat")
    assert extract_terms("What did Caroline research?").words == ("caroline", "research")


def test_words_of_questions_stay_when_nothing_else_is_there() -> None:
    assert extract_terms("how many did he have").words == ("how", "many", "did", "he", "have")


@pytest.mark.parametrize("text", ["!!!", "***", "-"])
def test_nothing_remains_of_signs(text: str) -> None:
    assert extract_terms(text).words == ()


@pytest.mark.parametrize("text", ["the of and", "to be or not to be", "AND", "TO"])
def test_function_words_are_asked_for_where_nothing_else_is_there(text: str) -> None:
    assert extract_terms(text).words == tuple(dict.fromkeys(text.lower().split()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who is Will?", {"will": ("will_",)}),
        ("What did IT replace?", {"it": ("it_",), "replace": ("replac", "replace")}),
        ("will it rain", {"rain": ("rain",)}),
        ("Will it rain", {"rain": ("rain",)}),
        ("WILL IT RAIN", {"rain": ("rain",)}),
    ],
)
def test_names_that_are_function_words_are_asked_for(
    text: str, words: dict[str, tuple[str, ...]]
) -> None:
    terms = extract_terms(text)
    assert {word: terms.variants[word] for word in terms.words} == words


def test_irregular_forms_are_asked_for_with_a_lower_weight() -> None:
    terms = extract_terms("Which database did we choose?")
    assert terms.forms == {"choose": ("chose", "chosen", "chooses", "choosing")}
    assert terms.index_terms[-2:] == ("chose^0.5", "chosen^0.5")
    assert "choose" in terms.variants["choose"]


@pytest.mark.parametrize(
    "query", ["Wo ist das Fell der Katze?", "Was ist ein Wind?", "Who was Will?"]
)
def test_names_and_words_of_other_languages_have_no_irregular_forms(query: str) -> None:
    assert extract_terms(query).forms == {}


def test_words_with_the_letter_for_an_umlaut_find_those_with_it() -> None:
    assert extract_terms("Gemuesebruehe").forms == {"gemuesebruehe": ("gemusebruhe",)}
    assert extract_terms("where are the shoes").forms == {}


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
    terms = extract_terms(text)
    words = [term.removesuffix(f"^{FORM_WEIGHT}") for term in terms.index_terms]
    assert not any(OPERATORS & set(word) or re.search(r"\s", word) for word in words)
    assert len(terms.words) <= limits.QUERY_TERMS


@given(st.text(max_size=200))
def test_a_query_always_requires_its_namespace(text: str) -> None:
    terms = extract_terms(text)
    query = build_keyword_query([[build_token("namespace", "mine")]], terms.index_terms)
    assert query.startswith(f"+facets:({build_token('namespace', 'mine')})^0")
    assert query.count("+terms:(") == (1 if terms.words else 0)


def test_groups_are_required() -> None:
    assert (
        build_keyword_query([[build_token("namespace", "n")], ["1", "2"], ["3"]], ["cat"])
        == f"+facets:({build_token('namespace', 'n')})^0 "
        "+facets:(1 2)^0 +facets:(3)^0 +terms:(cat)"
    )


@pytest.mark.parametrize("text", ["O'Neil-Smith", "ONeil-Smith", "o’neil-smith"])
def test_a_name_with_an_apostrophe_and_a_hyphen_is_one_term(text: str) -> None:
    assert extract_terms(text).index_terms[0] == "oneil_smith"
