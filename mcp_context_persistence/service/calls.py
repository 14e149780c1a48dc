"""The calls that a service answers for other processes of its user. Standard library only.

Both sides use this module: `remote` sends the calls, `rest.local_calls` answers them.
"""

PATH = "/call"
RESULT_HEADER = "context-result"  # the class of the result; ERROR, or PLAIN for plain JSON
ERROR, PLAIN = "error", "plain"
READING = ("get_", "list_", "load_", "find_", "search_", "build_", "query_", "detect_", "export_")
# What configures or measures a client in its own process, or returns what is no JSON.
OWN_CALLS = frozenset(
    {
        *("close", "configuration", "configure_cache", "clear_cache", "configure_embedding_model"),
        *("configure_memory_management", "get_memory_stats", "cleanup_memory"),
        *("configure_parallel_processing", "generate_embeddings", "get_metrics"),
        *("graph_data_science", "metrics_port"),
    }
)


def is_served(name: str) -> bool:
    """Return whether a service answers a call, if the client has it."""
    return not name.startswith("_") and name not in OWN_CALLS


def is_reading(name: str) -> bool:
    """Return whether a call changes nothing."""
    return name.startswith(READING)
