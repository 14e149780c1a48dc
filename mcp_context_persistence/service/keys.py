"""Bearer keys: who may call, for which namespace, and what.

The file has only the SHA-256 of a key. A key has 256 random bits, so a slow hash would protect
nothing that can be guessed.
"""

import hmac
import json
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import DatabaseError, NotFoundError, ValidationError
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.leases import locked_file
from mcp_context_persistence.kg.local.ownership import check_umask
from mcp_context_persistence.kg.system_errors import translated_system_errors

SCOPES = ("read", "write", "forget", "admin", "metrics")
KEY = re.compile(r"cp_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
LOCK_SECONDS = 10.0
ROTATION_HOURS = 24.0  # for which a rotated key stays valid


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key without its secret.

    Attributes:
        id: Eight hexadecimal digits, which are part of the key itself.
        digest: SHA-256 of the key.
        namespace: The only namespace that it opens.
        scopes: What it may do, of `SCOPES`.
        created: When it was made, in ISO 8601.
        expires: When it ends; None means never.
        name: What its owner calls it.
    """

    id: str
    digest: str
    namespace: str
    scopes: tuple[str, ...]
    created: str
    expires: str | None = None
    name: str = ""

    def is_valid(self) -> bool:
        """Return whether it has not expired."""
        return self.expires is None or datetime.fromisoformat(self.expires) > datetime.now(UTC)


class KeyFile:
    """The keys in a file, which is read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Name the file; it may be missing until the first key is made."""
        self.path = path
        self._version: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._secret = b""

    @property
    def secret(self) -> bytes:
        """Random bytes that the file has for signatures; every replica has the same file."""
        self._refresh()
        return self._secret

    def find(self, token: str) -> Key | None:
        """Return the key of a token, None where there is none, or where it has expired."""
        match = KEY.fullmatch(token)
        if match is None:
            return None
        self._refresh()
        key = self._keys.get(match[1])
        digest = _hash(token)
        if key is None or not hmac.compare_digest(key.digest, digest) or not key.is_valid():
            return None
        return key

    def list_keys(self) -> list[Key]:
        """Return all keys, those that have expired too, in the order in which they were made."""
        self._refresh()
        return list(self._keys.values())

    def create(
        self,
        *,
        namespace: str,
        scopes: Sequence[str],
        days: float | None = None,
        name: str = "",
    ) -> tuple[Key, str]:
        """Make a key.

        Args:
            namespace: The namespace that it opens.
            scopes: What it may do.
            days: After which it ends; None means never.
            name: What its owner calls it.

        Returns:
            The key, and its text, which is not stored.
        """
        checked = Key(
            id="",
            digest="",
            namespace=validation.check_identifier(
                "namespace", namespace, size=limits.NAMESPACE_BYTES
            ),
            scopes=_check_scopes(scopes),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            expires=None if days is None else _end_after(hours=24 * _check_days(days)),
            name=name and validation.check_identifier("name", name),
        )
        with self._change() as keys:
            key, token = _issue(checked, taken=keys)
            keys[key.id] = key
        return key, token

    def revoke(self, key_id: str) -> None:
        """Remove a key; requests with it are refused from now on.

        Raises:
            NotFoundError: There is no such key.
        """
        with self._change() as keys:
            if keys.pop(key_id, None) is None:
                raise NotFoundError("there is no key with this id")

    def rotate(self, key_id: str, *, hours: float = ROTATION_HOURS) -> tuple[Key, str]:
        """Make a key with the same rights as another one, which ends after some hours.

        Raises:
            NotFoundError: There is no such key.
        """
        hours = validation.check_number("hours", hours, minimum=0.0, maximum=24 * 366.0)
        with self._change() as keys:
            old = keys.get(key_id)
            if old is None:
                raise NotFoundError("there is no key with this id")
            created = datetime.now(UTC).isoformat(timespec="seconds")
            key, token = _issue(replace(old, created=created), taken=keys)
            end = _end_after(hours=hours)
            if old.expires is None or datetime.fromisoformat(old.expires) > _parse(end):
                keys[old.id] = replace(old, expires=end)
            keys[key.id] = key
        return key, token

    def _refresh(self) -> None:
        """Read the file again if it has changed.

        Raises:
            DatabaseError: It cannot be read: nobody gets in.
        """
        try:
            entry = self.path.stat()
            version = entry.st_ino, entry.st_mtime_ns, entry.st_size
            if version == self._version:
                return
            is_file = stat.S_ISREG(entry.st_mode)  # to read a pipe would never end
            self._secret, self._keys = _read(self.path.read_text("utf-8") if is_file else "")
            self._version = version
        except FileNotFoundError:
            self._version, self._keys, self._secret = None, {}, b""
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            self._version, self._keys = None, {}
            raise DatabaseError(
                "The file of the keys cannot be read: restore it, or correct its permissions.",
                retryable=True,
            ) from error

    def _change(self) -> "_Change":
        return _Change(self)

    def write(self, keys: Iterable[Key], secret: bytes) -> None:
        """Replace the file; only its owner may read it."""
        rows = [asdict(key) for key in keys]
        replace_file(self.path, json.dumps({"secret": secret.hex(), "keys": rows}, indent=1))


class _Change:
    """A change of the file, while no other process changes it."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file

    def __enter__(self) -> dict[str, Key]:
        check_umask()
        with translated_system_errors(DatabaseError):
            self._file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = locked_file(self._file.path.with_suffix(".lock"), seconds=LOCK_SECONDS)
            self._lock.__enter__()
        self._secret = self._file.secret or secrets.token_bytes(32)
        self._keys = {key.id: key for key in self._file.list_keys()}
        return self._keys

    def __exit__(self, error_type: object, error: object, traceback: object) -> None:
        try:
            if error_type is None:
                with translated_system_errors(DatabaseError):
                    self._file.write(self._keys.values(), self._secret)
        finally:
            self._lock.__exit__(None, None, None)


def _issue(draft: Key, *, taken: dict[str, Key]) -> tuple[Key, str]:
    key_id = secrets.token_hex(4)
    while key_id in taken:
        key_id = secrets.token_hex(4)
    token = f"cp_{key_id}_{secrets.token_urlsafe(32)}"
    return replace(draft, id=key_id, digest=_hash(token)), token


def _hash(token: str) -> str:
    return sha256(token.encode("ascii")).hexdigest()


def _read(text: str) -> tuple[bytes, dict[str, Key]]:
    content = json.loads(text)
    keys = [Key(**{**row, "scopes": tuple(row["scopes"])}) for row in content["keys"]]
    for key in keys:
        key.is_valid()  # reads the time
    return bytes.fromhex(content["secret"]), {key.id: key for key in keys}


def _check_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    checked = {validation.check_choice("scopes", scope, SCOPES) for scope in scopes}
    if not checked:
        raise ValidationError("scopes must not be empty")
    return tuple(scope for scope in SCOPES if scope in checked)


def _check_days(days: float) -> float:
    return validation.check_number("days", days, minimum=0.001, maximum=36_500)


def _end_after(*, hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text)
