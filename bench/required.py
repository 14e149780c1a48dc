"""Run the benches of quality, each in a process of its own, and compare with what is required.

    python -m bench.required DATA [--only quality extraction ...]

The benches write their figures to bench/results, `quality` also a line per question. With --only,
the figures of the others are those of an earlier run, and "not measured" where there is none. The
best peer is that of the last `make bench-peers`. Takes about twenty minutes on two cores, half of
it for `quality`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.files import ROOT, result_file, write_result
from bench.quality.evidence import MEETINGS

BENCHES = {
    "quality": "bench.quality.evidence",
    "extraction": "bench.quality.extraction",
    "messages": "bench.quality.messages",
    "modality": "bench.quality.modality",
    "resolution": "bench.quality.entity_resolution",
    "context": "bench.quality.context",
    "confidence": "bench.quality.confidence",
    "history": "bench.quality.history",
    "scale": "bench.speed.scale",
}

_WITHOUT_DATA = frozenset({"messages", "modality"})  # They measure on files of this repository.


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One figure that is required.

    Attributes:
        work: What is measured.
        bench: The file of results that has it.
        read: Reads the figure from the content of that file.
        limit: What it must reach, or may not exceed where `is_maximum`.
        is_maximum: Whether a lower figure is better.
    """

    work: str
    bench: str
    read: Callable[[Any], float | None]
    limit: float
    is_maximum: bool = False


def _read_quality(search: str, data_set: str, figure: str) -> Callable[[Any], float | None]:
    return lambda results: float(results[search][data_set][figure])


def _read_best_mode(search: str, data_set: str, figure: str) -> Callable[[Any], float | None]:
    """Return a reader of the ratio to the better one of the modes with one retriever."""
    return lambda results: (
        float(results[search][data_set][figure])
        / max(float(results[mode][data_set][figure]) for mode in ("semantic", "keyword"))
    )


def _read_gain(name: str) -> Callable[[Any], float | None]:
    return lambda results: float(
        results["names"][name]["ours_f1"] - results["names"][name]["recognizer_f1"]
    )


def _read_resolution(name: str, index: int) -> Callable[[Any], float | None]:
    return lambda results: next(
        (
            float(row["figures"][index])
            for row in results
            if (row["set"], row["what"]) == (name, "shipped")
        ),
        None,
    )


def _read_scale(word: str, key: str) -> Callable[[Any], float | None]:
    return lambda results: next(
        (float(row[key]) for row in reversed(results) if word in row["work"]), None
    )


def _read_peers(results: Any) -> float | None:
    ours = next(
        (row["R@10"] for row in results if row["peer"] == "ours" and "without" in row["settings"]),
        None,
    )
    best = max(
        (row["R@10"] for row in results if row["peer"] != "ours" and row.get("R@10")),
        default=None,
    )
    return ours / best if ours and best else None


def _read_auroc(name: str) -> Callable[[Any], float | None]:
    return lambda results: float(results["auroc"][name])


def _read_halves(
    choose: Callable[[Iterable[float]], float], prefix: str
) -> Callable[[Any], float | None]:
    """Return a reader of the worst figure of both halves."""
    return lambda results: choose(
        value
        for half in results["contexts"].values()
        for name, value in half.items()
        if name.startswith(prefix)
    )


def _read_context(messages: str) -> Callable[[Any], float | None]:
    """Return a reader of the lowest ratio of `build_context` to the best messages of a search."""

    def read(results: Any) -> float | None:
        rates = {(row["part"], row["budget"], row["text"]): row["rate"] for row in results}
        ratios = (
            rate / rates[part, budget, messages]
            for (part, budget, text), rate in rates.items()
            if text == "build_context"
        )
        return min(ratios, default=None)

    return read


def _read_history(
    ability: str, budget: int, order: str, figure: str
) -> Callable[[Any], float | None]:
    return lambda results: next(
        (
            float(row[figure])
            for row in results["contexts"]
            if (row["ability"], row["budget"], row["order"]) == (ability, budget, order)
        ),
        None,
    )


REQUIREMENTS: Sequence[Requirement] = [
    *(
        Requirement(
            work=f"{name or messages}, {figure}",
            bench="quality",
            read=_read_quality(search, messages, figure),
            limit=limit,
        )
        for name, search, messages, figure, limit in (
            ("chats, turns", "hybrid", "chats", "R@10", 0.82),
            ("chats, turns", "hybrid", "chats", "MRR", 0.60),
            ("", "hybrid", "chats, multi-hop", "R@10", 0.50),
            ("", "hybrid", "chats, temporal", "R@10", 0.88),
            ("", "hybrid", "chats, sessions", "R@10", 0.94),
            ("", MEETINGS, "meetings", "nDCG@10", 0.42),
            ("", MEETINGS, "meetings", "hit@10", 0.85),
        )
    ),
    *(
        Requirement(
            work=f"{name}, R@10",
            bench="quality",
            read=_read_quality("hybrid", name, "R@10"),
            limit=limit,
        )
        for name, limit in (
            ("assistants", 0.62),
            ("assistants, knowledge update", 0.92),
            ("assistants, contradiction resolution", 0.80),
            ("assistants, temporal reasoning", 0.93),
            ("assistants, multi session reasoning", 0.60),
            ("assistants, information extraction", 0.68),
        )
    ),
    *(
        Requirement(
            work=f"{name}, {figure}, the default / the best single mode",
            bench="quality",
            read=_read_best_mode(search, name, figure),
            limit=1.0,
        )
        for name, search, figure in (
            ("chats", "hybrid", "R@10"),
            ("assistants", "hybrid", "R@10"),
            ("meetings", MEETINGS, "nDCG@10"),
        )
    ),
    *(
        Requirement(
            work=f"confidence, {name}, AUROC",
            bench="confidence",
            read=_read_auroc(questions),
            limit=limit,
        )
        for name, questions, limit in (
            ("assistants, abstention", "beam, unanswered", 0.80),
            ("chats, adversarial", "locomo, unanswered", 0.70),
        )
    ),
    Requirement(
        work="contexts of at most 30 tokens where nothing answers",
        bench="confidence",
        read=_read_halves(min, "short"),
        limit=0.95,
    ),
    Requirement(
        work="evidence that contexts lose by it",
        bench="confidence",
        read=_read_halves(max, "lost"),
        limit=0.005,
        is_maximum=True,
    ),
    *(
        Requirement(
            work=f"assistants, {name}, {budget} tokens, order {order}, {figure}",
            bench="history",
            read=_read_history(name.replace(" ", "_"), budget, order, figure),
            limit=limit,
        )
        for name, budget, order, figure, limit in (
            ("event ordering", 2_000, "time", "evidence", 0.40),
            ("summarization", 2_000, "time", "evidence", 0.25),
            ("knowledge update", 500, "conversation", "all", 0.70),
        )
    ),
    Requirement(
        work="changes that are recognized, kept cases",
        bench="history",
        read=lambda results: (
            results["cases"]["changes_kept.jsonl"][0] / results["cases"]["changes_kept.jsonl"][1]
        ),
        limit=0.70,
    ),
    Requirement(work="R@10 of chats, ours / best peer", bench="peers", read=_read_peers, limit=1.5),
    Requirement(
        work="excerpts, typed names, F1",
        bench="extraction",
        read=lambda results: results["excerpts"].get("typed_f1"),
        limit=0.60,
    ),
    Requirement(
        work="excerpts, names, F1",
        bench="extraction",
        read=lambda results: results["excerpts"].get("names_f1"),
        limit=0.80,
    ),
    *(
        Requirement(
            work=f"{name}, F1 above raw spaCy",
            bench="extraction",
            read=_read_gain(name),
            limit=-0.005,
        )
        for name in ("uner_ewt_dev.iob2", "wnut17_dev.conll", "wikigold.conll")
    ),
    Requirement(
        work="decisions by document, F1",
        bench="extraction",
        read=lambda results: results["decisions"].get("documents_f1"),
        limit=0.75,
    ),
    Requirement(
        work="not asserted, but stored as facts",
        bench="modality",
        read=lambda results: results["modality_kept"]["stored_as_facts"],
        limit=0.02,
        is_maximum=True,
    ),
    Requirement(
        work="POLE+O, B-cubed precision",
        bench="resolution",
        read=_read_resolution("poleo", 0),
        limit=1.0,
    ),
    Requirement(
        work="POLE+O, B-cubed F1", bench="resolution", read=_read_resolution("poleo", 2), limit=0.95
    ),
    Requirement(
        work="DBLP-ACM, pairs, F1",
        bench="resolution",
        read=_read_resolution("DBLP-ACM", 2),
        limit=0.93,
    ),
    Requirement(
        work="hybrid search, large store, ours / bare calls",
        bench="scale",
        read=_read_scale("hybrid", "ratio"),
        limit=1.2,
        is_maximum=True,
    ),
    Requirement(
        work="hybrid search, growth of p50",
        bench="scale",
        read=_read_scale("growth", "ratio"),
        limit=2.0,
        is_maximum=True,
    ),
    Requirement(
        work="vector recall@10, unfiltered",
        bench="scale",
        read=_read_scale("unfiltered", "ours"),
        limit=0.97,
    ),
    Requirement(
        work="vector recall@10, one conversation",
        bench="scale",
        read=_read_scale("one conversation", "ours"),
        limit=0.99,
    ),
    *(
        Requirement(
            work=f"build_context, evidence by token / best of {mode}",
            bench="context",
            read=_read_context(mode),
            limit=1.3,
        )
        for mode in ("semantic", "hybrid")
    ),
]


def rows() -> list[dict[str, Any]]:
    """Return what is required and what was measured, None where nothing was."""
    table_rows = []
    for requirement in REQUIREMENTS:
        file = result_file(f"{requirement.bench}.json")
        try:
            results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
            figure = None if results is None else requirement.read(results)
        except (KeyError, TypeError, ValueError):
            figure = None
        columns = {key: value for key, value in asdict(requirement).items() if key != "read"}
        table_rows.append({**columns, "figure": figure, "met": is_met(requirement, figure)})
    return table_rows


def is_met(requirement: Requirement, figure: float | None) -> bool:
    """Return whether a figure was measured and is good enough."""
    if figure is None:
        return False
    if requirement.is_maximum:
        return figure <= requirement.limit
    return round(figure, 4) >= requirement.limit


def show(table_rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table("work", "required", "measured", "met")
    for row in table_rows:
        is_measured = row["figure"] is not None
        table.add_row(
            row["work"],
            f"{'<=' if row['is_maximum'] else '>='} {row['limit']}",
            f"{row['figure']:.3f}" if is_measured else "not measured",
            ("yes" if row["met"] else "NO") if is_measured else "",
        )
    Console(width=110).print(table)


def main() -> int:
    """Run the benches, read their figures, and show them; 1 where one is not good enough."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(BENCHES), default=list(BENCHES))
    options = parser.parse_args()
    broken = []
    for name in options.only:
        print(f"== {name}", flush=True)
        # The figures of an earlier run would stay when this one ends early.
        result_file(f"{name}.json").unlink(missing_ok=True)
        data = [] if name in _WITHOUT_DATA else [str(options.data)]
        command = [sys.executable, "-m", BENCHES[name], *data]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            broken.append(name)
    table_rows = rows()
    show(table_rows)
    write_result("required.json", table_rows)
    for name in broken:
        print(f"{name} ended with an error; its figures are not reliable", file=sys.stderr)
    is_complete = set(options.only) == set(BENCHES)
    return int(
        bool(broken)
        or not all(row["met"] for row in table_rows if is_complete or row["bench"] in options.only)
    )


if __name__ == "__main__":
    sys.exit(main())
