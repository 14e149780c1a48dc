"""Starting: an existing store's server as the library starts it, against the same server started plainly; and attaching to a running one."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Row, seconds
from mcp_context_persistence.kg import local

QUICK = local.ServerSettings(linger_seconds=0.0)
PLAIN = local.ServerSettings(linger_seconds=0.0, aot=False)
ATTACH = """
import sys, time
from pathlib import Path
from mcp_context_persistence.kg.local.attachment import attach
start = time.perf_counter()
attachment = attach(Path(sys.argv[1]))
print(time.perf_counter() - start)
attachment.close()
"""


def start(place: Path, *, times: int = 7) -> Row:
    """Cold start of an existing store, from the call until it answers; ours and plain in turn."""
    local.make_start_cache(seconds=300)
    _once(place, QUICK)  # makes the store
    pairs = [(_once(place, QUICK), _once(place, PLAIN)) for _ in range(times)]
    ratio = statistics.median(a / b for a, b in pairs)
    return Row(
        work="cold start of an existing local store",
        ours=statistics.median(a for a, _ in pairs),
        bare=statistics.median(b for _, b in pairs),
        unit="s",
        ratio=ratio,
        need="<= 0.65",
        met=ratio <= 0.65,
    )


def _once(place: Path, settings: local.ServerSettings) -> float:
    """Seconds of one start; the server is stopped again afterwards."""
    taken: list[local.Attachment] = []
    found = seconds(lambda: taken.append(local.attach(place, settings=settings)))
    taken[0].close()
    while local.status(place).running:
        time.sleep(0.1)
    time.sleep(3)
    return found


def attach(place: Path, *, times: int = 7) -> Row:
    """Attach of a second process, after its imports."""
    with local.attach(place):
        found = []
        for _ in range(times):
            done = subprocess.run(
                [sys.executable, "-c", ATTACH, str(place)],
                capture_output=True,
                text=True,
                check=True,
            )
            found.append(float(done.stdout))
    middle = statistics.median(found)
    return Row(
        work="attach of a second process, after imports",
        ours=middle * 1000,
        bare=None,
        unit="ms",
        ratio=None,
        need="<= 300 ms",
        met=middle <= 0.3,
    )
