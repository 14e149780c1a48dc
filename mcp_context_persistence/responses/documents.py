"""Responses of the methods for documents."""

from pydantic import Field

from mcp_context_persistence.responses.base import Response


class SaveDocumentResponse(Response):
    """The result of a save; `status` is `unchanged` if the document was stored already."""

    document_id: str = Field(..., description="Document identifier")
    status: str = Field(..., description="saved or unchanged")
    created: bool = Field(False, description="Whether it is new")
    passages: int = Field(0, description="Number of passages that were written")
    entities_found: int = Field(0, description="Number of entities that it mentions")
    relationships_found: int = Field(0, description="Number of relationships that it states")
    truncated: bool = Field(
        False,
        description="Whether entities, or relationships that are not asserted, of a passage "
        "were left out because of the limits of a text",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
