"""What all responses have in common."""

from pydantic import BaseModel, Field


class Response(BaseModel):
    """What every answer has. A single call raises on failure, so `success` is false only inside the answers of batches."""

    success: bool = Field(True, description="Operation success status")
    error: str | None = Field(None, description="Error message if failed")
