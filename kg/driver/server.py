"""Version and abilities of a server."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mcp_context_persistence.cypher import Dialect
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError

# Dynamic labels and types together with indexes of several properties match or merge wrong nodes
# in these versions: https://neo4j.com/release-notes/database/neo4j-2025-12
FIRST_FAULTY_VERSION, FIRST_REPAIRED_VERSION = (2025, 11, 0), (2026, 1, 4)


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


def describe_server(components: Iterable[Row], protocol_version: tuple[int, int]) -> Server:
    """Return the version and the abilities of a server after the first contact.

    Args:
        components: Rows of `read_components`.
        protocol_version: Of Bolt.

    Raises:
        DatabaseError: It is not a Neo4j, or its version is known to match or merge wrong nodes.
    """
    kernel = next((row for row in components if row["name"] == "Neo4j Kernel"), None)
    if kernel is None:
        raise DatabaseError(
            "another product than Neo4j answers at the address; check the host and the port"
        )
    version = kernel["versions"][0]
    check_version(version)
    return Server(
        version=version,
        edition=kernel["edition"],
        dialect=choose_dialect(version),
        has_binary_vectors=protocol_version >= (6, 0),
    )


def choose_dialect(version: str) -> Dialect:
    """Return the dialect for a server of this version.

    `SEARCH` exists in 2026.02 and later, and in Aura, whose versions end in ``-aura``.
    """
    match = re.match(r"(\d{4})\.(\d+)", version)
    if match is None:
        return "25" if version.endswith("-aura") else "5"
    return "25" if (int(match[1]), int(match[2])) >= (2026, 2) else "5"


def check_version(version: str) -> None:
    """Refuse a server whose version is known to match or merge wrong nodes.

    Raises:
        DatabaseError: It is one of these versions.
    """
    match = re.match(r"(\d{4})\.(\d+)(?:\.(\d+))?", version)
    if match is None or version.endswith("-aura"):
        return
    if (
        FIRST_FAULTY_VERSION
        <= tuple(int(number or 0) for number in match.groups())
        < FIRST_REPAIRED_VERSION
    ):
        raise DatabaseError(
            f"Neo4j {version} can match or merge wrong nodes where dynamic labels meet indexes of "
            "several properties, which this library uses; upgrade the server to 2026.01.4 or "
            "later, or use 2025.10 or earlier"
        )
