"""An export, ingested into another namespace, is the same graph."""

import itertools
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError, ValidationError

TEXTS = (
    "The OrderParser class uses pandas.",
    "We decided to use PostgreSQL for the orders.",
    "Please always answer in French.",
    "The OrderParser class does not use Redis. Maria works for Acme Corporation.",
    "I prefer short answers when I ask about the parser.",
    "Decision: the PumpController class moves to Berlin.",
    "Nothing is recognized here \N{THUMBS UP SIGN}.",
    "OrderParser " * 400,
)
NAMES = ("pandas", "OrderParser", "PostgreSQL", "Acme")
TALKS = ("talk-a", "talk b/\u00e9")
METADATA = ({"project": "orders", "tags": ["x", "y"], "deep": {"n": 1.5}}, None)
texts, names, talks = st.sampled_from(TEXTS), st.sampled_from(NAMES), st.sampled_from(TALKS)
numbers = itertools.count()


def save(client, talk, contents, metadata):
    messages = [{"role": "user", "content": content} for content in contents]
    client.append_messages(talk, messages, "/projects/orders", metadata=metadata)


def branch(client, talk, content):
    for first in client.load_conversation_history(talk, limit=1, all_branches=True).messages:
        message = {"role": "assistant", "content": content, "parent_id": first.id, "name": "Ada"}
        client.append_messages(talk, [message])


def add_parts(client, talk, content):
    parts = [
        {"type": "text", "text": content},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]
    client.append_messages(talk, [{"role": "assistant", "content": parts}])


def relate(client, first, second):
    client.update_knowledge_graph(
        [{"name": first, "type": "library", "description": "written", "metadata": {"k": [1]}}],
        [{"from_entity": first, "to_entity": first, "relationship_type": "is like"}],
    )
    client.create_relationship(first, second, "depends on", 0.4, {"since": "2026"})


def decide(client, talk, content):
    client.save_decision(talk, "architecture", content[:200], "Keep it", 0.7)


def review(client, talk, *, accept):
    proposals = client.propose_decisions(talk).proposals
    if proposals:
        client.review_decision(proposals[0].decision.id, accept)


def retire(client, content):
    client.save_instruction(content[:100], kind="preference", scope="always")
    listed = client.list_instructions().instructions
    client.retire_instruction(listed[-1].id)


CALLS = st.one_of(
    st.tuples(
        st.just(save), talks, st.lists(texts, min_size=1, max_size=3), st.sampled_from(METADATA)
    ),
    st.tuples(st.just(branch), talks, texts),
    st.tuples(st.just(add_parts), talks, texts),
    st.tuples(st.just(relate), names, names),
    st.tuples(st.just(decide), talks, texts),
    st.tuples(
        st.sampled_from(
            [
                lambda *words: review(*words, accept=True),
                lambda *words: review(*words, accept=False),
            ]
        ),
        talks,
    ),
    st.tuples(st.just(ContextPersistenceClient.propose_decisions), talks),
    st.tuples(st.just(retire), texts),
    st.tuples(st.just(ContextPersistenceClient.save_document), talks, texts),
    st.tuples(st.just(ContextPersistenceClient.delete_entity), names),
    st.tuples(st.just(ContextPersistenceClient.extract_entities), texts, talks),
    st.tuples(st.just(ContextPersistenceClient.merge_entities), names, names),
)


def fill(client, calls):
    """Make the calls; one that has nothing to work on is left out."""
    for call, *arguments in calls:
        with suppress(ValidationError, NotFoundError):
            call(client, *arguments)


@pytest.mark.parametrize("commands", ["store"], indirect=True)
@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=st.lists(CALLS, min_size=4, max_size=10))
def test_an_ingested_export_is_exported_as_the_same_lines(server, commands, calls):
    number = next(numbers)
    source, copy = (f"{commands.namespace}-{name}{number}" for name in ("source", "copy"))
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=source) as client:
        save(client, TALKS[0], TEXTS[:3], METADATA[0])
        fill(client, calls)
    exported = commands.print("export", namespace=source)
    for _ in range(2):  # a second ingest changes nothing
        commands.print("ingest", "-", text="\n".join(exported), namespace=copy)
        assert commands.print("export", namespace=copy) == exported
    assert (
        commands.read("stats", namespace=copy)[0]["stats"]
        == (commands.read("stats", namespace=source)[0]["stats"])
    )


def test_a_copy_answers_like_its_source(commands):
    text = "".join(
        json.dumps({"conversation_id": f"talk-{n}", "messages": [{"role": "user", "content": t}]})
        + "\n"
        for n, t in enumerate(TEXTS)
    )
    commands.print("save", "-", text=text)
    commands.print("relate", "OrderParser", "depends on", "PostgreSQL")
    commands.print("ingest", text="\n".join(commands.print("export")), namespace="copy-of-it")
    try:
        # The index rounds vectors, so that results with nearly equal scores may change places.
        searches = [
            [
                result["id"]
                for result in commands.read("search", "who uses pandas?", namespace=name)
            ][:2]
            for name in ("copy-of-it", None)
        ]
        assert searches[0] == searches[1]
        assert searches[0]
        for words in (
            ("graph", "OrderParser", "--depth", "2", "--unasserted"),
            ("context", "who uses pandas?"),
            ("list", "entities", "--order", "id"),
            ("instructions", "list"),
        ):
            assert commands.print(*words, namespace="copy-of-it") == commands.print(*words), words
    finally:
        commands.print("delete", "namespace", "copy-of-it", "--yes", namespace="copy-of-it")


def test_a_long_conversation_is_exported_in_pieces(client, commands):
    messages = [{"role": "user", "content": f"Number {n}."} for n in range(230)]
    client.save_conversation("long", messages, mode="conversation")
    client.append_messages(
        "long", [{"role": "user", "content": "Elsewhere.", "parent_id": "long:3"}]
    )
    items = [json.loads(line) for line in commands.print("export")]
    assert [len(item["messages"]) for item in items] == [100, 100, 31]
    singly, cursor = [], None
    while True:
        page = client.export_items(cursor=cursor, limit=1)
        singly += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert singly == items


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"kind": "secret"}', "line 2: kind must be one of: "),
        ('{"kind": "entity", "id": "x"}', "line 2: name: is missing"),
        ('{"kind": "entity", "id": "x", "name": "x", "type": "secret`"}', "line 2: type: "),
        ('{"kind": "entity", "id": "x", "name": "x", "type": "y", "secret": 1}', "line 2: "),
        ("[1, 2]", "line 2: must be a mapping"),
        ("{", "line 2, column 2: this is not JSON"),
        ('{"kind": "entity", "kind": "entity"}', "line 2: an object has a key twice"),
        ('{"kind": "entity", "confidence": NaN}', "line 2: NaN and Infinity are not JSON"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_of_its_group_is_written(commands, line, says):
    first = '{"kind": "entity", "id": "ok", "name": "ok", "type": "library"}\n'
    result = commands.run("ingest", "-", text=f"{first}{line}\n")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {says}")
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr or "unknown key" in result.stderr
    assert commands.print("list", "entities") == []


def test_what_an_item_names_must_be_stored(commands):
    relationship = {
        "kind": "relationship",
        "source_entity_id": "secret",
        "target_entity_id": "secret",
        "relationship_type": "uses",
        "stored_type": "USES",
    }
    mention = {
        "kind": "conversation",
        "conversation_id": "talk",
        "messages": [{"id": "m", "role": "user", "content": "Text."}],
        "knowledge": {"m": {"mentions": [{"entity_id": "secret"}]}},
    }
    decision = {
        "kind": "decision",
        "id": "decision:1",
        "conversation_id": "talk",
        "decision_type": "plan",
        "context": "Two ways.",
        "outcome": "One way.",
        "evidence": ["secret"],
    }
    for item in (relationship, mention, decision):
        result = commands.run("ingest", "-", text=json.dumps(item))
        assert result.exit_code == 3, item
        assert "secret" not in result.stderr
    assert commands.print("list", "decisions") == []


def test_a_conversation_without_knowledge_is_analyzed(commands):
    item = {
        "kind": "conversation",
        "conversation_id": "talk",
        "messages": [{"role": "user", "content": TEXTS[0]}],
    }
    assert commands.print("ingest", text=json.dumps(item)) == ["conversation: 1"]
    assert [entity["id"] for entity in commands.read("list", "entities", "--order", "id")] == [
        "OrderParser",
        "pandas",
    ]


def test_messages_without_ids_are_ingested_once(commands):
    texts = ("Deploy it.", "Yes.", "Run the tests.", "Yes.", "Yes.")
    item = {"kind": "conversation", "conversation_id": "talk"}
    lines = "\n".join(
        json.dumps({**item, "messages": [{"role": "user", "content": text}]})
        for text in texts * 3  # more than are written together
    )
    for _ in range(2):
        commands.print("ingest", text=lines)
        assert commands.print("load", "talk") == [f"user: {text}" for text in texts * 3]
