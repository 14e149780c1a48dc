"""The folder with the lease and the keys of the service of a database."""

from hashlib import sha256
from pathlib import Path

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.driver import url


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
    from mcp_context_persistence.runtime.config.settings import load_config  # noqa: PLC0415 - takes 0.5 s
    from mcp_context_persistence.runtime.connection import configured_target  # noqa: PLC0415 - likewise

    return configured_target(load_config())
