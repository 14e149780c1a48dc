"""How a process comes to the server of a store: it waits for one that is proven to be it, and starts one where none lives."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import java, launch, leases
from mcp_context_persistence.kg.local.environment import environment
from mcp_context_persistence.kg.local.identity import end_servers
from mcp_context_persistence.kg.local.jars import Progress, provision
from mcp_context_persistence.kg.local.listener_check import is_ours, url
from mcp_context_persistence.kg.local.process import is_frozen
from mcp_context_persistence.kg.local.settings import JOIN_SECONDS, ServerSettings
from mcp_context_persistence.kg.local.space import FULL, check_space, describe_full_disk
from mcp_context_persistence.kg.local.store import State, Store

POLL_SECONDS = 0.02
SPAWNS = 3  # of a supervisor, for one attach
SPAWN_SECONDS = 30.0
GATE_SECONDS = 60.0


@contextlib.contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Raise what the system refuses as this package's error."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DatabaseError(describe_full_disk(folder), retryable=True) from error
        text = f"The local store cannot be used ({error.strerror}): check its folder, its owner and the free space."
        raise DatabaseError(text) from error


class Deadline:
    """The time that one opening has, beyond the download of jars.

    Attributes:
        seconds: How long it is.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.seconds = settings.start_seconds + JOIN_SECONDS
        self._began = time.monotonic()

    @property
    def waited(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left of it."""
        return max(0.0, self.seconds - self.waited)


def join(
    files: Store, settings: ServerSettings, progress: Progress | None, *, throwaway: bool
) -> State:
    """Wait for a server that is proven ours; start one where none lives. The caller holds a lease already.

    Raises:
        DatabaseError: The server cannot be had; within `Deadline.seconds` and the time of a first download.
        OSError: The system refuses to read or write the store.
    """
    deadline = Deadline(settings)
    seen: set[str] = set()  # runs that were alive while we waited: their failure is ours
    prepared: dict[str, object] | None = None
    spawned = 0
    while True:
        if not leases.is_locked(files.server) and prepared is None:
            runtime, jars = java.find(), provision(progress)
            deadline = Deadline(settings)  # a first download takes its time
            prepared = _prepare(
                files,
                settings,
                launch.Runtime(java=runtime, jars=jars),
                deadline,
                throwaway=throwaway,
            )
        with _closed_gate(files, deadline):
            state = files.read_state()
            if leases.is_locked(files.server):
                if state is not None and state.phase == "running" and is_ours(files.folder, state):
                    _change_password(files, state)
                    return state
                seen.update(
                    {state.nonce}
                    if state is not None and state.phase in {"starting", "running"}
                    else ()
                )
            elif state is not None and state.nonce in seen and state.phase == "failed":
                raise DatabaseError(state.error, retryable=state.retryable)
            elif prepared is not None:
                if spawned == SPAWNS:
                    raise DatabaseError(
                        f"The local server's supervisor died {SPAWNS} times: see {files.logs}.",
                        retryable=True,
                    )
                spawned += 1
                seen.add(_spawn(files, prepared))
        if deadline.left == 0:
            raise _too_late(files, deadline)
        if progress:
            progress("start", int(deadline.waited), int(settings.start_seconds))
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _closed_gate(files: Store, deadline: Deadline) -> Iterator[None]:
    """Hold the gate for the time of the block."""
    # Others that wait for the same server have it for a moment at a time: at the very end that is no reason to give up.
    descriptor = leases.lock(files.gate, seconds=max(1.0, min(GATE_SECONDS, deadline.left)))
    if descriptor is None:
        owner = leases.owner(files.gate)
        who = f"process {owner}" if owner else "another process"
        advice = (
            f"let it go on (kill -CONT {owner}), or end it"
            if is_frozen(owner)
            else "end it if it hangs"
        )
        raise DatabaseError(
            f"The local store {files.folder} is locked by {who}: {advice}.", retryable=True
        )
    try:
        yield
    finally:
        os.close(descriptor)


def _too_late(files: Store, deadline: Deadline) -> DatabaseError:
    """Return the error of a server that was not there in time, with the process that does not go on."""
    state = files.read_state()
    processes = (
        (("supervisor", state.supervisor), ("process", state.pid)) if state is not None else ()
    )
    for name, pid in processes:
        if is_frozen(pid):
            text = f"The local server's {name} {pid} is stopped: let it go on (kill -CONT {pid}), or end it."
            return DatabaseError(text, retryable=True)
    return DatabaseError(
        f"The local server did not start within {deadline.seconds:g} s: see {files.logs}.",
        retryable=True,
    )


def _change_password(files: Store, state: State) -> None:
    if files.next_secret.exists():
        from mcp_context_persistence.kg.local.passwords import change_password  # noqa: PLC0415  the driver; only for a copied store

        change_password(files, url(state))


def _prepare(
    files: Store,
    settings: ServerSettings,
    runtime: launch.Runtime,
    deadline: Deadline,
    *,
    throwaway: bool,
) -> dict[str, object]:
    """Write what a server needs to be started; return the specification for its supervisor."""
    check_space(files.folder)
    with _closed_gate(files, deadline):  # the first ones agree on one password
        if not leases.is_locked(files.server):
            files.adopt()
        files.password()
    launch.write_configuration(files, runtime.jars, settings)
    return launch.specification(files, runtime.jars, runtime.java, settings, throwaway=throwaway)


def _spawn(files: Store, prepared: dict[str, object]) -> str:
    """Start the supervisor, with the gate closed; return the nonce of its run."""
    lock = leases.lock(files.server, seconds=1.0)
    if lock is None:
        return ""
    try:
        _clear(files)
        specification = launch.renewed(prepared)
        nonce = str(specification["nonce"])
        files.write_mark()
        old = files.read_state()
        ports = (old.bolt_port, old.http_port) if old else (0, 0)
        files.write_state(
            State(phase="starting", nonce=nonce, bolt_port=ports[0], http_port=ports[1])
        )
        with open(files.logs / "supervisor.log", "wb", opener=_private) as log:
            done = subprocess.run(  # noqa: S603
                [*launch.command(), str(lock)],
                input=json.dumps(specification).encode(),
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                cwd="/",
                env=environment(),
                timeout=SPAWN_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            text = f"The local server's supervisor could not be started: see {files.logs / 'supervisor.log'}."
            raise DatabaseError(text, retryable=done.returncode < 0)
    except subprocess.TimeoutExpired as error:
        raise DatabaseError(
            "The local server's supervisor did not start in time: try again.", retryable=True
        ) from error
    finally:
        os.close(lock)  # the supervisor's copy holds the lock now
    return nonce


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _clear(files: Store) -> None:
    """Remove what a killed supervisor left: its server where the kernel could not end it, and its orders."""
    old = files.read_state()
    left = end_servers(files.folder, old.pid if old else 0, old.started if old else "")
    if left:
        raise DatabaseError(
            f"An old server of this store does not end: end process {left} yourself.",
            retryable=True,
        )
    for order in (files.keep, files.stop, files.sizes, files.restart):
        order.unlink(missing_ok=True)
