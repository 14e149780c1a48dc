"""Check the settings and the arguments of batches."""

from mcp_context_persistence.kg import limits, validation
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
    is_parallel = (
        engine.config.enable_parallel_processing
        if parallel is None
        else validation.check_flag("parallel", parallel)
    )
    count = engine.batches.max_workers
    if max_workers is not None:
        count = validation.check_integer(
            "max_workers", max_workers, minimum=1, maximum=limits.BATCH_WORKERS
        )
    return count if is_parallel else 1
