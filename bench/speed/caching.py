"""Measure the cache of answers.

    python -m bench.speed.caching [--only faster stale writers] [--reads 10000] [--saves 60]
                                  [--calls 500] [--database-url URL] [--namespace NAME]

`faster` measures how much faster a cached answer is, `stale` checks that none is out of date while
another process writes, and `writers` measures what the namespace version costs concurrent writers.
Without a URL it runs on a managed store of its own; for another one, CONTEXT_DB_USER and
CONTEXT_DB_PASSWORD hold the user and the password. Ends with 1 when a figure misses what is
required.
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


def measure_p50(work: Callable[[], object], *, times: int) -> float:
    """Return the median milliseconds of a call."""
    for _ in range(5):
        work()
    return statistics.median(seconds(work) for _ in range(times)) * 1000


def measure_cached_calls(url: str, namespace: str, *, times: int = 500) -> bool:
    """Compare calls that are cached in memory and in files with the same calls without a cache.

    The embedder caches the vector of the query in both cases.

    Returns:
        Whether each cached call is fast enough.
    """
    texts, vectors = made_texts(2_000, seed=1), made_vectors(2_000, seed=1)
    is_met = True
    with (
        ContextPersistenceClient(url, namespace=namespace) as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        for start in (0, 1000):
            messages = [{"role": "user", "content": text} for text in texts[start : start + 1000]]
            client.save_conversation(
                f"c{start}", messages, mode="conversation", embeddings=vectors[start : start + 1000]
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
            uncached = measure_p50(call, times=max(1, times // 5))
            for kind, directory in (("memory", None), ("file", folder)):
                client.configure_cache(kind, directory=directory)
                cached = measure_p50(call, times=times)
                print(
                    f"{name}, {kind}: {uncached:.2f} ms computed, {cached:.3f} ms cached, "
                    f"{uncached / cached:.1f} x"
                )
                is_met = is_met and uncached / cached >= 20
    return is_met


def write_forever(url: str, namespace: str, acknowledged: Path) -> None:
    """Change a message until killed; write the number of the last acknowledged change to a file."""
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


def check_stale_answers(url: str, namespace: str, reads: int) -> bool:
    """Read through the cache while another process writes.

    Returns:
        Whether no answer was older than the last write that was acknowledged before the call.
    """
    stale = hits = writes = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ContextPersistenceClient(url, namespace=namespace) as client,
    ):
        acknowledged = Path(folder) / "acknowledged"
        acknowledged.write_bytes(bytes(8))
        client.configure_cache("file", directory=folder)
        command = [
            sys.executable,
            "-m",
            "bench.speed.caching",
            WRITER,
            str(acknowledged),
            "--database-url",
            url,
            "--namespace",
            namespace,
        ]
        writer = subprocess.Popen(command)
        try:
            with acknowledged.open("rb", buffering=0) as file:
                while not (first := int.from_bytes(os.pread(file.fileno(), 8, 0), "big")):
                    if writer.poll() is not None:
                        raise RuntimeError("the writer ended")
                    time.sleep(0.05)
                read_count, end = 0, time.monotonic() + 60
                while read_count < reads or (
                    writes < first + 5 and time.monotonic() < end
                ):  # cached answers are faster than any writer
                    read_count += 1
                    writes = int.from_bytes(os.pread(file.fileno(), 8, 0), "big")
                    answer = client.search_hybrid("marker", mode="keyword")
                    numbers = [
                        int(number)
                        for result in answer.results
                        for number in re.findall(r"marker (\d+)", result.content)
                    ]
                    stale += not numbers or max(numbers) < writes
                if writer.poll() is not None:
                    raise RuntimeError("the writer ended")
        finally:
            writer.kill()
            writer.wait()
        hits = client._engine.cache.counts["hits"]
    print(f"{read_count} reads, {hits} cached, {writes - first} writes meanwhile, {stale} stale")
    return not stale and hits > 0 and writes > first


def compare_writers(url: str, namespace: str, *, count: int = 4, saves: int = 60) -> bool:
    """Compare threads that save into one namespace with threads that have one each, in turn."""
    texts, vectors = made_texts(10, seed=3), made_vectors(10, seed=3)
    messages = [{"role": "user", "content": text} for text in texts]
    rates: dict[bool, list[float]] = {True: [], False: []}
    names = [f"{namespace}-{number}" for number in range(count)]
    clients = [ContextPersistenceClient(url, namespace=name) for name in names]
    for turn in range(6):
        is_shared = turn % 2 == 0

        def save(number: int, turn: int = turn, is_shared: bool = is_shared) -> None:
            client = clients[0 if is_shared else number]
            for index in range(saves):
                client.save_conversation(
                    f"{turn}-{number}-{index}", messages, mode="conversation", embeddings=vectors
                )

        threads = [threading.Thread(target=save, args=(number,)) for number in range(count)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if turn > 1:  # the first of each warms up
            rates[is_shared].append(count * saves / (time.perf_counter() - start))
    for client in clients:
        client.close()
    shared, separate = (statistics.mean(rates[is_shared]) for is_shared in (True, False))
    print(
        f"{count} writers: {shared:.1f} saves/s into one namespace, "
        f"{separate:.1f} into one each, ratio {shared / separate:.2f}"
    )
    return shared / separate >= 0.8


def main() -> int:
    """Run the requested measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=["faster", "stale", "writers"])
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=60, help="of each writer in a round")
    parser.add_argument("--calls", type=int, default=500, help="cached calls of each kind")
    parser.add_argument("--database-url")
    parser.add_argument("--namespace", default=f"caching-{uuid.uuid4().hex}")
    parser.add_argument(WRITER, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="context-bench-") as folder:
        url = options.database_url or f"local:{folder}/store"
        if options.write:
            write_forever(url, options.namespace, options.write)
        work = {
            "faster": lambda: measure_cached_calls(
                url, f"{options.namespace}-faster", times=options.calls
            ),
            "stale": lambda: check_stale_answers(url, options.namespace, options.reads),
            "writers": lambda: compare_writers(url, options.namespace, saves=options.saves),
        }
        with ContextPersistenceClient(
            url, namespace=options.namespace
        ):  # a managed server runs from the first measurement to the last
            results = [work[name]() for name in options.only]
        return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
