"""The server starts in any environment, and its errors say why it cannot start."""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.settings import JOIN_SECONDS
from mcp_context_persistence.kg.local.store import Store
from tests.faults.local_stores import (
    QUICK,
    end_by_force,
    eventually,
    is_gone,
    run,
    small_disk,
    state_of,
    stopped_at_the_end,
)

ROOT = Path(local.__file__).parents[2]
TEMPORARY = Path(tempfile.gettempdir())
OPEN = """
import sys
from pathlib import Path
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local import diagnosis
settings = local.ServerSettings(heap='512m', page_cache='64m', linger_seconds=0.0)
try:
    with local.attach(Path(sys.argv[1]), settings=settings) as attached:
        print(ascii(str(attached.store)), flush=True)
        sys.stdin.readline()
except Exception as error:
    print(ascii(f'{type(error).__name__} retryable={error.retryable} {error}'), flush=True)
"""
NAMES = "störe ł 猫 with spaces"


def opener(store, variables, **options):
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CONTEXT_CACHE_DIR": str(cache()),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, os.fsencode(store)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def cache():
    from mcp_context_persistence.kg.local.settings import cache_folder

    return cache_folder()


def answer(process):
    text, _ = process.communicate("\n", timeout=280)
    return text.strip()


def left_in_temporary(state):
    """Return the files that a server has left in the temporary folder of the system."""
    pattern = re.compile(
        rf"jetty-.*-{state.http_port}-|hs_err_pid{state.pid}\.|\.java_pid{state.pid}$"
    )
    names = [name for name in os.listdir(TEMPORARY) if pattern.match(name)]
    return names + [str(path) for path in TEMPORARY.glob(f"hsperfdata_*/{state.pid}")]


def files_of(pid, folder):
    """Return the files below a folder that a process has open or mapped."""
    lines = [line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    mapped = {line[5] for line in lines if len(line) == 6 and line[5].startswith(f"{folder}/")}
    opened = {file.path for file in psutil.Process(pid).open_files()}
    return mapped | {path for path in opened if path.startswith(f"{folder}/")}


def test_a_supervisor_does_not_inherit_what_its_client_blocks_and_ignores(tmp_path):
    store = tmp_path / "store"
    ignored = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        attached = local.attach(store, settings=QUICK)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGCHLD, ignored)
    with stopped_at_the_end(store), attached:
        state = state_of(store)
        for pid in (state.supervisor, state.pid):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            masks = {
                line[:6]: int(line[7:], 16) for line in lines if line[:6] in {"SigBlk", "SigIgn"}
            }
            assert masks["SigBlk"] & 1 << signal.SIGTERM - 1 == 0
            assert masks["SigIgn"] & 1 << signal.SIGCHLD - 1 == 0
        os.kill(state.supervisor, signal.SIGTERM)
        eventually(lambda: is_gone(state), 30)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can open the store of another user")
def test_the_store_of_another_user_belongs_to_that_user_after_root_has_opened_it(tmp_path):
    store, user = tmp_path / "store", 65_534
    store.mkdir(mode=0o700)
    os.chown(store, user, user)
    outside = tmp_path / "outside"
    outside.touch()
    with stopped_at_the_end(store):
        with local.attach(store, settings=QUICK):
            state = state_of(store)
            os.link(outside, store / "logs" / "link")
            os.symlink(outside, store / "logs" / "symbolic")
        eventually(lambda: is_gone(state))
        entries = {
            path for path in store.rglob("*") if not path.name.endswith(("link", "symbolic"))
        }
        assert {path.stat().st_uid for path in entries} == {user}
        assert outside.stat().st_uid == 0


def test_a_server_starts_in_an_empty_environment_and_writes_only_into_its_store(tmp_path):
    store = tmp_path / NAMES
    with stopped_at_the_end(store):
        process = opener(store, {"LC_ALL": "C"})
        try:
            assert process.stdout.readline().strip() == ascii(str(store))
            state = state_of(store)
            variables = psutil.Process(state.pid).environ()
            assert variables["LC_ALL"].lower().replace("-", "").endswith("utf8")
            assert not {"CONTEXT_CACHE_DIR", "PYTHONPATH"} & set(variables)
            assert {
                file for file in files_of(state.pid, TEMPORARY) if not file.startswith(str(store))
            } == set()
            # The web server starts after Bolt.
            eventually(lambda: any(Store(store).temporary.glob("jetty-*")))
        finally:
            answer(process)
        eventually(lambda: is_gone(state))
        assert left_in_temporary(state) == []
        assert list(Store(store).temporary.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize(
    "variables",
    [{}, {"LC_ALL": "POSIX"}, {"LANG": "de_DE.ISO-8859-1"}, {"LC_CTYPE": "C", "HOME": "/"}],
)
def test_a_server_starts_in_every_locale(tmp_path, variables):
    store = tmp_path / NAMES
    with stopped_at_the_end(store):
        assert answer(opener(store, variables)) == ascii(str(store))


@pytest.mark.long
@pytest.mark.parametrize("killed", ["pid", "supervisor"])
def test_a_kill_leaves_no_files_outside_the_store(tmp_path, killed):
    store = tmp_path / "store"
    with stopped_at_the_end(store), local.attach(store, settings=QUICK) as attached:
        state = state_of(store)
        os.kill(getattr(state, killed), signal.SIGKILL)
        eventually(lambda: not psutil.pid_exists(state.pid))
        attached.renew()
        eventually(lambda: state_of(store).pid not in {0, state.pid}, 120)
        assert run(attached, "RETURN 1 AS one") == [{"one": 1}]
        assert left_in_temporary(state) == []
        jetty = [path.name for path in Store(store).temporary.glob("jetty-*")]
        assert all(f"-{state_of(store).http_port}-" in name for name in jetty)
        assert len(jetty) <= 1


def limited(number, value):
    return lambda: resource.setrlimit(number, (value, value))


@pytest.mark.long
def test_the_error_about_few_open_files_has_advice(tmp_path):
    text = answer(opener(tmp_path / "store", {}, preexec_fn=limited(resource.RLIMIT_NOFILE, 400)))
    assert "only 400 open files are allowed" in text
    assert "retryable=False" in text


@pytest.mark.long
def test_the_soft_limit_of_open_files_is_raised(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    lower = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # noqa: E731
    with stopped_at_the_end(tmp_path / "store"):
        assert answer(opener(tmp_path / "store", {}, preexec_fn=lower)) == ascii(
            str(tmp_path / "store")
        )


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("RLIMIT_FSIZE", 20_000_000, "only 20,000,000 bytes in a file are allowed"),
        ("RLIMIT_CPU", 600, "only 600 seconds of processor time are allowed"),
    ],
)
def test_a_low_hard_limit_of_the_client_is_refused_and_a_soft_one_is_raised(
    tmp_path, name, value, text
):
    number, store = getattr(resource, name), tmp_path / "store"
    lower = lambda: resource.setrlimit(number, (value, resource.getrlimit(number)[1]))  # noqa: E731
    with stopped_at_the_end(store):
        refused = answer(opener(store, {}, preexec_fn=limited(number, value)))
        assert text in refused
        assert "retryable=False" in refused
        assert answer(opener(store, {}, preexec_fn=lower)) == ascii(str(store))


@pytest.mark.long
def test_the_error_names_too_little_address_space(tmp_path):
    text = answer(
        opener(tmp_path / "store", {}, preexec_fn=limited(resource.RLIMIT_AS, 2_500_000_000))
    )
    assert "memory" in text
    assert "retryable=True" in text


@pytest.mark.long
def test_a_store_opens_on_a_disk_that_forbids_to_execute(tmp_path):
    with small_disk(tmp_path / "disk", "100m") as disk, stopped_at_the_end(disk / "store"):
        subprocess.run(["mount", "-o", "remount,noexec", disk], check=True)
        with local.attach(disk / "store", settings=QUICK) as attached:
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]


@pytest.mark.long
def test_the_error_names_a_read_only_disk(tmp_path):
    with small_disk(tmp_path / "disk", "100m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(DatabaseError, match="Read-only file system"):
            local.attach(disk / "store", settings=QUICK)


@pytest.mark.long
def test_the_error_names_another_neo4j_on_the_same_data(tmp_path):
    store = tmp_path / "store"
    code = (
        "import fcntl, sys, time\nfile = open(sys.argv[1], 'r+b')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\ntime.sleep(600)"
    )
    with stopped_at_the_end(store):
        local.attach(store, settings=QUICK).close()
        local.stop(store, force=True)
        lock = store / "data" / "databases" / "store_lock"
        holder = subprocess.Popen(
            [sys.executable, "-c", code, lock], stdout=subprocess.PIPE, text=True
        )
        try:
            assert holder.stdout.readline().strip() == "locked"
            with pytest.raises(DatabaseError, match="another Neo4j uses the same data") as caught:
                local.attach(store, settings=QUICK)
            assert caught.value.retryable
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        local.attach(store, settings=QUICK).close()


SOON = local.ServerSettings(heap="512m", page_cache="64m", linger_seconds=0.0, start_seconds=30.0)


def in_time(began):
    return time.monotonic() - began < SOON.start_seconds + JOIN_SECONDS + 15


def wait_for_process(store):
    eventually(lambda: Store(store).read_state() is not None and state_of(store).pid > 0)
    return state_of(store)


@pytest.mark.long
@pytest.mark.parametrize("name", ["supervisor", "process"])
def test_a_frozen_process_does_not_delay_an_opening_beyond_its_limit(tmp_path, name):
    store = tmp_path / "store"
    first = opener(store, {})
    try:
        state = wait_for_process(store)
        frozen = state.supervisor if name == "supervisor" else state.pid
        os.kill(frozen, signal.SIGSTOP)
        if name == "supervisor":
            os.kill(state.pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(DatabaseError, match=f"{name} {frozen} is stopped") as caught:
            local.attach(store, settings=SOON)
        assert caught.value.retryable
        assert in_time(began)
        os.kill(frozen, signal.SIGCONT)
        with local.attach(store, settings=QUICK) as attached:
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]
    finally:
        first.kill()
        first.communicate()
        end_by_force(store)


@pytest.mark.long
def test_the_error_names_a_stopped_process_that_holds_the_join_lock(tmp_path):
    store = tmp_path / "store"
    Store(store).prepare()
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from mcp_context_persistence.kg.local import leases\nleases.lock(Path(sys.argv[1]))\n"
        "print('locked', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, Store(store).join_lock],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline().strip() == "locked"
        began = time.monotonic()
        with pytest.raises(DatabaseError, match=rf"process {holder.pid}: resume it") as caught:
            local.attach(store, settings=SOON)
        assert caught.value.retryable
        assert in_time(began)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


@pytest.mark.long
def test_a_server_that_is_killed_while_it_starts_is_started_again(tmp_path):
    store = tmp_path / "store"
    first = opener(store, {})
    try:
        killed = set()
        for _ in range(2):
            eventually(
                lambda: (
                    Store(store).read_state() is not None
                    and state_of(store).pid not in {0, *killed}
                ),
                60,
            )
            time.sleep(0.5)
            killed.add(state_of(store).pid)
            os.kill(state_of(store).pid, signal.SIGKILL)
        assert first.stdout.readline().strip() == ascii(str(store))
    finally:
        first.kill()
        first.communicate()
        local.stop(store, force=True)


@pytest.mark.long
def test_the_algorithms_do_not_fill_the_logs(tmp_path):
    store = tmp_path / "store"
    with stopped_at_the_end(store), local.attach(store, settings=QUICK) as attached:
        run(
            attached,
            "UNWIND range(0, 50) AS i MERGE (a:N {i: i}) MERGE (b:N {i: i + 1}) "
            "MERGE (a)-[:R]->(b)",
        )
        before = sum(path.stat().st_size for path in Store(store).logs.iterdir())
        for _ in range(20):
            run(
                attached,
                "MATCH (a:N)-[:R]->(b:N) WITH gds.graph.project('g', a, b) AS g RETURN g.nodeCount",
            )
            run(attached, "CALL gds.pageRank.stream('g') YIELD nodeId RETURN count(*) AS c")
            run(attached, "CALL gds.graph.drop('g') YIELD graphName RETURN graphName")
        assert sum(path.stat().st_size for path in Store(store).logs.iterdir()) - before < 50_000


def test_the_server_starts_where_children_run_python_code_before_the_program(tmp_path, monkeypatch):
    """Check gevent, which replaces `Popen` by one that forks so."""
    forking = (
        "import functools, subprocess as s; s.Popen = functools.partial(s.Popen, preexec_fn=int)"
    )
    monkeypatch.setattr(sys.modules[__name__], "OPEN", forking + OPEN)
    assert answer(opener(tmp_path / "store", {})) == ascii(str(tmp_path / "store"))
