"""Load one managed store with mixed calls of many threads and processes, and measure it."""

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import neo4j
import psutil

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.local import ServerSettings
from mcp_context_persistence.queries.analytics.algorithms import ALGORITHMS, METRICS

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
SAMPLE_SECONDS = 2.0
CREATE = """
UNWIND $edges AS edge
MERGE (a:Entity {namespace: $n, id: edge[0]}) ON CREATE SET a.name = edge[0], a.type = 'concept'
MERGE (b:Entity {namespace: $n, id: edge[1]}) ON CREATE SET b.name = edge[1], b.type = 'concept'
MERGE (a)-[r:KNOWS]->(b) SET r.confidence = edge[2]
"""
LEFT = (
    "CALL gds.graph.list() YIELD graphName WHERE graphName STARTS WITH 'context-' RETURN graphName"
)
WORDS = [
    "pandas",
    "Neo4j",
    "Acme Corp",
    "the OrderService class",
    "numpy",
    "the billing team",
    "Kafka",
    "PostgreSQL",
]

Call = Callable[[Any, random.Random], Any]


def _messages(rng: random.Random) -> list[dict[str, str]]:
    return [
        {
            "role": "user",
            "content": f"We use {rng.choice(WORDS)} with {rng.choice(WORDS)} "
            f"for case {rng.randrange(200)}.",
        }
        for _ in range(rng.randrange(1, 8))
    ]


def _entity(rng: random.Random, entities: int) -> str:
    return f"n{rng.randrange(entities)}"


def _call(method: str, argument: str, client: Any, _: random.Random) -> None:
    getattr(client, method)(argument)


def _merge(client: Any, rng: random.Random) -> None:
    pair = f"pair-{rng.randrange(10**9)}"
    client.update_knowledge_graph([{"id": f"{pair}-{end}", "name": end} for end in "ab"], [])
    client.undo_merge(client.merge_entities(f"{pair}-a", f"{pair}-b", reason="a soak").merge_id)


def _save_batch(client: Any, rng: random.Random) -> None:
    ids = [f"b{rng.randrange(30)}-{number}" for number in range(4)]
    items = [{"conversation_id": name, "messages": _messages(rng)} for name in ids]
    for response in client.batch_save_conversations(items, replace=True):
        if response.failure:
            raise response.failure


def _block(client: Any, rng: random.Random) -> None:
    with client.graph_data_science() as (library, graph):
        library.degree.stream(graph)
        time.sleep(rng.random())


def analytics_calls(entities: int) -> dict[str, Call]:
    """Return every call that uses Graph Data Science, by its name in the table."""
    calls: dict[str, Call] = {
        "get_graph_analytics": lambda client, _: client.get_graph_analytics(),
        "find_similar_entities": lambda client, rng: client.find_similar_entities(
            _entity(rng, entities)
        ),
        "find_similar_entities of all": lambda client, _: client.find_similar_entities(),
        "find_shortest_paths": lambda client, rng: client.find_shortest_paths(
            "n0", f"n{rng.randrange(1, entities)}"
        ),
        "graph_data_science": _block,
        "find_central_entities weighted": lambda client, _: client.find_central_entities(
            weighted=True
        ),
    }
    for metric in METRICS:
        calls[f"find_central_entities {metric}"] = partial(_call, "find_central_entities", metric)
    for algorithm in ALGORITHMS:
        calls[f"detect_communities {algorithm}"] = partial(_call, "detect_communities", algorithm)
    return calls


def other_calls(entities: int) -> dict[str, Call]:
    """Return the other calls that read and write, by their names in the table."""
    return {
        "save_conversation": lambda client, rng: client.save_conversation(
            f"c{rng.randrange(50)}", _messages(rng), replace=True
        ),
        "load_conversation_history": lambda client, _: client.load_conversation_history("c-first"),
        "get_conversation_stats": lambda client, _: client.get_conversation_stats(),
        "save_decision": lambda client, rng: client.save_decision(
            "c-first", "architecture", f"Case {rng.randrange(50)}.", f"Use {rng.choice(WORDS)}."
        ),
        "propose_decisions": lambda client, _: client.propose_decisions("c-first"),
        "save_document": lambda client, rng: client.save_document(
            f"d{rng.randrange(20)}", f"{rng.choice(WORDS)} needs {rng.choice(WORDS)}. " * 20
        ),
        "extract_entities": lambda client, rng: client.extract_entities(
            f"{rng.choice(WORDS)} uses {rng.choice(WORDS)}."
        ),
        "create_relationship": lambda client, rng: client.create_relationship(
            _entity(rng, entities), _entity(rng, entities), "uses"
        ),
        "query_knowledge_graph": lambda client, rng: client.query_knowledge_graph(
            _entity(rng, entities)
        ),
        "update_knowledge_graph": lambda client, rng: client.update_knowledge_graph(
            [{"id": _entity(rng, entities), "description": f"seen {rng.random()}"}], []
        ),
        "merge_entities, undo_merge": _merge,
        "list_merges": lambda client, _: client.list_merges(),
        "find_duplicate_entities": lambda client, _: client.find_duplicate_entities(),
        "batch_save_conversations": _save_batch,
        "batch_extract_entities": lambda client, rng: client.batch_extract_entities(
            [rng.choice(WORDS) for _ in range(4)]
        ),
        "reextract": lambda client, _: client.reextract("c-first"),
        "search_similar_conversations": lambda client, rng: client.search_similar_conversations(
            rng.choice(WORDS)
        ),
        "search_hybrid": lambda client, rng: client.search_hybrid(rng.choice(WORDS)),
        "build_context": lambda client, rng: client.build_context(rng.choice(WORDS)),
        "get_embedding_status": lambda client, _: client.get_embedding_status(),
        "get_memory_stats": lambda client, _: client.get_memory_stats(),
    }


def fill(client: Any, entities: int) -> None:
    """Write entities with random relationships, and a conversation."""
    rng = random.Random(entities)
    edges = [
        (f"n{number}", _entity(rng, entities), rng.random())
        for number in range(entities)
        for _ in range(2)
    ]
    graph = client._engine.graph
    for start in range(0, len(edges), 2000):
        graph.driver.execute_query(
            CREATE, edges=edges[start : start + 2000], n=client._engine.namespace
        )
    client.save_conversation("c-first", _messages(rng), replace=True)


@dataclass
class Tally:
    """What one process did."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failures: list[str] = field(default_factory=list)
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, name: str, call: Call, client: Any, rng: random.Random) -> None:
        """Make a call and record its result; only our own retryable errors are no failure."""
        start, failure, is_refused = time.monotonic(), "", False
        try:
            call(client, rng)
        except ContextPersistenceError as error:
            is_refused = error.retryable
            failure = "" if is_refused else f"{name}: {type(error).__name__}: {error}"
        except Exception as error:
            failure = f"{name}: untyped {type(error).__name__}: {error}"
        with self.lock:
            self.seconds[name].append(time.monotonic() - start)
            self.refused[name] += is_refused
            if failure:
                self.failures.append(failure)


def work(
    store: str, namespaces: list[str], seconds: float, threads: int, entities: int, kind: str
) -> None:
    """Run calls in threads until the time is over, and print what came of it as JSON."""
    calls = (
        analytics_calls(entities)
        if kind == "analytics"
        else {**analytics_calls(entities), **other_calls(entities)}
    )
    tally, process = Tally(), psutil.Process()
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(ContextPersistenceClient(f"local:{store}", namespace=name))
            for name in namespaces
        ]
        # Language models are loaded at their first use, outside of every deadline.
        for client in clients:
            client.save_conversation("c-first", _messages(random.Random(0)), replace=True)
            client.search_hybrid("pandas")
        end = time.monotonic() + seconds

        def run(number: int) -> None:
            rng = random.Random(f"{namespaces} {number}")
            while time.monotonic() < end:
                name = rng.choice(list(calls))
                tally.make(name, calls[name], clients[number % len(clients)], rng)

        workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            tally.samples.append(
                (
                    time.monotonic() - end + seconds,
                    process.num_fds(),
                    process.num_threads(),
                    process.memory_info().rss,
                )
            )
            time.sleep(SAMPLE_SECONDS)
    sys.stdout.write(
        json.dumps(
            {
                "seconds": tally.seconds,
                "refused": tally.refused,
                "failures": tally.failures,
                "samples": tally.samples,
            }
        )
    )


@dataclass(frozen=True, kw_only=True)
class Soak:
    """What a soak measured.

    Attributes:
        pids: Process ids of the server that were seen, each once.
        seconds: For each call how long each of its runs took.
        refused: For each call how often it was told to try again.
        failures: Other errors.
        server: Time and resident bytes of the server.
        clients: For each process time, descriptors, threads and resident bytes.
        log_bytes: Of all log files.
        left: Projections that nobody dropped.
    """

    pids: list[int]
    seconds: dict[str, list[float]]
    refused: dict[str, int]
    failures: list[str]
    server: list[tuple[float, int]]
    clients: list[list[tuple[float, int, int, int]]]
    log_bytes: int
    left: list[str]

    def table(self) -> str:
        """Return a table of the calls, with their percentiles in seconds."""
        lines = [f"{'call':<40}{'count':>8}{'p50':>8}{'p99':>8}{'longest':>9}{'refused':>9}"]
        for name in sorted(self.seconds):
            times = sorted(self.seconds[name])
            middle, last = times[len(times) // 2], percentile(times, 0.99)
            lines.append(
                f"{name:<40}{len(times):>8}{middle:>8.2f}{last:>8.2f}{times[-1]:>9.2f}"
                f"{self.refused.get(name, 0):>9}"
            )
        return "\n".join(lines)

    def growth(self, warm: float) -> int:
        """Return by how many bytes the server's largest size grew after the warm-up."""
        before = [size for at, size in self.server if at <= warm]
        after = [size for at, size in self.server if at > warm]
        return max(after) - max(before)

    def client_growth(self, warm: float) -> list[tuple[float, ...]]:
        """Return by how many descriptors, threads and bytes each process grew after the warm-up."""
        grown = []
        for samples in self.clients:
            before = [sample for sample in samples if sample[0] <= warm]
            after = [sample for sample in samples if sample[0] > warm][:-1] or samples[-1:]
            grown.append(
                tuple(max(s[i] for s in after) - max(s[i] for s in before) for i in (1, 2, 3))
            )
        return grown


def percentile(times: list[float], share: float) -> float:
    """Return the time that a share of sorted times does not exceed."""
    return times[min(len(times) - 1, int(len(times) * share))]


def soak(
    store: Path,
    *,
    seconds: float,
    threads: int,
    processes: int = 2,
    entities: int = 100,
    kind: str = "all",
    stops: bool = True,
) -> Soak:
    """Run processes on a managed store and measure; the store may be stopped afterwards."""
    try:
        with local.attach(store, settings=ServerSettings(heap="1g")) as attachment:
            names = ["one", "two", "three"]
            for name in names:
                with ContextPersistenceClient(f"local:{store}", namespace=name) as client:
                    fill(client, entities)
            figures = [str(figure) for figure in (seconds, threads // processes, entities)]
            running = [
                _start_client(str(store), f"{names[number]},{names[-1]}", *figures, kind)
                for number in range(processes)
            ]
            pids, server, outputs = _watch(store, running)
            reports = [json.loads(output) for output in outputs]
            with neo4j.GraphDatabase.driver(
                attachment.bolt_url, auth=(attachment.user, attachment.password)
            ) as driver:
                left = [row["graphName"] for row in driver.execute_query(LEFT).records]
            log_bytes = sum(
                file.stat().st_size for file in (store / "logs").rglob("*") if file.is_file()
            )
    finally:
        if stops:
            local.stop(store, force=True)
    measured: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    for report in reports:
        for name, times in report["seconds"].items():
            measured[name] += times
            refused[name] += report["refused"].get(name, 0)
    return Soak(
        pids=pids,
        seconds=measured,
        refused=refused,
        failures=[failure for report in reports for failure in report["failures"]],
        server=server,
        clients=[[tuple(sample) for sample in report["samples"]] for report in reports],
        log_bytes=log_bytes,
        left=left,
    )


def _start_client(*arguments: str) -> "subprocess.Popen[str]":
    """Start this module as a program."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.soak", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _watch(
    store: Path, running: list["subprocess.Popen[str]"]
) -> tuple[list[int], list[tuple[float, int]], list[str]]:
    """Sample the server until the processes end; return its pids, its sizes and their output."""
    pids: list[int] = []
    server: list[tuple[float, int]] = []
    start = time.monotonic()
    with ThreadPoolExecutor(len(running)) as readers:
        outputs = [readers.submit(process.communicate) for process in running]
        while not all(output.done() for output in outputs):
            state = local.read_status(store)
            if state.pid and state.pid not in pids:
                pids.append(state.pid)
            with contextlib.suppress(psutil.Error):
                server.append(
                    (time.monotonic() - start, psutil.Process(state.pid).memory_info().rss)
                )
            time.sleep(SAMPLE_SECONDS)
    return pids, server, [output.result()[0] for output in outputs]


if __name__ == "__main__":
    _, place, spaces, length, number, size, which = sys.argv
    work(place, spaces.split(","), float(length), int(number), int(size), which)
