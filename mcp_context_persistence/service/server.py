"""Run the service in this process: one listener, one lease, one end."""

import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from mcp_context_persistence.kg import limits, url
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local.store import Store
from mcp_context_persistence.kg.system_errors import translated_system_errors
from mcp_context_persistence.runtime.config.settings import Config, load_config
from mcp_context_persistence.runtime.telemetry.log_settings import TREE, make_formatter
from mcp_context_persistence.service.folders import (
    digest_settings,
    find_credentials,
    find_target,
)
from mcp_context_persistence.service.lease import (
    LocalSecret,
    ServiceAddress,
    ServiceLease,
    find_service,
    is_running,
)
from mcp_context_persistence.service.protocol import TimedProtocol
from mcp_context_persistence.service.settings import ServiceSettings, is_loopback

BACKLOG = 512  # connections that wait to be accepted
KEEP_ALIVE_SECONDS = 30
DRAIN_SECONDS = 45  # for the requests that are being answered: more than one deadline
OPEN_FILES = 16_384  # as many connections as the system allows, up to this

MakeApp = Callable[[ServiceSettings, LocalSecret], ASGIApp]
Report = Callable[[ServiceAddress], None]


class AlreadyRunningError(Exception):
    """Another process serves the store.

    Attributes:
        address: Where it listens; None while it is starting or stopping.
    """

    def __init__(self, address: ServiceAddress | None) -> None:
        """Note where it listens."""
        super().__init__("another process serves this store")
        self.address = address


def serve(
    settings: ServiceSettings,
    make_app: MakeApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    report: Report = lambda _address: None,
) -> bool:
    """Serve until a signal comes; then answer what is being answered, and close the store.

    The signals are SIGTERM, SIGINT and SIGHUP. After a second SIGINT, nothing more is answered.

    Args:
        settings: What is served, and to whom.
        make_app: Makes the application, which gets the secret of the lease.
        host: Address to listen on.
        port: Port to listen on; 0 means a free one.
        report: Is called when the service listens.

    Returns:
        Whether all calls have ended. If not, threads may still run a model, and Python would abort
        at the end of the process: end it with `os._exit`.

    Raises:
        AlreadyRunningError: Another process serves the store.
        ValidationError: Other machines could reach the address, and there are no keys.
        DatabaseError: The address cannot be used.
    """
    if not is_loopback(host) and not settings.has_keys:
        raise ValidationError(
            "host: other machines can reach this address, and there are no keys; "
            "make one first: context-persistence keys create"
        )
    _log_plain_lines(load_config(settings.config))
    folder = settings.folder
    listener = _listen_first(folder, settings, host, port)
    try:
        lease = _take_lease(folder, settings) if folder else None
        try:
            secret = lease.secret.bind(_find_credentials(settings)) if lease else LocalSecret()
            _raise_file_limit()
            digest = digest_settings(settings.config)
            server = _Server(configure(make_app(settings, secret)), lease, digest, report)
            with _handled_signals(server):
                server.run(sockets=[listener])
            return not server.force_exit
        finally:
            listener.close()
            if lease is not None:
                lease.give_back()
    finally:
        listener.close()


def _listen_first(
    folder: Path | None, settings: ServiceSettings, host: str, port: int
) -> socket.socket:
    """Return a listener, before a store is created that could not be served.

    Raises:
        AlreadyRunningError: The address is in use, and another process serves the store.
        DatabaseError: The address cannot be used.
    """
    try:
        return listen(host, port)
    except DatabaseError:
        if folder is None or not is_running(folder):
            raise
        raise AlreadyRunningError(
            find_service(folder, credentials=_find_credentials(settings))
        ) from None


def _take_lease(folder: Path, settings: ServiceSettings) -> ServiceLease:
    with translated_system_errors(DatabaseError):
        if isinstance(find_target(settings.database_url), url.LocalTarget):
            Store(folder).prepare()  # a folder that is no store is left as it is
        lease = ServiceLease(folder)
        if not lease.take():
            credentials = _find_credentials(settings)
            raise AlreadyRunningError(find_service(folder, credentials=credentials))
    return lease


def _find_credentials(settings: ServiceSettings) -> str:
    return find_credentials(settings.database_url, settings.config, settings.auth)


def listen(host: str, port: int) -> socket.socket:
    """Return a listener.

    Raises:
        DatabaseError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only where the protocol is named; else an answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise DatabaseError(
            f"The service cannot listen on port {port} ({error.strerror}): choose another one "
            "with --port."
        ) from error
    return listener


def configure(app: ASGIApp) -> uvicorn.Config:
    """Return the configuration of uvicorn for an application of the service."""
    return uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=limits.REQUEST_HEADER_BYTES,
    )


def _log_plain_lines(config: Config) -> None:
    """Log warnings of the whole process as single lines, those of the library only once.

    The MCP server would otherwise lay them out for a terminal, with the texts of errors.
    """
    own = logging.getLogger(TREE)
    handler = logging.StreamHandler()
    handler.setFormatter(make_formatter(config))
    handler.addFilter(lambda record: not (own.handlers and record.name.startswith(TREE)))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _raise_file_limit() -> None:
    """Allow as many open connections as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


@contextmanager
def _handled_signals(server: uvicorn.Server) -> Iterator[None]:
    """End the server also when its terminal is closed.

    uvicorn handles the other signals, and raises them again when it has ended: then they do
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)
    }
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # it is not with `nohup`
        handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, server.handle_exit)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Tells where it listens when it does."""

    def __init__(
        self, config: uvicorn.Config, lease: ServiceLease | None, settings: str, report: Report
    ) -> None:
        super().__init__(config)
        self._lease, self._settings, self._report = lease, settings, report

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.should_exit or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        address = ServiceAddress(host=_reachable(host), port=port, pid=0, started="", secret="")
        if self._lease is not None:
            self._lease.publish(address.host, port, settings=self._settings)
        self._report(address)


def _reachable(host: str) -> str:
    """Return the address by which processes of this machine reach a listener."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not a bind
