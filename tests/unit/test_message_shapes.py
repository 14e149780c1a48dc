"""Messages as assistants' programs have them are read, kept and given back."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mcp_context_persistence.kg import limits, models
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import Message

TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"location": "Brno"}'},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def read(value):
    return models.conversation("c", [value]).messages[0]


def refuse(value):
    with pytest.raises(ValidationError) as caught:
        read(value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("parts", "content", "indexed"),
    [
        ([{"type": "text", "text": "Look"}, IMAGE], "Look", "Look"),
        (["Look", {"type": "input_text", "text": "here"}], "Look\nhere", "Look\nhere"),
        ([{"text": "of Gemini"}], "of Gemini", "of Gemini"),
        ([{"type": "text", "text": {"value": "of a thread", "annotations": []}}],)
        + ("of a thread",) * 2,
        ([IMAGE], "", ""),
        (
            [
                {"type": "text", "text": "Sum"},
                {"type": "file", "file": {"filename": "q3.pdf", "file_data": "x"}},
            ],
            "Sum",
            "Sum\nq3.pdf",
        ),
        (
            [
                {"type": "text", "text": "Go on"},
                {"type": "tool_result", "tool_use_id": "t", "content": "Sunny"},
            ],
            "Go on",
            "Go on\nSunny",
        ),
        (
            [
                {"type": "thinking", "thinking": "hm"},
                {"type": "tool_use", "name": "find", "input": {"q": "x"}},
            ],
            "",
            'find {"q": "x"}',
        ),
    ],
)
def test_the_text_of_parts_is_the_content_and_the_parts_are_kept(parts, content, indexed):
    role = "assistant" if parts[0] == {"type": "thinking", "thinking": "hm"} else "user"
    message = read({"role": role, "content": parts})
    assert (message.content, message.indexed_text, message.parts) == (content, indexed, parts)
    assert message.as_given() == {"role": role, "content": parts}


def test_results_of_tools_are_not_the_words_of_the_user():
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "21 C"}],
    }
    message = read({"role": "user", "content": [result]})
    assert (message.role, message.stored_role, message.content) == ("user", "tool", "21 C")
    message = read({"role": "user", "content": [result, {"type": "text", "text": "Thanks"}]})
    assert (message.stored_role, message.content) == ("user", "Thanks")


def test_no_text_is_allowed_beside_tool_calls_and_for_tools_and_assistants():
    call = read({"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]})
    assert (call.content, call.tool_calls) == ("", [TOOL_CALL])
    assert call.as_given() == {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
    assert read({"role": "assistant", "tool_calls": [TOOL_CALL]}).content == ""
    assert read({"role": "assistant", "content": ""}).content == ""
    assert read({"role": "tool", "content": "", "tool_call_id": "call_1"}).tool_call_id == "call_1"
    assert "get_weather" in call.indexed_text


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"role": "user", "content": ""}, "messages.0.content: must not be empty"),
        ({"role": "user", "content": []}, "messages.0.content: must not be empty"),
        ({"role": "user", "content": None}, "messages.0.content: must be a valid string"),
        ({"role": "user"}, "messages.0.content: is missing"),
        ({"role": "assistant"}, "messages.0.content: is missing"),
        ({"role": "user", "content": [5]}, "messages.0.content.0: must be a mapping or a string"),
        (
            {"role": "user", "content": [{"type": "text", "text": 5}]},
            "messages.0.content.0.text: must be a string",
        ),
        (
            {"role": "user", "content": [{"x": {1}}]},
            "messages.0.content.0.x: contains a value of the type set, which JSON cannot express",
        ),
        (
            {"role": "user", "content": ["\ud800"]},
            "messages.0.content: contains half of a surrogate pair, which cannot be stored",
        ),
        (
            {"role": "user", "content": "x", "other": {1}},
            "messages.0.other: contains a value of the type set, which JSON cannot express",
        ),
        ({"role": "user", "content": "x", 5: 1}, "messages.0: must have strings as keys, not int"),
        (
            {"role": "assistant", "content": "x", "tool_calls": {}},
            "messages.0.tool_calls: must be a list of at most 1,000 items",
        ),
        (
            {"role": "tool", "content": "x", "tool_call_id": "a\nb"},
            "messages.0.tool_call_id: must not contain control characters or line breaks",
        ),
        (
            {"role": "robot", "content": "x"},
            "messages.0.role: must be one of: assistant, developer, function, system, tool, user",
        ),
        (
            {"role": ["user"], "content": None},
            "messages.0.role: must be a valid string; messages.0.content: must be a valid string",
        ),
        ("x", "messages.0: must be a mapping"),
        (5, "messages.0: must be a mapping"),
        (dict, "messages.0: must be a mapping"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_field(value, error):
    assert refuse(value) == error


def test_the_size_of_parts_is_limited():
    room = limits.MESSAGE_DATA_BYTES - len('{"parts":[{"data":"","type":"x"}]}')
    parts = [{"type": "x", "data": "a" * room}]
    assert read({"role": "user", "content": parts}).data_json
    parts[0]["data"] += "a"
    assert "4,000,000 bytes" in refuse({"role": "user", "content": parts})
    count = limits.MESSAGE_PARTS
    assert len(read({"role": "user", "content": ["a"] * count}).parts) == count
    assert "more than 1,000 items" in refuse({"role": "user", "content": ["a"] * (count + 1)})


@pytest.mark.parametrize(
    ("number", "time"),
    [
        (1744577557, datetime(2025, 4, 13, 20, 52, 37, tzinfo=UTC)),
        (1744577560.25, datetime(2025, 4, 13, 20, 52, 40, 250_000, tzinfo=UTC)),
        (1744577557127, datetime(2025, 4, 13, 20, 52, 37, 127_000, tzinfo=UTC)),
    ],
)
def test_numbers_are_seconds_or_milliseconds_since_1970(number, time):
    assert read({"role": "user", "content": "x", "timestamp": number}).timestamp == time


@pytest.mark.parametrize(
    "number", [5, -1744577557, 1e14, float("nan"), float("inf"), True, 99999999]
)
def test_other_numbers_are_no_times(number):
    error = refuse({"role": "user", "content": "x", "timestamp": number})
    assert error.startswith("messages.0.timestamp: must be a date and time")


def test_unknown_keys_are_kept_and_given_back():
    value = {"role": "user", "content": "Hi", "model": "m-1", "usage": {"tokens": 3}}
    message = read(value)
    assert message.extra == {"model": "m-1", "usage": {"tokens": 3}}
    assert message.as_given() == value


class LangChainMessage(BaseModel):
    """The shape of a message of LangChain."""

    content: Any
    type: str
    additional_kwargs: dict = {}
    response_metadata: dict = {}
    name: str | None = None
    id: str | None = None
    example: bool = False
    tool_calls: list = []


class OpenAIMessage(BaseModel):
    """The shape of the message in a response of OpenAI."""

    content: str | None
    role: str
    refusal: str | None = None
    annotations: list = []
    audio: None = None
    tool_calls: list | None = None


@dataclasses.dataclass
class Turn:
    role: str
    content: str


@pytest.mark.parametrize(
    ("value", "role", "content", "extra"),
    [
        (LangChainMessage(type="human", content="Hi"), "user", "Hi", None),
        (
            LangChainMessage(type="ai", content=[{"type": "text", "text": "Yo"}], id="run-1"),
            "assistant",
            "Yo",
            None,
        ),
        (
            LangChainMessage(type="system", content="Be", response_metadata={"a": 1}),
            "system",
            "Be",
            {"response_metadata": {"a": 1}},
        ),
        (OpenAIMessage(role="assistant", content="Hi"), "assistant", "Hi", None),
        (
            OpenAIMessage(role="assistant", content=None, tool_calls=[TOOL_CALL]),
            "assistant",
            "",
            None,
        ),
        (Turn("human", "Hi"), "user", "Hi", None),
        ({"role": "AI", "content": "Hi"}, "assistant", "Hi", None),
        ({"role": "model", "parts": [{"text": "Hi"}]}, "assistant", "Hi", None),
    ],
)
def test_objects_of_other_programs_are_messages(value, role, content, extra):
    message = read(value)
    assert (message.role, message.content, message.extra) == (role, content, extra)
    assert message.tool_calls in (None, [TOOL_CALL])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("ab\u00e9 ", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text("xy", min_size=1, max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)
PARTS = st.lists(
    st.text("ab", min_size=1, max_size=3)
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "input_text"]), "text": st.text("ab ")}
    )
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["image", "tool_use", "file", "odd"]), "body": PLAIN}
    ),
    min_size=1,
    max_size=4,
)


@given(content=st.text("ab", min_size=1, max_size=4) | PARTS, extra=PLAIN, calls=st.booleans())
def test_a_message_is_given_back_as_it_was_given(content, extra, calls):
    value = {"role": "assistant", "content": content}
    if calls:
        value["tool_calls"] = [TOOL_CALL]
    if extra is not None:
        value["of_the_program"] = extra
    message = read(value)
    assert message.as_given() == value
    again = models.conversation("c", [message.model_dump()]).messages[0]
    assert again == message == models.conversation("c", [message]).messages[0]
    assert again == Message(**message.as_given())
