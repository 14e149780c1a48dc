"""The client's calls, answered by a running service: its models are loaded already."""

import http.client
import json
import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.service import calls, lease
from mcp_context_persistence.service.folders import (
    digest_settings,
    find_credentials,
    service_folder,
)

SUCCESS = 200
FAILED = 500  # something was begun and not ended as it should
READ_SECONDS = 30.0  # for the rest of an answer that has begun
# A service that does not answer is asked for its proof; so many missing ones in a row end the wait.
LOOK_SECONDS = 2.0
LOOKS = 3
RETURN_SECONDS = 60.0  # between two looks whether a service that had gone is back
KEEP_SECONDS = 20.0  # for an idle connection: less than the service keeps it
# Models that have all arguments of a call in one.
MODELS = ("Conversation", "HybridSearchParams")


class _Link(NamedTuple):
    """A connection on which the service has proven itself.

    Attributes:
        pid: The process that has opened it.
        connection: The connection.
        address: Of the service.
        used_at: When its last call ended.
    """

    pid: int
    connection: http.client.HTTPConnection
    address: lease.ServiceAddress
    used_at: float


class NotAnsweredError(Exception):
    """The service has not begun the call."""


class RemoteClient:
    """Calls of `ContextPersistenceClient` by the same names, with the same arguments.

    They return the same models and raise the same errors. If the service has gone, or an argument
    is not JSON, a client in this process opens the store and makes this call and all further ones.
    That client is closed when the service is back, unless it has made calls that the service does
    not have, such as those that configure it. Threads may share it.

    Attributes:
        namespace: The namespace of all calls.
    """

    def __init__(
        self,
        folder: Path,
        namespace: str = "default",
        *,
        settings: str | None = None,
        credentials: str = "",
        open_store: Callable[[], Any] | None = None,
    ) -> None:
        """Note where the service is; nothing is sent yet.

        Args:
            folder: With the lease of the service.
            namespace: The namespace of all calls.
            settings: Digest of the settings that the service must have; None means any.
            credentials: Those of the database, which the service must have too.
            open_store: Opens a client for what the service cannot answer. None means that such a
                call raises an error.
        """
        self.namespace = namespace
        self._folder, self._settings, self._open_store = folder, settings, open_store
        self._credentials = credentials
        self._idle: list[_Link] = []
        self._own: Any = None
        self._own_users, self._is_configured, self._look_at = 0, False, 0.0
        self._lock = threading.Lock()
        renew_locks_in_children(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r})"

    def __getattr__(self, name: str) -> Any:
        if calls.is_served(name):
            return partial(self._call, name)
        if name.startswith("_") or self._open_store is None:
            raise AttributeError(f"the service does not answer {name!r}: open the store yourself")
        self._is_configured = True
        with self._use_own() as own:
            return getattr(own, name)

    def close(self) -> None:
        """Close the connections, and the client in this process if there is one."""
        while (link := self._pop_idle()) is not None:
            link.connection.close()
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def is_answered(self) -> bool:
        """Return whether the service runs, proves itself and has the same version and settings."""
        link = self._take_link()
        if link is not None:
            self._keep(link)
        return link is not None

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self._leave_own()
        if self._own is None:
            try:
                return self._ask(name, args, kwargs)
            except NotAnsweredError as error:
                if self._open_store is None:
                    raise DatabaseError(f"{name}: {error}", retryable=True) from error
        with self._use_own() as own:
            return getattr(own, name)(*args, **kwargs)

    @contextmanager
    def _use_own(self) -> Iterator[Any]:
        """Yield the client in this process, which stays open during the block."""
        with self._lock:
            if self._own is None:
                assert self._open_store is not None  # noqa: S101 - the callers check it
                self._own = self._open_store()
                self._look_at = time.monotonic() + RETURN_SECONDS
            own = self._own
            self._own_users += 1
        try:
            yield own
        finally:
            with self._lock:
                self._own_users -= 1

    def _leave_own(self) -> None:
        """Close the client in this process if the service is back and no call uses it."""
        with self._lock:
            now = time.monotonic()
            if self._own is None or self._is_configured or now < self._look_at:
                return
            self._look_at = now + RETURN_SECONDS
        if not self.is_answered():
            return
        with self._lock:
            if self._own_users:
                return
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def _ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        body = _write_call(name, args, kwargs)
        link = self._take_link()
        if link is None:
            raise NotAnsweredError("the service does not answer")
        connection, address = link.connection, link.address
        is_sent = False
        try:
            headers = {
                "Authorization": address.authorization(self.namespace),
                "Content-Type": "application/json",
            }
            connection.request("POST", calls.PATH, body, headers)
            is_sent = True
            _wait(connection, address)
            connection.sock.settimeout(READ_SECONDS)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            # A request without its end is never answered.
            raise _explain_loss(name, is_sent=is_sent) from error
        except BaseException:
            connection.close()
            raise
        self._keep(link)
        kind = response.getheader(calls.RESULT_HEADER)
        # Without its length, an answer that was cut looks whole.
        if response.status == SUCCESS and kind and response.getheader("Content-Length"):
            return _read_result(kind, content)
        raise _explain_loss(name, is_sent=response.status in {SUCCESS, FAILED})

    def _keep(self, link: _Link) -> None:
        """Keep a connection for the next call, unless the service has closed it."""
        if link.connection.sock is not None:
            self._idle.append(link._replace(used_at=time.monotonic()))

    def _pop_idle(self) -> _Link | None:
        with suppress(IndexError):  # other threads take some too
            return self._idle.pop()
        return None

    def _take_link(self) -> _Link | None:
        """Return a connection on which the service has proven itself, None where there is none."""
        while (link := self._pop_idle()) is not None:
            is_fresh = time.monotonic() - link.used_at < KEEP_SECONDS
            if is_fresh and link.pid == os.getpid() and not _is_readable(link.connection, 0):
                return link
            # The service has closed it or may do so, or it is that of a parent process.
            link.connection.close()
        try:
            address = lease.read_address(self._folder, self._credentials)
        except OSError:  # the folder has gone, or belongs to somebody else now
            return None
        if address is None or self._settings not in {None, address.settings}:
            return None
        connection = lease.open_connection(address)
        if connection is None:
            return None
        return _Link(os.getpid(), connection, address, time.monotonic())


def connect(
    database_url: str | None = None,
    namespace: str = "default",
    *,
    open_store: Callable[[], Any] | None = None,
) -> RemoteClient | None:
    """Return a client of the service of a database.

    Args:
        database_url: As `ContextPersistenceClient` takes it; None means the configured one.
        namespace: The namespace of all calls.
        open_store: See `RemoteClient`.

    Returns:
        None where no service runs, or one of another version, with other settings or with other
        credentials of the database. Whoever opens the store then is told what is wrong with the
        URL, the settings or the credentials.
    """
    try:
        folder = service_folder(database_url)
        if folder is None or not lease.is_running(folder):
            return None
        client = RemoteClient(
            folder,
            namespace,
            settings=digest_settings(),
            credentials=find_credentials(database_url),
            open_store=open_store,
        )
    except (ContextPersistenceError, OSError):
        return None
    return client if client.is_answered() else None


def _is_readable(connection: http.client.HTTPConnection, seconds: float) -> bool:
    """Return whether the service has sent something, or closed the connection."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _wait(connection: http.client.HTTPConnection, address: lease.ServiceAddress) -> None:
    """Wait for an answer, for as long as the service is alive.

    Raises:
        TimeoutError: The service hangs.
    """
    looks = 0
    while not _is_readable(connection, LOOK_SECONDS):
        looks = looks + 1 if lease.is_hanging(address) else 0
        if looks == LOOKS:
            raise TimeoutError("the service hangs")


def _explain_loss(name: str, *, is_sent: bool) -> Exception:
    """Return the error for a call without an answer."""
    if is_sent and not calls.is_reading(name):
        return DatabaseError(
            f"{name}: the service ended, or failed, before it answered",
            retryable=True,
            outcome="unknown",
        )
    return NotAnsweredError("the service does not answer")


def _write_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return the request of a call.

    Raises:
        NotAnsweredError: It cannot be sent.
    """
    # The service has no terminal: it shows no progress.
    kwargs = {key: value for key, value in kwargs.items() if key != "progress"}
    if args and type(args[0]).__name__ in MODELS:
        kwargs = args[0].model_dump(mode="json", exclude_unset=True) | kwargs
        args = args[1:]
    try:
        _check_keys([args, kwargs])
        body = json.dumps([name, args, kwargs], default=_to_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotAnsweredError("an argument cannot be sent to the service") from error
    if len(body) > limits.REQUEST_BODY_BYTES:
        raise NotAnsweredError("the arguments are too large for the service")
    return body


def _check_keys(value: Any) -> None:
    """Refuse keys that JSON would make texts of, so that the client cannot refuse them.

    Raises:
        TypeError: A key is no text.
    """
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key is no text")
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)


def _to_plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _read_result(kind: str, content: bytes) -> Any:
    if kind in {calls.ERROR, calls.PLAIN}:
        value = json.loads(content)
        if kind == calls.PLAIN:
            return value
        raise _build_error(value)
    models = import_module("mcp_context_persistence.models")
    if not kind.endswith("[]"):
        return getattr(models, kind).model_validate_json(content)
    value = json.loads(content)
    model = getattr(models, kind.removesuffix("[]"), None)
    items = [model.model_validate(item) for item in value["items"]] if model else []
    for item, failure in zip(items, value["failures"], strict=True):
        if failure is not None:
            item.with_failure(_build_error(failure))
    if value["truncated"] is not None:
        items = models.Communities(items)
        items.truncated = value["truncated"]
    return items


def _build_error(row: Mapping[str, Any]) -> Exception:
    exceptions = import_module("mcp_context_persistence.exceptions")
    error: Exception = getattr(exceptions, row["class"])(
        row["text"], retryable=row["retryable"], outcome=row["outcome"]
    )
    return error
