"""Memory: real messages saved under a limit, while the memory of the process and of its managed server is watched.

    python -m bench.speed.memory_usage [--data ../shared/data] [--messages 20000] [--limit 2.5GB] [--chunk-size 100]

Everything is on: vectors, entities and relations, the cache, metrics; searches and an analysis run between the parts. Every half second the
resident memory of this process and of its server is read. Shown are the peaks, the limit and the rate; 1 when the peak is beyond the limit
or a conversation was not saved.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import psutil

from bench.datasets.sets import Talk, real
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local

EVERY_SECONDS = 0.5
PART = 2_000  # messages between two looks at the graph


class Watch(threading.Thread):
    """Reads the memory in use again and again.

    Attributes:
        process: Peak of this process in bytes.
        server: Peak of the server.
        both: Peak of their sum.
        samples: How often they were read.
    """

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self._store, self._stopped = store, threading.Event()
        self.process = self.server = self.both = self.samples = 0

    def run(self) -> None:
        """Read until `end`."""
        while not self._stopped.wait(EVERY_SECONDS):
            process, server = psutil.Process().memory_info().rss, self._server()
            self.process, self.server = max(self.process, process), max(self.server, server)
            self.both, self.samples = max(self.both, process + server), self.samples + 1

    def _server(self) -> int:
        try:
            return int(psutil.Process(local.running(self._store).pid or -1).memory_info().rss)
        except (psutil.Error, ValueError):
            return 0

    def end(self) -> None:
        """Stop reading."""
        self._stopped.set()
        self.join()


def parts(talk: Talk) -> list[Talk]:
    """The conversations in parts of about `PART` messages."""
    found: list[Talk] = [[]]
    size = 0
    for one in talk:
        if size >= PART:
            found.append([])
            size = 0
        found[-1].append(one)
        size += len(one.messages)
    return found


def ingest(client: ContextPersistenceClient, talk: Talk) -> tuple[int, float]:
    """Save everything; returns how many conversations were not saved, and the seconds that saving took."""
    failed, seconds, done = 0, 0.0, 0
    for part in parts(talk):
        start = time.perf_counter()
        answers = client.batch_save_conversations(part, parallel=True)
        seconds += time.perf_counter() - start
        failed += sum(not answer.success for answer in answers)
        done += sum(len(one.messages) for one in part)
        client.search_hybrid(part[0].messages[0].content)
        client.find_central_entities("pagerank", top_k=5)
        stats = client.get_memory_stats()
        used = f"{stats.current_usage / 1e9:.2f} GB ({stats.parts.process / 1e9:.2f} + {(stats.parts.database_server or 0) / 1e9:.2f})"
        print(
            f"  {done:7,} messages  {done / seconds:6.1f}/s  {used}, {stats.cleanups} clean-ups freed {stats.freed / 1e6:,.0f} MB"
        )
    return failed, seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--limit", default="2.5GB")
    parser.add_argument("--chunk-size", type=int, default=100)
    options = parser.parse_args()
    talk = real(options.data, "sgd", options.messages)
    if not talk:
        print(f"skipped: sgd is not in {options.data}")
        return 0
    count = sum(len(one.messages) for one in talk)
    with tempfile.TemporaryDirectory(prefix="context-persistence-bench-") as folder:
        store = Path(folder) / "store"
        with ContextPersistenceClient(f"local:{store}", enable_metrics=True) as client:
            watch = Watch(store)
            watch.start()
            client.configure_cache("memory")
            client.configure_parallel_processing(chunk_size=options.chunk_size)
            stats = client.configure_memory_management(options.limit)
            assert stats.max_usage is not None
            sizes = f"heap {(stats.database_heap or 0) >> 20} MiB, page cache {(stats.database_page_cache or 0) >> 20} MiB"
            print(f"{count:,} messages in {len(talk):,} conversations; {sizes}")
            watch.process = watch.server = watch.both = watch.samples = (
                0  # until here no limit was kept
            )
            failed, seconds = ingest(client, talk)
            watch.end()
        local.stop(store, force=True)
    shares = f"process {watch.process / 1e9:.3f}, server {watch.server / 1e9:.3f}, {watch.samples} samples"
    print(
        f"peak {watch.both / 1e9:.3f} GB of {stats.max_usage / 1e9:.3f} GB ({shares}); {count / seconds:.1f} messages/s"
    )
    if failed:
        print(f"{failed:,} conversations were not saved")
    return int(bool(failed) or watch.both > stats.max_usage)


if __name__ == "__main__":
    sys.exit(main())
