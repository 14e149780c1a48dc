"""Kill the processes of a store at seeded times, and compare what is left with a plain model.

As a program this is a client that can be killed: ``python -m tests.faults.kills open STORE`` opens
a store and reports it; ``python -m tests.faults.kills write STORE SEED COUNT JOURNAL`` writes to it
and records each step that was begun and each that was acknowledged.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from neo4j.exceptions import ServiceUnavailable, SessionExpired

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.errors import (
    ContextPersistenceError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.kg.local import java
from mcp_context_persistence.kg.local.process import is_alive
from mcp_context_persistence.kg.local.store import Store
from mcp_context_persistence.kg.schema import indexes, migrations

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = local.ServerSettings(heap="400m", page_cache="64m")
VECTOR_SIZE = 64

Victim = Literal["server", "supervisor"]
T = TypeVar("T")

tally: Counter[str] = Counter()  # kills of this run, by victim


def pid_of(store: Path, victim: Victim) -> int:
    """The process id of a store's server or supervisor, 0 where it does not run."""
    if victim == "server":
        return local.read_size(store).pid
    state = Store(store).read_state()
    return (
        state.supervisor
        if state is not None and is_alive(state.supervisor, state.supervisor_started)
        else 0
    )


class Killer:
    """Kills processes of a store, each a random moment after it was armed.

    Attributes:
        kills: How many it has killed.
    """

    def __init__(
        self,
        store: Path,
        seed: int,
        *,
        most: int,
        within: float,
        victims: Sequence[Victim] = ("server",),
        always: bool = False,
    ) -> None:
        """Wait to be armed.

        Args:
            store: The store.
            seed: Of the moments.
            most: Kills at most; a supervisor gives up after five deaths of its server.
            within: Seconds from being armed in which it kills.
            victims: Whom it kills.
            always: Whether it is armed again and again.
        """
        self._store, self._most, self._within, self._victims, self._always = (
            store,
            most,
            within,
            victims,
            always,
        )
        self._random = random.Random(seed)
        self._armed, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.kills = 0

    def arm(self) -> None:
        """Have it kill a moment from now, where it may kill any more."""
        self._armed.set()

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.is_set() and self.kills < self._most:
            if not self._always and not self._armed.wait(0.02):
                continue
            self._armed.clear()
            time.sleep(self._random.uniform(0, self._within))
            victim = self._random.choice(self._victims)
            if pid := pid_of(self._store, victim):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
                    tally[victim] += 1


class Watched(Graph):
    """A graph that says when it runs a statement that writes, by its number."""

    def __init__(
        self, *arguments: Any, on_write: Callable[[int], None] = lambda _: None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.on_write, self._writes = on_write, 0

    def run(self, statement: Statement[T], *, deadline: float | None = None) -> list[T]:
        if statement.writes:
            self._writes += 1
            self.on_write(self._writes)
        return super().run(statement, deadline=deadline)


@contextlib.contextmanager
def opened(store: Path, *, on_write: Callable[[int], None] = lambda _: None) -> Iterator[Watched]:
    """A store's graph without its schema, whose server is started again when it is killed."""
    with local.attach(store, settings=SETTINGS) as attachment:

        def revive() -> str:
            attachment.renew()
            return attachment.bolt_url

        auth = (attachment.user, attachment.password)
        graph = Watched(
            attachment.bolt_url,
            auth,
            revive=revive,
            credentials=attachment.credentials,
            on_write=on_write,
        )
        with contextlib.closing(graph):
            yield graph


def insist(work: Callable[[], T], *, tries: int = 8) -> T:
    """Repeat `work` through faults and return its result; errors of the call itself are raised."""
    for attempt in range(tries):
        try:
            return work()
        except (ValidationError, NotFoundError):
            raise
        except ContextPersistenceError as error:
            if attempt == tries - 1:
                raise
            say(
                f"repeated ({'' if error.retryable else 'not '}retryable, {error.outcome}): {error}"
            )
            time.sleep(0.2)
    raise AssertionError


def say(text: str) -> None:
    """Write a line for whoever reads the output of a run."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def check_schema(graph: Graph) -> None:
    """Hold that every constraint and index is there, ONLINE, and that statements run."""
    existing = indexes.read_indexes(graph)
    state = migrations.read_schema_state(graph)
    assert state is not None
    assert state.version == migrations.VERSION
    wanted = migrations.list_required_indexes(graph, vector_size=state.vector_size)
    assert {index.name: index.assess(existing) for index in wanted} == {
        index.name: "ready" for index in wanted
    }
    owned = {row["name"] for row in ask(graph, "SHOW CONSTRAINTS YIELD name")}
    assert owned >= {index.name for index in wanted if index.is_unique}
    lookups = [row for row in existing.values() if row["type"] == "LOOKUP"]
    assert [row["state"] for row in lookups] == ["ONLINE", "ONLINE"]


def check_files(store: Path) -> None:
    """Hold that Neo4j's own check finds nothing in a stopped store."""
    command = [
        str(java.find().program),
        "-Xmx400m",
        "-cp",
        local.provision().class_path,
        "org.neo4j.cli.AdminTool",
    ]
    environment = {**os.environ, "NEO4J_HOME": str(store), "NEO4J_CONF": str(store / "conf")}
    answer = subprocess.run(
        [*command, "database", "check", "neo4j", "--force", f"--report-path={store}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]


def ask(graph: Graph, text: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a statement that is only here; it may be run twice."""
    for _ in range(5):
        migrations.read_schema_state(graph)  # the library has the server started again
        with (
            contextlib.suppress(ServiceUnavailable, SessionExpired),
            graph.driver.session() as session,
        ):
            return [dict(row) for row in session.run(text, parameters)]
    raise AssertionError("no answer")


def program(*arguments: object) -> "subprocess.Popen[str]":
    """Start this file as a program."""
    command = [sys.executable, "-m", "tests.faults.kills", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def kill_program(process: "subprocess.Popen[str]") -> None:
    """Kill a client; whether it had ended by itself does not matter."""
    tally["client"] += process.poll() is None
    process.kill()
    process.communicate()


if __name__ == "__main__":
    order, folder, *rest = sys.argv[1:]
    if order == "open":
        with opened(Path(folder)) as opened_graph:
            migrations.ensure_schema(opened_graph, vector_size=VECTOR_SIZE)
            say("opened")
    else:
        from tests.faults.writes import write

        write(Path(folder), int(rest[0]), int(rest[1]), Path(rest[2]))
