"""Learn the weights by which records are compared, from pairs that were judged.

    python -m bench.quality.learn_records DATA [--write]

DATA holds `resolution/` with DBLP-ACM (publications), FEBRL 1 and the Senzing truth set (customers). Learned is a logistic regression with a
ridge over `queries.entity_resolution.record_matching.compute_features`; --write puts the weights, learned from everything, into queries/entity_resolution/record_matching.json.
`python -m bench.quality.entity_resolution` tells how good they are on what they were not learned from.
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

from bench.datasets.records import Judged, JudgedPair, febrl, publications, senzing
from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import candidate_pairs

STRENGTH = 10.0  # of the data against the ridge
Learned = dict[str, Any]


def pairs_of(judged: Judged) -> list[JudgedPair]:
    """The pairs that have something in common, and all that are the same."""
    by_id = {one.id: one for one in judged.things}
    same: dict[str, list[str]] = {}
    for known, one in judged.truth.items():
        same.setdefault(one, []).append(known)
    wanted = {(min(a, b), max(a, b)) for group in same.values() for a, b in combinations(group, 2)}
    return [
        JudgedPair(
            type="customer",
            one=dict(by_id[a].fields),
            other=dict(by_id[b].fields),
            same=(a, b) in wanted,
        )
        for a, b in sorted({*candidate_pairs(judged.things), *wanted})
    ]


def learn(name: str, judged: Sequence[JudgedPair]) -> Learned:
    """A kind of record with the weights that make these judgements most likely."""
    found: Learned = copy.deepcopy(record_matching.load_record_kinds()[name])
    seen = [record_matching.compute_features(found["fields"], one.one, one.other) for one in judged]
    columns = sorted(seen[0])
    array = np.array([[one[column] for column in columns] for one in seen])
    model = LogisticRegression(C=STRENGTH, max_iter=5000).fit(array, [one.same for one in judged])
    found["bias"] = round(float(model.intercept_[0]), 4)
    found["weights"] = {
        column: round(float(weight), 4)
        for column, weight in zip(columns, model.coef_[0], strict=True)
    }
    found["threshold"] = best_threshold(
        model.predict_proba(array)[:, 1].tolist(), [one.same for one in judged]
    )
    return found


def best_threshold(chances: Sequence[float], same: Sequence[bool]) -> float:
    """The chance from which to say `same` for the best F1: the middle between the two neighbours."""
    ordered = sorted(zip(chances, same, strict=True), reverse=True)
    wanted, right, best = sum(same), 0, (0.0, 0.5)
    for place, (chance, really) in enumerate(ordered[:-1]):
        right += really
        best = max(best, (2 * right / (place + 1 + wanted), (chance + ordered[place + 1][0]) / 2))
    return round(best[1], 3)


@contextmanager
def using(**learned: Learned) -> Iterator[None]:
    """Compare by these weights instead of the stored ones."""
    known = record_matching.load_record_kinds()
    before = dict(known)
    known.update(learned)
    try:
        yield
    finally:
        known.update(before)


def main() -> int:
    """Learn, show, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = options.data / "resolution"
    found = {
        **record_matching.load_record_kinds(),
        "publication": learn("publication", publications(folder / "dblp_acm_valid.txt")),
        "customer": learn(
            "customer",
            [*pairs_of(febrl(folder / "febrl_dataset1.csv")), *pairs_of(senzing(folder))],
        ),
    }
    print(json.dumps(found, indent=2))
    if options.write:
        record_matching.WEIGHTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
