import json
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.filter_tokens import build_token, build_value_token, format_value
from mcp_context_persistence.models import DateRange, SearchFilters
from mcp_context_persistence.queries.search.filters import (
    CONTENT_TYPES,
    MAX_INDEX_RANGES,
    Filters,
    read_filters,
)
from mcp_context_persistence.queries.search.id_intervals import HIGHEST
from mcp_context_persistence.queries.search.metadata_filters import resolve_bounds


class Silent(tzinfo):
    """A zone without an offset."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None


def ms(*parts: int, zone: timezone = UTC) -> int:
    return int(datetime(*parts, tzinfo=zone).timestamp() * 1000)  # type: ignore[misc]


def test_nothing_given_restricts_nothing() -> None:
    for nothing in (None, {}, SearchFilters()):
        filters = read_filters(nothing)
        assert filters == Filters()
        assert filters.has_only_kinds
        assert filters.kinds == CONTENT_TYPES
        assert filters.kind_group == []


@pytest.mark.parametrize("value", ["user", ["user"], ("user", "user"), {"user"}])
def test_one_value_and_lists_are_the_same(value: Any) -> None:
    assert read_filters({"role": value}).roles == ("user",)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("conversation_ids", "conversation_id"),
        ("daterange", "date_range"),
        ("content_type", "content_types"),
        ("tag", "tags"),
        ("metadata", "metadata.KEY"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(key: str, nearest: str) -> None:
    with pytest.raises(ValidationError, match=rf"did you mean {nearest}\?"):
        read_filters({key: "x"})


def test_a_key_like_nothing_is_refused_with_all_of_them() -> None:
    with pytest.raises(ValidationError, match="known are: conversation_id, date_range"):
        read_filters({"$where": 1})


@pytest.mark.parametrize(
    "raw",
    [
        [],
        "role",
        {"role": []},
        {"role": "robot"},
        {"role": 1},
        {"content_types": "messages"},
        {"conversation_id": ""},
        {"conversation_id": "a\0b"},
        {"conversation_id": ["x"] * (limits.FILTER_VALUES + 1)},
        {"tags": "x" * (limits.IDENTIFIER_BYTES + 1)},
        {"tags": "\ud800"},
        {"entity_types": "Library`) DETACH"},
        {"confidence_min": 1.1},
        {"confidence_min": float("nan")},
        {"confidence_min": True},
        {"confidence_min": "0.5"},
        {"metadata.team": None, "metadata.": "x"},
        {"metadata.team": {"a": 1}},
        {"metadata.team": float("inf")},
        {1: "x"},
        {10**5000: 1},
        {"metadata.a\ud800": 1},
        {"metadata.\ud800": "x"},
        {"metadata.a": 10**30},
        {"metadata.a": 10**5000},
        {"tags": "\u200b \n"},
        SearchFilters,
        {"date_range": DateRange},
        {"date_range": DateRange.model_construct(start=5)},
        {"date_range": {"start": datetime(2024, 1, 1, tzinfo=Silent())}},
    ],
)
def test_bad_values_are_refused(raw: Any) -> None:
    with pytest.raises(ValidationError):
        read_filters(raw)


def test_errors_name_the_field_and_not_the_value() -> None:
    with pytest.raises(ValidationError, match=r"filters\.conversation_id") as caught:
        read_filters({"conversation_id": "secret\nvalue"})
    assert "secret" not in str(caught.value)


def test_a_date_is_a_whole_day() -> None:
    filters = read_filters({"date_range": {"start": "2024-01-01", "end": "2024-12-31"}})
    assert filters.start_ms == ms(2024, 1, 1)
    assert filters.end_ms == ms(2025, 1, 1) - 1


@pytest.mark.parametrize(
    "start",
    [
        "2024-06-01",
        date(2024, 6, 1),
        datetime.fromisoformat("2024-06-01"),
        "2024-06-01T00:00:00Z",
        "2024-06-01Z",
    ],
)
def test_either_end_may_be_missing(start: Any) -> None:
    filters = read_filters({"date_range": {"start": start}})
    assert (filters.start_ms, filters.end_ms) == (ms(2024, 6, 1), None)


def test_an_offset_moves_the_day() -> None:
    east = timezone(timedelta(hours=2))
    filters = read_filters({"date_range": {"start": "2024-06-01+02:00", "end": "2024-06-01+02:00"}})
    assert filters.start_ms == ms(2024, 6, 1, zone=east)
    assert filters.end_ms == ms(2024, 6, 2, zone=east) - 1
    assert read_filters({"date_range": {"start": "2024-06-01-0530"}}).start_ms == ms(
        2024, 6, 1, 5, 30
    )


def test_a_time_is_a_moment() -> None:
    filters = read_filters(
        {"date_range": {"start": "2024-06-01T10:00:00+02:00", "end": "2024-06-01T08:00:00"}}
    )
    assert filters.start_ms == filters.end_ms == ms(2024, 6, 1, 8)


@pytest.mark.parametrize(
    "given",
    [
        {"start": "2024-12-31", "end": "2024-01-01"},
        {"start": "yesterday"},
        {"start": "2024-13-01"},
        {"start": "2024-06-01+25:00"},
        {"start": "2024-06-01+02:99"},
        {"start": 1704067200},
        {"start": True},
        {"start": (2024, 1)},
        {"begin": "2024-01-01"},
        {},
        {"start": None},
        "2024-01-01",
        ["2024-01-01", "2024-01-02"],
    ],
)
def test_date_ranges_that_say_nothing_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match="date_range"):
        read_filters({"date_range": given})


@pytest.mark.parametrize(
    "day", ["0001-01-01", "9999-12-31", "0001-01-01+14:00", "9999-12-31-12:00"]
)
def test_the_ends_of_the_calendar_work(day: str) -> None:
    filters = read_filters({"date_range": {"start": day, "end": day}})
    assert filters.start_ms is not None
    assert filters.end_ms == filters.start_ms + 86_400_000 - 1


@given(st.dates(), st.dates())
def test_ranges_hold_in_order_only(first: date, last: date) -> None:
    raw = {"date_range": {"start": first.isoformat(), "end": last}}
    if first > last:
        with pytest.raises(ValidationError):
            read_filters(raw)
    else:
        filters = read_filters(raw)
        assert filters.start_ms is not None
        assert filters.end_ms is not None
        assert filters.end_ms - filters.start_ms + 1 == ((last - first).days + 1) * 86_400_000


def test_conversation_covers_its_messages() -> None:
    assert read_filters({"content_types": "conversation"}).kinds == ("message", "conversation")
    assert read_filters({"content_types": ["document", "entity"]}).kinds == ("entity", "document")


def test_metadata_values_become_filter_tokens() -> None:
    filters = read_filters({"metadata.team": ["blue", 3, 3.0, True, 1.5]})
    texts = ('"blue"', "3", "true", "1.5")
    assert filters.groups == [[build_value_token("team", text) for text in texts]]
    assert filters.excluded == []
    assert not filters.is_in_index


def test_ranges_of_one_key_in_both_forms_of_unicode_hold_both() -> None:
    keys = [normalize("NFC", "café"), normalize("NFD", "café")]
    filters = read_filters({f"metadata.{keys[0]}": {"gt": 3}, f"metadata.{keys[1]}": {"lt": 9}})

    def run(statement: Statement[Any]) -> list[Any]:
        return [statement.read({"metadata": json.dumps({keys[0]: 5})})]

    conditions, _ = resolve_bounds(run, "n", filters.metadata)
    assert [conditions[key].any_of for key in keys] == [(format_value(5),)] * 2


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_text_is_found_in_both_forms_of_unicode(form: Literal["NFC", "NFD"]) -> None:
    stored = normalize(form, "Zoë")
    token = build_value_token(normalize(form, "café"), format_value(stored))
    for query in (normalize("NFC", "Zoë"), normalize("NFD", "Zoë")):
        for key in (normalize("NFC", "metadata.café"), normalize("NFD", "metadata.café")):
            assert [token] == [i for i in read_filters({key: query}).groups[0] if i == token]
            assert token in read_filters({key: {"not": query}}).excluded
        assert stored in read_filters({"tags": query}).tags
        assert stored in read_filters({"project": query}).projects
        bounds = read_filters({"metadata.a": {"gte": query, "lte": query}}).metadata["a"]
        assert bounds.is_within_bounds(stored)


def test_not_excludes_values_and_what_has_no_metadata() -> None:
    filters = read_filters({"metadata.team": {"not": ["blue", 3]}})
    assert filters.groups == []
    assert filters.excluded == [build_value_token("team", text) for text in ('"blue"', "3")]
    assert filters.kinds == ("message", "decision", "instruction", "conversation", "document")
    assert filters.impossible_kinds == ("entity",)
    assert not filters.is_in_index
    assert not filters.has_only_kinds


def test_ranges_have_operators_and_operands_of_one_type() -> None:
    filters = read_filters({"metadata.year": {"gte": 2020, "lt": np.float32(2025)}})
    condition = filters.metadata["year"]
    for value in (2020, 2024.5):
        assert condition.is_within_bounds(value)
    foreign: tuple[object, ...] = (2019, 2025, "2021", True, None, [2021])
    for strange in foreign:
        assert not condition.is_within_bounds(strange)
    days = read_filters({"metadata.day": {"gt": date(2026, 1, 1)}}).metadata["day"]
    assert days.is_within_bounds("2026-01-02")
    assert not days.is_within_bounds("2026-01-01")


def test_a_range_is_not_searched_before_its_values_are_read() -> None:
    with pytest.raises(AssertionError):
        _ = read_filters({"metadata.year": {"gte": 2020}}).groups


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ({}, "year"),
        ({"gte": 1, "above": 2}, "year"),
        ({"a": 1}, "year"),
        ({"gte": {"a": 1}}, r"year\.gte"),
        ({"gte": None}, r"year\.gte"),
        ({"gte": True}, r"year\.gte"),
        ({"gte": [1]}, r"year\.gte"),
        ({"gte": np.arange(2)}, r"year\.gte"),
        ({"gte": float("nan")}, r"year\.gte"),
        ({"gte": ""}, r"year\.gte"),
        ({"gte": 1, "lt": "2"}, "year"),
        ({"not": []}, r"year\.not"),
        ({"not": None}, r"year\.not"),
        ({"not": {"gte": 1}}, r"year\.not"),
        ({"not": ["x"] * (limits.FILTER_VALUES + 1)}, r"year\.not"),
        ([[1]], "year"),
        ({1}.union, "year"),
        (None, "year"),
    ],
)
def test_conditions_that_cannot_be_filtered_are_refused_by_name(condition: Any, name: str) -> None:
    with pytest.raises(ValidationError, match=rf"filters\.metadata\.a\.{name} "):
        read_filters({"metadata.a.year": condition})


def test_the_fulltext_query_gets_the_groups_that_it_has_room_for() -> None:
    raw = {f"metadata.k{n}": [f"{n}.{value}" for value in range(100)] for n in range(8)}
    filters = read_filters({"tags": "t", **raw, "metadata.x": {"not": "y"}})
    assert len(filters.groups) == 9
    groups, excluded = filters.fulltext_tokens
    assert [len(group) for group in groups] == [1, 100, 100, 100, 100]
    assert excluded == filters.excluded
    many = read_filters({f"metadata.k{n}": {"not": list(range(100))} for n in range(6)})
    assert len(many.excluded) == 600
    assert many.fulltext_tokens == ([], [])


def test_filters_as_an_object_are_the_same() -> None:
    raw = {
        "conversation_id": ["a", "b"],
        "date_range": {"start": "2024-01-01"},
        "metadata.team": "blue",
    }
    assert read_filters(SearchFilters(**raw)) == read_filters(raw)


def test_boxes_are_the_product_of_the_lists() -> None:
    filters = read_filters(
        {"conversation_id": ["a", "b"], "role": ["user", "assistant"], "content_types": "message"}
    )
    ranges, whole = filters.index_ranges, filters.is_in_index
    assert whole
    assert {(box["conversation_id_from"], box["role_to"]) for box in ranges} == {
        (conversation, role) for conversation in ("a", "b") for role in ("user", "assistant")
    }
    assert all(
        box["kind"] == "message" and box["project_from"] == "" and box["project_to"] == HIGHEST
        for box in ranges
    )


def test_too_many_boxes_leave_the_longest_list_to_a_check() -> None:
    filters = read_filters(
        {"conversation_id": [f"c{n}" for n in range(100)], "role": ["user", "assistant"]}
    )
    ranges, whole = filters.index_ranges, filters.is_in_index
    assert not whole
    assert 0 < len(ranges) <= MAX_INDEX_RANGES
    assert len(filters.groups) == 2


def test_what_has_no_such_property_is_not_searched_for() -> None:
    assert read_filters({"role": "user"}).vector_kinds == ("message",)
    assert read_filters({"conversation_id": "c"}).vector_kinds == (
        "message",
        "decision",
        "instruction",
    )
    assert read_filters({"content_types": "entity", "project": "p"}).vector_kinds == ()
    assert read_filters({"content_types": "entity", "project": "p"}).index_ranges == []


def test_entity_types_are_no_range_of_the_vector_index() -> None:
    filters = read_filters({"entity_types": ["technology", "concept"]})
    assert not filters.is_in_index
    assert filters.groups == [
        [build_token("mentions", "technology"), build_token("mentions", "concept")]
    ]
