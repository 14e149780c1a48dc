"""What the service sends to processes of its user is what the client has returned."""

import json

import pytest

from mcp_context_persistence import exceptions
from mcp_context_persistence.models import SaveConversationResponse
from mcp_context_persistence.rest.local_calls import _write_result
from mcp_context_persistence.service.calls import RESULT_HEADER
from mcp_context_persistence.service.remote import NotAnsweredError, _read_result, _write_call


def test_the_failures_of_a_batch_keep_their_errors():
    saved = SaveConversationResponse(
        conversation_id="a",
        message_count=1,
        status="saved",
        embeddings_generated=1,
        processing_time=0.1,
    )
    failed = [
        saved.model_copy(update={"success": False, "error": str(error)}).with_failure(error)
        for error in (
            exceptions.ValidationError("messages: must not be empty"),
            exceptions.DatabaseError("The store is away.", retryable=True, outcome="unknown"),
        )
    ]
    response = _write_result([saved, *failed])
    results = _read_result(response.headers[RESULT_HEADER], bytes(response.body))
    rows = [result.model_dump() for result in results]
    assert rows == [result.model_dump() for result in (saved, *failed)]
    assert results[0].failure is None
    for result, sent in zip(results[1:], failed, strict=True):
        assert type(result.failure) is type(sent.failure)
        assert str(result.failure) == str(sent.failure)
        for field in ("retryable", "outcome"):
            assert getattr(result.failure, field) == getattr(sent.failure, field)


def test_only_what_json_keeps_as_it_is_is_sent():
    for metadata in ({1: "a"}, {"a": [{None: 1}]}, {"a": ({True: 1},)}, {"a": b"b"}, {"a": {1}}):
        with pytest.raises(NotAnsweredError):
            _write_call("save_document", ("d", "a text"), {"metadata": metadata})
    kept = {"a": [{"b": None}], "c": 1.5}
    sent = _write_call("save_document", ("d", "a text"), {"metadata": kept, "progress": print})
    assert json.loads(sent) == ["save_document", ["d", "a text"], {"metadata": kept}]
