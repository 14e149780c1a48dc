"""Put the service under load over REST, and list every answer that it may not give.

    python -m bench.speed.service_load [--seconds 300] [--first 60] [--clients 64] [--writers 8]
                                       [--messages 300] [--database-url URL]

The clients are threads, each with a connection of its own. The writers save, append and delete, and
the others search, read and list, without pauses. After 429 and 503, they repeat the call as soon as
`Retry-After` allows. The service starts with its server, after which nothing is warm but what it
warms up itself. With a URL, the server runs already; CONTEXT_DB_USER and CONTEXT_DB_PASSWORD hold
its user and password. Memory is measured at the start, after the first seconds (`--first`) and at
the end. Ends with 1 when there was an answer other than 2xx, 429 and 503, or none.
"""

import argparse
import http.client
import itertools
import json
import random
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil

from bench.datasets.texts import made_texts
from bench.files import write_result
from bench.servers import Credentials, read_credentials, running_service
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local

BATCH = 30  # messages of a conversation
BUSY = (429, 503)
NO_ANSWER = 0
READY_SECONDS = 300


class Call(NamedTuple):
    """A request: its method, address and body."""

    method: str
    path: str
    body: object = None


class Answer(NamedTuple):
    """When an answer came after the start of the load, its status, and how long it took."""

    at: float
    status: int
    seconds: float


@dataclass
class Load:
    """What the clients do, until when, and what came back."""

    address: str
    end: float
    texts: Sequence[str]
    start: float = field(default_factory=time.perf_counter)
    answers: list[Answer] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def run(self, calls: Iterator[Call]) -> None:
        """Make calls one after the other, until the end."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=120)
        with closing(connection):
            for call in calls:
                while time.perf_counter() < self.end and self._make(connection, call) in BUSY:
                    pass
                if time.perf_counter() >= self.end:
                    return

    def _make(self, connection: http.client.HTTPConnection, call: Call) -> int:
        """Make a call, and return its status."""
        body = None if call.body is None else json.dumps(call.body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        start = time.perf_counter()
        try:
            connection.request(call.method, call.path, body, headers)
            response = connection.getresponse()
            content, status = response.read(), response.status
            pause = float(response.getheader("Retry-After") or 1)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            content, status, pause = type(error).__name__.encode(), NO_ANSWER, 0.0
        now = time.perf_counter()
        self.answers.append(Answer(now - self.start, status, now - start))
        if status in BUSY:
            time.sleep(max(0.0, min(pause, self.end - now)))
        elif not is_allowed(status):
            self.wrong.append(f"{call.method} {call.path}: {status} {content[:300].decode()}")
        return status


def is_allowed(status: int) -> bool:
    """Return whether the service may give this status to a valid request."""
    return 200 <= status < 300 or status in BUSY


def reading_calls(texts: Sequence[str], conversations: int, seed: int) -> Iterator[Call]:
    """Yield calls that read, for ever: half of them search."""
    choose = random.Random(seed)
    while True:
        query = " ".join(choose.choice(texts).split()[:8])
        conversation = f"/v1/conversations/talk-{choose.randrange(conversations)}"
        yield choose.choice(
            [
                *[Call("POST", "/v1/search", {"query": query, "limit": 10})] * 5,
                Call("POST", "/v1/context", {"query": query, "token_budget": 500}),
                Call("GET", conversation),
                Call("GET", "/v1/conversations?limit=10"),
                Call("GET", "/v1/entities?limit=20"),
                Call("GET", "/v1/stats"),
            ]
        )


def writing_calls(texts: Sequence[str], number: int) -> Iterator[Call]:
    """Yield calls that write, for ever; at most one conversation of each writer is stored."""
    path = f"/v1/conversations/written-{number}"
    for turn in itertools.count():
        contents = (texts[(number + turn + index) % len(texts)] for index in range(4))
        messages = [
            {"id": f"w-{number}-{turn}-{index}", "role": "user", "content": content}
            for index, content in enumerate(contents)
        ]
        yield Call("PUT", path, {"messages": messages[:2]})
        yield Call("POST", f"{path}/messages", {"messages": messages[2:]})
        yield Call("POST", "/v1/instructions", {"text": f"Answer writer {number} in verse."})
        yield Call("DELETE", path)


@contextmanager
def prepared_store(
    url: str | None, texts: Sequence[str], namespace: str
) -> Iterator[tuple[str, Credentials | None]]:
    """Yield a store that has the texts as messages; a managed one is stopped again first."""
    with tempfile.TemporaryDirectory() as folder:
        target, auth = (url, read_credentials()) if url else (f"local:{folder}", None)
        with ContextPersistenceClient(target, auth=auth, namespace=namespace) as client:
            for number, start in enumerate(range(0, len(texts), BATCH)):
                messages = [{"role": "user", "content": text} for text in texts[start:][:BATCH]]
                client.save_conversation(f"talk-{number}", messages)
        try:
            if url is None:
                local.stop(Path(folder), force=True)
            yield target, auth
        finally:
            if url is None:
                local.stop(Path(folder), force=True)
            else:
                with ContextPersistenceClient(target, auth=auth, namespace=namespace) as client:
                    client.delete_namespace(namespace)


def wait_until_ready(address: str) -> None:
    """Wait until the service says that it is ready."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        with closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("the service does not become ready")


def measure(options: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    """Return the figures, and the answers that were not allowed."""
    texts = made_texts(options.messages, seed=7)
    namespace = f"load-{uuid.uuid4().hex}"
    with prepared_store(options.database_url, texts, namespace) as (url, auth):
        started = time.perf_counter()
        with running_service(url, auth, namespace) as (address, pid):
            wait_until_ready(address)
            ready = time.perf_counter() - started
            load, memory = put_under_load(address, pid, texts, options)
    return summarize(load, options.first) | {"ready_s": ready, "memory_mib": memory}, load.wrong


def put_under_load(
    address: str, pid: int, texts: Sequence[str], options: argparse.Namespace
) -> tuple[Load, dict[str, float]]:
    """Run all clients, and measure the memory of the service."""
    service = psutil.Process(pid)
    memory = {"start": service.memory_info().rss / 2**20}
    load = Load(address, time.perf_counter() + options.seconds, texts)
    conversations = -(-len(texts) // BATCH)
    calls = [
        writing_calls(texts, number)
        if number < options.writers
        else reading_calls(texts, conversations, number)
        for number in range(options.clients)
    ]
    threads = [threading.Thread(target=load.run, args=(own,)) for own in calls]
    for thread in threads:
        thread.start()
    time.sleep(min(options.first, options.seconds))
    memory["warm"] = service.memory_info().rss / 2**20
    for thread in threads:
        thread.join()
    memory["end"] = service.memory_info().rss / 2**20
    return load, memory


def summarize(load: Load, first: float) -> dict[str, object]:
    """Return the counts of the statuses, and the percentiles of the calls that succeeded."""
    parts = {"all": load.answers}
    parts["first"] = [answer for answer in load.answers if answer.at <= first]
    parts["later"] = [answer for answer in load.answers if answer.at > first]
    figures: dict[str, object] = {
        "statuses": dict(sorted(Counter(answer.status for answer in load.answers).items()))
    }
    for name, answers in parts.items():
        seconds = [answer.seconds for answer in answers if 200 <= answer.status < 300]
        if seconds:
            p50, p99 = np.percentile(seconds, [50, 99]).tolist()
            figures[name] = {
                "calls": len(seconds),
                "busy": sum(answer.status in BUSY for answer in answers),
                "p50_s": p50,
                "p99_s": p99,
            }
    return figures


def main() -> int:
    """Measure, print and write the figures; return 1 when an answer was not allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--first", type=float, default=60, help="seconds that count as the first")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--writers", type=int, default=8, help="how many of them write")
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--database-url")
    options = parser.parse_args()
    figures, wrong = measure(options)
    print(json.dumps(figures, indent=2))
    write_result("service_load.json", figures)
    for text in wrong:
        print(f"not allowed: {text}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
