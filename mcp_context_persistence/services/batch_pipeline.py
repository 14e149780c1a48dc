"""The pipeline of batches: several groups of items are analyzed, embedded and written at once.

Extraction (spaCy) has one thread, the encoder another, and up to four threads write. The caller's
thread only waits, so that an interruption reaches it at once: writes that have not started are
dropped, and writes that have started are completed.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.helper_threads import HelperThreads
from mcp_context_persistence.kg.progress import ReportProgress, carry_errors
from mcp_context_persistence.runtime.batch_throttle import BatchThrottle

GROUPS_AHEAD = 2  # groups that are analyzed and embedded before an earlier one is written
SLICE_SIZE = 128  # texts between two checks for an interruption

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - not an error: nobody waits for the answer any more
    """The batch was interrupted."""


class BatchGroup(Protocol):
    """A group of items that passes through the pipeline.

    No step raises for a single item: the response of the item holds its error.
    """

    size: int

    def read_stored(self) -> None:
        """Read what is stored of the items."""

    def extract(self) -> None:
        """Find entities and relations."""

    def embed_texts(self) -> None:
        """Embed the texts; runs at the same time as `extract`."""

    def embed_names(self) -> None:
        """Embed the names of the entities that `extract` has found."""

    def write_tasks(self) -> Iterable[Callable[[], None]]:
        """Return the tasks that write; they may run at the same time."""

    def finish(self) -> None:
        """Do the remaining work when all tasks have run."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each item this error as its response; no step has run."""


class BatchPipeline:
    """The threads of one batch."""

    def __init__(self, *, workers: int, memory_check: BatchThrottle) -> None:
        """Prepare the threads; none starts yet.

        Args:
            workers: The most items that are written at the same time; with 1 every step runs after
                the one before it.
            memory_check: Tells whether there is memory for another group.
        """
        self._memory_check = memory_check
        self._stop = threading.Event()
        self._extractor_thread = HelperThreads(1, thread_name_prefix="context-persistence-batch")
        is_sequential = workers == 1
        self._encoder = (
            self._extractor_thread
            if is_sequential
            else HelperThreads(1, thread_name_prefix="context-persistence-batch")
        )
        self._writers = (
            self._extractor_thread
            if is_sequential
            else HelperThreads(
                min(workers, limits.BATCH_WRITERS), thread_name_prefix="context-persistence-batch"
            )
        )

    def check_running(self) -> None:
        """Raise `Interrupted` after the batch was interrupted."""
        if self._stop.is_set():
            raise Interrupted

    def slices(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """Yield the items in slices, until the batch is interrupted."""
        for start in range(0, len(items), SLICE_SIZE):
            self.check_running()
            yield items[start : start + SLICE_SIZE]

    def run(self, groups: Iterable[BatchGroup], on_finished: Callable[[int], None]) -> None:
        """Process the groups in order.

        Args:
            groups: The groups; the next one is taken when there is room for it.
            on_finished: Called with the number of items of each group that is finished.
        """
        started: deque[_StartedGroup] = deque()
        writing: list[_WritingGroup] = []
        try:
            for group in groups:
                if self._memory_check.is_near_limit():
                    self._finish(started, writing, on_finished)
                    if refusal := self._memory_check.wait_for_memory():
                        group.refuse(refusal)
                        on_finished(group.size)
                        continue
                started.append(self._start(group))
                if len(started) > GROUPS_AHEAD:
                    self._write(started.popleft(), writing, on_finished)
            self._finish(started, writing, on_finished)
        finally:
            self._stop.set()
            # Their results are not used any more.
            for executor in (self._extractor_thread, self._encoder):
                executor.shutdown(wait=False, cancel_futures=True)
            self._writers.shutdown(wait=True, cancel_futures=True)

    def _finish(
        self,
        started: "deque[_StartedGroup]",
        writing: "list[_WritingGroup]",
        on_finished: Callable[[int], None],
    ) -> None:
        """Write all groups that were started."""
        while started:
            self._write(started.popleft(), writing, on_finished)
        _settle(writing, on_finished)

    def _start(self, group: BatchGroup) -> "_StartedGroup":
        stored = self._extractor_thread.submit(self._run_unless_stopped, group.read_stored)
        extracted = self._extractor_thread.submit(self._run_unless_stopped, group.extract)
        embedded = self._encoder.submit(self._run_unless_stopped, group.embed_texts, stored)
        return _StartedGroup(group, extracted, embedded)

    def _write(
        self,
        prepared: "_StartedGroup",
        writing: "list[_WritingGroup]",
        on_finished: Callable[[int], None],
    ) -> None:
        """Write a group after all groups before it: of two items with one id the later one wins."""
        names_embedded = self._encoder.submit(
            self._run_unless_stopped,
            prepared.group.embed_names,
            prepared.extracted,
            prepared.embedded,
        )
        names_embedded.result()
        _settle(writing, on_finished)
        futures = [
            self._writers.submit(self._run_unless_stopped, task)
            for task in prepared.group.write_tasks()
        ]
        writing.append(_WritingGroup(prepared.group, futures))

    def _run_unless_stopped(self, task: Callable[[], None], *earlier: "Future[None]") -> None:
        for future in earlier:
            future.result()
        self.check_running()
        task()


class _StartedGroup:
    def __init__(
        self, group: BatchGroup, extracted: "Future[None]", embedded: "Future[None]"
    ) -> None:
        self.group, self.extracted, self.embedded = group, extracted, embedded


class _WritingGroup:
    def __init__(self, group: BatchGroup, futures: "list[Future[None]]") -> None:
        self.group, self.futures = group, futures


def _settle(writing: list[_WritingGroup], on_finished: Callable[[int], None]) -> None:
    while writing:
        last = writing.pop()
        wait(last.futures)
        for future in last.futures:
            future.result()
        last.group.finish()
        on_finished(last.group.size)


def _has_terminal() -> bool:
    """Return whether standard error is a terminal; a process in the background may have none."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


@contextmanager
def report_progress(
    progress: ReportProgress | None, unit: str, total: int
) -> Iterator[Callable[[int], None]]:
    """Report how many items are finished: to the callback, else by a bar on a terminal."""
    if progress is not None:
        finished, report_to_caller = 0, carry_errors(progress)

        def report(count: int) -> None:
            nonlocal finished
            finished += count
            report_to_caller(unit, finished, total)

        yield report
    elif _has_terminal():
        from rich.console import Console  # noqa: PLC0415 - only for people who look
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # A thread of the bar's own may not be allowed.
        with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
            task = bar.add_task(unit, total=total)
            yield lambda count: bar.update(task, advance=count, refresh=True)
    else:
        yield lambda _count: None
