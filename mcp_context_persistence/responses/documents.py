"""Responses of the calls on documents."""

from pydantic import Field

from mcp_context_persistence.responses.base import Response


class SaveDocumentResponse(Response):
    """What was saved of a document; `status` is `saved`, or `unchanged` when it was stored like this already."""

    document_id: str = Field(..., description="Document identifier")
    status: str = Field(..., description="Status message")
    created: bool = Field(False, description="Whether it is new")
    passages: int = Field(0, description="Passages written")
    entities_found: int = Field(0, description="Entities mentioned in it")
    relationships_found: int = Field(0, description="Relationships found in it")
    truncated: bool = Field(
        False, description="Whether a passage mentions more than is looked at in one text"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
