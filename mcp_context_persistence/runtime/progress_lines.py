"""Print lines while a managed server and the models are provided."""

import contextlib
import sys
import threading
from collections.abc import Callable

from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

DOWNLOADS = {
    "download": "Downloading Neo4j with Graph Data Science, {total:,.0f} MB, once per machine",
    "model": "Downloading the embedding model, {total:,.0f} MB, once per machine",
}
STEPS = {
    "verify": "Checking the files of Neo4j",
    "start": "Starting Neo4j",
    "check": "Checking the data, which was copied while a server was running",
}
QUARTERS = 4


class ProgressLines:
    """Prints a line for each stage, and one for each quarter of a download.

    Threads may share it.
    """

    def __init__(self, print_line: Callable[[str], None], *, is_quiet: bool = False) -> None:
        """Create it; the first report prints a line.

        Args:
            print_line: Prints a line.
            is_quiet: Whether to print nothing unless something is downloaded.
        """
        self._print_line, self._is_quiet = print_line, is_quiet
        self._quarters: dict[str, int] = {}
        self._lock = threading.Lock()
        renew_locks_in_children(self)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Print the progress of a stage: `done` of `total`, in bytes or seconds."""
        with self._lock:
            if stage in DOWNLOADS:
                self._report_download(stage, done, total)
            elif stage not in self._quarters and not (self._is_quiet and not self._quarters):
                self._quarters[stage] = 0
                self._print_line(f"{STEPS.get(stage, stage)} ...")

    def has_reported(self, stage: str) -> bool:
        """Return whether a line for a stage was printed."""
        return stage in self._quarters

    def _report_download(self, stage: str, done: int, total: int) -> None:
        quarter = QUARTERS * done // total if total else 0
        if stage not in self._quarters:
            self._print_line(f"{DOWNLOADS[stage].format(total=total / 1e6)} ...")
        elif quarter > self._quarters[stage]:
            self._print_line(f"  {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
        self._quarters[stage] = max(quarter, self._quarters.get(stage, 0))


def print_downloads() -> ProgressLines:
    """Return the progress function of a client that has none.

    It prints to standard error, and only at the first start on a machine.
    """
    return ProgressLines(_print_to_stderr, is_quiet=True)


def _print_to_stderr(line: str) -> None:
    # A process in the background may have none, or a closed one; opening must not fail by that.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
