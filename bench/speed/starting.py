"""Measure starts: of a store's server, of a client on a running one, of the command line."""

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.datasets.texts import made_texts
from bench.measure import Row, in_turn, seconds
from bench.speed.reading import FULLTEXT, VECTOR
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local

QUICK = local.ServerSettings(linger_seconds=0.0)
PLAIN = local.ServerSettings(linger_seconds=0.0, has_start_cache=False)
ATTACH = """
import sys, time
from pathlib import Path
from mcp_context_persistence.kg import local
attach = local.attach
start = time.perf_counter()
attachment = attach(Path(sys.argv[1]))
print(time.perf_counter() - start)
attachment.close()
"""
QUESTION = "Which order has the report about the garden?"
FIRST_ANSWER = """
import sys
from mcp_context_persistence import ContextPersistenceClient
with ContextPersistenceClient(sys.argv[1], namespace=sys.argv[2]) as client:
    assert client.search_hybrid(sys.argv[3]).total_results
"""
# The least that any library has to do: load the model, connect, encode, ask both indexes.
BARE_ANSWER = """
import os, sys
import neo4j
from neo4j.vector import Vector
from mcp_context_persistence.ingest.models import encoders, minilm
url, namespace, question, vector_search, fulltext_search = sys.argv[1:]
user, password = os.environ.get("CONTEXT_DB_USER"), os.environ.get("CONTEXT_DB_PASSWORD")
folder = encoders.find(minilm.NAME)
encoder = encoders.load(folder, batch_size=32, device="cpu", threads=None)
vector = encoder.encode([question])[0]
auth = (user, password) if user else None
with neo4j.GraphDatabase.driver(url, auth=auth) as driver, driver.session() as session:
    list(session.run(vector_search, vector=Vector(vector), namespace=namespace))
    list(session.run(fulltext_search, {"query": "order report garden"}))
"""


def measure_start(store: Path, *, times: int = 7, pause_seconds: float = 3.0) -> Row:
    """Measure cold starts of an existing store until it answers, with our settings and plain ones.

    The pauses between the starts are not counted.
    """
    local.make_start_cache(seconds=300)
    start = partial(_start_once, store, pause_seconds)
    start(QUICK)  # makes the store
    pairs = [(start(QUICK), start(PLAIN)) for _ in range(times)]
    ratio = statistics.median(quick / plain for quick, plain in pairs)
    return Row(
        work="cold start of an existing local store",
        ours=statistics.median(quick for quick, _ in pairs),
        bare=statistics.median(plain for _, plain in pairs),
        unit="s",
        ratio=ratio,
        need="<= 0.65",
        met=ratio <= 0.65,
    )


def _start_once(store: Path, pause_seconds: float, settings: local.ServerSettings) -> float:
    """Return the seconds of one start; the server is stopped again afterwards."""
    attachments: list[local.Attachment] = []
    duration = seconds(lambda: attachments.append(local.attach(store, settings=settings)))
    attachments[0].close()
    while local.read_status(store).running:
        time.sleep(0.1)
    time.sleep(pause_seconds)
    return duration


def measure_attach(store: Path, *, times: int = 7) -> Row:
    """Measure how long a second process takes to attach, after its imports."""
    with local.attach(store):
        durations = [
            float(run_process([sys.executable, "-c", ATTACH, str(store)])) for _ in range(times)
        ]
    median = statistics.median(durations)
    return Row(
        work="attach of a second process, after imports",
        ours=median * 1000,
        bare=None,
        unit="ms",
        ratio=None,
        need="<= 300 ms",
        met=median <= 0.3,
    )


def measure_version_command(*, times: int = 9) -> Row:
    """Measure the version command as a whole process, against an interpreter that does nothing."""
    command = str(Path(sys.executable).with_name("context-persistence"))
    our_seconds, bare_seconds, ratio = in_turn(
        lambda _: run_process([command, "--version"]),
        lambda _: run_process([sys.executable, "-c", "pass"]),
        times=times,
        warm=1,
    )
    median = statistics.median(our_seconds)
    return Row(
        work="context-persistence --version, against a bare interpreter",
        ours=median,
        bare=statistics.median(bare_seconds),
        unit="s",
        ratio=ratio,
        need="<= 0.3 s",
        met=median <= 0.3,
    )


def measure_first_answer(
    url: str, auth: tuple[str, str] | None, *, messages: int = 2_000, times: int = 5
) -> Row:
    """Measure a new process on a running server, from its start to its first hybrid answer.

    The bare process imports the driver, loads the same encoder and asks the same two indexes.
    """
    return _measure_search_process(
        f"new process, import to first hybrid answer, {messages:,} messages",
        lambda namespace: [sys.executable, "-c", FIRST_ANSWER, url, namespace, QUESTION],
        (url, auth),
        messages=messages,
        times=times,
        most_seconds=2.5,
    )


def measure_search_command(
    url: str, auth: tuple[str, str] | None, *, messages: int = 2_000, times: int = 5
) -> Row:
    """Measure the search command as a whole process on a running server."""
    command = str(Path(sys.executable).with_name("context-persistence"))
    return _measure_search_process(
        f"context-persistence search, whole process, {messages:,} messages",
        lambda namespace: [command, "--store", url, "--namespace", namespace, "search", QUESTION],
        (url, auth),
        messages=messages,
        times=times,
        most_seconds=2.0,
    )


def _measure_search_process(
    work: str,
    build_command: Callable[[str], Sequence[str]],
    server: tuple[str, tuple[str, str] | None],
    *,
    messages: int,
    times: int,
    most_seconds: float,
) -> Row:
    """Measure a process that searches a namespace, against one with the driver and the encoder."""
    url, auth = server
    namespace = f"first-{uuid.uuid4().hex}"
    with ContextPersistenceClient(url, auth=auth, namespace=namespace) as client:
        texts = made_texts(messages, seed=5)
        client.save_conversation(
            "c", [{"role": "user", "content": text} for text in texts], mode="conversation"
        )
    user, password = auth or ("", "")
    environment = {**os.environ, "CONTEXT_DB_USER": user, "CONTEXT_DB_PASSWORD": password}
    if auth is None:
        del environment["CONTEXT_DB_USER"], environment["CONTEXT_DB_PASSWORD"]
    ours = build_command(namespace)
    bare = [sys.executable, "-c", BARE_ANSWER, url, namespace, QUESTION, VECTOR, FULLTEXT]
    our_seconds, bare_seconds, ratio = in_turn(
        lambda _: run_process(ours, environment),
        lambda _: run_process(bare, environment),
        times=times,
        warm=1,
    )
    median = statistics.median(our_seconds)
    return Row(
        work=work,
        ours=median,
        bare=statistics.median(bare_seconds),
        unit="s",
        ratio=ratio,
        need=f"<= {most_seconds} s",
        met=median <= most_seconds,
    )


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a process and return its output; raise an error with its last words when it fails."""
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{process.stderr[-2000:]}")
    return process.stdout
