"""Speed, as ratios to the bare driver, the bare models and the bare server, measured in one run.

    python -m bench [--data DIRECTORY] [--only WORD ...]

Prints a table and writes it to bench/results/speed.json. Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from rich.console import Console
from rich.table import Table

from bench.measure import Row
from bench.speed import analytics, ingest, reading, starting, writing
from mcp_context_persistence.kg import local

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the measurements; 1 when one of them misses what it must reach."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(__file__).parents[2] / "shared" / "data",
        help="folder of the data sets",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        help="start, attach, small, bulk, hybrid, ingest, analytics",
    )
    options = parser.parse_args()
    rows: list[Row] = []
    console = Console(width=150)

    def do(name: str, work: Callable[[], Row | list[Row]]) -> None:
        if options.only and name not in options.only:
            return
        console.print(f"{name} ...")
        found = work()
        for row in found if isinstance(found, list) else [found]:
            rows.append(row)
            console.print(
                f"  ratio {row.ratio}  ours {row.ours:.3f}  bare {row.bare}  {row.unit}",
                highlight=False,
            )

    with tempfile.TemporaryDirectory(prefix="context-bench-") as folder:
        place = Path(folder) / "store"
        do("start", lambda: starting.start(place))
        do("attach", lambda: starting.attach(place))
        with local.attach(None) as server:
            auth = (server.user, server.password)
            do("small", lambda: writing.small(server.bolt_url, auth))
            do("bulk", lambda: writing.bulk(server.bolt_url, auth))
        with local.attach(None) as server:
            auth = (server.user, server.password)
            do("hybrid", lambda: reading.hybrid(server.bolt_url, auth, options.data))
            do("ingest", lambda: ingest.ingest(server.bolt_url, auth, options.data))
            do("analytics", lambda: analytics.analytics(server.bolt_url, auth, options.data))
    console.print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    found = {"machine": machine, "rows": [asdict(row) for row in rows]}
    (RESULTS / "speed.json").write_text(json.dumps(found, indent=2) + "\n")
    return int(not all(row.met for row in rows))


def table(rows: list[Row]) -> Table:
    """The rows as people read them."""
    shown = Table("work", "ours", "bare", "unit", "ratio", "at least", "met")
    for row in rows:
        bare = "" if row.bare is None else f"{row.bare:,.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
        shown.add_row(
            row.work,
            f"{row.ours:,.2f}",
            bare,
            row.unit,
            ratio,
            row.need,
            "yes" if row.met else "NO",
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
