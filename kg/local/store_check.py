"""Neo4j's own check of the files of a stopped store. Standard library only.

Who copies a folder while its server writes to it may copy some files earlier and others later. Such
a copy can be opened, but its values may be cut.
"""

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.limits import CHECK_SECONDS
from mcp_context_persistence.kg.local.diagnosis import Failure
from mcp_context_persistence.kg.local.process import die_with_parent
from mcp_context_persistence.kg.local.store import Store

TOOL = "org.neo4j.cli.AdminTool"
FLAGS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Xlog:disable",
    "--enable-native-access=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
)
OPTIONS = ("--max-off-heap-memory=256m", "--threads=1")
REPORTS = "inconsistencies-*.report"  # the tool writes one where it finds something
POLL_SECONDS = 0.1
ADVICE = (
    "stop the server of the original (`context-persistence server stop`), then copy the folder "
    "again. To use this copy as it is, delete its file `{name}` and open it again."
)


def check_files(
    store: Store, specification: dict[str, Any], is_needed: Callable[[], bool]
) -> Failure | None:
    """Check the files of the database, whose server has stopped in order.

    What the tool writes contains values of the database, so it goes to the temporary files.

    Args:
        store: The store's files.
        specification: Made by `server_specification.make_specification`.
        is_needed: Whether to go on.

    Returns:
        What is wrong and what to do; None where nothing is.
    """
    store.empty_temporary()
    with (store.temporary / "check.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            _build_command(store, specification),
            cwd=store.folder,
            env={**os.environ, "NEO4J_HOME": str(store.folder), "NEO4J_CONF": str(store.conf)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - this process has one thread
        )
    deadline = Deadline.after(CHECK_SECONDS)
    while process.poll() is None and is_needed() and not deadline.has_passed:
        time.sleep(POLL_SECONDS)
    if process.poll() is None:
        process.kill()
    status = process.wait()
    if status == 0:
        return None
    advice = ADVICE.format(name=store.unchecked.name)
    copy = f"The local store {store.folder} was copied while its server was running"
    if any(store.temporary.glob(REPORTS)):
        return Failure(text=f"{copy}, and its data is damaged: {advice}")
    return Failure(
        text=f"{copy}, and its data could not be checked: {advice}", retryable=status < 0
    )


def _build_command(store: Store, specification: dict[str, Any]) -> list[str]:
    return [
        specification["java"],
        *FLAGS,
        f"-Djava.io.tmpdir={store.temporary}",
        "-cp",
        specification["class_path"],
        TOOL,
        *("database", "check", "neo4j", f"--report-path={store.temporary}"),
        *OPTIONS,
    ]
