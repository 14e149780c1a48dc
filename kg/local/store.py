"""A store's folder: what lies where, who may use it, and what the running server says of itself.

Only the standard library is used here, because the supervisor reads and writes the same files.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION
from mcp_context_persistence.kg.local.space import FULL, describe_full_disk

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
        retryable: Whether the same may succeed later without any change.
        heap: Of the server's Java, as Java writes it, such as ``1g``; empty where an older version started it.
        page_cache: For pages of the store, likewise.
        supervisor_started: The start of the supervisor's process, empty where an older version started it.
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
    retryable: bool = False
    supervisor_started: str = ""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "State":
        """Read what a supervisor of any version wrote; what this version does not know is left out.

        Raises:
            TypeError: Something is missing, or of another type.
        """
        known = {one.name for one in fields(cls)}
        state = cls(**{name: value for name, value in row.items() if name in known})
        for one in fields(cls):
            if one.default.__class__ in {int, str, bool} and not isinstance(
                getattr(state, one.name), one.default.__class__
            ):
                raise TypeError(one.name)
        return state


class Store:
    """The files of one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate.lock"  # held for a moment by whoever joins or ends
        self.server = folder / "server.lock"  # held by the supervisor as long as it lives
        self.leases = folder / "leases"
        self.state = folder / "server.json"
        self.mark = folder / "store.json"
        self.identity = folder / "identity"  # where the folder was when this file was written
        self.secret = folder / "password"
        self.next_secret = (
            folder / "password.new"
        )  # what the password shall become, once the server runs
        self.keep = folder / "keep"  # holds the nonce of a run that lasts until `stop`
        self.stop = folder / "stop"  # holds the nonce of a run that shall end
        # Each holds the nonce of a run that shall go on: with another heap and page cache, with another process.
        self.sizes = folder / "sizes"
        self.restart = folder / "restart"
        # Is there while the database has stopped because it could not write: its log may end in half an entry.
        self.panicked = folder / "panicked"
        self.temporary = folder / "temporary"  # of the server's process; emptied at every start
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
                entry.name not in OWN and not _is_draft(entry.name)
                for entry in self.folder.iterdir()
            ):
                raise ValidationError(
                    "The folder of the local store holds other files: name an empty or a new folder."
                )
            for folder in (
                self.folder,
                self.leases,
                self.conf,
                self.logs,
                self.data,
                self.temporary,
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            if self.server.exists() and self.server.stat().st_nlink > 1:
                raise DatabaseError(
                    f"The local store {self.folder} shares its files with another folder (hard links): copy it with their content."
                )
        except OSError as error:
            if error.errno in FULL:
                raise DatabaseError(describe_full_disk(self.folder), retryable=True) from error
            text = f"The folder of the local store cannot be used ({error.strerror}): check who owns it, and the free space."
            raise DatabaseError(text) from error

    def _check_mark(self) -> None:
        try:
            mark = json.loads(self.mark.read_text(encoding="utf-8"))
            form, neo4j = int(mark["format"]), str(mark["neo4j"])
        except (ValueError, KeyError, TypeError) as error:
            raise DatabaseError(
                f"{self.mark.name} in the local store cannot be read: restore it from a backup."
            ) from error
        if form > FORMAT or _numbers(neo4j) > _numbers(NEO4J_VERSION):
            raise DatabaseError(
                f"Neo4j {neo4j} has written this local store, this package has {NEO4J_VERSION}: upgrade mcp-context-persistence."
            )

    def write_mark(self) -> None:
        """Marks the folder as a store of this version; its data may be changed by it from now on."""
        write(self.mark, json.dumps({"format": FORMAT, "neo4j": NEO4J_VERSION}))

    @property
    def has_data(self) -> bool:
        """Whether a server has been started on it, which then has the password in its data too."""
        return (self.data / "databases").exists()

    def password(self) -> str:
        """Return the password of the user ``neo4j``: 256 random bits, made at the first call.

        Raises:
            DatabaseError: The file is missing, and the data has a password already.
        """
        with contextlib.suppress(FileNotFoundError):
            found = self.secret.read_text(encoding="ascii").strip()
            if found:
                return found
        if self.has_data:
            raise DatabaseError(
                f"The local store {self.folder} has lost its file `{self.secret.name}`: restore it from the same backup."
            )
        write(self.secret, secrets.token_urlsafe(32))
        return self.secret.read_text(encoding="ascii").strip()

    def adopt(self) -> None:
        """See whether the folder is a copy of another one, and make it a store of its own then.

        What the files say of the original's server is deleted. A copy gets another password: at once where there is no data,
        else `password.new` orders it for when the server runs. To be called while nobody holds `server.lock`, with the gate
        closed.
        """
        here, written = Identity.of(self.folder), Identity.read(self.identity)
        if here == written:
            return
        if written is None or not written.is_same(here):
            for file in (self.state, self.keep, self.stop, self.sizes, self.restart):
                file.unlink(missing_ok=True)
            if self.has_data:  # those that were ordered before may be in force already
                ordered = self.ordered_secrets()
                write(self.next_secret, "\n".join([*ordered, secrets.token_urlsafe(32)]))
            else:
                for file in (self.secret, self.next_secret):
                    file.unlink(missing_ok=True)
        write(self.identity, here.text())

    def ordered_secrets(self) -> list[str]:
        """Return what the password shall become, the last one in the end; empty where it shall stay."""
        with contextlib.suppress(FileNotFoundError):
            return self.next_secret.read_text(encoding="ascii").split()
        return []

    def empty_temporary(self) -> None:
        """Delete what an earlier server left in its folder for temporary files."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700, exist_ok=True)

    def read_state(self) -> State | None:
        """What the last run wrote, alive or not."""
        try:
            return State.from_row(json.loads(self.state.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def write_state(self, state: State) -> None:
        """Replaces the state at once."""
        write(self.state, json.dumps(asdict(state)))


OWN = frozenset(
    {
        *(
            "gate.lock",
            "server.lock",
            "leases",
            "conf",
            "logs",
            "data",
            "temporary",
            "identity",
            "password",
            "password.new",
        ),
        *("server.json", "keep", "stop", "sizes", "restart", "panicked"),
    }
)

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
