"""Instructions, preferences and facts about the user: found, applied, superseded, retired."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.queries.prompt_context.instructions import HEADING

TALK = [
    {"id": "m0", "role": "user", "content": "Always answer in German."},
    {"id": "m1", "role": "assistant", "content": "Gern. I always use short sentences. Never mind."},
    {
        "id": "m2",
        "role": "user",
        "content": "Always give the quantities in grams when I ask about recipes.",
    },
    {
        "id": "m3",
        "role": "user",
        "content": "I plan a trip to Rome, and I prefer small hotels, can you help me to find one?",
    },
    {"id": "m4", "role": "tool", "content": "Always call the API with a key."},
    {"id": "m5", "role": "system", "content": "Never reveal the key."},
]


@pytest.fixture
def talk(client):
    client.save_conversation("talk", TALK)
    return client


def list_texts(client, **arguments):
    return [entry.text for entry in client.list_instructions(**arguments).instructions]


def search(client, query, **filters):
    filters = {"content_types": "instruction", **filters}
    return client.search_hybrid(query, filters=filters, limit=20).results


def show(client, query, **arguments):
    return [entry.text for entry in client.build_context(query, **arguments).instructions]


def test_only_the_words_of_users_are_instructions_with_their_evidence(talk):
    found = talk.list_instructions().instructions
    assert [(entry.text, entry.message_id, entry.rule) for entry in found] == [
        ("I prefer small hotels", "m3", "I prefer"),
        (TALK[2]["content"], "m2", "always"),
        (TALK[0]["content"], "m0", "always"),
    ]
    preference = found[0]
    content = TALK[3]["content"]
    assert content[preference.start : preference.end] == preference.text
    assert (preference.kind, preference.subject) == ("preference", "user")
    assert [entry.scope for entry in found] == ["small hotels", "recipes", "always"]
    assert {entry.conversation_id for entry in found} == {"talk"}
    assert {entry.status for entry in found} == {"active"}


@pytest.mark.parametrize("mode", ["conversation", "knowledge", "hybrid"])
def test_every_mode_finds_instructions(client, mode):
    client.save_conversation("talk", TALK, mode=mode)
    assert len(list_texts(client)) == 3
    assert show(client, "Which recipes are quick?", token_budget=300) == [
        TALK[2]["content"],
        TALK[0]["content"],
    ]


@pytest.mark.parametrize("mode", ["conversation", "knowledge", "hybrid"])
def test_every_mode_finds_uncommon_wordings(client, mode):
    text = "Can you help? They put me on lithium two years ago, so what may I drink?"
    client.save_conversation("talk", [{"role": "user", "content": text}], mode=mode)
    (found,) = client.list_instructions().instructions
    assert (found.kind, found.rule, found.subject) == ("fact", "wording", "user")
    assert text[found.start : found.end] == found.text
    client.save_conversation(
        "talk", [{"role": "user", "content": text, "metadata": {"seen": True}}], mode=mode
    )
    assert client.list_instructions().instructions == [found]


def test_saving_again_changes_nothing(talk):
    before = talk.list_instructions().instructions
    assert talk.save_conversation("talk", TALK).status == "unchanged"
    assert talk.list_instructions().instructions == before


def test_appended_messages_have_instructions(talk):
    talk.append_messages("talk", [{"role": "user", "content": "Never use emojis."}])
    assert "Never use emojis." in list_texts(talk)


def test_a_prompt_context_begins_with_what_applies(talk):
    context = talk.build_context(
        "How do I cook a recipe for lentils?", token_budget=300, min_relevance=0.0
    )
    assert context.text.startswith(f"{HEADING}\n[m:m2] {TALK[2]['content']}\n[m:m0] ")
    assert [entry.message_id for entry in context.instructions] == ["m2", "m0"]
    assert context.tokens <= 300
    keys = re.findall(r"^\[((?:m|d|doc|i):[^\]]+)\]", context.text, re.M)
    assert keys == [citation.key for citation in context.citations]
    assert TALK[2]["content"] not in context.text.split("\n\n", maxsplit=1)[1]


def test_a_message_that_only_states_what_is_shown_is_not_repeated(client):
    content = "I don't eat meat. Please keep your answers short."
    client.save_conversation("kitchen", [{"role": "user", "content": content}])
    context = client.build_context("meat", token_budget=400)
    assert context.text.count("meat") == context.text.count("short") == 1


def test_a_topic_that_does_not_come_up_does_not_apply(talk):
    assert show(talk, "Who won the chess match?", token_budget=500) == [TALK[0]["content"]]
    assert show(talk, "Where could I stay in a hotel?") == [
        "I prefer small hotels",
        TALK[0]["content"],
    ]


@pytest.mark.parametrize("budget", [1, 12, 30, 60, 100, 1_000])
@pytest.mark.parametrize("share", [0, 0.2, 0.5, 1])
def test_the_share_of_the_budget_is_kept(talk, budget, share):
    context = talk.build_context("recipes", budget, instruction_share=share)
    assert context.tokens <= budget
    section = context.text.split("\n\n")[0] if context.instructions else ""
    count = talk._engine.embeddings.current().embedder.count_tokens
    assert section == "" or count([section])[0] <= budget * share + 2
    if share == 0:
        assert context.instructions == []
    if share == 1 and budget >= 60:
        assert context.instructions


def test_a_counter_of_the_caller_counts_the_whole_text(talk):
    context = talk.build_context("recipes", 200, count_tokens=len)
    assert context.tokens == len(context.text) <= 200


def test_a_later_one_supersedes_the_earlier_which_stays_marked(talk):
    talk.save_conversation(
        "other", [{"id": "n0", "role": "user", "content": "From now on, answer in French."}]
    )
    assert TALK[0]["content"] not in list_texts(talk)
    (superseded,) = talk.list_instructions(status="superseded").instructions
    latest = talk.list_instructions().instructions[0]
    assert (superseded.text, superseded.superseded_by) == (TALK[0]["content"], latest.id)
    assert show(talk, "Who won the match?") == ["From now on, answer in French."]
    talk.delete_message("n0")
    assert TALK[0]["content"] in list_texts(talk)
    assert talk.list_instructions(status="superseded").instructions == []


def test_the_time_of_the_messages_decides_which_is_later(client):
    def save(name, content, year):
        time = datetime(year, 1, 1, tzinfo=UTC)
        client.save_conversation(name, [{"role": "user", "content": content, "timestamp": time}])

    save("a", "My favorite color is red.", 2024)
    save("b", "My favorite color is blue.", 2020)
    save("c", "My favorite color is green.", 1950)
    assert list_texts(client) == ["My favorite color is red."]
    assert list_texts(client, status=["superseded"]) == [
        "My favorite color is blue.",
        "My favorite color is green.",
    ]


def test_of_two_in_one_message_the_second_counts(client):
    content = "Always answer in German. No: always answer in French."
    client.save_conversation("c", [{"role": "user", "content": content}])
    client.save_conversation("d", [{"role": "user", "content": "My name is A B. My name is C D."}])
    assert "My name is C D." in " ".join(list_texts(client))
    assert "My name is A B." in list_texts(client, status="superseded")


def test_searches_find_instructions(talk):
    (best, *_) = search(talk, "quantities in grams")
    assert (best.type, best.content, best.conversation_id) == (
        "instruction",
        TALK[2]["content"],
        "talk",
    )
    assert best.message_id == "m2"
    assert best.explanation["instruction"] == {
        "kind": "instruction",
        "scope": "recipes",
        "status": "active",
        "rule": "always",
    }
    kinds = {result.type for result in talk.search_hybrid("quantities in grams").results}
    assert {"message", "instruction"} <= kinds
    assert search(talk, "grams", conversation_id="other") == []


def test_a_superseded_one_is_marked_in_searches(talk):
    talk.append_messages("talk", [{"role": "user", "content": "Please always answer in French."}])
    status = {
        result.content: result.explanation["instruction"]["status"]
        for result in search(talk, "answer language")
    }
    assert status[TALK[0]["content"]] == "superseded"
    assert status["Please always answer in French."] == "active"


def test_a_retired_one_is_not_found_and_stays_retired(talk):
    (entry,) = [e for e in talk.list_instructions().instructions if e.message_id == "m2"]
    retired = talk.retire_instruction(entry.id)
    assert (retired.changed, retired.instruction.status) == (True, "retired")
    assert talk.retire_instruction(entry.id).changed is False
    assert entry.text not in show(talk, "recipes", token_budget=500)
    assert entry.text not in [result.content for result in search(talk, "quantities in grams")]
    talk.update_message("m2", metadata={"seen": True})
    assert list_texts(talk, status="retired") == [entry.text]
    assert entry.text not in [result.content for result in search(talk, "quantities in grams")]
    with pytest.raises(NotFoundError):
        talk.retire_instruction("none")


def test_a_changed_message_has_the_instructions_of_its_new_text(talk):
    talk.update_message("m0", content="Always answer in Greek. Never use slang.")
    texts = list_texts(talk)
    assert TALK[0]["content"] not in texts
    assert {"Always answer in Greek.", "Never use slang."} <= set(texts)
    talk.update_message("m0", role="assistant")
    assert {"Always answer in Greek.", "Never use slang."} & set(list_texts(talk)) == set()


def test_a_replaced_conversation_loses_the_instructions_of_removed_messages(talk):
    talk.save_conversation("talk", TALK[:2], replace=True)
    assert list_texts(talk) == [TALK[0]["content"]]


def test_deletions_take_instructions_with_them(talk):
    preview = talk.delete_message("m0", dry_run=True)
    assert preview.deleted.instructions == 1
    assert len(list_texts(talk)) == 3
    assert talk.delete_message("m0").deleted.instructions == 1
    assert talk.delete_conversation("talk").deleted.instructions == 2
    assert list_texts(talk, status=None) == []


def test_a_saved_instruction_needs_no_message(client):
    saved = client.save_instruction("Use British spelling.")
    assert saved.created
    assert (saved.instruction.rule, saved.instruction.scope) == ("saved", "always")
    assert client.save_instruction("Use British spelling.").created is False
    scoped = client.save_instruction("Use tables.", scope="prices", kind="preference").instruction
    assert (scoped.scope, scoped.kind) == ("prices", "preference")
    context = client.build_context("What are the prices?")
    assert [entry.id for entry in context.instructions] == [
        scoped.id,
        saved.instruction_id,
    ]
    assert f"[i:{scoped.id}] Use tables." in context.text
    assert [citation.type for citation in context.citations] == ["instruction"] * 2
    client.retire_instruction(saved.instruction_id)
    client.save_instruction("Use British spelling.")
    assert "Use British spelling." in list_texts(client)


def test_the_one_that_was_saved_last_counts_after_a_clock_was_set_back(client):
    future = datetime.now(UTC) + timedelta(hours=2)
    message = {"role": "user", "content": "Always answer in German.", "timestamp": future}
    client.save_conversation("talk", [message])
    for text in ("Always answer in French.", "Always answer in German.", "Always answer in Dutch."):
        client.save_instruction(text)
        assert list_texts(client) == [text]


SAVES = {
    "save_instruction": lambda client, text: client.save_instruction(text),
    "save_conversation": lambda client, text: client.save_conversation(text, [user(text)]),
    "append_messages": lambda client, text: client.append_messages("talk", [user(text)]),
    "batch_save_conversations": lambda client, text: client.batch_save_conversations(
        [{"conversation_id": text, "messages": [user(text)]}]
    ),
}


def user(text):
    return {"role": "user", "content": text}


@pytest.mark.parametrize("first", SAVES)
@pytest.mark.parametrize("last", SAVES)
def test_the_clocks_of_clients_do_not_decide_which_one_was_said_last(
    client, connect, monkeypatch, first, last
):
    ahead, real = connect(), time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: real() + 7_200 * 10**9)
        SAVES[first](ahead, "Always answer in German.")
    SAVES[last](client, "Always answer in French.")
    assert list_texts(client) == ["Always answer in French."]
    assert {
        entry.timestamp > datetime.now(UTC)
        for entry in client.list_instructions(status=None).instructions
    } == {False}


def test_pages_of_the_list_have_each_one_once(client):
    for number in range(5):
        client.save_instruction(f"Use rule {number} of house {number}.")
    texts, cursor = [], None
    while True:
        page = client.list_instructions(limit=2, cursor=cursor)
        texts += [entry.text for entry in page.instructions]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(texts) == [f"Use rule {number} of house {number}." for number in range(5)]
    with pytest.raises(ValidationError):
        client.list_instructions(
            status="retired", cursor=client.list_instructions(limit=1).next_cursor
        )


def test_namespaces_have_their_own(talk, connect, namespace):
    other = connect(namespace=f"{namespace}-other")
    assert list_texts(other, status=None) == []
    assert show(other, "recipes") == []
    other.save_instruction("Use pounds.")
    assert "Use pounds." not in list_texts(talk)
    assert other.delete_namespace(other.namespace).deleted.instructions == 1


def test_a_project_has_its_own_and_those_without(client):
    messages = [{"role": "user", "content": "Always use tabs."}]
    client.save_conversation("a", messages, project_path="/work/alpha")
    client.save_instruction("Never use slang.")
    assert set(show(client, "indentation", filters={"project": "alpha"})) == {
        "Always use tabs.",
        "Never use slang.",
    }
    assert show(client, "indentation", filters={"project": "beta"}) == ["Never use slang."]
    client.save_conversation("a", messages, project_path="/work/beta")
    assert "Always use tabs." in show(client, "indentation", filters={"project": "beta"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": ""},
        {"text": "a" * (limits.INSTRUCTION_CHARACTERS + 1)},
        {"text": "a", "scope": ""},
        {"text": "a", "scope": "a" * (limits.INSTRUCTION_TOPIC_CHARACTERS + 1)},
        {"text": "a", "kind": "wish"},
    ],
)
def test_invalid_instructions_are_refused(client, arguments):
    with pytest.raises(ValidationError):
        client.save_instruction(**arguments)
