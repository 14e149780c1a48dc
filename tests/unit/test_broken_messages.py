"""What is wrong with messages that are no requests."""

import json

import pytest
from mcp_types import PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError

from mcp_context_persistence.mcp_server.broken_messages import explain_broken

REQUEST = '{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"x": %s}}'


@pytest.mark.parametrize(
    ("value", "ids"),
    [("1,}", []), (r'"\ud800"', [7]), ("[" * 500 + "]" * 500, [7]), (json.dumps("a")[:-1], [])],
    ids=["comma", "surrogate", "levels", "cut"],
)
def test_the_error_says_that_the_message_is_no_json_and_has_the_id_that_can_be_read(value, ids):
    with pytest.raises(ValidationError) as caught:
        jsonrpc_message_adapter.validate_json(REQUEST % value, by_name=False)
    error, found = explain_broken(caught.value)
    assert (error.code, found) == (PARSE_ERROR, ids)
    assert error.message.startswith("the message is not valid JSON, or it")
