"""Whether the unreadable end of a transaction log holds nothing but a failed write.

A database that could not write its log accepts nothing until it is restarted. If its server is then
asked to stop, it writes the rest of its buffer behind the half entry, and the next start cannot
read the log. Nothing acknowledged is there. Standard library only.
"""

import re
from datetime import datetime

from mcp_context_persistence.kg.local import diagnosis
from mcp_context_persistence.kg.local.server_logs import FILES, RECORD_BYTES
from mcp_context_persistence.kg.local.settings import DATABASE
from mcp_context_persistence.kg.local.store import Store

LOG_BYTES = FILES["server-logs.xml"][0].size + RECORD_BYTES
STOP = re.compile(
    rf"^(\S+ \S+) [^\n]*Stopping 'DatabaseId\{{\w+\[{DATABASE}\]\}}'(.*?)"
    rf"^(\S+ \S+) [^\n]*Stopped 'DatabaseId\{{\w+\[{DATABASE}\]\}}' successfully",
    re.MULTILINE | re.DOTALL,
)
# A database that can write makes a checkpoint when it stops. The other is the first record of a
# run: the run before it was killed while it stopped.
OTHER_STOP = re.compile(
    rf'\[{DATABASE}/\w+\] Checkpoint triggered by "Database shutdown"|Logging config in use'
)
TOLERANCE_SECONDS = 1.0  # of the times of files


def is_of_stopped_database(store: Store) -> bool:
    """Return whether the last bytes of the log were written by the stop of a stopped database.

    The log of the server has the time of that stop, and that it made no checkpoint. Nobody has
    written to the transaction log after it.

    Args:
        store: The store's files; the database of its last start could not read its log.
    """
    try:
        written = max(file.stat().st_mtime for file in store.transaction_logs())
    except (OSError, ValueError):  # there is none
        return False
    records = diagnosis.read_tail(store.logs / diagnosis.DEBUG, limit=LOG_BYTES)
    return any(
        not OTHER_STOP.search(stop[2])
        and _seconds(stop[1]) - TOLERANCE_SECONDS < written < _seconds(stop[3]) + TOLERANCE_SECONDS
        for stop in STOP.finditer(records)
    )


def _seconds(time: str) -> float:
    """Return seconds since 1970, 0 for a text that is no time."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
