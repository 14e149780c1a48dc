"""The small process beside each server: starts it, watches who uses the store, stops the server after the last one.

It is started by the first process that opens a store, outlives it, and imports nothing but the standard library. Every process
that uses the store holds a lease (`kg.local.leases`); the kernel frees it on any death. When the server dies while somebody uses
it, it is started again on the same ports. When this process is killed, the kernel kills the server, and whoever opens the store
next starts both.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from kg.local import diagnosis, leases, sizes
from kg.local.classes import StartCache
from kg.local.process import birth, dying_with_parent, free_port, speaks_bolt
from kg.local.settings import LOOPBACK
from kg.local.store import Phase, State, Store

TICK_SECONDS = 0.2
READY_TICK_SECONDS = 0.03
RACES = 3  # for a port, at one start
RESTARTS = 5  # in one life
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
            phase="starting", nonce=specification["nonce"], supervisor=os.getpid(), versions=specification["versions"]
        )
        self.last_use = time.monotonic()
        self.told_to_stop = False

    def run(self) -> None:
        """Lives until nobody uses the store."""
        signal.signal(signal.SIGTERM, self._on_signal)
        for ignored in (signal.SIGHUP, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        failure = ""
        try:
            failure = self._serve()
        except Exception as error:  # whatever it was, the server must not stay behind
            failure = f"The supervisor of the local server failed ({type(error).__name__}): see {self.store.logs}."
        finally:
            self._end(failure)

    def _on_signal(self, *_: object) -> None:
        self.told_to_stop = True

    def _serve(self) -> str:
        """Returns why it failed, empty after an orderly life."""
        deaths = 0
        while deaths < RESTARTS:
            failure = self._start()
            if failure or not self._wanted():
                return failure
            if self._watch():
                return ""
            deaths += self.java is not None  # it died; one that was stopped on purpose is None
        return f"The local server died {RESTARTS} times in a row: see {self.store.logs}."

    def _start(self) -> str:
        failure = ""
        for _ in range(RACES):
            self._spawn()
            if self._until_ready():
                self._tell("running")
                return ""
            if not self._wanted():
                return ""
            failure, lost_race = diagnosis.explain(self.store.logs, died=self.java is not None and self.java.poll() is not None)
            self._kill()
            if not lost_race:
                break
            self.ports = [0, 0]
        return failure

    def _spawn(self) -> None:
        bolt, http = self.ports = [free_port(port) for port in self.ports]
        options = {
            "server.bolt.listen_address": f"{LOOPBACK}:{bolt}",
            "server.bolt.advertised_address": f"localhost:{bolt}",
            "server.http.listen_address": f"{LOOPBACK}:{http}",
            "server.http.advertised_address": f"localhost:{http}",
            **sizes.options(self.given["sizes"]["heap"], self.given["sizes"]["page_cache"]),
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        flags = [*self.given["flags"], *(self.cache.flags() if self.cache else [])]
        arguments = [*self.given["arguments"], *settings]
        diagnosis.begin(self.store.logs)
        with (self.store.logs / diagnosis.CONSOLE).open("wb") as console:
            self.java = subprocess.Popen(  # noqa: S603
                [self.given["java"], *flags, "-cp", self.given["class_path"], *arguments],
                cwd=self.store.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509  this process has one thread
            )
        self._tell("starting")

    def _until_ready(self) -> bool:
        until = time.monotonic() + float(self.given["start_seconds"])
        while self.java is not None and self.java.poll() is None and time.monotonic() < until and self._wanted():
            if speaks_bolt(self.ports[0]):
                return True
            time.sleep(READY_TICK_SECONDS)
        return False

    def _watch(self) -> bool:
        """Returns True when the server shall end, False when it died or shall go on with other sizes."""
        while True:
            if self._stops_now():
                return True
            if self.java is None or self.java.poll() is not None:
                return not self._wanted()
            if ordered := self._ordered():
                self._resize(ordered)
                return False
            if self.cache:
                self.cache.begin_making(self.given["java"], self.given["flags"], self.given["class_path"])
                self.cache.poll()
            time.sleep(TICK_SECONDS)

    def _ordered(self) -> dict[str, str] | None:
        """The sizes that the server shall go on with, None where nobody of this run has ordered any."""
        if not self.store.sizes.exists():
            return None
        try:
            order = json.loads(self.store.sizes.read_text(encoding="utf-8"))
            found = {"heap": str(order["heap"]), "page_cache": str(order["page_cache"])}
            ours = order["nonce"] == self.state.nonce and all(map(sizes.number, found.values()))
        except (OSError, ValueError, KeyError, TypeError):
            found, ours = {}, False
        self.store.sizes.unlink(missing_ok=True)
        return found if ours else None

    def _resize(self, ordered: dict[str, str]) -> None:
        """Stops the server in order, so that it is started again with these sizes, with the same data and on the same ports."""
        self._tell("stopping")
        self._end_java(orderly=True)
        self.given.update(sizes=ordered, flags=sizes.changed(self.given["flags"], ordered["heap"]))

    def _wanted(self) -> bool:
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

    def _tell(self, phase: Phase, error: str = "") -> None:
        pid = self.java.pid if self.java is not None and self.java.poll() is None else 0
        self.state = replace(
            self.state,
            phase=phase,
            error=error,
            pid=pid,
            started=birth(pid) if pid else "",
            bolt_port=self.ports[0],
            http_port=self.ports[1],
            **self.given["sizes"],
        )
        self.store.write_state(self.state)

    def _end(self, failure: str) -> None:
        """Stops the server, tidies up, lets the next one start, and only then makes the start-up cache."""
        if not failure and self.store.folder.exists():
            self._tell("stopping")
        self._end_java(orderly=not self.given["throwaway"])
        if self.given["throwaway"]:
            shutil.rmtree(self.store.folder, ignore_errors=True)
        else:
            for file in (self.store.keep, self.store.stop):
                if self._says(file):
                    file.unlink(missing_ok=True)
            self._tell("failed" if failure else "stopped", failure)
        os.close(self.lock)
        if self.cache:
            if not failure:
                self.cache.begin_making(self.given["java"], self.given["flags"], self.given["class_path"])
            self.cache.finish(seconds=AFTERLIFE_SECONDS - (time.monotonic() - self.last_use))

    def _end_java(self, *, orderly: bool) -> None:
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
