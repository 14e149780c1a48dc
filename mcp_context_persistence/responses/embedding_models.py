"""What comes back when an embedding model is configured."""

from pydantic import BaseModel, Field


class EmbeddingStatus(BaseModel):
    """Which model's vectors a namespace uses, and how far another one is on its way in."""

    success: bool = Field(True, description="Operation success status")
    error: str | None = Field(None, description="Error message if failed")
    model: str = Field(
        ..., description="Name and fingerprint of the model whose vectors are in use"
    )
    vector_size: int = Field(..., description="Numbers per vector")
    vectors: int = Field(0, description="How many there are")
    migrating_to: str | None = Field(
        None, description="The model whose vectors are being made, in this or another process"
    )
    migrated: int = Field(0, description="How many of them are made")
    running: bool = Field(False, description="Whether this client is making them")
    failure: str | None = Field(
        None, description="Why this client's migration ended before its time"
    )
    previous_model: str | None = Field(
        None,
        description="The model whose vectors were in use before, and are kept for the way back",
    )
