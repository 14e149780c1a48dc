"""Caching: how much faster a kept answer is, that none is ever stale, and what the version costs writers of one namespace.

    python -m bench.speed.caching [--only faster stale writers] [--reads 10000] [--database-url URL] [--namespace NAME]

Without an address it runs on a managed store of its own. For any other one, CONTEXT_DB_USER and CONTEXT_DB_PASSWORD name who may enter.
Prints its figures; 1 when one misses what it must reach.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench.datasets.texts import made_texts, made_vectors
from bench.measure import seconds
from mcp_context_persistence import ContextPersistenceClient

WRITER = "--write"


def p50(work: Callable[[], object], *, times: int) -> float:
    """Median milliseconds."""
    for _ in range(5):
        work()
    return statistics.median(seconds(work) for _ in range(times)) * 1000


def faster(url: str, namespace: str) -> bool:
    """Each cached call with a memory and a file cache against itself without; the query's vector is remembered in both."""
    texts, vectors = made_texts(2_000, seed=1), made_vectors(2_000, seed=1)
    met = True
    with (
        ContextPersistenceClient(url, namespace=namespace) as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        for start in (0, 1000):
            part = [{"role": "user", "content": text} for text in texts[start : start + 1000]]
            client.save_conversation(
                f"c{start}", part, mode="conversation", embeddings=vectors[start : start + 1000]
            )
        client.save_conversation(
            "talk",
            [
                {
                    "role": "user",
                    "content": "The DataProcessor class uses pandas and depends on numpy.",
                }
            ],
        )
        calls: dict[str, Callable[[], object]] = {
            "search_hybrid": lambda: client.search_hybrid("which class uses pandas"),
            "search_similar_conversations": lambda: client.search_similar_conversations(
                "which class uses pandas", min_score=0.1
            ),
            "query_knowledge_graph": lambda: client.query_knowledge_graph("DataProcessor"),
        }
        for name, call in calls.items():
            client.configure_cache("none")
            plain = p50(call, times=100)
            for kind, directory in (("memory", None), ("file", folder)):
                client.configure_cache(kind, directory=directory)
                kept = p50(call, times=500)
                print(
                    f"{name}, {kind}: {plain:.2f} ms computed, {kept:.3f} ms kept, {plain / kept:.1f} x"
                )
                met = met and plain / kept >= 20
    return met


def write(url: str, namespace: str, acknowledged: Path) -> None:
    """Change one message again and again, and note in a file which change was acknowledged last."""
    vector = made_vectors(1, seed=1)
    with (
        ContextPersistenceClient(url, namespace=namespace) as client,
        acknowledged.open("r+b", buffering=0) as file,
    ):
        number = 0
        while True:
            number += 1
            message = {"role": "user", "content": f"marker {number}"}
            client.save_conversation("c", [message], mode="conversation", embeddings=vector)
            os.pwrite(file.fileno(), number.to_bytes(8, "big"), 0)
            time.sleep(0.02 * (number % 5))


def stale(url: str, namespace: str, reads: int) -> bool:
    """One process writes, this one reads by its cache: no answer is older than the last acknowledged write before the question."""
    found = hits = writes = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ContextPersistenceClient(url, namespace=namespace) as client,
    ):
        note = Path(folder) / "acknowledged"
        note.write_bytes(bytes(8))
        client.configure_cache("file", directory=folder)
        command = [
            sys.executable,
            "-m",
            "bench.speed.caching",
            WRITER,
            str(note),
            "--database-url",
            url,
            "--namespace",
            namespace,
        ]
        writer = subprocess.Popen(command)
        try:
            with note.open("rb", buffering=0) as file:
                while not (first := int.from_bytes(os.pread(file.fileno(), 8, 0), "big")):
                    if writer.poll() is not None:
                        raise RuntimeError("the writer ended")
                    time.sleep(0.05)
                done, until = 0, time.monotonic() + 60
                while done < reads or (
                    writes < first + 5 and time.monotonic() < until
                ):  # kept answers are faster than any writer
                    done += 1
                    writes = int.from_bytes(os.pread(file.fileno(), 8, 0), "big")
                    answer = client.search_hybrid("marker", mode="keyword")
                    seen = [
                        int(number)
                        for one in answer.results
                        for number in re.findall(r"marker (\d+)", one.content)
                    ]
                    found += not seen or max(seen) < writes
                if writer.poll() is not None:
                    raise RuntimeError("the writer ended")
        finally:
            writer.kill()
            writer.wait()
        hits = client._engine.cache.counts["hits"]
    print(
        f"{done} reads, {hits} of them kept answers, {writes - first} writes meanwhile, {found} stale"
    )
    return not found and hits > 0 and writes > first


def writers(url: str, namespace: str, *, count: int = 4, saves: int = 60) -> bool:
    """Four threads that save into one namespace against four that save into one each, in turn."""
    texts, vectors = made_texts(10, seed=3), made_vectors(10, seed=3)
    messages = [{"role": "user", "content": text} for text in texts]
    rates: dict[bool, list[float]] = {True: [], False: []}
    names = [f"{namespace}-{number}" for number in range(count)]
    clients = [ContextPersistenceClient(url, namespace=name) for name in names]
    for turn in range(6):
        shared = turn % 2 == 0

        def save(number: int, turn: int = turn, shared: bool = shared) -> None:
            client = clients[0 if shared else number]
            for place in range(saves):
                client.save_conversation(
                    f"{turn}-{number}-{place}", messages, mode="conversation", embeddings=vectors
                )

        threads = [threading.Thread(target=save, args=(number,)) for number in range(count)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if turn > 1:  # the first of each warms up
            rates[shared].append(count * saves / (time.perf_counter() - start))
    for client in clients:
        client.close()
    one, apart = (statistics.mean(rates[shared]) for shared in (True, False))
    print(
        f"{count} writers: {one:.1f} saves/s into one namespace, {apart:.1f} into one each, ratio {one / apart:.2f}"
    )
    return one / apart >= 0.8


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=["faster", "stale", "writers"])
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--database-url")
    parser.add_argument("--namespace", default=f"caching-{uuid.uuid4().hex}")
    parser.add_argument(WRITER, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="context-bench-") as folder:
        url = options.database_url or f"local:{folder}/store"
        if options.write:
            write(url, options.namespace, options.write)
        work = {
            "faster": lambda: faster(url, f"{options.namespace}-faster"),
            "stale": lambda: stale(url, options.namespace, options.reads),
            "writers": lambda: writers(url, options.namespace),
        }
        with ContextPersistenceClient(
            url, namespace=options.namespace
        ):  # holds a managed server from the first to the last
            results = [work[name]() for name in options.only]
        return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
