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
from mcp_context_persistence.runtime.engine import Progress
from mcp_context_persistence.runtime.memory_limit import Gate

AHEAD = 2  # groups that are read and embedded before an earlier one is written
SLICE = 128  # texts between two looks at whether the batch goes on

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - not an error: nobody waits for the answer any more
    """The batch was interrupted."""


class Job(Protocol):
    """One group of items on its way. No step raises for a single item: it notes what went wrong with it."""

    size: int

    def look(self) -> None:
        """See what is to be done."""

    def read(self) -> None:
        """Find entities and relations."""

    def embed(self) -> None:
        """Embed the texts; runs beside `read`."""

    def name(self) -> None:
        """Embed what `read` has found."""

    def writes(self) -> Iterable[Callable[[], None]]:
        """What is to be written; these may run at the same time."""

    def end(self) -> None:
        """What is to be done when all was written."""

    def refuse(self, error: ContextPersistenceError) -> None:
        """Give each item this error as its answer; nothing was begun."""


class BatchPipeline:
    """The threads of one batch."""

    def __init__(self, *, workers: int, gate: Gate) -> None:
        """Start nothing yet.

        Args:
            workers: Items that are written at the same time, at most; with 1 everything is done in turn.
            gate: Tells whether there is memory for another group.
        """
        self._gate = gate
        self._stop = threading.Event()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="context-persistence-batch")
        alone = workers == 1
        self._encoder = (
            self._reader
            if alone
            else ThreadPoolExecutor(1, thread_name_prefix="context-persistence-batch")
        )
        self._writers = (
            self._reader
            if alone
            else ThreadPoolExecutor(
                min(workers, limits.BATCH_WRITERS), thread_name_prefix="context-persistence-batch"
            )
        )

    def goes_on(self) -> None:
        """Raise where nobody waits any more."""
        if self._stop.is_set():
            raise Interrupted

    def slices(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """The items in parts, for as long as the batch goes on."""
        for start in range(0, len(items), SLICE):
            self.goes_on()
            yield items[start : start + SLICE]

    def run(self, jobs: Iterable[Job], done: Callable[[int], None]) -> None:
        """Work off the jobs in order; `done` is called with the number of items that each of them brings to its end."""
        waiting: deque[_Begun] = deque()
        writing: list[_Written] = []
        try:
            for job in jobs:
                if self._gate.tight():
                    self._finish(waiting, writing, done)
                    if refusal := self._gate.relieved():
                        job.refuse(refusal)
                        done(job.size)
                        continue
                waiting.append(self._begin(job))
                if len(waiting) > AHEAD:
                    self._write(waiting.popleft(), writing, done)
            self._finish(waiting, writing, done)
        finally:
            self._stop.set()
            for threads in (self._reader, self._encoder):  # what they still do is thrown away
                threads.shutdown(wait=False, cancel_futures=True)
            self._writers.shutdown(wait=True, cancel_futures=True)

    def _finish(
        self, waiting: "deque[_Begun]", writing: "list[_Written]", done: Callable[[int], None]
    ) -> None:
        """Bring to its end what was begun."""
        while waiting:
            self._write(waiting.popleft(), writing, done)
        _settle(writing, done)

    def _begin(self, job: Job) -> "_Begun":
        looked = self._reader.submit(self._guarded, job.look)
        read = self._reader.submit(self._guarded, job.read)
        embedded = self._encoder.submit(self._guarded, job.embed, looked)
        return _Begun(job, read, embedded)

    def _write(
        self, begun: "_Begun", writing: "list[_Written]", done: Callable[[int], None]
    ) -> None:
        """Write what is ready, once everything before it is written: of two items of one id the later one then wins."""
        named = self._encoder.submit(self._guarded, begun.job.name, begun.read, begun.embedded)
        named.result()
        _settle(writing, done)
        writing.append(
            _Written(
                begun.job, [self._writers.submit(self._guarded, one) for one in begun.job.writes()]
            )
        )

    def _guarded(self, work: Callable[[], None], *before: "Future[None]") -> None:
        for one in before:
            one.result()
        self.goes_on()
        work()


class _Begun:
    def __init__(self, job: Job, read: "Future[None]", embedded: "Future[None]") -> None:
        self.job, self.read, self.embedded = job, read, embedded


class _Written:
    def __init__(self, job: Job, futures: "list[Future[None]]") -> None:
        self.job, self.futures = job, futures


def _settle(writing: list[_Written], done: Callable[[int], None]) -> None:
    while writing:
        last = writing.pop()
        wait(last.futures)
        for future in last.futures:
            future.result()
        last.job.end()
        done(last.job.size)


@contextmanager
def told(progress: Progress | None, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Tell how far a batch is: to the callback where there is one, else by a bar where standard error is a terminal."""
    if progress is not None:
        so_far = 0

        def tell(count: int) -> None:
            nonlocal so_far
            so_far += count
            progress(what, so_far, total)

        yield tell
    elif sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 - only for people who look
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield lambda _count: None
