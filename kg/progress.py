"""The functions that callers pass to follow the progress of a long call, and callers' errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

# Gets the name of the work, how much of it is done, and how much there is.
ReportProgress = Callable[[str, int, int], None]


class CallerError(Exception):
    """Carries an error of the caller's code to the public call, past handlers of that class.

    That code is a progress function or a signal handler. An `OSError` of it, for example, says
    nothing about the files or the connections of the library.

    Attributes:
        error: What the code raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def carry_errors(report: ReportProgress) -> ReportProgress:
    """Return a function that calls the caller's one and raises `CallerError` where it fails."""

    def report_carrying_errors(name: str, done: int, total: int) -> None:
        try:
            report(name, done, total)
        except Exception as error:
            raise CallerError(error) from None

    return report_carrying_errors


def raise_original(carrier: CallerError) -> NoReturn:
    """Raise the error of the caller's code, as the code raised it."""
    error = carrier.error
    chain = error.__cause__, error.__context__, error.__suppress_context__
    try:
        raise error
    finally:
        error.__cause__, error.__context__, error.__suppress_context__ = chain


@contextmanager
def original_errors() -> Iterator[None]:
    """Raise the original error of the caller's code if the block raises its `CallerError`."""
    try:
        yield
    except CallerError as carrier:
        raise_original(carrier)
