"""A limit on the memory of a process and its managed server."""

from dataclasses import dataclass

from pydantic import ByteSize, TypeAdapter
from pydantic import ValidationError as PydanticValidationError

from mcp_context_persistence.kg import limits, local, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.local import sizes

RESERVE = 32 * sizes.MIB  # what a group of a batch may take between two measurements
THRESHOLD = 0.8


@dataclass(frozen=True, kw_only=True)
class MemoryLimit:
    """A limit on memory.

    Attributes:
        size: Bytes.
        threshold: The share of them from which memory is freed.
        is_automatic: Whether that happens by itself.
    """

    size: int
    threshold: float = THRESHOLD
    is_automatic: bool = True

    @property
    def near(self) -> int:
        """Bytes from which the limit is near."""
        return int(self.size * self.threshold)

    @property
    def full(self) -> int:
        """Bytes from which nothing more is started."""
        return self.size - min(RESERVE, self.size - self.near)


def parse_limit(max_memory_usage: object, *, managed: bool) -> int:
    """Parse a limit; return its bytes.

    Args:
        max_memory_usage: Bytes, or a text such as ``2GB`` or ``1500 MiB``.
        managed: Whether a managed server shares the limit.

    Raises:
        ValidationError: It is not a size, or it is too small; the text says how much is needed.
    """
    size = _parse_size("max_memory_usage", max_memory_usage)
    server = limits.MEMORY_SERVER_BYTES if managed else 0
    if size < limits.MEMORY_PROCESS_BYTES + server:
        text = f"{limits.MEMORY_PROCESS_BYTES:,} for this process with its language models"
        raise ValidationError(
            f"max_memory_usage must be at least {limits.MEMORY_PROCESS_BYTES + server:,} bytes: "
            + text
            + (f", {server:,} for the managed server" if server else "")
        )
    return size


@validation.reads_argument
def _parse_size(field: str, value: object) -> int:
    is_size = isinstance(value, (int, str)) and not isinstance(value, bool)
    try:
        return int(TypeAdapter(ByteSize).validate_python(value if is_size else None))
    except PydanticValidationError as error:
        raise ValidationError(f'{field} must be bytes, such as 2000000000 or "2GB"') from error


def server_settings(limit: int | None) -> local.ServerSettings:
    """Return the settings of a managed server that shares a limit of that many bytes."""
    heap, page_cache = sizes.size_server(limit)
    return local.ServerSettings(heap=heap, page_cache=page_cache)
