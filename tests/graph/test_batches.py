"""Batches on a real server: a response for each item, whole conversations, and second runs."""

import re
import threading
import time

import neo4j.exceptions
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError, ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.error_mapping import translate_error
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.services import conversations


def conversation_of(number, size=3):
    return {
        "conversation_id": f"c{number}",
        "messages": [
            {
                "role": "user",
                "content": f"Turn {place} of {number}: "
                f"the Order{number}Parser class uses pandas and numpy.",
            }
            for place in range(size)
        ],
    }


def stored(client):
    """For each conversation of the namespace its messages' texts, and what each mentions."""
    rows = client._engine.graph.driver.execute_query(
        "MATCH (c:Conversation {namespace: $n})-[:HAS_MESSAGE]->(m) OPTIONAL MATCH "
        "(m)-[:MENTIONS]->(e) "
        "WITH c, m, e ORDER BY e.id WITH c, m, collect(e.id) AS e ORDER BY m.position "
        "RETURN c.id AS id, collect([m.content, e, m.embedding IS NOT NULL]) AS messages ORDER "
        "BY id",
        n=client._engine.namespace,
    ).records
    return {row["id"]: row["messages"] for row in rows}


@pytest.fixture
def second_client(server, namespace):
    """A client in another namespace of the same database."""
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-2"
    ) as client:
        yield client


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_a_batch_stores_the_same_graph_as_single_saves(client, second_client, parallel, chunk_size):
    given = [conversation_of(number) for number in range(8)]
    client.configure_parallel_processing(chunk_size=chunk_size)
    answers = client.batch_save_conversations(given, parallel=parallel)
    singles = [second_client.save_conversation(**one) for one in given]
    assert stored(client) == stored(second_client)
    told = {"processing_time"}
    assert [one.model_dump(exclude=told) for one in answers] == [
        one.model_dump(exclude=told) for one in singles
    ]


def test_invalid_items_get_an_error_and_the_others_are_saved(client):
    client.save_conversation("taken", [{"id": "m1", "role": "user", "content": "First."}])
    given = [
        conversation_of(0),
        {"conversation_id": "secret-one", "messages": []},
        "secret text",
        {**conversation_of(2), "colour": "secret"},
        {"conversation_id": "c3", "messages": [{"role": "robot", "content": "secret"}]},
        {"conversation_id": "c4", "messages": [{"id": "m1", "role": "user", "content": "secret"}]},
        {**conversation_of(5), "mode": "secret"},
        {**conversation_of(6), "metadata": {"x": {1}}},
        Conversation(**conversation_of(7)),
    ]
    answers = client.batch_save_conversations(given)
    assert [one.success for one in answers] == [
        True,
        False,
        False,
        False,
        False,
        False,
        False,
        False,
        True,
    ]
    assert [one.conversation_id for one in answers] == [
        "c0",
        "secret-one",
        "",
        "c2",
        "c3",
        "c4",
        "c5",
        "c6",
        "c7",
    ]
    fields = [
        "messages",
        "conversations",
        "conversations has an unknown key 'colour'",
        "role",
        "messages: an id belongs to a message of another conversation",
        "mode",
        "metadata",
    ]
    for field, answer in zip(fields, answers[1:8], strict=True):
        assert field in answer.error
        assert "secret" not in answer.error
        assert (answer.status, answer.message_count) == ("failed", 0)
    assert set(stored(client)) == {"taken", "c0", "c7"}


def test_a_repeated_conversation_is_saved_in_order(client):
    given = [
        conversation_of(1, size=2),
        {**conversation_of(1, size=2), "messages": [{"role": "user", "content": "Now this."}] * 2},
    ] * 3
    answers = client.batch_save_conversations(given)
    assert all(one.success for one in answers)
    assert stored(client)["c1"][0][0] == "Now this."
    assert [one.created for one in answers] == [2, 0, 0, 0, 0, 0]


def test_a_repeated_conversation_is_compared_with_the_save_before(client, monkeypatch):
    first, second = conversation_of(1, size=2), conversation_of(1, size=2)
    second["messages"] = [{"role": "user", "content": "Now this."}] * 2
    client.batch_save_conversations([first])
    save = conversations.save_conversation

    def save_late(engine, conversation, **arguments):
        if conversation.messages[0].content == "Now this.":
            time.sleep(1.0)  # the next group has been compared by now
        return save(engine, conversation, **arguments)

    monkeypatch.setattr(conversations, "save_conversation", save_late)
    answers = client.batch_save_conversations([second, first])
    assert [answer.status for answer in answers] == ["saved", "saved"]
    assert stored(client)["c1"][0][0] == first["messages"][0]["content"]


def test_a_second_run_analyzes_nothing_that_is_stored(client, monkeypatch):
    given = [conversation_of(number) for number in range(6)]
    client.batch_save_conversations(given[:4])
    before = stored(client)

    def refuse(*_):
        raise AssertionError("something was analysed again")

    monkeypatch.setattr(type(client._engine.language_models.extractor), "extract", refuse)
    assert {one.status for one in client.batch_save_conversations(given[:4])} == {"unchanged"}
    monkeypatch.undo()
    assert [one.status for one in client.batch_save_conversations(given)] == ["unchanged"] * 4 + [
        "saved"
    ] * 2
    assert {id: messages for id, messages in stored(client).items() if id in before} == before


def test_an_interrupted_batch_leaves_whole_conversations_and_can_be_repeated(client):
    given = [conversation_of(number, size=4) for number in range(40)]
    client.configure_parallel_processing(chunk_size=8)

    def interrupt(what, done, total):
        assert (what, total) == ("conversations", 40)
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.batch_save_conversations(given, parallel=True, progress=interrupt)
    left = stored(client)
    assert 6 <= len(left) < 40
    assert all(
        len(messages) == 4 and all(vector for _, _, vector in messages)
        for messages in left.values()
    )
    for one in threading.enumerate():
        if one.name.startswith("context-persistence-batch"):
            one.join(30)
            assert not one.is_alive()
    answers = client.batch_save_conversations(given)
    assert [one.status for one in answers].count("unchanged") == len(left)
    assert len(stored(client)) == 40


def test_progress_is_reported_in_order(client):
    told = []
    client.configure_parallel_processing(chunk_size=6)
    client.batch_save_conversations(
        [conversation_of(number) for number in range(5)], progress=lambda *one: told.append(one)
    )
    assert told == [("conversations", 2, 5), ("conversations", 4, 5), ("conversations", 5, 5)]
    told.clear()
    client.batch_extract_entities(["We use pandas.", ""], progress=lambda *one: told.append(one))
    assert told == [("texts", 2, 2)]


def memory_error():
    error = neo4j.exceptions.Neo4jError._hydrate_neo4j(
        code="Neo.TransientError.General.MemoryPoolOutOfMemoryError", message="x"
    )
    made = translate_error(error, name="conversation/save")
    made.__cause__ = error
    return made


def failing(monkeypatch, name, when):
    """Let the statement `name` fail where `when(batch)`; returns the batches that were run."""
    real_run, real_transact, ran = Graph.run, Graph.transact, []

    def check(statement):
        if statement.name == name:
            ran.append(statement.parameters["batch"])
            if error := when(statement.parameters["batch"]):
                raise error

    def run(self, statement, **given):
        check(statement)
        return real_run(self, statement, **given)

    def transact(self, work, **given):
        def checked(run):
            def run_checked(statement):
                check(statement)
                return run(statement)

            return work(run_checked)

        return real_transact(self, checked, **given)

    monkeypatch.setattr(Graph, "run", run)
    monkeypatch.setattr(Graph, "transact", transact)
    return ran


def test_a_conversation_without_enough_server_memory_is_retried_alone(client, monkeypatch):
    once = {"c1"}

    def when(batch):
        if batch["conversation_id"] == "c2" or (
            batch["conversation_id"] in once and not once.discard(batch["conversation_id"])
        ):
            return memory_error()
        return None

    failing(monkeypatch, "conversation/extend", when)
    answers = client.batch_save_conversations([conversation_of(number) for number in range(4)])
    assert [one.success for one in answers] == [True, True, False, True]
    assert "memory" in answers[2].error


def test_texts_without_enough_server_memory_are_stored_in_halves(client, monkeypatch):
    texts = [f"The Order{number}Parser class uses pandas." for number in range(5)]
    ran = failing(
        monkeypatch,
        "entity/store",
        lambda batch: memory_error() if len(batch["entities"]) > 2 else None,
    )
    answers = client.batch_extract_entities(texts)
    assert all(one.success and one.stored for one in answers)
    assert len(ran) > 5
    assert client.get_conversation_stats().stats.total_entities == 6


def test_a_batch_gives_up_after_repeated_database_failures(client, monkeypatch):
    ran = failing(
        monkeypatch,
        "conversation/state",
        lambda _: DatabaseError("conversation/state: no answer", retryable=True),
    )
    answers = client.batch_save_conversations([conversation_of(number) for number in range(50)])
    assert not any(one.success for one in answers)
    assert len(ran) < 15
    assert "run the batch again" in answers[-1].error


def test_responses_have_the_order_of_the_texts(client, second_client):
    texts = [
        "The DataProcessor class uses pandas.",
        "",
        ...,
        "x" * (limits.EXTRACTION_CHARACTERS + 1),
        "Nothing.",
        "We use numpy.",
    ]
    for parallel in (False, True):
        answers = client.batch_extract_entities(texts, parallel=parallel, max_workers=4)
        assert [one.success for one in answers] == [True, False, False, False, True, True]
        assert [re.match("text", one.error or "text") is not None for one in answers] == [True] * 6
        single = second_client.extract_entities(texts[0])
        told = {"processing_time", "entities"}
        assert answers[0].model_dump(exclude=told) == single.model_dump(exclude=told)
        assert [(one.id, one.type, one.confidence) for one in answers[0].entities] == [
            (one.id, one.type, one.confidence) for one in single.entities
        ]
    assert client.get_conversation_stats().stats.total_entities == 3


def test_store_false_stores_nothing(client):
    answers = client.batch_extract_entities(
        ["We use pandas."], store=False, entity_types=["concept"]
    )
    assert (answers[0].entities, answers[0].stored) == ([], False)
    assert client.get_conversation_stats().stats.total_entities == 0


def test_patterns_apply_in_batches(client):
    client.configure_entity_patterns({"ticket": [r"#\d+"]})
    assert [
        one.type
        for one in client.batch_extract_entities(["We closed #17."])[0].entities
        if one.id == "#17"
    ] == ["ticket"]
    client.batch_save_conversations(
        [{"conversation_id": "c", "messages": [{"role": "user", "content": "We closed #18."}]}]
    )
    assert any("#18" in mentioned for _, mentioned, _ in stored(client)["c"])


@pytest.mark.parametrize(
    ("call", "given", "field"),
    [
        ("batch_save_conversations", {"conversations": "abc"}, "conversations must be a list"),
        (
            "batch_save_conversations",
            {"conversations": [1] * (limits.CONVERSATIONS_PER_BATCH + 1)},
            "more than 100,000",
        ),
        ("batch_save_conversations", {"conversations": [], "max_workers": 0}, "max_workers"),
        ("batch_save_conversations", {"conversations": [], "parallel": "yes"}, "parallel"),
        ("batch_extract_entities", {"texts": {"a": 1}}, "texts must be a list"),
        (
            "batch_extract_entities",
            {"texts": [""] * (limits.TEXTS_PER_BATCH + 1)},
            "more than 100,000",
        ),
        ("batch_extract_entities", {"texts": [], "max_workers": 1_000_000}, "max_workers"),
        ("batch_extract_entities", {"texts": [], "entity_types": "x"}, "entity_types"),
        ("configure_parallel_processing", {"max_workers": 0}, "max_workers"),
        ("configure_parallel_processing", {"max_workers": limits.BATCH_WORKERS + 1}, "max_workers"),
        ("configure_parallel_processing", {"chunk_size": -1}, "chunk_size"),
        ("configure_parallel_processing", {"chunk_size": limits.CHUNK_SIZE + 1}, "chunk_size"),
    ],
)
def test_invalid_arguments_are_refused(client, call, given, field):
    with pytest.raises(ValidationError, match=field):
        getattr(client, call)(**given)


def test_empty_batches_and_the_largest_settings_are_accepted(client):
    client.configure_parallel_processing(
        max_workers=limits.BATCH_WORKERS, chunk_size=limits.CHUNK_SIZE
    )
    assert client.batch_save_conversations([]) == []
    assert client.batch_extract_entities([]) == []
    assert all(
        one.success
        for one in client.batch_save_conversations(
            [conversation_of(1), conversation_of(2)], max_workers=limits.BATCH_WORKERS
        )
    )


def test_flags_and_callbacks_are_checked_before_the_first_write(client):
    client.save_conversation(**conversation_of(0))
    before = stored(client)
    for wrong in ({"replace": "false"}, {"progress": 5}, {"parallel": "false"}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            client.batch_save_conversations([conversation_of(0, size=1)], **wrong)
    for wrong in ({"store": "false"}, {"progress": 5}, {"parallel": 1}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            client.batch_extract_entities(["The NewParser class uses scipy."], **wrong)
    with pytest.raises(ValidationError, match="apply"):
        client.reextract(apply="false")
    assert stored(client) == before
