"""The managed local server, for real: shared, restarted, stopped, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from kg import local
from kg.errors import ValidationError
from mcp_context_persistence import ContextPersistenceClient

HOLD = """
import sys, time
from pathlib import Path
from kg import local
attachment = local.attach(Path(sys.argv[1]))
print(attachment.bolt_url, flush=True)
time.sleep(600)
"""


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def holder(store):
    """Another process that holds the store open; returns it and the address it got."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(store)], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("stores") / "mit Leerzeichen und ä"
    yield place
    local.stop(place, force=True)


def test_a_store_keeps_what_was_saved_and_its_server_survives_kill_9(store):
    with ContextPersistenceClient(f"local:{store}", config={"deadline": 120.0}) as client:
        client.save_conversation("c", [{"role": "user", "content": "remember me"}], mode="knowledge")
        os.kill(local.status(store).pid, signal.SIGKILL)
        assert client.load_conversation_history("c").messages[0].content == "remember me"
        client.save_conversation("d", [{"role": "user", "content": "after"}], mode="knowledge")
        assert client.get_conversation_stats().stats.total_conversations == 2
    assert until(lambda: not local.status(store).running, 30)
    with ContextPersistenceClient(f"local:{store}") as client:
        assert client.load_conversation_history("d").total_messages == 1


def test_processes_share_one_server_and_the_last_one_out_stops_it(store):
    holders = [holder(store) for _ in range(4)]
    assert len({address for _, address in holders}) == 1
    assert len(local.status(store).clients) == 4
    pid = local.status(store).pid
    for process, _ in holders[:-1]:
        end(process)
    assert until(lambda: len(local.status(store).clients) == 1, 10)
    assert psutil.pid_exists(pid)
    end(holders[-1][0])
    assert until(lambda: not psutil.pid_exists(pid), 30)


def test_a_killed_supervisor_takes_its_server_along_and_the_next_opener_starts_both(store):
    process, _ = holder(store)
    pid = local.status(store).pid
    supervisor = psutil.Process(pid).ppid()
    os.kill(supervisor, signal.SIGKILL)
    assert until(lambda: not psutil.pid_exists(pid), 30)
    with local.attach(store):
        assert local.status(store).pid != pid
    end(process)


def test_files_are_private_and_the_password_is_not_shown(store):
    with local.attach(store) as attachment:
        assert attachment.password not in repr(attachment)
        assert store.stat().st_mode & 0o777 == 0o700
        secret = [path for path in Path(store).rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
        assert [path for path in secret if attachment.password.encode() in path.read_bytes()] == []
        command = " ".join(psutil.Process(local.status(store).pid).cmdline())
        assert attachment.password not in command
        listening = psutil.Process(local.status(store).pid).net_connections("tcp")
        assert {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_neo4j_browser_answers(store):
    with local.attach(store) as attachment:
        pages = []

        def answers():  # HTTP opens a moment after Bolt
            try:
                with urllib.request.urlopen(f"{attachment.http_url}/browser/", timeout=30) as answer:
                    pages.append(answer.read())
            except urllib.error.URLError:
                return False
            return True

        assert until(answers, 60)
        assert b"<html" in pages[0].lower()


def test_a_throw_away_store_is_gone_afterwards():
    with local.attach(None) as attachment:
        place = attachment.store
        assert place.is_dir()
    assert until(lambda: not place.exists(), 30)


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
