"""Response of the methods that configure the embedding model."""

from pydantic import BaseModel, Field


class EmbeddingStatus(BaseModel):
    """The embedding model of a namespace, and the progress of a migration to another one."""

    success: bool = Field(True, description="Whether the operation succeeded")
    error: str | None = Field(None, description="Error message of an operation that failed")
    model: str = Field(..., description="Name and fingerprint of the model that is in use")
    vector_size: int = Field(..., description="Number of dimensions")
    vectors: int = Field(0, description="Number of its vectors")
    migrating_to: str | None = Field(
        None, description="The model that a migration in this or another process changes to"
    )
    migrated: int = Field(0, description="Number of vectors that the migration has made")
    running: bool = Field(False, description="Whether this client runs the migration")
    failure: str | None = Field(None, description="Why this client's migration failed")
    previous_model: str | None = Field(
        None,
        description="The model that was in use before; its vectors are kept to go back to it",
    )
