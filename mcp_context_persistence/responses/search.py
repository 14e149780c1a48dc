"""Requests and responses of the searches."""

from datetime import datetime
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.queries.search.recipes import DEFAULT
from mcp_context_persistence.responses.base import Response


class _OnlySetFields(BaseModel):
    """A model that is dumped without the fields that were not set.

    An explicit None is refused where filters are read, so a dump that is validated again must not
    make one of a field that nobody set.
    """

    @model_serializer(mode="wrap")
    def _without_unset_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unset = type(self).model_fields.keys() - self.model_fields_set
        return {name: value for name, value in dump(self).items() if name not in unset}


class DateRange(_OnlySetFields):
    """A range of time.

    Either end may be left out. A plain date means the whole day, UTC unless it carries an offset.
    """

    model_config = ConfigDict(extra="forbid")

    start: datetime | str | None = Field(None, description="First moment or day")
    end: datetime | str | None = Field(None, description="Last moment or day, included")


class SearchFilters(_OnlySetFields):
    """Conditions that results must fulfill.

    All filters must hold; within one filter, any of its values is enough. Filters of metadata are
    added by their names: `SearchFilters(**{"metadata.year": {"gte": 2020}})`. docs/searching.md
    lists their conditions.

    A field that is not set does not restrict; one that is set to None is refused when the search is
    made.
    """

    model_config = ConfigDict(
        extra="allow"
    )  # `metadata.KEY`; unknown keys are refused when the search is made

    conversation_id: str | list[str] | None = Field(None, description="Conversations to search")
    date_range: DateRange | dict[str, Any] | None = Field(None, description="Time of the messages")
    entity_types: str | list[str] | None = Field(
        None, description="Messages that mention such entities, and such entities"
    )
    content_types: str | list[str] | None = Field(
        None, description="message, entity, decision, instruction, conversation, document"
    )
    confidence_min: float | None = Field(None, description="Least confidence, 0.0 to 1.0")
    project: str | list[str] | None = Field(None, description="Projects")
    tags: str | list[str] | None = Field(None, description="Tags")
    role: str | list[str] | None = Field(None, description="Roles of the messages")


class HybridSearchParams(BaseModel):
    """The arguments of `search_hybrid` as one object."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(..., description="Search query")
    mode: str = Field("hybrid", description="hybrid, semantic, keyword or graph")
    filters: SearchFilters | None = Field(None, description="Filters for search results")
    limit: int = Field(10, description="Maximum number of results")
    include_metadata: bool = Field(False, description="Whether results carry metadata")
    recipe: str | dict[str, Any] = Field(
        DEFAULT, description="How mode hybrid is made: a name, or a mapping that changes one"
    )
    explain: bool = Field(
        False, description="Whether results tell the path to them and the statements that were run"
    )
    exclude_conversation_id: str | list[str] | None = Field(
        None, description="Conversations of which nothing is returned"
    )
    exclude_ids: str | list[str] | None = Field(None, description="Ids of results to leave out")

    @field_validator("filters", mode="before")
    @classmethod
    def _accept_unchecked_filters(cls, value: Any) -> Any:
        """Build the filters without validation, which the search does; refuse private keys.

        A key that is no string or begins with `_` would not become a field.
        """
        if not isinstance(value, dict):
            return value
        for key in value:
            if not isinstance(key, str) or key.startswith("_"):
                raise ValueError(f"there is an unknown key {validation.describe_key(key)}")
        return SearchFilters.model_construct(**value)


class SearchResult(BaseModel):
    """A result of a search."""

    id: str
    type: str = Field(
        ..., description="message, entity, decision, instruction, conversation or document"
    )
    content: str
    similarity_score: float = Field(
        ...,
        description="semantic: raw cosine; the other modes: 0.0 to 1.0, ordered within one answer",
    )
    conversation_id: str | None = None
    message_id: str | None = None
    timestamp: datetime | None = None
    role: str | None = Field(None, description="Role of who wrote a message")
    name: str | None = Field(None, description="Name of who wrote a message, where it has one")
    metadata: dict[str, Any] | None = Field(None, description="Own metadata, when asked for")
    project: str | None = Field(None, description="Project, when metadata was asked for")
    explanation: dict[str, Any] = Field(
        default_factory=dict, description="Rank and score of each retriever that found it, and more"
    )


class SearchHybridResponse(Response):
    """The results, best first, with the recipe `timeline` the oldest first."""

    query: str = ""
    mode: str = "hybrid"
    results: list[SearchResult] = Field(default_factory=list)
    total_results: int = 0
    best_score: float | None = None
    confidence: float | None = Field(
        None,
        description="hybrid: how likely the results answer the query, 0.0 to 1.0; "
        "None if it is not known",
    )
    notes: list[str] = Field(
        default_factory=list,
        description="What was cut, left out, or could not be searched for",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SimilarConversation(BaseModel):
    """A conversation with a passage that is similar to the query."""

    conversation_id: str
    similarity_score: float = Field(..., description="Raw cosine of its best passage, -1.0 to 1.0")
    messages: list[Message] = Field(
        default_factory=list, description="Its best-matching messages, best first"
    )
    project_path: str | None = None
    metadata: dict[str, Any] | None = None


class SearchSimilarConversationsResponse(Response):
    """Conversations with a passage similar to the query, best first.

    `best_score` is the best cosine of all conversations, even if none reached `min_score`.
    """

    query: str = ""
    results: list[SimilarConversation] = Field(default_factory=list)
    total_results: int = 0
    best_score: float | None = None
    notes: list[str] = Field(
        default_factory=list,
        description="What was cut, left out, or could not be searched for",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
