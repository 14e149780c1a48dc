"""Load the development sets, load them again, and load them while the server is killed.

    python -m bench.datasets.load DATA [--sets locomo qmsum] [--store DIRECTORY] [--kill-after S]

Compares the graphs. Prints a line per check and ends with 1 if one failed.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import neo4j

from bench.datasets.fingerprint import Fingerprint, fingerprint
from bench.datasets.sets import locomo, qmsum
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.models import Conversation

Work = list[tuple[str, list[Conversation]]]


def read_sets(data: Path, sets: list[str]) -> Work:
    """Read the conversations of each namespace."""
    work: Work = []
    if "locomo" in sets:
        work += [(namespace, sessions) for namespace, sessions, _ in locomo(data)]
    if "qmsum" in sets:
        work += [("qmsum", [meeting for _, meeting, _ in qmsum(data)])]
    return work


def load(store: Path, work: Work) -> None:
    """Save everything; repeat a conversation that failed because its server was gone."""
    for namespace, conversations in work:
        waiting = list(conversations)
        while waiting:
            try:
                with ContextPersistenceClient(f"local:{store}", namespace=namespace) as client:
                    while waiting:
                        client.save_conversation(waiting[0])
                        waiting.pop(0)
            except ContextPersistenceError as error:
                print(
                    f"  {namespace}: {type(error).__name__}: {error} "
                    f"(retryable: {error.retryable}); continuing",
                    flush=True,
                )
                time.sleep(1)


def read_graphs(store: Path, work: Work) -> dict[str, Fingerprint]:
    """Read the content of each namespace."""
    with (
        local.attach(store) as server,
        neo4j.GraphDatabase.driver(server.bolt_url, auth=(server.user, server.password)) as driver,
    ):
        return {namespace: fingerprint(driver, namespace) for namespace, _ in work}


def kill_once(store: Path, after: float) -> None:
    """Kill the store's Java process without warning, `after` seconds from now."""

    def kill() -> None:
        time.sleep(after)
        pid = local.read_status(store).pid
        if pid:
            print(f"  kill -9 {pid}", flush=True)
            os.kill(pid, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()


def main() -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["locomo", "qmsum"])
    parser.add_argument("--store", type=Path)
    parser.add_argument("--kill-after", type=float, help="seconds of loading before the kill")
    options = parser.parse_args()
    work = read_sets(options.data, options.sets)
    folder = options.store or Path(tempfile.mkdtemp(prefix="context-load-"))
    failed = 0

    def check(text: str, is_ok: bool) -> None:
        nonlocal failed
        failed += not is_ok
        print(f"{'ok  ' if is_ok else 'FAIL'} {text}", flush=True)

    def run_timed(text: str, function: Callable[[], None]) -> None:
        start = time.perf_counter()
        function()
        print(f"     {text}: {time.perf_counter() - start:.0f} s", flush=True)

    run_timed("loaded", lambda: load(folder / "whole", work))
    graphs = read_graphs(folder / "whole", work)
    for namespace, conversations in work:
        counts = graphs[namespace].counts
        messages = sum(len(conversation.messages) for conversation in conversations)
        check(
            f"{namespace}: {len(conversations)} conversations and {messages} messages are in the "
            f"graph: {dict(counts)}",
            counts["Conversation"] == len(conversations) and counts["Message"] == messages,
        )
    run_timed("loaded again", lambda: load(folder / "whole", work))
    again = read_graphs(folder / "whole", work)
    check(
        "loading again changed nothing",
        all(again[name].same_as(graph) for name, graph in graphs.items()),
    )
    kill_once(folder / "killed", options.kill_after or (60 if "qmsum" in options.sets else 20))
    run_timed("loaded with a kill -9 in the middle", lambda: load(folder / "killed", work))
    run_timed("loaded again", lambda: load(folder / "killed", work))
    again = read_graphs(folder / "killed", work)
    check(
        "the graph is the same", all(again[name].same_as(graph) for name, graph in graphs.items())
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
