"""A store's folder: what lies where, who may use it, and what the running server says of itself.

Only the standard library is used here, because the supervisor reads and writes the same files.
"""

import contextlib
import json
import os
import re
import secrets
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from kg.errors import DatabaseError, ValidationError
from kg.local.settings import NEO4J_VERSION

FORMAT = 1
A_FILE = "The path of the local store is a file, and a store is a folder: name another path. The file is untouched."
Phase = Literal["starting", "running", "stopping", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class State:
    """What the supervisor writes into `server.json`.

    Attributes:
        phase: What the server was doing when its supervisor last wrote.
        nonce: Of this run of the supervisor.
        supervisor: Its process id.
        pid: Of the server, 0 while there is none.
        started: The start of that process, as `process.birth` tells it.
        bolt_port: Of the Bolt protocol on the loopback interface; asked for again at the next start.
        http_port: Of the web server with Neo4j Browser.
        versions: Of ``neo4j``, ``gds`` and ``java``.
        error: Why it failed, and what to do.
        heap: Of the server's Java, as Java writes it, such as ``1g``; empty where an older version started it.
        page_cache: For pages of the store, likewise.
    """

    phase: Phase
    nonce: str
    supervisor: int = 0
    pid: int = 0
    started: str = ""
    bolt_port: int = 0
    http_port: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    error: str = ""
    heap: str = ""
    page_cache: str = ""


class Store:
    """The files of one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate.lock"  # held for a moment by whoever joins or ends
        self.server = folder / "server.lock"  # held by the supervisor as long as it lives
        self.leases = folder / "leases"
        self.state = folder / "server.json"
        self.mark = folder / "store.json"
        self.secret = folder / "password"
        self.keep = folder / "keep"  # holds the nonce of a run that lasts until `stop`
        self.stop = folder / "stop"  # holds the nonce of a run that shall end
        self.sizes = (
            folder / "sizes"
        )  # holds the nonce of a run that shall go on with another heap and page cache, and what they are
        self.conf = folder / "conf"
        self.logs = folder / "logs"
        self.data = folder / "data"

    def exists(self) -> bool:
        """Whether the folder is a store."""
        return self.mark.is_file()

    def prepare(self) -> None:
        """Makes the folder a store where it is empty or missing.

        Raises:
            ValidationError: The path holds something else, which stays untouched.
            DatabaseError: A newer version has written the store, or it cannot be written.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ValidationError(A_FILE)
        try:
            if self.exists():
                self._check_mark()
            elif self.folder.is_dir() and any(
                entry.name not in OWN and not _is_draft(entry.name) for entry in self.folder.iterdir()
            ):
                raise ValidationError("The folder of the local store holds other files: name an empty or a new folder.")
            for folder in (self.folder, self.leases, self.conf, self.logs, self.data):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            text = f"The folder of the local store cannot be used ({error.strerror}): check who owns it, and the free space."
            raise DatabaseError(text) from error

    def _check_mark(self) -> None:
        try:
            mark = json.loads(self.mark.read_text(encoding="utf-8"))
            form, neo4j = int(mark["format"]), str(mark["neo4j"])
        except (ValueError, KeyError, TypeError) as error:
            raise DatabaseError(f"{self.mark.name} in the local store cannot be read: restore it from a backup.") from error
        if form > FORMAT or _numbers(neo4j) > _numbers(NEO4J_VERSION):
            raise DatabaseError(
                f"Neo4j {neo4j} has written this local store, this package has {NEO4J_VERSION}: upgrade mcp-context-persistence."
            )

    def write_mark(self) -> None:
        """Marks the folder as a store of this version; its data may be changed by it from now on."""
        write(self.mark, json.dumps({"format": FORMAT, "neo4j": NEO4J_VERSION}))

    def password(self) -> str:
        """The password of the user ``neo4j``: 256 random bits, made at the first call."""
        with contextlib.suppress(FileNotFoundError):
            found = self.secret.read_text(encoding="ascii").strip()
            if found:
                return found
        write(self.secret, secrets.token_urlsafe(32))
        return self.secret.read_text(encoding="ascii").strip()

    def read_state(self) -> State | None:
        """What the last run wrote, alive or not."""
        try:
            row: dict[str, Any] = json.loads(self.state.read_text(encoding="utf-8"))
            return State(**row)
        except (OSError, ValueError, TypeError):
            return None

    def write_state(self, state: State) -> None:
        """Replaces the state at once."""
        write(self.state, json.dumps(asdict(state)))


OWN = frozenset({"gate.lock", "server.lock", "leases", "conf", "logs", "data", "password", "server.json", "keep", "stop", "sizes"})

DRAFT = re.compile(r"\.(.+)\.\d+(-\d+)?")  # see `write`


def _is_draft(name: str) -> bool:
    """Whether a file is what a killed process, or one that is at work, has not put in its place yet."""
    found = DRAFT.fullmatch(name)
    return found is not None and found[1] in OWN | {"store.json"}


def write(file: Path, text: str) -> None:
    """Replaces a private file at once: a reader sees the old or the new text, and nobody but the owner reads it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as content:
        os.fchmod(descriptor, 0o600)
        content.write(text)
        content.flush()
        os.fsync(descriptor)
    draft.replace(file)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
