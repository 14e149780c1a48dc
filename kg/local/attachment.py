"""Attaching to a store's server, starting it where nobody has, and asking for its status."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from kg.errors import DatabaseError, ValidationError
from kg.local import java, launch, leases, server
from kg.local.jars import Progress, provision
from kg.local.listener import is_ours, url
from kg.local.process import kill
from kg.local.settings import LOOPBACK, USER, ServerSettings
from kg.local.store import A_FILE, State, Store

POLL_SECONDS = 0.02
SPAWNS = 3  # of a supervisor, for one attach
SPAWN_SECONDS = 30.0
GATE_SECONDS = 60.0
STOP_SECONDS = 60.0
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

    def __init__(self, store: Store, state: State, lease: tuple[Path, int], settings: ServerSettings, *, throwaway: bool) -> None:
        self.store = store.folder
        self.user = USER
        self.password = store.password()
        self._files, self._state, self._settings, self._throwaway = store, state, settings, throwaway
        self._lease: tuple[Path, int] | None = lease
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
        return (self.user, self.password) if address == url(state) and is_ours(state) else None

    def renew(self, *, progress: Progress | None = None) -> bool:
        """Makes sure that the server runs, and starts it again where its supervisor was killed.

        Returns:
            Whether its address has changed, so that a driver must be made anew. Usually the old one is free again and is kept.

        Raises:
            DatabaseError: The attachment is closed, or the server cannot be started.
        """
        if self.closed:
            raise DatabaseError("This attachment to the local server is closed: attach again.")
        before = self.bolt_url
        with _told():
            self._state = _join(self._files, self._settings, progress, throwaway=self._throwaway)
            self.password = self._files.password()
        return self.bolt_url != before

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
            with _told():
                server.resize(self._files, self._settings)
            self.renew()

    def close(self) -> None:
        """Gives the share back; may be called again. The server stops when nobody has a share any more."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease[0].unlink(missing_ok=True)
            os.close(lease[1])

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Attachment(store={str(self.store)!r}, bolt_url={self.bolt_url!r}, closed={self.closed})"

    def _forget(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            os.close(lease[1])  # the parent's descriptor goes on holding the lease


_open: "weakref.WeakSet[Attachment]" = weakref.WeakSet()


def _in_forked_child() -> None:
    for attachment in list(_open):
        attachment._forget()


os.register_at_fork(after_in_child=_in_forked_child)


def attach(store: Path | None, *, settings: ServerSettings | None = None, progress: Progress | None = None) -> Attachment:
    """Attaches to the server of a store and starts it where it does not run.

    Args:
        store: The store's folder, which is made where missing; None means a throw-away store, deleted at the end.
        settings: For a server that must be started.
        progress: Called with ``(stage, done, total)``: bytes while jars are verified and downloaded, seconds while the server
            starts.

    Raises:
        ValidationError: The path holds something that is no store; it is untouched.
        DatabaseError: The server cannot be had; the text says what to do. Nothing is left running.
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
        state = _join(files, settings, progress, throwaway=throwaway)
        return Attachment(files, state, lease, settings, throwaway=throwaway)
    except BaseException:
        if lease is not None:
            lease[0].unlink(missing_ok=True)
            os.close(lease[1])
        if throwaway and not leases.is_locked(files.server):
            shutil.rmtree(folder, ignore_errors=True)
        with _told():
            raise


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tells what the system refuses as this package's error."""
    try:
        yield
    except OSError as error:
        text = f"The local store cannot be used ({error.strerror}): check its folder, its owner and the free space."
        raise DatabaseError(text) from error


def start(store: Path, *, settings: ServerSettings | None = None, progress: Progress | None = None) -> ServerStatus:
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
    if state is None or not leases.is_locked(files.server) or state.phase != "running" or not is_ours(state):
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
    state = files.read_state()
    if state is None or not files.server.exists():
        return
    if not leases.is_locked(files.server):
        if not kill(state.pid, state.started):
            raise DatabaseError(f"The local server does not end: end process {state.pid} yourself.")
        return
    clients = leases.holders(files.leases)
    if clients and not force:
        ids = sorted(set(clients))
        users, them = ("process", "it") if len(ids) == 1 else ("processes", "them")
        raise DatabaseError(
            f"The local server is in use by {users} {', '.join(map(str, ids))}: close {them} first, or stop it with force (--force)."
        )
    files.stop.write_text(state.nonce, encoding="ascii")
    until = time.monotonic() + STOP_SECONDS
    while leases.is_locked(files.server):
        if time.monotonic() > until:
            raise DatabaseError(f"The local server does not end: end process {state.supervisor} yourself.", retryable=True)
        time.sleep(POLL_SECONDS)


def _join(files: Store, settings: ServerSettings, progress: Progress | None, *, throwaway: bool) -> State:
    """Waits for a server that is proven ours; starts one where none lives. The caller holds a lease already."""
    began = time.monotonic()
    seen: set[str] = set()  # runs that were alive while we waited: their failure is ours
    prepared: dict[str, object] | None = None
    spawned = 0
    while True:
        if not leases.is_locked(files.server) and prepared is None:
            prepared = _prepare(files, settings, progress, throwaway=throwaway)
            began = time.monotonic()  # a first download takes its time
        with leases.locked_file(files.gate, seconds=GATE_SECONDS):
            state = files.read_state()
            if leases.is_locked(files.server):
                if state is not None and state.phase == "running" and is_ours(state):
                    return state
                seen.update({state.nonce} if state is not None and state.phase in {"starting", "running"} else ())
            elif state is not None and state.nonce in seen and state.phase == "failed":
                raise DatabaseError(state.error)
            elif prepared is not None:
                if spawned == SPAWNS:
                    raise DatabaseError(f"The local server's supervisor died {SPAWNS} times: see {files.logs}.")
                spawned += 1
                seen.add(_spawn(files, prepared))
        waited = time.monotonic() - began
        if waited > settings.start_seconds + GATE_SECONDS:
            raise DatabaseError(f"The local server did not start in time: see {files.logs}.", retryable=True)
        if progress:
            progress("start", int(waited), int(settings.start_seconds))
        time.sleep(POLL_SECONDS)


def _prepare(files: Store, settings: ServerSettings, progress: Progress | None, *, throwaway: bool) -> dict[str, object]:
    runtime = java.find()
    jars = provision(progress)
    with leases.locked_file(files.gate, seconds=GATE_SECONDS):  # the first ones agree on one password
        files.password()
    launch.write_configuration(files, jars, settings)
    return launch.specification(files, jars, runtime, settings, throwaway=throwaway)


def _spawn(files: Store, prepared: dict[str, object]) -> str:
    """Starts the supervisor, with the gate closed; returns the nonce of its run."""
    held = leases.lock(files.server, seconds=1.0)
    if held is None:
        return ""
    try:
        _clear(files)
        specification = launch.renewed(prepared)
        nonce = str(specification["nonce"])
        files.write_mark()
        old = files.read_state()
        ports = (old.bolt_port, old.http_port) if old else (0, 0)
        files.write_state(State(phase="starting", nonce=nonce, bolt_port=ports[0], http_port=ports[1]))
        with open(files.logs / "supervisor.log", "wb", opener=_private) as log:
            done = subprocess.run(  # noqa: S603
                [*launch.command(), str(held)],
                input=json.dumps(specification).encode(),
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(held,),
                start_new_session=True,
                cwd="/",
                env=launch.environment(),
                timeout=SPAWN_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise DatabaseError(f"The local server's supervisor could not be started: see {files.logs / 'supervisor.log'}.")
    except subprocess.TimeoutExpired as error:
        raise DatabaseError("The local server's supervisor did not start in time: try again.", retryable=True) from error
    finally:
        os.close(held)  # the supervisor's copy holds the lock now
    return nonce


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _clear(files: Store) -> None:
    """Removes what a killed supervisor left: its server where the kernel could not end it, and its orders."""
    old = files.read_state()
    if old is not None and not kill(old.pid, old.started):
        raise DatabaseError(f"An old server of this store does not end: end process {old.pid} yourself.")
    for order in (files.keep, files.stop, files.sizes):
        order.unlink(missing_ok=True)


def _absolute(store: Path) -> Path:
    try:
        return Path(store).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValidationError("The path of the local store cannot be used: name another one.") from error


def _sweep() -> None:
    """Deletes throw-away stores whose supervisor was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{THROWAWAY}*"):
        files = Store(folder)
        with contextlib.suppress(OSError):
            entry = folder.lstat()
            old = time.time() - entry.st_mtime > STRAY_SECONDS
            if not (folder.is_dir() and not folder.is_symlink() and entry.st_uid == os.getuid() and old and files.leases.is_dir()):
                continue
            if leases.holders(files.leases) or leases.is_locked(files.server):
                continue
            state = files.read_state()
            if state is None or kill(state.pid, state.started):
                shutil.rmtree(folder, ignore_errors=True)
