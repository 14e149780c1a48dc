"""Makes the list of classes for the start-up cache: ``python -m tools.list_classes COMMAND...``. Needed only when the jars change.

A throw-away server lists what it loads while the command uses it; the command finds it by ``NEO4J_URI``, ``NEO4J_USER`` and
``NEO4J_PASSWORD``. The graph tests are real use: ``python -m tools.list_classes python -m pytest tests/graph -k "not local"``.
"""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mcp_context_persistence.kg.local.attachment import attach, stop
from mcp_context_persistence.kg.local.cds_archive import CLASS_LIST
from mcp_context_persistence.kg.local.settings import ServerSettings


def main(command: list[str]) -> int:
    """Runs the command and writes the list; returns the command's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        listed, store = Path(folder, "classes.txt"), Path(folder, "store")
        with attach(
            store, settings=ServerSettings(aot=False, linger_seconds=0, list_classes=listed)
        ) as server:
            given = {
                "NEO4J_URI": server.bolt_url,
                "NEO4J_USER": server.user,
                "NEO4J_PASSWORD": server.password,
            }
            done = subprocess.run(command, env={**os.environ, **given}, check=False)
        stop(store, force=True)
        lines = listed.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("@cp", "#")) and "source:" not in line]
    CLASS_LIST.write_bytes(gzip.compress("".join(kept).encode(), 9, mtime=0))
    sys.stdout.write(f"{len(kept)} lines: {CLASS_LIST}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
