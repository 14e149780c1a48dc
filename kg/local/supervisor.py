"""The small process beside each server: starts it, watches who uses the store, stops the server after the last one.

It is started by the first process that opens a store, outlives it, and imports nothing but the standard library. Every process
that uses the store holds a lease (`kg.local.leases`); the kernel frees it on any death. When the server dies while somebody uses
it, it is started again on the same ports. When this process is killed, the kernel kills the server, and whoever opens the store
next starts both. When its folder is moved, deleted or restored under it, it kills the server and touches nothing at the old path.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg.limits import FREE_BYTES, OPEN_FILES
from mcp_context_persistence.kg.local import diagnosis, leases, sizes
from mcp_context_persistence.kg.local.cds_archive import StartCache
from mcp_context_persistence.kg.local.diagnosis import Failure
from mcp_context_persistence.kg.local.environment import allow_open_files, with_utf8
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.process import (
    birth,
    choose_ports,
    dying_with_parent,
    speaks_bolt,
)
from mcp_context_persistence.kg.local.server_logs import remove_surplus
from mcp_context_persistence.kg.local.settings import LOOPBACK
from mcp_context_persistence.kg.local.space import FULL, describe_full_disk, free_bytes
from mcp_context_persistence.kg.local.store import Phase, State, Store

TICK_SECONDS = 0.2
READY_TICK_SECONDS = 0.03
LOGS_TICK_SECONDS = 0.5
TRIES = 3  # at one start, for a port or against a kill
DEATHS = 5  # within the time below; then it gives up
DEATHS_SECONDS = 600.0
# A database whose log could not be written has half an entry there. In an orderly stop it would write the rest of its buffer behind
# that, and the log could never be read again; after a kill it is cut off.
FORCE_RECOVERY = "internal.dbms.tx_log.fail_on_corrupted_log_files"
RESTART_PAUSE_SECONDS = 5.0  # from a start to the next one that is ordered
AFTERLIFE_SECONDS = 25.0  # no process may outlive the last user by more than 30 s


def main(server_lock: int) -> None:
    """Reads the specification from standard input, leaves the caller, and supervises.

    Args:
        server_lock: The descriptor that holds `server.lock`, inherited from the caller.
    """
    specification = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    Supervisor(specification, server_lock).run()


class Supervisor:
    """One life of a server, restarts after its death included."""

    def __init__(self, specification: dict[str, Any], server_lock: int) -> None:
        self.given = specification
        self.store = Store(Path(specification["store"]))
        self.lock = server_lock
        self.ports: list[int] = list(specification["ports"])
        self.cache = StartCache.of(specification["cache"])
        self.java: subprocess.Popen[bytes] | None = None
        self.state = State(
            phase="starting",
            nonce=specification["nonce"],
            supervisor=os.getpid(),
            supervisor_started=birth(os.getpid()),
            versions=specification["versions"],
        )
        self.written: tuple[int, int, int] | None = None  # the state's file as this process left it
        self.folder = Identity.of(self.store.folder)
        self.lost = False  # whether the folder is no longer where it was
        self.started_at = time.monotonic()
        self.may_have_panicked = False
        self.debug_bytes = 0  # of its log before the last start
        self.last_use = time.monotonic()
        self.told_to_stop = False

    def run(self) -> None:
        """Lives until nobody uses the store."""
        signal.signal(signal.SIGTERM, self._on_signal)
        for ignored in (signal.SIGHUP, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        failure: Failure | None = None
        try:
            environment = with_utf8(dict(os.environ))
            os.environ.clear()
            os.environ.update({**environment, "TMPDIR": str(self.store.temporary)})
            failure = self._serve()
        except OSError as error:
            words = f"The supervisor of the local server failed ({error.strerror}): see {self.store.logs}."
            full = error.errno in FULL
            failure = Failure(
                text=describe_full_disk(self.store.folder) if full else words, retryable=full
            )
        except Exception as error:  # whatever it was, the server must not stay behind
            words = f"The supervisor of the local server failed ({type(error).__name__}): see {self.store.logs}."
            failure = Failure(text=words)
        finally:
            self._end(failure)

    def _on_signal(self, *_: object) -> None:
        self.told_to_stop = True

    def _serve(self) -> Failure | None:
        """Return why it failed, None after an orderly life."""
        allowed = allow_open_files()
        if allowed < OPEN_FILES:
            return diagnosis.explain_few_files(allowed)
        deaths: deque[float] = deque(maxlen=DEATHS)
        while True:
            failure = self._start()
            if failure or not self._wanted():
                return failure
            if self._watch():
                return None
            if self.java is None:  # it was stopped on purpose
                continue
            deaths.append(time.monotonic())
            if len(deaths) == DEATHS and deaths[-1] - deaths[0] < DEATHS_SECONDS:
                return self._too_many_deaths()

    def _too_many_deaths(self) -> Failure:
        reason = ""
        if diagnosis.is_heap_exhausted(self.store.logs):
            reason = ", the last time because its heap was full: give it more memory (max_memory_usage), or ask for less at a time"
        words = f"The local server died {DEATHS} times within {DEATHS_SECONDS / 60:g} minutes{reason}. See {self.store.logs}."
        return Failure(text=words, retryable=True)

    def _start(self) -> Failure | None:
        failure = None
        if self._is_disk_full():
            return Failure(text=describe_full_disk(self.store.folder), retryable=True)
        for _ in range(TRIES):
            self._spawn()
            if self._until_ready():
                failure = diagnosis.explain_database(self.store.logs, self.debug_bytes)
                if failure:
                    self._kill()
                    return failure
                self.started_at = time.monotonic()
                self.store.panicked.unlink(missing_ok=True)
                self._tell("running")
                return None
            if not self._wanted():
                return None
            status = self.java.poll() if self.java is not None else None
            failure = diagnosis.explain(self.store.logs, died=status is not None)
            self._kill()
            was_killed = status is not None and status < 0 and not failure.is_known
            if not (failure.is_port_taken or was_killed):
                break
            if failure.is_port_taken:
                self.ports = [0, 0]
        return failure

    def _spawn(self) -> None:
        bolt, http = self.ports = choose_ports(self.ports)
        options = {
            "server.bolt.listen_address": f"{LOOPBACK}:{bolt}",
            "server.bolt.advertised_address": f"localhost:{bolt}",
            "server.http.listen_address": f"{LOOPBACK}:{http}",
            "server.http.advertised_address": f"localhost:{http}",
            **sizes.options(self.given["sizes"]["heap"], self.given["sizes"]["page_cache"]),
            **({FORCE_RECOVERY: "false"} if self.store.panicked.exists() else {}),
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        flags = [*self._flags(), *(self.cache.flags() if self.cache else [])]
        arguments = [*self.given["arguments"], *settings]
        self.debug_bytes, self.may_have_panicked = diagnosis.begin(self.store.logs), False
        remove_surplus(self.store.logs)
        self.store.empty_temporary()
        with (self.store.logs / diagnosis.CONSOLE).open("ab") as console:
            self.java = subprocess.Popen(  # noqa: S603
                [self.given["java"], *flags, "-cp", self.given["class_path"], *arguments],
                cwd=self.store.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509  this process has one thread
            )
        self._tell("starting")

    def _flags(self) -> list[str]:
        """Return Java's flags, with those for this store: nothing is written beside it."""
        temporary, report = self.store.temporary, self.store.logs / diagnosis.CRASH_REPORT
        return [*self.given["flags"], f"-Djava.io.tmpdir={temporary}", f"-XX:ErrorFile={report}"]

    def _until_ready(self) -> bool:
        until = time.monotonic() + float(self.given["start_seconds"])
        look = time.monotonic() + LOGS_TICK_SECONDS
        while (
            self.java is not None
            and self.java.poll() is None
            and time.monotonic() < until
            and self._wanted()
        ):
            if speaks_bolt(self.ports[0]):
                return True
            if time.monotonic() > look:
                look += LOGS_TICK_SECONDS
                if diagnosis.is_hopeless(self.store.logs):
                    return False
            time.sleep(READY_TICK_SECONDS)
        return False

    def _watch(self) -> bool:
        """Return True when the server shall end, False when it died or shall go on as another process."""
        while True:
            if self._stops_now():
                return True
            if self.java is None or self.java.poll() is not None:
                return not self._wanted()
            if ordered := self._ordered():
                self._resize(ordered)
                return False
            if self._is_restart_ordered():
                self._tell("stopping")
                self._kill()
                return False
            if self.cache:
                self.cache.begin_making(self.given["java"], self._flags(), self.given["class_path"])
                self.cache.poll()
            diagnosis.bound_console(self.store.logs)
            if self._is_disk_full():
                self._remember_full_disk()
            self._correct_state()
            time.sleep(TICK_SECONDS)

    def _is_disk_full(self) -> bool:
        return 0 <= free_bytes(self.store.folder) < FREE_BYTES

    def _remember_full_disk(self) -> None:
        """Leave a mark that outlives this process: whoever ends the server now, the next start cuts off what it could not write."""
        self.may_have_panicked = True
        with contextlib.suppress(OSError):  # tried again while there is no space
            if not self.store.panicked.exists():
                self.store.panicked.touch(mode=0o600)

    def _is_restart_ordered(self) -> bool:
        """Return whether a client has found that the database of this very process has stopped."""
        if (
            not self.store.restart.exists()
            or time.monotonic() - self.started_at < RESTART_PAUSE_SECONDS
        ):
            return False
        order = self._read_order(self.store.restart, lambda row: {"pid": str(row["pid"])})
        return order is not None and self.java is not None and order["pid"] == str(self.java.pid)

    def _ordered(self) -> dict[str, str] | None:
        """The sizes that the server shall go on with, None where nobody of this run has ordered any."""
        found = self._read_order(
            self.store.sizes,
            lambda row: {"heap": str(row["heap"]), "page_cache": str(row["page_cache"])},
        )
        return found if found and all(map(sizes.number, found.values())) else None

    def _read_order(
        self, file: Path, read: Callable[[dict[str, Any]], dict[str, str]]
    ) -> dict[str, str] | None:
        """Take what a client orders, None where there is nothing that is meant for this run."""
        if not file.exists():
            return None
        order = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            row = json.loads(file.read_text(encoding="utf-8"))
            order = read(row) if row["nonce"] == self.state.nonce else None
        file.unlink(missing_ok=True)
        return order

    def _resize(self, ordered: dict[str, str]) -> None:
        """Stops the server in order, so that it is started again with these sizes, with the same data and on the same ports."""
        self._tell("stopping")
        self._end_java(orderly=True)
        self.given.update(sizes=ordered, flags=sizes.changed(self.given["flags"], ordered["heap"]))

    def _is_at_home(self) -> bool:
        """Return whether the store's folder and its lock are still at the path, and still those that they were."""
        if not self.lost:
            try:
                lock = os.path.samestat(self.store.server.stat(), os.fstat(self.lock))
                self.lost = not (lock and Identity.of(self.store.folder).is_same(self.folder))
            except (FileNotFoundError, NotADirectoryError):
                self.lost = True
        return not self.lost

    def _wanted(self) -> bool:
        if not self._is_at_home():
            return False
        if self.told_to_stop or self._says(self.store.stop):
            self.told_to_stop = True
            return False
        if leases.holders(self.store.leases) or self._says(self.store.keep):
            self.last_use = time.monotonic()
        return time.monotonic() - self.last_use < max(0.01, float(self.given["linger"]))

    def _stops_now(self) -> bool:
        """Decides with the gate closed, so that nobody joins a server that is about to stop."""
        if self._wanted():
            return False
        if self.lost:
            return True
        gate = leases.lock(self.store.gate)
        if gate is None:  # somebody is joining just now
            return self.told_to_stop
        try:
            if self._wanted():
                return False
            self._tell("stopping")
            return True
        finally:
            os.close(gate)

    def _says(self, file: Path) -> bool:
        try:
            return file.read_text(encoding="ascii").strip() == self.state.nonce
        except (OSError, ValueError):
            return False

    def _tell(self, phase: Phase, failure: Failure | None = None) -> None:
        pid = self.java.pid if self.java is not None and self.java.poll() is None else 0
        self.state = replace(
            self.state,
            phase=phase,
            error=failure.text if failure else "",
            retryable=failure is not None and failure.retryable,
            pid=pid,
            started=birth(pid) if pid else "",
            bolt_port=self.ports[0],
            http_port=self.ports[1],
            **self.given["sizes"],
        )
        self._write_state()

    def _write_state(self) -> None:
        """Write the state. On a full disk it is tried again while the server runs."""
        self.written = None
        with contextlib.suppress(OSError):
            self.store.write_state(self.state)
            self.written = self._look_at_state()

    def _correct_state(self) -> None:
        """Write the state again where it could not be written, or somebody has put another file in its place."""
        if self.written is None or self.written != self._look_at_state():
            self._write_state()

    def _look_at_state(self) -> tuple[int, int, int] | None:
        try:
            entry = self.store.state.stat()
        except OSError:
            return None
        return entry.st_ino, entry.st_mtime_ns, entry.st_size

    def _end(self, failure: Failure | None) -> None:
        """Stops the server, tidies up, lets the next one start, and only then makes the start-up cache."""
        at_home = self._is_at_home()
        if failure is None and at_home:
            self._tell("stopping")
        self._end_java(orderly=at_home and not self.given["throwaway"])
        if self._is_at_home():
            self._tidy_up(failure)
        os.close(self.lock)
        if self.cache:
            if failure is None and at_home:
                self.cache.begin_making(
                    self.given["java"], self.given["flags"], self.given["class_path"]
                )
            self.cache.finish(seconds=AFTERLIFE_SECONDS - (time.monotonic() - self.last_use))

    def _tidy_up(self, failure: Failure | None) -> None:
        if self.given["throwaway"]:
            shutil.rmtree(self.store.folder, ignore_errors=True)
            return
        for file in (self.store.keep, self.store.stop):
            if self._says(file):
                file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.store.empty_temporary()
        self._tell("failed" if failure else "stopped", failure)

    def _end_java(self, *, orderly: bool) -> None:
        orderly = orderly and not self.may_have_panicked and not self.store.panicked.exists()
        if self.java is not None and self.java.poll() is None and orderly:
            self.java.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.java.wait(float(self.given["stop_seconds"]))
        self._kill()

    def _kill(self) -> None:
        if self.java is not None:
            if self.java.poll() is None:
                self.java.kill()
            self.java.wait()
            self.java = None
