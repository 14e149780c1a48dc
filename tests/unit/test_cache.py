"""Keys, the three stores without a server, and what happens when one of them fails."""

import logging
import stat
import threading
import time
from datetime import UTC, date, datetime

import pytest
from pydantic import BaseModel

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.models import HybridSearchParams, SearchFilters
from mcp_context_persistence.runtime.cache import stores
from mcp_context_persistence.runtime.cache.response_cache import ResponseCache, make_key
from mcp_context_persistence.runtime.cache.stores import (
    FileStore,
    MemoryStore,
    RedisStore,
    open_store,
)

A, B = b"a" * 16, b"b" * 16
V1, V2 = "1" * 36, "2" * 36


class Answer(BaseModel):
    text: str


class Graph:
    """Counts how often an answer is computed, in a graph that is in the given state."""

    def __init__(self, store, version=V1):
        self.version, self.computed = version, 0
        self.answers = ResponseCache(store, lambda: self.version)

    def ask(self, key=A, text="x"):
        def compute():
            self.computed += 1
            return Answer(text=text)

        return self.answers.get_or_compute(Answer, key, compute)


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    opened = []

    def open_one(group=A, entries=3, seconds=60.0):
        opened.append(
            MemoryStore(entries=entries, seconds=seconds)
            if request.param == "memory"
            else FileStore(tmp_path / "cache", group=group, entries=entries, seconds=seconds)
        )
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_an_answer_is_given_again_while_the_graph_is_in_the_same_state(store):
    graph = Graph(store())
    first, second = graph.ask(), graph.ask()
    assert (first.text, second.text, graph.computed) == ("x", "x", 1)
    graph.version = V2
    graph.ask()
    assert graph.computed == 2
    graph.answers.clear()
    graph.ask()
    assert graph.computed == 3
    assert graph.answers.counts == {
        "hits": 1,
        "misses": 3,
        "evictions": 0,
        "oversized": 0,
        "failures": 0,
    }


def test_nothing_is_kept_of_a_namespace_in_which_nothing_was_written(store):
    graph = Graph(store(), version=None)
    graph.ask()
    graph.ask()
    assert (graph.computed, graph.answers.counts["misses"]) == (2, 0)


def test_an_answer_ends(store):
    graph = Graph(store(seconds=0.05))
    graph.ask()
    time.sleep(0.1)
    graph.ask()
    assert graph.computed == 2


def test_entries_are_bounded(store):
    kept = store(entries=3)
    for number in range(5):
        assert kept.put(bytes([number]) * 16, b"v") == (number >= 3)
    assert [kept.get(bytes([number]) * 16) for number in range(5)] == [None, None, b"v", b"v", b"v"]
    assert kept.put(bytes([4]) * 16, b"w") == 0


def test_a_value_that_is_too_long_is_not_kept(store):
    graph = Graph(store())
    text = "x" * limits.CACHE_ENTRY_BYTES
    graph.ask(text=text)
    graph.ask(text=text)
    assert (graph.computed, graph.answers.counts["oversized"]) == (2, 2)


def test_what_is_kept_is_not_trusted(store):
    kept = store()
    graph = Graph(kept)
    for rubbish in (b"", b"{", V1.encode() + b"{}", b"\xff" * 50):
        kept.put(A, rubbish)
        assert graph.ask().text == "x"
        graph.answers.clear()


def test_memory_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(limits, "CACHE_MEMORY_BYTES", 100)
    kept = MemoryStore(entries=10, seconds=60)
    assert [kept.put(bytes([number]) * 16, b"v" * 40) for number in range(4)] == [0, 0, 1, 1]
    assert kept.size() == (2, 80)


def test_a_file_is_shared_private_and_kept_apart_by_group(tmp_path):
    folder = tmp_path / "new" / "cache"
    one, other, foreign = (
        FileStore(folder, group=group, entries=3, seconds=60) for group in (A, A, B)
    )
    one.put(A, b"text of a user")
    assert (other.get(A), foreign.get(A)) == (b"text of a user", None)
    foreign.clear()
    assert other.get(A) == b"text of a user"
    other.clear()
    assert one.get(A) is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    for store in (one, other, foreign):
        store.close()


def test_a_file_that_is_no_cache_is_refused_and_a_link_not_followed(tmp_path):
    (tmp_path / stores.FILE_NAME).write_text("something else " * 100)
    with pytest.raises(ValidationError, match="directory"):
        open_store("file", 10, 10, group=A, redis_url=None, directory=tmp_path)
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / stores.FILE_NAME).symlink_to(tmp_path / "target")
    with pytest.raises(ValidationError, match="directory"):
        open_store("file", 10, 10, group=A, redis_url=None, directory=str(folder))
    assert not (tmp_path / "target").exists()


class Broken(MemoryStore):
    """A store that fails."""

    def get(self, key):
        raise OSError

    def put(self, key, value):
        raise OSError


def test_a_store_that_fails_warns_once_and_rests(caplog):
    graph = Graph(Broken(entries=1, seconds=1))
    with caplog.at_level(logging.WARNING):
        assert [graph.ask().text for _ in range(3)] == ["x"] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert graph.answers.counts["failures"] == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"cache_type": "disk"}, "cache_type"),
        ({"cache_type": None}, "cache_type"),
        ({"cache_size": 0}, "cache_size"),
        ({"cache_size": limits.CACHE_ENTRIES + 1}, "cache_size"),
        ({"cache_size": True}, "cache_size"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": limits.CACHE_SECONDS + 1}, "ttl"),
        ({"ttl": 1.5}, "ttl"),
        ({"cache_type": "redis"}, "redis_url"),
        ({"cache_type": "redis", "redis_url": "http://me:secret@host"}, "redis_url"),
        ({"cache_type": "redis", "redis_url": "redis://me:secret@host:port"}, "redis_url"),
        ({"directory": "/tmp"}, "directory"),
        ({"cache_type": "file", "directory": 5}, "directory"),
        ({"cache_type": "file", "directory": "a\0b"}, "directory"),
        ({"cache_type": "file", "directory": "/dev/null/x"}, "directory"),
    ],
)
def test_settings_are_checked(arguments, field):
    settings = {
        "cache_type": "memory",
        "cache_size": 10,
        "ttl": 10,
        "group": A,
        "redis_url": None,
        "directory": None,
    }
    with pytest.raises(ValidationError, match=field) as caught:
        open_store(**settings | arguments)
    assert "secret" not in str(caught.value)


def test_the_largest_settings_work():
    assert open_store(
        "memory",
        limits.CACHE_ENTRIES,
        limits.CACHE_SECONDS,
        group=A,
        redis_url=None,
        directory=None,
    )
    assert open_store("none", 1, 1, group=A, redis_url=None, directory=None) is None


def test_different_questions_have_different_keys_and_nothing_can_be_read_in_them():
    values = [
        "data", 1, True, 1.0, "1", None, [1], {"role": "user"}, {"role": ["user"]},
        date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-01", SearchFilters(role="user"), HybridSearchParams(query="data"), "\ud800",
    ]  # fmt: skip
    keys = [make_key("ns", "search", value) for value in values] + [
        make_key("ns", "searchdata"),
        make_key("other", "search", "data"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key is not None and len(key) == 16 and b"data" not in key for key in keys)
    assert make_key("ns", {"a": 1, "b": 2}) == make_key("ns", {"b": 2, "a": 1})


def test_what_is_no_plain_value_has_no_key():
    circle = []
    circle.append(circle)
    for value in ({1, 2}, object(), b"x", circle, {1: 2, "a": 3}):
        assert make_key("ns", value) is None


class StrangeRedis:
    """A client of something at the address of Redis that never answers, or answers nonsense."""

    def __init__(self):
        self.connection_pool = self
        self.is_cut = threading.Event()

    def disconnect(self):
        self.is_cut.set()

    def get(self, name):
        assert self.is_cut.wait(20), "nobody has cut the connection"

    def time(self):
        return 1

    def zpopmin(self, name, count):
        return [(b"key", 1.0)]

    def unlink(self, *names):
        return 0


def test_whatever_answers_in_the_place_of_redis_is_a_failure_in_time(monkeypatch):
    monkeypatch.setattr(stores, "REDIS_SECONDS", 0.1)
    client = StrangeRedis()
    store = RedisStore(client, group=A, entries=2, seconds=60)
    with pytest.raises(TimeoutError):
        store.get(B)
    assert client.is_cut.is_set()
    with pytest.raises(OSError, match="something else answers"):
        store.put(B, b"value")
    store.clear()  # which ends, although there is always another entry
    graph = Graph(store)
    assert (graph.ask().text, graph.computed) == ("x", 1)
