"""How other processes of the same user find the service of a store. Standard library only.

The service holds `service.lock` locked, and `service.json` names its address and a secret. The file
may be stale, copied or of another store, so the finder first checks the lock. Then the listener
proves that it knows the secret, before any token is sent to it. A token is a signature of a
namespace: it opens only this namespace. For a remote database, proofs and tokens also depend on its
user and password, so that only who has the same ones finds the service.
"""

import base64
import hmac
import http.client
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.ownership import check_umask
from mcp_context_persistence.kg.local.process import is_alive, read_start_time

LOCAL_PREFIX = "cl_"
CHALLENGE_HEADER = "context-challenge"
PROOF_HEADER = "context-proof"
CHALLENGE_CHARACTERS = 64
LOCK_NAME, STATE_NAME = "service.lock", "service.json"
PROOF_SECONDS = 2.0  # a service that loads its models answers late
PROOF_BYTES = 1_000  # of a body that a service sends with its proof
LOCK_SECONDS = 0.2  # a finder holds the lock for some microseconds


class LocalSecret:
    """A secret that the service and its finders share, by a file that only their user can read."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Take a secret; None means a new one."""
        self._secret = secret or secrets.token_bytes(32)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def text(self) -> str:
        """The secret, for the file."""
        return self._secret.hex()

    def bind(self, credentials: str) -> "LocalSecret":
        """Return the secret of those who also have the same credentials.

        Args:
            credentials: See `folders.find_credentials`; empty where there are none.
        """
        if not credentials:
            return self
        return LocalSecret(bytes.fromhex(self._sign("credentials", credentials)))

    def prove(self, challenge: str) -> str:
        """Return the answer to a challenge."""
        return self._sign("proof", challenge)

    def make_token(self, namespace: str) -> str:
        """Return a bearer token for a namespace."""
        name = base64.urlsafe_b64encode(namespace.encode()).decode().rstrip("=")
        return f"{LOCAL_PREFIX}{name}.{self._sign('token', namespace)}"

    def read_token(self, token: str) -> str | None:
        """Return the namespace of a token, None where it is not one of `make_token`."""
        name, _, signature = token.removeprefix(LOCAL_PREFIX).partition(".")
        try:
            namespace = base64.b64decode(name + "=" * (-len(name) % 4), b"-_", validate=True)
            text = namespace.decode()
        except ValueError:
            return None
        return text if hmac.compare_digest(signature, self._sign("token", text)) else None

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), sha256).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ServiceAddress:
    """Where a service listens, as its file says.

    Attributes:
        host: Address of its listener that other processes of this machine use.
        port: Port of it.
        pid: Its process id.
        started: Start of that process.
        secret: See `LocalSecret`; in the file, it is not bound to credentials.
        settings: Digest of what its answers depend on, see `folders.digest_settings`.
    """

    host: str
    port: int
    pid: int
    started: str
    secret: str
    settings: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, pid={self.pid})"

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:8000``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def authorization(self, namespace: str) -> str:
        """Return the header `Authorization` for requests in a namespace."""
        return f"Bearer {LocalSecret(bytes.fromhex(self.secret)).make_token(namespace)}"


class ServiceLease:
    """The lease of a running service.

    Attributes:
        secret: Proves the service, and signs the tokens for it.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; `take` takes the lease."""
        self._folder = folder
        self._lock: leases.Lock | None = None
        self.secret = LocalSecret()

    def take(self) -> bool:
        """Take the lease.

        Returns:
            False where another process has it.

        Raises:
            OSError: The folder cannot be used.
            DatabaseError: Files that this process makes could not be used.
        """
        check_umask()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = leases.lock(self._folder / LOCK_NAME, seconds=LOCK_SECONDS)
        return self._lock is not None

    def publish(self, host: str, port: int, *, settings: str = "") -> None:
        """Tell finders where the service listens, now that it does.

        Args:
            host: Address of its listener.
            port: Port of it.
            settings: Digest of its settings.
        """
        address = ServiceAddress(
            host=host,
            port=port,
            pid=os.getpid(),
            started=read_start_time(os.getpid()),
            secret=self.secret.text,
            settings=settings,
        )
        replace_file(self._folder / STATE_NAME, json.dumps(asdict(address)))

    def give_back(self) -> None:
        """End the lease; may be called again."""
        if self._lock is None or not self._lock.is_open:
            return
        (self._folder / STATE_NAME).unlink(missing_ok=True)
        self._lock.close()


def is_running(folder: Path) -> bool:
    """Return whether a service of this folder runs, also where it is only starting."""
    return leases.is_locked(folder / LOCK_NAME)


def find_service(
    folder: Path | None, *, credentials: str = "", seconds: float = PROOF_SECONDS
) -> ServiceAddress | None:
    """Return the service of a folder, None where none runs, or where it does not prove itself.

    Args:
        folder: See `folders.service_folder`.
        credentials: See `folders.find_credentials`.
        seconds: For the connection, and for its answer.
    """
    address = read_address(folder, credentials)
    connection = None if address is None else open_connection(address, seconds=seconds)
    if connection is None:
        return None
    connection.close()
    return address


def read_address(folder: Path | None, credentials: str = "") -> ServiceAddress | None:
    """Return what the file of a running service says; the listener has not proven itself yet."""
    if folder is None or not is_running(folder):
        return None
    address = _read_file(folder / STATE_NAME)
    if address is None or not is_alive(address.pid, address.started):
        return None
    secret = LocalSecret(bytes.fromhex(address.secret)).bind(credentials)
    return replace(address, secret=secret.text)


def _read_file(file: Path) -> ServiceAddress | None:
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        address = ServiceAddress(
            host=str(row["host"]),
            port=int(row["port"]),
            pid=int(row["pid"]),
            started=str(row["started"]),
            secret=str(row["secret"]),
            settings=str(row.get("settings", "")),
        )
        bytes.fromhex(address.secret)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address


def open_connection(
    address: ServiceAddress, *, seconds: float = PROOF_SECONDS
) -> http.client.HTTPConnection | None:
    """Return a connection on which the service has proven its identity, None if it has not.

    Args:
        address: Of the service.
        seconds: For the connection, and for the proof.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    try:
        is_proven = _check_proof(connection, LocalSecret(bytes.fromhex(address.secret)))
    except (OSError, http.client.HTTPException):
        is_proven = False
    if is_proven and connection.sock is not None:
        connection.auto_open = 0  # another connection would need another proof
        return connection
    connection.close()
    return None


def is_hanging(address: ServiceAddress, *, seconds: float = PROOF_SECONDS) -> bool:
    """Return whether a service accepts connections and does not answer.

    One that is stopping accepts none, and still answers what it has begun.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    try:
        _check_proof(connection, LocalSecret(bytes.fromhex(address.secret)))
    except (OSError, http.client.HTTPException) as error:
        return isinstance(error, TimeoutError)
    finally:
        connection.close()
    return False


def _check_proof(connection: http.client.HTTPConnection, secret: LocalSecret) -> bool:
    """Return whether the listener knows the secret."""
    challenge = secrets.token_hex(CHALLENGE_CHARACTERS // 2)
    connection.request("GET", "/healthz", headers={CHALLENGE_HEADER: challenge})
    response = connection.getresponse()
    proof = response.getheader(PROOF_HEADER) or ""
    response.read(PROOF_BYTES)
    is_equal = hmac.compare_digest(proof.encode(), secret.prove(challenge).encode())
    return is_equal and response.isclosed()
