"""What a server of some version can do."""

import re
from dataclasses import dataclass

from mcp_context_persistence.cypher import Dialect


@dataclass(frozen=True, kw_only=True)
class Server:
    """What is known of the server after the first contact.

    Attributes:
        version: Such as ``2026.02.3``.
        edition: ``community`` or ``enterprise``.
        dialect: ``25`` where Cypher 25 with `SEARCH` is there, else ``5``.
        binary_vectors: Whether vectors travel as binary (Bolt 6), four bytes a number, instead of as lists.
    """

    version: str
    edition: str
    dialect: Dialect
    binary_vectors: bool


def dialect_of(version: str) -> Dialect:
    """The dialect that a server of this version speaks with `SEARCH`: 2026.02 and later, and Aura, whose versions end in ``-aura``."""
    match = re.match(r"(\d{4})\.(\d+)", version)
    if match is None:
        return "25" if version.endswith("-aura") else "5"
    return "25" if (int(match[1]), int(match[2])) >= (2026, 2) else "5"
