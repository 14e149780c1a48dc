"""Measure the modality of relations on sentences about what is denied, planned, reported and so on.

    python -m bench.quality.modality [FILE ...] [--errors]

A line of a file has a text and its labeled relations, each with a modality. The ends are compared
by words: "boats" is the same as "ten boats". By default, three files in `bench/data` are measured:
`modality_dev.jsonl`, on which the rules were tuned, and two on which they were not:
`modality_kept.jsonl`, and `relations_kept.jsonl`, which is harder.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bench.files import ROOT
from bench.quality.labeled_files import measure_files
from bench.quality.rule_counts import f1
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor

FILES = tuple(
    ROOT / "bench" / "data" / f"{name}.jsonl"
    for name in ("modality_dev", "modality_kept", "relations_kept")
)
_ARTICLES = frozenset({"the", "a", "an", "our", "my", "his", "her", "their", "its"})


class _Relation(NamedTuple):
    """A labeled or extracted relation; an end is a set of words for each of its names."""

    source: frozenset[frozenset[str]]
    type: str
    target: frozenset[frozenset[str]]
    modality: str
    text: str

    def has_pair_of(self, other: "_Relation") -> bool:
        """Return whether both relations are about the same pair, in any direction."""
        straight = _is_same(self.source, other.source) and _is_same(self.target, other.target)
        return straight or (
            _is_same(self.source, other.target) and _is_same(self.target, other.source)
        )

    def is_same_as(self, other: "_Relation") -> bool:
        """Return whether both relations have the same type and ends."""
        return (
            self.type == other.type
            and _is_same(self.source, other.source)
            and _is_same(self.target, other.target)
        )


def _is_same(names: Iterable[frozenset[str]], others: Iterable[frozenset[str]]) -> bool:
    return any(name <= other or other <= name for name in names for other in others)


def _split(name: str) -> frozenset[str]:
    words = frozenset(name.lower().replace("'s", " ").replace("-", " ").replace(".", " ").split())
    return (words - _ARTICLES) or words


def measure_modality(
    path: Path, extractor: Extractor, errors: list[str] | None = None
) -> dict[str, Any]:
    """Return the figures of one file, and add what is wrong to `errors`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    counts: Counter[str] = Counter()
    notes: list[str] = []
    extractions = extractor.extract([row["text"] for row in rows])
    for row, extraction in zip(rows, extractions, strict=True):
        labeled = [
            _Relation(
                frozenset({_split(label["source"])}),
                label["type"],
                frozenset({_split(label["target"])}),
                label["modality"],
                f"{label['source']} {label['type']} {label['target']}",
            )
            for label in row["relations"]
        ]
        _count(labeled, _read_extracted(extraction), counts, notes, row["text"])
    if errors is not None:
        errors += [f"{path.name}: {note}" for note in notes]
    return _build_report(counts)


def _read_extracted(extraction: Extraction) -> list[_Relation]:
    names: dict[str, set[frozenset[str]]] = {}
    for mention in extraction.mentions:
        names.setdefault(mention.entity_id, set()).add(_split(mention.name))
    return [
        _Relation(
            frozenset(names[relation.source]),
            relation.type,
            frozenset(names[relation.target]),
            relation.modality,
            f"{relation.source} {relation.type} {relation.target}",
        )
        for relation in (*extraction.relations, *extraction.unasserted)
    ]


def _count(
    labeled: list[_Relation],
    extracted: list[_Relation],
    counts: Counter[str],
    notes: list[str],
    text: str,
) -> None:
    facts = [relation for relation in extracted if relation.modality == "asserted"]
    asserted = [label for label in labeled if label.modality == "asserted"]
    for label in labeled:
        pairs = [relation for relation in extracted if relation.has_pair_of(label)]
        if label.modality == "asserted":
            is_pair = any(fact.has_pair_of(label) for fact in facts)
            is_typed = any(fact.is_same_as(label) for fact in facts)
            counts.update(asserted=1, asserted_pairs=is_pair, asserted_typed=is_typed)
            if not is_pair:
                reason = f"is {pairs[0].modality}" if pairs else "missed"
                notes.append(f"{reason}: {label.text} | {text}")
        else:
            leaks = [
                fact
                for fact in facts
                if fact.has_pair_of(label) and not any(fact.has_pair_of(a) for a in asserted)
            ]
            counts.update(unasserted=1, stored=bool(leaks))
            notes += [f"stored: {leak.text} ({label.modality}) | {text}" for leak in leaks[:1]]
        typed = [relation for relation in pairs if relation.type == label.type] or [
            relation for relation in pairs if relation.type != "related_to"
        ]
        if typed:
            is_right = any(relation.modality == label.modality for relation in typed)
            counts.update(judged=1, right_modality=is_right)
            if not is_right:
                notes.append(f"{typed[0].modality} for {label.modality}: {label.text} | {text}")
    for fact in facts:
        if fact.type != "related_to":
            is_pair = any(fact.has_pair_of(label) for label in asserted)
            counts.update(facts=1, right_facts=is_pair)
            if not is_pair:
                notes.append(f"wrong: {fact.text} | {text}")


def _build_report(counts: Counter[str]) -> dict[str, Any]:
    def divide(part: str, whole: str) -> float:
        return round(counts[part] / counts[whole], 4) if counts[whole] else 0.0

    return {
        "unasserted": counts["unasserted"],
        "stored_as_facts": divide("stored", "unasserted"),
        "asserted": counts["asserted"],
        "asserted_recall": divide("asserted_pairs", "asserted"),
        "asserted_recall_with_type": divide("asserted_typed", "asserted"),
        "asserted_precision": divide("right_facts", "facts"),
        "asserted_f1": round(f1(counts["right_facts"], counts["facts"], counts["asserted"]), 4),
        "judged": counts["judged"],
        "modality_accuracy": divide("right_modality", "judged"),
    }


def main() -> None:
    """Measure the files, print their figures and write them to the results."""
    print(json.dumps(measure_files(__doc__, FILES, measure_modality, "modality.json"), indent=1))


if __name__ == "__main__":
    main()
