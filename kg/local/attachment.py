"""Attaching to a store's server, starting it where nobody has, and asking for its status."""

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
import weakref
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.limits import DEADLINE_SECONDS
from mcp_context_persistence.kg.local import leases, server
from mcp_context_persistence.kg.local.identity import Identity, end_servers, holds
from mcp_context_persistence.kg.local.jars import Progress
from mcp_context_persistence.kg.local.listener_check import is_ours, url
from mcp_context_persistence.kg.local.settings import LOOPBACK, USER, ServerSettings
from mcp_context_persistence.kg.local.space import FULL, check_space
from mcp_context_persistence.kg.local.startup import POLL_SECONDS, join, translated_errors
from mcp_context_persistence.kg.local.store import A_FILE, State, Store, write

STOP_SECONDS = 60.0
CLOSED = "This attachment to the local server is closed: attach again."
THROWAWAY = "context-persistence-throwaway-"
STRAY_SECONDS = 60.0  # a throw-away store younger than this may be just being made


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What is known of a store's server.

    Attributes:
        store: Its folder.
        running: Whether it answers.
        pid: Its process id, 0 where it does not run.
        bolt_url: Where the driver connects to, empty where it does not run.
        http_url: Where Neo4j Browser is found below `browser/`, empty where it does not run.
        versions: Of ``neo4j``, ``gds`` and ``java``.
        clients: The process ids of the processes that use it, in ascending order.
        kept: Whether it runs until it is told to stop, instead of until the last client has left.
    """

    store: Path
    running: bool
    pid: int = 0
    bolt_url: str = ""
    http_url: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    clients: tuple[int, ...] = ()
    kept: bool = False


class Attachment:
    """This process's share in a store's server, until `close`. A forked child has none and attaches for itself.

    Attributes:
        store: The store's folder.
        user: The name to log in with.
        password: The password to log in with; it stands in no text form of this object.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        lease: tuple[Path, int],
        settings: ServerSettings,
        *,
        throwaway: bool,
    ) -> None:
        self.store = store.folder
        self.user = USER
        self.password = store.password()
        self._files, self._state, self._settings, self._throwaway = (
            store,
            state,
            settings,
            throwaway,
        )
        self._lease: tuple[Path, int] | None = lease
        self._lock = threading.Lock()  # of the lease and the renewal
        self._renewal: Future[None] | None = None
        self._identity = Identity.of(store.folder)
        _open.add(self)

    @property
    def bolt_url(self) -> str:
        """Such as ``bolt://127.0.0.1:40001``."""
        return url(self._state)

    @property
    def http_url(self) -> str:
        """Such as ``http://127.0.0.1:40002``; Neo4j Browser is below ``/browser/``."""
        return f"http://{LOOPBACK}:{self._state.http_port}"

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or this is a forked child."""
        return self._lease is None

    def credentials(self, address: str) -> tuple[str, str] | None:
        """User and password for a new connection, None where the listener at the address is not proven to be this store's server.

        Args:
            address: Where the connection leads to.
        """
        state = self._state
        return (
            (self.user, self.password)
            if address == url(state) and is_ours(self.store, state)
            else None
        )

    def renew(self, *, progress: Progress | None = None) -> bool:
        """Make sure that the server runs, and start it again where its supervisor was killed.

        Returns:
            Whether its address has changed, so that a driver must be made anew. Usually the old one is free again and is kept.

        Raises:
            DatabaseError: The attachment is closed, its folder was moved, or the server cannot be started.
        """
        before = self.bolt_url
        with self._lock:
            renewal, is_first = self._renewal or Future(), self._renewal is None
            self._renewal = renewal
        if (
            not is_first
        ):  # many calls find the server gone at the same time, and one of them starts it
            renewal.result(DEADLINE_SECONDS)
            return self.bolt_url != before
        try:
            with translated_errors(self.store):
                self._check_folder()
                self._state = join(self._files, self._settings, progress, throwaway=self._throwaway)
                self.password = self._files.password()
        except BaseException as error:
            renewal.set_exception(error)
            raise
        else:
            renewal.set_result(None)
        finally:
            with self._lock:
                self._renewal = None
        return self.bolt_url != before

    @property
    def server_pid(self) -> int:
        """The process id of the server."""
        return self._state.pid

    def restart(self, server_pid: int) -> None:
        """Have the server started again, because its database has stopped after an error; wait for it.

        Args:
            server_pid: The process that must not go on. Where another one serves the store by now, that one does.

        Raises:
            DatabaseError: The disk is full, or the server cannot be started. The text says what to do.
        """
        with translated_errors(self.store):
            self._check_folder()
            with contextlib.suppress(OSError):  # an empty file needs no space on most file systems
                self._files.panicked.touch(mode=0o600)
            check_space(self.store)
            server.restart(self._files, server_pid, self._settings)
        self.renew()

    def _check_folder(self) -> None:
        """Refuse to go on with another folder than the one that was opened, and see to the lease in it."""
        if self.closed:
            raise DatabaseError(CLOSED)
        try:
            here = Identity.of(self.store)
        except FileNotFoundError as error:
            text = f"The local store is not at {self.store} any more, it was moved or deleted: open it where it is now."
            raise DatabaseError(text) from error
        if not here.is_same(self._identity):
            text = f"Another folder is at {self.store} than the one that was opened, which was moved or deleted: open it again."
            raise DatabaseError(text)
        with self._lock:  # many calls may find the server gone at the same time
            lease = self._lease
            if lease is None:
                raise DatabaseError(CLOSED)
            if not lease[0].exists():  # something restored the folder's content
                self._lease = leases.take(self._files.leases)
                os.close(lease[1])

    def bound(self, heap: str, page_cache: str, *, now: bool) -> None:
        """Gives the server another heap and page cache.

        Args:
            heap: As Java writes it, such as ``512m``.
            page_cache: Likewise.
            now: Whether the server is started again with them, in order, with its data and at its address: calls that run meanwhile lose
                their connections. Else they count when this process next starts it.

        Raises:
            DatabaseError: The server could not be started again.
        """
        self._settings = replace(self._settings, heap=heap, page_cache=page_cache)
        if now and not self.closed:
            with translated_errors(self.store):
                server.resize(self._files, self._settings)
            self.renew()

    def close(self) -> None:
        """Gives the share back; may be called again. The server stops when nobody has a share any more."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease[0].unlink(missing_ok=True)
            os.close(lease[1])

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
        return f"Attachment(store={str(self.store)!r}, bolt_url={self.bolt_url!r}, closed={self.closed})"

    def _forget(self) -> None:
        self._lock = threading.Lock()  # a thread that is not here may hold the old one
        self._renewal = None
        lease, self._lease = self._lease, None
        if lease is not None:
            os.close(lease[1])  # the parent's descriptor goes on holding the lease


_open: "weakref.WeakSet[Attachment]" = weakref.WeakSet()


def _in_forked_child() -> None:
    for attachment in list(_open):
        attachment._forget()


os.register_at_fork(after_in_child=_in_forked_child)


def attach(
    store: Path | None, *, settings: ServerSettings | None = None, progress: Progress | None = None
) -> Attachment:
    """Attaches to the server of a store and starts it where it does not run.

    Args:
        store: The store's folder, which is made where missing; None means a throw-away store, deleted at the end.
        settings: For a server that must be started.
        progress: Called with ``(stage, done, total)``: bytes while jars are verified and downloaded, seconds while the server
            starts.

    Raises:
        ValidationError: The path holds something that is no store; it is untouched.
        DatabaseError: The server cannot be had; the text says what to do. Nothing is left running. It comes within
            `kg.limits.OPEN_SECONDS`, whatever hangs, beyond a first download of jars.
    """
    settings = settings or ServerSettings()
    throwaway = store is None
    if store is None:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=THROWAWAY)).resolve()
    else:
        folder = _absolute(store)
    files = Store(folder)
    lease: tuple[Path, int] | None = None
    try:
        files.prepare()
        lease = leases.take(files.leases)
        state = join(files, settings, progress, throwaway=throwaway)
        return Attachment(files, state, lease, settings, throwaway=throwaway)
    except BaseException:
        if lease is not None:
            lease[0].unlink(missing_ok=True)
            os.close(lease[1])
        if throwaway and not leases.is_locked(files.server):
            shutil.rmtree(folder, ignore_errors=True)
        with translated_errors(folder):
            raise


def start(
    store: Path, *, settings: ServerSettings | None = None, progress: Progress | None = None
) -> ServerStatus:
    """Like `attach`, but the server then runs until `stop`, whoever uses it."""
    with attach(store, settings=settings, progress=progress) as attachment:
        files = Store(attachment.store)
        state = files.read_state()
        if state is not None:
            files.keep.write_text(state.nonce, encoding="ascii")
        return status(store)


def status(store: Path) -> ServerStatus:
    """What is known of the server of a store; starts nothing.

    Raises:
        ValidationError: The path holds something that is no store.
    """
    files = Store(_absolute(store))
    if files.folder.exists() and not files.folder.is_dir():
        raise ValidationError(A_FILE)
    clients = tuple(sorted(set(leases.holders(files.leases)))) if files.leases.is_dir() else ()
    state = files.read_state()
    if (
        state is None
        or not leases.is_locked(files.server)
        or state.phase != "running"
        or not is_ours(files.folder, state)
    ):
        return ServerStatus(store=files.folder, running=False, clients=clients)
    kept = files.keep.exists() and files.keep.read_text(encoding="ascii").strip() == state.nonce
    return ServerStatus(
        store=files.folder,
        running=True,
        pid=state.pid,
        bolt_url=url(state),
        http_url=f"http://{LOOPBACK}:{state.http_port}",
        versions=state.versions,
        clients=clients,
        kept=kept,
    )


def stop(store: Path, *, force: bool = False) -> None:
    """Stops the server of a store in order, and waits for it. Nothing happens where it does not run.

    Args:
        store: The store's folder.
        force: Stop it even though processes use it; their calls fail then.

    Raises:
        DatabaseError: Processes use it, or it does not end.
    """
    files = Store(_absolute(store))
    if not leases.is_locked(files.server) and (
        not files.folder.is_dir() or _end_unsupervised(files)
    ):
        return
    clients = leases.holders(files.leases)
    if clients and not force:
        ids = sorted(set(clients))
        users, them = ("process", "it") if len(ids) == 1 else ("processes", "them")
        raise DatabaseError(
            f"The local server is in use by {users} {', '.join(map(str, ids))}: close {them} first, or stop it with force (--force)."
        )
    with translated_errors(files.folder):
        _order_end(files)


def _end_unsupervised(files: Store) -> bool:
    """End the servers that no supervisor holds; return False where one has come meanwhile, whose server was left alone."""
    lock = leases.lock(files.server) if files.server.exists() else None
    if lock is None and files.server.exists():
        return False
    try:
        state = files.read_state()
        left = end_servers(files.folder, state.pid if state else 0, state.started if state else "")
    finally:
        if lock is not None:
            os.close(lock)
    if left:
        raise DatabaseError(
            f"The local server does not end: end process {left} yourself.", retryable=True
        )
    return True


def _order_end(files: Store) -> None:
    """Have the supervisor end, and wait for it."""
    until, ordered = time.monotonic() + STOP_SECONDS, ""
    while leases.is_locked(files.server):
        state = files.read_state()
        if (
            state is not None and state.nonce != ordered
        ):  # the file may have been restored: the supervisor corrects it
            ordered = state.nonce
            try:
                write(files.stop, ordered)
            except OSError as error:
                if error.errno not in FULL or not holds(
                    state.supervisor, state.supervisor_started, files.server
                ):
                    raise
                os.kill(
                    state.supervisor, signal.SIGTERM
                )  # the disk is full: no order can be written
        if time.monotonic() > until:
            pid = leases.owner(files.server) or (state.supervisor if state is not None else 0)
            raise DatabaseError(
                f"The local server does not end: end process {pid} yourself.", retryable=True
            )
        time.sleep(POLL_SECONDS)


def _absolute(store: Path) -> Path:
    try:
        return Path(store).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValidationError(
            "The path of the local store cannot be used: name another one."
        ) from error


def _sweep() -> None:
    """Deletes throw-away stores whose supervisor was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{THROWAWAY}*"):
        files = Store(folder)
        with contextlib.suppress(OSError):
            entry = folder.lstat()
            old = time.time() - entry.st_mtime > STRAY_SECONDS
            if not (
                folder.is_dir()
                and not folder.is_symlink()
                and entry.st_uid == os.getuid()
                and old
                and files.leases.is_dir()
            ):
                continue
            if leases.holders(files.leases) or leases.is_locked(files.server):
                continue
            state = files.read_state()
            if end_servers(folder, state.pid if state else 0, state.started if state else "") == 0:
                shutil.rmtree(folder, ignore_errors=True)
