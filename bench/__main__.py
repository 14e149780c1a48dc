"""Measure speed and memory, as ratios to the bare driver, models and server of the same run.

    python -m bench [--data DIRECTORY] [--only NAME ...] [--large] [--tiny] [--write-baseline]

Prints a table and writes it to bench/results/speed.json. The ratios are compared with the committed
ones in bench/baseline.json: one that is worse by more than a tenth ends the run with 1, as does a
figure that misses what is required. Nothing else should run on the machine meanwhile.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from bench import baseline
from bench.files import DATA, write_result
from bench.report import Report, Rows, table
from bench.servers import read_credentials
from bench.speed import (
    analytics,
    appending,
    batches,
    deleting,
    encoding,
    ingest,
    reading,
    resident_memory,
    starting,
    writing,
)
from mcp_context_persistence.kg import local

LARGE_SEARCH = 262_000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured: rounds, messages, and pauses between starts."""

    starts: int = 7
    pause_seconds: float = 3.0
    processes: int = 7
    small_saves: int = 60
    append_length: int = 10_000
    appends: int = 200
    bulk: int = 20_000
    search: int = 20_000
    ingest: int = 2_000
    ingest_rounds: int = 3
    texts: int = 500
    texts_rounds: int = 5
    first_answer: int = 2_000
    analytics_rounds: int = 15
    deleted: int = 10_000


TINY = Sizes(
    starts=1,
    pause_seconds=0.0,
    processes=1,
    small_saves=2,
    append_length=20,
    appends=2,
    bulk=20,
    search=100,
    ingest=20,
    ingest_rounds=1,
    texts=20,
    texts_rounds=1,
    first_answer=20,
    analytics_rounds=1,
    deleted=20,
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where and how much is measured.

    Attributes:
        url: The server.
        auth: Its user and password.
        store: The folder of its store, None where it is not a managed one.
        data: Folder of the data sets.
        sizes: How much.
        is_large: Whether to search the large store too.
    """

    url: str
    auth: tuple[str, str] | None
    store: Path | None
    data: Path
    sizes: Sizes
    is_large: bool = False


def measure_searches(setup: Setup) -> Rows:
    """Measure the fused search on one store, or on two."""
    totals = [setup.sizes.search, *([LARGE_SEARCH] if setup.is_large else [])]
    return [reading.hybrid(setup.url, setup.auth, setup.data, total=total) for total in totals]


def measure_memory(setup: Setup) -> Rows:
    """Measure the memory of a client, and of the server where it is a managed one."""
    client = resident_memory.measure_client(setup.url, setup.auth)
    return [client, *([resident_memory.measure_server(setup.store)] if setup.store else [])]


# These start and stop a server of their own.
STORE_MEASUREMENTS: Mapping[str, Callable[[Path, Sizes], Rows]] = {
    "start": lambda store, sizes: [
        starting.measure_start(store, times=sizes.starts, pause_seconds=sizes.pause_seconds)
    ],
    "attach": lambda store, sizes: [starting.measure_attach(store, times=sizes.processes)],
}
# On a server of their own, so that the searches of the others find no further messages.
SMALL_STORE: dict[str, Callable[[Setup], Rows]] = {
    "version": lambda setup: [starting.measure_version_command(times=setup.sizes.processes)],
    "memory": measure_memory,
    "first": lambda setup: [
        starting.measure_first_answer(
            setup.url,
            setup.auth,
            messages=setup.sizes.first_answer,
            times=setup.sizes.processes,
        )
    ],
    "command": lambda setup: [
        starting.measure_search_command(
            setup.url,
            setup.auth,
            messages=setup.sizes.first_answer,
            times=setup.sizes.processes,
        )
    ],
    "encode": lambda setup: [
        encoding.measure_in_process(
            setup.data, count=setup.sizes.texts, rounds=setup.sizes.texts_rounds
        )
    ],
    "small": lambda setup: [
        writing.measure_small_saves(setup.url, setup.auth, times=setup.sizes.small_saves)
    ],
    "append": lambda setup: [
        appending.measure_appends(
            setup.url, setup.auth, length=setup.sizes.append_length, times=setup.sizes.appends
        )
    ],
    "bulk": lambda setup: [
        writing.measure_bulk_write(
            setup.url,
            setup.auth,
            total=setup.sizes.bulk,
            size=min(1_000, setup.sizes.bulk),
        )
    ],
}
LARGE_STORE: dict[str, Callable[[Setup], Rows]] = {
    "hybrid": measure_searches,
    "ingest": lambda setup: [
        ingest.measure_ingest(
            setup.url,
            setup.auth,
            setup.data,
            count=setup.sizes.ingest,
            times=setup.sizes.ingest_rounds,
        )
    ],
    "batch": lambda setup: [
        batches.measure_sgd(
            setup.url,
            setup.auth,
            setup.data,
            count=setup.sizes.ingest,
            rounds=setup.sizes.ingest_rounds,
        )
    ],
    "delete": lambda setup: [
        deleting.measure_deletion(setup.url, setup.auth, count=setup.sizes.deleted)
    ],
    "analytics": lambda setup: analytics.measure_analytics(
        setup.url, setup.auth, setup.data, times=setup.sizes.analytics_rounds
    ),
}


def run_all(report: Report, options: argparse.Namespace) -> None:
    """Run the measurements, on managed servers unless another one is named."""
    sizes = TINY if options.tiny else Sizes()

    def run_group(
        group: Mapping[str, Callable[[Setup], Rows]],
        url: str,
        auth: tuple[str, str] | None,
        store: Path | None,
    ) -> None:
        setup = Setup(
            url=url,
            auth=auth,
            store=store,
            data=options.data,
            sizes=sizes,
            is_large=options.large,
        )
        for name, measure in group.items():
            report.run(name, partial(measure, setup))

    if options.database_url:
        group = SMALL_STORE | LARGE_STORE
        run_group(group, options.database_url, read_credentials(), None)
        return
    with tempfile.TemporaryDirectory(prefix="context-bench-") as folder:
        store = Path(folder) / "store"
        for name, measure in STORE_MEASUREMENTS.items():
            report.run(name, partial(measure, store, sizes))
    for group in (SMALL_STORE, LARGE_STORE):
        if not any(map(report.is_requested, group)):
            continue
        with tempfile.TemporaryDirectory(prefix="context-bench-") as folder:
            store = Path(folder) / "store"
            with local.attach(store) as server:
                run_group(group, server.bolt_url, (server.user, server.password), store)
            local.stop(store, force=True)


def main() -> int:
    """Measure, compare with the baseline, and show; 1 when a figure is not good enough."""
    options = read_options()
    report = Report(options.only)
    run_all(report, options)
    rows, console = report.rows, report.console
    console.print(table(rows))
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    write_result("speed.json", {"machine": machine, "rows": [asdict(row) for row in rows]})
    if options.write_baseline:
        baseline.write_baseline(rows)
        return 0
    comparison = baseline.compare(rows, baseline.read_baseline())
    for line in comparison.skipped:
        console.print(f"not compared: {line}", highlight=False)
    for line in comparison.worse:
        console.print(f"WORSE BY MORE THAN A TENTH: {line}", highlight=False)
    return int(bool(comparison.worse) or not all(row.met for row in rows))


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*STORE_MEASUREMENTS, *SMALL_STORE, *LARGE_STORE]
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="NAME",
                        help=", ".join(names))  # fmt: skip
    parser.add_argument(
        "--large", action="store_true", help=f"search {LARGE_SEARCH:,} messages too"
    )
    parser.add_argument("--tiny", action="store_true", help="only try that everything runs")
    parser.add_argument(
        "--database-url",
        help="a server that runs, instead of a managed one; CONTEXT_DB_USER and "
        "CONTEXT_DB_PASSWORD hold its user and password",
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help="write the ratios to bench/baseline.json"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
