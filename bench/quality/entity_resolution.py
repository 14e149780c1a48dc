"""Measure how well the same entity is recognized under several names.

    python -m bench.quality.entity_resolution DATA

DATA has `poleo/` and `resolution/`. Prints for each set B-cubed precision, recall and F1 (pair F1
for publications, whose set is one of pairs) with the shipped weights, and for halves of the set:
the threshold, and the weights of records, are learned on one half and evaluated on the other. A set
that DATA lacks is skipped with a message. Writes bench/results/resolution.json.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from zlib import crc32

from rich.console import Console
from rich.table import Table

from bench.datasets.records import LabeledPair, LabeledProfiles, febrl, poleo, publications, senzing
from bench.files import write_result
from bench.quality.learn_records import learn, list_pairs, use_weights
from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile
from mcp_context_persistence.queries.entity_resolution.scoring import group_duplicates, score_pairs

Figures = tuple[float, float, float]
Line = tuple[str, str, int, Figures]
THRESHOLDS = (0.55, 0.65, 0.75, 0.85, 0.89, 0.95)


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def b_cubed(groups: Sequence[Collection[str]], truth: Mapping[str, str]) -> Figures:
    """Return precision, recall and F1 of groups, as means (Bagga and Baldwin, 1998)."""
    ids_of: defaultdict[str, set[str]] = defaultdict(set)
    for profile_id, entity in truth.items():
        ids_of[entity].add(profile_id)
    precision = recall = 0.0
    for group in groups:
        for profile_id in group:
            right = len(ids_of[truth[profile_id]].intersection(group))
            precision += right / len(group)
            recall += right / len(ids_of[truth[profile_id]])
    count = sum(map(len, groups))
    return precision / count, recall / count, f1(precision / count, recall / count)


def pair_figures(pairs: Sequence[LabeledPair]) -> Figures:
    """Return precision, recall and F1 of pairs."""
    threshold = record_matching.match_threshold("publication")
    matches = [
        (record_matching.match_probability(pair.type, pair.first, pair.second) or 0.0) >= threshold
        for pair in pairs
    ]
    right = sum(match and pair.is_same for match, pair in zip(matches, pairs, strict=True))
    precision = right / max(1, sum(matches))
    recall = right / max(1, sum(pair.is_same for pair in pairs))
    return precision, recall, f1(precision, recall)


def group(profiles: Sequence[EntityProfile], threshold: float | None = None) -> list[list[str]]:
    """Return the groups of duplicates."""
    return group_duplicates(profiles, score_pairs(profiles, threshold=threshold))


def split_in_halves(
    labeled: LabeledProfiles, read_key: Callable[[EntityProfile], str]
) -> tuple[LabeledProfiles, LabeledProfiles]:
    """Split profiles in two halves by a hash of their keys."""
    halves: tuple[list[EntityProfile], list[EntityProfile]] = [], []
    for profile in labeled.profiles:
        halves[crc32(read_key(profile).encode()) % 2].append(profile)
    first, second = (
        LabeledProfiles(
            profiles=half, truth={profile.id: labeled.truth[profile.id] for profile in half}
        )
        for half in halves
    )
    return first, second


def mentions(path: Path) -> Iterator[Line]:
    """Yield the figures of names in documents; a document is in one half."""
    labeled = poleo(path)
    yield "poleo", "shipped", len(labeled.profiles), b_cubed(group(labeled.profiles), labeled.truth)
    halves = split_in_halves(labeled, lambda profile: min(profile.contexts))
    for training, test in (halves, halves[::-1]):
        best = max(
            THRESHOLDS,
            key=lambda threshold: (
                *rank_key(b_cubed(group(training.profiles, threshold), training.truth)),
                threshold,
            ),
        )
        figures = b_cubed(group(test.profiles, best), test.truth)
        yield "poleo", f"held-out half, threshold {best}", len(test.profiles), figures


def rank_key(figures: Figures) -> tuple[float, float]:
    """Return what a threshold is chosen by: precision first, then F1."""
    return round(figures[0], 6), round(figures[2], 6)


def papers(path: Path) -> Iterator[Line]:
    """Yield the figures of pairs of publications; a pair is in the half of its first title."""
    pairs = publications(path)
    yield "DBLP-ACM", "shipped", len(pairs), pair_figures(pairs)
    halves: tuple[list[LabeledPair], list[LabeledPair]] = [], []
    for pair in pairs:
        halves[crc32(str(pair.first.get("title")).encode()) % 2].append(pair)
    for training, test in (halves, halves[::-1]):
        with use_weights(publication=learn("publication", training)):
            yield "DBLP-ACM", "held-out half", len(test), pair_figures(test)


def customers(name: str, labeled: LabeledProfiles) -> Iterator[Line]:
    """Yield the figures of records of people; all records of a person are in one half."""
    yield name, "shipped", len(labeled.profiles), b_cubed(group(labeled.profiles), labeled.truth)
    halves = split_in_halves(labeled, lambda profile: labeled.truth[profile.id])
    for training, test in (halves, halves[::-1]):
        with use_weights(customer=learn("customer", list_pairs(training))):
            yield (
                name,
                "held-out half",
                len(test.profiles),
                b_cubed(group(test.profiles), test.truth),
            )


def lines(data: Path) -> Iterator[Line]:
    """Yield all figures."""
    folder = data / "resolution"
    sets: list[tuple[Path, Callable[[], Iterator[Line]]]] = [
        (
            data / "poleo" / "poleo_resolution_gold.json",
            lambda: mentions(data / "poleo" / "poleo_resolution_gold.json"),
        ),
        (folder / "dblp_acm_valid.txt", lambda: papers(folder / "dblp_acm_valid.txt")),
        (folder / "senzing_customers.jsonl", lambda: customers("Senzing", senzing(folder))),
        (
            folder / "febrl_dataset1.csv",
            lambda: customers("FEBRL 1", febrl(folder / "febrl_dataset1.csv")),
        ),
    ]
    for path, figures in sets:
        if path.is_file():
            yield from figures()
        else:
            print(f"skipped, not in the data folder: {path.relative_to(data)}")


def make_results(figure_lines: Sequence[Line]) -> list[dict[str, object]]:
    """Return the figures as they are written to the file."""
    return [
        {"set": name, "what": variant, "count": count, "figures": figures}
        for name, variant, count, figures in figure_lines
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    table = Table("set", "variant", "profiles or pairs", "precision", "recall", "F1")
    figure_lines = list(lines(parser.parse_args().data))
    for name, variant, count, figures in figure_lines:
        table.add_row(name, variant, str(count), *(f"{figure:.4f}" for figure in figures))
    Console(width=110).print(table)
    write_result("resolution.json", make_results(figure_lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
