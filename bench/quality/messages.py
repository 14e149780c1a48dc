"""Measure the extraction on our own labeled messages: chats, code reviews, notes, tool results.

    python -m bench.quality.messages [FILE ...] [--errors]

A line of a file has a message of one shape, its labeled entities and relations. Names are compared
in lower case and in one Unicode form. By default, the files of `bench/data` are measured: those
that end in `_dev` are for development, those that end in `_kept` are not.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.files import ROOT
from bench.quality.labeled_files import measure_files
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.results import ASSERTED

FILES = tuple(
    ROOT / "bench" / "data" / f"messages_{shapes}_{part}.jsonl"
    for part in ("dev", "kept")
    for shapes in ("chat_code", "notes_tool", "mixed")
)
_UNLABELED_TYPES = frozenset({"concept", "group", "language", "law"})
_LABELS_BY_TYPE = {"work": "product"}  # A book or a film is labeled as a product.
_FIGURES = ("entities", "typed entities", "pairs", "typed relations")


class _Answer(NamedTuple):
    """What is labeled or extracted in a message, by figure."""

    entities: set[Any]
    typed_entities: set[Any]
    pairs: set[Any]
    typed_relations: set[Any]


def fold(name: str) -> str:
    """Return a name in the form in which names are compared."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("’", "'")
    return " ".join(folded.split()).rstrip(".")


def read_labels(row: dict[str, Any]) -> _Answer:
    """Return what is labeled in a message; only asserted relations are to be found."""
    return _build_answer(
        [(entity["name"], entity["type"]) for entity in row["entities"]],
        [
            (label["source"], label["type"], label["target"])
            for label in row["relations"]
            if label.get("modality", ASSERTED) == ASSERTED
        ],
    )


def read_extraction(extraction: Extraction) -> _Answer:
    """Return what was extracted from a message, without mere co-occurrences."""
    names: dict[str, str] = {}
    for mention in extraction.mentions:
        names.setdefault(mention.entity_id, mention.name)
    return _build_answer(
        [
            (mention.name, _LABELS_BY_TYPE.get(mention.type, mention.type))
            for mention in extraction.mentions
            if mention.type not in _UNLABELED_TYPES
        ],
        [
            (names[relation.source], relation.type, names[relation.target])
            for relation in extraction.relations
            if relation.extractor != "together"
        ],
    )


def _build_answer(
    entities: Sequence[tuple[str, str]], relations: Sequence[tuple[str, str, str]]
) -> _Answer:
    return _Answer(
        entities={fold(name) for name, _ in entities},
        typed_entities={(fold(name), kind) for name, kind in entities},
        pairs={frozenset((fold(source), fold(target))) for source, _, target in relations},
        typed_relations={(fold(source), kind, fold(target)) for source, kind, target in relations},
    )


def measure_messages(
    path: Path, extractor: Extractor, errors: list[str] | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Return precision, recall and F1 of each figure, by the shape of the messages.

    Args:
        path: A file of labeled messages.
        extractor: What is measured.
        errors: Gets a line for everything that is missing or wrong.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    documents: defaultdict[str, list[tuple[_Answer, _Answer]]] = defaultdict(list)
    extractions = extractor.extract([row["text"] for row in rows])
    for row, extraction in zip(rows, extractions, strict=True):
        extracted, labeled = read_extraction(extraction), read_labels(row)
        documents[row["shape"]].append((extracted, labeled))
        if errors is not None:
            errors += _describe_errors(row, extraction, extracted, labeled)
    return {
        shape: {
            figure: _score([(a[index], b[index]) for a, b in pairs])
            for index, figure in enumerate(_FIGURES)
        }
        for shape, pairs in documents.items()
    }


def _score(pairs: Sequence[tuple[set[Any], set[Any]]]) -> dict[str, float]:
    right = sum(len(extracted & labeled) for extracted, labeled in pairs)
    extracted_count = sum(len(extracted) for extracted, _ in pairs)
    labeled_count = sum(len(labeled) for _, labeled in pairs)
    total = extracted_count + labeled_count
    return {
        "precision": right / extracted_count if extracted_count else 0.0,
        "recall": right / labeled_count if labeled_count else 0.0,
        "f1": 2 * right / total if total else 0.0,
    }


def _describe_errors(
    row: dict[str, Any], extraction: Extraction, extracted: _Answer, labeled: _Answer
) -> list[str]:
    rules = {
        (fold(m.name), _LABELS_BY_TYPE.get(m.type, m.type)): m.extractor
        for m in extraction.mentions
    }
    notes = [
        *(f"missed {item}" for item in sorted(labeled.typed_entities - extracted.typed_entities)),
        *(
            f"wrong {item} {rules[item]}"
            for item in sorted(extracted.typed_entities - labeled.typed_entities)
        ),
        *(f"missed {item}" for item in sorted(labeled.typed_relations - extracted.typed_relations)),
        *(f"wrong {item}" for item in sorted(extracted.typed_relations - labeled.typed_relations)),
    ]
    return [f"{row['id']}: {note}" for note in notes]


def main() -> None:
    """Measure the files, print a table and write the figures to the results."""
    table = Table("file", "shape", *_FIGURES)
    for name, shapes in measure_files(__doc__, FILES, measure_messages, "messages.json").items():
        for shape, figures in shapes.items():
            cells = (
                "{precision:.3f} {recall:.3f} {f1:.3f}".format(**figures[figure])
                for figure in _FIGURES
            )
            table.add_row(name, shape, *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
