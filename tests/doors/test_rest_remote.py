"""A client of the service has the same calls, responses and errors as a client of the store."""

import inspect
import re
from datetime import UTC, datetime

import pytest

from mcp_context_persistence import ContextPersistenceClient, exceptions, models
from mcp_context_persistence.service.lease import LocalSecret, ServiceAddress
from mcp_context_persistence.service.remote import RemoteClient
from mcp_context_persistence.service.routes import ROUTES
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import run_service


@pytest.fixture(scope="module")
def shared(server):
    """A service with the secret of a lease, and its address."""
    secret = LocalSecret()
    settings = ServiceSettings(database_url=server.bolt_url, auth=server.auth)
    with run_service(settings, secret=secret, path="/healthz") as service:
        yield (
            ServiceAddress(
                host="127.0.0.1", port=service.port, pid=0, started="", secret=secret.text
            ),
            service,
        )


@pytest.fixture
def remote(shared, client):
    """A client of the service, in the namespace of a client of the store."""
    with RemoteClient(shared[0], client.namespace) as remote:
        yield remote


def test_the_table_is_that_of_the_service(open_service):
    paths = open_service.app.openapi()["paths"]
    for name, route in ROUTES.items():
        path = re.sub(r"{source_entity_id}", "{entity_id}", f"/v1{route.path}")
        operation = paths[path][route.method.lower()]
        assert operation["operationId"] == name
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        if not route.items:
            assert schema.endswith(f"/{route.response}"), name
        assert hasattr(models, route.response)
        signature = inspect.signature(getattr(ContextPersistenceClient, name))
        names = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name != "self"
        ]
        assert list(route.positional) == names[: len(route.positional)], name
        assert set(re.findall(r"{(\w+)}", route.path)) <= set(names), name


def test_the_answers_are_those_of_a_client(client, remote):
    time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    messages = [
        {
            "id": "r-1",
            "role": "user",
            "content": "The OrderValidator uses pandas.",
            "timestamp": time,
        },
        models.Message(id="r-2", role="assistant", content="We decided to use pydantic."),
    ]
    saved = remote.save_conversation("a/b", messages, metadata={"project": "orders"})
    assert isinstance(saved, models.SaveConversationResponse)
    talk = models.Conversation(conversation_id="object", messages=messages[:1])
    with pytest.raises(exceptions.ValidationError):
        remote.save_conversation(talk)  # the id of its message belongs to another conversation
    remote.append_messages("a/b", [{"role": "user", "content": "Thanks."}])
    remote.save_document("runbook", "Restart PostgreSQL first.")
    remote.save_decision("a/b", "technology", "We compared.", "Use pydantic.", 0.8)
    remote.create_relationship("OrderValidator", "pandas", "depends on", confidence=0.9)
    reads = {
        "load_conversation_history": (("a/b",), {"after": datetime(2020, 1, 1, tzinfo=UTC)}),
        "list_conversations": (({"project": "orders"},), {"limit": 1}),
        "get_message": (("r-1",), {}),
        "get_document": (("runbook",), {}),
        "list_decisions": ((), {"status": ["accepted", "proposed"]}),
        "get_entity": (("OrderValidator",), {}),
        "query_knowledge_graph": (("OrderValidator",), {"include_unasserted": True}),
        "find_shortest_paths": (("OrderValidator", "pandas"), {"weighted": False}),
        "find_central_entities": (("degree",), {"top_k": 3}),
        "detect_communities": ((), {}),
        "find_similar_entities": ((), {}),
        "search_hybrid": (("pandas",), {"filters": models.SearchFilters(project="orders")}),
        "build_context": (("pandas",), {}),
        "get_conversation_stats": ((), {}),
        "find_duplicate_entities": ((), {"limit": 5}),
    }
    for name, (args, kwargs) in reads.items():
        answers = [strip(getattr(side, name)(*args, **kwargs)) for side in (client, remote)]
        assert answers[0] == answers[1], name
    params = models.HybridSearchParams(query="pandas", limit=1)
    assert strip(remote.search_hybrid(params)) == strip(client.search_hybrid(params))
    assert remote.detect_communities().truncated is False


def strip(answer):
    """An answer without the time that it took; cursors of the service are signed."""
    if isinstance(answer, list):
        return [strip(item) for item in answer]
    return answer.model_dump(exclude={"processing_time", "next_cursor"})


def test_the_errors_are_those_of_a_client(client, remote):
    calls = {
        "load_conversation_history": ("missing",),
        "get_entity": ("missing",),
        "search_hybrid": ("",),
        "create_relationship": ("missing", "missing too", "uses"),
        "save_document": ("long", "x" * 1_000_001),
        "query_knowledge_graph": ("missing", 9),
    }
    for name, args in calls.items():
        errors = []
        for side in (client, remote):
            with pytest.raises(exceptions.ContextPersistenceError) as raised:
                getattr(side, name)(*args)
            errors.append(raised.value)
        public = next(
            base for base in type(errors[0]).__mro__ if base.__name__ in exceptions.__all__
        )
        assert type(errors[1]) is public, name
        assert errors[0].retryable == errors[1].retryable
        assert errors[0].outcome == errors[1].outcome


def test_what_cannot_be_sent_is_refused(remote):
    with pytest.raises(exceptions.ValidationError):
        remote.build_context("x", count_tokens=len)
    with pytest.raises(exceptions.ValidationError):
        remote.get_message("")
    with pytest.raises(TypeError):
        remote.get_message("a", "b")
    with pytest.raises(AttributeError, match="open the store"):
        remote.configure_cache()


def test_a_service_that_has_gone_is_an_error_that_may_be_retried(shared):
    from dataclasses import replace

    with RemoteClient(replace(shared[0], port=1)) as remote:
        with pytest.raises(exceptions.DatabaseError) as raised:
            remote.get_conversation_stats()
        assert (raised.value.retryable, raised.value.outcome) == (True, "not_applied")
        with pytest.raises(exceptions.DatabaseError) as raised:
            remote.save_document("a", "b")
        assert raised.value.outcome == "unknown"
