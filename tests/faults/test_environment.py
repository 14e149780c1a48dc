"""The server starts in any environment, leaves nothing beside its store, and says why it cannot start."""

import json
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
from mcp_context_persistence.kg.limits import SERVER_LOG_BYTES
from mcp_context_persistence.kg.local import diagnosis, leases
from mcp_context_persistence.kg.local.environment import environment
from mcp_context_persistence.kg.local.server_logs import FILES
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


def opener(place, variables, **options):
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CONTEXT_CACHE_DIR": str(cache()),
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, os.fsencode(place)],
        env=given,
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
    """What a server has left in the system's temporary folder: named by its port, or by its process."""
    pattern = re.compile(
        rf"jetty-.*-{state.http_port}-|hs_err_pid{state.pid}\.|\.java_pid{state.pid}$"
    )
    named = [name for name in os.listdir(TEMPORARY) if pattern.match(name)]
    return named + [str(path) for path in TEMPORARY.glob(f"hsperfdata_*/{state.pid}")]


def files_of(pid, folder):
    """Files below a folder that a process has open or mapped."""
    lines = [line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    found = {line[5] for line in lines if len(line) == 6 and line[5].startswith(f"{folder}/")}
    return found | {
        one.path for one in psutil.Process(pid).open_files() if one.path.startswith(f"{folder}/")
    }


def test_a_server_starts_in_an_empty_environment_and_leaves_nothing_beside_its_store(tmp_path):
    place = tmp_path / NAMES
    with stopped_at_the_end(place):
        process = opener(place, {"LC_ALL": "C"})
        try:
            assert process.stdout.readline().strip() == ascii(str(place))
            state = state_of(place)
            given = psutil.Process(state.pid).environ()
            assert given["LC_ALL"].lower().replace("-", "").endswith("utf8")
            assert not {"CONTEXT_CACHE_DIR", "PYTHONPATH"} & set(given)
            assert {
                file for file in files_of(state.pid, TEMPORARY) if not file.startswith(str(place))
            } == set()
            eventually(
                lambda: any(Store(place).temporary.glob("jetty-*"))
            )  # the web server comes after Bolt
        finally:
            answer(process)
        eventually(lambda: is_gone(state))
        assert left_in_temporary(state) == []
        assert list(Store(place).temporary.iterdir()) == []


def test_the_logs_of_a_store_are_bounded_by_configuration():
    most = sum(file.most for files in FILES.values() for file in files)
    assert most + 2 * (diagnosis.CONSOLE_BYTES + 1_000_000) <= SERVER_LOG_BYTES


def test_a_console_that_grows_is_emptied(tmp_path):
    console = tmp_path / diagnosis.CONSOLE
    with console.open("ab") as file:
        for _ in range(30):
            file.write(b"x" * 100_000)
            file.flush()
            diagnosis.bound_console(tmp_path)
    assert console.stat().st_size <= diagnosis.CONSOLE_BYTES
    for _ in range(3):
        console.write_text("words")
        diagnosis.begin(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [diagnosis.LAST_CONSOLE]


def test_only_few_variables_reach_the_server(monkeypatch):
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "JAVA_TOOL_OPTIONS",
        "NEO4J_AUTH",
        "CONTEXT_DB_URL",
        "LC_ALL",
        "LANG",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "x")
    assert set(environment()) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TZ",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    }


def test_who_holds_a_lock_is_told_where_the_system_tells_it(tmp_path):
    descriptor = leases.lock(tmp_path / "lock")
    assert leases.owner(tmp_path / "lock") in {os.getpid(), 0}
    os.close(descriptor)
    assert leases.owner(tmp_path / "lock") == 0


@pytest.mark.parametrize(
    ("text", "words", "retryable"),
    [
        (
            "InvalidPathException: Malformed input or input contains unmappable characters: /st??re",
            "locale",
            False,
        ),
        ("java.io.IOException: Too many open files", "ulimit -Hn", False),
        (
            "unable to create native thread: possibly out of memory or process/resource limits reached",
            "ulimit -u",
            True,
        ),
        ("Could not allocate compressed class space: 1073741824 bytes", "not enough memory", True),
        (
            "org.neo4j.io.locker.FileLockException: Lock file has been locked by another process",
            "another Neo4j",
            True,
        ),
        ("java.io.IOException: File too large", "ulimit -f", False),
        ("FileSystemException: x: Read-only file system", "read-only", False),
        ("jna1.tmp: failed to map segment from shared object", "noexec", False),
        ("java.nio.file.AccessDeniedException: /store/data", "who owns it", False),
        ("java.lang.NoClassDefFoundError: a/B", "jar is missing", True),
        ("who knows", "ended while it was starting", True),
    ],
)
def test_each_known_cause_is_told_with_what_to_do(tmp_path, text, words, retryable):
    (tmp_path / diagnosis.CONSOLE).write_text(text)
    failure = diagnosis.explain(tmp_path, died=True)
    assert words in failure.text
    assert failure.retryable is retryable


@pytest.mark.long
@pytest.mark.parametrize(
    "variables",
    [{}, {"LC_ALL": "POSIX"}, {"LANG": "de_DE.ISO-8859-1"}, {"LC_CTYPE": "C", "HOME": "/"}],
)
def test_a_server_starts_in_every_locale(tmp_path, variables):
    place = tmp_path / NAMES
    with stopped_at_the_end(place):
        assert answer(opener(place, variables)) == ascii(str(place))


@pytest.mark.long
@pytest.mark.parametrize("killed", ["pid", "supervisor"])
def test_a_kill_leaves_nothing_beside_the_store(tmp_path, killed):
    place = tmp_path / "store"
    with stopped_at_the_end(place), local.attach(place, settings=QUICK) as attached:
        state = state_of(place)
        os.kill(getattr(state, killed), signal.SIGKILL)
        eventually(lambda: not psutil.pid_exists(state.pid))
        attached.renew()
        eventually(lambda: state_of(place).pid not in {0, state.pid}, 120)
        assert run(attached, "RETURN 1 AS one") == [{"one": 1}]
        assert left_in_temporary(state) == []
        jetty = [path.name for path in Store(place).temporary.glob("jetty-*")]
        assert all(f"-{state_of(place).http_port}-" in name for name in jetty)
        assert len(jetty) <= 1


def limited(number, value):
    return lambda: resource.setrlimit(number, (value, value))


@pytest.mark.long
def test_few_open_files_are_told_with_advice(tmp_path):
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
def test_too_little_address_space_is_told(tmp_path):
    text = answer(
        opener(tmp_path / "store", {}, preexec_fn=limited(resource.RLIMIT_AS, 2_500_000_000))
    )
    assert "memory" in text
    assert "retryable=True" in text


@pytest.mark.long
def test_a_store_on_a_disk_that_forbids_to_execute_opens(tmp_path):
    with small_disk(tmp_path / "disk", "100m") as disk, stopped_at_the_end(disk / "store"):
        subprocess.run(["mount", "-o", "remount,noexec", disk], check=True)
        with local.attach(disk / "store", settings=QUICK) as attached:
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]


@pytest.mark.long
def test_a_store_on_a_read_only_disk_is_told(tmp_path):
    with small_disk(tmp_path / "disk", "100m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(DatabaseError, match="Read-only file system"):
            local.attach(disk / "store", settings=QUICK)


@pytest.mark.long
def test_another_neo4j_on_the_same_data_is_told(tmp_path):
    place = tmp_path / "store"
    code = (
        "import fcntl, sys, time\nfile = open(sys.argv[1], 'r+b')\nfcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\ntime.sleep(600)"
    )
    with stopped_at_the_end(place):
        local.attach(place, settings=QUICK).close()
        local.stop(place, force=True)
        lock = place / "data" / "databases" / "store_lock"
        holder = subprocess.Popen(
            [sys.executable, "-c", code, lock], stdout=subprocess.PIPE, text=True
        )
        try:
            assert holder.stdout.readline().strip() == "locked"
            with pytest.raises(DatabaseError, match="another Neo4j uses the same data") as caught:
                local.attach(place, settings=QUICK)
            assert caught.value.retryable
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        local.attach(place, settings=QUICK).close()


SOON = local.ServerSettings(heap="512m", page_cache="64m", linger_seconds=0.0, start_seconds=30.0)


def in_time(began):
    return time.monotonic() - began < SOON.start_seconds + JOIN_SECONDS + 15


@pytest.mark.long
def test_a_frozen_supervisor_does_not_hold_an_opening_beyond_its_bound(tmp_path):
    place = tmp_path / "store"
    first = opener(place, {})
    try:
        eventually(lambda: Store(place).read_state() is not None and state_of(place).pid > 0)
        state = state_of(place)
        os.kill(state.supervisor, signal.SIGSTOP)
        os.kill(state.pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(
            DatabaseError, match=f"supervisor {state.supervisor} is stopped"
        ) as caught:
            local.attach(place, settings=SOON)
        assert caught.value.retryable
        assert in_time(began)
        os.kill(state.supervisor, signal.SIGCONT)
        local.attach(place, settings=QUICK).close()
    finally:
        first.kill()
        first.communicate()
        end_by_force(place)


@pytest.mark.long
def test_a_frozen_server_does_not_hold_an_opening_beyond_its_bound(tmp_path):
    place = tmp_path / "store"
    first = opener(place, {})
    try:
        eventually(lambda: Store(place).read_state() is not None and state_of(place).pid > 0)
        state = state_of(place)
        os.kill(state.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(DatabaseError, match=f"process {state.pid} is stopped") as caught:
            local.attach(place, settings=SOON)
        assert caught.value.retryable
        assert in_time(began)
        os.kill(state.pid, signal.SIGCONT)
        with local.attach(place, settings=QUICK) as attached:
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]
    finally:
        first.kill()
        first.communicate()
        end_by_force(place)


@pytest.mark.long
def test_a_stopped_process_that_holds_the_gate_is_named(tmp_path):
    place = tmp_path / "store"
    Store(place).prepare()
    code = "import os, signal, sys\nfrom mcp_context_persistence.kg.local import leases\nfrom pathlib import Path\nleases.lock(Path(sys.argv[1]))\n"
    code += "print('locked', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, Store(place).gate], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline().strip() == "locked"
        began = time.monotonic()
        with pytest.raises(DatabaseError, match=rf"process {holder.pid}: let it go on") as caught:
            local.attach(place, settings=SOON)
        assert caught.value.retryable
        assert in_time(began)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


@pytest.mark.long
def test_a_server_that_is_killed_while_it_starts_is_started_again(tmp_path):
    place = tmp_path / "store"
    first = opener(place, {})
    try:
        killed = set()
        for _ in range(2):
            eventually(
                lambda: (
                    Store(place).read_state() is not None
                    and state_of(place).pid not in {0, *killed}
                ),
                60,
            )
            time.sleep(0.5)
            killed.add(state_of(place).pid)
            os.kill(state_of(place).pid, signal.SIGKILL)
        assert first.stdout.readline().strip() == ascii(str(place))
    finally:
        first.kill()
        first.communicate()
        local.stop(place, force=True)


@pytest.mark.long
def test_a_server_that_dies_is_there_for_the_next_call(tmp_path):
    place = tmp_path / "store"
    with stopped_at_the_end(place), local.attach(place, settings=QUICK) as attached:
        pids = set()
        for _ in range(2):
            pids.add(state_of(place).pid)
            os.kill(state_of(place).pid, signal.SIGKILL)
            eventually(
                lambda: state_of(place).phase == "running" and state_of(place).pid not in pids, 180
            )
            attached.renew()
            assert run(attached, "RETURN 1 AS one") == [{"one": 1}]


@pytest.mark.long
def test_the_algorithms_do_not_fill_the_logs(tmp_path):
    place = tmp_path / "store"
    with stopped_at_the_end(place), local.attach(place, settings=QUICK) as attached:
        run(
            attached,
            "UNWIND range(0, 50) AS i MERGE (a:N {i: i}) MERGE (b:N {i: i + 1}) MERGE (a)-[:R]->(b)",
        )
        before = sum(path.stat().st_size for path in Store(place).logs.iterdir())
        for _ in range(20):
            run(
                attached,
                "MATCH (a:N)-[:R]->(b:N) WITH gds.graph.project('g', a, b) AS g RETURN g.nodeCount",
            )
            run(attached, "CALL gds.pageRank.stream('g') YIELD nodeId RETURN count(*) AS c")
            run(attached, "CALL gds.graph.drop('g') YIELD graphName RETURN graphName")
        assert sum(path.stat().st_size for path in Store(place).logs.iterdir()) - before < 50_000


def test_a_state_with_fields_of_another_version_is_read(tmp_path):
    store = Store(tmp_path)
    store.state.write_text(json.dumps({"phase": "running", "nonce": "n", "pid": 1, "later": 1}))
    state = store.read_state()
    assert state is not None
    assert state.pid == 1
    store.state.write_text(json.dumps({"phase": "running", "nonce": "n", "pid": "one"}))
    assert store.read_state() is None
