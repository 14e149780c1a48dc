"""Settings take effect; metrics, logs and errors of real calls contain no saved text."""

import logging
import urllib.request

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    DatabaseError,
    ValidationError,
)
from mcp_context_persistence.models import HybridSearchParams
from mcp_context_persistence.runtime.telemetry import log_settings

MESSAGES = [
    {"role": "user", "content": f"The OrderValidator class number {number} uses pandas."}
    for number in range(12)
]


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def connect(server, namespace):
    """A client with the tests' server and some settings."""
    opened = []

    def open_client(config=None, **arguments):
        opened.append(
            ContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace, config=config, **arguments
            )
        )
        return opened[-1]

    yield open_client
    for one in opened:
        one.close()


def test_the_environment_names_the_server(server, namespace, monkeypatch):
    monkeypatch.setenv("CONTEXT_DB_URL", server.bolt_url)
    monkeypatch.setenv("CONTEXT_DB_USER", server.user)
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)
    with ContextPersistenceClient(namespace=namespace) as client:
        assert client.get_conversation_stats().stats.total_conversations == 0
        shown = client.configuration()
    assert (shown["database_url"], shown["database_user"], shown["namespace"]) == (
        server.bolt_url,
        server.user,
        namespace,
    )
    assert not server.password or server.password not in str(shown)


def test_the_usual_variables_or_a_file_of_credentials_name_the_server(
    server, namespace, tmp_path, monkeypatch
):
    variables = {
        "NEO4J_URI": f"{server.bolt_url}/",
        "NEO4J_USERNAME": server.user,
        "NEO4J_PASSWORD": server.password,
        "NEO4J_DATABASE": "neo4j",
    }
    file = tmp_path / "Neo4j-1234abcd-Created-2026-01-15.txt"
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    with ContextPersistenceClient(namespace=namespace, credentials_file=file) as client:
        client.save_conversation("c", MESSAGES[:1])
        assert client.configuration()["database_url"] == variables["NEO4J_URI"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with ContextPersistenceClient(namespace=namespace) as client:
        assert client.get_conversation_stats().stats.total_conversations == 1
    with ContextPersistenceClient(
        f"{server.bolt_url}?database=neo4j", namespace=namespace
    ) as client:
        assert client.get_conversation_stats().stats.total_conversations == 1


def test_the_file_names_the_server(server, namespace, tmp_path):
    lines = (
        f"database:\n  url: {server.bolt_url}\n  user: '{server.user}'\n"
        f"  password: '{server.password}'\n  pool_size: 2\n  max_overflow: 1\n"
    )
    (tmp_path / "config.yaml").write_text(lines)
    with ContextPersistenceClient(namespace=namespace) as client:
        assert client.get_conversation_stats().stats.total_conversations == 0
        assert client._engine.graph.driver._pool.pool_config.max_connection_pool_size == 3


def test_limits_of_searches(connect, monkeypatch):
    plain = connect()
    for number, message in enumerate(MESSAGES):
        plain.save_conversation(f"conversation-{number}", [message])
    assert (
        plain.search_similar_conversations("OrderValidator pandas", min_score=0.0).total_results
        == 5
    )
    assert plain.search_hybrid("OrderValidator pandas").total_results == 10

    monkeypatch.setenv("DEFAULT_SEARCH_LIMIT", "3")
    monkeypatch.setenv("MAX_SEARCH_RESULTS", "7")
    client = connect()
    assert (
        client.search_similar_conversations("OrderValidator pandas", min_score=0.0).total_results
        == 3
    )
    assert client.search_hybrid("OrderValidator pandas").total_results == 3
    assert (
        client.search_hybrid(HybridSearchParams(query="OrderValidator pandas")).total_results == 3
    )
    assert (
        client.search_similar_conversations(
            "OrderValidator pandas", limit=5, min_score=0.0
        ).total_results
        == 5
    )
    assert client.search_hybrid("OrderValidator pandas", limit=7).total_results == 7
    assert (
        client.search_hybrid(
            HybridSearchParams(query="OrderValidator pandas", limit=7)
        ).total_results
        == 7
    )
    for limit in (8, 10):
        with pytest.raises(ValidationError, match="from 1 to 7"):
            client.search_hybrid("OrderValidator pandas", limit=limit)

    monkeypatch.delenv("DEFAULT_SEARCH_LIMIT")
    assert (
        connect().search_hybrid("OrderValidator pandas").total_results == 7
    )  # the documented 10 is above the largest


def test_the_least_score_of_a_search(connect, monkeypatch):
    connect().save_conversation("one", MESSAGES[:1])
    query = "Which tool checks the orders?"
    found = connect().search_similar_conversations(query)
    assert found.total_results == 0
    assert 0.1 < found.best_score < 0.7
    monkeypatch.setenv("MIN_SIMILARITY_SCORE", "0.1")
    assert connect().search_similar_conversations(query).total_results == 1
    assert connect().search_similar_conversations(query, min_score=0.7).total_results == 0
    monkeypatch.setenv("MIN_SIMILARITY_SCORE", "0.0")
    assert connect().search_similar_conversations(query).total_results == 1


def test_hybrid_search_can_be_turned_off(connect):
    client = connect({"enable_hybrid_search": False})
    client.save_conversation("one", MESSAGES[:1])
    assert client.search_hybrid("OrderValidator").mode == "semantic"
    assert client.search_hybrid(HybridSearchParams(query="OrderValidator")).mode == "semantic"
    assert client.search_hybrid("OrderValidator", mode="keyword").mode == "keyword"
    for arguments in (
        {"query": "OrderValidator", "mode": "hybrid"},
        {"query": HybridSearchParams(query="x", mode="hybrid")},
    ):
        with pytest.raises(ValidationError, match="enable_hybrid_search"):
            client.search_hybrid(**arguments)


def test_settings_of_the_language_models(connect, monkeypatch):
    monkeypatch.setenv("ENTITY_EXTRACTION_THRESHOLD", "1.0")
    monkeypatch.setenv("BATCH_SIZE", "5")
    monkeypatch.setenv("SPACY_MODEL", "no_such_model")
    monkeypatch.setenv("MAX_CONVERSATION_LENGTH", "3")
    client = connect(spacy_model="en_core_web_sm")  # written out, so it goes before SPACY_MODEL
    found = client.extract_entities(MESSAGES[0]["content"])
    assert (found.entities, found.stored) == ([], True)
    assert client._engine.embeddings.newest._options["batch_size"] == 5
    with pytest.raises(ValidationError, match="max_conversation_length"):
        client.save_conversation("long", MESSAGES[:4])
    with pytest.raises(ContextPersistenceError, match="no_such_model"):
        connect().extract_entities(MESSAGES[0]["content"])
    monkeypatch.setenv("SENTENCE_TRANSFORMER_MODEL", "no-such-model")
    with pytest.raises(ContextPersistenceError):
        connect(spacy_model="en_core_web_sm").search_hybrid("anything")


def test_a_vector_size_that_the_store_does_not_have_is_refused(server, namespace, monkeypatch):
    monkeypatch.setenv("VECTOR_SIZE", "383")
    with (
        pytest.raises(ContextPersistenceError),
        ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client,
    ):
        client.search_hybrid("anything")


def test_what_has_no_meaning_is_said_once(connect, monkeypatch, caplog):
    from mcp_context_persistence.runtime.engine import _log_once

    _log_once.cache_clear()
    for name in ("VECTOR_DB_URL", "VECTOR_DB_API_KEY", "VECTOR_COLLECTION_NAME"):
        monkeypatch.setenv(name, "s3cret")
    with caplog.at_level(logging.INFO, logger=log_settings.TREE):
        connect({"echo": True})
        connect({"echo": True}, vector_db_url="other")
    said = [
        record.getMessage().split(" ")[0]
        for record in caplog.records
        if "not used" in record.getMessage()
    ]
    assert said == ["vector_db_url", "vector_db_api_key", "vector_collection_name", "echo"]
    assert "s3cret" not in caplog.text


def test_metrics_of_real_calls(connect):
    client = connect(enable_metrics=True, metrics_port=0)
    client.save_conversation("one", MESSAGES[:2])
    client.search_hybrid("OrderValidator")
    with pytest.raises(LookupError):
        client.load_conversation_history("missing")
    metrics = client.get_metrics()
    assert (metrics.total_requests, metrics.total_errors) == (3, 1)
    assert metrics.error_rate == pytest.approx(1 / 3)
    assert metrics.avg_response_time > 0
    assert metrics.calls["load_conversation_history"].errors == {"NotFoundError": 1}
    port = client.metrics_port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert (
        'context_persistence_call_seconds_count{call="save_conversation",outcome="ok"} 1.0' in text
    )
    assert "OrderValidator" not in text
    assert client._engine.metrics._server.server_address[0] == "127.0.0.1"
    other = connect(enable_metrics=True)
    assert (other.get_metrics().total_requests, other.metrics_port) == (0, None)
    client.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_the_cache_has_its_settings_and_counts_in_the_metrics(connect, monkeypatch):
    monkeypatch.setenv("CACHE_SIZE", "1")
    client = connect(enable_metrics=True)
    client.save_conversation("c", MESSAGES[:1])
    assert client.get_metrics().cache is None
    client.configure_cache()
    for query in ("pandas", "pandas", "numpy", "pandas"):
        client.search_hybrid(query, "keyword")
    found = client.get_metrics().cache
    assert (found.hits, found.misses, found.evictions) == (1, 3, 2)


def test_metrics_are_off_unless_asked_for(connect):
    with pytest.raises(ValidationError, match="enable_metrics=True"):
        connect().get_metrics()
    with pytest.raises(ValidationError, match="metrics_port"):
        connect(metrics_port=0)


def test_a_client_that_cannot_open_leaves_no_port(monkeypatch):
    from mcp_context_persistence.runtime.telemetry import metrics as module

    made = []
    monkeypatch.setattr(
        module, "Metrics", lambda port, make=module.Metrics: made.append(make(port)) or made[-1]
    )
    with pytest.raises(ValidationError):
        ContextPersistenceClient("nonsense", enable_metrics=True, metrics_port=0)
    with pytest.raises(DatabaseError):
        ContextPersistenceClient(
            "bolt://127.0.0.1:1", enable_metrics=True, metrics_port=0, config={"deadline": 5}
        )
    assert [one.port for one in made] == [None, None]


def test_no_record_holds_what_was_written_or_a_secret(server, namespace, tmp_path, monkeypatch):
    """Every kind of call, good and bad, at DEBUG, with a canary in every text."""
    tree = logging.getLogger(log_settings.TREE)
    before = list(tree.handlers), tree.level
    canary = "Kanarienvogel"
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)
    monkeypatch.setenv("VECTOR_DB_API_KEY", canary)
    config = {"log_level": "DEBUG", "log_format": "json", "log_file": "out.log"}
    seen = []
    catcher = logging.Handler()
    catcher.emit = lambda record: seen.append(f"{record.__dict__} {record.getMessage()}")
    tree.addHandler(catcher)
    try:
        with ContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace, config=config
        ) as client:
            every_call(client, canary)
        with pytest.raises(ContextPersistenceError):
            ContextPersistenceClient(
                server.bolt_url, auth=("neo4j", canary), namespace=namespace, config=config
            )
        text = (tmp_path / "out.log").read_text()
    finally:
        for handler in set(tree.handlers) - set(before[0]):
            handler.close()
        tree.handlers[:] = before[0]
        tree.setLevel(before[1])
    assert text.count('"outcome": "ok"') >= 8
    assert text.count("Error") >= 6
    for secret in (canary, canary.lower(), server.password):
        assert not secret or secret not in text + "".join(seen)


def every_call(client, canary):
    message = {
        "role": "user",
        "content": f"The {canary} class uses pandas.",
        "metadata": {"note": canary},
    }
    client.save_conversation(
        canary, [message], project_path=f"/{canary}", metadata={"project": canary, "tags": [canary]}
    )
    client.load_conversation_history(canary)
    client.extract_entities(message["content"], conversation_id=canary, context={"note": canary})
    client.create_relationship(canary, "pandas", f"needs {canary}", properties={"note": canary})
    client.query_knowledge_graph(canary)
    client.update_knowledge_graph([{"name": canary, "type": canary}], [])
    client.search_hybrid(canary, filters={"project": canary})
    client.search_similar_conversations(canary)
    client.save_decision(canary, canary, canary, canary)
    bad = (
        lambda: client.save_conversation(canary, [{"role": canary, "content": canary}]),
        lambda: client.load_conversation_history(f"{canary}2"),
        lambda: client.extract_entities(canary, entity_types=[f"{canary}!"]),
        lambda: client.create_relationship(f"{canary}2", f"{canary}3", canary),
        lambda: client.query_knowledge_graph(canary, operation=canary),
        lambda: client.search_hybrid(canary, mode=canary),
        lambda: client.search_hybrid(canary, filters={"projects": canary}),
    )
    for call in bad:
        with pytest.raises(ContextPersistenceError) as caught:
            call()
        assert canary not in str(caught.value)
