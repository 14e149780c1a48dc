"""The type of the functions that callers pass to follow the progress of a long call."""

from collections.abc import Callable

# Gets the name of the work, how much of it is done, and how much there is.
ReportProgress = Callable[[str, int, int], None]
