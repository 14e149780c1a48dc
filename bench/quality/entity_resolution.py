"""How well the same thing is recognised under several names.

    python -m bench.quality.entity_resolution DATA

DATA holds `poleo/` and `resolution/`. Shown are for each set B-cubed precision, recall and F1 (pair F1 for publications, whose set is one
of pairs) with what is shipped, and for halves of the set: threshold, and for records the weights too, are chosen on one half and judged on
the other one. A set that DATA lacks is skipped, and that is said. Writes bench/results/resolution.json.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from zlib import crc32

from rich.console import Console
from rich.table import Table

from bench.datasets.records import Judged, JudgedPair, febrl, poleo, publications, senzing
from bench.files import write_result
from bench.quality.learn_records import learn, pairs_of, using
from mcp_context_persistence.queries.entity_resolution import record_matching
from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile
from mcp_context_persistence.queries.entity_resolution.scoring import group_duplicates, score_pairs

Figures = tuple[float, float, float]
BatchPipeline = tuple[str, str, int, Figures]
THRESHOLDS = (0.55, 0.65, 0.75, 0.85, 0.89, 0.95)


def f1(precision: float, recall: float) -> float:
    """Harmonic mean."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def b_cubed(found: Sequence[Collection[str]], truth: Mapping[str, str]) -> Figures:
    """Precision, recall and F1 of groups, averaged over the things (Bagga and Baldwin, 1998)."""
    real: defaultdict[str, set[str]] = defaultdict(set)
    for known, one in truth.items():
        real[one].add(known)
    precision = recall = 0.0
    for group in found:
        for known in group:
            right = len(real[truth[known]].intersection(group))
            precision += right / len(group)
            recall += right / len(real[truth[known]])
    count = sum(map(len, found))
    return precision / count, recall / count, f1(precision / count, recall / count)


def pair_figures(judged: Sequence[JudgedPair]) -> Figures:
    """Precision, recall and F1 of pairs."""
    least = record_matching.match_threshold("publication")
    said = [
        (record_matching.match_probability(one.type, one.one, one.other) or 0.0) >= least
        for one in judged
    ]
    right = sum(yes and one.same for yes, one in zip(said, judged, strict=True))
    precision, recall = right / max(1, sum(said)), right / max(1, sum(one.same for one in judged))
    return precision, recall, f1(precision, recall)


def grouped(things: Sequence[EntityProfile], same: float | None = None) -> list[list[str]]:
    """Groups of the same."""
    return group_duplicates(things, score_pairs(things, threshold=same))


def halves(judged: Judged, of: Callable[[EntityProfile], str]) -> tuple[Judged, Judged]:
    """Two parts, by a hash of what `of` says of each thing."""
    parts: tuple[list[EntityProfile], list[EntityProfile]] = [], []
    for one in judged.things:
        parts[crc32(of(one).encode()) % 2].append(one)
    first, second = (
        Judged(things=part, truth={one.id: judged.truth[one.id] for one in part}) for part in parts
    )
    return first, second


def mentions(path: Path) -> Iterator[BatchPipeline]:
    """Names in documents; a document is in one half as a whole."""
    whole = poleo(path)
    yield "poleo", "shipped", len(whole.things), b_cubed(grouped(whole.things), whole.truth)
    parts = halves(whole, lambda one: min(one.contexts))
    for chosen, judged in (parts, parts[::-1]):
        best = max(
            THRESHOLDS,
            key=lambda same: (*rounded(b_cubed(grouped(chosen.things, same), chosen.truth)), same),
        )
        figures = b_cubed(grouped(judged.things, best), judged.truth)
        yield "poleo", f"held-out half, threshold {best}", len(judged.things), figures


def rounded(figures: Figures) -> tuple[float, float]:
    """What a threshold is chosen by: precision first, then F1."""
    return round(figures[0], 6), round(figures[2], 6)


def papers(path: Path) -> Iterator[BatchPipeline]:
    """Pairs of publications; a pair is in the half of its first title."""
    whole = publications(path)
    yield "DBLP-ACM", "shipped", len(whole), pair_figures(whole)
    parts: tuple[list[JudgedPair], list[JudgedPair]] = [], []
    for one in whole:
        parts[crc32(str(one.one.get("title")).encode()) % 2].append(one)
    for chosen, judged in (parts, parts[::-1]):
        with using(publication=learn("publication", chosen)):
            yield "DBLP-ACM", "held-out half", len(judged), pair_figures(judged)


def customers(name: str, whole: Judged) -> Iterator[BatchPipeline]:
    """Records of people; all records of one are in one half."""
    yield name, "shipped", len(whole.things), b_cubed(grouped(whole.things), whole.truth)
    parts = halves(whole, lambda one: whole.truth[one.id])
    for chosen, judged in (parts, parts[::-1]):
        with using(customer=learn("customer", pairs_of(chosen))):
            yield (
                name,
                "held-out half",
                len(judged.things),
                b_cubed(grouped(judged.things), judged.truth),
            )


def lines(data: Path) -> Iterator[BatchPipeline]:
    """All figures."""
    folder = data / "resolution"
    sets: list[tuple[Path, Callable[[], Iterator[BatchPipeline]]]] = [
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


def kept(found: Sequence[BatchPipeline]) -> list[dict[str, object]]:
    """The figures as they are written down."""
    return [
        {"set": name, "what": what, "count": count, "figures": figures}
        for name, what, count, figures in found
    ]


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    table = Table("set", "what", "things or pairs", "precision", "recall", "F1")
    found = list(lines(parser.parse_args().data))
    for name, what, count, figures in found:
        table.add_row(name, what, str(count), *(f"{one:.4f}" for one in figures))
    Console(width=110).print(table)
    write_result("resolution.json", kept(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
