"""The small process beside each server: it starts the server, watches its clients, and stops it.

It is started by the first process that opens a store, outlives it, and imports the standard library
only. Every process that uses the store holds a lease (`kg.local.leases`), which the kernel frees at
any death. When the last lease is free, the server is stopped. When the server dies while somebody
uses it, it is started again on the same ports. When this process is killed, the kernel kills the
server, and whoever opens the store next starts both. When the store's folder is moved, deleted or
restored, this process kills the server and changes nothing at the old path.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import diagnosis, leases, orders
from mcp_context_persistence.kg.local.diagnosis import Failure
from mcp_context_persistence.kg.local.environment import reset_signals, set_utf8_locale
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.log_end import is_of_stopped_database
from mcp_context_persistence.kg.local.ownership import give_to_owner
from mcp_context_persistence.kg.local.ports import answers_bolt
from mcp_context_persistence.kg.local.process import read_start_time
from mcp_context_persistence.kg.local.resource_limits import raise_limits
from mcp_context_persistence.kg.local.server_process import ServerProcess
from mcp_context_persistence.kg.local.settings import COMMAND_LINGER_SECONDS
from mcp_context_persistence.kg.local.space import (
    describe_full_disk,
    has_space,
    translate_os_error,
)
from mcp_context_persistence.kg.local.state_file import StateFile
from mcp_context_persistence.kg.local.store import Phase, State, Store
from mcp_context_persistence.kg.local.store_check import check_files

TICK_SECONDS = 0.2
READY_TICK_SECONDS = 0.03
LOGS_TICK_SECONDS = 0.5
MAX_SPAWNS = 3  # at one start, where a port was taken or the process was killed
MAX_DEATHS = 5  # within the time below; then the supervisor gives up
DEATHS_SECONDS = 600.0
RESTART_PAUSE_SECONDS = 5.0  # from a start to the next one that is ordered
# No process may outlive the last client by more than 30 s.
AFTERLIFE_SECONDS = 25.0  # of the process that makes the start-up cache
END_SECONDS = 29.0  # of the server
MIN_STOP_SECONDS = 5.0  # for its orderly stop


def main(server_lock: int) -> None:
    """Read the specification from standard input, leave the caller, and supervise.

    Args:
        server_lock: The descriptor that holds `server.lock`, inherited from the caller.
    """
    # One line: a child that the caller has forked meanwhile may keep the pipe open.
    specification = json.loads(sys.stdin.readline())
    try:
        is_caller_child = os.fork() != 0
    except OSError as error:  # the caller says what is exhausted
        sys.exit(error.errno)
    if is_caller_child:
        os._exit(0)
    os.umask(0o077)
    Supervisor(specification, server_lock).run()


class Supervisor:
    """One run: from the first start of a server to its end, restarts after its death included."""

    def __init__(self, specification: dict[str, Any], server_lock: int) -> None:
        """Create it; `run` starts the server.

        Args:
            specification: Made by `server_specification.make_specification`.
            server_lock: The descriptor that holds `server.lock`.
        """
        self.specification = specification
        self.store = Store(Path(specification["store"]))
        self.process = ServerProcess(specification, self.store)
        state = State(
            phase="starting",
            nonce=specification["nonce"],
            supervisor=os.getpid(),
            supervisor_started=read_start_time(os.getpid()),
            versions=specification["versions"],
        )
        self.state_file = StateFile(self.store, state)
        self.nonce: str = state.nonce
        self._server_lock = server_lock
        self._identity = Identity.of(self.store.folder)
        self._leases = leases.LeaseWatch(self.store.leases)
        self._is_displaced = False  # whether the folder is no longer where it was
        self._must_stop = False
        now = time.monotonic()
        self._last_start, self._last_use = now, now

    def run(self) -> None:
        """Supervise until nobody uses the store."""
        reset_signals()
        signal.signal(signal.SIGTERM, self._on_signal)
        for ignored in (signal.SIGHUP, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        failure: Failure | None = None
        try:
            environment = set_utf8_locale(dict(os.environ))
            os.environ.clear()
            os.environ.update({**environment, "TMPDIR": str(self.store.temporary)})
            failure = self._serve()
        except Exception as error:  # whatever it was, the server must not stay behind
            failure = self._describe_error(error)
        finally:
            self._end(failure)

    def _describe_error(self, error: Exception) -> Failure:
        """Return the failure for an error of the supervisor."""
        if isinstance(error, OSError):
            error = translate_os_error(error, self.store.folder)
        if isinstance(error, DatabaseError):
            return Failure(text=str(error), retryable=error.retryable)
        reason = type(error).__name__
        text = f"The supervisor of the local server failed ({reason}): see {self.store.logs}."
        return Failure(text=text)

    def _on_signal(self, *_: object) -> None:
        self._must_stop = True

    # The life of the server

    def _serve(self) -> Failure | None:
        """Keep the server running; return why that failed, None after an orderly end."""
        if low_limit := raise_limits():
            return Failure(text=low_limit)
        deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        while True:
            failure = self._start()
            if failure or not self._is_needed():
                return failure
            if self._watch():
                return None
            if self.process.java is None:  # it was ended on purpose
                continue
            deaths.append(time.monotonic())
            if len(deaths) == MAX_DEATHS and deaths[-1] - deaths[0] < DEATHS_SECONDS:
                return self._describe_deaths()

    def _describe_deaths(self) -> Failure:
        reason = diagnosis.explain_kill(self.process.exit_status)
        if diagnosis.is_heap_exhausted(self.store.logs):
            reason = (
                ", the last time because its heap was full: give it more memory (max_memory_usage),"
                " or ask for less at a time"
            )
        text = (
            f"The local server died {MAX_DEATHS} times within {DEATHS_SECONDS / 60:g} minutes"
            f"{reason}. See {self.store.logs}."
        )
        return Failure(text=text, retryable=True)

    def _start(self) -> Failure | None:
        """Start the server and wait until it answers; return why that failed.

        It is started once more to cut off the end of its log where only a failed write is there.
        """
        failure = self._start_server()
        if failure is None or not failure.is_log_unreadable or self.store.panicked.exists():
            return failure
        if self.store.unchecked.exists() or not is_of_stopped_database(self.store):
            return failure
        self.store.mark_stopped_database()
        return self._start_server()

    def _start_server(self) -> Failure | None:
        failure = None
        if not has_space(self.store.folder):
            return Failure(text=describe_full_disk(self.store.folder), retryable=True)
        for _ in range(MAX_SPAWNS):
            self.process.spawn()
            self._publish("starting")
            if self._wait_until_ready():
                return self._check_database()
            if not self._is_needed():
                return None
            status = self.process.exit_status
            failure = diagnosis.explain_database(
                self.store.logs, self.process.debug_bytes
            ) or diagnosis.explain_start(self.store.logs, status=status)
            self.process.kill()
            was_killed = status is not None and status < 0 and not failure.is_known
            if not (failure.is_port_taken or was_killed):
                break
            if failure.is_port_taken:
                self.process.ports = [0, 0]
        return failure

    def _check_database(self) -> Failure | None:
        """Publish that the server runs, or return why its database does not."""
        failure = diagnosis.explain_database(self.store.logs, self.process.debug_bytes)
        if failure:
            self.process.kill()
            return failure
        if self.store.unchecked.exists():
            return self._check_copy() or self._start()
        self._last_start = time.monotonic()
        self.store.panicked.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.store.write_mark(is_ready=True)  # from now on, there must be data
        self._publish("running")
        return None

    def _check_copy(self) -> Failure | None:
        """Stop the server, which has replayed its log, and check the data; return what is wrong."""
        self.store.panicked.unlink(missing_ok=True)
        self.process.end(is_orderly=True)
        self._publish("checking")
        failure = check_files(self.store, self.specification, self._is_needed)
        if failure is None:
            self.store.unchecked.unlink(missing_ok=True)
        return failure

    def _wait_until_ready(self) -> bool:
        """Return whether the server answers in time."""
        deadline = Deadline.after(float(self.specification["start_seconds"]))
        logs_check = Deadline.after(LOGS_TICK_SECONDS)
        while self.process.pid and not deadline.has_passed and self._is_needed():
            if answers_bolt(self.process.ports[0]):
                return True
            if logs_check.has_passed:
                logs_check = Deadline.after(LOGS_TICK_SECONDS)
                if diagnosis.is_hopeless(self.store.logs, self.process.debug_bytes):
                    return False
            time.sleep(READY_TICK_SECONDS)
        return False

    def _watch(self) -> bool:
        """Watch the running server.

        Returns:
            True when the supervisor shall end, False when the server died or shall be started
            again.
        """
        while True:
            if self._decide_to_stop():
                return True
            if not self.process.pid:
                return not self._is_needed()
            if size := orders.take_size(self.store, self.nonce):
                self._publish("stopping")
                self.process.change_size(size)
                return False
            if self._is_restart_ordered():
                self._publish("stopping")
                self.process.kill()
                return False
            with contextlib.suppress(OSError):  # what cannot be made now is tried again
                self.store.make_folders()
                self.process.make_cache()
            diagnosis.truncate_console(self.store.logs)
            if not has_space(self.store.folder):
                self._remember_full_disk()
            self.state_file.correct()
            time.sleep(TICK_SECONDS)

    def _remember_full_disk(self) -> None:
        """Mark the store, also for later runs: the next start cuts off half-written log entries."""
        self.process.may_have_panicked = True
        self.store.mark_stopped_database()  # tried again while there is no space

    def _is_restart_ordered(self) -> bool:
        """Return whether a client has seen that the database of this very process has stopped."""
        if time.monotonic() - self._last_start < RESTART_PAUSE_SECONDS:
            return False
        pid = orders.take_restart(self.store, self.nonce)
        return pid != 0 and pid == self.process.pid

    # Who needs the server

    def _is_in_place(self) -> bool:
        """Return whether the folder and its lock are still those that they were, at the path."""
        if not self._is_displaced:
            try:
                lock, own_lock = self.store.server_lock.stat(), os.fstat(self._server_lock)
                is_same_folder = Identity.of(self.store.folder).is_same(self._identity)
                self._is_displaced = not (os.path.samestat(lock, own_lock) and is_same_folder)
            except (FileNotFoundError, NotADirectoryError):
                self._is_displaced = True
        return not self._is_displaced

    def _is_needed(self) -> bool:
        """Return whether the server shall go on."""
        if not self._is_in_place():
            return False
        if self._must_stop or orders.holds_nonce(self.store.stop_order_file, self.nonce):
            self._must_stop = True
            return False
        if self._leases.has_holders() or orders.holds_nonce(self.store.keep_order_file, self.nonce):
            self._last_use = time.monotonic()
        return time.monotonic() - self._last_use < self._find_linger_seconds()

    def _find_linger_seconds(self) -> float:
        """Return how long the server waits for another process."""
        is_ordered = orders.holds_nonce(self.store.linger_order_file, self.nonce)
        if is_ordered and not self.specification["throwaway"]:
            return COMMAND_LINGER_SECONDS
        return max(0.01, float(self.specification["linger"]))

    def _decide_to_stop(self) -> bool:
        """Decide with the join lock taken, so that nobody joins a server that is about to stop."""
        if self._is_needed():
            return False
        if self._is_displaced:
            return True
        join_lock = leases.lock(self.store.join_lock)
        if join_lock is None:  # somebody is joining just now
            return self._must_stop
        try:
            if self._is_needed():
                return False
            self._publish("stopping")
            return True
        finally:
            join_lock.close()

    def _publish(self, phase: Phase, failure: Failure | None = None) -> None:
        """Write the state into `server.json`."""
        pid = self.process.pid
        state = replace(
            self.state_file.state,
            phase=phase,
            error=failure.text if failure else "",
            retryable=failure is not None and failure.retryable,
            pid=pid,
            started=read_start_time(pid) if pid else "",
            bolt_port=self.process.ports[0],
            http_port=self.process.ports[1],
            heap=self.process.size["heap"],
            page_cache=self.process.size["page_cache"],
        )
        self.state_file.write(state)

    # The end

    def _end(self, failure: Failure | None) -> None:
        """Stop the server and tidy up. The start-up cache is made after the lock is free."""
        was_in_place = self._is_in_place()
        if failure is None and was_in_place:
            self._publish("stopping")
        idle_seconds = time.monotonic() - self._last_use
        self.process.end(
            is_orderly=was_in_place and not self.specification["throwaway"],
            max_seconds=max(MIN_STOP_SECONDS, END_SECONDS - idle_seconds),
        )
        if self._is_in_place():
            self._tidy_up(failure)
        os.close(self._server_lock)
        self.process.finish_cache(
            seconds=AFTERLIFE_SECONDS - (time.monotonic() - self._last_use),
            may_begin=failure is None and was_in_place,
        )

    def _tidy_up(self, failure: Failure | None) -> None:
        if self.specification["throwaway"]:
            shutil.rmtree(self.store.folder, ignore_errors=True)
            return
        for file in self.store.order_files:
            if orders.holds_nonce(file, self.nonce):
                file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.store.empty_temporary()
        self._publish("failed" if failure else "stopped", failure)
        with contextlib.suppress(OSError):
            give_to_owner(self.store.folder)
