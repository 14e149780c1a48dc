"""The share of a server's heap that analyses may take."""

from mcp_context_persistence.kg.errors import GraphError
from mcp_context_persistence.kg.local import sizes

MIB = 1 << 20
# The share of the server's heap for all analyses together. Transactions have as much, and at least
# 248 MiB (`kg.local.sizes`). The rest is for the server itself: 130 MiB with little data, and the
# requests that it reads and the buffers of its indexes, which Neo4j does not count.
HEAP_SHARE = 0.35
SERVER_BYTES, MIN_LIMIT_BYTES = 214 * MIB, 24 * MIB


def compute_memory_limit(heap: int) -> int:
    """Return the bytes of a server's heap that all analyses together may take."""
    rest = heap - SERVER_BYTES - sizes.compute_transaction_memory(heap)
    return max(MIN_LIMIT_BYTES, min(int(HEAP_SHARE * heap), rest))


def build_heap_error(needed: int, memory_limit: int) -> GraphError:
    """Return the error of an analysis that needs more memory than all of them may take."""
    return GraphError(
        f"the server's heap is too small: the analysis needs {needed // MIB:,} MiB, "
        f"and at most {memory_limit // MIB:,} MiB are allowed; give the server a larger heap"
    )
