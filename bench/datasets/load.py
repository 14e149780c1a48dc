"""Loads the development sets completely, counts, loads them again, and does it all over with the server killed in the middle.

    python -m bench.datasets.load DATA [--sets locomo qmsum] [--store DIRECTORY]

Prints a line per check and ends with 1 if one failed.
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


def work(data: Path, sets: list[str]) -> Work:
    """For each namespace its conversations."""
    found: Work = []
    if "locomo" in sets:
        found += [(namespace, sessions) for namespace, sessions, _ in locomo(data)]
    if "qmsum" in sets:
        found += [("qmsum", [meeting for _, meeting, _ in qmsum(data)])]
    return found


def load(store: Path, given: Work) -> None:
    """Save everything, starting again where a conversation failed because its server was gone."""
    for namespace, conversations in given:
        waiting = list(conversations)
        while waiting:
            try:
                with ContextPersistenceClient(f"local:{store}", namespace=namespace) as client:
                    while waiting:
                        client.save_conversation(waiting[0])
                        waiting.pop(0)
            except ContextPersistenceError as error:
                print(
                    f"  {namespace}: {type(error).__name__}: {error} (retryable: {error.retryable}); going on",
                    flush=True,
                )
                time.sleep(1)


def look(store: Path, given: Work) -> dict[str, Fingerprint]:
    """What each namespace holds."""
    with (
        local.attach(store) as server,
        neo4j.GraphDatabase.driver(server.bolt_url, auth=(server.user, server.password)) as driver,
    ):
        return {namespace: fingerprint(driver, namespace) for namespace, _ in given}


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
    given = work(options.data, options.sets)
    place = options.store or Path(tempfile.mkdtemp(prefix="context-load-"))
    failed = 0

    def check(what: str, ok: bool) -> None:
        nonlocal failed
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {what}", flush=True)

    def timed(what: str, function: Callable[[], None]) -> None:
        start = time.perf_counter()
        function()
        print(f"     {what}: {time.perf_counter() - start:.0f} s", flush=True)

    timed("loaded", lambda: load(place / "whole", given))
    first = look(place / "whole", given)
    for namespace, conversations in given:
        counts = first[namespace].counts
        messages = sum(len(one.messages) for one in conversations)
        check(
            f"{namespace}: {len(conversations)} conversations, {messages} messages: as many in the graph: {dict(counts)}",
            counts["Conversation"] == len(conversations) and counts["Message"] == messages,
        )
    timed("loaded again", lambda: load(place / "whole", given))
    again = look(place / "whole", given)
    check(
        "loading again changed nothing",
        all(again[name].same_as(found) for name, found in first.items()),
    )
    kill_once(place / "killed", options.kill_after or (60 if "qmsum" in options.sets else 20))
    timed("loaded with a kill -9 in the middle", lambda: load(place / "killed", given))
    timed("loaded again", lambda: load(place / "killed", given))
    again = look(place / "killed", given)
    check("the graph is the same", all(again[name].same_as(found) for name, found in first.items()))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
