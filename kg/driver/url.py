"""Parse a `database_url`: a store on this machine, a throwaway store, or a server."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mcp_context_persistence.kg.errors import ValidationError

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
FORMS = (
    "local:PATH, sqlite:///PATH (a store in that directory), :memory:, bolt://HOST:PORT or "
    "neo4j://HOST:PORT, with +s or +ssc for TLS"
)
_SQLITE_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """A store of a managed server in the folder `path`; None means a throwaway store."""

    path: Path | None


@dataclass(frozen=True, kw_only=True)
class RemoteTarget:
    """A Neo4j that somebody else runs; `auth` is user and password from the address, or None."""

    uri: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    database: str | None = None


def parse_url(url: object) -> LocalTarget | RemoteTarget:
    """Read a `database_url`.

    Raises:
        ValidationError: It has none of the supported forms, which the text lists. A real SQLite
            file is refused and left untouched.
    """
    if not isinstance(url, str) or not url.strip() or "\0" in url:
        raise ValidationError(f"database_url must be one of: {FORMS}")
    if url in {":memory:", "sqlite:///:memory:", "sqlite://"}:
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
            "database_url: there is a file at that path; a store needs a directory"
        )
    return path


def _parse_remote(url: str) -> RemoteTarget:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise ValidationError(f"database_url must be one of: {FORMS}") from error
    if parts.scheme not in SCHEMES or not parts.hostname or parts.fragment:
        raise ValidationError(f"database_url must be one of: {FORMS}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{host}:{port}" if port else host
    query = f"?{parts.query}" if parts.query else ""
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    return RemoteTarget(
        uri=f"{parts.scheme}://{address}{query}", auth=auth, database=parts.path.strip("/") or None
    )


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
