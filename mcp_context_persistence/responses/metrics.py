"""What `get_metrics()` answers."""

from pydantic import BaseModel, Field


class CallMetrics(BaseModel):
    """One call of the client, such as `save_conversation`. Times are in seconds; percentiles cover its most recent 1,024 requests."""

    count: int = Field(..., description="Requests, failed ones included")
    errors: dict[str, int] = Field(
        default_factory=dict, description="Failed requests by class of the error"
    )
    avg_response_time: float = Field(..., description="Mean seconds of all requests")
    p50: float = Field(..., description="Half of the requests took at most as long")
    p95: float = Field(..., description="95 % of the requests took at most as long")
    p99: float = Field(..., description="99 % of the requests took at most as long")


class CacheMetrics(BaseModel):
    """What the cache was good for since it was configured."""

    hits: int = Field(..., description="Answers that were given again")
    misses: int = Field(..., description="Answers that had to be computed")
    evictions: int = Field(..., description="Answers that went to make room")
    oversized: int = Field(..., description="Answers that were too long to be kept")
    failures: int = Field(..., description="Times that the cache itself could not be used")


class GetMetricsResponse(BaseModel):
    """The requests of one client since it was opened.

    Times are in seconds and 0.0 before the first request; percentiles cover the most recent 1,024 requests.
    """

    total_requests: int = Field(..., description="Requests, failed ones included")
    total_errors: int = Field(..., description="Requests that raised an error, of whatever class")
    error_rate: float = Field(
        ..., description="Share of the requests that raised an error, 0.0 to 1.0"
    )
    avg_response_time: float = Field(..., description="Mean seconds of all requests")
    p50: float = Field(..., description="Half of the requests took at most as long")
    p95: float = Field(..., description="95 % of the requests took at most as long")
    p99: float = Field(..., description="99 % of the requests took at most as long")
    calls: dict[str, CallMetrics] = Field(default_factory=dict, description="The same by call")
    cache: CacheMetrics | None = Field(
        None, description="What the cache was good for, None where none is configured"
    )
