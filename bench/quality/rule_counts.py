"""Count right and wrong answers of the extraction's rules, and score them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CONFIDENCES = Path(__file__).parents[2] / "ingest" / "extraction" / "rule_confidence.json"

_ABOUT = (
    "Precision of each rule, (right + 1) / (right + wrong + 2), written by "
    "bench/quality/extraction.py. Names of people, organizations and places: exact spans on "
    "UNER-EWT dev, WNUT-17 dev and wikigold. Products, events, works, laws, languages and "
    "groups: spans that wikigold labels MISC or WNUT product or creative-work. Projects: "
    "MemPalace excerpts and our own sentences. Software and concepts: our own "
    "bench/quality/sentences.txt and sentences_held_out.txt. The rules were tuned on the first "
    "of these two, not on the second. For code, cue and command rules, every hit in wikigold "
    "and in LoCoMo's private chats counts as wrong. Relations: our own sentences and POLE+O, "
    "where both ends are labeled; a co-occurrence counts as right where any relation of the two"
    " is labeled."
)


class Counts:
    """The right and wrong answers of every rule, and the sets on which they were counted."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.sets: dict[str, set[str]] = defaultdict(set)
        self.errors: list[str] = []

    def add(self, rule: str, dataset: str, *, right: bool, note: str = "") -> None:
        """Count one answer of a rule on a set, and keep a wrong one for the report."""
        (self.right if right else self.wrong)[rule] += 1
        self.sets[rule].add(dataset)
        if not right and note:
            self.errors.append(f"{dataset}: {rule}: {note}")

    def rules(self) -> dict[str, dict[str, Any]]:
        """Return for every rule its counts and its smoothed precision.

        That is the mean of a Beta(1 + right, 1 + wrong) distribution.
        """
        entries = {}
        for rule in sorted({*self.right, *self.wrong}):
            right, wrong = self.right[rule], self.wrong[rule]
            entries[rule] = {
                "confidence": round((right + 1) / (right + wrong + 2), 3),
                "right": right,
                "wrong": wrong,
                "measured_on": sorted(self.sets[rule]),
            }
        return entries


def f1(right: int, extracted: int, expected: int) -> float:
    """Return the harmonic mean of precision and recall."""
    return 2 * right / (extracted + expected) if extracted + expected else 0.0


def overlap(pairs: Iterable[tuple[set[Any], set[Any]]]) -> float:
    """Return F1 over documents, each a pair of what was found and what is labeled."""
    documents = list(pairs)
    return f1(
        sum(len(extracted & labeled) for extracted, labeled in documents),
        sum(len(extracted) for extracted, _ in documents),
        sum(len(labeled) for _, labeled in documents),
    )


def write_confidences(rules: dict[str, dict[str, Any]]) -> None:
    """Write the confidences of the rules to the file that the extraction reads."""
    text = json.dumps({"about": _ABOUT, "rules": rules}, indent=2) + "\n"
    CONFIDENCES.write_text(text, encoding="utf-8")
