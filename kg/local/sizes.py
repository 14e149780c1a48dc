"""The size of a server: its heap and its page cache. Standard library only."""

import re
import sys

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.local.machine_memory import read_memory_limit

MIB = 1 << 20
HEAP, PAGE_CACHE = 1024, 256  # MiB, where nothing is bounded
# MiB. A small store's server runs in it, with at most a fifth of its time in collections.
FIRST_HEAP = 256
# MiB. With a heap of 400, two writers of the largest updates and three readers used it up: the
# statements' share below, the server itself and the analyses (`queries.analytics`) must fit in it.
LEAST_HEAP, LEAST_PAGE_CACHE = 496, 32
# Resident beyond heap and page cache: compiled code, classes, the collector's tables, network
# buffers, mapped index files; 426 MiB.
OVERHEAD = limits.MEMORY_SERVER_BYTES - (LEAST_HEAP + LEAST_PAGE_CACHE) * MIB
STATEMENTS_SHARE = 0.35  # of the heap, for all transactions together
# MiB that the largest update needs, 10,000 entities and as many relationships: it fails with 210
# and passes with 245.
LEAST_STATEMENTS = 248
_SIZE = re.compile(r"([0-9]+)([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}


def split_memory(share: int) -> tuple[int, int]:
    """Return heap and page cache of a server that stays within a share of memory.

    They are never larger than the usual ones. Four fifths of what remains after the overhead go to
    the heap: statements, sorting and graph algorithms work there, while the operating system keeps
    the store's files in its own cache too.

    Args:
        share: Bytes of memory that the server's process may take; a smaller share than the minimum
            counts as the minimum.

    Returns:
        MiB of the heap and of the page cache.
    """
    rest = (max(share, limits.MEMORY_SERVER_BYTES) - OVERHEAD) // MIB
    heap = min(HEAP, max(LEAST_HEAP, rest * 4 // 5))
    page_cache = min(PAGE_CACHE, max(LEAST_PAGE_CACHE, rest - heap))
    return heap, page_cache


def size_server(limit: int | None = None) -> tuple[str, str]:
    """Return heap and page cache of a server, as Java writes them.

    A machine or a container with little memory bounds them too: Neo4j refuses to start with more
    than all of it.

    Args:
        limit: Bytes that one process with models and the server may take together; None where
            nothing but the machine and the container bounds them.
    """
    bounds = [size for size in (limit, read_memory_limit()) if size is not None]
    share = min(bounds) - limits.MEMORY_PROCESS_BYTES if bounds else sys.maxsize
    heap, page_cache = split_memory(share)
    return f"{heap}m", f"{page_cache}m"


def parse_size(size: str) -> int:
    """Return the bytes of a size as Java writes it, such as ``1g``; 0 where it is not one."""
    match = _SIZE.fullmatch(size)
    return int(match[1]) * _UNITS[match[2].lower()] if match else 0


def flags(heap: str) -> list[str]:
    """Return Java's flags for the heap: it starts small and grows when it is needed."""
    return [f"-Xms{min(parse_size(heap), FIRST_HEAP * MIB) // MIB}m", f"-Xmx{heap}"]


def options(heap: str, page_cache: str) -> dict[str, str]:
    """Return Neo4j's settings for heap, page cache and the memory of all transactions.

    With a limit for transactions, a too large one fails instead of the server.
    """
    return {
        "dbms.memory.transaction.total.max": str(compute_transaction_memory(parse_size(heap))),
        "server.memory.heap.initial_size": heap,
        "server.memory.heap.max_size": heap,
        "server.memory.pagecache.size": page_cache,
    }


def compute_transaction_memory(heap: int) -> int:
    """Return the bytes of a heap that all transactions may take together.

    Neo4j does not count what graph algorithms take: see `queries.analytics.admission`.
    """
    return max(int(heap * STATEMENTS_SHARE), LEAST_STATEMENTS * MIB)


def replace_heap(java_flags: list[str], heap: str) -> list[str]:
    """Return Java's flags with another heap."""
    rest = [flag for flag in java_flags if not flag.startswith(("-Xms", "-Xmx"))]
    return [*flags(heap), *rest]
