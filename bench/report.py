"""Collect the rows of the measurements and show them."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from bench.measure import Row

Rows = Sequence[Row | None]


class Report:
    """Collects the rows and prints each as it comes."""

    def __init__(self, only: Sequence[str]) -> None:
        self.rows: list[Row] = []
        self.console = Console(width=150)
        self._only = only

    def is_requested(self, name: str) -> bool:
        """Return whether a measurement is to be run."""
        return not self._only or name in self._only

    def run(self, name: str, work: Callable[[], Rows]) -> None:
        """Run a measurement where it is requested."""
        if not self.is_requested(name):
            return
        self.console.print(f"{name} ...")
        for row in work():
            if row is not None:
                self.rows.append(row)
                self.console.print(
                    f"  ratio {row.ratio}  ours {row.ours:.3f}  bare {row.bare}  {row.unit}",
                    highlight=False,
                )


def table(rows: Sequence[Row]) -> Table:
    """Make the table of the rows."""
    columns = Table("work", "ours", "bare", "unit", "ratio", "required", "met")
    for row in rows:
        columns.add_row(
            row.work,
            f"{row.ours:,.2f}",
            "" if row.bare is None else f"{row.bare:,.2f}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.3f}",
            row.need,
            "yes" if row.met else "NO",
        )
    return columns
