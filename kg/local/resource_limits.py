"""The system's limits of the server, which it inherits from whoever starts it. Standard library.

A soft limit of a client is not meant for a server that other clients use too.
"""

import contextlib
import resource
from dataclasses import dataclass

from mcp_context_persistence.kg.limits import OPEN_FILES, SERVER_CPU_SECONDS, SERVER_FILE_BYTES


@dataclass(frozen=True, kw_only=True)
class ResourceLimit:
    """A limit of the system.

    Attributes:
        name: Its name in the module `resource`.
        minimum: What a server needs at least; 0 where its start shows whether it is enough.
        recommended: What a server gets where there is no hard limit.
        unit: What is limited, in words.
        advice: How the hard limit is raised.
    """

    name: str
    minimum: int = 0
    recommended: int = resource.RLIM_INFINITY
    unit: str = ""
    advice: str = ""


LIMITS = (
    ResourceLimit(
        name="RLIMIT_NOFILE",
        minimum=OPEN_FILES,
        recommended=40_000,  # recommended by Neo4j
        unit="open files",
        advice="`ulimit -Hn`, `LimitNOFILE=` of systemd; better to 40,000",
    ),
    ResourceLimit(
        name="RLIMIT_FSIZE",
        minimum=SERVER_FILE_BYTES,
        unit="bytes in a file",
        advice="`ulimit -Hf`, `LimitFSIZE=` of systemd",
    ),
    ResourceLimit(
        name="RLIMIT_CPU",
        minimum=SERVER_CPU_SECONDS,
        unit="seconds of processor time",
        advice="`ulimit -Ht`, `LimitCPU=` of systemd",
    ),
    ResourceLimit(name="RLIMIT_AS"),
    ResourceLimit(name="RLIMIT_DATA"),
    ResourceLimit(name="RLIMIT_NPROC"),
)


def raise_limits() -> str:
    """Raise the soft limits of this process and its children as far as the hard ones allow.

    Returns:
        Which limit is too low, and what to do; empty where none is.
    """
    for limit in LIMITS:
        number = getattr(resource, limit.name)
        soft, hard = resource.getrlimit(number)
        recommended = limit.recommended if hard == resource.RLIM_INFINITY else hard
        if _is_below(soft, recommended):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, (recommended, hard))
                soft = recommended
        if _is_below(soft, limit.minimum):
            return (
                f"The local store cannot be opened: only {soft:,} {limit.unit} are allowed, its "
                f"server needs {limit.minimum:,} at least: raise the hard limit ({limit.advice})."
            )
    return ""


def _is_below(limit: int, bound: int) -> bool:
    """Return whether a limit is lower than another one; infinity is a negative number."""
    if limit == resource.RLIM_INFINITY:
        return False
    return bound == resource.RLIM_INFINITY or limit < bound
