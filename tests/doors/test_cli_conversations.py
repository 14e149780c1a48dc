"""The commands that write and read conversations, against a real server."""

import json

TALKS = [
    {
        "conversation_id": f"talk-{number}",
        "messages": [{"id": f"talk-{number}-a", "role": "user", "content": text}],
        "metadata": {"project": "orders", "year": 2026},
    }
    for number, text in enumerate(
        ("The OrderParser class uses pandas.", "We water the tomatoes in the evening.")
    )
]
LINES = "".join(json.dumps(talk) + "\n" for talk in TALKS)


def test_conversations_are_saved_and_loaded(commands):
    assert commands.print("save", "-", text=LINES) == ["talk-0", "talk-1"]
    assert commands.print("load", "talk-0") == ["user: The OrderParser class uses pandas."]
    (loaded,) = commands.read("load", "talk-0")
    assert loaded["messages"][0]["id"] == "talk-0-a"
    assert loaded["total_messages"] == 1
    assert loaded["metadata"] == {"project": "orders", "year": 2026}


def test_a_search_prints_one_result_in_each_line(commands):
    commands.run("save", "-", text=LINES)
    lines = commands.print("search", "tomatoes", "--type", "message", "--limit", "1")
    score, kind, key, text = lines[0].split("\t")
    assert 0 < float(score) <= 1
    assert (kind, key, text) == ("message", "talk-1-a", "We water the tomatoes in the evening.")
    query = "When do we water the tomatoes?"
    (result,) = commands.read("search", query, "--type", "message", "--limit", "1")
    assert result["id"] == "talk-1-a"
    assert {"id", "type", "content", "similarity_score", "explanation"} <= result.keys()
    assert 0 < result["confidence"] < 1


def test_documents_are_listed_and_shown(commands):
    commands.run("save", "--document", "runbook", "-", "--project", "ops", text="Restart first.")
    [line] = commands.print("list", "documents")
    key, passages, _, project = line.split("\t")
    assert (key, passages, project) == ("runbook", "1", "ops")
    assert commands.print("load", "--document", "runbook") == ["Restart first."]
    assert commands.run("load", "--document", "none").exit_code == 3
    for words in (["load"], ["load", "a", "--document", "b"],
                  ["load", "--document", "b", "--limit", "1"]):  # fmt: skip
        assert commands.run(*words).exit_code == 2
