"""Measure the types of names in our own texts.

    python -m bench.quality.names [FILE ...] [--errors]

A line of a file has a text and its labeled names, with types. Names are compared as in
`bench.quality.messages`. By default, `bench/data/names_kept.jsonl` is measured, from which nothing
is learned; `bench.quality.name_training` learns from `names_dev.jsonl`.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.files import ROOT
from bench.quality.labeled_files import measure_files
from bench.quality.messages import fold
from mcp_context_persistence.ingest.extraction.extractor import Extractor

KEPT_FILE = ROOT / "bench" / "data" / "names_kept.jsonl"
_TYPES = ("person", "organization", "location", "product", "technology", "event", "other")
_LABELS_BY_TYPE = {"library": "technology", "work": "other", "law": "other", "project": "other"}
_FIGURES = ("labeled", "found", "right", "wrong")


def measure_names(
    path: Path, extractor: Extractor, errors: list[str] | None = None
) -> dict[str, dict[str, int]]:
    """Count names by type: labeled, found with any type, and found with the right or wrong type.

    A name of a type counts as wrong if it is not labeled with this type; entities of other types,
    such as concepts, are left out.

    Args:
        path: A file of labeled texts.
        extractor: What is measured.
        errors: Gets a line for everything that is missing or wrong.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    counts = {kind: Counter[str]() for kind in _TYPES}
    for row, extraction in zip(rows, extractor.extract([row["text"] for row in rows]), strict=True):
        labeled = _read_names((entity["name"], entity["type"]) for entity in row["entities"])
        extracted = _read_names((mention.name, mention.type) for mention in extraction.mentions)
        names = {name for name, _ in extracted}
        for name, kind in labeled:
            counts[kind]["labeled"] += 1
            counts[kind]["found"] += name in names
            counts[kind]["right"] += (name, kind) in extracted
        for _, kind in extracted - labeled:
            counts[kind]["wrong"] += 1
        if errors is not None:
            errors += [f"missed {item} | {row['text']}" for item in sorted(labeled - extracted)]
            errors += [f"wrong {item} | {row['text']}" for item in sorted(extracted - labeled)]
    return {kind: {figure: counts[kind][figure] for figure in _FIGURES} for kind in _TYPES}


def _read_names(entities: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    labeled = ((fold(name), _LABELS_BY_TYPE.get(kind, kind)) for name, kind in entities)
    return {(name, kind) for name, kind in labeled if kind in _TYPES}


def main() -> None:
    """Measure the files, print a table and write the figures to the results."""
    table = Table("file", "type", *_FIGURES)
    for name, kinds in measure_files(__doc__, [KEPT_FILE], measure_names, "names.json").items():
        sums = {figure: sum(counts[figure] for counts in kinds.values()) for figure in _FIGURES}
        for kind, counts in {**kinds, "all": sums}.items():
            table.add_row(name, kind, *(str(counts[figure]) for figure in _FIGURES))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
