"""Make the list of classes for the start-up cache: ``python -m tools.list_classes COMMAND...``.

Needed only when the jars change. A temporary server lists the classes that it loads while the
command uses it. The command finds the server by ``NEO4J_URI``, ``NEO4J_USER`` and
``NEO4J_PASSWORD``. The graph tests are real use:
``python -m tools.list_classes python -m pytest tests/graph -k "not local"``.
"""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mcp_context_persistence.kg.local.cds_archive import CLASS_LIST
from mcp_context_persistence.kg.local.lifecycle import attach, stop
from mcp_context_persistence.kg.local.settings import ServerSettings


def main(command: list[str]) -> int:
    """Run the command and write the list; return the command's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        class_file, store = Path(folder, "classes.txt"), Path(folder, "store")
        with attach(
            store,
            settings=ServerSettings(
                has_start_cache=False, linger_seconds=0, list_classes=class_file
            ),
        ) as server:
            variables = {
                "NEO4J_URI": server.bolt_url,
                "NEO4J_USER": server.user,
                "NEO4J_PASSWORD": server.password,
            }
            done = subprocess.run(command, env={**os.environ, **variables}, check=False)
        stop(store, force=True)
        lines = class_file.read_text(encoding="utf-8").splitlines(keepends=True)
    class_lines = [
        line for line in lines if not line.startswith(("@cp", "#")) and "source:" not in line
    ]
    CLASS_LIST.write_bytes(gzip.compress("".join(class_lines).encode(), 9, mtime=0))
    sys.stdout.write(f"{len(class_lines)} lines: {CLASS_LIST}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
