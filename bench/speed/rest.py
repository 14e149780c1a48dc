"""Compare searches over REST with the same calls of the client, with many callers at once.

    python -m bench.speed.rest [DATA] [--messages 2000] [--callers 32] [--searches 20] [--rounds 5]
                               [--database-url URL]

The callers are threads. In a round, first all of them call one client, then each of them calls the
service, which is a process of its own, over a connection of its own. Without a URL it runs on a
throwaway server; for another one, CONTEXT_DB_USER and CONTEXT_DB_PASSWORD hold the user and the
password. Prints the medians and the median of the rounds' ratios. Ends with 1 when it misses what
is required.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench.datasets.texts import dialogue_texts, made_texts
from bench.files import DATA, write_result
from bench.servers import open_server, running_service
from mcp_context_persistence import ContextPersistenceClient

REQUIRED_RATIO = 1.25
LIMIT = 10
Search = Callable[[str], None]


def measure(
    open_search: Callable[[], AbstractContextManager[Search]], queries: Sequence[str], callers: int
) -> float:
    """Return the median seconds of a search with so many callers at once.

    Args:
        open_search: Opens the function that searches; each caller has its own.
        queries: The searches of each caller.
        callers: How many there are.
    """
    seconds: list[float] = []
    barrier = threading.Barrier(callers)

    def call(number: int) -> None:
        with open_search() as search:
            search(queries[number % len(queries)])
            barrier.wait()
            for index in range(len(queries)):
                start = time.perf_counter()
                search(queries[(number + index) % len(queries)])
                seconds.append(time.perf_counter() - start)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(seconds)


@contextmanager
def open_rest(url: str) -> Iterator[Search]:
    """Yield a search over one connection to the service."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)

    def search(query: str) -> None:
        body = json.dumps({"query": query, "limit": LIMIT})
        connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(answer.decode())

    with closing(connection):
        yield search


def save(client: ContextPersistenceClient, texts: Sequence[str]) -> None:
    """Save texts as messages, without entities."""
    for start in range(0, len(texts), 500):
        messages = [{"role": "user", "content": text} for text in texts[start : start + 500]]
        client.save_conversation(f"talk-{start}", messages, mode="conversation")


def compare(options: argparse.Namespace) -> dict[str, float]:
    """Measure all rounds, and return the medians."""
    total = options.messages + options.searches
    texts = dialogue_texts(options.data, total) or made_texts(total, seed=7)
    queries = [
        " ".join(re.findall(r"[a-z]+", text.lower())[:12]) or "hello"
        for text in texts[options.messages :]
    ]
    namespace = f"rest-{uuid.uuid4().hex}"
    direct, remote = [], []
    with (
        open_server(options.database_url) as (url, auth),
        ContextPersistenceClient(url, auth=auth, namespace=namespace) as client,
        running_service(url, auth, namespace) as (address, _),
    ):
        save(client, texts[: options.messages])

        def search(query: str) -> None:
            client.search_hybrid(query, limit=LIMIT)

        for _ in range(options.rounds):
            direct.append(measure(lambda: nullcontext(search), queries, options.callers))
            remote.append(measure(lambda: open_rest(address), queries, options.callers))
        client.delete_namespace(namespace)
    ratios = [over / under for over, under in zip(remote, direct, strict=True)]
    return {
        "callers": options.callers,
        "messages": options.messages,
        "client_p50_ms": 1000 * statistics.median(direct),
        "rest_p50_ms": 1000 * statistics.median(remote),
        "ratio": statistics.median(ratios),
    }


def main() -> int:
    """Measure, print and write the figures; return 1 when they miss what is required."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=DATA)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database-url")
    parser.add_argument("--tiny", action="store_true", help="a run whose figures do not count")
    options = parser.parse_args()
    figures = compare(options)
    print(
        f"search of {figures['messages']:,} messages, {figures['callers']} callers: "
        f"client {figures['client_p50_ms']:.1f} ms, REST {figures['rest_p50_ms']:.1f} ms, "
        f"{figures['ratio']:.2f} times (required {REQUIRED_RATIO})"
    )
    write_result("rest.json", figures)
    return int(not options.tiny and figures["ratio"] > REQUIRED_RATIO)


if __name__ == "__main__":
    sys.exit(main())
