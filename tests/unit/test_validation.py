"""Values are checked where they enter; a message names the field and never the value."""

import enum
import math
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError, VectorDBError


@pytest.mark.parametrize(
    "value", ["", " ", "\u200b\u200d", "\t\n", 7, None, b"x", "secret\ud800", "secret\0"]
)
def test_identifiers_must_be_visible_and_on_one_line(value):
    with pytest.raises(ValidationError, match="field") as caught:
        validation.check_identifier("field", value)
    assert "secret" not in str(caught.value)


def test_identifiers_are_limited_in_bytes():
    most = limits.IDENTIFIER_BYTES
    assert validation.check_identifier("field", "x" * most)
    assert validation.check_identifier("field", "ä" * (most // 2))
    for value in ("x" * (most + 1), "ä" * (most // 2 + 1)):
        with pytest.raises(ValidationError):
            validation.check_identifier("field", value)


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_accepted_text_can_be_stored(text):
    try:
        validation.check_identifier("field", text)
    except ValidationError:
        return
    text.encode("utf-8")
    assert "\n" not in text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_metadata_survives_a_round_trip_through_json(value):
    import json

    try:
        written = validation.dump_metadata("field", value)
    except ValidationError:
        return
    assert json.loads(written) == value


def test_metadata_is_limited_in_depth_and_size():
    deep = current = {}
    for _ in range(limits.METADATA_DEPTH):
        current["x"] = {}
        current = current["x"]
    assert validation.dump_metadata("field", deep)
    current["x"] = {}
    with pytest.raises(ValidationError, match="deeper"):
        validation.dump_metadata("field", deep)
    size = limits.METADATA_BYTES - len('{"x":""}')
    assert validation.dump_metadata("field", {"x": "a" * size})
    with pytest.raises(ValidationError, match="bytes"):
        validation.dump_metadata("field", {"x": "a" * (size + 1)})


def test_metadata_that_contains_itself_is_refused():
    circle = {}
    circle["x"] = circle
    with pytest.raises(ValidationError, match="contains itself"):
        validation.dump_metadata("field", circle)


@pytest.mark.parametrize(
    "value",
    [{"x": math.nan}, {"x": math.inf}, {"x": {1}}, {"x": object()}, {1: 2}, {"x": 2**63}, [1], "x"],
)
def test_metadata_that_json_cannot_hold_is_refused(value):
    with pytest.raises(ValidationError, match="field"):
        validation.dump_metadata("field", value)


def test_dates_in_metadata_become_text():
    assert validation.dump_metadata("field", {"d": date(2026, 1, 2)}) == '{"d":"2026-01-02"}'


def test_naive_times_mean_utc_and_zones_are_respected():
    assert timestamps.to_milliseconds(datetime(1970, 1, 1, 0, 0, 1)) == 1000  # noqa: DTZ001 - a naive time is the subject
    assert (
        timestamps.to_milliseconds(
            datetime(1970, 1, 1, 1, 0, 1, tzinfo=timezone(timedelta(hours=1)))
        )
        == 1000
    )
    assert timestamps.from_milliseconds(1500) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_vectors_must_have_the_expected_shape_and_not_be_zero():
    assert validation.check_vectors("v", [[1, 0]], count=1, dimension=2).dtype == np.float32
    for wrong in ([[0, 0]], [[1, math.nan]], [[1, 0, 0]], [[1, 0], [1, 0]], [1, 0]):
        with pytest.raises(VectorDBError):
            validation.check_vectors("v", wrong, count=1, dimension=2)
    with pytest.raises(VectorDBError):
        validation.check_vectors("v", [["a", "b"]], count=1, dimension=2)


def test_times_at_the_ends_of_the_calendar_are_kept_or_refused():
    assert (
        timestamps.from_milliseconds(
            timestamps.to_milliseconds(datetime.max.replace(tzinfo=UTC))
        ).year
        == 9999
    )
    with pytest.raises(ValidationError, match="1 to 9999"):
        timestamps.to_milliseconds(
            datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1)))
        )


class Word(str, enum.Enum):  # noqa: UP042  a StrEnum would be told as what it is worth
    ALPHA = "alpha"


class Zone(tzinfo):
    """A zone that tells nothing."""


class Silent(tzinfo):
    """A zone without an offset."""

    def utcoffset(self, moment):
        return None


class Fickle(tzinfo):
    """A zone that tells its offset once."""

    def __init__(self):
        self.offsets = [timedelta(0)]

    def utcoffset(self, moment):
        return self.offsets.pop()


class Unwilling:
    """An array that cannot be read, like a tensor with a gradient."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("secret")


def test_a_flag_is_a_real_boolean():
    assert (validation.check_flag("x", True), validation.check_flag("x", np.bool_(False))) == (
        True,
        False,
    )
    for value in ("false", 0, 1, None, np.array([1, 2])):
        with pytest.raises(ValidationError, match=r"^x must be True or False"):
            validation.check_flag("x", value)


def test_subclasses_of_plain_types_are_stored_as_plain_types():
    assert type(validation.check_identifier("x", Word.ALPHA)) is str
    assert validation.check_metadata(
        "x", {"a": Word.ALPHA, "b": np.float64(0.5), "c": np.int64(3), "d": date(2024, 5, 1)}
    ) == {
        "a": "alpha",
        "b": 0.5,
        "c": 3,
        "d": "2024-05-01",
    }


@pytest.mark.parametrize("value", ["\u200b \n", "\t\n", "\u200b", " "])
def test_invisible_text_is_refused_as_empty(value):
    with pytest.raises(ValidationError, match="empty"):
        validation.check_text("x", value, characters=10)


def test_characters_without_a_unicode_name_count_as_visible():
    assert validation.check_text("x", "\U0010ffff", characters=10)
    assert validation.check_text("x", "\ue000", characters=10)


@pytest.mark.parametrize("zone", [Zone(), Silent(), Fickle()])
def test_a_zone_without_an_offset_is_refused(zone):
    moment = datetime(2024, 1, 1, tzinfo=zone)
    if isinstance(zone, Fickle):
        assert moment.utcoffset() == timedelta(0)
    with pytest.raises(ValidationError, match="zone"):
        timestamps.to_milliseconds(moment)


def test_a_function_must_be_callable():
    assert validation.check_function("x", None) is None
    assert validation.check_function("x", print) is print
    with pytest.raises(ValidationError, match=r"^x must be a function"):
        validation.check_function("x", 5)


@pytest.mark.parametrize(
    "rows",
    [
        [[10**400] * 2],
        [["1", "2"]],
        [[1j, 2j]],
        [[3e38, 3e38]],
        [[None, 1]],
        [[True, True]],
        Unwilling(),
    ],
)
def test_vectors_must_be_numbers_with_finite_lengths(rows):
    with pytest.raises(VectorDBError) as caught:
        validation.check_vectors("x", rows, count=1, dimension=2)
    assert "secret" not in str(caught.value)


class LyingText(str):
    """A text that claims to equal every other one and to be short."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return True

    def __len__(self):
        return 1

    def __str__(self):
        return "allowed"


class LyingNumber(int):
    """A number that claims to be within every bound."""

    def __le__(self, other):
        return True

    __ge__ = __lt__ = __gt__ = __le__

    def __int__(self):
        return 1


def test_a_value_is_what_it_is_not_what_its_methods_say():
    for check in (
        lambda: validation.check_choice("field", LyingText("other"), ["allowed"]),
        lambda: validation.check_string("field", LyingText("x" * 9), characters=8),
        lambda: validation.check_integer("field", LyingNumber(9), minimum=0, maximum=8),
        lambda: validation.check_number("field", LyingNumber(9), minimum=0, maximum=8),
        lambda: validation.dump_metadata("field", {"x": LyingNumber(2**63)}),
    ):
        with pytest.raises(ValidationError, match="field"):
            check()


def test_values_of_subclasses_become_plain_ones():
    for value in (
        validation.check_string("field", LyingText("other"), characters=8),
        validation.check_integer("field", LyingNumber(7), minimum=0, maximum=8),
        *validation.check_mapping("field", {LyingText("key"): 1}),
    ):
        assert type(value) in {str, int}
        assert value in ("other", 7, "key")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_while_an_argument_is_read_passes_through(error):
    def interrupt(*_):
        raise error

    interrupting = type("Interrupting", (dict,), {"items": interrupt, "__iter__": interrupt})
    with pytest.raises(error):
        validation.dump_metadata("field", interrupting(x=1))
    with pytest.raises(error), validation.reading("field"):
        interrupt()


@pytest.mark.parametrize(
    ("key", "known_keys", "text"),
    [
        ("lmit", ["limit", "query"], "an unknown key 'lmit'; did you mean limit?"),
        ("colour", ["limit", "query"], "an unknown key 'colour'; known are: limit, query"),
        (7, ["limit"], "an unknown key of the type int; known are: limit"),
        ("x" * 10**6, ["limit"], f"an unknown key '{'x' * 64}...'; known are: limit"),
        ("colour", [], "an unknown key 'colour'"),
    ],
)
def test_an_unknown_key_is_told_with_what_the_caller_may_have_meant(key, known_keys, text):
    assert validation.describe_unknown_key(key, known_keys) == text
