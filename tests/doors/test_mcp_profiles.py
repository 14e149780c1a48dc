"""Profiles, selections of tools, resources, prompts and completion."""

import asyncio
import json

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.mcp_server.profiles import select_tools
from mcp_context_persistence.mcp_server.resources import build_uri
from mcp_context_persistence.mcp_server.tools.client_calls import LEFT_OUT
from tests.doors.mcp_sessions import ERAS, call, refuse, run_session, serve_client

SECRET = "hunter2"


def names(**options):
    return [tool.name for tool in select_tools(**options)]


def test_the_full_profile_has_every_call_that_is_not_configuration():
    calls = {name for name in dir(ContextPersistenceClient) if not name.startswith("_")}
    assert set(names(profile="full")) == calls - LEFT_OUT
    assert calls >= LEFT_OUT


def test_tools_are_selected():
    assert names(names=["status", "recall", "status"]) == ["status", "recall"]
    assert names(names=["recall", "search_hybrid", "fetch"]) == ["recall", "search_hybrid", "fetch"]
    assert names(read_only=True) == ["recall", "context", "explore", "status"]
    assert names(profile="chatgpt", read_only=True) == ["search", "fetch"]
    for name in names(profile="full", read_only=True):
        assert not name.startswith(("save_", "append_", "delete_", "update_", "merge_"))
    for options in ({"profile": "x"}, {"names": ["x"]}, {"names": []},
                    {"names": ["forget"], "read_only": True}):  # fmt: skip
        with pytest.raises(ValidationError):
            select_tools(**options)


def test_what_is_not_selected_cannot_be_called(client):
    mcp = serve_client(client, read_only=True)
    assert "there is no such tool" in refuse(mcp, "remember", content="x")
    assert client.get_conversation_stats().stats.total_documents == 0


def test_the_tools_of_the_full_profile_have_short_texts_schemas_and_hints():
    async def use(session):
        return {tool.name: tool for tool in (await session.list_tools()).tools}

    tools = run_session(serve_client(None, profile="full"), use)
    assert tools["get_entity"].annotations.read_only_hint
    assert tools["delete_entity"].annotations.destructive_hint
    assert all(len(tool.description) <= 400 for tool in tools.values())
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools.values())


def test_chatgpt_searches_and_fetches_text_alone(client):
    text = "The ferry to Bergen sails at nine. " * 750
    client.save_document("ferry 1/2", text)
    mcp = serve_client(client, profile="chatgpt")

    async def use(session):
        listed = await session.list_tools()
        found = await session.call_tool("search", {"query": "ferry to Bergen"})
        results = json.loads(found.content[0].text)["results"]
        documents = [result for result in results if result["id"].startswith("doc:")]
        fetched = await session.call_tool("fetch", {"id": documents[0]["id"]})
        return listed.tools, found, documents[0], fetched

    tools, found, result, fetched = run_session(mcp, use)
    assert [(tool.name, tool.output_schema) for tool in tools] == [
        ("search", None),
        ("fetch", None),
    ]
    assert found.structured_content is None
    assert sorted(result) == ["id", "title", "url"]
    assert result["url"] == "memory://document/ferry%201%2F2"
    item = json.loads(fetched.content[0].text)
    assert sorted(item) == ["id", "metadata", "text", "title", "url"]
    assert "The ferry to Bergen sails at nine." in item["text"]
    assert item["metadata"]["truncated"] == "true"
    assert len(fetched.content[0].text) <= limits.MCP_ANSWER_CHARACTERS


@pytest.fixture
def filled(client):
    client.save_conversation(
        "a/b 100%",
        [{"role": "user", "content": "Ada Lovelace uses Redis."}],
        metadata={"title": "Cache", "project": "shop"},
    )
    client.save_document("notes", "Redis keeps the sessions.")
    client.update_knowledge_graph([{"name": "Ada Lovelace", "type": "person"}], [])
    return client


@pytest.mark.parametrize("era", ERAS)
def test_resources_are_read_as_markdown(filled, era):
    decided = filled.save_decision("a/b 100%", "tool", "We compared.", "Use Redis.")
    uris = {
        "memory://status": "conversations",
        build_uri("conversation", "a/b 100%"): "# Cache",
        build_uri("entity", "Redis"): "# Redis",
        build_uri("decision", decided.decision_id): "Use Redis.",
        build_uri("document", "notes"): "Redis keeps the sessions.",
    }

    async def use(session):
        templates = (await session.list_resource_templates()).resource_templates
        listed = (await session.list_resources()).resources
        texts = [(await session.read_resource(uri)).contents[0] for uri in uris]
        return templates, listed, texts

    templates, listed, contents = run_session(serve_client(filled), use, era)
    assert [template.name for template in templates] == [
        *("conversation", "entity", "decision", "document")
    ]
    assert [str(resource.uri) for resource in listed] == ["memory://status"]
    for content, words in zip(contents, uris.values(), strict=True):
        assert content.mime_type == "text/markdown"
        assert words in content.text
        assert len(content.text) <= limits.MCP_ANSWER_CHARACTERS


def test_long_resources_are_cut(client):
    client.save_conversation(
        "long", [{"role": "user", "content": "word " * 900} for _ in range(6)], mode="knowledge"
    )

    async def use(session):
        return await session.read_resource("memory://conversation/long")

    text = run_session(serve_client(client), use).contents[0].text
    assert limits.MCP_ANSWER_CHARACTERS - 100 < len(text) <= limits.MCP_ANSWER_CHARACTERS


@pytest.mark.parametrize(
    "uri",
    [
        *(f"memory://document/{SECRET}", f"memory://document/../{SECRET}", "memory://document/"),
        *(f"memory://{SECRET}/x", f"file:///etc/{SECRET}", "memory://document/%FF", "memory://"),
    ],
)
def test_what_is_no_resource_is_refused_without_its_name(client, uri):
    async def use(session):
        await session.read_resource(uri)

    with pytest.raises(ExceptionGroup) as failure:
        run_session(serve_client(client), use)
    error = failure.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MCPError)
    assert error.code == -32602
    assert SECRET not in error.message


def test_the_prompt_about_an_unknown_name_looks_for_no_near_names(filled, monkeypatch):
    queries, search = [], filled.search_hybrid

    def record(query, *arguments, **options):
        queries.append(query)
        return search(query, *arguments, **options)

    monkeypatch.setattr(filled, "search_hybrid", record)
    arguments = {"entity": "Nothing Known"}
    run_session(
        serve_client(filled), lambda session: session.get_prompt("what_do_we_know", arguments)
    )
    assert queries == ["Nothing Known"]


@pytest.mark.parametrize(
    ("name", "argument", "value", "words"),
    [
        ("resume", "topic", "sessions", "Redis keeps the sessions."),
        ("what_do_we_know", "entity", "Redis", "Ada Lovelace"),
        ("what_do_we_know", "entity", "Nothing Known", "no entity with this name"),
        ("why", "decision", "Use Redis", "We compared."),
    ],
)
def test_prompts_contain_what_is_stored(filled, name, argument, value, words):
    filled.save_decision("a/b 100%", "tool", "We compared.", "Use Redis.")

    async def use(session):
        listed = [prompt.name for prompt in (await session.list_prompts()).prompts]
        return listed, await session.get_prompt(name, {argument: value})

    listed, prompt = run_session(serve_client(filled), use)
    assert listed == ["resume", "what_do_we_know", "why"]
    assert words in prompt.messages[0].content.text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(SECRET, {}), ("why", {}), ("why", {SECRET: "x"}), ("why", {"decision": " "})],
)
def test_prompts_that_cannot_be_made_are_refused(client, name, arguments):
    async def main():
        async with Client(serve_client(client)) as session:
            try:
                await session.get_prompt(name, arguments)
            except MCPError as error:
                return error
        return None

    error = asyncio.run(main())
    assert error.code == -32602
    assert SECRET not in error.message


def test_names_are_completed(filled):
    filled.save_decision("a/b 100%", "tool", "We compared.", "Use Redis.")
    entity = ResourceTemplateReference(type="ref/resource", uri="memory://entity/{id}")
    conversation = ResourceTemplateReference(type="ref/resource", uri="memory://conversation/{id}")

    async def use(session):
        values = []
        for reference, argument, prefix in (
            (PromptReference(type="ref/prompt", name="what_do_we_know"), "entity", "ada l"),
            (PromptReference(type="ref/prompt", name="resume"), "topic", "sh"),
            (PromptReference(type="ref/prompt", name="why"), "decision", "use"),
            (PromptReference(type="ref/prompt", name="why"), "other", "use"),
            (entity, "id", "Re"),
            (conversation, "id", "a"),
        ):
            answer = await session.complete(reference, {"name": argument, "value": prefix})
            values.append(answer.completion.values)
        return values

    completed = run_session(serve_client(filled), use)
    assert completed == [
        *(["Ada Lovelace"], ["shop"], ["Use Redis."], [], ["Redis"], ["a%2Fb%20100%25"])
    ]


def test_completion_is_bounded(client):
    client.update_knowledge_graph([{"name": f"Station {n}"} for n in range(130)], [])
    reference = PromptReference(type="ref/prompt", name="what_do_we_know")

    async def use(session):
        return await session.complete(reference, {"name": "entity", "value": "station"})

    completion = run_session(serve_client(client), use).completion
    assert [len(completion.values), completion.total, completion.has_more] == [100, 130, True]


def test_a_tool_of_each_profile_answers(client):
    for profile, name in (("small", "status"), ("full", "get_conversation_stats")):
        assert call(serve_client(client, profile=profile), name)
