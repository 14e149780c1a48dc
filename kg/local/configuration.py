"""The configuration of a server, written before every start. Standard library only.

The supervisor writes it: a server that is started again gets the settings of this library even
where somebody has removed the files meanwhile.
"""

import hashlib
import secrets
from collections.abc import Mapping

from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.server_logs import log_configurations
from mcp_context_persistence.kg.local.settings import LOOPBACK, USER
from mcp_context_persistence.kg.local.store import Store

FILE_NAME = "neo4j.conf"
HASH_ROUNDS = 1024  # as `neo4j-admin dbms set-initial-password` does it


def make_options(plugins: str) -> dict[str, str]:
    """Return the options in `neo4j.conf`; ports and sizes are on the command line of each start.

    Args:
        plugins: The folder with the jars of Graph Data Science.
    """
    return {
        "server.default_listen_address": LOOPBACK,
        "server.default_advertised_address": "localhost",
        "server.https.enabled": "false",
        "server.http_enabled_modules": "BROWSER",  # one port less, and a second less
        "server.directories.plugins": plugins,
        "dbms.security.procedures.unrestricted": "gds.*",
        "dbms.usage_report.enabled": "false",
        "db.logs.query.enabled": "OFF",  # statements contain what users wrote
        "client.allow_telemetry": "false",
        # In a young store, the statistics change all the time, and plans expire every ten seconds.
        "dbms.cypher.min_replan_interval": "3m",
        # Else an orderly stop sleeps for ten seconds.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        "db.tx_log.rotation.retention_policy": "2 files",
        "db.tx_log.rotation.size": "64m",
        "db.tx_log.preallocate": "false",
        # By volume; the default checks every 15 minutes, and the log keeps everything of that time.
        "db.checkpoint": "VOLUME",
        "db.checkpoint.interval.volume": "64m",
    }


def write(store: Store, options: Mapping[str, str]) -> None:
    """Write the files in `conf`, and before the first start the hash of the password."""
    for name, text in log_configurations().items():
        replace_file(store.conf / name, text)
    lines = [f"{name}={_escape(value)}" for name, value in options.items()]
    replace_file(
        store.conf / FILE_NAME, "# Written anew at every start.\n" + "\n".join(lines) + "\n"
    )
    if not store.has_data:
        folder = store.data / "dbms"
        folder.mkdir(mode=0o700, exist_ok=True)
        password_hash = hash_password(store.password(), secrets.token_bytes(32))
        replace_file(folder / "auth.ini", f"{USER}:{password_hash}:\n")


def hash_password(password: str, salt: bytes) -> str:
    """Return the password as `auth.ini` has it: salted SHA-256 in 1,024 rounds."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(HASH_ROUNDS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"SHA-256,{digest.hex()},{salt.hex()},{HASH_ROUNDS}"


def _escape(value: str) -> str:
    r"""Escape the backslashes of a value for a properties file."""
    return value.replace("\\", "\\\\")
