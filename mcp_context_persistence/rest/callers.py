"""Who sends a request: the namespace and the scopes of the credential."""

from dataclasses import dataclass

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.lease import LOCAL_PREFIX, LocalSecret
from mcp_context_persistence.service.settings import ServiceSettings, is_loopback

NEIGHBOR = "loopback"  # id of all callers of a service without keys
NEEDS_KEY = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The owner of a credential.

    Attributes:
        id: Whose requests are counted; not a secret.
        namespace: The only namespace that the caller works in.
        scopes: What the caller may do.
        is_local: Whether it is another process of the same user, found by the lease.
    """

    id: str
    namespace: str
    scopes: frozenset[str]
    is_local: bool = False


class Credentials:
    """Recognizes the credentials of requests."""

    def __init__(self, settings: ServiceSettings, secret: LocalSecret | None) -> None:
        """Take what recognizes them.

        Args:
            settings: Names the file of keys, and the namespace of callers without one.
            secret: Signs the tokens of other processes of the same user.
        """
        self.keys = KeyFile(settings.keys_file) if settings.keys_file else None
        self._secret = secret
        self._settings = settings
        self._has_seen_keys = False

    def identify(
        self, authorization: str | None, *, client: str, host: str, is_forwarded: bool
    ) -> Caller:
        """Return the caller of a request.

        Args:
            authorization: The header of that name.
            client: Address of the client.
            host: Name in the header `Host`, without a port.
            is_forwarded: Whether a proxy has sent it, for a client on any machine.

        Raises:
            ProblemError: There is no valid credential; without keys, the request does not come from
                this machine.
        """
        if authorization is None:
            return self._accept_local_caller(client, host, is_forwarded=is_forwarded)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _ask_for_key()
        caller = self._read_token(token.strip())
        if caller is None:
            raise ProblemError("unauthorized", "the key is not valid", headers=NEEDS_KEY)
        return caller

    def _needs_key(self) -> bool:
        """Return whether there are keys, or were some: who removes the file opens nothing."""
        self._has_seen_keys = self._has_seen_keys or self._settings.has_keys
        return self._has_seen_keys

    def _accept_local_caller(self, client: str, host: str, *, is_forwarded: bool) -> Caller:
        if self._needs_key():
            raise _ask_for_key()
        if is_forwarded or not is_loopback(client) or not is_loopback(host):
            raise ProblemError(
                "forbidden",
                "this service has no keys, so it answers only on its own machine; "
                "make one with: context-persistence keys create",
            )
        return Caller(id=NEIGHBOR, namespace=self._settings.namespace, scopes=frozenset(SCOPES))

    def _read_token(self, token: str) -> Caller | None:
        if token.startswith(LOCAL_PREFIX):
            return self._read_local_token(token)
        key = self.keys.find(token) if self.keys is not None and token.isascii() else None
        if key is None:
            return None
        return Caller(id=key.id, namespace=key.namespace, scopes=frozenset(key.scopes))

    def _read_local_token(self, token: str) -> Caller | None:
        """Return the caller of a token that only the holder of the lease's secret can have made."""
        if self._secret is None or not token.isascii():
            return None
        namespace = self._secret.read_token(token)
        if namespace is None:
            return None
        try:
            validation.check_identifier("namespace", namespace, size=limits.NAMESPACE_BYTES)
        except ValidationError:
            return None
        return Caller(
            id=f"local {namespace}",
            namespace=namespace,
            scopes=frozenset(SCOPES),
            is_local=True,
        )


def _ask_for_key() -> ProblemError:
    return ProblemError("unauthorized", "send a key: Authorization: Bearer KEY", headers=NEEDS_KEY)
