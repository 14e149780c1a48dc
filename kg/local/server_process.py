"""The Java process of a server, as its supervisor starts and ends it. Standard library only."""

import contextlib
import math
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import configuration, diagnosis, sizes
from mcp_context_persistence.kg.local.cds_archive import StartCache
from mcp_context_persistence.kg.local.database_check import check_databases
from mcp_context_persistence.kg.local.ports import choose_ports
from mcp_context_persistence.kg.local.process import die_with_parent
from mcp_context_persistence.kg.local.server_logs import remove_surplus
from mcp_context_persistence.kg.local.settings import LOOPBACK
from mcp_context_persistence.kg.local.store import Store

# A database whose log could not be written has half an entry there. In an orderly stop it would
# write the rest of its buffer behind that, and the log could never be read again. After a kill the
# half entry is cut off.
FORCE_RECOVERY = "internal.dbms.tx_log.fail_on_corrupted_log_files"


class ServerProcess:
    """One Java process after another, on the same ports and with the same data.

    Attributes:
        java: The process, None before the first start and after it was ended.
        ports: Ports of Bolt and of the web server.
        debug_bytes: Size of `debug.log` before the last start.
        may_have_panicked: Whether the disk was full during this run, so that the database may have
            stopped. Such a process is killed instead of stopped.
    """

    def __init__(self, specification: dict[str, Any], store: Store) -> None:
        """Create it; `spawn` starts the process.

        Args:
            specification: Made by `server_specification.make_specification`.
            store: The store's files.
        """
        self._specification, self._store = specification, store
        self._cache = StartCache.of(specification["cache"])
        self.java: subprocess.Popen[bytes] | None = None
        self.ports: list[int] = list(specification["ports"])
        self.debug_bytes = 0
        self.may_have_panicked = False

    @property
    def exit_status(self) -> int | None:
        """Exit status of the process, None where it runs or there is none."""
        return self.java.poll() if self.java is not None else None

    @property
    def pid(self) -> int:
        """Process id, 0 where none runs."""
        return self.java.pid if self.java is not None and self.java.poll() is None else 0

    @property
    def size(self) -> dict[str, str]:
        """Heap and page cache of the next start, by the fields of `State`."""
        size: dict[str, str] = self._specification["sizes"]
        return size

    def spawn(self) -> None:
        """Start the process; its logs of the last run are put aside.

        Raises:
            DatabaseError: The data of the store is gone, or files of Neo4j are.
            OSError: The system refuses to read or write the store.
        """
        store, specification = self._store, self._specification
        self._provide_files()
        bolt, http = self.ports = choose_ports(self.ports)
        options = {
            "server.bolt.listen_address": f"{LOOPBACK}:{bolt}",
            "server.bolt.advertised_address": f"localhost:{bolt}",
            "server.http.listen_address": f"{LOOPBACK}:{http}",
            "server.http.advertised_address": f"localhost:{http}",
            **sizes.options(self.size["heap"], self.size["page_cache"]),
            **({FORCE_RECOVERY: "false"} if store.panicked.exists() else {}),
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        flags = [*self._flags(), *(self._cache.flags() if self._cache else [])]
        arguments = [*specification["arguments"], *settings]
        self.debug_bytes, self.may_have_panicked = diagnosis.rotate_logs(store.logs), False
        remove_surplus(store.logs)
        store.empty_temporary()
        with (store.logs / diagnosis.CONSOLE).open("ab") as console:
            self.java = subprocess.Popen(  # noqa: S603
                [specification["java"], *flags, "-cp", specification["class_path"], *arguments],
                cwd=store.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - this process has one thread
            )

    def _provide_files(self) -> None:
        """Write what the process needs, because somebody may have removed it since the last start.

        Without its configuration, a server would start with the default settings.
        """
        store, specification = self._store, self._specification
        missing = [
            path
            for path in specification["class_path"].split(os.pathsep)
            if not os.path.exists(path)
        ]
        if missing:
            raise DatabaseError(
                f"{len(missing)} files of Neo4j are missing, among them {missing[0]}: try again, "
                "the next start provides them.",
                retryable=True,
            )
        store.check_data()
        store.make_folders()
        store.remove_empty_id()
        if not store.was_ready:
            self._remove_unfinished_databases()
        Path(specification["native"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration.write(store, specification["options"])

    def _remove_unfinished_databases(self) -> None:
        """Remove the databases that a killed server had only begun to create.

        Neo4j creates a missing database, but cannot open one that has its files and no log yet.
        """
        for database in self._store.data.glob("databases/*/"):
            if not self._store.transaction_logs(database.name):
                shutil.rmtree(database)

    def change_size(self, size: dict[str, str]) -> None:
        """Stop the process in order; the next one gets this heap and page cache."""
        self.end(is_orderly=True)
        flags = sizes.replace_heap(self._specification["flags"], size["heap"])
        self._specification.update(sizes=size, flags=flags)

    def end(self, *, is_orderly: bool, max_seconds: float = math.inf) -> None:
        """End the process.

        Args:
            is_orderly: Whether it is asked to stop and gets time for that. It is killed all the
                same where its database may have stopped: only a database that begins a transaction
                proves that it has not.
            max_seconds: How much time it gets at most.
        """
        if self.java is not None and self.pid and is_orderly and self._may_stop_in_order():
            self.java.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.java.wait(min(float(self._specification["stop_seconds"]), max_seconds))
        self.kill()

    def _may_stop_in_order(self) -> bool:
        """Return whether an orderly stop cannot write anything behind half an entry of the log."""
        if self.may_have_panicked:
            return False
        password = ""
        with contextlib.suppress(OSError):
            password = self._store.read_secret()
        answer = check_databases(self.ports[0], password)
        if answer == "stopped":
            self._store.mark_stopped_database()
        elif answer == "begins":
            with contextlib.suppress(OSError):
                self._store.panicked.unlink(missing_ok=True)
        elif answer == "absent":  # it is starting, or ends already
            return not self._store.panicked.exists()
        return answer == "begins"

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        if self.java is not None:
            if self.java.poll() is None:
                self.java.kill()
            self.java.wait()
            self.java = None

    def make_cache(self) -> None:
        """Make the start-up cache while the server runs: begin, or use a finished one."""
        if self._cache:
            self._begin_cache(self._flags())
            self._cache.poll()

    def finish_cache(self, *, seconds: float, may_begin: bool) -> None:
        """Wait for the start-up cache after the end of the server.

        Args:
            seconds: How long at most; then the making is ended.
            may_begin: Whether the making may begin only now.
        """
        if self._cache:
            if may_begin:
                self._begin_cache(self._specification["flags"])
            self._cache.finish(seconds=seconds)

    def _begin_cache(self, flags: list[str]) -> None:
        if self._cache:
            specification = self._specification
            self._cache.begin_making(specification["java"], flags, specification["class_path"])

    def _flags(self) -> list[str]:
        """Return Java's flags, with those that keep all its files within this store."""
        report: Path = self._store.logs / diagnosis.CRASH_REPORT
        return [
            *self._specification["flags"],
            f"-Djava.io.tmpdir={self._store.temporary}",
            f"-XX:ErrorFile={report}",
        ]
