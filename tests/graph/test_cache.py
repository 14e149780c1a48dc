"""Cached answers equal computed ones, and every write removes them, in memory and in Redis."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient, cypher
from mcp_context_persistence.kg import namespaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.namespaces import clear
from mcp_context_persistence.models import HybridSearchParams

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = [
    {
        "role": "user",
        "content": "The DataProcessor class uses pandas.",
        "timestamp": "2026-03-01T10:00:00.123Z",
        "metadata": {"a": [1, 2.5, None]},
    },
    {
        "role": "assistant",
        "content": "DataProcessor depends on numpy — naïve, but fast 🐼.",
        "name": "Ana",
    },
]
CALLS = {
    "similar": lambda client: client.search_similar_conversations(
        "uses pandas", min_score=0.0, include_metadata=True
    ),
    "hybrid": lambda client: client.search_hybrid(
        "pandas", filters={"tags": "x"}, include_metadata=True
    ),
    "graph": lambda client: client.query_knowledge_graph("DataProcessor", depth=3),
}
REDIS = shutil.which("redis-server")


@pytest.fixture
def filled(client):
    client.save_conversation(
        "c", MESSAGES, project_path="/p", metadata={"tags": ["x"], "deep": {"b": "c"}}
    )
    return client


@pytest.fixture
def redis_url(tmp_path):
    if REDIS is None:
        pytest.skip(
            "NO REDIS HERE: redis-server is not installed (Debian: apt-get install redis-server); "
            "the cache in Redis is not tested"
        )
    socket = Path("/tmp") / f"redis-{uuid.uuid4().hex[:12]}.sock"  # a socket's path must be short
    command = [
        REDIS,
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
        time.sleep(0.02)
    yield f"unix://{socket}", process
    process.kill()
    process.wait()
    socket.unlink(missing_ok=True)


@pytest.fixture(params=["memory", "file", "redis"])
def cached(request, filled, tmp_path):
    if request.param == "redis":
        filled.configure_cache("redis", redis_url=request.getfixturevalue("redis_url")[0])
    else:
        filled.configure_cache(
            request.param, **({"directory": tmp_path} if request.param == "file" else {})
        )
    return filled


def counts(client):
    found = client._engine.cache.responses.counts
    return found["hits"], found["misses"]


def without_time(answer):
    return answer.model_copy(update={"processing_time": 0.0})


def test_a_kept_answer_equals_the_computed_one(cached):
    for call in CALLS.values():
        computed, kept = call(cached), call(cached)
        assert without_time(kept) == without_time(computed)
        assert kept.model_dump_json(exclude={"processing_time"}) == computed.model_dump_json(
            exclude={"processing_time"}
        )
        assert type(kept) is type(computed)
    assert counts(cached) == (3, 3)
    assert CALLS["similar"](cached).results[0].messages[0].timestamp is not None
    cached.clear_cache()
    CALLS["graph"](cached)
    assert counts(cached) == (4, 4)


def test_arguments_namespaces_and_settings_have_answers_of_their_own(server, cached, tmp_path):
    cached.search_hybrid("pandas")
    cached.search_hybrid("pandas", limit=3)
    cached.search_hybrid("pandas", mode="keyword")
    assert counts(cached) == (0, 3)
    for options in (
        {"namespace": cached.namespace + "-other"},
        {"namespace": cached.namespace, "config": {"max_entities_per_text": 7}},
    ):
        with ContextPersistenceClient(server.bolt_url, auth=server.auth, **options) as other:
            other.configure_cache("file", directory=tmp_path)
            other.save_conversation("d", MESSAGES)
            other.search_hybrid("pandas")
            assert counts(other) == (0, 1)
            other.clear_cache()


WRITES = {
    "save_conversation": lambda client: client.save_conversation(
        "c", [*MESSAGES, {"role": "user", "content": "pandas again"}]
    ),
    "save_decision": lambda client: client.save_decision(
        "c", "tool", "We compared pandas with polars", "Use pandas"
    ),
    "extract_entities": lambda client: client.extract_entities(
        "The OrderParser class uses polars."
    ),
    "extract_entities, linked": lambda client: client.extract_entities(
        "The OrderParser class uses polars.", conversation_id="c"
    ),
    "create_relationship": lambda client: client.create_relationship(
        "DataProcessor", "pandas", "likes"
    ),
    "update, entities": lambda client: client.update_knowledge_graph(
        [{"id": "pandas", "description": "d"}], []
    ),
    "update, relationships": lambda client: client.update_knowledge_graph(
        [], [{"from_entity": "pandas", "to_entity": "DataProcessor", "relationship_type": "serves"}]
    ),
    "update, both": lambda client: client.update_knowledge_graph(
        [{"id": "x"}],
        [{"from_entity": "x", "to_entity": "DataProcessor", "relationship_type": "serves"}],
    ),
    "merge_entities": lambda client: client.merge_entities("DataProcessor", "pandas"),
    "clear": lambda client: client._engine.graph.run(clear(client.namespace)),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_write_of_another_client_ends_what_is_kept(server, filled, write):
    filled.configure_cache()
    CALLS["hybrid"](filled)
    CALLS["hybrid"](filled)
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=filled.namespace
    ) as other:
        WRITES[write](other)
    CALLS["hybrid"](filled)
    assert counts(filled) == (1, 2)


def test_an_argument_that_is_left_out_is_not_the_one_that_is_given(server, namespace):
    """A setting replaces only an omitted argument, even where a given one equals the default."""
    config = {"default_search_limit": 1, "enable_hybrid_search": False}
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, config=config
    ) as client:
        client.save_conversation(
            "c", [{"role": "user", "content": f"pandas, part {number}"} for number in range(3)]
        )
        client.configure_cache("memory")
        assert len(client.search_hybrid("pandas").results) == 1
        assert len(client.search_hybrid("pandas", limit=10).results) == 4  # and the entity
        assert (
            len(client.search_hybrid(HybridSearchParams(query="pandas", mode="semantic")).results)
            == 1
        )
        assert (
            len(
                client.search_hybrid(
                    HybridSearchParams(query="pandas", mode="semantic", limit=10)
                ).results
            )
            == 4
        )
        with pytest.raises(ValidationError, match="mode"):
            client.search_hybrid("pandas", mode="hybrid")


def test_another_namespace_ends_nothing(server, filled):
    filled.configure_cache()
    CALLS["graph"](filled)
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=filled.namespace + "-other"
    ) as other:
        other.save_conversation("c", MESSAGES, mode="knowledge")
    CALLS["graph"](filled)
    assert counts(filled) == (1, 1)


# They write, and are never the last of their transaction; or their change is none of an answer.
EXEMPT = {
    "conversation/lock",
    "delete/conversation_contents",
    "delete/decision_texts",
    "delete/document",
    "delete/entity_state",
    "delete/mark_conversation",
    "delete/snapshots",  # `delete/texts` or another one renews it in the same transaction
    "delete/unlink_message",
    "entity/claim",
    "merge/claim",
    "entity/save",
    "relationship/read",
    "namespace/settled_version",
    "analytics/queue",  # no response contains the queue
    "maintenance/change_password",
    *(
        "vectors/begin",
        "vectors/clear",
        "vectors/fill",
        "vectors/lock",
    ),  # what is beside the vectors in use is in no answer
}


def test_every_statement_that_writes_renews_the_version():
    """Without a new version, a cached answer could be stale.

    A statement ends as `relationship/save` does, or `namespace/touch` runs last.
    """
    forgetful = {
        name
        for name in cypher.list_names()
        if not name.startswith(("schema/", "explore/"))
        if any(word in cypher.load(name).text for word in ("SET ", "MERGE ", "CREATE ", "DELETE "))
        if "SET v.version = randomUUID()" not in cypher.load(name).text
    }
    assert forgetful == EXEMPT - {"namespace/settled_version"}


def test_the_settled_version_waits_for_a_write_that_is_not_complete(server, namespace):
    graph = Graph(server.bolt_url, server.auth)
    first = graph.run(namespaces.touch(namespace))
    assert first == graph.run(namespaces.read_settled_version(namespace))
    with graph.driver.session() as session, session.begin_transaction() as transaction:
        transaction.run(
            cypher.load("namespace/touch").text,
            batch={"namespace": namespace, "expected_state": None},
        ).consume()
        threading.Timer(0.3, transaction.commit).start()
        assert graph.run(namespaces.read_settled_version(namespace)) != first
        time.sleep(0.2)
    graph.close()


def test_a_managed_server_is_asked_only_after_a_commit(managed_store, namespace):
    url = f"local:{managed_store.store}"
    with ContextPersistenceClient(url, namespace=namespace) as client:
        client.save_conversation("c", MESSAGES, mode="knowledge")
        client.configure_cache()
        asked, run = [], client._engine.graph.run
        client._engine.graph.run = lambda statement, **options: (
            asked.append(statement.name),
            run(statement, **options),
        )[1]
        CALLS["graph"](client)
        del asked[:]
        for _ in range(10):
            CALLS["graph"](client)
        assert asked == []
        client._engine.graph.driver.execute_query(
            "CREATE (:Note)"
        )  # whoever commits, the log grows
        CALLS["graph"](client)
        assert asked == ["namespace/settled_version"]
        client.create_relationship("DataProcessor", "pandas", "likes")
        assert "likes" in {one.relationship_type for one in CALLS["graph"](client).neighbors}
        stale_reads(url, f"{namespace}-stale")


def stale_reads(url, namespace, **environment):
    """Let `bench/speed/caching.py` look for stale answers while another process writes."""
    command = [
        sys.executable,
        "-m",
        "bench.speed.caching",
        "--only",
        "stale",
        "--reads",
        "300",
        "--database-url",
        url,
        "--namespace",
        namespace,
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert " 0 stale" in done.stdout


def test_no_answer_is_stale_while_another_process_writes(server, namespace):
    stale_reads(
        server.bolt_url, namespace, CONTEXT_DB_USER=server.user, CONTEXT_DB_PASSWORD=server.password
    )


def test_redis_is_bounded_shared_and_may_go_away(server, filled, redis_url, caplog):
    url, process = redis_url
    filled.configure_cache("redis", cache_size=2, ttl=60, redis_url=url)
    store = filled._engine.cache.responses._store
    for number in range(1, 5):
        filled.search_hybrid("pandas", limit=number)
    assert filled._engine.cache.responses.counts["evictions"] == 2
    keys = store._client.keys("*")
    assert len(keys) == 3
    assert all(0 < store._client.pttl(key) <= 60_000 for key in keys)
    assert not any(b"pandas" in key or filled.namespace.encode() in key for key in keys)
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=filled.namespace
    ) as other:
        other.configure_cache("redis", cache_size=2, ttl=60, redis_url=url)
        other.search_hybrid("pandas", limit=4)
        assert counts(other) == (1, 0)
        other.clear_cache()
    assert store._client.keys("*") == []
    process.kill()
    process.wait()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert filled.search_hybrid("pandas", limit=2).results
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == [
        "mcp_context_persistence.runtime.cache.response_cache"
    ]
    filled.clear_cache()
