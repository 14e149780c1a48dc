"""Parse a `database_url`: a store on this machine, a throwaway store, or a server."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mcp_context_persistence.kg.errors import ValidationError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
FORMS = (
    "local:PATH, sqlite:///PATH (a store in that directory), :memory:, bolt://HOST:PORT or "
    "neo4j://HOST:PORT, with +s or +ssc for TLS"
)
DEFAULT_PORT = 7687
THROWAWAY = (":memory:", "sqlite:///:memory:", "sqlite://")
_DATABASE = "database="
_SQLITE_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """A store of a managed server in the folder `path`; None means a throwaway store."""

    path: Path | None


@dataclass(frozen=True, kw_only=True)
class RemoteTarget:
    """A Neo4j that somebody else runs, with what the URL says besides the address.

    Attributes:
        uri: The address of the server, without the other parts.
        user: The user, None where the URL has none.
        password: The password.
        database: The name of the database, from the path or `?database=`.
    """

    uri: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None


def complete_url(text: str) -> str:
    """Return the URL for a text that may also be the path of a store's folder.

    Paths become absolute: other processes get them, which have other working directories. A text
    such as `localhost:7687` is returned as it is, unless there is such a folder.
    """
    if text in THROWAWAY:
        return text
    folder = text.removeprefix("sqlite:///").removeprefix("local:")
    is_url = "://" in folder or folder.startswith(":")
    if not folder or is_url or (folder == text and _looks_like_address(text)):
        return text
    path = os.path.expanduser(folder)  # which raises nothing for an unknown user
    return f"local:{path if path.startswith('~') else Path(path).absolute()}"


def _looks_like_address(text: str) -> bool:
    """Return whether a text has a colon where addresses have one, and is no folder."""
    return ":" in text.partition("/")[0] and not os.path.isdir(text)


def parse_url(url: object) -> LocalTarget | RemoteTarget:
    """Read a `database_url`.

    Raises:
        ValidationError: It has none of the supported forms, which the text lists. A real SQLite
            file is refused and left untouched.
    """
    if not isinstance(url, str) or not url.strip() or "\0" in url:
        raise ValidationError(f"database_url must be one of: {FORMS}")
    if url in THROWAWAY:
        return LocalTarget(path=None)
    for prefix in ("local:", "sqlite:///"):
        if url.startswith(prefix) and url.removeprefix(prefix):
            return LocalTarget(path=_parse_directory(url.removeprefix(prefix)))
    return _parse_remote(url)


def _parse_directory(text: str) -> Path:
    try:
        path = Path(text).expanduser().absolute()
        is_file = path.exists() and not path.is_dir()
        is_sqlite = is_file and path.is_file() and _starts_with(path, _SQLITE_MAGIC)
    except (OSError, RuntimeError) as error:
        raise ValidationError("database_url: the store's path cannot be read") from error
    if is_sqlite:
        raise ValidationError(
            "database_url: there is a real SQLite file at that path, which was left unchanged; "
            "choose another path"
        )
    if is_file:
        raise ValidationError(
            "database_url: there is a file at that path, but a store needs a directory; "
            "choose another path"
        )
    return path


def _parse_remote(url: str) -> RemoteTarget:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise ValidationError(f"database_url must be one of: {FORMS}") from error
    if parts.scheme not in SCHEMES or not parts.hostname or parts.fragment or port == 0:
        raise ValidationError(f"database_url must be one of: {FORMS}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{host}:{port}" if port else host
    database, query = _split_database(parts.path, parts.query)
    return RemoteTarget(
        uri=f"{parts.scheme}://{address}{query}",
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        database=database,
    )


def _split_database(path: str, query: str) -> tuple[str | None, str]:
    """Return the database that a URL names in its path or its query, and the rest of the query."""
    fields = [field for field in query.split("&") if field]
    values = [unquote(field.removeprefix(_DATABASE)) for field in fields if _is_database(field)]
    names = {name for name in (unquote(path.strip("/")), *values) if name}
    if len(names) > 1:
        raise ValidationError(
            "database_url names two databases, in its path and in ?database=; remove one of them"
        )
    rest = "&".join(field for field in fields if not _is_database(field))
    return names.pop() if names else None, f"?{rest}" if rest else ""


def _is_database(field: str) -> bool:
    return field.startswith(_DATABASE)


def is_same_server(first: str, second: str) -> bool:
    """Return whether two URLs name the same server; a port that is left out is the usual one."""
    targets = [parse_url(url) for url in (first, second)]
    if all(isinstance(target, RemoteTarget) for target in targets):
        return (
            len({_normalize(target.uri) for target in targets if isinstance(target, RemoteTarget)})
            == 1
        )
    return targets[0] == targets[1]


def _normalize(uri: str) -> tuple[str, str | None, int, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORT, parts.query


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
