"""Check the settings and the arguments of batches."""

from collections.abc import Mapping, Sequence

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.engine import Batches, Engine


def check_settings(max_workers: object, chunk_size: object) -> Batches:
    """Return checked settings of batches."""
    return Batches(
        max_workers=validation.check_integer(
            "max_workers", max_workers, minimum=1, maximum=limits.BATCH_WORKERS
        ),
        chunk_size=validation.check_integer(
            "chunk_size", chunk_size, minimum=1, maximum=limits.CHUNK_SIZE
        ),
    )


def count_workers(engine: Engine, parallel: object, max_workers: object) -> int:
    """Return how many items a call may write at the same time."""
    if parallel is not None and not isinstance(parallel, bool):
        raise ValidationError("parallel must be a boolean")
    count = engine.batches.max_workers
    if max_workers is not None:
        count = validation.check_integer(
            "max_workers", max_workers, minimum=1, maximum=limits.BATCH_WORKERS
        )
    is_parallel = engine.config.enable_parallel_processing if parallel is None else parallel
    return count if is_parallel else 1


def check_items(field: str, value: object, limit: int) -> Sequence[object]:
    """Return the items of a batch; refuse what is no list, and more than `limit` items."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise ValidationError(f"{field} must be a list")
    if len(value) > limit:
        raise ValidationError(f"{field} has more than {limit:,} items")
    return value
