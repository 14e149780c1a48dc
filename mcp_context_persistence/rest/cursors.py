"""Cursors of the service: those of the client, signed for a namespace and a call."""

import base64
import hmac
import json
from hashlib import sha256

from mcp_context_persistence.kg.schema.migrations import VERSION
from mcp_context_persistence.rest.problems import ProblemError

SIGNATURE_CHARACTERS = 22  # of 128 bits


class CursorSigner:
    """Signs cursors, so that the service accepts only its own."""

    def __init__(self, secret: bytes) -> None:
        """Take the secret that all replicas of the service share."""
        self._secret = secret

    def sign(self, cursor: str, *, namespace: str, operation: str) -> str:
        """Return a cursor for a caller."""
        return self._signature(cursor, namespace, operation) + cursor

    def read(self, signed: str, *, namespace: str, operation: str) -> str:
        """Return the client's cursor.

        Raises:
            ProblemError: It is not one that this call has returned in this namespace, or one of an
                older version of the schema.
        """
        signature, cursor = signed[:SIGNATURE_CHARACTERS], signed[SIGNATURE_CHARACTERS:]
        expected = self._signature(cursor, namespace, operation)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise ProblemError(
                "invalid",
                "cursor is not one that this call has returned, or it has expired: begin again",
                field="cursor",
            )
        return cursor

    def _signature(self, cursor: str, namespace: str, operation: str) -> str:
        text = json.dumps([VERSION, namespace, operation, cursor])
        digest = hmac.new(self._secret, text.encode(), sha256).digest()
        return base64.urlsafe_b64encode(digest).decode()[:SIGNATURE_CHARACTERS]
