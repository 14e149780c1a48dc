"""The fields and types that several responses share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

DIGITS = 9  # significant; the last digits of a sum or a product of floats are noise


def round_score(value: float) -> float:
    """Round a score to nine significant digits, so that 0.9999999999999998 becomes 1.0."""
    return float(f"{value:.{DIGITS}g}")


Score = Annotated[float, AfterValidator(round_score)]


class Response(BaseModel):
    """The fields of every response.

    A call raises when it fails; `success` is False only inside the responses of batches.
    """

    success: bool = Field(True, description="Whether the operation succeeded")
    error: str | None = Field(None, description="Error message of an operation that failed")
