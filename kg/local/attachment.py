"""A process's use of a store's server."""

import contextlib
import os
import threading
import weakref
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.limits import DEADLINE_SECONDS
from mcp_context_persistence.kg.local import leases, orders
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.joining import join_server
from mcp_context_persistence.kg.local.listener_check import is_own_server
from mcp_context_persistence.kg.local.settings import USER, ServerSettings
from mcp_context_persistence.kg.local.space import check_space, translated_errors
from mcp_context_persistence.kg.local.store import State, Store
from mcp_context_persistence.kg.progress import ReportProgress

CLOSED = "This attachment to the local server is closed: attach again."


class Attachment:
    """This process's use of a store's server, until `close`.

    A forked child has none and attaches for itself.

    Attributes:
        store: The store's folder.
        user: The name to log in with.
        password: The password to log in with; no text form of this object contains it.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        lease: tuple[Path, leases.Lock],
        settings: ServerSettings,
        *,
        is_throwaway: bool,
    ) -> None:
        """Take over a lease; see `lifecycle.attach`.

        Args:
            store: The store's files.
            state: State of the server, which runs.
            lease: File and lock.
            settings: For the next start of the server.
            is_throwaway: Whether the store is deleted after its last client.
        """
        self.store = store.folder
        self.user = USER
        self.password = store.password()
        self._files, self._state, self._settings = store, state, settings
        self._is_throwaway = is_throwaway
        self._lease: tuple[Path, leases.Lock] | None = lease
        self._lock = threading.Lock()  # of the lease and the renewal
        self._renewal: Future[None] | None = None
        self._identity = Identity.of(store.folder)
        renew_locks_in_children(self)
        _open_attachments.add(self)

    @property
    def bolt_url(self) -> str:
        """Such as ``bolt://127.0.0.1:40001``."""
        return self._state.bolt_url

    @property
    def http_url(self) -> str:
        """Such as ``http://127.0.0.1:40002``; Neo4j Browser is below ``/browser/``."""
        return self._state.http_url

    @property
    def server_pid(self) -> int:
        """The process id of the server."""
        return self._state.pid

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or this is a forked child."""
        return self._lease is None

    def credentials(self, address: str) -> tuple[str, str] | None:
        """Return user and password for a new connection.

        Args:
            address: Where the connection leads to.

        Returns:
            None where the listener at the address is not this store's own server.
        """
        state = self._state
        if address != state.bolt_url or not is_own_server(self.store, state):
            return None
        with contextlib.suppress(OSError):  # another process may have changed it
            self.password = self._files.read_secret() or self.password
        return self.user, self.password

    def renew(self, *, progress: ReportProgress | None = None) -> bool:
        """Make sure that the server runs, and start it again where its supervisor was killed.

        Returns:
            Whether its address has changed, so that a new driver is needed. Usually the old address
            is free again and is kept.

        Raises:
            DatabaseError: The attachment is closed, its folder was moved, or the server cannot be
                started.
        """
        old_url = self.bolt_url
        with self._lock:
            renewal, is_first = self._renewal or Future(), self._renewal is None
            self._renewal = renewal
        if not is_first:  # many calls miss the server at the same time, and one of them starts it
            renewal.result(DEADLINE_SECONDS)
            return self.bolt_url != old_url
        try:
            with translated_errors(self.store):
                self._check_folder()
                self._state = join_server(
                    self._files, self._settings, progress, is_throwaway=self._is_throwaway
                )
                self.password = self._files.password()
        except Exception as error:
            renewal.set_exception(error)
            raise
        except BaseException:  # only this thread is interrupted; the others look for the server
            renewal.set_result(None)
            raise
        else:
            renewal.set_result(None)
        finally:
            with self._lock:
                self._renewal = None
        return self.bolt_url != old_url

    def restart(self, server_pid: int) -> None:
        """Have the server started again, because its database has stopped, and wait for it.

        Args:
            server_pid: The process that must not go on. Where another process serves the store by
                now, nothing is restarted.

        Raises:
            DatabaseError: The disk is full, or the server cannot be started. The text says what to
                do.
        """
        with translated_errors(self.store):
            self._check_folder()
            check_space(self.store)
            orders.order_restart(self._files, server_pid, self._settings)
        self.renew()

    def linger(self) -> None:
        """Have the server wait longer for its next user, as after a command.

        It waits `COMMAND_LINGER_SECONDS` after the last user of this run, whoever started it.
        """
        with contextlib.suppress(OSError):
            if not orders.holds_nonce(self._files.linger_order_file, self._state.nonce):
                replace_file(self._files.linger_order_file, self._state.nonce)

    def mark_stopped_database(self) -> None:
        """Note that the database may have stopped, also for later processes.

        The call that met the error may be this process's last one.
        """
        with contextlib.suppress(OSError):
            if Identity.of(self.store).is_same(self._identity):
                self._files.mark_stopped_database()

    def resize(self, heap: str, page_cache: str, *, restart_now: bool) -> None:
        """Give the server another heap and page cache.

        Args:
            heap: As Java writes it, such as ``512m``.
            page_cache: Likewise.
            restart_now: Whether the server is restarted with them at once, with its data and at its
                address; calls that run meanwhile lose their connections. Else they count when this
                process next starts it.

        Raises:
            DatabaseError: The server could not be started again.
        """
        self._settings = replace(self._settings, heap=heap, page_cache=page_cache)
        if restart_now and not self.closed:
            with translated_errors(self.store):
                orders.order_resize(self._files, self._settings)
            self.renew()

    def close(self) -> None:
        """Give the lease back; may be called again. The server stops after its last client."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            leases.give_back(lease)

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"Attachment(store={str(self.store)!r}, bolt_url={self.bolt_url!r}, "
            f"closed={self.closed})"
        )

    def _check_folder(self) -> None:
        """Refuse a folder that was moved or replaced; make a lost lease and password again."""
        if self.closed:
            raise DatabaseError(CLOSED)
        try:
            identity = Identity.of(self.store)
        except FileNotFoundError as error:
            raise DatabaseError(
                f"The local store is not at {self.store} any more, it was moved or deleted: "
                "open it where it is now."
            ) from error
        if not identity.is_same(self._identity):
            raise DatabaseError(
                f"Another folder is at {self.store} than the one that was opened, which was moved "
                "or deleted: open it again."
            )
        with self._lock:  # many calls may miss the server at the same time
            lease = self._lease
            if lease is None:
                raise DatabaseError(CLOSED)
            if not lease[0].exists():  # somebody removed it, or restored the folder's content
                self._lease = leases.take_lease(self._files.leases)
                lease[1].close()
            if not self._files.read_secret():
                replace_file(self._files.secret, self.password)

    def _forget_lease(self) -> None:
        """Detach in a forked child, where the lease is closed already (`leases`)."""
        self._renewal = None
        self._lease = None


_open_attachments: "weakref.WeakSet[Attachment]" = weakref.WeakSet()


def _detach_forked_child() -> None:
    for attachment in list(_open_attachments):
        attachment._forget_lease()


os.register_at_fork(after_in_child=_detach_forked_child)
