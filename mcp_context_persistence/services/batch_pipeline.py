"""A production line for batches: groups of items are read, embedded and written at the same time, one group behind the other.

Reading (spaCy) has one thread, the encoder another, and up to four write. The caller's thread only waits, so that an interruption reaches it
at once; what has not begun to be written is then dropped, and what has begun ends as a whole.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.runtime.connection import Progress
from mcp_context_persistence.runtime.memory_limit import Gate

GROUPS_AHEAD = 2  # groups that are read and embedded before an earlier one is written
SLICE_SIZE = 128  # texts between two looks at whether the batch goes on

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - not an error: nobody waits for the answer any more
    """The batch was interrupted."""


class BatchGroup(Protocol):
    """One group of items on its way. No step raises for a single item: it notes what went wrong with it."""

    size: int

    def read_stored(self) -> None:
        """See what is to be done."""

    def extract(self) -> None:
        """Find entities and relations."""

    def embed_texts(self) -> None:
        """Embed the texts; runs beside `read`."""

    def embed_names(self) -> None:
        """Embed what `read` has found."""

    def write_tasks(self) -> Iterable[Callable[[], None]]:
        """What is to be written; these may run at the same time."""

    def finish(self) -> None:
        """What is to be done when all was written."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each item this error as its answer; nothing was begun."""


class BatchPipeline:
    """The threads of one batch."""

    def __init__(self, *, workers: int, memory_gate: Gate) -> None:
        """Start nothing yet.

        Args:
            workers: Items that are written at the same time, at most; with 1 everything is done in turn.
            gate: Tells whether there is memory for another group.
        """
        self._memory_gate = memory_gate
        self._stop = threading.Event()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="context-persistence-batch")
        is_sequential = workers == 1
        self._encoder = (
            self._reader
            if is_sequential
            else ThreadPoolExecutor(1, thread_name_prefix="context-persistence-batch")
        )
        self._writers = (
            self._reader
            if is_sequential
            else ThreadPoolExecutor(
                min(workers, limits.BATCH_WRITERS), thread_name_prefix="context-persistence-batch"
            )
        )

    def check_running(self) -> None:
        """Raise where nobody waits any more."""
        if self._stop.is_set():
            raise Interrupted

    def slices(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """The items in parts, for as long as the batch goes on."""
        for start in range(0, len(items), SLICE_SIZE):
            self.check_running()
            yield items[start : start + SLICE_SIZE]

    def run(self, groups: Iterable[BatchGroup], on_finished: Callable[[int], None]) -> None:
        """Work off the jobs in order; `done` is called with the number of items that each of them brings to its end."""
        started: deque[_StartedGroup] = deque()
        writing: list[_WritingGroup] = []
        try:
            for group in groups:
                if self._memory_gate.tight():
                    self._finish(started, writing, on_finished)
                    if refusal := self._memory_gate.relieved():
                        group.refuse(refusal)
                        on_finished(group.size)
                        continue
                started.append(self._start(group))
                if len(started) > GROUPS_AHEAD:
                    self._write(started.popleft(), writing, on_finished)
            self._finish(started, writing, on_finished)
        finally:
            self._stop.set()
            for threads in (self._reader, self._encoder):  # what they still do is thrown away
                threads.shutdown(wait=False, cancel_futures=True)
            self._writers.shutdown(wait=True, cancel_futures=True)

    def _finish(
        self, started: "deque[_Begun]", writing: "list[_Written]", on_finished: Callable[[int], None]
    ) -> None:
        """Bring to its end what was begun."""
        while started:
            self._write(started.popleft(), writing, on_finished)
        _settle(writing, on_finished)

    def _start(self, group: BatchGroup) -> "_Begun":
        stored = self._reader.submit(self._run_unless_stopped, group.read_stored)
        extracted = self._reader.submit(self._run_unless_stopped, group.extracted)
        embedded = self._encoder.submit(self._run_unless_stopped, group.embed_texts, stored)
        return _StartedGroup(group, extracted, embedded)

    def _write(
        self, prepared: "_Begun", writing: "list[_Written]", on_finished: Callable[[int], None]
    ) -> None:
        """Write what is ready, once everything before it is written: of two items of one id the later one then wins."""
        names_embedded = self._encoder.submit(self._run_unless_stopped, prepared.group.embed_names, prepared.extracted, prepared.embedded)
        names_embedded.result()
        _settle(writing, on_finished)
        writing.append(
            _WritingGroup(
                prepared.group, [self._writers.submit(self._run_unless_stopped, task) for task in prepared.group.write_tasks()]
            )
        )

    def _run_unless_stopped(self, task: Callable[[], None], *earlier: "Future[None]") -> None:
        for future in earlier:
            future.result()
        self.check_running()
        task()


class _StartedGroup:
    def __init__(self, group: BatchGroup, extracted: "Future[None]", embedded: "Future[None]") -> None:
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


@contextmanager
def report_progress(progress: Progress | None, unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """Tell how far a batch is: to the callback where there is one, else by a bar where standard error is a terminal."""
    if progress is not None:
        finished = 0

        def report(count: int) -> None:
            nonlocal so_far
            finished += count
            progress(unit, finished, total)

        yield report
    elif sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - only for people who look
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(unit, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield lambda _count: None
