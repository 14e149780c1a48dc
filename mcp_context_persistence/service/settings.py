"""The settings of the service, from arguments or environment variables."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.service.folders import service_folder

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
KEYS_NAME = "api_keys.json"
KEYS_VARIABLE = "CONTEXT_API_KEYS_FILE"
NUMBERS = {"requests_per_minute": 1_000_000, "threads": 256}  # of the environment, at most
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What the service serves, and to whom.

    Attributes:
        database_url: The `database_url` of its clients; None means the configured one.
        config: The `config` of its clients.
        auth: User and password of a Neo4j server that the library does not manage.
        namespace: The namespace of callers without a key, which must be on this machine.
        keys_file: The file with the keys. As long as it does not exist, callers on this machine
            need none.
        hosts: Names besides those of the loopback address that a request may have in `Host`.
        origins: Pages that may call, such as `https://memory.example`; those of the loopback
            address always may.
        redis_url: The Redis in which responses are cached; None means no cache.
        requests_per_minute: Requests of a key.
        threads: Calls that run at the same time.
        waiting: Requests that wait for a thread.
        body_bytes: Bytes of a request body.
    """

    database_url: str | None = None
    config: Mapping[str, Any] | None = None
    auth: tuple[str, str] | None = None
    namespace: str = "default"
    keys_file: Path | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    redis_url: str | None = None
    requests_per_minute: int = limits.REQUESTS_PER_MINUTE
    threads: int = limits.SERVICE_THREADS
    waiting: int = limits.SERVICE_WAITING
    body_bytes: int = limits.REQUEST_BODY_BYTES

    @classmethod
    def from_environment(cls, **arguments: Any) -> "ServiceSettings":
        """Return the settings of the environment, which arguments replace.

        Raises:
            ValidationError: A variable is not valid, or names a file of keys that is not there.
        """
        environment: dict[str, Any] = {
            "namespace": os.environ.get("CONTEXT_API_NAMESPACE") or "default",
            "hosts": _split(os.environ.get("CONTEXT_API_HOSTS", "")),
            "origins": _read_origins(os.environ.get("CONTEXT_API_ORIGINS", "")),
            "redis_url": os.environ.get("CONTEXT_API_REDIS_URL") or None,
        }
        for name, largest in NUMBERS.items():
            text = os.environ.get(f"CONTEXT_API_{name.upper()}")
            if text:
                environment[name] = _read_number(f"CONTEXT_API_{name.upper()}", text, largest)
        settings = cls(**(environment | arguments))
        validation.check_identifier("namespace", settings.namespace, size=limits.NAMESPACE_BYTES)
        if settings.redis_url is not None:
            from mcp_context_persistence.runtime.cache import stores  # noqa: PLC0415 - seldom used

            stores.connect_redis(settings.redis_url).close()
        if settings.keys_file is None:
            settings = replace(settings, keys_file=find_keys_file(settings.database_url))
            if os.environ.get(KEYS_VARIABLE) and not settings.has_keys:  # it would be open
                raise ValidationError(f"{KEYS_VARIABLE} names a file that is not there")
        return settings

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key: the file of keys exists, or cannot be checked."""
        try:
            return self.keys_file is not None and bool(self.keys_file.lstat())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # such as a folder that may not be read
            return True

    @property
    def folder(self) -> Path | None:
        """The folder of the lease; None for a throwaway store, which no other process can use."""
        return service_folder(self.database_url)


def find_keys_file(database_url: str | None) -> Path | None:
    """Return the file of keys that is configured, else the one in the folder of the service.

    It may be missing. A throwaway store has none.
    """
    configured = os.environ.get(KEYS_VARIABLE)
    if configured:
        return Path(configured)
    folder = service_folder(database_url)
    return folder / KEYS_NAME if folder else None


def is_loopback(host: str) -> bool:
    """Return whether an address is one of this machine that no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip().lower() for item in text.split(",") if item.strip())


def _read_origins(text: str) -> tuple[str, ...]:
    """Return origins in the form in which browsers send them; another form would never match."""
    origins = _split(text)
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValidationError(
            "CONTEXT_API_ORIGINS must be origins with a scheme and without a path, such as "
            "https://memory.example"
        )
    return origins


def _read_number(name: str, text: str, largest: int) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValidationError(f"{name} must be a whole number")
    return validation.check_integer(name, int(text), minimum=1, maximum=largest)
