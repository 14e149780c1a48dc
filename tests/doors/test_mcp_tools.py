"""The small profile: its texts, its arguments, its answers."""

import json
import time

import pytest

from mcp_context_persistence.kg import limits
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.server import INSTRUCTIONS
from mcp_context_persistence.mcp_server.tool import REMINDER, Answer, build_result
from mcp_context_persistence.mcp_server.tools import forgetting
from tests.doors.mcp_sessions import ERAS, call, refuse, run_session, serve_client

SMALL = ["recall", "context", "remember", "decide", "relate", "explore", "forget", "status"]
SECRET = "hunter2"


@pytest.fixture
def mcp(client):
    return serve_client(client)


@pytest.fixture
def tools():
    return run_session(serve_client(None), lambda session: session.list_tools()).tools


def test_the_tools_are_listed_in_a_fixed_order_with_schemas_and_hints(tools):
    assert [tool.name for tool in tools] == SMALL
    writing = {tool.name for tool in tools if not tool.annotations.read_only_hint}
    assert writing == {"remember", "decide", "relate", "forget"}
    assert [tool.name for tool in tools if tool.annotations.destructive_hint] == ["forget"]
    for tool in tools:
        assert tool.annotations.open_world_hint is False
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["properties"]


def test_the_texts_of_the_tools_are_short(tools):
    texts = [
        json.dumps({"name": tool.name, "description": tool.description, "in": tool.input_schema})
        for tool in tools
    ]
    assert sum(map(len, texts)) <= 6_000
    assert all(len(tool.description) <= 400 for tool in tools)
    assert all(tool.description.startswith("Use ") for tool in tools)
    assert all("Example: {" in tool.description for tool in tools)
    assert len(INSTRUCTIONS) <= 512


def test_the_examples_of_the_tools_are_valid_arguments(tools):
    import jsonschema

    for tool in tools:
        example = json.loads(tool.description.split("Example: ")[1])
        jsonschema.validate(example, tool.input_schema)


def test_a_note_is_stored_once(mcp):
    first = call(mcp, "remember", content="Kafka feeds the billing service.", tags=["billing"])
    assert first["created"]
    assert "Kafka" in first["entities"]
    again = call(mcp, "remember", content="Kafka feeds the billing service.", tags=["billing"])
    assert [again["id"], again["created"], again["unchanged"]] == [first["id"], False, True]


def test_a_message_keeps_the_metadata_of_its_conversation(mcp, client):
    message = [{"role": "user", "content": "Hello there."}]
    client.save_conversation("talk", message, metadata={"project": "old", "year": 2026})
    for _ in range(2):
        stored = call(
            mcp, "remember", content="We use Kafka.", conversation_id="talk", tags=["queue"]
        )
    assert stored["unchanged"]
    history = client.load_conversation_history("talk")
    assert history.metadata == {"project": "old", "year": 2026, "tags": ["queue"]}
    assert [message.content for message in history.messages] == ["Hello there.", "We use Kafka."]


def test_a_conversation_may_be_named_by_its_citation(mcp, client):
    client.save_conversation("talk [1]", [{"role": "user", "content": "Hello there."}])
    conversation_id = "c:talk %5B1%5D"
    call(mcp, "remember", content="We use Kafka.", conversation_id=conversation_id, tags=["queue"])
    decision = {"decision": "Use Kafka.", "reason": "It is fast."}
    stored = call(mcp, "decide", **decision, conversation_id=f"[{conversation_id}]")
    assert not stored["conversation_created"]
    for other in ("m:talk:0", f"[{stored['id']}]"):
        for name, arguments in (("remember", {"content": "We use Kafka."}), ("decide", decision)):
            message = refuse(mcp, name, **arguments, conversation_id=other)
            assert message.startswith("conversation_id: must be a conversation; this is the id of")
    (conversation,) = client.list_conversations().conversations
    assert (conversation.conversation_id, conversation.total_messages) == ("talk [1]", 2)


@pytest.mark.parametrize("era", ERAS)
def test_instructions_are_remembered_recalled_and_begin_the_context(mcp, era):
    call(mcp, "remember", era, content="The parser reads the invoices.")
    call(mcp, "remember", era, content="Always answer in German.", kind="instruction")
    call(
        mcp, "remember", era, content="I prefer short answers.", conversation_id="talk", role="user"
    )
    found = call(mcp, "recall", era, query="answer in German", kinds=["instruction"])
    assert "Always answer in German." in [result["text"] for result in found["results"]]
    text = call(mcp, "context", era, topic="invoices")["text"]
    first, _, rest = text.partition("\n\n")
    assert "Always answer in German." in first
    assert "I prefer short answers." in first
    assert "The parser reads the invoices." in rest


def test_results_begin_with_a_reminder_and_have_citations(mcp):
    stored = call(mcp, "remember", content="The depot in Bergen closes in May.", title="Depot")
    result = run_session(
        mcp, lambda session: session.call_tool("recall", {"query": "depot in Bergen"})
    )
    lines = result.content[0].text.splitlines()
    assert lines[0] == REMINDER
    assert lines[1].startswith(f"[{stored['id']}] document")
    assert "meaning rank" in result.structured_content["results"][0]["why"]


def test_a_decision_has_the_project_of_the_call(mcp):
    stored = call(mcp, "decide", decision="Use SQLite.", reason="One user.", project="shop")
    assert stored["conversation_created"]
    assert "SQLite" in stored["about"]
    found = call(mcp, "recall", query="Which database?", project="shop", kinds=["decision"])
    assert [result["id"] for result in found["results"]] == [stored["id"]]
    others = call(mcp, "recall", query="Which database?", project="other", kinds=["decision"])
    assert others["results"] == []


def test_a_decision_keeps_the_project_of_an_existing_conversation(mcp, client):
    message = [{"role": "user", "content": "Hello there."}]
    client.save_conversation("talk", message, metadata={"project": "old"})
    arguments = {"decision": "Use Redis.", "reason": "Speed.", "conversation_id": "talk"}
    stored = call(mcp, "decide", **arguments, project="new")
    assert not stored["conversation_created"]
    found = call(mcp, "recall", query="Redis", project="old", kinds=["decision"])
    assert [result["id"] for result in found["results"]] == [stored["id"]]


def test_a_missing_end_names_its_field_and_near_names(mcp):
    call(mcp, "remember", content="The OrderParser class uses pandas.")
    message = refuse(mcp, "relate", source="OrderParser", relation="reads", target=SECRET)
    assert message.startswith("target: no entity has this name; the nearest are e:")
    assert SECRET not in message
    for field, arguments in (
        ("entity", {"entity": SECRET}),
        ("to", {"entity": "OrderParser", "to": SECRET}),
    ):
        message = refuse(mcp, "explore", **arguments)
        assert message.startswith(f"{field}: no entity has this name; the nearest are e:")
        assert SECRET not in message
        assert message.endswith(" (retry: no)")
    arguments = {"source": "e:OrderParser", "relation": "reads", "target": "invoices"}
    assert call(mcp, "relate", **arguments, create_missing=True)["created"]
    assert not call(mcp, "relate", **arguments)["created"]


def test_the_graph_is_explored(mcp):
    for source, target in (("Alpha", "Beta"), ("Beta", "Gamma")):
        call(mcp, "relate", source=source, relation="feeds", target=target, create_missing=True)
    alpha = call(mcp, "explore", entity="Alpha", depth=2)
    assert [row["name"] for row in alpha["neighbors"]] == ["Beta", "Gamma"]
    assert call(mcp, "explore", entity="Beta", relation="owns")["neighbors"] == []
    cut = call(mcp, "explore", entity="Beta", relation="feeds", limit=1)
    assert [len(cut["neighbors"]), cut["truncated"]] == [1, True]
    paths = call(mcp, "explore", entity="Alpha", to="Gamma")["paths"]
    assert [path["relations"] for path in paths] == [["feeds", "feeds"]]


def test_nothing_is_forgotten_without_the_token_of_a_preview(mcp, monkeypatch):
    stored = call(mcp, "remember", content="The old pier is rotten.", title="Pier")
    preview = call(mcp, "forget", id=stored["id"])
    assert [preview["deleted"], preview["title"]] == [False, "Pier"]
    assert preview["counts"]["documents"] == 1
    for token in ("x", preview["confirm"][:-1], "B" + preview["confirm"][1:], "ä"):
        assert "confirm" in refuse(mcp, "forget", id=stored["id"], confirm=token)
    other = call(mcp, "remember", content="Bread needs salt.")
    assert "confirm" in refuse(mcp, "forget", id=other["id"], confirm=preview["confirm"])
    later = time.time() + forgetting.CONFIRM_SECONDS + 1
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert "too old" in refuse(mcp, "forget", id=stored["id"], confirm=preview["confirm"])
    assert call(mcp, "forget", id=stored["id"], confirm=preview["confirm"])["deleted"]
    again = call(mcp, "forget", id=stored["id"], confirm=preview["confirm"])
    assert [again["existed"], again["deleted"]] == [False, False]


@pytest.mark.parametrize("kind", ["m", "d", "e", "c", "i"])
def test_items_of_each_kind_are_forgotten(mcp, client, kind):
    message = {"id": "odd %[1]", "role": "user", "content": "Never use tabs. Ada uses Redis."}
    client.save_conversation("talk", [message])
    decided = client.save_decision("talk", "tool", "We compared.", "Use Redis.")
    instruction = client.list_instructions().instructions[0]
    citation = {
        "m": "m:odd %25%5B1%5D",
        "d": f"d:{decided.decision_id}",
        "e": "e:Redis",
        "c": "c:talk",
        "i": f"i:{instruction.id}",
    }[kind]
    preview = call(mcp, "forget", id=citation)
    assert preview["existed"]
    assert call(mcp, "forget", id=citation, confirm=preview["confirm"])["deleted"]
    assert not call(mcp, "forget", id=citation)["existed"]


def test_status_counts_what_is_stored(mcp, client):
    call(mcp, "remember", content="The tower has nine bells.")
    status = call(mcp, "status")
    assert status["stored"]["documents"] == 1
    assert status["namespace"] == client.namespace
    assert status["tools"] == SMALL


def test_long_answers_are_cut(mcp, client):
    texts = [f"Report {number} of the harbor. " + "word " * 120 for number in range(50)]
    client.save_conversation("reports", [{"role": "user", "content": text} for text in texts])
    result = run_session(
        mcp, lambda session: session.call_tool("recall", {"query": "harbor report", "limit": 50})
    )
    assert result.structured_content["truncated"]
    assert len(result.content[0].text) <= limits.MCP_ANSWER_CHARACTERS
    assert len(bounds.dump(result.structured_content)) <= limits.MCP_ANSWER_CHARACTERS
    context = call(mcp, "context", topic="harbor report", token_budget=20_000)
    assert len(bounds.dump(context)) <= limits.MCP_ANSWER_CHARACTERS


@pytest.mark.parametrize(
    "data",
    [
        {"items": [{"text": "x" * 900} for _ in range(60)], "note": "kept"},
        {"text": "word " * 10_000, "note": "kept"},
        {"outer": {"lists": [["y" * 50] * 500] * 3}, "note": "kept"},
    ],
)
def test_data_of_any_shape_is_cut_to_the_limit(data):
    result = build_result(Answer(text="z" * 30_000, data=data))
    assert len(bounds.dump(result.structured_content)) <= limits.MCP_ANSWER_CHARACTERS
    assert len(result.content[0].text) <= limits.MCP_ANSWER_CHARACTERS
    assert result.structured_content["truncated"]
    assert result.structured_content["note"] == "kept"


def test_long_calls_report_their_progress():
    class Slow:
        stage = "start"

        def use(self, _scope):
            time.sleep(1.5)
            raise RuntimeError

    from mcp_context_persistence.mcp_server.server import build_server

    reports = []

    async def use(session):
        async def report(progress, _total, message):
            reports.append((progress, message))

        return await session.call_tool("status", {}, progress_callback=report)

    assert run_session(build_server(lambda _: Slow()), use).is_error
    assert reports == [(1.0, "start")]


def test_results_have_the_projects_of_what_they_are_from(mcp, client):
    message = {"role": "user", "content": "The lighthouse has a lamp."}
    client.save_conversation("named", [message], metadata={"project": "coast"})
    client.save_conversation("by-path", [message], project_path="/home/ada/harbor/")
    client.save_conversation("without", [message])
    client.save_document("manual", "The lamp of the lighthouse turns.", project_path="/srv/coast")
    found = call(mcp, "recall", query="lighthouse lamp", kinds=["message", "document"])
    projects = {row["id"].split(":")[1]: row["project"] for row in found["results"]}
    assert projects == {"named": "coast", "by-path": "harbor", "without": None, "manual": "coast"}
    plain = client.search_hybrid("lighthouse lamp").results
    assert {result.project for result in plain} == {None}
