"""A save never overwrites stored messages by accident."""

import pytest

from mcp_context_persistence.exceptions import ValidationError
from tests.graph.conversations import dump, turns


def contents(client, conversation_id="c"):
    messages = client.load_conversation_history(conversation_id).messages
    return [message.content for message in messages]


@pytest.mark.parametrize("texts", [("d",), ("a", "x"), ("b", "c")])
def test_a_shorter_list_that_is_not_the_beginning_is_refused(client, texts):
    client.save_conversation("c", turns("a", "b", "c"))
    before = dump(client)
    with pytest.raises(ValidationError, match=r"^messages\.\d: .*append_messages.*replace=True"):
        client.save_conversation("c", turns(*texts))
    assert dump(client) == before
    (answer,) = client.batch_save_conversations(
        [{"conversation_id": "c", "messages": turns(*texts)}]
    )
    assert "append_messages" in answer.error
    assert dump(client) == before
    client.save_conversation("c", turns(*texts), replace=True)
    assert contents(client) == list(texts)


def test_the_beginning_and_a_longer_list_are_saved(client):
    client.save_conversation("c", turns("a", "b", "c"))
    beginning = client.save_conversation("c", turns("a", "b"))
    assert (beginning.status, beginning.kept) == ("unchanged", 2)
    client.save_conversation("c", turns("a", "b", "c", "d"))
    client.save_conversation("c", turns("a", "b", "C", "d"))  # an edit
    assert contents(client) == ["a", "b", "C", "d"]
    with_metadata = [{**message, "metadata": {"seen": True}} for message in turns("a", "b")]
    assert client.save_conversation("c", with_metadata).updated == 2
    assert contents(client) == ["a", "b", "C", "d"]


def test_a_message_without_an_id_does_not_take_the_place_of_one_with_an_id(client):
    client.save_conversation("c", [{"id": "own", "role": "user", "content": "a"}])
    before = dump(client)
    for texts in (("x",), ("x", "y")):
        with pytest.raises(ValidationError, match=r"^messages\.0: .*id of its own"):
            client.save_conversation("c", turns(*texts))
        assert dump(client) == before
    assert client.save_conversation("c", turns("a")).status == "unchanged"
    client.save_conversation("c", turns("a", "b"))
    assert [message.id for message in client.load_conversation_history("c").messages] == [
        "own",
        "c:1",
    ]
    client.save_conversation("c", turns("x", "b"), replace=True)
    assert [message.id for message in client.load_conversation_history("c").messages] == [
        "c:0",
        "c:1",
    ]


def test_a_list_in_which_some_messages_have_an_id_is_the_whole_conversation(client):
    whole = [
        {"role": "user", "content": "a"},
        {"id": "run-1", "role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    client.save_conversation("c", whole)
    before = dump(client)
    assert client.save_conversation("c", whole).status == "unchanged"
    assert dump(client) == before
    client.save_conversation("c", [*whole, {"id": "run-2", "role": "assistant", "content": "d"}])
    assert contents(client) == ["a", "b", "c", "d"]
    before = dump(client)
    for wrong in (
        [{"id": "run-3", "role": "assistant", "content": "e"}, {"role": "user", "content": "b"}],
        [{"id": "run-2", "role": "assistant", "content": "d"}, {"role": "user", "content": "f"}],
        [{"role": "user", "content": "a"}, {"id": "new", "role": "user", "content": "b"}],
    ):
        with pytest.raises(ValidationError, match=r"^messages\.\d: "):
            client.save_conversation("c", wrong)
        assert dump(client) == before
    client.save_conversation("c", [*whole[1:], {"role": "user", "content": "z"}], replace=True)
    assert contents(client) == ["b", "c", "z"]


def test_messages_of_other_programs_are_stored_found_and_given_back(client):
    call = {"id": "t1", "type": "function", "function": {"name": "find_kettle", "arguments": "{}"}}
    given = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Find the kettle of Marta."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "The kettle is vermilion.", "tool_call_id": "t1"},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t2", "content": "It is turquoise."}
            ],
        },
        {"role": "assistant", "content": "", "model": "m-1"},
    ]
    for conversation_id, save in (("c", client.save_conversation), ("d", client.append_messages)):
        save(conversation_id, given)
        loaded = client.load_conversation_history(conversation_id).messages
        assert [
            {
                key: value
                for key, value in message.as_given().items()
                if key not in {"id", "timestamp"}
            }
            for message in loaded
        ] == given
    assert client.save_conversation("c", given).status == "unchanged"
    assert client.save_conversation("c", loaded_of(client, "c")).created == 0

    def find(query, **filters):
        results = client.search_hybrid(
            query, "keyword", filters={"conversation_id": "c", **filters}
        ).results
        return [result.id for result in results if result.type == "message"]

    assert find("vermilion") == ["c:2"]
    assert find("turquoise") == ["c:3"]
    assert find("find_kettle")[0] == "c:1"
    assert find("vermilion turquoise", role="user") == []
    assert find("turquoise", role="tool") == ["c:3"]
    for mode in ("hybrid", "semantic", "graph"):
        assert client.search_hybrid("find_kettle of Marta", mode).success
    assert "kettle" in client.build_context("Which kettle?", 200).text


def loaded_of(client, conversation_id):
    return client.load_conversation_history(conversation_id).messages


def test_an_update_keeps_tool_calls_and_replaces_parts(client):
    call = {"id": "t1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    client.append_messages(
        "c", [{"id": "a", "role": "assistant", "content": ["Old."], "tool_calls": [call]}]
    )
    client.update_message("a", metadata={"seen": True})
    assert loaded_of(client, "c")[0].parts == ["Old."]
    client.update_message("a", content="New.")
    (message,) = loaded_of(client, "c")
    assert (message.content, message.parts, message.tool_calls) == ("New.", None, [call])
    client.delete_message("a")
    client.append_messages("c", turns("b"))
    assert contents(client) == ["b"]
