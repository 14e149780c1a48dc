"""Filter tokens of metadata: one for each value, whose type counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg.filter_tokens import (
    build_key_token,
    build_own_tokens,
    build_shared_tokens,
    build_value_token,
    format_value,
    list_values,
)

scalars = st.integers(-3, 3) | st.floats(-3, 3) | st.booleans() | st.text("013.", max_size=3)


@given(scalars, scalars)
def test_tokens_are_equal_where_values_are_and_booleans_are_no_numbers(first, second):
    is_equal = first == second and isinstance(first, bool) == isinstance(second, bool)
    tokens = [build_value_token("a", format_value(value)) for value in (first, second)]
    assert (tokens[0] == tokens[1]) == is_equal


@pytest.mark.parametrize(
    ("metadata", "values"),
    [
        ({"a": 1, "b": None}, [("a", 1)]),
        ({"a": ["x", 2, True, None]}, [("a", "x"), ("a", 2), ("a", True)]),
        ({"a": [["x"]]}, []),
        ({"a": {"b": {"c": 1.5}}}, [("a.b.c", 1.5)]),
        ({"a": [{"b": 1}, {"b": [2]}]}, [("a.b", 1), ("a.b", 2)]),
        ({"a.b": 1}, [("a.b", 1)]),
        ({}, []),
    ],
)
def test_elements_of_lists_and_nested_keys_are_values(metadata, values):
    assert list(list_values(metadata)) == values
    tokens = [build_value_token(path, format_value(value)) for path, value in values]
    assert build_shared_tokens(metadata) == tokens
    assert build_own_tokens(metadata) == [*tokens, *map(build_key_token, metadata)]


def test_a_value_that_is_repeated_has_one_token():
    assert len(build_shared_tokens({"a": [1, 1.0, 1]})) == 1


def test_a_path_and_the_keys_that_make_it_have_the_token_of_their_first_key():
    assert build_own_tokens({"a.b": 1})[-1] == build_key_token("a.b") == build_key_token("a")
