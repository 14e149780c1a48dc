"""Responses of the methods that limit and report memory."""

from pydantic import BaseModel, ByteSize, Field


class MemoryParts(BaseModel):
    """Parts of the memory in use, in bytes; `models` and `caches` are part of `process`."""

    process: ByteSize = Field(
        ..., description="Resident memory of this process, including the rest of the program"
    )
    models: ByteSize = Field(
        ...,
        description="Weights of the loaded language models, without the libraries that run them",
    )
    caches: ByteSize = Field(
        ...,
        description="Responses of all clients that are cached in memory as JSON, and the vectors "
        "that embedders remember",
    )
    database_server: ByteSize | None = Field(
        None, description="Resident memory of the managed server; None for other servers"
    )


class MemoryStats(BaseModel):
    """The memory in use and its limit, in bytes.

    Sizes are integers with a method `human_readable()`, which returns a text such as 1.2GiB.
    """

    current_usage: ByteSize = Field(
        ...,
        description="Memory of this process and the client's managed server: "
        "parts.process + parts.database_server",
    )
    max_usage: ByteSize | None = Field(None, description="The limit; None if none is set")
    cleanup_threshold: float = Field(
        ..., description="Share of the limit from which memory is freed, 0.0 to 1.0"
    )
    auto_cleanup: bool = Field(..., description="Whether memory is freed automatically")
    parts: MemoryParts = Field(..., description="The parts of the memory in use")
    database_heap: ByteSize | None = Field(None, description="Java heap of the managed server")
    database_page_cache: ByteSize | None = Field(
        None, description="Page cache of the managed server"
    )
    pending_restart: bool = Field(
        False,
        description="Whether the managed server is larger than the limit allows, "
        "until it is started again",
    )
    cleanups: int = Field(0, description="Number of clean-ups in this process")
    freed: ByteSize = Field(ByteSize(0), description="Bytes that all clean-ups have freed")


class CleanupMemoryResponse(BaseModel):
    """The result of a clean-up."""

    freed: ByteSize = Field(..., description="Bytes by which the process became smaller")
    before: MemoryStats = Field(..., description="The memory in use before")
    after: MemoryStats = Field(..., description="The memory in use after")
