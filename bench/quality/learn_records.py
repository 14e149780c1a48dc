"""Learn the weights for comparing records from labeled pairs.

    python -m bench.quality.learn_records DATA [--write]

DATA has `resolution/` with DBLP-ACM (publications), FEBRL 1 and the Senzing truth set (customers).
The model is a logistic regression with a ridge over
`queries.entity_resolution.record_matching.compute_features`. --write writes the weights, learned
from everything, to queries/entity_resolution/record_matching.json.
`python -m bench.quality.entity_resolution` measures how good they are on other data.
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.datasets.records import LabeledPair, LabeledProfiles, febrl, publications, senzing
from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import candidate_pairs

STRENGTH = 10.0  # of the data against the ridge
Learned = dict[str, Any]


def list_pairs(labeled: LabeledProfiles) -> list[LabeledPair]:
    """Return the pairs that blocking yields, and all pairs of the same entity."""
    profiles = {profile.id: profile for profile in labeled.profiles}
    ids_of: dict[str, list[str]] = {}
    for profile_id, entity in labeled.truth.items():
        ids_of.setdefault(entity, []).append(profile_id)
    same_pairs = {
        (min(a, b), max(a, b)) for group in ids_of.values() for a, b in combinations(group, 2)
    }
    return [
        LabeledPair(
            type="customer",
            first=dict(profiles[a].fields),
            second=dict(profiles[b].fields),
            is_same=(a, b) in same_pairs,
        )
        for a, b in sorted({*candidate_pairs(labeled.profiles), *same_pairs})
    ]


def learn(name: str, pairs: Sequence[LabeledPair]) -> Learned:
    """Return a kind of record with the weights that make these labels most likely."""
    kind: Learned = copy.deepcopy(record_matching.load_record_kinds()[name])
    rows = [
        record_matching.compute_features(kind["fields"], pair.first, pair.second) for pair in pairs
    ]
    columns = sorted(rows[0])
    array = np.array([[row[column] for column in columns] for row in rows])
    model = LogisticRegression(C=STRENGTH, max_iter=5000).fit(
        array, [pair.is_same for pair in pairs]
    )
    kind["bias"] = round(float(model.intercept_[0]), 4)
    kind["weights"] = {
        column: round(float(weight), 4)
        for column, weight in zip(columns, model.coef_[0], strict=True)
    }
    kind["threshold"] = find_best_threshold(
        model.predict_proba(array)[:, 1].tolist(), [pair.is_same for pair in pairs]
    )
    return kind


def find_best_threshold(probabilities: Sequence[float], is_same: Sequence[bool]) -> float:
    """Return the probability with the best F1: the middle between the two neighbors."""
    ordered = sorted(zip(probabilities, is_same, strict=True), reverse=True)
    total, right, best = sum(is_same), 0, (0.0, 0.5)
    for index, (probability, label) in enumerate(ordered[:-1]):
        right += label
        threshold = (probability + ordered[index + 1][0]) / 2
        best = max(best, (2 * right / (index + 1 + total), threshold))
    return round(best[1], 3)


@contextmanager
def use_weights(**learned: Learned) -> Iterator[None]:
    """Compare with these weights instead of the stored ones."""
    kinds = record_matching.load_record_kinds()
    stored = dict(kinds)
    kinds.update(learned)
    try:
        yield
    finally:
        kinds.update(stored)


def main() -> int:
    """Learn, print and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = options.data / "resolution"
    kinds = {
        **record_matching.load_record_kinds(),
        "publication": learn("publication", publications(folder / "dblp_acm_valid.txt")),
        "customer": learn(
            "customer",
            [*list_pairs(febrl(folder / "febrl_dataset1.csv")), *list_pairs(senzing(folder))],
        ),
    }
    print(json.dumps(kinds, indent=2))
    if options.write:
        record_matching.WEIGHTS.write_text(json.dumps(kinds, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
