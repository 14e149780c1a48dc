"""Whether the service can answer: the store answers, and its models are loaded."""

import gc
import logging
import threading
import time
from collections.abc import Mapping

from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.service.clients import ClientPool

log = logging.getLogger("mcp_context_persistence.service")

CHECK_SECONDS = 1.0  # for which an answer of the store is used again
PAUSE_SECONDS = 1.0  # between attempts to open the store
STOP_SECONDS = 10.0  # for the thread, which may be loading a model


class Readiness:
    """Opens the store and loads the models in a thread, and asks the store from time to time."""

    def __init__(self, clients: ClientPool, namespace: str) -> None:
        """Take what is asked.

        Args:
            clients: The clients of the service.
            namespace: The namespace whose client is asked.
        """
        self._clients, self._namespace = clients, namespace
        self._models = "loading"
        self._lock = threading.Lock()
        self._database, self._checked_at = "starting", 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._prepare, name="service-start", daemon=True)
        renew_locks_in_children(self)

    def start(self) -> None:
        """Begin to open the store."""
        thread_start.start(self._thread)

    def stop(self) -> None:
        """Let the thread end after what it does now.

        A thread that loads a model while the interpreter ends aborts the process.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def check(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether all parts are ready, and the state of each of them."""
        if self._models == "loading":
            return False, {"database": self._database, "models": self._models}
        with self._lock:
            if time.monotonic() - self._checked_at > CHECK_SECONDS:
                self._database = self._ask()
                self._checked_at = time.monotonic()
            parts = {"database": self._database, "models": self._models}
        return all(state == "ready" for state in parts.values()), parts

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
                    client.extract_entities("A first text.", store=False)
                    client.generate_embeddings(["A first text."])
            except ContextPersistenceError as error:
                if reason != (reason := f"{error} ({error.__cause__})"):
                    log.warning("the service is not ready: %s", reason)
                self._stop.wait(PAUSE_SECONDS)
            else:
                # The models stay: no collection of garbage looks through them again, which would
                # stop all requests for as long.
                gc.freeze()
                self._models = "ready"
                return
