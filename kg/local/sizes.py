"""How large a server is: its heap and its page cache, and what they may be within a share of memory.

Only the standard library is used here, because the supervisor uses the same functions.
"""

import re

from mcp_context_persistence.kg import limits

MIB = 1 << 20
HEAP, PAGE_CACHE = 1024, 256  # MiB, where nothing is bounded
FIRST_HEAP = 256  # MiB: a small store's server lives in it, with a fifth of its time in collections at most
LEAST_HEAP, LEAST_PAGE_CACHE = 400, 32  # MiB
# Resident beyond heap and page cache: compiled code, classes, the collector's tables, network buffers, mapped index files; 426 MiB.
OVERHEAD = limits.MEMORY_SERVER_BYTES - (LEAST_HEAP + LEAST_PAGE_CACHE) * MIB
STATEMENTS_SHARE = 0.35  # of the heap, for all transactions together
# What the largest update needs, 10,000 entities and as many relationships: it fails with 210 MiB and passes with 245.
LEAST_STATEMENTS = 248  # MiB
_SIZE = re.compile(r"([0-9]+)([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}


def within(share: int) -> tuple[int, int]:
    """Heap and page cache in MiB of a server that stays within a share of memory; never larger than the usual ones.

    Four fifths of what is left beside the overhead go to the heap: statements, sorting and graph algorithms work there, while the
    operating system keeps the store's files in its own cache too.

    Args:
        share: Bytes of memory that the server's process may take; less than the least is taken for the least.
    """
    rest = (max(share, limits.MEMORY_SERVER_BYTES) - OVERHEAD) // MIB
    heap = min(HEAP, max(LEAST_HEAP, rest * 4 // 5))
    page_cache = min(PAGE_CACHE, max(LEAST_PAGE_CACHE, rest - heap))
    return heap, page_cache


def number(size: str) -> int:
    """Bytes of a size as Java writes it, such as ``1g``; 0 where it is not one."""
    found = _SIZE.fullmatch(size)
    return int(found[1]) * _UNITS[found[2].lower()] if found else 0


def flags(heap: str) -> list[str]:
    """Return Java's flags for the heap: it starts small and grows when it is needed."""
    return [f"-Xms{min(number(heap), FIRST_HEAP * MIB) // MIB}m", f"-Xmx{heap}"]


def options(heap: str, page_cache: str) -> dict[str, str]:
    """Neo4j's settings for both, and for what transactions may take of the heap, so that a heavy one fails instead of the server."""
    return {
        "dbms.memory.transaction.total.max": str(statements(number(heap))),
        "server.memory.heap.initial_size": heap,
        "server.memory.heap.max_size": heap,
        "server.memory.pagecache.size": page_cache,
    }


def statements(heap: int) -> int:
    """Return the bytes of a heap that all transactions may take together.

    Neo4j does not count what graph algorithms take: see `queries.analytics.admission`.
    """
    return max(int(heap * STATEMENTS_SHARE), LEAST_STATEMENTS * MIB)


def changed(given: list[str], heap: str) -> list[str]:
    """Java's flags with another heap."""
    return [*flags(heap), *(flag for flag in given if not flag.startswith(("-Xms", "-Xmx")))]
