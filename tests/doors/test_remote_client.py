"""A client of the service has the same calls, responses and errors as a client of the store."""

import contextlib
import json
import os
from datetime import UTC, datetime

import httpx2
import pytest

from mcp_context_persistence import ContextPersistenceClient, exceptions, models
from mcp_context_persistence.service import calls, lease
from mcp_context_persistence.service import remote as remote_client
from mcp_context_persistence.service.folders import service_folder
from mcp_context_persistence.service.remote import connect
from mcp_context_persistence.service.server import KEEP_ALIVE_SECONDS
from tests.doors.own_client import Own


@pytest.fixture(autouse=True)
def _use_service(server, service_home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(service_home))
    monkeypatch.setenv("CONTEXT_DB_USER", server.user)
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)


@pytest.fixture
def remote(server, client):
    """A client of the service, in the namespace of a client of the store."""
    with connect(server.bolt_url, client.namespace) as remote:
        yield remote


def test_the_calls_are_those_of_the_client(remote):
    names = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")}
    assert names >= calls.OWN_CALLS
    for name in names:
        if calls.is_served(name):
            assert callable(getattr(remote, name))
        elif name != "close":
            with pytest.raises(AttributeError, match="open the store"):
                getattr(remote, name)
    for name in ("no_such_call", "__class__", "_engine"):
        address = lease.find_service(remote._folder, credentials=remote._credentials)
        headers = {"Authorization": address.authorization("default")}
        body = json.dumps([name, [], {}])
        refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
        assert refused.status_code == 404


def test_only_processes_of_the_same_user_may_call(remote):
    address = lease.find_service(remote._folder, credentials=remote._credentials)
    body = json.dumps(["get_conversation_stats", [], {}])
    for headers in ({}, {"Authorization": address.authorization("default")[:-1] + "!"}):
        refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
        assert refused.status_code in {401, 404}


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
        "list_documents": ((), {"order": "id"}),
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
    calls_with_errors = {
        "load_conversation_history": ("missing",),
        "get_entity": ("missing",),
        "search_hybrid": ("",),
        "create_relationship": ("missing", "missing too", "uses"),
        "save_document": ("long", "x" * 1_000_001),
        "query_knowledge_graph": ("missing", 9),
        "list_entities": ({"no such filter": 1},),
        "append_messages": ("a", [{"role": "nobody", "content": "\ud800"}]),
        "get_message": ("",),
    }
    for name, args in calls_with_errors.items():
        errors = []
        for side in (client, remote):
            with pytest.raises(exceptions.ContextPersistenceError) as raised:
                getattr(side, name)(*args)
            errors.append(raised.value)
        public = next(
            base for base in type(errors[0]).__mro__ if base.__name__ in exceptions.__all__
        )
        assert type(errors[1]) is public, name
        for field in ("retryable", "outcome"):
            assert getattr(errors[0], field) == getattr(errors[1], field), name
        assert str(errors[0]) == str(errors[1]), name


def test_what_cannot_be_sent_is_done_by_a_client_of_ones_own(server, client, remote, monkeypatch):
    with pytest.raises(exceptions.DatabaseError, match="cannot be sent"):
        remote.build_context("x", count_tokens=len)
    monkeypatch.setattr("mcp_context_persistence.kg.limits.REQUEST_BODY_BYTES", 1_000)
    with connect(server.bolt_url, client.namespace, open_store=lambda: Own(client)) as both:
        assert both.build_context("x", count_tokens=len).tokens == 0
        assert both.save_document("d", "word " * 1_000).document_id == "d"
        assert both._own.used == ["build_context", "save_document"]


def is_used(url):
    remote = connect(url)
    if remote is not None:
        remote.close()
    return remote is not None


def test_another_version_or_other_settings_are_not_used(server, monkeypatch):
    url = server.bolt_url
    assert is_used(url)
    monkeypatch.setenv("MAX_SEARCH_RESULTS", "7")
    assert not is_used(url)
    monkeypatch.delenv("MAX_SEARCH_RESULTS")
    monkeypatch.setenv("CONTEXT_DB_POOL_SIZE", "7")  # changes no answer
    assert is_used(url)
    monkeypatch.setattr("mcp_context_persistence.service.folders.__version__", "0.0.1")
    assert not is_used(url)


@pytest.mark.parametrize("settings", ["", "no"])
def test_wrong_settings_are_left_to_whoever_opens_the_store(server, monkeypatch, settings):
    monkeypatch.setenv("CONTEXT_DB_POOL_SIZE", settings or "no")
    assert connect(server.bolt_url if settings else None) is None
    assert connect("nothing://like-this") is None


def test_the_service_is_for_those_who_have_its_credentials(server, monkeypatch):
    with connect(server.bolt_url) as remote:
        assert remote.get_conversation_stats()
    in_url = server.bolt_url.replace("://", f"://{server.user}:{server.password}@")
    with connect(in_url) as remote:
        assert remote.get_conversation_stats()
    for name, value in (("PASSWORD", "hunter2"), ("USER", "somebody"), ("PASSWORD", "")):
        with monkeypatch.context() as patch:
            patch.setenv(f"CONTEXT_DB_{name}", value)
            assert connect(server.bolt_url) is None
    address = lease.read_address(service_folder(server.bolt_url))
    body = json.dumps(["get_conversation_stats", [], {}])
    headers = {"Authorization": address.authorization("default")}  # the secret of the file alone
    refused = httpx2.post(f"{address.url}/call", content=body, headers=headers)
    assert refused.status_code in {401, 404}


def test_a_connection_that_the_service_may_close_is_not_used(remote, monkeypatch):
    assert remote_client.KEEP_SECONDS < KEEP_ALIVE_SECONDS
    assert remote.get_conversation_stats()
    [first] = remote._idle
    assert remote.get_conversation_stats()
    assert remote._idle[0].connection is first.connection
    monkeypatch.setattr(remote_client, "KEEP_SECONDS", 0.0)
    assert remote.get_conversation_stats()
    assert remote._idle[0].connection is not first.connection


def test_an_interrupted_call_leaves_no_answer_for_the_next(remote, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    remote.save_document("a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(remote_client, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remote.get_document("a")
    assert remote.list_conversations().conversations == []


def test_a_forked_child_has_connections_of_its_own(remote):
    remote.save_document("a", "b")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.write(writing, remote.get_document("a").text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 9) == b"b"
    assert remote.get_document("a").text == "b"
    os.close(reading)
    os.close(writing)
