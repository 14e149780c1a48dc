"""A store's folder: its files, who may use it, and the state of its server.

Standard library only, because the supervisor reads and writes the same files.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local.files import read_file, replace_file
from mcp_context_persistence.kg.local.identity import Identity
from mcp_context_persistence.kg.local.ownership import check_umask
from mcp_context_persistence.kg.local.settings import DATABASE, LOOPBACK, NEO4J_VERSION
from mcp_context_persistence.kg.local.space import translate_os_error

FORMAT = 1
PRIVATE = 0o700
PATH_IS_FILE = (
    "The path of the local store is a file, and a store is a folder: name another path. "
    "The file is untouched."
)
PATH_IS_NO_TEXT = (
    "The path of the local store has bytes that are not UTF-8, and Java would use another folder: "
    "name another path, or rename the folder. Nothing was changed."
)
Phase = Literal["starting", "checking", "running", "stopping", "stopped", "failed"]
MAX_PORT = 65_535
# Of the fields of `State`; the others are texts.
FIELD_TYPES: dict[str, type] = {
    **dict.fromkeys(("supervisor", "pid", "bolt_port", "http_port"), int),
    "versions": dict,
    "retryable": bool,
}


@dataclass(frozen=True, kw_only=True)
class State:
    """The content of `server.json`, which the supervisor writes.

    Attributes:
        phase: What the server was doing when its supervisor last wrote.
        nonce: Nonce of this run of the supervisor.
        supervisor: Its process id.
        pid: Process id of the server, 0 while there is none.
        started: The start of that process, as `process.read_start_time` returns it.
        bolt_port: Port of the Bolt protocol on the loopback interface; preferred at the next
            start.
        http_port: Port of the web server with Neo4j Browser.
        versions: Versions of ``neo4j``, ``gds`` and ``java``.
        error: Why it failed, and what to do.
        retryable: Whether the same may succeed later without any change.
        heap: Heap of the server's Java, as Java writes it, such as ``1g``; empty where an older
            version started it.
        page_cache: For pages of the store, likewise.
        supervisor_started: The start of the supervisor's process, empty where an older version
            started it.
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

    @property
    def bolt_url(self) -> str:
        """Such as ``bolt://127.0.0.1:40001``."""
        return f"bolt://{LOOPBACK}:{self.bolt_port}"

    @property
    def http_url(self) -> str:
        """Such as ``http://127.0.0.1:40002``."""
        return f"http://{LOOPBACK}:{self.http_port}"

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "State":
        """Return the state of a row of any version; unknown fields are left out.

        Raises:
            TypeError: A field is missing or has another type.
            ValueError: A number is no port.
        """
        names = {state_field.name for state_field in fields(cls)}
        state = cls(**{name: value for name, value in row.items() if name in names})
        for name, value in asdict(state).items():
            if not isinstance(value, FIELD_TYPES.get(name, str)):
                raise TypeError(name)
        if not all(isinstance(version, str) for version in state.versions.values()):
            raise TypeError("versions")
        if not all(0 <= port <= MAX_PORT for port in (state.bolt_port, state.http_port)):
            raise ValueError("port")
        return state


class Store:
    """The files of one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Held briefly by whoever joins or ends the server. Older versions use the same file name.
        self.join_lock = folder / "gate.lock"
        self.server_lock = folder / "server.lock"  # held by the supervisor as long as it lives
        self.leases = folder / "leases"
        self.state_file = folder / "server.json"
        self.mark = folder / "store.json"
        self.identity = folder / "identity"  # where the folder was when this file was written
        self.secret = folder / "password"
        self.next_secret = folder / "password.new"  # of a copied store, until its server runs
        self.keep_order_file = folder / "keep"  # holds the nonce of a run that lasts until `stop`
        self.stop_order_file = folder / "stop"  # holds the nonce of a run that shall end
        self.linger_order_file = folder / "linger"  # of a run that waits longer for its next user
        # Orders for a run that goes on: with another heap and page cache, with another process.
        self.size_order_file = folder / "sizes"
        self.restart_order_file = folder / "restart"
        self.order_files = (
            self.keep_order_file,
            self.stop_order_file,
            self.linger_order_file,
            self.size_order_file,
            self.restart_order_file,
        )
        # Exists while the database may have stopped because it could not write: its log may end in
        # half an entry.
        self.panicked = folder / "panicked"
        # Of a copy that was made while a server was running, until its files are checked.
        self.unchecked = folder / "unchecked"
        self.temporary = folder / "temporary"  # of the server's process; emptied at every start
        self.conf = folder / "conf"
        self.logs = folder / "logs"
        self.data = folder / "data"

    def exists(self) -> bool:
        """Return whether the folder is a store."""
        return self.mark.is_file()

    def prepare(self) -> None:
        """Make an empty or missing folder a store, and create its missing files again.

        Raises:
            ValidationError: The path holds something else, which stays untouched.
            DatabaseError: A newer version has written the store, its data is gone, or it cannot be
                written.
        """
        check_umask()
        try:
            os.fsencode(self.folder).decode()
        except UnicodeError as error:
            raise ValidationError(PATH_IS_NO_TEXT) from error
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise ValidationError(PATH_IS_FILE)
            if self.exists():
                self._check_mark()
                self.check_data()
            elif self.folder.is_dir():
                self._check_unmarked()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.make_folders()
            for folder in (self.folder, *self._folders):
                if stat.S_IMODE(folder.stat().st_mode) != PRIVATE:  # only its owner may change it
                    folder.chmod(PRIVATE)
            if self.server_lock.exists() and self.server_lock.stat().st_nlink > 1:
                raise DatabaseError(
                    f"The local store {self.folder} shares its files with another folder "
                    "(hard links): copy it with their content."
                )
        except OSError as error:
            raise translate_os_error(error, self.folder) from error

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.leases, self.conf, self.logs, self.data, self.temporary

    def make_folders(self) -> None:
        """Make the folders that are missing in the store's folder, which must be there."""
        for folder in self._folders:
            folder.mkdir(mode=0o700, exist_ok=True)

    def remove_empty_id(self) -> None:
        """Remove Neo4j's id of this server where it is empty; Neo4j then makes another one.

        It is not written to the disk at once. So it is empty if the host dies soon after the first
        start, and no server would start any more.
        """
        server_id = self.data / "server_id"
        if server_id.exists() and server_id.stat().st_size == 0:
            server_id.unlink()

    def _check_unmarked(self) -> None:
        """Refuse a folder without `store.json`, unless it is a store that has only lost that file.

        `store.json` is written again before the next start of the server; another process may just
        have done so.
        """
        if any(
            entry.name not in OWN_NAMES | {self.mark.name} and not _is_draft(entry.name)
            for entry in self.folder.iterdir()
        ):
            if self.server_lock.exists() and self.secret.exists():
                raise DatabaseError(
                    f"The local store {self.folder} has lost its file `{self.mark.name}`, and its "
                    "folder has other files too: move these somewhere else, then open it again."
                )
            raise ValidationError(
                "The folder of the local store contains other files: name an empty or a new folder."
            )
        if self.has_data and not self.secret.exists():
            raise ValidationError(
                "The folder has the data of a Neo4j that is not a local store, or a store that "
                f"has lost its files `{self.mark.name}` and `{self.secret.name}`: name an empty or "
                "a new folder, or restore both files from the same backup."
            )

    def check_data(self) -> None:
        """Raise a `DatabaseError` where the store had data, and somebody has removed it."""
        if self._read_mark().get("has_data") and not self.has_data:
            raise DatabaseError(
                f"The local store {self.folder} has lost its data (the folder `{self.data.name}`): "
                "restore it from a backup, or delete the store's whole folder to begin without "
                "data."
            )

    def _read_mark(self) -> dict[str, Any]:
        """Return the content of `store.json`, an empty row where it cannot be read."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            mark = json.loads(read_file(self.mark))
            return mark if isinstance(mark, dict) else {}
        return {}

    def _check_mark(self) -> None:
        mark = self._read_mark()
        try:
            format_version, neo4j = int(mark["format"]), str(mark["neo4j"])
        except (ValueError, KeyError, TypeError) as error:
            raise DatabaseError(
                f"{self.mark.name} in the local store {self.folder} cannot be read: delete it, "
                "then open the store again, which writes it anew."
            ) from error
        if format_version > FORMAT or _parse_version(neo4j) > _parse_version(NEO4J_VERSION):
            raise DatabaseError(
                f"Neo4j {neo4j} has written this local store, this package has {NEO4J_VERSION}: "
                "upgrade mcp-context-persistence."
            )

    def write_mark(self, *, is_ready: bool = False) -> None:
        """Mark the folder as a store of this version, which may change its data from now on.

        Args:
            is_ready: Whether a server is ready, so that clients may store data.
        """
        has_data = is_ready or (self.has_data and self.was_ready)
        mark = {"format": FORMAT, "neo4j": NEO4J_VERSION, "has_data": has_data}
        replace_file(self.mark, json.dumps(mark))

    @property
    def was_ready(self) -> bool:
        """Whether a server got ready on it, so that clients may have stored data."""
        return bool(self._read_mark().get("has_data", True))

    @property
    def has_data(self) -> bool:
        """Whether a server was started on it; then its data contains the password too."""
        return (self.data / "databases").exists()

    def password(self) -> str:
        """Return the password of the user ``neo4j``: 256 random bits, made at the first call.

        Raises:
            DatabaseError: The file is missing, and the data has a password already.
        """
        if password := self.read_secret():
            return password
        if self.has_data:
            raise DatabaseError(
                f"The local store {self.folder} has lost its file `{self.secret.name}`, or the "
                "file is damaged: restore it from the same backup."
            )
        replace_file(self.secret, secrets.token_urlsafe(32))
        return self.read_secret()

    def read_secret(self) -> str:
        """Return the password in its file, empty where the file is missing or damaged."""
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            return read_file(self.secret, encoding="ascii").strip()
        return ""

    def adopt(self) -> None:
        """Make the folder a store of its own where it is a copy of another one.

        The files about the original's server are deleted. A copy gets another password: at once
        where there is no data, else `password.new` orders it for when the server runs. If it was
        copied while a server was running, `unchecked` orders a check of its data. The caller holds
        the join lock, and nobody holds `server.lock`.
        """
        current, recorded = Identity.of(self.folder), Identity.read(self.identity)
        if current == recorded:
            return
        if recorded is None or not recorded.is_same(current):
            if recorded is not None and self.data.is_symlink():
                raise DatabaseError(
                    f"The local store {self.folder} is a copy, and shares its folder "
                    f"`{self.data.name}` with the original (a link): replace the link by a copy of "
                    "that folder."
                )
            if self.has_data and not self._was_stopped():
                self.unchecked.touch(mode=0o600)
            for file in (self.state_file, *self.order_files):
                file.unlink(missing_ok=True)
            if self.has_data:  # passwords that were ordered before may be valid already
                ordered = self.ordered_secrets()
                replace_file(self.next_secret, "\n".join([*ordered, secrets.token_urlsafe(32)]))
            else:
                for file in (self.secret, self.next_secret):
                    file.unlink(missing_ok=True)
        replace_file(self.identity, current.to_json())

    def _was_stopped(self) -> bool:
        """Return whether the server had stopped when the folder was copied, and none was started.

        If the times of the files were not copied, the answer may be a wrong False.
        """
        state = self.read_state()
        if state is None or state.phase != "stopped":
            return False
        stopped_ns = self.state_file.stat().st_mtime_ns
        return all(file.stat().st_mtime_ns <= stopped_ns for file in self.data.rglob("*"))

    def ordered_secrets(self) -> list[str]:
        """Return the passwords that were ordered; the last one counts. Usually there is none."""
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            return read_file(self.next_secret, encoding="ascii").split()
        return []

    def empty_temporary(self) -> None:
        """Delete the temporary files of an earlier server."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700, exist_ok=True)

    def mark_stopped_database(self) -> None:
        """Make the file `panicked`: the next start cuts off half an entry of the log."""
        with contextlib.suppress(OSError):  # an empty file needs no space on most file systems
            if not self.panicked.exists():
                self.panicked.touch(mode=0o600)

    def transaction_logs(self, database: str = DATABASE) -> list[Path]:
        """Return the transaction logs of a database, without those of its checkpoints."""
        return list((self.data / "transactions" / database).glob("neostore.transaction.db.*"))

    def read_state(self) -> State | None:
        """Return the state that the last run wrote, None where it cannot be read."""
        try:
            return State.from_row(json.loads(read_file(self.state_file)))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def write_state(self, state: State) -> None:
        """Replace the state."""
        replace_file(self.state_file, json.dumps(asdict(state)))


OWN_NAMES = frozenset(
    {
        *("gate.lock", "server.lock", "leases", "conf", "logs", "data", "temporary", "identity"),
        "run",  # of Neo4j
        *("password", "password.new", "server.json"),
        *("keep", "stop", "linger", "sizes", "restart", "panicked", "unchecked"),
        # Of the service.
        *("api_keys.json", "api_keys.lock", "service.json", "service.lock"),
    }
)

DRAFT = re.compile(r"\.(.+)\.\d+(-\d+)?")  # see `files.replace_file`


def _is_draft(name: str) -> bool:
    """Return whether a file is an unfinished one of `files.replace_file`."""
    match = DRAFT.fullmatch(name)
    return match is not None and match[1] in OWN_NAMES | {"store.json"}


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number.isdigit())
