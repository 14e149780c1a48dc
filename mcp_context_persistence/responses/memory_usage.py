"""What the calls about memory answer."""

from pydantic import BaseModel, ByteSize, Field


class MemoryParts(BaseModel):
    """Parts of the memory in use, in bytes. `models` and `caches` lie within `process`."""

    process: ByteSize = Field(
        ..., description="Resident memory of this process, whatever it is used for"
    )
    models: ByteSize = Field(
        ...,
        description="Weights of the language models that are loaded; not the libraries that run them",
    )
    caches: ByteSize = Field(
        ...,
        description="Answers kept in memory as JSON, of all clients, and the embedders' remembered vectors",
    )
    database_server: ByteSize | None = Field(
        None, description="Resident memory of the managed server; None where it is not ours"
    )


class MemoryStats(BaseModel):
    """The memory in use, in bytes, and the limit on it. Sizes are integers; `human_readable()` of each gives a text such as 1.2GiB."""

    current_usage: ByteSize = Field(
        ...,
        description="This process and the client's managed server: parts.process + parts.database_server",
    )
    max_usage: ByteSize | None = Field(None, description="The limit, None where none is set")
    cleanup_threshold: float = Field(
        ..., description="Share of the limit from which memory is freed, 0.0 to 1.0"
    )
    auto_cleanup: bool = Field(..., description="Whether that happens by itself")
    parts: MemoryParts = Field(..., description="What it consists of")
    database_heap: ByteSize | None = Field(
        None, description="Java heap that the managed server runs with"
    )
    database_page_cache: ByteSize | None = Field(
        None, description="Page cache that the managed server runs with"
    )
    pending_restart: bool = Field(
        False,
        description="Whether the managed server is larger than the limit allows until it is next started",
    )
    cleanups: int = Field(0, description="Clean-ups in this process")
    freed: ByteSize = Field(
        ByteSize(0), description="Bytes by which they made the process smaller, all together"
    )


class CleanupMemoryResponse(BaseModel):
    """What a clean-up has freed."""

    freed: ByteSize = Field(..., description="Bytes by which the process became smaller")
    before: MemoryStats = Field(..., description="The memory in use before")
    after: MemoryStats = Field(..., description="The memory in use after")
