"""The file `server.json`, as the supervisor keeps it correct. Standard library only."""

import contextlib

from mcp_context_persistence.kg.local.store import State, Store


class StateFile:
    """The state that a supervisor publishes.

    Attributes:
        state: What the file says, or shall say as soon as it can be written.
    """

    def __init__(self, store: Store, state: State) -> None:
        """Create it; the first change writes the file."""
        self._store = store
        self.state = state
        self._version: tuple[int, int, int] | None = None  # of the file that this process wrote

    def write(self, state: State) -> None:
        """Write a state. On a full disk `correct` tries again later."""
        self.state = state
        self._version = None
        with contextlib.suppress(OSError):
            self._store.write_state(state)
            self._version = self._read_version()

    def correct(self) -> None:
        """Write the state again where it could not be written, or where the file was replaced."""
        if self._version is None or self._version != self._read_version():
            self.write(self.state)

    def _read_version(self) -> tuple[int, int, int] | None:
        try:
            entry = self._store.state_file.stat()
        except OSError:
            return None
        return entry.st_ino, entry.st_mtime_ns, entry.st_size
