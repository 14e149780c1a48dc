"""Save real messages under a memory limit, and watch the memory of this process and its server.

    python -m bench.speed.memory_usage [--data DIRECTORY] [--messages 20000] [--limit 2.5GB]
                                       [--chunk-size 100]

Vectors, entities, relations, the cache and metrics are on; searches and an analysis run between the
batches. The resident memory of the process and of its managed server is read every half second.
Prints the peaks, the limit and the rate. Ends with 1 when the peak is above the limit or a
conversation was not saved.
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
from bench.files import DATA
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local

EVERY_SECONDS = 0.5
BATCH = 2_000  # messages between two searches


class Watch(threading.Thread):
    """Reads the memory in use every half second.

    Attributes:
        process: Peak of this process, in bytes.
        server: Peak of the server.
        total: Peak of their sum.
        samples: How often they were read.
    """

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self._store, self._stopped = store, threading.Event()
        self.process = self.server = self.total = self.samples = 0

    def run(self) -> None:
        """Read until `end`."""
        while not self._stopped.wait(EVERY_SECONDS):
            process, server = psutil.Process().memory_info().rss, self._server()
            self.process, self.server = max(self.process, process), max(self.server, server)
            self.total, self.samples = max(self.total, process + server), self.samples + 1

    def _server(self) -> int:
        try:
            return int(psutil.Process(local.read_size(self._store).pid or -1).memory_info().rss)
        except (psutil.Error, ValueError):
            return 0

    def end(self) -> None:
        """Stop reading."""
        self._stopped.set()
        self.join()


def split_into_batches(conversations: Talk) -> list[Talk]:
    """Split conversations into batches of about `BATCH` messages."""
    batches: list[Talk] = [[]]
    size = 0
    for conversation in conversations:
        if size >= BATCH:
            batches.append([])
            size = 0
        batches[-1].append(conversation)
        size += len(conversation.messages)
    return batches


def save_all(client: ContextPersistenceClient, conversations: Talk) -> tuple[int, float]:
    """Save everything.

    Returns:
        How many conversations were not saved, and the seconds that saving took.
    """
    failed, seconds, saved = 0, 0.0, 0
    for batch in split_into_batches(conversations):
        start = time.perf_counter()
        responses = client.batch_save_conversations(batch, parallel=True)
        seconds += time.perf_counter() - start
        failed += sum(not response.success for response in responses)
        saved += sum(len(conversation.messages) for conversation in batch)
        client.search_hybrid(batch[0].messages[0].content)
        client.find_central_entities("pagerank", top_k=5)
        stats = client.get_memory_stats()
        server = (stats.parts.database_server or 0) / 1e9
        print(
            f"  {saved:7,} messages  {saved / seconds:6.1f}/s  {stats.current_usage / 1e9:.2f} GB "
            f"({stats.parts.process / 1e9:.2f} + {server:.2f}), "
            f"{stats.cleanups} clean-ups freed {stats.freed / 1e6:,.0f} MB"
        )
    return failed, seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--limit", default="2.5GB")
    parser.add_argument("--chunk-size", type=int, default=100)
    options = parser.parse_args()
    conversations = real(options.data, "sgd", options.messages)
    if not conversations:
        print(f"skipped: sgd is not in {options.data}")
        return 0
    count = sum(len(conversation.messages) for conversation in conversations)
    with tempfile.TemporaryDirectory(prefix="context-persistence-bench-") as folder:
        store = Path(folder) / "store"
        with ContextPersistenceClient(f"local:{store}", enable_metrics=True) as client:
            watch = Watch(store)
            watch.start()
            client.configure_cache("memory")
            client.configure_parallel_processing(chunk_size=options.chunk_size)
            stats = client.configure_memory_management(options.limit)
            assert stats.max_usage is not None
            print(
                f"{count:,} messages in {len(conversations):,} conversations; "
                f"heap {(stats.database_heap or 0) >> 20} MiB, "
                f"page cache {(stats.database_page_cache or 0) >> 20} MiB"
            )
            watch.process = watch.server = watch.total = watch.samples = (
                0  # the limit did not hold before
            )
            failed, seconds = save_all(client, conversations)
            watch.end()
        local.stop(store, force=True)
    print(
        f"peak {watch.total / 1e9:.3f} GB of {stats.max_usage / 1e9:.3f} GB "
        f"(process {watch.process / 1e9:.3f}, server {watch.server / 1e9:.3f}, "
        f"{watch.samples} samples); {count / seconds:.1f} messages/s"
    )
    if failed:
        print(f"{failed:,} conversations were not saved")
    return int(bool(failed) or watch.total > stats.max_usage)


if __name__ == "__main__":
    sys.exit(main())
