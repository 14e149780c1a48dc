"""The folder with the lease and the keys of the service of a database, and what it depends on."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from mcp_context_persistence import __version__
from mcp_context_persistence.kg import local, url

# Settings that change where and how fast a process works, not what it answers.
_OWN_SETTINGS = (
    *("database_u", "database_p", "credentials_", "pool_size", "max_overflow", "echo"),
    *("vector_db_", "batch_size", "cache_", "max_memory_", "enable_parallel_", "log_"),
)


def service_folder(database_url: str | None) -> Path | None:
    """Return the folder with the keys and the lease of a service, None for a throwaway store.

    It is the folder of a store. A remote database has one in the data folder of the user.

    Args:
        database_url: As the client takes it; None means the configured one.
    """
    target = find_target(database_url)
    if isinstance(target, url.LocalTarget):
        return target.path
    name = sha256(f"{target.uri} {target.database or ''}".encode()).hexdigest()[:16]
    return local.default_store().parent / "services" / name


def find_target(database_url: str | None) -> url.LocalTarget | url.RemoteTarget:
    """Return what a database URL names; None means the configured one."""
    if database_url is not None:
        return url.parse_url(database_url)
    from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - takes 0.1 s
    from mcp_context_persistence.runtime.config.target import configured_target  # noqa: PLC0415

    return configured_target(load_config())


def find_credentials(
    database_url: str | None,
    config: Mapping[str, Any] | None = None,
    auth: tuple[str, str] | None = None,
) -> str:
    """Return the user and the password of a remote database in one text, empty for a store.

    Args:
        database_url: As the client takes it; None means the configured one.
        config: As the client takes it.
        auth: As the client takes it.

    Raises:
        ValidationError: Two sources say different things.
    """
    target = find_target(database_url)
    if isinstance(target, url.LocalTarget):
        return ""
    from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - takes 0.1 s
    from mcp_context_persistence.runtime.server_access import resolve_access  # noqa: PLC0415

    loaded = load_config(config, database_url=database_url)
    access = resolve_access(target, loaded, auth=auth, database=None)
    return json.dumps(access.auth) if access.auth else ""


def digest_settings(config: Mapping[str, Any] | None = None) -> str:
    """Return a digest of what answers depend on besides the store: the version and the settings.

    Args:
        config: As the client takes it.
    """
    from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - takes 0.1 s

    settings = {
        name: value
        for name, value in load_config(config).shown().items()
        if not name.startswith(_OWN_SETTINGS)
    }
    text = json.dumps([__version__, settings], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()
