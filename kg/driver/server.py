"""Version and abilities of a server."""

import re
from dataclasses import dataclass

from mcp_context_persistence.cypher import Dialect
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is


@dataclass(frozen=True, kw_only=True)
class Server:
    """What is known of a server after the first contact.

    Attributes:
        version: Such as ``2026.02.3``.
        edition: ``community`` or ``enterprise``.
        dialect: ``25`` where the server has Cypher 25 with `SEARCH`, else ``5``.
        has_binary_vectors: Whether vectors travel as binary (Bolt 6), four bytes a number, instead
            of as lists.
    """

    version: str
    edition: str
    dialect: Dialect
    has_binary_vectors: bool


def read_components() -> Statement[Row]:
    """Read name, version and edition of the server's components; any server can answer."""
    return Statement(name="maintenance/components", read=as_is)


def choose_dialect(version: str) -> Dialect:
    """Return the dialect for a server of this version.

    `SEARCH` exists in 2026.02 and later, and in Aura, whose versions end in ``-aura``.
    """
    match = re.match(r"(\d{4})\.(\d+)", version)
    if match is None:
        return "25" if version.endswith("-aura") else "5"
    return "25" if (int(match[1]), int(match[2])) >= (2026, 2) else "5"
