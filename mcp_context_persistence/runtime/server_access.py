"""How to reach a server: its address, user, password and database, from all places that say it.

A stronger source has priority over a weaker one. Two sources of the same strength must agree, and
a file with credentials must agree with all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mcp_context_persistence.kg import url
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.config.sources import CONSTRUCTOR, Origin

DEFAULT_USER = "neo4j"
Candidate = tuple[str | None, Origin]  # a value and where it comes from


@dataclass(frozen=True, kw_only=True)
class ServerAccess:
    """How to reach a server.

    Attributes:
        uri: The address.
        auth: User and password, None for a server without authentication.
        database: Name of the database, None for the server's default.
    """

    uri: str
    auth: tuple[str, str] | None = field(repr=False)
    database: str | None


def resolve_access(
    target: url.RemoteTarget,
    config: Config,
    *,
    auth: tuple[str, str] | None,
    database: str | None,
) -> ServerAccess:
    """Return how to reach a server.

    Args:
        target: What the URL says.
        config: The settings.
        auth: The argument `auth`.
        database: The argument `database`.

    Raises:
        ValidationError: Two sources say different things. The text names both, never the values.
    """
    argument = Origin(level=CONSTRUCTOR, name="auth")
    in_url = config.origins.get("database_url", Origin(level=CONSTRUCTOR, name="database_url"))
    in_url = replace(in_url, name=f"the URL in {in_url.name}")
    password = config.database_password.get_secret_value() if config.database_password else None
    user = _choose(
        "users",
        (auth[0] if auth else None, argument),
        (target.user, in_url),
        _read_setting(config, "database_user", config.database_user, target),
    )
    password = _choose_password(
        (auth[1] if auth else None, argument),
        (target.password, in_url),
        _read_setting(config, "database_password", password, target),
    )
    name = _choose(
        "databases",
        (database, replace(argument, name="database")),
        (target.database, in_url),
        _read_setting(config, "database_name", config.database_name, target),
    )
    has_auth = bool(auth or target.user is not None or password)
    return ServerAccess(
        uri=target.uri,
        auth=(user or DEFAULT_USER, password or "") if has_auth else None,
        database=name,
    )


def _read_setting(
    config: Config, field_name: str, value: str | None, target: url.RemoteTarget
) -> Candidate:
    """Return a setting, without its default.

    The variables NEO4J_USERNAME, NEO4J_PASSWORD and NEO4J_DATABASE belong to the server in
    NEO4J_URI. They are not sent to another one.
    """
    origin = config.origins.get(field_name)
    if origin is None:
        return None, Origin(level=CONSTRUCTOR, name=field_name)
    is_other = origin.uri is not None and not url.is_same_server(origin.uri, target.uri)
    return None if is_other else value, origin


def _choose(kind: str, *candidates: Candidate) -> str | None:
    """Return the value of the strongest source that has one."""
    present = [(value, origin) for value, origin in candidates if value]
    if not present:
        return None
    level = min(origin.level for _, origin in present)
    has_file = any(origin.is_file for _, origin in present)
    rivals = [pair for pair in present if has_file or pair[1].level == level]
    _check_same(kind, rivals)
    return rivals[0][0]


def _choose_password(*candidates: Candidate) -> str | None:
    """Return the first password; only one in a file must be the same as the others."""
    present = [(value, origin) for value, origin in candidates if value is not None]
    if any(origin.is_file for _, origin in present):
        _check_same("passwords", present)
    return present[0][0] if present else None


def _check_same(kind: str, candidates: Sequence[Candidate]) -> None:
    first_value, first_origin = candidates[0]
    for value, origin in candidates[1:]:
        if value != first_value:
            raise ValidationError(
                f"{first_origin.name} and {origin.name} name different {kind}; remove one of them"
            )
