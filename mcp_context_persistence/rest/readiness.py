"""Whether the service can answer quickly: the store answers, and everything is loaded."""

import gc
import logging
import threading
import time
from collections.abc import Mapping

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.driver import plans
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.service.clients import ClientPool

log = logging.getLogger("mcp_context_persistence.service")

CHECK_SECONDS = 1.0  # for which an answer of the store is used again
ANSWER_SECONDS = 2.0  # for the store to answer: less than a probe waits
PAUSE_SECONDS = 1.0  # between attempts to open the store
PLAN_SECONDS = 60.0  # for the plans of statements; without them, the first calls take longer
READY_SECONDS = 8.0  # of planning, after which the service is ready all the same
STOP_SECONDS = 10.0  # for the thread, which may be loading a model
FIRST_TEXT = "A first text."


class Readiness:
    """Opens the store, loads and plans in a thread, and asks the store when somebody asks."""

    def __init__(self, clients: ClientPool, namespace: str) -> None:
        """Take what is asked.

        Args:
            clients: The clients of the service.
            namespace: The namespace whose client is asked.
        """
        self._clients, self._namespace = clients, namespace
        self._database, self._models, self._plans = "starting", "loading", "preparing"
        self._lock = threading.Lock()
        self._asked_at = self._answered_at = 0.0
        self._stop, self._is_prepared = threading.Event(), threading.Event()
        self._question, self._answer = threading.Event(), threading.Event()
        self._is_planned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service-start", daemon=True)
        renew_locks_in_children(self)

    def start(self) -> None:
        """Begin to open the store."""
        thread_start.start(self._thread)

    def stop_later(self) -> None:
        """Let the thread end after its present check."""
        self._stop.set()
        self._question.set()

    def stop(self) -> None:
        """Let the thread end, and wait until it no longer opens the store.

        A thread that loads a model while the interpreter ends aborts the process.
        """
        self.stop_later()
        if self._thread.ident is not None:
            self._is_prepared.wait(STOP_SECONDS)

    def check(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether all parts are ready, and the state of each of them.

        A store that does not answer in time counts as one that cannot be reached.
        """
        is_answered = self._is_prepared.is_set() and self._wait_for_answer()
        parts = {"database": self._database, "models": self._models, "plans": self._plans}
        if self._is_prepared.is_set() and not is_answered:
            parts["database"] = "unreachable"
        return all(state == "ready" for state in parts.values()), parts

    def _wait_for_answer(self) -> bool:
        """Have the thread ask the store, unless it has just done so; return whether it answered."""
        with self._lock:
            now = time.monotonic()
            if self._answer.is_set() and now - self._answered_at > CHECK_SECONDS:
                self._answer.clear()
                self._asked_at = now
                self._question.set()
            seconds = self._asked_at + ANSWER_SECONDS - now
        return self._answer.wait(max(0.0, seconds))

    def _run(self) -> None:
        try:
            self._prepare()
        finally:
            self._answered_at = time.monotonic()
            self._answer.set()
            self._is_prepared.set()
        while not self._stop.is_set():
            self._question.wait()
            self._question.clear()
            self._database = self._ask()
            self._answered_at = time.monotonic()
            self._answer.set()

    def _ask(self) -> str:
        try:
            with self._clients.use(self._namespace) as client:
                client.get_embedding_status()
        except ContextPersistenceError:
            return "unreachable"
        return "ready"

    def _prepare(self) -> None:
        reason = ""
        while not self._stop.is_set():
            try:
                with self._clients.use(self._namespace) as client:
                    self._database = "ready"
                    self._prepare_client(client)
            except ContextPersistenceError as error:
                if reason != (reason := _describe(error)):
                    log.warning("the service is not ready: %s", reason)
                self._stop.wait(PAUSE_SECONDS)
            else:
                return

    def _prepare_client(self, client: ContextPersistenceClient) -> None:
        """Do for the first time what would make the first callers wait."""
        self._is_planned.clear()
        end = time.monotonic() + READY_SECONDS
        # The server plans while this process loads the models.
        thread_start.start(
            threading.Thread(target=self._plan, args=(client,), name="service-plans", daemon=True)
        )
        client.extract_entities(FIRST_TEXT, store=False)
        client.generate_embeddings([FIRST_TEXT])
        # The models stay: no collection of garbage looks through them again, which would stop all
        # requests for as long.
        gc.freeze()
        self._models = "ready"
        self._is_planned.wait(max(0.0, end - time.monotonic()))
        client.search_hybrid(FIRST_TEXT)
        self._plans = "ready"

    def _plan(self, client: ContextPersistenceClient) -> None:
        """Have the server plan the statements; the service is ready before the rare ones are."""
        end = time.monotonic() + PLAN_SECONDS

        def is_stopped() -> bool:
            return self._stop.is_set() or time.monotonic() > end

        graph = client._engine.graph
        try:
            plans.plan_statements(graph, plans.FREQUENT, is_stopped=is_stopped)
        finally:
            self._is_planned.set()
        plans.plan_statements(graph, plans.RARE, is_stopped=is_stopped)


def _describe(error: ContextPersistenceError) -> str:
    """Return the text of an error with that of its cause, if it is another one."""
    text, cause = str(error), str(error.__cause__ or "")
    return text if cause in text else f"{text} ({cause})"
