"""Folders that the benchmarks read and write."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
DATA = ROOT.parent / "shared" / "data"


def result_file(name: str) -> Path:
    """Return the path of a file of results; make the folder where it is missing."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    return RESULTS / name


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_result(name: str, value: Any) -> None:
    """Write a value as JSON to a file of results."""
    result_file(name).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
