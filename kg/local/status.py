"""Read the status of a store's server; nothing is started."""

from dataclasses import dataclass, field
from pathlib import Path

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.local import leases, orders, sizes
from mcp_context_persistence.kg.local.identity import is_server_of
from mcp_context_persistence.kg.local.listener_check import is_own_server
from mcp_context_persistence.kg.local.space import translated_errors
from mcp_context_persistence.kg.local.store import PATH_IS_FILE, Store


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """The status of a store's server.

    Attributes:
        store: The store's folder.
        running: Whether the server answers.
        pid: Its process id, 0 where it does not run.
        bolt_url: Where the driver connects to, empty where it does not run.
        http_url: Where Neo4j Browser is found below `browser/`, empty where it does not run.
        versions: Versions of ``neo4j``, ``gds`` and ``java``.
        clients: The process ids of the processes that use it, in ascending order.
        kept: Whether it runs until `stop`, instead of until the last client has left.
    """

    store: Path
    running: bool
    pid: int = 0
    bolt_url: str = ""
    http_url: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    clients: tuple[int, ...] = ()
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class ServerSize:
    """The process of a server and its size.

    Attributes:
        pid: Process id, 0 while none runs.
        heap: Bytes of its heap.
        page_cache: Bytes of its page cache.
    """

    pid: int
    heap: int
    page_cache: int


def resolve_path(store: Path) -> Path:
    """Return the absolute path of a store.

    Raises:
        ValidationError: The system cannot use the path.
    """
    try:
        return Path(store).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValidationError(
            "The path of the local store cannot be used: name another one."
        ) from error


def read_status(store: Path) -> ServerStatus:
    """Return the status of a store's server.

    Raises:
        ValidationError: The path is a file.
        DatabaseError: The folder cannot be read, as that of another user.
    """
    files = Store(resolve_path(store))
    with translated_errors(files.folder):
        return _read_status(files)


def _read_status(files: Store) -> ServerStatus:
    if files.folder.exists() and not files.folder.is_dir():
        raise ValidationError(PATH_IS_FILE)
    clients = tuple(sorted(list_clients(files.folder))) if files.leases.is_dir() else ()
    state = files.read_state()
    if (
        state is None
        or not leases.is_locked(files.server_lock)
        or state.phase != "running"
        or not is_own_server(files.folder, state)
    ):
        return ServerStatus(store=files.folder, running=False, clients=clients)
    return ServerStatus(
        store=files.folder,
        running=True,
        pid=state.pid,
        bolt_url=state.bolt_url,
        http_url=state.http_url,
        versions=state.versions,
        clients=clients,
        kept=orders.holds_nonce(files.keep_order_file, state.nonce),
    )


def read_size(store: Path) -> ServerSize:
    """Return process and size of a store's server. One of an older version has the usual size."""
    state = Store(store).read_state()
    heap, page_cache = (state.heap, state.page_cache) if state is not None else ("", "")
    return ServerSize(
        pid=state.pid if state is not None and is_server_of(store, state.pid, state.started) else 0,
        heap=sizes.parse_size(heap) or sizes.HEAP * sizes.MIB,
        page_cache=sizes.parse_size(page_cache) or sizes.PAGE_CACHE * sizes.MIB,
    )


def list_clients(store: Path) -> set[int]:
    """Return the process ids of all that use the server of a store."""
    return set(leases.list_holders(Store(store).leases))
