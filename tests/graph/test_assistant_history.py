"""Ten days of an assistant in two processes end in the graph that a plain dictionary describes."""

import json
import os
import random
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from tests.conftest import RUN
from tests.graph.conversations import find_words, normalize

DAYS, TURNS, FEW_TURNS = 10, 200, 20
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
# What a user says, by topic; the later of two instructions of a topic supersedes the earlier one.
SAYINGS = {
    "facts": [
        f"The {name} class uses {library}."
        for name in ("OrderParser", "StockLoader", "InvoicePrinter")
        for library in ("pandas", "Redis", "Flask")
    ],
    "language": [f"Always answer in {language}." for language in ("German", "French", "Spanish")],
    "home": [f"I live in {city}." for city in ("Vienna", "Brno", "Lisbon")],
    "name": [f"Call me {name}." for name in ("Doctor", "Captain", "Boss")],
}
STATUSES = ["active", "superseded", "retired"]
PROCESS = """
import json, os, sys
from mcp_context_persistence import ContextPersistenceClient
auth = os.environ["TEST_USER"], os.environ["TEST_PASSWORD"]
with ContextPersistenceClient(sys.argv[1], auth=auth, namespace=sys.argv[2]) as client:
    for line in sys.stdin:
        method, arguments = json.loads(line)
        getattr(client, method)(*arguments)
        print("done", flush=True)
"""


class OtherProcess:
    """Makes calls in a process of its own."""

    def __init__(self, server, namespace):
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, server.bolt_url, namespace],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TEST_USER": server.user, "TEST_PASSWORD": server.password},
        )

    def call(self, method, *arguments):
        self._process.stdin.write(json.dumps([method, arguments]) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def kill(self):
        self._process.kill()
        self._process.communicate()


class Assistant:
    """Takes turns in two processes, and keeps what must be stored in a dictionary."""

    def __init__(self, server, namespace):
        self._server, self._namespace = server, namespace
        self.days: dict[str, dict[str, dict]] = {}
        self.saved_texts: dict[str, str] = {}
        self.gone_words: list[str] = []
        self.open()

    def open(self):
        self.client = ContextPersistenceClient(
            self._server.bolt_url, auth=self._server.auth, namespace=self._namespace
        )
        self._other = OtherProcess(self._server, self._namespace)

    def close(self):
        self._other.kill()
        self.client.close()

    def call(self, in_other, method, *arguments):
        if in_other:
            self._other.call(method, *arguments)
        else:
            getattr(self.client, method)(*arguments)

    def take(self, turn, action, choice, in_other):
        day = f"day-{turn * DAYS // TURNS}"
        stored = [(name, key) for name, keys in self.days.items() for key in keys]
        target = stored[choice % len(stored)] if stored else None
        if action == "correct" and target:
            self.correct(turn, target, choice, in_other)
        elif action == "delete" and target:
            name, key = target
            self.forget(self.days[name].pop(key))
            self.call(in_other, "delete_message", key)
        elif action == "delete_day":
            for message in self.days.pop(day, {}).values():
                self.forget(message)
            self.call(in_other, "delete_conversation", day)
        elif action == "instruct":
            text = f"Use the w{turn} format for tables."
            self.saved_texts[text] = "active"
            self.call(in_other, "save_instruction", text)
        elif action == "retire" and self.saved_texts:
            self.retire(choice, in_other)
        else:
            self.say(turn, day, action, choice, in_other)

    def say(self, turn, day, action, choice, in_other):
        texts = SAYINGS.get(action, ["Understood, noted."])
        message = {
            "id": f"m{turn}",
            "role": "user" if action in SAYINGS else "assistant",
            "content": f"{texts[choice % len(texts)]} The zq{turn:03} note.",
            "timestamp": (START + timedelta(days=turn * DAYS / TURNS)).isoformat(),
        }
        self.days.setdefault(day, {})[message["id"]] = message
        self.call(in_other, "append_messages", day, [message])

    def correct(self, turn, target, choice, in_other):
        day, key = target
        message = self.days[day][key]
        self.forget(message)
        topic = [*SAYINGS][choice % len(SAYINGS)]
        text = f"{SAYINGS[topic][turn % len(SAYINGS[topic])]} The zq{turn:03} note."
        self.days[day][key] = {**message, "content": text}
        self.call(in_other, "update_message", key, text)

    def retire(self, choice, in_other):
        text = [*self.saved_texts][choice % len(self.saved_texts)]
        self.saved_texts[text] = "retired"
        entries = self.client.list_instructions(status=STATUSES, limit=1000).instructions
        self.call(
            in_other, "retire_instruction", next(one.id for one in entries if one.text == text)
        )

    def forget(self, message):
        self.gone_words.append(re.search(r"zq\d+", message["content"])[0])


def describe_instructions(days, saved_texts):
    """Return text and status of each instruction that the dictionary holds."""
    found, last = [], {}
    messages = [message for keys in days.values() for message in keys.values()]
    for message in sorted(messages, key=lambda message: message["timestamp"]):
        text = message["content"].partition(" The zq")[0]
        topic = next((topic for topic, texts in SAYINGS.items() if text in texts), "facts")
        if message["role"] == "user" and topic != "facts":
            if topic in last:
                found[last[topic]] = (*found[last[topic]][:2], "superseded")
            last[topic] = len(found)
            found.append((text, message["id"], "active"))
    return sorted([*found, *((text, "", status) for text, status in saved_texts.items())])


def store_at_once(client, assistant):
    """Store what the dictionary holds in another namespace."""
    for day, messages in assistant.days.items():
        if messages:
            client.append_messages(day, list(messages.values()))
        else:  # a conversation without messages stays
            client.append_messages(day, [{"id": "x", "role": "user", "content": "Hello."}])
            client.delete_message("x")
    for text, status in assistant.saved_texts.items():
        entry = client.save_instruction(text).instruction
        if status == "retired":
            client.retire_instruction(entry.id)


VARYING = re.compile(r"'(append_key|embedding|order_key)': ('[\w:.]+'|\[[^]]*\])(, )?")


def normalize_history(client):
    """Return the graph without what depends on the call: vectors on their batch, keys on the time.

    The order in which instructions were stated decides their status, which is compared.
    """
    return [[VARYING.sub("", row) for row in rows] for rows in normalize(client)]


ACTIONS = [
    *SAYINGS,
    *SAYINGS,
    "reply",
    "reply",
    "correct",
    "correct",
    "delete",
    "instruct",
    "retire",
]


def draw_turns(seed):
    """Return the turns of a history: the action, a number by which to choose, and the process."""
    numbers = random.Random(seed)
    return [
        (
            "delete_day" if numbers.random() < 0.02 else numbers.choice(ACTIONS),
            numbers.randrange(1_000),
            numbers.random() < 0.5,
        )
        # The first example of hypothesis is always the simplest one; it takes few turns.
        for _ in range(TURNS if seed else FEW_TURNS)
    ]


@settings(
    max_examples=2,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_ten_days_of_an_assistant_equal_a_plain_dictionary(server, connect, seed):
    assistant = Assistant(server, f"{RUN}{uuid.uuid4().hex[:12]}")
    try:
        for turn, (action, choice, in_other) in enumerate(draw_turns(seed)):
            if turn == TURNS // 2:
                assistant.close()
                assistant.open()
            assistant.take(turn, action, choice, in_other)
        client = assistant.client
        for day, messages in assistant.days.items():
            loaded = client.load_conversation_history(day).messages
            assert [
                (item.id, item.role, item.content, item.timestamp.isoformat()) for item in loaded
            ] == [tuple(message.values()) for message in messages.values()]
        listed = client.list_instructions(status=STATUSES, limit=1000).instructions
        assert sorted(
            (entry.text, entry.message_id or "", entry.status) for entry in listed
        ) == describe_instructions(assistant.days, assistant.saved_texts)
        stats = client.get_conversation_stats().stats
        assert stats.total_conversations == len(assistant.days)
        assert stats.total_messages == sum(map(len, assistant.days.values()))
        alone = connect(namespace=f"{RUN}{uuid.uuid4().hex[:12]}")
        store_at_once(alone, assistant)
        for rows, expected in zip(normalize_history(client), normalize_history(alone), strict=True):
            assert sorted(set(rows) ^ set(expected)) == []
            assert len(rows) == len(expected)
        assert find_words(client, assistant.gone_words[:20]) == []
    finally:
        assistant.close()
