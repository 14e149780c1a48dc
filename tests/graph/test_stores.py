"""Stores as the client uses them: what was saved outlives the server, throw-away graphs are apart, files are left alone."""

import os
import signal

import pytest

from kg import local
from kg.errors import ValidationError
from mcp_context_persistence import ContextPersistenceClient


def test_what_was_saved_outlives_a_killed_server_and_the_client(tmp_path):
    store = tmp_path / "store"
    try:
        with ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client:
            client.save_conversation("c", [{"role": "user", "content": "remember me"}], mode="knowledge")
            os.kill(local.status(store).pid, signal.SIGKILL)
            assert client.load_conversation_history("c").messages[0].content == "remember me"
            client.save_conversation("d", [{"role": "user", "content": "after"}], mode="knowledge")
            assert client.get_conversation_stats().stats.total_conversations == 2
        local.stop(store)
        with ContextPersistenceClient(f"local:{store}") as client:
            assert client.load_conversation_history("d").total_messages == 1
    finally:
        local.stop(store, force=True)


def test_memory_clients_share_a_server_and_see_nothing_of_each_other():
    with ContextPersistenceClient(":memory:") as one, ContextPersistenceClient(":memory:") as other:
        one.save_conversation("c", [{"role": "user", "content": "mine"}], mode="knowledge")
        assert other.get_conversation_stats().stats.total_conversations == 0
        assert one._core.address is other._core.address


def test_a_file_where_the_store_should_be_is_left_alone(tmp_path):
    file = tmp_path / "store"
    file.write_text("precious")
    with pytest.raises(ValidationError):
        local.attach(file)
    assert file.read_text() == "precious"
