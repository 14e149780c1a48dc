"""Measure an extraction on files of labeled texts that are named on the command line."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bench.files import write_result
from mcp_context_persistence.ingest.extraction.extractor import Extractor

Figures = TypeVar("Figures")


def measure_files(
    description: str | None,
    files: Sequence[Path],
    measure: Callable[[Path, Extractor, list[str]], Figures],
    result: str,
) -> dict[str, Figures]:
    """Measure the files of the command line, print what is wrong, and write the figures.

    Args:
        description: Of the program.
        files: Those that are measured where the command line names none.
        measure: Returns the figures of a file, and adds a line for everything that is wrong.
        result: Name of the file of the results.

    Returns:
        The figures by the names of the files, without ``.jsonl``.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, default=files)
    parser.add_argument("--errors", action="store_true", help="print everything that is wrong")
    options = parser.parse_args()
    extractor, errors = Extractor(), list[str]()
    report = {path.stem: measure(path, extractor, errors) for path in options.files}
    if options.errors:
        print("\n".join(errors))
    write_result(result, report)
    return report
