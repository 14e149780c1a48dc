"""The connection of a client to a managed server, a throwaway server or a remote server."""

import atexit
import os
import sys
import threading
from pathlib import Path

from mcp_context_persistence.kg import local, url
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.server_recovery import Restart
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.local.settings import DATABASE
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.config.target import Target
from mcp_context_persistence.runtime.server_access import resolve_access

_throwaways: dict[int, local.Attachment] = {}  # by process id
_throwaways_lock = threading.Lock()
renew_locks_in_children(sys.modules[__name__])


def attach_throwaway(
    progress: ReportProgress | None, settings: local.ServerSettings | None = None
) -> local.Attachment:
    """Return this process's throwaway server, which is started at the first call.

    It stops when the process ends. A forked child gets its own server, and so does a process whose
    temporary folder was emptied.
    """
    with _throwaways_lock:
        attachment = _throwaways.get(os.getpid())
        if attachment is None or not attachment.store.exists():
            attachment = local.attach(None, settings=settings, progress=progress)
            _throwaways[os.getpid()] = attachment
            atexit.register(attachment.close)
        return attachment


class Connection:
    """A connection to one database.

    Attributes:
        graph: Runs the statements.
        attachment: The managed server, None for a remote server.
        is_throwaway: Whether the managed server is the throwaway server of the process.
        database: Name of the database, None for the server's default.
    """

    def __init__(
        self,
        target: Target,
        config: Config,
        *,
        auth: tuple[str, str] | None,
        database: str | None,
    ) -> None:
        """Note what to connect to; `open` connects.

        Args:
            target: What to connect to.
            config: Names the pool size, the deadline and the credentials.
            auth: User and password of a remote server; they win over those of the target and the
                configuration.
            database: Name of the database; it wins over the one of the target.
        """
        self.attachment: local.Attachment | None = None
        self.is_throwaway = isinstance(target, url.LocalTarget) and target.path is None
        self.database = database
        self._target, self._config, self._auth = target, config, auth

    def open(self, server_settings: local.ServerSettings, progress: ReportProgress | None) -> None:
        """Start or attach to the managed server, and open a pool of connections.

        Args:
            server_settings: Sizes of a managed server.
            progress: Is told how far a managed server is provided.

        Raises:
            DatabaseError: The managed server could not be started.
        """
        target, config = self._target, self._config
        credentials: tuple[str, str] | None
        if isinstance(target, url.LocalTarget):
            self.attachment = (
                attach_throwaway(progress, server_settings)
                if target.path is None
                else local.attach(target.path, settings=server_settings, progress=progress)
            )
            self._uri = self.attachment.bolt_url
            credentials = (self.attachment.user, self.attachment.password)
        else:
            access = resolve_access(target, config, auth=self._auth, database=self.database)
            self._uri, credentials, self.database = access.uri, access.auth, access.database
        self.graph = Graph(
            self._uri,
            credentials,
            database=self.database,
            pool_size=config.connections,
            deadline=config.deadline,
            revive=self._revive if self.attachment else None,
            restart=Restart(
                mark_stopped_database=self.attachment.mark_stopped_database, run=self._restart
            )
            if self.attachment
            else None,
            server_pid=self._server_pid,
            credentials=self.attachment.credentials if self.attachment else None,
        )

    @property
    def identity(self) -> str:
        """A name of the database that stays the same when a managed server changes its port."""
        return (
            str(self.attachment.store) if self.attachment else f"{self._uri} {self.database or ''}"
        )

    @property
    def watched_store(self) -> Path | None:
        """The folder whose transaction logs show every write, None where there is none."""
        if self.attachment is None or self.database not in {None, DATABASE}:
            return None
        return self.attachment.store

    def close(self) -> None:
        """Close the pool and detach from the managed server, which stops after its last user.

        It may be open in part only, because `open` failed or was interrupted.
        """
        try:
            if hasattr(self, "graph"):
                self.graph.close()
        finally:
            if self.attachment is not None and not self.is_throwaway:
                self.attachment.close()

    def _revive(self) -> str:
        """Start a managed server that has died again; return its address, which may be new."""
        assert self.attachment is not None  # noqa: S101 - for the type checker
        self.attachment.renew()
        return self.attachment.bolt_url

    def _restart(self, server_pid: int) -> str:
        """Start the managed server again, whose database has stopped; return its address."""
        assert self.attachment is not None  # noqa: S101 - for the type checker
        self.attachment.restart(server_pid)
        return self.attachment.bolt_url

    def _server_pid(self) -> int:
        """Return the process id of the managed server, 0 for a remote server."""
        return self.attachment.server_pid if self.attachment else 0
