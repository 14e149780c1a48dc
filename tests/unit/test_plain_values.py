"""Values of metadata are stored by their text or number, or refused by the name of their key."""

import enum
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath, PureWindowsPath
from uuid import UUID

import numpy as np
import pytest

from mcp_context_persistence.kg import limits, models, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.writes.upsert import parse_entity, parse_relationship


class Color(enum.Enum):
    RED = "red"
    DAY = date(2026, 1, 2)


class Rank(enum.IntEnum):
    FIRST = 1


STORED = [
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (Decimal("1.50"), "1.50"),
    (PurePosixPath("/data/a b"), "/data/a b"),
    (PureWindowsPath("C:\\data"), "C:\\data"),
    (Color.RED, "red"),
    (Color.DAY, "2026-01-02"),
    (Rank.FIRST, 1),
    (date(2026, 1, 2), "2026-01-02"),
    (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
    (time(3, 4), "03:04:00"),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (np.str_("a"), "a"),
    (np.datetime64("2026-01-02T03:04"), "2026-01-02T03:04"),
    (np.datetime64("2026-01-02T03:04:05.000000006"), "2026-01-02T03:04:05.000000006"),
    (np.arange(3), [0, 1, 2]),
    (np.ones((2, 1)), [[1.0], [1.0]]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array(7), 7),
    ((1, (2,)), [1, [2]]),
]
REFUSED = [
    {1},
    frozenset(),
    b"secret",
    bytearray(b"secret"),
    object(),
    Color,
    timedelta(1),
    Decimal("NaN"),
    np.float64("nan"),
    np.bytes_(b"secret"),
    np.complex64(1),
    np.timedelta64(1, "s"),
    np.datetime64("NaT"),
    np.array([object()]),
    np.array([1.0, np.inf]),
    np.zeros(limits.METADATA_BYTES // 2 + 1),
    {1: 2},
    2**63,
]


@pytest.mark.parametrize(("value", "plain"), STORED)
def test_a_value_is_stored_by_its_text_or_number_and_read_back_as_that(value, plain):
    stored = validation.check_metadata("metadata", {"a": value, "b": [{"c": value}]})
    assert stored == {"a": plain, "b": [{"c": plain}]}
    assert type(stored["a"]) is type(plain)
    assert validation.check_metadata("metadata", stored) == stored


@pytest.mark.parametrize(
    "value", REFUSED, ids=[f"{type(value).__name__}-{n}" for n, value in enumerate(REFUSED)]
)
def test_a_value_that_json_cannot_hold_is_refused_by_the_full_name_of_its_key(value):
    nested = {"outer": [{"inner key": 0, "inner": value}]}
    with pytest.raises(ValidationError, match=r"metadata\.outer\.0\.inner\b") as caught:
        validation.check_metadata("metadata", nested)
    assert "secret" not in str(caught.value)


def build_conversation(metadata):
    models.conversation("c", [{"role": "user", "content": "x"}], metadata=metadata)


def build_message(metadata):
    models.conversation("c", [{"role": "user", "content": "x", "metadata": metadata}])


def build_entity(metadata):
    parse_entity({"name": "x", "metadata": metadata}, path="entities.0")


def build_relationship(properties):
    row = {"from_entity": "a", "to_entity": "b", "relationship_type": "uses"}
    parse_relationship({**row, "properties": properties}, path="relationships.0")


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (build_conversation, r"^metadata"),
        (build_message, r"^messages\.0\.metadata"),
        (build_entity, r"^entities\.0\.metadata"),
        (build_relationship, r"^relationships\.0\.properties"),
    ],
)
@pytest.mark.parametrize(("key", "shown"), [("when", r"\.when\b"), ("a key", r"\['a key'\]")])
def test_the_error_names_the_argument_and_the_key(build, field, key, shown):
    with pytest.raises(ValidationError, match=rf"{field}\.outer{shown}"):
        build({"outer": {key: {1}}})


def test_a_key_in_an_error_is_shortened():
    with pytest.raises(ValidationError) as caught:
        validation.check_metadata("metadata", {"x" * 60_000: {1}})
    assert len(str(caught.value)) < 200


def test_large_arrays_are_refused_before_they_are_read():
    wide = np.broadcast_to(np.int8(0), (2**40,))
    with pytest.raises(ValidationError, match=r"metadata\.a has more than 65,536 bytes"):
        validation.dump_metadata("metadata", {"a": wide})
    largest = np.zeros(limits.METADATA_BYTES // 2 - 8, dtype=np.int8)
    assert len(json.loads(validation.dump_metadata("metadata", {"a": largest}))["a"])
