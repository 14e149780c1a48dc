"""The vector index searches intervals of ids, which leave out exactly the excluded ones."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence.queries.search.filters import MAX_INDEX_RANGES, Filters

IDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], max_codepoint=0x10FFFE),
    min_size=1,
    max_size=3,
).filter(str.strip)


@given(st.lists(IDS, min_size=1, max_size=3), st.lists(IDS, max_size=5))
@settings(max_examples=300, deadline=None)
def test_the_ranges_of_the_index_leave_out_exactly_the_excluded(
    excluded: list[str], others: list[str]
) -> None:
    filters = Filters(content_types=("message",), excluded_conversation_ids=tuple(excluded))
    near = [f"{key}{end}" for key, end in itertools.product(excluded, ("0", "\U0001f642"))]
    for key in {"", *excluded, *others, *near}:
        inside = [
            bounds
            for bounds in filters.index_ranges
            if bounds["conversation_id_from"] <= key <= bounds["conversation_id_to"]
        ]
        assert len(inside) == (key not in excluded), key
    assert filters.is_in_index


def test_conversations_that_are_requested_and_excluded_are_not_searched() -> None:
    both = Filters(conversation_ids=("a", "b"), excluded_conversation_ids=("b",))
    assert {bounds["conversation_id_from"] for bounds in both.index_ranges} == {"a"}
    assert Filters(conversation_ids=("a",), excluded_conversation_ids=("a",)).index_ranges == []


def test_many_excluded_conversations_are_left_to_a_check_of_each_candidate() -> None:
    many = Filters(excluded_conversation_ids=tuple(map(str, range(100))))
    assert 0 < len(many.index_ranges) <= MAX_INDEX_RANGES
    assert not many.is_in_index
    assert len(many.excluded) == 100
