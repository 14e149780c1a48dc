"""Messages and conversations are checked once; errors name positions and fields, never values."""

import enum
import types
from datetime import UTC, date, datetime, tzinfo

import numpy as np
import pydantic
import pytest

from mcp_context_persistence.kg import models
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.filter_tokens import build_shared_tokens, read_project, read_tags
from mcp_context_persistence.kg.writes import upsert
from mcp_context_persistence.queries.search.filters import read_filters

SECRET = "SeCrEt"


class Word(str, enum.Enum):  # noqa: UP042  a StrEnum would be told as what it is worth
    ALPHA = "alpha"
    USER = "user"
    HYBRID = "hybrid"


class Silent(tzinfo):
    """A zone without an offset."""

    def utcoffset(self, moment):
        return None


def message(**given):
    return models.conversation("c", [{"role": "user", "content": "hi", **given}]).messages[0]


@pytest.mark.parametrize(
    "given",
    [
        "2024",
        "20240501",
        " 1714521600",
        "1.5e9",
        b"1714521600",
        5,
        5.0,
        np.int64(5),
        True,
        SECRET,
        "2024-13-01",
    ],
)
def test_a_time_stamp_is_a_date_and_time(given):
    with pytest.raises(ValidationError) as caught:
        message(timestamp=given)
    assert (
        str(caught.value)
        == "messages.0.timestamp: must be a date and time, such as 2026-01-31T12:00:00Z"
    )


@pytest.mark.parametrize(
    "given",
    [
        datetime(2024, 5, 1, tzinfo=UTC),
        datetime(2024, 5, 1),  # noqa: DTZ001 - a naive time is one of the subjects
        date(2024, 5, 1),
        "2024-05-01",
        "2024-05-01T02:00:00+02:00",
    ],
)
def test_moments_days_and_their_iso_strings_are_time_stamps(given):
    found = message(timestamp=given).timestamp
    assert (found if found.tzinfo else found.replace(tzinfo=UTC)) == datetime(
        2024, 5, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "given",
    [
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00+14:00",
        datetime(2024, 1, 1, tzinfo=Silent()),
    ],
)
def test_a_time_stamp_that_cannot_be_stored_is_named(given):
    with pytest.raises(ValidationError, match=r"^messages\.0\.timestamp: a timestamp must"):
        message(timestamp=given)
    with pytest.raises(ValidationError, match=r"^created_at: a timestamp must"):
        models.conversation("c", [{"role": "user", "content": "hi"}], created_at=given)


@pytest.mark.parametrize("key", ["Contents", "time_stamp", "zwölf", "a\nb", "long" * 1000])
def test_an_unknown_key_is_kept(key):
    assert message(**{key: SECRET}).extra == {key: SECRET}


@pytest.mark.parametrize("key", [4711, ("a",)])
def test_an_unknown_key_is_a_string(key):
    with pytest.raises(ValidationError) as caught:
        models.conversation("c", [{"role": "user", "content": "hi", key: SECRET}])
    assert str(caught.value) == f"messages.0: must have strings as keys, not {type(key).__name__}"
    assert caught.value.__cause__ is None


def test_a_key_that_is_no_text_is_not_told():
    with pytest.raises(
        ValidationError, match=r"^messages\.0: contains half of a surrogate pair"
    ) as caught:
        models.conversation("c", [{"role": "user", "content": "hi", f"{SECRET}\ud800": 1}])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("key", [SECRET.encode(), (SECRET,), 4711, None])
def test_keys_of_metadata_are_strings_and_not_told(key):
    with pytest.raises(ValidationError) as caught:
        message(metadata={key: 1})
    assert str(caught.value) == (
        f"messages.0.metadata: must have strings as keys, not {type(key).__name__}"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"content": 5}, "messages.0.content: must be a valid string"),
        ({"metadata": "x"}, "messages.0.metadata: must be a mapping"),
        ({"role": None}, "messages.0.role: must be a valid string"),
    ],
)
def test_what_is_wrong_is_said_in_one_voice(given, said):
    with pytest.raises(ValidationError) as caught:
        message(**given)
    assert str(caught.value) == said


def test_what_is_missing_and_what_is_no_message_is_said_too():
    with pytest.raises(
        ValidationError, match=r"^messages\.0\.role: is missing; messages\.0\.content: is missing$"
    ):
        models.conversation("c", [{}])
    for wrong in (SECRET, models.Message, 5):
        with pytest.raises(ValidationError, match=r"^messages\.0: must be a mapping$"):
            models.conversation("c", [wrong])


def test_objects_that_were_made_without_a_check_are_checked():
    for wrong in (
        models.Message.model_construct(),  # type: ignore[call-arg]
        models.Message.model_construct(role=SECRET, content=5),
    ):
        with pytest.raises(ValidationError, match=r"messages\.0\.role") as caught:
            models.conversation("c", [wrong])
        assert SECRET not in str(caught.value)


def test_strings_of_an_enumeration_are_plain_strings_inside():
    made = models.conversation(
        Word.ALPHA,
        [
            {
                "role": Word.USER,
                "content": Word.ALPHA,
                "id": Word.ALPHA,
                "name": Word.ALPHA,
                "metadata": {Word.ALPHA: [Word.ALPHA]},
            }
        ],
        project_path=Word.ALPHA,
        mode=Word.HYBRID,
        metadata={"project": Word.ALPHA, "tags": [Word.ALPHA]},
    )
    one = made.messages[0]
    plain = [
        made.conversation_id,
        made.project_path,
        made.mode,
        one.role,
        one.content,
        one.id,
        one.name,
        *(one.metadata or {}),
    ]
    plain += [read_project(None, made.metadata), *read_tags(made.metadata), *one.metadata["alpha"]]
    assert {type(value) for value in plain} == {str}
    assert plain == ["alpha", "alpha", "hybrid", "user", *["alpha"] * 7]


def test_metadata_is_hashed_as_it_is_stored_and_filtered_by_the_same():
    given = {
        "day": date(2024, 5, 1),
        "word": Word.ALPHA,
        "one": 1.0,
        "half": np.float64(0.5),
        "big": np.int64(2**40),
        "yes": np.bool_(True),
    }
    made = models.conversation(
        "c", [{"role": "user", "content": "hi"}], metadata=types.MappingProxyType(given)
    )
    tokens = set(build_shared_tokens(made.metadata))
    asked = [
        ("day", "2024-05-01"),
        ("day", date(2024, 5, 1)),
        ("word", "alpha"),
        ("word", Word.ALPHA),
        ("one", 1),
        ("one", np.float32(1)),
    ]
    asked += [
        ("half", 0.5),
        ("half", np.float64(0.5)),
        ("big", 2**40),
        ("big", float(2**40)),
        ("yes", True),
        ("yes", np.bool_(True)),
    ]
    for key, value in asked:
        assert set(read_filters({f"metadata.{key}": value}).groups[0]) <= tokens, (key, value)
    assert not set(read_filters({"metadata.one": True}).groups[0]) & tokens


def test_entities_and_relationships_keep_what_json_makes_of_their_metadata():
    given = {"day": date(2024, 5, 1), "pair": (1, 2)}
    kept = {"day": "2024-05-01", "pair": [1, 2]}
    assert upsert.parse_entity({"id": "a", "metadata": given}, path="x").metadata == kept
    link = {"from_entity": "a", "to_entity": "b", "relationship_type": "uses", "properties": given}
    assert upsert.parse_relationship(link, path="x").properties == kept


def test_two_names_of_one_end_are_compared_only_when_they_are_words():
    link = {
        "from_entity": np.array([1, 2]),
        "source_entity_id": np.array([1, 2]),
        "to_entity": "b",
        "relationship_type": "uses",
    }
    with pytest.raises(ValidationError, match=r"^x\.from_entity is given twice"):
        upsert.parse_relationship(link, path="x")


def test_an_unknown_argument_is_named_without_another_name():
    class Arguments(pydantic.BaseModel, extra="forbid"):
        text: str = ""

    with pytest.raises(pydantic.ValidationError) as raised:
        Arguments.model_validate({"tex": 1})
    explained = str(models.explain(raised.value, known_keys=("text",)))
    assert explained == "there is an unknown key 'tex'; did you mean text?"
