"""Print results: tables on a terminal, plain lines in a pipe, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from pydantic import BaseModel

from mcp_context_persistence.cli.session import Session

CELL_CHARACTERS = 200  # of a cell of a table; lines in a pipe and JSON are not cut

Columns = Mapping[str, Callable[[Any], Any]]

# Remembered text must not control the terminal.
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_CONTROL_IN_TEXT = {code: None for code in _CONTROL if chr(code) not in "\n\t"}


def print_rows(
    session: Session, items: Iterable[BaseModel], columns: Columns, **shared: float | None
) -> int:
    """Print a list, and return the number of its items.

    Args:
        session: Says whether to print JSON.
        items: The items. As JSON, each is one line.
        columns: By the heading of each column, a function that returns the value of an item.
        shared: What the items have in common. As JSON, each line has it.
    """
    if session.as_json:
        count = 0
        for count, item in enumerate(items, start=1):  # noqa: B007 - the last value is returned
            print_json(item, **shared)
        return count
    rows = [[_format(read(item)) for read in columns.values()] for item in items]
    if sys.stdout.isatty():
        _print_table(list(columns), rows)
    else:
        for row in rows:
            click.echo("\t".join(row))
    return len(rows)


def print_response(session: Session, response: BaseModel, fields: Columns) -> None:
    """Print one response: its fields in lines, or the whole of it as one line of JSON."""
    if session.as_json:
        print_json(response)
        return
    for name, read in fields.items():
        click.echo(f"{name}: {_format(read(response))}")


def print_json(item: BaseModel, **more: float | None) -> None:
    """Print a model as one line of JSON, with more fields after its own."""
    if not more:
        click.echo(item.model_dump_json(warnings=False))
        return
    fields = item.model_dump(mode="json", warnings=False) | more
    click.echo(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def print_text(text: str) -> None:
    """Print stored text without characters that control a terminal."""
    click.echo(text.translate(_CONTROL_IN_TEXT) if sys.stdout.isatty() else text)


def _format(value: Any) -> str:
    """Return a value as one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_format, value))
    return str(value).translate(_CONTROL)


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - takes a tenth of a second
    from rich.table import Table  # noqa: PLC0415

    table = Table(*headings, box=None)
    for row in rows:
        table.add_row(*(_shorten(cell) for cell in row))
    Console(markup=False, highlight=False, emoji=False).print(table)


def _shorten(cell: str) -> str:
    return cell if len(cell) <= CELL_CHARACTERS else f"{cell[: CELL_CHARACTERS - 4]} ..."
