"""One write call under one fault, and what must hold of it afterwards."""

import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import neo4j

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError
from tests.faults.proxy import Proxy
from tests.faults.snapshot import Snapshot, difference, snapshot
from tests.faults.write_calls import WriteCall

SETTLED_SECONDS = 10.0  # for what a server still does after its connection was cut
CONFIG = {"deadline": 20.0}


@dataclass(frozen=True)
class Target:
    """A server, the store of a managed one, and whether clients open the store or the address."""

    bolt_url: str
    auth: tuple[str, str] | None
    store: str | None = None

    @contextmanager
    def client(self, namespace: str, proxy: Proxy | None = None) -> Iterator[Any]:
        """A client, whose wire goes through the proxy where there is one."""
        where = f"local:{self.store}" if self.store else proxy.url if proxy else self.bolt_url
        with ContextPersistenceClient(
            where, auth=None if self.store else self.auth, namespace=namespace, config=CONFIG
        ) as client:
            if self.store and proxy:
                self.lead_through(client, proxy)
            yield client

    def lead_through(self, client: Any, proxy: Proxy) -> None:
        """Connect a managed client's graph to the proxy, and allow its password there."""
        graph, address = client._engine.graph, client._engine.connection.attachment
        graph._lifecycle._credentials = lambda _address: (address.user, address.password)
        graph._lifecycle.move(proxy.url)


@dataclass(frozen=True)
class Undisturbed:
    """What a call does where nothing fails."""

    before: Snapshot
    after: Snapshot
    messages: Counter[str]  # that were sent, by kind

    @property
    def calls(self) -> int:
        """How many calls of the database the client made: each sends one of these."""
        return sum(self.messages[kind] for kind in ("RUN", "BEGIN", "COMMIT"))


class Attack:
    """Runs calls against one server and compares the graph with that of an undisturbed run."""

    def __init__(self, target: Target, driver: neo4j.Driver, known: dict[str, Undisturbed]) -> None:
        """Run nothing yet.

        Args:
            target: The server, and how clients know it.
            driver: Reads what is stored, past every fault.
            known: Takes up the undisturbed runs; may be shared, as the target does not
                matter.
        """
        self.target, self.driver = target, driver
        self._known = known

    def undisturbed(self, call: WriteCall) -> Undisturbed:
        """The graph before and after the call, and what was sent, of a run that is made once."""
        if call.name not in self._known:
            namespace = self.namespace()
            with self.target.client(namespace) as client:
                state = call.prepare(client)
            before = snapshot(self.driver, namespace)
            with (
                Proxy.to(self.target.bolt_url) as proxy,
                self.target.client(namespace, proxy) as client,
            ):
                client.get_conversation_stats()
                proxy.counts.clear()
                call.call(client, state)
                messages = proxy.counts.copy()
            after = snapshot(self.driver, namespace)
            assert before != after, f"{call.name} writes nothing"
            self._known[call.name] = Undisturbed(before, after, messages)
        return self._known[call.name]

    @staticmethod
    def namespace() -> str:
        """A new one."""
        return f"attack-{uuid.uuid4().hex[:12]}"

    def run(
        self,
        call: WriteCall,
        proxy: Proxy | None,
        arm: Callable[[], Any],
        disarm: Callable[[], Any],
    ) -> ContextPersistenceError | None:
        """Make a call during a fault, compare the graph with the answer, and repeat the call.

        Args:
            call: The call.
            proxy: What its wire goes through.
            arm: Called right before the call.
            disarm: Called right after it.

        Returns:
            The error that it ended with.
        """
        known, namespace = self.undisturbed(call), self.namespace()
        with self.target.client(namespace) as client:
            state = call.prepare(client)
        with self.target.client(namespace, proxy) as client:
            client.get_conversation_stats()
            error, answer = None, None
            arm()
            try:
                answer = call.call(client, state)
            except ContextPersistenceError as failure:
                error = failure
            finally:
                disarm()
            self._check(call, namespace, known, error, answer)
            again = repeat(call, client, state)
            stored = snapshot(self.driver, namespace)
            assert stored == known.after, (
                f"{call.name}, {again}: repeated after "
                f"{error!r}:\n{difference(known.after, stored)}"
            )
        return error

    def _check(
        self,
        call: WriteCall,
        namespace: str,
        known: Undisturbed,
        error: ContextPersistenceError | None,
        answer: Any,
    ) -> None:
        """Whether the graph is what the outcome says."""
        failed = [one for one in answer if not one.success] if isinstance(answer, list) else []
        if error is None and not failed:
            allowed = [known.after]
        elif error is not None and error.outcome == "not_applied":
            allowed = [known.before]
        elif error is not None and error.outcome == "applied":
            allowed = [known.after]
        elif call.is_atomic:
            allowed = [known.before, known.after]
        else:
            self._check_parts(call, namespace, known, answer)
            return
        stored = snapshot(self.driver, namespace)
        if len(allowed) > 1:  # the server may not be done with what it was sent
            end = time.monotonic() + SETTLED_SECONDS
            while stored not in allowed and time.monotonic() < end:
                time.sleep(0.05)
                stored = snapshot(self.driver, namespace)
        assert stored in allowed, (
            f"{call.name} ended with {error!r} "
            f"({error.outcome if error else 'acknowledged'}):\n{difference(allowed[-1], stored)}"
        )

    def _check_parts(
        self, call: WriteCall, namespace: str, known: Undisturbed, answer: Any
    ) -> None:
        """Check that each conversation is complete or absent, and complete if it was answered."""
        stored = snapshot(self.driver, namespace)
        answers = answer if isinstance(answer, list) else []
        for part, one in itertools.zip_longest(call.parts, answers):
            there = [_part(rows, part) for rows in (known.before, known.after)] if part else []
            if part:
                now = _part(stored, part)
                assert now in ([there[1]] if one and one.success else there), (
                    f"{part}: {difference(there[1], now)}"
                )


def _part(rows: Snapshot, conversation: str) -> Snapshot:
    """A conversation and its messages, without what they mention: entities are everybody's."""
    found = []
    for row in rows:
        if row[0] == "node":
            own = dict(row[2])
            if own.get("id") == conversation or str(own.get("id", "")).startswith(
                f"{conversation}:"
            ):
                found.append((row[1], own.get("id"), own.get("content")))
    return tuple(sorted(found, key=repr))


def repeat(call: WriteCall, client: Any, state: Any) -> str:
    """Make the call again; an error that only says that it was made before is no failure."""
    try:
        answer = call.call(client, state)
    except call.refuses_again as error:
        return f"refused: {error}"
    if isinstance(answer, list):
        assert all(one.success or not one.error or "empty" in one.error for one in answer), [
            one.error for one in answer
        ]
    return "repeated"
