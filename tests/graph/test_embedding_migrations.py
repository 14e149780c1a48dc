"""Migrate to another embedding model while the graph is searched and written to."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.schema import migrations
from tests.graph.hashing_model import TOPICS, HashingModel, contents, fill, messages, unit, vectors


def save_one_of_each(client):
    """Save a long message, a document, a decision, an entity, and some conversations."""
    fill(client)
    long_text = "The irrigation of the garden. " * 300
    client.save_conversation("long", [{"role": "user", "content": long_text}])
    client.save_document("d", "A document about chess openings and the OrderParser class.")
    client.save_decision(
        "c1", "architecture", "We compared two parsers", "The OrderParser class stays"
    )
    client.save_instruction("Always show the source of the parser.")
    client.update_knowledge_graph(
        [{"id": "Parser", "type": "class", "name": "Parser", "description": "It parses orders"}], []
    )


@pytest.mark.parametrize("size", [pytest.param(384, marks=pytest.mark.long), 200])
def test_a_migration_and_going_back_to_the_previous_model(connect, size):
    client = connect()
    save_one_of_each(client)
    before = vectors(client)
    reports = []
    status = client.configure_embedding_model(
        HashingModel(size, 2), wait=True, progress=lambda *report: reports.append(report)
    )
    assert (status.vector_size, status.running, status.failure) == (size, False, None)
    assert status.migrating_to is None
    assert status.previous_model.startswith("all-MiniLM-L6-v2@")
    total = sum(vector is not None for vector in before.values())
    assert status.vectors == total
    assert reports[0] == ("vectors", 0, total)
    assert reports[-1] == ("vectors", total, total)
    name = client._engine.embeddings.current().vector_state.active.property_name
    after = vectors(client, name)
    assert {key for key, vector in after.items() if vector is not None} == {
        key for key, vector in before.items() if vector is not None
    }
    model = client._engine.embeddings.newest
    assert np.allclose(
        after["Message", "c0:0"], model.embed([messages(0, TOPICS[0])[0]["content"]])[0], atol=1e-5
    )
    assert np.allclose(
        after["Entity", "Parser"], model.embed(["Parser. It parses orders"])[0], atol=1e-5
    )
    found = client.search_hybrid("Message 3.1 is about database backups", mode="semantic", limit=1)
    assert found.results[0].message_id == "c3:1"
    found = client.search_hybrid(
        "chess openings", mode="semantic", filters={"content_types": ["document"]}
    )
    assert found.results[0].id == "d"
    client.save_conversation("new", messages(77, "quantum physics"))

    back = client.configure_embedding_model("all-MiniLM-L6-v2", wait=True)
    assert back.model.startswith("all-MiniLM-L6-v2@")
    now = vectors(client)
    assert {key: now[key] for key in before if before[key] is not None} == {
        key: one for key, one in before.items() if one is not None
    }
    assert now["Message", "new:0"] is not None
    similar = client.search_similar_conversations("quantum physics", limit=1, min_score=0.1)
    assert similar.results[0].conversation_id == "new"


def write_until(ends, client, number, failures, refused):
    """Write conversations and entities until the event is set, or the client is refused."""
    while not ends.is_set():
        number += 2
        entity = {"id": f"Thing{number % 7}", "type": "class", "description": f"number {number}"}
        try:
            client.save_conversation(
                f"w{number % 60}", messages(number, TOPICS[number % 6]), replace=True
            )
            client.update_knowledge_graph([entity], [])
        except ValidationError as error:
            refused.append(error)
            return
        except Exception as error:
            failures.append(error)


def test_writes_during_a_migration_are_migrated_too(connect):
    """Two clients save, change and remove messages; one of them does not have the new model."""
    client, other = connect(), connect()
    fill(client, 40)
    model = HashingModel(384, 3, pause=0.05)
    ends, failures, refused = threading.Event(), [], []
    threads = [
        threading.Thread(target=write_until, args=(ends, writer, first, failures, refused))
        for first, writer in enumerate((client, other))
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    status = client.configure_embedding_model(model, wait=True)
    deadline = time.monotonic() + 30
    while not refused and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    ends.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [str(error) for error in refused if "another embedding model" not in str(error)] == []
    assert len(refused) == 1  # the client that does not have the model
    model.pause = 0.0
    assert status.migrating_to is None
    name = client._engine.embeddings.current().vector_state.active.property_name
    new, texts = vectors(client, name), contents(client)
    assert [key for key, vector in new.items() if vector is None] == []
    wrong = [
        key
        for key, vector in new.items()
        if key[0] == "Message" and not np.allclose(vector, unit(model, texts[key]), atol=1e-4)
    ]
    assert wrong == []


def test_searches_during_a_migration_use_a_single_model(connect):
    """The scores of each response are cosines of one model only."""
    client = connect()
    fill(client, 40)
    old, model = client._engine.embeddings.newest, HashingModel(384, 4)
    texts = sorted(set(contents(client).values()))
    query = "Message 3.1 is about database backups"
    cosines = {
        "old": dict(zip(texts, old.embed(texts) @ old.embed_query(query), strict=True)),
        "new": {text: unit(model, text) @ unit(model, query) for text in texts},
    }
    model.pause = 0.1
    ends, failures, responses = threading.Event(), [], []

    def search():
        while not ends.is_set():
            try:
                responses.append(client.search_hybrid(query, mode="semantic", limit=10))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not responses and not failures:  # of the old model
        time.sleep(0.05)
    client.configure_embedding_model(model, wait=True)
    count = len(responses)
    while len(responses) < count + 10:
        time.sleep(0.05)
    ends.set()
    for thread in threads:
        thread.join()
    assert failures == []
    names = [models_of(response, cosines) for response in responses]
    assert all(len(found) == 1 for found in names)
    assert set.union(*names) == {"old", "new"}


def models_of(response, cosines):
    """Return the models whose cosines are the scores of all messages of a response."""
    messages_found = [result for result in response.results if result.type == "message"]
    assert messages_found
    return {
        name
        for name, by_text in cosines.items()
        if all(
            abs(float(by_text[result.content]) - result.similarity_score) < 2e-3
            for result in messages_found
        )
    }


def test_a_stopped_migration_continues(connect):
    client = connect()
    fill(client, 80)
    slow = HashingModel(384, 5, pause=0.4)
    status = client.configure_embedding_model(slow)
    assert status.running
    assert status.migrating_to is not None
    assert client.generate_embeddings(["at once"])[0] == pytest.approx(
        unit(slow, "at once"), abs=1e-5
    )
    while client.get_embedding_status().migrated < 100:
        time.sleep(0.05)
    slow.pause = 3.0  # it does not end before it is stopped, however busy the machine is
    client.close()
    again = connect()
    half = again.get_embedding_status()
    assert half.migrated >= 100
    assert (half.running, half.migrating_to is not None) == (False, True)
    assert again.search_hybrid(
        "birthday cake", mode="semantic", limit=1
    ).results  # by the old model
    quick = HashingModel(384, 5)
    done = again.configure_embedding_model(quick, wait=True)
    assert (done.migrating_to, done.failure) == (None, None)
    assert quick.calls < slow.calls + 400 / 64  # what was made is not made again
    assert (
        None
        not in vectors(
            again, again._engine.embeddings.current().vector_state.active.property_name
        ).values()
    )


def test_configuring_the_model_in_use_stops_a_migration_and_deletes_its_vectors(connect):
    client = connect()
    fill(client, 40)
    client.configure_embedding_model(HashingModel(384, 6, pause=0.5))
    status = client.configure_embedding_model("all-MiniLM-L6-v2")
    assert (status.running, status.migrating_to) == (False, None)
    assert client.search_hybrid("birthday cake", mode="semantic", limit=1).results
    third = client.configure_embedding_model(HashingModel(100, 7), wait=True)
    assert third.model != status.model
    assert set(vectors(client, "embedding_384_a").values()) == {None}
    client.configure_embedding_model(HashingModel(50, 7), wait=True)
    assert set(vectors(client).values()) == {None}  # two models are kept, not three


def test_another_model_replaces_the_target_of_a_migration(connect):
    client, other = connect(), connect()
    fill(client, 40)
    client.configure_embedding_model(HashingModel(384, 8, pause=0.3))
    winner = HashingModel(384, 9)
    status = other.configure_embedding_model(winner, wait=True)
    deadline = time.monotonic() + 20
    while client.get_embedding_status().running and time.monotonic() < deadline:
        time.sleep(0.1)
    failed = client.get_embedding_status()
    assert (failed.running, failed.model) == (False, status.model)
    assert "another embedding model was configured" in failed.failure
    texts = contents(client)
    new = vectors(other, other._engine.embeddings.current().vector_state.active.property_name)
    assert all(np.allclose(new[key], unit(winner, text), atol=1e-4) for key, text in texts.items())


def test_servers_without_the_search_clause_can_migrate(connect):
    client = connect()
    graph = client._engine.graph
    graph._server = replace(graph.server, dialect="5")
    migrations.ensure_schema(graph, vector_size=384)
    try:
        fill(client, 6)
        client.configure_embedding_model(HashingModel(48, 10), wait=True)
        found = client.search_hybrid(
            "Message 3.1 is about database backups", mode="semantic", limit=1
        )
        assert (found.results[0].message_id, found.best_score > 0.7) == ("c3:1", True)
        client.save_conversation("new", messages(77, "quantum physics"))
        assert (
            client.search_similar_conversations("about quantum physics", limit=1)
            .results[0]
            .conversation_id
            == "new"
        )
    finally:
        with graph.driver.session() as session:
            for label in ("message", "chunk", "entity", "decision"):
                for name in ("memory_vectors", "memory_vectors_48_a"):
                    session.run(f"DROP INDEX {name}_{label} IF EXISTS").consume()


KILLED = """
import sys, time
from mcp_context_persistence import ContextPersistenceClient
from tests.graph.hashing_model import HashingModel

url, user, password, namespace = sys.argv[1:]
client = ContextPersistenceClient(url, auth=(user, password), namespace=namespace)
model = HashingModel(384, 11, pause=0.4)
client.configure_embedding_model(model)
while client.get_embedding_status().migrated < 128:
    time.sleep(0.05)
model.pause = 300.0  # it is killed before it ends, however busy the machine is
print("half", flush=True)
time.sleep(300)
"""


def test_a_killed_migration_continues(connect, server, namespace):
    client = connect()
    fill(client, 80)
    arguments = [
        sys.executable,
        "-c",
        KILLED,
        server.bolt_url,
        server.user,
        server.password,
        namespace,
    ]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as child:
        assert child.stdout.readline() == "half\n"
        client.save_conversation("c0", messages(99, "quantum physics"))
        child.kill()
    status = client.get_embedding_status()
    assert (status.running, status.migrated >= 100, status.model[:6]) == (False, True, "all-Mi")
    assert (
        client.search_similar_conversations("about quantum physics", limit=1, min_score=0.1)
        .results[0]
        .conversation_id
        == "c0"
    )
    model = HashingModel(384, 11)
    assert client.configure_embedding_model(model, wait=True).vectors == status.vectors
    new = vectors(client, client._engine.embeddings.current().vector_state.active.property_name)
    assert all(
        np.allclose(new[key], unit(model, text), atol=1e-4)
        for key, text in contents(client).items()
    )
