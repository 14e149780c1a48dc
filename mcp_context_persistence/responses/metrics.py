"""Response of `get_metrics`."""

from pydantic import BaseModel, Field


class CallMetrics(BaseModel):
    """The requests of one method of the client, such as `save_conversation`.

    Times are in seconds; percentiles cover the most recent 1,024 requests.
    """

    count: int = Field(..., description="Number of requests, including failed ones")
    errors: dict[str, int] = Field(
        default_factory=dict, description="Number of failed requests by class of the error"
    )
    avg_response_time: float = Field(..., description="Mean seconds of all requests")
    p50: float = Field(..., description="Half of the requests took at most as long")
    p95: float = Field(..., description="95 % of the requests took at most as long")
    p99: float = Field(..., description="99 % of the requests took at most as long")


class CacheMetrics(BaseModel):
    """The use of the cache since it was configured."""

    hits: int = Field(..., description="Number of responses from the cache")
    misses: int = Field(..., description="Number of responses that had to be computed")
    evictions: int = Field(..., description="Number of responses that were removed to make room")
    oversized: int = Field(..., description="Number of responses that were too long to be cached")
    failures: int = Field(..., description="Number of times that the cache failed")


class GetMetricsResponse(BaseModel):
    """The requests of one client since it was opened.

    Times are in seconds, and 0.0 before the first request; percentiles cover the most recent 1,024
    requests.
    """

    total_requests: int = Field(..., description="Number of requests, including failed ones")
    total_errors: int = Field(..., description="Number of requests that raised an error")
    error_rate: float = Field(
        ..., description="Share of the requests that raised an error, 0.0 to 1.0"
    )
    avg_response_time: float = Field(..., description="Mean seconds of all requests")
    p50: float = Field(..., description="Half of the requests took at most as long")
    p95: float = Field(..., description="95 % of the requests took at most as long")
    p99: float = Field(..., description="99 % of the requests took at most as long")
    calls: dict[str, CallMetrics] = Field(default_factory=dict, description="The same by method")
    cache: CacheMetrics | None = Field(
        None, description="The use of the cache; None if no cache is configured"
    )
