"""Join the server of a store: wait until it runs, and start it where none lives."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import java, leases, server_specification
from mcp_context_persistence.kg.local.environment import filter_environment
from mcp_context_persistence.kg.local.identity import end_servers
from mcp_context_persistence.kg.local.jars import provision
from mcp_context_persistence.kg.local.listener_check import is_own_server
from mcp_context_persistence.kg.local.process import (
    belongs_to_other_user,
    is_alive,
    is_frozen,
)
from mcp_context_persistence.kg.local.settings import JOIN_SECONDS, ServerSettings
from mcp_context_persistence.kg.local.space import check_space
from mcp_context_persistence.kg.local.store import State, Store
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.kg.system_errors import describe_exhaustion

POLL_SECONDS = 0.02
MAX_SPAWNS = 3  # of a supervisor, for one attach
SPAWN_SECONDS = 30.0
JOIN_LOCK_SECONDS = 60.0


def join_server(
    store: Store, settings: ServerSettings, progress: ReportProgress | None, *, is_throwaway: bool
) -> State:
    """Wait for the store's server, and start it if none runs. The caller has a lease.

    Args:
        store: The store.
        settings: For a server that must be started.
        progress: See `lifecycle.attach`.
        is_throwaway: Whether the store is deleted after its last client.

    Returns:
        The state of the server, which runs.

    Raises:
        DatabaseError: The server cannot be started or reached. It is raised within `JOIN_SECONDS`,
            the time of a start and the time of a first download.
        OSError: The system refuses to read or write the store.
    """
    seconds = settings.start_seconds + JOIN_SECONDS
    deadline = Deadline.after(seconds)
    watched_runs: set[str] = set()  # runs that we waited for: their failure is ours
    specification: dict[str, object] | None = None
    spawns = 0
    while True:
        if not leases.is_locked(store.server_lock) and specification is None:
            runtime = server_specification.Runtime(java=java.find(), jars=provision(progress))
            deadline = Deadline.after(seconds)  # a first download takes its time
            specification = _prepare(store, settings, runtime, deadline, is_throwaway=is_throwaway)
        with _hold_join_lock(store, deadline):
            state = store.read_state()
            if leases.is_locked(store.server_lock):
                if state and state.phase == "running" and is_own_server(store.folder, state):
                    _change_password(store, state)
                    return state
                _refuse_foreign_server(store, state)
                if state and state.phase in {"starting", "checking", "running"}:
                    watched_runs.add(state.nonce)
            elif state and state.nonce in watched_runs and state.phase == "failed":
                raise DatabaseError(state.error, retryable=state.retryable)
            elif specification is not None:
                spawns += 1
                watched_runs.add(_spawn(store, specification, attempt=spawns))
        if deadline.has_passed:
            raise _describe_late_server(store, seconds)
        if progress:
            waited = int(seconds - deadline.seconds_left)
            stage = "check" if state and state.phase == "checking" else "start"
            progress(stage, waited, int(settings.start_seconds))
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _hold_join_lock(store: Store, deadline: Deadline) -> Iterator[None]:
    """Hold the join lock during the block."""
    # Others that wait for the same server hold the lock briefly and again and again: close to the
    # deadline that is no reason to give up.
    seconds = max(1.0, min(JOIN_LOCK_SECONDS, deadline.seconds_left))
    join_lock = leases.lock(store.join_lock, seconds=seconds)
    if join_lock is None:
        owner = leases.find_owner(store.join_lock)
        holder = f"process {owner}" if owner else "another process"
        advice = (
            f"resume it (kill -CONT {owner}), or end it"
            if is_frozen(owner)
            else "end it if it hangs"
        )
        raise DatabaseError(
            f"The local store {store.folder} is locked by {holder}: {advice}.", retryable=True
        )
    try:
        yield
    finally:
        join_lock.close()


def _refuse_foreign_server(store: Store, state: State | None) -> None:
    """Refuse the server of another user, which this one may not examine, and so not trust."""
    if (
        state is not None
        and belongs_to_other_user(state.supervisor)
        and is_alive(state.supervisor, state.supervisor_started)
    ):
        raise DatabaseError(
            f"The server of the local store {store.folder} belongs to another user (process "
            f"{state.supervisor}), for example root: try again when it has ended.",
            retryable=True,
        )


def _describe_late_server(store: Store, seconds: float) -> DatabaseError:
    """Return the error of a server that did not start in time; it names a frozen process."""
    state = store.read_state()
    processes = (
        (("supervisor", state.supervisor), ("process", state.pid)) if state is not None else ()
    )
    for name, pid in processes:
        if is_frozen(pid):
            return DatabaseError(
                f"The local server's {name} {pid} is stopped: "
                f"resume it (kill -CONT {pid}), or end it.",
                retryable=True,
            )
    return DatabaseError(
        f"The local server did not start within {seconds:g} s: see {store.logs}.",
        retryable=True,
    )


def _change_password(store: Store, state: State) -> None:
    if store.next_secret.exists():
        # Only a copied store needs the driver here.
        from mcp_context_persistence.kg.local.passwords import change_password  # noqa: PLC0415

        change_password(store, state.bolt_url)


def _prepare(
    store: Store,
    settings: ServerSettings,
    runtime: server_specification.Runtime,
    deadline: Deadline,
    *,
    is_throwaway: bool,
) -> dict[str, object]:
    """Prepare the store for a start of its server; return the specification for its supervisor."""
    store.prepare()
    check_space(store.folder)
    with _hold_join_lock(store, deadline):  # processes that start together get one password
        if not leases.is_locked(store.server_lock):
            store.adopt()
        store.password()
    return server_specification.make_specification(
        store, runtime.jars, runtime.java, settings, is_throwaway=is_throwaway
    )


def _spawn(store: Store, specification: dict[str, object], *, attempt: int = 1) -> str:
    """Start the supervisor and return the nonce of its run. The caller holds the join lock."""
    if attempt > MAX_SPAWNS:
        raise DatabaseError(
            f"The local server's supervisor died {MAX_SPAWNS} times: see {store.logs}.",
            retryable=True,
        )
    lock = leases.lock(store.server_lock, seconds=1.0)
    if lock is None:
        return ""
    try:
        _clear_last_run(store)
        specification = server_specification.renew_nonce(specification)
        nonce = str(specification["nonce"])
        store.write_mark()
        old = store.read_state()
        ports = (old.bolt_port, old.http_port) if old else (0, 0)
        store.write_state(
            State(phase="starting", nonce=nonce, bolt_port=ports[0], http_port=ports[1])
        )
        file = store.logs / "supervisor.log"
        file.unlink(missing_ok=True)  # it may be a pipe, to which nobody could write
        with open(file, "wb", opener=_open_private) as log, lock.passed_to_program():
            process = subprocess.run(  # noqa: S603
                [*server_specification.supervisor_command(), str(lock.descriptor)],
                # The bytes of its paths: the supervisor reads UTF-8 in every locale of the client.
                input=os.fsencode(json.dumps(specification, ensure_ascii=False)) + b"\n",
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lock.descriptor,),
                start_new_session=True,
                cwd="/",
                env=filter_environment(),
                timeout=SPAWN_SECONDS,
                check=False,
            )
        if process.returncode != 0:
            exhausted = describe_exhaustion(OSError(process.returncode, ""))
            raise DatabaseError(
                "The local server's supervisor could not be started: "
                f"{exhausted or f'see {log.name}'}.",
                retryable=process.returncode < 0 or bool(exhausted),
            )
    except subprocess.TimeoutExpired as error:
        raise DatabaseError(
            "The local server's supervisor did not start in time: try again.", retryable=True
        ) from error
    finally:
        lock.close_copy()  # the supervisor's holds the lock now
    return nonce


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _clear_last_run(store: Store) -> None:
    """End the server of a killed supervisor where the kernel could not, and remove old orders."""
    old = store.read_state()
    pid = end_servers(store.folder, old.pid if old else 0, old.started if old else "")
    if pid:
        raise DatabaseError(
            f"An old server of this store does not end: end process {pid} yourself.",
            retryable=True,
        )
    for order in store.order_files:
        order.unlink(missing_ok=True)
