"""The functions that callers pass to follow the progress of a long call, and their errors."""

from collections.abc import Callable
from typing import NoReturn

# Gets the name of the work, how much of it is done, and how much there is.
ReportProgress = Callable[[str, int, int], None]


class ProgressError(Exception):
    """Carries an error of the caller's function to the public call, past handlers of that class.

    An `OSError` of the function, for example, says nothing about the files of the library.

    Attributes:
        error: What the function raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def carry_errors(report: ReportProgress) -> ReportProgress:
    """Return a function that calls the caller's one and raises `ProgressError` where it fails."""

    def report_carrying_errors(name: str, done: int, total: int) -> None:
        try:
            report(name, done, total)
        except Exception as error:
            raise ProgressError(error) from None

    return report_carrying_errors


def raise_original(carrier: ProgressError) -> NoReturn:
    """Raise the error of the caller's function, as the function raised it."""
    error = carrier.error
    chain = error.__cause__, error.__context__, error.__suppress_context__
    try:
        raise error
    finally:
        error.__cause__, error.__context__, error.__suppress_context__ = chain
